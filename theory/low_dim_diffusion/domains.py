"""The domains of the arguments of this paper's functions."""

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
"""The factor s of the clean point, or the factor γ of the standard normal noise. Dimensionless."""
Bases = Sequence[Annotated[Float[np.ndarray, "_ _"], ORTHONORMAL]]
"""The matrices U_1, ..., U_K, each of the shape (n, d_k) and with orthonormal columns."""
Weights = Annotated[Float[np.ndarray, " subspaces"], PROBABILITIES]
"""The probabilities π of the subspaces."""
Points = Annotated[Float[np.ndarray, "points n"], USABLE_SCALE]
"""The points, one in each row."""
Nodes = Annotated[Float[np.ndarray, "nodes n"], USABLE_SCALE]
"""The nodes of a quadrature rule for standard normal noise."""
NodeWeights = Annotated[Float[np.ndarray, " nodes"], PROBABILITIES]
Dim = Annotated[int, Interval(1, 2**10, why="the law of the evidence is integrated numerically")]
"""The dimension d of each subspace."""
Ambient = Annotated[int, Interval(1, MOST)]
"""The dimension n of the space around the subspaces."""
Samples = Annotated[int, Interval(0, MOST)]
"""The number N of samples of one subspace."""
Spectrum = Annotated[Float[np.ndarray, " d"], POSITIVE, USABLE_SCALE]
"""The variances Λ of the latents."""
