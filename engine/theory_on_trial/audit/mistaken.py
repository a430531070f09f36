"""Does a verdict detect the error that it states? A trial whose predictions are wrong by this
error.

A claim is run again with each of its predictions scaled by 1 + r or by 1 - r, r a hair above the
resolution that the decision stated (bounds: tightened by it; where all of the prediction is 0:
moved by it, in the stated scale; a growth law: its exponent). No such decision may be
VERIFIED. Decisions on signs of runs and on whole distributions have no number to scale; they are
not changed.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from theory_on_trial.decide import growth
from theory_on_trial.decide.decision import Finding
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.registry import Claim, recorded

BEYOND = 1.001
"""By what factor the error exceeds the stated resolution."""
PREDICTED = {
    **dict.fromkeys(("identity", "value", "limit", "order", "gap", "mean"), "predict"),
    "bound": "rhs",
    "growth": "claimed",
}
"""The decisions whose predictions can be scaled, each with the name of that argument."""


class Mistaken(Trial):
    """A trial whose predictions are wrong by the error that each decision stated.

    `stated` are the findings of an earlier trial of the same claim and seed, one per decision;
    `sign`, +1 or -1, is the direction of the error (a bound is tightened either way).
    """

    def __init__(self, claim_id: str, seed: int, stated: Sequence[Finding], sign: int):
        super().__init__(claim_id, seed)
        self.stated = stated
        self.sign = sign
        self.tried: list[str] = []
        self.unnoticed: list[str] = []


def _mistaken(name: str) -> Callable[..., None]:
    """Return the decision `name` of a trial, made with a wrong prediction and without controls."""
    right: Callable[..., None] = getattr(Trial, name)
    signature = inspect.signature(right)

    def decide(trial: Mistaken, *arguments: Any, **options: Any) -> None:
        bound = signature.bind(trial, *arguments, **options)
        finding = trial.stated[len(trial.findings)]
        mistake = _wrong(finding, bound.arguments[PREDICTED[name]], trial.sign)
        if mistake is None:
            trial.findings.append(finding)
            return
        bound.arguments |= {PREDICTED[name]: mistake, "controls": {}, "as_published": None}
        bound.arguments.pop("control_processes", None)
        trial.tried.append(f"{finding.case} {name}".strip())
        try:
            right(*bound.args, **bound.kwargs)
        except ValueError:  # refused in a sentence: an identity of a tiny number in place of 0, say
            trial.refusal = None
            trial.findings.append(finding)
            return
        if trial.findings[-1].outcome == "VERIFIED":
            trial.unnoticed.append(trial.tried[-1])

    return decide


for _name in PREDICTED:
    setattr(Mistaken, _name, _mistaken(_name))


def _wrong(stated: Finding, predict: Any, sign: int) -> Any:
    """Return a prediction that is wrong by slightly more than a decision detects; None without a
    number.
    """
    resolution = stated.resolution
    side = stated.prediction.side
    if not np.isfinite(resolution.size):
        return None
    if stated.procedure == "growth":
        if not resolution.size:  # no exponent was claimed
            return None
        law = predict if callable(predict) else growth.law_named(predict)
        return lambda n: law(n) ** (1 + sign * resolution.size * BEYOND)
    value = np.asarray(predict, float)
    # In exact arithmetic any error is detected: the least one that the numbers can show.
    error = max(resolution.size * BEYOND, 4 * np.finfo(float).eps)
    if not np.any(value):
        unit = 1.0 if stated.prediction.scale is None else stated.prediction.scale
        scale = np.abs(np.broadcast_to(np.asarray(unit, float), value.shape))
        return value + (sign if side == "two" else -1 if side == "at most" else 1) * error * scale
    step = sign * value if side == "two" else -np.abs(value) if side == "at most" else np.abs(value)
    return value + error * step


def mistaken(subject: Claim, seed: int, sign: int, stated: Sequence[Finding]) -> Mistaken:
    """Return the trial of a claim whose predictions are wrong in one direction."""
    trial = Mistaken(subject.id, seed, stated, sign)
    with recorded(replace(subject, as_published=None), trial, ""):  # decisions are made without it
        subject.function(trial)
    return trial
