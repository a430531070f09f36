"""The domains of this paper's arguments, in its words."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    MOST,
    ORTHONORMAL,
    POSITIVE,
    PROBABILITIES,
    USABLE_SCALE,
    Interval,
)

Level = Annotated[
    float,
    Interval(1e-50, 1e50, why="its square, and that of its quotient with a point, must be floats"),
]
"""s or γ: what multiplies the clean point, and the standard normal noise. Dimensionless."""
Bases = Sequence[Annotated[Float[np.ndarray, "_ _"], ORTHONORMAL]]
"""U_1, ..., U_K, each n x d_k with orthonormal columns."""
Weights = Annotated[Float[np.ndarray, " subspaces"], PROBABILITIES]
"""π, the chance of each subspace."""
Points = Annotated[Float[np.ndarray, "points n"], USABLE_SCALE]
"""A row per point."""
Nodes = Annotated[Float[np.ndarray, "nodes n"], USABLE_SCALE]
"""Of a quadrature rule for standard normal noise."""
NodeWeights = Annotated[Float[np.ndarray, " nodes"], PROBABILITIES]
Dim = Annotated[int, Interval(1, 2**10, why="the law of the evidence is integrated numerically")]
"""d, of each subspace."""
Ambient = Annotated[int, Interval(1, MOST)]
"""n, of the space around."""
Samples = Annotated[int, Interval(0, MOST)]
"""N, of one subspace."""
Spectrum = Annotated[Float[np.ndarray, " d"], POSITIVE, USABLE_SCALE]
"""Λ, the variances of the latents."""
