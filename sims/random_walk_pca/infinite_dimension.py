"""The infinite-dimensional trajectory: any process run on unit impulses, so that no randomness is
left.

The recursion of `trajectory` is written here as the equations that it solves: each of its three
lines is a bidiagonal system over time, which LAPACK solves forwards or transposed. All is NumPy in
float64, as ARPACK needs it, so that nothing can be compiled by `jax.jit`.
"""

from typing import NamedTuple, Unpack

import numpy as np
from jaxtyping import Float, ScalarLike

from sims.random_walk_pca.domains import Flag, NumberOfPoints, Process
from sims.random_walk_pca.pca import Components
from theory_on_trial.contract import guarded, require, require_room


class LeadingSpectrum(NamedTuple):
    """The largest eigenvalues of a population covariance in descending order, their eigenvectors,
    and the trace of the covariance.
    """

    eigenvalues: Float[np.ndarray, "components"]
    time_courses: Float[np.ndarray, "points components"]
    total_variance: float


@guarded(double=False)
def covariance(
    n_points: NumberOfPoints, *, drift: ScalarLike = 0.0, **process: Unpack[Process]
) -> Float[np.ndarray, "points points"]:
    """Return K = C A Aᵀ C, the expected Gram matrix of the centred trajectory, which is exact for
    every noise with tr Σ = 1.

    The columns of A are the process's responses to a unit step at each time. A drift of length |μ|
    = `drift`, which high dimensional noise does not see, adds the outer product of its own centred
    response: an axis of its own. `process` takes the other parameters of `trajectory`. Raises
    ValueError where these make the responses overflow. Source: the limit of many dimensions in
    Antognini & Sohl-Dickstein 2018, here for every T: derived here.
    """
    require_room("n_points", n_points**2)
    recursion = _recursion(n_points, **process)
    responses = _respond(recursion, recursion.noise_scale * np.eye(n_points))
    drift_response = _respond(recursion, np.asarray(drift, float) * np.ones((n_points, 1)))
    rows = np.hstack([responses, drift_response])
    deviations = rows - rows.mean(axis=0)
    return deviations @ deviations.T


@guarded(double=False)
def spectrum(
    n_points: NumberOfPoints, *, drift: ScalarLike = 0.0, **process: Unpack[Process]
) -> Float[np.ndarray, "components"]:
    """The eigenvalues λ_k, k = 1..T-1, of `covariance`, in descending order.

    None is below zero, and each is accurate to about T 2^-53 λ_1. The arguments, the errors and the
    source are those of `covariance`.
    """
    eigenvalues = np.linalg.eigvalsh(covariance(n_points, drift=drift, **process))
    return np.maximum(eigenvalues[:0:-1], 0)


@guarded(double=False)
def eigenvectors(
    n_points: NumberOfPoints, *, drift: ScalarLike = 0.0, **process: Unpack[Process]
) -> Float[np.ndarray, "points components"]:
    """The unit eigenvectors u_k, k = 1..T-1, of `covariance`, in the order of `spectrum`, positive
    at the first point. The arguments, the errors and the source are those of `covariance`.
    """
    vectors = np.linalg.eigh(covariance(n_points, drift=drift, **process))[1][:, :0:-1]
    return vectors * np.where(vectors[0] < 0, -1, 1)


@guarded(double=False)
def expected_squared_norms(
    n_points: NumberOfPoints, **process: Unpack[Process]
) -> Float[np.ndarray, "points"]:
    """Return E|x_t|² for t = 1..T of a process driven by steps with tr Σ = 1, in time O(T), from
    the covariance of its state over time.

    `process` takes the parameters of `trajectory` except the drift, whose squared response is to be
    added. Each of the six second moments of (v_t, x_t, y_t) is a recursion on itself and earlier
    ones. Raises ValueError where they overflow.
    """
    require_room("n_points", 16 * n_points)
    noise_scale, momentum, persistence, memory = _recursion(n_points, **process)
    vv = _accumulate(momentum**2, noise_scale**2)
    vx = _accumulate(momentum * persistence, vv)
    xx = _accumulate(persistence**2, vv + 2 * momentum * persistence * _before(vx))
    vy = _accumulate(momentum * memory, (1 - memory) * vx)
    xy = _accumulate(persistence * memory, (1 - memory) * xx + momentum * memory * _before(vy))
    # E[x_t y_{t-1}] takes the last step of x alone.
    ahead = persistence * _before(xy) + momentum * _before(vy)
    return _accumulate(memory**2, (1 - memory) ** 2 * xx + 2 * memory * (1 - memory) * ahead)[:, 0]


