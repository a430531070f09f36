"""Formulations that have the weights in them: solved by a mixed-integer solver, then recounted."""

import abc

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.certificates import GordanProgram, margin_certificate
from sims.predictive_multiplicity.highs import solve
from sims.predictive_multiplicity.incumbents import Incumbents
from sims.predictive_multiplicity.mip import Deadline, Limits, Program
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import Task
from theory_on_trial.contract import require

_GAP = 0.99  # optimal whole numbers are less than one apart
_LARGEST = 1e15  # coefficient that HiGHS takes
_RECOUNT = 1e-6  # relative to n: by how much a solver's objective may be below the recount


class Formulation(abc.ABC):
    """A mixed-integer program for every task on a table; it sees dichotomies of at least some margin only."""

    @abc.abstractmethod
    def program(self, task: Task) -> tuple[Program, float]:
        """The program, and the constant that makes its objective the task's."""

    @abc.abstractmethod
    def start(
        self, task: Task, dichotomy: Int[np.ndarray, "rows"], weights: Float[np.ndarray, "dims"]
    ) -> Float[np.ndarray, "variables"]:
        """The variables of a known dichotomy."""

    @abc.abstractmethod
    def dichotomy(self, values: Float[np.ndarray, "variables"]) -> Int[np.ndarray, "rows"]:
        """The dichotomy of a solution."""


class WithWeights:
    """Solves the programs of a formulation. The margin is that of the features as given: it depends on their scale."""

    def __init__(self, formulation: Formulation, gordan: GordanProgram, margin: float):
        self._formulation, self._gordan, self._margin = formulation, gordan, margin

    def solve(self, task: Task, incumbents: Incumbents, deadline: Deadline) -> tuple[float, str]:
        """As `MarginFree.solve`; a start whose margin is too small is left to the solver to ignore.

        Raises RuntimeError if no weights have the signs of the solver's answer, or if it is worse than the solver says.
        """
        program, constant = self._formulation.program(task)
        known = incumbents.best(task)
        start = None if known is None else self._formulation.start(task, known[0], known[1].weights)

        scale = max(1.0, abs(task.constant))
        limits = Limits(deadline.left(), gap=_GAP if task.integral else _RECOUNT * scale)
        outcome = solve(program, limits, start)
        if outcome.values is not None:
            dichotomy = self._formulation.dichotomy(outcome.values)
            weights = self._gordan.weights(dichotomy)
            reported, recounted = program.cost @ outcome.values + constant, task.value(dichotomy).item()
            if weights is None or recounted > reported + _RECOUNT * scale:
                found = "no weights have its signs" if weights is None else f"it is {recounted:g}"
                raise RuntimeError(f"the solver's answer {reported:g} does not recount, {found}: raise the margin")
            incumbents.add(dichotomy, weights)
        best = incumbents.best_value(task)
        bound = np.inf if outcome.status == "infeasible" else max(outcome.bound + constant, task.box_bound)
        return best if task.closes(bound, best) else task.proved(bound), margin_certificate(self._margin)


def raw_design(table: Table) -> Float[np.ndarray, "rows dims"]:
    """[1, features] as given. Raises ValueError for features beyond 1e15, larger than the solvers take."""
    largest = np.abs(table.rows).max(initial=0)
    require(
        largest <= _LARGEST, f"table must have features up to {_LARGEST:g} where weights are sought, got {largest:g}"
    )
    return np.column_stack([np.ones(len(table.rows)), table.rows])


def split_signs(weights: Float[np.ndarray, "dims"]) -> Float[np.ndarray, "2*dims"]:
    """w₊, then w₋, with w = w₊ - w₋ and one of the two zero."""
    return np.concatenate([np.maximum(weights, 0), np.maximum(-weights, 0)])
