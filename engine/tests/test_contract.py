"""The contract: what a domain admits passes as the function wants it, anything else gets one
sentence.
"""

import fractions
import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, Unpack

import annotated_types
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import find, given
from hypothesis import strategies as st
from jaxtyping import Float, Int, Key, ScalarLike
from promises import Case, judged, promises, refusals, undeclared
from strategies import Unknown, arguments, values

from theory_on_trial.base.arrays import AnyArray, FloatType
from theory_on_trial.contract import (
    ANY_NUMBER,
    COVARIANCE,
    DEFINITE,
    MAY_BE_EMPTY,
    MAY_BE_INFINITE,
    ORTHONORMAL,
    POSITIVE,
    PROBABILITIES,
    RISING,
    SYMMETRIC,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Argument,
    Count,
    Fraction,
    Interval,
    NonNegative,
    Positive,
    contract_of,
    guarded,
    require,
)

KEY = jax.random.key(0)
Vector = Float[np.ndarray, " entries"]
Matrix = Float[np.ndarray, "rows columns"]
DOMAINS = {
    "a count": Count,
    "at least three": Annotated[int, Interval(3)],
    "a positive number": Positive,
    "a fraction": Fraction,
    "an open end": Annotated[float, Interval(0, 2, "[)")],
    "at most one": Annotated[float, Interval(high=1)],
    "positive entries": Annotated[Vector, POSITIVE],
    "a covariance": Annotated[Matrix, COVARIANCE],
    "a definite matrix": Annotated[Matrix, DEFINITE],
    "a symmetric matrix": Annotated[Matrix, SYMMETRIC],
    "an orthogonal matrix": Annotated[Float[np.ndarray, "side side"], ORTHONORMAL],
    "probabilities": Annotated[Vector, PROBABILITIES],
    "rising integers": Annotated[Int[np.ndarray, " entries"], RISING, Interval(2)],
    "a usable scale": Annotated[Vector, USABLE_SCALE],
    "perhaps none": Annotated[Vector, MAY_BE_EMPTY],
    "a number or a vector": Annotated[float, UNIT_INTERVAL] | Annotated[Vector, UNIT_INTERVAL],
    "an exact ratio": Annotated[fractions.Fraction | int, Interval(0, 2, "[)")],
    "a word": Literal["a", "b"],
    "an option": Positive | None,
    "an interval and one number more": Annotated[int, Interval(100, 150)] | Literal[200],
    "a pair": tuple[Count, Positive],
    "some positive numbers": tuple[Positive, ...],
}


def taking(annotation, *, double=True):
    def taken(value):
        return value

    taken.__annotations__ = {"value": annotation}
    return guarded(double=double)(taken)


@pytest.mark.parametrize("annotation", DOMAINS.values(), ids=DOMAINS)
@given(data=st.data())
def test_what_is_drawn_from_a_domain_is_admitted(annotation, data):
    call = taking(annotation)
    for extreme in (False, True):
        drawn = data.draw(values(Argument.of(annotation), extreme=extreme))
        admitted = call(drawn)
        assert np.array_equal(np.asarray(admitted, object), np.asarray(drawn, object))


@pytest.mark.parametrize("annotation", DOMAINS.values(), ids=DOMAINS)
def test_anything_else_gets_one_sentence(annotation):
    assert refusals(annotation) == []


@given(st.floats(), st.floats(-3, 3), st.floats(0, 3), st.sampled_from(["[]", "[)", "(]", "()"]))
def test_an_interval_admits_what_lies_in_it(value, low, width, closed):
    inside = (low < value or (closed[0] == "[" and value == low)) and (
        value < low + width or (closed[1] == "]" and value == low + width)
    )
    call = taking(Annotated[float, Interval(low, low + width, closed)])
    if inside:
        assert call(value) == value
    else:
        with pytest.raises(ValueError, match=r"^value must .*, got "):
            call(value)


@pytest.mark.parametrize(
    ("interval", "must"),
    [
        (Interval(), "be finite"),
        (Interval(0), "be non-negative"),
        (Interval(0, closed="()"), "be positive"),
        (Interval(2, why="one point has no variance"), "be at least 2 (one point has no variance)"),
        (Interval(1, closed="(]"), "be above 1"),
        (Interval(high=1, closed="[)"), "be below 1"),
        (Interval(high=0.5), "be at most 0.5"),
        (Interval(0, 1, "[)"), "lie in [0, 1)"),
        (Interval(1, 2**53), "be at least 1"),
        (Interval(0, 2**32, "[)"), "lie in [0, 2^32)"),
    ],
)
def test_an_interval_says_what_a_number_must_do(interval, must):
    assert interval.must == must


