"""The one rule for all procedures: an interval, a prediction with a margin, and a verdict.

The claim is |truth - prediction| <= *margin* (one-sided claims alike): it is VERIFIED if the
interval lies inside and REFUTED if it lies outside. The *slack* is the part of the margin that is
the theory's own error (a computed truncation term, a printed constant's rounding; 0 for an exact
statement). The margin may not reach the nearest control, so that a VERIFIED claim has refuted its
controls on the same data, without another sample and without another chance of error. Each decision
knows its *resolution*: the smallest error of the prediction that it detects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args

import numpy as np

from theory_on_trial.decide.resolution import EXACT, UNKNOWN, Resolution, distance, resolution_of
from theory_on_trial.laws import Enclosure

Outcome = Literal["VERIFIED", "REFUTED", "INCONCLUSIVE"]
Side = Literal["two", "at most", "at least"]


_PRINTED = 10
"""The most decimals that papers print; a number with more was computed."""
_ABOUT = "about "
"""The beginning of a published number whose final zeros do not count as digits."""
MOST_ERROR = 0.1
"""The largest chance with which the intervals of a claim, together, may miss."""
_TINY = float(np.finfo(float).tiny)


class ControlTooClose(ValueError):
    """A control that a verified claim would not refute, so that the check could not fail for it."""


class ConstantSamples(ValueError):
    """Samples that are all equal give no interval, so that nothing can be decided."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """A predicted value and how far the truth may be from it.

    Attributes:
        value: predicted value, any shape, in the unit of the measurement.
        margin: the claim is "no further than `margin`"; >= slack >= 0, broadcastable to `value`.
            May be 0 only for a one-sided claim and for exact arithmetic.
        slack: the part of the margin that is the theory's own error; a control is refuted where the
            truth is further from it than this.
        side: "two" (equal), "at most" or "at least" (the measured value is bounded by `value`).
        scale: the unit of errors if `value` is 0; > 0.
    """

    value: Any
    margin: Any = 0.0
    slack: Any = 0.0
    side: Side = "two"
    scale: Any = None


@dataclass(frozen=True, eq=False)
class Control:
    """The result of one control: its name, the wrong value, the verdict on it, and the coordinates
    that refuted it.

    `refuted` holds a truth value for each coordinate, `distance` is the largest difference from the
    prediction in the unit of the resolution; None where the decision has none. `is_process` tells a
    wrong process from a wrong prediction.
    """

    name: str
    predicted: Any
    outcome: Outcome
    refuted: Any = None
    distance: float | None = None
    is_process: bool = False


@dataclass(frozen=True, eq=False)
class Finding:
    """One decision with all its inputs and results.

    `tightness` is, for an identity, the worst |difference| / error bound, and, for a bound, the
    largest lhs / rhs. `budget` is the share of the planned samples that had to be drawn, 0 for a
    decision without sampling; `procedure` and `case` say which decision it was, of which case of
    the claim. `printed` is the verdict on `printed_value`, which is claimed on `printed_side`.
    `drawn` is how many independent random instances a decision without sampling was made on; 0 for
    none; `generic` says why one of them shows it of almost all. `constant` says that the samples of
    a coordinate were all equal; "" where they vary.
    """

    outcome: Outcome
    prediction: Prediction
    interval: Enclosure
    controls: tuple[Control, ...] = ()
    printed: Outcome | None = None
    printed_value: Any = None
    printed_side: Side = "two"
    looks: int = 1
    tightness: float | None = None
    note: str = ""
    budget: float = 0.0
    resolution: Resolution = UNKNOWN
    procedure: str = ""
    case: str = ""
    drawn: int = 0
    generic: str = ""
    constant: str = ""


def decide(interval: Enclosure, prediction: Prediction) -> Outcome:
    """Compare an interval with a prediction p and its margin d, the one rule for all procedures.

    The claim is |truth - p| <= d. VERIFIED iff the whole interval lies inside (p - d, p + d),
    REFUTED iff it is disjoint from [p - d, p + d], INCONCLUSIVE otherwise. One-sided predictions
    use one end only. Vectors: VERIFIED iff every coordinate is, REFUTED iff any coordinate is.

    Guarantee: each wrong verdict (VERIFIED though |truth - p| > d, REFUTED though |truth - p| <= d)
    needs the truth outside the interval, so its chance is at most `interval.error`, whatever the
    truth.

    Raises `ValueError` for a margin below the slack (margin 0 is allowed one-sided, and for an
    interval of width 0 from exact arithmetic), a NaN, or an empty interval (which proves that an
    assumption of the procedure failed).
    """
    _check(interval, prediction)
    if np.all(inside(interval, prediction)):
        return "VERIFIED"
    return "REFUTED" if np.any(outside(interval, prediction)) else "INCONCLUSIVE"


def decide_control(interval: Enclosure, control: Prediction) -> Outcome:
    """Compare an interval with a wrong prediction c (slack s): could it be the truth?

    REFUTED iff the interval is disjoint from [c - s, c + s] on some coordinate; otherwise VERIFIED
    or INCONCLUSIVE, as `decide` says. So a VERIFIED prediction p of margin d refutes every control
    with |c - p| >= d + s on some coordinate: there the interval lies inside (p - d, p + d), which
    [c - s, c + s] does not meet. If the margin also surrounded the control, a control between d + s
    and 2 d away would stay undecided for any number of samples.
    """
    _check(interval, control)
    return "REFUTED" if np.any(excluded(interval, control)) else decide(interval, control)


def _check(interval: Enclosure, prediction: Prediction) -> None:
    low = np.asarray(interval.low)
    high = np.asarray(interval.high)
    if np.any(low != low) or np.any(high != high):
        raise ValueError("a NaN in the interval: nothing can be decided")
    if np.any(low > high):
        raise ValueError("empty interval: an assumption of the procedure is violated")
    exact = bool(np.all(low == high)) and not np.any(prediction.margin)
    if exact and not np.any(prediction.slack):
        check_finite("prediction", prediction.value)
    else:
        check_margin(prediction)


def check_margin(prediction: Prediction) -> None:
    """Raise `ValueError` unless value, margin, slack are finite and real, margin >= slack >= 0
    (two-sided: margin > 0).
    """
    values = {
        "prediction": prediction.value,
        "margin": prediction.margin,
        "slack": prediction.slack,
    }
    p, margin, slack = (check_finite(name, values[name]) for name in values)
    if p.size == 0:
        raise ValueError("an empty prediction: there is nothing to decide")
    if prediction.side == "two" and not np.all(margin > 0):
        raise ValueError(f"the margin must be positive, got margin={margin}")
    if np.any(slack < 0) or not np.all(margin >= slack):
        raise ValueError(
            "the slack, the theory's own error, is a part of the margin: got "
            f"margin={margin} and slack={slack}"
        )


def check_finite(name: str, value: Any) -> np.ndarray:
    """Return a value as an array; raise `ValueError`, in a sentence, unless it holds finite real
    numbers.
    """
    array = as_numbers(name, value)
    if array.dtype.kind not in "biufO" or not np.isfinite(array.astype(float)).all():
        raise ValueError(
            f"the {name} must be finite real numbers, got "
            f"{array.ravel()[:1].tolist() if array.size else array}"
        )
    return array


def as_numbers(name: str, value: Any) -> np.ndarray:
    """Return a value as an array, truth values as 0 and 1; raise `ValueError` for what float64 has
    no place for.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"the {name} has masked entries: leave them out")
    array = np.asarray(value)
    if array.dtype == object:
        try:
            array.astype(float)
        except OverflowError:
            raise ValueError(
                f"the {name} holds an integer that is beyond float64: compare its logarithm, say"
            ) from None
    return array.astype(int) if array.dtype.kind == "b" else array


