"""Priors on a line and in space, and what rounding does to their moments."""

from typing import Annotated, Literal

import numpy as np

from sims import denoising_posterior as observed
from theory_on_trial.contract import MOST, Interval

Prior = Literal["mixture", "points"]
SeveralCounts = Annotated[int, Interval(2, MOST, why="one point has no spread")]
OPS = 30
"""Roundings of sums over the 64 nodes of a circle, and of exponents below a hundred."""
LINE = np.ones(1)
MIXTURE = observed.Mixture(
    np.array([0.5, 0.3, 0.2]),
    np.array([[-1.5], [0.4], [2.0]]),
    np.array([0.3, 0.6, 0.2])[:, None, None] ** 2,
)
WORLDS = {
    "mixture": MIXTURE,
    "points": observed.Mixture(
        np.array([0.5, 0.5]), np.array([[-1.0], [1.0]]), np.zeros((2, 1, 1))
    ),
}


def spatial(seed, dim):
    """A mixture of three normal laws in several dimensions, an observation, and two directions."""
    r = np.random.default_rng(seed)
    means = r.normal(size=(3, dim))
    roots = 0.4 * r.normal(size=(3, dim, dim))
    y, v, w = r.normal(size=(3, dim))
    world = observed.Mixture(MIXTURE.weights, means, roots @ np.swapaxes(roots, 1, 2))
    return world, y, v / np.linalg.norm(v), w / np.linalg.norm(w)


def conditioned(world, sigma):
    """Roundings where covariances are inverted with the noise."""
    return OPS * (1 + np.linalg.norm(world.covariances, 2, axis=(1, 2)).max() / sigma**2)


def on_a_line(world, y, v, sigma, order):
    """Moments by sums, derivatives of the mean along v, and the size of what either route
    subtracts, per moment.
    """
    derivatives, units = observed.line_derivatives(world, y, v, sigma, order - 1)
    moments = observed.line_moments(world, y, v, sigma, order)
    powers = np.arange(1, order)
    values = (
        np.abs(observed.posterior_mean(world, y, sigma) @ v).max() + np.abs(world.means @ v).max()
    )
    spread = np.sqrt(moments[..., :1].max())
    return (
        moments,
        derivatives,
        units * sigma ** (2.0 * powers) + values * (powers + 1) * spread**powers,
    )
