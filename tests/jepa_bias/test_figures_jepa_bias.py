"""Every figure of JEPA's bias draws at small sizes, and holds the theory and the simulation its caption tells of."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from theory import jepa_bias as predicted
from theory_on_trial.figures.drawing import figures, style

TINY = {
    "F1": {"lambdas": (0.8, 1.0), "rhos": (0.6, 1.0), "opposed_lambdas": (1.0, 1.2), "opposed_rhos": (1.0, 0.5),
           "points": 2},
    "F2": {"depths": (1, 3), "points": 3},
    "F3": {"init": 0.05},
    "F4": {"depths": (1, 3), "points": 3, "cells": 8},
    "F5": {"deltas": (0.0, 1e-2), "step": 0.2},
    "F6": {"eigenvalues": (2.0, 1.2, 0.4), "outputs": 2, "records": 20, "random_scale": 1e-3},
    "F7": {"lambdas": (1.7, 0.8), "rhos": (0.4, 1.0)},
    "F8": {"init": 0.02, "mae_init": 1e-3},
}  # fmt: skip
PANELS = {"F1": 6, "F2": 2, "F3": 4, "F4": 3, "F5": 2, "F6": 2, "F7": 2, "F8": 2}


@pytest.fixture(scope="module")
def drawn():
    with style():
        found = {drawing.name: drawing.draw(**TINY[drawing.name]) for drawing in figures("jepa_bias")}
    yield found
    plt.close("all")


def line(axes, text):
    """The line of a panel that the legend calls by this text."""
    return next(line for line in axes.lines if line.get_label() == text)


def points_after(axes, text):
    """The points that were drawn right after the line of this name."""
    lines = list(axes.lines)
    return lines[lines.index(line(axes, text)) + 1]


@pytest.mark.parametrize("name", PANELS)
def test_every_figure_holds_its_panels_and_labels(drawn, name):
    assert set(PANELS) == set(drawn)
    assert len(drawn[name].axes) == PANELS[name]
    for axes in drawn[name].axes:
        assert axes.get_ylabel() or axes.get_xlabel()


@pytest.mark.parametrize("panel", range(6))
def test_learning_curves_hold_the_stepped_equation_on_the_exact_solution(drawn, panel):
    """The points are stepped through time with a relative error of some 1e-8, the line is a grid of 400 points."""
    axes = drawn["F1"].axes[panel]
    curves, points = axes.lines[0::2], axes.lines[1::2]
    assert len(curves) == len(points) == 2
    objective, scale = ("jepa", 1e5) if panel < 3 else ("mae", 1)
    settings = [((0.8, 1.0), (1.0, 1.0)), ((1.0, 1.0), (0.6, 1.0)), ((1.0, 1.2), (1.0, 0.5))][panel % 3]
    for point, covariance, regression in zip(points, *settings, strict=True):
        times, values = point.get_data()
        exact = predicted.strength_at(
            np.asarray(times) * scale, 1e-3, 5, covariance, regression, objective=objective, clock="paper"
        )
        # An error of 1e-9 in time moves a strength on its steep way up by its slope times that.
        assert np.asarray(values) == pytest.approx(exact, rel=1e-3)


def test_depth_fan_holds_simulated_ratios_on_the_exact_curve(drawn):
    jepa, mae = drawn["F2"].axes
    for axes, objective in ((jepa, "jepa"), (mae, "mae")):
        rhos, ratios = points_after(axes, "L = 3").get_data()
        times = predicted.critical_time(0.5, 1e-3, 3, 1.0, np.asarray(rhos), objective=objective, clock="paper")
        assert np.asarray(ratios) == pytest.approx(times / times[-1], rel=1e-8)
    assert points_after(jepa, "L = 3").get_ydata()[0] > 1.1 > points_after(mae, "L = 3").get_ydata()[0]


def test_networks_follow_the_scalar_curves(drawn):
    for axes in drawn["F3"].axes:
        curve, points = axes.lines[0], axes.lines[1]
        interpolated = np.interp(points.get_xdata(), curve.get_xdata(), curve.get_ydata())
        assert np.max(np.abs(interpolated - points.get_ydata())) < 0.02 * np.max(curve.get_ydata())


def test_masks_agree_and_time_separates_the_objectives(drawn):
    """The triangles are the predicted critical times, one per feature."""

    def order(axes):
        marks = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "^"]
        return marks[0] < marks[1]

    jepa_masks, jepa_time, mae_masks, mae_time = drawn["F3"].axes
    assert order(jepa_masks)
    assert order(mae_masks)
    assert order(mae_time)
    assert not order(jepa_time)


def test_order_boundary_holds_simulated_ratios(drawn):
    axes = drawn["F4"].axes[0]
    points = [line for line in axes.lines if line.get_marker() == "o"][-1]
    exact = predicted.order_boundary(3, np.asarray(points.get_xdata()), 0.5, 0.5, 1.0, objective="jepa")
    assert np.asarray(points.get_ydata()) == pytest.approx(exact, rel=1e-8)


def test_displacement_leaves_the_scalar_curve_only_when_misaligned(drawn):
    axes = drawn["F5"].axes[0]
    aligned_second, misaligned_first = axes.lines[1], axes.lines[2]
    assert np.all(np.diff(axes.lines[0].get_ydata()) > -1e-9)
    peak = int(np.argmax(misaligned_first.get_ydata() > 0.2))
    assert np.min(misaligned_first.get_ydata()[peak:]) < 0.1
    assert aligned_second.get_ydata()[-1] == pytest.approx(1, abs=0.05)


def test_staircase_holds_the_flow_on_the_exact_loss(drawn):
    axes = drawn["F6"].axes[0]
    exact, aligned = axes.lines[0], axes.lines[1]
    loss = [predicted.stepwise_loss(float(t), np.full(2, 1e-3), np.array([2.0, 1.2])) for t in aligned.get_xdata()]
    assert np.asarray(aligned.get_ydata()) == pytest.approx(loss, abs=1e-5)
    assert exact.get_ydata()[0] == pytest.approx(2, abs=1e-4)


def test_stability_agrees_with_the_jacobian_in_every_state(drawn):
    for axes in drawn["F7"].axes:
        states = [line for line in axes.lines if line.get_markersize() == 24]
        rings = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_markersize() == 28}
        unstable = {
            (line.get_xdata()[0], line.get_ydata()[0]) for line in states if line.get_markerfacecolor() == "white"
        }
        assert len(states) == 3
        assert rings == unstable
        assert len(rings) == 1


def test_itinerary_marks_every_predicted_event(drawn):
    for axes, objective, init in zip(drawn["F8"].axes, ("jepa", "mae"), (0.02, 1e-3), strict=True):
        events = predicted.itinerary(
            np.array([1.69, 1.3, 1.0]), np.array([0.6, 0.9, 1.35]), 2, init, 0.8, 1e-3, objective=objective,
            clock="flow",
        )  # fmt: skip
        marked = sorted(line.get_xdata()[0] for line in axes.lines if line.get_marker() in "^v")
        assert marked == pytest.approx(sorted(event.time for event in events))
