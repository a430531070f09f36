"""The ledger's rows: one per claim, from the findings of its trial."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import Any

import numpy as np

from theory_on_trial.decide.decision import Finding, Outcome, Prediction, outside
from theory_on_trial.decide.evidence import failing_share
from theory_on_trial.formula.marks import is_marked, parts, plain
from theory_on_trial.laws import Enclosure
from theory_on_trial.ledger.verdict import (
    CONFIDENCE,
    DRAWN,
    all_generic,
    drawn_instances,
    verdict_of,
    weakness,
)
from theory_on_trial.ledger.words import brief, brief_interval, chance

# vectors up to this length are written out; of longer ones the least favourable coordinate is
_LISTED = 8


@dataclass(frozen=True)
class Row:
    """The ledger's row on one claim; JSON-ready (numbers, lists, strings, None), units as in the
    statement.

    `predicted`, `measured`, `interval`, `margin` and `slack` are those of the decisive finding.
    Vectors of up to 8 coordinates are lists; of longer ones, and of those that are refuted, the
    least favourable coordinate is shown, and the note says which.
    """

    id: str
    """The claim's id: its paper, a dot, its name, and parameters in brackets. The id of a published
    form ends in `-as-published`."""
    paper: str
    """The paper's name, as the id begins."""
    source: str
    """Where the statement stands."""
    statement: str
    """The statement, in one paragraph; its formulas stand between dollars."""
    kind: str
    """The kind of the statement, such as "identity", "bound" or "limit"; "test" of a plain test."""
    tier: str
    """From which tier on a run includes the claim: "fast", "full" or "paper"."""
    expected: Outcome
    """The verdict that passes; that of a published form is REFUTED."""
    verdict: Outcome
    """The verdict."""
    predicted: Any = None
    """What the theory predicts: a number, the name of a law, or a (nested) list of numbers."""
    measured: Any = None
    """What the other route measures or computes, in the same form."""
    interval: Any = None
    """The two ends of the interval for the true value, each in the same form."""
    margin: Any = None
    """How far the true value may lie from the prediction, in its units."""
    slack: Any = None
    """The part of the margin that the theory's own error takes, in the same units."""
    error_probability: float | None = None
    """A bound on the probability, over the seed, that the verdict is wrong; null where none is
    known."""
    guarantee: str | None = None
    """What this bound rests on, of the weakest finding."""
    controls: list[dict[str, Any]] = field(default_factory=list)
    """The wrong theories or processes that must be refuted: name, what it predicts, the verdict on
    it, its distance in smallest detectable errors, the case."""
    settings: list[dict[str, Any]] = field(default_factory=list)
    """The settings of every case that was judged, by name."""
    precision: str = ""
    """In which precision JAX computed: "double" or "single"."""
    samples: int | None = None
    """How many samples were drawn in all."""
    looks: int | None = None
    """How often a sequential procedure looked at the samples."""
    seconds: float = 0.0
    """How long the trial took, in seconds."""
    tightness: float | None = None
    """The measured side divided by its bound, at most 1 where the bound holds; of a claim of kind
    bound the largest of all its findings."""
    provenance: str = ""
    """Whose statement it is: "paper" (seen at that place), "recalled" (the paper's, not seen),
    "known" (another publication's), "tried" (the paper's sentence, with a law or experiment of
    ours), "code" (what released code computes) or "derived" (ours); "" of a test without a
    source."""
    reach: str = ""
    """Of a published form, what goes through it: "theorem", "default path", "released command",
    "unreached branch" or "slip"."""
    effect: str = ""
    """Of a published form, what of the paper changes."""
    ran: str = ""
    """Of a published form, what was run: the released function, its lines, or the formula."""
    resolution: float | None = None
    """The smallest error of the prediction that the weakest finding would have refuted, as a share;
    null if no size is known."""
    detects: str = ""
    """The same in words, with that of the weakest coordinate."""
    why_low_power: str = ""
    """Why a smaller error would not have been refuted."""
    note: str = ""
    """Further remarks, such as the coordinate that is shown."""
    parts: list[dict[str, Any]] = field(default_factory=list)
    """The same numbers for every finding of a claim that made several decisions, with their
    case."""
    command: str = ""
    """The command that repeats the trial."""

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the expected one (an erratum's published form is expected to be
        REFUTED).
        """
        return self.verdict == self.expected

    def failure(self) -> str:
        """Return the sentence that a failing test prints."""
        # One line for many cases: whichever of a control's verdicts is not REFUTED.
        controls = "; ".join(
            f"control {plain(c['name'])!r}{_of_case(c)}: {c['verdict']}"
            for c in self.controls
            if c["verdict"] != "REFUTED"
        )
        numbers = (
            f"predicted {brief(self.predicted)}, measured {brief(self.measured)}, interval "
            f"{brief_interval(self.interval)}, margin {brief(self.margin)}, slack "
            f"{brief(self.slack)}"
        )
        statement = plain(self.statement).rstrip(".")
        about = ". ".join(filter(None, [statement, numbers, controls, self.note]))
        return f"{self.id}: {self.verdict}, expected {self.expected}. {about}"

    def __str__(self) -> str:
        """Return the row as plain text: a field a line, and a line for each control and for each of
        several decisions.

        The row of a claim that holds names its decisions; that of a published form leaves the
        controls to the claim.
        """
        facts = {name: value for name, value in asdict(self).items() if value not in (None, "", [])}
        facts |= {"controls": len(self.controls), "parts": len(self.parts)}
        lines = [
            f"{name:>18}  {plain(value) if name in _MARKED else value}"
            for name, value in facts.items()
            if value or name not in ("controls", "parts")
        ]
        for control in self.controls:
            distance = control.get("distance")
            remark = (
                ""
                if distance is None
                else f", off by {brief(distance, 2)} times the smallest error that is detected"
            )
            predicted = f"predicts {brief(control['predicted'])}{remark}"
            name = f"{plain(control['name'])}{_of_case(control)}"
            lines.append(f"{'control':>18}  {name}: {control['verdict']} ({predicted})")
        for part in self.parts:
            measured = f"measured {brief(part['measured'])} in {brief_interval(part['interval'])}"
            detectable = f", detects {part['detects']}" if part["detects"] else ""
            lines.append(
                f"{'decision':>18}  predicted {brief(part['predicted'])}, {measured}{detectable}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = {
            "claim": f"<b>{escape(self.id)}</b> ({escape(self.kind)}; {_in_notebook(self.source)})",
            "statement": _in_notebook(self.statement),
            "verdict": f"<b>{self.verdict}</b>"
            + ("" if self.as_expected else f" (expected {self.expected})"),
            "predicted": escape(brief(self.predicted, 8)),
            "measured": escape(f"{brief(self.measured, 8)} in {brief_interval(self.interval)}"),
            "detects": escape(
                self.detects + (f" ({plain(self.why_low_power)})" if self.why_low_power else "")
            ),
            "margin / slack": escape(f"{brief(self.margin)} / {brief(self.slack)}"),
            "chance of error": escape(
                f"{chance(self.error_probability, self.guarantee)} ({self.guarantee})"
            ),
            "controls": "<br>".join(
                f"{_in_notebook(c['name'])}: {escape(brief(c['predicted']))} → {c['verdict']}"
                for c in self.controls
            ),
            "cost": f"{self.samples} samples, {self.looks} looks, {self.seconds:.2f} s",
            "note": escape(self.note),
        }
        cells = "".join(
            f"<tr><th align=left>{name}</th><td align=left>{text}</td></tr>"
            for name, text in rows.items()
        )
        return f"<table>{cells}</table>"


_MARKED = ("statement", "source", "effect", "why_low_power")
"""The fields whose formulas stand between dollars."""


def _in_notebook(text: str) -> str:
    """Return a text as HTML; a notebook's program sets the TeX between the marks."""
    if not is_marked(text):
        return escape(plain(text))
    set_as = {"formula": "${}$", "code": "<code>{}</code>", "text": "{}"}
    return "".join(set_as[kind].format(escape(content)) for kind, content in parts(text))


