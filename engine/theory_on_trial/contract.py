"""The contract of a function: the domain of each argument stands in its annotation, once.

People read it there; `guarded` holds the arguments to it and gives anything else one sentence; the hostile-input tests
and Hypothesis draw from it (`theory_on_trial.audits.promises`). A domain is a marker beside the type:

    Points = Annotated[int, Interval(2, why="one point has no variance")]
    Spectrum = Annotated[Float[np.ndarray, " components"], POSITIVE]

    @guarded
    def rate(n_points: Points, kappa: Positive, spectrum: Spectrum) -> float: ...

Without a marker a number is finite, an array is finite and not empty, and an integer has 64 bits. Shapes are those of
jaxtyping: axes of one name must have one length, and those of a name with # (`"*#batch"`) broadcast. What two
arguments owe to each other is one line in the body, `require(dim >= n_classes, ...)`. Traced values pass: their
numbers are not known. Options that are handed on, `**options: Unpack[Options]`, have their domains in the fields of
that `TypedDict`; `*values: Positive` is the domain of each value.
"""

import dataclasses
import fractions
import functools
import inspect
import math
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from numbers import Integral, Real
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, Unpack, get_args, get_origin, overload

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

MOST = 2**53
"""The largest integer up to which float64 counts."""
LONGEST = 2**29
"""The longest axis: two of them are still a number of bytes, which memory refuses and no 64 bits overflow."""

SMALLEST, LARGEST = 1e-50, 1e50
"""Of the largest entry of an array: between them no square and no product of squares is lost."""

_EACH = "each entry"
_HUGE = 2**1023  # integers from here on may exceed float64
_inside: ContextVar[bool] = ContextVar("inside", default=False)  # whether the caller is guarded itself


# ------------------------------------------------------------------------------------------------------------- domains


@dataclasses.dataclass(frozen=True)
class Interval:
    """Finite numbers from `low` to `high`, of an array each entry; `closed` says which ends belong to it."""

    low: float = -math.inf
    high: float = math.inf
    closed: Literal["[]", "[)", "(]", "()"] = "[]"
    why: str = ""

    def admits(self, values: Any) -> Any:
        """Return whether a number, or which entries of an array, are in the interval."""
        above = values >= self.low if self.closed[0] == "[" else values > self.low
        below = values <= self.high if self.closed[1] == "]" else values < self.high
        return above & below

    @property
    def must(self) -> str:
        """What a number in it must do, e.g. "be positive", "be at least 2", "lie in [0, 1)"."""
        low, high = (f"{end:g}" if isinstance(end, float) or abs(end) < 10**6 else _power(end) for end in self.ends)
        if self.low > -math.inf and self.high < math.inf and self.high not in (MOST, LONGEST):
            said = f"lie in {self.closed[0]}{low}, {high}{self.closed[1]}"
        elif self.low > -math.inf and self.closed[0] == "[":
            said = "be non-negative" if self.low == 0 else f"be at least {low}"
        elif self.low > -math.inf:
            said = "be positive" if self.low == 0 else f"be above {low}"
        elif self.high < math.inf:
            said = f"be {'at most' if self.closed[1] == ']' else 'below'} {high}"
        else:
            said = "be finite"
        return f"{said} ({self.why})" if self.why else said

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high


@dataclasses.dataclass(frozen=True)
class Holds:
    """A property of a whole array: what it must do, and whether it does; the tests' strategies know it by its name."""

    name: str
    must: str
    check: Callable[[np.ndarray], bool] = dataclasses.field(compare=False, repr=False)


def _square(matrix: np.ndarray) -> bool:
    return bool(matrix.shape[-1] == matrix.shape[-2])


def _symmetric(matrix: np.ndarray) -> bool:
    if not _square(matrix):
        return False
    # Rounding of a product Q diag(s) Q' or of a sum over samples leaves an asymmetry of this order.
    asymmetry = np.abs(matrix - np.swapaxes(matrix, -1, -2)).max(initial=0)
    return bool(asymmetry <= _rounding(matrix))


def _semidefinite(matrix: np.ndarray) -> bool:
    return _symmetric(matrix) and bool(np.linalg.eigvalsh(matrix).min(initial=0) >= -_rounding(matrix))


