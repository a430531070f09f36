"""What the inner products of the steps alone tell: effective dimension, and trajectories with their time shuffled."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from sims.random_walk_pca.domain import require_finite_rows, require_gram
from sims.random_walk_pca.processes import trajectory_gram
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced


@validated(unbounded=("gram",))  # the row that is not finite is named
def step_gram(gram: Float[AnyArray, "points points"]) -> Float[Array, "steps steps"]:
    """⟨ξ_s, ξ_t⟩ of the T-1 steps between T recorded points, from the Gram matrix X Xᵀ of the points.

    Raises ValueError for fewer than two points, an entry that is not finite (its row is named), or a matrix that is not
    symmetric or has a negative diagonal.
    """
    require_gram("gram", gram)
    return jnp.diff(jnp.diff(gram, axis=0), axis=1)


@validated(unbounded=("step_gram",))
def effective_dimension(step_gram: Float[AnyArray, "steps steps"]) -> Float[Array, ""]:
    """d_eff = (mean_s |ξ_s|²)² / mean_{s≠t} ⟨ξ_s, ξ_t⟩², which estimates (tr Σ)² / tr Σ² of independent steps.

    Raises ValueError for fewer than two steps, steps all at right angles to each other (an infinite estimate) or so
    short that squares of their products lose digits, and as `step_gram`. Derived here.
    """
    steps = step_gram.shape[0]
    if steps < 2:
        raise ValueError(f"step_gram must be of at least two steps, got {steps}")
    require_gram("step_gram", step_gram)
    between = jnp.sum(jnp.tril(step_gram, -1) ** 2) * 2 / (steps * (steps - 1))
    limits = jnp.finfo(between.dtype)
    if not is_traced(between) and not float(between) > float(limits.tiny) / float(limits.eps):
        raise ValueError("step_gram must have inner products between steps, got only zeros off its diagonal, or nearly")
    return jnp.mean(jnp.diagonal(step_gram)) ** 2 / between


@validated(unbounded=("gram",))  # the row that is not finite is named
def shuffle_points(key: Key[Array, ""], gram: Float[AnyArray, "points points"]) -> Float[Array, "points points"]:
    """The Gram matrix of the same points in random order: its spectrum stays, its time courses are destroyed.

    Raises ValueError for an entry that is not finite (its row is named).
    """
    require_finite_rows("gram", gram)
    order = jax.random.permutation(key, gram.shape[0])
    return jnp.asarray(gram)[order][:, order]


@validated(unbounded=("gram",))  # the row that is not finite is named
def shuffle_steps(key: Key[Array, ""], gram: Float[AnyArray, "points points"]) -> Float[Array, "points points"]:
    """The Gram matrix of a trajectory that takes the same steps in random order, from the same start.

    Whatever order in time the steps had is gone: what is left is a walk with a straight drift. The first row is the
    start, set to the origin. Raises ValueError as `step_gram`. Derived here.
    """
    walked = trajectory_gram(shuffle_points(key, step_gram(gram)))
    return jnp.pad(walked, ((1, 0), (1, 0)))
