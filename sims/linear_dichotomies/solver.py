"""The entry point, which solves a task and certifies the answer before it returns it."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.linear_dichotomies.branch_and_cut import AllBelow, Best, BranchAndCut, Watch
from sims.linear_dichotomies.certificates import GordanProgram, exact_signs
from sims.linear_dichotomies.deadline import Deadline
from sims.linear_dichotomies.domains import Dichotomy
from sims.linear_dichotomies.pool import Classifier, Pool
from sims.linear_dichotomies.table import Table
from sims.linear_dichotomies.tasks import Task, least_errors
from theory_on_trial.contract import require

_ATTEMPTS = 3  # of HiGHS, each from the start
_SAME_MARGIN = 9  # decimals
_SAME_ERRORS = 1e-5  # relative, for weights that are not whole


class Solution(NamedTuple):
    """A linear classifier with its certificates.

    dichotomy : b, 1 where the prediction is +1, [m].
    weights : w with exactly these signs on the features as given, intercept first, Σ |w_j| = 1 up
    to D 2^-53. errors : E(b). value, bound : the optimised number (errors, or disagreement) and
    what was proved of the optimum: for a minimum bound <= optimum <= value, for a maximum value <=
    optimum <= bound. status : "optimal" if bound and value meet (for weights that are not whole, to
    2e-6 of the larger of 1 and the value), else what ended the search.
    certificate : over which classifiers the bound holds: "exact" for all linear ones, or "margin >=
    g". margin : the largest min_u |<w, u>| of the dichotomy with Σ |w_j| <= 1 and features scaled
    to [0, 1], to 1e-9; NaN if the classifier was handed in.

    >>> from sims.predictive_multiplicity import minimise_errors
    >>> from sims.linear_dichotomies.table import aggregate
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
    margin: float


class Proof(NamedTuple):
    """A bound on the optimum of a task, in the sign that the search minimises, and why the search
    ended.
    """

    bound: float
    status: str


class Within(NamedTuple):
    """The linear classifiers within a limit on errors that were found, and whether there are no
    others.
    """

    classifiers: tuple[Classifier, ...]
    complete: bool


Baseline = Solution | Dichotomy
"""h_0, as the answer of a program or as its dichotomy."""


def dichotomy_of(table: Table, baseline: Baseline) -> Dichotomy:
    """The dichotomy b of a baseline, which is a solution or already has an entry of b for each row.
    Raises ValueError for another number of entries.
    """
    dichotomy = baseline.dichotomy if isinstance(baseline, Solution) else baseline
    n_rows = len(table.rows)
    given = len(dichotomy)
    require(
        given == n_rows,
        f"baseline must be 0 or 1 for each of the {n_rows} rows of the table, got {given}",
    )
    return dichotomy