@pytest.mark.parametrize("several", [False, True])
def test_what_one_alternative_refuses_another_may_admit(several):
    kind = Annotated[int, Interval(100, 150)] | Literal[200]
    call = taking(tuple[kind, ...]) if several else taking(kind)
    for value in (100, 150, 200):
        assert call((value,) if several else value) == ((value,) if several else value)
    for value in (99, 151, 199):
        with pytest.raises(ValueError, match=rf"value must lie in \[100, 150\], got {value}"):
            call((value,) if several else value)


@guarded
def scaled(rows: Matrix, by: Float[np.ndarray, " columns"], power: float = 1) -> object:
    return rows * by**power


def test_what_is_handed_in_becomes_float64():
    assert scaled([[1, 2]], np.ones(2, np.float32)).dtype == np.float64
    assert scaled(np.ones((1, 2)), by=[3, 4], power=np.int64(2)).tolist() == [[9, 16]]


def test_a_table_of_numbers_is_an_array():
    assert scaled(pd.DataFrame({"age": [1.0], "size": [2]}), np.ones(2)).dtype == np.float64


class Tensor:
    """What a tensor of PyTorch with a gradient does: it refuses to be an array until it is
    detached.
    """

    def __init__(self, entries):
        self.entries = entries

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.entries


@pytest.mark.parametrize(
    "rows",
    [
        Tensor(np.ones((1, 2), np.float32)),
        np.ones((1, 2)).view(np.matrix),
        np.ma.masked_greater([[1, 1]], 3),
    ],
)
def test_what_is_like_an_array_is_taken_as_its_numbers(rows):
    assert scaled(rows, np.array([1.0, 3.0])).tolist() == [[1, 3]]


def test_infinite_and_unknown_numbers_pass_where_they_are_declared():
    assert taking(Annotated[float, MAY_BE_INFINITE])(math.inf) == math.inf
    with pytest.raises(ValueError, match="value must be finite, got nan"):
        taking(Annotated[float, MAY_BE_INFINITE])(math.nan)
    assert math.isnan(taking(Annotated[float, ANY_NUMBER])(math.nan))
    assert np.isnan(taking(Annotated[Vector, ANY_NUMBER])([np.nan, 1.0])).any()
    with pytest.raises(ValueError, match="value must be positive, got -1"):
        taking(Annotated[float, POSITIVE, MAY_BE_INFINITE])(-1.0)
    assert taking(Any)(10**400) == 10**400


def test_joint_conditions_are_one_line():
    @guarded
    def fits(dim: Count, classes: Count) -> int:
        require(dim >= classes, f"dim must be at least classes = {classes}, got {dim}")
        return dim - classes

    assert fits(3, 2) == 1
    with pytest.raises(ValueError, match="dim must be at least classes = 3, got 2"):
        fits(2, 3)
    # Traced: not known, not judged
    assert jax.jit(lambda x: require(x > 1, "never seen") or x)(0.0) == 0


def test_only_the_front_door_is_guarded_and_what_is_called_back():
    @guarded
    def inner(x: Positive) -> float:
        return x

    @guarded
    def outer(x: Positive, of: float) -> float:
        return inner(of)

    @guarded
    def calling(function: Callable[[float], float], at: float) -> float:
        return function(at)

    assert outer(1.0, -2.0) == -2.0  # what a guarded function calls is its own affair
    assert calling(inner, 2.0) == 2.0
    for call in (inner, partial(calling, inner)):
        with pytest.raises(ValueError, match="x must be positive, got -2"):
            call(-2.0)
    with np.errstate(divide="ignore"):
        # Its warnings are the caller's, too
        assert calling(lambda x: np.float64(x) / 0, 1.0) == np.inf


@guarded(double=False)
@partial(jax.jit, static_argnames="n")
def shifted(
    key: Key[jax.Array, ""], x: Float[AnyArray, "rows columns"], scale: ScalarLike, *, n: int
) -> Float[jax.Array, "n"]:
    return x.sum() * scale + jax.random.normal(key, (n,), x.dtype)


class Pair(NamedTuple):
    first: Float[AnyArray, "..."]
    second: str


@guarded(double=False)
def ratio(pair: Pair, ridge: Annotated[float, ANY_NUMBER], *rest: float) -> Pair:
    return Pair(pair.first / ridge, pair.second)


