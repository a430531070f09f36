"""The learning curves of naive Bayes and of logistic regression that the theory predicts from estimated classes.

Classes are N(mu_k, Sigma), as in the code released with Zheng, Wu, Bao, Cao, Li & Zhu 2023, "Revisiting Discriminative
vs. Generative Classifiers: Theory and Implications", arXiv 2302.02334. Every pair (j, k) of classes counts as a problem
of two equally likely classes with 4 m p_j p_k / (p_j + p_k) samples, and the excess errors of all pairs are added. All
signals are freed of the bias that the noise of the estimated means and covariance gives them. Derived here.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int

from theory import naive_bayes_vs_logistic as predicted
from theory.naive_bayes_vs_logistic.domains import DefiniteMatrix, Features, Means
from theory_on_trial.contract import MOST, NON_NEGATIVE, Interval, Positive, guarded, require

_MOST = 1e15  # samples: beyond them the law of the error loses its digits
_FARTHEST = 1e8  # Delta^2, beyond which the efficiency is zero
_NODES = 0.2 * np.arange(64)  # the integrand has fallen below 1e-5 of its peak even for one feature

Pairs = Annotated[Float[np.ndarray, " pairs"], NON_NEGATIVE]
"""A number for each pair of classes."""
Counts = Annotated[Int[np.ndarray, " classes"], Interval(1, MOST)]
"""m_k, samples of each class."""


@guarded
@dataclass(frozen=True, eq=False)
class NaiveBayesCurve:
    """What naive Bayes with variances shared by the classes sees of each pair of classes, features of unit variance.

    Attributes:
        sizes: samples that count for the pair, per sample of the whole.
        weights: probability p_j + p_k of the pair.
        gaps: scaled gap d between the two means.
        correlation: R, of the features within the classes.
    """

    sizes: Pairs
    weights: Pairs
    gaps: Float[np.ndarray, "pairs features"]
    correlation: DefiniteMatrix

    @cached_property
    def distances(self) -> Float[np.ndarray, " pairs"]:
        """Effective Delta^2 = |d|^4 / d^T R d: with infinite data naive Bayes errs by Phi(-Delta / 2)."""
        signals, spreads = np.sum(self.gaps**2, axis=1), np.sum(self.gaps @ self.correlation * self.gaps, axis=1)
        return signals**2 / np.where(signals > 0, spreads, 1)

    @cached_property
    def _laws(self) -> list[tuple[Any, Any, Any]]:
        """For each pair lambda, alpha, beta with u^T v = sum_i of 1-D products, see `errors`."""
        found = []
        for gap, size in zip(self.gaps, self.sizes, strict=True):
            across = np.eye(len(gap)) - np.outer(gap, gap) / max(gap @ gap, 1e-300)
            noise = 4 * self.correlation + 2 * size * across @ (np.outer(gap, gap) * self.correlation**2) @ across
            root = np.linalg.cholesky(noise)
            values, basis = np.linalg.eigh(root.T @ self.correlation @ root)
            found.append((values, basis.T @ np.linalg.solve(root, gap), basis.T @ root.T @ gap))
        return found

    @guarded
    def errors(self, n_samples: Annotated[float, Interval(2, _MOST)]) -> Float[np.ndarray, " pairs"]:
        """Mean error of each pair when trained on m = `n_samples` samples, exact but for the law of the variances.

        The rule errs where u^T v < 0, with u ~ N(d, N / m) the fitted weights, N = 4 R + 2 (d d^T) R^2 entry by entry
        (means and, to first order, variances) and v ~ N(d / 2, (1 + 1/m) R) the point seen from the fitted midpoint.
        The probability is the inverse Laplace transform of E exp(-x u^T v) / x along the vertical through its saddle
        point. Within 5 % of the excess of simulated fits from m = 20 on (n from 2 to 12, correlations up to 0.3).
        """
        sizes = np.maximum(2.0, n_samples * self.sizes).tolist()
        return np.array([_error(*law, size) for law, size in zip(self._laws, sizes, strict=True)])

    @guarded
    def excess(self, n_samples: Annotated[float, Interval(2, _MOST)]) -> float:
        """Mean error when trained on m = `n_samples` samples, less its limit."""
        from scipy.special import ndtr

        return float(self.weights @ (self.errors(n_samples) - ndtr(-np.sqrt(self.distances) / 2)))

    @guarded
    def samples(self, excess: Positive) -> float:
        """Real m at which the excess falls to this value, error 1e-4 in log m.

        It is 2 where two samples already suffice, and infinite where 1e15 do not.
        """
        from scipy.optimize import brentq

        def above(log_samples: float) -> float:
            return self.excess(float(np.exp(log_samples))) - excess

        lower = float(np.log(2))
        if above(lower) <= 0:
            return 2.0
        upper = lower + 1
        while above(upper) > 0:
            lower, upper = upper, upper + 1
            if upper > np.log(_MOST):
                return np.inf
        return float(np.exp(brentq(above, lower, upper, xtol=1e-4)))


def kind_order(curve: NaiveBayesCurve) -> Int[np.ndarray, " features"]:
    """The features in the order of their signals, the strongest first."""
    return np.argsort(-(curve.weights @ curve.gaps**2), kind="stable")


def halves(curve: NaiveBayesCurve, order: Int[np.ndarray, " features"]) -> list[NaiveBayesCurve]:
    """The curves of every second feature in this order: two halves of the same kind."""
    parts = [np.sort(order[start::2]) for start in (0, 1)]
    return [
        NaiveBayesCurve(curve.sizes, curve.weights, curve.gaps[:, part], curve.correlation[np.ix_(part, part)])
        for part in parts
    ]


def growth_exponent(
    curve: NaiveBayesCurve, samples: float, excess: float, order: Int[np.ndarray, " features"]
) -> float:
    """Exponent of n in the samples needed, from each of the `halves` to the `samples` of all features; their mean."""
    n_features = len(order)
    slopes = [
        (np.log(samples) - np.log(half.samples(excess))) / np.log(n_features / half.gaps.shape[1])
        for half in halves(curve, order)
    ]
    return float(np.mean(slopes))


def _error(
    values: Float[np.ndarray, " features"],
    alpha: Float[np.ndarray, " features"],
    beta: Float[np.ndarray, " features"],
    size: float,
) -> float:
    """P(sum_i beta_i y_i / 2 + y_i sqrt((1 + 1/m) values_i) z_i < 0) with y_i ~ N(alpha_i, 1/m), z_i ~ N(0, 1)."""
    from scipy.optimize import minimize_scalar

    values = values * (1 + 1 / size)

    def log_integrand(x: Any) -> Any:
        x = np.asarray(x)[..., None]
        linear, square = -x * beta / 2, x**2 * values
        rest = 1 - square / size
        terms = (linear * alpha + linear**2 / (2 * size) + square * alpha**2 / 2) / rest - np.log(rest) / 2
        return terms.sum(axis=-1) - np.log(x[..., 0])

    most = np.sqrt(size / values.max())
    saddle = float(minimize_scalar(log_integrand, bounds=(1e-9 * most, most * (1 - 1e-9)), method="bounded").x)
    step = 1e-3 * min(saddle, most - saddle)
    peak = float(log_integrand(saddle))
    curvature = (log_integrand(saddle - step) + log_integrand(saddle + step) - 2 * peak) / step**2
    width = 1 / np.sqrt(max(float(curvature), 1e-300))
    terms = np.exp(log_integrand(saddle + 1j * width * np.sinh(_NODES)) - peak).real * np.cosh(_NODES)
    return float(min(0.5, np.exp(peak) * _NODES[1] * width / np.pi * (terms.sum() - terms[0] / 2)))


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

    Delta^2 is unbiased for Gaussian classes; gaps and correlations are shrunk so that |d|^2 and tr(R^2) nearly are. A
    signal whose estimate is negative counts as none.

    Args:
        means: of the sample.
        covariance: pooled over the classes, with divisor m - K.
        counts: samples m_k of each class; m - K > n + 1 (else `ValueError`).

    >>> naive_bayes, logistic = learning_curves([[0.0, 0.0], [2.0, 0.0]], [[1.0, 0.5], [0.5, 1.0]], [5000, 5000])
    >>> [round(curve.excess(100), 3) for curve in (naive_bayes, logistic)], naive_bayes.distances.round(2)
    ([0.001, 0.005], array([4.]))
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
    squared = np.sum(correlation**2) - n_features
    true_squared = (freedom * squared - n_features * (n_features - 1)) / (freedom - 1)
    shrunk = np.sqrt(np.clip(true_squared / squared, 0, 1)) if squared > 0 else 1.0
    observed = np.sum(gaps**2, axis=1)
    signals = np.maximum(0, (freedom - 2) / freedom * observed - n_features * gap_noise)
    factors = np.sqrt(signals / np.where(observed > 0, observed, 1))

    raw = np.sum(gaps * np.linalg.solve(correlation, gaps.T).T, axis=1)
    distances = np.maximum(0, (freedom - n_features - 1) / freedom * raw - n_features * gap_noise)
    require(distances <= _FARTHEST, f"means must have squared distances of at most {_FARTHEST:g}, got {raw.max():g}")
    return (
        NaiveBayesCurve(
            sizes, weights, factors[:, None] * gaps, np.eye(n_features) + shrunk * (correlation - np.eye(n_features))
        ),
        LogisticCurve(n_features, sizes, weights, distances),
    )