class ExactSolver:
    """Solves tasks on one table. What one task has found and proved serves the next.

    pool : the classifiers known so far, with those of the caller. Every task starts from the best
    one. The package's docstring says what is proved and how.
    """

    certificate = "exact"

    def __init__(self, table: Table, pool: Pool | None = None):
        self.table = table
        self.pool = Pool(table) if pool is None else pool
        self._engine: BranchAndCut | None = None
        n_rows, n_features = table.rows.shape
        nothing = np.zeros(n_features)
        self.pool.add(
            [
                Classifier(np.append(2.0 * side - 1, nothing), np.full(n_rows, side), 1.0)
                for side in (0, 1)
            ]
        )

    @cached_property
    def _gordan(self) -> GordanProgram:
        return GordanProgram(self.table)

    def widest(self, dichotomy: Dichotomy) -> Classifier | None:
        """Return the weights of the largest margin for a dichotomy; None if no margin is above
        rounding.
        """
        return self._gordan.classifier(dichotomy)

    def admit(self, baseline: Baseline) -> Dichotomy:
        """Let later tasks start from a dichotomy, and return it. Raises ValueError if no weights
        that realise it are known or found.
        """
        dichotomy = dichotomy_of(self.table, baseline)
        known = self.widest(dichotomy)
        if known is None and isinstance(baseline, Solution):
            known = Classifier(baseline.weights, dichotomy, baseline.margin)
        if known is None:
            raise ValueError(
                "baseline must be the dichotomy of a linear classifier, got one that no weights "
                "have"
            )
        self.pool.add([known])
        return dichotomy

    def prove(self, task: Task, deadline: Deadline, watch: Watch | None = None) -> Proof:
        """Search until a task is solved or no time is left, and add the classifiers found to the
        pool.

        `watch` is called with the best value and the bound as they change, both in the sign that
        the search minimises.
        """
        bound = -np.inf
        for _ in range(_ATTEMPTS):
            found = Best(self.table, task, self.pool.best(task))
            self._engine = self._engine or BranchAndCut(self.table, self._gordan)
            proved, status = self._engine.minimise(task, found, deadline, watch)
            bound = max(bound, proved)
            self.pool.add(found.classifiers)
            if status != "gave up":
                break
            self._engine = None
            del self._gordan
        return Proof(task.sign * bound, status)

    def solve(self, task: Task, deadline: Deadline) -> Solution:
        """The best classifier of a task, with its errors counted again, and the bound. Raises
        RuntimeError where the count differs from the solver's, or where no admissible classifier is
        known.
        """
        proof = self.prove(task, deadline)
        best = self.pool.best(task)
        if best is None:
            raise RuntimeError("no dichotomy is known that the task admits")
        return certified(self.table, task, best, proof, self.certificate)

    def within(self, errors: int | float, most: int, deadline: Deadline) -> Within:
        """The linear classifiers with at most `errors` errors, sorted by errors, then by decreasing
        margin (compared to nine decimals), then by dichotomy. The search ends once it has `most` of
        them.

        For weights that are not whole, errors within a relative 1e-5 count as equal. `errors` must
        not be below the proved minimum of the errors: the search ends where a better classifier
        remains.
        """
        task = least_errors(self.table)
        slack = 1 if task.integral else _SAME_ERRORS * max(1.0, errors)
        found = AllBelow(self.table, task, errors + slack, most)
        self._engine = self._engine or BranchAndCut(self.table, self._gordan)
        bound, _ = self._engine.minimise(task, found, deadline)
        self._engine = None  # its rows exclude what was found
        self.pool.add(found.classifiers)
        chosen = [one for one in found.classifiers if task.value(one.dichotomy) < found.cutoff]
        chosen.sort(key=widest_first)
        chosen.sort(key=lambda one: self.table.errors(one.dichotomy))
        return Within(tuple(chosen), bool(bound >= found.cutoff))


def widest_first(one: Classifier) -> tuple[float, list[int]]:
    """The key that sorts classifiers with equally many errors: by decreasing margin (compared to
    nine decimals), then by dichotomy.
    """
    return -round(one.margin, _SAME_MARGIN), one.dichotomy.tolist()


def certified(
    table: Table, task: Task, found: Classifier, proof: Proof, certificate: str
) -> Solution:
    """A classifier as an answer to a task, recounted. Raises RuntimeError if the recount
    differs.
    """
    recount = (exact_signs(table, found.weights) + 1) // 2
    errors = table.errors(recount)
    violations = [row for row, value in task.fixed.items() if recount[row] != value]
    if violations or not task.admits(errors) or not np.array_equal(recount, found.dichotomy):
        raise RuntimeError(
            f"an answer does not recount: the exact signs of its weights give {errors:g} errors"
        )
    number = int if task.integral else float
    best = task.value(recount).item()
    bound = task.sign * proof.bound
    is_closed = task.closes(bound, best)
    return Solution(
        recount,
        found.weights,
        errors,
        number(task.sign * best),
        number(task.sign * (best if is_closed else min(bound, best))),
        "optimal" if is_closed else proof.status,
        certificate,
        found.margin,
    )
