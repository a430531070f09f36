"""The least errors of a linear classifier in a dozen lines: the big-M formulation as one would write it down."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.with_weights import raw_design
from theory_on_trial.arguments.sims import validated


class TeachingSolution(NamedTuple):
    """errors : the optimum; dichotomy : b, [m]; weights : w, intercept first, with |w|_1 <= 1."""

    errors: float
    dichotomy: Int[np.ndarray, "rows"]
    weights: Float[np.ndarray, "dims"]


@validated
def least_errors_in_words(table: Table, margin: float | int = 1e-4) -> TeachingSolution:
    """Minimise Σ n⁻_u b_u + n⁺_u (1 - b_u) with γ - M (1 - b) <= X w <= M b - γ and |w|_1 <= 1 in cvxpy.

    For small tables and for reading: no warm starts, no recount. Raises ValueError for a margin outside [1e-6, 1).
    """
    import cvxpy

    if not 1e-6 <= margin < 1:
        raise ValueError(f"margin must be in [1e-6, 1), got {margin!r}")
    design = raw_design(table)
    big_m = margin + np.abs(design).max(axis=1)
    weights, dichotomy = cvxpy.Variable(design.shape[1]), cvxpy.Variable(len(design), boolean=True)
    scores = design @ weights
    constraints = [
        scores >= margin - cvxpy.multiply(big_m, 1 - dichotomy),
        scores <= cvxpy.multiply(big_m, dichotomy) - margin,
        cvxpy.norm1(weights) <= 1,
    ]
    problem = cvxpy.Problem(
        cvxpy.Minimize(table.negatives @ dichotomy + table.positives @ (1 - dichotomy)), constraints
    )
    problem.solve(solver=cvxpy.HIGHS, threads=1)
    if problem.status != cvxpy.OPTIMAL or dichotomy.value is None or weights.value is None:
        raise RuntimeError(f"the program was not solved: {problem.status}")
    return TeachingSolution(float(problem.value), np.round(dichotomy.value).astype(int), weights.value)