def test_what_is_declared_passes():
    assert Law([1, 2]).mean.dtype == np.float64
    assert total(np.ones((3, 1)), np.ones(2)) == 12
    assert np.isnan(ratio(Pair(np.ones(1), "x"), math.nan).first).all()


def test_simulators_compute_in_the_precision_they_are_given():
    single = shifted(KEY, np.ones((2, 2), np.float32), 1.0, n=3)
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(
        single, shifted(KEY, jnp.ones((2, 2), jnp.float32), np.float64(1), n=3)
    )
    np.testing.assert_array_equal(
        shifted(KEY, [[1, 2]], 2, n=1), shifted(KEY, np.array([[1.0, 2.0]]), 2.0, n=1)
    )


def test_traced_values_pass():
    traced = jax.jit(lambda scale: shifted(KEY, jnp.ones((2, 2)), scale, n=2))
    np.testing.assert_array_equal(traced(jnp.inf), [jnp.inf, jnp.inf])
    assert jnp.isnan(
        jax.vmap(lambda x: shifted(KEY, x, 1.0, n=2))(np.full((1, 1, 1), np.nan))
    ).all()


def test_a_type_of_numbers_is_no_array():
    call = taking(FloatType, double=False)
    for dtype in (np.float64, jnp.float32, np.dtype(float), "float32", "bfloat16"):
        assert call(dtype) is dtype
    for wrong in (int, "x", None, np.ones(2), 1.0):
        with pytest.raises(TypeError, match="value must be a type of floating-point numbers"):
            call(wrong)


def test_a_scalar_may_be_one_of_several_kinds():
    call = taking(ScalarLike | Float[AnyArray, "n"] | None, double=False)
    assert call(None) is None
    assert call(np.float32(0.5)) == 0.5
    assert call([1, 2]).tolist() == [1, 2]
    assert call(jnp.arange(2)).dtype == jnp.result_type(float)
    for wrong in ("x", 1j, True):
        with pytest.raises((TypeError, ValueError), match="value must be a real number or"):
            call(wrong)


@guarded
def root(x: float) -> float:
    return float(np.sqrt(np.abs(x))) if x > -1 else math.nan


@guarded
def anonymous(x: NonNegative) -> float:
    if x > 1:
        raise ValueError("out of range")
    return x


@guarded
def wide(x: NonNegative) -> float:
    return x / 2


@guarded
def indexed(x: Count) -> float:
    return [0.0][x]


@guarded
def endless(x: NonNegative) -> float:
    while x == 0:
        pass
    return 0.0


@pytest.mark.parametrize(
    ("function", "given", "case", "complaint"),
    [
        (root, {"x": -2.0}, Case(), "not finite: nan"),
        (root, {"x": -2.0}, Case(infinite="below -1"), ""),
        (anonymous, {"x": 2.0}, Case(), "names no argument: out of range"),
        (anonymous, {"x": -2.0}, Case(), ""),
        (wide, {"x": 1.0}, Case(within=(0, 0.25)), "outside of [0, 0.25]"),
        (indexed, {"x": 1}, Case(), "IndexError"),
        (indexed, {"x": 1}, Case(raises=(IndexError,)), ""),
        (endless, {"x": 0.0}, Case(), "AssertionError: no answer within"),
    ],
)
def test_a_broken_promise_is_caught(monkeypatch, function, given, case, complaint):
    monkeypatch.setattr("promises.SECONDS", 0.2)
    found = judged(function, given, case)[0]
    assert found.startswith(complaint)
    assert bool(found) == bool(complaint)


def test_what_has_no_guard_or_no_domain_is_found():
    def plain(x):
        return x

    assert undeclared("plain", plain) == ["plain is not guarded", "plain: x has no annotation"]
    assert undeclared("root", root) == []


def test_what_cannot_be_drawn_wants_a_case():
    def needs(key: Key[jax.Array, ""], pair: Pair) -> None: ...

    with pytest.raises(Unknown, match="no values can be drawn for pair"):
        arguments(needs)


def test_a_module_that_breaks_a_promise_fails_its_tests():
    class module:
        __all__ = ("wide", "root")
        __name__ = "module"

    module.wide = wide
    module.root = root
    structure, _, admissible, _ = promises([module], {}, examples=30)
    structure()
    with pytest.raises(AssertionError, match="not finite"):
        admissible("root")
    admissible("wide")


