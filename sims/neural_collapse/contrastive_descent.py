"""Supervised contrastive learning of free features on the unit sphere, with or without
non-negativity, in batches.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Key

from sims.neural_collapse.domains import MOST_NUMBERS, Steps
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import LONGEST, USABLE_SCALE, Interval, guarded, require

Batches = tuple[tuple[int, ...], ...]
"""The samples of each batch, by index; a sample may be in many."""


class ContrastiveRun(NamedTuple):
    """The end of one descent: the loss and the features, unit columns, one per sample."""

    loss: Float[Array, ""]
    features: Float[Array, "dim samples"]


@guarded(double=False)
def supervised_contrastive_loss(
    features: Annotated[Float[AnyArray, "dim samples"], USABLE_SCALE],
    labels: tuple[int, ...],
    *,
    batches: Batches | None = None,
) -> Float[Array, ""]:
    """The supervised contrastive loss, summed over anchors and over a fixed set of batches (all
    samples by default).

    An anchor i of a batch with p > 0 other samples j of its class contributes (1/p) Σ_j log Σ_{l≠i}
    exp(h_i·h_l - h_i·h_j), sums over the batch; one without positives contributes 0. Features are
    the columns of H. Raises ValueError for labels that do not fit the features, and for a batch
    that is empty, repeats a sample or names one that is not there. In float32 the loss overflows
    where squared features exceed 3e38. Source: Kini et al. 2024; singletons: derived here.
    """
    n_samples = features.shape[1]
    require(
        len(labels) == n_samples,
        f"labels must be {n_samples}, one per column of features, got {len(labels)}",
    )
    members = _membership(batches, len(labels))
    positives = np.equal.outer(labels, labels) & ~np.eye(len(labels), dtype=bool)
    similarities = jnp.asarray(features).T @ features

    def batch_loss(member):
        pairs = jnp.outer(member, member)
        distinct = pairs & ~jnp.eye(len(labels), dtype=bool)
        counts = jnp.sum(pairs & positives, axis=1)
        anchors = counts > 0
        # Rows without an anchor are masked before the logarithm, so that their gradient is 0 and
        # not NaN.
        logits = jnp.where(anchors[:, None], jnp.where(distinct, similarities, -jnp.inf), 0.0)
        log_sums = jax.nn.logsumexp(logits, axis=1)
        mean_positive = jnp.sum(
            jnp.where(pairs & positives, similarities, 0), axis=1
        ) / jnp.maximum(counts, 1)
        return jnp.sum(jnp.where(anchors, log_sums - mean_positive, 0))

    return jnp.sum(jax.vmap(batch_loss)(members))


@guarded(double=False)
def minimise_contrastive(
    key: Key[Array, ""],
    labels: tuple[int, ...],
    dim: Annotated[int, Interval(1, LONGEST)],
    *,
    nonnegative: bool,
    batches: Batches | None = None,
    steps: Steps = 3000,
) -> ContrastiveRun:
    """Projected gradient descent on the supervised contrastive loss from random unit features; map
    it over seeds.

    After each step of rate 0.1 negative entries are set to 0 if `nonnegative` (features behind a
    ReLU), and columns scaled to length 1; a column that would vanish stays where it was. With
    non-negativity some more dimensions than classes avoid poor local minima.
    Raises ValueError for no label, bad batches, and more than 2²⁸ coordinates. Source: Kini et al.
    2024.
    """
    require(len(labels) > 0, "labels must hold at least one sample, got none")
    require(
        dim * len(labels) <= MOST_NUMBERS,
        f"dim must leave at most 2^28 coordinates, got {dim} of each label",
    )

    def loss(features):
        return supervised_contrastive_loss(features, labels, batches=batches)

    def step(_, features):
        proposal = features - 0.1 * jax.grad(loss)(features)
        proposal = jnp.maximum(proposal, 0) if nonnegative else proposal
        lengths = jnp.linalg.norm(proposal, axis=0)
        return jnp.where(lengths > 0, proposal / jnp.where(lengths > 0, lengths, 1), features)

    start = jax.random.normal(key, (dim, len(labels)))
    start = jnp.abs(start) if nonnegative else start
    features = lax.fori_loop(0, steps, step, start / jnp.linalg.norm(start, axis=0))
    return ContrastiveRun(loss(features), features)


def _membership(batches: Batches | None, n_samples: int) -> Bool[np.ndarray, "batches samples"]:
    """Which sample is in which batch; refuses batches that are no sets of samples."""
    if batches is None:
        return np.ones((1, n_samples), bool)
    require(
        len(batches) > 0,
        "batches must hold at least one batch, or be left out for one batch of all",
    )
    members = np.zeros((len(batches), n_samples), bool)
    for batch, member in zip(batches, members, strict=True):
        distinct = (
            bool(batch)
            and len(set(batch)) == len(batch)
            and min(batch) >= 0
            and max(batch) < n_samples
        )
        require(
            distinct,
            f"in batches a batch must be distinct samples in 0..{n_samples - 1}, got {batch}",
        )
        member[list(batch)] = True
    return members
