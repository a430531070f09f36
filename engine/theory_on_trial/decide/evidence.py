"""The decision procedures: each computes an interval for the unknown value, which `decide`
compares.

`identity`, `bound` and `gap` rest on rounding analysis and certificates (no chance of error);
`mean`, `probability` and `distribution` sample until a finite-n interval decides; `runs` counts
whole training runs. Limits are in `trends`, growth laws in `growth`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from theory_on_trial.decide.decision import (
    MOST_ERROR,
    Control,
    ControlTooClose,
    Finding,
    Prediction,
    Side,
    as_numbers,
    check_controls,
    check_finite,
    check_margin,
    decide,
    decide_control,
    deviation,
    excluded,
    judge,
    outside,
)
from theory_on_trial.decide.instances import check_independent
from theory_on_trial.decide.looks import Plan, hopeless
from theory_on_trial.decide.resolution import OF_TAILS, Resolution, resolution_of_margin
from theory_on_trial.decide.sampling import FAR_ONCE, Independence, numbers, wanting
from theory_on_trial.decide.slopes import CommonOrder
from theory_on_trial.formula.marks import plain
from theory_on_trial.laws import (
    Bernoulli,
    Enclosure,
    HalfSpaceDistance,
    Law,
    RatioOfMeans,
    RatioOfProbabilities,
    SupDistance,
    TailDistance,
    TotalVariation,
    TwoSampleDistance,
)

UNIT_ROUNDOFF = 2.0**-53

Instances = Literal["draws", "search", "grid", "all"]
GUARANTEES = {"draws": "drawn", "search": "searched", "grid": "on a grid", "all": "exhaustive"}
"""What a bound rests on, by where its instances came from."""

MOST_SCALE = 10.0
"""The largest ratio of the scale to the largest prediction at which errors are measured in that
scale.
"""
_AGREE = 1e-10
"""If the sides of an identity agree to this share, unforeseen rounding may explain the rest."""
Widened = Callable[[Law, Sequence[np.ndarray], Enclosure], Enclosure]
"""Makes an interval wider, given its law and all samples."""
_MORE: dict[type, tuple[int, ...]] = {
    SupDistance: (),
    TailDistance: (),
    TotalVariation: (),
    TwoSampleDistance: (2,),
    RatioOfMeans: (2,),
    RatioOfProbabilities: (2,),
}
"""The lengths of the axes that a sample has in addition to the prediction's, by law; other laws
take samples of any shape.
"""


def identity(
    value: Any,
    reference: Any,
    controls: Mapping[str, Any],
    *,
    scale: Any = None,
    ops: float,
    printed: Any = None,
) -> Finding:
    """Decide whether two computed values are equal up to rounding: |value - reference| < E = 4 ops
    u scale.

    `scale` is the size of the *intermediates that were subtracted* (an upper bound on them, the
    unit of `value`; by default the largest entry of the reference, 1 where that is 0), `ops` the
    number of roundings on the longest path (n for a reduction of length n, 3 n for an
    eigendecomposition of order n), u = 2^-53. 800,000 products, eigendecompositions and solves gave
    no false refutation. `ops=0` means exact arithmetic (integers, `fractions.Fraction`): equality,
    nothing else. A VERIFIED identity holds to within 2 E. Guarantee: error 0, given that E bounds
    the rounding.

    Sides that differ by more than E and yet agree to ten digits on every coordinate are
    INCONCLUSIVE, unless a control is as near: then such digits are claimed. Where something
    cancels, `scale` has to be its size, and a scale that is too small is more likely than a theorem
    that is wrong in the eleventh digit.

    Raises `ControlTooClose` for a control nearer than 10 E on every coordinate of an identity that
    is not refuted, `TypeError` for any other precision than float64 (float32, complex),
    `ValueError` for two sides that are one array, a value that is empty or not finite, an E that is
    not positive or is no rounding (above 1e-4 of the largest entry or of the scale).
    """
    same = np.ndim(value) > 0 and _one_array(value, reference)
    for dtype in (np.asarray(value).dtype, np.asarray(reference).dtype):
        if dtype != np.float64 and dtype.kind not in "biuO":
            raise TypeError(f"an identity is decided in float64, got {dtype}")
    for name, control in controls.items():
        check_finite(f"control {name!r}", control)
    if np.size(value) == 0:
        raise ValueError("the value is empty: there is nothing to decide")
    if ops == 0:
        if "f" in (np.asarray(value).dtype.kind, np.asarray(reference).dtype.kind):
            _check_whole("the value of an identity", value)
            _check_whole("the prediction", reference)
        value = as_numbers("value", value)
        prediction = Prediction(as_numbers("prediction", reference))
        exact = Enclosure(value, value, value, 0.0, "exact", value.size)
        finding = judge(exact, prediction, controls, printed, tightness=0.0)
        return _of_two_sides(finding, same)
    value = as_numbers("value", value).astype(float)
    reference = np.asarray(reference, float)
    largest = float(np.max(np.abs(check_finite("prediction", reference))))
    scale = (largest or 1.0) if scale is None else scale
    bound = np.broadcast_to(
        4 * ops * UNIT_ROUNDOFF * np.asarray(scale, float), np.broadcast(value, reference).shape
    )
    if not np.all(np.isfinite(value)):
        raise ValueError("the value of an identity must be finite")
    if not (ops > 0 and np.all(bound > 0)):
        raise ValueError(
            f"an identity needs ops > 0 and scale > 0 (or ops=0: exact), got ops={ops}, "
            f"scale={scale}"
        )
    _check_rounding(bound, largest or float(np.max(scale)), ops, scale)
    # The computed value is known as it is; the rounding of both sides is the margin.
    interval = Enclosure(value, value, value, 0.0, "exact", value.size)
    tightness = float(np.max(np.abs(value - reference) / bound))
    prediction = Prediction(reference, bound, bound, scale=_unit(scale, largest))
    if np.any(outside(interval, prediction)):
        refuted = judge(interval, prediction, controls, printed, tightness=tightness)
        return _unless_rounding(refuted, scale, controls)
    for name, control in controls.items():
        if not np.any(np.abs(np.asarray(control, float) - reference) >= 10 * bound):
            raise ControlTooClose(
                f"control {name!r} lies within ten times the rounding error {np.max(bound):.3g}: "
                "ill-conditioned, use more digits or a control that differs more"
            )
    finding = judge(interval, prediction, controls, printed, tightness=tightness)
    return _of_two_sides(finding, same)


def _one_array(one: Any, other: Any) -> bool:
    """Tell whether two sides are one object, or two names of the same memory."""
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
        return one is other
    places = [array.__array_interface__["data"][0] for array in (one, other)]
    return places[0] == places[1] and one.strides == other.strides and one.shape == other.shape


def _of_two_sides(finding: Finding, same: bool) -> Finding:
    """Return the finding of an identity; raise `ValueError` for two sides that are one array."""
    if same:
        raise ValueError(
            "the two sides of an identity are one and the same array: compute the value by a route "
            "of its own"
        )
    return finding


def _unit(scale: Any, largest: float) -> Any:
    """The size of what cancels, as far as an error may be measured in it: ten times the largest
    prediction.
    """
    return np.minimum(scale, MOST_SCALE * largest) if largest else scale


def _unless_rounding(finding: Finding, scale: Any, controls: Mapping[str, Any]) -> Finding:
    """A refuted identity, INCONCLUSIVE where its sides agree to so many digits that rounding may
    explain the rest.
    """
    value = finding.interval.estimate
    reference = finding.prediction.value
    size = np.maximum(np.abs(value), np.abs(reference))
    size = np.where(reference == 0, np.maximum(size, scale), size)
    near = _AGREE * size
    off = np.abs(value - reference)
    claimed = any(
        not np.any(np.abs(np.asarray(control, float) - reference) > 10 * near)
        for control in controls.values()
    )
    if claimed or np.any(off > near):
        return finding
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = -np.log10(np.max(np.where(size > 0, off / size, 0.0)))
    return replace(
        finding,
        outcome="INCONCLUSIVE",
        note=f"the sides agree to {int(digits)} digits, so that rounding may explain the "
        "difference, but it exceeds what ops= and scale= allow: is scale= the size of what cancels "
        "on the way?",
    )


def _check_rounding(rounding: np.ndarray, unit: float, ops: float, scale: Any) -> None:
    """Raise ValueError for an error bound that no rounding reaches beside values of the size
    `unit`.
    """
    if np.max(rounding) > 1e-4 * unit:
        raise ValueError(
            f"an error of {np.max(rounding):.2g} beside values up to {unit:.2g} is no rounding: "
            f"ops={ops} or scale={np.max(scale):.2g} is too large"
        )


def _check_whole(what: str, given: Any) -> None:
    """Raise ValueError for a number that float64 rounds: exact arithmetic would not see what is
    lost.
    """
    array = np.asarray(given)
    if array.dtype.kind == "f" and isinstance(given, np.ndarray | np.floating | float):
        return
    if array.dtype.kind in "biu" and np.all(np.abs(array.astype(float)) < 2.0**53):
        return
    inexact = [entry for entry in np.array(given, dtype=object).ravel() if entry != float(entry)]
    if inexact:
        raise ValueError(
            f"{what} holds {inexact[0]}, which no float64 is: exact arithmetic needs integers on "
            "both sides"
        )


def bound(
    lhs: Any,
    rhs: Any,
    controls: Mapping[str, Any],
    *,
    ops: float,
    scale: Any = None,
    instances: Instances,
    independent: int | None = None,
    family: str = "",
    printed: Any = None,
) -> Finding:
    """Decide lhs <= rhs on every instance (arrays over instances), up to rounding E = 4 ops u
    scale.

    `scale` is |lhs| + |rhs| unless given; `ops=0` means exact arithmetic. A control is a wrong
    right-hand side that must be violated somewhere. One violated instance REFUTES for good. What
    VERIFIED means depends on where the instances came from, and the guarantee says which: "draws"
    (of which `independent` >= 1 are independent; the row says which share of all can violate it),
    "search" (no violation found by an optimiser), "grid" (points of a continuum),
    "all" (exhaustive over a finite set). `family` says in words what the instances are, and stands
    first in the note. Raises `ValueError` for sides that are empty or not finite
    and for draws without `independent`, `ControlTooClose` for a control that is nowhere below
    `rhs`.
    """
    if not ops >= 0:
        raise ValueError(f"a bound needs ops >= 0, got {ops}")
    if ops == 0:
        _check_whole("the left side of a bound", lhs)
        _check_whole("the bound", rhs)
    lhs = check_finite("left side of a bound", lhs).astype(float)
    rhs = check_finite("bound", rhs).astype(float)
    size = np.abs(lhs) + np.abs(rhs) if scale is None else np.asarray(scale, float)
    rounding = np.broadcast_to(4 * ops * UNIT_ROUNDOFF * size, np.broadcast(lhs, rhs).shape)
    n = rounding.size
    if n == 0:
        raise ValueError("a bound on no instance: there is nothing to decide")
    if (instances == "draws") != (independent is not None) or not 1 <= (independent or 1) <= n:
        raise ValueError(
            f"a bound on draws says how many of its {n} instances are independent, no other does: "
            "got "
            f"instances={instances!r}, independent={independent}"
        )
    largest = max(float(np.max(np.abs(side))) for side in (lhs, rhs))
    # Sides that are nothing but rounding have the size of what was subtracted.
    unit = largest if largest > np.max(rounding) else min(float(np.max(size)), 1.0)
    _check_rounding(rounding, unit, ops, size)
    if independent is not None:
        both = np.stack(np.broadcast_arrays(lhs, rhs), axis=-1)
        check_independent("a bound", both if both.ndim > 1 else both[None], independent)
    interval = Enclosure(lhs, lhs, lhs, 0.0, GUARANTEES[instances], n)
    # The tiny number lets 0 <= 0 hold among rounded instances.
    margin = rounding + np.finfo(float).tiny if ops > 0 else 0.0
    prediction = Prediction(rhs, margin, margin, "at most", np.max(size) or None)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = lhs / rhs
    tightness = float(np.max(ratio, where=rhs > 0, initial=-np.inf)) if np.any(rhs > 0) else None
    outcome = decide(interval, prediction)
    if outcome != "REFUTED":
        for name, control in controls.items():
            if not np.any(np.asarray(control, float) < rhs):
                raise ControlTooClose(
                    f"control {name!r} is nowhere below the bound: it cannot be violated where "
                    "that holds"
                )
    if not isinstance(family, str) or (family and instances == "all"):
        raise ValueError(
            "family= says in words which instances were tried, where these are not all: got "
            f"family={family!r}, instances={instances!r}"
        )
    note = _of_instances(outcome, interval, prediction, instances)
    if outcome != "REFUTED" and instances != "all":
        note = "; ".join(filter(None, [_tried_on(family, instances), note]))
    return judge(interval, prediction, controls, printed, tightness=tightness, note=note)


def attained(finding: Finding, share: float | None, instances: Instances) -> Finding:
    """Return a bound that is also said to be attained to a share, in (0, 1], on some instance.

    Where it is on none of them, "all" there are REFUTE that, and others leave it INCONCLUSIVE.
    Raises `ValueError` for another share.
    """
    if share is None or finding.outcome == "REFUTED":
        return finding
    if not 0 < share <= 1:
        raise ValueError(f"attained= is a share of the bound, above 0 and at most 1, got {share}")
    interval = finding.interval
    limit = np.asarray(finding.prediction.value)
    if np.any((limit > 0) & (np.asarray(interval.high) >= share * limit)):
        return finding
    largest = "no ratio" if finding.tightness is None else f"{finding.tightness:.6g}"
    note = f"the largest lhs / rhs is {largest}, and {share:g} of the bound is said to be attained"
    return replace(
        finding,
        outcome="REFUTED" if instances == "all" else "INCONCLUSIVE",
        note="; ".join(filter(None, [note, finding.note])),
    )


def _tried_on(family: str, instances: Instances) -> str:
    """Say which instances a bound was tried on, where they are not all."""
    if family:
        return f"tried on {family} alone ({GUARANTEES[instances]})"
    return "tried on what a search found alone" if instances == "search" else ""


def _of_instances(
    outcome: str,
    interval: Enclosure,
    prediction: Prediction,
    instances: Instances,
) -> str:
    """Say what the instances of a bound tell of others, or how many of them violate it."""
    if outcome == "REFUTED":
        violated = int(np.sum(outside(interval, prediction)))
        swapped = ": are the sides swapped?" if violated == interval.n else ""
        return (
            f"violated on {violated} of {interval.n} instances{swapped}" if interval.n > 1 else ""
        )
    if instances == "grid":
        return f"at {interval.n} points of a grid: what happens between them is not seen"
    return ""


def rests_on(finding: Finding, instances: Instances | None) -> Finding:
    """Return an identity whose guarantee says what its instances are, unless they were drawn."""
    if instances in (None, "draws"):
        return finding
    interval = finding.interval._replace(guarantee=GUARANTEES[instances])
    resolution = finding.resolution
    note = ""
    if instances == "grid" and finding.outcome != "REFUTED":
        # The value may be a count over the grid: how many points there were is not known.
        note = "on a grid: what happens between its points is not seen"
        resolution = replace(resolution, unit=resolution.unit or "on the grid")
    note = "; ".join(filter(None, [finding.note, note]))
    return replace(finding, interval=interval, resolution=resolution, note=note)


def failing_share(count: int, alpha: float) -> float:
    """Return the share of all instances, under the law of the draws, that may fail where none of
    `count` independent ones does: the exact bound, which misses with a chance of `alpha`.
    """
    return float(-np.expm1(np.log(alpha) / count))


def mean(
    sampler: Callable[[int], np.ndarray],
    prediction: Prediction,
    controls: Mapping[str, Any],
    *,
    law: Law,
    looks: Sequence[int] | Plan,
    alpha: float = 1e-6,
    printed: Any = None,
    control_laws: Mapping[str, Law] | None = None,
    progress: Callable[[int, int], None] | None = None,
    widened: Widened | None = None,
) -> Finding:
    """Sample until the interval of `law` decides the prediction and every control, or the looks are
    used up.

    `sampler(m)` returns the next m samples, shape `(m, *shape)`; `looks` are total sample sizes
    fixed in advance, with the share of the error that each may spend (equal ones unless a `Plan`
    says otherwise; a time-uniform law needs none). What is estimated is the law's parameter: a
    mean, a probability, a variance, a ratio of means, a distance between laws. `control_laws`
    replaces the law for controls that are another statistic of the same samples. `widened` makes an
    interval wider, where calls of the sampler may share something.

    P(wrong verdict) <= alpha, whatever the truth, as far as the law's guarantee goes. VERIFIED is
    wrong if the truth lies beyond one border, on some coordinate: then the one end of that
    coordinate's interval that faces the border has missed. So each end may miss with a chance of
    alpha. REFUTED is wrong if any end misses: the 2 K ends of K coordinates share alpha, the K of a
    one-sided claim in the same way. Only one of the two verdicts can be wrong of a truth. A
    published form is a second claim: the two then have alpha / 2 each.

    Raises `ControlTooClose`, or `ValueError` for a margin below the slack and for looks that do not
    grow, before any sampling; later `ValueError` for samples that are not finite or of the wrong
    shape.
    """
    check_margin(prediction)
    if isinstance(law, type):
        raise TypeError(f"law must be the law of the samples, as {law.__name__}(), got the class")
    plan = looks if isinstance(looks, Plan) else Plan.even(looks)
    value = np.asarray(prediction.value, float)
    if control_laws is None:
        check_controls(prediction, controls)
    target = np.broadcast_to(np.asarray(prediction.margin, float), value.shape)
    each = 2 * (alpha if printed is None else alpha / 2)  # what a law is told: both ends together
    all_ends = max(value.size, 1) * (2 if prediction.side == "two" else 1)

    def narrow(which: Law, chance: float, share: float) -> Enclosure:
        chance = chance if which.time_uniform else chance * share
        return which.interval(batches, chance, target)._replace(error=alpha)

    def wide(which: Law, found: Enclosure) -> Enclosure:
        return found if widened is None else widened(which, batches, found)

    def interval(which: Law, chance: float, share: float) -> Enclosure:
        return wide(which, narrow(which, chance, share))

    batches: list[np.ndarray] = []
    enclosures: dict[str, Enclosure] = {}
    size = 0
    shared = ""
    for look, (total, share) in enumerate(zip(plan.sizes, plan.shares, strict=True), 1):
        batches.append(batch := numbers(sampler(total - size), total - size))
        size = total
        if progress is not None:
            progress(total, plan.sizes[-1])
        asked = _more(law)
        more = asked or ()
        if value.ndim == 0 and control_laws is None and batch.ndim > 1 + len(more):
            shape = batch.shape[1 : batch.ndim - len(more)]
            value = np.broadcast_to(value, shape)
            target = np.broadcast_to(target, shape)
            prediction = replace(prediction, value=value)
            all_ends *= value.size
            shared = f"one prediction for all {' x '.join(map(str, shape))} coordinates"
        shape = batch.shape[1 : 1 + value.ndim]
        rest = batch.shape[1 + value.ndim :]
        fits = shape == value.shape and rest == (rest if asked is None else asked)
        waits = fits and look < len(plan.sizes) and hopeless(law, batches, prediction, alpha)
        if waits:
            continue
        measured = narrow(law, each, share) if fits else None
        if measured is None or np.shape(measured.estimate) != value.shape:
            if control_laws is not None:
                wanted = "a pair of numbers" if more else "one number"
                raise ValueError(
                    f"a law is compared of {wanted} a sample, the measurement has shape "
                    f"{batch.shape[1:]}: compare the law of each coordinate"
                )
            shape = batch.shape[1:] if measured is None else np.shape(measured.estimate)
            pairs = ", and the law takes pairs along a last axis" if more else ""
            raise ValueError(
                f"the measurement has shape {shape}, the prediction {value.shape}{pairs}"
            )
        # What does not decide does not when it is wider. The first look asks for what is no input.
        if 1 < look < len(plan.sizes) and decide(measured, prediction) == "INCONCLUSIVE":
            continue
        measured = wide(law, measured)
        about: dict[str, Any] = {"looks": look, "budget": total / plan.sizes[-1]}
        finding = judge(measured, prediction, controls, printed, **about)
        if "REFUTED" in (finding.outcome, finding.printed) and all_ends > 1:
            strict = interval(law, each / all_ends, share)
            finding = _confirmed(finding, judge(strict, prediction, controls, printed, **about))
        if control_laws is not None:
            enclosures = {
                name: interval(other, each, share) for name, other in control_laws.items()
            }
            law_controls = (
                Control(
                    name,
                    prediction.value,
                    decide_control(other, prediction),
                    distance=float(other.estimate),
                )
                for name, other in enclosures.items()
            )
            finding = replace(finding, controls=(*finding.controls, *law_controls))
        outcomes = [
            finding.outcome,
            finding.printed,
            *(control.outcome for control in finding.controls),
        ]
        if (
            finding.outcome == "REFUTED" and finding.printed is None
        ) or "INCONCLUSIVE" not in outcomes:
            break
    off = ""
    if np.any(excluded(finding.interval, prediction)):
        off = deviation(interval(law, each / all_ends, share), prediction)
    if prediction.side == "two":
        finding = replace(finding, resolution=resolution_of_margin(prediction))
    note = "; ".join(filter(None, [off, *_undecided(finding, controls, enclosures), shared]))
    return replace(finding, note=note)


def _more(law: Law) -> tuple[int, ...] | None:
    """The lengths of the axes that a sample has in addition to the prediction's; None if any."""
    return law.axes if isinstance(law, CommonOrder) else _MORE.get(type(law))


