"""The domains of the simulators' arguments, in the paper's words."""

from typing import Annotated, Literal

import jax
from jaxtyping import Float, Key, Real

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    DEFINITE,
    NON_NEGATIVE,
    ORTHONORMAL,
    RISING,
    SYMMETRIC,
    USABLE_SCALE,
    Interval,
    Size,
)

Objective = Literal["jepa", "mae"]
"""What is predicted: the latent of the target, or the target itself."""

Number = float | Real[AnyArray, ""]
"""Any finite number, as Python's or as an array without axes."""
WIDEST = 2**18
"""Layers of as many rows are still a number of bytes, which memory refuses and no 64 bits overflow.
"""
RandomKey = Key[jax.Array, ""]
Depth = Annotated[int, Interval(1, WIDEST)]
"""L, the layers of the encoder."""
Dimension = Annotated[int, Interval(1, WIDEST, why="the entries of a larger matrix fit no memory")]
"""d, of the views and of every layer."""
Samples = Size
"""How many pairs of views are drawn."""

RealDepth = Annotated[Number, Interval(1)]
"""L where it is but an exponent."""
Start = Annotated[Number, Interval(0, closed="()", why="0 is a saddle, where nothing moves")]
"""ε, the strength of every feature at the start; w(0), that of each of its factors."""
Covariance = Annotated[
    Number,
    Interval(0, closed="()", why="a feature without covariance between the views is never learned"),
]
"""λ."""
Regression = Annotated[
    Number,
    Interval(
        0,
        closed="()",
        why="a feature without covariance between the views has nothing to regress on",
    ),
]
"""ρ."""
Fraction = Annotated[Number, Interval(0, 1, "()", why="the asymptote itself is never reached")]
"""p."""
Times = Annotated[Float[AnyArray, "times"], NON_NEGATIVE, RISING]
Tracking = Annotated[Number, NON_NEGATIVE]
"""τ, the rate at which each layer of the target follows that of the encoder; 0 freezes it."""

CrossMoment = Annotated[Float[AnyArray, "dim dim"], USABLE_SCALE]
"""Σ_yx = E[y xᵀ]."""
SecondMoment = Annotated[Float[AnyArray, "dim dim"], SYMMETRIC, USABLE_SCALE]
"""Σ_yy = E[y yᵀ], and Σ_xx where it may be singular."""
Definite = Annotated[Float[AnyArray, "dim dim"], DEFINITE, USABLE_SCALE]
"""Σ_xx = E[x xᵀ]: a direction without input variance has no regression coefficient, drop it."""
Basis = Annotated[Float[AnyArray, "dim dim"], ORTHONORMAL]
"""Q, the features as columns."""
