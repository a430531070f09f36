"""What every public function owes to whoever calls it, with whatever: an answer it has documented,
or one sentence.

`promises` makes the tests of some modules. Structure: every public function is guarded, and no
argument goes without a domain. Refusal: every annotation that occurs is tried once, on a function
that does nothing, with values of the wrong size, sign, kind and shape. Answers: each function gets
arguments drawn from its own annotations, everyday ones and extreme ones, and answers with finite
numbers or says in one sentence what two arguments owe to each other. What cannot be drawn (records,
functions) or documents an exception has a `Case`.
"""

import dataclasses
import inspect
import re
import resource
import signal
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Unpack, get_args, get_origin

import jax
import jaxtyping
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies import Unknown, arguments

from theory_on_trial.contract import Argument, Interval, contract_of, guarded
from theory_on_trial.contract.sentences import Refusal
from theory_on_trial.own_data.answer import Answer

SECONDS = 20  # of the processor; no answer by then counts as an endless loop
HEADROOM = (
    2 << 30
    # bytes a call may take: beyond, memory is refused, so that a huge size cannot take the machine
    # down
)


class Later:
    """An argument that is made when it is first needed: collecting tests shall compile nothing."""

    def __init__(self, make: Callable[[], Any]):
        self.made = cache(make)


@dataclasses.dataclass(frozen=True)
class Case:
    """What annotations cannot say: arguments that are not drawn, and documented exceptions with
    their reasons.
    """

    # Held fixed, the others are drawn
    given: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    of: Any = None  # the object whose method is called
    infinite: str = ""  # why a result may be infinite or NaN
    warns: str = ""  # why it may warn
    raises: tuple[type[Exception], ...] = ()  # documented beside ValueError and TypeError
    # Documented range of every number in the result
    within: tuple[float, float] = (
        -np.inf,
        np.inf,
    )
    extreme: bool = True  # whether numbers of any size are tried; say why not where it is False


def promises(
    modules: list[Any],
    cases: Mapping[str, Case] | None = None,
    excluded: Mapping[str, str] | None = None,
    examples: int = 8,
) -> tuple[Callable[..., None], ...]:
    """The four tests of the public functions of some modules, each function called `examples` times
    twice over.
    """
    known = dict(cases or {})
    functions = {
        name: exported
        for name, exported in public(modules, known).items()
        if name not in (excluded or {})
    }
    annotations: dict[
        str, tuple[str, Any]
    ] = {}  # by what they say, with the first place where they say it
    for name, function in functions.items():
        for argument, annotation in _annotations(function):
            annotations.setdefault(repr(annotation), (f"{name}.{argument}", annotation))

    def every_public_function_is_guarded_and_every_argument_has_a_domain() -> None:
        complaints = [
            complaint
            for name, exported in functions.items()
            for complaint in undeclared(name, exported)
        ]
        assert complaints == []
        assert set(known) - set(functions) == set(), "cases of functions that are not there"

    @pytest.mark.parametrize(
        "annotation",
        [hint for _, hint in annotations.values()],
        ids=[p for p, _ in annotations.values()],
    )
    def anything_else_gets_one_sentence(annotation: Any) -> None:
        assert refusals(annotation) == []

    @cache
    def free(name: str, extreme: bool) -> st.SearchStrategy[dict[str, Any]]:
        return arguments(
            _without(functions[name], set(known.get(name, Case()).given)), extreme=extreme
        )

    def drawn(name: str, data: st.DataObject, extreme: bool) -> None:
        case = known.get(name, Case())
        try:
            values = data.draw(free(name, extreme))
        except Unknown as error:
            raise AssertionError(f"{error}: give it a Case") from None
        held = {
            key: one.made() if isinstance(one, Later) else one for key, one in case.given.items()
        }
        complaint, refused = judged(functions[name], values | held, case)
        assert complaint == ""
        assume(extreme or not refused)

    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

    @pytest.mark.parametrize("name", functions)
    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=checks)
    @given(data=st.data())
    def what_is_admissible_is_answered(name: str, data: st.DataObject) -> None:
        drawn(name, data, extreme=False)

    @pytest.mark.parametrize(
        "name", [name for name in functions if known.get(name, Case()).extreme]
    )
    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=checks)
    @given(data=st.data())
    def what_is_extreme_is_answered_or_refused(name: str, data: st.DataObject) -> None:
        drawn(name, data, extreme=True)

    return (
        every_public_function_is_guarded_and_every_argument_has_a_domain,
        anything_else_gets_one_sentence,
        what_is_admissible_is_answered,
        what_is_extreme_is_answered_or_refused,
    )


