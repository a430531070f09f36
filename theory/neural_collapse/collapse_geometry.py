"""The frames to which class means and classifiers collapse, as Gram matrices of unit Frobenius
norm, and a distance.

Simplex (balanced with bias), orthogonal (balanced without) and general orthogonal frame (imbalanced
without) are those of Dang et al. 2023 (arXiv 2301.00437).

How collapsed a head and its features are: NC1, NC2 and NC3, scale-free, zero at collapse.

Conventions of the code published with Dang et al. 2023 (arXiv 2301.00437): balanced heads against
one frame, imbalanced ones against the geometry of their optimum. Every metric but NC1 is a
`frame_distance` in [0, 2], NaN where all is zero.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory.neural_collapse.domains import (
    Classes,
    Depth,
    Labels,
    Layers,
    SeveralClasses,
    require_chain,
)
from theory.neural_collapse.mean_square import MseOptimum
from theory_on_trial.contract import (
    MAY_BE_INFINITE,
    NON_NEGATIVE,
    Positive,
    guarded,
    require,
)


@guarded
def simplex_etf(n_classes: SeveralClasses) -> Float[np.ndarray, "classes classes"]:
    """Gram matrix (I - 1 1^T / K) / sqrt(K - 1) of the simplex equiangular tight frame."""
    return (np.eye(n_classes) - 1 / n_classes) / np.sqrt(n_classes - 1)


@guarded
def orthogonal_frame(n_classes: Classes) -> Float[np.ndarray, "classes classes"]:
    """Gram matrix I / sqrt(K) of K orthogonal vectors of equal length."""
    return np.eye(n_classes) / np.sqrt(n_classes)


@guarded
def general_orthogonal_frame(
    lengths: Annotated[Float[np.ndarray, " classes"], NON_NEGATIVE],
) -> Float[np.ndarray, "classes classes"]:
    """Gram matrix diag(a_k^2) / |a^2| of orthogonal vectors of lengths a_k. `ValueError` if all are
    zero.
    """
    require(np.any(lengths > 0), f"lengths must not all be zero, got {lengths}")
    squares = (lengths / lengths.max()) ** 2
    return np.diag(squares / np.linalg.norm(squares))


@guarded
def frame_distance(
    gram: Float[np.ndarray, "rows columns"], target: Float[np.ndarray, "rows columns"]
) -> float:
    """Frobenius distance in [0, 2] of the matrices over their norms, the NC2 metric. NaN if one of
    them is zero.
    """
    if not (np.any(gram) and np.any(target)):
        return float("nan")
    return float(np.linalg.norm(_direction(gram) - _direction(target)))


def _direction(matrix: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    # A power of two costs no digit, and no square of an entry overflows or vanishes after it.
    scaled = np.ldexp(matrix, -np.frexp(np.abs(matrix).max())[1])
    return scaled / np.linalg.norm(scaled)


@dataclass(frozen=True)
class CollapseTargets:
    """What a head should collapse to, each up to scale, for weights W_1, ..., W_M and class means
    Hbar.

    suffix_grams [M, K, K]: the Gram matrix V V^T of V = W_M ... W_m for m = 1, ..., M.
    feature_gram: Hbar^T Hbar. logits: W_M ... W_1 Hbar. duality: the matrix T in W_M ... W_1 = T
    Hbar^T.
    """

    suffix_grams: Float[np.ndarray, "depth classes classes"]
    feature_gram: Float[np.ndarray, "classes classes"]
    logits: Float[np.ndarray, "classes classes"]
    duality: Float[np.ndarray, "classes classes"]


@dataclass(frozen=True)
class CollapseMetrics:
    """within_class: NC1. suffix_frames [M]: NC2 of W_M ... W_m for m = 1, ..., M, the first that of
    the whole head.

    feature_frame: NC2 of the class means. logit_frame: NC3, of W_M ... W_1 Hbar. duality: NC3,
    between head and means.
    """

    within_class: float
    suffix_frames: Float[np.ndarray, " depth"]
    feature_frame: float
    logit_frame: float
    duality: float


@guarded
def frame_targets(frame: Float[np.ndarray, "classes classes"], depth: Depth) -> CollapseTargets:
    """Targets of balanced classes: one frame, `simplex_etf` with bias or `orthogonal_frame`
    without, everywhere.
    """
    return CollapseTargets(
        np.repeat(frame[None], depth, axis=0), frame, frame, np.eye(frame.shape[0])
    )


@guarded
def optimum_targets(optimum: Annotated[MseOptimum, MAY_BE_INFINITE]) -> CollapseTargets:
    """Targets of the square loss, balanced or not, with or without bias: the geometry of its global
    minimum.

    W_M ... W_m has the squared singular values prod_(j >= m) τ_i / λ_Wj. The duality W = (W W^T + N
    λ_H I) Hbar^T without bias follows from the features being a ridge regression on the weights; an
    undecayed bias centres the class means by their plain average, a decayed bias β 1 divides by I -
    β 1 1^T.
    """
    squares = np.cumprod((optimum.layer_singular_values**2)[::-1], axis=0)[::-1]
    suffix_grams = np.stack(
        [(optimum.left_directions * square) @ optimum.left_directions.T for square in squares]
    )
    n_classes = optimum.class_sizes.size
    ridge = optimum.product_gram + optimum.class_sizes.sum() * optimum.feature_decay * np.eye(
        n_classes
    )
    if optimum.bias is None:
        centring = np.eye(n_classes)
    elif optimum.bias_decay == 0:
        centring = np.eye(n_classes) - 1 / n_classes
    else:
        centring = np.linalg.inv(np.eye(n_classes) - optimum.bias[0])
    return CollapseTargets(suffix_grams, optimum.feature_gram, optimum.logits, ridge @ centring)


@guarded
def within_class_collapse(
    features: Float[np.ndarray, "inputs samples"], labels: Labels, rcond: Positive = 1e-10
) -> float:
    """NC1 = tr(Σ_W Σ_B^+) / K: spread of the features within classes relative to that of the class
    means.

    Σ_W averages over samples, Σ_B over classes about the global mean of all samples. Directions in
    which Σ_B is below `rcond` times its largest eigenvalue are left out: take 1e-6 K for float32
    features. NaN if the class means coincide. `labels` are 0, ..., K - 1, each present, else
    `ValueError`.
    """
    means, counts = _class_means(features, labels)
    within = features - means[:, labels]
    between = means - features.mean(axis=1, keepdims=True)
    eigenvalues, directions = np.linalg.eigh(between @ between.T / counts.size)
    support = eigenvalues > rcond * eigenvalues[-1]
    if eigenvalues[-1] <= 0:
        return float("nan")
    spreads = np.mean((directions[:, support].T @ within) ** 2, axis=1)
    return float(np.sum(spreads / eigenvalues[support]) / counts.size)


@guarded
def nc_metrics(
    weights: Layers,
    features: Float[np.ndarray, "_ samples"],
    labels: Labels,
    targets: CollapseTargets,
    *,
    centred: bool = False,
    rcond: Positive = 1e-10,
) -> CollapseMetrics:
    """NC1, NC2 and NC3 of a head W_1, ..., W_M (the last with a row per class) and the features
    entering it.

    A column of the features is a sample, whose class is in 0, ..., K - 1, each present. With
    `centred` the global mean of the features is subtracted from the class means, the convention for
    heads with a bias that is not decayed; `rcond` is that of `within_class_collapse`. `ValueError`
    if shapes do not fit or a class has no sample.

    >>> frame = frame_targets(np.eye(2), depth=1)
    >>> nc_metrics([np.eye(2)], np.eye(2), [0, 1], frame).duality
    0.0
    """
    require_chain(weights, features)
    means, counts = _class_means(features, labels)
    n_classes = counts.size
    require(
        weights[-1].shape[0] == n_classes
        and targets.suffix_grams.shape == (len(weights), n_classes, n_classes),
        f"weights, labels and targets must agree on depth and classes, got {len(weights)} layers "
        "of "
        f"{weights[-1].shape[0]} outputs, {n_classes} classes and targets "
        f"{targets.suffix_grams.shape}",
    )
    if centred:
        means = means - features.mean(axis=1, keepdims=True)
    suffix = np.eye(n_classes)
    distances = np.zeros(len(weights))
    for layer in reversed(range(len(weights))):
        suffix = suffix @ weights[layer]
        distances[layer] = frame_distance(suffix @ suffix.T, targets.suffix_grams[layer])
    return CollapseMetrics(
        within_class=within_class_collapse(features, labels, rcond),
        suffix_frames=distances,
        feature_frame=frame_distance(means.T @ means, targets.feature_gram),
        logit_frame=frame_distance(suffix @ means, targets.logits),
        duality=frame_distance(suffix, targets.duality @ means.T),
    )


def _class_means(
    features: Float[np.ndarray, "inputs samples"], labels: Int[np.ndarray, " samples"]
) -> tuple[Float[np.ndarray, "inputs classes"], Int[np.ndarray, " classes"]]:
    present = np.unique(labels)
    require(
        present[-1] < present.size,
        f"labels must be 0, ..., K - 1, each present, got {present.tolist()}",
    )
    counts = np.bincount(labels)
    return features @ np.eye(counts.size)[labels] / counts, counts