def check_controls(prediction: Prediction, controls: Mapping[str, Any]) -> None:
    """Raise `ControlTooClose` unless a VERIFIED `prediction` implies that every control is REFUTED
    on the same data.

    For equality: on some coordinate |control - value| >= margin + slack. For one-sided claims a
    control must lie on the forbidden side by more than the slack (whether it is refuted is then for
    the data to say).
    """
    value, margin, slack = (
        np.asarray(v) for v in (prediction.value, prediction.margin, prediction.slack)
    )
    for name, control in controls.items():
        gap = check_finite(f"control {name!r}", control) - value
        if prediction.side == "two":
            # A margin derived from this very control may miss it by a rounding.
            far = np.any(abs(gap) * (1 + 1e-12) >= margin + slack) and np.any(gap != 0)
        else:
            far = np.any(gap < -slack) if prediction.side == "at most" else np.any(gap > slack)
        if not far and prediction.side != "two":
            beyond = "below" if prediction.side == "at most" else "above"
            raise ControlTooClose(
                f"control {name!r} is no wrong theory of a claim that something is "
                f"{prediction.side} the prediction: "
                f"it must lie {beyond} the prediction by more than the slack, for the data to "
                "contradict it; got "
                f"{_first_of(control)} where the prediction is {_first_of(value)}; if no number "
                "does, measure a wrong process, whose numbers violate the claim: "
                "control_processes="
            )
        if not far and not np.any(gap):
            raise ControlTooClose(
                f"control {name!r} is the prediction itself, {_first_of(value)}: no data refute it"
            )
        if not far:
            raise ControlTooClose(
                f"control {name!r} is too close: it differs from the prediction by at most "
                f"{np.max(np.abs(gap)):.3g}, while margin + slack is {np.min(margin + slack):.3g}; "
                "a verified claim could not refute it"
            )


