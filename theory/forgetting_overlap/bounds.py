"""Bounds on the forgetting per squared length |dw|^2 of the update, for any labels of the second
task.
"""

import numpy as np

from theory.forgetting_overlap.domains import Directions, FirstFeatures, Memory, SecondFeatures
from theory.forgetting_overlap.overlap import cosines, parts_of, without
from theory_on_trial.contract import guarded


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
