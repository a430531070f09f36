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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from typing import Any

import numpy as np

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
]


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
    if order is None or not isinstance(x, int | float | Fraction | np.number):
        return x
    return Ball.of([enclosed(x)], order)


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
        return other if isinstance(other, Ball) else Ball.of([enclosed(other)], self.order)

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
        if isinstance(power, float) and power.is_integer():
            power = int(power)
        if isinstance(power, float) and power == 0.5:
            return sqrt(self)  # has a value at 0, too
        if not isinstance(power, int | np.integer):
            return exp(log(self) * power)
        power = int(power)
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


class Whole(int):
    """An integer parameter of a formula, as `range` and `math.comb` take it. Operations with
    integers give integers; during a proof a result that would be rounded, such as 1 / n, n * 0.1
    and n ** 0.5, is a ball.
    """


def _of_whole(name: str) -> Callable[[Whole, Any], Any]:
    """An operator of `Whole`, from those of `int` and of `Ball`."""
    on_integers = getattr(int, name)

    def call(self: Whole, other: Any) -> Any:
        found = on_integers(self, other)
        if type(found) is int:
            return Whole(found)
        ball = _ball_in_a_proof(int(self))
        return getattr(ball, name)(other) if isinstance(ball, Ball) else found

    return call


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    for _operator in (f"__{_name}__", f"__r{_name}__"):
        if hasattr(Ball, _operator) or _name in ("floordiv", "mod"):
            setattr(Whole, _operator, _of_whole(_operator))


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
    return maximum(x, -x) if isinstance(x, Ball) else np.abs(x)


def maximum(x: Any, y: Any) -> Any:
    """Return the larger of two numbers, arrays or balls."""
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
    if not isinstance(like, Ball):
        return math.pi
    from flint import arb

    return Ball.of([arb.pi()], like.order)