def _first_of(value: Any) -> str:
    array = np.ravel(np.asarray(value, float))
    return f"{array[0]:.6g}" + " …" * (len(array) > 1)


def judge(
    interval: Enclosure,
    prediction: Prediction,
    controls: Mapping[str, Any],
    printed: Any = None,
    **about: Any,
) -> Finding:
    """Decide the prediction, every control and the value as published (if any) on one interval.

    The verdict comes first: an invalid control (`check_controls`) is an objection to a claim that
    was not refuted. The published value may be a pair of side and value.
    """
    printed_side, printed = published(printed, prediction.side)
    shapes = np.shape(interval.estimate), np.shape(prediction.value)
    if np.broadcast_shapes(*shapes) not in shapes:
        raise ValueError(
            f"the measurement has shape {shapes[0]}, the prediction {shapes[1]}: one is a "
            "row, the other a column"
        )
    shape = max(shapes, key=len)
    for name, control in {**controls, "as published": 0.0 if printed is None else printed}.items():
        if np.broadcast_shapes(np.shape(control), shape) != shape:
            raise ValueError(
                f"the control {name!r} has shape {np.shape(control)}, what is judged {shape}: "
                "give one number, or one "
                "for each coordinate"
            )
    if printed_side == prediction.side and _is_rounded(printed, prediction.value):
        raise ValueError(f"what is printed, {printed}, is the prediction, rounded to these digits")
    printed, rounding = _as_numbers(printed)
    if not 0 <= interval.error <= MOST_ERROR:
        raise ValueError(
            f"an interval that misses with a chance of {interval.error:.2g} decides nothing: at "
            f"most {MOST_ERROR:g}, "
            "all sizes and coordinates together"
        )
    for name, control in controls.items():
        check_finite(f"control {name!r}", control)
    outcome = decide(interval, prediction)
    if outcome != "REFUTED":
        check_controls(prediction, controls)
    exact = (
        interval.error == 0
        and not np.any(np.asarray(interval.low) != interval.high)
        and not np.any(prediction.margin)
    )
    return Finding(
        outcome=outcome,
        prediction=prediction,
        interval=interval,
        controls=tuple(
            Control(
                name,
                control,
                decide_control(interval, replace(prediction, value=control)),
                excluded(interval, replace(prediction, value=control)),
                distance(control, prediction),
            )
            for name, control in controls.items()
        ),
        printed=None
        if printed is None
        else decide(interval, _as_published(prediction, printed, printed_side, rounding)),
        printed_value=printed,
        printed_side=printed_side,
        **{
            "resolution": EXACT
            if exact and prediction.side == "two"
            else resolution_of(interval.low, interval.high, prediction),
            **about,
        },
    )


def published(given: Any, side: Side) -> tuple[Side, Any]:
    """Return the side and the value of what is published; without a side of its own, that of the
    decision.
    """
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
        if given[0] not in get_args(Side):
            raise ValueError(
                f"the side of as_published= must be one of {', '.join(map(repr, get_args(Side)))}, "
                f"got {given[0]!r}"
            )
        return given[0], given[1]  # type: ignore[return-value]
    return side, given


def _as_published(prediction: Prediction, value: Any, side: Side, rounding: float) -> Prediction:
    """The prediction that is published; a one-sided one becomes an equality up to rounding, where
    it is one.
    """
    margin = prediction.margin
    if side == "two" and prediction.side != "two":
        margin = np.asarray(margin) + 1e-12 * np.abs(np.asarray(value, float)) + _TINY
    if side != "two" and prediction.side == "two":
        margin = prediction.slack
    slack = np.asarray(prediction.slack) + rounding
    margin = np.asarray(margin) + rounding
    return replace(prediction, value=value, side=side, margin=margin, slack=slack)


