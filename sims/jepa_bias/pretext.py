"""Lee's pretext task on Gaussian variables: predict X_2 from X_1, then read the target Y off that
prediction.
"""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import Dimension, Number, RandomKey
from theory_on_trial.contract import COVARIANCE, Is, guarded, is_traced, require, require_room


class Triplet(NamedTuple):
    """Covariances of jointly Gaussian, centred Y, X_1 and X_2; `first_second` is E[X_1 X_2ᵀ], and
    so on.
    """

    target_target: Float[Array, "k k"]
    target_first: Float[Array, "k m"]
    target_second: Float[Array, "k n"]
    first_first: Float[Array, "m m"]
    first_second: Float[Array, "m n"]


class Pretext(NamedTuple):
    """Maps from X_1: the pretext predictor of X_2, the target read off it, the target's best
    prediction; and the excess mean squared error of the second over the third, never negative.
    """

    pretext: Float[Array, "n m"]
    downstream: Float[Array, "k m"]
    direct: Float[Array, "k m"]
    excess: Float[Array, ""]


def _fits(triplet: Triplet) -> bool:
    """Whether its matrices can be blocks of one covariance."""
    if any(getattr(block, "ndim", 0) != 2 for block in triplet):
        return False
    k, m = triplet.target_first.shape
    n = triplet.target_second.shape[1]
    return min(k, m, n) > 0 and [block.shape for block in triplet] == [
        (k, k),
        (k, m),
        (k, n),
        (m, m),
        (m, n),
    ]


@guarded(double=False)
@partial(jax.jit, static_argnames=("target_dim", "first_dim", "second_dim"))
def random_triplet(
    key: RandomKey,
    target_dim: Dimension,
    first_dim: Dimension,
    second_dim: Dimension,
    *,
    direct: Number = 0.0,
) -> Triplet:
    """X_1 = A Y + noise and X_2 = B Y + direct · C X_1 + noise, with random A, B, C and covariances
    of the noises.

    With `direct` = 0 the two are independent given Y; any other number adds the path that breaks
    this. Their covariances are those of the construction, not of samples. Source: the setting of
    Lee et al. 2021; this instance: derived here.
    """
    require_room(
        "target_dim, first_dim and second_dim", 2 * (target_dim + first_dim + second_dim) ** 2
    )
    total = target_dim + first_dim + second_dim
    paths, noise = jax.random.normal(key, (2, total, total))
    y = slice(target_dim)
    first = slice(target_dim, target_dim + first_dim)
    second = slice(target_dim + first_dim, None)

    def own(block):
        return noise[block, block] @ noise[block, block].T + jnp.eye(noise[block].shape[0])

    to_first = paths[first, y]
    to_second = paths[second, y]
    between = direct * paths[second, first]
    target_target = own(y)
    target_first = target_target @ to_first.T
    first_first = to_first @ target_first + own(first)
    target_second = target_target @ to_second.T + target_first @ between.T
    first_second = target_first.T @ to_second.T + first_first @ between.T
    return Triplet(target_target, target_first, target_second, first_first, first_second)


@guarded(double=False)
def learn_pretext(
    triplet: Annotated[Triplet, Is("hold k x k, k x m, k x n, m x m and m x n matrices", _fits)],
) -> Pretext:
    """Regress X_2 on X_1, then Y on that prediction, and compare with the regression of Y on X_1.
    Least squares of smallest norm throughout, on the population. `ValueError` for covariances that
    no Y and X_1 have. Source: the two stages of Lee et al. 2021.
    """
    if not any(is_traced(block) for block in triplet):
        joint = np.block(
            [
                [triplet.target_target, triplet.target_first],
                [triplet.target_first.T, triplet.first_first],
            ]
        )
        require(
            COVARIANCE.check(joint),
            f"triplet must {COVARIANCE.must} in its blocks of Y and X_1, got others",
        )
    return _learn_pretext(triplet)


@jax.jit
def _learn_pretext(triplet):
    direct = _regression(triplet.target_first, triplet.first_first)
    pretext = _regression(triplet.first_second.T, triplet.first_first)
    readout = _regression(
        triplet.target_first @ pretext.T, pretext @ triplet.first_first @ pretext.T
    )
    downstream = readout @ pretext
    error = downstream - direct
    return Pretext(pretext, downstream, direct, jnp.sum(error * (error @ triplet.first_first)))


def _regression(cross, moment):
    return cross @ jnp.linalg.pinv(moment, rtol=1e-10, hermitian=True)
