"""Finds which function returned a number: a prediction that is given an observed number agrees in
any case. Arrays are recognised by identity (a view as the array behind it), numbers with many
digits also by value, because a library may return a copy. A number of few digits may be a setting,
and a ratio of small whole numbers or the root of one, such as √2, comes out of many formulas.
"""

import inspect
import types
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

_DIGITS = 8
"""A number with at most so many significant digits may have been typed in."""
_LISTED = 64
"""Up to this size of an array its entries are remembered, too."""
_MOST = 4096
"""The most numbers, and the most arrays, that are remembered."""
_DEPTH = 4
_ROUNDINGS = 8 * 2.0**-53
"""The rounding error of the square of a root, as a share of it."""


class Thing(NamedTuple):
    """A number or an array that goes into a function or comes out of it.

    `base` is the array that a view is of, else the thing itself; `numbers` are those of many
    digits in it.
    """

    itself: Any
    base: Any
    numbers: list[float]


class Origins:
    """The numbers and arrays that functions returned, each with the name of its function."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[float, str] = OrderedDict()
        self._arrays: OrderedDict[int, tuple[weakref.ref[Any], str]] = OrderedDict()
        self._inputs: OrderedDict[float, None] = OrderedDict()

    def given(self, things: list[Thing]) -> None:
        """Remember numbers that functions are given before any function returns them: the law from
        which a world was made does not count as observed when the world returns it to the last
        digit.
        """
        for thing in things:
            for number in thing.numbers:
                if number not in self._numbers:
                    self._inputs[number] = None
        _forget_the_oldest(self._inputs)

    def begin_case(self, settings: list[Thing]) -> None:
        """Count the numbers that a case sets as inputs, even if a function returned them before."""
        for thing in settings:
            for number in thing.numbers:
                self._numbers.pop(number, None)
        self.given(settings)

    def add(self, result: list[Thing], given: list[Thing], name: str) -> None:
        """Remember what a function returned, except what it was given."""
        known = {number for thing in given for number in thing.numbers}
        bases = {id(thing.base) for thing in given}
        for thing in result:
            if id(thing.base) in bases:
                continue
            for number in thing.numbers:
                if number not in known and number not in self._inputs:
                    self._numbers[number] = name
            if not isinstance(thing.base, float | np.generic):
                self._arrays[id(thing.base)] = (weakref.ref(thing.base), name)
        _forget_the_oldest(self._numbers)
        _forget_the_oldest(self._arrays)

    def of(self, things: list[Thing]) -> list[str]:
        """Return the functions that returned some of the things."""
        found: dict[str, None] = {}
        for thing in things:
            names = [self._numbers.get(number, "") for number in thing.numbers]
            if name := self.of_array(thing.base):
                found[name] = None
            elif names and all(names) and not all(map(_is_common, thing.numbers)):
                found |= dict.fromkeys(names)
        return list(found)

    def of_array(self, array: Any) -> str:
        """The same of an array alone, by identity."""
        array = _base(array)
        reference, name = self._arrays.get(id(array), (None, ""))
        return name if reference is not None and reference() is array else ""

    def forget(self) -> None:
        """Forget everything."""
        self._numbers.clear()
        self._arrays.clear()
        self._inputs.clear()


def _forget_the_oldest(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > _MOST:
        kept.popitem(last=False)


def same(one: Any, other: Any) -> bool:
    """Tell whether two things are one array, or one number of many digits."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other and _is_long(float(one)) and not _is_common(float(one))
    return hasattr(one, "__array__") and _base(one) is _base(other)


def kept_by(function: Any) -> list[tuple[dict[str, Any], str]]:
    """Return where the variables stand, each a dictionary and a name, that a function and the
    functions of the same authors that it mentions may read beside their arguments.
    """
    places: dict[tuple[int, str], tuple[dict[str, Any], str]] = {}
    seen: set[types.CodeType] = set()
    queue = [inspect.unwrap(function)]
    while queue:
        current = queue.pop()
        if not isinstance(current, types.FunctionType) or current.__code__ in seen:
            continue
        seen.add(current.__code__)
        if "site-packages" in current.__code__.co_filename:
            continue
        cells = zip(current.__code__.co_freevars, current.__closure__ or (), strict=True)
        beside = {name: cell for name, cell in cells}
        beside |= {f"default {i}": value for i, value in enumerate(current.__defaults__ or ())}
        beside |= {f"={name}": value for name, value in (current.__kwdefaults__ or {}).items()}
        places |= {(id(beside), name): (beside, name) for name in beside}
        codes = [current.__code__]
        while codes:
            code = codes.pop()
            codes += [part for part in code.co_consts if inspect.iscode(part)]
            for name in code.co_names:
                value = current.__globals__.get(name)
                if callable(value) and isinstance(inspect.unwrap(value), types.FunctionType):
                    queue.append(inspect.unwrap(value))
                elif not callable(value) and not inspect.ismodule(value):
                    places[id(current.__globals__), name] = (current.__globals__, name)
    return list(places.values())


def things_in(whole: Any) -> list[Thing]:
    """The numbers and arrays in a value: also in tuples, lists, dictionaries and plain objects."""
    return [Thing(leaf, _base(leaf), list(_numbers_of(leaf))) for leaf in _leaves(whole, 0)]


def _leaves(thing: Any, depth: int) -> Iterator[Any]:
    if isinstance(thing, float | np.ndarray | np.generic) or hasattr(thing, "__array__"):
        yield thing
        return
    parts: Any = ()
    if isinstance(thing, tuple | list):
        parts = thing[:_LISTED]
    elif isinstance(thing, dict):
        parts = list(thing.values())[:_LISTED]
    elif isinstance(thing, types.CellType):
        parts = () if thing == types.CellType() else (thing.cell_contents,)
    elif hasattr(thing, "__dict__") and not callable(thing) and not inspect.ismodule(thing):
        parts = list(vars(thing).values())[:_LISTED]
    if depth < _DEPTH:
        for part in parts:
            yield from _leaves(part, depth + 1)


def _base(leaf: Any) -> Any:
    """The array that a view is of, else the thing itself."""
    while isinstance(leaf, np.ndarray) and isinstance(leaf.base, np.ndarray):
        leaf = leaf.base
    return leaf


def _numbers_of(leaf: Any) -> Iterator[float]:
    """The numbers of many digits in a number or a small array; none in what JAX traces."""
    if hasattr(leaf, "addressable_data") and leaf.size <= _LISTED:
        leaf = np.asarray(leaf)
    if isinstance(leaf, np.ndarray):
        if leaf.dtype.kind == "f" and leaf.size <= _LISTED:
            yield from (entry for entry in leaf.ravel().tolist() if _is_long(entry))
    elif isinstance(leaf, float | np.floating) and _is_long(float(leaf)):
        yield float(leaf)


def _is_common(number: float) -> bool:
    """Whether it is a ratio of small whole numbers or the root of one, such as 1/3 or √2, to which
    two routes may come alike.
    """
    if float(Fraction(number).limit_denominator(1000)) == number:
        return True
    square = number * number
    if not 1e-3 <= square <= 1e3:  # beyond, a ratio is near any number
        return False
    ratio = float(Fraction(square).limit_denominator(1000))
    return abs(ratio - square) <= _ROUNDINGS * square


def _is_long(number: float) -> bool:
    return number - number == 0 and float(f"{number:.{_DIGITS - 1}e}") != number
