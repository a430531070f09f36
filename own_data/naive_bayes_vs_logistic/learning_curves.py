"""Predicts the learning curves of naive Bayes and of logistic regression from estimated classes,
and fits Gaussian classes to a sample, with the limits of both learners.

Classes are N(μ_k, Σ), as in the code released with Zheng, Wu, Bao, Cao, Li & Zhu 2023, "Revisiting
Discriminative vs. Generative Classifiers: Theory and Implications", arXiv 2302.02334. Every pair
(j, k) of classes counts as a problem of two classes with m (p_j + p_k) samples, classes in
proportion, and the excess errors of all pairs are added. For logistic regression each pair counts
as two equally likely classes with 4 m p_j p_k / (p_j + p_k) samples. All signals are freed of the
bias that the noise of the estimated means and covariance gives them. Derived here.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from own_data.naive_bayes_vs_logistic.two_classes import pair_distance
from sims.naive_bayes_vs_logistic import rules
from theory.naive_bayes_vs_logistic import expected_error, linear_rules
from theory.naive_bayes_vs_logistic.domains import DefiniteMatrix, Features, Means
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.contract import MOST, NON_NEGATIVE, Interval, Positive, guarded, require

_MOST = 1e15  # samples: beyond them the law of the error loses its digits
_FARTHEST = 1e8  # Delta^2, beyond which the efficiency is zero
_PLACES = np.linspace(-20, 20, 65)
_AROUND = np.linspace(-1, 1, 17)
_NODES = 0.2 * np.arange(64)  # the integrand has fallen below 1e-5 of its peak even for one feature

Pairs = Annotated[Float[np.ndarray, " pairs"], NON_NEGATIVE]
"""A number for each pair of classes."""
Counts = Annotated[Int[np.ndarray, " classes"], Interval(1, MOST)]
"""m_k, samples of each class."""


@guarded
@dataclass(frozen=True, eq=False)
class NaiveBayesCurve:
    """The learning curve of naive Bayes with variances that the classes share.

    Features are scaled to unit variance within the classes.

    Attributes:
        shares: q, the share of the second class in each pair of classes.
        weights: p_j + p_k, the probability of each pair.
        gaps: d, the difference of the two means of each pair, for each feature.
        correlation: R, the correlation matrix of the features within the classes.
    """

    shares: Annotated[Pairs, Interval(0, 1, "()")]
    weights: Pairs
    gaps: Float[np.ndarray, "pairs features"]
    correlation: DefiniteMatrix

    @cached_property
    def _moments(self) -> tuple[Float[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]:
        """|d|^2 and d^T R d of each pair."""
        return np.sum(self.gaps**2, axis=1), np.sum(
            self.gaps @ self.correlation * self.gaps, axis=1
        )

    @cached_property
    def distances(self) -> Float[np.ndarray, " pairs"]:
        """The effective squared distance Δ^2 = |d|^4 / d^T R d of each pair; if its classes are
        equally likely, the error of naive Bayes tends to Φ(-Δ / 2).
        """
        signals, spreads = self._moments
        return signals**2 / np.where(signals > 0, spreads, 1)

    @cached_property
    def limits(self) -> Float[np.ndarray, " pairs"]:
        """The error of each pair with infinite data."""
        from scipy.special import ndtr

        signals, spreads = self._moments
        priors = np.stack([1 - self.shares, self.shares])
        leads = signals / 2 + np.log(priors / priors[::-1])
        margins = leads / np.sqrt(np.where(signals > 0, spreads, 1))
        return np.sum(priors * np.where(signals > 0, ndtr(-margins), leads < 0), axis=0)

    @cached_property
    def fewest(self) -> float:
        """The number of samples of which one is of the rarest class of a pair."""
        return float(np.max(1 / (self.weights * np.minimum(self.shares, 1 - self.shares))))

    @cached_property
    def _laws(self) -> list["_PairLaw"]:
        laws = []
        for gap, weight, share in zip(
            self.gaps, self.weights.tolist(), self.shares.tolist(), strict=True
        ):
            signal = max(float(gap @ gap), 1e-150)
            across = np.eye(len(gap)) - np.outer(gap, gap) / signal
            of_variances = 2 * weight * np.outer(gap, gap) * self.correlation**2
            noise = self.correlation / (share * (1 - share)) + across @ of_variances @ across
            root = np.linalg.cholesky(noise)
            values, basis = np.linalg.eigh(root.T @ self.correlation @ root)
            scale = float(gap @ of_variances @ gap) / signal**2
            own = np.sum((root @ basis) ** 2, axis=0)
            laws.append(
                _PairLaw(
                    values,
                    basis.T @ np.linalg.solve(root, gap),
                    basis.T @ root.T @ gap,
                    own,
                    signal,
                    scale,
                )
            )
        return laws

    @guarded
    def errors(
        self, n_samples: Annotated[float, Interval(2, _MOST)]
    ) -> Float[np.ndarray, " pairs"]:
        """Return the mean error of each pair after training on m = `n_samples` samples, `fewest` or
        more, with the classes in proportion.

        Let u be the fitted weights and v the point seen from the mean of all samples, which is
        independent of u. The score is (1 + s) (u^T v + (p - q) / 2 |u|^2) + log(p / q). The weights
        are u ~ N(d, N / m), where N is R / (p q) plus, to first order, the variances across d. The
        part of the variances along d is the scale 1 + s of mean (m + 4) / m, whose noise is put
        into the logarithm. The point is v ~ N(q d, (1 + 1/m) R). The probability of a negative
        score is the inverse Laplace transform of E exp(-x score) / x along the vertical through its
        saddle point.

        The relative error of the excess, compared with simulated fits, is at most 5 % plus 0.3 over
        the number of samples of the rarer class, from m = 20 on and for n from 2 to 30. This holds
        for equally likely classes with correlations up to 0.3, and for other classes if naive Bayes
        is nearly the best rule.
        """
        least = 1 / np.minimum(self.shares, 1 - self.shares)
        sizes = np.maximum(least, n_samples * self.weights).tolist()
        errors = []
        for law, share, size in zip(self._laws, self.shares.tolist(), sizes, strict=True):
            chances = {part: law.error(part, size) for part in {share, 1 - share}}
            errors.append(sum(part * chances[part] for part in (1 - share, share)))
        return np.array(errors)

    @guarded
    def excess(self, n_samples: Annotated[float, Interval(2, _MOST)]) -> float:
        """Return the mean error after training on m = `n_samples` samples, minus its limit."""
        return float(self.weights @ (self.errors(n_samples) - self.limits))

    @guarded
    def samples(self, excess: Positive) -> float:
        """Return the number of samples, a real number, from which on the excess error is at most
        `excess`.

        It is `fewest` if so few are enough, and infinite if it is above 1e15.
        """
        from scipy.optimize import brentq, minimize_scalar

        def above(log_samples: float) -> float:
            return self.excess(min(float(np.exp(log_samples)), _MOST)) - excess

        # A rare class may be lost on a few samples that are better ignored: the excess may rise
        # before it falls, but not where the noise of the weights is a hundredth of their signal,
        # from where it is sought.
        noise = max(
            law.own.sum() / law.signal / weight
            for law, weight in zip(self._laws, self.weights, strict=True)
        )
        most = float(np.log(_MOST))
        least = min(float(np.log(self.fewest)), most)
        upper = min(max(least, float(np.log(100 * noise))), most)
        while above(upper) > 0:
            if upper == most:
                return np.inf
            upper = min(upper + 1, most)
        last = upper
        there = -np.inf
        here = above(upper)
        while (below := above(lower := max(upper - 1, least))) <= 0:
            if (
                lower == least or max(there, below) <= here
            ):  # the highest point of a rise may lie between
                peak = minimize_scalar(
                    lambda log: -above(log), (lower, last), (lower, last), options={"xatol": 0.01}
                )
                if peak.fun < 0:
                    return float(np.exp(brentq(above, peak.x, last, xtol=1e-4)))
                if lower == least:
                    return self.fewest
            last = upper
            there = here
            upper = lower
            here = below
        return float(np.exp(brentq(above, lower, upper, xtol=1e-4)))


def kind_order(curve: NaiveBayesCurve) -> Int[np.ndarray, " features"]:
    """Return the features in the order of their signals, the strongest first."""
    return np.argsort(-(curve.weights @ curve.gaps**2), kind="stable")


def growth_exponent(
    curve: NaiveBayesCurve, samples: float, excess: float, order: Int[np.ndarray, " features"]
) -> float:
    """Return the exponent with which the number of samples needed grows with that of features, the
    mean over two halves of the features of the same kind, every second one in this order; NaN
    where a number is infinite.
    """

    def slope(part: Int[np.ndarray, " half"]) -> float:
        half = NaiveBayesCurve(
            curve.shares, curve.weights, curve.gaps[:, part], curve.correlation[np.ix_(part, part)]
        )
        steps = np.log(len(order) / len(part))
        own = half.samples(excess)
        if np.isinf(samples) or np.isinf(own):
            return np.nan
        return float(np.log(samples / own) / steps)

    return (slope(np.sort(order[::2])) + slope(np.sort(order[1::2]))) / 2


class _PairLaw(NamedTuple):
    """The law of the score of naive Bayes for two classes, in coordinates in which the fitted
    weights are N(alpha, 1 / m).
    """

    values: Float[np.ndarray, " features"]
    alpha: Float[np.ndarray, " features"]
    beta: Float[np.ndarray, " features"]
    own: Float[np.ndarray, " features"]
    signal: float
    scale: float

    def error(self, share: float, size: float) -> float:
        """Return the probability that a point of the class of this share is taken for one of the
        other class, with m = `size` samples of both.
        """
        values = self.values * (1 + 1 / size)
        half = share - 0.5
        log_odds = np.log(share / (1 - share)) * size / (size + 4)
        constant = log_odds + half * (self.own @ self.alpha**2 - self.signal)
        slope = self.beta * share - 2 * half * self.own * self.alpha

        pull = half * self.own
        mean = constant + slope @ self.alpha + pull @ self.alpha**2 + pull.sum() / size
        # Of a score that is negative on average what is left to one, on the other side of the pole:
        # no digits are lost.
        side = 1.0 if mean >= 0 else -1.0

        def log_integrand(x: Any) -> Any:
            x = side * np.asarray(x)[..., None]
            linear = -x * slope
            square = x**2 * values - 2 * x * pull
            rest = 1 - square / size
            terms = (
                linear * self.alpha + linear**2 / (2 * size) + square * self.alpha**2 / 2
            ) / rest
            x = x[..., 0]
            of_scale = log_odds**2 * self.scale / (2 * size)
            return (
                (terms - np.log(rest) / 2).sum(axis=-1)
                - np.log(side * x)
                - x * constant
                + x**2 * of_scale
            )

        most = float(np.min((side * pull + np.sqrt(pull**2 + values * size)) / values))
        # Any vertical will do; near the saddle few nodes do. Its place is sought as log(x / (most -
        # x)).
        places = _PLACES
        for _ in range(3):
            nearest = places[np.argmin(log_integrand(most / (1 + np.exp(-places))))]
            places = nearest + (places[1] - places[0]) * _AROUND
        saddle = most / (1 + np.exp(-nearest))
        step = 1e-3 * min(saddle, most - saddle)
        peak = float(log_integrand(saddle))
        curvature = (
            log_integrand(saddle - step) + log_integrand(saddle + step) - 2 * peak
        ) / step**2
        width = 1 / np.sqrt(max(float(curvature), 1e-300))
        terms = np.exp(log_integrand(saddle + 1j * width * np.sinh(_NODES)) - peak).real * np.cosh(
            _NODES
        )
        tail = min(
            1.0, float(np.exp(peak) * _NODES[1] * width / np.pi * (terms.sum() - terms[0] / 2))
        )
        return tail if side > 0 else 1 - tail


@guarded
@dataclass(frozen=True, eq=False)
class LogisticCurve:
    """The learning curve of logistic regression without a penalty, for pairs of equally likely
    classes.

    Attributes:
        n_features: n, the number of features.
        sizes: the number of samples that count for each pair, per sample of the whole.
        weights: p_j + p_k, the probability of each pair.
        distances: Δ^2 = d^T Σ^-1 d of each pair, for the difference d of its means.
    """

    n_features: Features
    sizes: Pairs
    weights: Pairs
    distances: Annotated[Pairs, Interval(0, _FARTHEST)]

    @cached_property
    def fewest(self) -> float:
        """The number of samples from which on the law holds: n for classes that overlap, and more
        for classes far apart, because fewer samples of them are separable.
        """
        efficiencies = np.maximum(self._limits_and_efficiencies[1], 1e-280)
        return float(np.max(self.n_features * (3 / efficiencies - 2) / self.sizes))

    @guarded
    def excess(self, n_samples: Positive) -> float:
        """Return the mean error after training on m = `n_samples` samples without a penalty, minus
        its limit.

        It is the excess error of linear discriminant analysis divided by the relative efficiency of
        logistic regression (Efron 1975), and 0.5 to 3 times the simulated one from `fewest` samples
        on. A ridge penalty does better than this at small m. Raises ValueError for fewer samples.
        """
        require(
            n_samples >= self.fewest,
            f"n_samples must be at least {self.fewest:.4g}, from where on the law holds",
        )
        ratios = self.n_features / (n_samples * self.sizes)
        pairs = zip(self.distances.tolist(), ratios.tolist(), strict=True)
        errors = np.array(
            [
                linear_rules.lda_expected_error(distance, min(ratio, 1 - 1e-16))
                for distance, ratio in pairs
            ]
        )
        limits, efficiencies = self._limits_and_efficiencies
        return float(self.weights @ np.minimum((errors - limits) / efficiencies, 0.5 - limits))

    @cached_property
    def _limits_and_efficiencies(self) -> Float[np.ndarray, "2 pairs"]:
        distances = self.distances.tolist()
        limits = [linear_rules.lda_expected_error(distance, 0.0) for distance in distances]
        return np.array(
            [
                limits,
                [
                    expected_error.logistic_relative_efficiency(distance**0.5)
                    for distance in distances
                ],
            ]
        )


@guarded
def learning_curves(
    means: Means, covariance: DefiniteMatrix, counts: Counts
) -> tuple[NaiveBayesCurve, LogisticCurve]:
    """Return the learning curves of naive Bayes and of logistic regression for the classes that a
    sample shows.

    Args:
        means: the mean of each of the K classes, K x n.
        covariance: the covariance pooled over the classes, with the divisor m - K for m samples in
            all, n x n.
        counts: the number of samples of each class.

    Δ^2 is unbiased for Gaussian classes. Gaps and correlations are shrunk so that |d|^2 and tr(R^2)
    are nearly unbiased. A signal whose estimate is negative counts as none. Raises ValueError
    unless m - K > n + 1. Derived here.
    """
    n_features = means.shape[1]
    freedom = int(counts.sum()) - len(counts)
    fewest = n_features + len(counts) + 2
    require(
        freedom > n_features + 1,
        f"counts must add up to at least n + K + 2 = {fewest}, got {counts.sum()}",
    )
    first, second = np.triu_indices(len(counts), 1)
    gap_noise = 1 / counts[first] + 1 / counts[second]
    weights = (counts[first] + counts[second]) / counts.sum()
    sizes = 4 / gap_noise / counts.sum()

    deviations = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviations, deviations)
    gaps = (means[second] - means[first]) / deviations
    squares = np.sum(correlation**2) - n_features
    true_squares = (freedom * squares - n_features * (n_features - 1)) / (freedom - 1)
    shrinkage = np.sqrt(np.clip(true_squares / squares, 0, 1)) if squares > 0 else 1.0
    sample_distances = np.sum(gaps**2, axis=1)
    signals = np.maximum(0, (freedom - 2) / freedom * sample_distances - n_features * gap_noise)
    factors = np.sqrt(signals / np.where(sample_distances > 0, sample_distances, 1))

    raw = np.sum(gaps * np.linalg.solve(correlation, gaps.T).T, axis=1)
    distances = (freedom - n_features - 1) / freedom * raw - n_features * gap_noise
    return (
        NaiveBayesCurve(
            counts[second] / (counts[first] + counts[second]),
            weights,
            factors[:, None] * gaps,
            np.eye(n_features) + shrinkage * (correlation - np.eye(n_features)),
        ),
        LogisticCurve(n_features, sizes, weights, np.clip(distances, 0, _FARTHEST)),
    )


@dataclass(frozen=True, eq=False)
class Fit:
    """Gaussian classes of one covariance, fitted to some rows of the data.

    Attributes:
        counts: the number of rows of each class.
        priors: the share of each class.
        means: the mean of each class.
        covariance: the covariance pooled over the classes, with the divisor m - K.
        variances: the pooled variances as naive Bayes fits them, with the divisor m.
        beta: as in `Predicted`.
        alpha: as in `Predicted`.
        least_beta: as in `Predicted`.
        naive_bayes: the predicted learning curve of naive Bayes.
        logistic: the predicted learning curve of logistic regression.
        directions: the weights of naive Bayes and of linear discriminant analysis, a column for
            each class but the first, relative to their mean over the classes.
    """

    counts: Int[np.ndarray, " classes"]
    priors: Float[np.ndarray, " classes"]
    means: Float[np.ndarray, "classes features"]
    covariance: Float[np.ndarray, "features features"]
    variances: Float[np.ndarray, " features"]
    beta: Float[np.ndarray, "classes classes classes"]
    alpha: Float[np.ndarray, "classes classes classes"]
    least_beta: float
    naive_bayes: NaiveBayesCurve
    logistic: LogisticCurve
    directions: Float[np.ndarray, "features directions"]

    @property
    def greatest_alpha(self) -> float:
        """The largest variance of l_k - l_j over class k, divided by n."""
        return float(np.max([self.alpha[k, :, k] for k in range(len(self.counts))]))

    @property
    def largest_eigenvalue(self) -> float:
        """The largest eigenvalue of the correlation matrix of the features within the classes."""
        deviations = np.sqrt(np.diag(self.covariance))
        return float(np.linalg.eigvalsh(self.covariance / np.outer(deviations, deviations))[-1])


def fit(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    n_classes: int,
) -> Fit:
    """Return Gaussian classes of one covariance, fitted to samples of all classes 0..K-1."""
    n_samples, n_features = features.shape
    counts = np.bincount(labels, minlength=n_classes)
    means = np.array([features[labels == k].mean(axis=0) for k in range(n_classes)])
    residuals = features - means[labels]
    scatter = residuals.T @ residuals
    covariance = scatter / (n_samples - n_classes)
    variances = np.diag(scatter) / n_samples
    weights, intercepts = linear_rules.naive_bayes_rule(means, variances, counts / n_samples)
    scores = means @ weights.T + intercepts
    leads = (scores[:, :, None] - scores[:, None, :]).transpose(1, 2, 0) / n_features
    alpha = np.empty((n_classes,) * 3)
    for k in range(n_classes):
        law = np.cov((residuals[labels == k] @ weights.T).T, bias=True)
        spread = np.diag(law)
        alpha[:, :, k] = np.maximum(0, spread[:, None] + spread - 2 * law) / n_features
    own = [np.delete(leads[k, :, k], k) for k in range(n_classes)]
    return Fit(
        counts,
        counts / n_samples,
        means,
        covariance,
        variances,
        np.abs(leads),
        alpha,
        float(np.min(own)),
        *learning_curves(means, covariance, counts),
        np.column_stack(
            [
                (rule - rule.mean(axis=0))[1:].T
                for rule in (weights, np.linalg.solve(covariance, means.T).T)
            ]
        ),
    )


def limits(fits: list[Fit]) -> tuple[Float[np.ndarray, " fits"], Float[np.ndarray, " fits"]]:
    """Return the errors of naive Bayes and of the Bayes rule with infinite data, for the Gaussian
    classes of each fit.

    The means are scaled about their centre so that the mean margin of the pairs of classes is freed
    of its bias.
    """
    problems: list[list[tuple]] = [[], []]
    for member in fits:
        noiseless = learning_curves(member.means, member.covariance, member.counts * 10**9)
        own = np.sqrt(_naive_distances(member)), np.sqrt(member.logistic.distances)
        learners = (
            (linear_rules.naive_bayes_rule, np.diag(member.covariance)),
            (linear_rules.lda_rule, member.covariance),
        )
        for learner, (rule, covariance) in enumerate(learners):
            raw = noiseless[learner]
            factor = own[learner] @ raw.weights / (np.sqrt(raw.distances) @ raw.weights)
            centre = member.priors @ member.means
            means = centre + factor * (member.means - centre)
            problems[learner].append(
                (*rule(means, covariance, member.priors), means, member.covariance, member.priors)
            )
    naive_bayes, bayes = (
        np.asarray(
            _errors(*(jnp.asarray(np.stack(part)) for part in zip(*group, strict=True))), float
        )
        for group in problems
    )
    return naive_bayes, bayes


def _naive_distances(member: Fit) -> Float[np.ndarray, " pairs"]:
    first, second = np.triu_indices(len(member.counts), 1)
    freedom = int(member.counts.sum()) - len(member.counts)
    return np.array(
        [
            pair_distance(
                member.means[k] - member.means[j],
                member.covariance,
                float(1 / member.counts[j] + 1 / member.counts[k]),
                freedom,
            )
            for j, k in zip(first, second, strict=True)
        ]
    )


@jax.jit
def _errors(weights, intercepts, means, covariance, priors):
    def error(*problem):
        return rules.conditional_error(
            rules.LinearRule(*problem[:2]), *problem[2:4], priors=problem[4]
        )

    return map_cells(error, weights, intercepts, means, covariance, priors)
