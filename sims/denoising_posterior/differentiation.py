"""Derivatives of posterior means without a formula for them, by complex steps and by Cauchy's
integral on a circle.
"""

from math import factorial
from typing import Annotated

import numpy as np
from jaxtyping import Float

from sims.denoising_posterior.mixtures import Direction, Mixture, Noise, posterior_parts, solved
from theory_on_trial.contract import USABLE_SCALE, Interval, guarded

NODES = 64
"""The number of points on the circle; their error is 2^-64 of the largest value on a circle twice
as wide.
"""


@guarded
def jacobian(world: Mixture, y: Direction, sigma: Noise) -> Float[np.ndarray, "dim dim"]:
    """The derivative of the posterior mean [μ_1]_i with respect to y_j, at [i, j]. It takes complex
    steps, in which no digits cancel.
    """
    step = 1e-25 * sigma
    steps = y + 1j * step * np.eye(len(y))
    _, chances, centres = posterior_parts(world, solved(world, sigma), steps)
    return np.einsum("kj,kji->ij", chances, centres).imag / step


@guarded
def line_derivatives(
    world: Mixture,
    y: Annotated[Float[np.ndarray, "*batch dim"], USABLE_SCALE],
    v: Direction,
    sigma: Noise,
    order: Annotated[int, Interval(1, 20)],
    onto: Direction | None = None,
) -> tuple[Float[np.ndarray, "*batch orders"], Float[np.ndarray, "*batch orders"]]:
    """The derivatives of order 1 up to `order` of v'μ_1(y + t v) at t = 0, and the unit of the
    rounding error of each.

    With `onto` the projection is on another direction than v. The radius of the circle is chosen so
    that p(y) has no zero on a circle twice as wide. The unit of order k is k! times the largest
    |v'μ_1| on the circle, divided by radius^k.
    """
    model = solved(world, sigma)
    radius = safe_radius(world, y, v, sigma)
    angles = np.exp(2j * np.pi * np.arange(NODES) / NODES)
    circle = y[..., None, :] + radius[..., None, None] * angles[:, None] * v
    _, chances, centres = posterior_parts(world, model, circle)
    values = np.sum(chances * (centres @ (v if onto is None else onto)), axis=0)
    orders = np.arange(1, order + 1)
    scale = np.array([float(factorial(k)) for k in orders]) / radius[..., None] ** orders
    phases = angles[:, None] ** -orders
    return (values @ phases / NODES * scale).real, np.abs(values).max(axis=-1)[..., None] * scale


def safe_radius(world: Mixture, y: np.ndarray, v: np.ndarray, sigma: float) -> np.ndarray:
    """Return half the distance in which y may move along v into the complex plane while the
    arguments of its components differ by three at most.
    """
    model = solved(world, sigma)
    slopes = model.linear @ v - np.einsum("...i,kij,j->...k", y, model.curved, v)
    bends = np.einsum("i,kij,j->k", v, model.curved, v)
    spread = np.ptp(slopes, axis=-1)
    bend = np.ptp(bends)
    extent = float(np.ptp(world.means, axis=0).max() + np.sqrt(np.abs(world.covariances).max()))
    # Of one component the mean has no poles at all
    widest = 10 * sigma * (1 + sigma / extent if extent else 1.0)
    return np.asarray(3 / np.maximum(spread + np.sqrt(spread**2 + 6 * bend), 3 / widest))