def _definite(matrix: np.ndarray) -> bool:
    return _symmetric(matrix) and bool(np.linalg.eigvalsh(matrix).min(initial=np.inf) > _rounding(matrix))


def _rounding(matrix: np.ndarray) -> float:
    return float(8 * matrix.shape[-1] * np.finfo(matrix.dtype).eps * np.abs(matrix).max(initial=0))


def _sums_to_one(values: np.ndarray) -> bool:
    # Weights of a quadrature rule are rounded one by one.
    rounding = max(1e-9, values.shape[-1] * float(np.finfo(values.dtype).eps))
    return bool(np.all(values >= 0) and np.all(np.abs(values.sum(axis=-1) - 1) <= rounding))


def _usable(values: np.ndarray) -> bool:
    largest = float(np.abs(values).max(initial=0))
    return largest == 0 or SMALLEST <= largest <= LARGEST


def _orthonormal(matrix: np.ndarray) -> bool:
    columns = np.asarray(matrix, float) if matrix.dtype.kind in "iu" else matrix
    excess = np.abs(np.swapaxes(columns, -1, -2) @ columns - np.eye(columns.shape[-1])).max(initial=0)
    return bool(excess <= np.finfo(columns.dtype).eps ** 0.5)


def _is_float_type(value: Any) -> bool:
    if value is None:
        return False
    try:
        return bool(np.issubdtype(np.dtype(value), np.floating)) or str(np.dtype(value)) == "bfloat16"
    except TypeError:
        return False


def _rising(values: np.ndarray) -> bool:
    return bool(np.all(np.diff(values, axis=-1) > 0))


