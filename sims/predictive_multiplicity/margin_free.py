"""The margin-free formulation: 0/1 programs over dichotomies, with rows for circuits added where they are violated."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.big_m import weight_block
from sims.predictive_multiplicity.certificates import GordanProgram
from sims.predictive_multiplicity.circuits import Circuit, Parallelograms, as_rows
from sims.predictive_multiplicity.highs import NO_LIMIT, LinearProgram
from sims.predictive_multiplicity.incumbents import Incumbents
from sims.predictive_multiplicity.mip import Deadline, Limits, Program, Solver, Watch, solve
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import Task, least_errors

_ROWS_PER_ROUND = 300
_CIRCUITS_PER_ROUND = 8
_WHOLE = 1e-6


class MarginFree:
    """One linear relaxation for all tasks on a table; the rows that a task needed stay for the next.

    The relaxation over b in [0, 1]^m is tightened by violated parallelograms; a whole b is tested by the Gordan program
    and, if no weights have its signs, cut off by circuits. Where b stays fractional a mixed-integer program takes over,
    which has the weights in it and so only sees dichotomies of margin >= `margin` on features scaled to [0, 1]; with
    `exact` it is followed by a pure 0/1 program for a better dichotomy of any margin, cut until there is none.
    The linear programs are HiGHS's, `solver` is for the mixed-integer ones. Derived here.
    """

    def __init__(self, table: Table, gordan: GordanProgram, solver: Solver, margin: float | int, exact: bool):
        from scipy.sparse import csr_array

        self._table, self._gordan = table, gordan
        self._solver, self._margin, self._exact = solver, margin, exact
        self._parallelograms = Parallelograms(table)
        self.circuits: list[Circuit] = []
        self._residual = 0.0
        self._n = len(table.rows)
        self._errors = least_errors(table)
        self._columns = np.arange(self._n)
        self._lp = LinearProgram(
            Program(
                self._errors.cost,
                np.zeros(self._n),
                np.ones(self._n),
                np.zeros(self._n, bool),
                csr_array(self._errors.cost[None]),
                np.array([-NO_LIMIT]),
                np.array([NO_LIMIT]),
            )
        )

    def add(self, circuits: list[Circuit]) -> None:
        """Add the rows of circuits to all programs to come."""
        self.circuits += circuits
        self._lp.add_rows(*as_rows(circuits, self._n))

    def solve(self, task: Task, incumbents: Incumbents, deadline: Deadline, watch: Watch | None) -> tuple[float, str]:
        """Add the best dichotomies found to `incumbents`; return the proved bound of the objective and its certificate."""
        lower, upper = self._bounds(task)
        self._lp.set_costs(self._columns, task.cost)
        self._lp.set_bounds(self._columns, lower, upper)
        self._lp.set_row_bounds(0, -NO_LIMIT, task.most_errors - self._errors.constant)
        bound = -np.inf
        while not deadline.passed() and self._lp.run(deadline.left()) == "optimal":
            bound = max(bound, task.proved(self._lp.objective + task.constant))
            b = self._lp.values
            if watch is not None:
                watch(incumbents.best_value(task), bound)
            if incumbents.best_value(task) <= bound:
                break
            cuts = self._parallelograms.violated(b, _ROWS_PER_ROUND) or self._circuits(b, incumbents)
            if not cuts:
                break
            self.add(cuts)
        if incumbents.best_value(task) <= bound or deadline.passed():
            return bound, self._certificate(0.0)
        bound = max(bound, self._with_weights(task, incumbents, deadline, watch))
        if not self._exact:
            return bound, self._certificate(self._margin)
        return self._any_margin(task, incumbents, deadline, watch), self._certificate(0.0)

    def _certificate(self, margin: float | int) -> str:
        margin = max(margin, self._residual)
        return f"margin >= {margin:g}" if margin else "exact"

    def _bounds(self, task: Task) -> tuple[Float[np.ndarray, "rows"], Float[np.ndarray, "rows"]]:
        lower, upper = np.zeros(self._n), np.ones(self._n)
        for row, value in task.fixed.items():
            lower[row] = upper[row] = value
        return lower, upper

    def _circuits(self, b: Float[np.ndarray, "rows"], incumbents: Incumbents) -> list[Circuit]:
        """Circuits whose rows a b violates that satisfies all parallelograms; a linear dichotomy is kept instead."""
        whole = np.round(b)
        if np.abs(b - whole).max() > _WHOLE:
            return self._valid(self._gordan.cheapest(b), b)
        dichotomy = whole.astype(int)
        weights = self._gordan.weights(dichotomy)
        if weights is not None:
            incumbents.add(dichotomy, weights)
            return []
        return self._valid(self._gordan.refuting(dichotomy, _CIRCUITS_PER_ROUND, len(self.circuits)), b)

    def _valid(self, found: list[tuple[Circuit, float]], b: Float[np.ndarray, "rows"]) -> list[Circuit]:
        chosen = {}
        for circuit, residual in found:
            low, high = circuit.bounds
            value = float(np.array(circuit.signs) @ b[list(circuit.members)])
            if residual < self._margin and not low - _WHOLE <= value <= high + _WHOLE:
                chosen[circuit] = residual
        self._residual = max(self._residual, *chosen.values(), 0.0)
        return list(chosen)

    def _pool(self, task: Task) -> tuple[Any, Float[np.ndarray, "rows"], Float[np.ndarray, "rows"]]:
        from scipy.sparse import csr_array, vstack

        rows, low, high = as_rows(self.circuits, self._n)
        rows = vstack([csr_array(self._errors.cost[None]), rows], format="csr")
        return rows, np.append(-NO_LIMIT, low), np.append(task.most_errors - self._errors.constant, high)

    def _with_weights(self, task: Task, incumbents: Incumbents, deadline: Deadline, watch: Watch | None) -> float:
        from scipy.sparse import csr_array, hstack, vstack

        rows, low, high = self._pool(task)
        block = weight_block(self._table.unit_design, self._margin)
        padding = csr_array((rows.shape[0], block.rows.shape[1] - self._n))
        lower, upper = self._bounds(task)
        program = block._replace(
            cost=np.concatenate([task.cost, np.zeros(padding.shape[1])]),
            lower=np.concatenate([lower, block.lower[self._n :]]),
            upper=np.concatenate([upper, block.upper[self._n :]]),
            rows=vstack([block.rows, hstack([rows, padding])], format="csr"),
            row_lower=np.concatenate([block.row_lower, low]),
            row_upper=np.concatenate([block.row_upper, high]),
        )
        start = None
        known = incumbents.best(task)
        if known is not None and known[1].margin >= self._margin:
            start = np.concatenate([known[0], np.maximum(known[1].scaled, 0), np.maximum(-known[1].scaled, 0)])
        return self._mip(task, program, incumbents, deadline, watch, start)[0]

    def _any_margin(self, task: Task, incumbents: Incumbents, deadline: Deadline, watch: Watch | None) -> float:
        """Search for dichotomies better than the best one known until a 0/1 program over circuits has no solution."""
        from scipy.sparse import csr_array, vstack

        lower, upper = self._bounds(task)
        bound = -np.inf
        while not deadline.passed():
            rows, low, high = self._pool(task)
            best = incumbents.best_value(task)
            better = best - (1.0 if task.integral else 1e-6 * max(1.0, abs(best)))
            program = Program(
                task.cost,
                lower,
                upper,
                np.ones(self._n, bool),
                vstack([rows, csr_array(task.cost[None])], format="csr"),
                np.append(low, -NO_LIMIT),
                np.append(high, better - task.constant),
            )
            proved, found = self._mip(task, program, incumbents, deadline, watch, None)
            bound = max(bound, min(proved, best))
            if bound >= incumbents.best_value(task):
                break
            if found is not None:
                cuts = self._circuits(found, incumbents)
                if cuts:
                    self.add(cuts)
        return bound

    def _mip(
        self,
        task: Task,
        program: Program,
        incumbents: Incumbents,
        deadline: Deadline,
        watch: Watch | None,
        start: Float[np.ndarray, "variables"] | None,
    ) -> tuple[float, Float[np.ndarray, "rows"] | None]:
        def shifted(best: float, bound: float) -> None:
            assert watch is not None
            watch(best + task.constant, bound + task.constant)

        limits = Limits(deadline.left(), gap=0.99 if task.integral else 1e-7)
        outcome = solve(program, self._solver, limits=limits, start=start, watch=None if watch is None else shifted)
        bound = np.inf if outcome.status == "infeasible" else task.proved(outcome.bound + task.constant)
        if outcome.values is None:
            return bound, None
        b = np.round(outcome.values[: self._n])
        weights = self._gordan.weights(b)
        if weights is not None:
            incumbents.add(b.astype(int), weights)
        return bound, b