def _of_case(control: dict[str, Any]) -> str:
    return f" of {control['case']}" if control.get("case") else ""


def paper_in(claim_id: str) -> str:
    """Return the paper's name in a claim's id: what stands before the last dot, parameters in
    brackets apart.
    """
    return claim_id.partition("[")[0].rpartition(".")[0]


def rows_of(
    claim: Any,
    findings: Sequence[Finding],
    seconds: float,
    command: str,
    error: BaseException | None = None,
    verdict_and_note: tuple[Outcome, str] | None = None,
) -> list[Row]:
    """Turn the findings of one trial into the claim's row, and a second one for its published form
    if it has one.

    `verdict_and_note` replaces the result of the rules for claims (see `verdict_of`).
    """
    about = {
        "paper": claim.paper,
        "source": str(claim.source),
        "provenance": claim.source.provenance,
        "kind": claim.kind,
        "tier": claim.tier,
        "seconds": round(seconds, 4),
        "command": command,
        "precision": claim.precision,
    }
    controls = [
        {
            "name": control.name,
            "predicted": _plain(
                control.predicted,
                _least_favourable(
                    finding.interval._replace(estimate=control.predicted), finding.prediction
                ),
            ),
            "verdict": control.outcome,
            "distance": _in_resolutions(control.distance, finding.resolution.size),
            "case": finding.case,
        }
        for finding in findings
        for control in finding.controls
    ]
    verdict, note = verdict_and_note or verdict_of(claim, findings, error)
    expected: Outcome = "REFUTED" if getattr(claim, "known_false", False) else "VERIFIED"
    if not findings:
        return [
            Row(
                id=claim.id,
                statement=claim.statement,
                expected=expected,
                verdict=verdict,
                note=note,
                **about,
            )
        ]
    # The decision that made the verdict; among several that would do, the least certain one, and of
    # those that refute the most certain one.
    decisive = max(
        findings,
        key=lambda finding: (
            finding.outcome == verdict,
            finding.interval.error * (-1 if verdict == "REFUTED" else 1),
        ),
    )
    parts = [_fields(finding) | {"case": finding.case} for finding in findings]
    parts = parts if len(findings) > 1 else []
    weakest = max(findings, key=lambda finding: finding.resolution.size)
    error_sum = float(sum(finding.interval.error for finding in findings))
    drawn = drawn_instances(findings)
    generic = all_generic(findings)
    # No number bounds the chance that a search has overlooked something, or that what is said to
    # be generic is not.
    searched = any(finding.interval.guarantee == "searched" for finding in findings)
    known = verdict == "REFUTED" or not (generic or searched)
    lucky = 1 - CONFIDENCE if verdict == "VERIFIED" and drawn and not generic else 0.0
    common = {
        "error_probability": round(error_sum + lucky, 12) if known else None,
        "samples": sum(finding.interval.n for finding in findings),
        "looks": max(finding.looks for finding in findings),
        **about,
    }
    said = bool(decisive.note) and decisive.note in note
    fields = _fields(replace(decisive, note="") if said else decisive)
    of_case = f"refuted at {decisive.case}" if verdict == "REFUTED" and decisive.case else ""
    of_draws = _of_draws(drawn, findings) if verdict == "VERIFIED" else ""
    alike = _alike(findings) if verdict == "VERIFIED" else ""
    note = "; ".join(filter(None, [of_case, note, fields.pop("note"), of_draws, alike]))
    guarantee = max((_guarantee(finding) for finding in findings), key=weakness)
    fields["guarantee"] = guarantee.format(drawn=drawn, plural="s" * (drawn > 1))
    fields |= {"resolution": None, "detects": ""}
    if verdict == "VERIFIED":
        fields |= _detected(weakest) | {
            "why_low_power": "; ".join(filter(None, [claim.low_power, claim.not_tight]))
        }
    row = Row(
        id=claim.id,
        statement=claim.statement,
        expected=expected,
        verdict=verdict,
        controls=controls,
        note=note,
        parts=parts,
        **fields,
        **common,
    )
    if claim.kind == "bound":
        guarantees = ("drawn", "searched", "exhaustive")
        ratios = [
            f.tightness
            for f in findings
            if f.interval.guarantee in guarantees and f.tightness is not None
        ]
        row = replace(row, tightness=max(ratios, default=None))
    if claim.as_published is None:
        return [row]
    printed_findings = [finding for finding in findings if finding.printed is not None]
    # One case that refutes what is printed for all of them is enough.
    printed = max(printed_findings, key=lambda finding: finding.printed == "REFUTED", default=None)
    common["error_probability"] = error_sum
    if printed is None and error is not None:
        return [row]  # the decision with the published form was not reached
    if printed is None:
        second = replace(
            row,
            id=f"{claim.id}-as-published",
            expected="REFUTED",
            verdict="INCONCLUSIVE",
            controls=[],
        )
        return [
            row,
            replace(
                second,
                note="a published form is announced, but no decision was given as_published=",
            ),
        ]
    as_stated = replace(
        printed.prediction,
        value=np.asarray(printed.printed_value),
        side=printed.printed_side,
    )
    at = f" at {printed.case}" if printed.case else ""
    judged = replace(
        printed,
        outcome=printed.printed or "INCONCLUSIVE",
        prediction=as_stated,
        note=f"judged on the measurement of {claim.id}{at}",
    )
    fields = _fields(judged)
    fields |= {"resolution": None, "detects": ""}
    accused = claim.as_published
    common |= {
        "source": str(accused),
        "provenance": accused.place.provenance,
        "reach": accused.reach,
        "effect": accused.effect,
        "ran": accused.ran,
    }
    printed_row = Row(
        id=f"{claim.id}-as-published",
        statement=accused.statement,
        expected="REFUTED",
        verdict=printed.printed or "INCONCLUSIVE",
        controls=[
            {
                "name": "as corrected",
                "predicted": _plain(printed.prediction.value, _worst(judged)),
                "verdict": printed.outcome,
            }
        ],
        **fields,
        **common,
    )
    return [row, printed_row]


