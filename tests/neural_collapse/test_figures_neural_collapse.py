"""Every figure of neural collapse draws at small sizes, and holds the theory and simulation its caption tells of."""

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from figures.neural_collapse.basins import _decay_of
from figures.neural_collapse.panels import falling_points, share_points
from figures.neural_collapse.simulations import LEARNING_RATE, MOMENTUM
from theory import neural_collapse as predicted
from theory_on_trial.figures.command import main
from theory_on_trial.figures.drawing import figures, style
from theory_on_trial.figures.panels import student_interval

EPS = 2.0**-53
DECAY = 5e-3
LOOP = {"depths": (2,), "levels": 3, "steps": 800, "runs": 2}
MINORITIES = {"class_sizes": (6, 4, 2), "depths": (1,), "strong_depths": (2,), "decay": DECAY, "critical_size": 3}
TINY = {
    "F1": {"per_class": 4, "depths": (1,), "width": 6, "decay": DECAY, "steps": 1200, "every": 100, "runs": 2},
    "F2": {"class_sizes": (4, 2, 1), "depths": (2,), "width": 8, "decay": DECAY, "steps": 600, "every": 100, "runs": 2},
    "F3": {"depths": (1, 2), "strengths": (0.2, 0.6), "start_stds": (0.1, 0.3), "runs": 16, "steps": 800},
    "F4": {"depths": (1, 2), "most_classes": 6, "decays": 3, "searched_classes": (3, 6), "starts": 2},
    "F5": LOOP,
    "F6": {**MINORITIES, "width": 8, "learning_rate": 0.1, "steps": 800, "every": 100, "runs": 2},
}
PANELS = {"F1": 8, "F2": 6, "F3": 4, "F4": 5, "F5": 1, "F6": 8}  # colour bars included


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """All figures at tiny settings, by name. Nearly all of the time is compilation: the compiler need not try hard."""
    jax.config.update("jax_disable_most_optimizations", True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        with style():
            found = {drawing.name: drawing.draw(**TINY[drawing.name]) for drawing in figures("neural_collapse")}
    jax.config.update("jax_disable_most_optimizations", False)
    yield found
    plt.close("all")


def points_of(axes):
    """The points with intervals of a panel, in the order in which they were drawn."""
    return [container.lines[0] for container in axes.containers]


def levels(axes):
    """The heights of the horizontal lines of a panel."""
    return [line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1]]


@pytest.mark.parametrize("name", PANELS)
def test_every_figure_holds_its_panels_and_something_finite_in_each(drawn, name):
    assert len(drawn[name].axes) == PANELS[name]
    for axes in drawn[name].axes:
        values = [np.asarray(line.get_ydata(), float) for line in axes.lines]
        values += [np.asarray(part.get_array(), float) for part in axes.collections]
        assert any(np.isfinite(part).any() for part in values if part.size)


@pytest.mark.parametrize("name", PANELS)
def test_every_figure_labels_its_axes_and_its_panels(drawn, name):
    panels = [axes for axes in drawn[name].axes if axes.get_label() != "<colorbar>"]
    for axes in panels:
        place = axes.get_subplotspec()
        assert axes.get_xlabel() or not place.is_last_row()
        assert axes.get_ylabel() or not place.is_first_col()
    letters = [text.get_text() for axes in panels for text in axes.texts if text.get_text().startswith("(")]
    assert letters == [f"({letter})" for letter in "abcdefgh"[: len(panels)]]


def test_captions_tell_what_points_lines_and_intervals_are():
    for drawing in figures("neural_collapse"):
        caption = " ".join(drawing.draw.__doc__.split())
        assert all(word in caption for word in ("(a", "interval"))
        assert ("99 %" in caption) != ("there is no interval" in caption)
        assert caption.endswith(("New.", "new.", "abstract of Dang et al. 2023."))


def slope_of(line):
    """The slope of the logarithm of a line from its first to its last point."""
    x, y = line.get_xdata(), np.log(line.get_ydata())
    return (y[-1] - y[0]) / (x[-1] - x[0])


def test_direct_experiments_fall_at_the_predicted_rates_through_a_simulated_point(drawn):
    fall = predicted.heavy_ball_rate
    nc1, nc2, gap = (
        predicted.nc1_rate(DECAY, LEARNING_RATE, MOMENTUM),
        predicted.nc2_rate(DECAY, LEARNING_RATE, MOMENTUM),
        2 * fall(DECAY, LEARNING_RATE, MOMENTUM),
    )
    idle = gap / 2  # at M = 1 with a bias NC3 waits for a part of the classifier that decay alone removes
    rates = {"F1": [nc1, nc2, nc2, gap, nc1, nc2, idle, gap], "F2": [nc1, nc2, nc2, 2 * nc2, nc2, gap]}
    for name, expected in rates.items():
        for axes, rate in zip(drawn[name].axes, expected, strict=True):
            (points,), line = points_of(axes), axes.lines[-1 if levels(axes) == [] else -2]
            # Logarithms of about ten, each with a few roundings, over a difference of hundreds of steps.
            assert slope_of(line) == pytest.approx(-rate, abs=100 * EPS)
            through = np.abs(np.log(points.get_ydata()) - np.log(line.get_ydata()))
            assert through.min() <= 100 * EPS


