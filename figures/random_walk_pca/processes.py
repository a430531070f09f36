"""The Ornstein-Uhlenbeck process: F4. Averaged iterates: F5. The circulant formula of momentum and
reversion together, against the exact spectrum: F9.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from figures.random_walk_pca.panels import aligned, tableau
from figures.random_walk_pca.simulations import distance_from_start, linear_process
from sims.random_walk_pca import infinite_dimension
from theory.random_walk_pca import ornstein_uhlenbeck as reverting
from theory.random_walk_pca.linear_processes import (
    momentum_circulant_eigenvalues,
    momentum_explained_variance_ratio,
    momentum_impulse_response,
    running_mean_explained_variance_ratio,
    toeplitz_covariance,
    toeplitz_eigenvalues,
    toeplitz_total_variance,
)
from theory.random_walk_pca.plain_walk import (
    cosine_modes,
    explained_variance_ratio,
    laplacian_eigenvalues,
)
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import (
    label,
    letters,
    log_spaced,
    points_with_intervals,
    student_interval,
)
from theory_on_trial.figures.replicates import replicates


@figure(
    "F4",
    quick={"n_points": 200, "dim": 2000, "runs": 4},
    claims=(
        "ou_exact",
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
    """An Ornstein-Uhlenbeck walker is trapped on a sphere; its components are cosines only while
    $αT$ is small.

    (a) Distance from the origin in $d =$ `dim` dimensions, in units of the step's standard
    deviation. The exact $E|x_t|²$ (lines) rises as $t$ and stops at $r_c² = 1/(α(2 - α))$ (dotted).
    (b) One run for each $d$ at $α =$ `trapped_rate`, in units of $r_c$. In two dimensions it keeps
    coming back to the origin, in many it never does. The line and the bands are $E|x_t|²$ and two
    standard deviations on both sides of it (not drawn for $d = 2$). (c) Ratios $ρ_k$, exact (lines)
    and from the circulant formula (pale bands). Points in (a, c) are means over the runs with 99 %
    Student intervals; where $λ_k$ is flat, the noise's own eigenvalues spread them, because $T/d$
    is not small. (d) First score and (e) second against first, for one run (points) and exact as
    $d → ∞$ (lines; for $α = 1$ none is defined); dotted, the cosines of the walk. The half-cosine
    becomes a full sine as $αT$ grows, until the noise mixes components whose eigenvalues are close.
    Antognini & Sohl-Dickstein 2018; the exact spectrum and modes are new.
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
        distance_axes.loglog(time, np.sqrt(reverting.mean_squared_norm(time, rate)), color=colour)
        distance_axes.axhline(
            reverting.trapping_radius(rate), color=colour, linestyle=":", linewidth=0.9
        )
        distances = runs_of_rate["distance"].values[:, picks - 1]
        points_with_intervals(distance_axes, picks, distances, colour, label=f"α = {rate:g}")
        exact = reverting.eigenvalues(n_points, rate)
        circulant = reverting.circulant_eigenvalues(n_points, rate)
        ratio_axes.loglog(index, exact / exact.sum(), color=colour)
        ratio_axes.loglog(index, circulant / circulant.sum(), color=colour, linewidth=5, alpha=0.25)
        points_with_intervals(
            ratio_axes, shown_index, runs_of_rate["ratio"].values[:, shown_index - 1], colour
        )
    distance_axes.set(xlabel="step  t", ylabel="distance from the origin  $|x_t|$", ylim=(0.8, 800))
    distance_axes.legend(loc="upper left", ncols=2, columnspacing=0.8, handletextpad=0.2)
    ratio_axes.set(xlabel="component  k", ylabel="explained variance ratio  $ρ_k$")

    radius = reverting.trapping_radius(trapped_rate)
    norm = np.sqrt(reverting.mean_squared_norm(time, trapped_rate)) / radius
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
            spread = 1 + 2 * np.array([-1, 1])[:, None] * reverting.squared_norm_relative_std(
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
    cosines = cosine_modes(n_points, 2) * np.sqrt(n_points / 2)
    for rate, (course, curve), colour in zip(rates, panels.T, COLOURS, strict=False):
        modes = reverting.modes(n_points, rate, 2) if rate != 1 else None
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

    (a) Ratios $ρ_k$ of the walk, of its exponential moving average ($β =$ `decay`), and of the mean
    of all iterates so far, from the same noise: points are means over the runs ($d =$ `dim`) with
    99 % Student intervals. Lines, $d → ∞$: the exact walk; the exact average, which is a walk of
    momentum $γ = β$; $432/z_k⁴$ with roots $z_k$ of a Bessel equation for the running mean, as
    $T → ∞$. (b-d) The first four components of one run against each other, and against time on the
    diagonal (points), with the population components of the same $T =$ `n_points` (lines): cosines
    in (b), eigenvectors of the population covariance in (c, d). Antognini & Sohl-Dickstein 2018 for
    averaged iterates; the running mean's law is new.
    """
    index = np.arange(1, n_points)
    picks = log_spaced(n_points - 1, 22)
    last = n_points // 4
    covariance = toeplitz_covariance(momentum_impulse_response(n_points, decay))
    cosines = cosine_modes(n_points, 4)
    records: dict[str, tuple[dict[str, float], np.ndarray, np.ndarray]] = {
        "raw iterates": ({}, explained_variance_ratio(n_points), cosines),
        f"moving average, β = {decay:g}": (
            {"averaging": decay},
            momentum_explained_variance_ratio(n_points, decay),
            np.linalg.eigh(covariance)[1][:, :-5:-1],
        ),
        "running mean": (
            {"running_mean": 1.0},
            running_mean_explained_variance_ratio(last),
            np.asarray(infinite_dimension.eigenvectors(n_points, running_mean=True))[:, :4],
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


@figure(
    "F9",
    quick={"n_points": 100, "dim": 2000, "runs": 6, "cells": 15},
    claims=("ou_circulant_limit", "ou_exact", "momentum_long_memory"),
    marks="(a) discs: simulated, in the background's colours. (c) lines: exact; points: simulated",
)
def circulant_formula(
    n_points: int = 200,
    dim: int = 10_000,
    runs: int = 20,
    cells: int = 41,
    crossovers: Sequence[float] = (0.1, 0.5, 2.0, 8.0, 40.0),
    momenta: Sequence[float] = (0.0, 0.5, 0.9, 0.98),
) -> Figure:
    """Where reversion acts over times of the order of the trajectory, the circulant formula misses
    half of $λ_1$.

    (a) First ratio $ρ_1$ of a walk with reversion $α$ and momentum $γ$, $T =$ `n_points`: exact as
    $d → ∞$ (background, contours), and simulated in $d =$ `dim` dimensions (discs, means over the
    runs, in the same colours). (b) Exact $λ_1$ divided by the formula
    $1/[(α² + (1 - α)θ_1)((1 - γ)² + γθ_1)]$, minus one. The ridge lies at $αT$ near 2. (c) Cuts
    through (b) at the momenta of the discs: exact (lines), and the mean of $ℓ_1$ divided by the
    formula with its 99 % Student interval (points). New.
    """
    crossover_grid = np.geomspace(0.05, min(0.5 * n_points, 80), cells)
    inverse_grid = np.geomspace(1, 100, cells)
    ratio, error = np.array(
        [
            [_exact(n_points, c / n_points, 1 - 1 / inverse) for c in crossover_grid]
            for inverse in inverse_grid
        ]
    ).transpose(2, 0, 1)
    rates = [c / n_points for c in crossovers]
    static = {"n_points": n_points, "dim": dim}
    data = replicates(linear_process, runs, static, {"momentum": list(momenta), "reversion": rates})
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.5))
    shades: dict[str, Any] = {"cmap": "cividis", "vmin": 0, "vmax": 1}
    background = left.pcolormesh(
        crossover_grid, inverse_grid, ratio, shading="gouraud", rasterized=True, **shades
    )
    contours = left.contour(
        crossover_grid,
        inverse_grid,
        ratio,
        levels=[0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8],
        colors="white",
        linewidths=0.6,
    )
    left.clabel(contours, fontsize=6, fmt="%.1f")
    discs = np.meshgrid(crossovers, 1 / (1 - np.array(momenta)))
    means, _ = student_interval(data["ratio"].values[..., 0].transpose(2, 0, 1))
    left.scatter(
        *discs, c=means, s=45, edgecolors="white", linewidths=0.8, clip_on=False, zorder=3, **shades
    )
    fig.colorbar(background, ax=left, label="first ratio  $ρ_1$")
    bound = np.abs(error).max()
    errors = middle.pcolormesh(
        crossover_grid,
        inverse_grid,
        error,
        shading="gouraud",
        rasterized=True,
        cmap="PuOr",
        vmin=-bound,
        vmax=bound,
    )
    contours = middle.contour(
        crossover_grid,
        inverse_grid,
        error,
        levels=[-0.5, -0.4, -0.3, -0.2, -0.1, 0, 0.1],
        colors="0.2",
        linewidths=0.6,
    )
    middle.clabel(contours, levels=[-0.5, -0.3, -0.1, 0.1], fontsize=6, fmt="%g")
    fig.colorbar(errors, ax=middle, label=r"exact $λ_1$ / formula $- 1$")
    for axes in (left, middle):
        axes.set(xscale="log", yscale="log", xlabel="αT", ylabel="momentum  γ")
        axes.set_yticks([1, 2, 10, 100], ["0", "0.5", "0.9", "0.99"])
        axes.minorticks_off()
    for value, colour in zip(momenta, COLOURS, strict=False):
        cut = [_exact(n_points, c / n_points, value)[1] for c in crossover_grid]
        right.plot(crossover_grid, cut, color=colour)
        formula = np.array([_circulant(n_points, rate, value)[0] for rate in rates])
        first = data.sel(momentum=value)["variance"].values[..., 0].T
        points_with_intervals(
            right, crossovers, first / formula - 1, colour, label=f"γ = {value:g}"
        )
    right.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    right.set(xscale="log", xlabel="αT", ylabel=r"$λ_1$ / formula $- 1$")
    right.legend(loc="lower left")
    letters((left, middle, right), x=-0.1)
    return fig


def _exact(n_points: int, rate: float, momentum: float) -> tuple[float, float]:
    """Return ρ_1 and the relative excess of λ_1 over the circulant formula, from the exact
    covariance.
    """
    response = np.convolve(
        reverting.impulse_response(n_points, rate),
        momentum ** np.arange(n_points),
    )[:n_points]
    first = toeplitz_eigenvalues(response)[0]
    return first / toeplitz_total_variance(response), first / _circulant(n_points, rate, momentum)[
        0
    ] - 1


def _circulant(n_points: int, rate: float, momentum: float) -> Float[np.ndarray, "components"]:
    """Return the circulant formula for both: the product of those for one, with one of the two
    walks taken out.
    """
    return (
        reverting.circulant_eigenvalues(n_points, rate)
        * momentum_circulant_eigenvalues(n_points, momentum)
        * laplacian_eigenvalues(n_points)
    )
