"""Tests of conditional independence and pretext tasks: limits, refusals, coverage, fuzzing."""

import jax
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from promises import Case, promises, refused
from scipy.stats import binom

from own_data import conditional_independence_ssl as tool
from sims import conditional_independence_ssl as observed
from theory import conditional_independence_ssl as predicted
from theory_on_trial.testing.suite import check_readable

KEY = jax.random.key(0)
WORLD = observed.gaussian_world(0.3)
FREE = observed.gaussian_world()


def tables(*sizes, **options):
    world = observed.discrete_worlds(np.random.default_rng(1), 2, *sizes, **options)
    table = observed.table_statistics(world)
    return world, table, observed.second_moment(table.posterior, table.weights)


def least_squares_error(targets, features, weights):
    root = np.sqrt(weights)[:, None]
    head = np.linalg.lstsq(root * features, root * targets, rcond=1e-10)[0]
    return np.sum((root * (targets - features @ head)) ** 2)


def test_all_canonical_functions_leave_nothing_and_none_leaves_all():
    world, table, moments = tables(8, 7, 3, 1)
    seconds = observed.second_moment(table.second_posterior, table.second_weights)
    given_ = moments[0], seconds[0], table.priors[0]
    assert predicted.canonical_functions_error(*given_, 3) == pytest.approx(0, abs=1e-14)
    assert predicted.canonical_functions_error(*given_, 0) == pytest.approx(
        np.trace(moments[0]), rel=1e-12, abs=0
    )
    constant = observed.canonical_functions(world, 1)[0, :, 0]
    np.testing.assert_allclose(constant, constant[0], rtol=1e-9)
    once = predicted.canonical_functions_error(*given_, 1)
    assert once == pytest.approx(
        np.trace(moments[0]) - np.sum(table.priors[0] ** 2), rel=1e-9, abs=0
    )


@given(
    st.integers(2, 50), st.integers(1, 50), st.floats(0.01, 10), st.floats(0.001, 1), st.booleans()
)
def test_break_even_is_where_the_risks_cross(dim, rank, noise, error, intercept):
    assume(rank <= dim)
    crossing = predicted.break_even(dim, rank, noise, error, intercept=intercept)
    for n_labels, pays in (
        (int(np.ceil(crossing)) - 1, True),
        (int(np.floor(crossing)) + 1, False),
    ):
        raw = predicted.excess_risk(n_labels, dim, noise, intercept=intercept)
        cut = predicted.excess_risk(n_labels, rank, noise, error, intercept=intercept)
        assert np.isinf(raw) or (cut <= raw * (1 + 1e-9) if pays else cut >= raw * (1 - 1e-9))


def test_samples_have_the_covariance_of_their_world():
    samples = np.hstack(observed.draw(np.random.default_rng(0), WORLD, 100_000))
    np.testing.assert_allclose(np.cov(samples.T), WORLD.covariance, atol=0.06)


def test_where_there_is_no_break_even_and_no_least_squares():
    assert predicted.break_even(10, 2, 1.0, 0.0) == np.inf
    assert (
        predicted.approximation_error(
            np.diag([0.3, 0.7]), np.array([[0.1, 0.7], [0.3, 0.2], [0.6, 0.9]])
        )
        == 0.0
    )
    assert predicted.break_even(10, 10, 1.0, 0.0) == 11
    assert predicted.excess_risk(5, 4, 1.0) == np.inf
    assert predicted.excess_risk(5, 3, 1.0, intercept=True) == np.inf
    assert predicted.excess_risk(5, 2, 1.0, intercept=True) == pytest.approx(2.6)


def test_tiny_targets_short_directions_third_causes_and_scaled_tables():
    tiny = predicted.approximation_error(np.eye(2), [[1.0, 0]], 1e-8 * np.eye(2))
    assert tiny == pytest.approx(1e-16, rel=1e-9, abs=0)
    leak = np.column_stack([np.ones(100), 2e-10 * (-1.0) ** np.arange(100)])
    assert predicted.shared_cause(np.zeros((2, 1)), np.zeros((100, 1)), leak).rank == 2
    assert observed.gaussian_world(n_causes=3).second[1, 2] == np.cos(6)
    assert tables(3, 4, 2, 2, violation=1.0)[0].joint.sum(axis=(1, 2, 3)) == pytest.approx(1)


