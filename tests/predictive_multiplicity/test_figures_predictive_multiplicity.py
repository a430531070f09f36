"""Every figure of predictive multiplicity draws at small sizes, and holds the theory and the answers it tells of."""

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import binom

from figures.predictive_multiplicity.exact import solved_compas
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial.figures.drawing import COLOURS, figures, style

FEATURES = ("age_leq_25", "female", "n_priors_eq_0", "n_priors_geq_2")
TOLERANCES = (0.0, 0.01, 0.05)
SMALL = {"tolerances": TOLERANCES, "features": FEATURES}
TINY = {
    "F1": {"copies": 2, "tolerances": 9},
    "F2": {**SMALL, "targets": ("arrest",)},
    "F3": {**SMALL, "target": "arrest", "epsilon": 0.05},
    "F4": {**SMALL, "epsilon": 0.05},
    "F5": {"n_points": 12, "runs": 6},
    "F6": {**SMALL, "splits": 2},
}
PANELS = {"F1": 5, "F2": 2, "F3": 2, "F4": 2, "F5": 3, "F6": 3}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    # The programs run for microseconds: compiling them is all there is to wait for.
    jax.config.update("jax_disable_most_optimizations", True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        with style():
            yield {drawing.name: drawing.draw(**TINY[drawing.name]) for drawing in figures("predictive_multiplicity")}
    jax.config.update("jax_disable_most_optimizations", False)
    plt.close("all")


@pytest.fixture(scope="module")
def solved(drawn):
    """What F2 and F4 were drawn from."""
    return solved_compas("arrest", TOLERANCES, FEATURES)


def line(axes, text):
    """The line, or the points with intervals, that the legend calls by this text."""
    with_bars = [found.lines[0] for found in axes.containers if found.get_label() == text]
    return next(iter([*with_bars, *(found for found in axes.lines if found.get_label() == text)]))


def heights(axes, text):
    return np.asarray(line(axes, text).get_ydata(), float)


@pytest.mark.parametrize("name", PANELS)
def test_every_figure_holds_its_panels_and_labels(drawn, name):
    assert set(PANELS) == set(drawn)
    assert len(drawn[name].axes) == PANELS[name]
    for axes in drawn[name].axes:
        assert axes.get_ylabel()
        assert axes.get_xlabel() or axes.get_label() == "<colorbar>"


def test_exclusive_or_shows_four_optima_that_are_wrong_at_different_corners(drawn):
    ringed = set()
    for axes in drawn["F1"].axes[:4]:
        rings = [found for found in axes.lines if found.get_markersize() == 15]
        assert len(rings) == 1
        ringed.add((rings[0].get_xdata()[0], rings[0].get_ydata()[0]))
        assert "2 wrong" in axes.get_title()
    assert ringed == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert sorted(axes.get_title()[-3:] for axes in drawn["F1"].axes[:4]) == ["1/5", "1/5", "1/5", "1/7"]


@pytest.mark.parametrize("name", ["discrepancy δ", "ambiguity α"])
def test_exclusive_or_holds_the_solved_points_on_the_enumerated_stairs(drawn, name):
    """Tolerances of 9 points on 8: every one is whole. The bound is met where discrepancy is 1/2, 3/4 and 1."""
    axes = drawn["F1"].axes[4]
    solved, stairs, bound = (
        heights(axes, text) for text in (f"{name}, solved", f"{name}, enumerated", "Proposition 1: 2R + ε")
    )
    assert np.array_equal(solved, stairs)
    if name == "discrepancy δ":
        assert np.array_equal(solved == bound, np.isin(np.arange(9), (0, 2, 4, 5, 6, 7, 8)))
    else:
        assert np.all(solved == 100)


def test_paths_hold_the_exact_answers_between_the_pool_and_the_bounds(drawn, solved):
    """The discrepancy of the list of all labellings that theory finds linear is what the programs found."""
    table, baseline = solved.table, solved.baseline
    cells = predicted.linear_dichotomies(table.rows)
    sample = (baseline.dichotomy, table.positives, table.negatives)
    paths = predicted.discrepancy_path_of(cells, *sample), predicted.ambiguity_path_of(cells, *sample)
    bounds = predicted.knapsack_bound, predicted.ambiguity_bound
    admitted = [predicted.tolerance_count(epsilon, table.n) for epsilon in TOLERANCES]
    for axes, path, bound in zip(drawn["F2"].axes, paths, bounds, strict=True):
        exact, pool = heights(axes, "all linear classifiers"), heights(axes, "pool of elastic nets")
        limit = heights(axes, "upper bound")
        assert exact == pytest.approx(100 * path[admitted] / table.n, rel=1e-14)
        assert limit == pytest.approx([100 * bound(*sample, e) / table.n for e in range(admitted[-1] + 1)], rel=1e-14)
        assert np.all(pool <= exact)
        assert np.all(exact <= limit[admitted] * (1 + 1e-14))
        assert exact[-1] > 0


def test_coefficients_have_the_errors_and_changes_they_are_printed_with(drawn, solved):
    axes = drawn["F3"].axes[0]
    shown = np.asarray(axes.images[0].get_array())
    assert shown.shape == (1 + len(solved.table.columns), 3)
    # Σ|w| = 1 holds to one rounding for each coefficient and addition.
    assert np.abs(shown).sum(axis=0) == pytest.approx(100, rel=4 * len(shown) * 2.0**-53)
    scores = np.column_stack([np.ones(len(solved.table.rows)), solved.table.rows]) @ shown
    signs = (scores > 0).astype(int)
    below = [text.get_text() for text in axes.get_xticklabels()]
    for model, text in zip(signs.T, below, strict=True):
        assert f"errors {solved.table.errors(model)} " in text
        changed = solved.table.disagreement(model, solved.baseline.dichotomy)
        assert f"changed {changed}\n" in text
    least = solved.table.errors(solved.baseline.dichotomy)
    assert all(solved.table.errors(model) <= least + 0.05 * solved.table.n for model in signs.T)
    starred = [text.get_text() for text in axes.get_yticklabels()]
    person = np.array([1, *(name.endswith("*") for name in starred[1:])])
    printed = [float(text.rsplit(" ", 1)[1]) for text in below]
    # Scores are printed to two decimals.
    assert printed == pytest.approx(person @ shown, abs=0.005 + 1e-12)
    assert (printed[0] > 0) != (printed[2] > 0)


def test_groups_add_up_to_everybody_and_stay_below_their_bounds(drawn, solved):
    left, right = drawn["F4"].axes
    samples = observed.compas_samples("arrest")
    races = ("african_american", "causasian", "hispanic", "other")
    sizes = np.array([samples.counts[samples.race == race].sum() for race in races])
    assert [text.get_text().split("n = ")[1] for text in left.get_yticklabels()[1:]] == [str(size) for size in sizes]

    def shares(marker):
        return np.array([found.get_xdata()[0] for found in left.lines if found.get_marker() == marker and len(
            found.get_xdata())])  # fmt: skip

    limits = [found.get_xdata()[0] for found in left.lines if len(found.get_xdata()) == 2]
    discrepancy, ambiguity = solved.path.disagreement[-1], solved.table.totals[
        solved.flips.errors <= solved.baseline.errors + solved.path.admitted[-1]
    ].sum()  # fmt: skip
    for marker, count in (("o", discrepancy), ("s", ambiguity), ("^", solved.baseline.errors)):
        found = shares(marker)
        assert found[0] == pytest.approx(100 * count / solved.table.n, rel=1e-14)
        assert found[1:] @ sizes / sizes.sum() == pytest.approx(found[0], rel=1e-14)
    assert np.all(shares("s") <= limits)
    assert heights(right, "all")[-1] == shares("s")[0]


def test_rashomon_diagram_lies_between_its_lines_and_below_its_stairs(drawn):
    """Every dot is a pair of counts, the lines are drawn at every count."""
    axes = drawn["F5"].axes[0]
    dots = next(found for found in axes.lines if "classifiers" in str(found.get_label()))
    errors, differing = (np.asarray(values).astype(int) for values in dots.get_data())
    assert len(errors) == predicted.cover_count(12, 3)
    low, high = (np.asarray(found.get_ydata()) for found in axes.lines if found.get_color() == COLOURS[6])
    assert np.all((low[errors] <= differing) & (differing <= high[errors]))
    stairs, simulated = (found for found in axes.lines if found.get_color() == COLOURS[1])
    assert np.array_equal(stairs.get_ydata(), simulated.get_ydata())
    reached = dict(zip(stairs.get_xdata(), stairs.get_ydata(), strict=True))
    assert all(count <= reached[error] for error, count in zip(errors, differing, strict=True))


def test_counts_of_classifiers_hold_the_exact_mean_and_all_classifiers(drawn):
    middle = drawn["F5"].axes[1]
    counted = predicted.cover_count(12, 3)
    assert heights(middle, "fair labels, exact mean") == pytest.approx(
        counted * binom.pmf(np.arange(13), 12, 0.5), rel=1e-13
    )
    for name in ("fair labels", "25% wrong labels"):
        assert heights(middle, name).sum() == pytest.approx(counted, rel=1e-13)


def test_paths_of_drawn_sets_stay_below_the_first_proposition(drawn):
    """Means of shares, of which each set's is below its bound."""
    right = drawn["F5"].axes[2]
    discrepancy, ambiguity = line(right, "discrepancy δ"), line(right, "ambiguity α")
    bound = line(right, "Proposition 1")
    limit = np.interp(discrepancy.get_xdata(), bound.get_xdata(), bound.get_ydata())
    assert np.all(np.asarray(discrepancy.get_ydata()) <= limit + 1e-12 * 100)
    assert np.all(np.asarray(discrepancy.get_ydata()) <= np.asarray(ambiguity.get_ydata()) * (1 + 1e-14))
    assert discrepancy.get_ydata()[-1] == 100


def test_held_out_people_are_shown_beside_bounds_that_training_people_obey(drawn):
    for axes, bound in zip(drawn["F6"].axes, ("knapsack bound", "flip bound", "R + ε"), strict=True):
        training, held_out = heights(axes, "training people"), heights(axes, "held-out people")
        assert len(training) == len(held_out) == len(TOLERANCES)
        assert np.all(training <= heights(axes, bound) * (1 + 1e-14))
        assert np.all((held_out >= 0) & (held_out <= 100))
        assert len(axes.containers) == 2
    # At tolerance 0 a competitor of an optimal baseline has its errors.
    errors = drawn["F6"].axes[2]
    dotted = next(found for found in errors.lines if found.get_linestyle() == ":")
    assert heights(errors, "training people")[0] == pytest.approx(dotted.get_ydata()[0], rel=1e-14)