def refused(table: list[tuple[Callable[[], Any], str]]) -> Callable[..., None]:
    """The test that each of some calls is refused, in a sentence that matches."""

    @pytest.mark.parametrize(("call", "sentence"), table, ids=[sentence for _, sentence in table])
    def what_cannot_be_answered_is_refused(call: Callable[[], Any], sentence: str) -> None:
        with (
            pytest.raises((TypeError, ValueError), match=sentence) as raised,
            np.errstate(all="ignore"),
        ):
            call()
        assert "\n" not in str(raised.value)

    return what_cannot_be_answered_is_refused


def public(modules: list[Any], cases: Mapping[str, Case]) -> dict[str, Callable[..., Any]]:
    """Public functions, classes, and methods of the objects that `cases` give, by their names;
    those with arguments.
    """
    functions: dict[str, Callable[..., Any]] = {}
    for module in modules:
        for name in getattr(module, "__all__", None) or _defined(module):
            member = getattr(module, name)
            # Which its own tests read
            is_answer = inspect.isclass(member) and issubclass(member, Answer)
            key = name if name not in functions else f"{module.__name__.split('.')[0]}.{name}"
            is_result = is_answer or hasattr(member, "_fields")
            if callable(member) and _has_arguments(member) and not is_result:
                functions[key] = member
            if inspect.isclass(member):
                for method in _methods(member):
                    of = cases[f"{name}.{method}"].of if f"{name}.{method}" in cases else None
                    if of is not None or not is_answer:
                        functions[f"{name}.{method}"] = getattr(
                            member if of is None else of, method
                        )
    return functions


