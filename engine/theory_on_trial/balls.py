"""Functions that take floats, arrays and balls: a formula is written once, computed on floats and
enclosed on boxes.

A `Ball` encloses every value that a formula takes on a box, and the coefficients of its Taylor
series along one parameter. The arithmetic is that of Arb (python-flint, an extra). `exp`, `log`,
`sqrt`, … below compute with NumPy on anything else.

>>> from theory_on_trial import balls
>>> balls.exp(0.0)
1.0
"""

import math
import numbers
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from typing import Any

import numpy as np

from theory_on_trial.polynomials import Polynomial, summed

__all__ = [
    "Ball",
    "absolute",
    "acos",
    "asin",
    "asinh",
    "atan",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "lgamma",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "pi",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "total",
]


_DIGITS = 8
"""A float with more significant digits than these was not typed, but computed, and so rounded."""
_EXACT_FORMS = "Fraction(1, 3), balls.exp, balls.sqrt, balls.pi, …"
_ORDER: ContextVar[int | None] = ContextVar("order of the balls of a proof", default=None)


@contextmanager
def enclosing(order: int) -> Iterator[None]:
    """Within this context the functions below return balls of this order for plain numbers, too:
    sqrt(2) and exp(n) of an integer n are enclosed, and not rounded to floats.
    """
    token = _ORDER.set(order)
    try:
        yield
    finally:
        _ORDER.reset(token)


def _ball_in_a_proof(x: Any) -> Any:
    """Return a plain number as a ball during a proof; return anything else unchanged."""
    order = _ORDER.get()
    if order is None or not isinstance(x, Whole | int | float | Fraction | np.generic):
        return x
    return Ball.of([exact(x)], order)


def exact(number: Any) -> Any:
    """Return a number that a formula computes with as a ball of Arb.

    Raises `TypeError`, during a proof, for a number that is or may be rounded: one of NumPy, and a
    float that is not typed where it is used, such as the result of `math.exp` or of 1 / 3.
    """
    if isinstance(number, Whole):
        number = number.value
    if _ORDER.get() is None or not isinstance(number, float | np.generic):
        return enclosed(number)
    if isinstance(number, np.generic):
        raise TypeError(
            f"a proof does not round, and NumPy's {number!s} may have been: write {_EXACT_FORMS} "
            "of Python's own numbers"
        )
    if not is_typed(number, _asking()):
        raise TypeError(
            f"a proof does not round, and the float {number!r} was computed, or has many digits: "
            f"write {_exact_form_of(number)}"
        )
    return enclosed(number)


def _asking() -> Any:
    """The code of the nearest function on the stack that is not of this module."""
    frame: Any = sys._getframe(1)
    while frame.f_globals is globals():
        frame = frame.f_back
    return frame.f_code


def is_typed(number: float, code: Any) -> bool:
    """Tell whether a float is a constant of few digits in a function's code."""
    if not math.isfinite(number) or float(f"{number:.{_DIGITS - 1}e}") != number:
        return False
    constants = list(getattr(code, "co_consts", ()))
    while constants:
        constant = constants.pop()
        if isinstance(constant, tuple | frozenset):
            constants += constant
        elif isinstance(constant, float) and abs(constant) == abs(number):
            return True
    return False


def _exact_form_of(number: float) -> str:
    """What to write for a float that was computed."""
    if math.isfinite(number):
        near = Fraction(number).limit_denominator(10_000)
        if number and float(near) == number:
            return f"Fraction({near.numerator}, {near.denominator})"
    return f"{_EXACT_FORMS}, or Fraction(x) where the float x itself is meant"


def enclosed(number: Any) -> Any:
    """Return an int, a float or a fraction as a ball of Arb without a wider error than its own.

    Raises `TypeError` for anything else.
    """
    from flint import arb, fmpq

    if isinstance(number, arb):
        return number
    if isinstance(number, bool | np.bool_):
        raise TypeError(f"a formula computes with numbers, got {number}")
    if isinstance(number, int | np.integer):
        return arb(int(number))
    if isinstance(number, Fraction):
        return arb(fmpq(number.numerator, number.denominator))
    if isinstance(number, float | np.floating):
        return arb(float(number))
    raise TypeError(f"a formula computes with int, float or Fraction, got {type(number).__name__}")


