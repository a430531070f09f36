"""Means over all pairs of n independent points: their variance, and a tail bound at finite n.

Pairs that share a point depend on each other. Means over distinct pairs are those of Hoeffding 1948
and 1963. Oh & Yun 2023 (arXiv 2306.00267) announce bounds of this kind in their abstract.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import NON_NEGATIVE, Interval, NonNegative, Positive, guarded

Points = Annotated[int, Interval(2, 2**53, why="one point has no pair")]


@guarded
def pair_mean_variance(n: Points, projected: NonNegative, total: NonNegative) -> float:
    """Return the variance of the mean of h(z_1, z_2) over all pairs of two distinct points among n.

    It is (2 / (n (n - 1))) (2 (n - 2) ζ_1 + ζ_2), where ζ_1 = Var E[h(z_1, z_2) | z_1] is
    `projected` and ζ_2 = Var h(z_1, z_2) is `total`.
    """
    return 2 / (n * (n - 1)) * (2 * (n - 2) * projected + total)


@guarded
def pair_mean_tail(
    n: Points,
    deviation: Annotated[Float[np.ndarray, "*deviations"] | float, NON_NEGATIVE],
    spread: Positive,
) -> Float[np.ndarray, "*deviations"]:
    """Return an upper bound on the probability that a mean U over distinct pairs exceeds its
    expectation by at least t = `deviation`.

    The bound is exp(-2 floor(n/2) t^2 / (b - a)^2) for h in [a, b], where b - a is `spread`. It is
    that of floor(n/2) independent pairs.
    """
    return np.asarray(np.exp(-2 * (n // 2) * np.square(deviation) / spread**2))
