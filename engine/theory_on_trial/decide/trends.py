"""Decision procedures for sequences of sizes: limits, orders of convergence, growth laws."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from theory_on_trial.decide.decision import (
    MOST_ERROR,
    Control,
    Finding,
    Outcome,
    Prediction,
    inside,
    judge,
)
from theory_on_trial.decide.resolution import UNKNOWN, Resolution
from theory_on_trial.laws import Enclosure, Law

_SHRINK = 0.75
"""The largest ratio of successive deviations from an order, if sizes double."""
_SETTLING = 0.9
"""The largest ratio of successive deviations of ratios from the ratio of an order."""
_VALUES = 2.0**-40
"""The rounding error of values at growing sizes, as a share of the largest one."""
_DISTINCT = 1000.0
"""How many times its rounding an error must be in order to count, if enough others are."""
_FINEST = 1.2
"""The smallest ratio of successive sizes."""


def limit(
    values: Any,
    sizes: Any,
    prediction: Prediction,
    controls: Mapping[str, Any],
    *,
    remainder: Any = None,
    order: float | Sequence[float] | None = None,
    printed: Any = None,
) -> Finding:
    """Decide the limit of values f(n_1), …, f(n_K), shape `(K, *shape)`, at increasing sizes n_k.

    The values are computed exactly, or each is known to lie in an `Enclosure` (one per size); all
    the following then holds for the worst values in the intervals, whose chances of missing are
    added up.

    With `remainder` (shape `shape`, computed by the theory for the last size) the limit lies in
    f(n_K) -+ remainder. With `order=a` instead, f(n) = l + c n^-a + smaller terms is assumed, sizes
    must double, and Richardson's bracket is used: the ratios of successive differences must settle
    near 2^a, and twice their last deviation bounds what follows (guarantee "extrapolated").
    Settled they are if the last deviation is at most nine tenths of the one before, or, of an order
    of 1/2 or more, if the deviations change what is left by a third at most. Of a smaller order the
    ratios must also change by at most three quarters of the change before, from five sizes on.
    `order=(a, b)` eliminates c n^-a first and brackets what is left with b. The order has to come
    from theory: over sizes up to some hundred a logarithm looks like a small power still. Exactly
    one of `remainder` and `order`.
    """
    sizes = np.asarray(sizes, float)
    if sizes.ndim != 1 or not 0 < len(sizes) == len(values) or np.any(np.diff(sizes) <= 0):
        raise ValueError(
            f"a limit needs growing sizes, one per value, got {len(values)} values at sizes {sizes}"
        )
    if remainder is not None and order is None:
        last = _enclosed(values[-1:])
        width = np.asarray(remainder, float)
        interval = Enclosure(
            last.estimate[0],
            last.low[0] - width,
            last.high[0] + width,
            last.error,
            f"{last.guarantee or 'exact'} (computed remainder)",
            len(sizes),
        )
    elif order is not None and remainder is None:
        interval = _richardson(
            _enclosed(values), sizes, tuple(np.atleast_1d(np.asarray(order, float)))
        )
    else:
        raise ValueError(
            "a limit needs either remainder=, a bound on what the last size is off, or order=, "
            "that of convergence"
        )
    finding = judge(interval, prediction, controls, printed)
    if finding.outcome != "INCONCLUSIVE":
        return finding
    seen = "" if order is None else _ratios_seen(_enclosed(values).estimate, order)
    return replace(finding, note=_wanting(interval, prediction) + seen)


def _ratios_seen(values: np.ndarray, order: float | Sequence[float]) -> str:
    """Say which ratios the differences of scalar values have, and which ratios they should have."""
    if values.ndim > 1 or isinstance(order, Sequence):
        return ""
    steps = np.diff(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = ", ".join(f"{ratio:.4g}" for ratio in (steps[:-1] / steps[1:])[-4:])
    return f" (the differences are in the ratios {ratios}; 2^order is {2.0 ** float(order):.4g})"


def _wanting(interval: Enclosure, prediction: Prediction) -> str:
    """Say which coordinate an interval from growing sizes leaves open, and what would decide."""
    parts = np.broadcast_arrays(
        interval.low, interval.high, np.subtract(prediction.margin, prediction.slack)
    )
    low, high, room = (np.asarray(part, float) for part in parts)
    at = np.unravel_index(
        int(np.argmax(np.where(inside(interval, prediction), 0.0, (high - low) / room))), room.shape
    )
    where = f" of coordinate [{', '.join(map(str, at))}]" if at else ""
    if not np.isfinite(high[at] - low[at]):
        return (
            f"the interval{where} is unbounded: the differences have not settled into the order "
            "that is given; more or "
            "larger sizes would decide, or their rounding is too large, or the order is another"
        )
    wide = f"{high[at] - low[at]:.2g} wide and margin - slack {room[at]:.2g}"
    return f"the interval{where} is {wide}: larger sizes would decide"


def is_random(values: Any) -> bool:
    """Tell whether values along a sequence of sizes are intervals, which may miss, and no exact
    numbers.
    """
    if isinstance(values, Enclosure):
        raise ValueError("values along a sequence of sizes need one interval per size, in a list")
    return any(isinstance(value, Enclosure) for value in values)


def _enclosed(values: Any) -> Enclosure:
    """Stack the intervals of all sizes into one; exact numbers have no width, no error and the
    guarantee "".

    The chances of missing add up over sizes and coordinates, as a law states them for one; the
    guarantee is that of the weakest.
    """
    if not is_random(values):
        exact = np.asarray(values, float)
        return Enclosure(exact, exact, exact, 0.0, "", len(exact))
    if not all(isinstance(value, Enclosure) for value in values):
        raise ValueError("either every size has an interval or none has")
    estimate, low, high = (
        np.stack([np.asarray(value[k], float) for value in values]) for k in range(3)
    )
    error = sum(value.error * max(np.size(value.low), 1) for value in values)
    weakest = (
        "asymptotic"
        if any(value.guarantee.startswith("asymptotic") for value in values)
        else "finite-n"
    )
    return Enclosure(estimate, low, high, error, weakest, len(values))


def _ratios_settle(ratios: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """Tell whether the last change of ratios (which lie between those of axis 0, axis 1 being the
    sizes) may be at most `_SHRINK` of the change before.
    """
    low = np.min(ratios, axis=0)
    high = np.max(ratios, axis=0)
    if len(low) < 3:
        return np.zeros(low.shape[1:], bool)
    middle = (low + high) / 2
    room = (high - low) / 2 + blur
    change = np.abs(np.diff(middle, axis=0))
    may_be_off = room[1:] + room[:-1]
    return np.asarray(change[-1] - may_be_off[-1] <= _SHRINK * (change[-2] + may_be_off[-2]))


def _extrapolated(boxes: Enclosure) -> str:
    return f"extrapolated, {boxes.guarantee} (union)" if boxes.guarantee else "extrapolated"


def _richardson(values: Enclosure, sizes: np.ndarray, orders: tuple[float, ...]) -> Enclosure:
    if len(sizes) < 4 or np.any(sizes[1:] != 2 * sizes[:-1]):
        raise ValueError(
            "an extrapolated limit needs at least four sizes, each twice the one before"
        )
    estimate, low, high = values[:3]
    for factor in 2.0 ** np.array(orders[:-1]):
        lowest = (factor * low[1:] - high[:-1]) / (factor - 1)
        high = (factor * high[1:] - low[:-1]) / (factor - 1)
        low = lowest
        estimate = (factor * estimate[1:] - estimate[:-1]) / (factor - 1)
    if len(estimate) < 4:
        raise ValueError(
            f"{len(sizes)} sizes are too few to eliminate {len(orders) - 1} orders and bracket "
            "the rest"
        )
    least = low[1:] - high[:-1]
    most = high[1:] - low[:-1]  # of the differences
    factor = 2.0 ** orders[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [
            before[:-1] / after[1:] / factor - 1
            for before in (least, most)
            for after in (least, most)
        ]
        nonzero = (least[1:] > 0) | (most[1:] < 0)  # a difference that may vanish bounds no ratio
        off = np.where(nonzero, np.max(np.abs(ratios), axis=0), np.inf)
        deviation = 2 * np.max(off[-2:], axis=0)
        # A ratio that stays where it is off belongs to another order: it must be possible, in the
        # intervals and with the values' own rounding, that the deviations shrink, or they are so
        # small that it does not matter.
        nearest = np.min(np.abs(ratios), axis=0)
        straddles = np.min(ratios, axis=0) * np.max(ratios, axis=0) <= 0
        smallest = np.where(straddles, 0.0, nearest)
        blur = _VALUES * np.max(np.abs(high), axis=0) / np.minimum(np.abs(least), np.abs(most))
        shrinks = smallest[-1] <= _SETTLING * off[-2] + blur[-1]
        # What is left is off by so much of itself; orders below a half are near a logarithm.
        small = deviation * factor / (factor - 1) <= 1 / 3
        if orders[-1] >= 0.5:
            settles = shrinks | small
        else:  # the ratios of a logarithm drift through that of a small order, ever more slowly
            settles = shrinks & _ratios_settle(np.array(ratios), blur[1:])
        # The last value and g of the last difference, (1 + g) f_K - g f_(K-1) with g > 0, is
        # monotone in either value.
        gains = [factor * (1 + sign * deviation) - 1 for sign in (-1, 1)]
        lowest = low[-1] + np.min([least[-1] / gain for gain in gains], axis=0)
        highest = high[-1] + np.max([most[-1] / gain for gain in gains], axis=0)
    # Ratios of differences that might reach 1, or are 0 / 0, bound nothing.
    convergent = settles & (factor * (1 - deviation) > 1)
    return Enclosure(
        estimate[-1] + (estimate[-1] - estimate[-2]) / (factor - 1),
        np.where(convergent, lowest, -np.inf),
        np.where(convergent, highest, np.inf),
        values.error,
        _extrapolated(values),
        len(sizes),
    )


def convergence_order(
    errors: Any,
    sizes: Any,
    rounding: Any = None,
    next_term: float | None = None,
    exponential: bool = False,
) -> Enclosure:
    """Return an interval for the exponent s of errors ~ n^s, or of `exponential` ones ~ e^(s n)
    times a power of n, from the errors at K >= 4 sizes.

    The errors, absolute values, are computed exactly, shape (K,), and `rounding` bounds the float
    error of each; or each is known to lie in an `Enclosure` (one per size), and there is no
    `rounding`. Sizes grow by a factor of 1.2 or more. The slopes between successive sizes, the last
    four, must approach their limit: where sizes double, each difference of slopes is at most three
    quarters of the one before (a correction of relative order 1/n about halves them, one of
    n^(-1/2) leaves .71). With `next_term=e`, the errors being c n^s (1 + d n^-e + …), half the way
    from 2^-e to 1 takes the place of three quarters. What is left is then bounded by a geometric
    series of that ratio, or of 2/3 where the differences shrink as fast as that. All of this holds
    for the worst errors in the intervals, whose chances of missing are added up. Errors within
    1,000 roundings are left out where at least four others are there. Infinite if the slopes cannot
    have settled, or an interval reaches zero. Guarantee "extrapolated", with that of the intervals.
    Raises `ValueError` for fewer sizes, sizes that are too near each other, and fewer than four
    errors that exceed their rounding.
    """
    if is_random(errors) == (rounding is not None):
        raise ValueError(
            "exact errors need their rounding in rounding=, a bound on each; intervals hold theirs"
        )
    if next_term is not None and not next_term > 0:
        raise ValueError(f"next_term= is an exponent above 0, got {next_term}")
    boxes = _enclosed(errors)
    sizes = np.asarray(sizes, float)
    if len(boxes.low) < 4 or np.any(sizes[1:] < _FINEST * (1 - 1e-12) * sizes[:-1]):
        raise ValueError(
            "an order of convergence needs at least four sizes, each at least 1.2 times the one "
            "before"
        )
    estimate = np.abs(boxes.estimate) if rounding is not None else boxes.estimate
    rounding = np.broadcast_to(np.asarray(0.0 if rounding is None else rounding), estimate.shape)
    clear = _clear(estimate, rounding)
    if np.sum(clear) < 4:
        raise ValueError(
            "every error must be positive and exceed its rounding, that of four sizes at least: "
            "smaller ones tell nothing of an order"
        )
    below = (estimate - boxes.low if not np.any(rounding) else 0.0) + rounding
    above = (boxes.high - estimate if not np.any(rounding) else 0.0) + rounding
    sizes, estimate, below, above = (
        np.broadcast_to(part, clear.shape)[clear] for part in (sizes, estimate, below, above)
    )
    with np.errstate(
        divide="ignore"
    ):  # an interval that reaches zero is infinitely wide in logarithms
        relative = np.maximum(
            -np.log1p(-np.minimum(below / estimate, 1)), np.log1p(above / estimate)
        )
    steps = np.diff(sizes if exponential else np.log(sizes))
    slopes = np.diff(np.log(estimate)) / steps
    blur = (relative[1:] + relative[:-1]) / steps
    moves = np.abs(np.diff(slopes))
    # Slopes belong to the middles of their steps: moves are told per doubling between these.
    gaps = (np.log2(sizes[2:]) - np.log2(sizes[:-2])) / 2
    rates = moves / gaps
    noise = (blur[1:] + blur[:-1]) / gaps
    doublings = (gaps[1:] + gaps[:-1]) / 2
    exponent = -np.log2(_SHRINK if next_term is None else (1 + 2.0**-next_term) / 2)
    # Where sizes grow faster than by two, differences shrink at least as where they double.
    doublings = doublings if next_term else np.minimum(doublings, 1)
    allowed = 2.0 ** (-exponent * doublings)
    quick = 1.5**-doublings  # as those of 1/n do at least, which leave twice the last one
    recent = slice(-2, None)

    def shrinks(factor: np.ndarray) -> bool:
        return bool(np.all((rates[1:] <= rates[:-1] * factor + 2 * noise[1:])[recent]))

    convergent = shrinks(allowed)
    usual = quick if next_term is None and shrinks(quick) else allowed
    shrink = float(np.max(usual[recent]))
    rest = shrink / (1 - shrink)
    width = rest * (moves[-1] + blur[-1] + blur[-2]) + blur[-1] if convergent else np.inf
    return Enclosure(
        slopes[-1],
        slopes[-1] - width,
        slopes[-1] + width,
        boxes.error,
        _extrapolated(boxes),
        len(sizes),
    )


def _clear(estimate: np.ndarray, rounding: np.ndarray) -> np.ndarray:
    """Which errors count: those of at least 1,000 roundings, or else the four with the most."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(rounding > 0, estimate / rounding, np.where(estimate > 0, np.inf, 0.0))
    fourth = np.sort(ratio)[-4]
    return np.asarray((ratio >= min(_DISTINCT, fourth)) & (ratio > 1))


