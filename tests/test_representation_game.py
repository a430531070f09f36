"""Tests of the representation game: properties, simulators, the tool, refusals, fuzzing."""

import math
from fractions import Fraction
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import Case, promises, refused
from scipy.stats import binom, special_ortho_group

from own_data import representation_game as tool
from sims import representation_game as observed
from theory import representation_game as predicted
from theory_on_trial.testing.suite import check_readable

WORLD = observed.drawn_world(0, 6)
SPECTRUM = predicted.task_spectrum(*WORLD)
EXAMPLE = np.diag([10.0, 3, 1, 0.5]), np.diag([0.01, 0.1, 1, 1])

spectra = st.lists(
    st.floats(1e-3, 1e3) | st.sampled_from([0.0, 1.0, 2.0]), min_size=2, max_size=9
).map(np.array)


def rows_of(generator, covariance, n):
    return generator.standard_normal((n, len(covariance))) @ np.linalg.cholesky(covariance).T


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


def test_ties_single_rounds_low_ranks_and_few_samples():
    assert predicted.estimation_excess([3.0, 1.0, 1.0], 1) == 1
    assert predicted.estimation_excess([3.0, 2.0, 0.0, 0.0], 2) == 0
    assert predicted.pair_excess([1.0, 0.01], 1) == pytest.approx(
        0.01 - 1 / 101
    )  # one round, in which f_1 is kept
    for half in np.random.default_rng(0).normal(size=(9, 6, 2)):
        assert predicted.task_spectrum(WORLD.covariance, half @ half.T).min() >= 0
    game = WORLD.covariance, np.eye(6)[:, :1], np.ones(6)
    regrets = observed.least_squares_regret(np.random.default_rng(0), *game, 1.0, 8, 20_000)
    assert np.mean(regrets) == pytest.approx(
        predicted.regret(*game), abs=5 * np.std(regrets) / 20_000**0.5
    )


def test_the_tool_keeps_what_the_tasks_ask_for_and_not_what_varies_most():
    rows = rows_of(np.random.default_rng(0), EXAMPLE[0], 20_000) + 7
    answer = tool.optimal_representation(rows, 1, EXAMPLE[1], mixed=True)
    assert answer.answerable
    assert not answer.doubts
    assert np.abs(answer.representation[:, 0]) == pytest.approx([0, 0, 1, 0], abs=0.05)
    assert answer.worst_regret.low < 0.5 < answer.worst_regret.high
    assert answer.pca_regret == pytest.approx(1, abs=0.01)
    assert answer.mixed_regret.low < 1 / 3 < answer.mixed_regret.high
    assert answer.regret_after_draw == 1
    assert answer.average_price == pytest.approx((1 / 3 + 1 / 3 + 0.3 + 0.1) / 0.9, rel=0.05, abs=0)
    whitened = answer.representation.T @ np.cov(rows.T, ddof=0) @ answer.representation
    assert whitened == pytest.approx(np.eye(1))
    assert answer.worst_task @ np.linalg.solve(EXAMPLE[1], answer.worst_task) == pytest.approx(1)
    text = str(answer)
    assert "before the draw" in text
    assert "PCA" in text
    assert len(text.splitlines()) <= 10


def test_without_tasks_the_answer_is_pca():
    rows = rows_of(np.random.default_rng(1), WORLD.covariance, 500)
    answer = tool.optimal_representation(rows, 3)
    assert answer.pca_regret == pytest.approx(answer.worst_regret.value, rel=1e-9, abs=0)
    assert answer.pca_regret >= answer.worst_regret.value
    assert "the answer is PCA" in str(answer)
    axes = np.linalg.svd(rows - rows.mean(axis=0))[2][:3]
    spans = np.linalg.svd(axes @ np.linalg.qr(answer.representation)[0], compute_uv=False)
    assert spans == pytest.approx(1, abs=1e-9)


def test_units_do_not_matter():
    rows = rows_of(np.random.default_rng(2), WORLD.covariance, 300)
    answer = tool.optimal_representation(rows, 2, WORLD.prior, mixed=True)
    two = tool.optimal_representation(1e20 * rows, 2, 1e-30 * WORLD.prior, mixed=True)
    assert two.worst_regret == pytest.approx(answer.worst_regret)
    assert two.spectrum == pytest.approx(1e10 * answer.spectrum)
    assert 1e20 * two.representation == pytest.approx(answer.representation)
    assert two.worst_task == pytest.approx(1e-15 * answer.worst_task)
    turn = special_ortho_group.rvs(6, random_state=3)
    turned = tool.optimal_representation(rows @ turn.T, 2, turn @ WORLD.prior @ turn.T)
    assert turned.worst_regret == pytest.approx(answer.worst_regret)


