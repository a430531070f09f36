"""Trained models seen as walks: F6 and F7."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.random_walk_pca.panels import aligned, tableau
from figures.random_walk_pca.simulations import WINDOWS, training_windows
from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals
from theory_on_trial.figures.replicates import replicates

_MARKERS = ("o", "s", "^", "D")


@figure(
    "F6",
    quick={"runs": 4, "n_steps": 1000, "window": 250},
    claims=("nn_walk_with_drift", "drift_mixing"),
    marks="(a) points: means over runs, 99 % intervals; coloured lines: walk with drift. (b) "
    "dots: one run; lines: "
    "cosines of the walk; numbers: median squared overlap",
)
def linear_regression(
    runs: int = 10,
    n_steps: int = 2000,
    window: int = 500,
    batch: int = 32,
    learning_rate: float = 0.02,
) -> Figure:
    """A linear model under SGD leaves its start exponentially, and then walks at random with a
    drift.

    A linear model of scikit-learn's 8 x 8 digits (650 parameters, half the squared error over ten
    outputs), in place of the paper's CIFAR-10, n_steps of SGD recorded. PCA of the whole run
    (thinned to `window` points) and of windows at its beginning, middle and end. (a) Ratios ρ_k:
    means over the runs with 99 % Student intervals, side by side; the walk's exact ratios (black),
    and those of a walk with the straight drift that explains the first one (lines, in the points'
    colours). (b) The first three scores of one run in each window (dots) and the walk's cosines
    (lines); the numbers are the component's squared overlap with the cosine, median over the runs.
    Antognini & Sohl-Dickstein 2018.
    """
    static = {"hidden": (), "loss": "squared", "batch": batch, "n_steps": n_steps, "window": window}
    static |= {"n_components": 8, "target_dim": None}
    data = replicates(training_windows, runs, static, {"learning_rate": learning_rate})
    fig = plt.figure(figsize=(9.6, 4.4))
    parts: Any = fig.subfigures(1, 2, width_ratios=(1, 1.55))
    axes = parts[0].subplots()
    _ratio_panel(axes, data["ratio"].values, window, drifting=True)
    axes.set_title(f"linear model of digits, accuracy {float(data['accuracy'].mean()):.2f}")
    label(axes, "a", x=-0.12)
    scores = data["score"].values[..., :3]
    cosines = predicted.cosine_modes(window, 3) * np.sqrt(window / 2)
    contents = np.median(
        [[predicted.cosine_content(part) for part in run] for run in scores], axis=0
    )
    time = np.arange(window)
    panels = parts[1].subplots(3, 4, sharex=True, sharey="row")
    for column, name in enumerate(WINDOWS):
        part = aligned(scores[0, column], cosines)
        for row in range(3):
            panel = panels[row, column]
            panel.plot(
                time, part[:, row], ".", color=COLOURS[column], markersize=2, markeredgewidth=0
            )
            panel.plot(time, cosines[:, row], color=COLOURS[6], linewidth=0.8)
            panel.text(
                0.97,
                0.95,
                f"{contents[column, row]:.2f}",
                transform=panel.transAxes,
                ha="right",
                va="top",
            )
            panel.set(xlim=(0, window))
        panels[0, column].set_title(name)
        panels[2, column].set_xlabel("recorded point")
    for row in range(3):
        panels[row, 0].set_ylabel(f"score  $p_{row + 1}/b_{row + 1}$")
    label(panels[0, 0], "b", x=-0.25)
    return fig


@figure(
    "F7",
    quick={"runs": 4, "n_steps": 600, "window": 150, "target_dim": 500},
    claims=("nn_walk_with_drift", "jl_projection-bias"),
    marks="open: after a random projection; dots: one run; thin lines: cosines of the walk",
)
def neural_networks(
    runs: int = 5,
    n_steps: int = 2000,
    window: int = 500,
    batch: int = 64,
    target_dim: int = 1000,
    widths: Sequence[int] = (64, 64),
    learning_rates: Sequence[float] = (0.1, 0.005),
    momentum: float = 0.9,
) -> Figure:
    """The components of training trajectories of neural networks are the walk's Lissajous curves,
    bent by a drift.

    Scikit-learn's digits with the cross entropy, in place of the paper's MNIST and ImageNet: (a-d)
    a network with one hidden layer (the first of `widths`) by plain SGD, (e-h) one with all hidden
    layers of `widths` and momentum, as the substitute for ResNet-50. (a, e) Ratios ρ_k of the whole
    run and of windows of it: means over the runs with 99 % Student intervals; open symbols (shifted
    to the right) are the same after a random projection to target_dim dimensions, the paper's
    device; lines are the exact ratios of a walk. (b-d, f-h) The first three components in three
    windows of one run (dots) against each other, and against time on the diagonal, with the walk's
    cosines (lines); above each, the least of their squared overlaps with the components after the
    projection. Antognini & Sohl-Dickstein 2018.
    """
    cosines = predicted.cosine_modes(window, 3) * np.sqrt(window / 2)
    fig = plt.figure(figsize=(11, 5.9))
    rows: Any = fig.subfigures(2, 1)
    models = (
        (tuple(widths[:1]), learning_rates[0], 0.0),
        (tuple(widths), learning_rates[1], momentum),
    )
    for (hidden, learning_rate, velocity), row, letters in zip(
        models, rows, ("abcd", "efgh"), strict=True
    ):
        static = {
            "hidden": hidden,
            "loss": "cross_entropy",
            "batch": batch,
            "n_steps": n_steps,
            "window": window,
        }
        static |= {"n_components": 8, "target_dim": target_dim}
        process = {"learning_rate": learning_rate, "momentum": velocity}
        data = replicates(training_windows, runs, static, process)
        areas = row.subfigures(1, 4, width_ratios=(1.15, 1, 1, 1))
        axes = areas[0].subplots()
        _ratio_panel(axes, data["ratio"].values, window, projected=data["projected_ratio"].values)
        layers = "-".join(str(width) for width in (64, *hidden, 10))
        axes.set_title(
            f"{layers}, momentum {velocity:g}, accuracy {float(data['accuracy'].mean()):.2f}",
            fontsize=8,
        )
        label(axes, letters[0], x=-0.16)
        full, sketch = (data[name].values[0, ..., :3] for name in ("score", "projected_score"))
        for number, area, letter in zip((1, 2, 3), areas[1:], letters[1:], strict=True):
            overlap = observed.squared_overlaps(full[number], sketch[number]).min()
            title = f"({letter})  {WINDOWS[number]}  (projected: {overlap:.3f})"
            points = aligned(full[number], cosines)
            tableau(area, title, points=points, lines=cosines, colour=COLOURS[number])
    return fig


def _ratio_panel(
    axes: Axes,
    ratios: Float[np.ndarray, "runs windows components"],
    window: int,
    *,
    projected: Float[np.ndarray, "runs windows components"] | None = None,
    drifting: bool = False,
) -> None:
    """Draw the leading ratios of every window over those of a walk, and of a walk with drift where
    asked.
    """
    index = np.arange(1, ratios.shape[2] + 1)
    axes.plot(
        index,
        predicted.explained_variance_ratio(window)[: len(index)],
        color=COLOURS[6],
        label="walk, no drift",
    )
    for number, (name, colour, marker) in enumerate(zip(WINDOWS, COLOURS, _MARKERS, strict=False)):
        beside = 1.03 ** (number - 1.5) if drifting else 1
        points_with_intervals(
            axes, index * beside, ratios[:, number], colour, fmt=marker, label=name
        )
        if projected is not None:
            open_symbols = {"fmt": marker, "markerfacecolor": "white"}
            points_with_intervals(axes, index * 1.07, projected[:, number], colour, **open_symbols)
        if drifting:
            drift = _matching_drift(float(ratios[:, number, 0].mean()), window)
            spectrum = np.sort(predicted.drift_explained_variance_ratio(window, drift))[::-1]
            axes.plot(
                index,
                spectrum[: len(index)],
                ("-", "--")[number % 2],
                color=colour,
                zorder=2 + number % 2,
            )
    axes.set(
        xscale="log", yscale="log", xlabel="component  k", ylabel="explained variance ratio  $ρ_k$"
    )
    axes.set_xticks([1, 2, 3, 4, 6, 8], ["1", "2", "3", "4", "6", "8"])
    axes.minorticks_off()
    axes.legend(loc="lower left", fontsize=7)


def _matching_drift(first_ratio: float, n_points: int) -> float:
    """Return the drift |μ|² per step variance at which a walk's first ratio is the one seen; 0 if
    that is smaller.
    """
    from scipy.optimize import brentq

    def excess(log_drift: float) -> float:
        return float(
            predicted.drift_explained_variance_ratio(n_points, np.exp(log_drift))[0] - first_ratio
        )

    return float(np.exp(brentq(excess, -30, 10))) if excess(-30) < 0 else 0.0
