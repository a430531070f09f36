"""A user's prompts, checked, and what a learner and the textbook algorithms answer to them."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from sims import in_context_learning as observed
from sims.in_context_learning import Prompts, Rule
from theory_on_trial.own_data.arrays import numbers
from theory_on_trial.own_data.jackknife import GROUPS

Predictor = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]
"""From inputs [prompts, k, d], labels [prompts, k] and queries [prompts, d] to answers [prompts]."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Prompts and a learner's answers to the queries after `prefixes` examples."""

    prompts: Prompts
    prefixes: list[int]
    answers: Float[np.ndarray, "prompts prefixes"]

    @property
    def power(self) -> float:
        """The mean square of the labels that were asked for."""
        return float(np.mean(np.asarray(self.prompts.labels)[:, self.prefixes] ** 2))

    def answers_of(self, rules: Sequence[Rule]) -> Float[np.ndarray, "rules prompts prefixes"]:
        """What textbook algorithms answer to the same queries."""
        return np.asarray(observed.predict_all(self.prompts, list(rules)))[:, :, self.prefixes]

    def distances(self, answers: Float[np.ndarray, "rules prompts prefixes"]) -> Float[np.ndarray, "rules prompts"]:
        """Mean over the prefixes of the squared difference from the learner, over `power`; infinite on overflow."""
        with np.errstate(over="ignore", invalid="ignore"):  # a pass of SGD may diverge
            squares = np.mean((answers - self.answers) ** 2, axis=2) / self.power
        return np.nan_to_num(squares, nan=np.inf, posinf=np.inf)


def ask(predict: Predictor, prompts: Prompts, prefixes: list[int]) -> Asked:
    """Ask the learner; ValueError for answers that are not finite numbers, one for each prompt."""
    inputs, labels = np.asarray(prompts.inputs), np.asarray(prompts.labels)
    columns = []
    for k in prefixes:
        answers = np.asarray(predict(inputs[:, :k].copy(), labels[:, :k].copy(), inputs[:, k].copy()), float)
        if answers.shape != (len(inputs),):
            raise ValueError(
                f"predict must return a number for each of the {len(inputs)} prompts, "
                f"got the shape {answers.shape} after {k} examples"
            )
        if not np.isfinite(answers).all():
            wrong = answers[~np.isfinite(answers)][0]
            raise ValueError(f"predict must return finite numbers, got {wrong} after {k} examples")
        columns.append(answers)
    return Asked(prompts, prefixes, np.stack(columns, axis=1))


def checked_prompts(inputs: Any, labels: Any) -> Prompts:
    """The user's prompts in float64; raises as `which_algorithm`."""
    arrays = []
    for name, given, shape in (("inputs", inputs, "[prompts, n, d]"), ("labels", labels, "[prompts, n]")):
        array = numbers(name, given)
        if array.ndim != shape.count(",") + 1:
            raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
        if not np.isfinite(array).all():
            place = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
            raise ValueError(f"{name} must be finite, got {array[place]} at {place}")
        arrays.append(array)
    of_inputs, of_labels = arrays
    count, examples, dimension = of_inputs.shape
    if of_labels.shape != (count, examples):
        raise ValueError(f"labels must have the shape {(count, examples)} of the inputs, got {of_labels.shape}")
    if count < 2 * GROUPS:
        raise ValueError(f"inputs must hold at least {2 * GROUPS} prompts, got {count}")
    if examples < 2 or dimension < 1:
        raise ValueError(f"inputs must hold at least 2 examples of 1 number in each prompt, got {of_inputs.shape[1:]}")
    if not of_inputs.any():
        raise ValueError("inputs must not all be zero")
    return Prompts(of_inputs, of_labels, np.zeros((count, dimension)))


def checked_prefixes(prefixes: Any, labels: Float[np.ndarray, "prompts examples"]) -> list[int]:
    """The prefixes to ask for, all of them for None; raises as `which_algorithm`."""
    most = labels.shape[1] - 1
    try:
        chosen = list(range(1, most + 1)) if prefixes is None else [operator.index(k) for k in prefixes]
    except TypeError:
        raise TypeError(f"prefixes must be whole numbers, got {prefixes!r}") from None
    if not chosen or len(set(chosen)) < len(chosen) or not all(1 <= k <= most for k in chosen):
        raise ValueError(f"prefixes must be different numbers from 1 to {most}, got {chosen}")
    if not labels[:, chosen].any():
        raise ValueError("labels must not all be zero at the queries")
    return chosen
