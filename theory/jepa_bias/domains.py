"""The domains of this paper's arguments, in its words. Arguments with axes `*#batch` broadcast
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
"""What is predicted: the latent of the target, or the target itself."""

Reals = Float[np.ndarray, "*#batch"] | float
"""Any finite numbers."""
Positives = Annotated[Reals, POSITIVE]
"""Strengths ε, w-bar and w, variances and inverse rates."""
NonNegatives = Annotated[Reals, NON_NEGATIVE]
Fractions = Annotated[Reals, FRACTION]
"""p, the share of its final strength at which a feature counts as learned; δ; q, the rate of a
mask.
"""
Times = Annotated[Reals, NON_NEGATIVE, MAY_BE_INFINITE]
"""t."""
Depths = Annotated[Int[np.ndarray, "*#batch"] | int, Interval(1, MOST)]
"""L, the layers of the encoder, or M, those of the predictor."""
DepthsFromTwo = Annotated[Int[np.ndarray, "*#batch"] | int, Interval(2, MOST)]
Covariance = Annotated[Reals, _LEARNED]
"""λ, between the two views of a feature."""
Regression = Annotated[Reals, _WITH_VARIANCE]
"""ρ = λ / σ^2, of the target on the context."""

FeatureCovariances = Annotated[Float[np.ndarray, " features"], _LEARNED]
"""λ of each feature."""
FeatureRegressions = Annotated[Float[np.ndarray, " features"], _WITH_VARIANCE]
"""ρ of each feature."""
Learned = Bool[np.ndarray, "*states features"]
"""Which features a state has learned."""

SecondMoment = Annotated[Float[np.ndarray, "dim dim"], SYMMETRIC]
"""Σ_xx = E[x x^T]."""
Definite = Annotated[Float[np.ndarray, "dim dim"], DEFINITE]
"""Σ_xx where it is inverted; for one without full rank see `restrict_to_range`."""
CrossMoment = Float[np.ndarray, "dim dim"]
"""Σ_yx = E[y x^T]."""
