"""The domains of this paper's arguments, in its words."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float

from theory_on_trial.contract import NON_NEGATIVE, POSITIVE, USABLE_SCALE, Count, Interval

Noise = Annotated[float, Interval(1e-50, 1e50, why="its powers must be numbers too")]
"""σ, the standard deviation of the noise, in the unit of x and y."""
Derivatives = Annotated[Float[np.ndarray, "*batch orders"], USABLE_SCALE]
"""μ_1', μ_1'', ... at y, along the last axis; the n-th in unit^(1 - n)."""
Jacobian = Annotated[Float[np.ndarray, "dim dim"], USABLE_SCALE]
"""d μ_1 / d y at y, dimensionless."""
Selected = Bool[np.ndarray, " dim"]
"""Which coordinates make up the region."""
Spectrum = Annotated[Float[np.ndarray, " dim"], POSITIVE]
"""Eigenvalues, in any order."""
Rank = Count
"""r, how many leading directions are wanted."""
Stencil = Literal["central", "one-sided"]
"""At -3/2, -1/2, 1/2, 3/2 steps, or at -1, 0, 1, 2 steps from y."""
Step = Annotated[float, POSITIVE]
"""c, in the unit of y."""
MeanSquare = Annotated[float, NON_NEGATIVE]
"""In the squared unit of x."""
