"""Tests of multicalibration as boosting: properties, simulators, refusals, fuzzing."""

from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest
from promises import Case, promises, refused

from own_data import multicalibration_boosting as tool
from paper_checks.test_multicalibration_boosting.test_estimates import sampled_levels
from sims import multicalibration_boosting as observed
from tests.multicalibration_boosting.own_data_sets import scored
from theory import multicalibration_boosting as predicted
from theory_on_trial import Trial


def world_of(seed, cells=60, dim=3):
    world = observed.random_world(seed, cells, dim)
    predictions, coefficients = observed.random_predictor(seed, cells, dim)
    basis = observed.affine(world.features)
    return world.probabilities, predictions, world.means, basis, basis @ coefficients


def test_functions_that_vanish_or_are_tiny():
    assert predicted.best_step([0.5, 0.5], [0.3, 0.1], [0.0, 0.0]) == 0
    ones = np.ones((3, 1))
    residuals = np.array([0.1, 0.4, -0.2])
    third = np.full(3, 1 / 3)
    level = np.full(3, 0.5)
    alone = predicted.swap_regret(third, level, residuals, ones)
    assert alone == pytest.approx(0.01)
    assert predicted.swap_regret(
        third, level, residuals, np.hstack([ones, 0 * ones, 2 * ones])
    ) == pytest.approx(alone)
    assert predicted.swap_regret(third, level, residuals, 1e-40 * ones) == pytest.approx(alone)
    assert predicted.swap_regret(third, level, residuals, 0 * ones) == 0
    assert predicted.grid(2.0, 2.0) == 2


def test_what_is_guaranteed_in_numbers():
    # 2 (1/8 + 1/8 + 1/64): tolerance, rounding of a residual of 1/2, and its square
    assert predicted.guaranteed_error(2.0, 1 / 8, 4) == pytest.approx(17 / 32)
    assert predicted.guaranteed_error(1.0, 0.0, 1) == pytest.approx(3 / 4)


def test_moments_of_labels_at_the_ends():
    assert predicted.sampled_error([400, 400], [0.1, 0.3]) == pytest.approx(0.05)
    sure = predicted.bernoulli_moments([0.25, 0.75], [-0.25, 0.25], 1.0)
    assert np.array(sure).tolist() == [[-0.25, 0.25], [0, 0]]


def test_the_worst_error_is_that_of_the_vertices():
    """Of affine functions of one variable the extreme ones are +-1 at two cells."""
    for seed in range(20):
        probabilities, _, means, basis, _ = world_of(seed, 5, 1)
        best = 0.0
        for (one, other), signs in product(
            [(i, j) for i in range(5) for j in range(i)], product((-1, 1), repeat=2)
        ):
            h = basis @ np.linalg.solve(basis[[one, other]], signs)
            if np.abs(h).max() <= 1 + 1e-9:
                best = max(best, abs(probabilities @ (h * (means - 0.5))))
        found = observed.worst_error(probabilities, np.full(5, 0.5), means, basis)
        assert found == pytest.approx(best**2, rel=1e-6, abs=0)


def test_what_a_round_and_a_combination_of_groups_save():
    f, y, groups = scored(np.random.default_rng(7), 60_000, 0.3)
    audit = tool.multicalibration_audit(f, y, groups, held_out=True)
    assert 0 < audit.round_gain.low < 0.4 * 0.3**2 / 3 < audit.round_gain.high
    assert abs(audit.combination.weights[0]) > 5 * abs(audit.combination.weights[1])
    # The combination has mean square 1: E[h r | v] = .12 / sqrt(.4) for the group alone.
    assert audit.combination.unbiased == pytest.approx(0.4 * 0.09 / 3, rel=0.1, abs=0)
    assert audit.groups[0].unbiased == pytest.approx(0.12**2 / 3, rel=0.1, abs=0)
    assert "worst group 0" in audit.summary()