def _in_resolutions(distance: float | None, size: float) -> float | None:
    """How far a control lies from the prediction, over the smallest error that is detected."""
    if distance is None or not 0 < size < math.inf or not math.isfinite(distance):
        return None
    return distance / size


def _detected(finding: Finding) -> dict[str, Any]:
    error = finding.resolution
    alone = (
        f", in one coordinate {replace(error, size=error.each)}"
        if error.each > 1.01 * error.size
        else ""
    )
    factor = finding.prediction.side != "two" and not error.unit and math.isfinite(error.size)
    tighter = "any tightening" if error.size == 0 else f"{error} tighter"
    words = f"{tighter if factor else error}{alone}"
    return {"resolution": error.size if math.isfinite(error.size) else None, "detects": words}


def _fields(finding: Finding) -> dict[str, Any]:
    interval = finding.interval
    prediction = finding.prediction
    note = finding.note
    at = _worst(finding)
    if at is not None:
        shape = " x ".join(
            map(str, np.broadcast_shapes(np.shape(interval.estimate), np.shape(prediction.value)))
        )
        note = "; ".join(
            filter(None, [note, f"coordinate [{', '.join(map(str, at))}] of {shape}, the worst"])
        )
    return {
        "predicted": _plain(prediction.value, at),
        "measured": _plain(interval.estimate, at),
        "interval": [_plain(interval.low, at), _plain(interval.high, at)],
        "margin": _plain(prediction.margin, at),
        "slack": _plain(prediction.slack, at),
        "guarantee": interval.guarantee,
        "tightness": finding.tightness,
        "note": note,
        **_detected(finding),
    }


