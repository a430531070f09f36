"""The domains of the solver's arguments."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int, Real

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    ANY_NUMBER,
    MAY_BE_EMPTY,
    MAY_BE_INFINITE,
    NON_NEGATIVE,
    UNIT_INTERVAL,
    Holds,
    Interval,
)

Samples = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""Features, a row per sample, from any library: `aggregate` names invalid entries and their places.
"""
Labels = Annotated[
    Sequence[int] | Real[np.ndarray, "samples"],
    Holds("signs", "be -1 or +1", lambda y: bool(np.isin(y, (-1, 1)).all())),
]
"""y, -1 or +1."""
SampleWeights = Annotated[Sequence[float] | Real[np.ndarray, "samples"], NON_NEGATIVE]
"""How often each sample counts."""
Dichotomy = Annotated[Int[np.ndarray, "rows"], UNIT_INTERVAL]
"""b, 1 where a classifier says positive, for each row of a table."""
Relaxed = Float[np.ndarray, "rows"]
"""b of a linear relaxation, one number for each row of a table."""
Tolerance = Annotated[float, Interval(-1, 1)]
"""ε, by how much the error rate may exceed the baseline's."""
TimeLimit = Annotated[float, Interval(0, closed="(]"), MAY_BE_INFINITE] | None
"""Seconds; none for as long as it takes."""
Points = Real[AnyArray, "rows dim"]
"""x_u, a point per row."""
Counts = Annotated[Int[AnyArray, "rows"], NON_NEGATIVE]
"""n⁺ or n⁻, how many samples of a label each point has."""
