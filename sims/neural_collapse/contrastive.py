"""Supervised contrastive learning of free features on the unit sphere, with or without non-negativity, in batches."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Key, ScalarLike

from sims.neural_collapse.domain import MOST_NUMBERS, require_steps
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    LARGEST,
    AnyArray,
    require_above,
    require_at_most,
    require_count,
    require_finite,
    require_scale,
)

Batches = tuple[tuple[int, ...], ...]


class ContrastiveRun(NamedTuple):
    """The end of one descent: the loss and the features, unit columns, one per sample."""

    loss: Float[Array, ""]
    features: Float[Array, "dim samples"]


@validated
def supervised_contrastive_loss(
    features: Float[AnyArray, "dim samples"],
    labels: tuple[int, ...],
    *,
    batches: Batches | None = None,
    temperature: ScalarLike = 1.0,
) -> Float[Array, ""]:
    """The supervised contrastive loss, summed over anchors and over a fixed set of batches (all samples by default).

    An anchor i of a batch with p > 0 other samples j of its class contributes
    (1/p) Σ_j log Σ_{l≠i} exp((h_i·h_l - h_i·h_j)/t), sums over the batch; one without positives contributes 0.

    Args:
        features: H, one column per sample.
        labels: the class of each column.
        batches: the samples of each batch, by index; a sample may be in many.
        temperature: t > 0, from 1e-50 to 1e50.

    Raises ValueError for labels that do not fit the features, a batch that is empty, repeats a sample or names one
    that is not there, or a temperature that is not positive. Source: Kini et al. 2024; singletons: derived here.
    """
    if len(labels) != features.shape[1]:
        raise ValueError(f"labels must be {features.shape[1]}, one per column of features, got {len(labels)}")
    require_count("the number of labels", len(labels), 1, "nothing to tell apart otherwise")
    require_above("temperature", temperature, 0, "inner products are divided by it")
    require_scale("temperature", temperature)
    members = _membership(batches, len(labels))
    positives = np.equal.outer(labels, labels) & ~np.eye(len(labels), dtype=bool)
    similarities = jnp.asarray(features).T @ features / temperature

    def batch_loss(member):
        pairs = jnp.outer(member, member)
        others = pairs & ~jnp.eye(len(labels), dtype=bool)
        counts = jnp.sum(pairs & positives, axis=1)
        anchors = counts > 0
        # Rows without an anchor are masked before the logarithm, so that their gradient is 0 and not NaN.
        masked = jnp.where(anchors[:, None], jnp.where(others, similarities, -jnp.inf), 0.0)
        log_sums = jax.nn.logsumexp(masked, axis=1)
        mean_positive = jnp.sum(jnp.where(pairs & positives, similarities, 0), axis=1) / jnp.maximum(counts, 1)
        return jnp.sum(jnp.where(anchors, log_sums - mean_positive, 0))

    return jnp.sum(jax.vmap(batch_loss)(members))


@validated(unbounded=("learning_rate",))
def minimise_contrastive(
    key: Key[Array, ""],
    labels: tuple[int, ...],
    dim: int,
    *,
    nonnegative: bool,
    batches: Batches | None = None,
    temperature: ScalarLike = 1.0,
    learning_rate: ScalarLike = 0.1,
    steps: int = 3000,
) -> ContrastiveRun:
    """Projected gradient descent on the supervised contrastive loss from random unit features; map it over seeds.

    After each step negative entries are set to 0 if `nonnegative`, and columns scaled to length 1; a column that would
    vanish stays where it was.

    Args:
        key: of the start.
        labels: the class of each sample.
        dim: d >= 1; with non-negativity, some more than the number of classes avoids poor local minima.
        nonnegative: features behind a ReLU, or free.
        batches: as in `supervised_contrastive_loss`.
        temperature: t > 0.
        learning_rate: η > 0, at most 1e50.
        steps: to take, at most 10⁷.

    Raises ValueError for arguments outside these ranges. Source: Kini et al. 2024.
    """
    require_count("dim", dim, 1, "need at least one coordinate")
    require_count("the number of labels", len(labels), 1, "nothing to learn from otherwise")
    require_at_most("dim", dim * len(labels), MOST_NUMBERS, "coordinates of all labels")
    require_steps(steps)
    require_above("learning_rate", learning_rate, 0, "steps go down the gradient")
    require_finite("learning_rate", learning_rate)
    require_at_most("learning_rate", learning_rate, LARGEST, "lengths of steps are squared")

    def loss(features):
        return supervised_contrastive_loss(features, labels, batches=batches, temperature=temperature)

    def step(_, features):
        moved = features - learning_rate * jax.grad(loss)(features)
        moved = jnp.maximum(moved, 0) if nonnegative else moved
        lengths = jnp.linalg.norm(moved, axis=0)
        return jnp.where(lengths > 0, moved / jnp.where(lengths > 0, lengths, 1), features)

    start = jax.random.normal(key, (dim, len(labels)))
    start = jnp.abs(start) if nonnegative else start
    features = lax.fori_loop(0, steps, step, start / jnp.linalg.norm(start, axis=0))
    return ContrastiveRun(loss(features), features)


def _membership(batches: Batches | None, n_samples: int) -> Bool[np.ndarray, "batches samples"]:
    """Which sample is in which batch; refuses batches that are no sets of samples."""
    if batches is None:
        return np.ones((1, n_samples), bool)
    require_count("the number of batches", len(batches), 1, "leave batches out for one batch of all")
    members = np.zeros((len(batches), n_samples), bool)
    for batch, member in zip(batches, members, strict=True):
        if not batch or len(set(batch)) < len(batch) or min(batch) < 0 or max(batch) >= n_samples:
            raise ValueError(
                f"in batches a batch must be distinct samples in 0..{n_samples - 1}, at least one, got {batch}"
            )
        member[list(batch)] = True
    return members