def _annotations(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    inner = inspect.unwrap(function.__init__ if inspect.isclass(function) else function)
    for name, annotation in inner.__annotations__.items():
        if get_origin(annotation) is Unpack:
            yield from get_args(annotation)[0].__annotations__.items()
        elif name != "return":
            yield name, annotation


def undeclared(name: str, function: Callable[..., Any]) -> list[str]:
    """What a function's signature leaves open: that it is guarded, and an annotation for every
    argument.
    """
    inner = (
        function.__init__ if inspect.isclass(function) else getattr(function, "__func__", function)
    )
    complaints = [] if hasattr(inner, "contract") else [f"{name} is not guarded"]
    arguments = inspect.signature(function).parameters
    annotations = inspect.unwrap(inner).__annotations__
    complaints += [
        f"{name}: {one} has no annotation"
        for one in arguments
        if one != "self" and one not in annotations
    ]
    options = [one for one, argument in arguments.items() if argument.kind is argument.VAR_KEYWORD]
    return complaints + [
        f"{name}: {one} are no unpacked TypedDict"
        for one in options
        if get_origin(annotations.get(one)) is not Unpack
    ]


def refusals(annotation: Any) -> list[str]:
    """Every odd value of one annotation that got neither through as an admissible one nor one
    sentence about it.
    """

    def taken(value: Any) -> Any:
        return value

    taken.__annotations__ = {"value": annotation}
    call = guarded(double=False)(taken)
    complaints = []
    argument = Argument.of(annotation, double=False)
    for label, value in odd_values():
        try:
            result = call(value)
        except (TypeError, ValueError) as error:
            if (
                not str(error).startswith(("value must", "each entry of value must"))
                or "\n" in str(error)
                or len(str(error)) > 300
            ):
                complaints.append(f"{label}: {type(error).__name__}: {error}")
        except Exception as error:
            complaints.append(f"{label}: {type(error).__name__}: {error}")
        else:
            intervals = [
                m for kind in argument.alternatives for m in kind.markers if isinstance(m, Interval)
            ]
            number = isinstance(result, int | float) and not isinstance(result, bool)
            if (
                number
                and intervals
                and result == result
                and not any(one.admits(result) for one in intervals)
            ):
                complaints.append(f"{label}: passed")
    return complaints


def odd_values() -> list[tuple[str, Any]]:
    numbers: list[Any] = [
        0,
        -1,
        1,
        2,
        2**40,
        10**400,
        1.5,
        np.nan,
        np.inf,
        -np.inf,
        -0.0,
        -1.0,
        1e-300,
        1e300,
        5e-324,
    ]
    numbers += [1j, True, np.float32(2), np.int8(3), np.array(2.0), np.array([1.0])]
    strangers: list[Any] = [None, "x", b"x", object(), {}, {"x": 1}, (1,)]
    strangers += [[[1.0], [1.0, 2.0]], [], [None], ["x"], [True]]
    arrays: list[Any] = [
        np.zeros(0),
        np.zeros((0, 2)),
        np.ones(3, object),
        np.array(["x"]),
        np.ones(2, complex),
    ]
    arrays += [np.full(3, entry) for entry in (np.nan, np.inf, -1.0, 0.0, 1e300, 1e-300)]
    arrays += [
        np.ones(3, bool),
        np.ones((2, 3)),
        np.ones((2, 2, 2)),
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        -np.eye(2),
    ]
    return [(repr(one)[:40].replace("\n", " "), one) for one in numbers + strangers + arrays]


def judged(function: Callable[..., Any], given: Mapping[str, Any], tried: Case) -> tuple[str, bool]:
    """Return the complaint about one call, "" if there is none, and whether it was refused."""
    try:
        with warnings.catch_warnings(), _bounded(), pytest.MonkeyPatch.context() as patch:
            # Users do not have the run-time checks of shapes and types that the tests have.
            patch.setattr(jaxtyping.config, "jaxtyping_disable", True)
            warnings.simplefilter("error")
            if tried.warns:
                warnings.simplefilter("ignore", UserWarning)
            result = _called(function, given)
            numbers = _numbers(result)
    except tried.raises:
        return "", True
    except Exception as error:
        return _fault_of_refusal(error, function), True
    if not tried.infinite and not all(np.all(np.isfinite(array)) for array in numbers):
        return f"not finite: {result!r:.200}", False
    low, high = tried.within
    if any(np.any(array < low) or np.any(array > high) for array in numbers):
        return f"outside of [{low}, {high}]: {result!r:.200}", False
    return "", False


def _called(function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Call a function with arguments by name, among them a tuple of any number of them."""
    signature = inspect.signature(function)
    direct = OrderedDict((name, given[name]) for name in signature.parameters if name in given)
    bound = inspect.BoundArguments(signature, direct)
    return function(
        *bound.args,
        **bound.kwargs,
        **{name: one for name, one in given.items() if name not in direct},
    )


def _fault_of_refusal(error: Exception, function: Callable[..., Any]) -> str:
    """What is wrong with how a call was refused, if anything."""
    sentence = str(error)
    names = contract_of(function)
    if type(error) not in (ValueError, TypeError, Refusal):
        return f"{type(error).__name__}: {sentence:.200}"
    if "\n" in sentence:
        return f"more than one line: {sentence:.200}"
    if not any(re.search(rf"\b{name}\b", sentence) for name in names):
        return f"names no argument: {sentence:.200}"
    return ""


def _without(function: Callable[..., Any], fixed: set[str]) -> Callable[..., Any]:
    """A stand-in with the same arguments but those that are held fixed."""

    def stand_in() -> None: ...

    signature = inspect.signature(function)
    annotations = inspect.unwrap(
        function.__init__ if inspect.isclass(function) else function
    ).__annotations__
    free = [one for name, one in signature.parameters.items() if name not in fixed]
    stand_in.__signature__ = signature.replace(parameters=free)  # type: ignore[attr-defined]
    stand_in.__annotations__ = {
        name: annotations[name] for name in signature.parameters if name in annotations
    }
    stand_in.__qualname__ = getattr(function, "__qualname__", "function")
    return stand_in


@contextmanager
def _bounded() -> Iterator[None]:
    """Stop what runs too long, and refuse memory far beyond what is in use."""

    def stop(*_: Any) -> None:
        raise AssertionError(f"no answer within {SECONDS} seconds")

    with open("/proc/self/statm") as file:
        in_use = int(file.read().split()[0]) * resource.getpagesize()
    before = signal.signal(signal.SIGPROF, stop)
    limit = resource.getrlimit(resource.RLIMIT_AS)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + HEADROOM, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _numbers(result: Any) -> list[np.ndarray]:
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        result = [getattr(result, field.name) for field in dataclasses.fields(result)]
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, list | tuple):
        return [numbers for one in result for numbers in _numbers(one)]
    is_key = isinstance(result, jax.Array) and jax.numpy.issubdtype(
        result.dtype, jax.dtypes.prng_key
    )
    kinds = (float, int, complex, np.ndarray, np.generic, jax.Array)
    array = np.asarray(result) if isinstance(result, kinds) and not is_key else np.zeros(0)
    return [array] if array.dtype.kind in "fciu" else []


def _has_arguments(function: Callable[..., Any]) -> bool:
    try:
        return bool(inspect.signature(function).parameters)
    except ValueError:
        return False


def _methods(exported: type) -> list[str]:
    members = {name: getattr(member, "__func__", member) for name, member in vars(exported).items()}
    return [
        name
        for name, member in members.items()
        if not name.startswith("_")
        and inspect.isfunction(inspect.unwrap(member))
        and len(inspect.signature(member).parameters)
        > (not isinstance(vars(exported)[name], staticmethod))
    ]


def _defined(module: Any) -> list[str]:
    """The public names that a module without a list of them, or a package's modules, define
    themselves.
    """
    own = {
        name: value
        for name, value in vars(module).items()
        if f"{getattr(value, '__module__', '')}.".startswith(f"{module.__name__}.")
    }
    return [name for name, value in own.items() if callable(value) and not name.startswith("_")]