class Ball:
    """An enclosure of f on a box, and of its Taylor coefficients along one parameter.

    Attributes:
        series: of Arb; coefficient k contains f^(k)(x) / k! for every x of the box.
        order: the highest coefficient that is kept, >= 0.

    Comparisons are refused with `TypeError`: a formula that branches on its value has no enclosure.
    Write `maximum`, `minimum` or `absolute`, or prove the parts of the box one by one.
    """

    __slots__ = ("order", "series")
    __array_ufunc__ = None  # NumPy hands its operators over
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, series: Any, order: int):
        self.series = series
        self.order = order

    @classmethod
    def of(cls, coefficients: Sequence[Any], order: int) -> "Ball":
        """Make a ball of its first coefficients, each a ball of Arb; the others are 0."""
        from flint import arb_series

        return cls(arb_series(list(coefficients)[: order + 1], order + 1), order)

    @property
    def value(self) -> Any:
        """The enclosure of f itself."""
        return self.series[0]

    def coefficient(self, k: int) -> Any:
        """The enclosure of the k-th Taylor coefficient."""
        return self.series[k]

    def _other(self, other: Any) -> "Ball":
        return other if isinstance(other, Ball) else Ball.of([exact(other)], self.order)

    def _sharper(self, value: Any) -> "Ball":
        """The same series, its value intersected with another enclosure."""
        rest = [self.series[k] for k in range(1, self.order + 1)]
        return Ball.of([value, *rest], self.order)

    def __neg__(self) -> "Ball":
        return Ball(-self.series, self.order)

    def __pos__(self) -> "Ball":
        return self

    def __abs__(self) -> Any:
        return absolute(self)

    def __add__(self, other: Any) -> "Ball":
        return Ball(self.series + self._other(other).series, self.order)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Ball":
        return Ball(self.series - self._other(other).series, self.order)

    def __rsub__(self, other: Any) -> Any:
        return self._other(other) - self

    def __mul__(self, other: Any) -> Any:
        if other is self:
            return self**2
        return Ball(self.series * self._other(other).series, self.order)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self * self._other(other) ** -1

    def __rtruediv__(self, other: Any) -> Any:
        return self._other(other) * self**-1

    def __pow__(self, power: Any) -> Any:
        if isinstance(power, Whole):
            power = power.value
        if isinstance(power, float | np.generic):
            exact(power)
        if isinstance(power, float | Fraction) and power == int(power):
            power = int(power)
        if isinstance(power, float | Fraction) and power == 0.5:
            return sqrt(self)  # has a value at 0, too
        if not isinstance(power, int):
            return exp(log(self) * power)
        if power < 0:
            if self.value.contains(0):
                return _nowhere(self.order)
            inverse = Ball(self.series.inv(), self.order)._sharper(1 / self.value)
            return inverse**-power
        found = Ball.of([enclosed(1)], self.order)
        for digit in bin(power)[2:]:
            found = Ball(found.series * found.series, self.order)
            if digit == "1":
                found = Ball(found.series * self.series, self.order)
        return found._sharper(_power(self.value, power))

    def __rpow__(self, base: Any) -> Any:
        return exp(log(self._other(base)) * self)

    def _compared(self, other: Any = None) -> bool:
        raise TypeError(
            "a formula that is proved on a box must not compare: the answer may differ from point "
            "to point; write maximum, minimum or absolute, or prove the parts of the box one by one"
        )

    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = _compared
    __eq__ = __ne__ = _compared

    def __float__(self) -> float:
        raise TypeError(
            "a ball is no float: write the formula with the functions of theory_on_trial.balls"
        )


