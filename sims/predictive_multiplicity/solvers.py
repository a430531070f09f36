"""HiGHS and SCIP behind one door: `solve` a program once, or keep a `linear_program` in memory."""

from typing import Any

import numpy as np
from jaxtyping import Float

from sims.predictive_multiplicity._domains import Solver
from sims.predictive_multiplicity.mip import Limits, LinearProgram, Outcome, Program, Watch

_NO_LIMITS = Limits()


def solve(
    program: Program,
    solver: Solver = "highs",
    *,
    limits: Limits = _NO_LIMITS,
    start: Float[np.ndarray, "variables"] | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Solve a mixed-integer program on one core with HiGHS or SCIP.

    `start` is a feasible x to begin with (an infeasible one is ignored by the solver). On the time limit the outcome
    holds the best x so far and a valid bound.
    Raises ImportError (with the command that installs it) for a solver that is missing, and RuntimeError if the solver
    gives up for another reason.
    """
    return _backend(solver).solve(program, limits, start, watch)


def linear_program(program: Program, solver: Solver = "highs") -> LinearProgram:
    """A linear program to be solved many times, by HiGHS or by SCIP's SoPlex.

    Raises as `solve`.
    """
    return _backend(solver).ResidentProgram(program)


def _backend(solver: Solver) -> Any:
    if solver == "scip":
        from sims.predictive_multiplicity import scip

        return scip
    from sims.predictive_multiplicity import highs

    return highs
