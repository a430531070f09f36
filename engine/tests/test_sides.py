"""Tautologies of a page: one number on both sides is told, whichever way it goes there."""

import functools
import math
import re
from types import SimpleNamespace
from typing import Annotated

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.trial.sides import Crossing, begin, crossings, told

N = 7
Share = Annotated[float, Interval(0.1, 1)]


def third_power_sum(n):
    return float(np.sum(np.arange(1.0, n + 1) ** (1 / 3)))


@pytest.fixture(autouse=True)
def _anew():
    begin()


def kept_in(store):
    """An observed function that keeps its number, and a predicted one that looks it up."""

    @observed
    def summed(n):
        store["kept"] = third_power_sum(n)
        return store["kept"]

    @predicted
    def closed_form(n):
        return store["kept"]

    return summed, closed_form


KEPT = 0.0


@observed
def summed_and_kept(n):
    global KEPT
    KEPT = third_power_sum(n)
    return KEPT


def looked_up():
    return KEPT


@predicted
def from_a_global(n):
    return looked_up() * 1.0


def by_a_closure():
    summed, closed_form = kept_in({})
    return closed_form(summed(N) and N)


def by_a_global():
    summed_and_kept(N)
    return from_a_global(N)


def by_an_argument():
    summed = observed(third_power_sum)
    closed_form = predicted(lambda n, guess: guess)
    return closed_form(N, summed(N))


def by_an_array():
    roots = observed(lambda n: np.arange(1.0, n + 100) ** (1 / 3))
    closed_form = predicted(lambda root: root.sum())
    return closed_form(roots(N)[:N].reshape(-1, 1))


def by_an_entry_of_an_array():
    roots = observed(lambda n: np.arange(1.0, n + 1) ** (1 / 3))
    closed_form = predicted(lambda n, last: last)
    return closed_form(N, float(roots(N)[-1]))


def by_a_part_of_an_object():
    summed = observed(lambda n: SimpleNamespace(total=[third_power_sum(n)], n=n))
    closed_form = predicted(lambda n, guess: guess)
    return closed_form(N, summed(N).total)


def by_a_helper_that_remembers():
    @functools.cache
    def roots(n):
        return np.arange(1.0, n + 1) ** (1 / 3)

    observed(lambda n: roots(n))(N)
    return predicted(lambda n: roots(n))(N)


def by_a_prediction_that_is_handed_back():
    closed_form = predicted(third_power_sum)
    summed = observed(lambda n, start: start)
    return summed(N, closed_form(N))


def by_a_default():
    summed = observed(third_power_sum)
    number = summed(N)
    return predicted(lambda n, guess=number: guess)(N)


@pytest.mark.parametrize(
    "tautology",
    [
        by_a_closure,
        by_a_global,
        by_an_argument,
        by_an_array,
        by_an_entry_of_an_array,
        by_a_part_of_an_object,
        by_a_helper_that_remembers,
        by_a_prediction_that_is_handed_back,
        by_a_default,
    ],
)
def test_one_number_on_both_sides_is_told_at_run_time(tautology):
    with pytest.raises(Crossing, match="came out of"):
        tautology()


ROUTES = """
from typing import Annotated
import numpy as np
from theory_on_trial import claim, observed, derived, predicted
def helper(n): return np.sqrt(np.arange(n)).sum()
def again(n):
    return helper(n)
@observed
def summed(n):
    OBSERVED
@predicted
def closed_form(m):
    PREDICTED
"""


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("return helper(n)", "return helper(m)", "helper"),
        ("return again(n)", "total = helper(m)\n    return float(total)", "helper"),
        ("return 2 * helper(n)", "return helper(m) * 2.0", "helper"),
        ("return np.sqrt(n)", "return np.sqrt(m)", "sqrt"),
        ("return n", "return m + 0", "they are given"),
        ("return helper(n)", "return helper(m + 1)", ""),
        ("return helper(n) + n", "return helper(m)", ""),
        ("return np.arange(n).sum()", "return m * (m - 1) / 2", ""),
    ],
)
def test_two_sides_that_are_one_route_are_told_at_collection(tmp_path, one, other, told):
    page = tmp_path / "test_page.py"
    page.write_text(ROUTES.replace("OBSERVED", one).replace("PREDICTED", other))
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    sentences = crossings(page)
    assert bool(told) == bool(sentences), sentences
    assert all(re.search(f"both return what .*{told}", text) for text in sentences)


