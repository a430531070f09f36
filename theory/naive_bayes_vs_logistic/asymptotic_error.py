"""The error of naive Bayes with infinite data, where the features may in truth be correlated.

Classes are N(μ_k, Σ); naive Bayes sees D = diag(Σ) only. `covariance` is Σ as an (n, n) matrix or
as the vector of its diagonal. Two classes of equal priors err with probability Φ(-margin). Derived
here, for the Gaussian setting of the code released with arXiv 2302.02334.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic._covariance import between, solve, variances_of
from theory.naive_bayes_vs_logistic.domains import Covariance, DefiniteCovariance, Means, Priors
from theory.naive_bayes_vs_logistic.linear_rules import linear_rule_error, naive_bayes_rule
from theory_on_trial.contract import Holds, guarded

_DIFFERENT = Holds(
    "different", "be at least 2 different numbers", lambda c: len(c) > 1 and len(set(c)) == len(c)
)


@guarded
def mahalanobis_squared(
    difference: Float[np.ndarray, " features"], covariance: DefiniteCovariance
) -> float:
    """Δ^2 = d^T Σ^-1 d, with d = `difference` of two class means."""
    return float(difference @ solve(covariance, difference[:, None])[:, 0])


@guarded
def bayes_margin(
    difference: Float[np.ndarray, " features"], covariance: DefiniteCovariance
) -> float:
    """Δ / 2: the best rule for two classes of equal priors errs with probability Φ(-Δ / 2)."""
    return float(np.sqrt(mahalanobis_squared(difference, covariance)) / 2)


@guarded
def naive_bayes_margin(difference: Float[np.ndarray, " features"], covariance: Covariance) -> float:
    """d^T D^-1 d / (2 sqrt(d^T D^-1 Σ D^-1 d)) <= `bayes_margin`, equal where D^-1 d and Σ^-1 d are
    parallel; 0 at d = 0.
    """
    if not np.any(difference):
        return 0.0
    weights = difference / variances_of(covariance)
    return float(difference @ weights / (2 * np.sqrt(between(covariance, weights[None])[0, 0])))


@guarded
def naive_bayes_asymptotic_error(
    means: Means, covariance: Covariance, priors: Priors | None = None
) -> float:
    """Error of naive Bayes that knows means, variances and priors, for any number of classes and
    any Σ.

    Accuracy of `linear_rule_error`.
    """
    rule = naive_bayes_rule(means, variances_of(covariance), priors)
    return linear_rule_error(*rule, means, covariance, priors)


@guarded
def collinear_asymptotic_error(
    levels: Annotated[Float[np.ndarray, " classes"], _DIFFERENT], covariance: Covariance
) -> float:
    """Error of naive Bayes for class means c_k (1, ..., 1) and equal priors; `levels` are the c_k
    in any order.

    It is (2 / K) sum_k Φ(-(c_(k+1) - c_(k)) S / (2 sqrt(1^T D^-1 Σ D^-1 1))) over neighbours in
    order, with S = sum_i 1 / σ_i^2.
    """
    from scipy.special import ndtr

    gaps = np.diff(np.sort(levels))
    weights = 1 / variances_of(covariance)
    signal = weights.sum() / np.sqrt(between(covariance, weights[None])[0, 0])
    return float(2 / len(levels) * np.sum(ndtr(-gaps * signal / 2)))
