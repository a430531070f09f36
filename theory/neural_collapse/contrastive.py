"""Supervised contrastive loss on non-negative unit features: its minimum, and which batchings
enforce the frame.

Kini et al. 2024 show that with non-negative features the minimiser is an orthogonal frame under any
imbalance, and give conditions on the batches; values, and the restriction to batches where a class
has a positive pair, are derived here. The loss is sum_i (1 / (n_i - 1)) sum_(j != i, same class)
log sum_(l != i) exp(h_i . h_l - h_i . h_j), n_i the size of the class of i; in a batch, all sums
and sizes are those of the batch, and a sample without a positive in it contributes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Int

from theory.neural_collapse.domains import ClassSizes, Labels
from theory_on_trial.contract import MOST, Interval, guarded, require

Batches = Sequence[Sequence[int]]
"""The samples of each batch, by index."""


@dataclass(frozen=True)
class BatchConditions:
    """What the batches enforce: connected[c], whether class c must collapse to a point; joined[c,
    c'], whether the two classes must be orthogonal (true on the diagonal).
    """

    connected: Bool[np.ndarray, " classes"]
    joined: Bool[np.ndarray, "classes classes"]

    @property
    def orthogonal_frame_is_unique(self) -> bool:
        """Whether every class is connected and every pair joined, so that only orthogonal frames
        are minimisers.
        """
        return bool(np.all(self.connected) and np.all(self.joined))


@guarded
def scl_minimum(
    class_sizes: Annotated[ClassSizes, Interval(2, MOST, why="a single sample has no positive")],
) -> float:
    """sum_c n_c log(n_c - 1 + (N - n_c) / e), full batch, at collapsed orthogonal frames in at
    least K dimensions.
    """
    return _minimum(np.asarray(class_sizes))


@guarded
def scl_batch_minimum(labels: Labels, batches: Batches) -> float:
    """Minimum of the sum of the losses of batches of indices into `labels`. Raises as
    `batch_conditions`.

    Single samples of a class contribute nothing; orthogonal frames attain it in at least K
    dimensions.
    """
    counts = _class_counts(labels, _membership(labels, batches))
    return float(sum(_minimum(count) for count in counts))


@guarded
def batch_conditions(labels: Labels, batches: Batches) -> BatchConditions:
    """Which classes the batches tie together, and which pairs they push apart.

    A class is connected if its samples are, by sharing batches. A pair is joined if some batch
    holds both, one of them at least twice: two single samples exert no force on each other. Both
    together suffice for the orthogonal frame to be the only minimiser; joined pairs are also
    necessary, connected classes only in more than K dimensions. `ValueError` unless the labels are
    0, ..., K - 1, each present, and a batch holds distinct samples.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    members = _membership(labels, batches)
    counts = _class_counts(labels, members)
    together = (members.T.astype(int) @ members.astype(int)) > 0
    connectivity = [
        connected_components(csr_array(together[np.ix_(labels == c, labels == c)]), directed=False)[
            0
        ]
        == 1
        for c in range(counts.shape[1])
    ]
    present = (counts >= 1).astype(int)
    pairs = (counts >= 2).astype(int)
    force = present.T @ pairs
    adjacency = (force + force.T > 0) | np.eye(counts.shape[1], dtype=bool)
    return BatchConditions(np.array(connectivity, dtype=bool), adjacency)


def _minimum(sizes: Int[np.ndarray, " classes"]) -> float:
    anchors = sizes[sizes >= 2]
    negatives = (sizes.sum() - anchors) * np.exp(-1)
    return float(np.sum(anchors * np.log(anchors - 1 + negatives)))


def _class_counts(
    labels: Int[np.ndarray, " samples"], members: Bool[np.ndarray, "batches samples"]
) -> Int[np.ndarray, "batches classes"]:
    return members.astype(int) @ np.eye(labels.max() + 1, dtype=int)[labels]


def _membership(
    labels: Int[np.ndarray, " samples"], batches: Batches
) -> Bool[np.ndarray, "batches samples"]:
    """Membership of every sample in every batch."""
    present = np.unique(labels)
    require(
        present[-1] < present.size,
        f"labels must be 0, ..., K - 1, each present, got {present.tolist()}",
    )
    require(len(batches) > 0, "batches must hold at least one batch, got none")
    members = np.zeros((len(batches), labels.size), dtype=bool)
    for row, batch in zip(members, batches, strict=True):
        distinct = len(set(batch)) == len(batch) and all(
            0 <= index < labels.size for index in batch
        )
        require(
            distinct,
            f"batches must hold distinct indices in 0, ..., {labels.size - 1}, got {list(batch)}",
        )
        row[list(batch)] = True
    return members
