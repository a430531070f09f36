"""The mean forgetting: over random residuals, and over a teacher that both tasks share."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from theory.forgetting_overlap.domains import Angle, FirstFeatures, Memory, Ridge, SecondFeatures
from theory.forgetting_overlap.overlap import parts_of, ridge_filter, without
from theory_on_trial.contract import guarded


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