def own(seed, world=WORLD, n_pairs=400, n_labelled=200):
    first, second, labels = observed.draw(np.random.default_rng(seed), world, n_pairs + n_labelled)
    return first, second, labels[:n_labelled]


def truth(first, second, rank):
    """The error a, in the population of WORLD, of the pretext that the unlabelled rows teach."""
    laws = observed.conditionals(WORLD.covariance, 10, 2)
    factor = np.linalg.cholesky(WORLD.covariance[:10, :10])
    inputs = first[200:] - first[200:].mean(axis=0)
    targets = second[200:] - second[200:].mean(axis=0)
    basis, size, axes = np.linalg.svd(inputs, full_matrices=False)
    directions = (axes.T / size) @ np.linalg.svd(basis.T @ targets)[0][:, :rank]
    error = least_squares_error(laws.target.T, factor.T @ directions, np.ones(10))
    return laws.noise, error, predicted.break_even(10, rank, laws.noise, error, intercept=True)


def test_intervals_hold_the_truth_as_often_as_they_say():
    hits = np.zeros(3)
    for seed in range(120):
        data = own(seed)
        answer = tool.labels_saved(*data, labels=(50,))
        noise, error, crossing = truth(*data[:2], answer.rank)
        raw = predicted.excess_risk(50, 10, noise, intercept=True)
        saved = raw - predicted.excess_risk(50, answer.rank, noise, error, intercept=True)
        estimates = (
            (answer.approximation_error, error),
            (answer.break_even, crossing),
            (answer.table[0].saved, saved),
        )
        hits += [low <= value <= high for (_, low, high), value in estimates]
    assert np.all(hits >= binom(120, 0.95).ppf(1e-4))


def test_the_rank_is_found_and_the_risks_are_those_of_the_estimates():
    assert [
        tool.labels_saved(*own(seed, FREE, 2000), labels=(50,)).rank for seed in range(10)
    ].count(2) >= 8
    answer = tool.labels_saved(*own(0), labels=(12, 50), rank=6)
    assert answer.rank == 6
    assert np.isinf(answer.table[0].raw)
    risk = predicted.excess_risk(50, 10, answer.noise.value, intercept=True)
    assert answer.table[1].raw == pytest.approx(risk, rel=0.02, abs=0)
    assert answer.table[1].pretext == pytest.approx(answer.table[1].truncated)
    assert answer.error_of_pretext == pytest.approx(answer.approximation_error)
    assert answer.table[1].saved.value == pytest.approx(
        answer.table[1].raw - answer.table[1].truncated, abs=0.02
    )
    assert "raw least squares is undefined up to 12 labels: use ridge there" in [
        d.reason for d in answer.doubts
    ]
    assert "raw input as good from n = " in str(answer)
    assert "12 labels: excess risk undefined raw" in str(answer)
    assert len(check_readable(answer)["table"]) == 2


def test_few_labels_or_pairs_leave_a_variance_that_is_one():
    """Forty labels of 18 features: intervals of a variance reached below 0; four pairs of one left
    a fold empty.
    """
    rng = np.random.default_rng(0)
    noises = []
    for _ in range(20):
        first = rng.normal(size=(120, 18))
        labels = rng.normal(size=40)
        noises.append(
            tool.labels_saved(first, first[:, :1] + rng.normal(size=(120, 1)), labels).noise
        )
    assert all(0 <= low <= value for value, low, _ in noises)
    assert sum(low <= 1 <= high for _, low, high in noises) >= 17
    first = rng.normal(size=(44, 1))
    assert tool.labels_saved(first, first + rng.normal(size=(44, 1)), rng.normal(size=40)).rank == 1


