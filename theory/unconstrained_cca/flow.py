"""The gradient flow dW/dt = -grad L for B = I (whitened data, or PCA and PLS), in closed form.
Derived here.

It is Oja's flow, four times as fast: it learns directions one after the other, each at the rate 8 λ
in W W^T.
"""

import numpy as np
from jaxtyping import Float

from theory.unconstrained_cca.domains import Numerator, Weights
from theory_on_trial.contract import NonNegative, Positive, guarded, require

_STEP = 8.0  # of 8 |A| t


@guarded
def flow_gram(A: Numerator, start: Weights, time: NonNegative) -> Float[np.ndarray, "dim dim"]:
    """Return W W^T at a `time` t of the flow from W0 = `start`: Y (I + W0^T M W0)^(-1) Y^T with Y =
    exp(4 A t) W0 and M = A^(-1) (exp(8 A t) - I).

    It is taken in steps that are so short that exp(8 A t) and I can be added. Raises ValueError
    where 8 |A| t exceeds 1e4.
    """
    values, vectors = np.linalg.eigh(A)
    length = 8 * np.abs(values).max() * time
    require(
        length <= 1e4, f"time must be so short that 8 |A| time is at most 1e4, got {length:.3g}"
    )
    steps = 1 + int(length / _STEP)
    growth = np.exp(4 * values * time / steps)[:, None]
    increment = _grown_over(values, time / steps)[:, None]
    W = vectors.T @ start
    for _ in range(steps):
        root = np.linalg.cholesky(np.eye(W.shape[1]) + W.T @ (increment * W))
        W = np.linalg.solve(root, (growth * W).T).T
    return vectors @ W @ W.T @ vectors.T


@guarded
def aligned_strength(eigenvalue: float, start: Positive, time: NonNegative) -> float:
    """Return the strength x(t) = |w|^2 of a column that starts along an eigenvector of eigenvalue λ
    with the strength x0 = `start`: λ / (1 + (λ / x0 - 1) exp(-8 λ t)).
    """
    decay = np.exp(-8 * abs(eigenvalue) * time)
    limit = _grown_over(np.array([-abs(eigenvalue)]), time)[0]
    return float(1 / (decay / start + limit) if eigenvalue > 0 else decay / (1 / start + limit))


def _grown_over(values: Float[np.ndarray, " dim"], time: float) -> Float[np.ndarray, " dim"]:
    """Return (exp(8 λ t) - 1) / λ, which is 8 t at λ = 0."""
    exponent = 8 * values * time
    small = np.abs(exponent) < 1e-300  # zero, or so small that the quotient is lost
    return np.where(small, 8 * time, np.expm1(exponent) / np.where(small, 1, values))
