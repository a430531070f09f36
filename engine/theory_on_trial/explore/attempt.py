"""One trial of a claim at some settings, limited in time and memory, as numbers that a file can
keep.
"""

import json
import resource
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from theory_on_trial.decide.decision import ConstantSamples, ControlTooClose, Finding
from theory_on_trial.ledger import Row, brief, brief_interval
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.domain import OutsideDomain, beyond_limits
from theory_on_trial.trial.registry import Claim, claim, recorded

LIMIT = 60.0
"""How many seconds one trial may take by default."""
_HIDDEN = 1e-6
"""A ratio counts as unknown if rounding may make up this share of it."""
MEMORY = 12 * 2**30
"""How many bytes of memory a process may write to: the domain of a claim must keep it below."""


@dataclass(frozen=True)
class Attempt:
    """The result of a claim at some settings under a seed.

    Attributes:
        settings, seed: what it was tried at; the other settings as the claim has them.
        outcome: "as expected"; "INCONCLUSIVE"; "outside" (a joint condition, or the domain, refuses
            the settings); "wrong" (the claim fails here: REFUTED, or an exception); "no control" (a
            control is none here, so that nothing is decided); "constant" (all samples are equal
            here, so that nothing is); "published holds" (the claim holds
            here, and so does what it corrects); "late" (no end within the limit); "died" (the trial
            ended its process).
        why: a sentence where the outcome is not as expected.
        verdict: of the claim's row; "" where it has none.
        error: (measured - predicted) / |predicted| and the interval's ends in the same unit, of the
            coordinate that is furthest off; None where the prediction is 0 or no number.
        shown: prediction and measurement in words.
        detects: the smallest error that would have been detected, in words.
        tightness: of a bound the largest lhs / rhs.
        seconds: what the trial took.
    """

    settings: dict[str, Any]
    seed: int
    outcome: str
    why: str = ""
    verdict: str = ""
    error: tuple[float, float, float] | None = None
    shown: str = ""
    detects: str = ""
    tightness: float | None = None
    seconds: float = 0.0

    @property
    def line(self) -> str:
        """The settings in a line."""
        return ", ".join(
            f"{name} = {value!r}" for name, value in {**self.settings, "seed": self.seed}.items()
        )

    def kept(self, **more: str) -> str:
        """Return the attempt as a line of JSON without its settings and seed, and what `more` shall
        stand there.
        """
        fields = {
            name: value for name, value in asdict(self).items() if name not in ("settings", "seed")
        }
        return json.dumps(more | fields)

    @classmethod
    def of(cls, settings: dict[str, Any], seed: int, fields: dict[str, Any]) -> Self:
        """Return the attempt whose line holds these fields."""
        return cls(
            settings,
            seed,
            **fields | {"error": tuple(fields["error"]) if fields["error"] else None},
        )


def attempt(
    subject: Claim,
    settings: dict[str, Any],
    seed: int = 0,
    *,
    beyond: bool = False,
    limit: float = LIMIT,
    trial: type[Trial] = Trial,
) -> Attempt:
    """Put a claim on trial at some settings, with `beyond` outside its annotations; `trial` may
    decide otherwise.

    It is stopped after `limit` seconds, where a thread may be interrupted: in the main one.
    """
    original = (
        claim(subject.id.removesuffix("-as-published")) if subject.published_form else subject
    )
    instance = trial(original.id, seed)
    rows = list[Row]()
    start = time.perf_counter()
    outcome = ""
    why = ""
    try:
        with (
            beyond_limits() if beyond else nullcontext(),
            _in_time(limit),
            recorded(original, instance, "") as rows,
        ):
            original.function(instance, **settings)
    except OutsideDomain as refusal:
        outcome = "outside"
        why = _first_line(refusal)
        rows = []
    except _Late:
        outcome = "late"
        why = late_after(limit)
    except ControlTooClose as error:
        outcome = "no control"
        why = _first_line(error)
    except ConstantSamples as error:
        outcome = "constant"
        why = _first_line(error)
    except Exception as error:
        outcome = "wrong"
        why = f"{type(error).__name__}: {_first_line(error)}"
    failures = [row for row in rows if not row.as_expected and row.verdict != "INCONCLUSIVE"]
    if any(row.id == original.id for row in failures) and outcome in ("no control", "constant"):
        outcome = ""  # another case is refuted
    notes = [row.note for row in rows if row.verdict == "INCONCLUSIVE"]
    if not outcome and failures:
        published = failures[0].id != original.id and not subject.published_form
        outcome = "published holds" if published else "wrong"
        why = f"{failures[0].id} is {failures[0].verdict}"
    if not outcome:
        outcome, why = ("INCONCLUSIVE", notes[0]) if notes else ("as expected", "")
    facts: dict[str, Any] = {"seconds": time.perf_counter() - start}
    if row := next((row for row in rows if row.id == subject.id), None):
        facts |= {
            "verdict": row.verdict,
            "error": relative_error(row),
            "shown": _shown(row),
            "detects": row.detects,
        }
    facts["tightness"] = max(
        (ratio for ratio in map(_ratio, instance.findings) if ratio is not None), default=None
    )
    return Attempt(settings, seed, outcome, why, **facts)


def _ratio(finding: Finding) -> float | None:
    """The largest lhs / rhs of a bound where rounding leaves it known; None where there is none."""
    if finding.procedure != "bound":
        return None
    interval = finding.interval
    sides = (interval.estimate, interval.low, interval.high, finding.prediction.value)
    left, low, high, right = np.broadcast_arrays(*(np.asarray(side, float) for side in sides))
    mask = (right > 0) & (high - low < _HIDDEN * right)
    return float(np.max(left[mask] / right[mask])) if mask.any() else None


def relative_error(row: Row) -> tuple[float, float, float] | None:
    """How far measurement and interval are off the worst prediction, relative to it; None if that
    is 0 or no number.
    """
    if row.interval is None:
        return None
    try:
        columns = [
            np.asarray(column, float) for column in (row.predicted, row.measured, *row.interval)
        ]
    except (TypeError, ValueError):  # growth laws are names
        return None
    predicted, *ends = np.broadcast_arrays(*columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.array([((end - predicted) / abs(predicted)).ravel() for end in ends])
    finite = np.flatnonzero(np.isfinite(errors[0]))
    if not finite.size:
        return None
    furthest = finite[np.argmax(abs(errors[0, finite]))]
    estimate, low, high = map(float, errors[:, furthest])
    return estimate, low, high


def _shown(row: Row) -> str:
    return (
        f"predicted {brief(row.predicted)}, measured {brief(row.measured)} in "
        f"{brief_interval(row.interval)}"
    )


def _first_line(error: BaseException) -> str:
    return str(error).split("\n")[0][:300]


def late_after(limit: float) -> str:
    """Say why a trial is late."""
    return f"did not end within {limit:g} s"


class _Late(BaseException):
    """Not caught by `except Exception` in a check."""


@contextmanager
def _in_time(limit: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(*_: Any) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def begin() -> None:
    """Leave Ctrl-C to the parent, limit the memory, and silence warnings, which would appear
    thousands of times.
    """
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))  # of addresses a card reserves more
