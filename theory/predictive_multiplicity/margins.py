"""The margins of linear dichotomies, and the constant of the programs that search them.

Weights are w = (intercept, one per feature) with |w|_1 <= 1, where the intercept counts, as in
Marx, Calmon & Ustun 2020 (arXiv 1909.06677). A dichotomy is b in {0, 1}^m, and s = 2 b - 1. The
size of M is derived here.
"""

import numpy as np
from jaxtyping import Float

from theory.predictive_multiplicity.domains import Dichotomy, Points
from theory_on_trial.contract import NonNegative, guarded, require


@guarded
def big_m(rows: Points, margin: NonNegative) -> Float[np.ndarray, " rows"]:
    """Return for every row the smallest M_u for which the constraint -<w, (1, u)> >= γ - M_u binds
    no w with |w|_1 <= 1: M_u = γ + max(1, |u|_inf), with γ = `margin`.
    """
    require(len(rows), f"rows must hold at least one point, got an array of shape {rows.shape}")
    return margin + np.abs(rows.astype(np.float64)).max(axis=1, initial=1)


@guarded
def largest_margin(dichotomy: Dichotomy, rows: Points) -> tuple[float, Float[np.ndarray, " dim"]]:
    """Return the largest margin of a dichotomy, the maximum over |w|_1 <= 1 of min_u s_u <w, (1,
    u)>, and such a w. The margin is positive if and only if b is linear, and zero otherwise.

    It depends on the scale of the features. It can grow with columns that others imply, since |w|_1
    is then less. It is solved in floats (HiGHS): a value within 1e-7 max |u| of zero decides
    nothing, while `linear_dichotomies` does. Raises ValueError for points so large that the solver
    fails.
    """
    from scipy.optimize import linprog

    signs = 2 * dichotomy.astype(int) - 1
    points = signs[:, np.newaxis] * np.insert(rows.astype(np.float64), 0, 1, axis=1)
    dim = points.shape[1]
    at_least_the_margin = np.hstack([-points, points, np.ones((len(rows), 1))])
    norm = np.append(np.ones(2 * dim), 0)
    program = linprog(
        -np.eye(2 * dim + 1)[-1],
        A_ub=np.vstack([at_least_the_margin, norm]),
        b_ub=np.eye(len(rows) + 1)[-1],
        bounds=(0, None),
        method="highs",
    )
    if program.x is None:
        raise ValueError(
            f"rows must be so small that the solver can handle them, got {np.abs(rows).max():.3g}"
        )
    return max(0.0, float(program.x[-1])), program.x[:dim] - program.x[dim:-1]
