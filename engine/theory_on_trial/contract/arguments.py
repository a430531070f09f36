"""What an annotation says of an argument: the alternatives that it admits, each with its
markers.
"""

import dataclasses
import functools
import types
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import numpy as np

from theory_on_trial.contract.conversions import (
    Misshapen,
    Refused,
    described_array,
    is_scalar,
    only_if,
    to_array,
    to_choice,
    to_instance,
    to_integer,
    to_plain_real,
    to_real,
)
from theory_on_trial.contract.domains import Allowance, Holds, Interval, Is, Marker
from theory_on_trial.contract.sentences import in_words
from theory_on_trial.contract.values import check

_EACH = "each entry"


class Alternative(NamedTuple):
    """One of the kinds an annotation admits: its type without markers, how a value is brought to
    it, what it is.
    """

    type: Any
    convert: Callable[[Any], Any]
    described: str
    markers: tuple[Marker, ...]


@dataclasses.dataclass(frozen=True)
class Argument:
    """What one argument must be: the kinds that its annotation admits, each with its markers."""

    alternatives: tuple[Alternative, ...]
    positional: bool = True

    @classmethod
    def of(cls, annotation: Any, double: bool = True, positional: bool = True) -> "Argument":
        """Read an annotation."""
        return cls(tuple(_alternatives(annotation, double)), positional)

    def accept(self, name: str, value: Any) -> Any:
        """Return a value as the function gets it; raise TypeError or ValueError, with the sentence,
        if it may not.
        """
        if (
            name == "self"
        ):  # an object whose fields were judged when it was made, or are yet to be set
            return value
        misshapen = False
        outside = []
        for kind in self.alternatives:
            try:
                result = kind.convert(value)
            except Refused as refusal:
                misshapen |= isinstance(refusal, Misshapen)
                continue
            except (TypeError, ValueError) as error:
                raise type(error)(str(error).replace(_EACH, f"{_EACH} of {name}", 1)) from None
            try:
                check(name, result, kind.markers)
            except (TypeError, ValueError) as error:  # by this alternative: another may admit it
                outside.append(error)
                continue
            return result
        if outside:
            raise outside[0]
        kinds = " or ".join(dict.fromkeys(kind.described for kind in self.alternatives))
        sentence = f"{name} must be {kinds}, got {in_words(value)}"
        raise ValueError(sentence) if misshapen else TypeError(sentence)


def _alternatives(
    annotation: Any, double: bool, markers: tuple[Marker, ...] = ()
) -> list[Alternative]:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        more_markers = tuple(
            marker for marker in metadata if isinstance(marker, Interval | Holds | Is | Allowance)
        )
        return _alternatives(inner, double, markers + more_markers)
    if get_origin(annotation) in (Union, types.UnionType):
        alternatives = [
            kind
            for member in get_args(annotation)
            for kind in _alternatives(member, double, markers)
        ]
        types_ = [kind.type for kind in alternatives]
        if (
            float in types_
        ):  # a real number, maybe an array without axes or, as in ScalarLike, anything like it
            alternatives = [
                kind for kind in alternatives if kind.type is float or not is_scalar(kind.type)
            ]
        if any(hasattr(kind, "dim_str") for kind in types_):
            # Lists become arrays: a sequence beside an array only tells a type checker so.
            alternatives = [kind for kind in alternatives if get_origin(kind.type) is not Sequence]
        return sorted(alternatives, key=lambda kind: hasattr(kind.type, "dim_str"))  # numbers first
    convert, description = _conversion(annotation, double)
    return [Alternative(annotation, convert, description, markers)]


def _conversion(annotation: Any, double: bool) -> tuple[Callable[[Any], Any], str]:
    """Return how a value is brought to a kind, and what the kind is called."""
    if annotation is float:
        return (to_real if double else to_plain_real), "a real number"
    if annotation is int:
        return to_integer, "an integer"
    if hasattr(annotation, "dim_str"):
        return functools.partial(
            to_array, annotation, double
        ), f"an array {described_array(annotation)}"
    origin = get_origin(annotation) or annotation
    entries = get_args(annotation)
    if origin is Literal:
        return functools.partial(to_choice, entries), f"one of {', '.join(map(repr, entries))}"
    if origin is Sequence:
        return functools.partial(_each, list, Argument.of(entries[0], double)), "a list"
    if origin in (tuple, list) and entries:
        arguments = [Argument.of(entry, double) for entry in entries if entry is not ...]
        first = arguments[0].alternatives[0].described
        if origin is list or entries[-1] is ...:
            return functools.partial(
                _each, origin, arguments[0]
            ), f"a {origin.__name__}, each {first}"
        return functools.partial(_tuple, arguments), f"a tuple of {len(arguments)}, each {first}"
    if origin is Callable:
        return functools.partial(only_if, callable), "a function"
    if origin is bool:
        return functools.partial(to_instance, (bool, np.bool_)), "True or False"
    if isinstance(origin, type) and origin is not Any:
        description = {str: "a string", types.NoneType: "None"}.get(
            origin, f"of type {origin.__name__}"
        )
        return functools.partial(to_instance, origin), description
    return lambda value: value, "anything"


def _each(made: type, each: Argument, value: Any) -> Any:
    kinds = Sequence if made is tuple else (Sequence, np.ndarray)
    if (
        isinstance(value, str)
        or not isinstance(value, kinds)
        or getattr(value, "shape", None) == ()
    ):
        raise Refused
    return made(_one(each, entry) for entry in value)


def _tuple(each: list[Argument], value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != len(each):
        raise Refused
    return tuple(_one(argument, entry) for argument, entry in zip(each, value, strict=True))


def _one(argument: Argument, value: Any) -> Any:
    outside = []
    for kind in argument.alternatives:
        try:
            result = kind.convert(value)
            check(_EACH, result, kind.markers)
        except Refused:
            continue
        except (TypeError, ValueError) as error:
            outside.append(error)
            continue
        return result
    raise outside[0] if outside else Refused
