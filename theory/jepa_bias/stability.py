"""Stability of the partially learned states of the matrix flow, which the scalar dynamics cannot see. Derived here.

At a partial state the features of a set S are at their diagonal fixed point and all others exactly zero. The one way
out that is exponential is that a latent unit which holds j in S starts to read i outside S: feature i displaces j.
JEPA: iff rho_i > rho_j. MAE: iff lambda_i rho_i > lambda_j rho_j (explained variance). One predictor layer, commuting
covariances; every other rate is negative or zero. Rates are per unit of time on the given clock; `ValueError` for
values out of range.
"""

from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from theory.jepa_bias._validation import (
    Clock,
    Integers,
    Objective,
    Values,
    broadcast,
    check_objective,
    checked_covariance,
    checked_depth,
    checked_features,
    checked_members,
    checked_regression,
    clock_factor,
)
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_choice

_MOST_FEATURES = 16


class StabilityMap(NamedTuple):
    """All 2^d partial states of d features."""

    learned: Bool[np.ndarray, "states features"]
    """Which features each state has learned."""
    largest_rate: Float[np.ndarray, " states"]
    """The largest rate at which a state is left; zero where nothing grows exponentially."""
    stable: Bool[np.ndarray, " states"]
    """Whether no rate is positive."""


@validated
def saddle_rate(
    depth: Integers,
    covariance_learned: Values,
    regression_learned: Values,
    covariance_new: Values,
    regression_new: Values,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """Rate at which a latent unit that has learned feature j starts to read i: where positive, i displaces j.

    JEPA: mu = rho_j^(2L-1) sigma_i^2 (rho_i - rho_j). MAE, with omega = rho_j^(2/(L+1)): the larger root
    nu = -h + sqrt(h^2 + omega^(L-1) sigma_i^2 (lambda_i rho_i - lambda_j rho_j)), 2h = omega^L (sigma_i^2 + sigma_j^2).
    On the flow clock; divided by L on the paper's. All arguments broadcast. Valid from L = 1 on.
    """
    check_objective(objective)
    layers, kept, rho_kept, new, rho_new = broadcast(
        depth=checked_depth(depth),
        covariance_learned=checked_covariance(covariance_learned, "covariance_learned"),
        regression_learned=checked_regression(regression_learned, "regression_learned"),
        covariance_new=checked_covariance(covariance_new, "covariance_new"),
        regression_new=checked_regression(regression_new, "regression_new"),
    )
    variance_kept, variance_new = kept / rho_kept, new / rho_new
    if objective == "jepa":
        rate = rho_kept ** (2 * layers - 1) * variance_new * (rho_new - rho_kept)
    else:
        omega = rho_kept ** (2 / (layers + 1))
        half = omega**layers * (variance_new + variance_kept) / 2
        # The form of the root that has no cancellation; its radicand is a sum of squares.
        root = np.sqrt((omega**layers * (variance_new - variance_kept) / 2) ** 2 + omega ** (layers - 1) * new**2)
        rate = omega ** (layers - 1) * variance_new * (new * rho_new - kept * rho_kept) / (half + root)
    return np.asarray(rate / clock_factor(clock, layers))


@validated
def saddle_rates(
    learned: Bool[np.ndarray, " features"],
    covariance: Float[np.ndarray, " features"],
    regression: Float[np.ndarray, " features"],
    depth: int,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "features features"]:
    """`saddle_rate` of every pair: entry (j, i) for j learned and i not; NaN elsewhere."""
    kept = checked_members(learned, covariance, regression)
    rates = saddle_rate(
        depth,
        covariance[:, None],
        regression[:, None],
        covariance[None],
        regression[None],
        objective=objective,
        clock=clock,
    )
    return np.where(kept[:, None] & ~kept[None], rates, np.nan)


@validated
def is_stable(
    learned: Bool[np.ndarray, " features"],
    covariance: Float[np.ndarray, " features"],
    regression: Float[np.ndarray, " features"],
    depth: int,
    *,
    objective: Objective,
) -> bool:
    """Whether nothing grows exponentially out of the state: no learned feature is displaced by one that is not.

    From L = 2 on (and for JEPA at L = 1) unlearned features grow algebraically, which does not count; MAE at L = 1
    also has the growth rates lambda_i of the unlearned features, so that only its full state is stable.
    """
    return bool(_largest_rate(learned, covariance, regression, depth, objective) <= 0)


@validated
def stability_map(
    covariance: Float[np.ndarray, " features"],
    regression: Float[np.ndarray, " features"],
    depth: int,
    *,
    objective: Objective,
) -> StabilityMap:
    """`is_stable` of all subsets of at most 16 features, rates on the flow clock.

    With distinct rho (JEPA; lambda rho for MAE, L >= 2) the stable ones are the empty state and the d sets of the
    most preferred features, so d + 1 of 2^d.
    """
    checked_features(covariance, regression)
    if covariance.size > _MOST_FEATURES:
        raise ValueError(f"covariance must list at most {_MOST_FEATURES} features (2^d states), got {covariance.size}")
    learned = np.array(list(product([False, True], repeat=covariance.size)))
    largest = np.array([_largest_rate(state, covariance, regression, depth, objective) for state in learned])
    return StabilityMap(learned, largest, largest <= 0)


@validated
def full_fixed_point_rates(
    covariance: Float[np.ndarray, " features"],
    regression: Float[np.ndarray, " features"],
    depth: int,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "features features"]:
    """Rates of the balanced flow about the state in which all is learned, for every entry (i, j); all negative.

    JEPA: -sigma_j^2 (rho_i^(2L+1) + rho_j^(2L+1)) / (rho_i + rho_j). MAE, entry (i, j) of the end-to-end map:
    -sigma_j^2 sum_(k=0)^L rho_i^(2(L-k)/(L+1)) rho_j^(2k/(L+1)). On the flow clock.
    """
    check_objective(objective)
    strength, rho = checked_features(covariance, regression)
    layers = int(checked_depth(depth))
    if objective == "jepa":
        powers = rho ** (2 * layers + 1)
        sums = (powers[:, None] + powers[None]) / (rho[:, None] + rho[None])
    else:
        steps = rho[:, None] ** (2 * np.arange(layers + 1) / (layers + 1))
        sums = steps[:, ::-1] @ steps.T
    return -sums * (strength / rho)[None] / clock_factor(clock, np.asarray(layers))


@validated
def largest_stable_step(
    covariance: Float[np.ndarray, " features"],
    regression: Float[np.ndarray, " features"],
    depth: int,
    *,
    objective: Objective,
    clock: Clock,
    method: Literal["euler", "rk4"],
) -> float:
    """Largest step with which gradient descent ("euler") or classical Runge-Kutta stays at the full fixed point.

    2, respectively 2.785..., over the largest of `full_fixed_point_rates`. Beyond it nothing need blow up: spurious
    crossings and wrong orders are what one sees. A step that is stable here is not thereby accurate.
    """
    check_choice("method", method, ("euler", "rk4"))
    rates = full_fixed_point_rates(covariance, regression, depth, objective=objective, clock=clock)
    # |1 + z + ... + z^k / k!| <= 1 on the negative axis down to the real root of (1 + z + ... - 1) / z = 0, k = 4.
    roots = np.roots([1, 4, 12, 24])
    reach = 2.0 if method == "euler" else -float(roots[np.argmin(np.abs(roots.imag))].real)
    return reach / float(-rates.min())


def _largest_rate(
    learned: Bool[np.ndarray, " features"],
    covariance: Float[np.ndarray, " features"],
    regression: Float[np.ndarray, " features"],
    depth: int,
    objective: Objective,
) -> float:
    rates = saddle_rates(learned, covariance, regression, depth, objective=objective, clock="flow")
    present = [rates[~np.isnan(rates)], [0.0]]
    if objective == "mae" and depth == 1:
        present.append(covariance[~learned])
    return float(np.concatenate(present).max())
