"""The trial of a test that is no claim: a decision that is not VERIFIED fails the test at once."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from theory_on_trial.decide.decision import Finding, Outcome, Prediction
from theory_on_trial.decide.evidence import GUARANTEES, KnownLaw
from theory_on_trial.formula.marks import plain
from theory_on_trial.laws import Bernoulli, Bounded, HalfSpaceDistance, Law, TailDistance
from theory_on_trial.ledger import Row, brief, brief_interval, rows_of
from theory_on_trial.ledger.words import chance
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.hints import where
from theory_on_trial.trial.provenance import derived
from theory_on_trial.trial.registry import Claim, Kind, Precision

_KINDS: dict[str, Kind] = {
    "identity": "identity",
    "bound": "bound",
    "limit": "limit",
    "order": "rate",
    "growth": "rate",
    "growth_at_most": "rate",
    "gap": "optimality",
    "runs": "empirical",
    "value": "identity",
    "worst_case": "bound",
}
_PROOFS = {"prove": "boxes or values", "worst_case": "conditions"}
"""The decisions whose note says what was proved, and what they count."""
_TRIED = 3
"""How many margins away from the prediction the default controls lie."""


class NotVerified(AssertionError):
    """A decision of a plain test was REFUTED or is INCONCLUSIVE."""


class PlainTrial(Trial):
    """A trial whose decisions are assertions.

    Without controls, the prediction moved by three margins up and down is the control, as far as
    the law allows. A measurement whose signature does not say what it takes is a function of `rng`.
    """

    _form = "one"

    def _tried(
        self,
        prediction: Prediction,
        controls: Mapping[str, Any] | None,
        control_processes: Mapping[str, Any] | None,
        law: Law | None = None,
    ) -> Mapping[str, Any]:
        if controls is not None or control_processes or prediction.side != "two":
            return controls or {}
        low = -np.inf
        high = np.inf
        if isinstance(law, Bernoulli):
            low = 0.0
            high = 1.0
        if isinstance(law, Bounded):
            low = law.a
            high = law.b
        off = _TRIED * np.asarray(prediction.margin, float)
        moved = {"above": prediction.value + off, "below": prediction.value - off}
        return {
            f"three margins {where}": value
            for where, value in moved.items()
            if np.all((value >= low) & (value <= high))
        }

    def _tried_laws(
        self,
        cdf: KnownLaw | None,
        margin: float,
        law: Law,
        controls: Mapping[str, Any] | None,
        control_processes: Mapping[str, Any] | None,
    ) -> Mapping[str, Any]:
        if controls is not None or control_processes or cdf is None:
            return controls or {}
        off = _TRIED * float(margin)
        if isinstance(cdf, Mapping):
            return _moved_chances(cdf, off)
        if isinstance(law, TailDistance):
            return {
                "tails heavier by three margins": lambda x: _with_tails(cdf(x), 1 / (1 + off)),
                "tails lighter by three margins": lambda x: _with_tails(cdf(x), 1 + off),
            }
        if isinstance(law, HalfSpaceDistance):
            return {
                "three margins above": lambda a: _raised(cdf(a), off),
                "three margins below": lambda a: _raised(cdf(a), -off),
            }
        # Of one side only a cdf on the other one is wrong: a lower one of "at most".
        moved = {
            "three margins above": ("at most", _raised(cdf, off)),
            "three margins below": ("at least", _raised(cdf, -off)),
        }
        side = getattr(law, "side", "two")
        return {name: wrong for name, (kept, wrong) in moved.items() if kept != side}

    def _record(self, procedure: str, finding: Finding, *given: Any, **named: Any) -> None:
        super()._record(procedure, finding, *given, **named)
        if verdict(self.findings[-1]) != "VERIFIED":
            raise NotVerified(failure(self.findings[-1]))


def _raised(cdf: Callable[[np.ndarray], np.ndarray], off: float) -> Callable[..., np.ndarray]:
    """Return a cdf that is larger by `off`, as far as cdfs may be."""
    return lambda x: np.clip(np.asarray(cdf(x)) + off, 0.0, 1.0)


def _moved_chances(chances: Mapping[float, float], off: float) -> Mapping[str, Any]:
    """Return the probabilities with `off` taken from the likeliest outcomes, from each at most half
    of what it has, and given to the least likely one, or to all that gave nothing alike.
    """
    *likely, least = sorted(chances, key=lambda outcome: -chances[outcome])
    taken: dict[float, float] = {}
    for outcome in likely:
        taken[outcome] = min(off - sum(taken.values()), chances[outcome] / 2)
        if taken[outcome] <= 0:
            del taken[outcome]
            break
    moved = sum(taken.values())
    rest = sum(chances[outcome] for outcome in chances if outcome not in taken)
    if not moved:
        return {}
    left = {outcome: chances[outcome] - given for outcome, given in taken.items()}
    found = {
        "three margins to the least likely outcome": {**chances, least: chances[least] + moved}
    }
    if rest > 0:
        spread = {outcome: size + moved * (size / rest) for outcome, size in chances.items()}
        found["three margins to all others"] = spread
    return {name: {**law, **left} for name, law in found.items()}


def _with_tails(values: np.ndarray, factor: float) -> np.ndarray:
    """Return a cdf whose tails are so many times as heavy; its middle follows from that."""
    lower = np.minimum(values, 1 - values)
    size = np.minimum(lower * factor, 0.5)
    return np.asarray(np.where(values <= 0.5, size, 1 - size))


def verdict(finding: Finding) -> Outcome:
    """Return the verdict on one decision: if a control survived, it has shown nothing."""
    survivors = any(control.outcome != "REFUTED" for control in finding.controls)
    return "INCONCLUSIVE" if finding.outcome == "VERIFIED" and survivors else finding.outcome


def _shown(finding: Finding) -> Row:
    """What a row shows of one decision; of many coordinates the least favourable one."""
    subject = Claim("", derived("a plain test"), "", "distribution", "fast", lambda trial: None)
    return rows_of(subject, [finding], 0.0, "", None, (verdict(finding), ""))[0]


def failure(finding: Finding) -> str:
    """Return two lines on a decision that is not VERIFIED: what was measured and predicted."""
    row = _shown(finding)
    case = f"{finding.case}: " * bool(finding.case)
    measured = (
        f"{case}{row.verdict}: measured {brief(row.measured)}, interval "
        f"{brief_interval(row.interval)}, {_samples(finding)}"
    )
    side = {"two": "", "at most": "at most ", "at least": "at least "}[finding.prediction.side]
    predicted = f"predicted {side}{brief(row.predicted)}, margin {brief(row.margin)}"
    remarks = [*where([finding]), finding.constant]
    if finding.procedure in _PROOFS:  # on which box it is false, or open
        remarks = [finding.note]
    elif finding.outcome == "INCONCLUSIVE":
        remarks = [finding.note, _margin_that_would_do(finding)]
    elif finding.outcome == "VERIFIED":
        survivors = [plain(c.name) for c in finding.controls if c.outcome != "REFUTED"]
        remarks = [f"this control survived: {', '.join(survivors)}"]
    said = "; ".join(filter(None, remarks))
    return f"{measured}\n{predicted}{f' ({said})' if said else ''}"


def _samples(finding: Finding) -> str:
    if finding.procedure in _PROOFS:
        return f"{finding.interval.n:,} {_PROOFS[finding.procedure]}"
    interval = finding.interval
    error = chance(interval.error, interval.guarantee, 1)
    return f"{interval.n:,} samples, P(error) {'' if error == 'asymptotic' else '<= '}{error}"


def _margin_that_would_do(finding: Finding) -> str:
    """The margin that this interval would have met; "" if none is finite."""
    interval = finding.interval
    if finding.prediction.side != "two":
        return ""
    value = np.asarray(finding.prediction.value, float)
    reach = np.max(np.maximum(interval.high - value, value - interval.low))
    if not 0 < reach < np.inf:
        return ""
    digits = 10.0 ** (np.floor(np.log10(reach)) - 1)
    return f"a margin of {np.ceil(reach / digits + 1e-9) * digits:.2g} would hold"


def passed(finding: Finding) -> str:
    """Return one short line on a decision that is VERIFIED."""
    if finding.procedure in _PROOFS:
        return f"{finding.procedure}: {finding.note}"
    row = _shown(finding)
    first = finding.interval.guarantee.split(",")[0]
    if finding.procedure == "bound" and first != GUARANTEES["all"]:
        # What was not tried comes first.
        tried = finding.note if finding.note.startswith("tried on") else f"tried {first} alone"
        return f"bound, {tried}: {brief(row.measured)} <= {brief(row.predicted)}"
    return (
        f"{finding.procedure} {brief(row.measured)} in {brief_interval(row.interval)}, "
        f"predicted {brief(row.predicted)} ± {brief(row.margin)}, "
        f"{finding.interval.n:,} samples, detects {row.detects or 'no known error'}"
    )


def row_of(
    trial: PlainTrial, statement: str, seconds: float, command: str, check: Callable[..., None]
) -> Row:
    """Return the ledger's row of a plain test: its id is the test's, and no rule on controls or
    margins holds.
    """
    findings = trial.findings
    kind = _KINDS.get(findings[0].procedure, "distribution") if findings else "distribution"
    source = derived("a plain test")
    subject = Claim(
        trial.claim_id, source, statement, kind, "fast", check, precision=_present_precision()
    )
    if trial.refusal is not None and not isinstance(trial.refusal, NotVerified):
        return rows_of(subject, findings, seconds, command, trial.refusal)[0]
    outcomes = [verdict(finding) for finding in findings]
    order: tuple[Outcome, ...] = ("REFUTED", "INCONCLUSIVE", "VERIFIED")
    worst: Outcome = next((outcome for outcome in order if outcome in outcomes), "INCONCLUSIVE")
    # Of a proof the note is what it says: for which box it holds, or on which it fails.
    told = [f.note for f in findings if worst == "INCONCLUSIVE" or f.procedure in _PROOFS]
    note = "; ".join(filter(None, told))
    return rows_of(subject, findings, seconds, command, None, (worst, note))[0]


def _present_precision() -> Precision:
    """The precision of JAX in the caller's own suite, which a plain test leaves as it is."""
    jax = sys.modules.get("jax")
    return "double" if jax is None or jax.config.jax_enable_x64 else "single"
