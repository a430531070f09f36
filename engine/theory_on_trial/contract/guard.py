"""Checks the arguments of a function against their annotations."""

import functools
import inspect
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar, Unpack, get_args, get_origin, overload

import numpy as np

from theory_on_trial.contract.arguments import Argument
from theory_on_trial.contract.axes import fits, named_axes
from theory_on_trial.contract.sentences import Refusal, in_words
from theory_on_trial.contract.shown import signature_in_help

F = TypeVar("F", bound=Callable[..., Any])
# Whether the caller is guarded itself
_inside: ContextVar[bool] = ContextVar("inside", default=False)


@overload
def guarded(function: F) -> F: ...


@overload
def guarded(*, double: bool = True) -> Callable[[F], F]: ...


def guarded(function: Any = None, *, double: bool = True) -> Any:
    """Hold the arguments of a function, or the fields of a dataclass, to their annotations.

    Only the outermost guarded call checks its arguments; guarded functions that it calls do not
    check again. Where floats are meant, lists become arrays; where counts are meant, NumPy's
    integers become int. With `double`, other precisions become float64 and a float becomes NumPy's,
    whose overflow can be caught; without it (simulators) precisions stay as they are, and arrays of
    other libraries are never converted. Results are not inspected, so that JAX may compute them
    later.

    The function raises TypeError for an argument of another kind, and ValueError for another shape,
    for a value outside its domain, and if overflow, a division by zero, a singular matrix or a lack
    of memory leaves no answer. Errors in a function that the caller hands in pass unchanged.
    """
    if function is None:
        return functools.partial(guarded, double=double)
    if isinstance(function, type):
        initialise: Any = function.__init__  # type: ignore[misc]
        function.__init__ = guarded(double=double)(initialise)  # type: ignore[misc]
        return function
    contract = contract_of(function, double=double)
    positional = [name for name, argument in contract.items() if argument.positional]
    unpacks = any(
        get_origin(annotation) is Unpack
        for annotation in inspect.unwrap(function).__annotations__.values()
    )
    star = next(
        (
            arg
            for arg in inspect.signature(function).parameters.values()
            if arg.kind is arg.VAR_POSITIONAL
        ),
        None,
    )
    entry = (
        Argument.of(inspect.unwrap(function).__annotations__.get(star.name, Any), double)
        if star
        else None
    )
    calls_back = any(
        get_origin(kind.type) is Callable for arg in contract.values() for kind in arg.alternatives
    )

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if _inside.get():
            return function(*args, **kwargs)
        leading = {
            name: contract[name].accept(name, value)
            for name, value in zip(positional, args, strict=False)
        }
        rest = args[len(leading) :]
        if star and entry:
            rest = tuple(entry.accept(star.name, value) for value in rest)
        if unpacks and (unknown := kwargs.keys() - contract.keys()):
            raise TypeError(
                f"{function.__name__}() got an unexpected keyword argument {min(unknown)!r}"
            )
        keywords = {
            name: contract[name].accept(name, value) if name in contract else value
            for name, value in kwargs.items()
        }
        triples = [
            (name, contract[name], value)
            for name, value in (leading | keywords).items()
            if name in contract
        ]
        _check_axes(triples + [(star.name, entry, value) for value in rest if star and entry])
        if calls_back:  # whatever the caller's function does is its own affair
            return function(*leading.values(), *rest, **keywords)
        token = _inside.set(True)
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                return function(*leading.values(), *rest, **keywords)
        except _unanswerable() as error:
            values = [
                *(leading | keywords).items(),
                *((star.name, value) for value in rest if star),
            ]
            listing = ", ".join(
                f"{name} = {in_words(value)}" for name, value in values if name != "self"
            )
            raise Refusal(
                "floating-point numbers and memory must be able to hold what follows from "
                f"{listing}: "
                f"{str(error).splitlines()[0] if str(error) else type(error).__name__}"
            ) from error
        finally:
            _inside.reset(token)

    call.contract = contract  # type: ignore[attr-defined]
    if function.__name__ != "__init__":  # of which other checkers read the annotations
        call.__signature__ = signature_in_help(function)  # type: ignore[attr-defined]
    return call


def contract_of(function: Callable[..., Any], *, double: bool = True) -> dict[str, "Argument"]:
    """Return what a function's annotations say of each of its arguments, in their order.

    Arguments of any number are one tuple; the fields of unpacked options stand as arguments of
    their own.
    """
    inner = inspect.unwrap(function)
    arguments: dict[str, Argument] = {}
    for parameter in inspect.signature(function).parameters.values():
        annotation = inner.__annotations__.get(parameter.name, Any)
        if get_origin(annotation) is Unpack:
            fields = get_args(annotation)[0].__annotations__.items()
            arguments |= {
                name: Argument.of(kind, double, positional=False) for name, kind in fields
            }
        elif parameter.kind is parameter.VAR_POSITIONAL:
            several = tuple[annotation, ...]  # type: ignore[valid-type]
            arguments[parameter.name] = Argument.of(several, double, positional=False)
        elif parameter.kind is not parameter.VAR_KEYWORD:
            positional = parameter.kind in (
                parameter.POSITIONAL_ONLY,
                parameter.POSITIONAL_OR_KEYWORD,
            )
            arguments[parameter.name] = Argument.of(annotation, double, positional)
    return arguments


def _unanswerable() -> tuple[type[BaseException], ...]:
    """What is raised where numbers or memory end: by NumPy, by Python, and by XLA if it is
    there.
    """
    jax = sys.modules.get("jax")
    devices = () if jax is None else (jax.errors.JaxRuntimeError,)
    return (ArithmeticError, MemoryError, np.linalg.LinAlgError, *devices)


def _check_axes(given: list[tuple[str, Argument, Any]]) -> None:
    """Raise ValueError where axes of one name have different lengths."""
    sizes: dict[str, Any] = {}
    for name, argument, value in given:
        shape = () if isinstance(value, type) else tuple(getattr(value, "shape", ()))
        if not shape:
            continue
        patterns = (
            kind.type.dim_str for kind in argument.alternatives if hasattr(kind.type, "dim_str")
        )
        fitting: str = next((pattern for pattern in patterns if fits(pattern, shape)), "")
        for token, size in named_axes(fitting, shape):
            if token.startswith("#"):
                try:
                    sizes[token] = np.broadcast_shapes(sizes.get(token, ()), size)
                except ValueError:
                    before = sizes[token]
                    raise Refusal(
                        f"{name} must broadcast with arguments of shape {before}, got {size}"
                    ) from None
            elif size != sizes.setdefault(token, size):
                raise Refusal(
                    f"{name} must have one entry for each of the {sizes[token]} {token}, got {size}"
                )
