"""Linear rules argmax_k w_k . x + b_k of Gaussian classes that share a covariance, and their exact
errors.

Class k is N(μ_k, Σ) with prior p_k (equal priors where `priors` is None). `covariance` is Σ, an (n,
n) matrix or the vector of its n variances where it is diagonal. Derived here; the two rules are
textbook ones.
"""

import numpy as np
from jaxtyping import Float, Int

from theory.naive_bayes_vs_logistic._covariance import between, solve, variances_of
from theory.naive_bayes_vs_logistic.domains import (
    Covariance,
    DefiniteCovariance,
    Means,
    Priors,
    Variances,
)
from theory_on_trial.contract import guarded, require

LinearRule = tuple[Float[np.ndarray, "classes features"], Float[np.ndarray, " classes"]]
"""Weights w_k, one row per class, and intercepts b_k."""


@guarded
def naive_bayes_rule(
    means: Means, variances: Variances, priors: Priors | None = None
) -> LinearRule:
    """w_k = μ_k / σ^2 and b_k = log p_k - sum_i μ_ki^2 / (2 σ_i^2) of naive Bayes, of parameters or
    estimates.

    >>> weights, intercepts = naive_bayes_rule([[-1.0, 0.0], [1.0, 0.0]], [2.0, 1.0])
    >>> weights.tolist(), intercepts.round(4)
    ([[-0.5, 0.0], [0.5, 0.0]], array([-0.9431, -0.9431]))
    """
    return lda_rule(means, variances, priors)


@guarded
def lda_rule(
    means: Means, covariance: DefiniteCovariance, priors: Priors | None = None
) -> LinearRule:
    """w_k = Σ^-1 μ_k and b_k = log p_k - μ_k . w_k / 2 of LDA; the Bayes rule with the population
    parameters.
    """
    weights = solve(covariance, means.T).T
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
    """Probability that argmax_k w_k . x + b_k is not the class of x; scores that tie everywhere go
    to the first class.

    Where all w_k - w_0 are parallel (always for K = 2) the classes' regions are intervals of one
    Gaussian, and the error is accurate to rounding of its arguments. Otherwise it is the mean
    complement of (K - 1)-dimensional orthant probabilities, with an absolute error of about 1e-14
    for K = 3 and 1e-6 for larger K (Genz's rule, seeded). The classes need not be those the rule
    was made from; their covariance must not vanish in the one direction that a rule looks at
    (`ValueError`).

    >>> round(linear_rule_error([[0.0], [1.0]], [0.0, 0.0], [[-1.0], [1.0]], [1.0]), 6)
    0.158655
    """
    contenders = _contenders(weights, intercepts)
    direction = _common_direction(weights[contenders], np.sqrt(variances_of(covariance)))
    if direction is None:
        errors = _orthant_errors(weights, intercepts, contenders, means, covariance)
    else:
        errors = _interval_errors(weights, intercepts, contenders, means, covariance, direction)
    return float(_given_or_equal(priors, len(means)) @ errors)


@guarded
def bayes_error(
    means: Means, covariance: DefiniteCovariance, priors: Priors | None = None
) -> float:
    """The least error of any rule, that of `lda_rule` with the population parameters; exact as
    `linear_rule_error`.
    """
    return linear_rule_error(*lda_rule(means, covariance, priors), means, covariance, priors)


def _given_or_equal(priors: Priors | None, n_classes: int) -> Float[np.ndarray, " classes"]:
    return np.full(n_classes, 1 / n_classes) if priors is None else priors


def _contenders(
    weights: Float[np.ndarray, "classes features"], intercepts: Float[np.ndarray, " classes"]
) -> Int[np.ndarray, " contenders"]:
    """The classes that can win: of those with equal weights only the first with the largest
    intercept.
    """
    _, group = np.unique(weights, axis=0, return_inverse=True)
    members = [np.flatnonzero(group == label) for label in np.unique(group)]
    return np.sort([classes[np.argmax(intercepts[classes])] for classes in members])


def _common_direction(
    weights: Float[np.ndarray, "contenders features"], scales: Float[np.ndarray, " features"]
) -> Float[np.ndarray, " features"] | None:
    """A vector to which all differences of weights are parallel, or None; judged in features of
    unit variance.
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
    """Error in each class where every score is a line in the standard Gaussian u = direction . (x -
    μ_k) / spread.
    """
    from scipy.special import ndtr

    spread = np.sqrt(between(covariance, direction[None])[0, 0])
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
    """Error in each class as the complement of the probability that no difference of scores favours
    another class.
    """
    from scipy.stats import multivariate_normal

    errors = np.ones(len(means))
    for k in contenders:
        rivals = contenders[contenders != k]
        differences = weights[rivals] - weights[k]
        leads = -(differences @ means[k] + intercepts[rivals] - intercepts[k])
        law = between(covariance, differences)
        errors[k] -= multivariate_normal.cdf(
            leads,
            cov=law,
            allow_singular=True,
            abseps=1e-6,
            releps=1e-6,
            rng=np.random.default_rng(0),
        )
    return errors