def unsettled(exponent: Enclosure, errors: Any, sizes: Any, exponential: bool = False) -> str:
    """Say which slopes were seen between successive sizes, and what would decide an order."""
    estimate = np.abs(np.asarray(_enclosed(errors).estimate, float))
    sizes = np.asarray(sizes, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.diff(np.log(estimate)) / np.diff(sizes if exponential else np.log(sizes))
    seen = f"the slopes are {', '.join(f'{slope:.4g}' for slope in slopes)}"
    if np.isfinite(exponent.high - exponent.low):
        wide = f"the exponent is known to {exponent.high - exponent.low:.2g}"
        return f"{wide}; {seen}: larger sizes would decide"
    return (
        f"{seen}, they have not settled: not yet at its order, take larger sizes (finer steps), or "
        "say how fast they settle (next_term=)"
    )


GROWTH_LAWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "const": np.ones_like,
    "log log n": lambda n: np.log(np.log(n)),
    "log n": np.log,
    "log^2 n": lambda n: np.log(n) ** 2,
    "sqrt n": np.sqrt,
    "n": lambda n: n,
    "n log n": lambda n: n * np.log(n),
    "n^2": np.square,
}
"""The laws that are rivals of each other, from the slowest to the fastest."""
ANY_POWER = "n^a"
"""The law whose exponent a > 0 is free: what survives is an interval of exponents."""

