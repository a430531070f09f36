"""Partially learned states of the matrix flow that are unstable, and the features that are
unlearned and learned again, which the scalar dynamics cannot show. Derived here.

At a partial state the features of a set S are at their diagonal fixed point, and all others are
exactly zero. The state has one exponential way out: a latent unit that holds a feature j in S
starts to read a feature i outside S, and feature i displaces j. With JEPA this happens if and only
if ρ_i > ρ_j, and with MAE if and only if λ_i ρ_i > λ_j ρ_j (explained variance). There is one
predictor layer and the covariances commute. Every other rate is negative or zero.

A misalignment δ grows as δ e^(μ t) along the plateau on which j is learned and i is not, where μ is
the `saddle_rate` of the pair. When it is of order one, the latent unit that held j reads i instead.
Feature j is then left to the unit that was to learn i, at the strength that i had reached there.
From this strength it is learned again by the scalar dynamics. Times and rates are those of the
gradient flow.
"""

from itertools import product
from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from theory.jepa_bias.domains import (
    Covariance,
    Depths,
    FeatureCovariances,
    FeatureRegressions,
    Fractions,
    Learned,
    Objective,
    Reals,
    Regression,
    Times,
)
from theory.jepa_bias.learning_times import asymptote, strength_at, time_to_reach
from theory_on_trial.contract import Count, Fraction, Interval, Positive, guarded, require

_MOST_FEATURES = 16


class StabilityMap(NamedTuple):
    """The stability of all 2^d partial states of d features."""

    learned: Bool[np.ndarray, "states features"]
    """Whether each state has learned each feature."""
    largest_rate: Float[np.ndarray, " states"]
    """The largest rate at which each state is left, which is zero if nothing grows exponentially.
    """
    stable: Bool[np.ndarray, " states"]
    """Whether a state has no positive rate."""


