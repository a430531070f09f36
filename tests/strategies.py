"""Hypothesis strategies from annotations: admissible arguments of a guarded function, axes of one
name equally long.
"""

import inspect
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from theory_on_trial.contract import (
    MAY_BE_EMPTY,
    Alternative,
    Argument,
    Holds,
    Interval,
    contract_of,
)

LONGEST = 4  # of an axis
WIDEST = 6  # how far an integer goes beyond the least one
SIMPLE = (float, int, Fraction, bool, str, type(None), np.random.Generator)
SQUARE = {"symmetric", "covariance", "definite"}  # properties of square matrices


class Unknown(TypeError):
    """An annotation of which no values can be drawn: a function, a record of arrays, anything at
    all.
    """


def arguments(
    function: Callable[..., Any], *, extreme: bool = False
) -> st.SearchStrategy[dict[str, Any]]:
    """Return admissible arguments by name; numbers of everyday size, or, if `extreme`, any that the
    domain admits.

    Raises `Unknown` for an argument without a default whose annotation says nothing that can be
    drawn; one with a default keeps that.
    """
    described = {name: kind for name, kind in contract_of(function).items() if name != "self"}
    free = {name: kind for name, kind in described.items() if drawable(kind)}
    if lacking := set(described) - set(free) - _with_default(function):
        raise Unknown(
            f"{function.__qualname__}: no values can be drawn for {', '.join(sorted(lacking))}"
        )
    return _together(free, extreme)


@st.composite
def _together(draw: st.DrawFn, free: dict[str, Argument], extreme: bool) -> dict[str, Any]:
    sizes: dict[str, Any] = {}
    return {name: draw(values(kind, sizes, extreme)) for name, kind in free.items()}


def values(
    argument: Argument, sizes: dict[str, Any] | None = None, extreme: bool = False
) -> st.SearchStrategy[Any]:
    """Return the admissible values of one argument; `sizes` collects the lengths of named axes."""
    known = {} if sizes is None else sizes
    kinds = [kind for kind in argument.alternatives if _known(kind)]
    if any(
        kind.type in (os.PathLike, Path) or get_origin(kind.type) is os.PathLike
        for kind in argument.alternatives
    ):
        # A path: something would be written there
        kinds = [kind for kind in kinds if kind.type is not str]
    return st.one_of([_of_kind(kind, known, extreme) for kind in kinds])