def test_the_audit_is_that_of_loops():
    f, y, groups = scored(np.random.default_rng(8), 500, 0.2)
    h = groups * np.array([1.0, -2.0])
    audit = tool.multicalibration_audit(f, y, h, min_count=2, held_out=True)
    for cell in audit.cells:
        at = f == np.unique(f)[cell.level]
        products = h[at, cell.group] * (y[at] - f[at])
        assert cell.residual.value == pytest.approx(products.mean())
        assert cell.rows == np.sum(h[at, cell.group] != 0)
    assert audit.bound == 4
    variances = [np.var(h[f == v, 1] * (y - f)[f == v], ddof=1) for v in np.unique(f)]
    assert audit.groups[1].bias == pytest.approx(sum(variances) / 500)


def test_predictions_that_differ_by_rounding_are_one_level():
    f = np.repeat([0.3, 0.1 + 0.2, 0.7], 100)
    audit = tool.multicalibration_audit(
        f, np.arange(300) % 2 == 0, np.ones((300, 1)), n_levels=2, held_out=True
    )
    assert (audit.binned, audit.counts.tolist()) == (False, [200, 100])


def test_the_plot_shows_the_worst_groups():
    f, y, groups = scored(np.random.default_rng(10), 5000, 0.3)
    axes = tool.multicalibration_audit(f, y, groups, held_out=True).plot()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0", "1"]
    plt.close("all")


def asked(**change):
    given = {"predictions": np.full(200, 0.5), "y": np.ones(200), "groups": np.ones((200, 1))}
    given["held_out"] = True
    return lambda: tool.multicalibration_audit(**given | change)


ONE = {"predictions": np.ones(1), "y": np.ones(1), "groups": np.ones((1, 1))}
test_what_cannot_be_answered_is_refused = refused(
    [
        *(
            (partial(predicted.bernoulli_moments, [0.25], [one], 0.5), "must add up")
            for one in (-0.26, 0.76)
        ),
        *(
            (partial(predicted.bernoulli_moments, [0.25], [one], 0.5), "shifts must")
            for one in (-1.1, 1.1)
        ),
        (partial(predicted.grid, 2.0, 1.0), "alpha must be at most bound"),
        (partial(observed.undone_rows, 1000, 8, 0.2), "saved must leave room on the grid"),
        (
            partial(sampled_levels, Trial("", 0), 1, 100, 0.5, 1.0),
            "shift must leave labels that vary",
        ),
        (asked(y=np.full(200, 1.5)), "y must lie within bounds, 0.0 to 1.0"),
        (asked(predictions=np.full(200, -0.1)), "predictions must lie within bounds"),
        (
            asked(min_count=500),
            "groups must have a group with at least min_count = 500 rows",
        ),
        (asked(groups=np.zeros((200, 1), bool)), "a group with at least min_count = 50 rows"),
        (asked(bounds=(1.0, 0.0)), "bounds must"),
        (asked(**ONE), "at least two rows"),
        (asked(groups=np.ones((199, 1))), "rows"),
    ]
)

F, Y, GROUPS = scored(np.random.default_rng(0), 60)
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        "multicalibration_audit": Case(
            {"predictions": F, "y": Y, "groups": GROUPS, "held_out": True, "bounds": (0.0, 1.0)},
            infinite="doubts whose size is unknown",
        )
    },
)


def rated(seed, n=3000, off=0.2):
    """Ratings on a scale to 100 with a spread of 1, which are off by `off` in the second group."""
    rng = np.random.default_rng(seed)
    f = rng.choice([40.0, 50.0, 60.0], n)
    second = rng.random(n) < 0.5
    return f, f + off * second + rng.normal(0, 1, n), np.where(second, "b", "a")


def test_bounds_that_hide_a_bias_are_doubted():
    audit = tool.multicalibration_audit(*rated(0), held_out=True, bounds=(0, 100))
    assert "none of 6 cells is off beyond chance, but a mean of up to" in audit.summary()
    assert [doubt.reason[:7] for doubt in audit.doubts if "normal" in doubt.reason] == ["3 cells"]
    fair = tool.multicalibration_audit(*rated(1, off=0.0), held_out=True, bounds=(0, 100))
    assert not [doubt for doubt in fair.doubts if "normal" in doubt.reason]


