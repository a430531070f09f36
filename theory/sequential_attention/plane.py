"""How often two orders of features differ if y or the columns have random directions: ratios of
angles, and their means.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import Interval, guarded

Cosine = Annotated[float, Interval(-1, 1, "()")]
"""The cosine of the angle between two columns of unit length."""
Length = Annotated[float, Interval(1e-50, 1e50)]
Rows = Annotated[int, Interval(2, 100, why="means over designs are integrated numerically")]

_NODES = np.polynomial.legendre.leggauss(60)


@guarded
def rising_share(cosine: Cosine) -> float:
    """Return the share of directions of y, in the plane of two unit columns of cosine ρ, for which
    λ_1 rises from round 1 to round 2.

    It is (2 / π) (atan sqrt((1 + |ρ|) / (1 - |ρ|)) - atan (1 / sqrt(1 - ρ^2))). Source: derived
    here.
    """
    rho = abs(cosine)
    outer = np.sqrt((1 + rho) / (1 - rho))
    inner = 1 / np.sqrt((1 - rho) * (1 + rho))
    return float(2 / np.pi * (np.arctan(outer) - np.arctan(inner)))


@guarded
def mean_rising_share(rows: Rows) -> float:
    """Return the mean of `rising_share` over two random directions in R^n, for which asin ρ has a
    density proportional to cos^(n-2). It is integrated numerically. Source: derived here.
    """
    angles, weights = _angles(rows)
    return float(
        np.average([rising_share(float(np.sin(angle))) for angle in angles], weights=weights)
    )


@guarded
def differing_share(first: Length, second: Length) -> float:
    """Return the share (2 / π) |atan(first / second) - π / 4| of directions of r_S for which OMP
    and forward selection pick different features of two.

    The two P x_j are orthogonal and have these lengths. Source: derived here.
    """
    return float(2 / np.pi * abs(np.arctan2(first, second) - np.pi / 4))


@guarded
def mean_differing_share(rows: Rows) -> float:
    """Return the probability that OMP and forward selection differ in their first pick of two
    columns of n independent standard normal entries.

    It is the mean of |t| / π, where t has a density proportional to cos^(n-2) on (-π / 2, π / 2): 1
    / 4 in the plane, and 1 / 2 - 1 / π in space. Along y the two columns have a ratio R, of
    Cauchy's law, and across it their lengths have a ratio Q; t is 2 atan Q - π / 2. The picks
    differ where 1 < R < Q or Q < R < 1. It is integrated numerically. Source: derived here.
    """
    angles, weights = _angles(rows)
    return float(np.average(angles, weights=weights) / np.pi)


def _angles(rows: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return nodes and weights on (0, π / 2) for a density proportional to cos^(n-2)."""
    angles = np.pi / 4 * (1 + _NODES[0])
    return angles, _NODES[1] * np.cos(angles) ** (rows - 2)
