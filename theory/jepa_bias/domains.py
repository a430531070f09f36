"""The domains of the arguments of this paper's functions. Arguments with axes `*#batch` broadcast
against each other.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from theory_on_trial.contract import (
    DEFINITE,
    FRACTION,
    MAY_BE_INFINITE,
    MOST,
    NON_NEGATIVE,
    POSITIVE,
    SYMMETRIC,
    Interval,
)

# What arithmetic makes of broadcast arguments: an array, or NumPy's scalar where all are scalars.
Floats = Float[np.ndarray, "..."] | np.floating
Wholes = Int[np.ndarray, "..."] | np.integer
Truths = Bool[np.ndarray, "..."] | np.bool_

_LEARNED = Interval(
    0,
    closed="()",
    why="a feature with covariance <= 0 is never learned from a positive aligned start",
)
_WITH_VARIANCE = Interval(0, closed="()", why="a feature without input variance has none: drop it")

Objective = Literal["jepa", "mae"]
"""Whether the prediction is of the latent of the target (jepa) or of the target itself (mae)."""

Reals = Float[np.ndarray, "*#batch"] | float
"""Any finite numbers."""
Positives = Annotated[Reals, POSITIVE]
"""Positive numbers: strengths ε, w-bar and w, variances, or inverse rates."""
NonNegatives = Annotated[Reals, NON_NEGATIVE]
Fractions = Annotated[Reals, FRACTION]
"""Numbers in (0, 1): p, the share of its final strength at which a feature counts as learned; the
misalignment δ; or the rate q of a mask.
"""
Times = Annotated[Reals, NON_NEGATIVE, MAY_BE_INFINITE]
"""The times t, which may be infinite."""
Depths = Annotated[Int[np.ndarray, "*#batch"] | int, Interval(1, MOST)]
"""The number of layers: L of the encoder, or M of the predictor."""
DepthsFromTwo = Annotated[Int[np.ndarray, "*#batch"] | int, Interval(2, MOST)]
Covariance = Annotated[Reals, _LEARNED]
"""The covariance λ between the two views of a feature."""
Regression = Annotated[Reals, _WITH_VARIANCE]
"""The coefficient ρ = λ / σ^2 of the regression of the target on the context."""

FeatureCovariances = Annotated[Float[np.ndarray, " features"], _LEARNED]
"""The covariance λ of each feature."""
FeatureRegressions = Annotated[Float[np.ndarray, " features"], _WITH_VARIANCE]
"""The regression coefficient ρ of each feature."""
Learned = Bool[np.ndarray, "*states features"]
"""Whether each state has learned each feature."""

SecondMoment = Annotated[Float[np.ndarray, "dim dim"], SYMMETRIC]
"""The second moment Σ_xx = E[x x^T]."""
Definite = Annotated[Float[np.ndarray, "dim dim"], DEFINITE]
"""The second moment Σ_xx where it is inverted."""
CrossMoment = Float[np.ndarray, "dim dim"]
"""The cross moment Σ_yx = E[y x^T]."""
