"""How often the orders differ where y has a uniformly random direction in a plane: ratios of angles."""

from typing import Annotated

import numpy as np

from theory_on_trial.contract import Interval, guarded

Cosine = Annotated[float, Interval(-1, 1, "()")]
"""Of the angle between two columns of unit length."""
Length = Annotated[float, Interval(1e-50, 1e50)]


@guarded
def rising_share(cosine: Cosine) -> float:
    """The share of directions of y, in the plane of two unit columns, for which lambda_1 rises from round 1 to 2.

    (2 / pi) (atan sqrt((1 + |rho|) / (1 - |rho|)) - atan (1 / sqrt(1 - rho^2))). Source: derived here.

    >>> round(rising_share(0.6), 4)
    0.1344
    """
    rho = abs(cosine)
    outer, inner = np.sqrt((1 + rho) / (1 - rho)), 1 / np.sqrt((1 - rho) * (1 + rho))
    return float(2 / np.pi * (np.arctan(outer) - np.arctan(inner)))


@guarded
def differing_share(first: Length, second: Length) -> float:
    """The share of directions of r_S for which OMP and forward selection pick another one of two features.

    Of which P x, orthogonal to each other, have these lengths: (2 / pi) |atan(first / second) - pi / 4|.
    Source: derived here.

    >>> round(differing_share(0.6, 1.0), 4)
    0.156
    """
    return float(2 / np.pi * abs(np.arctan2(first, second) - np.pi / 4))
