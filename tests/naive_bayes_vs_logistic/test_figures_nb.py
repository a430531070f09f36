"""Every figure of naive Bayes against logistic regression draws, and holds the theory and simulation it tells of."""

import re
from functools import partial

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from figures.naive_bayes_vs_logistic import simulations
from figures.naive_bayes_vs_logistic.assumptions import assumptions
from figures.naive_bayes_vs_logistic.crossing import samples_needed
from figures.naive_bayes_vs_logistic.features import data_set
from figures.naive_bayes_vs_logistic.panels import plain_log_ticks
from sims import naive_bayes_vs_logistic as observed
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.figures.drawing import figures, style
from theory_on_trial.mapping import map_cells

TINY = {
    "F1": {
        "sizes": (30, 60),
        "classes": (2,),
        "logistic_sizes": ((60,),),
        "scanned_sizes": (60,),
        "logistic_scanned_sizes": (60,),
        "runs": 60,
        "scans": 4,
        "logistic_scans": 3,
    },
    "F2": {"names": ("wine",), "sizes": (6, 20, 100), "n_random": (20,), "runs": 3, "random_runs": 3},
    "F3": {"names": ("wine", "breast_cancer"), "n_random": 20},
    "F4": {"exponents": (0.0, 0.25, 1.0), "cells": 6, "simulated_sizes": (10, 30), "runs": 50},
    "F5": {"class_counts": (2, 3), "draws": 400},
    "F6": {"correlations": (0.0, 0.5), "sizes": (8, 64), "runs": 30},
}
PANELS = {"F1": 2, "F2": 2, "F3": 9, "F4": 5, "F5": 3, "F6": 2}
ULP = 2.0**-53


@pytest.fixture(scope="module")
def little_optimisation():
    """Nearly all of the time here is compilation: the compiler need not try hard."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, little_optimisation):
    """All figures at tiny settings, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        with style():
            found = {drawing.name: drawing.draw(**TINY[drawing.name]) for drawing in figures("naive_bayes_vs_logistic")}
    yield found
    plt.close("all")


def lines_of(axes):
    """The y values of all lines and points of a panel."""
    return [np.asarray(line.get_ydata(), float) for line in axes.lines]


def holds(axes, values):
    """Whether one of the panel's lines is exactly these values."""
    return any(line.shape == np.shape(values) and np.array_equal(line, values) for line in lines_of(axes))


def points_of(axes, name):
    """The points with intervals of this name: their abscissas, ordinates, and the ends of the intervals."""
    container = next(part for part in axes.containers if part.get_label() == name)
    points, _, (bars,) = container.lines
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    return points.get_xdata(), points.get_ydata(), ends


@pytest.mark.parametrize("name", PANELS)
def test_every_panel_is_labelled_and_holds_something_finite(drawn, name):
    panels = [axes for axes in drawn[name].axes if axes.get_label() != "<colorbar>"]
    assert len(panels) == PANELS[name] - (name == "F4")
    for axes in panels:
        place = axes.get_subplotspec()
        assert axes.get_xlabel() or not place.is_last_row()
        assert axes.get_ylabel() or not place.is_first_col()
        heights = [patch.get_height() for patch in axes.patches if hasattr(patch, "get_height")]
        assert any(np.isfinite(values).any() for values in (*lines_of(axes), np.array(heights)) if values.size)
    texts = [text.get_text() for axes in panels for text in axes.texts]
    assert [text for text in texts if text.startswith("(")] == [f"({letter})" for letter in "abcdefghi"[: len(panels)]]


def test_captions_tell_panels_source_and_intervals():
    drawings = figures("naive_bayes_vs_logistic")
    assert [drawing.name for drawing in drawings] == list(TINY)
    for drawing in drawings:
        caption = " ".join(drawing.draw.__doc__.split())
        assert "(a" in caption
        assert caption.endswith(("New.", "new.", "Zheng et al. 2023."))
        if drawing.name not in ("F3", "F5"):  # the one has no points, the other shows each draw
            assert "99 % Student interval" in caption


