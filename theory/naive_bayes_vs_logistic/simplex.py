"""Several classes whose means are a simplex: every two at the distance Δ, with equal priors and
independent features of variance one.

n is the number of features, m that of samples, as many of each of K classes. Derived here; for two
classes the laws are those of `expected_error`.
"""

import numpy as np

from theory.naive_bayes_vs_logistic.domains import Classes
from theory_on_trial.contract import NonNegative, Positive, guarded, require


@guarded
def simplex_bayes_error(n_classes: Classes, distance: NonNegative) -> float:
    """The least error of any rule, 1 - ∫ φ(t) Φ(t + Δ / √2)^(K - 1) dt, to about 1e-13.

    Means at the distance Δ may be taken as orthogonal, of length Δ / √2. Then the scores of x are
    independent and normal, and that of its own class is Δ / √2 ahead of the others.

    >>> [round(simplex_bayes_error(classes, 3.0), 6) for classes in (2, 3, 5)]
    [0.066807, 0.115291, 0.184871]
    """
    from scipy.integrate import quad
    from scipy.special import log_ndtr

    others = n_classes - 1

    def lost(t: float) -> float:
        """The density of the own score, times the chance that another one is larger."""
        return float(np.exp(-(t**2) / 2) * -np.expm1(others * log_ndtr(t + distance / np.sqrt(2))))

    return float(quad(lost, -12, 12, epsabs=1e-14, epsrel=1e-13, limit=200)[0] / np.sqrt(2 * np.pi))


@guarded
def simplex_expected_error_large_n(
    n_classes: Classes, distance: NonNegative, per_feature: Positive
) -> float:
    """The mean error of naive Bayes trained on m = `per_feature` n samples, as n grows: the Bayes
    error at the distance Δ² / sqrt(Δ² + 2 K n / m).

    Differences of the scores keep their means, multiples of Δ² / 2. The noise of the K estimated
    means adds 2 K n / m to their variances Δ², with the same correlations.

    >>> round(simplex_expected_error_large_n(2, 2.0, 4.0), 6)
    0.185547
    """
    noise = 2 * n_classes / per_feature
    effective = distance**2 / np.hypot(distance, np.sqrt(noise))
    return simplex_bayes_error(n_classes, float(effective))


@guarded
def simplex_samples_per_feature(n_classes: Classes, distance: Positive, excess: Positive) -> float:
    """The limit of m / n at which the mean error of naive Bayes is the Bayes error plus `excess`:
    2 K / (Δ⁴ / D² - Δ²), D the distance with that Bayes error.

    Raises ValueError for an excess that leaves no distance D: one with which guessing would do.

    >>> [round(simplex_samples_per_feature(classes, 3.0, 0.02), 2) for classes in (2, 3, 5)]
    [2.06, 5.04, 12.28]
    """
    from scipy.optimize import brentq

    target = simplex_bayes_error(n_classes, distance) + excess
    guessing = 1 - 1 / n_classes
    require(
        target < guessing,
        f"excess must leave the error below {guessing:.3g}, that of guessing, got {excess}",
    )
    with_error = brentq(
        lambda shorter: simplex_bayes_error(n_classes, shorter) - target, 0.0, distance, xtol=1e-13
    )
    return float(2 * n_classes / (distance**4 / with_error**2 - distance**2))
