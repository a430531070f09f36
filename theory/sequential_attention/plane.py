"""How often the orders differ where y or the columns have random directions: ratios of angles, and
their means.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import Interval, guarded

Cosine = Annotated[float, Interval(-1, 1, "()")]
"""Of the angle between two columns of unit length."""
Length = Annotated[float, Interval(1e-50, 1e50)]
Rows = Annotated[int, Interval(2, 100, why="means over designs are integrated numerically")]

_NODES = np.polynomial.legendre.leggauss(60)


@guarded
def rising_share(cosine: Cosine) -> float:
    """The share of directions of y, in the plane of two unit columns, for which λ_1 rises from
    round 1 to 2.

    (2 / π) (atan sqrt((1 + |ρ|) / (1 - |ρ|)) - atan (1 / sqrt(1 - ρ^2))). Source: derived here.
    """
    rho = abs(cosine)
    outer = np.sqrt((1 + rho) / (1 - rho))
    inner = 1 / np.sqrt((1 - rho) * (1 + rho))
    return float(2 / np.pi * (np.arctan(outer) - np.arctan(inner)))


@guarded
def mean_rising_share(rows: Rows) -> float:
    """The mean of the rising share over random directions in R^n, asin ρ of density ~ cos^(n-2).
    Numerical; source: derived here.
    """
    angles, weights = _angles(rows)
    return float(
        np.average([rising_share(float(np.sin(angle))) for angle in angles], weights=weights)
    )


@guarded
def differing_share(first: Length, second: Length) -> float:
    """(2 / π) |atan(first / second) - π / 4|, the share of directions of r_S where OMP and forward
    selection differ.

    The two P x are orthogonal, of these lengths. Source: derived here.
    """
    return float(2 / np.pi * abs(np.arctan2(first, second) - np.pi / 4))


@guarded
def mean_differing_share(rows: Rows) -> float:
    """How often OMP and forward selection pick first another one of two columns of n standard
    normal entries.

    The mean of |t| / π, t of density ~ cos^(n-2) on (-π / 2, π / 2): 1 / 4 in the plane, 1 / 2 - 1
    / π in space. What two columns have along y is in a ratio R of Cauchy's law, what they have
    across it in a ratio Q, and the picks differ where 1 < R < Q or Q < R < 1; t is 2 atan Q - π /
    2. Numerical; source: derived here.
    """
    angles, weights = _angles(rows)
    return float(np.average(angles, weights=weights) / np.pi)


def _angles(rows: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Nodes and weights on (0, π / 2) for a density ~ cos^(n-2)."""
    angles = np.pi / 4 * (1 + _NODES[0])
    return angles, _NODES[1] * np.cos(angles) ** (rows - 2)
