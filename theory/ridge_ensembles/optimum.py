"""The best full ensemble: the best penalty for all points, and the best subsample size without a
penalty.

Du, Patil & Kuchibhotla 2023 (arXiv 2304.13016), abstract: the best full ridgeless ensemble is as
good as the best ridge. This holds over penalties that are not negative, since subsampling can only
add ridge.
"""

from typing import Annotated, NamedTuple

import numpy as np

from theory.ridge_ensembles.level import level, penalty_of, vertex
from theory.ridge_ensembles.population import Aspect, Population
from theory.ridge_ensembles.risk import risk_at
from theory.ridge_ensembles.sums import shrunk
from theory_on_trial.contract import Interval, guarded, require

_DECADES = np.linspace(-12, 12, 121)
_STEP = 0.2  # where levels are sought, beside the largest eigenvalue


class Optimum(NamedTuple):
    """The least risk of a path, in squared units of y, and its place in the path's parameter."""

    place: float
    risk: float


@guarded
def optimal_ridge(population: Population, aspect: Aspect, *, negative: bool = False) -> Optimum:
    """Return the best penalty for ridge on all points, which is at least 0 unless `negative`, and
    its risk. They are found by a search over levels μ.

    The place is good to half the digits, and the risk to all. Raises ValueError without signal,
    since no penalty is best then.
    """
    mu = _best_level(population, aspect, negative)
    return Optimum(penalty_of(population, mu, aspect), risk_at(population, mu, aspect))


@guarded
def optimal_ridgeless(population: Population, aspect: Aspect) -> Optimum:
    """Return the best aspect p / k of the subsamples of a full ensemble without penalty, and its
    risk.

    The risk is that of `optimal_ridge` (abstract). All φ_s <= 1 have the level 0, and 1 stands for
    them. Raises ValueError without signal.
    """
    mu = _best_level(population, aspect, negative=False)
    return Optimum(max(1 / shrunk(population, mu), aspect), risk_at(population, mu, aspect))


@guarded
def isotropic_optimal_subsample_aspect(
    aspect: Aspect, noise_to_signal: Annotated[float, Interval(0, 1e12)]
) -> float:
    """Return the best aspect p / k of the subsamples of a full ensemble without penalty if Σ = I:
    the larger root of x^2 - (1 + φ + φ σ^2 / |β|^2) x + φ = 0.

    φ = `aspect`, and σ^2 / |β|^2 = `noise_to_signal`. Source: derived here.
    """
    half = (1 + aspect + aspect * noise_to_signal) / 2
    return float(half + np.sqrt(half**2 - aspect))


def _best_level(population: Population, aspect: float, negative: bool) -> float:
    from scipy.optimize import minimize_scalar

    require(
        population.signal > 0,
        "population must have a signal: without one no penalty is large enough",
    )
    low = vertex(population, aspect) if negative else level(population, 0.0, aspect)
    scale = population.eigenvalues.max()

    def risk(decade: float) -> float:
        return risk_at(population, low + scale * 10**decade, aspect)

    best = min(_DECADES, key=risk)
    minimum = minimize_scalar(
        risk, bounds=(best - _STEP, best + _STEP), method="bounded", options={"xatol": 1e-10}
    )
    # Without a penalty may be best, and that is no decade.
    return (
        low
        if not negative and risk_at(population, low, aspect) <= minimum.fun
        else low + scale * 10**minimum.x
    )
