"""The global minimum at depth 1 from a convex program, with a lower bound that holds whatever the
solver does.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from sims.neural_collapse.domains import ClassSizes, Loss
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Interval, guarded, require

PlainDecay = Annotated[float, Interval(0, closed="()", why="no minimiser exists otherwise")]
SolvableDecay = Annotated[
    float, Interval(0, 1e6, "(]", why="larger ones leave nothing, and fail the solver")
]


class ConvexOptimum(NamedTuple):
    """The optimum of the convex program in class-mean coordinates.
    `value` is the objective, `logits` the K x K matrix W H̄ (column k: of class k, without the
    bias), `bias` is b, and `dual` is minus the gradient of the loss with respect to X = W H̄
    D^(1/2).
    """

    value: float
    logits: Float[np.ndarray, "classes classes"]
    bias: Float[np.ndarray, "classes"]
    dual: Float[np.ndarray, "classes classes"]


@guarded(double=False)
def nuclear_norm_optimum(
    class_sizes: ClassSizes,
    weight_decay: SolvableDecay,
    feature_decay: SolvableDecay,
    *,
    loss: Loss = "mse",
    bias: bool = False,
) -> ConvexOptimum:
    """Minimise the loss plus √(λ_W λ_H) ‖X‖_* over the K x K matrix X = W H̄ D^(1/2) and the free
    bias.

    At depth 1 and width at least K this is the global minimum of the objective: among the factors
    of a given product the least decay is √(λ_W λ_H) times its nuclear norm. Clarabel's
    interior-point method solves the program to about 1e-8 in the value. Raises ValueError for no
    class, and RuntimeError where the solver fails.
    """
    import cvxpy

    require(len(class_sizes) > 0, "class_sizes must hold at least one class, got none")
    sizes = np.array(class_sizes, float)
    n_classes = len(class_sizes)
    n_samples = sum(class_sizes)
    roots = np.sqrt(sizes)
    matrix = cvxpy.Variable((n_classes, n_classes))
    offset: Any = cvxpy.Variable(n_classes) if bias else np.zeros(n_classes)
    shifts = cvxpy.reshape(offset, (n_classes, 1), order="F") @ np.ones((1, n_classes))
    logits = matrix @ np.diag(1 / roots) + shifts
    if loss == "mse":
        data_loss = cvxpy.sum_squares((logits - np.eye(n_classes)) @ np.diag(roots)) / (
            2 * n_samples
        )
    else:
        data_loss = sizes @ (cvxpy.log_sum_exp(logits, axis=0) - cvxpy.diag(logits)) / n_samples
    decay = np.sqrt(weight_decay * feature_decay) * cvxpy.normNuc(matrix)
    program = cvxpy.Problem(cvxpy.Minimize(data_loss + decay))
    try:
        program.solve(solver=cvxpy.CLARABEL)
    except cvxpy.SolverError as error:
        raise RuntimeError("the convex program was not solved: the solver failed") from error
    if program.status != cvxpy.OPTIMAL:
        raise RuntimeError(f"the convex program was not solved: {program.status}")
    best_bias = offset.value if bias else offset
    product = matrix.value / roots
    outputs = product + best_bias[:, None]
    if loss == "ce":
        exponentials = np.exp(outputs - outputs.max(axis=0))
        outputs = exponentials / exponentials.sum(axis=0)
    dual = (np.eye(n_classes) - outputs) * roots / n_samples
    return ConvexOptimum(float(program.value), product, best_bias, dual)


@guarded(double=False)
def dual_value(
    dual: Float[AnyArray, "classes classes"],
    class_sizes: ClassSizes,
    weight_decay: PlainDecay,
    feature_decay: PlainDecay,
    *,
    bias: bool = False,
) -> float:
    """Return a lower bound on the MSE objective at depth 1 and any width, which is
    ⟨A, D^(1/2)⟩ - N/2 ‖A‖² for any matrix A.

    A is `dual` made feasible: with a bias it is projected on A D^(1/2) 1 = 0, then shrunk to the
    spectral norm √(λ_W λ_H). Where `dual` is the residual (D^(1/2) - X - b √nᵀ) / N of a global
    minimiser, the bound is the minimum itself. Raises ValueError for a matrix that is not K x K.
    Source: derived here (Fenchel duality of the nuclear and the spectral norm).
    """
    n_classes = len(class_sizes)
    n_samples = sum(class_sizes)
    matrix = np.array(dual, float)
    roots = np.sqrt(np.array(class_sizes, float))
    require(
        len(matrix) == n_classes,
        f"dual must be a {n_classes} x {n_classes} matrix, got {matrix.shape}",
    )
    if bias:
        matrix -= np.outer(matrix @ roots, roots) / n_samples
    radius = np.sqrt(weight_decay * feature_decay)
    matrix *= radius / max(radius, float(np.linalg.norm(matrix, 2)))
    return float(np.diag(matrix) @ roots - n_samples / 2 * np.sum(matrix**2))
