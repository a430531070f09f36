"""The domains of this paper's simulators."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    COVARIANCE,
    DEFINITE,
    LONGEST,
    POSITIVE,
    PROBABILITIES,
    USABLE_SCALE,
    Interval,
)

Covariance = Annotated[Float[np.ndarray, "dim dim"], DEFINITE, USABLE_SCALE]
"""Of the features."""
Prior = Annotated[Float[np.ndarray, "dim dim"], DEFINITE, USABLE_SCALE]
"""S: plausible tasks have f' S^-1 f <= 1."""
Moment = Annotated[Float[np.ndarray, "dim dim"], COVARIANCE, USABLE_SCALE]
"""E f f' of random tasks."""
Representation = Annotated[Float[np.ndarray, "dim kept"], USABLE_SCALE]
Representations = Annotated[Float[np.ndarray, "*each dim kept"], USABLE_SCALE]
"""Matrices of independent columns, along leading axes."""
Task = Annotated[Float[np.ndarray, " dim"], USABLE_SCALE]
Tasks = Annotated[Float[np.ndarray, "dim tasks"], USABLE_SCALE]
"""A task per column."""
Chances = Annotated[Float[np.ndarray, " atoms"], PROBABILITIES]
Spectrum = Annotated[Float[np.ndarray, " dim"], POSITIVE, USABLE_SCALE]
"""Eigenvalues of one world."""
Spectra = Annotated[Float[np.ndarray, "*each dim"], POSITIVE, USABLE_SCALE]
"""Eigenvalues along the last axis, the largest first where the order counts."""
Games = Annotated[Float[np.ndarray, "games dim"], POSITIVE, USABLE_SCALE]
"""Eigenvalues, a game per row."""
Kept = Annotated[int, Interval(1, LONGEST)]
Dim = Annotated[int, Interval(1, 2**12, why="matrices of that size still fit")]
Seed = Annotated[int, Interval(0, 2**63 - 1)]
Samples = Annotated[int, Interval(2, 2**50)]
Replicas = Annotated[int, Interval(1, 2**20)]
