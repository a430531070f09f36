"""The domains of this paper's arguments, in its words."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    COVARIANCE,
    DEFINITE,
    LONGEST,
    NON_NEGATIVE,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
)

Covariance = Annotated[Float[np.ndarray, "dim dim"], DEFINITE, USABLE_SCALE]
"""Σ, of the features x."""
Prior = Annotated[Float[np.ndarray, "dim dim"], COVARIANCE, USABLE_SCALE]
"""S: plausible tasks have f' S^-1 f <= 1."""
Representation = Annotated[Float[np.ndarray, "dim kept"], USABLE_SCALE]
"""R, of full column rank: what is kept of x is R'x."""
Task = Annotated[Float[np.ndarray, " dim"], USABLE_SCALE]
"""f, of y = f'x + noise."""
Spectrum = Annotated[Float[np.ndarray, " dim"], NON_NEGATIVE, USABLE_SCALE]
"""λ, the eigenvalues of Σ S in any order, in units of y^2."""
Kept = Annotated[int, Interval(1, LONGEST)]
"""r, how many numbers are kept of x; below the dimension."""
Inclusion = Annotated[Float[np.ndarray, " dim"], UNIT_INTERVAL]
"""m_i, the chance that direction i is kept; they sum to r."""
