"""Certificates of proofs: the formula as a list of steps, the box, and how it was cut, in a file.

`theory_on_trial.checker`, a file of its own on exact fractions, proves the same from it again.
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from theory_on_trial.balls import is_typed
from theory_on_trial.decide.prover import Proof

_FOLDER: list[Path] = []


class NoCertificate(ValueError):
    """A proof that is not written; the message says why."""


def keep_in(folder: Path | None) -> None:
    """Write the certificates of all proofs from now on into a folder; None writes none."""
    _FOLDER[:] = [] if folder is None else [folder]


def kept(
    name: str,
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    box: Mapping[str, Any],
    tolerance: float,
    proof: Proof,
) -> str:
    """Write the certificate of a proof if there is a folder; return a remark for its row."""
    if not _FOLDER or proof.outcome != "VERIFIED":
        return ""
    try:
        text = certificate(name, lhs, rhs, box, tolerance, proof)
    except NoCertificate as error:
        return f"no certificate: {error}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    stem = re.sub(r"[^\w.-]+", "_", name).strip("_") or "proof"
    _FOLDER[0].mkdir(parents=True, exist_ok=True)
    file = _FOLDER[0] / f"{stem}-{digest}.json"
    file.write_text(text, encoding="utf-8")
    return f"certificate {file.name}"


def certificate(
    name: str,
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    box: Mapping[str, Any],
    tolerance: float,
    proof: Proof,
) -> str:
    """Return the text of a certificate.

    Raises `NoCertificate` for a box with integers and for a formula that is not made of +, -, *, /,
    whole powers, roots, `balls.exp`, `log`, `sinh`, `cosh`, `tanh`, `expm1` and `log1p`.
    """
    if integers := [one for one, ends in box.items() if not isinstance(ends, tuple)]:
        raise NoCertificate(f"{integers[0]} is an integer, which the checker does not know")
    steps: list[list[Any]] = []
    parameters = {one: _Term(steps, ["parameter", one]) for one in box}
    try:
        with np.errstate(all="ignore"):
            sides = [side(**parameters) for side in (rhs, lhs)]
        right, left = (
            one if isinstance(one, _Term) else _number(steps, one, getattr(side, "__code__", None))
            for one, side in zip(sides, (rhs, lhs), strict=True)
        )
        _ = right + (_number(steps, Fraction(tolerance), None) - left)
    except (TypeError, AttributeError, ValueError) as error:
        raise NoCertificate(f"the checker does not know a step of the formula: {error}") from error
    whole = {
        "statement": f"{name}: lhs <= rhs{f' + {tolerance!r}' if tolerance else ''}",
        "steps": steps,
        "box": {one: [_text(end) for end in ends] for one, ends in box.items()},
        "pieces": _texts(proof.pieces),
    }
    plain = json.dumps(whole, sort_keys=True)
    whole["sha256"] = hashlib.sha256(plain.encode()).hexdigest()
    return json.dumps(whole, sort_keys=True) + "\n"


def _text(number: Any) -> str:
    """A number in full, as a fraction."""
    return str(Fraction(number) if isinstance(number, int | Fraction) else Fraction(float(number)))


def _texts(pieces: Any) -> Any:
    if pieces == "shown":
        return pieces
    name, cut, *halves = pieces
    return [name, _text(cut), *map(_texts, halves)]


def _number(steps: list[list[Any]], number: Any, code: Any) -> "_Term":
    """Write down a number; raise `TypeError` for one that may have been rounded."""
    if not isinstance(number, int | float | Fraction) or isinstance(number, np.generic):
        raise TypeError(f"{number!r} of type {type(number).__name__}")
    if isinstance(number, float) and not is_typed(number, code):
        raise TypeError(f"the number {number!r} was computed")
    return _Term(steps, ["number", str(Fraction(number))])


def _asking() -> Any:
    """The code of the nearest function on the stack that is not of this module."""
    frame: Any = sys._getframe(1)
    while frame.f_globals is globals():
        frame = frame.f_back
    return frame.f_code


class _Term:
    """A step of a formula that is written down as it is called; NumPy calls its methods."""

    def __init__(self, steps: list[list[Any]], step: list[Any]):
        self.steps = steps
        self.place = len(steps)
        steps.append(step)

    def _step(self, name: str, *others: Any) -> "_Term":
        places = [one.place if isinstance(one, _Term) else one for one in others]
        return _Term(self.steps, [name, self.place, *places])

    def _other(self, other: Any) -> "_Term":
        return other if isinstance(other, _Term) else _number(self.steps, other, _asking())

    def __array_ufunc__(self, function: Any, method: str, *given: Any, **named: Any) -> "_Term":
        """A function of NumPy on this step alone; a number of NumPy beside it was rounded."""
        if len(given) != 1 or not hasattr(self, function.__name__):
            raise TypeError(f"{function.__name__} of NumPy")
        found: _Term = getattr(self, function.__name__)()
        return found

    def __neg__(self) -> "_Term":
        return self * -1

    def __pos__(self) -> "_Term":
        return self

    def __add__(self, other: Any) -> "_Term":
        return self._step("+", self._other(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> "_Term":
        return self + -self._other(other)

    def __rsub__(self, other: Any) -> "_Term":
        return self._other(other) - self

    def __mul__(self, other: Any) -> "_Term":
        return self**2 if other is self else self._step("*", self._other(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "_Term":
        return self * self._other(other)._step("inverse")

    def __rtruediv__(self, other: Any) -> "_Term":
        return self._other(other) * self._step("inverse")

    def __pow__(self, power: Any) -> "_Term":
        if isinstance(power, _Term):
            return (self.log() * power).exp()
        whole = Fraction(power)
        if whole == Fraction(1, 2):
            return self.sqrt()
        if whole.denominator != 1:
            return (self.log() * self._other(power)).exp()
        found = self._step("^", abs(int(whole)))
        return found if whole >= 0 else found._step("inverse")

    def __rpow__(self, base: Any) -> "_Term":
        return (self._other(base).log() * self).exp()

    def exp(self) -> "_Term":
        return self._step("exp")

    def log(self) -> "_Term":
        return self._step("log")

    def sqrt(self) -> "_Term":
        return self._step("sqrt")

    def expm1(self) -> "_Term":
        return self.exp() - 1

    def log1p(self) -> "_Term":
        return (self + 1).log()

    def sinh(self) -> "_Term":
        return (self.exp() - (-self).exp()) / 2

    def cosh(self) -> "_Term":
        return (self.exp() + (-self).exp()) / 2

    def tanh(self) -> "_Term":
        return 1 - 2 / ((2 * self).exp() + 1)

    def pi(self) -> "_Term":
        raise TypeError("pi")