def _confirmed(finding: Finding, strict: Finding) -> Finding:
    """Return the finding; a refutation counts only if intervals in which all ends share the error
    refute, too.
    """
    if finding.outcome == "REFUTED" == strict.outcome:
        return strict
    return replace(
        finding,
        outcome="INCONCLUSIVE" if finding.outcome == "REFUTED" else finding.outcome,
        printed="INCONCLUSIVE"
        if finding.printed == "REFUTED" and strict.printed != "REFUTED"
        else finding.printed,
    )


def _undecided(
    finding: Finding, controls: Mapping[str, Any], apart: Mapping[str, Enclosure]
) -> Iterator[str]:
    """Yield what the samples do not decide, and how many would; `apart` holds controls that are
    another statistic.
    """
    if finding.outcome == "INCONCLUSIVE":
        yield wanting(finding.interval, finding.prediction)
        return
    if finding.printed == "INCONCLUSIVE":
        prediction = replace(finding.prediction, value=finding.printed_value)
        yield f"as published: {wanting(finding.interval, prediction, wrong=True)}"
    if finding.outcome == "REFUTED":  # for good: more samples would tell of a control alone
        return
    for control in (entry for entry in finding.controls if entry.outcome == "INCONCLUSIVE"):
        enclosure = apart.get(control.name, finding.interval)
        prediction = replace(
            finding.prediction, value=controls.get(control.name, finding.prediction.value)
        )
        yield f"control {plain(control.name)!r}: {wanting(enclosure, prediction, wrong=True)}"