@dataclasses.dataclass(frozen=True)
class Is:
    """A property of a value of any kind, such as a type of numbers: what it must do, and whether it does."""

    must: str
    check: Callable[[Any], bool] = dataclasses.field(compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class _Allowance:
    """Takes back one of the rules that hold without a marker."""

    name: str


POSITIVE = Interval(0, closed="()")
NON_NEGATIVE = Interval(0)
FRACTION = Interval(0, 1, "()")
UNIT_INTERVAL = Interval(0, 1)
SYMMETRIC = Holds("symmetric", "be a symmetric matrix", _symmetric)
COVARIANCE = Holds("covariance", "be symmetric and positive semidefinite", _semidefinite)
DEFINITE = Holds("definite", "be symmetric and positive definite", _definite)
PROBABILITIES = Holds("probabilities", "be non-negative and sum to one over the last axis", _sums_to_one)
ORTHONORMAL = Holds("orthonormal", "have orthonormal columns (to half the digits)", _orthonormal)
RISING = Holds("rising", "rise strictly", _rising)
USABLE_SCALE = Holds(
    "scale", f"be zero or have a largest entry from {SMALLEST:g} to {LARGEST:g} (squares of others get lost)", _usable
)
FLOAT_TYPE = Is("be a type of floating-point numbers, such as float32", _is_float_type)
MAY_BE_EMPTY = _Allowance("empty")
"""An array may have no entries."""
MAY_BE_INFINITE = _Allowance("infinite")
"""Numbers may be infinite, but not NaN."""
ANY_NUMBER = _Allowance("any")
"""Numbers may be infinite or NaN: the docstring says what happens then."""

Marker = Interval | Holds | Is | _Allowance

Natural = Annotated[int, Interval(0, MOST)]
Count = Annotated[int, Interval(1, MOST)]
Size = Annotated[int, Interval(1, LONGEST)]
Positive = Annotated[float, POSITIVE]
NonNegative = Annotated[float, NON_NEGATIVE]
Fraction = Annotated[float, FRACTION]
UnitInterval = Annotated[float, UNIT_INTERVAL]


def AtLeast(low: int, why: str = "") -> Any:
    """Return the annotation of an integer from `low` on, for settings of claims."""
    return Annotated[int, Interval(low, MOST, why=why)]


def require(condition: Any, sentence: str) -> None:
    """Raise `ValueError` with this sentence unless a joint condition of several arguments holds; traced ones pass."""
    if not is_traced(condition) and not np.all(condition):
        raise ValueError(sentence)


def require_room(names: str, numbers: int) -> None:
    """Raise `ValueError` if the arguments `names` ask for an array of more than 2^36 numbers.

    No memory holds it, and XLA allocates later than it returns: what it cannot allocate, or whose bytes exceed 64 bits,
    ends the process and not the call.
    """
    require(numbers <= 2**36, f"{names} must ask for arrays of at most 2^36 numbers, got one of {numbers:.3g}")


def is_traced(value: Any) -> bool:
    """Return whether JAX is tracing a value, so that its number is not known and cannot be judged."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.core.Tracer)


# --------------------------------------------------------------------------------------------------------- the guard


@overload
def guarded(function: F) -> F: ...


@overload
def guarded(*, double: bool = True) -> Callable[[F], F]: ...


def guarded(function: Any = None, *, double: bool = True) -> Any:
    """Hold the arguments of a function, or the fields of a dataclass, to their annotations.

    A front door is guarded once: what guarded functions call inside is not judged again. Where floats are meant, lists
    become arrays; where counts are meant, NumPy's integers become int. With `double`, other precisions become float64
    and a float becomes NumPy's, whose overflow can be caught; without it (simulators) precisions stay as they are, and
    arrays of other libraries are never converted. Results are not looked at: a caller may pipeline them.

    The function raises TypeError for an argument of another kind, and ValueError for another shape, for a value outside
    its domain, and where overflow, a division by zero, a singular matrix or a lack of memory leaves no answer. Of a
    function that calls back what its caller hands in, only the arguments are judged.
    """
    if function is None:
        return functools.partial(guarded, double=double)
    if isinstance(function, type):
        initialise: Any = function.__init__  # type: ignore[misc]
        function.__init__ = guarded(double=double)(initialise)  # type: ignore[misc]
        return function
    described = contract_of(function, double=double)
    positional = [name for name, one in described.items() if one.positional]
    unpacks = any(get_origin(one) is Unpack for one in inspect.unwrap(function).__annotations__.values())
    several = next(
        (one for one in inspect.signature(function).parameters.values() if one.kind is one.VAR_POSITIONAL), None
    )
    each = Argument.of(inspect.unwrap(function).__annotations__.get(several.name, Any), double) if several else None
    calls_back = any(get_origin(kind.type) is Callable for one in described.values() for kind in one.kinds)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if _inside.get():
            return function(*args, **kwargs)
        given = {name: described[name].accept(name, value) for name, value in zip(positional, args, strict=False)}
        rest = args[len(given) :]
        if several and each:
            rest = tuple(each.accept(several.name, value) for value in rest)
        if unpacks and (unknown := kwargs.keys() - described.keys()):
            raise TypeError(f"{function.__name__}() got an unexpected keyword argument {min(unknown)!r}")
        named = {name: described[name].accept(name, value) if name in described else value
                 for name, value in kwargs.items()}  # fmt: skip
        judged = [(name, described[name], value) for name, value in (given | named).items() if name in described]
        _check_axes(judged + [(several.name, each, value) for value in rest if several and each])
        if calls_back:  # whatever the caller's function does is its own affair
            return function(*given.values(), *rest, **named)
        token = _inside.set(True)
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                return function(*given.values(), *rest, **named)
        except _unanswerable() as error:
            known = [*(given | named).items(), *((several.name, value) for value in rest if several)]
            shown = ", ".join(f"{name} = {_shown(value)}" for name, value in known if name != "self")
            raise ValueError(
                f"floating-point numbers and memory must be able to hold what follows from {shown}: "
                f"{str(error).splitlines()[0] if str(error) else type(error).__name__}"
            ) from error
        finally:
            _inside.reset(token)

    call.contract = described  # type: ignore[attr-defined]
    return call


def contract_of(function: Callable[..., Any], *, double: bool = True) -> dict[str, "Argument"]:
    """Return what a function's annotations say of each of its arguments, in their order.

    Arguments of any number are one tuple; the fields of unpacked options stand as arguments of their own.
    """
    inner = inspect.unwrap(function)
    described: dict[str, Argument] = {}
    for parameter in inspect.signature(function).parameters.values():
        annotation = inner.__annotations__.get(parameter.name, Any)
        if get_origin(annotation) is Unpack:
            fields = get_args(annotation)[0].__annotations__.items()
            described |= {name: Argument.of(one, double, positional=False) for name, one in fields}
        elif parameter.kind is parameter.VAR_POSITIONAL:
            described[parameter.name] = Argument.of(tuple[annotation, ...], double, positional=False)  # type: ignore[valid-type]
        elif parameter.kind is not parameter.VAR_KEYWORD:
            positional = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            described[parameter.name] = Argument.of(annotation, double, positional)
    return described


def _unanswerable() -> tuple[type[BaseException], ...]:
    """What is raised where numbers or memory end: by NumPy, by Python, and by XLA if it is there."""
    jax = sys.modules.get("jax")
    devices = () if jax is None else (jax.errors.JaxRuntimeError,)
    return (ArithmeticError, MemoryError, np.linalg.LinAlgError, *devices)


class _Refused(Exception):
    """The value is not of this kind."""


class _Misshapen(_Refused):
    """The value is of this kind, and has another shape or is none of the choices."""


class Kind(NamedTuple):
    """One of the kinds an annotation admits: its type without markers, how a value is brought to it, what it is."""

    type: Any
    convert: Callable[[Any], Any]
    described: str
    markers: tuple[Marker, ...]


@dataclasses.dataclass(frozen=True)
class Argument:
    """What one argument must be: the kinds that its annotation admits, each with its markers."""

    kinds: tuple[Kind, ...]
    positional: bool = True

    @classmethod
    def of(cls, annotation: Any, double: bool = True, positional: bool = True) -> "Argument":
        """Read an annotation."""
        return cls(tuple(_kinds(annotation, double)), positional)

    def accept(self, name: str, value: Any) -> Any:
        """Return a value as the function gets it; raise TypeError or ValueError, with the sentence, if it may not."""
        if name == "self":  # an object whose fields were judged when it was made, or are yet to be set
            return value
        misshapen = False
        for kind in self.kinds:
            try:
                converted = kind.convert(value)
            except _Refused as refusal:
                misshapen |= isinstance(refusal, _Misshapen)
                continue
            except (TypeError, ValueError) as error:
                raise type(error)(str(error).replace(_EACH, f"{_EACH} of {name}", 1)) from None
            _check(name, converted, kind.markers)
            return converted
        kinds = " or ".join(dict.fromkeys(kind.described for kind in self.kinds))
        sentence = f"{name} must be {kinds}, got {_shown(value)}"
        raise ValueError(sentence) if misshapen else TypeError(sentence)


def _check(name: str, value: Any, markers: tuple[Marker, ...]) -> None:
    """Raise ValueError unless a value is finite, not empty, and what its markers say."""
    for marker in markers:
        if isinstance(marker, Is) and not marker.check(value):
            raise TypeError(f"{name} must {marker.must}, got {_shown(value)}")
    if isinstance(value, float | int | fractions.Fraction) and not isinstance(value, bool):  # mostly, and quickly
        if MAY_BE_INFINITE in markers and value == value:
            pass
        elif isinstance(value, float) and not math.isfinite(value) and ANY_NUMBER not in markers:
            raise ValueError(f"{name} must {_must(markers)}, got {value}")
        for marker in markers:
            unknown = value != value and ANY_NUMBER in markers
            if isinstance(marker, Interval) and not (unknown or marker.admits(value)):
                raise ValueError(f"{name} must {marker.must}, got {_shown(value)}")
        return
    for leaf in _numbers(value):
        if is_traced(leaf):
            continue
        if not leaf.size and MAY_BE_EMPTY not in markers:
            raise ValueError(f"{name} must not be empty, got an array of shape {tuple(leaf.shape)}")
        library, context = _reader_of(leaf)
        with context:
            leaf = np.asarray(leaf) if library is np else leaf
            allowed: Any = np.True_  # of any number nothing is read: it may lie on a disk
            if ANY_NUMBER not in markers:
                allowed = ~library.isnan(leaf) if MAY_BE_INFINITE in markers else library.isfinite(leaf)
            if not bool(allowed.all()):
                raise ValueError(f"{name} must be finite, got {_first(leaf, allowed)}{_among(leaf)}")
            for marker in markers:
                if isinstance(marker, Interval) and not bool((inside := marker.admits(leaf)).all()):
                    raise ValueError(f"{name} must {marker.must}, got {_first(leaf, inside)}{_among(leaf)}")
                if isinstance(marker, Holds) and leaf.size and not _holds(marker, np.asarray(leaf)):
                    raise ValueError(f"{name} must {marker.must}, got {_excerpt(leaf)}")


def _holds(marker: Holds, values: np.ndarray) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows in a comparison does not hold
        return marker.check(values)


def _must(markers: tuple[Marker, ...]) -> str:
    interval = next((marker for marker in markers if isinstance(marker, Interval)), None)
    return "be finite" if interval in (None, Interval()) else f"be finite and {interval.must.removeprefix('be ')}"


def _numbers(value: Any) -> Iterator[Any]:
    """Every array of integers or real numbers in a value, however it is wrapped."""
    if isinstance(value, type | str | bytes):
        return
    if hasattr(type(value).__init__, "contract"):
        return  # a record that is guarded itself was judged when it was made
    if dataclasses.is_dataclass(value):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, np.generic | float | int) and not isinstance(value, bool | np.bool_):
        array = np.asarray(value)
        if array.dtype.kind in "fiu":
            yield array
    elif hasattr(value, "__array_namespace__") and _dtype_kind(value) in "fiu":
        yield value


def _reader_of(leaf: Any) -> tuple[Any, AbstractContextManager[None]]:
    """The library that reads numbers where they are, at once, and its context: a caller may be traced.

    On a CPU NumPy sees JAX's arrays without a copy or a program.
    """
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(leaf, jax.Array) and any(one.platform != "cpu" for one in leaf.devices()):
        return jax.numpy, jax.ensure_compile_time_eval()
    return np, nullcontext()


def _check_axes(given: list[tuple[str, Argument, Any]]) -> None:
    """Raise ValueError where axes of one name have different lengths."""
    sizes: dict[str, Any] = {}
    for name, described, value in given:
        shape = () if isinstance(value, type) else tuple(getattr(value, "shape", ()))
        if not shape:
            continue
        patterns = (kind.type.dim_str for kind in described.kinds if hasattr(kind.type, "dim_str"))
        fitting: str = next((pattern for pattern in patterns if _fits(pattern, shape)), "")
        for token, size in _named_axes(fitting, shape):
            if token.startswith("#"):
                try:
                    sizes[token] = np.broadcast_shapes(sizes.get(token, ()), size)
                except ValueError:
                    before = sizes[token]
                    raise ValueError(f"{name} must broadcast with arguments of shape {before}, got {size}") from None
            elif size != sizes.setdefault(token, size):
                raise ValueError(f"{name} must have one entry for each of the {sizes[token]} {token}, got {size}")


# ---------------------------------------------------------------------------------------------- what an annotation says


def _kinds(annotation: Any, double: bool, markers: tuple[Marker, ...] = ()) -> list[Kind]:
    if get_origin(annotation) is Annotated:
        inner, *beside = get_args(annotation)
        found = tuple(marker for marker in beside if isinstance(marker, Interval | Holds | Is | _Allowance))
        return _kinds(inner, double, markers + found)
    if get_origin(annotation) in (Union, types.UnionType):
        alternatives = [kind for one in get_args(annotation) for kind in _kinds(one, double, markers)]
        types_ = [kind.type for kind in alternatives]
        if float in types_:  # a real number, maybe an array without axes or, as in ScalarLike, anything like it
            alternatives = [kind for kind in alternatives if kind.type is float or not _is_scalar(kind.type)]
        if any(hasattr(kind, "dim_str") for kind in types_):
            # Lists become arrays: a sequence beside an array only tells a type checker so.
            alternatives = [kind for kind in alternatives if get_origin(kind.type) is not Sequence]
        return sorted(alternatives, key=lambda kind: hasattr(kind.type, "dim_str"))  # numbers first
    convert, described = _conversion(annotation, double)
    return [Kind(annotation, convert, described, markers)]


def _conversion(annotation: Any, double: bool) -> tuple[Callable[[Any], Any], str]:
    """Return how a value is brought to a kind, and what the kind is called."""
    if annotation is float:
        return (_real if double else _plain_real), "a real number"
    if annotation is int:
        return _integer, "an integer"
    if hasattr(annotation, "dim_str"):
        return functools.partial(_array, annotation, double), f"an array {_array_description(annotation)}"
    origin, entries = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Literal:
        return functools.partial(_choice, entries), f"one of {', '.join(map(repr, entries))}"
    if origin is Sequence:
        return functools.partial(_each, list, Argument.of(entries[0], double)), "a list"
    if origin in (tuple, list) and entries:
        each = [Argument.of(one, double) for one in entries if one is not ...]
        if origin is list or entries[-1] is ...:
            return functools.partial(_each, origin, each[0]), f"a {origin.__name__}, each {each[0].kinds[0].described}"
        return functools.partial(_tuple, each), f"a tuple of {len(each)}, each {each[0].kinds[0].described}"
    if origin is Callable:
        return functools.partial(_only_if, callable), "a function"
    if origin is bool:
        return functools.partial(_instance, (bool, np.bool_)), "True or False"
    if isinstance(origin, type) and origin is not Any:
        described = {str: "a string", types.NoneType: "None"}.get(origin, f"of type {origin.__name__}")
        return functools.partial(_instance, origin), described
    return lambda value: value, "anything"


def _is_scalar(annotation: Any) -> bool:
    """Whether an annotation admits single numbers only, true and false among them."""
    number = isinstance(annotation, type) and issubclass(annotation, int | float | complex | np.generic)
    return getattr(annotation, "dim_str", "axes") == "" or (number and not hasattr(annotation, "dim_str"))


def _choice(choices: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, type(choices[0])):
        raise _Refused
    if value not in choices:
        raise _Misshapen
    return value


def _only_if(condition: Callable[[Any], bool], value: Any) -> Any:
    if not condition(value):
        raise _Refused
    return value


def _instance(classes: type | tuple[type, ...], value: Any) -> Any:
    return _only_if(lambda one: isinstance(one, classes), value)


def _real(value: Any) -> Any:
    if type(value) is float:
        return np.float64(value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return np.float64(_only_if(lambda number: -_HUGE < number < _HUGE, int(value)))
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
        return _only_if(lambda one: -(2**63) <= one < 2**63, int(value))
    if _is_scalar_array(value, "iu"):
        return int(value) if isinstance(value, np.ndarray) else value
    raise _Refused


def _is_scalar_array(value: Any, kinds: str) -> bool:
    return hasattr(value, "__array_namespace__") and value.ndim == 0 and _dtype_kind(value) in kinds


_ADMITTED = {  # the kinds of entries that each can be made from
    **{"float": "fiu", "int": "iu", "uint": "iu", "bool": "b", "complex": "cfiu"},
    **{"prng_key": "k"},
}


def _array(annotation: Any, double: bool, value: Any) -> Any:
    array = value
    if np.ma.is_masked(value):
        raise _Refused
    if not hasattr(value, "__array_namespace__") or isinstance(value, np.ma.MaskedArray | np.matrix):
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):  # rows of different lengths
            raise _Refused from None
    admitted, made = _entries(annotation)
    kind = _letter(array.dtype)
    if kind not in admitted:
        raise _Refused
    if not _fits(annotation.dim_str, array.shape):
        raise _Misshapen
    if not isinstance(array, np.ndarray):
        return array.astype(float) if made is np.float64 and kind in "iu" else array
    return array if made is None or (kind == "f" and not double) else array.astype(made, copy=False)


@functools.cache
def _entries(annotation: Any) -> tuple[str, Any]:
    """The letters of the entries that an array may be made from, and what NumPy's are made to; None for as they are."""
    named = isinstance(annotation.dtypes, list | tuple)  # jaxtyping's Shaped names none
    wanted = [kind for kind in _ADMITTED if not named or any(one.startswith(kind) for one in annotation.dtypes)]
    made = np.float64 if wanted == ["float"] else np.int64 if wanted == ["int"] else None
    return "".join(_ADMITTED[kind] for kind in wanted), made


@functools.cache
def _letter(dtype: Any) -> str:
    """NumPy's letter for a kind of entries; it has none for random keys ("k") and JAX's own floats."""
    name = str(dtype)
    return "k" if name.startswith("key<") else "f" if name.startswith(("bfloat", "float")) else str(dtype.kind)


def _dtype_kind(array: Any) -> str:
    return _letter(array.dtype)


def _array_description(annotation: Any) -> str:
    kinds = {
        "Float": "numbers",
        "Int": "integers",
        "Bool": "True and False",
        "Complex": "complex numbers",
        "Key": "random keys",
    }
    holds = kinds.get(annotation.__name__.split("[")[0], "numbers")
    axes = annotation.dim_str.split()
    return f"of {holds}" + (
        "" if axes and _is_variadic(axes[0]) and not axes[1:] else f" with axes ({', '.join(axes)})"
    )


@functools.lru_cache(maxsize=2**14)
def _fits(dim_str: str, shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape has the axes that jaxtyping would want: given sizes, and one size per name."""
    tokens = dim_str.split()
    several = any(_is_variadic(token) for token in tokens)
    if len(shape) < len(tokens) - 1 if several else len(shape) != len(tokens):
        return False
    sizes: dict[str, Any] = {}
    same = all(
        size == sizes.setdefault(name, size) for name, size in _named_axes(dim_str, shape) if not name.startswith("#")
    )
    return same and (
        several or all(size == int(token) for token, size in zip(tokens, shape, strict=True) if token.isdigit())
    )


@functools.lru_cache(maxsize=2**14)
def _named_axes(dim_str: str, shape: tuple[int, ...]) -> list[tuple[str, Any]]:
    """The name of each axis with its size, and that of leading axes of any number with all their sizes."""
    position, found, tokens = 0, [], dim_str.split()
    for token in tokens:
        taken = len(shape) - len(tokens) + 1 if _is_variadic(token) else 1
        size = shape[position : position + taken]
        position += taken
        name = token.strip("*")
        if name.removeprefix("#").isidentifier() and name != "_":
            found.append((name, size if _is_variadic(token) else size[0]))
    return found


def _is_variadic(token: str) -> bool:
    return token == "..." or "*" in token


def _each(made: type, each: Argument, value: Any) -> Any:
    admitted = Sequence if made is tuple else (Sequence, np.ndarray)
    if isinstance(value, str) or not isinstance(value, admitted) or getattr(value, "shape", None) == ():
        raise _Refused
    return made(_one(each, one) for one in value)


def _tuple(each: list[Argument], value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != len(each):
        raise _Refused
    return tuple(_one(argument, one) for argument, one in zip(each, value, strict=True))


def _one(argument: Argument, value: Any) -> Any:
    for kind in argument.kinds:
        try:
            converted = kind.convert(value)
        except _Refused:
            continue
        _check(_EACH, converted, kind.markers)
        return converted
    raise _Refused


# ----------------------------------------------------------------------------------------------- values in a sentence


def _first(leaf: Any, allowed: Any) -> Any:
    return np.asarray(leaf)[~np.asarray(allowed)].flat[0]


def _among(leaf: Any) -> str:
    return " among the entries" if leaf.ndim else ""


def _excerpt(leaf: Any) -> str:
    array = np.asarray(leaf)
    return str(array.tolist()) if array.size <= 9 else f"an array of shape {array.shape}"


def _power(number: float) -> str:
    exponent = math.log2(abs(number))
    return f"2^{exponent:.0f}" if exponent == int(exponent) else f"{number:g}"


def _array_shown(value: Any) -> str:
    """An array in a sentence; of a table with columns of many types the first that is no number, and what to do."""
    shape = f"of shape {tuple(value.shape)}"
    if np.ma.is_masked(value):
        return f"an array {shape} with masked entries: fill them, or leave out their rows"
    if hasattr(value, "dtype"):
        return f"an array of {value.dtype} {shape}"
    kinds = getattr(value, "dtypes", {}).items()
    other = [(name, kind) for name, kind in kinds if not isinstance(kind, np.dtype) or kind.kind not in "fiu"]
    if not other:
        return f"a {type(value).__name__} {shape}"
    name, kind = other[0]
    return f"a table {shape} whose column {name!r} is {kind}: make it NumPy's numbers or leave it out"


def _shown(value: Any) -> str:
    """A value in a sentence: numbers as they are, anything larger by its type and shape."""
    if isinstance(value, int) and abs(value) >= 2**64:
        return f"an integer of {value.bit_length()} bits"
    if hasattr(value, "shape") and not isinstance(value, type) and value.shape != ():
        return _array_shown(value)
    if isinstance(value, np.generic):
        return str(value)
    if isinstance(value, str | float | bool | Real | None):
        return repr(value)
    return f"a value of type {type(value).__name__}"
