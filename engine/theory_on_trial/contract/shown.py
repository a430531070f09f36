"""Shows annotations in `help` as a reader wants them: types and ranges, without what only the
contract reads.
"""

import inspect
import types
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from theory_on_trial.contract.domains import Interval


class Shown:
    """An annotation that prints as a text."""

    def __init__(self, text: str):
        self._text = text

    def __repr__(self) -> str:
        return self._text


def in_help(annotation: Any) -> str:
    """Return an annotation as `help` shall show it.

    >>> in_help(Annotated[float, Interval(0, 1, "()")] | None)
    'float in (0, 1) | None'
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *markers = get_args(annotation)
        ranges = [_range(marker) for marker in markers if isinstance(marker, Interval)]
        return in_help(base) + "".join(f" in {text}" for text in ranges)
    if origin is Union or isinstance(annotation, types.UnionType):
        return " | ".join(map(in_help, get_args(annotation)))
    if origin in (Sequence, tuple, list):
        return f"{origin.__name__}[{', '.join(map(in_help, get_args(annotation)))}]"
    return "None" if annotation is type(None) else inspect.formatannotation(annotation)


def _range(interval: Interval) -> str:
    left, right = interval.closed
    return f"{left}{interval.low:.6g}, {interval.high:.6g}{right}"


def signature_in_help(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function with annotations as `help` shall show them."""
    signature = inspect.signature(function)
    parameters = [
        parameter
        if parameter.annotation is parameter.empty
        else parameter.replace(annotation=Shown(in_help(parameter.annotation)))
        for parameter in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters)
