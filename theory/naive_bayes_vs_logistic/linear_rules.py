"""Linear rules argmax_k w_k . x + b_k of Gaussian classes that share a covariance, and their exact errors.

Class k is N(mu_k, Sigma) with prior p_k (equal priors where `priors` is None). `covariance` is Sigma, an (n, n) matrix
or the vector of its n variances where it is diagonal. Derived here; the two rules are textbook ones. Non-finite means,
priors that are not positive or do not sum to one, and a covariance that is not symmetric positive semidefinite with
positive variances raise `ValueError`.
"""

import numpy as np
from jaxtyping import Float, Int

from theory.naive_bayes_vs_logistic._covariance import between, check_covariance, solve, variances_of
from theory.naive_bayes_vs_logistic._validation import Covariance, check_means, equal_unless_given
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_finite


@validated
def naive_bayes_rule(
    means: Float[np.ndarray, "classes features"],
    variances: Float[np.ndarray, " features"],
    priors: Float[np.ndarray, " classes"] | None = None,
) -> tuple[Float[np.ndarray, "classes features"], Float[np.ndarray, " classes"]]:
    """Weights w_k = mu_k / sigma^2 and intercepts b_k = log p_k - sum_i mu_ki^2 / (2 sigma_i^2) of naive Bayes.

    Exact, or estimated where the arguments are estimates.
    """
    check_means(means)
    check_covariance(variances, means.shape[1], "variances")
    return lda_rule(means, variances, priors)


@validated
def lda_rule(
    means: Float[np.ndarray, "classes features"],
    covariance: Covariance,
    priors: Float[np.ndarray, " classes"] | None = None,
) -> tuple[Float[np.ndarray, "classes features"], Float[np.ndarray, " classes"]]:
    """Weights w_k = Sigma^-1 mu_k and intercepts b_k = log p_k - mu_k . w_k / 2 of linear discriminant analysis.

    With the population parameters it is the Bayes rule. `ValueError` also if Sigma is singular.
    """
    check_means(means)
    check_covariance(covariance, means.shape[1])
    weights = solve(covariance, means.T).T
    intercepts = np.log(equal_unless_given(priors, len(means))) - np.sum(means * weights, axis=1) / 2
    return weights, intercepts


@validated
def linear_rule_error(
    weights: Float[np.ndarray, "classes features"],
    intercepts: Float[np.ndarray, " classes"],
    means: Float[np.ndarray, "classes features"],
    covariance: Covariance,
    priors: Float[np.ndarray, " classes"] | None = None,
) -> float:
    """Probability that argmax_k w_k . x + b_k is not the class of x; scores that tie everywhere go to the first class.

    Where all w_k - w_0 are parallel (always for K = 2) the classes' regions are intervals of one Gaussian, and the
    error is accurate to rounding of its arguments. Otherwise it is the mean complement of (K - 1)-dimensional
    orthant probabilities, with an absolute error of about 1e-14 for K = 3 and 1e-6 for larger K (Genz's rule, seeded).
    """
    check_finite("weights", weights)
    check_finite("intercepts", intercepts)
    check_means(means)
    check_covariance(covariance, means.shape[1])
    class_priors = equal_unless_given(priors, len(means))
    contenders = _contenders(weights, intercepts)
    direction = _common_direction(weights[contenders], np.sqrt(variances_of(covariance)))
    if direction is None:
        errors = _orthant_errors(weights, intercepts, contenders, means, covariance)
    else:
        errors = _interval_errors(weights, intercepts, contenders, means, covariance, direction)
    return float(class_priors @ errors)


@validated
def bayes_error(
    means: Float[np.ndarray, "classes features"],
    covariance: Covariance,
    priors: Float[np.ndarray, " classes"] | None = None,
) -> float:
    """The least error of any rule, that of `lda_rule` with the population parameters; accuracy of `linear_rule_error`.

    `ValueError` also if Sigma is singular.
    """
    return linear_rule_error(*lda_rule(means, covariance, priors), means, covariance, priors)


def _contenders(
    weights: Float[np.ndarray, "classes features"], intercepts: Float[np.ndarray, " classes"]
) -> Int[np.ndarray, " contenders"]:
    """The classes that can win: of those with equal weights only the first with the largest intercept."""
    _, group = np.unique(weights, axis=0, return_inverse=True)
    members = [np.flatnonzero(group == label) for label in np.unique(group)]
    return np.sort([classes[np.argmax(intercepts[classes])] for classes in members])


def _common_direction(
    weights: Float[np.ndarray, "contenders features"], scales: Float[np.ndarray, " features"]
) -> Float[np.ndarray, " features"] | None:
    """A vector to which all differences of weights are parallel, or None; judged in features of unit variance."""
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
    """Error in each class where every score is a line in the standard Gaussian u = direction . (x - mu_k) / spread."""
    from scipy.special import ndtr

    spread = np.sqrt(between(covariance, direction[None])[0, 0])
    if not spread > 0:
        raise ValueError("covariance must not vanish in the direction along which the weights of the classes differ")
    slopes = (weights - weights[contenders[0]]) @ direction / (direction @ direction)
    errors = np.ones(len(means))
    for own in contenders:
        others = contenders[contenders != own]
        crossings = (intercepts[others] - intercepts[own]) / (slopes[own] - slopes[others])
        lower = np.max(crossings[slopes[others] < slopes[own]], initial=-np.inf)
        upper = np.min(crossings[slopes[others] > slopes[own]], initial=np.inf)
        if lower < upper:
            centre = means[own] @ direction
            errors[own] = ndtr((lower - centre) / spread) + ndtr((centre - upper) / spread)
    return errors


def _orthant_errors(
    weights: Float[np.ndarray, "classes features"],
    intercepts: Float[np.ndarray, " classes"],
    contenders: Int[np.ndarray, " contenders"],
    means: Float[np.ndarray, "classes features"],
    covariance: Covariance,
) -> Float[np.ndarray, " classes"]:
    """Error in each class as the complement of the probability that no difference of scores favours another class."""
    from scipy.stats import multivariate_normal

    errors = np.ones(len(means))
    for own in contenders:
        rivals = contenders[contenders != own]
        differences = weights[rivals] - weights[own]
        leads = -(differences @ means[own] + intercepts[rivals] - intercepts[own])
        law = between(covariance, differences)
        errors[own] -= multivariate_normal.cdf(
            leads, cov=law, allow_singular=True, abseps=1e-6, releps=1e-6, rng=np.random.default_rng(0)
        )
    return errors