@guarded
def saddle_rate(
    depth: Depths,
    covariance_learned: Covariance,
    regression_learned: Regression,
    covariance_new: Covariance,
    regression_new: Regression,
    *,
    objective: Objective,
) -> Float[np.ndarray, "..."]:
    """Return the rate at which a latent unit that has learned feature j starts to read feature i.
    If it is positive, i displaces j.

    It is, with σ_i^2 = λ_i / ρ_i, for

    - JEPA: μ = ρ_j^(2L-1) σ_i^2 (ρ_i - ρ_j).
    - MAE: the larger root ν = -h + sqrt(h^2 + ω^(L-1) σ_i^2 (λ_i ρ_i - λ_j ρ_j)), where ω =
      ρ_j^(2/(L+1)) and 2h = ω^L (σ_i^2 + σ_j^2).

    All arguments broadcast.
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
    return np.asarray(rate)


@guarded
def saddle_rates(
    learned: Learned,
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    *,
    objective: Objective,
) -> Float[np.ndarray, "*states features features"]:
    """Return the `saddle_rate` of every pair of features in every state: the entry (j, i) for j
    learned and i not learned, and NaN for other pairs.
    """
    old = (covariance[:, None], regression[:, None])
    new = (covariance[None], regression[None])
    rates = saddle_rate(depth, *old, *new, objective=objective)
    return np.where(learned[..., :, None] & ~learned[..., None, :], rates, np.nan)


@guarded
def stability_map(
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    *,
    objective: Objective,
) -> StabilityMap:
    """Return which of the 2^d subsets of the d features, taken as the learned ones, the flow does
    not leave exponentially.

    Algebraic growth does not count. MAE at L = 1 also has the rates λ_i, so that only its full
    state is stable. Otherwise, if the values of ρ (of λ ρ for MAE) are distinct, d + 1 states are
    stable: the empty one and the d sets that consist of the features with the largest values.
    Raises ValueError if there are more than 16 features.
    """
    count = covariance.size
    require(
        count <= _MOST_FEATURES,
        f"covariance must list at most {_MOST_FEATURES} features (2^d states), got {count}",
    )
    states = np.array(list(product([False, True], repeat=count)))
    leaving = saddle_rates(states, covariance, regression, depth, objective=objective)
    largest = np.nan_to_num(leaving, nan=0.0).max(axis=(1, 2), initial=0.0)
    if objective == "mae" and depth == 1:
        largest = np.maximum(largest, np.where(states, 0, covariance).max(axis=1))
    return StabilityMap(states, largest, largest <= 0)


SmallStarts = Annotated[Reals, Interval(0, 1, "()", why="the law is one of small starts")]


@guarded
def displacement_time(
    learned_time: Times, rate: Reals, misalignment: Fractions, offset: Reals = 0.0
) -> Float[np.ndarray, "..."]:
    """Return the time at which feature j, learned at t_j, is displaced: t_j + max(log(1 / δ) + c,
    0) / μ.

    δ is the `misalignment`, μ the `rate` and c the `offset`. The time is infinite if μ <= 0. For
    covariances from n samples, δ is of the order n^(-1/2). The offset is of order one; see
    `misalignment_offset`. All arguments broadcast.
    """
    start, growth, amplitude, shift = np.broadcast_arrays(learned_time, rate, misalignment, offset)
    grows = growth > 0
    wait = np.maximum(shift - np.log(amplitude), 0) / np.where(grows, growth, 1)
    return np.asarray(np.where(grows, start + wait, np.inf))


@guarded
def misalignment_offset(
    depth: Depths,
    init: SmallStarts,
    covariance_learned: Covariance,
    covariance_new: Covariance,
    *,
    symmetric: bool = False,
) -> Float[np.ndarray, "..."]:
    """Return the part (1 + λ_i / λ_j) log(1 / ε) / L of the offset c that grows as ε falls, for MAE
    whose decoder starts rotated.

    If the perturbation of the decoder is `symmetric`, the ratio λ_i / λ_j has the opposite sign.
    λ_j is `covariance_learned` and λ_i is `covariance_new`. The remaining part is of order one and
    not known in closed form. Where the covariances are rotated or sampled, nothing of the offset
    grows, in MAE or JEPA. All arguments broadcast.
    """
    share = np.asarray(covariance_new / covariance_learned)
    return np.asarray((1 - share if symmetric else 1 + share) / depth * -np.log(init))


class Event(NamedTuple):
    """One event in which a feature crosses the fraction p of its asymptote: at which time, which
    feature, and of which kind.
    """

    time: float
    feature: int
    kind: Literal["learned", "unlearned", "relearned"]


@guarded
def permanent_order(
    covariance: FeatureCovariances, regression: FeatureRegressions, *, objective: Objective
) -> Int[np.ndarray, " features"]:
    """Return the indices of the features in the order in which they are learned for good, as ε
    tends to 0 at a fixed misalignment.

    The order is by decreasing ρ for JEPA and by decreasing λ ρ for MAE. It is a conjecture, which
    rests on the stability of the partial states and on simulations. It is undefined for features
    with equal values.
    """
    return np.argsort(
        -(regression if objective == "jepa" else covariance * regression), kind="stable"
    )


@guarded
def itinerary(
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    init: Positive,
    fraction: Fraction,
    misalignment: Fraction,
    *,
    objective: Objective,
    offset: float = 0.0,
) -> list[Event]:
    """Return the events in which features are learned, unlearned and relearned, in the order of
    time, for a start that is aligned except for a misalignment δ.

    This is an approximation. Every feature follows the scalar dynamics in a latent unit of its own.
    The amplitude with which the unit of a learned feature reads an unlearned one starts at δ e^(-c)
    and grows at the `saddle_rate` of the pair while the pair is in this state. When the amplitude
    reaches one, the two units exchange their features. The events are the crossings of p =
    `fraction` of the asymptotes; a displaced feature and its successor cross at the same instant.
    `misalignment` is the δ and `offset` the c of all pairs, see `misalignment_offset`.
    """
    lowest = min(0.0, np.log(misalignment) - offset)
    targets = fraction * asymptote(depth, regression, objective=objective)
    n_features = covariance.size
    # Amplitude of each latent unit (row) on each feature
    log_reading = np.full((n_features, n_features), lowest)
    unit_of = np.arange(n_features)
    learned = np.zeros(n_features, dtype=bool)
    learned_before = np.zeros(n_features, dtype=bool)
    since = np.zeros(n_features)
    starts = np.full(n_features, init)  # where each scalar trajectory starts
    now = 0.0
    events: list[Event] = []

    def learn(feature: int) -> None:
        events.append(Event(now, feature, "relearned" if learned_before[feature] else "learned"))
        learned[feature] = learned_before[feature] = True

    while not np.all(learned):
        waits = time_to_reach(targets, starts, depth, covariance, regression, objective=objective)
        due = np.where(learned, np.inf, since + np.where(starts < targets, waits, 0))
        rates = np.nan_to_num(
            saddle_rates(learned, covariance, regression, depth, objective=objective)
        )
        leaks = now - log_reading[unit_of] / np.where(rates > 0, rates, np.nan)
        following = min(float(due.min()), float(np.nanmin(leaks, initial=np.inf)))
        log_reading[unit_of] = np.maximum(log_reading[unit_of] + rates * (following - now), lowest)
        now = following
        if due.min() <= now:
            learn(int(due.argmin()))
            continue
        loser, winner = (int(index) for index in np.unravel_index(np.nanargmin(leaks), leaks.shape))
        strength = strength_at(
            now - since[winner],
            starts[winner],
            depth,
            covariance[winner],
            regression[winner],
            objective=objective,
        )
        events.append(Event(now, loser, "unlearned"))
        learned[loser] = False
        since[loser] = now
        starts[loser] = float(strength)
        log_reading[unit_of[loser], [loser, winner]] = 0
        unit_of[[loser, winner]] = unit_of[[winner, loser]]
        learn(winner)
    return events
