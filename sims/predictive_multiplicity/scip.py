"""SCIP, through PySCIPOpt: mixed-integer programs, and SoPlex for linear programs that stay in memory."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.mip import Limits, LinearProgram, Outcome, Program, Watch


def _pyscipopt() -> Any:
    try:
        import pyscipopt
    except ImportError as error:
        raise ImportError('solver="scip" needs PySCIPOpt: pip install pyscipopt') from error
    return pyscipopt


def solve(
    program: Program, limits: Limits, start: Float[np.ndarray, "variables"] | None, watch: Watch | None
) -> Outcome:
    """As `solvers.solve`."""
    pyscipopt = _pyscipopt()
    model = pyscipopt.Model()
    model.hideOutput()
    infinity = model.infinity()
    settings = {
        "numerics/feastol": float(limits.feasibility),
        "limits/absgap": float(limits.gap),
        "limits/gap": 0.0,
        "parallel/maxnthreads": 1,
        "lp/threads": 1,
    }
    if limits.seconds is not None:
        settings["limits/time"] = max(float(limits.seconds), 1e-3)
    model.setParams(settings)

    def number(value: float) -> float:
        return float(np.clip(value, -infinity, infinity))

    columns = list(zip(program.cost, program.lower, program.upper, program.integral, strict=True))
    variables = [
        model.addVar(vtype="I" if whole else "C", lb=number(low), ub=number(high), obj=float(cost))
        for cost, low, high, whole in columns
    ]
    for row, (low, high) in enumerate(zip(program.row_lower, program.row_upper, strict=True)):
        part = slice(program.rows.indptr[row], program.rows.indptr[row + 1])
        entries = zip(program.rows.data[part], program.rows.indices[part], strict=True)
        expression = pyscipopt.quicksum(float(value) * variables[column] for value, column in entries)
        model.addCons((number(low) <= expression) <= number(high))
    if start is not None:
        solution = model.createSol()
        for variable, value in zip(variables, start, strict=True):
            model.setSolVal(solution, variable, float(value))
        model.addSol(solution)
    if watch is not None:
        _attach(model, watch, pyscipopt.SCIP_EVENTTYPE.BESTSOLFOUND)
        _attach(model, watch, pyscipopt.SCIP_EVENTTYPE.NODESOLVED)
    model.optimize()
    status = {"optimal": "optimal", "gaplimit": "optimal", "infeasible": "infeasible", "timelimit": "time limit"}.get(
        model.getStatus()
    )
    if status is None:
        raise RuntimeError(f"SCIP gave up: {model.getStatus()}")
    values = None
    if model.getNSols():
        best = model.getBestSol()
        values = np.array([model.getSolVal(best, variable) for variable in variables])
    return Outcome(values, float(model.getDualbound()), status)


def _attach(model: Any, watch: Watch, event: Any) -> None:
    model.attachEventHandlerCallback(lambda model, event: watch(model.getPrimalbound(), model.getDualbound()), [event])


class ResidentProgram(LinearProgram):
    """As `mip.LinearProgram`; a time limit is looked at between solves only."""

    def __init__(self, program: Program):
        pyscipopt = _pyscipopt()
        self._lp = pyscipopt.LP()
        self._lp.setRealParam(pyscipopt.SCIP_LPPARAM.FEASTOL, 1e-9)
        self._lp.setRealParam(pyscipopt.SCIP_LPPARAM.DUALFEASTOL, 1e-9)
        self._infinity = self._lp.infinity()
        self._lp.addCols(
            [[] for _ in program.cost],
            program.cost.tolist(),
            self._finite(program.lower),
            self._finite(program.upper),
        )
        self.add_rows(program.rows, program.row_lower, program.row_upper)

    def _finite(self, values: Float[np.ndarray, "n"]) -> list[float]:
        return np.clip(values, -self._infinity, self._infinity).tolist()

    @property
    def n_rows(self) -> int:
        """As `LinearProgram.n_rows`."""
        return self._lp.nrows()

    def set_costs(self, columns: Int[np.ndarray, "n"], costs: Float[np.ndarray, "n"]) -> None:
        """As `LinearProgram.set_costs`."""
        for column, cost in zip(columns.tolist(), costs.tolist(), strict=True):
            self._lp.chgObj(column, cost)

    def set_bounds(
        self, columns: Int[np.ndarray, "n"], lower: Float[np.ndarray, "n"], upper: Float[np.ndarray, "n"]
    ) -> None:
        """As `LinearProgram.set_bounds`."""
        for column, low, high in zip(columns.tolist(), self._finite(lower), self._finite(upper), strict=True):
            self._lp.chgBound(column, low, high)

    def set_row_bounds(self, row: int, lower: float, upper: float) -> None:
        """As `LinearProgram.set_row_bounds`."""
        self._lp.chgSide(row, *self._finite(np.array([lower, upper])))

    def add_rows(self, rows: Any, lower: Float[np.ndarray, "n"], upper: Float[np.ndarray, "n"]) -> None:
        """As `LinearProgram.add_rows`."""
        ends = rows.indptr[1:-1]
        entries = [
            list(zip(columns.tolist(), values.tolist(), strict=True))
            for columns, values in zip(np.split(rows.indices, ends), np.split(rows.data, ends), strict=True)
        ]
        self._lp.addRows(entries, self._finite(lower), self._finite(upper))

    def delete_rows(self, rows: Int[np.ndarray, "deleted"]) -> None:
        """As `LinearProgram.delete_rows`."""
        column_basis, row_basis = self._lp.getBase()
        for row in sorted(rows.tolist(), reverse=True):
            self._lp.delRows(row, row)
            del row_basis[row]
        self._lp.setBase(column_basis, row_basis)

    def run(self, seconds: float | None = None) -> str:
        """As `LinearProgram.run`."""
        try:
            self._lp.solve()
        except Exception as error:  # PySCIPOpt has no class of its own
            raise RuntimeError(f"SoPlex gave up: {error}") from error
        if self._lp.isOptimal():
            return "optimal"
        if self._lp.getDualRay() is not None:
            return "infeasible"
        raise RuntimeError("SoPlex gave up")

    @property
    def objective(self) -> float:
        """As `LinearProgram.objective`."""
        return float(self._lp.getObjVal())

    @property
    def values(self) -> Float[np.ndarray, "variables"]:
        """As `LinearProgram.values`."""
        return np.array(self._lp.getPrimal())

    @property
    def row_duals(self) -> Float[np.ndarray, "constraints"]:
        """As `LinearProgram.row_duals`."""
        return np.array(self._lp.getDual())

    @property
    def slacks(self) -> Float[np.ndarray, "constraints"]:
        """As `LinearProgram.slacks`."""
        lower, upper = self._lp.getSides()
        activity = np.array(self._lp.getActivity())
        return np.minimum(activity - np.array(lower), np.array(upper) - activity)
