"""The Ornstein-Uhlenbeck process: F4."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.random_walk_pca.panels import aligned
from figures.random_walk_pca.simulations import distance_from_start, linear_process
from theory import random_walk_pca as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, log_spaced, points_with_intervals
from theory_on_trial.figures.replicates import replicates


@figure(
    "F4",
    quick={"n_points": 200, "dim": 2000, "runs": 4},
    claims=(
        "ou_exact",
        "ou_crossover",
        "ou_sine_not_cosine",
        "ou_trapping",
        "ou_not_mean_reverting",
    ),
    marks="(a, c) points: simulation; lines: exact; dotted: limits; bands: formula. (d, e) "
    "colour: one run",
)
def ornstein_uhlenbeck(
    n_points: int = 1000,
    dim: int = 10_000,
    runs: int = 6,
    rates: Sequence[float] = (1e-4, 1e-3, 0.01, 0.1, 1.0),
    trapped_rate: float = 0.05,
    trapped_dims: Sequence[int] = (2, 100, 10_000),
) -> Figure:
    """An Ornstein-Uhlenbeck walker is trapped on a sphere; its components are cosines only while αT
    is small.

    (a) Distance from the origin in d = dim dimensions: E|x_t|² is exact (lines), rises as t and
      stops at r_c² = 1/(α(2
    - α)) (dotted), in units of the step's standard deviation. (b) One run for each d at α =
      trapped_rate, in units of
    r_c: in two dimensions it keeps coming back to the origin, in many never; line and bands are
    E|x_t|² and two standard deviations on both sides of it (not drawn for d = 2). (c) Ratios ρ_k,
    exact (lines) and from the circulant formula (pale bands). Points in (a, c) are means over the
    runs with 99 % Student intervals; where λ_k is flat, the noise's own eigenvalues spread them
    (T/d is not small). (d) First score and (e) second against first, one run (points) and exact, d
    → ∞ (lines; for α = 1 none is defined); dotted, the cosines of the walk. The half-cosine becomes
    a full sine as αT grows, until close eigenvalues let the noise mix the components. Antognini &
    Sohl-Dickstein 2018; the exact spectrum and modes are new.
    """
    static = {"n_points": n_points, "dim": dim}
    data = replicates(linear_process, runs, static, {"reversion": list(rates)})
    fig = plt.figure(figsize=(9.4, 7.8))
    parts: Any = fig.subfigures(2, 1, height_ratios=(1, 1.15))
    distance_axes, trapped_axes, ratio_axes = parts[0].subplots(1, 3)
    time = np.arange(1, n_points + 1)
    index = np.arange(1, n_points)
    picks = log_spaced(n_points, 16)
    shown_index = log_spaced(n_points - 1, 22)
    for rate, colour in zip(rates, COLOURS, strict=False):
        runs_of_rate = data.sel(reversion=rate)
        distance_axes.loglog(time, np.sqrt(predicted.mean_squared_norm(time, rate)), color=colour)
        distance_axes.axhline(
            predicted.trapping_radius(rate), color=colour, linestyle=":", linewidth=0.9
        )
        distances = runs_of_rate["distance"].values[:, picks - 1]
        points_with_intervals(distance_axes, picks, distances, colour, label=f"α = {rate:g}")
        exact = predicted.ornstein_uhlenbeck_eigenvalues(n_points, rate)
        circulant = predicted.ornstein_uhlenbeck_circulant_eigenvalues(n_points, rate)
        ratio_axes.loglog(index, exact / exact.sum(), color=colour)
        ratio_axes.loglog(index, circulant / circulant.sum(), color=colour, linewidth=5, alpha=0.25)
        points_with_intervals(
            ratio_axes, shown_index, runs_of_rate["ratio"].values[:, shown_index - 1], colour
        )
    distance_axes.set(xlabel="step  t", ylabel="distance from the origin  $|x_t|$", ylim=(0.8, 800))
    distance_axes.legend(loc="upper left", ncols=2, columnspacing=0.8, handletextpad=0.2)
    ratio_axes.set(xlabel="component  k", ylabel="explained variance ratio  $ρ_k$")

    radius = predicted.trapping_radius(trapped_rate)
    norm = np.sqrt(predicted.mean_squared_norm(time, trapped_rate)) / radius
    trapped_axes.plot(time, norm, color=COLOURS[6])
    for trapped_dim, colour in zip(
        trapped_dims, (COLOURS[1], COLOURS[2], COLOURS[0]), strict=False
    ):
        static = {"n_points": n_points, "dim": trapped_dim}
        path = replicates(distance_from_start, 1, static, {"reversion": trapped_rate})[
            "distance_from_start"
        ].values[0]
        trapped_axes.plot(
            time, path / radius, color=colour, linewidth=0.7, label=f"d = {trapped_dim}"
        )
        if trapped_dim > 10:
            spread = 1 + 2 * np.array([-1, 1])[:, None] * predicted.squared_norm_relative_std(
                trapped_dim
            )
            trapped_axes.fill_between(
                time, *(norm * np.sqrt(spread)), color=colour, alpha=0.2, linewidth=0
            )
    trapped_axes.set(
        xlabel="step  t",
        ylabel="distance  $|x_t|/r_c$",
        ylim=(0, 3.1),
        title=f"α = {trapped_rate:g}",
    )
    trapped_axes.legend(loc="upper center", ncols=3, columnspacing=0.8, handlelength=1.2)

    panels = parts[1].subplots(2, len(rates), squeeze=False)
    cosines = predicted.cosine_modes(n_points, 2) * np.sqrt(n_points / 2)
    for rate, (course, curve), colour in zip(rates, panels.T, COLOURS, strict=False):
        modes = predicted.ornstein_uhlenbeck_modes(n_points, rate, 2) if rate != 1 else None
        lines = cosines if modes is None else modes * np.sqrt(n_points / 2)
        scores = aligned(data.sel(reversion=rate)["score"].values[0, :, :2], lines)
        dots = {
            "marker": ".",
            "linestyle": "",
            "markersize": 2.2,
            "markeredgewidth": 0,
            "color": colour,
        }
        course.plot(time, scores[:, 0], **dots)
        curve.plot(scores[:, 0], scores[:, 1], **dots)
        course.plot(time, cosines[:, 0], ":", color="0.4", linewidth=0.9)
        curve.plot(cosines[:, 0], cosines[:, 1], ":", color="0.4", linewidth=0.9)
        if modes is not None:
            course.plot(time, lines[:, 0], color=COLOURS[6])
            curve.plot(lines[:, 0], lines[:, 1], color=COLOURS[6])
        limit = 1.1 * max(1.6, np.abs(scores).max())
        course.set(
            title=f"α = {rate:g},  αT = {rate * n_points:g}", xlabel="step  t", ylim=(-limit, limit)
        )
        curve.set(xlabel="$p_1/b_1$", xlim=(-limit, limit), ylim=(-limit, limit))
    panels[0, 0].set_ylabel("first score  $p_1/b_1$")
    panels[1, 0].set_ylabel("second score  $p_2/b_2$")
    letters((distance_axes, trapped_axes, ratio_axes, *panels[:, 0]), x=-0.14)
    return fig
