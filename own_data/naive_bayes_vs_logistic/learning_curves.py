"""The learning curves of naive Bayes and of logistic regression that the theory predicts from
estimated classes, and the Gaussian classes fitted to a sample, with the limits of both learners.

Classes are N(μ_k, Σ), as in the code released with Zheng, Wu, Bao, Cao, Li & Zhu 2023, "Revisiting
Discriminative vs. Generative Classifiers: Theory and Implications", arXiv 2302.02334. Every pair
(j, k) of classes counts as a problem of two classes with m (p_j + p_k) samples, classes in
proportion, and the excess errors of all pairs are added; for logistic regression they are two
equally likely classes with 4 m p_j p_k / (p_j + p_k) samples. All signals are freed of the bias
that the noise of the estimated means and covariance gives them. Derived here.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

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
    """What naive Bayes with variances shared by the classes sees of each pair of classes, features
    of unit variance. `shares` are q, of the second class in the pair; `weights` p_j + p_k,
    probabilities of the pair; `gaps` d, scaled and between the two means; `correlation` is R, of
    the features within the classes.
    """

    shares: Annotated[Pairs, Interval(0, 1, "()")]
    weights: Pairs
    gaps: Float[np.ndarray, "pairs features"]
    correlation: DefiniteMatrix

    @cached_property
    def _moments(self) -> tuple[Float[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]:
        """|d|^2 and d^T R d."""
        return np.sum(self.gaps**2, axis=1), np.sum(
            self.gaps @ self.correlation * self.gaps, axis=1
        )

    @cached_property
    def distances(self) -> Float[np.ndarray, " pairs"]:
        """Effective Δ^2 = |d|^4 / d^T R d: equally likely, naive Bayes errs by Φ(-Δ / 2) in the
        end.
        """
        signals, spreads = self._moments
        return signals**2 / np.where(signals > 0, spreads, 1)

    @cached_property
    def limits(self) -> Float[np.ndarray, " pairs"]:
        """Error of each pair with infinite data."""
        from scipy.special import ndtr

        signals, spreads = self._moments
        priors = np.stack([1 - self.shares, self.shares])
        leads = signals / 2 + np.log(priors / priors[::-1])
        margins = leads / np.sqrt(np.where(signals > 0, spreads, 1))
        return np.sum(priors * np.where(signals > 0, ndtr(-margins), leads < 0), axis=0)

    @cached_property
    def fewest(self) -> float:
        """Samples with one of the rarest class."""
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
        """Mean error of each pair when trained on m = `n_samples` samples, `fewest` or more,
        classes in proportion.

        With u the weights that are fitted and v the point seen from the mean of all samples, which
        is independent of them, the score is (1 + s) (u^T v + (p - q) / 2 |u|^2) + log(p / q). u ~
        N(d, N / m) with N = R / (p q) and, to first order, the variances across d; their part along
        d is the scale 1 + s, of mean (m + 4) / m, whose noise is put into the logarithm; v ~ N(q d,
        (1 + 1/m) R). The chance of a negative score is the inverse Laplace transform of E exp(-x
        score) / x along the vertical through its saddle point. Beside simulated fits the excess is
        within 5 % and 0.3 over the samples of the rarer class from m = 20 on (n from 2 to 30), for
        equally likely classes with correlations up to 0.3, for others where naive Bayes is nearly
        the best rule.
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
        """Mean error when trained on m = `n_samples` samples, less its limit."""
        return float(self.weights @ (self.errors(n_samples) - self.limits))

    @guarded
    def samples(self, excess: Positive) -> float:
        """Real m from which on the excess is at most this: `fewest` where so few do, infinite above
        1e15.
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
    """The features in the order of their signals, the strongest first."""
    return np.argsort(-(curve.weights @ curve.gaps**2), kind="stable")


def halves(curve: NaiveBayesCurve, order: Int[np.ndarray, " features"]) -> list[NaiveBayesCurve]:
    """The curves of every second feature in this order: two halves of the same kind."""
    parts = [np.sort(order[start::2]) for start in (0, 1)]
    return [
        NaiveBayesCurve(
            curve.shares, curve.weights, curve.gaps[:, part], curve.correlation[np.ix_(part, part)]
        )
        for part in parts
    ]


def growth_exponent(
    curve: NaiveBayesCurve, samples: float, excess: float, order: Int[np.ndarray, " features"]
) -> float:
    """Exponent of n in the samples needed, from each of the `halves` to the `samples` of all
    features; their mean.
    """
    n_features = len(order)
    slopes = [
        (np.log(samples) - np.log(half.samples(excess))) / np.log(n_features / half.gaps.shape[1])
        for half in halves(curve, order)
    ]
    return float(np.mean(slopes))


class _PairLaw(NamedTuple):
    """The score of naive Bayes for two classes, in coordinates y where the fitted weights are
    N(alpha, 1 / m).
    """

    values: Float[np.ndarray, " features"]
    alpha: Float[np.ndarray, " features"]
    beta: Float[np.ndarray, " features"]
    own: Float[np.ndarray, " features"]
    signal: float
    scale: float

    def error(self, share: float, size: float) -> float:
        """Chance that a point of the class of this share is taken for the other, with m = `size`
        samples of both.
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
    """What logistic regression sees of each pair of classes, as equally likely ones: Δ^2 = d^T Σ^-1
    d. `sizes` are samples that count for the pair, per sample of the whole; `weights` its
    probability p_j + p_k.
    """

    n_features: Features
    sizes: Pairs
    weights: Pairs
    distances: Annotated[Pairs, Interval(0, _FARTHEST)]

    @cached_property
    def fewest(self) -> float:
        """Samples from which on the law holds: n for classes that overlap; fewer of far ones are
        separable.
        """
        efficiencies = np.maximum(self._limits_and_efficiencies[1], 1e-280)
        return float(np.max(self.n_features * (3 / efficiencies - 2) / self.sizes))

    @guarded
    def excess(self, n_samples: Positive) -> float:
        """Mean error when trained on m = `n_samples` samples, less its limit, without a penalty.
        The excess of linear discriminant analysis over its efficiency (Efron 1975), 0.5 to 3 times
        the simulated one from `fewest` on; fewer are a ValueError. A ridge penalty does better than
        this at small m.
        """
        require(
            n_samples >= self.fewest,
            f"n_samples must be at least {self.fewest:.4g}, where the law begins",
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
    """The curves of naive Bayes and of logistic regression from what a sample says of its classes.

    Δ^2 is unbiased for Gaussian classes; gaps and correlations are shrunk so that |d|^2 and tr(R^2)
    nearly are. A signal whose estimate is negative counts as none.
    `covariance` is pooled over the classes, with divisor m - K; m - K > n + 1 for m samples in all
    (else `ValueError`).
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
    """One fit to some rows.

    `covariance` is pooled over the classes with divisor m - K, `variances` with divisor m, as naive
    Bayes fits them; `beta`, `alpha` and `least_beta` are those of `Predicted`. `directions` are
    weights of naive Bayes and of linear discriminant analysis, a column for each class.
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
        """Largest variance of l_k - l_j over class k, over n."""
        return float(np.max([self.alpha[k, :, k] for k in range(len(self.counts))]))

    @property
    def largest_eigenvalue(self) -> float:
        """Largest eigenvalue of the correlations D^-1/2 Σ D^-1/2."""
        deviations = np.sqrt(np.diag(self.covariance))
        return float(np.linalg.eigvalsh(self.covariance / np.outer(deviations, deviations))[-1])


def fit(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    n_classes: int,
) -> Fit:
    """Fit Gaussian classes of one covariance to samples of all classes 0..K-1."""
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
    """Errors of naive Bayes and the Bayes rule for the fitted Gaussian classes, the mean margin
    freed of bias.
    """
    problems: list[list[tuple]] = [[], []]
    for member in fits:
        noiseless = learning_curves(member.means, member.covariance, member.counts * 10**9)
        learners = (
            (linear_rules.naive_bayes_rule, np.diag(member.covariance)),
            (linear_rules.lda_rule, member.covariance),
        )
        for learner, (rule, covariance) in enumerate(learners):
            curve = (member.naive_bayes, member.logistic)[learner]
            raw = noiseless[learner]
            factor = (
                np.sqrt(curve.distances) @ curve.weights / (np.sqrt(raw.distances) @ raw.weights)
            )
            centre = member.priors @ member.means
            means = centre + factor * (member.means - centre)
            problems[learner].append(
                (*rule(means, covariance, member.priors), means, member.covariance, member.priors)
            )
    if len(fits[0].priors) == 2:  # in closed form
        naive_bayes, bayes = (
            np.array([linear_rules.linear_rule_error(*case) for case in group])
            for group in problems
        )
    else:
        naive_bayes, bayes = (
            np.asarray(
                _errors(*(jnp.asarray(np.stack(part)) for part in zip(*group, strict=True))), float
            )
            for group in problems
        )
    return naive_bayes, bayes


@jax.jit
def _errors(weights, intercepts, means, covariance, priors):
    def error(*problem):
        return rules.conditional_error(
            rules.LinearRule(*problem[:2]), *problem[2:4], priors=problem[4]
        )

    return map_cells(error, weights, intercepts, means, covariance, priors)