def _with_default(function: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    return {one.name for one in parameters if one.default is not one.empty or one.kind in (2, 4)}


def drawable(argument: Argument) -> bool:
    return any(_known(kind) for kind in argument.alternatives)


def _known(kind: Alternative) -> bool:
    origin = get_origin(kind.type) or kind.type
    simple = kind.type in SIMPLE or hasattr(kind.type, "dim_str")
    listed = origin in (list, tuple, Sequence) and bool(get_args(kind.type))
    return simple or origin is Literal or listed


def _of_kind(kind: Alternative, sizes: dict[str, Any], extreme: bool) -> st.SearchStrategy[Any]:
    annotation = kind.type
    origin = get_origin(kind.type) or kind.type
    entries = get_args(kind.type)
    if annotation is np.random.Generator:
        return st.integers(0, 9).map(np.random.default_rng)
    if annotation is float:
        return _reals(kind, extreme)
    if annotation is int:
        return _integers(kind)
    if annotation is Fraction:
        interval = _interval(kind)
        return st.fractions(*(None if np.isinf(end) else end for end in interval.ends)).filter(
            interval.admits
        )
    if annotation is bool:
        return st.booleans()
    if annotation is type(None):
        return st.none()
    if annotation is str:
        return st.sampled_from(["x", "é"])
    if origin is Literal:
        return st.sampled_from(entries)
    if origin is tuple and entries[-1:] != (...,):
        return st.tuples(*(values(Argument.of(one), sizes, extreme) for one in entries))
    if origin in (list, tuple, Sequence):
        lists = st.lists(values(Argument.of(entries[0]), sizes, extreme), min_size=1, max_size=3)
        return lists.map(tuple) if origin is tuple else lists
    return _arrays(kind, sizes, extreme)


def _interval(kind: Alternative) -> Interval:
    """The least of the intervals that a kind names."""
    every = [marker for marker in kind.markers if isinstance(marker, Interval)] or [Interval()]
    return max(every, key=lambda one: (one.low, -one.high))


def _reals(kind: Alternative, extreme: bool) -> st.SearchStrategy[float]:
    interval = _interval(kind)
    low = interval.low if extreme else max(interval.low, min(-4.0, interval.high - 1))
    high = interval.high if extreme else min(interval.high, max(interval.low, 0) + 4.0)
    return st.floats(
        None if low == -np.inf else float(low),
        None if high == np.inf else float(high),
        exclude_min=interval.closed[0] == "(" and low == interval.low > -np.inf,
        exclude_max=interval.closed[1] == ")" and high == interval.high < np.inf,
        allow_nan=False,
        allow_infinity=False,
        allow_subnormal=None if extreme else False,
    )


def _integers(kind: Alternative) -> st.SearchStrategy[int]:
    interval = _interval(kind)
    low = (
        0
        if interval.low == -np.inf
        else int(interval.low) + (interval.closed[0] == "(" and interval.low % 1 == 0)
    )
    most = low + WIDEST if interval.high == np.inf else int(interval.high)
    high = min(low + WIDEST, most - (interval.closed[1] == ")" and interval.high == most))
    return st.integers(low, high)


@st.composite
def _arrays(draw: st.DrawFn, kind: Alternative, sizes: dict[str, Any], extreme: bool) -> Any:
    least = 0 if MAY_BE_EMPTY in kind.markers else 1
    shape: list[int] = []
    for token in kind.type.dim_str.split():
        name = token.strip("*")
        if token.isdigit():
            shape.append(int(token))
        elif token == "..." or "*" in token:
            several = st.lists(st.integers(least, LONGEST), max_size=2).map(tuple)
            if name.startswith("#"):  # from the last axes of the common shape, some of length one
                common = sizes.setdefault(name, draw(several))
                shape += [
                    draw(st.sampled_from([1, size]))
                    for size in common[draw(st.integers(0, len(common))) :]
                ]
                continue
            shape += sizes.setdefault(name, draw(several)) if name.isidentifier() else draw(several)
        elif name.isidentifier() and name != "_":
            shape.append(sizes.setdefault(name, draw(st.integers(least, LONGEST))))
        else:
            shape.append(draw(st.integers(least, LONGEST)))
    if {marker.name for marker in kind.markers if isinstance(marker, Holds)} & SQUARE:
        shape[-1] = shape[-2]
    dtypes = " ".join(kind.type.dtypes) if isinstance(kind.type.dtypes, list | tuple) else "float"
    if "key" in dtypes:
        import jax

        return (
            jax.random.key(draw(st.integers(0, 9)))
            if not shape
            else jax.random.split(jax.random.key(0), tuple(shape))
        )
    if "float" not in dtypes and "int" not in dtypes:
        return np.array(draw(_entries(st.booleans(), shape)), bool).reshape(shape)
    whole = "float" not in dtypes
    entry = _integers(kind) if whole else _reals(kind, extreme)
    array = np.array(draw(_entries(entry, shape)), np.int64 if whole else float).reshape(shape)
    properties = [marker for marker in kind.markers if isinstance(marker, Holds)]
    with np.errstate(over="ignore", invalid="ignore"):
        made = np.asarray(_made(array, {marker.name for marker in properties}))
        assume(
            not made.size
            or (np.isfinite(made).all() and all(marker.check(made) for marker in properties))
        )
    return made


def _entries(entry: st.SearchStrategy[Any], shape: Sequence[int]) -> st.SearchStrategy[list[Any]]:
    count = int(np.prod(shape))
    return st.lists(entry, min_size=count, max_size=count)


def _made(array: np.ndarray, names: set[str]) -> np.ndarray:
    """Return an array like this one that has the properties of these names."""
    if "symmetric" in names:
        array = (array + np.swapaxes(array, -1, -2)) / 2
    if names & {"covariance", "definite"}:
        array = array @ np.swapaxes(array, -1, -2)
        array = (array + np.swapaxes(array, -1, -2)) / 2
    if "definite" in names:
        array = array + np.eye(array.shape[-1]) * (
            1 + np.trace(array, axis1=-2, axis2=-1)[..., None, None]
        )
    if "orthonormal" in names:
        array = np.linalg.qr(array)[0]
    if "probabilities" in names:
        array = np.abs(array) + 0.125
        array = array / array.sum(axis=-1, keepdims=True)
    if "rising" in names:
        steps = np.ones_like(array)
        array = np.sort(array, axis=-1) + (np.cumsum(steps, axis=-1) if array.size else 0)
    return array
