"""Decision procedures for sequences of sizes: limits, orders of convergence, crossings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from theory_on_trial.decide.decision import Finding, Prediction, Side, inside, judge
from theory_on_trial.laws import Enclosure, Law

_SHRINK = 0.75
"""The largest ratio of successive deviations from an order, if sizes double."""
_SETTLING = 0.9
"""The largest ratio of successive deviations of ratios from the ratio of an order."""
_VALUES = 2.0**-40
"""The rounding error of values at growing sizes, as a share of the largest one."""
_DISTINCT = 1000.0
"""How many times its rounding an error must be in order to count, if enough others are."""
FINEST = 1.2
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
    side: Side = "two",
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
    have settled, or an interval reaches zero. For a one-sided `side` such slopes, if the last three
    rise or fall for certain, leave the half-line beyond the last one: they are taken to go on in
    that direction. Guarantee "extrapolated", with that of the intervals.
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
    if len(boxes.low) < 4 or np.any(sizes[1:] < FINEST * (1 - 1e-12) * sizes[:-1]):
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
    width = what_is_left(slopes, blur, sizes, next_term)
    low, high = slopes[-1] - width, slopes[-1] + width
    if side != "two" and not np.isfinite(width):
        low, high = _beyond_the_last(slopes, blur)
    return Enclosure(slopes[-1], low, high, boxes.error, _extrapolated(boxes), len(sizes))


def what_is_left(
    slopes: np.ndarray, blur: np.ndarray, sizes: np.ndarray, next_term: float | None
) -> float:
    """Return how far the limit of slopes may lie from the last one, infinite if they cannot have
    settled; `blur` is by how much each slope may be off, see `convergence_order`.
    """
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
    return float(rest * (moves[-1] + blur[-1] + blur[-2]) + blur[-1]) if convergent else np.inf


def _beyond_the_last(slopes: np.ndarray, blur: np.ndarray) -> tuple[float, float]:
    """Return a half-line for the limit of slopes that have not settled: beyond the last one, if the
    last three certainly move in one direction and go on in it.
    """
    moves = np.diff(slopes)[-2:]
    noise = (blur[1:] + blur[:-1])[-2:]
    if np.all(moves > noise):
        return slopes[-1] - blur[-1], np.inf
    if np.all(moves < -noise):
        return -np.inf, slopes[-1] + blur[-1]
    return -np.inf, np.inf


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


def order(
    exponent: Enclosure, prediction: Prediction, controls: Mapping[str, Any], printed: Any = None
) -> Finding:
    """Decide a predicted order of convergence on the interval from `convergence_order`."""
    return judge(exponent, prediction, controls, printed)


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
