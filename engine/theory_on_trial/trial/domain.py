"""The domain of a claim: the settings that its annotations admit and its `trial.require` allows."""

import inspect
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, Union, get_args, get_origin

import numpy as np

from theory_on_trial.contract import Argument, Interval, contract_of


class OutsideDomain(ValueError):
    """A setting for which the claim says nothing: one sentence, and no verdict."""


def admitted(function: Callable[..., Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as annotations, where there are any, convert them; raise `OutsideDomain`, in
    a sentence.
    """
    annotations = inspect.unwrap(function).__annotations__
    arguments = {name: arg for name, arg in contract_of(function).items() if name in annotations}
    if _BEYOND.get():
        arguments = {name: Argument.of(_without_limits(annotations[name])) for name in arguments}
    try:
        return settings | {
            name: _plain(arg.accept(name, settings[name]))
            for name, arg in arguments.items()
            if name in settings
        }
    except (TypeError, ValueError) as error:
        raise OutsideDomain(str(error)) from None


_BEYOND: ContextVar[bool] = ContextVar("beyond", default=False)


@contextmanager
def beyond_limits() -> Iterator[None]:
    """Admit numbers outside the intervals of a claim's annotations; types and `trial.require`
    refuse as ever.
    """
    token = _BEYOND.set(True)
    try:
        yield
    finally:
        _BEYOND.reset(token)


def _without_limits(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        parts = [
            _without_limits(inner),
            *(marker for marker in metadata if not isinstance(marker, Interval)),
        ]
        return Annotated[tuple(parts)] if parts[1:] else parts[0]
    if get_origin(annotation) is tuple:
        entries = [
            entry if entry is ... else _without_limits(entry) for entry in get_args(annotation)
        ]
        return tuple[tuple(entries)]  # type: ignore[misc]
    if get_origin(annotation) in (Union, types.UnionType):
        return Union[tuple(map(_without_limits, get_args(annotation)))]  # noqa: UP007 -- of any number
    return annotation


def _plain(value: Any) -> Any:
    """A number of NumPy, also within a tuple or a list, as Python's, which every library takes."""
    if type(value) in (tuple, list):
        return type(value)(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def unguarded(function: Any) -> list[str]:
    """Return a sentence for each setting of a check that has no domain, or whose domain admits what
    is no number.
    """
    annotations = inspect.unwrap(function).__annotations__
    arguments = contract_of(function)
    names = list(arguments)[1:]
    bare = [name for name in names if annotations.get(name, Any) is Any]
    sentences = [
        f"{function.__name__}: the setting {name} has no domain: annotate it" for name in bare
    ]
    for name in (key for key in names if key not in bare):
        for hostile in (float("nan"), float("inf"), "text"):
            try:
                arguments[name].accept(name, hostile)
            except (TypeError, ValueError):
                continue
            sentences.append(f"{function.__name__}: the domain of {name} admits {hostile!r}")
    return sentences
