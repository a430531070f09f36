"""What every public function owes to whoever calls it, with whatever: an answer it has documented, or one sentence.

A paper's test file gives each public function a `case` (valid arguments, and what is documented to be infinite, to warn
or to take its time) and gets its three tests from `promises`: `judge` puts one hostile value in the place of one
argument and tries all there are, `judge_several` lets Hypothesis replace several arguments at once, and `uncovered`
finds the public functions and methods without a case.
"""

import dataclasses
import inspect
import re
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SECONDS = 20  # of the processor; no answer by then counts as an endless loop
HEADROOM = 2 << 30  # bytes a call may take: beyond, memory is refused, so that a huge size cannot take the machine down


@dataclasses.dataclass(frozen=True)
class Case:
    """A valid call and its documented exceptions, each with its reason."""

    arguments: dict[str, Any]
    of: Any = None  # the object whose method is called
    infinite: str = ""  # why a result may be infinite or NaN
    warns: str = ""  # why it may warn
    raises: tuple[type[Exception], ...] = ()  # documented beside ValueError and TypeError
    costly: str = ""  # what makes a call slow: not every value is tried
    every: int = 8  # of a costly call: which values are
    within: tuple[float, float] = (-np.inf, np.inf)  # documented range of every number in the result


def case(of: Any = None, **given: Any) -> Case:
    """A case from its arguments; those with a leading underscore are the fields of `Case`."""
    fields = {name[1:]: value for name, value in given.items() if name.startswith("_")}
    arguments = {name: value for name, value in given.items() if not name.startswith("_")}
    return Case(arguments, of, **fields)


def promises(
    modules: list[Any], cases: dict[str, Case], excluded: dict[str, str], examples: int = 20
) -> tuple[Callable[..., None], ...]:
    """The three tests of the public functions of some modules; Hypothesis tries each of them `examples` times."""

    @pytest.mark.parametrize("name", cases)
    def one_hostile_value(name: str) -> None:
        assert judge(found(modules, name, cases[name]), cases[name]) == []

    @pytest.mark.parametrize("name", [name for name in cases if not cases[name].costly])
    @settings(max_examples=examples, deadline=None, derandomize=True)
    @given(data=st.data())
    def several_hostile_values(name: str, data: st.DataObject) -> None:
        assert judge_several(found(modules, name, cases[name]), cases[name], data) == ""

    def every_public_function_has_a_case() -> None:
        assert uncovered(modules, cases, excluded) == []

    return one_hostile_value, several_hostile_values, every_public_function_has_a_case


def uncovered(modules: list[Any], cases: dict[str, Case], excluded: dict[str, str]) -> list[str]:
    """Public functions, classes and methods with arguments that have neither a case nor a reason to have none."""
    wanted: list[str] = []
    for module in modules:
        for exported_name in getattr(module, "__all__", None) or _defined(module):
            exported = getattr(module, exported_name)
            name = exported_name if exported_name not in wanted else f"own_data.{exported_name}"
            if inspect.isclass(exported):
                wanted += [name, *_methods(exported)]
            elif callable(exported):
                wanted.append(name)
    return sorted({name for name in wanted if name not in cases and name not in excluded})


def _defined(module: Any) -> list[str]:
    """The public names that a module without a list of them defines itself."""
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return [name for name, value in own.items() if callable(value) and not name.startswith("_")]


def judge(function: Callable[..., Any], tried: Case) -> list[str]:
    """Every hostile value of every argument that got neither a documented answer nor one sentence about it."""
    complaints = []
    _call(function, tried.arguments, tried)  # the base is valid: what it raises fails the test
    every = tried.every if tried.costly else 1
    for name, base in tried.arguments.items():
        for label, value in hostile(base)[::every]:
            complaint = _complaint(function, {**tried.arguments, name: value}, tried)
            complaints += [f"{name} = {label}: {complaint}"] if complaint else []
        for label, value, reference in list(equivalent(base))[::every] if every <= 8 else []:
            complaint = _difference(function, name, (label, value), reference, tried)
            complaints += [f"{name} as {label}: {complaint}"] if complaint else []
    return complaints


def judge_several(function: Callable[..., Any], tried: Case, data: st.DataObject) -> str:
    """The complaint, if any, about a call with some of the arguments replaced, numbers by any number at all."""
    replaced = {}
    for name in data.draw(st.sets(st.sampled_from(sorted(tried.arguments)), min_size=1), label="replaced"):
        base = tried.arguments[name]
        values = st.sampled_from([value for _, value in hostile(base)])
        if isinstance(base, float):
            values |= st.floats()
        elif isinstance(base, int) and not isinstance(base, bool):
            values |= st.integers(-3, 12)
        replaced[name] = data.draw(values, label=name)
    return _complaint(function, {**tried.arguments, **replaced}, tried)