KnownLaw = Callable[[np.ndarray], Any] | Mapping[float, float]
"""A cdf, the probability of each outcome of a finite set, or the cdf along each direction."""


def law_of_laws(
    known: KnownLaw | None,
    tail: float | None = None,
    directions: np.ndarray | None = None,
    side: Side = "two",
) -> Law:
    """Return by which distance samples are compared with a known law, or two columns with each
    other (None).

    It is the total variation for probabilities of a finite set, the largest relative error of a
    tail probability down to `tail`, the largest difference over the half-spaces of `directions`,
    else the largest difference of cdfs, on a `side` alone where one is given. Raises `TypeError`
    for a tail, or a side, of anything but a cdf.
    """
    if side not in get_args(Side):
        raise ValueError(
            f"side must be one of {', '.join(map(repr, get_args(Side)))}, got {side!r}"
        )
    if side != "two":
        if not callable(known) or tail is not None or directions is not None:
            raise TypeError(
                f"side={side!r} compares cdfs of one number: give cdf= a function, and leave out "
                "tail= and directions="
            )
        return SupDistance(known, side=side)
    if directions is not None:
        if tail is not None or isinstance(known, Mapping):
            raise TypeError(
                "directions= compares half-spaces: cdf= takes a direction and returns the cdf of "
                "the product with it, and tail= is left out"
            )
        return HalfSpaceDistance(directions, known)
    if tail is not None and not callable(known):
        raise TypeError("tail= compares tails with those of a cdf: give one")
    if known is None:
        return TwoSampleDistance()
    if isinstance(known, Mapping):
        return TotalVariation(known)
    if not callable(known):
        raise TypeError(
            "a known law is a cdf, a function of an array, or {outcome: probability}, got "
            f"{type(known).__name__}"
        )
    return SupDistance(known) if tail is None else TailDistance(known, tail)