def test_asymptotic_errors_in_the_first_caption_are_those_of_the_theory():
    caption = " ".join(figures("naive_bayes_vs_logistic.F1")[0].draw.__doc__.split())
    quoted = [float(number) for number in re.findall(r"\d\.\de-\d+", caption)]
    designs = [(100, 2), (100, 3), (100, 5), (100, 7), (200, 3)]
    exact = [predicted.naive_bayes_asymptotic_error(*predicted.official_design(*design)) for design in designs]
    assert quoted == [float(f"{error:.1e}") for error in exact]


def test_growth_holds_its_laws_its_crossings_and_the_released_scan(drawn):
    above, below = drawn["F1"].axes
    sizes, needed, ends = points_of(above, "naive Bayes: mean error crosses")
    assert np.array_equal(sizes, [30, 60])
    assert np.all((ends[:, 0] < needed) & (needed < ends[:, 1]))
    assert holds(above, needed[0] * np.log([30, 60]) / np.log(30))
    assert holds(above, 4 + np.ceil(np.log([30, 60])))
    # Delta^2 = 4 (n / 2 / n + n / 2) in the released design
    assert holds(above, [predicted.naive_bayes_samples(n, 2.0 * n + 2, 0.01) for n in (30, 60)])
    sizes, needed, ends = points_of(below, "logistic regression: mean error crosses")
    assert np.array_equal(sizes, [60])
    assert ends[0, 0] < needed[0] < ends[0, 1]
    assert holds(below, needed[0] * np.array([30, 60]) / 60)
    for axes in (above, below):
        sizes, reported, _ = points_of(axes, "released scan")
        assert np.array_equal(sizes, [60])
        assert reported >= 4


def test_learning_curves_hold_a_curve_for_each_floor_and_the_sizes_that_fit(drawn):
    wine, random = drawn["F2"].axes
    for axes, sizes in ((wine, [6, 20, 100]), (random, [20, 100])):
        for name in ("naive Bayes, floor 1e-09", "naive Bayes, floor 0.03", "logistic regression"):
            x, errors, _ = points_of(axes, name)
            assert np.array_equal(x, sizes)
            assert np.all((errors > 0) & (errors < 1))
    assert wine.get_title() == "wine, n = 13, K = 3"
    assert random.get_title() == "ReLU of digits, n = 20, K = 10"


def test_split_curves_are_those_of_split_errors(little_optimisation):
    key, sizes = jax.random.key(3), (6, 20)
    found = simulations.split_curves(key, "wine", None, sizes, (1e-9, 0.03))
    features, labels = data_set("wine")
    direct = observed.split_errors(
        key, features, labels, 3, sizes, max_samples=20, tolerance=simulations.TOLERANCE, var_floor=0.03
    )
    assert np.array_equal(found["naive_bayes"][1], direct[:, 0])
    assert np.array_equal(found["logistic"], direct[:, 1])


def test_phases_hold_the_exact_law_and_points_near_it(drawn):
    panels = [axes for axes in drawn["F4"].axes if axes.get_label() != "<colorbar>"]
    n_grid = np.unique(np.geomspace(1, 1e6, 6).round().astype(int))
    for axes, exponent in zip(panels, (0.0, 0.25, 1.0), strict=False):
        needed = np.array([predicted.naive_bayes_samples(int(n), n**exponent, 0.02) for n in n_grid])
        power = predicted.naive_bayes_sample_exponent(exponent)
        assert holds(axes, needed)
        assert holds(axes, needed[-1] * (n_grid / n_grid[-1]) ** power)
        assert len(axes.collections[1].get_offsets()) == 3
        x, means, ends = points_of(panels[3], f"a = {exponent:g}")
        assert np.array_equal(x, [10, 30])
        exact = [predicted.naive_bayes_expected_error(n, 40, n**exponent) for n in (10, 30)]
        # the half width at a chance of 1e-8 rather than 1e-2, 49 degrees of freedom
        wider = stats.t.isf(0.5e-8, 49) / stats.t.isf(0.5e-2, 49)
        assert np.all(np.abs(means - exact) <= wider * (ends[:, 1] - ends[:, 0]) / 2)