def hostile(base: Any) -> list[tuple[str, Any]]:
    """Values of the wrong size, sign, kind or shape in place of `base`, each with a name."""
    strangers = [("None", None), ("'x'", "x"), ("an object", object()), ("a ragged list", [[1.0], [1.0, 2.0]])]
    if isinstance(base, np.ndarray):
        return _hostile_arrays(base) + strangers
    if isinstance(base, bool):
        return [*strangers, ("2", 2)]
    if isinstance(base, int):
        numbers: list[Any] = [0, -1, 1, 2, 2**40, 10**400, 1.5, np.nan, True]
        return [(repr(one)[:20], one) for one in numbers] + strangers
    if isinstance(base, float):
        numbers = [np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1.0, 1e-300, 1e300, 5e-324, 10**400, 1j, True]
        return [(repr(one)[:20], one) for one in numbers] + strangers + [("[1.0]", [1.0])]
    if isinstance(base, list | tuple):
        lists: list[Any] = [[], [0], [-1], [1.5], [np.nan], [np.inf], ["x"], [None], [1e300, 1e-300], [True], [[1.0]]]
        lists += [list(base[:-1]), [*base, base[-1]], [*base[:-1], None], [*base[:-1], np.nan], [*base[:-1], -1.0]]
        return [(repr(one)[:60], one) for one in lists] + strangers[:3] + [("3", 3)]
    return [*strangers, ("1.0", 1.0), ("True", True)]


def equivalent(base: Any) -> Iterator[tuple[str, Any, Any]]:
    """Other ways to hand in the same numbers: name, value, and the plain value it must be treated as."""
    if isinstance(base, np.ndarray):
        yield "a list", base.tolist(), base
        yield "a read-only array", _read_only(base), base
        yield "Fortran order", np.asfortranarray(base), base
        yield "every second entry of an array", np.repeat(base, 2, axis=-1)[..., ::2] if base.ndim else base, base
        if base.dtype.kind == "f":
            single = base.astype(np.float32)
            yield "float32", single, single.astype(float)
            yield "integers", np.rint(base).astype(int), np.rint(base)
        if base.dtype.kind == "i":
            yield "int32", base.astype(np.int32), base
    elif isinstance(base, float):
        single_number = np.float32(base)
        yield "np.float32", single_number, float(single_number)
        yield "np.float64", np.float64(base), base
        yield "an array without axes", np.array(base), base
        yield "an integer", round(base), float(round(base))
        yield "np.int64", np.int64(round(base)), float(round(base))
    elif isinstance(base, int) and not isinstance(base, bool):
        yield "np.int64", np.int64(base), base
        yield "np.uint8", np.uint8(base % 256), base % 256
    elif isinstance(base, tuple) and not hasattr(base, "_fields"):  # a record is no other list of its entries
        yield "a list", list(base), base
        yield "an array", np.array(base) if not isinstance(base[0], np.ndarray) else list(base), base


def _hostile_arrays(base: np.ndarray) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [
        ("zeros", np.zeros_like(base)),
        ("one axis more", base[None]),
        ("an object array", base.astype(object)),
        ("strings", base.astype(str)),
        ("complex", base.astype(complex)),
        ("a number", 1.0),
        ("booleans", base.astype(bool)),
    ]
    found += [(f"empty along axis {axis}", np.take(base, [], axis=axis)) for axis in range(base.ndim)]
    found += [(f"doubled along axis {axis}", np.concatenate([base, base], axis=axis)) for axis in range(base.ndim)]
    found += [(f"one along axis {axis}", np.take(base, [0], axis=axis)) for axis in range(base.ndim)]
    if base.ndim:
        found.append(("one axis less", base[0]))
    if base.dtype.kind == "b":
        return found
    found += [("negated", -base), ("all alike", np.full_like(base, 3))]
    if base.dtype.kind == "i":
        return [*found, ("huge", np.full_like(base, 2**40)), ("halves", base + 0.5)]
    for entry in (np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300, 1e155, -1.0, 0.0):
        last = base.copy()
        last[(-1,) * base.ndim] = entry
        found += [(f"last entry {entry}", last), (f"all {entry}", np.full_like(base, entry))]
    return [*found, ("times 1e300", base * 1e300), ("times 1e-300", base * 1e-300)]


