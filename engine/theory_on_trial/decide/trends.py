"""Decision procedures for what happens along a sequence of sizes: limits, orders of convergence,
growth laws.
"""

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
    check_controls,
    inside,
    judge,
)
from theory_on_trial.decide.resolution import UNKNOWN, Resolution
from theory_on_trial.laws import Enclosure, Law


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
    must double, and Richardson's bracket is used: the ratios of successive differences must have
    settled near 2^a, and twice their last deviation bounds what follows (guarantee "extrapolated").
    `order=(a, b)` eliminates c n^-a first and brackets what is left with b. The order has to come
    from theory: over a few sizes a logarithm looks like a small power, and no ratio tells. Exactly
    one of `remainder` and `order`.
    """
    check_controls(prediction, controls)
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
    return (
        replace(finding, note=_wanting(interval, prediction))
        if finding.outcome == "INCONCLUSIVE"
        else finding
    )


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


def _extrapolated(boxes: Enclosure) -> str:
    return f"extrapolated, {boxes.guarantee} (union)" if boxes.guarantee else "extrapolated"


def _richardson(values: Enclosure, sizes: np.ndarray, orders: tuple[float, ...]) -> Enclosure:
    if len(sizes) < 4 or np.any(sizes[1:] != 2 * sizes[:-1]):
        raise ValueError(
            "an extrapolated limit needs at least four sizes, each twice the one before"
        )
    estimate, low, high = values[:3]
    for factor in 2.0 ** np.array(orders[:-1]):
        low, high = (
            (factor * low[1:] - high[:-1]) / (factor - 1),
            (factor * high[1:] - low[:-1]) / (factor - 1),
        )
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
        # The last value and g of the last difference, (1 + g) f_K - g f_(K-1) with g > 0, is
        # monotone in either value.
        gains = [factor * (1 + sign * deviation) - 1 for sign in (-1, 1)]
        lowest = low[-1] + np.min([least[-1] / gain for gain in gains], axis=0)
        highest = high[-1] + np.max([most[-1] / gain for gain in gains], axis=0)
    # Ratios of differences that might reach 1, or are 0 / 0, bound nothing.
    convergent = factor * (1 - deviation) > 1
    return Enclosure(
        estimate[-1] + (estimate[-1] - estimate[-2]) / (factor - 1),
        np.where(convergent, lowest, -np.inf),
        np.where(convergent, highest, np.inf),
        values.error,
        _extrapolated(values),
        len(sizes),
    )


def convergence_order(errors: Any, sizes: Any, rounding: Any = None) -> Enclosure:
    """Return an interval for the exponent s of errors ~ n^s from the errors at K >= 4 sizes.

    The errors are computed exactly, shape (K,), and `rounding` bounds the float error of each; or
    each is known to lie in an `Enclosure` (one per size), and there is no `rounding`. The slopes
    between successive sizes, each at least twice the one before, must approach their limit with
    differences that shrink to two thirds or less (a correction of relative order 1/n about halves
    them); what is left is then no more than twice the last difference. All of this holds for the
    worst errors in the intervals, whose chances of missing are added up. Infinite if the slopes
    cannot have settled, or an interval reaches zero. Guarantee "extrapolated", with that of the
    intervals. Raises `ValueError` for fewer sizes, sizes that do not double, and errors that do not
    exceed their rounding.
    """
    if is_random(errors) == (rounding is not None):
        raise ValueError(
            "exact errors need their rounding in rounding=, a bound on each; intervals hold theirs"
        )
    boxes = _enclosed(errors)
    sizes = np.asarray(sizes, float)
    if len(boxes.low) < 4 or np.any(sizes[1:] < 2 * sizes[:-1]):
        raise ValueError(
            "an order of convergence needs at least four sizes, each at least twice the one before"
        )
    estimate = boxes.estimate
    rounding = 0.0 if rounding is None else np.asarray(rounding, float)
    if not np.all(estimate > rounding):
        raise ValueError(
            "every error must be positive and exceed its rounding: smaller ones tell nothing of "
            "an order"
        )
    below, above = (
        np.broadcast_to(gap + rounding, estimate.shape)
        for gap in (estimate - boxes.low, boxes.high - estimate)
    )
    with np.errstate(
        divide="ignore"
    ):  # an interval that reaches zero is infinitely wide in logarithms
        relative = np.maximum(
            -np.log1p(-np.minimum(below / estimate, 1)), np.log1p(above / estimate)
        )
    steps = np.diff(np.log(sizes))
    slopes = np.diff(np.log(estimate)) / steps
    blur = (relative[1:] + relative[:-1]) / steps
    moves = np.abs(np.diff(slopes))
    convergent = np.all(moves[1:] <= moves[:-1] * 2 / 3 + 2 * (blur[2:] + blur[1:-1]))
    width = 2 * (moves[-1] + blur[-1] + blur[-2]) + blur[-1] if convergent else np.inf
    return Enclosure(
        slopes[-1],
        slopes[-1] - width,
        slopes[-1] + width,
        boxes.error,
        _extrapolated(boxes),
        len(sizes),
    )


GROWTH_LAWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "const": np.ones_like,
    "log n": np.log,
    "sqrt n": np.sqrt,
    "n": lambda n: n,
    "n log n": lambda n: n * np.log(n),
    "n^2": np.square,
}


def survives(
    law: Callable[[np.ndarray], np.ndarray], n: np.ndarray, low: np.ndarray, high: np.ndarray
) -> bool:
    """Tell whether some a, b >= 0 put a + b law(n) into every box [low, high] (arrays over the
    design, low >= 0).

    Closed form over all pairs of boxes, so no grid over b / a can miss a member.
    """
    g = np.asarray(law(np.asarray(n, float)), float)
    g = g / np.max(np.abs(g))
    rise = g[:, None] - g[None, :]
    fall = low[:, None] - high[None, :]
    if np.any(fall[rise == 0] > 0):
        return False
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = fall / rise
        least = max(0.0, np.max(slope, initial=0.0, where=rise > 0))
        most = min(
            np.min(slope, initial=np.inf, where=rise < 0),
            np.min(high / g, initial=np.inf, where=g > 0),
        )
    return bool(least <= most)


def growth(
    n: Any,
    low: Any,
    high: Any,
    claimed: str,
    *,
    error: float,
    slack_log: float,
    controls: Sequence[str],
    guarantee: str = "finite-n (union)",
    printed: str | None = None,
) -> Finding:
    """Decide which growth law the boxes around m(n_j) admit: VERIFIED iff `claimed` is the only
    survivor.

    The boxes [low_j, high_j] hold the truth at all design points with chance >= 1 - `error`;
    `slack_log` (>= 0) widens them to allow that relative deviation from a pure law a + b g(n).
    REFUTED iff `claimed` does not survive, INCONCLUSIVE ("undecided") if a rival survives too.
    Verified *among `GROWTH_LAWS`*. Guarantee: the true law is rejected with chance <= `error`, by
    the union bound alone. A constant is a member of every law (b = 0), so "const" can be refuted
    but never verified. `controls` are laws that must be REFUTED as claims; `guarantee` is what the
    boxes themselves rest on.
    """
    n, low, high = _boxes(n, low, high)
    if not 0 <= error <= MOST_ERROR:
        raise ValueError(
            f"boxes that miss with a chance of {error:g} decide nothing: at most {MOST_ERROR:g} "
            "in all"
        )
    if not slack_log >= 0:
        raise ValueError(f"slack_log must not be negative, got {slack_log}")
    wide_low = low * np.exp(-slack_log)
    wide_high = high * np.exp(slack_log)
    alive = [name for name, law in GROWTH_LAWS.items() if survives(law, n, wide_low, wide_high)]

    def verdict(name: str) -> Outcome:
        if name not in GROWTH_LAWS:
            raise ValueError(_unknown_law(name))
        return "REFUTED" if name not in alive else "VERIFIED" if alive == [name] else "INCONCLUSIVE"

    interval = Enclosure(
        np.asarray(", ".join(alive) or "none"), low, high, error, guarantee, len(n)
    )
    names = list(GROWTH_LAWS)
    at = names.index(claimed) if claimed in names else 0
    rivals = " or ".join(name for name in names[max(at - 1, 0) : at + 2] if name not in alive)
    return Finding(
        verdict(claimed),
        Prediction(claimed, slack=slack_log),
        interval,
        tuple(Control(name, name, verdict(name)) for name in controls),
        printed=None if printed is None else verdict(printed),
        printed_value=printed,
        resolution=Resolution(0.0, 0.0, rival=rivals) if rivals else UNKNOWN,
    )


def growth_at_most(
    n: Any,
    low: Any,
    high: Any,
    claimed: str,
    *,
    error: float,
    guarantee: str = "finite-n (union)",
    printed: str | None = None,
) -> Finding:
    """Decide whether m(n) grows at most like a law g on the design: m(n_j) / m(n_1) <= g(n_j) /
    g(n_1) for every j.

    `claimed` is a name from `GROWTH_LAWS`; "const" says that m never rises above its first value.
    The boxes hold the truth at all design points with chance >= 1 - `error`. VERIFIED iff they
    leave no other possibility, REFUTED iff they exclude it. A statement about the tested range
    only. The measured value is the largest m(n_j) / m(n_1) in units of g(n_j) / g(n_1), predicted
    to be at most one. `printed` is a law whose exact form a + b g(n), a, b >= 0, was claimed
    instead: REFUTED iff no member passes through the boxes.
    """
    n, low, high = _boxes(n, low, high)
    if not (np.all(np.diff(n) > 0) and np.all(low[0] > 0) and np.isfinite(high[0])):
        raise ValueError(
            "growth_at_most needs increasing sizes and a first box with 0 < low <= high < inf"
        )
    if unknown := [law for law in (claimed, printed) if law is not None and law not in GROWTH_LAWS]:
        raise ValueError(_unknown_law(unknown[0]))
    g = np.asarray(GROWTH_LAWS[claimed](n), float)
    if not np.all(g > 0):
        raise ValueError(
            f"the law {claimed!r} must be positive on the design, which starts at n = {n[0]:g}"
        )
    scale = g[1:] / g[0]
    least = low[1:] / high[0] / scale
    most = high[1:] / low[0] / scale
    middle = np.sqrt(np.maximum(low, np.finfo(float).tiny)) * np.sqrt(high)
    interval = Enclosure(
        np.max(middle[1:] / middle[0] / scale),
        np.max(least),
        np.max(most),
        error,
        guarantee,
        len(n),
    )
    outcome: Outcome | None = None
    if printed is not None:
        outcome = "INCONCLUSIVE" if survives(GROWTH_LAWS[printed], n, low, high) else "REFUTED"
    finding = judge(interval, Prediction(np.asarray(1.0), 0.0, 0.0, "at most"), {}, None)
    return replace(finding, printed=outcome, printed_value=printed)


def _unknown_law(name: str) -> str:
    return f"unknown growth law {name!r}; the list has {', '.join(GROWTH_LAWS)}"


def _boxes(n: Any, low: Any, high: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, low, high = (np.asarray(v, float) for v in (n, low, high))
    if not (np.all(low <= high) and np.all(low >= 0) and np.all(n >= 1) and np.ptp(n) > 0):
        raise ValueError("growth needs different sizes n >= 1 and boxes with 0 <= low <= high")
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
    """Where a decreasing curve reaches the level: 0 if before the first size, infinity if after the
    last.
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
    check_controls(prediction, controls)
    return judge(exponent, prediction, controls, printed)
