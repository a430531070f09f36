"""The exact errors of linear rules argmax_k w_k . x + b_k on Gaussian classes that share a
covariance, and the error of naive Bayes with infinite data, where features may in truth be
correlated.

Class k is N(μ_k, Σ) with prior p_k; the priors are equal where `priors` is None. `covariance` is Σ:
an (n, n) matrix, or the vector of its n variances where it is diagonal. Naive Bayes sees diag(Σ)
only. Two classes of equal priors err with probability Φ(-margin), where Φ is the normal
distribution function. Derived here, for the Gaussian setting of the code released with arXiv
2302.02334, whose synthetic problem is `official_design`. The rules are textbook ones; linear
discriminant analysis with an estimated covariance is generative without being naive.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory.naive_bayes_vs_logistic.domains import (
    Covariance,
    DefiniteCovariance,
    Means,
    Priors,
    Variances,
    correlations,
)
from theory_on_trial.contract import Holds, Interval, NonNegative, Size, guarded, require


def _variances_of(covariance: Covariance) -> Float[np.ndarray, " features"]:
    """Return the diagonal of the covariance, which is all that naive Bayes sees of it."""
    return np.diag(covariance) if covariance.ndim == 2 else covariance


def _solve(
    covariance: DefiniteCovariance, columns: Float[np.ndarray, "features vectors"]
) -> Float[np.ndarray, "features vectors"]:
    """Return the inverse covariance times `columns`."""
    from scipy.linalg import cho_solve

    if covariance.ndim == 1:
        return columns / covariance[:, None]
    standard_deviations = np.sqrt(_variances_of(covariance))[:, None]
    factor = np.linalg.cholesky(correlations(covariance))
    return cho_solve((factor, True), columns / standard_deviations) / standard_deviations


def _between(
    covariance: Covariance, rows: Float[np.ndarray, "vectors features"]
) -> Float[np.ndarray, "vectors vectors"]:
    """Return the covariance of the linear statistics `rows` @ x."""
    return rows @ covariance @ rows.T if covariance.ndim == 2 else (rows * covariance) @ rows.T


_LEVELS = np.append(-1.0, 2.0 ** np.arange(6))


@guarded
def official_design(
    n_features: Size,
    n_classes: Annotated[int, Interval(2, len(_LEVELS), why="as in the released code")],
) -> tuple[Float[np.ndarray, "classes features"], Float[np.ndarray, " features"]]:
    """Return the class means c_k (1, ..., 1), with c = -1, 1, 2, 4, ..., 32, and the variances that
    all classes share, of the synthetic problem in the code released with arXiv 2302.02334.

    The variance is n for the first floor(n / 2) features, and one for the others.
    """
    means = np.repeat(_LEVELS[:n_classes, None], n_features, axis=1)
    variances = np.where(np.arange(n_features) < n_features // 2, float(n_features), 1.0)
    return means, variances


LinearRule = tuple[Float[np.ndarray, "classes features"], Float[np.ndarray, " classes"]]
"""Weights w_k, one row per class, and intercepts b_k."""


@guarded
def naive_bayes_rule(
    means: Means, variances: Variances, priors: Priors | None = None
) -> LinearRule:
    """Return the weights w_k = μ_k / σ^2 and intercepts b_k = log p_k - sum_i μ_ki^2 / (2 σ_i^2) of
    naive Bayes. The means, variances and priors may be true ones or estimates.

    >>> weights, intercepts = naive_bayes_rule([[-1.0, 0.0], [1.0, 0.0]], [2.0, 1.0])
    >>> weights.tolist(), intercepts.round(4)
    ([[-0.5, 0.0], [0.5, 0.0]], array([-0.9431, -0.9431]))
    """
    return lda_rule(means, variances, priors)


@guarded
def lda_rule(
    means: Means, covariance: DefiniteCovariance, priors: Priors | None = None
) -> LinearRule:
    """Return the weights w_k = Σ^-1 μ_k and intercepts b_k = log p_k - μ_k . w_k / 2 of linear
    discriminant analysis. With the population's parameters it is the Bayes rule.
    """
    weights = _solve(covariance, means.T).T
    return weights, np.log(_given_or_equal(priors, len(means))) - np.sum(
        means * weights, axis=1
    ) / 2


@guarded
def linear_rule_error(
    weights: Float[np.ndarray, "classes features"],
    intercepts: Float[np.ndarray, " classes"],
    means: Means,
    covariance: Covariance,
    priors: Priors | None = None,
) -> float:
    """Return the probability that argmax_k w_k . x + b_k is not the class of x. Among classes whose
    scores tie everywhere, the rule takes the first.

    Where all w_k - w_0 are parallel (always for K = 2) the classes' regions are intervals of one
    Gaussian, and the error is accurate to rounding of its arguments. Otherwise it is the mean
    complement of (K - 1)-dimensional orthant probabilities, with an absolute error of about 1e-14
    for K = 3 and 1e-6 for larger K (Genz's rule, seeded). The rule need not be made from these
    classes. Raises ValueError if the covariance vanishes in the one direction that the rule looks
    at.

    >>> round(linear_rule_error([[0.0], [1.0]], [0.0, 0.0], [[-1.0], [1.0]], [1.0]), 6)
    0.158655
    """
    contenders = _contenders(weights, intercepts)
    direction = _common_direction(weights[contenders], np.sqrt(_variances_of(covariance)))
    if direction is None:
        errors = _orthant_errors(weights, intercepts, contenders, means, covariance)
    else:
        errors = _interval_errors(weights, intercepts, contenders, means, covariance, direction)
    return float(_given_or_equal(priors, len(means)) @ errors)


@guarded
def bayes_error(
    means: Means, covariance: DefiniteCovariance, priors: Priors | None = None
) -> float:
    """Return the least error of any rule, which is that of `lda_rule` with the population's
    parameters. It is as accurate as `linear_rule_error`.
    """
    return linear_rule_error(*lda_rule(means, covariance, priors), means, covariance, priors)


def _given_or_equal(priors: Priors | None, n_classes: int) -> Float[np.ndarray, " classes"]:
    return np.full(n_classes, 1 / n_classes) if priors is None else priors


def _contenders(
    weights: Float[np.ndarray, "classes features"], intercepts: Float[np.ndarray, " classes"]
) -> Int[np.ndarray, " contenders"]:
    """Return the classes that can win. Of classes with equal weights it is only the first that has
    the largest intercept.
    """
    _, group = np.unique(weights, axis=0, return_inverse=True)
    members = [np.flatnonzero(group == label) for label in np.unique(group)]
    return np.sort([classes[np.argmax(intercepts[classes])] for classes in members])


def _common_direction(
    weights: Float[np.ndarray, "contenders features"], scales: Float[np.ndarray, " features"]
) -> Float[np.ndarray, " features"] | None:
    """Return a vector to which all differences of weights are parallel, or None; judged in features
    of unit variance.
    """
    scaled = weights * scales
    _, lengths, directions = np.linalg.svd(scaled - scaled[0], full_matrices=False)
    return directions[0] / scales if np.all(lengths[1:] <= 1e-14 * np.linalg.norm(scaled)) else None


def _interval_errors(
    weights: Float[np.ndarray, "classes features"],
    intercepts: Float[np.ndarray, " classes"],
    contenders: Int[np.ndarray, " contenders"],
    means: Float[np.ndarray, "classes features"],
    covariance: Covariance,
    direction: Float[np.ndarray, " features"],
) -> Float[np.ndarray, " classes"]:
    """Return the error in each class if every score is a linear function of the standard Gaussian u
    = direction . (x - μ_k) / spread.
    """
    from scipy.special import ndtr

    spread = np.sqrt(_between(covariance, direction[None])[0, 0])
    require(
        spread > 0,
        "covariance must not vanish in the direction along which the weights of the classes differ",
    )
    slopes = (weights - weights[contenders[0]]) @ direction / (direction @ direction)
    errors = np.ones(len(means))
    for k in contenders:
        rivals = contenders[contenders != k]
        crossings = (intercepts[rivals] - intercepts[k]) / (slopes[k] - slopes[rivals])
        lower = np.max(crossings[slopes[rivals] < slopes[k]], initial=-np.inf)
        upper = np.min(crossings[slopes[rivals] > slopes[k]], initial=np.inf)
        if lower < upper:
            centre = means[k] @ direction
            errors[k] = ndtr((lower - centre) / spread) + ndtr((centre - upper) / spread)
    return errors


def _orthant_errors(
    weights: Float[np.ndarray, "classes features"],
    intercepts: Float[np.ndarray, " classes"],
    contenders: Int[np.ndarray, " contenders"],
    means: Float[np.ndarray, "classes features"],
    covariance: Covariance,
) -> Float[np.ndarray, " classes"]:
    """Return the error in each class: one less the probability that no difference of scores favours
    another class.
    """
    from scipy.stats import multivariate_normal

    errors = np.ones(len(means))
    for k in contenders:
        rivals = contenders[contenders != k]
        differences = weights[rivals] - weights[k]
        leads = -(differences @ means[k] + intercepts[rivals] - intercepts[k])
        law = _between(covariance, differences)
        errors[k] -= multivariate_normal.cdf(
            leads,
            cov=law,
            allow_singular=True,
            abseps=1e-6,
            releps=1e-6,
            rng=np.random.default_rng(0),
        )
    return errors


_DIFFERENT = Holds(
    "different", "be at least 2 different numbers", lambda c: len(c) > 1 and len(set(c)) == len(c)
)


@guarded
def mahalanobis_squared(
    difference: Float[np.ndarray, " features"], covariance: DefiniteCovariance
) -> float:
    """Return the squared Mahalanobis distance Δ^2 = d^T Σ^-1 d of two classes, where d =
    `difference` is the difference of their means.
    """
    return float(difference @ _solve(covariance, difference[:, None])[:, 0])


@guarded
def naive_bayes_asymptotic_error(
    means: Means, covariance: Covariance, priors: Priors | None = None
) -> float:
    """Return the error of naive Bayes that knows the means, variances and priors, for any number of
    classes and any Σ.

    It is as accurate as `linear_rule_error`.
    """
    rule = naive_bayes_rule(means, _variances_of(covariance), priors)
    return linear_rule_error(*rule, means, covariance, priors)


@guarded
def collinear_asymptotic_error(
    levels: Annotated[Float[np.ndarray, " classes"], _DIFFERENT], covariance: Covariance
) -> float:
    """Return the error of naive Bayes with infinite data for equal priors and class means c_k (1,
    ..., 1), where `levels` holds the c_k in any order.

    With D = diag(Σ), S = sum_i 1 / σ_i^2 and c_(1) < c_(2) < ... the sorted levels, it is (2 / K)
    sum_k Φ(-(c_(k+1) - c_(k)) S / (2 sqrt(1^T D^-1 Σ D^-1 1))), a sum over neighbours.
    """
    from scipy.special import ndtr

    gaps = np.diff(np.sort(levels))
    weights = 1 / _variances_of(covariance)
    signal = weights.sum() / np.sqrt(_between(covariance, weights[None])[0, 0])
    return float(2 / len(levels) * np.sum(ndtr(-gaps * signal / 2)))


AspectRatio = Annotated[
    float, Interval(0, 1, "[)", why="the sample covariance is singular from 1 on")
]
"""y = n / m, features per sample."""


@guarded
def lda_expected_error(squared_distance: NonNegative, aspect_ratio: AspectRatio) -> float:
    """Return the limit of the expected error of linear discriminant analysis with the pooled sample
    covariance, as n and m grow with y = n / m = `aspect_ratio`, for two balanced classes.

    It is Φ(-Δ^2 sqrt(1 - y) / (2 sqrt(Δ^2 + 4 y))), with Δ^2 = `squared_distance` and Φ the normal
    distribution function. Source: a known form of the double asymptotics.
    """
    from scipy.special import ndtr

    if squared_distance == 0:
        return 0.5
    noise = squared_distance + 4 * aspect_ratio
    return float(ndtr(-squared_distance / 2 * np.sqrt((1 - aspect_ratio) / noise)))
