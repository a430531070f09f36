"""What can at most be forgotten per squared length of the update |dw|^2, whatever the second task's
labels are.
"""

import numpy as np

from theory.forgetting_overlap.domains import Directions, FirstFeatures, Memory, SecondFeatures
from theory.forgetting_overlap.overlap import cosines, parts_of, without
from theory_on_trial.contract import guarded


@guarded
def angle_bound(features_s: FirstFeatures, features_t: SecondFeatures) -> float:
    """Σ_{S,1}^2 cos^2 θ_1: the top singular value of φ_S, the smallest angle between the row
    spaces.

    Equality where that direction is aligned. Source: quoted of Doan et al. 2021, the constant
    derived here.
    """
    return float(
        np.linalg.norm(features_s, 2) ** 2 * np.sum(cosines(features_s, features_t)[:1] ** 2)
    )


@guarded
def memory_bound(features_s: FirstFeatures, memory: Memory) -> float:
    """σ_{k+1}^2, the largest of what k singular vectors of φ_S leave; 0 from its rank on. Source:
    Doan et al. 2021.
    """
    return float(np.sum(parts_of(features_s).values[memory : memory + 1] ** 2))


@guarded
def kept_bound(features_s: FirstFeatures, kept: Directions) -> float:
    """Squared norm |φ_S (I - K^T K)|_2^2, the same of a memory that keeps any orthonormal rows K,
    by definition.
    """
    return float(np.sum(without(features_s, kept).values[:1] ** 2))
