"""The contract of a function: the domain of each argument stands in its annotation, once.

People read it there; `guarded` holds the arguments to it and gives anything else one sentence; the hostile-input tests
and Hypothesis draw from it (`promises`, of the tests). A domain is a marker beside the type:

    Points = Annotated[int, Interval(2, why="one point has no variance")]
    Spectrum = Annotated[Float[np.ndarray, " components"], POSITIVE]

    @guarded
    def rate(n_points: Points, kappa: Positive, spectrum: Spectrum) -> float: ...

Without a marker a number is finite, an array is finite and not empty, and an integer has 64 bits. Shapes are those of
jaxtyping: axes of one name must have one length, and those of a name with # (`"*#batch"`) broadcast. What two
arguments owe to each other is one line in the body, `require(dim >= n_classes, ...)`. Traced values pass: their
numbers are not known. Options that are handed on, `**options: Unpack[Options]`, have their domains in the fields of
that `TypedDict`; `*values: Positive` is the domain of each value.
"""

from theory_on_trial.contract.arguments import Alternative, Argument
from theory_on_trial.contract.domains import (
    ANY_NUMBER,
    COVARIANCE,
    DEFINITE,
    FLOAT_TYPE,
    FRACTION,
    LARGEST,
    LONGEST,
    MAY_BE_EMPTY,
    MAY_BE_INFINITE,
    MOST,
    NON_NEGATIVE,
    ORTHONORMAL,
    POSITIVE,
    PROBABILITIES,
    RISING,
    SMALLEST,
    SYMMETRIC,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Count,
    Fraction,
    Holds,
    Interval,
    Is,
    Marker,
    Natural,
    NonNegative,
    Positive,
    Size,
    UnitInterval,
)
from theory_on_trial.contract.guard import contract_of, guarded
from theory_on_trial.contract.joint import is_traced, require, require_room

__all__ = [
    "ANY_NUMBER",
    "COVARIANCE",
    "DEFINITE",
    "FLOAT_TYPE",
    "FRACTION",
    "LARGEST",
    "LONGEST",
    "MAY_BE_EMPTY",
    "MAY_BE_INFINITE",
    "MOST",
    "NON_NEGATIVE",
    "ORTHONORMAL",
    "POSITIVE",
    "PROBABILITIES",
    "RISING",
    "SMALLEST",
    "SYMMETRIC",
    "UNIT_INTERVAL",
    "USABLE_SCALE",
    "Alternative",
    "Argument",
    "Count",
    "Fraction",
    "Holds",
    "Interval",
    "Is",
    "Marker",
    "Natural",
    "NonNegative",
    "Positive",
    "Size",
    "UnitInterval",
    "contract_of",
    "guarded",
    "is_traced",
    "require",
    "require_room",
]