@pytest.mark.parametrize("library", [np, jnp])
def test_arrays_that_a_traced_caller_holds_are_judged(library, monkeypatch):
    """Comparing them is not to become a part of the caller's program, wherever they are."""
    context = jax.ensure_compile_time_eval if library is jnp else nullcontext
    monkeypatch.setattr(
        "theory_on_trial.contract.values._reader_of", lambda leaf: (library, context())
    )

    @guarded(double=False)
    def total(
        weights: Annotated[Float[AnyArray, " entries"], POSITIVE], by: Float[AnyArray, ""]
    ) -> object:
        return jnp.sum(weights) * by

    def traced(weights):
        return jax.jit(lambda by: total(weights, by))(2.0)

    assert traced(jnp.ones(3)) == 6
    for weights, sentence in (
        (jnp.zeros(3), "be positive, got 0.0"),
        (jnp.full(3, jnp.nan), "be finite, got nan"),
    ):
        with pytest.raises(ValueError, match=f"weights must {sentence} among the entries"):
            traced(weights)


def test_options_and_any_number_of_values_have_domains():
    class Options(TypedDict, total=False):
        step: Positive

    @guarded
    def summed(*weights: Annotated[Vector, POSITIVE], **options: Unpack[Options]) -> object:
        return sum(float(one.sum()) for one in weights) * options.get("step", 1.0)

    assert summed([1, 2], [3, 4], step=2) == 20
    for call, sentence in (
        (lambda: summed([1, 2], [0, 1]), "weights must be positive, got 0.0 among the entries"),
        (
            lambda: summed([1, 2], [1]),
            "weights must have one entry for each of the 2 entries, got 1",
        ),
        (lambda: summed([1], step=0), "step must be positive, got 0.0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()
    with pytest.raises(TypeError, match=r"summed\(\) got an unexpected keyword argument 'steps'"):
        summed([1], steps=1)
    assert set(contract_of(summed)) == {"weights", "step"}


@guarded
def total(
    first: Float[np.ndarray, "*#batch"] | float, second: Float[np.ndarray, "*#batch"] | float
) -> float:
    return float(np.sum(first + second))


@given(arguments(total))
def test_arguments_that_broadcast_are_drawn_so(drawn):
    assert total(**drawn) == np.sum(np.add(*drawn.values()))


def test_a_list_where_an_array_may_stand_becomes_one():
    call = taking(Annotated[Sequence[float] | Vector, POSITIVE])
    found = call([1, 2])
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float64
    with pytest.raises(ValueError, match="value must not be empty"):
        call([])
    with pytest.raises(ValueError, match=r"value must be positive, got 0\.0 among the entries"):
        call([1, 0])


@guarded
@dataclass(frozen=True)
class Law:
    mean: Vector
    scale: Positive = 1.0


@guarded
def inverse(matrix: Float[np.ndarray, "n n"]) -> object:
    return np.linalg.inv(matrix)


@guarded
def ones(n: Count) -> object:
    return np.ones(n)


def rows(given):
    return lambda: scaled(given, np.ones(2))


PAIRS = np.ones((1, 2))
TWO = np.ones(2)
MISSING = pd.array([1, None], "Int64")
SENTENCES = {
    TypeError: [
        (rows("x"), r"rows must be an array of numbers with axes \(rows, columns\), got 'x'"),
        (
            rows(scipy.sparse.eye_array(3)),
            r"rows must be .* a sparse matrix of shape \(3, 3\): "
            r"make it dense",
        ),
        (rows([[1.0, 2.0], [3.0, "x"]]), r"rows must be .* a list whose entry \[1\]\[1\] is 'x'"),
        (rows([[1.0, None]]), r"rows must be .* a list whose entry \[0\]\[1\] is None"),
        (rows([[1.0, 2.0], [3.0]]), "rows must be .* a list with rows of 1 and of 2 entries"),
        (
            rows(pd.DataFrame({"age": MISSING, "size": 1.0})),
            "rows must be .* 1 missing entries in column 'age'",
        ),
        (
            rows(pd.DataFrame({"age": [1.0], "name": ["x"]})),
            r"rows must be .* a table of shape \(1, 2\) whose column 'name' is (str|object)",
        ),
        (
            rows(np.ma.masked_greater([[1.0, 5.0]], 3)),
            "with masked entries: fill them, or leave out their rows",
        ),
        (lambda: scaled(PAIRS, TWO, "x"), "power must be a real number, got 'x'"),
        (lambda: scaled(PAIRS, TWO, True), "power must be a real number, got True"),
        (lambda: scaled(PAIRS), "missing 1 required positional argument: 'by'"),
        (
            lambda: scaled(PAIRS, TWO, 1, 1),
            "takes from 2 to 3 positional arguments but 4 were given",
        ),
        (lambda: shifted(KEY, np.ones((1, 1)), 1j, n=2), "scale must be a real number"),
        (
            lambda: shifted(KEY, np.ones((1, 1)), 1.0, n=10**400),
            "n must be an integer, got an integer of 1329 bits",
        ),
        (lambda: shifted(KEY, np.ones((1, 1)), n=2), "missing"),
    ],
    ValueError: [
        (rows(TWO), r"rows must be .* got an array of float64 of shape \(2,\)"),
        (
            lambda: scaled(PAIRS, np.ones(3)),
            "by must have one entry for each of the 2 columns, got 3",
        ),
        (
            lambda: scaled(PAIRS, pd.DataFrame({"age": [1.0]})),
            r"by must be .* got a DataFrame of "
            r"shape \(1, 1\)",
        ),
        (lambda: scaled(PAIRS, TWO, math.nan), "power must be finite, got nan"),
        (
            lambda: scaled(np.ones((1, 0)), np.ones(0)),
            r"rows must not be empty, got an array of "
            r"shape \(1, 0\)",
        ),
        (rows(np.array([[1.0, np.inf]])), "rows must be finite, got inf among the entries"),
        (
            lambda: scaled(PAIRS, np.full(2, 1e200), 2),
            "numbers and memory .* power = 2.*: overflow",
        ),
        (
            lambda: scaled(PAIRS, np.zeros(2), -1),
            "numbers and memory .* power = -1.*: divide by zero",
        ),
        (lambda: inverse(np.zeros((2, 2))), "what follows from matrix = .*: Singular matrix"),
        (lambda: ones(2**52), r"what follows from n = \d+: Unable to allocate"),
        (
            lambda: inverse(np.ones((2, 3))),
            r"matrix must be .* axes \(n, n\), got .* of shape "
            r"\(2, 3\)",
        ),
        (
            lambda: total(np.ones(3), TWO),
            r"second must broadcast with arguments of shape \(3,\), "
            r"got \(2,\)",
        ),
        (
            lambda: taking(Annotated[Matrix, SYMMETRIC])([[1.0, 1e308], [-1e308, 1.0]]),
            "must be a symmetric matrix",
        ),
        (lambda: Law([1.0], 0.0), "scale must be positive, got 0"),
        (lambda: shifted(KEY, np.full((1, 1), np.nan), 1.0, n=2), "x must be finite, got nan"),
        (lambda: shifted(KEY, jnp.ones((1, 1)), -jnp.inf, n=2), "scale must be finite, got -inf"),
        (lambda: ratio(Pair(np.array([1.0, np.nan]), "x"), 1.0), "pair must be finite, got nan"),
        (lambda: ratio(Pair(np.ones(1), "x"), 1.0, 2.0, np.nan), "rest must be finite, got nan"),
    ],
}


@pytest.mark.parametrize(
    ("error", "call", "sentence"), [(kind, *row) for kind in SENTENCES for row in SENTENCES[kind]]
)
def test_what_is_not_admitted_is_named(error, call, sentence):
    with pytest.raises(error, match=sentence) as refused:
        call()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("annotation", "condition", "simplest"),
    [
        (Annotated[int, Interval(1, 5000)], lambda n: n * n > 50, 8),
        (Annotated[float, Interval(0, 1, "()")], lambda x: x > 0.3, 0.5),
        (Count, lambda n: n > 3, 4),
    ],
)
def test_hypothesis_draws_and_shrinks_from_annotations(annotation, condition, simplest):
    """As it does from the bounds of annotated_types, which an interval stands for."""
    assert isinstance(Interval(0, 1), annotated_types.GroupedMetadata)
    assert find(st.from_type(annotation), condition) == simplest


def test_help_shows_types_and_ranges_and_no_markers():
    @guarded
    def tool(
        x: Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY],
        level: Annotated[float, Interval(0, 1, "()")] | None = None,
        *sizes: Annotated[int, Interval(2, 9)],
        **options: Any,
    ) -> float:
        return 0.0

    shown = "(x: Any, level: float in (0, 1) | None = None, *sizes: int in [2, 9], **options: Any)"
    assert str(inspect.signature(tool)) == f"{shown} -> float"
    assert inspect.signature(tool).parameters["level"].default is None
