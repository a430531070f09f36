"""Tests of the comparison of two predictors: known levels, second routes, refusals."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom, multinomial, norm
from sklearn.metrics import log_loss, roc_auc_score

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


def scored(rng, rows=150, share=0.3, noise=(1.0, 1.0)):
    """Labels, and two scores that are the label with noise of their own."""
    y = rng.random(rows) < share
    return y, *(y + size * rng.normal(size=rows) for size in noise)


def test_log_loss_and_auc_are_those_of_scikit_learn():
    y, a, b = scored(np.random.default_rng(0))
    b = b.round()  # ties
    answer = better(y, a, b, loss="1 - AUC")
    expected = [1 - roc_auc_score(y, part) for part in (a, b)]
    assert [answer.a, answer.b] == pytest.approx(expected)
    assert answer.difference.value == pytest.approx(expected[0] - expected[1])
    assert (answer.units, answer.unit) == (min(sum(y), sum(~y)), "rows of the rarer class")
    p, q = (np.clip(expit(3 * part - 1), 0.002, 0.998) for part in (a, b))
    answer = better(np.where(y, "yes", "no"), p, q, loss="log loss")
    assert [answer.a, answer.b] == pytest.approx([log_loss(y, p), log_loss(y, q)])
    assert answer.doubts == ()
    cut = better(y, np.where(y, 1.0, 0.0), q, loss="log loss")
    assert cut.a == pytest.approx(-np.log(0.999))
    assert "were cut" in cut.doubts[0].reason


@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize("noise", [(1.0, 1.0), (0.5, 2.0)])
def test_the_interval_of_an_auc_holds_on_its_law(share, noise):
    """A normal score is right with the probability Phi(1 / (noise sqrt(2)))."""
    truth = norm.cdf(1 / (noise[1] * 2**0.5)) - norm.cdf(1 / (noise[0] * 2**0.5))
    misses = found = 0
    for seed in range(200):
        y, a, b = scored(np.random.default_rng(seed), 400, share, noise)
        _, low, high = better(y, a, b, loss="1 - AUC").difference
        misses += not low <= truth <= high
        found += high < 0
    assert misses <= binom.ppf(0.999, 200, 0.05)
    assert share < 0.5 or (found > 150) == (truth < 0)


def test_the_interval_of_a_log_loss_holds_on_its_law():
    """Of two constant probabilities, of labels that are true in .3; two values of each loss."""
    chances = np.array([0.3, 0.02])
    losses = -0.3 * np.log(chances) - 0.7 * np.log(1 - chances)
    misses = found = 0
    for seed in range(200):
        y = np.random.default_rng(seed).random(1000) < 0.3
        answer = better(y, *(np.full(1000, chance) for chance in chances), loss="log loss")
        misses += not answer.difference.low <= losses[0] - losses[1] <= answer.difference.high
        found += answer.to_do() == "take A"
    assert misses <= binom.ppf(0.999, 200, 0.05)
    assert found > 100


def test_a_ranking_does_not_depend_on_units_of_the_score():
    y, a, b = scored(np.random.default_rng(0))
    plain = better(y, a, b, loss="1 - AUC")
    assert str(better(y, np.exp(a), 3 * b - 7, loss="1 - AUC")) == str(plain)
    other = better(y, b, a, loss="1 - AUC").difference
    assert other == pytest.approx((-plain.difference[0], *(-plain.difference[k] for k in (2, 1))))
    assert "rows of the rarer class" in plain.to_do()


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


@pytest.mark.parametrize(
    ("arguments", "given", "sentence"),
    [
        (([0, 1, 2] * 10, [0.5] * 30, [0.5] * 30), {}, "y must hold two labels, got 3"),
        (([0, 1] * 10, [0.5] * 20, [2.0] * 20), {}, "b must hold probabilities"),
        (([0] * 25 + [1] * 5, [0.5] * 30, [1] * 30), {"loss": "1 - AUC"}, "y must have at least"),
        (
            ([0, 1] * 20, [0.5] * 40, [1] * 40),
            {"loss": "1 - AUC", "groups": range(40)},
            "groups must be left out",
        ),
    ],
)
def test_what_has_no_log_loss_or_auc_is_refused(arguments, given, sentence):
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}"):
        better(*arguments, **({"loss": "log loss"} | given))


def test_squared_errors_beyond_one_and_few_groups_are_refused():
    numbers = np.linspace(0, 5, 20)
    with pytest.raises(ValueError, match=r"^y must hold numbers from 0 to 1 for squared errors"):
        better(numbers, numbers, numbers, loss="squared error")
    with pytest.raises(ValueError, match=r"^groups must have at least 10 different ones, got 2"):
        better([0, 1] * 10, [0, 1] * 10, [0, 1] * 10, groups=[0, 1] * 10)
