"""How many samples naive Bayes needs to come within `excess` of its asymptotic error.

The setting is that of `expected_error`: two Gaussian classes of equal priors and known diagonal covariance, Delta^2 =
`squared_distance`, asymptotic error Phi(-Delta / 2). Sizes are real numbers and never below 2, one sample per class.
Ng & Jordan 2001 and arXiv 2302.02334 give growth with log n at best; the exact laws are derived here. Values out of
range raise `ValueError`.
"""

import numpy as np

from theory.naive_bayes_vs_logistic._validation import check_features
from theory.naive_bayes_vs_logistic.expected_error import naive_bayes_expected_error
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_non_negative, check_open_fraction, check_positive

_MINIMUM = 2.0


@validated
def naive_bayes_samples(n_features: int, squared_distance: float | int, excess: float | int) -> float:
    """Real m at which the exact expected error is Phi(-Delta / 2) + `excess`; 2 where two samples already suffice.

    Relative error about 1e-12 of the asymptotic error over the excess. `ValueError` if `excess` is not positive (the
    error stays above its limit at every m) or below 1e-9 of the asymptotic error (beyond what float64 resolves).
    """
    from scipy.optimize import brentq

    target = _target(n_features, squared_distance, excess)

    def above_target(log_samples: float) -> float:
        return naive_bayes_expected_error(n_features, float(np.exp(log_samples)), squared_distance) / target - 1

    lower = np.log(_MINIMUM)
    if above_target(lower) <= 0:
        return _MINIMUM
    upper = lower + 1
    while above_target(upper) > 0:
        lower, upper = upper, upper + 2
    return float(np.exp(brentq(above_target, lower, upper, xtol=1e-14, rtol=1e-14)))


@validated
def naive_bayes_samples_large_n(n_features: int, squared_distance: float | int, excess: float | int) -> float:
    """Real m at which the large-n form of the error is Phi(-Delta / 2) + `excess`, in closed form; at least 2.

    With z = -Phi^-1(target), 1 / m is the positive root of (Delta^2 + 4 n / m)(1 + 1 / m) = Delta^4 / (4 z^2).
    Conditions as for `naive_bayes_samples`.
    """
    from scipy.special import ndtri

    target = _target(n_features, squared_distance, excess)
    if target >= 0.5:
        return _MINIMUM
    surplus = squared_distance**2 / (4 * ndtri(target) ** 2) - squared_distance
    linear = squared_distance + 4 * n_features
    return float(max(_MINIMUM, (linear + np.sqrt(linear**2 + 16 * n_features * surplus)) / (2 * surplus)))


@validated
def naive_bayes_samples_leading(n_features: int, squared_distance: float | int, excess: float | int) -> float:
    """16 z^2 n / Delta^4 with z = Phi^-1(1 - excess): the law between the regimes, where Delta and m are both large.

    Not cut off at 2. `squared_distance` must be positive and `excess` strictly between 0 and 1/2.
    """
    from scipy.special import ndtri

    check_features(n_features)
    check_positive("squared_distance", squared_distance)
    if not 0 < excess < 0.5:
        raise ValueError(f"excess must be strictly between 0 and 1/2, got {excess}")
    return float(16 * ndtri(excess) ** 2 * n_features / squared_distance**2)


@validated
def naive_bayes_sample_exponent(signal_exponent: float | int) -> float:
    """Exponent of n in the number of samples where Delta^2 = n^a, a = `signal_exponent` >= 0.

    1 for a = 0 (fixed total signal), 1 - 2 a up to a = 1/2, and 0 beyond: not even log n.
    """
    check_non_negative("signal_exponent", signal_exponent)
    return float(max(0.0, 1 - 2 * signal_exponent))


@validated
def rare_class_samples(prior: float, failure: float) -> float:
    """Least real m with (1 - prior)^m <= `failure`: no class of this prior is absent but with that probability.

    log(1 / failure) / prior to leading order, so a prior of order 1 / n needs order n samples just to see its class.
    Both arguments are strictly between 0 and 1.
    """
    check_open_fraction("prior", prior)
    check_open_fraction("failure", failure)
    return float(np.log(failure) / np.log1p(-prior))


def _target(n_features: int, squared_distance: float | int, excess: float | int) -> float:
    from scipy.special import ndtr

    check_features(n_features)
    check_non_negative("squared_distance", squared_distance)
    if not excess > 0:
        raise ValueError(
            f"excess must be positive, got {excess}: unreachable, the error exceeds its limit at every sample size"
        )
    asymptotic_error = float(ndtr(-np.sqrt(squared_distance) / 2))
    if excess < 1e-9 * asymptotic_error:
        raise ValueError(
            f"excess must be at least 1e-9 of the asymptotic error {asymptotic_error:.3g}, got {excess}: "
            "smaller ones are unreachable in float64"
        )
    return asymptotic_error + excess
