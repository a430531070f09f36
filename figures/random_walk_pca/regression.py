"""A linear model on Gaussian data against a walk with decaying noise: F8."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.random_walk_pca.panels import aligned, tableau
from figures.random_walk_pca.simulations import gaussian_regression, linear_process
from theory import random_walk_pca as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import (
    label,
    log_spaced,
    points_with_intervals,
    student_interval,
)
from theory_on_trial.figures.replicates import replicates


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
    """A linear model trained on Gaussian data walks like a random walk whose noise variance falls
    as t^-p.

    (a) The first four components of the model's parameters, a linear map from n_features to
      n_outputs learned from a
    random one by SGD with one example per step, one run of T = n_points steps (dots): each against
    every other, and against time on the diagonal. (b) The same for a walk in as many dimensions
    whose noise decays with the exponent p fitted in (c). Lines in both: the Bessel functions of the
    limit T → ∞ with that p. (c) Squared step lengths, mean over the runs and over neighbouring
    steps with 99 % Student intervals, and the power law fitted to the mean of every step, by least
    squares of logarithms; the decay is nearer to an exponential, so that the power law is no more
    than a description. (d) Ratios ρ_k of both, means over the runs with 99 % Student intervals, and
    the Bessel law (line). Antognini & Sohl-Dickstein 2018; the law is new.
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
    modes = predicted.decaying_noise_modes(
        (np.arange(n_points) + 0.5) / n_points, exponent, 4
    ) / np.sqrt(2)
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
    law = predicted.decaying_noise_explained_variance_ratio(exponent, last)
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