def test_units_and_order_of_columns_do_not_matter():
    first, second, labels = own(3)
    answer = tool.labels_saved(first, second, labels)
    spread = np.geomspace(1e-7, 1e7, first.shape[1])
    other = tool.labels_saved((first[:, ::-1] + 5) * spread, second + 7, 10 * labels - 3)
    assert other.noise.value == pytest.approx(100 * answer.noise.value, rel=1e-9, abs=0)
    assert other.break_even == pytest.approx(answer.break_even, rel=1e-6, abs=0)
    assert other.singular_values == pytest.approx(answer.singular_values, rel=1e-9, abs=0)


def test_columns_of_the_second_view_that_depend_on_others_change_nothing():
    """X2 is one view u of a cause that the label does not share, or that with others that follow
    from it.
    """
    rng = np.random.default_rng(1)
    cause = rng.normal(size=(2000, 2))
    noise = rng.normal(size=(2000, 8))
    u = cause[:, :1] + rng.normal(size=(2000, 1))
    labels = cause[:1000, 1] + 0.5 * rng.normal(size=1000)
    first = cause @ rng.normal(size=(2, 8)) + noise
    again = np.column_stack([u, np.ones(2000), -3 * u + 1, u])
    pair = [tool.labels_saved(first, second, labels, (20, 50)) for second in (u, again)]
    assert pair[0].error_of_pretext == pytest.approx(pair[1].error_of_pretext, rel=1e-6, abs=0)
    assert [row.pretext for row in pair[0].table] == pytest.approx(
        [row.pretext for row in pair[1].table], rel=1e-6, abs=0
    )
    assert len(pair[1].singular_values) == pair[1].effective_rank == 1
    with pytest.raises(
        ValueError, match="rank must be at most 1, the rank of the learned pretext, got"
    ):
        tool.labels_saved(first, again, labels, (20, 50), 2)
    # Refits: the pretext on the pairs, heads of least norm on all labels.
    ones = np.column_stack([np.ones(2000), first])
    pretext = ones @ np.linalg.lstsq(ones[1000:], again[1000:], rcond=None)[0]
    left = []
    for features, count in ((np.column_stack([ones[:, 0], pretext]), 2), (ones, 9)):
        missed = labels - features[:1000] @ np.linalg.lstsq(features[:1000], labels, rcond=1e-10)[0]
        left.append(missed @ missed / (1000 - count))
    assert pair[1].error_of_pretext.value == pytest.approx(left[0] - left[1], rel=0.02, abs=0)


def test_copies_of_rows_are_doubted_and_values_that_meet_by_chance_are_not():
    for seed in range(3):
        first, second, labels = own(seed)
        again = np.append(np.tile(np.arange(50), 4), np.arange(200, 600))
        doubts = tool.labels_saved(first[again], second[again], labels[again[:200]]).doubts
        assert any(
            doubt.reason.startswith("200 rows are duplicated, 200 of them with their label")
            for doubt in doubts
        )
        pairs = np.append(np.arange(200), 200 + np.arange(400) // 2)
        doubts = tool.labels_saved(first[pairs], second[pairs], labels).doubts
        assert any(
            doubt.reason.startswith("400 rows are duplicated, 0 of them") for doubt in doubts
        )
        for chance in (first > 0, np.round(first)):
            doubts = tool.labels_saved(chance * 1.0, (second > 0) * 1.0, (labels > 0) * 1.0).doubts
            assert not any("duplicated" in doubt.reason for doubt in doubts)


def test_noise_that_labels_share_is_doubted_unless_its_groups_are_named():
    """Ten labels in a row of one patient, whose noise is half of theirs: squares of them are
    correlated by 1 / 4.
    """
    patients = np.arange(400) // 10
    ratios = []
    for seed in range(20):
        first, second, _ = own(seed, n_labelled=400)
        rng = np.random.default_rng(seed)
        labels = first[:400, 0] + rng.normal(size=40)[patients] + rng.normal(size=400)
        alone, named = (
            tool.labels_saved(first, second, labels, groups=of) for of in (None, patients)
        )
        said = [
            any("rows beside or near" in doubt.reason for doubt in answer.doubts)
            for answer in (alone, named)
        ]
        assert said == [True, False]
        ratios.append(np.ptp(named.noise) / np.ptp(alone.noise))
    assert np.mean(ratios) == pytest.approx(np.sqrt(1 + 9 / 4), rel=0.2, abs=0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda x, z, y: (x, np.column_stack([z, x[:, :2]]), y),
            "2 columns of X2 are linear in X1",
        ),
        (
            lambda x, z, y: (x, np.column_stack([z, 5 * x[:, 0] - 3]), y),
            "1 columns of X2 are linear in X1",
        ),
        (
            lambda x, z, y: (x, np.column_stack([z, x @ np.ones((10, 1))]), y),
            "1 columns of X2 are linear in X1",
        ),
        (lambda x, z, y: (x**3, z, y), "X1 is not normal"),
        (
            lambda x, z, y: (x, z, y * np.sum(x[:200] ** 2, axis=1, keepdims=True)),
            "the residuals of y on X1 change with X1",
        ),
        (
            lambda x, z, y: (np.vstack([x[:200] + 2, x[200:]]), z, y),
            "labelled rows of X1 have another mean",
        ),
        (lambda x, z, y: (x, z, np.clip(np.round(y[:, 0]), -2, 2)), "5 different whole numbers"),
        (lambda x, z, y: (x[:, :4], z, y), "every direction of X1 is kept"),
    ],
)
def test_data_that_do_not_fit_are_doubted(change, sentence):
    data = change(*own(5))
    kept = 4 if data[0].shape[1] == 4 else None
    assert any(sentence in doubt.reason for doubt in tool.labels_saved(*data, rank=kept).doubts)
    assert not any(sentence in doubt.reason for doubt in tool.labels_saved(*own(5)).doubts)


