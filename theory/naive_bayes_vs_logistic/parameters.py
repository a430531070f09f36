"""When all class means are known to within a tolerance: the lemma in which log n is sharp.

K classes of m / K samples each, n independent Gaussian features of the known standard deviation `noise` = sigma. Ng &
Jordan 2001 state the order (1 / epsilon^2) log n; the exact law is derived here. m = `n_samples` may be any positive
real number, `deviation` = epsilon and `noise` are in the units of the features. Values out of range raise `ValueError`.
"""

import numpy as np

from theory.naive_bayes_vs_logistic._validation import check_classes, check_features
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_open_fraction, check_positive


@validated
def sup_norm_coverage(
    n_samples: float | int, n_features: int, n_classes: int, deviation: float | int, noise: float | int = 1.0
) -> float:
    """P(max_{k,i} |estimated - true mean| <= epsilon) = (2 Phi(epsilon sqrt(m / K) / sigma) - 1)^(n K)."""
    from scipy.special import erfc

    check_positive("n_samples", n_samples)
    _check_problem(n_features, n_classes, deviation, noise)
    exceeded_by_one = erfc(deviation * np.sqrt(n_samples / (2 * n_classes)) / noise)
    if exceeded_by_one == 1:
        return 0.0
    return float(np.exp(n_features * n_classes * np.log1p(-exceeded_by_one)))


@validated
def sup_norm_samples(
    n_features: int, n_classes: int, deviation: float | int, failure: float, noise: float | int = 1.0
) -> float:
    """Real m at which `sup_norm_coverage` is 1 - delta, delta = `failure` strictly between 0 and 1.

    K sigma^2 / epsilon^2 times the square of the normal quantile at (1 + (1 - delta)^(1 / (n K))) / 2.
    """
    from scipy.special import erfcinv

    check_open_fraction("failure", failure)
    _check_problem(n_features, n_classes, deviation, noise)
    failure_of_one = -np.expm1(np.log1p(-failure) / (n_features * n_classes))
    if failure_of_one == 0:
        raise ValueError(f"failure must be a float64 when shared out over n_features and n_classes, got {failure}")
    return float(2 * n_classes * (noise / deviation * erfcinv(failure_of_one)) ** 2)


@validated
def sup_norm_samples_leading(
    n_features: int, n_classes: int, deviation: float | int, failure: float, noise: float | int = 1.0
) -> float:
    """2 K sigma^2 / epsilon^2 log(n K / delta): the growth of `sup_norm_samples`, which stays below it."""
    check_open_fraction("failure", failure)
    _check_problem(n_features, n_classes, deviation, noise)
    return float(2 * n_classes * (noise / deviation) ** 2 * np.log(n_features * n_classes / failure))


def _check_problem(n_features: int, n_classes: int, deviation: float | int, noise: float | int) -> None:
    check_features(n_features)
    check_classes(n_classes)
    check_positive("deviation", deviation)
    check_positive("noise", noise)
