"""How a value is brought to a type without markers, or refused: numbers, arrays, choices,
instances.
"""

import functools
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from theory_on_trial.contract.axes import fits, is_variadic
from theory_on_trial.contract.sentences import is_sparse

_HUGE = 2**1023  # integers from here on may exceed float64


class Refused(Exception):
    """The value is not of this kind."""


class Misshapen(Refused):
    """The value is of this kind, and has another shape or is none of the choices."""


def is_scalar(annotation: Any) -> bool:
    """Whether an annotation admits single numbers only, true and false among them."""
    number = isinstance(annotation, type) and issubclass(
        annotation, int | float | complex | np.generic
    )
    return getattr(annotation, "dim_str", "axes") == "" or (
        number and not hasattr(annotation, "dim_str")
    )


def to_choice(choices: tuple[Any, ...], value: Any) -> Any:
    """Return a value that is one of the choices."""
    if not isinstance(value, type(choices[0])):
        raise Refused
    if value not in choices:
        raise Misshapen
    return value


def only_if(condition: Callable[[Any], bool], value: Any) -> Any:
    """Return a value that meets a condition."""
    if not condition(value):
        raise Refused
    return value


def to_instance(classes: type | tuple[type, ...], value: Any) -> Any:
    """Return a value of one of the classes."""
    return only_if(lambda one: isinstance(one, classes), value)


def to_real(value: Any) -> Any:
    """Return a real number as NumPy's float64; a scalar array of another library as it is."""
    if type(value) is float:
        return np.float64(value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return np.float64(only_if(lambda number: -_HUGE < number < _HUGE, int(value)))
    if isinstance(value, Real) and not isinstance(value, bool):
        return np.float64(value)
    if _is_scalar_array(value, "fiu"):
        return to_real(value[()]) if isinstance(value, np.ndarray) else value
    raise Refused


def to_plain_real(value: Any) -> Any:
    """Return a real number as Python's float."""
    real = to_real(value)
    return float(real) if isinstance(real, float) else real


def to_integer(value: Any) -> Any:
    """Return an integer of 64 bits as Python's."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return only_if(lambda one: -(2**63) <= one < 2**63, int(value))
    if _is_scalar_array(value, "iu"):
        return int(value) if isinstance(value, np.ndarray) else value
    raise Refused


def _is_scalar_array(value: Any, kinds: str) -> bool:
    return hasattr(value, "__array_namespace__") and value.ndim == 0 and dtype_kind(value) in kinds


_ADMITTED = {  # the kinds of entries that each can be made from
    **{"float": "fiu", "int": "iu", "uint": "iu", "bool": "b", "complex": "cfiu"},
    **{"prng_key": "k"},
}


def to_array(annotation: Any, double: bool, value: Any) -> Any:
    """Return a value as an array of the entries and axes that jaxtyping's annotation names."""
    try:
        array = value = dense(value)
        if not hasattr(value, "__array_namespace__") or isinstance(
            value, np.ma.MaskedArray | np.matrix
        ):
            array = np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths
        raise Refused from None
    letters, target = _entries(annotation)
    kind = _letter(array.dtype)
    if kind not in letters:
        raise Refused
    if not fits(annotation.dim_str, array.shape):
        raise Misshapen
    if not isinstance(array, np.ndarray):
        return array.astype(float) if target is np.float64 and kind in "iu" else array
    return (
        array
        if target is None or (kind == "f" and not double)
        else array.astype(target, copy=False)
    )


def dense(value: Any) -> Any:
    """Return what NumPy can read, a tensor off its graph and device; TypeError for masked entries,
    sparse matrices.
    """
    if np.ma.is_masked(value) or is_sparse(value):
        raise TypeError
    if not (hasattr(value, "detach") and hasattr(value, "cpu")):
        return value
    tensor = value.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # of a precision that NumPy has not got, such as bfloat16
        return tensor.float().numpy()


@functools.cache
def _entries(annotation: Any) -> tuple[str, Any]:
    """The letters of the entries that an array may be made from, and what NumPy's are made to; None
    for as they are.
    """
    is_named = isinstance(annotation.dtypes, list | tuple)  # jaxtyping's Shaped names none
    kinds = [
        kind
        for kind in _ADMITTED
        if not is_named or any(dtype.startswith(kind) for dtype in annotation.dtypes)
    ]
    target = np.float64 if kinds == ["float"] else np.int64 if kinds == ["int"] else None
    return "".join(_ADMITTED[kind] for kind in kinds), target


@functools.cache
def _letter(dtype: Any) -> str:
    """NumPy's letter for a kind of entries; it has none for random keys ("k") and JAX's own
    floats.
    """
    name = str(dtype)
    return (
        "k"
        if name.startswith("key<")
        else "f"
        if name.startswith(("bfloat", "float"))
        else str(dtype.kind)
    )


def dtype_kind(array: Any) -> str:
    """Return the letter for the kind of an array's entries."""
    return _letter(array.dtype)


def described_array(annotation: Any) -> str:
    """Return what jaxtyping's annotation says of an array, in words."""
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
        "" if axes and is_variadic(axes[0]) and not axes[1:] else f" with axes ({', '.join(axes)})"
    )
