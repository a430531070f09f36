"""Laws that rest on a moment which is known, and laws on finite sets and in the tails: what they
refuse, and what they are against routes of their own.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from theory_on_trial.laws import BoundedMoment, SubGamma, TailDistance, TotalVariation
from theory_on_trial.trial.plain import NotVerified, PlainTrial, _moved_chances

DIE = {face: 1 / 6 for face in range(1, 7)}


@pytest.mark.parametrize("power", [1.2, 1.5, 2.0])
@pytest.mark.parametrize("bet", [0.03, 0.3, 1.0])
def test_what_a_sample_adds_is_a_fair_bet_under_every_law_of_that_moment(power, bet):
    """The mean of exp(gain) over laws on two points with mean 0 and moment 1, the extreme laws."""
    c = (4 / 3 * (1 - 1 / power)) ** (power - 1) / power
    lowest = -((c * power) ** (-1 / (power - 1)))
    for chance in np.geomspace(1e-6, 1 - 1e-6, 400):
        # up with `chance`, down otherwise; scaled to a moment of 1
        ends = np.array([1 - chance, -chance])
        chances = np.array([chance, 1 - chance])
        ends = ends / np.sum(chances * np.abs(ends) ** power) ** (1 / power)
        y = np.maximum(bet * ends, lowest)
        factor = (1 + y + c * np.abs(y) ** power) / (1 + c * bet**power)
        assert np.all(factor > 0)
        assert np.sum(chances * factor) <= 1 + 1e-12


def test_the_interval_does_not_depend_on_unit_and_place():
    x = np.random.default_rng(1).pareto(2.5, 4000)
    one = BoundedMoment(20 / 9).interval([x], 1e-3, np.asarray(0.1))
    other = BoundedMoment(1e12 * 20 / 9).interval([1e6 * (x - 3)], 1e-3, np.asarray(1e5))
    for a, b in zip(one[:3], other[:3], strict=True):
        assert b == pytest.approx(1e6 * (a - 3), rel=1e-3)
    assert one.low < 2 / 3 < one.high
    assert one.low < one.estimate < one.high


def test_a_vector_has_an_interval_for_each_coordinate():
    x = np.random.default_rng(2).standard_t(3, (2000, 3)) + np.array([0.0, 5.0, -2.0])
    law = BoundedMoment(3)
    together = law.interval([x], 1e-3, np.full(3, 0.3))
    alone = law.interval([x[:, 1]], 1e-3, np.asarray(0.3))
    assert together.low.shape == (3,)
    assert together.low[1] == pytest.approx(float(alone.low), abs=1e-3)


def test_few_samples_say_nothing_rather_than_fail():
    for law in (BoundedMoment(1.0), SubGamma(1.0, 1.0)):
        for n in (1, 2, 3):
            found = law.interval([np.zeros(n)], 1e-6, np.asarray(0.1))
            assert found.low < 0 < found.high


@pytest.mark.parametrize("law", [BoundedMoment(1.0), BoundedMoment(0.5, 1.5), SubGamma(1.0, 1.0)])
def test_samples_that_vary_more_are_refused(law):
    x = 4 * np.random.default_rng(3).standard_normal(5000)
    with pytest.raises(ValueError, match=r"the 5000 samples vary more than a moment of"):
        law.interval([x], 1e-6, np.asarray(0.1))


@pytest.mark.parametrize("law", [BoundedMoment(1.05), BoundedMoment(0.85, 1.5), SubGamma(1.0, 0.2)])
def test_samples_of_the_law_are_not_refused(law):
    missed = 0
    for seed in range(40):
        x = np.random.default_rng([4, seed]).standard_normal(3000)
        found = law.interval([x], 0.1, np.asarray(0.1))
        missed += not found.low <= 0 <= found.high
    assert missed <= 10  # of 40 with chance .1 more have a chance below .2 %


def test_a_sample_further_out_than_the_scale_lets_it_be_is_refused():
    x = np.append(np.random.default_rng(5).uniform(-1, 1, 4000), 20.0)
    with pytest.raises(ValueError, match=r"a sample 20 from the mean is not SubGamma\(0.34, 0.1\)"):
        SubGamma(0.34, 0.1).interval([x], 1e-6, np.asarray(0.1))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: BoundedMoment(0), "BoundedMoment.bound. needs bound > 0, got bound=0"),
        (lambda: BoundedMoment(np.inf), "needs bound > 0"),
        (lambda: BoundedMoment(1, 2.5), "a power above 1 and at most 2, got power=2.5"),
        (lambda: BoundedMoment(1, 1), "a power above 1"),
        (lambda: SubGamma(-1, 1), "variance > 0, got variance=-1"),
        (lambda: SubGamma(1, -1), "scale >= 0, got scale=-1"),
        (lambda: TotalVariation({}), "name one outcome at least"),
        (lambda: TotalVariation({0: 0.5, 1: 0.6}), "must add up to 1, got 1.1"),
        (lambda: TotalVariation({0: -0.5, 1: 1.5}), "not negative"),
        (lambda: TotalVariation({"a": 0.5, "b": 0.5}), "give each outcome a number"),
        (lambda: TailDistance(stats.norm.cdf, 0.0), r"tail=. lies in \(0, 0.5\], got 0"),
        (lambda: TailDistance(stats.norm.cdf, 0.7), "got 0.7"),
    ],
)
def test_parameters_that_are_none(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


def test_a_die_in_a_plain_test():
    trial = PlainTrial("die", 0)
    trial.distribution(lambda rng, n: rng.integers(1, 7, n), DIE, margin=0.05)
    trial.distribution(lambda rng: rng.integers(1, 7), DIE, margin=0.05)
    names = [control.name for control in trial.findings[0].controls]
    assert names == ["three margins to the least likely outcome", "three margins to all others"]
    with pytest.raises(NotVerified, match="REFUTED"):
        trial.distribution(lambda rng, n: rng.integers(1, 6, n), DIE, margin=0.05)


def test_a_pack_of_cards_in_a_plain_test():
    """No card has three margins to give, so that its chance alone could never be a control."""
    pack = dict.fromkeys(range(52), 1 / 52)
    trial = PlainTrial("pack", 0)
    trial.distribution(lambda rng, n: rng.integers(0, 52, n), pack, margin=0.06)
    assert [c.outcome for c in trial.findings[0].controls] == ["REFUTED", "REFUTED"]


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=60).filter(lambda sizes: sum(sizes) > 0.1),
    st.floats(1e-3, 0.3),
)
def test_controls_of_chances_are_laws_three_margins_away(sizes, off):
    law = {outcome: size / sum(sizes) for outcome, size in enumerate(sizes)}
    largest = (1 - min(law.values())) / 2
    for control in _moved_chances(law, off).values():
        assert sum(control.values()) == pytest.approx(1)
        assert min(control.values()) >= 0
        apart = sum(abs(control[outcome] - law[outcome]) for outcome in law) / 2
        assert apart == pytest.approx(min(off, largest))


def test_an_outcome_that_is_not_in_the_list_counts_as_one_of_probability_0():
    found = TotalVariation({0: 0.5, 1: 0.5}).interval(
        [np.array([0.0, 1.0, 2.0, 2.0])], 0.1, np.asarray(0.1)
    )
    assert found.estimate == pytest.approx(0.5)


def test_the_total_variation_is_that_of_the_empirical_law():
    rng = np.random.default_rng(6)
    x = rng.choice([0.0, 2.0, 5.0], 1000, p=[0.2, 0.3, 0.5])
    law = {0: 0.1, 2: 0.4, 5: 0.5}
    largest = max(
        abs(np.isin(x, events).mean() - sum(law[event] for event in events))
        for events in ([0], [2], [5], [0, 2], [0, 5], [2, 5])
    )
    assert TotalVariation(law).interval([x], 0.1, np.asarray(0.1)).estimate == pytest.approx(
        largest
    )


def test_tails_that_the_largest_difference_of_cdfs_does_not_see():
    """A t law of 30 degrees of freedom: its cdf is within .006 of the normal one, its tail of 1e-3
    is half as heavy again.
    """

    def draw(rng, n):
        return rng.standard_t(30, n)

    PlainTrial("t", 0).distribution(draw, stats.norm.cdf, margin=0.05)
    with pytest.raises(NotVerified, match="REFUTED"):
        PlainTrial("t", 0).distribution(draw, stats.norm.cdf, margin=0.2, tail=1e-3)


def test_tails_of_a_law_that_is_as_predicted():
    trial = PlainTrial("exponential", 0)
    trial.distribution(
        lambda rng, n: rng.standard_exponential(n), stats.expon.cdf, margin=0.4, tail=0.02
    )
    assert len(trial.findings[0].controls) == 2


def test_tails_need_a_continuous_cdf():
    trial = PlainTrial("counts", 0)
    with pytest.raises(ValueError, match="this cdf jumps at a sample"):
        trial.distribution(
            lambda rng, n: rng.poisson(3, n), stats.poisson(3).cdf, margin=0.4, tail=0.02
        )
    with pytest.raises(TypeError, match="tail= compares tails with those of a cdf"):
        trial.distribution(lambda rng, n: rng.integers(1, 7, n), DIE, margin=0.1, tail=0.02)
    with pytest.raises(TypeError, match="a cdf, a function of an array, or"):
        trial.distribution(lambda rng, n: rng.integers(1, 7, n), [1 / 6] * 6, margin=0.1)


def test_calls_that_share_something_make_the_interval_of_a_finite_set_wider():
    """A bias that is drawn for each call: the faces of a call go together."""

    def draw(rng, n):
        chance = rng.choice([0.3, 0.7])
        return (rng.random(n) < chance).astype(int)

    with pytest.raises((NotVerified, ValueError)):
        PlainTrial("shared", 0).distribution(draw, {0: 0.5, 1: 0.5}, margin=0.02, most=20_000)
