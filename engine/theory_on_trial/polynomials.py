"""Polynomials with rational coefficients: what a formula is, and not what it gives at some points.

A formula of `prove_identity` is called once, with these in place of its parameters. It may add,
subtract, multiply, divide by numbers and raise to whole powers. Anything else, such as a
comparison or a remainder, would make it another function than a polynomial, and is refused.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NoReturn

Monomial = frozenset[tuple[str, int]]
"""The names of its parameters, each with its power."""

_ONE: Monomial = frozenset()
_numbers = itertools.count()


class Polynomial:
    """A polynomial; `terms` holds by monomial its coefficient, which is not 0."""

    __slots__ = ("terms",)
    __array_ufunc__ = None  # NumPy hands its operators over
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, terms: Mapping[Monomial, Fraction]):
        self.terms = {monomial: value for monomial, value in terms.items() if value}

    @classmethod
    def parameter(cls, name: str) -> "Polynomial":
        """The parameter of a name."""
        return cls({frozenset({(name, 1)}): Fraction(1)})

    @classmethod
    def of(cls, number: Any) -> "Polynomial":
        """A polynomial as it is, or an exact number as one; raise `ValueError` for another."""
        if isinstance(number, Polynomial):
            return number
        if isinstance(number, bool) or not isinstance(number, int | Fraction):
            raise ValueError(
                "a side of a polynomial identity must be computed with fractions and integers "
                f"alone, got {type(number).__name__}"
            )
        return cls({_ONE: Fraction(number)})

    def degree(self, name: str) -> int:
        """The highest power of a parameter."""
        return max((dict(monomial).get(name, 0) for monomial in self.terms), default=0)

    def at(self, point: Mapping[str, int]) -> Fraction:
        """The value at a point."""
        return sum(
            (
                value * math.prod(Fraction(point[name]) ** power for name, power in monomial)
                for monomial, value in self.terms.items()
            ),
            start=Fraction(0),
        )

    def __neg__(self) -> "Polynomial":
        return self * -1

    def __pos__(self) -> "Polynomial":
        return self

    def __add__(self, other: Any) -> "Polynomial":
        terms = dict(self.terms)
        for monomial, value in Polynomial.of(other).terms.items():
            terms[monomial] = terms.get(monomial, Fraction(0)) + value
        return Polynomial(terms)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Polynomial":
        difference: Polynomial = self + Polynomial.of(other) * -1
        return difference

    def __rsub__(self, other: Any) -> "Polynomial":
        difference: Polynomial = self * -1 + other
        return difference

    def __mul__(self, other: Any) -> "Polynomial":
        terms: dict[Monomial, Fraction] = {}
        others = Polynomial.of(other).terms.items()
        for one, left in self.terms.items():
            for another, right in others:
                powers = dict(one)
                for name, power in another:
                    powers[name] = powers.get(name, 0) + power
                monomial = frozenset(powers.items())
                terms[monomial] = terms.get(monomial, Fraction(0)) + left * right
        return Polynomial(terms)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Polynomial":
        divisor = Polynomial.of(other)
        if any(divisor.terms.keys() - {_ONE}):
            raise ValueError(
                "a polynomial divided by a parameter is none: multiply both sides by the divisor"
            )
        return self * (1 / divisor.at({}))

    def __rtruediv__(self, other: Any) -> "Polynomial":
        return Polynomial.of(other) / self

    def __pow__(self, power: Any) -> "Polynomial":
        if isinstance(power, bool) or not isinstance(power, int) or power < 0:
            raise ValueError(
                "a side of a polynomial identity must be computed with fractions and integers "
                f"alone, and whole powers of at least 0, got the power {power}"
            )
        found = Polynomial.of(1)
        for _ in range(power):
            found = found * self
        return found

    def _refused(self, *_: Any) -> NoReturn:
        raise ValueError(
            "a side of a polynomial identity must not compare, round, count or take remainders or "
            "absolute values, because elsewhere it would be another polynomial; a sum over whole "
            "numbers is balls.total(term, first, last)"
        )

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __bool__ = _refused
    __abs__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __divmod__ = _refused
    __rpow__ = __int__ = __index__ = __float__ = __round__ = _refused
    __trunc__ = __floor__ = __ceil__ = _refused

    def coefficients(self, name: str) -> list["Polynomial"]:
        """The polynomials by which the powers of a parameter are multiplied, from power 0 on."""
        found = [Polynomial({}) for _ in range(self.degree(name) + 1)]
        for monomial, value in self.terms.items():
            powers = dict(monomial)
            power = powers.pop(name, 0)
            found[power] = found[power] + Polynomial({frozenset(powers.items()): value})
        return found


def summed(term: Callable[[Any], Any], first: Any, last: Any) -> Polynomial:
    """Return the sum of term(k) over k from `first` to `last` as the polynomial that it is at whole
    numbers with `last` >= `first` - 1.
    """
    name = f"summed over {next(_numbers)}"
    of_powers = Polynomial.of(term(Polynomial.parameter(name))).coefficients(name)
    found = Polynomial({})
    for power, coefficient in enumerate(of_powers):
        law = _sum_of_powers(power)
        found = found + coefficient * (_value(law, last) - _value(law, Polynomial.of(first) - 1))
    return found


def _sum_of_powers(power: int) -> list[Fraction]:
    """The coefficients of 1^p + … + n^p as a polynomial of n.

    The sum of (k + 1)^(p + 1) - k^(p + 1) from 1 to n is (n + 1)^(p + 1) - 1, and by the binomial
    theorem p + 1 times what is sought, plus sums of lower powers.
    """
    sums: list[list[Fraction]] = []
    for p in range(power + 1):
        law = [Fraction(math.comb(p + 1, k)) for k in range(p + 2)]
        law[0] -= 1
        for lower in range(p):
            for k, value in enumerate(sums[lower]):
                law[k] -= math.comb(p + 1, lower) * value
        sums.append([value / (p + 1) for value in law])
    return sums[power]


def _value(coefficients: list[Fraction], at: Any) -> Polynomial:
    found = Polynomial({})
    for coefficient in reversed(coefficients):
        found = found * at + coefficient
    return found
