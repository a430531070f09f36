"""The trained quantities: layers of weights, free features, and a bias."""

import itertools
import math
import operator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from sims.neural_collapse.domains import MOST_NUMBERS, Deviation, Widths
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Size, guarded, require


class Head(NamedTuple):
    """A deep linear head and the free features that it reads.
    `weights` are W_1..W_M, W_m of d_{m+1} x d_m with d_{M+1} = K; `features` are H (d_1 x columns:
    one per sample, or per class in the class-mean reduction); `bias` is b (K numbers).
    """

    weights: tuple[Float[AnyArray, "outputs inputs"], ...]
    features: Float[AnyArray, "dim columns"]
    bias: Float[AnyArray, "classes"]


@guarded(double=False)
@partial(jax.jit, static_argnames=("widths", "n_classes", "n_columns"))
def initial_head(
    key: Key[Array, ""],
    widths: Widths,
    n_classes: Size,
    n_columns: Size,
    *,
    weight_std: Deviation,
    feature_std: Deviation,
) -> Head:
    """Independent normal weights and features, mean 0, and a zero bias: one random start.

    The layers have d_1..d_M = `widths` inputs. The mean of n_k normal columns times √n_k is again
    one normal column of the same variance: `n_columns` = K is the same law in the class-mean
    reduction as `n_columns` = N without it. Raises ValueError for no layer, or more than 2²⁸
    numbers in all. Source: the initialisation of the code released with Dang et al. 2023 (both
    deviations 0.1).
    """
    require(len(widths) > 0, "widths must hold at least one layer, got none")
    require_memory(widths, n_classes, n_columns)
    shapes = [*zip((*widths[1:], n_classes), widths, strict=True), (widths[0], n_columns)]
    # One draw for all of them: each draw of its own costs half a second of compilation.
    normals = jax.random.normal(key, (sum(map(math.prod, shapes)),))
    ends = itertools.accumulate(map(math.prod, shapes))
    *weights, features = (
        normals[end - math.prod(shape) : end].reshape(shape)
        for end, shape in zip(ends, shapes, strict=True)
    )
    return Head(
        weights=tuple(weight_std * layer for layer in weights),
        features=feature_std * features,
        bias=jnp.zeros(n_classes),
    )


def require_memory(widths: tuple[int, ...], n_classes: int, n_columns: int) -> None:
    """Raise `ValueError` for a head of more than 2²⁸ numbers."""
    numbers = widths[0] * n_columns + sum(map(operator.mul, widths, (*widths[1:], n_classes)))
    require(
        numbers <= MOST_NUMBERS,
        f"widths must make a head of at most 2^28 numbers, got {numbers:.3g}",
    )


def require_head(name: str, head: Head, n_classes: int) -> None:
    """Raise `ValueError` unless a `Head` holds layers of numbers that chain from its features up to
    its K biases.
    """
    layers = head.weights if isinstance(head.weights, list | tuple) else ()
    parts = [head.features, *layers, head.bias]
    real = all(jnp.issubdtype(getattr(part, "dtype", bool), jnp.floating) for part in parts)
    require(
        bool(layers) and real,
        f"{name} must hold a tuple of layers, features and a bias, arrays of real numbers",
    )
    *shapes, bias = [tuple(part.shape) for part in parts]
    chain = all(len(shape) == 2 for shape in shapes) and bias == (shapes[-1][0],) == (n_classes,)
    chain = chain and all(before[0] == after[1] for before, after in itertools.pairwise(shapes))
    require(
        chain,
        f"{name} must chain K = {n_classes} outputs down to its features, got shapes "
        f"{[*shapes, bias]}",
    )