@guarded(double=False)
def leading_spectrum(
    n_points: NumberOfPoints, count: Components, **process: Unpack[Process]
) -> LeadingSpectrum:
    """The `count` largest λ_k and their u_k for many points (T up to 1e5), by Lanczos without any T
    x T matrix.

    Each product with K runs the recursion once backwards (its transpose) and once forwards: O(T).
    The total variance tr K = Σ_t E|x_t|² - T E|x̄|² takes one more run of each. `process` takes the
    parameters of `trajectory` except the drift. Raises ValueError for a count above n_points - 2
    and for a decay that leaves only the first step.
    """
    require_room("n_points and count", n_points * max(2 * count + 1, 20))
    require(
        count <= n_points - 2, f"count must be at most n_points - 2 = {n_points - 2}, got {count}"
    )
    from scipy.sparse.linalg import LinearOperator, eigsh

    recursion = _recursion(n_points, **process)
    total_of_squares = float(expected_squared_norms(n_points, **process).sum())
    sum_response = _respond_transposed(recursion, np.ones((n_points, 1)))
    total_variance = total_of_squares - float(np.sum(sum_response**2)) / n_points
    left = n_points * 2.0**-52 * total_of_squares < total_variance < np.inf
    require(left, "decay must leave a finite variance to more steps than the first")

    def times_covariance(vector: Float[np.ndarray, "..."]) -> Float[np.ndarray, "points 1"]:
        column = np.reshape(vector, (n_points, 1))
        noise = _respond_transposed(recursion, column - column.mean())
        response = _respond(recursion, recursion.noise_scale * noise)
        return response - response.mean()

    operator = LinearOperator((n_points, n_points), matvec=times_covariance, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n_points)
    eigenvalues, vectors = eigsh(operator, k=count, which="LA", v0=start - start.mean(), rng=0)
    order = np.argsort(eigenvalues)[::-1]
    signs = np.where(vectors[0] < 0, -1, 1)
    return LeadingSpectrum(eigenvalues[order], (vectors * signs)[:, order], total_variance)


class _Recursion(NamedTuple):
    """The coefficients of every step, one per row: t^{-p/2}, γ, 1-α, and the part β_t of y_t that
    is kept.
    """

    noise_scale: Float[np.ndarray, "points 1"]
    momentum: Float[np.ndarray, "points 1"]
    persistence: Float[np.ndarray, "points 1"]
    kept: Float[np.ndarray, "points 1"]


def _recursion(
    n_points: int,
    momentum: ScalarLike = 0.0,
    reversion: ScalarLike = 0.0,
    decay: ScalarLike = 0.0,
    averaging: ScalarLike = 0.0,
    running_mean: Flag = False,
) -> _Recursion:
    time = np.arange(1.0, n_points + 1)[:, None]
    memory = 1 - 1 / time if running_mean else np.full_like(time, averaging)
    constants = np.full_like(time, momentum), np.full_like(time, 1 - np.asarray(reversion, float))
    return _Recursion(time ** (-np.asarray(decay, float) / 2), *constants, memory)


def _respond(
    recursion: _Recursion, driven: Float[np.ndarray, "points columns"]
) -> Float[np.ndarray, "points columns"]:
    """The recorded points of the recursion whose velocities are driven by these rows: A, but for
    the noise's scale.
    """
    position = _accumulate(recursion.persistence, _accumulate(recursion.momentum, driven))
    return _accumulate(recursion.kept, (1 - recursion.kept) * position)


def _respond_transposed(
    recursion: _Recursion, rows: Float[np.ndarray, "points columns"]
) -> Float[np.ndarray, "points columns"]:
    """Return Aᵀ times the rows."""
    record = (1 - recursion.kept) * _accumulate(recursion.kept, rows, transposed=True)
    position = _accumulate(recursion.persistence, record, transposed=True)
    return recursion.noise_scale * _accumulate(recursion.momentum, position, transposed=True)


def _accumulate(
    factors: Float[np.ndarray, "points 1"],
    rows: Float[np.ndarray, "points columns"],
    *,
    transposed: bool = False,
) -> Float[np.ndarray, "points columns"]:
    """Solve y_t = f_t y_{t-1} + r_t from rest, or the transposed system."""
    from scipy.linalg.lapack import dtbtrs

    band = np.ones((2, len(rows)))
    band[1, :-1] = -factors[1:, 0]
    solution: Float[np.ndarray, "points columns"] = dtbtrs(
        band, rows, uplo="L", trans="T" if transposed else "N"
    )[0]
    return solution


def _before(moments: Float[np.ndarray, "points 1"]) -> Float[np.ndarray, "points 1"]:
    """The same one step earlier; at rest all are 0."""
    return np.vstack([np.zeros((1, 1)), moments[:-1]])
