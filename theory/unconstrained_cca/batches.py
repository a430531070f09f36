"""The penalty tr(V^2) from mini-batches: what one batch in both factors adds, and what two batches
do not.

V = Cov(Z1) + Cov(Z2), estimated from b pairs, centred and divided by m = b - 1. Derived here; the
option of a second batch is the authors' library's.
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
    """E tr(V V') = tr V^2 with V' from an independent batch, for every batch size and every law."""
    first, second, _ = _blocks(covariance)
    return float(np.sum((first + second) ** 2))


@guarded
def single_batch_bias(covariance: Embeddings, batch: Batch) -> float:
    """E tr V^2 from one batch of normal pairs, less tr V^2: sum over the pairs of views of tr(C C)
    + (tr C)^2, over m.

    C is the covariance between the embeddings of views a and c, the four pairs (a, c) counted each.
    """
    first, second, cross = _blocks(covariance)
    pairs = (first, second, cross, cross.T)
    return float(
        sum(np.sum(block * block.T) + np.trace(block) ** 2 for block in pairs) / (batch - 1)
    )


@guarded
def cumulant_bias(loadings: Loadings, kurtosis: Kurtosis, batch: Batch) -> float:
    """What any other law adds: (1/b) times the sum of all fourth cumulants of (z_ai, z_aj, z_ci,
    z_cj).

    With independent sources that is (1/b) sum over sources of the excess kurtosis times (sum of
    squared loadings)^2.
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
    """Gradient of -2 tr C + tr(V V') in the library's form (means over views, C with i = j) on
    centred batches.

    Each batch's factor is multiplied by the covariance of *the other* batch. `its own` is what the
    derivative of cca-zoo 2.6.0 does: the gradient of (tr V^2 + tr V'^2) / 2, whose bias is that of
    a single batch. That code does not centre what it multiplies, either, though its loss does.
    """
    (X, m), (X2, m2) = (
        (x - centred * x.mean(axis=1, keepdims=True), x.shape[1] - 1) for x in (views, second)
    )
    require(
        m > 0 and m2 > 0,
        "views must have two pairs or more, and second too: one pair has no covariance",
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
    """Cov(Z1), Cov(Z2) and Cov(Z1, Z2)."""
    columns, odd = divmod(len(covariance), 2)
    require(not odd, f"covariance must be that of two views, of even size, got {len(covariance)}")
    return (
        covariance[:columns, :columns],
        covariance[columns:, columns:],
        covariance[:columns, columns:],
    )
