"""Means over all pairs of n independent points: their variance, and a tail bound at finite n.

Pairs that share a point depend on each other. Hoeffding 1948 and 1963 for means over distinct
pairs; Oh & Yun 2023 (arXiv 2306.00267) announce bounds of this kind in their abstract.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import NON_NEGATIVE, Interval, NonNegative, Positive, guarded

Points = Annotated[int, Interval(2, 2**53, why="one point has no pair")]


@guarded
def pair_mean_variance(n: Points, projected: NonNegative, total: NonNegative) -> float:
    """Variance (2 / (n (n - 1))) (2 (n - 2) ζ_1 + ζ_2) of the mean over distinct pairs, with ζ_1 =
    Var E[h(z_1, z_2) | z_1] and ζ_2 = Var h(z_1, z_2).
    """
    return 2 / (n * (n - 1)) * (2 * (n - 2) * projected + total)


@guarded
def pair_mean_tail(
    n: Points,
    deviation: Annotated[Float[np.ndarray, "*deviations"] | float, NON_NEGATIVE],
    spread: Positive,
) -> Float[np.ndarray, "*deviations"]:
    """Bound exp(-2 floor(n/2) t^2 / (b - a)^2) on P(U - E U >= t), for h in [a, b], b - a =
    `spread`: as if floor(n/2) disjoint pairs were averaged.
    """
    return np.asarray(np.exp(-2 * (n // 2) * np.square(deviation) / spread**2))
