"""Unit vectors spread apart: minimise the largest cosine, or the largest |cosine|, between any two of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Key, ScalarLike

from sims.neural_collapse.domain import MOST_NUMBERS, require_steps
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    LARGEST,
    require_above,
    require_at_most,
    require_count,
    require_finite,
    require_in_range,
)

MOST_LEVELS = 10**4
MOST_VECTORS = 2**12


class Spread(NamedTuple):
    """Unit vectors in the columns, and the largest (absolute, if that was minimised) cosine between two of them."""

    vectors: Float[Array, "dim vectors"]
    largest: Float[Array, ""]


@validated(unbounded=("sharpness", "learning_rate", "momentum"))
def spread_vectors(
    key: Key[Array, ""],
    n_vectors: int,
    dim: int,
    *,
    absolute: bool,
    sharpness: ScalarLike = 2e5,
    levels: int = 18,
    steps: int = 400,
    learning_rate: ScalarLike = 0.5,
    momentum: ScalarLike = 0.9,
) -> Spread:
    """Spread random unit vectors by descent on a soft maximum of the cosines that grows sharper; map it over seeds.

    The soft maximum is log Σ_{i<j} exp(s cos_ij) / s, or with 2 cosh(s cos_ij) for absolute cosines; it exceeds the
    maximum by at most log(number of terms) / s. The sharpness s rises from 1 to its final value in equal ratios; at
    each level heavy-ball steps of η / s are taken, and vectors scaled back to length 1.

    Args:
        key: of the start.
        n_vectors: K in [2, 4096].
        dim: d >= 1.
        absolute: whether opposite vectors are as close as equal ones (lines instead of vectors).
        sharpness: the last s, above 1.
        levels: from 2 to 10⁴, of sharpness.
        steps: at each level, at most 10⁷.
        learning_rate: η > 0, at most 1e50.
        momentum: in [0, 1).

    Raises ValueError for arguments outside these ranges.
    Source: the maximal angles of Liu et al. 2023 (cosines) and of Shen et al. 2023 (absolute cosines); the descent:
    derived here.
    """
    require_count("n_vectors", n_vectors, 2, "an angle needs two vectors")
    require_count("dim", dim, 1, "need at least one coordinate")
    require_count("levels", levels, 2, "a first and a last sharpness")
    require_at_most("n_vectors", n_vectors, MOST_VECTORS, "all pairs are held at once")
    require_at_most("n_vectors * dim", n_vectors * dim, MOST_NUMBERS, "all coordinates are held at once")
    require_at_most("levels", levels, MOST_LEVELS, "a compiled loop cannot be interrupted")
    require_steps(steps)
    require_above("sharpness", sharpness, 1, "it rises from 1")
    require_finite("sharpness", sharpness)
    require_above("learning_rate", learning_rate, 0, "steps go down the gradient")
    require_finite("learning_rate", learning_rate)
    require_at_most("learning_rate", learning_rate, LARGEST, "lengths of steps are squared")
    require_in_range("momentum", momentum, 0, 1, includes_high=False)
    first, second = np.triu_indices(n_vectors, 1)

    def cosines(vectors):
        return (vectors.T @ vectors)[first, second]

    def soft_maximum(vectors, sharp):
        scaled = sharp * cosines(vectors)
        return jax.nn.logsumexp(jnp.logaddexp(scaled, -scaled) if absolute else scaled) / sharp

    def level(vectors, sharp):
        def step(_, state):
            vectors, velocity = state
            slope = jax.grad(soft_maximum)(vectors, sharp)
            tangent = slope - vectors * jnp.sum(vectors * slope, axis=0)
            velocity = momentum * velocity + tangent
            moved = vectors - learning_rate / sharp * velocity
            return moved / jnp.linalg.norm(moved, axis=0), velocity

        return lax.fori_loop(0, steps, step, (vectors, jnp.zeros_like(vectors)))[0], None

    start = jax.random.normal(key, (dim, n_vectors))
    sharpnesses = jnp.asarray(sharpness) ** jnp.linspace(0, 1, levels)
    vectors, _ = lax.scan(level, start / jnp.linalg.norm(start, axis=0), sharpnesses)
    found = cosines(vectors)
    return Spread(vectors, jnp.max(jnp.abs(found) if absolute else found))
