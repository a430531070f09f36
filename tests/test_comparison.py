"""Tests of the comparison of two predictors: known levels, second routes, refusals."""

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from own_data import comparison as tool
from own_data.comparison import better


@pytest.mark.parametrize(("one", "other"), [(0.1, 0.1), (0.3, 0.05), (0.0, 0.2), (0.45, 0.5)])
def test_the_interval_of_errors_holds_in_an_enumeration(one, other):
    """Of all numbers of rows on which A or B alone errs, of 30, weighted by their chances."""
    law = multinomial(30, [one, other, 1 - one - other])
    held = chance = excluded = 0.0
    for first in range(31):
        for second in range(31 - first):
            weight = float(law.pmf([first, second, 30 - first - second]))
            if weight < 1e-9:
                continue
            interval, _ = tool._of_signs(first, second, 30, 0.05)
            chance += weight
            held += weight * (interval.low <= one - other <= interval.high)
            excluded += weight * (interval.low > 0 or interval.high < 0)
    assert held / chance >= 0.95
    if one == other:
        assert excluded <= 0.05
    if one == 0.3:
        assert excluded > 0.5


def test_the_sign_test_is_that_of_the_coin():
    y = np.zeros(100, int)
    a, b = y.copy(), y.copy()
    a[:1], b[1:10], a[50:60], b[50:60] = 1, 1, 1, 1
    answer = better(y, a, b)
    assert (answer.a_alone, answer.b_alone) == (1, 9)
    assert answer.p_value == pytest.approx(2 * (1 + 10) / 2**10)
    assert (answer.a, answer.b, answer.difference.value) == pytest.approx((0.11, 0.19, -0.08))
    assert answer.to_do() == "take A"


def grouped(rng, groups=40, size=25):
    """Groups whose rows are all but copies, and two predictors that are equally good."""
    of_group = np.repeat(np.arange(groups), size)
    y = rng.random(len(of_group))
    wins = rng.choice([-1.0, 1.0], groups)[of_group]
    off = rng.uniform(0, 0.2, len(y))
    a = np.clip(y + off * (wins > 0), 0, 1)
    b = np.clip(y + off * (wins < 0), 0, 1)
    return y, a, b, of_group


def test_rows_of_groups_count_as_groups():
    """Rows as if independent, by the normal interval, claim a difference in most tables."""
    wrong = ours = 0
    for seed in range(100):
        y, a, b, of_group = grouped(np.random.default_rng(seed))
        squares = (a - y) ** 2 - (b - y) ** 2
        wrong += abs(squares.mean()) > 1.96 * squares.std(ddof=1) / np.sqrt(len(squares))
        low, high = better(y, a, b, groups=of_group, loss="squared error").difference[1:]
        ours += not low <= 0 <= high
    assert wrong > 40
    assert ours <= binom.ppf(0.999, 100, 0.05)


@pytest.mark.parametrize("loss", ["error", "squared error"])
def test_a_difference_is_found_and_held(loss):
    """A errs by .1 and B by .3, of labels that are flipped; the truth is -.2 for both losses."""
    misses = decided = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        y = rng.random(1000) < 0.4
        a, b = (y ^ (rng.random(1000) < share) for share in (0.1, 0.3))
        answer = better(y, a, b, loss=loss)
        misses += not answer.difference.low <= -0.2 <= answer.difference.high
        decided += answer.to_do() == "take A"
    assert misses <= binom.ppf(0.999, 100, 0.05)
    assert decided > 90


def test_the_rows_that_would_tell_do():
    y = np.zeros(200, int)
    a, b = np.arange(200) < 6, np.arange(200) % 20 == 19
    answer = better(y, a, b)
    assert answer.difference.low < 0 < answer.difference.high
    times = answer.units_needed / 200
    told = [
        tool._of_signs(*(round(k * times * part) for part in (6, 10, 200)), 0.05)[0]
        for k in (0.7, 1.2)
    ]
    assert [part.high < 0 for part in told] == [False, True]
    assert better(y, a, a).units_needed == np.inf
    assert "no difference is seen" in str(better(y, a, a))


def test_a_and_b_change_places_and_names_and_order_do_not_matter():
    rng = np.random.default_rng(0)
    y, a, b = (rng.integers(0, 3, 300) for _ in range(3))
    plain = better(y, a, b)
    value, low, high = better(y, b, a).difference
    assert plain.difference == pytest.approx((-value, -high, -low))
    order = rng.permutation(300)
    names = np.array(["x", "y", "z"])
    assert str(better(*(names[part[order]] for part in (y, a, b)))) == str(plain)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([0, 1], [0, 1], [0, 1]), "y must have at least 10 rows, got 2"),
        (([0.5] * 20, [0] * 20, [0] * 20), "y must hold labels"),
        (([0, 1] * 10, [0.5] * 20, [0] * 20), "a must hold labels"),
        (([0, 1] * 10, [0, 1] * 10, ["a", "b"] * 10), "b must hold labels of the kind of y"),
        (([0, 1] * 10, [0, 1] * 9, [0, 1] * 10), "a must have a row for each of the 20 rows"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, sentence):
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}"):
        better(*arguments)


def test_squared_errors_beyond_one_and_few_groups_are_refused():
    numbers = np.linspace(0, 5, 20)
    with pytest.raises(ValueError, match=r"^y must hold numbers from 0 to 1 for squared errors"):
        better(numbers, numbers, numbers, loss="squared error")
    with pytest.raises(ValueError, match=r"^groups must have at least 10 different ones, got 2"):
        better([0, 1] * 10, [0, 1] * 10, [0, 1] * 10, groups=[0, 1] * 10)
