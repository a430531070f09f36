"""Lee's pretext task on Gaussian variables: predict X_2 from X_1, then read the target Y off that prediction."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.jepa_bias.domain import require_self_covariance
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_count, require_finite, require_size


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


@validated
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
    require_size("target_dim, first_dim and second_dim", 2 * (target_dim + first_dim + second_dim) ** 2)
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


@validated(unbounded=("triplet",))  # which of its numbers is not finite is said below
def learn_pretext(triplet: Triplet) -> Pretext:
    """Regress X_2 on X_1, then Y on that prediction, and compare with the regression of Y on X_1.

    Least squares of smallest norm throughout, on the population. Raises ValueError for covariances that are not
    finite, do not fit each other, or that no Y and X_1 have; TypeError for what is no matrix.
    Source: the two stages of Lee et al. 2021.
    """
    require_triplet(triplet)
    return _learn_pretext(triplet)


def require_triplet(triplet: Triplet) -> None:
    """Raise `ValueError` unless these can be covariances, `TypeError` unless they are matrices.

    Values that are traced pass.
    """
    for name, values in triplet._asdict().items():
        if not isinstance(values, AnyArray) or values.ndim != 2:
            raise TypeError(f"triplet.{name} must be a matrix, got a value of type {type(values).__name__}")
        require_finite(f"triplet.{name}", values)
    (k, m), n = triplet.target_first.shape, triplet.target_second.shape[1]
    shapes = [values.shape for values in triplet]
    if min(k, m, n) == 0 or shapes != [(k, k), (k, m), (k, n), (m, m), (m, n)]:
        raise ValueError(f"triplet must hold k x k, k x m, k x n, m x m and m x n covariances, got {shapes}")
    if any(is_traced(values) for values in triplet):
        return
    joint = np.block([[triplet.target_target, triplet.target_first], [triplet.target_first.T, triplet.first_first]])
    require_self_covariance("triplet, the joint covariance of Y and X_1,", joint)
    variances = np.linalg.eigvalsh(joint)
    if variances[0] < -8 * len(joint) * np.finfo(joint.dtype).eps * variances[-1]:
        raise ValueError(f"triplet must hold covariances, got the joint variance {variances[0]:g} of Y and X_1")


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
