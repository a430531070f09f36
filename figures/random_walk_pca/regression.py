"""A linear model on Gaussian data against a walk with decaying noise: F8."""

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from figures.drawing import COLOURS, figure
from figures.random_walk_pca.panels import aligned, label, log_spaced, points_with_intervals, student_interval, tableau
from figures.random_walk_pca.simulations import gaussian_regression, linear_process, replicates
from theory import random_walk_pca as predicted


@figure("F8", quick={"n_features": 200, "n_points": 200, "n_examples": 1000, "learning_rate": 0.005, "runs": 4})
def decaying_noise(
    n_features: int = 1000,
    n_outputs: int = 10,
    n_points: int = 1000,
    n_examples: int = 4000,
    learning_rate: float = 0.001,
    runs: int = 6,
) -> Figure:
    """A linear model trained on Gaussian data walks like a random walk whose noise variance falls as t^-p.

    (a) The first four components of the model's parameters, a linear map from n_features to n_outputs learnt from a random one
    by SGD with one example per step, one run of T = n_points steps (dots): each against every other, and against time on
    the diagonal. (b) The same for a walk in as many dimensions whose noise decays with the exponent p fitted in (c). Lines in
    both: the Bessel functions of the limit T → ∞ with that p. (c) Squared step lengths, mean over the runs and over
    neighbouring steps with 99 % Student intervals, and the power law fitted to the mean of every step, by least squares of
    logarithms; the decay is steeper at the end and a power law no more than a description. (d) Ratios ρ_k of both, means
    over the runs with 99 % Student intervals, and the Bessel law (line). Antognini & Sohl-Dickstein 2018; the law is new.
    """
    static = {
        "n_examples": n_examples,
        "n_features": n_features,
        "n_outputs": n_outputs,
        "n_steps": n_points,
        "n_scores": 4,
    }
    training = replicates(gaussian_regression, runs, static, learning_rate=learning_rate)
    squared_steps = training["squared_step"].values
    slope, intercept = np.polyfit(np.log(np.arange(2, n_points + 1)), np.log(squared_steps.mean(axis=0)), 1)
    exponent = round(float(-slope), 2)
    dim = (n_features + 1) * n_outputs
    walks = replicates(linear_process, runs, {"n_points": n_points, "dim": dim, "n_scores": 4}, decay=exponent)
    modes = predicted.decaying_noise_modes((np.arange(n_points) + 0.5) / n_points, exponent, 4) / np.sqrt(2)
    drawn = plt.figure(figsize=(8.4, 7.2))
    top, bottom = drawn.subfigures(2, 1, height_ratios=(1.35, 1))
    left, right = top.subfigures(1, 2)
    trained, walked = (aligned(data["score"].values[0], modes) for data in (training, walks))
    tableau(left, f"(a)  linear model, {dim} parameters", points=trained, lines=modes, colour=COLOURS[1])
    tableau(right, f"(b)  walk with noise variance $t^{{-{exponent:g}}}$, d = {dim}", points=walked, lines=modes)
    step_axes, ratio_axes = bottom.subplots(1, 2)
    time, steps = _binned(squared_steps)
    points_with_intervals(step_axes, time, steps, COLOURS[1], label="linear model")
    step_axes.loglog(time, np.exp(intercept) * time**slope, color=COLOURS[6], label=f"fit, p = {exponent:g}")
    step_axes.set_ylim(0.4 * steps.mean(axis=0).min(), 2.5 * steps.mean(axis=0).max())
    step_axes.set(xlabel="step  t", ylabel="squared step length  $|x_t - x_{t-1}|^2$")
    step_axes.legend(loc="lower left")
    last = min(300, n_points - 1)
    shown = log_spaced(last, 22)
    law = predicted.decaying_noise_explained_variance_ratio(exponent, last)
    ratio_axes.loglog(np.arange(1, last + 1), law, color=COLOURS[6], label=f"Bessel law:  $ρ_1$ = {law[0]:.3f}")
    for name, data, colour, marker in (("linear model", training, COLOURS[1], "o"), ("walk", walks, COLOURS[0], "s")):
        ratios = data["ratio"].values
        mean, half_width = student_interval(ratios[:, 0])
        text = rf"{name}:  $\hat{{ρ}}_1$ = {mean:.3f} ± {half_width:.3f}"
        points_with_intervals(ratio_axes, shown, ratios[:, shown - 1], colour, fmt=marker, label=text)
    ratio_axes.set(xlabel="component  k", ylabel="explained variance ratio  $ρ_k$")
    ratio_axes.legend(loc="lower left")
    label(step_axes, "c", x=-0.1)
    label(ratio_axes, "d", x=-0.1)
    return drawn


def _binned(
    squared_steps: Float[np.ndarray, "runs steps"],
) -> tuple[Float[np.ndarray, "bins"], Float[np.ndarray, "runs bins"]]:
    """Average over neighbouring steps, in bins of equal length on a logarithmic axis; the first step recorded is t = 2."""
    edges = log_spaced(squared_steps.shape[1] + 1, 24)[1:] - 1
    starts = np.concatenate([[0], edges[:-1]])
    lengths = edges - starts
    time = np.add.reduceat(np.arange(2.0, squared_steps.shape[1] + 2), starts) / lengths
    return time, np.add.reduceat(squared_steps, starts, axis=1) / lengths
