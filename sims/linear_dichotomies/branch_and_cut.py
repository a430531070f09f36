"""0/1 programs over dichotomies, solved by branch and cut, which adds rows for circuits where they
are needed.
"""

import heapq
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.linear_dichotomies.certificates import GordanProgram
from sims.linear_dichotomies.circuits import Cut, Parallelograms, as_rows, no_good_cut
from sims.linear_dichotomies.deadline import Deadline
from sims.linear_dichotomies.highs import GaveUp, Program, ResidentProgram
from sims.linear_dichotomies.pool import Classifier
from sims.linear_dichotomies.table import Table
from sims.linear_dichotomies.tasks import Task, least_errors

Watch = Callable[[float, float], None]
"""Is told the best objective so far and the proved bound, both to be minimised."""

_ROWS_PER_ROUND = 300
_CIRCUITS_PER_ROUND = 8
_WHOLE = 1e-6
_GROWTH = 2  # rows added, in multiples of m, after which the slack ones are removed
_GUESS = 0.3  # share of |cost| that a branch is expected to add to the bound before any was seen
_LEAST_GAIN = 1e-3


class _Node(NamedTuple):
    """A part of the search space, lower <= b <= upper, with its bound and the optimum b of its
    relaxation.
    """

    bound: float
    number: int
    lower: Float[np.ndarray, "rows"]
    upper: Float[np.ndarray, "rows"]
    b: Float[np.ndarray, "rows"]


class Best:
    """The best classifiers of a task that a search has found, with the one that it starts from."""

    collects = False  # whether a search goes on to the next dichotomy instead of to a better one

    def __init__(self, table: Table, task: Task, start: Classifier | None):
        self._table = table
        self._task = task
        self._seen: set[bytes] = set()
        self.classifiers: list[Classifier] = []
        self.to_beat = np.inf
        if start is not None:
            self.add(start)

    def add(self, found: Classifier) -> None:
        """Keep a classifier unless it is known already."""
        if found.dichotomy not in self:
            self._seen.add(found.dichotomy.tobytes())
            self.classifiers.append(found)
            self.to_beat = self._still_to_beat(found)

    def _still_to_beat(self, found: Classifier) -> float:
        errors = self._table.errors(found.dichotomy)
        return min(self.to_beat, float(self._task.admitted_value(found.dichotomy, errors)))

    def __contains__(self, dichotomy: Int[np.ndarray, "rows"]) -> bool:
        return dichotomy.tobytes() in self._seen


class AllBelow(Best):
    """Collects the dichotomies whose objective is below a cutoff. The search ends once there are
    `most` of them.
    """

    collects = True

    def __init__(self, table: Table, task: Task, cutoff: float, most: int):
        super().__init__(table, task, None)
        self._most = most
        self.cutoff = cutoff
        self.to_beat = cutoff

    def _still_to_beat(self, found: Classifier) -> float:
        return self.to_beat if len(self.classifiers) < self._most else -np.inf


class _Ended(Exception):
    """The exception that ends a search before its proof is complete, with the reason."""


