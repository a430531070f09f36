"""Newton's method with halving for smooth convex losses of a weight vector, inside one compiled
program.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int

EVALUATIONS = 200  # of gradient and Hessian
TOLERANCE = 1e-9  # relative size of the last Newton step
# a step is halved while the slope at its end exceeds this fraction of the one it started with
OVERSHOOT = 0.5


class Fit(NamedTuple):
    """A minimiser and how well it was found.

    weights : w, in inverse units of the features.
    gradient_norm : |∇L(w)|, in the units of the features.
    newton_step : |H⁻¹∇L(w)| / (|w| + 1/r), r the root mean square length of the points: about the
    relative error of w.
        Infinite where the loss has lost its curvature in some direction, as on the way to a
        minimiser at infinity, and NaN, as weights and gradient may be, where a ridge or weights of
        extreme size overflow.
    evaluations : gradients and Hessians computed.
    converged : whether `newton_step` is at most 1e-9; false where there is no finite minimiser.
    """

    weights: Float[Array, "dim"]
    gradient_norm: Float[Array, ""]
    newton_step: Float[Array, ""]
    evaluations: Int[Array, ""]
    converged: Bool[Array, ""]


def minimise(
    derivatives: Callable[
        [Float[Array, "dim"]], tuple[Float[Array, "dim"], Float[Array, "dim dim"]]
    ],
    points: Float[Array, "n dim"],
) -> Fit:
    """Minimise a convex loss, given its gradient and Hessian at w, from w = 0; `points` fix its
    dimension and its unit. Where the Hessian is singular the steps stay in its range, so that the
    minimiser of least norm is found. The slope along a step tells whether it went too far: it does
    not drown in rounding errors as a difference of losses does.
    """
    dim = points.shape[1]
    unit = jnp.sqrt(points.shape[0] / jnp.sum(points**2))

    def unfinished(state):
        *_, newton_step, _, count = state
        return (count < EVALUATIONS) & ~(newton_step <= TOLERANCE)

    def improve(state):
        weights, gradient, direction, size, newton_step, rank, count = state
        trial = weights + size * direction
        trial_gradient, hessian = derivatives(trial)
        accept = direction @ trial_gradient <= OVERSHOOT * jnp.abs(direction @ gradient)
        solution, trial_rank = _pseudo_solve(hessian, trial_gradient)
        # At w = 0 the loss is curved in all directions in which the points differ from 0.
        rank = jnp.where(count == 0, trial_rank, rank)
        relative_step = jnp.linalg.norm(solution) / (jnp.linalg.norm(trial) + unit)
        trial_step = jnp.where(trial_rank < rank, jnp.inf, relative_step)
        move = (trial, trial_gradient, -solution, jnp.ones_like(size), trial_step)
        stay = (weights, gradient, direction, size / 2, newton_step)
        return (
            *(jnp.where(accept, new, old) for new, old in zip(move, stay, strict=True)),
            rank,
            count + 1,
        )

    zero = jnp.zeros(dim, points.dtype)
    one = jnp.ones((), points.dtype)
    weights, gradient, _, _, newton_step, _, count = lax.while_loop(
        unfinished, improve, (zero, zero, zero, one, jnp.inf * one, jnp.array(0), jnp.array(0))
    )
    return Fit(weights, jnp.linalg.norm(gradient), newton_step, count, newton_step <= TOLERANCE)


def _pseudo_solve(matrix, vector):
    values, vectors = jnp.linalg.eigh(matrix)
    floor = 16 * len(vector) * jnp.finfo(values.dtype).eps * values[-1]
    support = values > floor
    return vectors @ (jnp.where(support, 1 / values, 0) * (vectors.T @ vector)), support.sum()