class Whole:
    """An integer parameter of a formula during a proof, as `range`, `math.comb` and `Fraction` take
    it.

    Operations with integers give integers; a result that would be rounded, such as 1 / n, 0.3 ** n
    and n ** 0.5, is a ball. It is no float: `math.exp(n)` would round it.
    """

    __slots__ = ("value",)
    __array_ufunc__ = None  # NumPy hands its operators over, and refuses its functions

    def __init__(self, value: int):
        self.value = int(value)

    numerator = property(int)
    denominator = 1

    def __index__(self) -> int:
        return self.value

    __int__ = __trunc__ = __floor__ = __ceil__ = __index__

    def __float__(self) -> float:
        raise TypeError(
            f"a proof does not round: write {_EXACT_FORMS} of whole numbers, and no function of "
            "math or NumPy"
        )

    def __repr__(self) -> str:
        return repr(self.value)

    def __hash__(self) -> int:
        return hash(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __neg__(self) -> "Whole":
        return Whole(-self.value)

    def __pos__(self) -> "Whole":
        return self

    def __abs__(self) -> "Whole":
        return Whole(abs(self.value))

    def __pow__(self, power: Any) -> Any:
        return _power_of_whole(self, power)

    def __rpow__(self, base: Any) -> Any:
        return _power_of_whole(base, self)


numbers.Integral.register(Whole)


def _power_of_whole(base: Any, power: Any) -> Any:
    """A power of or by an integer parameter; an integer where it is one."""
    base, power = (part.value if isinstance(part, Whole) else part for part in (base, power))
    if isinstance(base, int) and isinstance(power, int) and power >= 0:
        return Whole(base**power)
    return Ball.of([exact(base)], _ORDER.get() or 0) ** power


def _of_whole(name: str) -> Callable[[Whole, Any], Any]:
    """An operator of `Whole`, from those of `int` and of `Ball`."""

    def call(self: Whole, other: Any) -> Any:
        other = other.value if isinstance(other, Whole) else other
        found = getattr(int, name)(self.value, other)
        if type(found) is int:
            return Whole(found)
        ball = Ball.of([enclosed(self.value)], _ORDER.get() or 0)
        operator = getattr(ball, name, None)
        return NotImplemented if operator is None else operator(other)

    return call


def _comparing(name: str) -> Callable[[Whole, Any], Any]:
    """A comparison of `Whole`, which is exact."""

    def call(self: Whole, other: Any) -> Any:
        return getattr(int, name)(self.value, other.value if isinstance(other, Whole) else other)

    return call


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
    for _operator in (f"__{_name}__", f"__r{_name}__"):
        setattr(Whole, _operator, _of_whole(_operator))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Whole, f"__{_name}__", _comparing(f"__{_name}__"))


def _nowhere(order: int) -> Ball:
    """The ball of a formula that has no finite value somewhere on the box."""
    from flint import arb

    return Ball.of([arb.nan()] * (order + 1), order)


def _power(value: Any, power: int) -> Any:
    """A power >= 0 of a ball, by its ends; an even one of a ball around 0 is not negative."""
    from flint import arb

    if power == 0 or not value.is_finite():
        return value**power
    if power % 2 == 0 and value.contains(0):
        return arb(0).union(value.abs_upper() ** power)
    return (value.lower() ** power).union(value.upper() ** power)