def test_past_tasks_are_all_plausible():
    generator = np.random.default_rng(3)
    rows = rows_of(generator, WORLD.covariance, 400)
    past = rows_of(generator, WORLD.prior, 200)
    answer = tool.optimal_representation(rows, 2, past)
    covariance = np.cov(rows.T, ddof=0)
    chosen = answer.representation
    regrets = observed.projected_regret(covariance, chosen, past.T)
    assert regrets.max() <= answer.spectrum[2] * (1 + 1e-9)
    given_prior = tool.optimal_representation(rows, 2, WORLD.prior)
    assert answer.worst_regret.value == pytest.approx(
        given_prior.worst_regret.value, rel=0.3, abs=0
    )
    assert "to hold them all" in str(answer)
    for count in (1, 3):
        few = tool.optimal_representation(rows, 2, past[:count])
        assert any("do not tell a second moment" in one.reason for one in few.doubts)
    many = tool.optimal_representation(
        rows, 2, generator.standard_normal((4000, 6)) @ np.linalg.inv(ROOT.T)
    )
    assert not any("do not tell a second moment" in one.reason for one in many.doubts)
    for share, count, said in (
        (1e-8, 100, True),
        (0.1, 1000, False),
    ):  # shrinking makes .005 of the former
        past = rows_of(generator, np.diag([1, share]), count)
        doubts = tool.optimal_representation(rows_of(generator, np.eye(2), 300), 1, past).doubts
        assert any("is what shrinking adds" in doubt.reason for doubt in doubts) == said


ROOT = np.linalg.cholesky(WORLD.covariance)


def test_units_of_columns_do_not_matter_to_past_tasks():
    turn = special_ortho_group.rvs(4, random_state=1)
    prior = turn * 3.0 ** -np.arange(4) @ turn.T
    units = 3.0 ** np.arange(4)
    for seed in range(10):
        generator = np.random.default_rng(seed)
        rows = generator.standard_normal((400, 4))
        past = rows_of(generator, prior, 200)
        answer = tool.optimal_representation(rows, 1, past)
        other = tool.optimal_representation(rows * units, 1, past / units)
        assert other.worst_regret == pytest.approx(answer.worst_regret)
        assert np.abs(other.representation[:, 0] * units) == pytest.approx(
            np.abs(answer.representation[:, 0])
        )


def test_tasks_of_low_rank_are_served_without_regret():
    rows = rows_of(np.random.default_rng(4), EXAMPLE[0], 100)
    answer = tool.optimal_representation(rows, 2, np.diag([1.0, 0, 0, 0]), mixed=True)
    assert answer.representation.shape == (4, 1)
    assert answer.worst_regret == (0, 0, 0)
    assert answer.mixed_regret == (0, 0, 0)
    assert answer.average_price == 1
    assert "only 1 eigenvalues of Sigma S exceed rounding" in str(answer)
    assert "only 1 eigenvalues" in str(tool.optimal_representation(rows * [1e8, 1, 1e-8, 1], 2))


def test_the_mixture_is_what_it_says():
    rows = rows_of(np.random.default_rng(5), WORLD.covariance, 300)
    answer = tool.optimal_representation(rows, 2, WORLD.prior, mixed=True)
    chances, sets = (
        np.array([getattr(atom, name) for atom in answer.atoms])
        for name in ("chance", "representation")
    )
    worst = observed.worst_expected_regret(np.cov(rows.T, ddof=0), WORLD.prior, sets, chances)
    assert worst == pytest.approx(predicted.mixed_value(answer.spectrum, 2), rel=1e-9, abs=0)
    assert {tuple(atom.directions) for atom in answer.atoms} <= set(combinations(range(6), 2))


def test_the_intervals_hold_what_they_say_as_often_as_they_say():
    generator = np.random.default_rng(6)
    runs = 120
    truths = {"worst_regret": SPECTRUM[2], "mixed_regret": predicted.mixed_value(SPECTRUM, 2)}
    rows = [rows_of(generator, WORLD.covariance, 300) for _ in range(runs)]
    answers = [tool.optimal_representation(table, 2, WORLD.prior, mixed=True) for table in rows]
    for name, truth in truths.items():
        hits = sum(
            getattr(answer, name).low <= truth / SPECTRUM[0] <= getattr(answer, name).high
            for answer in answers
        )
        assert hits >= binom(runs, 0.95).ppf(1e-4), name
    assert np.mean([bool(answer.doubts) for answer in answers]) < 0.05
    excesses = [
        observed.worst_regret(*WORLD, answer.representation) - SPECTRUM[2] for answer in answers
    ]
    paid = np.mean(excesses) / SPECTRUM[0]
    error = 5 * np.std(excesses) / math.sqrt(runs) / SPECTRUM[0]
    assert np.mean([answer.excess for answer in answers]) == pytest.approx(paid, abs=error)
    assert np.mean([answer.excess_of_halves for answer in answers]) == pytest.approx(
        paid, abs=error
    )


