"""Every figure of Mixup draws at small sizes, and holds the theory and the simulation its caption tells of."""

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from figures.mixup.boundaries import signed_angle
from figures.mixup.efficiency import ratio_of_means
from figures.mixup.problems import REFERENCE, deficits, fitted, uniform_masks
from figures.mixup.samples import crossing, mean_band, median_band
from figures.mixup.simulations import box_masks
from theory import mixup as predicted
from theory_on_trial.figures.drawing import figures, style
from theory_on_trial.figures.panels import student_interval

# Numbers of cells between two powers of two share a program, and so do figures at the same n.
TINY = {
    "F1": {"separabilities": (1, 4), "sizes": (10,), "erm_sizes": (10, 20), "runs": 30},
    "F2": {
        "separabilities": (10, 40),
        "epsilons": (0.1,),
        "runs": 10,
        "mixup_epsilon": 0.006,
        "mixup_sizes": (10, 30),
        "mixup_runs": 30,
    },
    "F3": {"cells": (3, 4), "runs": 20, "profiles": (80,), "profile_runs": 10},
    "F4": {"n": 10, "separability": 2, "separabilities": (32,), "others": 3, "runs": 30},
    "F5": {"simulated": (0.5, 4), "n": 10, "erm_n": 10, "runs": 30},
    "F6": {"simulated": (0.5, 4), "simulated_alphas": (1,), "n": 10, "erm_n": 10, "limit_n": 10, "runs": 30},
    "F7": {"separabilities": (1, 1000), "n": 10, "runs": 12, "path": (1, 10)},
    "F8": {
        "sizes": (8,),
        "ridges": (1e-2, 1e-1),
        "runs": 3,
        "networks": 3,
        "moon_points": 20,
        "hidden": 4,
        "n_steps": 30,
    },
}
PANELS = {"F1": 2, "F2": 2, "F3": 3, "F4": 2, "F5": 2, "F6": 2, "F7": 4, "F8": 4}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """All figures at tiny settings, by name. Nearly all of the time is compilation: the compiler need not try hard."""
    jax.config.update("jax_disable_most_optimizations", True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        with style():
            yield {drawing.name: drawing.draw(**TINY[drawing.name]) for drawing in figures("mixup")}
    jax.config.update("jax_disable_most_optimizations", False)
    plt.close("all")


def lines_of(axes):
    """The y values of all lines and points of a panel."""
    return [np.asarray(line.get_ydata(), float) for line in axes.lines]


def holds(axes, values):
    """Whether one of the panel's lines is exactly these values."""
    return any(line.shape == np.shape(values) and np.array_equal(line, values) for line in lines_of(axes))


def abscissas(axes, count):
    """The x values of the panel's first line of that many points."""
    return next(np.asarray(line.get_xdata(), float) for line in axes.lines if len(line.get_xdata()) == count)


@pytest.mark.parametrize("name", PANELS)
def test_every_figure_holds_labelled_panels_with_something_finite_in_each(drawn, name):
    assert len(drawn[name].axes) == PANELS[name]
    for axes in drawn[name].axes:
        values = [*lines_of(axes), *(np.asarray(part.get_array(), float) for part in axes.collections)]
        assert any(np.isfinite(part).any() for part in values if part.size)
        place = axes.get_subplotspec()
        if axes.get_label() != "<colorbar>":
            assert axes.get_xlabel() or not place.is_last_row()
            assert axes.get_ylabel() or not place.is_first_col()
    texts = [text.get_text() for axes in drawn[name].axes for text in axes.texts]
    letters = {text[1] for text in texts if text.startswith("(") and text[2:3] == ")"}
    assert letters == set("abcdefgh"[: len(letters)])
    assert len(letters) >= 2


def test_learning_curves_hold_the_laws_of_all_learners(drawn):
    n = np.geomspace(10, 20, 81)
    law = predicted.MixingLaw.beta(1.0)
    for kappa, axes in zip(TINY["F1"]["separabilities"], drawn["F1"].axes, strict=True):
        pair = REFERENCE.pair(kappa)
        mixup = predicted.angle_rate(pair, predicted.mixup_efficiency(pair.effective_separability, law)) / n
        assert holds(axes, mixup)
        assert holds(axes, mixup + predicted.sampled_lambda_coefficient(pair, law) * kappa / n**2)
        assert holds(axes, np.full_like(n, pair.misalignment(predicted.mask_minimiser(pair, *uniform_masks(2)))))
        few = n < np.exp(pair.effective_separability / 2)
        assert holds(axes, [pair.misalignment(predicted.erm_direction_at(pair, size)) for size in n[few]])


def test_headline_holds_both_laws_and_a_point_for_each_separability(drawn):
    left, right = drawn["F2"].axes
    grid = abscissas(left, 60)
    assert holds(left, np.exp([predicted.erm_samples(REFERENCE.pair(kappa), 0.1) for kappa in grid]))
    assert holds(left, np.exp(predicted.critical_exponent(REFERENCE.pair(1), 0.1) * grid))
    law = predicted.MixingLaw.beta(1.0)
    for mode, balanced in (("expected", True), ("expected", False), ("sampled", True)):
        expected = [predicted.mixup_samples(REFERENCE.pair(kappa), 0.006, law, mode, balanced) for kappa in grid]
        assert holds(right, expected)
    assert [len(container.lines[0].get_xdata()) for container in left.containers] == [2, 2]
    assert [len(container.lines[0].get_xdata()) for container in right.containers] == [2, 2, 2]


def test_phases_hold_the_path_and_cells_between_no_and_full_misalignment(drawn):
    axes = drawn["F3"].axes[1]
    exponents = abscissas(axes, 120)
    assert holds(axes, [predicted.phase_cosine(REFERENCE.pair(1), nu) for nu in exponents])
    cells = np.ma.compressed(drawn["F3"].axes[0].collections[0].get_array())
    assert len(cells) >= 4
    assert np.all((cells > 0) & (cells < 2))


def test_boundaries_are_across_the_weights_and_the_sample_is_balanced(drawn):
    axes = drawn["F4"].axes[0]
    slopes = {line.get_label(): line.get_xydata()[1] for line in axes.lines}
    assert np.isclose(
        slopes["Bayes"] @ REFERENCE.pair(1).bayes_direction, 0, atol=1e-14 * np.abs(slopes["Bayes"]).sum()
    )
    first = fitted("mixup", 10, [2, 32], 30)[0, 0]
    # Rounding of the three products of the line's end with the weights.
    assert abs(slopes["Mixup"] @ first) <= 16 * 2.0**-53 * np.abs(slopes["Mixup"]) @ np.abs(first)
    assert len(axes.lines[0].get_xdata()) == len(axes.lines[1].get_xdata()) == 5


def test_efficiencies_and_scales_hold_their_curves(drawn):
    left, right = drawn["F5"].axes
    grid = abscissas(left, 40)
    plain = np.array([predicted.erm_efficiency(a) for a in grid])
    assert holds(left, plain)
    assert holds(right, plain / (grid + 1))
    law = predicted.MixingLaw.beta(0.2, 12)
    assert holds(left, [predicted.mixup_efficiency(a, law) for a in grid])
    law = predicted.MixingLaw.beta(5.0)
    scores = [predicted.scalar_minimiser(a, law) for a in abscissas(drawn["F6"].axes[0], 60)]
    assert holds(drawn["F6"].axes[0], scores)
    limits = [predicted.limit_scale(predicted.MixingLaw.beta(alpha)) for alpha in np.geomspace(0.1, 30, 80)]
    assert holds(drawn["F6"].axes[1], limits)


def test_points_of_masks_lie_on_the_limit_where_noise_has_gone(drawn):
    """At κ = 1000: 1 - cos to 1/μ averages at most 1/(nκ), so that Markov's inequality gives 100 times that 99 %."""
    axes = drawn["F7"].axes[1]
    points = [container.lines[0].get_ydata()[-1] for container in axes.containers]
    assert len(points) == 3
    assert all(value < 100 / (10 * 1000) for value in points)


def test_captions_tell_what_points_lines_and_intervals_are():
    for drawing in figures("mixup"):
        caption = " ".join(drawing.draw.__doc__.split())
        assert all(word in caption for word in ("(a", "99 %", "Student interval"))
        assert caption.endswith("ew.")


def test_fits_that_do_not_converge_are_never_drawn(monkeypatch):
    weights = np.ones((1, 3, 2))
    weights[0, 1] = np.nan
    found = xr.Dataset({"learnt_weights": (("separability", "seed", "coordinate"), weights)})
    monkeypatch.setattr("figures.mixup.problems.replicates", lambda *arguments, **options: found)
    with pytest.raises(RuntimeError, match="1 of 3 fits of erm at n = 10 did not converge"):
        fitted("erm", 10, [0.01], 3)


@given(st.integers(8, 200), st.integers(0, 2**32 - 1))
def test_median_band_is_made_of_order_statistics_that_enclose_the_median_often_enough(runs, seed):
    values = np.random.default_rng(seed).normal(size=(2, runs))
    middle, low, high = median_band(values)
    assert np.array_equal(middle, np.median(values, axis=1))
    below = (values < low[:, None]).sum(axis=1)
    assert np.all(below == (values > high[:, None]).sum(axis=1))
    # The band misses the median when at most `below` values fall on one side of it.
    assert 2 * stats.binom.cdf(below[0], runs, 0.5) <= 0.01
    assert 2 * stats.binom.cdf(below[0] + 1, runs, 0.5) > 0.01


def test_too_few_runs_for_a_median_are_refused():
    with pytest.raises(ValueError, match="runs must be at least 8 for an interval of the median, got 7"):
        median_band(np.zeros((2, 7)))


@given(st.floats(0.1, 5), st.floats(0.5, 3), st.floats(0.05, 0.95))
def test_crossing_of_a_power_law_is_exact_and_its_band_is_ordered(scale, power, share):
    log_sizes = np.linspace(1, 8, 8)
    curve = scale * np.exp(-power * log_sizes)
    where = 1 + 7 * share
    found = crossing(log_sizes, [curve, 0.9 * curve, 1.1 * curve], scale * np.exp(-power * where))
    # Logarithms of numbers up to e^30, divided by a slope of at least a half: some 30 roundings of 30.
    assert abs(found.log_n - where) <= 1e-12
    assert found.low <= found.log_n <= found.high


def test_curve_that_does_not_reach_the_target_is_refused():
    with pytest.raises(ValueError, match=r"must fall to 0.1 within the sizes, got 0.5 to 0.2"):
        crossing(np.array([1.0, 2.0]), [np.array([0.5, 0.2])] * 3, 0.1)


@given(st.integers(0, 2**32 - 1))
def test_bands_and_ratios_have_the_mean_in_the_middle(seed):
    rng = np.random.default_rng(seed)
    above, below = rng.uniform(0.5, 2, (2, 30, 3))
    mean, low, high = mean_band(above.T)
    expected, half = student_interval(above)
    scale = 100 * 2.0**-53 * (expected + half)  # sums of thirty numbers, in either order
    assert np.all(np.abs(mean - expected) <= scale)
    assert np.all(np.abs(high - low - 2 * half) <= 30 * scale)
    ratio = above.mean(axis=0) / below.mean(axis=0)
    assert np.all(np.abs(ratio_of_means(above, below).mean(axis=0) - ratio) <= 1000 * 2.0**-53 * ratio)
    assert np.all(np.abs(ratio_of_means(above, 3 * above).std(axis=0)) <= 1000 * 2.0**-53)


@given(st.floats(-179, 179), st.floats(-180, 180), st.floats(1e-3, 1e3))
def test_signed_angle_undoes_a_rotation_and_agrees_with_the_deficit(angle, start, length):
    target = np.array([np.cos(np.radians(start)), np.sin(np.radians(start))])
    turned = length * np.array([np.cos(np.radians(start + angle)), np.sin(np.radians(start + angle))])
    assert abs(signed_angle(turned, target) - angle) <= 1e-11  # degrees: rounding of angles up to 360, 2^-44 each
    assert abs(deficits(turned, target) - (1 - np.cos(np.radians(angle)))) <= 40 * 2.0**-53


def test_boxes_are_whole_squares_and_all_different():
    masks = box_masks()
    assert masks.shape == (100, 64)
    assert len(np.unique(masks, axis=0)) == 100
    for mask in masks.reshape(-1, 8, 8):
        assert np.array_equal(mask, np.kron(mask[::2, ::2], np.ones((2, 2), bool)))
        rows, columns = np.nonzero(~mask)
        assert (~mask).sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
