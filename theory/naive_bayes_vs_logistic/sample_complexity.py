"""How many samples naive Bayes needs to come within `excess` of its asymptotic error.

The setting is that of `expected_error`: two Gaussian classes of equal priors and known diagonal
covariance, Δ^2 = `squared_distance`, asymptotic error Φ(-Δ / 2). Sizes are real numbers and never
below 2, one sample per class. Ng & Jordan 2001 and arXiv 2302.02334 give growth with log n at best;
the exact laws are derived here.
"""

import numpy as np

from theory.naive_bayes_vs_logistic.domains import Features
from theory.naive_bayes_vs_logistic.expected_error import naive_bayes_expected_error
from theory_on_trial.contract import Fraction, NonNegative, Positive, guarded, require

_MINIMUM = 2.0


@guarded
def naive_bayes_samples(
    n_features: Features, squared_distance: NonNegative, excess: Positive
) -> float:
    """Real m at which the exact expected error is Φ(-Δ / 2) + `excess`; 2 where two samples already
    suffice.

    Relative error about 1e-12 of the asymptotic error over the excess. `ValueError` for an excess
    below 1e-9 of the asymptotic error, which float64 does not resolve.

    >>> [round(naive_bayes_samples(n, 4, 0.02), 1) for n in (50, 100, 200)]
    [280.2, 557.7, 1112.7]
    """
    from scipy.optimize import brentq

    target = _target(squared_distance, excess)

    def above_target(log_samples: float) -> float:
        return (
            naive_bayes_expected_error(n_features, float(np.exp(log_samples)), squared_distance)
            / target
            - 1
        )

    lower = np.log(_MINIMUM)
    if above_target(lower) <= 0:
        return _MINIMUM
    upper = lower + 1
    while above_target(upper) > 0:
        lower = upper
        upper = upper + 2
    return float(np.exp(brentq(above_target, lower, upper, xtol=1e-14, rtol=1e-14)))


@guarded
def naive_bayes_samples_large_n(
    n_features: Features, squared_distance: NonNegative, excess: Positive
) -> float:
    """Real m >= 2 at which the large-n form of the error is Φ(-Δ / 2) + `excess`. Raises as
    `naive_bayes_samples`.

    With z = -Φ^-1(target), 1 / m is the positive root of (Δ^2 + 4 n / m)(1 + 1 / m) = Δ^4 / (4
    z^2).
    """
    from scipy.special import ndtri

    target = _target(squared_distance, excess)
    if target >= 0.5:
        return _MINIMUM
    surplus = squared_distance**2 / (4 * ndtri(target) ** 2) - squared_distance
    linear = squared_distance + 4 * n_features
    return float(
        max(_MINIMUM, (linear + np.sqrt(linear**2 + 16 * n_features * surplus)) / (2 * surplus))
    )


@guarded
def naive_bayes_sample_exponent(signal_exponent: NonNegative) -> float:
    """Exponent of n in the samples for Δ^2 = n^a: 1 for a = 0, 1 - 2 a up to a = 1/2, and 0 beyond
    (no log n).
    """
    return float(max(0.0, 1 - 2 * signal_exponent))


@guarded
def rare_class_samples(prior: Fraction, failure: Fraction) -> float:
    """Least real m with (1 - prior)^m <= `failure`, about log(1 / failure) / prior: order n for a
    prior of 1 / n.
    """
    return float(np.log(failure) / np.log1p(-prior))


def _target(squared_distance: float, excess: float) -> float:
    from scipy.special import ndtr

    limit = float(ndtr(-np.sqrt(squared_distance) / 2))
    require(
        excess >= 1e-9 * limit,
        f"excess must be at least 1e-9 of the asymptotic error {limit:.3g}, got {excess}",
    )
    return limit + excess
