"""The domains of this paper's simulators."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import Interval

Activation = Literal["linear", "tanh"]
Some = Annotated[int, Interval(1, 2**24)]
"""How many networks, units, inputs or outputs."""
Wide = Annotated[int, Interval(3, 2**53, why="the law of fewer units has other parts")]
"""n of networks that are not drawn."""
Rate = Annotated[float, Interval(0, 1e50, "()")]
"""η, before any power of the width."""
Exponent = Annotated[
    float, Interval(-50, 50, why="powers of the width must stay in the range of floats")
]
Exponents = Annotated[
    Float[np.ndarray, " layers"], Interval(-50, 50, why="powers of the width stay in their range")
]
Samples = Annotated[Float[np.ndarray, "batch inputs"], Interval(-1e50, 1e50)]
Errors = Annotated[Float[np.ndarray, "*nets batch outputs"], Interval(-1e50, 1e50)]
"""f - y."""
Batches = Annotated[Float[np.ndarray, "steps batch inputs"], Interval(-1e50, 1e50)]
Targets = Annotated[Float[np.ndarray, "steps batch outputs"], Interval(-1e50, 1e50)]
