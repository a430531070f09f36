"""Every figure of random walks draws at small sizes, and holds the theory and the simulation its caption tells of."""

from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from figures.random_walk_pca import networks
from figures.random_walk_pca.panels import aligned, tableau
from theory import random_walk_pca as predicted
from theory_on_trial.figures.command import main
from theory_on_trial.figures.drawing import figures, style
from theory_on_trial.figures.panels import log_spaced, points_with_intervals, student_interval

WALK = {"n_points": 30, "dim": 300, "runs": 3}
NETWORK = {"runs": 2, "n_steps": 60, "window": 30}
TINY = {
    "F1": WALK,
    "F2": WALK,
    "F3": {**WALK, "sweep_points": 30, "sweep_runs": 3},
    "F4": {**WALK, "trapped_dims": (300,)},
    "F5": WALK,
    "F6": NETWORK,
    "F7": {**NETWORK, "target_dim": 20, "widths": (8, 8)},
    "F8": {"n_features": 20, "n_outputs": 2, "n_points": 30, "n_examples": 50, "learning_rate": 0.05, "runs": 2},
    "F9": {**WALK, "cells": 5},
    "F10": {"n_points": 20, "dim": 30, "runs": 50, "lengths": (10, 20), "dims": (30, 60), "swept_runs": 50},
}
PANELS = {"F1": 55, "F2": 2, "F3": 2, "F4": 13, "F5": 49, "F6": 13, "F7": 56, "F8": 34, "F9": 5, "F10": 3}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """All figures at tiny settings, by name. Nearly all of the time is compilation: the compiler need not try hard."""
    jax.config.update("jax_disable_most_optimizations", True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        with style():
            found = {drawing.name: drawing.draw(**TINY[drawing.name]) for drawing in figures("random_walk_pca")}
    jax.config.update("jax_disable_most_optimizations", False)
    yield found
    plt.close("all")


def lines_of(axes):
    """The y values of all lines and points of a panel."""
    return [np.asarray(line.get_ydata(), float) for line in axes.lines]


def holds(axes, values):
    """Whether one of the panel's lines is exactly these values."""
    return any(line.shape == np.shape(values) and np.array_equal(line, values) for line in lines_of(axes))


def panel(figure, xlabel, ylabel):
    return next(axes for axes in figure.axes if xlabel in axes.get_xlabel() and ylabel in axes.get_ylabel())


@pytest.mark.parametrize("name", PANELS)
def test_every_figure_holds_its_panels_and_something_finite_in_each(drawn, name):
    assert len(drawn[name].axes) == PANELS[name]
    for axes in drawn[name].axes:
        values = [*lines_of(axes), *(np.asarray(part.get_array(), float) for part in axes.collections)]
        assert any(np.isfinite(part).any() for part in values if part.size)


@pytest.mark.parametrize("name", PANELS)
def test_every_figure_labels_its_axes_and_its_panels(drawn, name):
    figure = drawn[name]
    for axes in figure.axes:
        place = axes.get_subplotspec()
        if axes.get_label() != "<colorbar>":
            assert axes.get_xlabel() or not place.is_last_row()
            assert axes.get_ylabel() or not place.is_first_col()
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    titles = [area.get_suptitle() for row in (figure, *figure.subfigs) for area in (row, *row.subfigs)]
    letters = {text[1] for text in (*texts, *titles) if text.startswith("(") and text[2:3] == ")"}
    assert letters == set("abcdefgh"[: len(letters)])
    assert len(letters) >= 2


def test_theory_lines_are_the_theory(drawn):
    n_points = WALK["n_points"]
    cosines = predicted.cosine_modes(n_points, 5) * np.sqrt(n_points / 2)
    assert all(holds(axes, cosines[:, k]) for k, axes in enumerate(drawn["F1"].axes[-5:]))
    ratio = "explained variance ratio"
    walk = predicted.explained_variance_ratio(n_points)
    assert holds(drawn["F2"].axes[0], walk)
    assert holds(panel(drawn["F5"], "component", ratio), walk)
    assert holds(panel(drawn["F5"], "component", ratio), predicted.running_mean_explained_variance_ratio(n_points // 4))
    for momentum in (0.0, 0.5, 0.9, 0.99):
        expected = predicted.momentum_explained_variance_ratio(n_points, momentum)
        assert holds(panel(drawn["F3"], "component", ratio), expected)
    for rate in (1e-4, 1e-3, 0.01, 0.1, 1.0):
        exact = predicted.ornstein_uhlenbeck_eigenvalues(n_points, rate)
        assert holds(panel(drawn["F4"], "component", ratio), exact / exact.sum())
        norm = np.sqrt(predicted.mean_squared_norm(np.arange(1, n_points + 1), rate))
        assert holds(panel(drawn["F4"], "step", "distance from the origin"), norm)
    assert holds(panel(drawn["F6"], "component", ratio), predicted.explained_variance_ratio(NETWORK["window"])[:8])


def test_simulated_points_are_near_the_theory(drawn):
    """ρ̂_1 of three runs at d = 300: nine first-order standard errors, where a Student interval has two degrees."""
    axes = drawn["F2"].axes[0]
    first = next(line[0] for line in lines_of(axes) if len(line) not in (29, 2) and len(line) > 2)
    spectrum = predicted.eigenvalues(WALK["n_points"])
    error = predicted.explained_variance_ratio_std(spectrum, WALK["dim"])[0] / np.sqrt(WALK["runs"])
    assert abs(first - predicted.mean_explained_variance_ratio(spectrum, WALK["dim"], 1)[0]) < 9 * error


def test_command_draws_one_figure_into_the_folder_it_is_given(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path / "cache"))
    for name, value in WALK.items():
        monkeypatch.setitem(figures("random_walk_pca.F2")[0].quick, name, value)
    assert main(["random_walk_pca.F2", "--quick", "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / "random_walk_pca"
    assert sorted(path.name for path in folder.iterdir()) == [f"F2_spectrum.{kind}" for kind in ("pdf", "png", "txt")]
    caption = (folder / "F2_spectrum.txt").read_text(encoding="utf-8")
    assert "Settings: n_points = 30, dim = 300, runs = 3." in caption
    assert (
        "\nCommand: python -m figures random_walk_pca.F2 --quick\nClaims: random_walk_pca.exact_spectrum, " in caption
    )
    assert str(folder / "F2_spectrum.png") in capsys.readouterr().out
    assert any(Path(tmp_path / "cache" / "figures").glob("linear_process-*/*.chunk"))  # so that redrawing is instant


def test_captions_tell_what_points_lines_and_intervals_are():
    for drawing in figures("random_walk_pca"):
        caption = " ".join(drawing.draw.__doc__.split())
        assert all(word in caption for word in ("(a", "(b", "99 %", "interval"))
        assert caption.endswith(("New.", "new.", "Antognini & Sohl-Dickstein 2018."))


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_student_interval_is_that_of_scipy(count, seed):
    runs = np.random.default_rng(seed).normal(size=(count, 3))
    mean, half_width = student_interval(runs)
    low, high = stats.t.interval(0.99, count - 1, runs.mean(axis=0), stats.sem(runs))
    # Two roundings per operation over at most `count` + 10 operations on numbers of the size of the half width.
    allowed = 2 * (count + 10) * 2.0**-53 * (np.abs(mean) + half_width) * 50
    assert np.all(np.abs(mean - half_width - low) <= allowed)
    assert np.all(np.abs(mean + half_width - high) <= allowed)


@given(st.integers(1, 10_000), st.integers(2, 50))
def test_log_spaced_indices_are_different_increasing_and_reach_both_ends(last, count):
    index = log_spaced(last, count)
    assert index[0] == 1
    assert index[-1] == last
    assert np.all(np.diff(index) >= 1)
    assert len(index) <= count


@given(st.integers(0, 2**32 - 1))
def test_aligned_scores_run_along_their_reference(seed):
    rng = np.random.default_rng(seed)
    reference, scores = rng.normal(size=(7, 3)), rng.normal(size=(4, 7, 3))
    turned = aligned(scores, reference)
    assert np.all(np.sum(turned * reference, axis=1) > 0)
    assert np.array_equal(np.abs(turned), np.abs(scores))


@pytest.mark.parametrize(("first_ratio", "drifting"), [(0.5, False), (0.62, True), (0.95, True)])
def test_matching_drift_explains_the_first_ratio(first_ratio, drifting):
    drift = networks._matching_drift(first_ratio, 50)
    found = predicted.drift_explained_variance_ratio(50, drift)[0]
    if drifting:
        # brentq stops within 2e-12 of log drift, whose effect on the ratio is at most that (0 <= dρ/dlog g <= 1)
        assert abs(found - first_ratio) <= 1e-11
    else:
        assert drift == 0


def test_tableau_draws_every_pair_points_first():
    with style():
        figure = plt.figure()
        scores = predicted.cosine_modes(20, 3)
        tableau(figure.subfigures(), "title", points=scores, lines=scores)
    try:
        assert len(figure.axes) == 9
        grid = np.array(figure.axes).reshape(3, 3)
        for row in range(3):
            for column in range(3):
                points, line = grid[row, column].lines
                assert np.array_equal(points.get_ydata(), scores[:, row])
                assert np.array_equal(line.get_ydata(), scores[:, row])
                if row != column:
                    assert np.array_equal(points.get_xdata(), scores[:, column])
                else:
                    assert np.all(np.diff(points.get_xdata()) > 0)
    finally:
        plt.close(figure)


def test_points_with_intervals_draws_mean_and_interval():
    figure, axes = plt.subplots()
    runs = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]])
    points_with_intervals(axes, [1, 2], runs, "black")
    mean, half_width = student_interval(runs)
    bars = axes.containers[0].lines[2][0].get_segments()
    assert np.array_equal(axes.containers[0].lines[0].get_ydata(), mean)
    assert np.allclose(
        [bar[:, 1] for bar in bars], np.stack([mean - half_width, mean + half_width], axis=1), rtol=1e-15
    )
    plt.close(figure)