def test_nc1_of_the_direct_experiment_ends_at_its_predicted_rate(drawn):
    """Faster modes still fade: the change between two windows is larger than what is left of them in the second."""
    logs = np.log(points_of(drawn["F1"].axes[0])[0].get_ydata())
    first, second = (logs[2] - logs[5]) / 300, (logs[5] - logs[8]) / 300
    exact = predicted.nc1_rate(DECAY, LEARNING_RATE, MOMENTUM)
    assert abs(second - exact) <= abs(second - first) < 0.03 * exact


def test_wrong_frames_are_where_theory_puts_them(drawn):
    other = predicted.frame_distance(predicted.orthogonal_frame(4), predicted.simplex_etf(4))
    assert [levels(axes) for axes in drawn["F1"].axes] == [[], [other], [], []] * 2
    optimum = predicted.mse_optimum(TINY["F2"]["class_sizes"], [DECAY] * 2, DECAY)
    equal = predicted.orthogonal_frame(3)
    grams = optimum.product_gram, optimum.feature_gram
    found = [levels(axes) for axes in drawn["F2"].axes]
    assert found == [[], *([predicted.frame_distance(gram, equal)] for gram in grams), [], [], []]


def test_phases_hold_both_thresholds_and_shares_of_runs(drawn):
    left, middle, right, _ = drawn["F3"].axes
    thresholds = [list(line.get_ydata()) for line in left.lines]
    assert thresholds == [
        [predicted.global_threshold(depth) for depth in (1, 2)],
        [predicted.existence_threshold(depth) for depth in (1, 2)],
    ]
    shares = [np.asarray(discs.get_array()) for discs in left.collections[3:]]
    points = [line.get_ydata() for line in points_of(middle)]
    assert np.array_equal(shares, points)
    # M = 1 has no other minimum, and its slowest mode at these strengths has long faded.
    assert np.array_equal(points[0], [1, 1])
    # At M = 2 a start of a tenth is inside the basin of zero, which is not the global minimum at this strength.
    assert points_of(right)[1].get_ydata()[0] < 1


def test_cross_entropy_map_and_lines_compare_the_two_frames(drawn):
    axes = drawn["F4"].axes
    decays, classes = (1e-6, 10**-3.5, 1e-1), (3, 4, 5, 6)
    for panel, depth in zip(axes[:2], (1, 2), strict=True):
        found = np.asarray(panel.collections[0].get_array()).reshape(4, 3)
        for row, n_classes in zip(found, classes, strict=True):
            for gain, decay in zip(row, decays, strict=True):
                patterns = np.eye(n_classes) - 1 / n_classes, predicted.cross_polytope_pattern(n_classes)
                simplex, pairs = (predicted.frame_value(p, 4, [decay] * depth, decay)[1] for p in patterns)
                # The decay grid is rounded, and the values depend on it by at most a power of it.
                assert gain == pytest.approx(100 * (simplex - pairs) / simplex, abs=1e4 * EPS)
    assert [levels(panel) for panel in axes[:4]] == [[], [5.5], [1], [1]]


def test_no_shallow_descent_ends_below_the_simplex_frame_and_deep_ones_do(drawn):
    """f* is the global minimum at depth one: only the rounding of a few hundred sums can go below."""
    panels = drawn["F4"].axes[2:4]
    shallow, deep = (
        np.concatenate([line.get_ydata() for line in axes.lines if line.get_marker() == "o"]) for axes in panels
    )
    assert shallow.min() >= 1 - 1000 * EPS
    assert deep.min() < 1


def test_hysteresis_follows_the_largest_root_up_and_stays_at_zero_down(drawn):
    axes = drawn["F5"].axes[0]
    lowered, raised = points_of(axes)
    decay, share = raised.get_xdata()[0], raised.get_ydata()[0]
    optimum = predicted.mse_optimum((3, 3, 3), [decay] * 2, decay)
    slowest = min(decay, predicted.radial_eigenvalues(optimum.roots[:1], decay, 2)[0])
    left = np.exp(-LOOP["steps"] * predicted.heavy_ball_rate(slowest, LEARNING_RATE, MOMENTUM))
    # A hundred times what is left of a unit displacement, and the rounding of products of three small matrices.
    assert abs(share - predicted.shrinkage(optimum.roots[0], 2)) <= 100 * left + 1000 * EPS
    # Three factors of a head that is perturbed by 1e-4 in each of at most 64 numbers.
    assert np.all(lowered.get_ydata() < (64 * 1e-4) ** 3)
    branch, minimum = (np.asarray(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) > 300)
    assert np.array_equal(branch[: np.sum(minimum > 0)], minimum[minimum > 0])
    assert len(branch) > np.sum(minimum > 0)


