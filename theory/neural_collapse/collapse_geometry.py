"""The frames to which class means and classifiers collapse, and metrics of how collapsed a head and
its features are.

A frame is given by its Gram matrix, of unit Frobenius norm. Dang et al. 2023 (arXiv 2301.00437)
have the simplex (balanced classes with bias), the orthogonal frame (balanced without) and the
general orthogonal frame (imbalanced without).

The metrics NC1, NC2 and NC3 do not depend on scale and are zero at collapse. They follow the code
published with Dang et al. 2023: balanced heads are compared with one frame, imbalanced ones with
the geometry of their optimum. Every metric but NC1 is a `frame_distance` in [0, 2], NaN where all
is zero.
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
    """Return the Gram matrix (I - 1 1^T / K) / sqrt(K - 1) of the simplex equiangular tight frame
    of K classes, of unit Frobenius norm.
    """
    return (np.eye(n_classes) - 1 / n_classes) / np.sqrt(n_classes - 1)


@guarded
def orthogonal_frame(n_classes: Classes) -> Float[np.ndarray, "classes classes"]:
    """Return the Gram matrix I / sqrt(K) of K orthogonal vectors of equal length, of unit Frobenius
    norm.
    """
    return np.eye(n_classes) / np.sqrt(n_classes)


@guarded
def general_orthogonal_frame(
    lengths: Annotated[Float[np.ndarray, " classes"], NON_NEGATIVE],
) -> Float[np.ndarray, "classes classes"]:
    """Return the Gram matrix diag(a_k^2) / |a^2| of orthogonal vectors with `lengths` a_k, of unit
    Frobenius norm. Raises ValueError if all lengths are zero.
    """
    require(np.any(lengths > 0), f"lengths must not all be zero, got {lengths}")
    squares = (lengths / lengths.max()) ** 2
    return np.diag(squares / np.linalg.norm(squares))


@guarded
def frame_distance(
    gram: Float[np.ndarray, "rows columns"], target: Float[np.ndarray, "rows columns"]
) -> float:
    """Return the Frobenius distance of the two matrices after each is divided by its norm, in [0,
    2]. This is the metric NC2; it is NaN if a matrix is zero.
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
    """The matrices to which a head of weights W_1, ..., W_M and its class means Hbar should
    collapse, each up to scale.

    `suffix_grams` [M, K, K] holds the Gram matrix V V^T of V = W_M ... W_m for m = 1, ..., M.
    `feature_gram` is Hbar^T Hbar, `logits` is W_M ... W_1 Hbar, and `duality` is the matrix T in
    W_M ... W_1 = T Hbar^T.
    """

    suffix_grams: Float[np.ndarray, "depth classes classes"]
    feature_gram: Float[np.ndarray, "classes classes"]
    logits: Float[np.ndarray, "classes classes"]
    duality: Float[np.ndarray, "classes classes"]


@dataclass(frozen=True)
class CollapseMetrics:
    """The metrics of collapse of a head and its features: one of NC1, and several of NC2 and NC3.

    `within_class` is NC1. `suffix_frames` [M] is NC2 of W_M ... W_m for m = 1, ..., M, so that its
    first entry is that of the whole head. `feature_frame` is NC2 of the class means. `logit_frame`
    is NC3 of W_M ... W_1 Hbar, and `duality` is NC3 between the head and the means.
    """

    within_class: float
    suffix_frames: Float[np.ndarray, " depth"]
    feature_frame: float
    logit_frame: float
    duality: float


@guarded
def frame_targets(frame: Float[np.ndarray, "classes classes"], depth: Depth) -> CollapseTargets:
    """Return the targets of balanced classes, which are the same frame everywhere: `simplex_etf`
    with a bias, or `orthogonal_frame` without.
    """
    return CollapseTargets(
        np.repeat(frame[None], depth, axis=0), frame, frame, np.eye(frame.shape[0])
    )


@guarded
def optimum_targets(optimum: Annotated[MseOptimum, MAY_BE_INFINITE]) -> CollapseTargets:
    """Return the targets of a head under the square loss: the geometry of its global minimum.
    Classes may be balanced or not, with or without a bias.

    W_M ... W_m has the squared singular values prod_(j >= m) τ_i / λ_Wj, where τ_i are the balances
    of the optimum. Without a bias the duality is W = (W W^T + N λ_H I) Hbar^T for W = W_M ... W_1,
    since the features are a ridge regression on the weights. A bias that is not decayed centres the
    class means by their plain average; a decayed bias β 1 divides by I - β 1 1^T.
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
    """Return the metric NC1 = tr(Σ_W Σ_B^+) / K, the spread of the features within classes relative
    to that of the class means.

    Σ_W averages over samples, and Σ_B over classes, about the global mean of all samples.
    Directions in which Σ_B is below `rcond` times its largest eigenvalue are left out; take 1e-6 K
    for float32 features. The result is NaN if the class means coincide. Raises ValueError unless
    the `labels` are 0, ..., K - 1, each of which is present.
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
    """Return NC1, NC2 and NC3 of a head W_1, ..., W_M and of the features that enter it, as
    distances from the `targets`.

    A column of the features is a sample. Its label is a class in 0, ..., K - 1; each class is
    present, and has a row in the last layer. With `centred` the global mean of the features is
    subtracted from the class means, which is the convention for heads with a bias that is not
    decayed. `rcond` is that of `within_class_collapse`. Raises ValueError if shapes do not fit or a
    class has no sample.

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
        f"of {weights[-1].shape[0]} outputs, {n_classes} classes and targets "
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
        f"labels must hold each of 0, ..., K - 1, got {present.tolist()}",
    )
    counts = np.bincount(labels)
    return features @ np.eye(counts.size)[labels] / counts, counts
