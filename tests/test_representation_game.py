"""Tests of the representation game: properties, simulators, the tool, refusals, fuzzing."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import Case, promises, refused

from sims import representation_game as observed
from theory import representation_game as predicted

WORLD = observed.drawn_world(0, 6)

spectra = st.lists(
    st.floats(1e-3, 1e3) | st.sampled_from([0.0, 1.0, 2.0]), min_size=2, max_size=9
).map(np.array)


@pytest.mark.parametrize(("dim", "kept"), [(4, 1), (4, 2), (6, 4), (7, 3), (9, 6)])
def test_equal_tasks_need_sets_of_a_cycle(dim, kept):
    """Running sums kept i / dim have dim / gcd different fractional parts."""
    mixture = predicted.systematic_mixture(predicted.inclusion(np.ones(dim), kept))
    parts = {Fraction(kept * i, dim) % 1 for i in range(dim)}
    assert len(mixture.chances) == len(parts)
    assert mixture.chances == pytest.approx(1 / len(parts))
    with_a_sure_one = predicted.systematic_mixture(np.append(np.full(dim, kept / dim), 1.0))
    assert len(with_a_sure_one.chances) == len(parts)


@given(spectra, st.data(), st.floats(1e-30, 1e30))
def test_the_value_scales_with_the_spectrum_and_hedging_never_hurts_in_the_worst_case(
    spectrum, data, unit
):
    r = data.draw(st.integers(1, len(spectrum) - 1))
    value = predicted.mixed_value(spectrum, r)
    assert predicted.mixed_value(unit * spectrum[::-1], r) == pytest.approx(
        unit * value, rel=1e-12, abs=0
    )
    assert 0 <= value <= predicted.pure_value(spectrum, r)
    assert predicted.pure_average(spectrum, r) <= predicted.mixed_average(spectrum, r) * (1 + 1e-12)
    chances = predicted.inclusion(spectrum, r)
    assert chances.sum() == pytest.approx(r)
    assert np.sum(predicted.adversary_chances(spectrum, r)) == pytest.approx(1)
    mixture = predicted.systematic_mixture(chances)
    assert mixture.chances @ mixture.members == pytest.approx(chances, abs=1e-12)


@pytest.mark.parametrize("dim", [2, 3, 6])
def test_eigenvalues_that_lie_far_apart(dim):
    spectrum = np.array([1e50, 1.0, 1e-50, 0, 0, 0])[:dim]
    assert predicted.mixed_value(spectrum, 1) == pytest.approx(1.0, rel=1e-15, abs=0)
    assert predicted.inclusion(spectrum, 1)[:2] == pytest.approx([1, 0])


def test_of_a_low_rank_all_tasks_are_kept():
    spectrum = [0.0, 3.0, 0.0, 1.0, 0.0]
    for kept in (2, 3):
        assert predicted.hedged(spectrum, kept) == 2
        chances = predicted.inclusion(spectrum, kept)
        assert chances[[1, 3]].tolist() == [1, 1]
        assert chances.sum() == kept
        # Of tasks that cost nothing the adversary plays the first.
        assert predicted.adversary_chances(spectrum, kept).tolist() == np.eye(5)[kept].tolist()


def test_ties_single_rounds_low_ranks_and_few_samples():
    assert predicted.estimation_excess([3.0, 1.0, 1.0], 1) == 1
    assert predicted.estimation_excess([3.0, 2.0, 0.0, 0.0], 2) == 0
    # One round, in which f_1 is kept
    assert predicted.pair_excess([1.0, 0.01], 1) == pytest.approx(0.01 - 1 / 101)
    for half in np.random.default_rng(0).normal(size=(9, 6, 2)):
        assert predicted.task_spectrum(WORLD.covariance, half @ half.T).min() >= 0
    game = WORLD.covariance, np.eye(6)[:, :1], np.ones(6)
    regrets = observed.least_squares_regret(np.random.default_rng(0), *game, 1.0, 8, 20_000)
    assert np.mean(regrets) == pytest.approx(
        predicted.regret(*game), abs=5 * np.std(regrets) / 20_000**0.5
    )


test_what_cannot_be_answered_is_refused = refused(
    [
        (lambda: predicted.pure_value([1.0, 2.0], 2), "kept must be below the dimension 2"),
        (lambda: predicted.pure_representation(*WORLD, 6), "kept must be below the dimension 6"),
        (lambda: predicted.estimation_excess([2.0, 1.0, 1.0], 2), "spectrum must have lambda_r > "),
        (
            lambda: predicted.estimation_excess([3.0, 2.0, 1.0, 1.0], 2),
            "spectrum must have a simple",
        ),
        (
            lambda: predicted.systematic_mixture([0.5, 0.2]),
            "inclusion must sum to a whole number of directions",
        ),
        (
            lambda: predicted.systematic_mixture([0.0, 0.0]),
            "inclusion must sum to a whole number of directions",
        ),
        (lambda: predicted.regret(np.eye(2), np.ones((2, 2)), [1.0, 2.0]), "must be able to hold"),
        (
            lambda: predicted.task_spectrum([[1.0, 2.0], [2.0, 1.0]], np.eye(2)),
            "covariance must be symmetric",
        ),
        (
            lambda: observed.shaped_world(np.eye(3), [1.0, 2.0], 0),
            "spectrum must have one entry for each of the 3",
        ),
        (
            lambda: observed.worst_expected_regret(*WORLD, np.ones((2, 6, 1)), [1.0]),
            "as many as representations",
        ),
        (lambda: observed.guaranteed_regret(*WORLD, 6), "kept must be below 6"),
        (lambda: observed.hedge([[1.0, 2.0]], 2, [3]), "kept must be below 2"),
        (lambda: observed.hedge([[1.0, 2.0]], 1, [3, 4]), "one per game"),
        (lambda: observed.balanced([1.0, 2.0], 2), "kept must be below 2"),
    ]
)

MADE = {"covariance": WORLD.covariance, "prior": WORLD.prior}
SEEN = np.random.default_rng(11).standard_normal((6, 2))
FIXED = {"covariance": WORLD.covariance, "representation": SEEN, "task": np.ones(6), "samples": 20}
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed],
    {
        "worst_expected_regret": Case({**MADE, "representations": SEEN[None]}),
        "worst_regret": Case({**MADE, "representations": SEEN}),
        "least_squares_regret": Case(FIXED),
        "estimated_excess": Case({**MADE, "replicas": 5}),
        "pair_excess": Case({"spectrum": np.array([2.0, 1.0])}),
        "dropped": Case({"draws": 20}),
        "systematic_mixture": Case({"inclusion": np.array([0.5, 0.75, 0.75])}),
    },
)
