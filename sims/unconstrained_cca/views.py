"""Pairs of views that are made of independent sources with a given law."""

from itertools import permutations
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from sims.unconstrained_cca.domains import Batch, Correlations, Heads, Law
from theory_on_trial.contract import (
    LONGEST,
    USABLE_SCALE,
    Interval,
    Size,
    guarded,
    require,
    require_room,
)

Rows = Annotated[int, Interval(3, LONGEST)]
Few = Annotated[Float[np.ndarray, "rows _"], USABLE_SCALE]
"""A view of a few rows."""


@guarded(double=False)
def standardised(key: Key[Array, ""], shape: tuple[Size, ...], law: Law) -> Float[Array, "..."]:
    """Return independent numbers of mean 0 and variance 1 with the given law.

    The cubed exponential law is very skewed; its skewness is 19.6.
    """
    require_room("shape", _product(shape))
    if law == "normal":
        return jax.random.normal(key, shape)
    if law == "sign":
        return jax.random.rademacher(key, shape, float)
    exponential = jax.random.exponential(key, shape)
    return exponential - 1 if law == "exponential" else (exponential**3 - 6) / 684**0.5


@guarded(double=False)
def embeddings(
    key: Key[Array, ""],
    correlations: Correlations,
    weights: Heads,
    batch: Batch,
    law: Law = "normal",
) -> Float[Array, "2 pairs columns"]:
    """The embeddings of both views in one batch: the views, s and ρ s + √(1 - ρ^2) s' with
    independent sources s and s', times the weights of their heads.
    """
    pairs = views_of(standardised(key, (2, batch, len(correlations)), law), correlations)
    return pairs @ weights


def views_of(
    sources: Float[Array, "2 pairs directions"], correlations: Correlations
) -> Float[Array, "2 pairs dim"]:
    """The two white views s and ρ s + √(1 - ρ^2) s' that two sets of sources s and s' make."""
    first, second = sources
    rho = jnp.asarray(correlations)
    return jnp.stack([first, rho * first + jnp.sqrt(1 - rho**2) * second])


@guarded(double=False)
def squared_correlations(
    key: Key[Array, ""], n_rows: Rows, dim_first: Size, dim_second: Size, law: Law = "normal"
) -> Float[Array, ""]:
    """The sum of the squared sample canonical correlations of two independent views, from QR
    decompositions of the centred data. Raises ValueError unless n_rows > dim_first + dim_second.
    """
    enough = n_rows > dim_first + dim_second
    require(
        enough,
        f"n_rows must exceed dim_first + dim_second = {dim_first + dim_second}, got {n_rows}",
    )
    data = standardised(key, (n_rows, dim_first + dim_second), law)
    data = data - data.mean(axis=0)
    first, second = (jnp.linalg.qr(half)[0] for half in (data[:, :dim_first], data[:, dim_first:]))
    return jnp.sum((first.T @ second) ** 2)


@guarded
def every_pairing(first: Few, second: Few) -> float:
    """The mean of the sum of squared sample canonical correlations over all n! orders of the second
    view's rows. Raises ValueError for n > 9 rows, and unless n exceeds the columns of each view.
    """
    n_rows = len(first)
    require(n_rows <= 9, f"first must have at most 9 rows, got {n_rows}")
    require(
        max(first.shape[1], second.shape[1]) < n_rows,
        f"first and second must have fewer than {n_rows} columns",
    )
    # The first direction is the mean, which centring takes away.
    left, right = (
        np.linalg.qr(np.column_stack([np.ones(n_rows), view]))[0][:, 1:] for view in (first, second)
    )
    orders = np.array(list(permutations(range(n_rows))))
    return float(np.sum((right[orders].swapaxes(1, 2) @ left) ** 2) / len(orders))


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
