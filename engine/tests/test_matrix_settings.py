"""Settings that are vectors and matrices: what is drawn lies in its domain, and a failure is found
and made small.
"""

import ast
import re
from typing import Annotated, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float, Int

from theory_on_trial import claim
from theory_on_trial.contract import (
    COVARIANCE,
    DEFINITE,
    ORTHONORMAL,
    POSITIVE,
    PROBABILITIES,
    RISING,
    SYMMETRIC,
    UNIT_INTERVAL,
    Argument,
    Interval,
    norm,
    spectrum,
)
from theory_on_trial.explore.arrays import arrays_of
from theory_on_trial.explore.search import search
from theory_on_trial.explore.trials import Trials

CHECKS = '''
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial import claim, derived
from theory_on_trial.contract import PROBABILITIES, Interval, norm, spectrum

Matrix = Annotated[Float[np.ndarray, "n n"], norm(1, 1)]


@claim(derived("made up"), not_tight="false for a matrix of rank one")
def test_norms(trial, a: Matrix = np.eye(2) / np.sqrt(2)):
    """The spectral norm is at most .9 times the Frobenius norm."""
    size = np.linalg.norm(a)
    trial.bound(np.linalg.norm(a, 2), 0.9 * size, instances="all", ops=50, controls={"half": size / 2})


@claim(derived("made up"), not_tight="false for two rows that have nothing in common")
def test_mixing(trial, kernel: Annotated[Float[np.ndarray, "n n"], PROBABILITIES] = np.full((2, 2), 0.5)):
    """The rows of a stochastic matrix are at most .8 apart in total variation."""
    apart = np.max(np.abs(kernel[:, None] - kernel[None]).sum(axis=-1)) / 2
    trial.bound(apart, 0.8, instances="all", ops=50, controls={"a hair": -0.1})


@claim(derived("the trace of a product"), kind="identity")
def test_together(
    trial,
    n: Annotated[int, Interval(1, 5)] = 2,
    x: Float[np.ndarray, " n"] = np.ones(2),
    a: Annotated[Float[np.ndarray, "n n"], spectrum(-1, 1)] = np.eye(2),
):
    """x' a x is the trace of a x x'."""
    if x.shape != (n,) or a.shape != (n, n):
        raise TypeError(f"shapes {x.shape} and {a.shape} do not fit n = {n}")
    form = x @ a @ x
    size = np.abs(x) @ np.abs(a) @ np.abs(x)
    trial.require(abs(form) > 1e-3 * size, "the terms of x' a x must not cancel")
    trial.identity(form, np.trace(a @ np.outer(x, x)), ops=200, scale=size, controls={"w": form + size + n})
'''

KINDS = {
    "entries": Annotated[Float[np.ndarray, "2 3"], UNIT_INTERVAL],
    "positive": Annotated[Float[np.ndarray, "n m"], POSITIVE],
    "integers": Annotated[Int[np.ndarray, " n"], Interval(1, 9)],
    "length": Annotated[Float[np.ndarray, " n"], norm(0.5, 2)],
    "unit": Annotated[Float[np.ndarray, "n 3"], norm(1, 1)],
    "spectral": Annotated[Float[np.ndarray, "n n"], norm(0, 3, 2)],
    "spectrum": Annotated[Float[np.ndarray, "n n"], spectrum(-1, 0.25)],
    "covariance": Annotated[Float[np.ndarray, "n n"], COVARIANCE],
    "definite": Annotated[Float[np.ndarray, "n n"], DEFINITE],
    "stochastic": Annotated[Float[np.ndarray, "n m"], PROBABILITIES],
    "orthonormal": Annotated[Float[np.ndarray, "5 2"], ORTHONORMAL],
    "symmetric": Annotated[Float[np.ndarray, "n n"], SYMMETRIC, norm(1, 4)],
    "rising": Annotated[Float[np.ndarray, " 3"], RISING],
}


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_drawn_lies_in_its_domain(name, data):
    argument = Argument.of(KINDS[name])
    drawn = data.draw(arrays_of(argument.alternatives[0]))
    array = argument.accept("a", drawn)
    assert array.shape == np.shape(drawn)
    again = argument.accept("a", ast.literal_eval(repr(drawn)))
    np.testing.assert_array_equal(array, again)  # what is printed is what was tried