@pytest.mark.parametrize(
    ("rows", "doubt"),
    [
        (lambda g: rows_of(g, WORLD.covariance, 300) * g.pareto(1.2, (300, 1)), "heavy tails"),
        (
            lambda g: rows_of(g, WORLD.covariance, 2000) * (1 + 5 * (g.random((2000, 1)) < 0.1)),
            "not normal",
        ),
        (
            lambda g: np.repeat(rows_of(g, WORLD.covariance, 60), 5, axis=0),
            "neighbouring rows are alike",
        ),
        (
            lambda g: np.cumsum(rows_of(g, WORLD.covariance, 500), axis=0),
            "neighbouring rows are alike",
        ),
        (
            lambda g: g.permutation(np.repeat(rows_of(g, WORLD.covariance, 50), 6, axis=0)),
            "250 rows are copies",
        ),
        (lambda g: np.tile(rows_of(g, WORLD.covariance, 50), (6, 1)), "250 rows are copies"),
        (lambda g: rows_of(g, np.diag([3.0, 2, 1, 1, 0.5, 0.1]), 300), "lie so close"),
    ],
)
def test_rows_that_do_not_fit_are_doubted(rows, doubt):
    drawn = rows(np.random.default_rng(7))
    prior = WORLD.prior if "close" not in doubt and drawn.shape[1] == 6 else np.eye(drawn.shape[1])
    said = tool.optimal_representation(drawn, 2, prior, mixed=True)
    assert any(doubt in one.reason for one in said.doubts), said


def test_few_rows_are_doubted():
    rows = rows_of(np.random.default_rng(0), np.diag([10.0, 9, 8, 7, 6.5, 6, 1.7, 0.3]), 60)
    answer = tool.optimal_representation(rows, 6)
    assert any(one.reason.startswith("few rows") for one in answer.doubts), answer
    assert answer.answerable


def test_directions_that_tie_are_not_chosen_among():
    generator = np.random.default_rng(8)
    untold = 0
    for _ in range(40):
        answer = tool.optimal_representation(
            generator.standard_normal((200, 4)) * [3, 1, 1, 0.3], 2, mixed=True
        )
        untold += not answer.answerable
        assert answer.worst_regret.value > 0
        assert answer.atoms
    assert untold >= 37
    lacking = tool.optimal_representation(generator.standard_normal((200, 4)), 2)
    assert lacking.representation is None
    assert "cannot judge: lambda_2 and lambda_3 cannot be distinguished" in str(lacking)
    assert lacking.to_dict()["excess"] is None


def test_the_plot_shows_the_regret_of_each_task():
    rows = rows_of(np.random.default_rng(10), WORLD.covariance, 300)
    answer = tool.optimal_representation(rows, 2, WORLD.prior, mixed=True)
    check_readable(answer)
    kept_nothing, pure, mixture = (line.get_ydata() for line in answer.plot().lines)
    share = answer.spectrum / answer.spectrum[0]
    assert kept_nothing == pytest.approx(share)
    assert pure == pytest.approx(np.where(np.arange(6) < 2, 0, share))
    assert mixture == pytest.approx(np.minimum(predicted.mixed_value(share, 2), share))
    assert len(tool.optimal_representation(rows, 2).plot().lines) == 2
    plt.close("all")


def asked(change=lambda x: x, kept=2, *tasks):
    return lambda: tool.optimal_representation(
        change(np.random.default_rng(9).normal(size=(100, 4))), kept, *tasks
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
        (asked(kept=4), "there is nothing to compress"),
        (asked(kept=0), "r must be at least 1"),
        (asked(lambda x: x[:4]), "directions never seen may carry regret, got 4 rows"),
        (asked(lambda x: x[:30]), "at least 40 rows, got 30"),
        (asked(lambda x: x @ np.diag([1, 1, 1, 0]) + 3), "and it has rank 3"),
        (asked(lambda x: x[:, [0, 1, 2, 0]]), "and it has rank 3"),
        (asked(lambda x: np.zeros((50, 4))), "and it has rank 0"),
        (asked(lambda x: x, 2, np.diag([1.0, 1, 1, -1])), "symmetric and positive semidefinite"),
        (asked(lambda x: x, 2, np.triu(np.ones((4, 4)))), "of d past tasks F give"),
        (asked(lambda x: x, 2, np.zeros((4, 4))), "tasks must not all be zero"),
        (asked(lambda x: x, 2, np.eye(5)), "dim"),
    ]
)

MADE = {"covariance": WORLD.covariance, "prior": WORLD.prior}
SEEN = np.random.default_rng(11).standard_normal((6, 2))
FIXED = {"covariance": WORLD.covariance, "representation": SEEN, "task": np.ones(6), "samples": 20}
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        "worst_expected_regret": Case({**MADE, "representations": SEEN[None]}),
        "worst_regret": Case({**MADE, "representations": SEEN}),
        "least_squares_regret": Case(FIXED),
        "estimated_excess": Case({**MADE, "replicas": 5}),
        "pair_excess": Case({"spectrum": np.array([2.0, 1.0])}),
        "dropped": Case({"draws": 20}),
        "systematic_mixture": Case({"inclusion": np.array([0.5, 0.75, 0.75])}),
        "optimal_representation": Case(
            {"X": rows_of(np.random.default_rng(0), EXAMPLE[0], 60)}, infinite="sizes of doubts"
        ),
    },
)
