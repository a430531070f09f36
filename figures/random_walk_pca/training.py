"""Trained models seen as walks: F6 and F7. A linear model on Gaussian data against a walk with
decaying noise: F8.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.random_walk_pca.panels import aligned, tableau
from figures.random_walk_pca.simulations import (
    WINDOWS,
    gaussian_regression,
    linear_process,
    training_windows,
)
from sims.random_walk_pca.pca import squared_overlaps
from theory.random_walk_pca.drift_and_decay import (
    decaying_noise_explained_variance_ratio,
    decaying_noise_modes,
    drift_explained_variance_ratio,
)
from theory.random_walk_pca.plain_walk import cosine_modes, explained_variance_ratio
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import (
    label,
    log_spaced,
    points_with_intervals,
    student_interval,
)
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

    A linear model of scikit-learn's 8 × 8 digits (650 parameters, half the squared error over ten
    outputs), in place of the paper's CIFAR-10, `n_steps` of SGD recorded. PCA of the whole run
    (thinned to `window` points) and of windows at its beginning, middle and end. (a) Ratios $ρ_k$:
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
    cosines = cosine_modes(window, 3) * np.sqrt(window / 2)
    contents = np.median(
        [[squared_overlaps(part, cosines) for part in run] for run in scores], axis=0
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
    claims=("nn_walk_with_drift", "jl_projection"),
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
    layers of `widths` and momentum, as the substitute for ResNet-50. (a, e) Ratios $ρ_k$ of the
    whole run and of windows of it: means over the runs with 99 % Student intervals; open symbols
    (shifted to the right) are the same after a random projection to `target_dim` dimensions, the
    paper's device; lines are the exact ratios of a walk. (b-d, f-h) The first three components in
    three windows of one run (dots) against each other, and against time on the diagonal, with the
    walk's cosines (lines); above each, the least of their squared overlaps with the components
    after the projection. Antognini & Sohl-Dickstein 2018.
    """
    cosines = cosine_modes(window, 3) * np.sqrt(window / 2)
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
            overlap = squared_overlaps(full[number], sketch[number]).min()
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
        explained_variance_ratio(window)[: len(index)],
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
            spectrum = np.sort(drift_explained_variance_ratio(window, drift))[::-1]
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
        return float(drift_explained_variance_ratio(n_points, np.exp(log_drift))[0] - first_ratio)

    return float(np.exp(brentq(excess, -30, 10))) if excess(-30) < 0 else 0.0


@figure(
    "F8",
    quick={
        "n_features": 200,
        "n_points": 200,
        "n_examples": 1000,
        "learning_rate": 0.005,
        "runs": 4,
    },
    claims=("decay_bessel",),
    marks="(a, b) dots: one run; black: Bessel functions; shaded: against time",
)
def decaying_noise(
    n_features: int = 1000,
    n_outputs: int = 10,
    n_points: int = 1000,
    n_examples: int = 4000,
    learning_rate: float = 0.001,
    runs: int = 6,
) -> Figure:
    """A linear model trained on Gaussian data moves like a random walk whose noise variance falls
    as $t^-p$.

    (a) The first four components of the model's parameters in one run of $T =$ `n_points` steps
    (dots), each against every other, and against time on the diagonal. The model is a linear map
    from `n_features` to `n_outputs`; it learns a random one by SGD with one example per step. (b)
    The same for a walk in as many dimensions whose noise decays with the exponent $p$ fitted in
    (c). Lines in both: the Bessel functions of the limit $T → ∞$ with that $p$. (c) Squared step
    lengths, as means over the runs and over neighbouring steps with 99 % Student intervals, and the
    power law that least squares of logarithms fits to the mean of every step. The decay is nearer
    to an exponential, so that the power law is only a description. (d) Ratios $ρ_k$ of both, as
    means over the runs with 99 % Student intervals, and the Bessel law (line). Antognini &
    Sohl-Dickstein 2018; the law is new.
    """
    static = {
        "n_examples": n_examples,
        "n_features": n_features,
        "n_outputs": n_outputs,
        "n_steps": n_points,
    }
    training = replicates(gaussian_regression, runs, static, {"learning_rate": learning_rate})
    squared_steps = training["squared_step"].values
    slope, intercept = np.polyfit(
        np.log(np.arange(2, n_points + 1)), np.log(squared_steps.mean(axis=0)), 1
    )
    exponent = round(float(-slope), 2)
    dim = (n_features + 1) * n_outputs
    walks = replicates(
        linear_process, runs, {"n_points": n_points, "dim": dim}, {"decay": exponent}
    )
    modes = decaying_noise_modes((np.arange(n_points) + 0.5) / n_points, exponent, 4) / np.sqrt(2)
    fig = plt.figure(figsize=(8.4, 7.2))
    parts: Any = fig.subfigures(2, 1, height_ratios=(1.35, 1))
    left, right = parts[0].subfigures(1, 2)
    model, walk = (aligned(data["score"].values[0, :, :4], modes) for data in (training, walks))
    tableau(
        left, f"(a)  linear model, {dim} parameters", points=model, lines=modes, colour=COLOURS[1]
    )
    tableau(
        right,
        f"(b)  walk with noise variance $t^{{-{exponent:g}}}$, d = {dim}",
        points=walk,
        lines=modes,
    )
    step_axes, ratio_axes = parts[1].subplots(1, 2)
    time = np.arange(2, n_points + 1)
    bins = np.array_split(np.arange(n_points - 1), 25)
    means = np.stack([squared_steps[:, part].mean(axis=1) for part in bins], axis=1)
    points_with_intervals(
        step_axes, [time[part].mean() for part in bins], means, COLOURS[1], label="linear model"
    )
    step_axes.plot(
        time, np.exp(intercept) * time**slope, color=COLOURS[6], label=f"fit, p = {exponent:g}"
    )
    step_axes.set_ylim(0, 1.5 * means.mean(axis=0).max())
    step_axes.set(xlabel="step  t", ylabel="squared step length  $|x_t - x_{t-1}|^2$")
    step_axes.legend(loc="upper right")
    last = min(300, n_points - 1)
    picks = log_spaced(last, 22)
    law = decaying_noise_explained_variance_ratio(exponent, last)
    ratio_axes.loglog(
        np.arange(1, last + 1), law, color=COLOURS[6], label=f"Bessel law:  $ρ_1$ = {law[0]:.3f}"
    )
    for name, data, colour, marker in (
        ("linear model", training, COLOURS[1], "o"),
        ("walk", walks, COLOURS[0], "s"),
    ):
        ratios = data["ratio"].values
        mean, half_width = student_interval(ratios[:, 0])
        text = rf"{name}:  $\hat{{ρ}}_1$ = {mean:.3f} ± {half_width:.3f}"
        points_with_intervals(
            ratio_axes, picks, ratios[:, picks - 1], colour, fmt=marker, label=text
        )
    ratio_axes.set(xlabel="component  k", ylabel="explained variance ratio  $ρ_k$")
    ratio_axes.legend(loc="lower left")
    label(step_axes, "c", x=-0.16)
    label(ratio_axes, "d", x=-0.1)
    return fig