def distribution(
    sampler: Callable[[int], np.ndarray],
    known: KnownLaw | None,
    controls: Mapping[str, KnownLaw],
    *,
    margin: float,
    slack: float = 0.0,
    tail: float | None = None,
    directions: np.ndarray | None = None,
    side: Side = "two",
    looks: Sequence[int] | Plan,
    alpha: float = 1e-6,
    progress: Callable[[int, int], None] | None = None,
    widened: Widened | None = None,
) -> Finding:
    """Decide whether samples follow a known law to within `margin` in the distance of
    `law_of_laws`; controls are wrong laws.

    With `known=None` samples have two columns and the question is whether the two routes share one
    law. Guarantee: finite-n bands at planned looks, P(wrong verdict) <= alpha for every law.
    "Not significantly different" is never VERIFIED: the distance plus its band must be below the
    margin. With a `side` the samples' cdf is at most, or at least, the known one everywhere.
    """
    if known is None and controls:
        raise ValueError(
            "controls are wrong cdfs: between two routes (cdf=None) there is none to replace"
        )
    law = law_of_laws(known, tail, directions, side)
    prediction = Prediction(0.0, margin, slack, "at most")
    laws = {name: law_of_laws(other, tail, directions, side) for name, other in controls.items()}
    finding = mean(
        sampler,
        prediction,
        {},
        law=law,
        looks=looks,
        alpha=alpha,
        control_laws=laws,
        progress=progress,
        widened=widened,
    )
    size = margin + slack  # so far off a law is beyond the margin, by the triangle inequality
    unit = OF_TAILS if tail is not None else "in probability"
    along = "" if directions is None else f"on the half-spaces of {len(directions)} directions"
    if side != "two":
        along = f"the cdf is {side} the given one everywhere, up to the margin"
    note = "; ".join(filter(None, [finding.note, along]))
    return replace(finding, note=note, resolution=Resolution(size, size, unit))


