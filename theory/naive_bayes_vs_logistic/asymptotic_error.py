"""The error of naive Bayes with infinite data, where the features may in truth be correlated.

Classes are N(mu_k, Sigma); naive Bayes sees D = diag(Sigma) only. `covariance` is Sigma as an (n, n) matrix or as the
vector of its diagonal. Two classes of equal priors err with probability Phi(-margin). Derived here, for the Gaussian
setting of the code released with arXiv 2302.02334. A covariance that is not symmetric positive semidefinite with
positive variances, and numbers that are not finite, raise `ValueError`.
"""

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic._covariance import between, check_covariance, solve, variances_of
from theory.naive_bayes_vs_logistic._validation import Covariance
from theory.naive_bayes_vs_logistic.linear_rules import linear_rule_error, naive_bayes_rule
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_finite


@validated
def mahalanobis_squared(difference: Float[np.ndarray, " features"], covariance: Covariance) -> float:
    """Delta^2 = d^T Sigma^-1 d, with d = `difference` of two class means. `ValueError` also if Sigma is singular."""
    _check_difference(difference, covariance)
    return float(difference @ solve(covariance, difference[:, None])[:, 0])


@validated
def bayes_margin(difference: Float[np.ndarray, " features"], covariance: Covariance) -> float:
    """Delta / 2: the best rule for two classes of equal priors errs with probability Phi(-Delta / 2)."""
    return float(np.sqrt(mahalanobis_squared(difference, covariance)) / 2)


@validated
def naive_bayes_margin(difference: Float[np.ndarray, " features"], covariance: Covariance) -> float:
    """d^T D^-1 d / (2 sqrt(d^T D^-1 Sigma D^-1 d)), zero at d = 0; never above `bayes_margin`.

    The two are equal exactly where D^-1 d is parallel to Sigma^-1 d.
    """
    _check_difference(difference, covariance)
    if not np.any(difference):
        return 0.0
    weights = difference / variances_of(covariance)
    return float(difference @ weights / (2 * np.sqrt(between(covariance, weights[None])[0, 0])))


@validated
def naive_bayes_asymptotic_error(
    means: Float[np.ndarray, "classes features"],
    covariance: Covariance,
    priors: Float[np.ndarray, " classes"] | None = None,
) -> float:
    """Error of naive Bayes that knows means, variances and priors, for any number of classes and any Sigma.

    Accuracy of `linear_rule_error`. `priors` None means equal; they must be positive and sum to one.
    """
    check_covariance(covariance, means.shape[1])
    rule = naive_bayes_rule(means, variances_of(covariance), priors)
    return linear_rule_error(*rule, means, covariance, priors)


@validated
def collinear_asymptotic_error(levels: Float[np.ndarray, " classes"], covariance: Covariance) -> float:
    """Error of naive Bayes for class means c_k (1, ..., 1) and equal priors; `levels` are the c_k in any order.

    It is (2 / K) sum_k Phi(-(c_(k+1) - c_(k)) S / (2 sqrt(1^T D^-1 Sigma D^-1 1))) over neighbours in order, with
    S = sum_i 1 / sigma_i^2. `ValueError` also for fewer than two levels and for equal ones.
    """
    from scipy.special import ndtr

    check_finite("levels", levels)
    check_covariance(covariance, covariance.shape[0])
    gaps = np.diff(np.sort(levels))
    if len(levels) < 2 or not np.all(gaps > 0):
        raise ValueError(f"levels must be at least two different numbers, got {levels}")
    weights = 1 / variances_of(covariance)
    signal = weights.sum() / np.sqrt(between(covariance, weights[None])[0, 0])
    return float(2 / len(levels) * np.sum(ndtr(-gaps * signal / 2)))


def _check_difference(difference: Float[np.ndarray, " features"], covariance: Covariance) -> None:
    check_finite("difference", difference)
    check_covariance(covariance, len(difference))
