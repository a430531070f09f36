"""What the inner products of the steps alone tell: effective dimension, and trajectories with their
time shuffled.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from sims.random_walk_pca.domains import Gram
from sims.random_walk_pca.processes import trajectory_gram
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Holds, guarded


def _scattered(step_gram: np.ndarray) -> bool:
    limits = jnp.finfo(step_gram.dtype)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        products = np.tril(step_gram, -1) / np.mean(np.diagonal(step_gram))
        squares = float(np.sum(products**2))
    return float(limits.tiny) / float(limits.eps) < squares < float(limits.max)


SCATTERED = Holds(
    "scattered", "have inner products between steps that are not all zero, or nearly", _scattered
)


@guarded(double=False)
def step_gram(gram: Gram) -> Float[Array, "steps steps"]:
    """⟨ξ_s, ξ_t⟩ of the T-1 steps: second differences of the points' Gram matrix X Xᵀ. Derived
    here.
    """
    return jnp.diff(jnp.diff(gram, axis=0), axis=1)


@guarded(double=False)
def effective_dimension(step_gram: Annotated[Gram, SCATTERED]) -> Float[Array, ""]:
    """d_eff = (mean_s |ξ_s|²)² / mean_{s≠t} ⟨ξ_s, ξ_t⟩², which estimates (tr Σ)² / tr Σ² of
    independent steps. Steps all at right angles to each other have no estimate (an infinite one)
    and are refused.
    """
    steps = step_gram.shape[0]
    # In units of the mean squared length, whose square may be beyond float64.
    products = jnp.tril(step_gram, -1) / jnp.mean(jnp.diagonal(step_gram))
    return steps * (steps - 1) / (2 * jnp.sum(products**2))


@guarded(double=False)
def shuffle_points(
    key: Key[Array, ""], gram: Float[AnyArray, "points points"]
) -> Float[Array, "points points"]:
    """The Gram matrix of the same points in random order: its spectrum stays, its time courses are
    destroyed. Source: the control of Antognini & Sohl-Dickstein 2018.
    """
    order = jax.random.permutation(key, gram.shape[0])
    return jnp.asarray(gram)[order][:, order]


@guarded(double=False)
def shuffle_steps(key: Key[Array, ""], gram: Gram) -> Float[Array, "points points"]:
    """The Gram matrix of a trajectory that takes the same steps in random order, from the same
    start. Whatever order in time the steps had is gone: what is left is a walk with a straight
    drift. The first row is the start, set to the origin.
    """
    walk = trajectory_gram(shuffle_points(key, step_gram(gram)))
    return jnp.pad(walk, ((1, 0), (1, 0)))