def test_the_bias_of_a_group_is_that_of_its_own_rows():
    misses = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        member = rng.random(2000) < 0.3
        y = np.clip(0.5 + 0.1 * member + rng.normal(0, 0.1, 2000), 0, 1)
        audit = tool.multicalibration_audit(np.full(2000, 0.5), y, member, held_out=True)
        low, high = audit.cells[0].bias[1:]
        misses += not low <= 0.1 <= high
        assert audit.cells[0].bias.value == pytest.approx((y - 0.5)[member].mean())
    assert misses <= 11  # of 5 in the mean, once in 100


def test_rows_that_the_predictor_was_fitted_to_are_not_judged():
    audit = tool.multicalibration_audit(*scored(np.random.default_rng(0), 900), held_out=False)
    assert not audit.answerable
    with pytest.raises(TypeError, match=r"missing .*'held_out'"):
        tool.multicalibration_audit(*scored(np.random.default_rng(0), 900))


def test_a_group_is_judged_as_a_whole_where_its_cells_are_small():
    """Before, 73 members that are off by -.25 were "none of 10 is off"."""
    rng = np.random.default_rng(0)
    f = rng.uniform(0.3, 0.9, 1000)
    member = np.arange(1000) < 73
    y = rng.random(1000) < f - 0.25 * member
    audit = tool.multicalibration_audit(f, y, np.where(member, "few", "rest"), held_out=True)
    few, rest = audit.wholes
    assert (audit.names[few.group], few.rows, few.level) == ("few", 73, -1)
    assert few.bias.low <= -0.25 <= few.bias.high < 0
    assert rest.bias.low <= 0 <= rest.bias.high
    assert "1 of 2 groups are off as a whole" in str(audit)
    assert "group few as a whole: labels less predictions -0.2" in str(audit)
    assert audit.to_frame()["prediction"].isna().sum() == 2
    assert tool.multicalibration_audit(f[:73], y[:73], member[:73], held_out=True).cells == ()


@pytest.mark.parametrize("law", ["two values", "any value", "weights"])
def test_intervals_of_whole_groups_hold(law):
    """The truth is the mean of E[r] over the rows drawn; the biases of rows are not alike."""
    misses = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        f = rng.uniform(0.3, 0.65, 120)
        off = rng.choice([-0.2, 0.2], 120) + 0.1
        y = (rng.random(120) < f + off).astype(float)
        if law != "two values":
            y = f + off + np.where(y > 0, 1, -1) * np.minimum(f + off, 1 - f - off) / 2
            off = off + (2 * (f + off) - 1) * np.minimum(f + off, 1 - f - off) / 2
        h = np.ones(120) if law != "weights" else rng.uniform(0, 2, 120)
        (whole,) = tool.multicalibration_audit(
            f, y, h[:, None], held_out=True, n_levels=1, confidence=0.8
        ).wholes
        misses += not whole.shown.low <= np.mean(h * off) <= whole.shown.high
    assert misses <= 40  # of a fifth, half of which is the cell's: once in 10^5


@pytest.mark.parametrize(
    "labels", [("no", "yes"), (-1, 1), (-1.0, 1.0), (False, True)], ids=lambda two: str(two[0])
)
def test_labels_may_be_any_two(labels):
    f, y, groups = scored(np.random.default_rng(3), 400)
    plain, other = (
        tool.multicalibration_audit(f, given, groups, held_out=True)
        for given in (y, np.array(labels)[np.asarray(y).astype(int)])
    )
    assert str(plain) == str(other)
    with pytest.raises(TypeError, match=r"^y must hold numbers only, got text"):
        tool.multicalibration_audit(f, np.tile(["a", "b", "c", "d"], 100), groups, held_out=True)
