"""Linear processes X = A R of the same noise R: from the impulse response to the population spectrum.

A process whose response does not change in time has a lower-triangular Toeplitz A with first column h_1, ..., h_T. As
the dimension grows the covariance over time of the centred trajectory tends to K = C A A^T C, with C = I - 11^T / T
(the route of arXiv 1806.08805). The sum over lags of the trace is derived here. Units of the step variance.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import USABLE_SCALE, guarded, require

Response = Annotated[Float[np.ndarray, " points"], USABLE_SCALE]
_POINTS = "impulse_response must hold at least two recorded points"


@guarded
def toeplitz_covariance(impulse_response: Response) -> Float[np.ndarray, "points points"]:
    """Population covariance over time K = C A A^T C of the centred process with impulse response h_1, ..., h_T.

    `ValueError` if there are fewer than two points. Source: arXiv 1806.08805.

    >>> toeplitz_covariance([1, 1]).round(4)  # the walk of two points
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    from scipy.linalg import toeplitz

    require(len(impulse_response) >= 2, _POINTS)
    response = np.tril(toeplitz(impulse_response))
    centred = response - response.mean(axis=0)
    return centred @ centred.T


@guarded
def toeplitz_eigenvalues(impulse_response: Response) -> Float[np.ndarray, " components"]:
    """The T - 1 largest eigenvalues of K, decreasing, to an absolute accuracy of about T ε λ_1.

    Computed numerically, for processes without a closed spectrum. `ValueError` and source as for `toeplitz_covariance`.
    """
    return np.linalg.eigvalsh(toeplitz_covariance(impulse_response))[:0:-1]


@guarded
def toeplitz_total_variance(impulse_response: Response) -> float:
    """Total variance tr K = sum_m (T - m + 1) h_m^2 - (1/T) sum_m H_m^2, where H_m = h_1 + ... + h_m.

    `ValueError` as for `toeplitz_covariance`.
    """
    require(len(impulse_response) >= 2, _POINTS)
    n_points = impulse_response.size
    uncentred = np.sum(np.arange(n_points, 0, -1) * impulse_response**2)
    return float(uncentred - np.sum(np.cumsum(impulse_response) ** 2) / n_points)