GrowthLaw = str | Callable[[np.ndarray], np.ndarray]

_LEAST_SIZES = 4
"""A line in g passes through any two boxes, and some power through any three."""
_ROUNDINGS = 64 * 2.0**-53
"""The rounding error of a number of a design, as a share of the largest one."""
_POWERS = np.geomspace(1e-3, 10, 400)
"""The range in which surviving exponents are looked for."""


def survives(
    law: Callable[[np.ndarray], np.ndarray], n: np.ndarray, low: np.ndarray, high: np.ndarray
) -> bool:
    """Tell whether some a of either sign and b > 0 put a + b law(n) into every box [low, high].

    Of a law that is constant on the design, b does not matter. Closed form over all pairs of boxes,
    so no grid over b / a can miss a member; `_ROUNDINGS` of the largest finite end are added to
    each box.
    """
    least, most = _slopes(_on_design(law, n), low, high)
    return bool(least <= most and most > 0)


def _on_design(law: Callable[[np.ndarray], np.ndarray], n: np.ndarray) -> np.ndarray:
    """A law at every size; infinite or NaN where it is not defined."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.broadcast_to(np.asarray(law(np.asarray(n, float)), float), np.shape(n))


def _slopes(g: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """The least and the largest slope b >= 0 of a line in g through all boxes; least > most if
    there is none.

    A line a + b g exists if and only if low_i - high_j <= b (g_i - g_j) for every pair.
    """
    g = (g - np.min(g)) / (np.ptp(g) or 1.0)
    ends = np.abs(np.concatenate([low, high]))
    tolerance = _ROUNDINGS * np.max(ends, where=np.isfinite(ends), initial=0.0)
    fall = low[:, None] - high[None, :] - 2 * tolerance
    rise = g[:, None] - g[None, :]
    rise = np.where(np.abs(rise) <= _ROUNDINGS, 0.0, rise)
    if np.any(fall[rise == 0] > 0):
        return np.inf, 0.0
    if not np.any(rise):
        return 0.0, np.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = fall / rise
    least = max(0.0, float(np.max(slope, initial=0.0, where=rise > 0)))
    return least, float(np.min(slope, initial=np.inf, where=rise < 0))


def surviving_powers(
    n: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[float, float] | None:
    """Return the least and the largest exponent s > 0 for which a + b n^s, b > 0, passes through
    every box; None if none does.

    They are an interval, because the steps of n^s between three sizes are in a ratio that rises
    with s. An end at 0.001 or 10 is open.
    """

    def excess(power: float) -> float:
        """The relative gap between the slopes that the boxes require; positive if no slope fits
        all.
        """
        g = (n / np.max(n)) ** power
        least, most = _slopes(g, low, high)
        if not np.isfinite(least) or most <= 0:
            return np.inf
        return (least - most) / most if np.isfinite(most) else -1.0

    found = np.array([excess(power) for power in _POWERS])
    k = int(np.argmin(found))
    best = float(_POWERS[k])
    if found[k] > 0:  # narrow boxes admit exponents between two of those that were tried
        start = _POWERS[max(k - 1, 0)]
        end = _POWERS[min(k + 1, len(_POWERS) - 1)]
        for _ in range(100):  # the excess falls to its least value and rises from there
            third = (end - start) / 3
            if excess(start + third) <= excess(end - third):
                end -= third
            else:
                start += third
        best = float((start + end) / 2)
        if excess(best) > 1e-9:
            return None
    if excess(best) > 0:  # by rounding
        return best - 1e-9, best + 1e-9
    return _last_power(excess, best, _POWERS[0]), _last_power(excess, best, _POWERS[-1])


def _last_power(excess: Callable[[float], float], good: float, end: float) -> float:
    """The last exponent that survives on the way from a good one to an end, from outside."""
    if excess(end) <= 0:
        return end
    bad = end
    for _ in range(60):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if excess(middle) <= 0 else (good, middle)
    return bad


def growth(
    n: Any,
    low: Any,
    high: Any,
    claimed: GrowthLaw,
    *,
    error: float,
    slack_log: float,
    controls: Sequence[str] | Mapping[str, GrowthLaw],
    guarantee: str = "finite-n (union)",
    printed: str | None = None,
) -> Finding:
    """Decide which growth law the boxes around m(n_j) admit: VERIFIED iff `claimed` is the only
    survivor.

    "m grows as g" means Theta(g), in the form m(n) = a + b g(n) with b > 0 and an offset a of
    either sign, so that m / g tends to b where g is unbounded; a constant grows as "const" alone.
    The boxes [low_j, high_j], of either sign, hold the truth at all design points (four different
    sizes at least) with chance >= 1 - `error`; `slack_log` (>= 0) widens them to allow that
    relative deviation from the pure law. REFUTED iff `claimed` does not survive, INCONCLUSIVE if a
    rival, with the same freedom, survives too. `claimed` is a name from `GROWTH_LAWS`, a power such
    as "n^1.5", "n^a" (some power; the interval of its exponents is reported) or an increasing
    function of an array of sizes. The rivals are `GROWTH_LAWS`, of "n^a" those that are no powers.
    Guarantee: the true law is rejected with chance <= `error`, by the union bound alone. `controls`
    are laws that must be REFUTED as claims, names or functions by name; `guarantee` is what the
    boxes themselves rest on.

    Raises `ValueError` for fewer sizes, empty boxes, an unknown law and one that is not increasing
    on the design.
    """
    n, low, high = _boxes(n, low, high)
    if not 0 <= error <= MOST_ERROR:
        raise ValueError(
            f"boxes that miss with a chance of {error:g} decide nothing: at most {MOST_ERROR:g} "
            "in all"
        )
    if not slack_log >= 0:
        raise ValueError(f"slack_log must not be negative, got {slack_log}")
    if isinstance(claimed, str) and claimed != ANY_POWER:
        _shape(claimed, n)
    if len(np.unique(n)) < _LEAST_SIZES:
        raise ValueError(
            f"growth needs at least {_LEAST_SIZES} different sizes, got {len(np.unique(n))}: "
            "through fewer boxes passes some member of nearly every law"
        )
    wide_low = np.where(low > 0, low * np.exp(-slack_log), low * np.exp(slack_log))
    wide_high = np.where(high > 0, high * np.exp(slack_log), high * np.exp(-slack_log))
    wrong = controls if isinstance(controls, Mapping) else {name: name for name in controls}
    shapes = {
        name: shape
        for name, law in GROWTH_LAWS.items()
        if np.all(np.isfinite(shape := _on_design(law, n)))
    }
    name = claimed if isinstance(claimed, str) else getattr(claimed, "__name__", "the given law")
    powers = surviving_powers(n, wide_low, wide_high) if claimed == ANY_POWER else None

    def alive(law: GrowthLaw) -> bool:
        return _admitted(law, n, wide_low, wide_high)

    def verdict(law: GrowthLaw) -> tuple[Outcome, list[str]]:
        """The verdict on a law, and which rivals survive."""
        if not alive(law):
            return "REFUTED", []
        rivals = [
            other
            for other, shape in shapes.items()
            if not _same_law(law, other, shape, n) and alive(other)
        ]
        return ("INCONCLUSIVE", rivals) if rivals else ("VERIFIED", [])

    outcome, rivals = verdict(claimed)
    survivors = [*([name] if outcome != "REFUTED" else []), *rivals]
    if outcome == "REFUTED":
        survivors = [other for other in shapes if alive(other)]
    admitted = ", ".join(survivors) or "none"
    if powers is not None:
        admitted = f"{admitted}; {powers[0]:.6g} <= a <= {powers[1]:.6g}"
    interval = Enclosure(np.asarray(admitted), low, high, error, guarantee, len(n))
    return Finding(
        outcome,
        Prediction(name, slack=slack_log),
        interval,
        tuple(Control(other, other, verdict(law)[0]) for other, law in wrong.items()),
        printed=None if printed is None else verdict(printed)[0],
        printed_value=printed,
        resolution=_nearest_excluded(claimed, shapes, alive),
        note=_why_undecided(n, low, high, rivals) if outcome == "INCONCLUSIVE" else "",
    )


def _admitted(law: GrowthLaw, n: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether some member of a law passes through every box."""
    if law == ANY_POWER:
        return surviving_powers(n, low, high) is not None
    least, most = _slopes(_shape(law, n), low, high)
    return least <= most and most > 0