def test_minority_lines_are_the_optimum_of_all_classes(drawn):
    sizes = MINORITIES["class_sizes"]
    strong = predicted.largest_common_decay((3, 9), 2)
    for panels, depth, decay in ((drawn["F6"].axes[1:4], 1, DECAY), (drawn["F6"].axes[5:], 2, strong)):
        optimum = predicted.mse_optimum(sizes, [decay] * depth, decay)
        expected = [np.diagonal(matrix) for matrix in (optimum.logits, optimum.product_gram, optimum.feature_gram)]
        for axes, values in zip(panels, expected, strict=True):
            line = axes.lines[-1 if depth == 1 else -2]
            shown = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
            # Exponentials and logarithms of some ten numbers, a few roundings each.
            found = [shown[size] for size in sizes]
            assert found == pytest.approx(list(values), rel=1000 * EPS, abs=1000 * EPS)


def test_command_draws_one_figure_into_the_folder_it_is_given(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path / "cache"))
    for name, value in {**TINY["F4"], "depths": (1,), "most_classes": 4, "searched_classes": (3,)}.items():
        monkeypatch.setitem(figures("neural_collapse.F4")[0].quick, name, value)
    assert main(["neural_collapse.F4", "--quick", "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / "neural_collapse"
    assert sorted(path.name for path in folder.iterdir()) == [f"F4_low_rank.{kind}" for kind in ("pdf", "png", "txt")]
    assert "Settings: depths = (1,), most_classes = 4," in (folder / "F4_low_rank.txt").read_text(encoding="utf-8")
    assert str(folder / "F4_low_rank.png") in capsys.readouterr().out


@settings(deadline=None, max_examples=20)
@given(st.integers(3, 8), st.floats(1e-4, 1), st.integers(0, 2**32 - 1))
def test_falling_points_are_geometric_means_and_a_line_of_the_given_rate(count, rate, seed):
    steps = np.arange(1, 11) * 3
    runs = np.exp(np.random.default_rng(seed).normal(-5, 1, size=(count, 10)))
    figure, axes = plt.subplots()
    falling_points(axes, steps, runs, "black", rate)
    points, line = points_of(axes)[0], axes.lines[-1]
    bars = np.array(axes.containers[0].lines[2][0].get_segments())[:, :, 1]
    plt.close(figure)
    mean, half_width = student_interval(np.log(runs))
    # Exponentials of at most forty, and differences that are added back.
    assert np.array_equal(points.get_ydata(), np.exp(mean))
    ends = np.exp(np.stack([mean - half_width, mean + half_width], axis=1))
    assert np.all(np.abs(bars - ends) <= 4 * EPS * (np.exp(mean)[:, None] + ends))
    # Logarithms of up to a hundred.
    assert slope_of(line) == pytest.approx(-rate, abs=1000 * EPS)
    assert line.get_ydata()[-1] == points.get_ydata()[-1]


def test_falling_points_at_the_level_of_rounding_have_no_line():
    figure, axes = plt.subplots()
    falling_points(axes, np.array([1, 2]), np.array([[1e-16, 0.0], [-1e-15, 1e-16]]), "black", 0.1)
    assert axes.lines[0] is points_of(axes)[0]
    assert all(line.get_linestyle() == "None" for line in axes.lines)
    assert np.all(axes.lines[0].get_ydata() > 0)
    plt.close(figure)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_shares_have_clopper_and_pearsons_interval(count, seed):
    reached = np.random.default_rng(seed).random((3, count)) < np.array([[0.0], [0.5], [1.0]])
    figure, axes = plt.subplots()
    shares = share_points(axes, [1, 2, 3], reached, "black")
    bars = np.array(axes.containers[0].lines[2][0].get_segments())[:, :, 1]
    plt.close(figure)
    assert np.array_equal(shares, reached.sum(axis=1) / count)
    hits = reached.sum(axis=1)
    low = np.where(hits > 0, stats.beta.ppf(0.005, np.maximum(hits, 1), count - hits + 1), 0)
    high = np.where(hits < count, stats.beta.ppf(0.995, hits + 1, np.maximum(count - hits, 1)), 1)
    # A root found to 2e-12 by one route and to a relative 1e-10 or better by the other.
    assert np.all(np.abs(bars - np.stack([low, high], axis=1)) <= 1e-9)


@settings(deadline=None)
@given(st.floats(0.01, 2), st.integers(1, 6), st.lists(st.integers(1, 20), min_size=1, max_size=4))
def test_decay_of_a_strength_gives_that_strength_to_the_smallest_class(beta, depth, sizes):
    decay = _decay_of(beta, tuple(sizes), depth)
    # Some ten logarithms of at most 30, and a power of depth + 1.
    assert predicted.mse_optimum(sizes, [decay] * depth, decay).betas.max() == pytest.approx(beta, rel=1000 * EPS)
