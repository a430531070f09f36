"""The verdict on a claim from its decisions, and the conditions for VERIFIED."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from theory_on_trial.decide.decision import MOST_ERROR, Control, Finding, Outcome
from theory_on_trial.decide.resolution import OF_TAILS, Resolution, distances, resolution_of
from theory_on_trial.formula.marks import plain

RAISED = "the check raised"
"""The beginning of a note that says why nothing was decided."""
COARSEST = 0.05
"""The largest error that an equality may overlook without saying why."""
LOOSEST = 0.1
"""How far below its bound the largest measured side may stay without a reason."""
COARSEST_ALONE = 0.5
"""The largest error in one coordinate alone that an equality may overlook without saying why."""
COARSEST_EXPONENT = 0.125
"""Half the distance of two quarter powers: the nearest rival of an exponent is excluded."""
FARTHEST = 10.0
"""How far from the prediction, relative to it, a wrong theory may lie that somebody could hold."""
FARTHEST_LAW = 0.5
"""The same of a wrong law of samples, in probability."""
NEAREST = 0.01
"""How much of the scale some wrong theory must be off where a prediction is 0 and errors are
measured in its scale.
"""
POLICED = 1 / 3
"""The share of the coordinates of an equality on which some control must have been refuted."""
POLICED_EXACTLY = 0.05
"""The same in exact arithmetic, where every coordinate alone would have shown any error."""

DRAWN = "drawn instance"
"""Ends the guarantee of exact decisions on instances that were drawn at random."""
CONFIDENCE = 0.999
"""At which it is said what share of all drawn instances could fail."""
LEAST_DRAWN = 30
"""From so many drawn instances on a claim is VERIFIED without being generic; the setting
`trial_least_drawn` of pytest changes it."""
MOST_COINCIDENT = 1e-6
"""At most so large may the product of the precisions be to which generic sides are equal, over all
draws: sides that differ come as near to each other at a draw for about such a share of draws.
"""

_WEAKER = (
    "exact",
    "proved",
    "exhaustive",
    "generic",
    "finite-n",
    "finite-n (union)",
    "finite-n (symmetric)",
    "finite-n (normal)",
)
_WEAKEST = ("asymptotic", "drawn", "extrapolated", "on a grid", "searched")


def weakness(guarantee: str) -> int:
    """Return the rank of a guarantee, 0 for a proof; of several decisions the weakest one stands
    for the claim.
    """
    order = (*_WEAKER, *_WEAKEST)
    plain = guarantee if guarantee in order else guarantee.split(",")[0].split(" (")[0]
    return order.index(plain) if plain in order else len(order)


def verdict_of(
    claim: Any, findings: Sequence[Finding], error: BaseException | None
) -> tuple[Outcome, str]:
    """Return the verdict on a claim (its `kind`, `low_power` and `not_tight` are read), and why it
    is INCONCLUSIVE if it is.

    One REFUTED decision refutes the claim, whatever the others say. VERIFIED needs every decision
    VERIFIED, and chances of error that add up to at most `MOST_ERROR`. It also has to be earned: by
    a procedure that fits the kind, by refuted controls that somebody could hold, and by a
    resolution within the limits above or a reason why it is coarser.
    """
    raised = "" if error is None else f"{RAISED} {type(error).__name__}: {error}"
    raised = raised.split("\n")[0][:300]
    total = _total_error(findings)
    certain = any(f.outcome == "REFUTED" and not f.interval.error for f in findings)
    refuted = any(f.outcome == "REFUTED" for f in findings) and (certain or total <= MOST_ERROR)
    if refuted and (error is None or isinstance(error, Exception)):
        return "REFUTED", f"another decision was not made: {raised}" if raised else ""
    if refuted:  # the check left by itself: skipped, expected to fail, interrupted
        return "INCONCLUSIVE", f"{raised}; a decision was REFUTED before"
    if raised:
        return "INCONCLUSIVE", raised
    if not findings:
        return "INCONCLUSIVE", "the check made no decision"
    if total > MOST_ERROR:
        return "INCONCLUSIVE", _too_likely(findings, total)
    places = _places(findings)
    objections = [_far_fetched(finding) or _unmeasured(finding) for finding in findings]
    held = {place for place, reason in zip(places, objections, strict=True) if not reason}
    for number, finding in enumerate(findings, 1):
        far = "" if places[number - 1] in held else objections[number - 1]
        reason = _undecided(finding) or _unearned(claim, finding, far)
        if reason:
            place = finding.case or (f"decision {number}" if len(findings) > 1 else "")
            return "INCONCLUSIVE", f"{place}: {reason}" if place else reason
    if reason := _unfit(claim.kind, findings) or too_few(findings):
        return "INCONCLUSIVE", reason
    return "VERIFIED", ""


def drawn_instances(findings: Sequence[Finding]) -> int:
    """Return on how many drawn instances decisions rest: each case has its own, and of its
    decisions the one on the fewest counts; generic ones only where all are.
    """
    cases: dict[str, list[int]] = {}
    for finding in findings:
        if finding.drawn and (not finding.generic or all_generic(findings)):
            cases.setdefault(finding.case, []).append(finding.drawn)
    return sum(map(min, cases.values()))


def all_generic(findings: Sequence[Finding]) -> bool:
    """Tell whether each decision on drawn instances says why one of them is enough."""
    drawn = [finding for finding in findings if finding.drawn]
    return bool(drawn) and all(finding.generic for finding in drawn)


def too_few(findings: Sequence[Finding]) -> str:
    """Say what to do where a claim would rest on a lucky draw; "" where it does not."""
    count = drawn_instances(findings)
    if not all_generic(findings):
        if not 0 < count < LEAST_DRAWN:
            return ""
        return (
            f"decided on {count} {DRAWN}{'s' * (count > 1)} only, which may be lucky: draw "
            f"{LEAST_DRAWN} or more in all (independent= says how many a case has), or say why one "
            "shows it of almost all (generic=)"
        )
    coarsest: dict[str, float] = {}
    for finding in findings:
        if finding.generic:
            precision = min(_precision(finding), 1.0) ** finding.drawn
            coarsest[finding.case] = max(coarsest.get(finding.case, 0.0), precision)
    if math.prod(coarsest.values()) <= MOST_COINCIDENT:
        return ""
    return (
        f"{count} generic draw{'s' * (count > 1)} may agree by chance to the precision of the "
        "margin: narrow it, or draw more instances (more cases, or independent=)"
    )


def _precision(finding: Finding) -> float:
    """The largest error of a coordinate that an equality overlooks, relative to the largest."""
    found = _stated(finding)
    return max(found.beside, found.at_zero, found.size)


def _total_error(findings: Sequence[Finding]) -> float:
    """The chances of error of all decisions together; sums of tenths are rounded."""
    return round(sum(float(finding.interval.error) for finding in findings), 12)


def _too_likely(findings: Sequence[Finding], total: float) -> str:
    """Say that the chances of error add up to too much, and how many runs of trained models would
    be enough.
    """
    sentence = (
        f"the chances of error of {len(findings)} decisions add up to {total:.3g}, which decides "
        f"nothing: at most {MOST_ERROR:g}"
    )
    counts = [finding for finding in findings if finding.procedure == "runs"]
    if not counts:
        return sentence
    share = MOST_ERROR / len(counts)
    needed = math.ceil(1 - math.log2(share))
    return f"{sentence}; {needed} runs each that agree would do, at alpha={2.0 ** (1 - needed):.2g}"


def _undecided(finding: Finding) -> str:
    if finding.outcome == "VERIFIED":
        return ""
    return finding.note or "the interval lies neither within the margin nor outside it"


def _places(findings: Sequence[Finding]) -> list[int]:
    """Return the place of each decision: how many decisions its case made before it. Decisions of
    one place are one decision of the check, made in each of its cases.
    """
    made: Counter[str] = Counter()
    places = []
    for finding in findings:
        places.append(made[finding.case])
        made[finding.case] += 1
    return places


def _unearned(claim: Any, finding: Finding, far: str) -> str:
    """Why a VERIFIED decision does not count, such as that its controls are too `far` off or none
    is far enough; "" if it does.
    """
    survivors = [
        plain(control.name) for control in finding.controls if control.outcome != "REFUTED"
    ]
    if survivors:
        return f"control survived: {', '.join(survivors)}"
    if not finding.controls:
        return "no control that could have failed (controls=)"
    if reason := far or _unpoliced(finding):
        return reason
    # A distance between laws is an equality; of runs the sign is known and no size.
    one_sided = finding.prediction.side != "two" and finding.procedure not in (
        "distribution",
        "runs",
    )
    found = _stated(finding)
    size = found.size
    unit = found.unit
    limit = LOOSEST if one_sided else COARSEST
    if finding.procedure == "order":  # errors of exponents add up, whatever the exponent
        power = abs(float(finding.prediction.value))
        limit = min(COARSEST * max(power, 1.0), COARSEST_EXPONENT) / (power or 1.0)
        limit *= LOOSEST / COARSEST if one_sided else 1.0
    if claim.not_tight if one_sided else claim.low_power:
        return ""
    if not math.isfinite(size):
        return (
            "no size of error is known to be detected: say what an error is measured in (scale= of "
            "the decision) or why "
            "not (@claim(low_power=))"
        )
    error = f"{100 * size:.2g} %{f' {unit}' if unit else ''}"
    limit *= 1 + 1e-9  # a margin of 5 % itself may be a rounding more
    if size > limit and one_sided:
        return (
            f"the bound could be {error} tighter: attain it on some instance, or say why not "
            "(@claim(not_tight=))"
        )
    if size > limit:
        return f"an error below {error} would not be detected: {_SHARPEN}"
    if found.beside > max(COARSEST_ALONE, limit):
        alone = f"one coordinate below {100 * found.beside:.2g} % of the largest"
        return f"an error in {alone} would not be detected: {_SHARPEN}"
    return ""


def _stated(finding: Finding) -> Resolution:
    """The resolution that a decision promises: of an equality that of its margin, whatever interval
    the samples gave.
    """
    prediction = finding.prediction
    if prediction.side != "two" or not np.any(prediction.margin) or finding.resolution.exponent:
        return finding.resolution
    value = np.asarray(prediction.value, float)
    return resolution_of(value, value, prediction)


_SHARPEN = "sharpen the decision, or say why its power is low (@claim(low_power=))"


def _far_fetched(finding: Finding) -> str:
    """Why no control is a theory that somebody could hold; "" if one is.

    By how much a control is off may hang on an instance that was drawn: one case whose controls are
    near shows that somebody could hold them.
    """
    if finding.procedure == "distribution":
        nearest = min((control.distance or 0.0 for control in finding.controls), default=0.0)
        # An error of a tail probability is relative, as one of a prediction is.
        unit = finding.resolution.unit if finding.resolution else ""
        far = nearest > (FARTHEST if unit == OF_TAILS else FARTHEST_LAW)
        return (
            f"even the nearest control is {nearest:.2g} away {unit}: nobody could hold it"
            if far
            else ""
        )
    controls = _refuted(finding)
    if not controls:
        return ""
    one_sided = finding.prediction.side != "two"
    exact = _is_exact(finding)
    factors = [
        0.0 if exact and c.is_process else _beyond(finding, c) if one_sided else _off(finding, c)
        for c in controls
    ]
    if min(factors) > FARTHEST:
        return (
            f"even the nearest control is wrong by a factor of {min(factors):.2g}: nobody "
            "could hold it"
        )
    return ""


def _refuted(finding: Finding) -> list[Control]:
    """The controls of which it is known on which coordinates they were refuted."""
    if finding.procedure == "distribution":
        return []
    return [control for control in finding.controls if control.refuted is not None]


def _is_exact(finding: Finding) -> bool:
    """Whether any error at all would have been detected: a process may be far off there."""
    return not finding.resolution.each


def _unmeasured(finding: Finding) -> str:
    """Why the unit of the errors is meaningless; "" if it is not."""
    controls = _refuted(finding)
    distance = max((control.distance or 0.0 for control in controls), default=np.inf)
    if finding.resolution.unit and finding.procedure != "identity" and not distance >= NEAREST:
        return (
            f"no control is {NEAREST:g} of the scale off: errors are not measured in a unit "
            "that says something"
        )
    return ""


def _off(finding: Finding, control: Control) -> float:
    """How far a wrong prediction is off where it was refuted and is off least."""
    distance, mask = np.broadcast_arrays(
        distances(control.predicted, finding.prediction), control.refuted
    )
    if finding.procedure == "order":  # exponents add up: one near 0 is no reason to stay near it
        distance = distance * min(abs(float(finding.prediction.value)) or 1.0, 1.0)
    return float(np.min(distance[mask], initial=np.inf)) if np.any(mask) else 0.0


def _beyond(finding: Finding, control: Control) -> float:
    """The least factor by which the data exceed a wrong bound, or a wrong process the bound; 0 if
    none is known.
    """
    at_most = finding.prediction.side == "at most"
    value = finding.prediction.value
    low, high = (control.predicted,) * 2 if control.is_process else finding.interval[1:3]
    limit = value if control.is_process else control.predicted
    low, high, limit = np.broadcast_arrays(low, high, limit)
    above, below = (low, limit) if at_most else (limit, high)
    mask = np.asarray(control.refuted) & (below > 0)
    return float(np.min(above[mask] / below[mask])) if np.any(mask) else 0.0


def _unpoliced(finding: Finding) -> str:
    """Why the controls of an equality cover too little; "" if they cover enough."""
    controls = _refuted(finding)
    if not controls or finding.prediction.side != "two":
        return ""
    mask = np.any(np.broadcast_arrays(*(control.refuted for control in controls)), axis=0)
    share = float(np.mean(mask))
    if share >= (POLICED_EXACTLY if _is_exact(finding) else POLICED):
        return ""
    return (
        f"the controls are refuted on {100 * share:.2g} % of the coordinates only: the others "
        "could be anything"
    )


def _unfit(kind: str, findings: Sequence[Finding]) -> str:
    """Why the procedures cannot decide a claim of this kind; "" if they can."""
    sides = {finding.prediction.side for finding in findings if finding.procedure != "distribution"}
    if any(finding.procedure == "runs" for finding in findings) and kind != "empirical":
        return f"the sign of a few runs decides no claim of kind {kind}"
    if kind == "bound" and sides == {"two"}:
        return "a claim of kind bound needs a one-sided decision: side=, or kind= another"
    if kind in ("identity", "limit", "distribution") and sides and "two" not in sides:
        return (
            f"a claim of kind {kind} needs a two-sided decision: say kind='bound' of a "
            "one-sided one"
        )
    return ""
