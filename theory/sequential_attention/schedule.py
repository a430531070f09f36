"""When the released module picks: a warm-up of a tenth of the steps, then phases of equal length.

With f = (t / T - 1 / 10) / (9 / 10) and K phases, phase i = min(floor(f K), K - 1); a pick falls due once i is at least
the number of features chosen.
"""

from typing import Annotated

from theory_on_trial.contract import Interval, guarded, require

Number = Annotated[int, Interval(1, 2**20)]


@guarded
def pick_steps(steps: Number, features: Number, at_once: Number) -> tuple[int, ...]:
    """The steps t of T at which m of k features are picked: the first t >= T (1 + 9 i / K) / 10, i = 0, m, 2 m, ...

    With i below the K = k / m phases. Raises ValueError unless m divides k and each phase has a step.
    Source: the code's schedule.

    >>> pick_steps(1000, 4, 1)
    (100, 325, 550, 775)
    """
    require(features % at_once == 0, f"at_once must divide features, got {at_once} and {features}")
    phases = features // at_once
    require(9 * steps >= 10 * phases, f"steps must give each of the {phases} phases one, got {steps}")
    return tuple(-(-steps * (phases + 9 * i) // (10 * phases)) for i in range(0, phases, at_once))


@guarded
def features_chosen(features: Number, at_once: Number) -> int:
    """How many of k features are chosen in the end: m ceil(k / m^2), as phases are compared with features.

    Raises ValueError unless m divides k. Source: the code's schedule.

    >>> features_chosen(6, 2), features_chosen(10, 5), features_chosen(10, 1)
    (4, 5, 10)
    """
    require(features % at_once == 0, f"at_once must divide features, got {at_once} and {features}")
    return at_once * -(-features // at_once**2)
