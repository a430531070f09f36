"""What a public function accepts, read off its annotations, and the one sentence that anything else gets.

In the tests jaxtyping and beartype hold every function to its annotations. Users have neither, and what is no number,
or has another shape, would fail somewhere inside. Ranges remain the functions' own: `theory_on_trial.arguments.theory_domain` has the sentences.
"""

import functools
import inspect
import itertools
import types
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])
Kind = tuple[Callable[[Any], Any], str]  # brings a value to the kind or raises _Refused; what the kind is called

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_HUGE = 2**1023  # integers from here on may exceed float64
_inside: ContextVar[bool] = ContextVar("inside", default=False)  # whether the caller is such a function itself


class _Refused(Exception):
    """The value is not of this kind."""


class _Misshapen(_Refused):
    """The value is of this kind and has another shape."""


def validated(function: F, *, double: bool) -> F:
    """Hold the arguments of a function, or the fields of a dataclass, to their annotations, outside the tests too.

    Where floats are meant, lists become arrays; where counts are meant, NumPy's integers become int. With `double`,
    other precisions become float64, and a float becomes NumPy's, whose overflow can be caught; without it precisions
    are left as they are, and a float becomes Python's, which takes the precision of what it meets. Arrays of other
    libraries are not converted. Axes of one name must have one length.

    The function raises TypeError for an argument of another kind, and ValueError for another shape, or where overflow,
    a division by zero, a singular matrix or too large an array on the way leaves no answer.
    """
    if isinstance(function, type):
        function.__init__ = validated(function.__init__, double=double)  # type: ignore[misc]
        return function
    parameters = inspect.signature(function).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind not in _VARIADIC]
    n_positional = sum(parameter.kind in _POSITIONAL for parameter in parameters)
    kinds = {name: _kinds(function.__annotations__.get(name, Any), double) for name in names}
    axes = {name: _axes(function.__annotations__.get(name, Any)) for name in names}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        given = {
            name: _accepted(name, value, kinds[name])
            for name, value in [*zip(names[:n_positional], args, strict=False), *kwargs.items()]
            if name in kinds
        }
        _check_axes(given, axes)
        args = (*itertools.islice(given.values(), min(len(args), n_positional)), *args[n_positional:])
        kwargs = {name: given.get(name, value) if name in kinds else value for name, value in kwargs.items()}
        if _inside.get():
            return function(*args, **kwargs)
        token = _inside.set(True)
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                return function(*args, **kwargs)
        except (ArithmeticError, MemoryError, RuntimeError, TypeError, ValueError) as error:
            if not isinstance(error, ArithmeticError | MemoryError) and not _comes_from_size_or_algebra(error):
                raise
            shown = ", ".join(f"{name} = {_shown(value)}" for name, value in given.items() if name != "self")
            raise ValueError(
                f"floating-point numbers and memory must be able to hold what follows from {shown}: {error}"
            ) from error
        finally:
            _inside.reset(token)

    return call  # type: ignore[return-value]


def _comes_from_size_or_algebra(error: Exception) -> bool:
    """Whether it was raised for a singular matrix, an array that no memory holds, or an integer beyond 64 bits."""
    sentences = (
        *("Maximum allowed", "array is too big", "loop of ufunc does not support argument"),  # NumPy
        *("RESOURCE_EXHAUSTED", "INTERNAL: Error dispatching computation: Out of memory"),  # JAX, here and below
        *("An overflow was encountered while parsing an argument to a jitted computation", "random bits array of size"),
    )
    return isinstance(error, np.linalg.LinAlgError) or str(error).startswith(sentences)


def _accepted(name: str, value: Any, kinds: list[Kind]) -> Any:
    misshapen = False
    for accept, _ in kinds:
        try:
            return accept(value)
        except _Refused as refusal:
            misshapen |= isinstance(refusal, _Misshapen)
    described = dict.fromkeys(description for _, description in kinds)
    sentence = f"{name} must be {' or '.join(described)}, got {_shown(value)}"
    raise ValueError(sentence) if misshapen else TypeError(sentence)


def _check_axes(given: dict[str, Any], axes: dict[str, list[list[str]]]) -> None:
    sizes: dict[str, Any] = {}
    for name, value in given.items():
        shape = () if isinstance(value, type) else tuple(getattr(value, "shape", ()))
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


def _kinds(annotation: Any, double: bool) -> list[Kind]:
    alternatives = sorted(_alternatives(annotation), key=lambda kind: hasattr(kind, "dim_str"))  # numbers first
    if complex in alternatives and float in alternatives:
        # jaxtyping's ScalarLike: a real number, maybe of another library.
        others = [kind for kind in alternatives if not _is_scalar_kind(kind)]
        alternatives = [float, *others]
    elif float in alternatives:
        alternatives = [kind for kind in alternatives if kind is not int]
    # An array without axes and NumPy's float look the same to jaxtyping: where both would do, floats stay Python's.
    plain = not double or any(hasattr(kind, "dim_str") for kind in alternatives)
    real = (_plain_real if plain else _real), "a real number"
    return [real if kind is float else _kind(kind, double) for kind in alternatives]


