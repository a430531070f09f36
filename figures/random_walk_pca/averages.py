"""Averaged iterates: F5."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.random_walk_pca.panels import aligned, tableau
from figures.random_walk_pca.simulations import linear_process
from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, log_spaced, points_with_intervals
from theory_on_trial.figures.replicates import replicates


@figure(
    "F5",
    quick={"n_points": 200, "dim": 2000, "runs": 4},
    claims=("ema_is_momentum", "running_average"),
    marks="(a) points: simulation; lines: theory. (b-d) colour: one run; black: theory; shaded: "
    "against time",
)
def iterate_averaging(
    n_points: int = 1000, dim: int = 10_000, runs: int = 6, decay: float = 0.9
) -> Figure:
    """Averaging the iterates of a walk moves variance to the first component and keeps, or bends,
    its Lissajous curves.

    (a) Ratios ρ_k of the walk, of its exponential moving average (β = decay), and of the mean of
      all iterates so far,
    from the same noise: points are means over the runs (d = dim) with 99 % Student intervals.
    Lines, d → ∞: the exact walk; the exact average, which is a walk of momentum γ = β; 432/z_k⁴
    with roots z_k of a Bessel equation for the running mean, as T → ∞. (b-d) The first four
    components of one run against each other, and against time on the diagonal (points), with the
    population components of the same T = n_points (lines): cosines in (b), eigenvectors of the
    population covariance in (c, d). Antognini & Sohl-Dickstein 2018 for averaged iterates; the
    running mean's law is new.
    """
    index = np.arange(1, n_points)
    picks = log_spaced(n_points - 1, 22)
    last = n_points // 4
    covariance = predicted.toeplitz_covariance(
        predicted.exponential_average_impulse_response(n_points, decay)
    )
    cosines = predicted.cosine_modes(n_points, 4)
    records: dict[str, tuple[dict[str, float], np.ndarray, np.ndarray]] = {
        "raw iterates": ({}, predicted.explained_variance_ratio(n_points), cosines),
        f"moving average, β = {decay:g}": (
            {"averaging": decay},
            predicted.momentum_explained_variance_ratio(n_points, decay),
            np.linalg.eigh(covariance)[1][:, :-5:-1],
        ),
        "running mean": (
            {"running_mean": 1.0},
            predicted.running_mean_explained_variance_ratio(last),
            np.asarray(observed.population_eigenvectors(n_points, running_mean=True))[:, :4],
        ),
    }
    fig = plt.figure(figsize=(7.8, 7.4))
    areas: Any = fig.subfigures(2, 2, hspace=0.03, wspace=0.03)
    axes = areas[0, 0].subplots()
    static = {"n_points": n_points, "dim": dim}
    for (name, (process, ratios, modes)), area, colour, letter in zip(
        records.items(), areas.flat[1:], COLOURS, "bcd", strict=False
    ):
        grid = {"averaging": 0.0, "running_mean": 0.0, **process}
        data = replicates(linear_process, runs, static, grid, common=list(grid))
        axes.loglog(index[: len(ratios)], ratios, color=colour)
        measured = data["ratio"].values
        points_with_intervals(
            axes, picks, measured[:, picks - 1], colour, label=f"{name}:  $ρ_1$ = {ratios[0]:.3f}"
        )
        lines = aligned(modes, cosines) * np.sqrt(n_points / 2)
        title = f"({letter})  {name}"
        tableau(
            area,
            title,
            points=aligned(data["score"].values[0, :, :4], lines),
            lines=lines,
            colour=colour,
        )
    axes.set(
        xlabel="component  k",
        ylabel="explained variance ratio  $ρ_k$",
        title=f"T = {n_points}, d = {dim}",
    )
    axes.legend(loc="lower left", handletextpad=0.3)
    label(axes, "a", x=-0.12)
    return fig