def gap(
    primal: Any,
    dual: Any,
    prediction: Prediction,
    controls: Mapping[str, Any],
    *,
    scale: float,
    ops: float,
    printed: Any = None,
) -> Finding:
    """Decide a predicted optimum f* from a feasible value `primal` >= f* and a certified lower
    bound `dual` <= f*.

    The caller computes both from the solutions, and does not take them from a solver's status;
    rounding E = 4 ops u scale widens the interval [dual - E, primal + E]. Guarantee: error 0.
    Raises `ValueError` where the lower bound exceeds the value by more than 2 E.
    """
    primal = check_finite("feasible value", primal)
    dual = np.asarray(dual, float)  # which may be -inf: no bound known
    rounding = 4 * ops * UNIT_ROUNDOFF * scale
    if not (ops >= 0 and scale >= 0):
        raise ValueError(f"a gap needs ops >= 0 and scale >= 0, got ops={ops}, scale={scale}")
    sizes = np.abs(np.concatenate([np.ravel(primal), np.ravel(dual[np.isfinite(dual)])]))
    largest = float(np.max(sizes.astype(float)))
    _check_rounding(np.asarray(rounding), largest or 1.0, ops, scale)
    if np.any(dual - primal > 2 * rounding):
        raise ValueError(
            "the lower bound exceeds the feasible value: one of the two certificates is wrong"
        )
    interval = Enclosure(
        primal,
        np.minimum(dual, primal) - rounding,
        primal + rounding,
        0.0,
        "exact (duality gap)",
        1,
    )
    return judge(interval, prediction, controls, printed)


