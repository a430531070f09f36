"""The margin-free formulation: 0/1 programs over dichotomies by branch and cut, with rows for
circuits where needed.
"""

import heapq
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sims.predictive_multiplicity.certificates import GordanProgram, margin_certificate
from sims.predictive_multiplicity.circuits import Cut, Parallelograms, as_rows, no_good_cut
from sims.predictive_multiplicity.highs import ResidentProgram
from sims.predictive_multiplicity.incumbents import Incumbents
from sims.predictive_multiplicity.mip import Deadline, Program, Watch
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import Task, least_errors

_ROWS_PER_ROUND = 300
_CIRCUITS_PER_ROUND = 8
_WHOLE = 1e-6
_GROWTH = 2  # rows added, in multiples of m, after which the slack ones are removed
_GUESS = 0.3  # share of |cost| that a branch is expected to add to the bound before any was seen
_LEAST_GAIN = 1e-3
_ZERO = np.finfo(float).tiny


class _Node(NamedTuple):
    """A part of the search space, lower <= b <= upper, with its bound and the optimum b of its
    relaxation.
    """

    bound: float
    number: int
    lower: Float[np.ndarray, "rows"]
    upper: Float[np.ndarray, "rows"]
    b: Float[np.ndarray, "rows"]


class MarginFree:
    """One linear relaxation for all tasks on a table: the rows that one task needed serve the next.

    The relaxation over b in [0, 1]^m is tightened by violated parallelograms, then by other
    violated circuits. A whole b is tested by the Gordan program: it is a linear dichotomy, or
    circuits cut it off. A fractional one is branched on, by pseudo-costs, best bound first. No
    weights, norm or margin enter; the proof covers all linear classifiers unless a circuit could
    not be made rational, which happens with features that are no small integers only: then it
    covers those of margin >= `margin`. At margin 0 such circuits are left out, and the bound stays
    where one would be needed: every bound then covers all linear classifiers.
    """

    def __init__(self, table: Table, gordan: GordanProgram, margin: float = 1e-4):
        from scipy.sparse import csr_array

        n_rows = len(table.rows)
        self._gordan = gordan
        self._margin = margin
        self._parallelograms = Parallelograms(table)
        self._errors = least_errors(table)
        self._columns = np.arange(n_rows)
        self._exact = True
        self._at_optimum = False
        self._n_kept = 0
        self._gain_sums = np.zeros((2, n_rows))
        self._gain_counts = np.zeros((2, n_rows))
        self.n_nodes = 0
        self.failed = False
        self._root = -np.inf
        self._relaxation = ResidentProgram(
            Program(
                self._errors.cost,
                np.zeros(n_rows),
                np.ones(n_rows),
                np.zeros(n_rows, bool),
                csr_array(self._errors.cost[None]),
                np.array([-np.inf]),
                np.array([np.inf]),
            )
        )

    def solve(
        self, task: Task, incumbents: Incumbents, deadline: Deadline, watch: Watch | None = None
    ) -> tuple[float, str]:
        """Add the best dichotomies found to `incumbents`; return the bound and its certificate."""
        self._relaxation.set_costs(self._columns, task.cost)
        self._relaxation.set_row_bounds(0, -np.inf, task.most_errors - self._errors.constant)
        lower, upper = task.box
        waiting: list[_Node] = []
        self._root = bound = task.box_bound
        try:
            self._explore(task, lower, upper, incumbents, deadline, waiting)
            while waiting and not task.closes(waiting[0].bound, incumbents.best_value(task)):
                node = waiting[0]
                bound = max(bound, node.bound)
                if watch is not None:
                    watch(incumbents.best_value(task), task.proved(bound))
                row = self._branching_row(task, node, incumbents)
                children: list[_Node] = []
                for value in (0, 1):
                    lower = node.lower.copy()
                    upper = node.upper.copy()
                    lower[row] = upper[row] = value
                    child_bound = self._explore(task, lower, upper, incumbents, deadline, children)
                    if np.isfinite(child_bound):
                        self._gain_sums[value, row] += max(child_bound - node.bound, 0) / max(
                            abs(value - node.b[row]), _WHOLE
                        )
                        self._gain_counts[value, row] += 1
                heapq.heappop(waiting)
                for child in children:
                    heapq.heappush(waiting, child)
            bound = incumbents.best_value(task)
        except TimeoutError:
            bound = min(task.proved(max(bound, self._root)), incumbents.best_value(task))
        except RuntimeError:
            if self._margin:
                raise
            bound = min(task.proved(max(bound, self._root)), incumbents.best_value(task))
            self.failed = True
        return bound, "exact" if self._exact else margin_certificate(self._margin)

    def _explore(
        self,
        task: Task,
        lower: Float[np.ndarray, "rows"],
        upper: Float[np.ndarray, "rows"],
        incumbents: Incumbents,
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
                raise TimeoutError
            status = self._relaxation.run(deadline.left())
            self._at_optimum = status == "optimal"
            if status == "time limit":
                raise TimeoutError
            if status == "infeasible":
                return np.inf
            bound = self._relaxation.objective + task.constant
            if np.array_equal(lower, task.box[0]) and np.array_equal(upper, task.box[1]):
                self._root = max(self._root, bound)
            if task.closes(bound, incumbents.best_value(task)):
                return bound
            b = self._relaxation.values
            cuts = self._parallelograms.violated(b, _ROWS_PER_ROUND) or self._circuits(
                b, incumbents
            )
            if cuts:
                self._relaxation.add_rows(*as_rows(cuts, len(b)))
                self._at_optimum = False
            elif task.closes(bound, incumbents.best_value(task)):
                return bound
            else:
                heapq.heappush(waiting, _Node(bound, self.n_nodes, lower, upper, b))
                return bound

    def _remove_slack_rows(self) -> None:
        slack = np.flatnonzero(self._relaxation.slacks > _WHOLE)
        self._relaxation.delete_rows(slack[slack > 0])  # the first row bounds the errors
        self._n_kept = self._relaxation.n_rows

    def _branching_row(self, task: Task, node: _Node, incumbents: Incumbents) -> int:
        b = node.b
        free = node.lower < node.upper
        fractional = np.flatnonzero(free & (np.abs(b - np.round(b)) > _WHOLE))
        if not len(fractional) and not self._margin and np.round(b).astype(int) not in incumbents:
            # neither realised nor excluded by anything exact: nothing better can be proved
            raise TimeoutError
        if not len(
            fractional
        ):  # b is whole to the tolerance but the objective is not that of the whole b
            fractional = np.flatnonzero(free)
        if not len(fractional):
            raise ArithmeticError(
                "a dichotomy can neither be realised nor excluded: its margin is below the rounding"
            )
        counts = self._gain_counts[:, fractional]
        guess = _GUESS * np.abs(task.cost[fractional])
        down, up = np.where(
            counts > 0, self._gain_sums[:, fractional] / np.maximum(counts, 1), guess
        )
        share = b[fractional]
        scores = np.maximum(down * share, _LEAST_GAIN) * np.maximum(up * (1 - share), _LEAST_GAIN)
        return int(fractional[scores.argmax()])

    def _circuits(self, b: Float[np.ndarray, "rows"], incumbents: Incumbents) -> list[Cut]:
        """Circuits violated by a b that satisfies all parallelograms; a linear dichotomy is kept
        instead.
        """
        dichotomy = np.round(b).astype(int)
        if np.abs(b - dichotomy).max() > _WHOLE:
            return self._violated(self._gordan.cheapest(b), b)
        if incumbents.collects and dichotomy in incumbents:
            return [no_good_cut(dichotomy)]
        weights = self._gordan.weights(dichotomy)
        if weights is not None:
            incumbents.add(dichotomy, weights)
            return [no_good_cut(dichotomy)] if incumbents.collects else []
        return self._violated(
            self._gordan.refuting(dichotomy, _CIRCUITS_PER_ROUND, self.n_nodes), b
        )

    def _violated(self, found: list[tuple[Cut, float]], b: Float[np.ndarray, "rows"]) -> list[Cut]:
        residuals = {
            cut: residual
            for cut, residual in found
            if residual < (self._margin or _ZERO) and cut.violation(b) > _WHOLE
        }
        self._exact &= not any(residuals.values())
        return list(residuals)