def _as_numbers(printed: Any) -> tuple[Any, float]:
    """A published value as numbers, also if it is given as text ("0.100"), and the error that
    "about" allows: half a unit of the last digit that is not 0.
    """
    texts = [entry for entry in np.ravel(np.array(printed, object)) if isinstance(entry, str)]
    if not texts:
        return printed, 0.0
    if isinstance(printed, str) and printed.startswith(_ABOUT):
        number = _decimal(printed.removeprefix(_ABOUT)).normalize()
        return float(number), float(Decimal(5).scaleb(int(number.as_tuple().exponent) - 1))
    entries = [float(_decimal(str(entry))) for entry in np.ravel(np.array(printed, object))]
    return (entries[0] if isinstance(printed, str) else np.reshape(entries, np.shape(printed))), 0.0


def _decimal(printed: str) -> Decimal:
    try:
        return Decimal(printed)
    except InvalidOperation:
        raise ValueError(
            f'as_published= must be a number as it is printed, such as "0.100" or '
            f'"{_ABOUT}1200", got {printed!r}'
        ) from None


def _is_rounded(printed: Any, value: Any) -> bool:
    """Whether what is printed is the prediction, rounded to the decimals that are printed.

    Of "0.100" they are three, of the number 0.1 one, of a vector those of its longest entry. A
    whole number is rounded to nothing, unless it says "about".
    """
    if np.size(printed) != np.size(value):
        return False
    given = np.ravel(np.array(printed, object))
    if not all(isinstance(entry, float | str) for entry in given):
        return False
    entries = [str(entry) for entry in given]
    values = np.ravel(np.asarray(value, float))
    if isinstance(printed, str) and printed.startswith(_ABOUT):
        number, rounding = _as_numbers(printed)
        return bool(abs(values[0] - number) <= rounding)
    numbers = np.array([float(_decimal(entry)) for entry in entries])
    if not np.all(np.isfinite(numbers)):
        return False
    decimals = max(-int(_decimal(entry).as_tuple().exponent) for entry in entries)
    if decimals > _PRINTED or np.array_equal(numbers, np.round(numbers)):
        return False
    rounded = np.array([round(number, decimals) for number in values])
    return bool(np.array_equal(rounded, numbers) and np.any(values != numbers))


def inside(interval: Enclosure, prediction: Prediction) -> np.ndarray:
    """Tell on which coordinates an interval lies within the margin of a prediction."""
    value = np.asarray(prediction.value)
    margin = np.asarray(prediction.margin)
    low = interval.low
    high = interval.high
    if not np.any(margin) and np.all(np.equal(low, high)):  # exact arithmetic: equality
        below = high <= value
        above = low >= value
    else:
        below = high < value + margin
        above = low > value - margin
    return np.asarray({"two": above & below, "at most": below, "at least": above}[prediction.side])


def outside(interval: Enclosure, prediction: Prediction) -> np.ndarray:
    """Tell on which coordinates an interval is disjoint from a prediction and its margin."""
    return _beyond(interval, prediction, prediction.margin)


def excluded(interval: Enclosure, prediction: Prediction) -> np.ndarray:
    """Tell on which coordinates an interval is disjoint from a prediction and its slack."""
    return _beyond(interval, prediction, prediction.slack)


def _beyond(interval: Enclosure, prediction: Prediction, reach: Any) -> np.ndarray:
    value = np.asarray(prediction.value)
    reach = np.asarray(reach)
    if not np.any(reach):  # nothing is added to whole numbers, which float64 would round
        above = interval.low > value
        below = interval.high < value
    else:
        above = interval.low > value + reach
        below = interval.high < value - reach
    return np.asarray({"two": above | below, "at most": above, "at least": below}[prediction.side])


def deviation(interval: Enclosure, prediction: Prediction) -> str:
    """Say by how much a two-sided prediction is off, where the interval excludes it and its slack.

    Of a vector the coordinate that is off by most of its margin is named; "" if none is off.
    """
    if prediction.side != "two" or not np.any(excluded(interval, prediction)):
        return ""
    parts = (interval.low, interval.high, prediction.value, prediction.margin)
    low, high, value, margin = np.broadcast_arrays(*(np.asarray(part, float) for part in parts))
    least = np.maximum(low - value, value - high)
    at = np.unravel_index(int(np.argmax(least / margin)), least.shape)
    most = max(high[at] - value[at], value[at] - low[at])
    direction = "above" if low[at] > value[at] else "below"
    where = f" at coordinate [{', '.join(map(str, at))}]" if at else ""
    return f"the truth lies {least[at]:.2g} to {most:.2g} {direction} the prediction{where}"
