"""Quadrature over y, subspace iteration and third differences, as one would compute them with a
denoiser.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from sims.denoising_posterior.differentiation import safe_radius
from sims.denoising_posterior.mixtures import (
    Mixture,
    Noise,
    line_moments,
    log_density,
    posterior_mean,
)
from theory_on_trial.contract import (
    POSITIVE,
    SYMMETRIC,
    USABLE_SCALE,
    Interval,
    Natural,
    guarded,
    require,
)

Bound = Annotated[float, Interval(-1e50, 1e50)]
_TAILS = 9.5  # standard deviations, beyond which less than 1e-20 lies
_MOST = 10**5  # panels


@guarded
def marginal_nodes(
    world: Mixture, sigma: Noise, above: Bound = -1e50, nodes: Annotated[int, Interval(1, 100)] = 16
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return nodes y >= `above` and weights that include p(y), so that weighted sums over them are
    expectations over y, in one dimension.

    The rule is Gauss-Legendre with `nodes` nodes per panel; no panel is wider than σ or than the
    distance to a pole of the posterior mean. Raises ValueError for another dimension, for more than
    10^5 panels, and where y has no weight beyond `above`.
    """
    require(
        world.means.shape[1] == 1,
        f"world must be one-dimensional, got {world.means.shape[1]} dimensions",
    )
    reach = _TAILS * np.sqrt(world.covariances[:, 0, 0] + sigma**2)
    low = float((world.means[:, 0] - reach).min())
    high = float((world.means[:, 0] + reach).max())
    low = max(low, above)
    require(
        low < high, f"above must be below {high:g}, up to where y has any weight, got {above:g}"
    )
    radii = safe_radius(world, np.array([[low], [high]]), np.ones(1), sigma)
    count = np.ceil((high - low) / min(float(radii.min()), sigma))
    require(
        count <= _MOST, f"sigma must be larger, for sums of at most {_MOST} panels, got {sigma:g}"
    )
    ends = np.linspace(low, high, int(count) + 1)
    places, weights = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(ends)[:, None] / 2
    y = (ends[:-1, None] + half * (places + 1)).ravel()
    return y, (half * weights).ravel() * np.exp(log_density(world, y[:, None], sigma))


@guarded
def subspace_tangents(
    matrix: Annotated[Float[np.ndarray, "dim dim"], SYMMETRIC, USABLE_SCALE],
    start: Annotated[Float[np.ndarray, "dim rank"], USABLE_SCALE],
    rounds: Natural,
) -> Float[np.ndarray, " rounds"]:
    """The tangent of the largest angle between the iterated subspace and the leading eigenvectors,
    before the first round and after each one.

    A round multiplies by the matrix and makes the columns orthonormal. Raises ValueError unless
    `start` has fewer columns than rows.
    """
    rank = start.shape[1]
    require(rank < len(matrix), f"start must have fewer columns than rows, got {start.shape}")
    vectors = np.linalg.eigh(matrix)[1][:, ::-1]
    block = np.linalg.qr(start)[0]
    tangents = []
    for turn in range(rounds + 1):
        block = np.linalg.qr(matrix @ block)[0] if turn else block
        inside = vectors[:, :rank].T @ block
        outside = vectors[:, rank:].T @ block
        tangents.append(np.linalg.norm(np.linalg.solve(inside.T, outside.T), 2))
    return np.array(tangents)


@guarded
def difference_fourth_moment(
    world: Mixture,
    y: Annotated[Float[np.ndarray, " points"], USABLE_SCALE],
    sigma: Noise,
    step: Annotated[float, POSITIVE],
    stencil: Literal["central", "one-sided"],
) -> Float[np.ndarray, " points"]:
    """The fourth posterior moment μ_4 in one dimension, as σ^6 times a third difference of the
    posterior mean plus the exact 3 μ_2^2.
    """
    shifts = (
        np.array([1.5, 0.5, -0.5, -1.5])
        if stencil == "central"
        else np.array([2.0, 1.0, 0.0, -1.0])
    )
    values = posterior_mean(world, (y[:, None] + step * shifts)[..., None], sigma)[..., 0]
    third = values @ np.array([1.0, -3.0, 3.0, -1.0]) / step**3
    return sigma**6 * third + 3 * line_moments(world, y[:, None], np.ones(1), sigma, 2)[:, 0] ** 2