def _is_scalar_kind(annotation: Any) -> bool:
    """Whether an annotation admits single numbers only, true and false among them."""
    is_number = isinstance(annotation, type) and issubclass(annotation, int | float | complex | np.generic)
    return getattr(annotation, "dim_str", "axes") == "" or (is_number and not hasattr(annotation, "dim_str"))


def _kind(annotation: Any, double: bool) -> Kind:
    if annotation is int:
        return (_integer, "an integer") if double else (_integer_of_64_bits, "an integer of 64 bits")
    if hasattr(annotation, "dim_str"):
        return functools.partial(_array, annotation, double), f"an array {_array_description(annotation)}"
    origin = get_origin(annotation) or annotation
    if origin is Literal:
        origin = str
    if origin is Sequence:
        (entry,) = get_args(annotation)
        return functools.partial(_sequence, entry, double), "a list"
    if origin is tuple and get_args(annotation)[-1:] not in ((), (...,)):
        entries = get_args(annotation)
        each = _kinds(entries[0], double)[0][1]
        return functools.partial(_tuple, entries, double), f"a tuple of {len(entries)}, each {each}"
    if origin is tuple and get_args(annotation):
        entry = get_args(annotation)[0]
        return functools.partial(_any_tuple, entry, double), f"a tuple, each {_kinds(entry, double)[0][1]}"
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


def _integer_of_64_bits(value: Any) -> Any:
    integer = _integer(value)
    if isinstance(integer, int) and not -(2**63) <= integer < 2**63:
        raise _Refused
    return integer


def _is_scalar_array(value: Any, kinds: str) -> bool:
    return hasattr(value, "__array_namespace__") and value.ndim == 0 and _dtype_kind(value) in kinds


_ADMITTED = {  # the kinds of entries that each can be made from
    **{"float": "fiu", "int": "iu", "uint": "iu", "bool": "b", "complex": "cfiu"},
    **{"prng_key": "k"},
}


def _array(annotation: Any, double: bool, value: Any) -> Any:
    array = value
    if not hasattr(value, "__array_namespace__"):
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):  # rows of different lengths
            raise _Refused from None
    wanted = {kind for kind in _ADMITTED for dtype in annotation.dtypes if dtype.startswith(kind)}
    if not any(_dtype_kind(array) in _ADMITTED[kind] for kind in wanted):
        raise _Refused
    if not _fits(annotation.dim_str.split(), array.shape):
        raise _Misshapen
    if not isinstance(array, np.ndarray) and wanted == {"float"} and _dtype_kind(array) in "iu":
        return array.astype(float)
    if not isinstance(array, np.ndarray) or (array.dtype.kind == "f" and not double):
        return array
    made = {frozenset({"float"}): np.float64, frozenset({"int"}): np.int64}.get(frozenset(wanted))
    return array if made is None else array.astype(made, copy=False)


def _dtype_kind(array: Any) -> str:
    """NumPy's letter for the kind of an array's entries, and "k" for JAX's random keys, which have none."""
    return "k" if str(array.dtype).startswith("key<") else array.dtype.kind


def _array_description(annotation: Any) -> str:
    kinds = {
        "Float": "numbers",
        "Int": "integers",
        "Bool": "True and False",
        "Complex": "complex numbers",
        "Key": "random keys",
    }
    holds = kinds.get(annotation.__name__.split("[")[0], "numbers")
    return f"of {holds} with axes ({', '.join(annotation.dim_str.split())})"


def _sequence(entry: Any, double: bool, value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _Refused
    if not hasattr(entry, "dim_str") and get_origin(entry) is not Sequence:
        return value
    accept, _ = _kind(entry, double)
    return [accept(one) for one in value]


def _tuple(entries: tuple[Any, ...], double: bool, value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != len(entries):
        raise _Refused
    return tuple(_kinds(entry, double)[0][0](one) for entry, one in zip(entries, value, strict=True))


def _any_tuple(entry: Any, double: bool, value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise _Refused
    accept, _ = _kinds(entry, double)[0]
    return tuple(accept(one) for one in value)


def _shown(value: Any) -> str:
    """A value in a sentence: numbers as they are, anything larger by its type and shape."""
    if isinstance(value, int) and abs(value) >= 2**64:
        return f"an integer of {value.bit_length()} bits"
    if hasattr(value, "shape") and not isinstance(value, type) and value.shape != ():
        return f"an array of {value.dtype} of shape {tuple(value.shape)}"
    if isinstance(value, str | float | bool | Real | None):
        return repr(value)
    return f"a value of type {type(value).__name__}"