def _shape(law: GrowthLaw, n: np.ndarray) -> np.ndarray:
    """A law on the design; ValueError for a name that is none and a law that does not increase."""
    if isinstance(law, str) and law not in GROWTH_LAWS:
        power = _power_of(law)
        if power is None:
            raise ValueError(_unknown_law(law))
        return np.asarray((n / np.max(n)) ** power)
    shape = _on_design(GROWTH_LAWS[law] if isinstance(law, str) else law, n)
    increasing = np.all(np.diff(shape[np.argsort(n, kind="stable")]) >= 0)
    if not np.all(np.isfinite(shape)) or not increasing:
        raise ValueError(
            f"the law {law if isinstance(law, str) else 'that is given'!r} must be finite and "
            f"increasing on the design, which starts at n = {np.min(n):g}"
        )
    return shape


def _power_of(law: str) -> float | None:
    match = re.fullmatch(r"n\^(\d*\.?\d+)", law)
    return float(match[1]) if match and 0 < float(match[1]) <= _POWERS[-1] else None


def _same_law(law: GrowthLaw, other: str, shape: np.ndarray, n: np.ndarray) -> bool:
    """Whether two laws are one up to offset and factor, on the design; of "n^a" any power is."""
    if law == ANY_POWER:
        return other in ("sqrt n", "n", "n^2")
    one, two = (
        (values - np.min(values)) / (np.ptp(values) or 1.0) for values in (_shape(law, n), shape)
    )
    return bool(np.allclose(one, two, rtol=0, atol=1e-9))