class BranchAndCut:
    """One linear relaxation for all tasks on a table: rows that one task needed serve the next.

    The relaxation over b in [0, 1]^m is tightened by violated parallelograms first, then by other
    violated circuits. The Gordan program tests a whole b: it is a linear dichotomy, or circuits cut
    it off. A fractional b is branched on by pseudo-costs, and the node of the best bound comes
    first. Weights, norms and margins do not enter, and every row is checked in integers, so that
    the bound covers all linear classifiers. A circuit that could not be made rational is left out;
    where the proof would need it, the bound does not improve.
    """

    def __init__(self, table: Table, gordan: GordanProgram):
        from scipy.sparse import csr_array

        n_rows = len(table.rows)
        self._gordan = gordan
        self._parallelograms = Parallelograms(table)
        self._errors = least_errors(table)
        self._columns = np.arange(n_rows)
        self._at_optimum = False
        self._n_kept = 0
        self._gain_sums = np.zeros((2, n_rows))
        self._gain_counts = np.zeros((2, n_rows))
        self.n_nodes = 0
        self._root = -np.inf
        self._relaxation = ResidentProgram(
            Program(
                self._errors.cost,
                np.zeros(n_rows),
                np.ones(n_rows),
                csr_array(self._errors.cost[None]),
                np.array([-np.inf]),
                np.array([np.inf]),
            )
        )

    def minimise(
        self, task: Task, found: Best, deadline: Deadline, watch: Watch | None = None
    ) -> tuple[float, str]:
        """Add the best dichotomies to `found`. Return a bound on the minimum, and why the search
        ended: "optimal", "time limit", "undecided" or "gave up".
        """
        self._relaxation.set_costs(self._columns, task.cost)
        self._relaxation.set_row_bounds(0, -np.inf, task.most_errors - self._errors.constant)
        lower, upper = task.box
        waiting: list[_Node] = []
        self._root = bound = task.box_bound
        try:
            self._explore(task, lower, upper, found, deadline, waiting)
            while waiting and not task.closes(waiting[0].bound, found.to_beat):
                node = waiting[0]
                bound = max(bound, node.bound)
                if watch is not None:
                    watch(found.to_beat, task.proved(bound))
                row = self._branching_row(task, node, found)
                children: list[_Node] = []
                for value in (0, 1):
                    lower = node.lower.copy()
                    upper = node.upper.copy()
                    lower[row] = upper[row] = value
                    child_bound = self._explore(task, lower, upper, found, deadline, children)
                    if np.isfinite(child_bound):
                        self._gain_sums[value, row] += max(child_bound - node.bound, 0) / max(
                            abs(value - node.b[row]), _WHOLE
                        )
                        self._gain_counts[value, row] += 1
                heapq.heappop(waiting)
                for child in children:
                    heapq.heappush(waiting, child)
        except _Ended as reason:
            return min(task.proved(max(bound, self._root)), found.to_beat), str(reason)
        except GaveUp:
            return min(task.proved(max(bound, self._root)), found.to_beat), "gave up"
        return found.to_beat, "optimal"

    def _explore(
        self,
        task: Task,
        lower: Float[np.ndarray, "rows"],
        upper: Float[np.ndarray, "rows"],
        found: Best,
        deadline: Deadline,
        waiting: list[_Node],
    ) -> float:
        """Tighten the relaxation of a node; add it to `waiting` if it must be branched on. Return
        its bound.
        """
        self.n_nodes += 1
        if self._at_optimum and self._relaxation.n_rows > self._n_kept + _GROWTH * len(lower):
            self._remove_slack_rows()
        self._relaxation.set_bounds(self._columns, lower, upper)
        while True:
            if deadline.passed():
                raise _Ended("time limit")
            status = self._relaxation.run(deadline.left())
            self._at_optimum = status == "optimal"
            if status == "time limit":
                raise _Ended(status)
            if status == "infeasible":
                return np.inf
            bound = self._relaxation.objective + task.constant
            if np.array_equal(lower, task.box[0]) and np.array_equal(upper, task.box[1]):
                self._root = max(self._root, bound)
            if task.closes(bound, found.to_beat):
                return bound
            b = self._relaxation.values
            cuts = self._parallelograms.violated(b, _ROWS_PER_ROUND) or self._circuits(b, found)
            if cuts:
                self._relaxation.add_rows(*as_rows(cuts, len(b)))
                self._at_optimum = False
            elif task.closes(bound, found.to_beat):
                return bound
            else:
                heapq.heappush(waiting, _Node(bound, self.n_nodes, lower, upper, b))
                return bound

    def _remove_slack_rows(self) -> None:
        slack = np.flatnonzero(self._relaxation.slacks > _WHOLE)
        self._relaxation.delete_rows(slack[slack > 0])  # the first row bounds the errors
        self._n_kept = self._relaxation.n_rows

    def _branching_row(self, task: Task, node: _Node, found: Best) -> int:
        b = node.b
        free = node.lower < node.upper
        fractional = np.flatnonzero(free & (np.abs(b - np.round(b)) > _WHOLE))
        if not len(fractional):
            # The objective is not that of the whole b, to which this b is near, or the dichotomy is
            # neither realised nor excluded by anything exact: then nothing better can be proved.
            fractional = np.flatnonzero(free)
            if np.round(b).astype(int) not in found or not len(fractional):
                raise _Ended("undecided")
        counts = self._gain_counts[:, fractional]
        guess = _GUESS * np.abs(task.cost[fractional])
        down, up = np.where(
            counts > 0, self._gain_sums[:, fractional] / np.maximum(counts, 1), guess
        )
        share = b[fractional]
        scores = np.maximum(down * share, _LEAST_GAIN) * np.maximum(up * (1 - share), _LEAST_GAIN)
        return int(fractional[scores.argmax()])

    def _circuits(self, b: Float[np.ndarray, "rows"], found: Best) -> list[Cut]:
        """Return circuits that a b violates which satisfies all parallelograms; if b is a linear
        dichotomy, keep it in `found` instead.
        """
        dichotomy = np.round(b).astype(int)
        if np.abs(b - dichotomy).max() > _WHOLE:
            return self._violated(self._gordan.cheapest(b), b)
        if found.collects and dichotomy in found:
            return [no_good_cut(dichotomy)]
        known = self._gordan.classifier(dichotomy)
        if known is not None:
            found.add(known)
            return [no_good_cut(dichotomy)] if found.collects else []
        return self._violated(
            self._gordan.refuting(dichotomy, _CIRCUITS_PER_ROUND, self.n_nodes), b
        )

    def _violated(self, circuits: list[Cut], b: Float[np.ndarray, "rows"]) -> list[Cut]:
        return [cut for cut in dict.fromkeys(circuits) if cut.violation(b) > _WHOLE]
