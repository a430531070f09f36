"""A user's prompts, checked, and what a learner and the textbook algorithms answer to them."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from own_data.in_context_learning.candidates import Answers, Examples
from theory_on_trial.own_data.arrays import entries, numbers
from theory_on_trial.own_data.jackknife import GROUPS

_LARGEST = 1e150  # its square is still a number
_ASKED = 6  # prefixes, by default
_USABLE = 1e70  # fourth powers too, and those of one over it

Predictor = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]
"""From inputs [prompts, k, d], labels [prompts, k] and queries [prompts, d] to answers [prompts].
"""


@dataclass(frozen=True, eq=False)
class Asked:
    """Prompts and a learner's answers to the queries after each prefix."""

    shown: Examples
    answers: Answers

    @property
    def power(self) -> float:
        """The mean square of the labels that were asked for."""
        return float(np.mean(self.shown.labels[:, self.shown.prefixes] ** 2))

    def distances(
        self, answers: Float[np.ndarray, "rules prompts prefixes"]
    ) -> Float[np.ndarray, "rules prompts"]:
        """Mean over the prefixes of the squared difference from the learner, over `power`; infinite
        on overflow.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # a pass of SGD may diverge
            squares = np.mean((answers - self.answers) ** 2, axis=2) / self.power
        return np.nan_to_num(squares, nan=np.inf, posinf=np.inf)


def ask(predict: Predictor, shown: Examples) -> Asked:
    """Ask the learner; TypeError for answers that are not real numbers, ValueError for other than
    one each, finite.
    """
    columns = []
    for k in shown.prefixes:
        reply = predict(
            shown.inputs[:, :k].copy(), shown.labels[:, :k].copy(), shown.inputs[:, k].copy()
        )
        answers = entries("what predict returns", reply)
        if answers.shape == (len(shown.inputs), 1):
            answers = answers[:, 0]
        after = f"after {k} example{'s' if k > 1 else ''}"
        if answers.dtype.kind not in "biuf":
            what = {"c": "complex numbers", "U": "strings", "S": "strings"}.get(
                answers.dtype.kind, "something else"
            )
            raise TypeError(f"predict must return real numbers, got {what} {after}")
        if answers.shape != (len(shown.inputs),):
            raise ValueError(
                f"predict must return a number for each of the {len(shown.inputs)} prompts, "
                f"got the shape {answers.shape} {after}"
            )
        outliers = answers[~(np.abs(answers.astype(float)) < _LARGEST)]
        if len(outliers):
            raise ValueError(
                f"predict must return finite numbers below {_LARGEST:g}, got {outliers[0]} "
                f"{after}: "
                "your learner diverges on these prompts"
            )
        columns.append(answers.astype(float))
    return Asked(shown, np.stack(columns, axis=1))


def checked_prompts(inputs: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """The user's prompts in float64; raises as `which_algorithm`."""
    arrays = []
    for name, values, shape in (
        ("inputs", inputs, "[prompts, n, d]"),
        ("labels", labels, "[prompts, n]"),
    ):
        array = numbers(name, values)
        if array.ndim != shape.count(",") + 1:
            raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
        if not np.isfinite(array).all():
            place = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
            raise ValueError(f"{name} must be finite, got {array[place]} at {place}")
        largest = np.abs(array).max(axis=-1, initial=0.0)
        lost = largest[(largest > 0) & ~((largest > 1 / _USABLE) & (largest < _USABLE))]
        if lost.size:
            raise ValueError(
                f"{name} must be in units whose squares a float holds: a row's largest is "
                f"{lost[0]:.3g}"
            )
        arrays.append(array)
    of_inputs, of_labels = arrays
    count, examples, dimension = of_inputs.shape
    if of_labels.shape != (count, examples):
        raise ValueError(
            f"labels must have the shape {(count, examples)} of the inputs, got {of_labels.shape}"
        )
    if count < 2 * GROUPS:
        raise ValueError(f"inputs must hold at least {2 * GROUPS} prompts, got {count}")
    if examples < 2 or dimension < 1:
        raise ValueError(
            "inputs must hold at least 2 examples of 1 number in each prompt, got "
            f"{of_inputs.shape[1:]}"
        )
    if not of_inputs.any():
        raise ValueError("inputs must not all be zero")
    if (different := int(which_prompt(of_inputs, of_labels).max()) + 1) < 2 * GROUPS:
        raise ValueError(
            f"inputs must hold at least {2 * GROUPS} prompts that differ, got {different}"
        )
    return of_inputs, of_labels


def which_prompt(
    inputs: Float[np.ndarray, "prompts n d"], labels: Float[np.ndarray, "prompts n"]
) -> Int[np.ndarray, " prompts"]:
    """The number of each prompt among those that differ, in their order: copies of a prompt tell
    nothing new.
    """
    rows = np.column_stack([inputs.reshape(len(inputs), -1), labels])
    _, first, index = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[index.ravel()]


def checked_prefixes(prefixes: Any, labels: Float[np.ndarray, "prompts examples"]) -> list[int]:
    """The prefixes to ask for, a few that are spread evenly for None; raises as
    `which_algorithm`.
    """
    most = labels.shape[1] - 1
    try:
        chosen = (
            np.unique(np.linspace(1, most, _ASKED).round().astype(int)).tolist()
            if prefixes is None
            else [operator.index(k) for k in prefixes]
        )
    except TypeError:
        raise TypeError(f"prefixes must be whole numbers, got {prefixes!r}") from None
    if not chosen or len(set(chosen)) < len(chosen) or not all(1 <= k <= most for k in chosen):
        raise ValueError(f"prefixes must be different numbers from 1 to {most}, got {chosen}")
    if not labels[:, chosen].any():
        raise ValueError("labels must not all be zero at the queries")
    return chosen
