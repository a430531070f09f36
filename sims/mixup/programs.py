"""Second routes to Mixup's minimiser on small samples, by solvers that share nothing with the fits:
a linear and a convex program of the expanded rows.
"""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sims.mixup.fits import InputWeights, Labels, Masses, Nodes, Points, warn_of_one_class
from theory_on_trial.contract import guarded, require


def _solvable(values: np.ndarray) -> bool:
    largest = np.abs(values).max()
    return bool(largest == 0 or 1e-3 <= largest <= 1e3)


_SOLVABLE = (
    "be zero or have a largest entry from 0.001 to 1000 (the tolerances of the solver are absolute)"
)


class MixedRows(NamedTuple):
    """All n² K mixtures as plain weighted rows: the expansion that the fits avoid."""

    rows: Float[np.ndarray, "mixtures dim"]
    labels: Float[np.ndarray, "mixtures"]
    weights: Float[np.ndarray, "mixtures"]


@guarded(double=False)
def mixed_rows(
    features: Points, labels: Labels, nodes: Nodes, weights: Masses, input_weights: InputWeights
) -> MixedRows:
    """g_k x_i + (1-g_k) x_j with their labels and weights p_k / n². Warns where all labels are
    equal.
    """
    warn_of_one_class(labels)
    points = np.asarray(features)
    ones = np.asarray(labels)
    lam = np.asarray(nodes)[:, None, None]
    g = np.asarray(input_weights)[:, None, None]
    n, dim = points.shape
    rows = g[..., None] * points[:, None] + (1 - g[..., None]) * points
    mixed_labels = lam * ones[:, None] + (1 - lam) * ones
    return MixedRows(
        rows.reshape(-1, dim), mixed_labels.ravel(), np.repeat(np.asarray(weights) / n**2, n**2)
    )


@guarded(double=False)
def has_one_minimiser(rows: Points, labels: Labels) -> bool:
    """Whether the logistic loss with soft labels has exactly one, finite minimiser: no direction of
    recession.

    HiGHS looks for a w along which no row's loss grows without bound (z >= 0 for label 1, <= 0 for
    0, = 0 for a soft one) and some hard-labelled row moves; if there is none, only w with Xw = 0
    remain, and the rank decides. Every row is brought to a largest entry
    of 1.
    """
    from scipy.optimize import linprog

    points = _rescaled(np.asarray(rows, float))
    ones = np.asarray(labels)
    hard = (ones == 0) | (ones == 1)
    margins = (2 * ones[hard, None] - 1) * points[hard]
    soft = points[~hard]
    answer = linprog(
        -margins.sum(axis=0),
        A_ub=-margins if hard.any() else None,
        b_ub=np.zeros(len(margins)) if hard.any() else None,
        A_eq=soft if len(soft) else None,
        b_eq=np.zeros(len(soft)) if len(soft) else None,
        bounds=(-1, 1),
        method="highs",
    )
    # HiGHS meets every constraint to 1e-7 only, so that rows may add up to that much each.
    moves = -answer.fun > 1e-6 * len(points)
    return not moves and bool(np.linalg.matrix_rank(points) == points.shape[1])


@guarded(double=False)
def mixup_program(
    features: Points, labels: Labels, nodes: Nodes, weights: Masses, input_weights: InputWeights
) -> Float[np.ndarray, "dim"]:
    """The minimiser of `fit_mixup`, by CLARABEL on the expanded rows (small samples only).
    Warns where all labels are equal. Raises ValueError for mixed rows whose largest entry is not in
    [0.001, 1000], and where the solver finds no finite minimiser.
    """
    import cvxpy as cp

    mixtures = mixed_rows(features, labels, nodes, weights, input_weights)
    require(_solvable(mixtures.rows), f"features, mixed by input_weights, must {_SOLVABLE}")
    parameters = cp.Variable(mixtures.rows.shape[1])
    scores = mixtures.rows @ parameters
    loss = mixtures.weights @ (cp.logistic(scores) - cp.multiply(mixtures.labels, scores))
    problem = cp.Problem(cp.Minimize(loss))
    status = _status(problem)
    require(
        status == cp.OPTIMAL,
        f"features must have a loss with a finite minimiser, the solver says {status}",
    )
    return np.asarray(parameters.value)


def _rescaled(points):
    largest = np.abs(points).max(axis=1, keepdims=True)
    return points / np.where(largest > 0, largest, 1)


def _status(problem):
    """How CLARABEL ends; where it gives up, what it says."""
    import cvxpy as cp

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Solution may be inaccurate"
        )  # the status says so too
        try:
            problem.solve(solver=cp.CLARABEL)
        except cp.SolverError:
            return "nothing: it failed"
    return problem.status
