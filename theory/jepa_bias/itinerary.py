"""The itinerary of a run that is not perfectly aligned: what it learns, unlearns and relearns.

Two mechanisms, derived here: the amplitude with which the latent unit of a learned feature j reads
an unlearned i grows at the `saddle_rate` of the pair, until the unit reads i instead of j; and j is
then left to the unit that was to learn i, at the strength that i had reached there, from which it
is learned again by the scalar dynamics.
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int

from theory.jepa_bias.domains import Clock, FeatureCovariances, FeatureRegressions, Objective
from theory.jepa_bias.implicit_time import strength_at, time_to_reach
from theory.jepa_bias.scalar import asymptote
from theory.jepa_bias.stability import saddle_rates
from theory_on_trial.contract import Count, Fraction, Positive, guarded


class Event(NamedTuple):
    """One crossing of the fraction p of its asymptote by a feature."""

    time: float
    feature: int
    kind: Literal["learned", "unlearned", "relearned"]


@guarded
def permanent_order(
    covariance: FeatureCovariances, regression: FeatureRegressions, *, objective: Objective
) -> Int[np.ndarray, " features"]:
    """Indices as features are learned for good, ε -> 0 at fixed misalignment: by falling ρ for
    JEPA, λ ρ for MAE.

    A conjecture, from the stability of the partial states and simulations; undefined for equal
    values.
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
    clock: Clock,
    offset: float = 0.0,
) -> list[Event]:
    """What is learned, unlearned and relearned, and when, from an aligned start but for a
    misalignment δ.

    An approximation: every feature follows the scalar dynamics in a latent unit of its own; the
    amplitude with which the unit of a learned feature reads an unlearned one starts at δ e^(-c),
    grows at the `saddle_rate` of the pair while this lasts, and at one the two units exchange their
    features. Crossings of p = `fraction` of the asymptotes are listed in order of time, on the
    given clock; a displaced feature and its successor cross at the same instant. `misalignment` is
    the δ of all pairs, `offset` their c, see `misalignment_offset`.
    """
    lowest = min(0.0, np.log(misalignment) - offset)
    targets = fraction * asymptote(depth, regression, objective=objective)
    n_features = covariance.size
    log_reading = np.full(
        (n_features, n_features), lowest
    )  # amplitude of each latent unit (row) on each feature
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
        waits = time_to_reach(
            targets, starts, depth, covariance, regression, objective=objective, clock=clock
        )
        due = np.where(learned, np.inf, since + np.where(starts < targets, waits, 0))
        rates = np.nan_to_num(
            saddle_rates(learned, covariance, regression, depth, objective=objective, clock=clock)
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
            clock=clock,
        )
        events.append(Event(now, loser, "unlearned"))
        learned[loser] = False
        since[loser] = now
        starts[loser] = float(strength)
        log_reading[unit_of[loser], [loser, winner]] = 0
        unit_of[[loser, winner]] = unit_of[[winner, loser]]
        learn(winner)
    return events
