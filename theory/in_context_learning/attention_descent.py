"""What several layers of linear self-attention compute: gradient descent, preconditioned, and GD++.

von Oswald et al. 2023 (arXiv 2212.07677): one layer of linear attention with set weights is one
step of gradient descent on |X w - Y|^2 / (2N), and layers that also contract the inputs are GD++.
Ahn et al. 2023 (arXiv 2306.00297): layers with free key-query blocks are preconditioned steps. X is
N x d, Y the N labels; means, not sums, over examples.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.in_context_learning.domains import Inputs, Labels, Weights
from theory_on_trial.contract import MAY_BE_EMPTY, Count, Positive, guarded, require

PerLayer = Annotated[Float[np.ndarray, " layers"], MAY_BE_EMPTY]
"""One number for each layer; there may be none."""


@guarded
def preconditioned_descent_weights(
    X: Inputs,
    Y: Labels,
    preconditioners: Annotated[Float[np.ndarray, "layers dimension dimension"], MAY_BE_EMPTY],
    start: Weights | None = None,
) -> Float[np.ndarray, " dimension"]:
    """Weights after the steps w - A_l^T X^T (X w - Y) / N, one per layer, from `start` (zero if
    None).

    A_l = `preconditioners`[l] are the d x d blocks of Q_l = -diag(A_l, 0), with P_l = e e^T.
    `ValueError` if there is no example or sizes differ. Source: Ahn et al. 2023, Lemma 1, with the
    transpose derived here.
    """
    examples, dimension = X.shape
    require(examples > 0, "X must hold at least one example, got none")
    weights = np.zeros(dimension)
    if start is not None:
        weights = start
    for preconditioner in preconditioners:
        weights = weights - preconditioner.T @ (X.T @ (X @ weights - Y)) / examples
    return weights


@guarded
def descent_weights(
    X: Inputs, Y: Labels, step: Positive, layers: Count = 1, start: Weights | None = None
) -> Float[np.ndarray, " dimension"]:
    """Weights after `layers` steps w - (η / N) X^T (X w - Y) of plain gradient descent, η = `step`
    > 0.

    Source: von Oswald et al. 2023, Proposition 1. Raises as `preconditioned_descent_weights`.
    """
    plain = np.broadcast_to(step * np.eye(X.shape[1]), (layers, X.shape[1], X.shape[1]))
    return preconditioned_descent_weights(X, Y, plain, start)


@guarded
def residual_polynomial(
    eigenvalues: Float[np.ndarray, "*spectra"],
    steps: PerLayer,
    contractions: PerLayer,
    context_length: Count,
) -> Float[np.ndarray, "*spectra"]:
    """Residual factor q_L(μ) of GD++ at each eigenvalue μ of X^T X, whose prediction is w^T (I -
    q_L(X^T X)) x_q.

    q_(l+1) = q_l (1 - (η_l / N) μ a_l^2), a_(l+1) = a_l (1 - γ_l μ a_l^2), q_0 = a_0 = 1, for
    noiseless labels and a query that is contracted with the examples. η = `steps`, γ =
    `contractions` (zero: plain descent; the last has no effect), one each per layer, else
    `ValueError`. Source: von Oswald et al. 2023; the recursion is derived here.
    """
    residual = np.ones_like(eigenvalues)
    contraction = np.ones_like(eigenvalues)
    for eta, gamma in zip(steps, contractions, strict=True):
        curvature = eigenvalues * contraction**2
        residual = residual * (1 - eta / context_length * curvature)
        contraction = contraction * (1 - gamma * curvature)
    return residual


@guarded
def gdpp_loss(
    eigenvalues: Float[np.ndarray, "tasks dimension"],
    steps: PerLayer,
    contractions: PerLayer,
    context_length: Count,
    input_variance: Positive = 1 / 3,
) -> float:
    """Expected squared error Var(x) E sum_i q_L(μ_i)^2 of GD++, the mean being over the rows of
    `eigenvalues`.

    A row has all d eigenvalues of one task's X^T X; w ~ N(0, I) and the coordinates of the query
    have mean zero and variance `input_variance`, 1/3 for U(-1, 1). Raises as `residual_polynomial`.
    Source: derived here.
    """
    residual = residual_polynomial(eigenvalues, steps, contractions, context_length)
    return float(input_variance * np.mean(np.sum(residual**2, axis=1)))
