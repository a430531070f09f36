"""Lee's pretext task on Gaussian variables: predict X_2 from X_1, then read the target Y off that prediction."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.domain import require_count, require_finite


class Triplet(NamedTuple):
    """Covariances of jointly Gaussian, centred Y, X_1 and X_2; `first_second` is E[X_1 X_2ᵀ], and so on."""

    target_target: Float[Array, "k k"]
    target_first: Float[Array, "k m"]
    target_second: Float[Array, "k n"]
    first_first: Float[Array, "m m"]
    first_second: Float[Array, "m n"]


class Pretext(NamedTuple):
    """Three maps from X_1: the pretext predictor of X_2, the target read off it, and the best prediction of the target.

    The excess is the mean squared error of the second over that of the third, never negative.
    """

    pretext: Float[Array, "n m"]
    downstream: Float[Array, "k m"]
    direct: Float[Array, "k m"]
    excess: Float[Array, ""]


def random_triplet(
    key: Key[Array, ""], target_dim: int, first_dim: int, second_dim: int, *, direct: ScalarLike = 0.0
) -> Triplet:
    """X_1 = A Y + noise and X_2 = B Y + direct · C X_1 + noise, with random A, B, C and covariances of the noises.

    With `direct` = 0 the two are independent given Y; any other finite number adds the path that breaks this. Their
    covariances are those of the construction, not of samples. Raises ValueError for a dimension below 1, or a `direct`
    that is not finite. Source: the setting of Lee et al. 2021; this instance: derived here.
    """
    for name, dimension in (("target_dim", target_dim), ("first_dim", first_dim), ("second_dim", second_dim)):
        require_count(name, dimension, 1, "need at least one coordinate")
    require_finite("direct", direct)
    return _random_triplet(key, target_dim, first_dim, second_dim, jnp.asarray(direct, float))


@partial(jax.jit, static_argnums=(1, 2, 3))
def _random_triplet(key, target_dim, first_dim, second_dim, direct):
    total = target_dim + first_dim + second_dim
    paths, noise = jax.random.normal(key, (2, total, total))
    y, first, second = slice(target_dim), slice(target_dim, target_dim + first_dim), slice(target_dim + first_dim, None)

    def own(block):
        return noise[block, block] @ noise[block, block].T + jnp.eye(noise[block].shape[0])

    to_first, to_second, between = paths[first, y], paths[second, y], direct * paths[second, first]
    target_target = own(y)
    target_first = target_target @ to_first.T
    first_first = to_first @ target_first + own(first)
    target_second = target_target @ to_second.T + target_first @ between.T
    first_second = target_first.T @ to_second.T + first_first @ between.T
    return Triplet(target_target, target_first, target_second, first_first, first_second)


def learn_pretext(triplet: Triplet) -> Pretext:
    """Regress X_2 on X_1, then Y on that prediction, and compare with the regression of Y on X_1.

    Least squares of smallest norm throughout, on the population. Raises ValueError for covariances that are not
    finite. Source: the two stages of Lee et al. 2021.
    """
    for name, values in triplet._asdict().items():
        require_finite(name, values)
    return _learn_pretext(triplet)


@jax.jit
def _learn_pretext(triplet):
    direct = _regression(triplet.target_first, triplet.first_first)
    pretext = _regression(triplet.first_second.T, triplet.first_first)
    readout = _regression(triplet.target_first @ pretext.T, pretext @ triplet.first_first @ pretext.T)
    downstream = readout @ pretext
    missed = downstream - direct
    return Pretext(pretext, downstream, direct, jnp.sum(missed * (missed @ triplet.first_first)))


def _regression(cross, moment):
    return cross @ jnp.linalg.pinv(moment, rtol=1e-10, hermitian=True)
