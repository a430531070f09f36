"""Settings of a claim drawn from its domain: ends, middles, ties and neighbours, alone and several
jointly.

A claim holds for every setting that its annotations admit, so it is asked at those that nobody
prepared. The first settings of `spread` put each setting alone at either end; the others are
random.
"""

import inspect
import math
from collections.abc import Iterator
from random import Random
from typing import Any, Literal, get_args, get_origin

from theory_on_trial.contract import LONGEST, Alternative, Argument, Interval, contract_of
from theory_on_trial.trial.registry import Claim

_FURTHER = 4
"""How many times its usual value an integer grows that has no upper end."""
_TUPLE = 4
"""The most entries of a tuple whose length is free."""


def domains(subject: Claim) -> dict[str, Alternative]:
    """Return the settings of a claim that have a domain of numbers, choices, or tuples of them."""
    check = inspect.unwrap(subject.function)
    arguments = {
        name: arg
        for name, arg in list(contract_of(check).items())[1:]
        if name in check.__annotations__
    }
    kinds = {name: _drawable(argument) for name, argument in arguments.items()}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def spread(subject: Claim, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield settings without end, each a dictionary of some settings of the claim: the others stay
    as they are.
    """
    kinds = domains(subject)
    usual = _usual(subject)
    number = 0
    yield from ends(subject)
    while kinds:
        random = Random(f"{subject.id}/{seed}/{number}")
        number += 1
        names = [name for name in kinds if random.random() < random.choice((0.3, 1.0))] or [
            random.choice(list(kinds))
        ]
        chosen: dict[str, Any] = {}
        for name in names:
            same = [value for other, value in (usual | chosen).items() if other != name]
            chosen[name] = _value(random, kinds[name], usual.get(name), same)
        yield chosen


def ends(subject: Claim) -> list[dict[str, Any]]:
    """Return each setting of a claim alone at either end of its domain; of a choice all that there
    is.
    """
    usual = _usual(subject)
    return [
        {name: end}
        for name, kind in domains(subject).items()
        for end in _ends(kind, usual.get(name))
    ]


def _usual(subject: Claim) -> dict[str, Any]:
    """The defaults of a claim's settings, and what its first case gives."""
    first: dict[str, Any] = getattr(subject.function, "first_case", {})
    defaults = {
        name: value
        for name, value in subject.settings.items()
        if isinstance(value, int | float | tuple | str)
    }
    return defaults | first


def _drawable(argument: Argument) -> Alternative | None:
    return next((kind for kind in argument.alternatives if entries(kind) is not None), None)


def entries(kind: Alternative) -> list[Alternative] | None:
    """The kinds of a tuple's entries (none of a number's), or None where nothing can be drawn."""
    if kind.type in (int, float, bool) or get_origin(kind.type) is Literal:
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
            low = max(
                low,
                math.ceil(marker.low) + (not closed_low and marker.low == math.ceil(marker.low)),
            )
            high = min(high, marker.high - (not closed_high)) if marker.high < LONGEST else high
        else:
            low = max(low, marker.low if closed_low else math.nextafter(marker.low, math.inf))
            high = min(high, marker.high if closed_high else math.nextafter(marker.high, -math.inf))
    return low, high


def _ends(kind: Alternative, usual: Any) -> list[Any]:
    """The ends of a setting's domain, as far as there are any."""
    if get_origin(kind.type) is Literal:
        return list(get_args(kind.type))
    if kind.type is bool:
        return [False, True]
    if get_origin(kind.type) is tuple:
        kinds = entries(kind) or []
        count = (
            len(usual)
            if isinstance(usual, tuple) and get_args(kind.type)[-1] is ...
            else len(kinds)
        )
        ends = [_ends(kinds[i % len(kinds)], None) for i in range(count)]
        return [tuple(end[at] for end in ends) for at in (0, -1)] if ends and all(ends) else []
    low, high = extent(kind)
    if math.isinf(high) and isinstance(usual, int | float) and usual > 0:
        high = usual * _FURTHER
    convert = int if kind.type is int else float
    return [convert(end) for end in (low, high) if math.isfinite(end)]


def _value(random: Random, kind: Alternative, usual: Any, others: list[Any]) -> Any:
    """One value of a domain: an end, a middle, a neighbour of the usual one, or what another
    setting is.
    """
    if get_origin(kind.type) is Literal:
        return random.choice(get_args(kind.type))
    if kind.type is bool:
        return random.random() < 0.5
    if get_origin(kind.type) is tuple:
        kinds = entries(kind) or []
        free = get_args(kind.type)[-1] is ...
        count = random.randint(1, _TUPLE) if free else len(kinds)
        return tuple(_value(random, kinds[i % len(kinds)], None, []) for i in range(count))
    low, high = extent(kind)
    centre = float(usual) if isinstance(usual, int | float) else low if math.isfinite(low) else 1.0
    low = low if math.isfinite(low) else centre - 10 * max(abs(centre), 1)
    high = high if math.isfinite(high) else max(centre * _FURTHER, low + 6)
    same = [value for value in others if type(value) in (int, float) and low <= value <= high]
    way = random.choice(("end", "middle", "middle", "near", "tie" if same else "near"))
    if way == "end":
        value = random.choice((low, high))
    elif way == "tie":
        value = random.choice(same)
    elif way == "near":
        value = (
            centre + random.choice((-1, 1)) if kind.type is int else centre * random.uniform(0.5, 2)
        )
    elif low > 0 and high / low > 100:
        value = math.exp(random.uniform(math.log(low), math.log(high)))
    else:
        value = random.uniform(low, high)
    value = min(max(value, low), high)
    return round(value) if kind.type is int else value
