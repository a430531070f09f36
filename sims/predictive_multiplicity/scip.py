"""SCIP: mixed-integer programs, through PySCIPOpt."""

from typing import Any

import numpy as np
from jaxtyping import Float

from sims.predictive_multiplicity.mip import Limits, Outcome, Program, Watch


def solve_with_scip(
    program: Program, limits: Limits, start: Float[np.ndarray, "variables"] | None, watch: Watch | None
) -> Outcome:
    """As `mip.solve`."""
    try:
        import pyscipopt
    except ImportError as error:
        raise ImportError('solver="scip" needs PySCIPOpt: pip install pyscipopt') from error

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
