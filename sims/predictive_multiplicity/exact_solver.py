"""Exact answers: a formulation solves a task, and the answer is certified before it is returned."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.big_m import BigM
from sims.predictive_multiplicity.certificates import GordanProgram, Weights, exact_signs
from sims.predictive_multiplicity.domains import Dichotomy, Formulation
from sims.predictive_multiplicity.incumbents import Incumbents
from sims.predictive_multiplicity.margin_free import MarginFree
from sims.predictive_multiplicity.mip import Deadline
from sims.predictive_multiplicity.published import Published
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import Task
from sims.predictive_multiplicity.with_weights import WithWeights
from theory_on_trial.contract import require

MARGIN = 1e-4
"""γ of the two formulations that have one, and of circuits that could not be made rational."""


class Solution(NamedTuple):
    """A linear classifier with its certificates.

    dichotomy : b, 1 where the prediction is +1, [m].
    weights : w with exactly these signs on the features as given, intercept first, Σ |w_j| = 1 up
    to D 2^-53. errors : E(b). value, bound : the optimised number (errors, or disagreement) and
    what was proved of the optimum: for a minimum bound <= optimum <= value, for a maximum value <=
    optimum <= bound. status : "optimal" if bound and value meet (for weights that are not whole, to
    2e-6 of the larger of 1 and the value), else "time limit".
    certificate : over which classifiers the bound holds: "exact" for all linear ones, or "margin >=
    g". recounted : True: the signs of the weights, in exact rational arithmetic, are the dichotomy,
    and errors and value are those of these signs. An answer for which this fails is not returned.
    margin : the largest min_u |<w, u>| of the dichotomy with Σ |w_j| <= 1 and features scaled to
    [0, 1], to 1e-9.

    >>> from sims.predictive_multiplicity import aggregate, minimise_errors
    >>> found = minimise_errors(aggregate([[0], [1], [2], [3]], [-1, 1, 1, -1]))
    >>> found.errors, found.bound, found.status, found.certificate
    (1, 1, 'optimal', 'exact')
    """

    dichotomy: Int[np.ndarray, "rows"]
    weights: Float[np.ndarray, "dims"]
    errors: int | float
    value: int | float
    bound: int | float
    status: str
    certificate: str
    recounted: bool
    margin: float


Baseline = Solution | Dichotomy
"""h_0, as the answer of a program or as its dichotomy."""


def dichotomy_of(table: Table, baseline: Baseline) -> Dichotomy:
    """The b of a solution, or a b for each row. Raises ValueError for another number of rows."""
    dichotomy = baseline.dichotomy if isinstance(baseline, Solution) else baseline
    n_rows = len(table.rows)
    given = len(dichotomy)
    require(
        given == n_rows,
        f"baseline must be 0 or 1 for each of the {n_rows} rows of the table, got {given}",
    )
    return dichotomy


class ExactSolver:
    """Solves tasks on one table, rows and dichotomies serving the next; "margin_free", "big_m" or
    "published".
    """

    def __init__(self, table: Table, *, formulation: Formulation = "margin_free"):
        self.table = table
        self.gordan = GordanProgram(table)
        self.incumbents = Incumbents(table)
        self._engine: MarginFree | WithWeights
        if formulation == "margin_free":
            self._engine = MarginFree(table, self.gordan, MARGIN)
        else:
            form = (BigM if formulation == "big_m" else Published)(table, MARGIN)
            self._engine = WithWeights(form, self.gordan, MARGIN)
        for constant in (0, 1):
            self.admit(np.full(len(table.rows), constant))

    def admit(self, baseline: Baseline) -> None:
        """Let later tasks start from a dichotomy. Raises ValueError if it has no weights and none
        are found.
        """
        dichotomy = dichotomy_of(self.table, baseline)
        weights = self.gordan.weights(dichotomy)
        if weights is None and isinstance(baseline, Solution):
            weights = Weights(baseline.weights, baseline.margin)
        if weights is None:
            raise ValueError(
                "baseline must be the dichotomy of a linear classifier, got one that no weights "
                "have"
            )
        self.incumbents.add(dichotomy, weights)

    def solve(self, task: Task, *, time_limit: float | None = None) -> Solution:
        """Solve to proven optimality or for `time_limit` seconds; RuntimeError if an answer does
        not recount.
        """
        bound, certificate = self._engine.solve(task, self.incumbents, Deadline(time_limit))
        pair = self.incumbents.best(task)
        if pair is None:
            raise RuntimeError("no dichotomy is known that the task admits")
        return certified(self.table, task, *pair, bound, certificate)


def certified(
    table: Table,
    task: Task,
    dichotomy: Int[np.ndarray, "rows"],
    weights: Weights,
    bound: float,
    certificate: str,
) -> Solution:
    """A dichotomy and its weights as an answer to a task, recounted. Raises RuntimeError if the
    recount differs.
    """
    recount = (exact_signs(table, weights.weights) + 1) // 2
    errors = table.errors(recount)
    violations = [row for row, value in task.fixed.items() if recount[row] != value]
    if violations or not task.admits(errors) or not np.array_equal(recount, dichotomy):
        raise RuntimeError(
            f"an answer does not recount: the exact signs of its weights give {errors:g} errors"
        )
    number = int if task.integral else float
    best = task.value(recount).item()
    sign = 1 if task.baseline is None else -1
    is_closed = task.closes(bound, best)
    return Solution(
        recount,
        weights.weights,
        errors,
        number(sign * best),
        number(sign * (best if is_closed else min(bound, best))),
        "optimal" if is_closed else "time limit",
        certificate,
        True,
        weights.margin,
    )
