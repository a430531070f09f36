"""Linear processes X = A R of the same noise R: from the impulse response to the population
spectrum.

A process whose response does not change in time has a lower-triangular Toeplitz A with first column
h_1, ..., h_T. As the dimension grows the covariance over time of the centred trajectory tends to K
= C A A^T C, with C = I - 11^T / T (the route of arXiv 1806.08805). The sum over lags of the trace
is derived here. Units of the step variance.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import USABLE_SCALE, guarded, require

Response = Annotated[Float[np.ndarray, " points"], USABLE_SCALE]
_POINTS = "impulse_response must hold at least two recorded points"


@guarded
def toeplitz_covariance(impulse_response: Response) -> Float[np.ndarray, "points points"]:
    """Covariance K = C A A^T C over time of response h_1, ..., h_T. ValueError for T < 2. Source:
    arXiv 1806.08805.
    """
    from scipy.linalg import toeplitz

    require(len(impulse_response) >= 2, _POINTS)
    response = np.tril(toeplitz(impulse_response))
    deviations = response - response.mean(axis=0)
    return deviations @ deviations.T


@guarded
def toeplitz_eigenvalues(impulse_response: Response) -> Float[np.ndarray, " components"]:
    """The T - 1 largest eigenvalues of K, decreasing, to about T ε λ_1. Raises as
    `toeplitz_covariance`.
    """
    return np.linalg.eigvalsh(toeplitz_covariance(impulse_response))[:0:-1]


@guarded
def toeplitz_total_variance(impulse_response: Response) -> float:
    """Total variance sum_m (T - m + 1) h_m^2 - (1/T) sum_m H_m^2, H_m = h_1 + ... + h_m.
    `ValueError` for T < 2.
    """
    require(len(impulse_response) >= 2, _POINTS)
    n_points = impulse_response.size
    total = np.sum(np.arange(n_points, 0, -1) * impulse_response**2)
    return float(total - np.sum(np.cumsum(impulse_response) ** 2) / n_points)
