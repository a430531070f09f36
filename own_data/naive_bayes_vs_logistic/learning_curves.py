"""The learning curves of naive Bayes and of logistic regression that the theory predicts from estimated classes.

Classes are N(mu_k, Sigma), as in the code released with Zheng, Wu, Bao, Cao, Li & Zhu 2023, "Revisiting Discriminative
vs. Generative Classifiers: Theory and Implications", arXiv 2302.02334. Every pair (j, k) of classes counts as a problem
of two equally likely classes with 4 m p_j p_k / (p_j + p_k) samples, and the excess errors of all pairs are added. All
signals are freed of the bias that the noise of the estimated means and covariance gives them. Derived here.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory import naive_bayes_vs_logistic as predicted
from theory.naive_bayes_vs_logistic._domains import DefiniteMatrix, Features, Means
from theory_on_trial.contract import MOST, NON_NEGATIVE, Interval, Positive, guarded, require

_WITHOUT_END = 1e15  # samples; the limit of a learning curve to rounding
_FARTHEST = 1e8  # Delta^2, beyond which the efficiency is zero

Pairs = Annotated[Float[np.ndarray, " pairs"], NON_NEGATIVE]
"""A number for each pair of classes."""
Counts = Annotated[Int[np.ndarray, " classes"], Interval(1, MOST)]
"""m_k, samples of each class."""


@guarded
@dataclass(frozen=True, eq=False)
class NaiveBayesCurve:
    """What naive Bayes sees of each pair of classes, after every feature is scaled to unit variance.

    Attributes:
        n_features: n.
        sizes: samples that count for the pair, per sample of the whole.
        weights: probability p_j + p_k of the pair.
        signals: s = |d|^2 of the scaled gap d between the two means.
        spreads: v = d^T R d, with R the correlation matrix.
        squared_correlations: tr(R^2), from n (independent features) to n^2 (copies of one).
    """

    n_features: Features
    sizes: Pairs
    weights: Pairs
    signals: Pairs
    spreads: Pairs
    squared_correlations: Positive

    @cached_property
    def distances(self) -> Float[np.ndarray, " pairs"]:
        """Effective Delta^2 = s^2 / v: with infinite data naive Bayes errs by Phi(-Delta / 2)."""
        return self.signals**2 / self.spreads

    @cached_property
    def effective_features(self) -> Float[np.ndarray, " pairs"]:
        """n_eff = tr(R^2) (s / v)^2, with which correlated features have the law of independent ones; n for R = I.

        The noise of the estimated gap adds (4 / m) tr(R^2) to v, where for independent features it adds 4 n / m.
        """
        return self.squared_correlations * np.where(self.signals > 0, self.signals / self.spreads, 1.0) ** 2

    @guarded
    def excess(self, n_samples: Positive) -> float:
        """Mean error when trained on m = `n_samples` samples, less its limit.

        The law at large n; the variances count as known, which they nearly are from some ten samples on.
        """
        sizes = np.maximum(2, n_samples * self.sizes * self.n_features / self.effective_features)
        return float(self.weights @ self._errors(sizes) - self._limit)

    @cached_property
    def _limit(self) -> float:
        return float(self.weights @ self._errors(np.full(len(self.weights), _WITHOUT_END)))

    def _errors(self, sizes: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
        error = predicted.naive_bayes_expected_error_large_n
        pairs = zip(sizes.tolist(), self.distances.tolist(), strict=True)
        return np.array([error(self.n_features, size, distance) for size, distance in pairs])

    @guarded
    def samples(self, excess: Positive) -> float:
        """Real m at which `excess` falls to this value, relative error 1e-9; 2 where two samples already suffice."""
        from scipy.optimize import brentq

        def above(log_samples: float) -> float:
            return self.excess(float(np.exp(log_samples))) - excess

        lower = float(np.log(2))
        if above(lower) <= 0:
            return 2.0
        upper = lower + 1
        while above(upper) > 0:
            lower, upper = upper, upper + 2
        return float(np.exp(brentq(above, lower, upper, xtol=1e-9)))

    @guarded
    def with_features(self, fraction: Annotated[float, Interval(0, 1, "(]")]) -> "NaiveBayesCurve":
        """The mean over random choices, each feature staying with probability q = `fraction`.

        The entries of a sum over features stay with probability q, those of a sum over two features with q^2.
        """
        q, n = fraction, self.n_features
        return NaiveBayesCurve(
            max(1, round(q * n)),
            self.sizes,
            self.weights,
            q * self.signals,
            q * self.signals + q**2 * (self.spreads - self.signals),
            q * n + q**2 * (self.squared_correlations - n),
        )


@guarded
@dataclass(frozen=True, eq=False)
class LogisticCurve:
    """What logistic regression sees of each pair of classes: sizes and weights as above, and Delta^2 = d^T Sigma^-1 d.

    Attributes:
        n_features: n.
        sizes: samples that count for the pair, per sample of the whole.
        weights: probability p_j + p_k of the pair.
        distances: Delta^2 of the two classes.
    """

    n_features: Features
    sizes: Pairs
    weights: Pairs
    distances: Annotated[Pairs, Interval(0, _FARTHEST)]

    @guarded
    def excess(self, n_samples: Positive) -> float:
        """Mean error when trained on m = `n_samples` samples, less its limit, without a penalty.

        The excess of linear discriminant analysis over its efficiency (Efron 1975); a pair with fewer samples than
        features errs by 1/2. A ridge penalty does better than this at small m.
        """
        ratios = self.n_features / (n_samples * self.sizes)
        errors = np.array(
            [
                predicted.lda_expected_error(distance, ratio) if ratio < 1 else 0.5
                for distance, ratio in zip(self.distances.tolist(), ratios.tolist(), strict=True)
            ]
        )
        limits, efficiencies = self._limits_and_efficiencies
        return float(self.weights @ np.minimum((errors - limits) / efficiencies, 0.5 - limits))

    @cached_property
    def _limits_and_efficiencies(self) -> Float[np.ndarray, "2 pairs"]:
        distances = self.distances.tolist()
        limits = [predicted.lda_expected_error(distance, 0.0) for distance in distances]
        return np.array([limits, [predicted.logistic_relative_efficiency(distance**0.5) for distance in distances]])


@guarded
def learning_curves(means: Means, covariance: DefiniteMatrix, counts: Counts) -> tuple[NaiveBayesCurve, LogisticCurve]:
    """The curves of naive Bayes and of logistic regression from what a sample says of its classes.

    Delta^2 and the noise of the gaps are unbiased for Gaussian classes, s and tr(R^2) nearly so; a signal whose
    estimate is negative counts as none.

    Args:
        means: of the sample.
        covariance: pooled over the classes, with divisor m - K.
        counts: samples m_k of each class; m - K > n + 1 (else `ValueError`).

    >>> naive_bayes, logistic = learning_curves([[0.0, 0.0], [2.0, 0.0]], [[1.0, 0.5], [0.5, 1.0]], [5000, 5000])
    >>> [round(curve.excess(100), 3) for curve in (naive_bayes, logistic)], naive_bayes.distances.round(2)
    ([0.004, 0.005], array([4.]))
    """
    n_features, freedom = means.shape[1], int(counts.sum()) - len(counts)
    fewest = n_features + len(counts) + 2
    require(freedom > n_features + 1, f"counts must add up to at least n + K + 2 = {fewest}, got {counts.sum()}")
    first, second = np.triu_indices(len(counts), 1)
    gap_noise = 1 / counts[first] + 1 / counts[second]
    weights = (counts[first] + counts[second]) / counts.sum()
    sizes = 4 / gap_noise / counts.sum()

    deviations = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviations, deviations)
    gaps = (means[second] - means[first]) / deviations
    squared = (freedom * np.sum(correlation**2) - freedom * n_features - n_features * (n_features - 1)) / (freedom - 1)
    squared_correlations = max(n_features + squared, float(n_features))
    signals = np.maximum(0, (freedom - 2) / freedom * np.sum(gaps**2, axis=1) - n_features * gap_noise)
    spreads = np.sum(gaps @ correlation * gaps, axis=1) - squared_correlations * gap_noise
    # v is at least s times the smallest eigenvalue; the noise of the estimate must not push it below that.
    spreads = np.maximum(spreads, np.linalg.eigvalsh(correlation)[0] * np.maximum(signals, gap_noise))

    raw = np.sum(gaps * np.linalg.solve(correlation, gaps.T).T, axis=1)
    distances = np.maximum(0, (freedom - n_features - 1) / freedom * raw - n_features * gap_noise)
    require(distances <= _FARTHEST, f"means must have squared distances of at most {_FARTHEST:g}, got {raw.max():g}")
    return (
        NaiveBayesCurve(n_features, sizes, weights, signals, spreads, squared_correlations),
        LogisticCurve(n_features, sizes, weights, distances),
    )
