"""The forms of a measurement: a function of JAX's key, a function of NumPy's generator for one
sample or for many, or existing samples.
"""

import inspect
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from theory_on_trial.decide.sampling import FAR_ONCE, Draws, Independence, numbers

Form = Literal["key", "one", "many", "array"]
"""One sample for a key of JAX, one or n samples from a generator of NumPy, or an array of them."""

_GENERATOR = ("rng", "generator")
_OF_A_PATH = (
    "; the mean of one long stationary path, in its order, is decided by trial.mean with "
    "law=OnePath()"
)


def form_of(measure: Any, otherwise: Form) -> Form:
    """Return the form of a measurement: what its signature says, `otherwise` where it says nothing.

    Two required parameters are a generator and n. One is a generator if it is called `rng` or
    `generator`, and a key if it is called `key` or JAX has jitted the function.
    """
    if not callable(measure):
        raise TypeError(
            "the measurement must be a function of rng, of (rng, n) or of key, got "
            f"{type(measure).__name__}; samples that exist are given as samples="
        )
    try:
        parameters = inspect.signature(measure).parameters.values()
    except (TypeError, ValueError):
        return otherwise
    required = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(required) > 2:
        raise TypeError(
            "the measurement must be a function of rng, of (rng, n) or of key, got one of "
            f"({', '.join(required)})"
        )
    if len(required) == 2:
        return "many"
    if len(required) == 1 and required[0] in _GENERATOR:
        return "one"
    if required == ["key"] or hasattr(measure, "trace"):
        return "key"
    return otherwise


def takes(process: Any, many: int) -> bool:
    """Tell whether something can be called with so many arguments, as far as its signature says."""
    if not callable(process):
        return False
    try:
        inspect.signature(process).bind(*range(many))
    except TypeError:
        return False
    except ValueError:  # it has no signature
        return True
    return True


def shown(process: Any) -> str:
    """Return what something is, in a word, or the arguments that it takes."""
    try:
        return f"a function of {inspect.signature(process)}"
    except (TypeError, ValueError):
        return type(process).__name__


def one_by_one(measure: Callable[[np.random.Generator], Any], what: str) -> Draws:
    """Return a function that draws n samples by n calls of a measurement with NumPy's generator.

    It raises `ValueError` unless every call returns numbers of one shape. An exception within a
    call says in which it was raised.
    """
    calls = 0
    shape: tuple[int, ...] | None = None

    def sample(generator: np.random.Generator) -> np.ndarray:
        nonlocal calls, shape
        calls += 1
        try:
            value = measure(generator)
        except Exception as error:
            error.add_note(f"({what} raised this in its call {calls})")
            raise
        if value is None:
            raise ValueError(f"{what} returned None in its call {calls}: it must return a number")
        try:
            array = np.asarray(value)
        except ValueError:
            array = np.asarray(value, object)
        if array.dtype.kind not in "biuf":
            raise ValueError(
                f"{what} must return real numbers, its call {calls} returned "
                f"{value if isinstance(value, str) else type(value).__name__!s}"
            )
        if shape is not None and array.shape != shape:
            raise ValueError(
                f"{what} must return one shape, got {shape} first and {array.shape} in its call "
                f"{calls}"
            )
        shape = array.shape
        return array

    return lambda generator, n: np.stack([sample(generator) for _ in range(n)])


class Given:
    """Existing samples, shape (n, *shape), in their order.

    Raises `ValueError` for what is not an array of finite real numbers, and for samples that go
    together with those before them (as a chain's do), unless they are said to be one `path`.

    Attributes:
        count: how many there are.
    """

    def __init__(self, samples: np.ndarray, what: str, path: bool = False):
        self.count = len(samples)
        self._array = numbers(samples, self.count, what)
        self._position = 0
        if self.count > 1 and not path:
            Independence(what, FAR_ONCE, _OF_A_PATH).ask(self._array, [1] * self.count)

    def __call__(self, m: int) -> np.ndarray:
        """Return the next m samples."""
        self._position += m
        return self._array[self._position - m : self._position]


def checked_samples(samples: Any) -> np.ndarray:
    """Return samples that exist as an array; raise `ValueError` for what has no axis of samples."""
    if np.ma.is_masked(samples):
        raise ValueError("samples= must not have masked entries: leave those samples out")
    array = np.asarray(samples)
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"samples= must be an array with the samples along its first axis, got {samples!r:.60}"
        )
    return array