def _nearest_excluded(
    claimed: GrowthLaw, shapes: Mapping[str, np.ndarray], alive: Callable[[str], bool]
) -> Resolution:
    """The laws of the list next to the claimed one that the boxes exclude."""
    names = list(shapes)
    if not isinstance(claimed, str) or claimed not in names:
        near = names
    else:
        at = names.index(claimed)
        near = [*names[max(at - 1, 0) : at], *names[at + 1 : at + 2]]
    rivals = " or ".join(name for name in near if not alive(name))
    return Resolution(0.0, 0.0, rival=rivals) if rivals else UNKNOWN


def _why_undecided(n: np.ndarray, low: np.ndarray, high: np.ndarray, rivals: list[str]) -> str:
    """Say which rivals the boxes admit beside a law, and which boxes have no end."""
    parts = [
        f"{' and '.join(rivals)} {'fits' if len(rivals) == 1 else 'fit'} the boxes too: narrower "
        "boxes or a wider range of sizes would decide"
    ]
    if open_ones := _open_boxes(n, low, high):
        parts.append(open_ones)
    return "; ".join(parts)


def _open_boxes(n: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """Name the boxes without an end, "" if each has both."""
    places = [f"n = {size:g}" for size in n[~np.isfinite(low) | ~np.isfinite(high)]]
    if not places:
        return ""
    boxes = "the boxes" if len(places) > 1 else "the box"
    have = "have" if len(places) > 1 else "has"
    return (
        f"{boxes} at {', '.join(places)} {have} no end: nothing that was tried brackets the "
        "quantity there, so try larger or smaller sizes, or take more samples"
    )


def growth_at_most(
    n: Any,
    low: Any,
    high: Any,
    claimed: GrowthLaw,
    *,
    error: float,
    guarantee: str = "finite-n (union)",
    printed: str | None = None,
) -> Finding:
    """Decide whether m(n) = O(g) on the design: m(n_j) <= a + b g(n_j) for every j from the third
    size on.

    O allows any constant and any first size, which no finite design can exclude; here the first two
    sizes fix both: b = max(0, m(n_1) / g(n_1), (m(n_2) - m(n_1)) / (g(n_2) - g(n_1))), the larger
    of what they ask without an offset and with one, and a = m(n_1) - b g(n_1), of either sign.
    Choose the first size so large that the law has set in. `claimed` is as in `growth`; "const"
    says that m never rises above its first value. The boxes, of either sign, hold the truth at all
    design points with chance >= 1 - `error`. VERIFIED iff they leave no other possibility, REFUTED
    iff they exclude it. A statement about the tested range only. The measured value is the largest
    m(n_j) / (a + b g(n_j)), predicted to be at most one (both are lifted by one number where m may
    be negative). `printed` is a law whose exact form a + b g(n), b > 0, was claimed instead:
    REFUTED iff no member passes through the boxes.

    Raises `ValueError` for fewer than three sizes, sizes that do not increase, and a first box
    without ends.
    """
    n, low, high = _boxes(n, low, high)
    for law in (claimed, printed):
        if isinstance(law, str) and law != ANY_POWER:
            _shape(law, n)
    if len(n) < 3 or np.any(np.diff(n) <= 0):
        raise ValueError(
            "growth_at_most needs at least three increasing sizes: the first two fix offset and "
            "factor"
        )
    if not np.all(np.isfinite([low[0], high[0]])):
        raise ValueError(
            f"growth_at_most needs a first box with two ends: {_open_boxes(n, low, high)}"
        )
    g = _shape(claimed, n)
    finite = np.abs(np.concatenate([low[np.isfinite(low)], high[np.isfinite(high)]]))
    rounding = np.full(len(n) - 1, max(_ROUNDINGS * np.max(finite), np.finfo(float).tiny))
    # The allowed values rise with m(n_1) without an offset, and fall with it where one is fitted.
    least_allowed = np.full(len(n) - 1, low[0])
    most_allowed = np.full(len(n) - 1, high[0])
    if g[0] > 0:
        factor = g[1:] / g[0]
        least_allowed = np.maximum(least_allowed, low[0] * factor)
        most_allowed = np.maximum(most_allowed, high[0] * factor)
    if g[1] > g[0]:
        steps = (g[1:] - g[0]) / (g[1] - g[0])
        rounding = rounding * (1 + steps)  # a line through two values carries theirs that far
        least_allowed = np.maximum(least_allowed, steps * low[1] + (1 - steps) * high[0])
        most_allowed = np.maximum(most_allowed, steps * high[1] + (1 - steps) * low[0])
    lift = max(0.0, -2 * float(np.min(low[np.isfinite(low)])))
    least = (low[1:] + lift) / (most_allowed + rounding + lift)
    most = (high[1:] + lift) / (least_allowed + rounding + lift)
    middle = np.where(np.isfinite(high), (low + high) / 2, low) + lift
    allowed = (least_allowed + most_allowed) / 2 + rounding + lift
    later = slice(0 if g[1] == g[0] else 1, None)  # the second size is allowed what it has
    interval = Enclosure(
        np.max((middle[1:] / allowed)[later]),
        np.max(least[later]),
        np.max(most[later]),
        error,
        guarantee,
        len(n),
    )
    outcome: Outcome | None = None
    if printed is not None:
        outcome = "INCONCLUSIVE" if _admitted(printed, n, low, high) else "REFUTED"
    finding = judge(interval, Prediction(np.asarray(1.0), 0.0, 0.0, "at most"), {}, None)
    note = ""
    if finding.outcome == "INCONCLUSIVE":
        note = "the boxes admit both: narrower ones would decide"
        note = "; ".join(filter(None, [note, _open_boxes(n, low, high)]))
    return replace(finding, printed=outcome, printed_value=printed, note=note)


def _unknown_law(name: str) -> str:
    return (
        f"unknown growth law {name!r}; the list has {', '.join(GROWTH_LAWS)}, and a power is "
        "n^1.5, or n^a where its exponent is free"
    )


def _boxes(n: Any, low: Any, high: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, low, high = (np.asarray(v, float) for v in (n, low, high))
    if n.ndim != 1 or not low.shape == high.shape == n.shape:
        raise ValueError(
            "growth needs one box for each size, got sizes, lower and upper ends of shapes "
            f"{n.shape}, {low.shape} and {high.shape}"
        )
    if not (np.all(low <= high) and np.all(n >= 1) and np.ptp(n) > 0):
        raise ValueError("growth needs different sizes n >= 1 and boxes with low <= high")
    if not np.any(np.isfinite(low)) or not np.any(np.isfinite(high)):
        raise ValueError("growth needs boxes with ends: without any nothing is known of the growth")
    return n, low, high


def crossing(sizes: Any, samples: Any, level: float, *, law: Law, error: float) -> Enclosure:
    """Return an interval for the size at which a decreasing mean curve falls to `level`, from
    samples along the curve.

    `samples`, shape `(runs, sizes)`, holds one curve per run at the increasing `sizes`; the columns
    may depend on each other (nested designs), the runs may not. Each column's mean gets the
    interval of `law` at `error` / sizes; the upper and the lower band, made monotone, are
    interpolated (log of the mean against log of the size) and cut at `level`. Between neighbouring
    sizes the curve is taken to be that interpolation: choose them close. Where the band does not
    bracket the level the interval says so: it starts at 0 or ends at infinity. Raises `ValueError`
    unless the sizes increase, every sample is finite and `level` > 0.
    """
    sizes = np.asarray(sizes, float)
    samples = np.asarray(samples, float)
    if sizes.ndim != 1 or len(sizes) < 2 or np.any(np.diff(sizes) <= 0) or sizes[0] <= 0:
        raise ValueError("crossing needs at least two increasing positive sizes")
    if samples.shape[1:] != sizes.shape or not np.all(np.isfinite(samples)) or not level > 0:
        raise ValueError(
            "crossing needs finite samples of shape (runs, sizes) and a positive level"
        )
    band = law.interval([samples], error / len(sizes), np.full(len(sizes), level / 10))
    lower = np.maximum.accumulate(band.low[::-1])[::-1]
    upper = np.minimum.accumulate(band.high)
    middle = np.minimum.accumulate(band.estimate)
    low, estimate, high = (_falls_to(sizes, curve, level) for curve in (lower, middle, upper))
    return Enclosure(estimate, low, high, error, band.guarantee, len(samples))


def _falls_to(sizes: np.ndarray, curve: np.ndarray, level: float) -> np.ndarray:
    """Return where a decreasing curve reaches the level: 0 if before the first size, infinity if
    after the last.
    """
    below = curve <= level
    if not below.any():
        return np.asarray(np.inf)
    j = int(np.argmax(below))
    if j == 0:
        return np.asarray(0.0)
    # A band may reach zero: any positive number below the level keeps the interpolation between the
    # neighbours.
    before, after = np.log(np.maximum(curve[j - 1 : j + 1], level * 1e-12))
    share = (before - np.log(level)) / (before - after)
    return np.asarray(sizes[j - 1] * (sizes[j] / sizes[j - 1]) ** share)


def order(
    exponent: Enclosure, prediction: Prediction, controls: Mapping[str, Any], printed: Any = None
) -> Finding:
    """Decide a predicted order of convergence on the interval from `convergence_order`."""
    return judge(exponent, prediction, controls, printed)
