"""The infinite dimensional trajectory: any process run on unit impulses, so that no randomness is left."""

from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, ScalarLike

from sims.random_walk_pca._domains import NumberOfPoints, Process
from sims.random_walk_pca.pca import Components, decreasing_eigenvalues
from sims.random_walk_pca.processes import State, centre, step_coefficients, time_step, trajectory
from theory_on_trial.contract import guarded, require, require_room
from theory_on_trial.precision import require_float64


class LeadingSpectrum(NamedTuple):
    """The largest eigenvalues of a population covariance, decreasing, with their eigenvectors and its trace."""

    eigenvalues: Float[np.ndarray, "components"]
    time_courses: Float[np.ndarray, "points components"]
    total_variance: float


@guarded(double=False)
def population_covariance(
    n_points: NumberOfPoints, *, drift: ScalarLike = 0.0, **process: Unpack[Process]
) -> Float[Array, "points points"]:
    """K = C A Aᵀ C, the expected Gram matrix of the centred trajectory, exact for every noise with tr Σ = 1.

    The columns of A are the process's responses to a unit step at each time. A drift of length |μ| = `drift`, which
    high dimensional noise does not see, adds the outer product of its own centred response: an axis of its own.
    `process` takes the other parameters of `trajectory`. Infinite or NaN where these make the responses overflow.
    Raises TypeError without float64.
    Source: the limit of many dimensions in Antognini & Sohl-Dickstein 2018, here for every T: derived here.
    """
    require_room("n_points", n_points**2)
    require_float64("population_covariance")
    responses = centre(trajectory(jnp.eye(n_points), **process))
    drift_response = centre(trajectory(jnp.zeros((n_points, 1)), drift=drift, **process))
    return responses @ responses.T + drift_response @ drift_response.T


@guarded(double=False)
def population_spectrum(
    n_points: NumberOfPoints, *, drift: ScalarLike = 0.0, **process: Unpack[Process]
) -> Float[Array, "components"]:
    """λ_k, k = 1..T-1: the eigenvalues of `population_covariance`, decreasing, exact to about T 2^-53 λ_1.

    Arguments, errors and source as there.
    """
    covariance = population_covariance(n_points, drift=drift, **process)
    return decreasing_eigenvalues(covariance, n_points - 1)


@guarded(double=False)
def population_eigenvectors(
    n_points: NumberOfPoints, *, drift: ScalarLike = 0.0, **process: Unpack[Process]
) -> Float[Array, "points components"]:
    """u_k, k = 1..T-1: unit eigenvectors of `population_covariance` in that order, positive at the first point.

    Arguments, errors and source as there.
    """
    vectors = jnp.linalg.eigh(population_covariance(n_points, drift=drift, **process))[1][:, ::-1][:, : n_points - 1]
    return vectors * jnp.where(vectors[0] < 0, -1, 1)


@guarded(double=False)
def expected_squared_norms(n_points: NumberOfPoints, **process: Unpack[Process]) -> Float[Array, "points"]:
    """E|x_t|², t = 1..T, of a process driven by steps with tr Σ = 1, in O(T): the covariance of its state step by step.

    `process` takes the parameters of `trajectory` except the drift, whose squared response is to be added. Derived
    here: the step is linear, so that its matrix is its action on unit states and on a unit noise.
    """
    require_room("n_points", 16 * n_points)
    return _expected_squares(step_coefficients(n_points, jnp.zeros(()).dtype, **process))


@jax.jit
def _expected_squares(coefficients):
    units = jnp.eye(4)

    def step(covariance, coefficient):
        action = jnp.stack(time_step(State(*units[:3]), units[3], coefficient, jnp.zeros(())))
        covariance = action[:, :3] @ covariance @ action[:, :3].T + jnp.outer(action[:, 3], action[:, 3])
        return covariance, covariance[2, 2]

    return jax.lax.scan(step, jnp.zeros((3, 3)), coefficients)[1]


@guarded(double=False)
def leading_population_spectrum(
    n_points: NumberOfPoints, count: Components, **process: Unpack[Process]
) -> LeadingSpectrum:
    """The `count` largest λ_k and their u_k for many points (T up to 1e5), by Lanczos without any T x T matrix.

    Each product with K runs the recursion once backwards (its transpose) and once forwards: O(T). The total variance
    tr K = Σ_t E|x_t|² - T E|x̄|² takes one more run of each.
    `process` takes the parameters of `trajectory` except the drift. Not jittable: SciPy's ARPACK drives it.
    Raises ValueError for a count above n_points - 2 and for a decay that leaves only the first step, TypeError without
    float64. Derived here.
    """
    require_room("n_points and count", n_points * max(2 * count + 1, 20))
    require(count <= n_points - 2, f"count must be at most n_points - 2 = {n_points - 2}, got {count}")
    require_float64("leading_population_spectrum")
    from scipy.sparse.linalg import LinearOperator, eigsh

    total_of_squares = float(expected_squared_norms(n_points, **process).sum())
    sum_response = _transposed_recursion(jnp.ones(n_points), process)
    total_variance = total_of_squares - float(jnp.sum(sum_response**2)) / n_points
    left = n_points * 2.0**-52 * total_of_squares < total_variance < np.inf
    require(left, "decay must leave a finite variance to more steps than the first")
    operator = LinearOperator(
        (n_points, n_points), matvec=lambda vector: np.asarray(_times_covariance(vector, process)), dtype=np.float64
    )
    start = np.random.default_rng(0).standard_normal(n_points)
    eigenvalues, vectors = eigsh(operator, k=count, which="LA", v0=start - start.mean())
    order = np.argsort(eigenvalues)[::-1]
    signs = np.where(vectors[0] < 0, -1, 1)
    return LeadingSpectrum(eigenvalues[order], (vectors * signs)[:, order], total_variance)


@jax.jit
def _times_covariance(vector, process):
    """K v = C A Aᵀ C v, by one run of the recursion backwards and one forwards."""
    response = trajectory(_transposed_recursion(vector - vector.mean(), process)[:, None], **process)[:, 0]
    return response - response.mean()


@jax.jit
def _transposed_recursion(vector, process):
    recursion = jax.linear_transpose(lambda noise: trajectory(noise[:, None], **process)[:, 0], vector)
    return recursion(vector)[0]