def test_a_spectrum_and_a_norm_are_drawn_in_all_of_their_range():
    seen = {"low": [], "high": [], "norm": []}

    @given(arrays_of(Argument.of(KINDS["spectrum"]).alternatives[0]))
    @settings(max_examples=400, deadline=None, database=None, derandomize=True)
    def eigenvalues(matrix):
        values = np.linalg.eigvalsh(matrix)
        seen["low"].append(values[0])
        seen["high"].append(values[-1])

    @given(arrays_of(Argument.of(KINDS["length"]).alternatives[0]))
    @settings(max_examples=400, deadline=None, database=None, derandomize=True)
    def length(vector):
        seen["norm"].append(np.linalg.norm(vector))

    eigenvalues()
    length()
    assert min(seen["low"]) < -0.9
    assert max(seen["high"]) > 0.2
    assert min(seen["norm"]) < 0.6
    assert max(seen["norm"]) > 1.8


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("length", [3.0, 0.0], r"a must have a norm in \[0.5, 2\]"),
        ("spectral", np.diag([4.0, 0.0]), r"a must have a norm of order 2 in \[0, 3\]"),
        ("spectrum", np.eye(2), r"a must be a symmetric matrix with eigenvalues in \[-1, 0.25\]"),
        ("spectrum", [[0.0, 0.1], [0.0, 0.0]], "a must be a symmetric matrix"),
    ],
)
def test_a_norm_or_a_spectrum_outside_is_one_sentence(kind, value, sentence):
    with pytest.raises(ValueError, match=sentence):
        Argument.of(KINDS[kind]).accept("a", value)


@pytest.mark.parametrize("ends", [(2, 1), (-1, 1), (0, np.inf)])
def test_ends_of_a_norm_that_are_none_are_refused(ends):
    with pytest.raises(ValueError, match=r"norm.low, high. needs 0 <= low <= high"):
        norm(*ends)
    if ends != (-1, 1):
        with pytest.raises(ValueError, match=r"spectrum.low, high. needs low <= high"):
            spectrum(*ends)


@pytest.fixture
def matrices(tmp_path, monkeypatch):
    """A repository of its own with the claims above."""
    (tmp_path / "test_matrices.py").write_text(CHECKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path / "cache"))


def found(name):
    subject = claim(f"matrices.{name}")
    with Trials(subject) as trials:
        return search(subject, trials, seconds=40, most=400)


def test_a_search_finds_the_matrix_at_which_a_claim_fails_and_makes_it_small(matrices):
    failure = found("norms").failure
    assert failure is not None
    matrix = np.array(ast.literal_eval(re.search(r"a=(.*), seed", failure.line)[1]))
    assert matrix.shape == (1, 1)  # the simplest matrix of rank one
    assert failure.confirmed == [0, 1, 2]


def test_a_search_finds_the_stochastic_matrix_at_which_a_claim_fails(matrices):
    failure = found("mixing").failure
    kernel = np.array(ast.literal_eval(re.search(r"kernel=(.*), seed", failure.line)[1]))
    assert kernel.shape == (2, 2)
    np.testing.assert_allclose(kernel.sum(axis=1), 1)
    assert np.abs(kernel[0] - kernel[1]).sum() / 2 > 0.8


def test_arrays_of_one_axis_and_the_number_of_its_name_fit_together(matrices):
    result = found("together")
    assert result.failure is None, str(result)
    assert result.counts["as expected"] > 20, str(result)
    assert "n" in result.where
    assert "a" in result.where


def test_a_row_states_the_matrix_as_it_can_be_pasted(matrices):
    subject = claim("matrices.norms")
    row = subject.run(a=[[1.0, 0.0], [0.0, 0.0]])
    assert row.verdict == "REFUTED"
    assert row.settings == [{"a": "((1.0, 0.0), (0.0, 0.0))"}]
    assert get_type_hints(subject.function, include_extras=True)
