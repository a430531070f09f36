"""Hints for a claim that failed under pytest: which argument does not fit, which coordinate is
refuted most.

Nothing here decides: a claim that runs without pytest has the same verdict, and the bare error.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from traceback import walk_tb
from typing import Any, get_args

import numpy as np

from theory_on_trial.contract.sentences import in_words
from theory_on_trial.decide.decision import Finding, outside
from theory_on_trial.decide.evidence import Instances
from theory_on_trial.trial.decisions import Trial

_DECISIONS = {
    f"Trial.{name}"
    for name, member in vars(Trial).items()
    if inspect.isfunction(member) and name[0] != "_"
}
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
_CDF = "a function of an array, as scipy.stats.norm.cdf"
_WANTED: list[tuple[tuple[str, ...], Callable[[Any], bool], str]] = [
    (
        ("controls", "control_processes"),
        lambda v: isinstance(v, Mapping),
        "a dictionary, its keys say what is wrong",
    ),
    (("law",), lambda v: hasattr(v, "interval"), "a law of theory_on_trial.laws, as Bounded(0, 1)"),
    (
        ("instances",),
        lambda v: v in get_args(Instances),
        f"one of {', '.join(get_args(Instances))}",
    ),
    (("sampler",), lambda v: _takes(v, "generator", "n"), "a function of (generator, n)"),
    (("cdf",), lambda v: _takes(v, "x"), _CDF),
    (_NUMBERS, lambda v: not isinstance(v, str), "a number"),
]


@contextmanager
def explain() -> Iterator[None]:
    """Let an error say which argument of a decision does not fit; what it said before follows as a
    note.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        frames = [
            frame
            for frame, _ in walk_tb(error.__traceback__)
            if frame.f_code.co_qualname in _DECISIONS
        ]
        pairs = (
            (f.f_code.co_name, sentence)
            for f in frames
            for sentence in _misfits(f.f_code.co_name, f.f_locals)
        )
        for decision, sentence in islice(pairs, 1):
            error.add_note(f"({error})")
            error.args = (f"trial.{decision}: {sentence}",)
        raise


def _misfits(decision: str, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each argument of a decision that is of another sort than it takes."""
    if decision == "probability" and "law" in given["options"]:
        yield "law= is known, a sample is 0 or 1: leave it out"
    if decision == "growth":  # its arguments are words
        return
    for names, fits, what in _WANTED:
        for name in names:
            if given.get(name) is not None and not fits(given[name]):
                yield f"{name}= must be {what}, got {_shown(given[name])}"
    takes_functions = decision in ("distribution", "prove", "prove_identity")
    must = "a number, or one for each coordinate"
    if takes_functions:
        must = _CDF if decision == "distribution" else "a function of the parameters"
    for name, value in (given.get("controls") or {}).items():
        if callable(value) != takes_functions:
            yield f"control {name!r} must be {must}, got {_shown(value)}"


def _takes(function: Any, *arguments: str) -> bool:
    """Tell whether something is called with these arguments, as far as its signature is known."""
    try:
        inspect.signature(function).bind(*arguments)
    except (TypeError, ValueError) as error:
        return isinstance(error, ValueError)
    return not hasattr(function, "cdf")


def _shown(value: Any) -> str:
    return (
        f"a function of {inspect.signature(value)}"
        if inspect.isfunction(value)
        else in_words(value)
    )


def where(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield in which coordinate a decision refutes its claim most, and how many runs its level
    takes.
    """
    for finding in findings:
        case = f"{finding.case}: " * bool(finding.case)
        value, estimate = np.broadcast_arrays(finding.prediction.value, finding.interval.estimate)
        if finding.outcome == "REFUTED" and value.size > 1:
            wrong = np.broadcast_to(outside(finding.interval, finding.prediction), value.shape)
            if not np.any(wrong):  # a bound that is not attained as it is said to be
                continue
            worst = np.unravel_index(
                np.argmax(np.where(wrong, np.abs(estimate - value), -1)), value.shape
            )
            numbers = f"predicted {float(value[worst]):.6g}, measured {float(estimate[worst]):.6g}"
            place = ", ".join(map(str, worst))
            yield (
                f"{case}refuted at {np.sum(wrong)} of {value.size} coordinates, most at "
                f"[{place}]: {numbers}"
            )
        count = finding.interval.n
        alpha = finding.interval.error
        if finding.procedure == "runs" and 2.0 ** (1 - count) > alpha:
            needed = math.ceil(1 - math.log2(alpha))
            yield (
                f"{case}of {count} runs none decides at alpha={alpha:.3g}: it takes {needed} "
                "that agree"
            )
