"""The point at which stochastic gradient descent ends if one batch of b pairs stands in both
factors of the penalty.

It is the minimiser of the expected loss of normal, whitened views. In canonical coordinates it is
diagonal, shrunk unevenly, and without the weakest directions. Derived here.
"""

from bisect import bisect_left

import numpy as np
from jaxtyping import Float

from theory.unconstrained_cca.domains import Batch, Correlations, Form
from theory_on_trial.contract import LONGEST, guarded, require


@guarded
def shrunk_strengths(
    correlations: Correlations, batch: Batch, form: Form = "off-diagonal"
) -> Float[np.ndarray, " directions"]:
    """Return the variances x_i of the canonical components at the minimiser: the x >= 0 that
    minimises x^T Q x - 2 r^T x.

    Q = I + [diag(1 + ρ^2) + 1 1^T + ρ ρ^T] / (2 m), with m = b - 1. In the off-diagonal form r = ρ,
    and x_i is the sum of the variances in both views, which is ρ_i for infinite batches. In the
    library form r = 1 + ρ, and x_i is their mean. With K columns, `correlations` are the K largest.
    In the library form a descent may end elsewhere: for one direction the difference x - y of the
    views is a local minimum where ρ (m + 1 + ρ^2) < (1 - ρ) (1 - ρ^2).

    >>> shrunk_strengths([0.9, 0.8, 0.7, 0.15], 8).round(4)
    array([0.6178, 0.5434, 0.4668, 0.0171])
    """
    from scipy.optimize import nnls

    reward = correlations + (form == "library")
    root = np.linalg.cholesky(_penalty(correlations, batch)).T
    return nnls(root, np.linalg.solve(root.T, reward))[0]


@guarded
def batch_that_keeps(correlations: Correlations) -> int:
    """Return the smallest batch b at which every direction survives in the off-diagonal form: at
    which ρ_i > X / (2 m - Y) for all i, with m = b - 1, X = sum of x_i and Y = sum of ρ_i x_i.

    Raises ValueError for a direction that no batch below 2^29 keeps, such as ρ = 0.
    """

    def keeps(batch: int) -> bool:
        return bool(np.linalg.solve(_penalty(correlations, batch), correlations).min() > 0)

    require(
        keeps(LONGEST),
        f"correlations must be so large that some batch keeps them, got {correlations.min()}",
    )
    batches = range(2, LONGEST + 1)
    return batches[bisect_left(batches, True, key=keeps)]


def _penalty(rho: Correlations, batch: int) -> Float[np.ndarray, "directions directions"]:
    """Return the matrix Q of `shrunk_strengths`."""
    variances = np.diag(1 + rho**2) + 1 + np.outer(rho, rho)
    return np.eye(len(rho)) + variances / (2 * (batch - 1))
