"""The trained quantities: layers of weights, free features, and a bias."""

import itertools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.neural_collapse.domain import require_start
from theory_on_trial.arguments.sims import validated


class Head(NamedTuple):
    """A deep linear head and the free features that it reads.

    `weights` are W_1..W_M, W_m of d_{m+1} x d_m with d_{M+1} = K; `features` are H (d_1 x columns: one column per
    sample, or per class in the class-mean reduction of `Problem`); `bias` is b (K numbers).
    """

    weights: tuple[Float[Array, "outputs inputs"], ...]
    features: Float[Array, "dim columns"]
    bias: Float[Array, "classes"]


@validated(unbounded=("weight_std", "feature_std"))
def initial_head(
    key: Key[Array, ""],
    widths: tuple[int, ...],
    n_classes: int,
    n_columns: int,
    *,
    weight_std: ScalarLike,
    feature_std: ScalarLike,
) -> Head:
    """Independent normal weights and features, mean 0, and a zero bias: one random start.

    The mean of n_k normal columns times √n_k is again one normal column of the same variance, so that `n_columns` = K
    is the same law in the class-mean reduction as `n_columns` = N without it.

    Args:
        key: of the draw.
        widths: d_1..d_M, inputs of the M linear layers.
        n_classes: K, outputs of the last layer.
        n_columns: N, or K in the class-mean reduction.
        weight_std: standard deviation of every weight, at least 0.
        feature_std: of every feature, at least 0.

    Raises ValueError for a size below 1, no layer, more than 2²⁸ numbers in all, or a standard deviation that is
    negative or not finite.
    Source: the initialisation of the code released with Dang et al. 2023 (both deviations 0.1).
    """
    require_start(widths, n_classes, n_columns, weight_std=weight_std, feature_std=feature_std)
    shapes = [*zip((*widths[1:], n_classes), widths, strict=True), (widths[0], n_columns)]
    # One draw for all of them: each draw of its own costs half a second of compilation.
    normals = jax.random.normal(key, (sum(map(math.prod, shapes)),))
    ends = itertools.accumulate(map(math.prod, shapes))
    *weights, features = (
        normals[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends, shapes, strict=True)
    )
    return Head(
        weights=tuple(jnp.asarray(weight_std * layer) for layer in weights),
        features=jnp.asarray(feature_std * features),
        bias=jnp.zeros(n_classes),
    )
