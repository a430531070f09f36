"""What a public function accepts, read off its annotations, and the one sentence that anything else gets.

In the tests jaxtyping and beartype hold every function to its annotations. Users have neither, and what is no number,
or has another shape, would fail somewhere inside. Ranges remain the functions' own: `theory.domain` has the sentences.
"""

import functools
import inspect
import types
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])
Kind = tuple[Callable[[Any], Any], str]  # brings a value to the kind or raises _Refused; what the kind is called

_HUGE = 2**1023  # integers from here on may exceed float64
_inside: ContextVar[bool] = ContextVar("inside", default=False)  # whether the caller is such a function itself


class _Refused(Exception):
    """The value is not of this kind."""


class _Misshapen(_Refused):
    """The value is of this kind and has another shape."""


def validated(function: F) -> F:
    """Hold the arguments of a function, or the fields of a dataclass, to their annotations, outside the tests too.

    Where floats are meant, lists and other precisions become float64, and a float becomes NumPy's, whose overflow can
    be caught; where counts are meant, NumPy's integers become int. Arrays of other libraries are not converted. Axes
    of one name must have one length.

    The function raises TypeError for an argument of another kind, and ValueError for another shape, or where overflow,
    a division by zero or a singular matrix on the way leaves float64 without an answer.
    """
    if isinstance(function, type):
        function.__init__ = validated(function.__init__)  # type: ignore[misc]
        return function
    names = [parameter.name for parameter in inspect.signature(function).parameters.values()]
    kinds = {name: _kinds(function.__annotations__.get(name, Any)) for name in names}
    axes = {name: _axes(function.__annotations__.get(name, Any)) for name in names}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if len(args) > len(names) or not kwargs.keys() <= kinds.keys() - set(names[: len(args)]):
            return function(*args, **kwargs)  # which raises: Python has the sentence
        given = {
            name: _accepted(name, value, kinds[name])
            for name, value in [*zip(names, args, strict=False), *kwargs.items()]
        }
        _check_axes(given, axes)
        if _inside.get():
            return function(**given)
        token = _inside.set(True)
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                return function(**given)
        except (ArithmeticError, MemoryError, TypeError, ValueError) as error:
            if isinstance(error, TypeError | ValueError) and not _comes_from_size_or_algebra(error):
                raise
            shown = ", ".join(f"{name} = {_shown(value)}" for name, value in given.items() if name != "self")
            raise ValueError(f"float64 and memory must be able to hold what follows from {shown}: {error}") from error
        finally:
            _inside.reset(token)

    return call  # type: ignore[return-value]


def _comes_from_size_or_algebra(error: TypeError | ValueError) -> bool:
    """Whether NumPy raised it for a singular matrix, an array that no memory holds, or an integer beyond 64 bits."""
    sentences = ("Maximum allowed", "array is too big", "loop of ufunc does not support argument")
    return isinstance(error, np.linalg.LinAlgError) or str(error).startswith(sentences)


def _accepted(name: str, value: Any, kinds: list[Kind]) -> Any:
    misshapen = False
    for accept, _ in kinds:
        try:
            return accept(value)
        except _Refused as refusal:
            misshapen |= isinstance(refusal, _Misshapen)
    sentence = f"{name} must be {' or '.join(description for _, description in kinds)}, got {_shown(value)}"
    raise ValueError(sentence) if misshapen else TypeError(sentence)


def _check_axes(given: dict[str, Any], axes: dict[str, list[list[str]]]) -> None:
    sizes: dict[str, Any] = {}
    for name, value in given.items():
        shape = tuple(getattr(value, "shape", ()))
        patterns = (tokens for tokens in axes[name] if shape and _fits(tokens, shape))
        for token, size in _named_axes(next(patterns, []), shape):
            if size != sizes.setdefault(token, size):
                raise ValueError(f"{name} must have one entry for each of the {sizes[token]} {token}, got {size}")


