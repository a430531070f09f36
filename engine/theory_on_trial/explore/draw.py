"""Settings of a claim drawn by Hypothesis from its domain, alone and several jointly.

A claim holds for every setting that its annotations admit, so it is tried at settings that nobody
prepared: ends, neighbours of the usual values, ties, and values in between.
"""

import inspect
import itertools
import math
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import hypothesis
from hypothesis import strategies as st

from theory_on_trial.contract import LONGEST, Alternative, Argument, Interval, contract_of
from theory_on_trial.explore import arrays
from theory_on_trial.trial.registry import Claim

_FURTHER = 4
"""A number without an upper end is drawn up to so many times its usual value."""
_TUPLE = 4
"""The most entries of a tuple whose length is free."""
_BATCH = 100
"""The most settings that Hypothesis draws at a time."""


def domains(subject: Claim) -> dict[str, Alternative]:
    """Return the settings of a claim that have a domain of numbers, choices, tuples of them, or
    arrays.
    """
    check = inspect.unwrap(subject.function)
    arguments = list(contract_of(check).items())[1:]
    kinds = {name: _drawable(arg) for name, arg in arguments if name in check.__annotations__}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def spread(subject: Claim, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield settings without end, each a dictionary of some settings of the claim: the others stay
    as they are.

    The first ones put each setting alone at either end of its domain; `seed` decides the others.
    """
    yield from ends(subject)
    for batch in itertools.count() if domains(subject) else ():
        count = min(10 * 2 ** min(batch, 9), _BATCH)  # most who ask want a few
        yield from filter(None, _drawn(subject, f"{subject.id}/{seed}/{batch}", count))


QUIET = hypothesis.settings(
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(hypothesis.HealthCheck),
    verbosity=hypothesis.Verbosity.quiet,
)


def _drawn(subject: Claim, seed: str, count: int) -> list[dict[str, Any]]:
    """A batch of values that Hypothesis draws under a seed."""
    drawn: list[dict[str, Any]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(QUIET, max_examples=count, phases=[hypothesis.Phase.generate])
    @hypothesis.given(settings_of(subject))
    def draw(chosen: dict[str, Any]) -> None:
        drawn.append(chosen)

    draw()
    return drawn


def ends(subject: Claim) -> list[dict[str, Any]]:
    """Return each setting of a claim alone at either end of its domain, and each choice."""
    usual = _usual(subject)
    kinds = domains(subject)
    return [
        {name: end}
        for name, kind in kinds.items()
        if name not in lengths(kinds)
        for end in _ends(kind, usual.get(name))
    ]


def lengths(kinds: dict[str, Alternative]) -> set[str]:
    """Return the names of settings that are the length of an axis: they are not moved alone."""
    return set[str]().union(*map(arrays.names_of, kinds.values())) & set(kinds)


@st.composite
def settings_of(draw: Any, subject: Claim, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """Settings of a claim: of these names, or of any; fewer settings are simpler."""
    kinds = domains(subject)
    usual = _usual(subject)
    chosen: dict[str, Any] = {}
    some = st.lists(st.sampled_from([*kinds]), unique=True) if not names else st.just(list(names))
    asked = _with_axes(draw(some), kinds)
    axes = set[str]().union(*(arrays.names_of(kinds[name]) for name in asked))
    sizes: dict[str, int] = {name: usual[name] for name in axes if type(usual.get(name)) is int}
    for name in sorted(asked, key=lambda name: arrays.axes_of(kinds[name]) is not None):
        kind = kinds[name]
        if arrays.axes_of(kind) is not None:
            chosen[name] = draw(arrays.arrays_of(kind, sizes))
            continue
        if name in axes:  # the length of an axis
            low, high = extent(kind)
            longest = min(high, max(low, arrays.LONGEST))
            chosen[name] = sizes[name] = draw(st.integers(int(max(low, 1)), int(longest)))
            continue
        values = values_of(kind, usual.get(name))
        if kind.type in (int, float):
            low, high = extent(kind)
            others = [value for other, value in {**usual, **chosen}.items() if other != name]
            numbers = [kind.type(value) for value in others if type(value) in (int, float)]
            ties = [value for value in numbers if low <= value <= high]
            values = values | st.sampled_from(ties) if ties else values
        chosen[name] = draw(values)
    return chosen


def _with_axes(names: list[str], kinds: dict[str, Alternative]) -> list[str]:
    """These settings, and the arrays that share a named axis with one of them, or whose axis has
    the name of one: their lengths must fit.
    """
    asked = list(names)
    while True:
        axes = set(asked).union(*(arrays.names_of(kinds[name]) for name in asked))
        more = [name for name in kinds if name not in asked and arrays.names_of(kinds[name]) & axes]
        if not more:
            return asked
        asked += more


def values_of(kind: Alternative, usual: Any) -> st.SearchStrategy[Any]:
    """Values of a domain, smaller and rounder ones first: any value in it, its ends, and neighbours
    of the usual one.
    """
    if get_origin(kind.type) is Literal:
        return st.sampled_from(get_args(kind.type))
    if kind.type is bool:
        return st.booleans()
    if get_origin(kind.type) is tuple:
        kinds = [values_of(entry, None) for entry in entries(kind) or []]
        free = get_args(kind.type)[-1] is ...
        return (
            st.lists(kinds[0], min_size=1, max_size=_TUPLE).map(tuple)
            if free
            else st.tuples(*kinds)
        )
    low, high = _reach(kind, usual)
    centre = usual if isinstance(usual, int | float) else low
    anything: st.SearchStrategy[Any]
    near: list[float]
    if kind.type is int:
        anything = st.integers(int(low), int(high))
        near = [int(centre) - 1, int(centre) + 1]
    else:
        anything = st.floats(low, high)
        near = [centre / 2, centre * 2]
    corners = [kind.type(end) for end in (low, high)]
    special = st.sampled_from([*corners, *(one for one in near if low <= one <= high)])
    if low > 0 and high / low > 100:  # as likely in each decade
        scale = st.floats(math.log(low), math.log(high)).map(math.exp)
        inside = scale.map(lambda value: min(max(value, low), high))
        return anything | special | (inside.map(round) if kind.type is int else inside)
    return anything | special


def _reach(kind: Alternative, usual: Any) -> tuple[float, float]:
    """The numbers between which one is drawn, where a domain has no end further than usual."""
    low, high = extent(kind)
    centre = float(usual) if isinstance(usual, int | float) else low if math.isfinite(low) else 1.0
    low = low if math.isfinite(low) else centre - 10 * max(abs(centre), 1)
    high = high if math.isfinite(high) else max(centre * _FURTHER, low + 6)
    return low, high


def _usual(subject: Claim) -> dict[str, Any]:
    """The defaults of a claim's settings, and what its first case gives."""
    first: dict[str, Any] = getattr(subject.function, "first_case", {})
    defaults = subject.settings.items()
    plain = (int, float, tuple, str)
    return {name: value for name, value in defaults if isinstance(value, plain)} | first


def _drawable(argument: Argument) -> Alternative | None:
    return next((kind for kind in argument.alternatives if entries(kind) is not None), None)


def entries(kind: Alternative) -> list[Alternative] | None:
    """The kinds of a tuple's entries (none of a number's), or None where nothing can be drawn."""
    if kind.type in (int, float, bool) or get_origin(kind.type) is Literal:
        return []
    if arrays.axes_of(kind) is not None:
        return []
    if get_origin(kind.type) is not tuple:
        return None
    kinds = [_drawable(Argument.of(entry)) for entry in get_args(kind.type) if entry is not ...]
    return None if None in kinds or not kinds else [entry for entry in kinds if entry is not None]


def extent(kind: Alternative) -> tuple[float, float]:
    """Return the least and the largest number of a kind, both admitted; infinite where there is no
    limit.
    """
    low = -math.inf
    high = math.inf
    for marker in (mark for mark in kind.markers if isinstance(mark, Interval)):
        closed_low = marker.closed[0] == "["
        closed_high = marker.closed[1] == "]"
        if kind.type is int:
            open_low = not closed_low and marker.low == math.ceil(marker.low)
            low = max(low, math.ceil(marker.low) + open_low)
            high = min(high, marker.high - (not closed_high)) if marker.high < LONGEST else high
        else:
            low = max(low, marker.low if closed_low else math.nextafter(marker.low, math.inf))
            high = min(high, marker.high if closed_high else math.nextafter(marker.high, -math.inf))
    return low, high


def _ends(kind: Alternative, usual: Any) -> list[Any]:
    """The ends of a setting's domain, as far as there are any."""
    if arrays.axes_of(kind) is not None:
        return []
    if get_origin(kind.type) is Literal:
        return list(get_args(kind.type))
    if kind.type is bool:
        return [False, True]
    if get_origin(kind.type) is tuple:
        kinds = entries(kind) or []
        free = get_args(kind.type)[-1] is ...
        count = len(usual) if isinstance(usual, tuple) and free else len(kinds)
        ends = [_ends(kinds[i % len(kinds)], None) for i in range(count)]
        return [tuple(end[at] for end in ends) for at in (0, -1)] if ends and all(ends) else []
    low, high = extent(kind)
    if math.isinf(high) and isinstance(usual, int | float) and usual > 0:
        high = usual * _FURTHER
    return [kind.type(end) for end in (low, high) if math.isfinite(end)]
