"""The inequality of unconstrained CCA, for the falsifier: both sides at any admissible instance."""

import numpy as np

from sims import unconstrained_cca as observed
from theory import unconstrained_cca as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality


@inequality(
    "unconstrained_cca.floor", "-L(W) <= sum of the K largest positive lambda^2, any A = A^T, B > 0, W", draws=1000
)
def floor(draw: Draw) -> Sides:
    """Problems of up to four dimensions; weights from a minimiser to anything."""
    dim = draw.integer("dim", 1, 4)
    n_columns = draw.integer("K", 1, dim)
    root = draw.normal("A", dim, dim)
    A, B = root + root.T, draw.covariance("B", dim)
    values = predicted.generalised_eigenvalues(A, B)
    used = max(predicted.columns_used(values, n_columns), 1)
    W = draw.scale("deviation", 1e-6, 10) * draw.normal("W", dim, n_columns)
    if values[0] > 0:
        W = W + predicted.critical_point(A, B, tuple(range(used)), n_columns)
    scale = float(np.sum((W.T @ B @ W) ** 2) + 2 * np.sum(np.abs(W.T @ A @ W)))
    return Sides(-observed.ey_loss(A, B, W), -predicted.least_loss(values, n_columns), ops=1000, scale=scale)