def test_consistency_holds_the_transform_and_draws_on_its_right_side(drawn):
    left, middle, right = drawn["F5"].axes
    t = np.linspace(0, 1, 201)
    assert holds(left, predicted.consistency_transform(t))
    for bound in (0.5, 1.0, 2.0):
        assert holds(left, predicted.consistency_transform(t, bound))
    assert holds(right, predicted.consistency_transform(t, 0.5))
    draws = {line.get_label(): np.array(line.get_data()) for line in (*middle.lines, *right.lines)}
    for name in ("K = 2", "K = 3"):
        gap, regret = draws[name]
        assert len(gap) > 20
        # sums of ten terms, each with the rounding of a logarithm of up to 1e3 times a probability
        assert np.all(regret >= predicted.consistency_transform(gap) - 10 * 1e3 * ULP)
    gap, regret = draws["counterexample"]
    free = gap <= predicted.box_tie_threshold(3, 0.5)
    assert free.sum() >= 1
    assert np.all(regret[free] <= 1e-9)  # the logit that gives way by 1e-9 costs at most that
    assert np.all(regret[~free] > 1e-6)
    assert np.all(regret < predicted.consistency_transform(gap, 0.5))


def test_regimes_hold_both_floors_and_end_near_them(drawn):
    means = simulations.half_informative(20, 0.8)
    for axes, correlation in zip(drawn["F6"].axes, (0.0, 0.5), strict=True):
        covariance = (1 - correlation) * np.eye(20) + correlation
        floor, best = (f(means, covariance) for f in (predicted.naive_bayes_asymptotic_error, predicted.bayes_error))
        assert holds(axes, [floor, floor])
        assert holds(axes, [best, best])
        _, naive_bayes, _ = points_of(axes, "naive Bayes")
        _, logistic, _ = points_of(axes, "logistic regression")
        assert np.all(np.r_[naive_bayes, logistic] >= best)  # of each run, so of their means
        assert (naive_bayes[1] < logistic[1]) == (correlation == 0)
    distance = predicted.mahalanobis_squared(means[1] - means[0], np.ones(20))
    law = [predicted.naive_bayes_expected_error(20, m, distance) for m in np.geomspace(8, 64, 40)]
    dotted = next(values for values in lines_of(drawn["F6"].axes[0]) if len(values) == 40)
    assert np.allclose(dotted, law, rtol=1e-11)  # the law to 1e-13, its argument after a solve in 20 dimensions


def test_padding_leaves_the_law_of_the_error_as_it_is(little_optimisation):
    keys = jax.random.split(jax.random.key(0), 500)
    errors = [
        np.asarray(map_cells(lambda key, p=p: simulations.naive_bayes_error(key, 2, p, 20, 6), keys)) for p in (20, 33)
    ]
    spread = np.sqrt(sum(values.var() / len(values) for values in errors))
    assert abs(errors[0].mean() - errors[1].mean()) <= stats.norm.isf(0.5e-8) * spread


@settings(deadline=None)
@given(st.floats(0.3, 3), st.floats(30, 500), st.floats(0.005, 0.3))
def test_crossing_of_a_power_law_is_exact_and_without_interval(power, needed, target):
    sizes = np.arange(2, 1000)
    found = samples_needed(lambda m: np.full(3, target * (needed / m) ** power), sizes, target)
    # log m* is the end of a chain of some ten operations on logarithms below ten, divided by a fall of power / m
    assert np.allclose(found, needed, rtol=100 * 10 * ULP * needed / power)