def _function(
    name: str, on_floats: Callable[..., Any], on_series: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """Make a function of one argument from those of NumPy, of Arb's series and of Arb's balls.

    The value of a ball comes from Arb's own function of the name: a series writes tanh by exp, and
    the same variable twice makes a ball wider.
    """

    def call(x: Any) -> Any:
        x = _ball_in_a_proof(x)
        if not isinstance(x, Ball):
            return on_floats(float(x) if isinstance(x, Fraction) else x)
        value = getattr(x.value, name)()
        if x.order == 0 or not value.is_finite():
            return Ball.of([value], 0) if x.order == 0 else _nowhere(x.order)
        try:
            series = on_series(x.series)
        except (ValueError, ZeroDivisionError):  # a denominator around 0: the derivatives are open
            return _nowhere(x.order)._sharper(value)
        return Ball(series, x.order)._sharper(value)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Return {name} of a number, an array or a ball."
    return call


def _special(name: str) -> Callable[[Any], Any]:
    """A function of SciPy, which is imported when it is called."""

    def call(x: Any) -> Any:
        from scipy import special

        return getattr(special, name)(x)

    return call


def _tanh(s: Any) -> Any:
    return 1 - 2 / ((2 * s).exp() + 1)


exp = _function("exp", np.exp, lambda s: s.exp())
expm1 = _function("expm1", np.expm1, lambda s: s.exp() - 1)
log = _function("log", np.log, lambda s: s.log())
log1p = _function("log1p", np.log1p, lambda s: (1 + s).log())
sqrt = _function("sqrt", np.sqrt, lambda s: s.sqrt())
sin = _function("sin", np.sin, lambda s: s.sin())
cos = _function("cos", np.cos, lambda s: s.cos())
tan = _function("tan", np.tan, lambda s: s.tan())
asin = _function("asin", np.arcsin, lambda s: s.asin())
acos = _function("acos", np.arccos, lambda s: s.acos())
atan = _function("atan", np.arctan, lambda s: s.atan())
sinh = _function("sinh", np.sinh, lambda s: (s.exp() - (-s).exp()) / 2)
cosh = _function("cosh", np.cosh, lambda s: (s.exp() + (-s).exp()) / 2)
tanh = _function("tanh", np.tanh, _tanh)
asinh = _function("asinh", np.arcsinh, lambda s: (s + (s * s + 1).sqrt()).log())
erf = _function("erf", _special("erf"), lambda s: s.erf())
erfc = _function("erfc", _special("erfc"), lambda s: s.erfc())
lgamma = _function("lgamma", _special("gammaln"), lambda s: s.lgamma())


def absolute(x: Any) -> Any:
    """Return |x| of a number, an array or a ball."""
    x = _ball_in_a_proof(x)
    return maximum(x, -x) if isinstance(x, Ball) else np.abs(x)


def maximum(x: Any, y: Any) -> Any:
    """Return the larger of two numbers, arrays or balls."""
    x = _ball_in_a_proof(x)
    y = _ball_in_a_proof(y)
    if not isinstance(x, Ball) and not isinstance(y, Ball):
        return np.maximum(x, y)
    left = x if isinstance(x, Ball) else y._other(x)
    right = left._other(y)
    if left.value > right.value:
        return left
    if left.value < right.value:
        return right
    found = _nowhere(left.order)._sharper(left.value.max(right.value))
    if left.order == 0:
        return found
    # The larger of two has, where it has one, a slope between theirs: enough for a mean value.
    slope = left.series[1].union(right.series[1])
    rest = [found.series[k] for k in range(2, left.order + 1)]
    return Ball.of([found.value, slope, *rest], left.order)


def minimum(x: Any, y: Any) -> Any:
    """Return the smaller of two numbers, arrays or balls."""
    return -maximum(-x, -y)


def pi(like: Any) -> Any:
    """Return π in the arithmetic of another number: a ball beside a ball, else a float."""
    like = _ball_in_a_proof(like)
    if hasattr(like, "pi"):
        return like.pi()
    if not isinstance(like, Ball):
        return math.pi
    from flint import arb

    return Ball.of([arb.pi()], like.order)


def total(term: Callable[[Any], Any], first: Any, last: Any) -> Any:
    """Return the sum of term(k) over the whole numbers k from `first` to `last`; 0 if there are
    none.

    In a proof it is exact: 1 / k is enclosed for each k, and not rounded. In `prove_identity` the
    ends may be polynomials of the parameters; the sum is then the polynomial of the whole numbers
    at which `last` is not below `first` - 1.
    """
    if isinstance(first, Polynomial) or isinstance(last, Polynomial):
        return summed(term, first, last)
    number = Whole if _ORDER.get() is not None else int
    found: Any = number(0)
    for k in range(first, int(last) + 1):
        found = found + term(number(k))
    return found
