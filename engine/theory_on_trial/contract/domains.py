"""Domains: markers that stand beside a type in an annotation, and the annotations that occur
most.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import numpy as np

MOST = 2**53
"""The largest integer up to which float64 counts."""
LONGEST = 2**29
"""The longest axis: the product of two still fits into 64 bits, so that memory refuses it."""
SMALLEST = 1e-50
LARGEST = 1e50
"""The range of an array's largest entry in which squares and their products neither over- nor
underflow.
"""


@dataclasses.dataclass(frozen=True)
class Interval:
    """Finite numbers from `low` to `high`, of an array each entry; `closed` says which ends belong
    to it.

    Hypothesis, and other readers of `annotated_types`, take it for the bounds of that library.
    """

    __is_annotated_types_grouped_metadata__ = True

    low: float = -math.inf
    high: float = math.inf
    closed: Literal["[]", "[)", "(]", "()"] = "[]"
    why: str = ""

    def __post_init__(self) -> None:
        if not self.low <= self.high or self.closed not in ("[]", "[)", "(]", "()"):
            raise ValueError(
                f"Interval(low, high, closed) needs low <= high and closed as in '[)', got {self}"
            )

    def __iter__(self) -> Iterator[Any]:
        import annotated_types

        if self.low > -math.inf:
            yield (annotated_types.Ge if self.closed[0] == "[" else annotated_types.Gt)(self.low)
        if self.high < math.inf:
            yield (annotated_types.Le if self.closed[1] == "]" else annotated_types.Lt)(self.high)

    def admits(self, values: Any) -> Any:
        """Return whether a number, or which entries of an array, are in the interval."""
        above = values >= self.low if self.closed[0] == "[" else values > self.low
        below = values <= self.high if self.closed[1] == "]" else values < self.high
        return above & below

    @property
    def must(self) -> str:
        """What a number in it must do, e.g. "be positive", "be at least 2", "lie in [0, 1)"."""
        low, high = (
            f"{end:g}" if isinstance(end, float) or abs(end) < 10**6 else _power(end)
            for end in self.ends
        )
        if self.low > -math.inf and self.high < math.inf and self.high not in (MOST, LONGEST):
            rule = f"lie in {self.closed[0]}{low}, {high}{self.closed[1]}"
        elif self.low > -math.inf and self.closed[0] == "[":
            rule = "be non-negative" if self.low == 0 else f"be at least {low}"
        elif self.low > -math.inf:
            rule = "be positive" if self.low == 0 else f"be above {low}"
        elif self.high < math.inf:
            rule = f"be {'at most' if self.closed[1] == ']' else 'below'} {high}"
        else:
            rule = "be finite"
        return f"{rule} ({self.why})" if self.why else rule

    def broken_by(self, values: Any) -> str:
        """What a number outside must do; names the broken limit if `must` leaves it out."""
        if self.high in (MOST, LONGEST) and np.any(np.asarray(values > self.high)):
            return f"be at most {_power(self.high)}"
        return self.must

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high


@dataclasses.dataclass(frozen=True)
class Holds:
    """A property of a whole array: its name for the tests' strategies, what it must do, and a
    function that tells.
    """

    name: str
    must: str
    check: Callable[[np.ndarray], bool] = dataclasses.field(compare=False, repr=False)
    numbers: tuple[Any, ...] = ()
    """What the property is about, such as the ends of a norm."""


def norm(low: float, high: float, order: Any = None) -> Holds:
    """Arrays whose norm lies in [low, high]: the length of a vector, the Frobenius norm of a
    matrix, or that of another `order` of `numpy.linalg.norm`, such as 2 for the spectral norm.

    Raises `ValueError` unless 0 <= low <= high < infinity.
    """
    if not 0 <= low <= high < math.inf:
        raise ValueError(f"norm(low, high) needs 0 <= low <= high, finite, got {low} and {high}")
    kind = "" if order is None else f" of order {order}"
    must = f"have a norm{kind} in [{low:g}, {high:g}]"

    def check(values: np.ndarray) -> bool:
        size = float(np.linalg.norm(values, order))
        rounding = 8 * values.size * np.finfo(float).eps
        return bool(low * (1 - rounding) <= size <= high * (1 + rounding))

    return Holds("norm", must, check, (low, high, order))


def spectrum(low: float, high: float) -> Holds:
    """Symmetric matrices whose eigenvalues lie in [low, high].

    Raises `ValueError` unless low <= high, both finite.
    """
    if not -math.inf < low <= high < math.inf:
        raise ValueError(f"spectrum(low, high) needs low <= high, finite, got {low} and {high}")
    must = f"be a symmetric matrix with eigenvalues in [{low:g}, {high:g}]"

    def check(matrix: np.ndarray) -> bool:
        if not _symmetric(matrix):
            return False
        values = np.linalg.eigvalsh(matrix)
        rounding = 8 * matrix.shape[-1] * np.finfo(float).eps * max(abs(low), abs(high))
        return bool(values.min() >= low - rounding and values.max() <= high + rounding)

    return Holds("spectrum", must, check, (low, high))


def _square(matrix: np.ndarray) -> bool:
    return bool(matrix.shape[-1] == matrix.shape[-2])


def _symmetric(matrix: np.ndarray) -> bool:
    if not _square(matrix):
        return False
    # Rounding of a product Q diag(s) Q' or of a sum over samples leaves an asymmetry of this order.
    asymmetry = np.abs(matrix - np.swapaxes(matrix, -1, -2)).max(initial=0)
    return bool(asymmetry <= _rounding(matrix))


def _semidefinite(matrix: np.ndarray) -> bool:
    return _symmetric(matrix) and bool(
        np.linalg.eigvalsh(matrix).min(initial=0) >= -_rounding(matrix)
    )


def _definite(matrix: np.ndarray) -> bool:
    return _symmetric(matrix) and bool(
        np.linalg.eigvalsh(matrix).min(initial=np.inf) > _rounding(matrix)
    )


def _rounding(matrix: np.ndarray) -> float:
    return float(8 * matrix.shape[-1] * np.finfo(matrix.dtype).eps * np.abs(matrix).max(initial=0))


def _sums_to_one(values: np.ndarray) -> bool:
    # Weights of a quadrature rule are rounded one by one.
    rounding = max(1e-9, values.shape[-1] * float(np.finfo(values.dtype).eps))
    return bool(np.all(values >= 0) and np.all(np.abs(values.sum(axis=-1) - 1) <= rounding))


def _usable(values: np.ndarray) -> bool:
    largest = float(np.abs(values).max(initial=0))
    return largest == 0 or SMALLEST <= largest <= LARGEST


def _orthonormal(matrix: np.ndarray) -> bool:
    columns = np.asarray(matrix, float) if matrix.dtype.kind in "iu" else matrix
    excess = np.abs(np.swapaxes(columns, -1, -2) @ columns - np.eye(columns.shape[-1])).max(
        initial=0
    )
    return bool(excess <= np.finfo(columns.dtype).eps ** 0.5)


def _is_float_type(value: Any) -> bool:
    if value is None:
        return False
    try:
        return (
            bool(np.issubdtype(np.dtype(value), np.floating)) or str(np.dtype(value)) == "bfloat16"
        )
    except TypeError:
        return False


def _rising(values: np.ndarray) -> bool:
    return bool(np.all(np.diff(values, axis=-1) > 0))


@dataclasses.dataclass(frozen=True)
class Is:
    """A property of a value of any kind, such as a type of numbers: what it must do, and a function
    that tells.
    """

    must: str
    check: Callable[[Any], bool] = dataclasses.field(compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Allowance:
    """Lifts one of the rules that hold without a marker."""

    name: str


POSITIVE = Interval(0, closed="()")
NON_NEGATIVE = Interval(0)
FRACTION = Interval(0, 1, "()")
UNIT_INTERVAL = Interval(0, 1)
SYMMETRIC = Holds("symmetric", "be a symmetric matrix", _symmetric)
COVARIANCE = Holds("covariance", "be symmetric and positive semidefinite", _semidefinite)
DEFINITE = Holds("definite", "be symmetric and positive definite", _definite)
PROBABILITIES = Holds(
    "probabilities", "be non-negative and sum to one over the last axis", _sums_to_one
)
ORTHONORMAL = Holds("orthonormal", "have orthonormal columns (to half the digits)", _orthonormal)
RISING = Holds("rising", "rise strictly", _rising)
USABLE_SCALE = Holds(
    "scale",
    f"be zero or have a largest entry from {SMALLEST:g} to {LARGEST:g} (squares of others get "
    "lost)",
    _usable,
)
FLOAT_TYPE = Is("be a type of floating-point numbers, such as float32", _is_float_type)
MAY_BE_EMPTY = Allowance("empty")
"""An array may have no entries."""
MAY_BE_INFINITE = Allowance("infinite")
"""Numbers may be infinite, but not NaN."""
ANY_NUMBER = Allowance("any")
"""Numbers may be infinite or NaN: the docstring says what happens then."""
Marker = Interval | Holds | Is | Allowance
Natural = Annotated[int, Interval(0, MOST)]
Count = Annotated[int, Interval(1, MOST)]
Size = Annotated[int, Interval(1, LONGEST)]
Positive = Annotated[float, POSITIVE]
NonNegative = Annotated[float, NON_NEGATIVE]
Fraction = Annotated[float, FRACTION]
UnitInterval = Annotated[float, UNIT_INTERVAL]


def _power(number: float) -> str:
    exponent = math.log2(abs(number))
    return f"2^{exponent:.0f}" if exponent == int(exponent) else f"{number:g}"