def runs(outcomes: Any, controls: Mapping[str, Any], *, alpha: float) -> Finding:
    """Decide "more often positive than not" from one signed outcome per independent training run:
    the exact sign test.

    The interval is Clopper-Pearson's for P(outcome > 0); ties count against the claim. VERIFIED iff
    it lies above 1/2, so S runs on one side have the level alpha = 2^(1-S), and S must be large
    enough for the level that is asked for. Controls are outcomes of runs in which the effect is
    absent or reversed; they must be REFUTED. Guarantee: exact at `alpha`, which the row reports; a
    handful of runs cannot reach 1e-6.

    Raises `ValueError` for a level above 10 % and for a control that is a multiple of the outcomes.
    """
    if not 0 < alpha <= MOST_ERROR:
        raise ValueError(f"the level of a few runs must lie in (0, .1], got alpha={alpha}")

    def interval(signs: Any) -> Enclosure:
        # Of a run that failed, NaN, which counts against the claim
        signs = np.asarray(signs, float)
        if np.any(np.isinf(signs)):
            raise ValueError("the outcome of a run must be finite, or NaN where it failed")
        events = (signs > 0).astype(float)
        if events.ndim != 1 or events.size == 0:
            raise ValueError(
                f"runs needs one outcome per run, shape (runs,) with runs >= 1, got {events.shape}"
            )
        # A hair above alpha: at alpha = 2^(1-S) itself the interval of S equal signs would only
        # touch 1/2.
        enclosure = Bernoulli().interval([events], alpha * (1 + 1e-12), np.asarray(0.0))
        return enclosure._replace(guarantee=f"exact, {len(events)} runs")

    # A control may be one run that nothing random moves
    data = np.ravel(np.asarray(outcomes, float))
    periods = [k for k in range(1, data.size) if data.size % k == 0 and data.size >= 4]
    if np.any(data != np.round(data)) and any(
        np.array_equal(np.resize(data[:k], data.size), data) for k in periods
    ):
        raise ValueError(
            "the outcomes of the runs repeat, so that they are copies: give a number for each run"
        )
    known = data[np.isfinite(data)]
    if len(known) > 1:  # neighbours of a chain; of fewer than 64 nothing shows
        Independence("the outcome of a run", FAR_ONCE).ask(known, [1] * len(known))
    for name, control in controls.items():
        check_finite(f"control {name!r}", control)
        if np.shape(control) == np.shape(outcomes) and _proportional(control, outcomes):
            raise ValueError(
                f"control {name!r} is a multiple of the outcomes: give the outcomes of other "
                "runs, without the effect or with it reversed"
            )
    prediction = Prediction(0.5, 0.0, 0.0, "at least")
    outcome = interval(outcomes)
    return Finding(
        decide(outcome, prediction),
        prediction,
        outcome,
        tuple(
            Control(name, 0.5, decide(interval(control), prediction))
            for name, control in controls.items()
        ),
    )


