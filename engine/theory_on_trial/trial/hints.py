"""What a claim that went wrong under pytest is told: which argument does not fit, which coordinate is refuted most.

Nothing here decides: a claim that runs without pytest has the same verdict, and the bare error.
"""

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, get_args

import numpy as np

from theory_on_trial.contract.sentences import in_words
from theory_on_trial.decide.decision import Finding, outside
from theory_on_trial.decide.evidence import FoundBy
from theory_on_trial.trial.decisions import Trial

_DECISIONS = {f"Trial.{name}" for name, member in vars(Trial).items() if inspect.isfunction(member) and name[0] != "_"}
_NUMBERS = (
    "ops",
    "most",
    "first",
    "alpha",
    "margin",
    "slack",
    "scale",
    "error",
    "independent",
    "rounding",
    "remainder",
)
_PAIRS = (("value", "predict"), ("lhs", "rhs"), ("values", "sizes"), ("errors", "sizes"), ("primal", "dual"))


@contextmanager
def explain() -> Iterator[None]:
    """Let an error say which argument of a decision does not fit; what it said before follows as a note."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        step = error.__traceback__
        while step is not None:
            code, given = step.tb_frame.f_code, step.tb_frame.f_locals
            sentence = next(_misfits(code.co_name, given), "") if code.co_qualname in _DECISIONS else ""
            if sentence:
                error.add_note(f"({error})")
                error.args = (f"trial.{code.co_name}: {sentence}",)
                break
            step = step.tb_next
        raise


def _misfits(decision: str, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each argument of a decision that is of another sort than it takes."""
    if "law" in given.get("options", {}):
        yield "law= is known, a sample is 0 or 1: leave it out"
    for name in ("controls", "wrong_processes"):
        wrong = given.get(name)
        if wrong is not None and not isinstance(wrong, Sequence if decision == "growth" else Mapping):
            yield f"{name}= is a dictionary, its keys say what is wrong, got {in_words(wrong)}"
    if "law" in given and not hasattr(given["law"], "interval"):
        yield f"law= is a law of theory_on_trial.laws, as Bounded(0, 1), got {in_words(given['law'])}"
    controls = given.get("controls") or {}
    functions = [("sampler=", given.get("sampler"), "generator, n"), ("cdf=", given.get("cdf"), "x")]
    functions += [(f"control {name!r}", wrong, "x") for name, wrong in controls.items() if decision == "distribution"]
    for name, function, call in functions:
        if hasattr(function, "cdf"):
            yield f"{name} is a function of an array: write .cdf after the law of SciPy"
        elif function is not None and not callable(function):
            yield f"{name} is a function of ({call}), got {in_words(function)}"
        elif function is not None and not _takes(function, *call.split(", ")):
            yield f"{name} is called with ({call}), which {getattr(function, '__name__', function)} does not take"
    if given.get("found_by", "all") not in get_args(FoundBy):
        yield f"found_by= is one of {', '.join(get_args(FoundBy))}, got {given['found_by']!r}"
    for name in (name for name in _NUMBERS if isinstance(given.get(name), str)):
        yield f"{name}= must be a number, got {given[name]!r}"
    for first, second in (pair for pair in _PAIRS if given.keys() >= set(pair)):
        shapes = _shape(given[first], second == "sizes"), _shape(given[second], second == "sizes")
        if None in shapes:
            yield f"{(first, second)[shapes.index(None)]} has rows of different lengths"
        elif second == "sizes" and () in shapes:
            yield f"{first} and sizes hold an entry for each size, got a single number"
        elif not _fit(*shapes):
            yield f"{first} has shape {shapes[0]}, {second} has {shapes[1]}"
    if decision in ("distribution", "growth", "runs"):
        return
    judged = _shape(given.get("predict", given.get("rhs")))
    for name, wrong in controls.items():
        if callable(wrong):
            yield f"control {name!r} is a number, or one for each coordinate, got a function"
        elif not _fit(_shape(wrong), judged):
            yield f"control {name!r} has shape {_shape(wrong)}, what it is a wrong value of has {judged}"


def _takes(function: Any, *arguments: str) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except (TypeError, ValueError) as error:
        return isinstance(error, ValueError)  # of what is compiled no signature may be known
    return True


def _shape(value: Any, is_sequence: bool = False) -> tuple[int, ...] | None:
    """Return a value's shape, of a sequence (which may be of intervals) its length; None if rows differ in length."""
    try:
        shape: tuple[int, ...] = np.shape(value)
        return shape[:1] if is_sequence else shape
    except ValueError:
        return (len(value),) if is_sequence else None


def _fit(*shapes: Any) -> bool:
    try:
        np.broadcast_shapes(*(shape or () for shape in shapes))
    except ValueError:
        return False
    return True


def where(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield in which coordinate a decision refutes its claim most, and how many runs its level takes."""
    for finding in findings:
        case = f"{finding.case}: " * bool(finding.case)
        value, estimate = np.broadcast_arrays(finding.prediction.value, finding.interval.estimate)
        if finding.outcome == "REFUTED" and value.size > 1:
            wrong = np.broadcast_to(outside(finding.interval, finding.prediction), value.shape)
            worst = np.unravel_index(np.argmax(np.where(wrong, np.abs(estimate - value), -1)), value.shape)
            numbers = f"predicted {float(value[worst]):.6g}, measured {float(estimate[worst]):.6g}"
            place = ", ".join(map(str, worst))
            yield f"{case}refuted at {np.sum(wrong)} of {value.size} coordinates, most at [{place}]: {numbers}"
        count, alpha = finding.interval.n, finding.interval.error
        if finding.procedure == "runs" and 2.0 ** (1 - count) > alpha:
            needed = math.ceil(1 - math.log2(alpha))
            yield f"{case}of {count} runs none decides at alpha={alpha:.3g}: it takes {needed} that agree"
