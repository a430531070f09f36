import numpy as np
import pytest
from scipy import stats

from theory_on_trial.decide import places

SIZES = [2, 2, 4] * 14 + [8, 16, 256, 256]

LAWS = {
    "uniform": lambda g, n: g.random((n, 1)),
    "heavy tails": lambda g, n: g.standard_cauchy((n, 1)),
    "a coin": lambda g, n: g.random((n, 1)) < 0.5,
    "one in a hundred": lambda g, n: g.random((n, 1)) < 0.01,
    "one in a thousand": lambda g, n: g.random((n, 1)) < 0.001,
    "mostly zero": lambda g, n: g.standard_exponential((n, 1)) * (g.random((n, 1)) < 0.1),
    "five coordinates": lambda g, n: g.normal(size=(n, 5)),
}


@pytest.mark.parametrize("name", LAWS)
def test_samples_of_one_law_are_refused_no_more_often_than_it_says(name, monkeypatch):
    """At a chance that can be counted; it enters by its logarithm alone."""
    level = 0.1
    monkeypatch.setattr(places, "_ERROR", level)
    generator = np.random.default_rng(0)
    runs = 400
    refused = 0
    for _ in range(runs):
        try:
            places.check(LAWS[name](generator, sum(SIZES)), SIZES, "these")
        except ValueError:
            refused += 1
    assert refused <= stats.binom.isf(1e-4, runs, level)


@pytest.mark.parametrize("k", [1, 3, 10, 40])
def test_the_bound_is_above_the_exact_chance(k):
    """Of events among a few of many samples, the exact chance is hypergeometric."""
    many, few = 500, 60
    events = np.zeros((many, 1))
    events[:k] = 1.0  # all of them among the few
    numbers = np.where(np.arange(many) < few, 1, 2)
    bound = -places._evidence(places._ranks(events), numbers)[0, 0]
    exact = stats.hypergeom.logsf(k - 1, many, k, few)
    assert exact <= bound < exact / 2.5


@pytest.mark.parametrize("few", [1, 2, 5, 20])
def test_without_equal_numbers_the_bound_is_above_the_exact_chance(few):
    """Of the sum of ranks of a few of 40, whose law Mann and Whitney count."""
    many = 40
    counts = np.zeros((few + 1, many * few + 1), object)
    counts[0, 0] = 1
    for rank in range(1, many + 1):  # subsets of so many ranks with each sum
        for size in range(few, 0, -1):
            counts[size, rank:] += counts[size - 1, : many * few + 1 - rank]
    chances = counts[few].astype(float) / float(counts[few].sum())
    above = np.cumsum(chances[::-1])[::-1]
    numbers = np.where(np.arange(many) < few, 1, 2)
    for lowest in range(1, many - few + 2):  # the few have `few` ranks in a row
        ranks = np.r_[np.arange(lowest, lowest + few), 1:lowest, lowest + few : many + 1]
        total = ranks[:few].sum()
        if total <= few * (many + 1) / 2:
            continue
        bound = np.exp(-places._evidence((ranks[:, None] - 0.5) / many, numbers)[0, 0])
        assert above[total] <= bound * (1 + 1e-9)


def test_what_does_not_vary_is_not_refused():
    places.check(np.ones((sum(SIZES), 2)), SIZES, "these")
    places.check(np.ones((1, 1)), [1], "these")


@pytest.mark.parametrize(
    ("law", "sentence"),
    [
        (lambda g, many, place: g.random() + 0.8 * (many > 100), "how many it is asked for"),
        (lambda g, many, place: g.random() + 0.8 * (place < 4), "how many|their place in a call"),
        (lambda g, many, place: g.normal() * (1 + 3 * (place > 99)), "place in a call"),
        (lambda g, many, place: g.random() + place / many, "place before the end|place in a call"),
    ],
)
def test_another_law_at_another_place_is_refused(law, sentence):
    generator = np.random.default_rng(1)
    rows = [[law(generator, many, place)] for many in SIZES for place in range(many)]
    with pytest.raises(ValueError, match=sentence):
        places.check(np.array(rows), SIZES, "these")


def test_only_the_first_calls_are_looked_at_and_whole_ones():
    sizes = [3] * 20_000
    rows, seen = places.first_calls(np.zeros((60_000, 1)), sizes)
    assert len(rows) == sum(seen) <= 2**14 < sum(seen) + 3
    rows, seen = places.first_calls(np.zeros((100_000, 1)), [100_000])
    assert (len(rows), seen) == (100_000, [100_000])