def _worst(finding: Finding) -> tuple[int, ...] | None:
    """Return the index that is least in favour of a finding's prediction, of those that refute it
    if some do; None for what is written out whole.
    """
    refuted = finding.outcome == "REFUTED"
    return _least_favourable(finding.interval, finding.prediction, refuted)


def _least_favourable(
    interval: Enclosure, prediction: Prediction, refuted: bool = False
) -> tuple[int, ...] | None:
    if np.asarray(prediction.value).dtype.kind in "US":  # the name of a law
        return None
    shape = np.broadcast_shapes(np.shape(interval.estimate), np.shape(prediction.value))
    if math.prod(shape) <= (1 if refuted else _LISTED):
        return None
    ends = {"two": (1, -1), "at most": (1,), "at least": (-1,)}[prediction.side]
    off = np.asarray(interval.estimate - prediction.value, float)
    excess = np.max([sign * off for sign in ends], axis=0)
    margin = np.broadcast_to(np.asarray(prediction.margin, float), shape)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        excess = np.nan_to_num(excess / margin if np.all(margin > 0) else excess)
    if refuted and np.any(mask := np.broadcast_to(outside(interval, prediction), shape)):
        excess = np.where(mask, excess, -np.inf)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), shape))


def _guarantee(finding: Finding) -> str:
    """What a decision rests on, with a place for the number of drawn instances."""
    guarantee = finding.interval.guarantee
    if not finding.drawn:
        return guarantee
    if finding.generic and guarantee.startswith(("exact", "exhaustive")):
        return f"generic, {{drawn}} {DRAWN}{{plural}}"
    if finding.generic:
        return f"{guarantee}, on {{drawn}} generic instance{{plural}}"
    if guarantee == "drawn" or guarantee.startswith(("exact", "exhaustive")):
        return "drawn, {drawn} instance{plural}"
    return f"{guarantee}, on {{drawn}} {DRAWN}{{plural}}"


