"""Stability of the partially learned states of the matrix flow, which the scalar dynamics cannot
see. Derived here.

At a partial state the features of a set S are at their diagonal fixed point and all others exactly
zero. The one way out that is exponential is that a latent unit which holds j in S starts to read i
outside S: feature i displaces j. JEPA: iff ρ_i > ρ_j. MAE: iff λ_i ρ_i > λ_j ρ_j (explained
variance). One predictor layer, commuting covariances; every other rate is negative or zero. Rates
are per unit of time on the given clock.
"""

from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from theory.jepa_bias.domains import (
    Clock,
    Covariance,
    Depths,
    FeatureCovariances,
    FeatureRegressions,
    Learned,
    Objective,
    Regression,
)
from theory.jepa_bias.scalar import clock_factor
from theory_on_trial.contract import Count, guarded, require

_MOST_FEATURES = 16


class StabilityMap(NamedTuple):
    """All 2^d partial states of d features."""

    learned: Bool[np.ndarray, "states features"]
    """Which features each state has learned."""
    largest_rate: Float[np.ndarray, " states"]
    """The largest rate at which a state is left; zero where nothing grows exponentially."""
    stable: Bool[np.ndarray, " states"]
    """Whether no rate is positive."""


@guarded
def saddle_rate(
    depth: Depths,
    covariance_learned: Covariance,
    regression_learned: Regression,
    covariance_new: Covariance,
    regression_new: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """Rate at which a latent unit that has learned feature j starts to read i: where positive, i
    displaces j.

    JEPA: μ = ρ_j^(2L-1) σ_i^2 (ρ_i - ρ_j). MAE, with ω = ρ_j^(2/(L+1)), 2h = ω^L (σ_i^2 + σ_j^2):
    the larger root ν = -h + sqrt(h^2 + ω^(L-1) σ_i^2 (λ_i ρ_i - λ_j ρ_j)). Flow clock; divided by L
    on the paper's. All broadcast.
    """
    layers, old, rho_old, new, rho_new = np.broadcast_arrays(
        depth, covariance_learned, regression_learned, covariance_new, regression_new
    )
    variance_old = old / rho_old
    variance_new = new / rho_new
    if objective == "jepa":
        rate = rho_old ** (2 * layers - 1) * variance_new * (rho_new - rho_old)
    else:
        omega = rho_old ** (2 / (layers + 1))
        half = omega**layers * (variance_new + variance_old) / 2
        # The form of the root that has no cancellation; its radicand is a sum of squares.
        root = np.sqrt(
            (omega**layers * (variance_new - variance_old) / 2) ** 2
            + omega ** (layers - 1) * new**2
        )
        rate = (
            omega ** (layers - 1) * variance_new * (new * rho_new - old * rho_old) / (half + root)
        )
    return np.asarray(rate / clock_factor(clock, depth))


@guarded
def saddle_rates(
    learned: Learned,
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "features features"]:
    """`saddle_rate` of every pair: entry (j, i) for j learned and i not; NaN elsewhere."""
    old = (covariance[:, None], regression[:, None])
    new = (covariance[None], regression[None])
    rates = saddle_rate(depth, *old, *new, objective=objective, clock=clock)
    return np.where(learned[:, None] & ~learned[None], rates, np.nan)


@guarded
def is_stable(
    learned: Learned,
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    *,
    objective: Objective,
) -> bool:
    """Whether nothing grows exponentially out of the state: no learned feature is displaced by one
    that is not.

    Algebraic growth does not count. MAE at L = 1 also has the rates λ_i, so that only its full
    state is stable.
    """
    return bool(_largest_rate(learned, covariance, regression, depth, objective) <= 0)


@guarded
def stability_map(
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    *,
    objective: Objective,
) -> StabilityMap:
    """`is_stable` of all subsets of at most 16 features, rates on the flow clock.

    With distinct ρ (MAE, L >= 2: λ ρ) d + 1 are stable: the empty one and the d sets of most
    preferred features.
    """
    count = covariance.size
    require(
        count <= _MOST_FEATURES,
        f"covariance must list at most {_MOST_FEATURES} features (2^d states), got {count}",
    )
    states = np.array(list(product([False, True], repeat=count)))
    largest = np.array(
        [_largest_rate(state, covariance, regression, depth, objective) for state in states]
    )
    return StabilityMap(states, largest, largest <= 0)


@guarded
def full_fixed_point_rates(
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "features features"]:
    """Rates of the balanced flow about the state in which all is learned, for every entry (i, j);
    flow clock.

    JEPA: -σ_j^2 (ρ_i^(2L+1) + ρ_j^(2L+1)) / (ρ_i + ρ_j); MAE: -σ_j^2 sum_(k=0)^L ρ_i^(2(L-k)/(L+1))
    ρ_j^(2k/(L+1)).
    """
    if objective == "jepa":
        powers = regression ** (2 * depth + 1)
        sums = (powers[:, None] + powers[None]) / (regression[:, None] + regression[None])
    else:
        steps = regression[:, None] ** (2 * np.arange(depth + 1) / (depth + 1))
        sums = steps[:, ::-1] @ steps.T
    return -sums * (covariance / regression)[None] / clock_factor(clock, depth)


@guarded
def largest_stable_step(
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    *,
    objective: Objective,
    clock: Clock,
    method: Literal["euler", "rk4"],
) -> float:
    """Largest step with which gradient descent ("euler") or classical Runge-Kutta stays at the full
    fixed point.

    2, resp. 2.785..., over the largest of `full_fixed_point_rates`; stable is not thereby accurate.
    """
    rates = full_fixed_point_rates(covariance, regression, depth, objective=objective, clock=clock)
    # |1 + z + ... + z^k / k!| <= 1 on the negative axis down to the real root of (1 + z + ... - 1)
    # / z = 0, k = 4.
    roots = np.roots([1, 4, 12, 24])
    reach = 2.0 if method == "euler" else -float(roots[np.argmin(np.abs(roots.imag))].real)
    return reach / float(-rates.min())


def _largest_rate(
    learned: Learned,
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    objective: Objective,
) -> float:
    rates = saddle_rates(learned, covariance, regression, depth, objective=objective, clock="flow")
    present = [rates[~np.isnan(rates)], [0.0]]
    if objective == "mae" and depth == 1:
        present.append(covariance[~learned])
    return float(np.concatenate(present).max())
