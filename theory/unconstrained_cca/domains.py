"""The domains of this paper's arguments, in its words."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    COVARIANCE,
    DEFINITE,
    LONGEST,
    SYMMETRIC,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
)

Numerator = Annotated[Float[np.ndarray, "dim dim"], SYMMETRIC, USABLE_SCALE]
"""A, symmetric: what is to be large along the chosen directions."""
Denominator = Annotated[Float[np.ndarray, "dim dim"], DEFINITE, USABLE_SCALE]
"""B, positive definite: the metric in which directions are unit vectors."""
Weights = Annotated[Float[np.ndarray, "dim columns"], USABLE_SCALE]
"""W, one column per direction."""
Eigenvalues = Annotated[Float[np.ndarray, " eigenvalues"], USABLE_SCALE]
"""Generalised eigenvalues of the pair (A, B), in any order."""
Columns = Annotated[int, Interval(1, LONGEST)]
"""K, columns of W."""
Correlations = Annotated[Float[np.ndarray, " directions"], UNIT_INTERVAL]
"""ρ, canonical correlations of two views."""
Batch = Annotated[int, Interval(2, LONGEST, why="one pair has no covariance")]
"""b, pairs in a batch; covariances are centred and divided by m = b - 1."""
Embeddings = Annotated[Float[np.ndarray, "both both"], COVARIANCE, USABLE_SCALE]
"""Covariance of the embeddings of both views, the K of the first before the K of the second."""
Form = Literal["off-diagonal", "library"]
"""Which eigenvalue problem stands for CCA: that with eigenvalues ρ, 0 and -ρ, or the library's, 1
larger.
"""
