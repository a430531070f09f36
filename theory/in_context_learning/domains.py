"""The domains of this paper's arguments, in its words."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import MAY_BE_EMPTY, NON_NEGATIVE, Interval

Inputs = Annotated[Float[np.ndarray, "examples dimension"], MAY_BE_EMPTY]
"""X, one row per example; there may be none."""
Labels = Annotated[Float[np.ndarray, " examples"], MAY_BE_EMPTY]
"""Y, one number for each example; or weights on the labels."""
Weights = Float[np.ndarray, " dimension"]
"""w, or a query x_q: one number for each column of X."""
RuleMatrix = Annotated[Float[np.ndarray, "outputs examples"], MAY_BE_EMPTY]
"""Takes labels to weights, or to predictions."""
Spectrum = Annotated[Float[np.ndarray, " eigenvalues"], NON_NEGATIVE, MAY_BE_EMPTY]
"""Eigenvalues s_i of X^T X; those not given are zero."""
Prefixes = Annotated[int, Interval(2, 10**4, why="each prefix costs")]
"""n, the length of a prompt whose prefixes are all answered."""
Form = Literal["erf", "tanh"]
"""Of GeLU."""
Pads = Literal["balanced", "paper"]
"""Balanced ones are N - S/2 and -N - S/2, the paper's N and -N - S, for all other rows of sum S."""
