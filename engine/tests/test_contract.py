"""The contract itself: what breaks a promise is caught, and `validated` keeps the promises of kinds and shapes."""

import numpy as np
import pytest
from jaxtyping import Float

from theory_on_trial.arguments.theory import validated
from theory_on_trial.audits.hostile import Case, case, judge, uncovered


def root(x: float) -> float:
    return float(np.sqrt(x))


def mean(rows: Float[np.ndarray, "rows columns"]) -> float:
    return float(rows.mean())


def guarded(x: float) -> float:
    if not 0 <= x <= 1:
        raise ValueError(f"x must be in [0, 1], got {x}")
    return x / 2


def anonymous(x: float) -> float:
    if not 0 <= x <= 1:
        raise ValueError("out of range")
    return x


def endless(x: float) -> float:
    while x == 0:
        pass
    return 0.0


@pytest.mark.parametrize(
    ("function", "tried", "complaint"),
    [
        (root, case(x=0.5), "x = nan: not finite"),
        (root, case(x=0.5), "x = -1.0: RuntimeWarning"),
        (mean, case(rows=np.ones((2, 2))), "rows = empty along axis 0: RuntimeWarning"),
        (anonymous, case(x=0.5), "x = nan: names no argument"),
        (guarded, case(x=0.5, _within=(0, 0.25)), "x = 1.0: outside of"),
        (endless, case(x=0.5), "x = 0.0: AssertionError: no answer within"),
        (lambda x: [0.0][x], case(x=0), "x = 1: IndexError"),
        (lambda x: x / 3, case(x=0.5), "x as np.float32: "),
    ],
)
def test_a_broken_promise_is_caught(function, tried, complaint, monkeypatch):
    monkeypatch.setattr("theory_on_trial.audits.hostile.SECONDS", 0.2)
    found = judge(function, tried)
    assert any(line.startswith(complaint) for line in found), found


def test_a_function_that_keeps_its_promises_passes():
    assert judge(validated(guarded), case(x=0.5, _within=(0, 0.5))) == []


def test_what_has_no_case_is_found():
    class module:
        __all__ = ("root", "Case")
        root, Case = root, Case

    assert uncovered([module], {"root": case(x=1.0)}, {}) == ["Case"]


@validated
def scaled(
    rows: Float[np.ndarray, "rows columns"], by: Float[np.ndarray, " columns"], power: float | int = 1
) -> object:
    return rows * by**power


def test_what_is_handed_in_becomes_float64():
    assert scaled([[1, 2]], np.ones(2, np.float32)).dtype == np.float64
    assert scaled(np.ones((1, 2)), by=[3, 4], power=np.int64(2)).tolist() == [[9, 16]]


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (("x", np.ones(2)), TypeError, r"rows must be an array of numbers with axes \(rows, columns\), got 'x'"),
        ((np.ones(2), np.ones(2)), ValueError, r"rows must be .* got an array of float64 of shape \(2,\)"),
        ((np.ones((1, 2)), np.ones(3)), ValueError, "by must have one entry for each of the 2 columns, got 3"),
        ((np.ones((1, 2)), np.ones(2), "x"), TypeError, "power must be a real number, got 'x'"),
        ((np.ones((1, 2)), np.ones(2), True), TypeError, "power must be a real number, got True"),
        ((np.ones((1, 2)), np.full(2, 1e200), 2), ValueError, "numbers and memory .* power = 2: overflow"),
        ((np.ones((1, 2)), np.zeros(2), -1), ValueError, "numbers and memory .* power = -1: divide by zero"),
        ((np.ones((1, 2)),), TypeError, "missing 1 required positional argument: 'by'"),
        ((np.ones((1, 2)), np.ones(2), 1, 1), TypeError, "takes from 2 to 3 positional arguments but 4 were given"),
    ],
)
def test_anything_else_gets_one_sentence(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        scaled(*arguments)


def test_a_caller_that_is_validated_itself_names_its_own_arguments():
    @validated
    def outer(size: float) -> object:
        return scaled(np.ones((1, 1)), np.array([size]), 2)

    with pytest.raises(ValueError, match=r"what follows from size = np\.float64"):
        outer(1e200)
