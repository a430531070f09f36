"""Gradient flow dW/dt = -grad L for B = I (whitened data, or PCA and PLS), in closed form. Derived here.

It is Oja's flow, four times as fast: directions are learned one after the other, each at rate 8 lambda in W W^T.
"""

import numpy as np
from jaxtyping import Float

from theory.unconstrained_cca._domains import Numerator, Weights
from theory_on_trial.contract import NonNegative, Positive, guarded


@guarded
def flow_gram(A: Numerator, start: Weights, time: NonNegative) -> Float[np.ndarray, "dim dim"]:
    """W W^T at a time: Y (I + W0^T M W0)^(-1) Y^T with Y = exp(4 A t) W0 and M = A^(-1) (exp(8 A t) - I).

    `ValueError` where exp(8 A t) overflows.
    """
    values, vectors = np.linalg.eigh(A)
    coordinates = vectors.T @ start
    grown = vectors @ (np.exp(4 * values * time)[:, None] * coordinates)
    limited = np.eye(start.shape[1]) + coordinates.T @ (_grown_over(values, time)[:, None] * coordinates)
    return grown @ np.linalg.solve(limited, grown.T)


@guarded
def aligned_strength(eigenvalue: float, start: Positive, time: NonNegative) -> float:
    """x(t) = |w|^2 of one column that starts along an eigenvector: lambda / (1 + (lambda / x0 - 1) exp(-8 lambda t)).

    >>> round(aligned_strength(0.9, 0.01, 1.0), 4)
    0.8439
    """
    growth = _grown_over(np.array([eigenvalue]), time)[0]
    return float(start * np.exp(8 * eigenvalue * time) / (1 + start * growth))


def _grown_over(values: Float[np.ndarray, " dim"], time: float) -> Float[np.ndarray, " dim"]:
    """(exp(8 lambda t) - 1) / lambda, which is 8 t at lambda = 0."""
    exponent = 8 * values * time
    small = np.abs(exponent) < 1e-300  # zero, or so small that the quotient is lost
    return np.where(small, 8 * time, np.expm1(exponent) / np.where(small, 1, values))
