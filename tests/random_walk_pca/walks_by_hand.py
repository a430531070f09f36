"""The processes by their definition, run on unit impulses: the brute force that closed forms are held against."""

from collections.abc import Callable

import numpy as np
from hypothesis import settings

UNIT_ROUNDOFF = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=40)


def response_matrix(step: Callable[[np.ndarray, int], np.ndarray], n_points: int) -> np.ndarray:
    """Matrix A of x = A xi, column by column: `step(steps, n_points)` records the process driven by `steps`."""
    columns = []
    for impulse_time in range(n_points):
        impulse = np.zeros(n_points)
        impulse[impulse_time] = 1.0
        columns.append(step(impulse, n_points))
    return np.stack(columns, axis=1)


def walk(steps: np.ndarray, n_points: int) -> np.ndarray:
    position, recorded = 0.0, []
    for step in steps:
        position += step
        recorded.append(position)
    return np.array(recorded)


def momentum_walk(momentum: float) -> Callable[[np.ndarray, int], np.ndarray]:
    def run(steps: np.ndarray, n_points: int) -> np.ndarray:
        position, velocity, recorded = 0.0, 0.0, []
        for step in steps:
            velocity = momentum * velocity + step
            position += velocity
            recorded.append(position)
        return np.array(recorded)

    return run


def ornstein_uhlenbeck(rate: float) -> Callable[[np.ndarray, int], np.ndarray]:
    def run(steps: np.ndarray, n_points: int) -> np.ndarray:
        position, recorded = 0.0, []
        for step in steps:
            position = (1 - rate) * position + step
            recorded.append(position)
        return np.array(recorded)

    return run


def centred_covariance(response: np.ndarray) -> np.ndarray:
    n_points = response.shape[0]
    centre = np.eye(n_points) - 1 / n_points
    return centre @ response @ response.T @ centre


def spectrum_by_hand(response: np.ndarray) -> np.ndarray:
    """The T - 1 leading eigenvalues of C A A^T C, decreasing."""
    return np.linalg.eigvalsh(centred_covariance(response))[:0:-1]


def spectrum_error(response: np.ndarray) -> float:
    """Bound on the absolute error of `spectrum_by_hand`.

    Four products of T terms each round by at most T u relative to the products of absolute values, of norm at most
    |C|_F^2 |A|_F^2 <= T |A|_F^2; the symmetric eigenvalue solver adds about T u |K|.
    """
    n_points = response.shape[0]
    return float(5 * n_points**2 * UNIT_ROUNDOFF * np.sum(response**2))
