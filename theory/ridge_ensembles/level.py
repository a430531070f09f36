"""The level μ, the one number through which the penalty and the subsample size enter; it is 1 / v
of the paper.

Du, Patil & Kuchibhotla 2023 (arXiv 2304.13016) solve a fixed point for v. Its reciprocal μ stays
finite where least squares do not interpolate (μ = 0 at λ = 0, φ_s <= 1).
"""

from collections.abc import Callable

import numpy as np

from theory.ridge_ensembles.population import Aspect, Penalty, Population
from theory.ridge_ensembles.sums import threshold_distance
from theory_on_trial.contract import guarded, require


@guarded
def level(population: Population, penalty: Penalty, aspect: Aspect) -> float:
    """Return the level μ, the larger root of μ = λ + φ_s sum h r μ / (μ + r), in squared units of
    x; λ = `penalty` and φ_s = `aspect`.

    Raises ValueError unless λ > `least_penalty`, except at λ = 0 and φ_s <= 1, where μ is 0.
    Source: the authors' `v_general`, which has v = 1 / μ.

    >>> round(level(Population([0.5, 4.0], [0.5, 0.5], [0.2, 0.8], 1.0, 0.25), 0.1, 1.25), 6)
    0.591274
    """
    if penalty == 0 and aspect <= 1:
        return 0.0
    lowest = vertex(population, aspect)
    least = penalty_of(population, lowest, aspect)
    require(penalty > least, f"penalty must exceed {least:.6g} at this aspect, got {penalty:.6g}")
    sum_at_infinity = aspect * float(population.masses @ population.eigenvalues)
    # A large penalty swallows the sum
    largest = (max(penalty, 0.0) + sum_at_infinity) * (1 + 1e-12)

    def excess(mu: float) -> float:
        return penalty_of(population, mu, aspect) - penalty

    return _root(excess, lowest, largest)


@guarded
def least_penalty(population: Population, aspect: Aspect) -> float:
    """Return the penalty that all penalties must exceed: minus the limit of the smallest eigenvalue
    of X'X / k that is not zero, in squared units of x.

    It is -(1 - sqrt(φ_s))^2 for eigenvalues of 1. Source: derived here, by convexity of the fixed
    point's equation.
    """
    return penalty_of(population, vertex(population, aspect), aspect)


@guarded
def residual_share(population: Population, penalty: Penalty, aspect: Aspect) -> float:
    """Return the limit d of 1 - df / k of a member, where df are its degrees of freedom: λ / μ, or
    1 - φ_s where μ = 0. Raises ValueError as `level`.

    A training point's residual is d times what it would be if the member had not seen it. Source:
    the authors' code.
    """
    mu = level(population, penalty, aspect)
    return penalty / mu if mu else 1 - aspect


@guarded
def equivalent_penalty(
    population: Population, penalty: Penalty, aspect: Aspect, subsample_aspect: Aspect
) -> float:
    """Return the penalty with which ridge on all points equals the full ensemble in the limit: μ -
    φ sum h r μ / (μ + r), where μ is the level of the subsamples and φ = `aspect`.

    It is at least λ where λ >= 0. Raises ValueError as `level`, and for a subsample aspect below
    the aspect. Source: derived here; the abstract says that such penalties exist.
    """
    require_subsample(aspect, subsample_aspect)
    return penalty_of(population, level(population, penalty, subsample_aspect), aspect)


def penalty_of(population: Population, mu: float, aspect: float) -> float:
    """Return the penalty that has the level μ: μ - φ sum h r μ / (μ + r), summed to all digits as
    in `threshold_distance`.
    """
    return mu * (
        1 - aspect + aspect * float(np.sum(population.masses * mu / (mu + population.eigenvalues)))
    )


def require_subsample(aspect: float, subsample_aspect: float) -> None:
    """Raise ValueError for subsamples that are larger than the sample."""
    sentence = (
        "subsample_aspect must be at least the aspect (k <= n), got "
        f"{subsample_aspect:.6g} and {aspect:.6g}"
    )
    require(subsample_aspect >= aspect, sentence)


def vertex(population: Population, aspect: float) -> float:
    """Return the point at which the convex function μ - φ_s sum h r μ / (μ + r) is least; there
    t(φ_s) = 1.
    """
    least = float(population.eigenvalues.min())
    largest = float(population.eigenvalues.max())
    share = float(population.masses[population.eigenvalues == least].sum())
    low = least * (np.sqrt(aspect * share) - 1)
    high = largest * np.sqrt(aspect) - least

    def excess(mu: float) -> float:
        return -threshold_distance(population, mu, aspect)

    if (
        excess(low) <= 0 or excess(high) >= 0
    ):  # one eigenvalue: the bracket is a point, and rounding decides
        return float(low)
    return _root(excess, low, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-300, maxiter=10_000))