def test_a_pretext_that_keeps_all_directions_is_not_advised():
    x, z, y = own(5)
    assert tool.labels_saved(x[:, :4], z, y, rank=4).to_do().startswith("use the raw input")


@pytest.mark.parametrize("labels", [(20, 50, 100, 200, 500), (200, 500), (500, 2000)])
def test_the_pretext_is_advised_where_the_table_says_that_it_saves(labels):
    """Both at numbers of labels at which it saves, and where only raw least squares is better."""
    answer = tool.labels_saved(*own(5), labels=labels)
    saves = [row.n_labels for row in answer.table if row.saved.low > 0]
    advice = answer.to_do()
    if saves:
        assert advice == f"with up to {max(saves)} labels predict X2 first"
    else:
        assert advice.startswith("use the raw input")
        assert ("surely" in advice) == any(row.saved.high > 0 for row in answer.table)


def test_what_saves_nothing_is_not_advised():
    """The break-even lies at some 10 labels, and the table begins at 20."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    z = x[:, :1] + 0.1 * rng.normal(size=(400, 1))
    y = x @ [1.0, 1.0, 0.0, 0.0] + 0.3 * rng.normal(size=400)
    answer = tool.labels_saved(x, z, y[:200])
    assert 2 < answer.break_even.low < 20
    assert all(row.saved.high < 0 for row in answer.table)
    assert answer.to_do().startswith("use the raw input: at none")


def asked(change):
    return lambda: tool.labels_saved(*change(*own(5)))


UNRELATED = asked(
    lambda x, z, y: (np.vstack([x[:400], -x[200:400]]), np.tile(z[:200, :1], (3, 1)), y)
)
test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: predicted.posterior(np.ones((2, 2)), np.ones((1, 2))),
            "class_means must have linearly independent",
        ),
        (
            lambda: predicted.violation_bounds(np.ones((2, 2)), np.eye(2)),
            "class_means must have linearly independent",
        ),
        (lambda: predicted.break_even(3, 4, 1.0, 0.1), "rank must be at most dim, got 4 and 3"),
        (
            lambda: predicted.learned_pretext_error(50, 3, 4, 1.0),
            "kept must be at most dim, got 4 and 3",
        ),
        (
            lambda: predicted.learned_pretext_error(11, 10, 2, 1.0),
            r"n_pairs must exceed dim \+ 1, .* got 11 and 10",
        ),
        (
            lambda: predicted.canonical_functions_error(np.eye(2), np.eye(2), [0.0, 1.0], 1),
            "priors must be above",
        ),
        (
            lambda: observed.conditionals(np.eye(4), 3, 1),
            r"covariance must have more than 3 \+ 1 rows",
        ),
        (
            lambda: observed.learned_pretext(KEY, 3, np.ones((2, 3)), np.eye(2)),
            "n_pairs must exceed the 3",
        ),
        (lambda: observed.leading_directions(np.ones((2, 3)), 3), "kept must be at most 2, got 3"),
        (
            lambda: observed.excess_risk(
                KEY, 4, TARGET, PRETEXT, 1.0, intercept=True, steadied=True
            ),
            "be at least 5",
        ),
        (
            lambda: observed.excess_risk(KEY, 2**30, np.ones((1, 64)), np.eye(1, 64), 1.0),
            "n_labels must ask for",
        ),
        (
            lambda: tables(2**12, 2**12, 2**12, 2),
            "n_worlds and the sizes must ask for arrays of at most",
        ),
        (
            asked(lambda x, z, y: (x[:212], z[:212], y)),
            r"X1 must have more than 10 \+ 2 rows without a label",
        ),
        (
            asked(lambda x, z, y: (x, z, y[:39])),
            "y must label at least 40 rows for 10 features, got 39",
        ),
        (asked(lambda x, z, y: (x, z, np.ones(200))), "y must vary in every column"),
        (
            asked(lambda x, z, y: (x, z, ["cat"] * 200)),
            "y must vary in every column, got a constant one",
        ),
        (asked(lambda x, z, y: (x, z, 1e60 * y)), "y must be zero or have a largest entry from"),
        (asked(lambda x, z, y: (x, z, y[None])), "y must be one number per sample, got shape"),
        (asked(lambda x, z, y: (x, z, x[:200, 0])), "y must not be a linear function of X1"),
        (asked(lambda x, z, y: (np.ones((600, 2)), z, y)), "X1 must have a column that varies"),
        (asked(lambda x, z, y: (x, np.ones((600, 2)), y)), "X2 must vary, got"),
        (UNRELATED, "X2 must vary with X1, got no covariance"),
        (
            asked(lambda x, z, y: (x, z[:-1], y)),
            "X2 must have a row for each of the 600 rows, got 599",
        ),
        (asked(lambda x, z, y: (x, z, y, (50,), 7)), "rank must be at most 6"),
        (asked(lambda x, z, y: (x, z, y, ())), "labels must name at least one"),
    ]
)

TABLE = tables(3, 4, 2, 2)[0]
TARGET = np.array([[1.0, 0.5, 0.0]])
PRETEXT = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 1.0]])
SIZES = {"n_worlds": 2, "n_first": 3, "n_second": 4, "n_classes": 2, "dim": 2, "rank": None}
MODELS = {"target": TARGET, "head": PRETEXT, "n_labels": 6}
UNDEFINED = (
    "where least squares is undefined, a pretext pays at every number, or nothing bounds a doubt"
)

test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        "excess_risk": Case(infinite=UNDEFINED),
        "break_even": Case(infinite=UNDEFINED),
        "learned_pretext_error": Case({"n_pairs": 20, "dim": 10, "kept": 2}),
        "discrete_worlds": Case(SIZES),
        "table_statistics": Case({"world": TABLE}),
        "canonical_functions": Case({"world": TABLE}),
        "gaussian_world": Case({"dim": 4, "second_dim": 3}),
        "draw": Case({"world": FREE, "n_samples": 5}),
        "learned_pretext": Case({"pretext": PRETEXT, "residual_root": np.eye(2), "n_pairs": 9}),
        "sims.pretext_noise": Case({"key": KEY, "residual_root": np.eye(2), "dim": 3}),
        "leading_directions": Case({"pretext": PRETEXT, "kept": 1}),
        "head_error": Case({"target": TARGET, "directions": PRETEXT / 2}),
        "sims.excess_risk": Case({"key": KEY, **MODELS, "intercept": False, "steadied": False}),
        "labels_saved": Case(dict(zip(("X1", "X2", "y"), own(0), strict=True)), infinite=UNDEFINED),
    },
    examples=4,
    excluded=dict.fromkeys(("unexplained",), "a helper that the paper's checks or tool share"),
)
