"""What training on a second task does to the first one, from the overlap of their feature spaces.

Doan, Abbana Bennani, Mazoure, Rabusseau & Alquier 2021, "A Theoretical Analysis of Catastrophic
Forgetting through the NTK Overlap Matrix", AISTATS 2021, arXiv 2010.04003. Read were the abstract,
the released code, and a third-party note that quotes the overlap matrix, the formula of forgetting,
the bound by the principal angle and the residual of PCA-OGD; the body was not. What is not quoted
was derived for this collection.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import USABLE_SCALE, Interval, Natural, NonNegative, Positive, guarded

FirstFeatures = Annotated[Float[np.ndarray, "first dim"], USABLE_SCALE]
"""φ_S, a row per input of the first task; for a network its gradients at initialisation."""
SecondFeatures = Annotated[Float[np.ndarray, "second dim"], USABLE_SCALE]
"""φ_T, a row per input of the task that is trained next."""
Residual = Annotated[Float[np.ndarray, " second"], USABLE_SCALE]
"""y_T - φ_T w_S, what the first task's weights leave of the second one's labels; in the labels'
unit.
"""
Residuals = Annotated[Float[np.ndarray, "*batch second"], USABLE_SCALE]
"""One residual, or many at once."""
LaterFeatures = Annotated[Float[np.ndarray, "tasks second dim"], USABLE_SCALE]
"""φ_1, ..., φ_m of the tasks that follow, equally many inputs each."""
LaterResiduals = Annotated[Float[np.ndarray, "tasks second"], USABLE_SCALE]
"""y_k - φ_k w_S, all against the weights after the first task."""
Weights = Annotated[Float[np.ndarray, " dim"], USABLE_SCALE]
"""w_S, the weights after the first task."""
Directions = Annotated[Float[np.ndarray, "kept dim"], USABLE_SCALE]
"""What a projection memory keeps, an orthonormal row per direction."""
Ridge = NonNegative
"""λ of |φ_T w - y_T|^2 + λ |w - w_S|^2, sums of squares; 0 for the limit, the least-norm update."""
Memory = Natural
"""k, how many of the first task's leading right singular vectors the second task may not use."""
Rate = Positive
"""η, of gradient descent on half the sum of squares."""
Steps = Natural
"""m, of gradient descent."""
Angle = Annotated[float, Interval()]
"""θ, between two subspaces all of whose principal angles are equal; in radians."""


class Parts(NamedTuple):
    """The singular value decomposition U, Σ, V^T of a matrix of features, without singular values
    that are zero up to rounding.
    """

    left: Float[np.ndarray, "rows rank"]
    values: Float[np.ndarray, " rank"]
    right: Float[np.ndarray, "rank dim"]

    def update(
        self, filtered: Float[np.ndarray, " rank"], residual: Residuals
    ) -> Float[np.ndarray, "*batch dim"]:
        """The change V F U^T y of the weights."""
        change: Float[np.ndarray, "*batch dim"] = (filtered * (residual @ self.left)) @ self.right
        return change


def parts_of(features: SecondFeatures, largest: float | None = None) -> Parts:
    """Decompose a matrix of features. Singular values that are rounding of the `largest` one, by
    default their own largest, count as zero.
    """
    left, values, right = np.linalg.svd(features, full_matrices=False)
    support = values > np.spacing(
        max(features.shape) * (np.max(values) if largest is None else largest)
    )
    return Parts(left[:, support], values[support], right[support])


def ridge_filter(values: Float[np.ndarray, " rank"], ridge: float) -> Float[np.ndarray, " rank"]:
    """The factors Σ / (Σ^2 + λ): the share of a residual that enters the weights along each
    singular vector.
    """
    return values / (values**2 + ridge)


def without(features: SecondFeatures, memory: Float[np.ndarray, "kept dim"]) -> Parts:
    """The features φ_T P, where P projects off the memory. Its singular values are compared with
    those of φ_T, as they may be rounding.
    """
    largest = float(np.max(np.linalg.svd(features, compute_uv=False)))
    return parts_of(features - (features @ memory.T) @ memory, largest)


@guarded
def cosines(features_s: FirstFeatures, features_t: SecondFeatures) -> Float[np.ndarray, " angles"]:
    """The singular values of O in falling order, as many as the smaller of the two ranks; quoted of
    Doan et al. 2021.
    """
    values = np.linalg.svd(
        parts_of(features_s).right @ parts_of(features_t).right.T, compute_uv=False
    )
    return np.minimum(values, np.ones_like(values))


@guarded
def by_direction(
    features_s: FirstFeatures,
    features_t: SecondFeatures,
    residual: Residuals,
    ridge: Ridge,
    memory: Memory,
) -> Float[np.ndarray, "*batch rank"]:
    """The contribution σ_i^2 (v_i . dw)^2 of each right singular vector of φ_S to the forgetting.

    dw is the change of the weights in training the second task off the first `memory` of these
    vectors, which then contribute nothing. In squared units of the labels. Source: SVD of φ_S.
    """
    first = parts_of(features_s)
    second = without(features_t, first.right[:memory])
    change = second.update(ridge_filter(second.values, ridge), residual)
    contributions: Float[np.ndarray, "*batch rank"] = (first.values * (change @ first.right.T)) ** 2
    contributions[..., :memory] = 0
    return contributions