def test_crossing_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    sizes, target, runs = np.arange(20, 400, 10), 0.01, 12
    misses = 0
    for _ in range(400):
        factor = 1 + 0.1 * rng.standard_normal(runs)
        found = samples_needed(lambda m, factor=factor: factor / m, sizes, target)
        misses += not found.low <= 100 <= found.high
    assert misses <= stats.binom.isf(1e-6, 400, 0.01)


def test_crossing_that_the_sizes_do_not_hold_is_refused():
    with pytest.raises(ValueError, match="sizes must end below the target"):
        samples_needed(lambda m: np.full(3, 0.2), np.arange(2, 20), 0.1)


def gaussian_data(seed, n_classes=3, n_features=5, n_samples=200):
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(n_classes), rng.integers(0, n_classes, n_samples - n_classes)]
    return rng.standard_normal((n_samples, n_features)) + rng.standard_normal((n_classes, n_features))[labels], labels


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_margins_towards_the_own_class_are_half_the_squared_distance(seed, n_classes):
    features, labels = gaussian_data(seed, n_classes)
    found = assumptions(features, labels)
    first, second = np.triu_indices(n_classes, 1)
    log_priors = np.log(np.bincount(labels) / len(labels))
    ratio = (log_priors[first] - log_priors[second]) / 5
    pairs = np.arange(len(first))
    # The scores are of the size of some hundred, summed over 200 samples; the smallest divisor is 5.
    allowed = 200 * 1e3 * ULP
    assert np.allclose(found.beta[pairs, first], np.abs(found.independent_alpha / 2 + ratio), rtol=0, atol=allowed)
    assert np.allclose(found.beta[pairs, second], np.abs(found.independent_alpha / 2 - ratio), rtol=0, atol=allowed)
    assert found.concerns_own.sum() == 2 * len(first)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-10, 10))
def test_assumptions_do_not_depend_on_the_units_of_features(seed, scale, shift):
    features, labels = gaussian_data(seed)
    for one, other in zip(assumptions(features, labels), assumptions(features * scale + shift, labels), strict=True):
        # a shift of 1e3 times the range of the features loses as many digits, of scores near a hundred
        assert np.allclose(one, other, rtol=0, atol=1e3 * 1e3 * 200 * ULP)


def test_a_constant_feature_has_no_variance_and_no_part_in_the_margins():
    features, labels = gaussian_data(1)
    found = assumptions(features, labels)
    extended = assumptions(np.column_stack([features, np.ones(len(labels))]), labels)
    assert extended.variances[-1] == 0
    assert np.allclose(extended.beta * 6, found.beta * 5, rtol=0, atol=200 * 1e3 * ULP)


def test_random_features_are_fixed_and_not_negative():
    first, labels = data_set("digits", 30)
    assert first.shape == (1797, 30)
    assert len(labels) == 1797
    assert np.all(np.asarray(first) >= 0)
    assert np.asarray(first).std(axis=0).min() > 0
    assert np.array_equal(first, data_set("digits", 30)[0])


@settings(deadline=None, max_examples=20)
@given(st.floats(1e-6, 1e3), st.floats(2.6, 1e6))
def test_ticks_lie_within_limits_that_stay(low, ratio):
    figure, axes = plt.subplots()
    axes.set(xscale="log", xlim=(low, low * ratio))
    plain_log_ticks(axes, "x")
    try:
        ticks = axes.get_xticks()
        assert axes.get_xlim() == (low, low * ratio)
        assert len(ticks) >= 1
        assert np.all((ticks >= low) & (ticks <= low * ratio))
        assert [float(text.get_text()) for text in axes.get_xticklabels()] == [float(f"{tick:g}") for tick in ticks]
    finally:
        plt.close(figure)


def test_random_logits_keep_within_their_bound():
    draw = partial(simulations.posterior_and_logits, n_classes=4, logit_bound=0.5)
    found = map_cells(draw, jax.random.split(jax.random.key(0), 200))
    assert np.abs(found["logits"]).max() == 0.5
    assert np.all(np.abs(np.asarray(found["posterior"]).sum(axis=1) - 1) <= 16 * ULP)
