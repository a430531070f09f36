"""The risks of one member, of a bag of M members, and of the full ensemble.

The risk is E(y - x'b)^2 on a new point, noise included, in squared units of y. Du, Patil &
Kuchibhotla 2023 (arXiv 2304.13016); the formulas are those of the authors' code, in terms of the
level μ.
"""

from typing import Annotated

import numpy as np

from theory.ridge_ensembles.level import level, require_subsample
from theory.ridge_ensembles.population import Aspect, Members, Penalty, Population
from theory.ridge_ensembles.sums import shrinkage_bias, threshold_distance
from theory_on_trial.contract import Interval, NonNegative, Size, guarded, require


@guarded
def risk_at(
    population: Population, mu: Annotated[float, Interval(-1e13, 1e13)], aspect: Aspect
) -> float:
    """Return the risk (σ^2 + c(μ)) / (1 - t(φ)) at a level μ, in squared units of y; c and t are
    those of `sums`, and φ = `aspect`. It is infinite where t = 1, the threshold of interpolation.

    If there is no noise and μ = 0, it is 0 at t = 1, since least squares are right. At the aspect
    of the subsamples this is one member's risk, and at the aspect of all points the full
    ensemble's. Raises ValueError where t > 1. Source: the authors' code.
    """
    left = threshold_distance(population, mu, aspect)
    cost = population.noise + shrinkage_bias(population, mu)
    require(
        left >= -1e-12, f"mu must be the larger root of the fixed point, got {mu:.6g} with t > 1"
    )
    return cost / left if left > 0 else np.inf if cost else 0.0


@guarded
def member_risk(population: Population, penalty: Penalty, subsample_aspect: Aspect) -> float:
    """Return the risk R1 of ridge on one subsample, in squared units of y. It is infinite at λ = 0
    and φ_s = 1. Raises ValueError as `level`.
    """
    return risk_at(population, level(population, penalty, subsample_aspect), subsample_aspect)


@guarded
def full_ensemble_risk(
    population: Population, penalty: Penalty, aspect: Aspect, subsample_aspect: Aspect
) -> float:
    """Return the risk C of the mean of all members, in squared units of y. It is also the limit of
    the mean product of two members' errors.

    Raises ValueError as `level`, and for a subsample aspect below the aspect.
    """
    require_subsample(aspect, subsample_aspect)
    return risk_at(population, level(population, penalty, subsample_aspect), aspect)


@guarded
def ensemble_risk(
    population: Population,
    penalty: Penalty,
    aspect: Aspect,
    subsample_aspect: Aspect,
    members: Members,
) -> float:
    """Return the risk R_M = R1 / M + (1 - 1 / M) C of a bag of M members, in squared units of y.
    Raises ValueError as `full_ensemble_risk`.
    """
    single = member_risk(population, penalty, subsample_aspect)
    if members == 1:  # both may be infinite
        return single
    return single / members + (1 - 1 / members) * full_ensemble_risk(
        population, penalty, aspect, subsample_aspect
    )


@guarded
def ridgeless_member_risk(
    points: Size, dimension: Size, signal: NonNegative, noise: NonNegative
) -> float:
    """Return the exact risk of least squares, of least norm where k < p, for k normal points with Σ
    = I, in squared units of y.

    It is σ^2 (1 + p / (k - p - 1)) for k > p + 1, and σ^2 (1 + k / (p - k - 1)) + |β|^2 (1 - k / p)
    for k < p - 1; raises ValueError between. Source: the mean of an inverse Wishart matrix.
    """
    require(
        abs(points - dimension) > 1,
        f"points must not be within one of dimension {dimension}, got {points}",
    )
    few, many = sorted((points, dimension))
    return noise * (1 + few / (many - few - 1)) + signal * max(0.0, 1 - points / dimension)