def _fits(tokens: list[str], shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape has the axes that jaxtyping would want, sizes given as numbers included."""
    if any(_is_variadic(token) for token in tokens):
        return len(shape) >= len(tokens) - 1
    return len(shape) == len(tokens) and all(
        size == int(token) for token, size in zip(tokens, shape, strict=True) if token.isdigit()
    )


def _named_axes(tokens: list[str], shape: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """The name of each axis with its size, and that of leading axes of any number with all their sizes."""
    position = 0
    for token in tokens:
        taken = len(shape) - len(tokens) + 1 if _is_variadic(token) else 1
        size = shape[position : position + taken]
        position += taken
        name = token.strip("*")
        if name.isidentifier() and name != "_":
            yield name, size if _is_variadic(token) else size[0]


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _axes(annotation: Any) -> list[list[str]]:
    """The names of the axes of each array that the annotation admits; none for those of any rank."""
    return [kind.dim_str.split() for kind in _alternatives(annotation) if hasattr(kind, "dim_str")]


def _is_variadic(token: str) -> bool:
    return token == "..." or "*" in token


def _kinds(annotation: Any) -> list[Kind]:
    alternatives = sorted(_alternatives(annotation), key=lambda kind: hasattr(kind, "dim_str"))  # numbers first
    if float in alternatives:
        alternatives = [kind for kind in alternatives if kind is not int]
    # An array without axes and NumPy's float look the same to jaxtyping: where both would do, floats stay Python's.
    real = _plain_real if any(hasattr(kind, "dim_str") for kind in alternatives) else _real
    return [(real, "a real number") if kind is float else _kind(kind) for kind in alternatives]


def _kind(annotation: Any) -> Kind:
    if annotation is int:
        return _integer, "an integer"
    if hasattr(annotation, "dim_str"):
        return functools.partial(_array, annotation), f"an array {_array_description(annotation)}"
    origin = get_origin(annotation) or annotation
    if origin is Literal:
        origin = str
    if origin is Sequence:
        (entry,) = get_args(annotation)
        return functools.partial(_sequence, entry), "a list"
    if origin is tuple:
        entries = get_args(annotation)
        return functools.partial(_tuple, entries), f"a tuple of {len(entries)}, each {_kinds(entries[0])[0][1]}"
    if origin is Callable:
        return functools.partial(_only_if, callable), "a function"
    if origin is bool:
        return functools.partial(_instance, (bool, np.bool_)), "True or False"
    if isinstance(origin, type) and origin is not Any:
        described = {str: "a string", types.NoneType: "None"}.get(origin, f"of type {origin.__name__}")
        return functools.partial(_instance, origin), described
    return lambda value: value, "anything"


def _instance(classes: type | tuple[type, ...], value: Any) -> Any:
    return _only_if(lambda one: isinstance(one, classes), value)


def _only_if(condition: Callable[[Any], bool], value: Any) -> Any:
    if not condition(value):
        raise _Refused
    return value


def _real(value: Any) -> Any:
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if not -_HUGE < number < _HUGE:
            raise _Refused
        return number if -(2**63) < number < 2**63 else np.float64(number)
    if isinstance(value, Real) and not isinstance(value, bool):
        return np.float64(value)
    if _is_scalar_array(value, "fiu"):
        return _real(value[()]) if isinstance(value, np.ndarray) else value
    raise _Refused


def _plain_real(value: Any) -> Any:
    real = _real(value)
    return float(real) if isinstance(real, float) else real


def _integer(value: Any) -> Any:
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if _is_scalar_array(value, "iu"):
        return int(value) if isinstance(value, np.ndarray) else value
    raise _Refused


def _is_scalar_array(value: Any, kinds: str) -> bool:
    return hasattr(value, "__array_namespace__") and value.ndim == 0 and value.dtype.kind in kinds


_ADMITTED = {"float": "fiu", "int": "iu", "bool": "b", "complex": "cfiu"}  # NumPy's kinds that each can be made from


def _array(annotation: Any, value: Any) -> Any:
    array = value
    if not hasattr(value, "__array_namespace__"):
        try:
            array = np.asarray(value)
        except ValueError:  # rows of different lengths
            raise _Refused from None
    wanted = {kind for kind in _ADMITTED for dtype in annotation.dtypes if dtype.startswith(kind)}
    if not any(array.dtype.kind in _ADMITTED[kind] for kind in wanted):
        raise _Refused
    if not _fits(annotation.dim_str.split(), array.shape):
        raise _Misshapen
    if not isinstance(array, np.ndarray):
        return array
    made = {frozenset({"float"}): np.float64, frozenset({"int"}): np.int64}.get(frozenset(wanted))
    return array if made is None else array.astype(made, copy=False)


def _array_description(annotation: Any) -> str:
    kinds = {"Float": "numbers", "Int": "integers", "Bool": "True and False", "Complex": "complex numbers"}
    holds = kinds.get(annotation.__name__.split("[")[0], "numbers")
    return f"of {holds} with axes ({', '.join(annotation.dim_str.split())})"


def _sequence(entry: Any, value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _Refused
    if not hasattr(entry, "dim_str") and get_origin(entry) is not Sequence:
        return value
    accept, _ = _kind(entry)
    return [accept(one) for one in value]


def _tuple(entries: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != len(entries):
        raise _Refused
    return tuple(_kinds(entry)[0][0](one) for entry, one in zip(entries, value, strict=True))


def _shown(value: Any) -> str:
    """A value in a sentence: numbers as they are, anything larger by its type and shape."""
    if hasattr(value, "shape") and value.shape != ():
        return f"an array of {value.dtype} of shape {tuple(value.shape)}"
    if isinstance(value, str | float | bool | Real | None):
        return repr(value)
    return f"a value of type {type(value).__name__}"
