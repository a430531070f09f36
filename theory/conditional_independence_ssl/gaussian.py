"""Two linear views of one normal cause: the solution of the pretext task, the target, and what both
leave unknown.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory.conditional_independence_ssl.means import CUTOFF, unexplained
from theory_on_trial.contract import Interval, guarded

Loadings = Interval(-1e6, 1e6, why="beyond, inverses lose every digit")


class SharedCause(NamedTuple):
    """The quantities that follow from X1 = A1 Y + e1 and X2 = A2 Y + L e1 + e2, where Y, e1 and e2
    are standard normal.

    `target` and `pretext` act on white coordinates of x1, the columns of the Cholesky factor of its
    covariance.
    """

    target: Float[np.ndarray, "causes dim"]
    """E[Y | X1]."""
    pretext: Float[np.ndarray, "second dim"]
    """E[X2 | X1]."""
    target_moment: Float[np.ndarray, "causes causes"]
    """E of E[Y | X1] times its transpose."""
    residual: Float[np.ndarray, "second second"]
    """Covariance of X2 given X1."""
    noise: float
    """σ^2, the total variance of Y given X1."""
    noise_of_both: float
    """The total variance of Y given X1 and X2."""

    @property
    def rank(self) -> int:
        """The rank r of the solution of the pretext task."""
        return int(
            np.linalg.matrix_rank(self.pretext, tol=CUTOFF * np.linalg.norm(self.pretext, 2))
        )

    @property
    def approximation_error(self) -> float:
        """The approximation error a = min_B E|E[Y | X1] - B E[X2 | X1]|^2 of a linear head B."""
        return unexplained(self.target, self.pretext)


@guarded
def shared_cause(
    first: Annotated[Float[np.ndarray, "dim causes"], Loadings],
    second: Annotated[Float[np.ndarray, "second causes"], Loadings],
    leak: Annotated[Float[np.ndarray, "second dim"], Loadings],
) -> SharedCause:
    """Closed forms for two linear views of one normal cause; X1 and X2 are independent given Y if
    `leak` = 0.

    With P = (1 + A1'A1)^(-1) and B = A2 - L A1: E[Y | X1] = P A1' x1, E[X2 | X1] = (B P A1' + L)
    x1, the covariances of Y given X1 and of X2 given X1 are P and 1 + B P B', and that of Y given
    both views is (P^(-1) + B'B)^(-1). Derived here. All numbers in the units of Y and of the noise.

    >>> found = shared_cause([[1.0]], [[2.0]], [[0.0]])
    >>> found.noise, found.noise_of_both, found.rank, found.approximation_error
    (0.5, 0.16666666666666666, 1, 0.0)
    """
    dim, n_causes = first.shape
    precision = np.eye(n_causes) + first.T @ first
    covariance = np.linalg.inv(precision)
    direct = second - leak @ first
    target = covariance @ first.T
    white = np.linalg.cholesky(np.eye(dim) + first @ first.T)
    return SharedCause(
        target=target @ white,
        pretext=(direct @ target + leak) @ white,
        target_moment=covariance @ (precision - np.eye(n_causes)),
        residual=np.eye(len(second)) + direct @ covariance @ direct.T,
        noise=float(np.trace(covariance)),
        noise_of_both=float(np.trace(np.linalg.inv(precision + direct.T @ direct))),
    )