def _alike(findings: Sequence[Finding]) -> str:
    """Say that what differs between the cases changes no number that is compared; "" otherwise."""
    cases: dict[str, list[str]] = {}
    for finding in findings:
        prediction = finding.prediction
        numbers = (prediction.value, prediction.margin, finding.interval.estimate)
        cases.setdefault(finding.case, []).append(repr([_plain(number) for number in numbers]))
    is_one = len({tuple(numbers) for numbers in cases.values()}) == 1
    return f"the same numbers in all {len(cases)} cases" if is_one and len(cases) > 1 else ""


def _of_draws(count: int, findings: Sequence[Finding]) -> str:
    """Say what decisions on drawn instances tell about all others; "" if none was drawn."""
    if not count:
        return ""
    if all_generic(findings):
        reasons = dict.fromkeys(finding.generic for finding in findings if finding.generic)
        return f"almost surely, to the precision of the row, since {'; '.join(reasons)}"
    share = failing_share(count, 1 - CONFIDENCE)
    return (
        f"on {count} {DRAWN}{'s' * (count > 1)}, no average over others: fewer than "
        f"{100 * share:.2g} % of all can fail ({100 * CONFIDENCE:.4g} % confidence)"
    )


def _plain(value: Any, at: tuple[int, ...] | None = None) -> Any:
    """Return numbers, strings and lists for JSON (of an array its entry `at`); infinities and NaN
    become strings.
    """
    if value is None or isinstance(value, str | bool):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "US":
        return str(array)
    if at is not None and array.ndim:
        array = np.asarray(
            array[tuple(i % n for i, n in zip(at[-array.ndim :], array.shape, strict=True))]
        )
    if array.ndim == 0:
        number = float(array)
        return number if math.isfinite(number) else str(number)
    return [_plain(entry) for entry in array.tolist()]