def _complaint(function: Callable[..., Any], arguments: dict[str, Any], tried: Case) -> str:
    try:
        result = _call(function, arguments, tried)
    except tried.raises:
        return ""
    except Exception as error:
        return _fault_of_refusal(error, function)
    if not tried.infinite and not all(np.all(np.isfinite(numbers)) for numbers in _numbers(result)):
        return f"not finite: {result!r:.200}"
    low, high = tried.within
    if any(np.any(numbers < low) or np.any(numbers > high) for numbers in _numbers(result)):
        return f"outside of [{low}, {high}]: {result!r:.200}"
    return ""


def _difference(function: Callable[..., Any], name: str, labelled: tuple[str, Any], reference: Any, tried: Case) -> str:
    label, value = labelled
    try:
        result = _call(function, {**tried.arguments, name: value}, tried)
    except tried.raises:
        return ""
    except Exception as error:
        return _fault_of_refusal(error, function)
    try:
        wanted = _call(function, {**tried.arguments, name: reference}, tried)
    except Exception as error:
        return f"answered, and the plain value refused with {error!r:.200}"
    if "float32" in label and function.__module__.startswith("sims."):
        return ""  # a simulator computes in the precision it is given
    pairs = list(zip(_numbers(result), _numbers(wanted), strict=True))
    if all(np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True) for a, b in pairs):
        return ""
    return f"{result!r:.100} and not {wanted!r:.100}"


def _fault_of_refusal(error: Exception, function: Callable[..., Any]) -> str:
    """What is wrong with how a call was refused, if anything."""
    sentence = str(error)
    names = inspect.signature(function).parameters
    if type(error) not in (ValueError, TypeError):
        return f"{type(error).__name__}: {sentence:.200}"
    if "\n" in sentence:
        return f"more than one line: {sentence:.200}"
    if not any(re.search(rf"\b{name}\b", sentence) for name in names):
        return f"names no argument: {sentence:.200}"
    return ""


def _call(function: Callable[..., Any], arguments: dict[str, Any], tried: Case) -> Any:
    with warnings.catch_warnings(), _bounded(), pytest.MonkeyPatch.context() as patch:
        # Users do not have the run-time checks of shapes and types that the tests have.
        patch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        warnings.simplefilter("error")
        if tried.warns:
            warnings.simplefilter("ignore", UserWarning)
        return function(**arguments)


@contextmanager
def _bounded() -> Iterator[None]:
    """Stop what runs too long, and refuse memory far beyond what is in use."""

    def stop(*_: Any) -> None:
        raise AssertionError(f"no answer within {SECONDS} seconds")

    with open("/proc/self/statm") as file:
        in_use = int(file.read().split()[0]) * resource.getpagesize()
    before, limit = signal.signal(signal.SIGPROF, stop), resource.getrlimit(resource.RLIMIT_AS)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + HEADROOM, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _numbers(result: Any) -> list[np.ndarray]:
    """Every number in a result, however it is wrapped."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        result = [getattr(result, field.name) for field in dataclasses.fields(result)]
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, list | tuple):
        return [numbers for one in result for numbers in _numbers(one)]
    is_key = isinstance(result, jax.Array) and jax.dtypes.issubdtype(result.dtype, jax.dtypes.prng_key)
    kinds = (float, int, complex, np.ndarray, np.generic, jax.Array)
    array = np.asarray(result) if isinstance(result, kinds) and not is_key else np.zeros(0)
    return [array] if array.dtype.kind in "fciu" else []


def _methods(exported: type) -> list[str]:
    public = []
    for name, member in vars(exported).items():
        function = getattr(member, "__func__", member)
        bound = isinstance(member, classmethod) or not isinstance(member, staticmethod)
        is_public = not name.startswith("_") and inspect.isfunction(inspect.unwrap(function))
        if is_public and len(inspect.signature(function).parameters) > bound:
            public.append(f"{exported.__name__}.{name}")
    return public


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.setflags(write=False)
    return copy


def found(modules: list[Any], name: str, tried: Case) -> Callable[..., Any]:
    """The public function, class or method of this name; a method is taken of the object of its case."""
    if tried.of is not None:
        return getattr(tried.of, name.split(".")[1])
    if name.startswith("own_data."):
        return getattr(modules[-1], name.split(".")[1])
    for module in modules:
        if hasattr(module, name.split(".")[0]):
            function = module
            for part in name.split("."):
                function = getattr(function, part)
            return function
    raise AssertionError(f"there is no public {name}")