def test_a_theorem_about_what_was_observed_says_so_and_so_does_its_row():
    @observed
    def minimiser(a):
        return np.linalg.solve(a @ a.T + np.eye(3), a @ np.ones(5))

    @observed
    def other(a):
        return a @ np.ones(5) / 3

    @predicted(about="minimiser")
    def coefficients(a, w):
        return a @ (np.ones(5) - a.T @ w)

    @claim(derived("the gradient vanishes"), kind="identity")
    def test_representer(trial):
        """The ridge minimiser w is the combination of the rows with the residuals as weights."""
        a = np.sin(np.arange(15.0)).reshape(3, 5)
        w = minimiser(a)
        trial.identity(w, coefficients(a, w), ops=100, scale=10, controls={"twice": 2 * w})

    row = test_representer.claim.run()
    assert row.verdict == "VERIFIED"
    assert row.note == "coefficients is about what minimiser gave"
    assert told() == row.note
    a = np.sin(np.arange(15.0)).reshape(3, 5)
    with pytest.raises(Crossing, match=r'other \(observed\).*say @predicted\(about="other"\)'):
        coefficients(a, other(a))


def test_settings_and_plain_numbers_are_no_observations():
    share = observed(lambda n: n / (3 * n))
    grid = np.linspace(0, 1, 9)
    curve = observed(lambda grid: (grid, grid**2, 0.25, 12))
    theory = predicted(lambda *given: 0.0)
    assert share(5) == 1 / 3
    theory(1 / 3)  # two people write it alike
    seen_grid, _, quarter, count = curve(grid)
    theory(seen_grid, quarter, count, grid)
    with pytest.raises(Crossing):
        theory(curve(grid)[1])


@given(st.integers(1, 900), st.integers(1, 900))
def test_a_root_of_small_numbers_comes_out_of_many_formulas(above, below):
    begin()
    theory = predicted(lambda number: number)
    measured = observed(lambda: math.sqrt(above) / math.sqrt(below))
    assert theory(measured()) == math.sqrt(above) / math.sqrt(below)


@given(st.floats(0.01, 10))
def test_a_number_that_is_no_root_is_still_an_observation(drawn):
    number = math.exp(drawn)  # e to a rational power is no root of a ratio
    begin()
    observed(lambda: number)()
    assume(float(f"{number:.8g}") != number)
    with pytest.raises(Crossing):
        predicted(lambda given: 0.0)(number)


def test_a_setting_that_an_earlier_case_observed_is_a_setting():
    row_sum = observed(lambda matrix: float(matrix.sum(axis=1).max()))
    largest = predicted(lambda stiffness, share: share * stiffness)

    @claim(derived("by adding up"), kind="identity", cases=[1.0, 0.5])
    def test_row_sum(trial, share: Share, stiffness: Share = 0.5):
        """The rows of a matrix of two columns of share * stiffness / 2 sum to share * stiffness."""
        seen = row_sum(np.full((2, 2), share * stiffness / 2))
        trial.identity(
            seen, largest(stiffness, share), ops=10, controls={"their sum": share + stiffness}
        )

    row = test_row_sum.claim.run()
    assert row.verdict == "VERIFIED", row.note
    again = test_row_sum.claim.run(stiffness=0.3423654483566232)
    assert again.verdict == "VERIFIED", again.note


def test_what_a_world_was_made_of_is_not_observed_where_the_world_shows_it():
    law = np.array([0.123456789012, 0.234567890123])
    world_of = predicted(lambda law: np.outer([0.5, 0.5], law))
    shown_by = observed(lambda world: world.sum(axis=0))
    end_of = predicted(lambda law: law.max())
    shown = shown_by(world_of(law))
    assert np.array_equal(shown, law)
    end_of(law)
    with pytest.raises(Crossing):
        end_of(shown)


def test_an_observation_may_be_made_where_a_theory_says():
    best = predicted(lambda n: 1 / np.sqrt(n + 0.1))
    loss = observed(lambda n, at: (at - 0.3) ** 2 * n)
    assert loss(3, best(3)) > 0