@guarded
def forgetting(
    features_s: FirstFeatures,
    features_t: SecondFeatures,
    residual: Residuals,
    ridge: Ridge,
    memory: Memory = 0,
) -> float | Float[np.ndarray, "*batch"]:
    """The forgetting Δ = |U_S Σ_S O Σ_T (Σ_T^2 + λ)^-1 U_T^T residual|^2 on the first task's
    inputs.

    For many residuals at the price of one. With a memory φ_T is replaced by φ_T P. In squared units
    of the labels. Source: quoted of Doan et al. 2021; the memory derived here.

    >>> round(float(forgetting([[2.0, 0.0]], [[0.6, 0.8]], [1.0], 1.0)), 12)
    0.36
    """
    delta: float | Float[np.ndarray, "*batch"] = by_direction(
        features_s, features_t, residual, ridge, memory
    ).sum(-1)
    return delta


@guarded
def stopped_forgetting(
    features_s: FirstFeatures,
    features_t: SecondFeatures,
    residual: Residual,
    rate: Rate,
    steps: Steps,
) -> float:
    """The forgetting Δ after m steps of rate η on half the sum of squares: (1 - (1 - η σ^2)^m) / σ
    takes the place of Σ_T (Σ_T^2 + λ)^-1.
    """
    first = parts_of(features_s)
    second = parts_of(features_t)
    share = rate * second.values**2
    # The power would lose the digits of a small share
    few = -np.expm1(steps * np.log1p(-np.minimum(share, 0.5)))
    gains = np.where(share < 0.5, few, 1 - (1 - share) ** steps) / second.values
    return float(np.sum((first.values * (first.right @ second.update(gains, residual))) ** 2))


@guarded
def chained_drifts(
    features_s: FirstFeatures, features: LaterFeatures, residuals: LaterResiduals, ridge: Ridge
) -> Float[np.ndarray, "tasks first"]:
    """What each of several tasks, trained one after another, adds to the outputs on the first
    task's inputs.

    Drifts add as vectors: Δ is the square of their sum. Each task's own residual is the one given,
    less what the tasks before it have already added at its inputs, by their overlaps with it.
    Source: quoted of Doan et al. 2021.
    """
    total = np.zeros(features.shape[2])
    drifts = []
    for task, residual in zip(features, residuals, strict=True):
        parts = parts_of(task)
        change = parts.update(ridge_filter(parts.values, ridge), residual - task @ total)
        total = total + change
        drifts.append(features_s @ change)
    return np.array(drifts)


@guarded
def loss_increase(
    features_s: FirstFeatures,
    features_t: SecondFeatures,
    residual: Residual,
    ridge: Ridge,
    weights: Weights,
    first_ridge: Ridge,
) -> float:
    """The increase Δ - 2 λ_S w_S . dw of the first task's sum of squares. Source: derived here.

    `weights` are w_S of ridge regression from 0 with `first_ridge` (0: least squares, where it is Δ
    itself).
    """
    second = parts_of(features_t)
    change = second.update(ridge_filter(second.values, ridge), residual)
    return float(
        forgetting(features_s, features_t, residual, ridge) - 2 * first_ridge * (weights @ change)
    )


@guarded
def angle_bound(features_s: FirstFeatures, features_t: SecondFeatures) -> float:
    """The bound Σ_{S,1}^2 cos^2 θ_1: Σ_{S,1} is the top singular value of φ_S, and θ_1 the smallest
    angle between the row spaces.

    Equality where that direction is aligned. Source: quoted of Doan et al. 2021, the constant
    derived here.
    """
    return float(
        np.linalg.norm(features_s, 2) ** 2 * np.sum(cosines(features_s, features_t)[:1] ** 2)
    )


@guarded
def memory_bound(features_s: FirstFeatures, memory: Memory) -> float:
    """The bound σ_{k+1}^2 for a memory of k singular vectors of φ_S: the largest square that they
    leave, and 0 from the rank on. Source: Doan et al. 2021.
    """
    return float(np.sum(parts_of(features_s).values[memory : memory + 1] ** 2))


@guarded
def kept_bound(features_s: FirstFeatures, kept: Directions) -> float:
    """The bound |φ_S (I - K^T K)|_2^2 for a memory that keeps any orthonormal rows K, by
    definition.
    """
    return float(np.sum(without(features_s, kept).values[:1] ** 2))


class RandomForgetting(NamedTuple):
    """The law of Δ for a standard normal residual: a sum of χ^2_1 variables with falling `weights`,
    in squared units of the labels.
    """

    mean: float
    variance: float
    weights: Float[np.ndarray, " rank"]


@guarded
def random_forgetting(
    features_s: FirstFeatures, features_t: SecondFeatures, ridge: Ridge, memory: Memory = 0
) -> RandomForgetting:
    """The law of Δ if the residual is N(0, I): the weights are the squared singular values of Σ_S O
    F.

    F = Σ_T (Σ_T^2 + λ)^-1. Source: moments of a quadratic form in normal variables.
    """
    first = parts_of(features_s)
    second = without(features_t, first.right[:memory])
    # Along what is kept nothing moves
    gains = first.values[memory:, None] * ridge_filter(second.values, ridge)
    weights = np.linalg.svd(gains * (first.right[memory:] @ second.right.T), compute_uv=False) ** 2
    return RandomForgetting(float(weights.sum()), 2 * float(weights @ weights), weights)


@guarded
def independent_forgetting(angle: Angle) -> float:
    """The mean E Δ / r = cos^2 θ for orthonormal sets of dimension r, residual N(0, I) and no
    ridge; from `random_forgetting`.
    """
    return float(np.cos(angle) ** 2)


@guarded
def teacher_forgetting(angle: Angle) -> float:
    """The mean E Δ / r = cos^2 θ sin^2 θ if one teacher w* ~ N(0, I) labels both tasks, so that the
    residual is B (I - A^T A) w*.

    Zero at both ends, largest at 45 degrees. Source: derived here.
    """
    return float(np.cos(angle) ** 2 * np.sin(angle) ** 2)
