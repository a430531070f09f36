"""The penalty tr(V^2) from mini-batches: the bias of one batch in both factors, which two batches
do not have.

V = Cov(Z1) + Cov(Z2) is the sum of the covariances of both views' embeddings. It is estimated from
b pairs, centred and divided by m = b - 1; V' is the estimate from another batch. Derived here; the
option of a second batch is that of the authors' library.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory.unconstrained_cca.domains import Batch, Embeddings
from theory_on_trial.contract import USABLE_SCALE, Interval, guarded, require

Loadings = Annotated[Float[np.ndarray, "both sources"], USABLE_SCALE]
"""The embeddings of both views as combinations of independent sources of variance one."""
Kurtosis = Annotated[Float[np.ndarray, " sources"], Interval(-2)]
"""Excess kurtosis of each source: 0 normal, 6 exponential, -2 a sign."""
Views = Annotated[Float[np.ndarray, "2 pairs dim"], USABLE_SCALE]
"""A batch of both views, one row per pair."""
Heads = Annotated[Float[np.ndarray, "2 dim columns"], USABLE_SCALE]
"""W of both views."""


@guarded
def two_batch_penalty(covariance: Embeddings) -> float:
    """Return the mean E tr(V V') of the penalty from two independent batches, which is tr V^2 of
    the true V for every batch size and every law.
    """
    first, second, _ = _blocks(covariance)
    return float(np.sum((first + second) ** 2))


@guarded
def single_batch_bias(covariance: Embeddings, batch: Batch) -> float:
    """Return the bias of the penalty from one batch of normal pairs, E tr V^2 less tr V^2 of the
    true V: the sum over pairs of views of tr(C C) + (tr C)^2, divided by m.

    C is the covariance between the embeddings of the views a and c. All four pairs (a, c) count.
    """
    first, second, cross = _blocks(covariance)
    pairs = (first, second, cross, cross.T)
    return float(
        sum(np.sum(block * block.T) + np.trace(block) ** 2 for block in pairs) / (batch - 1)
    )


@guarded
def cumulant_bias(loadings: Loadings, kurtosis: Kurtosis, batch: Batch) -> float:
    """Return what a law that is not normal adds to `single_batch_bias`: (1/b) times the sum of all
    fourth cumulants of (z_ai, z_aj, z_ci, z_cj), where a and c are views, and i and j columns.

    With independent sources that is (1/b) times the sum over sources of the excess kurtosis times
    (sum of squared loadings)^2.
    """
    return float(np.sum(kurtosis * np.sum(loadings**2, axis=0) ** 2) / batch)


@guarded
def two_batch_gradient(
    views: Views,
    second: Views,
    weights: Heads,
    paired_with: Literal["the other", "its own"] = "the other",
    centred: bool = True,
) -> Float[np.ndarray, "2 dim columns"]:
    """Return the gradient of -2 tr C + tr(V V') in the form of the library, whose covariances are
    means over views and whose C includes each view with itself, on centred batches.

    It multiplies the factor of each batch by the covariance of *the other* batch. `its own` is what
    the derivative in cca-zoo 2.6.0 does: it is the gradient of (tr V^2 + tr V'^2) / 2, whose bias
    is that of a single batch. That code does not centre what it multiplies, either, although its
    loss does; this is `centred` False. Raises ValueError for a batch of one pair.
    """
    (X, m), (X2, m2) = (
        (x - centred * x.mean(axis=1, keepdims=True), x.shape[1] - 1) for x in (views, second)
    )
    require(
        m > 0 and m2 > 0,
        "views and second must have at least two pairs each, since one pair has no covariance",
    )
    Z = X @ weights
    Z2 = X2 @ weights
    V, V2 = (np.mean([np.atleast_2d(np.cov(x.T)) for x in pair], axis=0) for pair in (Z, Z2))
    if paired_with == "its own":
        V, V2 = V2, V
    reward = np.swapaxes(X, 1, 2) @ Z.sum(axis=0) / m
    penalty = np.swapaxes(X, 1, 2) @ Z @ V2 / m + np.swapaxes(X2, 1, 2) @ Z2 @ V / m2
    return penalty - 2 * reward


def _blocks(covariance: Embeddings) -> tuple[Float[np.ndarray, "K K"], ...]:
    """Return Cov(Z1), Cov(Z2) and Cov(Z1, Z2)."""
    columns, odd = divmod(len(covariance), 2)
    require(
        not odd, f"covariance must be of even size, as that of two views is, got {len(covariance)}"
    )
    return (
        covariance[:columns, :columns],
        covariance[columns:, columns:],
        covariance[:columns, columns:],
    )
