"""The domains of the simulators' arguments, in the paper's words."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Int, Real, ScalarLike

from theory_on_trial.contract import (
    MAY_BE_EMPTY,
    NON_NEGATIVE,
    UNIT_INTERVAL,
    Holds,
    Interval,
)

Target = Literal["arrest", "violent"]
"""The outcome that COMPAS predicts."""
Formulation = Literal["margin_free", "big_m", "published"]
"""The integer program: over dichotomies alone, with weights, or as released."""
Scores = Annotated[
    Float[np.ndarray, "samples"],
    Holds("decided", "be nowhere 0", lambda scores: bool(scores.all())),
]
"""A model's score of each sample; its sign is the prediction, and 0 is no prediction."""
Tolerances = Annotated[
    Sequence[float] | Float[np.ndarray, "tolerances"], UNIT_INTERVAL, MAY_BE_EMPTY
]
"""ε, tolerances of the error rate."""
Workers = Annotated[int, Interval(1, 1024, why="each is a process")]

# Pools of fitted models.
Dichotomies = Annotated[Int[np.ndarray, "models rows"], UNIT_INTERVAL, MAY_BE_EMPTY]
"""A set of classifiers, a dichotomy per row of the array."""
Weights = Annotated[Real[np.ndarray, "rows"], NON_NEGATIVE]
"""n⁺ or n⁻, the weight of a label at each row."""
Features = Real[np.ndarray, "rows dim"]
Mixings = Annotated[Sequence[float] | Float[np.ndarray, "mixings"], UNIT_INTERVAL]
"""μ, from a quadratic penalty at 0 to an absolute one at 1."""
Noise = Annotated[ScalarLike, UNIT_INTERVAL]
"""The chance of a wrong label."""