def _proportional(ones: Any, others: Any) -> bool:
    ones = np.asarray(ones, float)
    others = np.asarray(others, float)
    if np.array_equal(ones, -others):
        return True
    largest = np.argmax(np.abs(others))
    if any(np.array_equal(np.sort(ones), np.sort(sign * others)) for sign in (1, -1)) and np.any(
        others != np.round(others)
    ):
        return True
    products = ones * others[largest], others * ones[largest]
    return (
        len(ones) > 1 and np.ptp(np.abs(others)) > 0 and np.allclose(*products, rtol=1e-12, atol=0)
    )


def enclosed(
    value: Any, error: Any, prediction: Prediction, controls: Mapping[str, Any], printed: Any = None
) -> Finding:
    """Decide a prediction for a deterministic value known to within `error` >= 0 (same shape or
    scalar).

    `error` comes from rounding analysis, a residual or a truncation bound, never from taste.
    Guarantee: error 0.
    """
    value = check_finite("value", value).astype(float)
    error = np.asarray(error, float)
    if not value.size or not np.all(error >= 0):
        raise ValueError(
            "an enclosed value must not be empty, its error bound must be a number and not negative"
        )
    return judge(
        Enclosure(value, value - error, value + error, 0.0, "exact", value.size),
        prediction,
        controls,
        printed,
    )
