"""Unit vectors spread apart: minimise the largest cosine, or the largest |cosine|, between any two
of them.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Key

from sims.neural_collapse.domains import MOST_NUMBERS
from theory_on_trial.contract import LONGEST, Interval, guarded, require


class Spread(NamedTuple):
    """Unit vectors in the columns, and the largest (absolute, if that was minimised) cosine between
    two of them.
    """

    vectors: Float[Array, "dim vectors"]
    largest: Float[Array, ""]


@guarded(double=False)
def spread_vectors(
    key: Key[Array, ""],
    n_vectors: Annotated[int, Interval(2, 2**12, why="all pairs are held at once")],
    dim: Annotated[int, Interval(1, LONGEST)],
    *,
    absolute: bool,
) -> Spread:
    """Spread random unit vectors by descent on a soft maximum of the cosines that grows sharper;
    map it over seeds.

    The soft maximum is log Σ_{i<j} exp(s cos_ij) / s, or with 2 cosh(s cos_ij) for absolute
    cosines; it exceeds the maximum by at most log(number of terms) / s. The sharpness s rises from
    1 to 2e5 in 18 equal ratios; at each level 400 heavy-ball steps of 1 / (2 s) are taken, and
    vectors scaled back to length 1. `absolute` takes opposite vectors to be as close as equal ones
    (lines instead of vectors). Raises ValueError for more than 2²⁸ coordinates.
    Source: the maximal angles of Liu et al. 2023 (cosines) and of Shen et al. 2023 (absolute
    cosines); the descent: derived here.
    """
    require(
        n_vectors * dim <= MOST_NUMBERS,
        f"n_vectors * dim must be at most 2^28, got {n_vectors * dim}",
    )
    first, second = np.triu_indices(n_vectors, 1)

    def cosines(vectors):
        return (vectors.T @ vectors)[first, second]

    def soft_maximum(vectors, sharp):
        logits = sharp * cosines(vectors)
        return jax.nn.logsumexp(jnp.logaddexp(logits, -logits) if absolute else logits) / sharp

    def level(vectors, sharp):
        def step(_, state):
            vectors, velocity = state
            slope = jax.grad(soft_maximum)(vectors, sharp)
            tangent = slope - vectors * jnp.sum(vectors * slope, axis=0)
            velocity = 0.9 * velocity + tangent
            proposal = vectors - 0.5 / sharp * velocity
            return proposal / jnp.linalg.norm(proposal, axis=0), velocity

        return lax.fori_loop(0, 400, step, (vectors, jnp.zeros_like(vectors)))[0], None

    start = jax.random.normal(key, (dim, n_vectors))
    sharpnesses = jnp.asarray(2e5) ** jnp.linspace(0, 1, 18)
    vectors, _ = lax.scan(level, start / jnp.linalg.norm(start, axis=0), sharpnesses)
    values = cosines(vectors)
    return Spread(vectors, jnp.max(jnp.abs(values) if absolute else values))
