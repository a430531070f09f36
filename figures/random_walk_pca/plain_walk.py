"""The plain walk, and the walk with momentum: F1 to F3. What a finite dimension adds: F10."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.random_walk_pca.panels import aligned, tableau
from figures.random_walk_pca.simulations import leading_ratios, linear_process
from sims.random_walk_pca.pca import squared_overlaps
from theory.random_walk_pca.finite_dimension import (
    explained_variance_ratio_std,
    mean_explained_variance_ratio,
    overlap_deficit,
)
from theory.random_walk_pca.linear_processes import (
    integrated_walk_explained_variance_ratio,
    momentum_circulant_eigenvalues,
    momentum_crossover_index,
    momentum_explained_variance_ratio,
)
from theory.random_walk_pca.plain_walk import (
    cosine_modes,
    eigenvalues,
    explained_variance_ratio,
    explained_variance_ratio_limit,
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

_SMALL = {"n_points": 200, "dim": 2000, "runs": 4}


@figure(
    "F1",
    quick=_SMALL,
    claims=("exact_spectrum", "lissajous", "chebyshev_relation"),
    marks="shaded: against time. (c) points: simulation; lines: theory; above: d times the "
    "missing overlap",
)
def lissajous(n_points: int = 1000, dim: int = 10_000, runs: int = 20) -> Figure:
    """The principal components of a high-dimensional random walk are cosines, and draw Lissajous
    curves against each other.

    (a) The first five components of one simulated walk of $T =$ `n_points` points in $d =$ `dim`
    dimensions, each against every other, and against time on the diagonal. (b) The exact population
    components $cos(πk(t - ½)/T)$ in the same places. (c) Each score $p_k$ in units of its amplitude
    $b_k = (2ℓ_k/T)^½$, against the step: points are means over the runs with 99 % Student
    intervals, and lines are theory. The numbers above are $d$ times the missing overlap
    $1 - (û_k·u_k)²$: the mean over the runs with its interval, and the first-order law. Antognini &
    Sohl-Dickstein 2018.
    """
    scores = replicates(linear_process, runs, {"n_points": n_points, "dim": dim}, {})[
        "score"
    ].values
    theory = cosine_modes(n_points, 5) * np.sqrt(n_points / 2)
    scores = aligned(scores, theory)
    fig = plt.figure(figsize=(8.4, 6.6))
    parts: Any = fig.subfigures(2, 1, height_ratios=(2.55, 1))
    left, right = parts[0].subfigures(1, 2)
    tableau(left, f"(a)  simulation, T = {n_points}, d = {dim}", points=scores[0])
    tableau(right, "(b)  theory, d → ∞", lines=theory)
    deficits = dim * np.array([1 - squared_overlaps(run, theory) for run in scores])
    law = dim * overlap_deficit(eigenvalues(n_points), dim, 5)
    mean, half_width = student_interval(deficits)
    time = np.arange(1, n_points + 1)
    picks = np.linspace(0, n_points - 1, 21).astype(int)
    panels = parts[1].subplots(1, 5, sharey=True)
    for k, axes in enumerate(panels):
        axes.plot(time, theory[:, k], color=COLOURS[6])
        points_with_intervals(axes, time[picks], scores[:, picks, k], COLOURS[0])
        axes.set_title(
            f"k = {k + 1}\n{mean[k]:.2f} ± {half_width[k]:.2f}  (law {law[k]:.2f})", fontsize=7.5
        )
        axes.set(xlabel="step t", ylim=(-1.3, 1.3), xlim=(0, n_points))
    panels[0].set_ylabel("score  $p_k/b_k$")
    label(panels[0], "c", x=-0.28)
    return fig


@figure(
    "F2",
    quick=_SMALL,
    claims=("exact_spectrum", "evr_limit", "sim_evr"),
    marks="(b) line: first order in 1/d",
)
def spectrum(n_points: int = 1000, dim: int = 10_000, runs: int = 20) -> Figure:
    """The explained variance ratios of a walk fall as $k⁻²$, with 61 % in the first component at
    every length.

    (a) Lines: the exact ratios $ρ_k$ of $T =$ `n_points` points as $d → ∞$, and their limit
    $6/(πk)²$ as $T → ∞$, from which they depart towards $3/(2(T² - 1))$ at $k = T - 1$. Points:
    means over the runs in $d =$ `dim` dimensions, with 99 % Student intervals. (b) The same
    relative to $ρ_k$, up to $k = T/2$. The line is the first-order law in $1/d$, drawn up to
    $k = d^½$, where it ceases to be valid: $T/d$ is not small, and beyond this $k$ the spread of
    the noise's own eigenvalues dominates. (a) shows how the last ratios fall. Antognini &
    Sohl-Dickstein 2018.
    """
    ratios = replicates(linear_process, runs, {"n_points": n_points, "dim": dim}, {})[
        "ratio"
    ].values
    population = explained_variance_ratio(n_points)
    index = np.arange(1, n_points)
    picks = log_spaced(n_points - 1, 40)
    fig, (above, below) = plt.subplots(
        2, 1, figsize=(4.6, 5.2), sharex=True, height_ratios=(2.2, 1)
    )
    above.loglog(
        index,
        explained_variance_ratio_limit(n_points - 1),
        "--",
        color=COLOURS[4],
        label="6/(πk)²",
    )
    above.loglog(index, population, color=COLOURS[6], label=f"exact $ρ_k$, T = {n_points}, d → ∞")
    points_with_intervals(
        above, picks, ratios[:, picks - 1], COLOURS[0], label=f"simulation, d = {dim}"
    )
    above.set(ylabel="explained variance ratio  $ρ_k$")
    above.legend(loc="lower left")
    valid = min(int(np.sqrt(dim)), n_points - 1)
    law = mean_explained_variance_ratio(eigenvalues(n_points), dim, valid)
    half = picks[picks <= n_points // 2]
    points_with_intervals(below, half, ratios[:, half - 1] / population[half - 1] - 1, COLOURS[0])
    below.plot(index[:valid], law / population[:valid] - 1, color=COLOURS[6])
    below.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    below.set(xlabel="component  k", ylabel=r"$\hat{ρ}_k / ρ_k - 1$", xscale="log")
    letters((above, below), x=-0.12)
    return fig


@figure(
    "F3",
    quick={**_SMALL, "sweep_runs": 10},
    claims=("momentum_spectrum", "momentum_long_memory", "momentum_concentrates-integrated"),
    marks="points: simulation; lines: exact; (a) bands: circulant formula, triangles: its corner; "
    "(b) dotted: limits",
)
def momentum(
    n_points: int = 1000,
    dim: int = 10_000,
    runs: int = 6,
    momenta: Sequence[float] = (0.0, 0.5, 0.9, 0.99),
    sweep_points: int = 200,
    sweep_runs: int = 20,
) -> Figure:
    """Momentum takes variance from the high components; the low ones change only once $1/(1 - γ)$
    nears the length $T$.

    (a) Ratios $ρ_k$ of $T =$ `n_points` points, one curve for each momentum $γ$. Thin lines: exact,
    $d → ∞$. Pale bands: the circulant formula, with $k⁻²$ below and $k⁻⁴$ beyond the crossover
    $k* = T(1 - γ)/(πγ^½)$, which triangles mark. (b) The first three ratios at $T =$
    `sweep_points`. Dotted lines are their limits at $γ = 0$ (cosines) and $γ → 1$ (the integrated
    walk, where the scores are beam modes), .608 and .959 for the first. Points: means over runs in
    $d =$ `dim` dimensions with 99 % Student intervals. At finite $d$ the last components fall below
    the exact line, as without momentum. Antognini & Sohl-Dickstein 2018; the limit $γ → 1$ is new.
    """
    sizes = {"n_points": n_points, "dim": dim}
    ratios = replicates(linear_process, runs, sizes, {"momentum": list(momenta)})["ratio"]
    index = np.arange(1, n_points)
    picks = log_spaced(n_points - 1)
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.9), width_ratios=(1.25, 1))
    for value, colour in zip(momenta, COLOURS, strict=False):
        exact = momentum_explained_variance_ratio(n_points, value)
        circulant = momentum_circulant_eigenvalues(n_points, value)
        left.loglog(index, exact, color=colour)
        left.loglog(index, circulant / circulant.sum(), color=colour, linewidth=5, alpha=0.25)
        points_with_intervals(
            left,
            picks,
            ratios.sel(momentum=value).values[:, picks - 1],
            colour,
            label=f"γ = {value:g}",
        )
        crossover = momentum_crossover_index(n_points, value)
        if crossover < n_points:
            at = np.interp(crossover, index, exact)
            left.plot(crossover, at * 3, "v", color=colour, markersize=6)
    left.legend(loc="lower left", title=f"T = {n_points}, d = {dim}", title_fontsize=8)
    left.set(
        xlabel="component  k", ylabel="explained variance ratio  $ρ_k$", ylim=(exact[-1] / 5, 2)
    )

    swept = np.array([0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999])
    sizes |= {"n_points": sweep_points}
    sweep = replicates(linear_process, sweep_runs, sizes, {"momentum": list(swept)})["ratio"]
    fine = 1 - np.geomspace(1, 5e-4, 60)
    curve = np.array([momentum_explained_variance_ratio(sweep_points, value)[:3] for value in fine])
    for k, colour in enumerate((COLOURS[0], COLOURS[1], COLOURS[2])):
        right.plot(1 - fine, curve[:, k], color=COLOURS[6])
        points_with_intervals(
            right, 1 - swept, sweep.values[:, :, k].T, colour, label=f"$ρ_{k + 1}$"
        )
        for limit in (
            explained_variance_ratio_limit(3)[k],
            integrated_walk_explained_variance_ratio(3)[k],
        ):
            right.axhline(limit, color=colour, linestyle=":", linewidth=0.9)
    right.set(
        xlabel="1 - γ",
        ylabel="explained variance ratio  $ρ_k$",
        xscale="log",
        xlim=(1.3, 4e-4),
        ylim=(0, 1.02),
    )
    right.legend(
        loc="center right",
        bbox_to_anchor=(1, 0.45),
        title=f"T = {sweep_points}, d = {dim}",
        title_fontsize=8,
    )
    letters((left, right), x=-0.1)
    return fig


@figure(
    "F10",
    quick={"runs": 500, "lengths": (10, 100, 1000), "dims": (30, 100, 300), "swept_runs": 100},
    claims=("sim_evr",),
    marks="(b, c) points: simulation; lines: first order; (b) band, bars: one standard deviation "
    "of each",
)
def finite_dimension(
    n_points: int = 100,
    dim: int = 50,
    runs: int = 5000,
    lengths: Sequence[int] = (10, 50, 200, 1000, 3000),
    dims: Sequence[int] = (30, 100, 300, 1000),
    swept_runs: int = 300,
) -> Figure:
    """In finite dimension $d$ the first ratio scatters around .608 by $.37/d^½$, at every number of
    points $T$.

    (a) Density of $ρ̂_1$ over the runs, with $T =$ `n_points` and $d =$ `dim`: points with 99 %
    binomial intervals, and the normal law with the first-order mean and standard deviation (line).
    (b) Mean (points, with 99 % Student intervals) and standard deviation (grey bars) of $ρ̂_1$
    against $T$ at $d =$ `dim`. The line and the band are the first-order mean and standard
    deviation, which hardly depend on $T$. (c) Standard deviations of the first three ratios against
    $d$ at $T =$ `n_points`, with 99 % chi-square intervals. Lines are the first order, .369, .225
    and .107 times $d^-½$ for long walks. New.
    """
    from scipy.stats import chi2, norm

    static: dict[str, Any] = {"n_points": n_points, "dim": dim}
    first = replicates(leading_ratios, runs, static, {})["leading_ratios"].values[:, 0]
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.3))
    counts, edges = np.histogram(first, bins=30)
    width = edges[1] - edges[0]
    share = counts / runs
    left.errorbar(
        edges[:-1] + width / 2,
        share / width,
        norm.ppf(0.995) * np.sqrt(share * (1 - share) / runs) / width,
        fmt="o",
        color=COLOURS[0],
        label=f"{runs} walks: {first.mean():.4f} ± {first.std(ddof=1):.4f}",
    )
    mean, std = _first_order(n_points, dim)
    grid = np.linspace(edges[0], edges[-1], 200)
    left.plot(
        grid,
        norm.pdf(grid, mean[0], std[0]),
        color=COLOURS[6],
        label=f"normal law: {mean[0]:.4f} ± {std[0]:.4f}",
    )
    left.set(
        xlabel=r"first ratio  $\hat{ρ}_1$", ylabel="density", title=f"T = {n_points}, d = {dim}"
    )
    left.set_ylim(0, 1.7 * share.max() / width)
    left.legend(loc="upper left")

    static = {"n_points": list(lengths), "dim": dim}
    swept = replicates(leading_ratios, swept_runs, static, {})["leading_ratios"].values[:, :, 0].T
    every_length = np.geomspace(lengths[0], lengths[-1], 40).round().astype(int).tolist()
    laws = np.array([[law[0] for law in _first_order(length, dim)] for length in every_length])
    middle.fill_between(every_length, laws[:, 0] - laws[:, 1], laws[:, 0] + laws[:, 1], color="0.9")
    middle.plot(every_length, laws[:, 0], color=COLOURS[6])
    middle.errorbar(
        lengths,
        swept.mean(axis=0),
        swept.std(axis=0, ddof=1),
        fmt="none",
        ecolor="0.55",
        elinewidth=0.8,
    )
    points_with_intervals(middle, lengths, swept, COLOURS[0], elinewidth=2, capsize=0)
    middle.set(
        xlabel="points  T",
        ylabel=r"first ratio  $\hat{ρ}_1$",
        xscale="log",
        ylim=(0.5, 0.72),
        title=f"d = {dim}",
    )

    static = {"n_points": n_points, "dim": list(dims)}
    swept = replicates(leading_ratios, swept_runs, static, {})["leading_ratios"].values
    spread = swept.std(axis=1, ddof=1)
    bounds = np.sqrt((swept_runs - 1) / chi2.ppf([0.995, 0.005], swept_runs - 1))
    laws = np.array([_first_order(n_points, value)[1] for value in dims])
    for k, colour in enumerate(COLOURS[:3]):
        right.loglog(dims, laws[:, k], color=colour)
        below = spread[:, k] * (1 - bounds[0])
        above = spread[:, k] * (bounds[1] - 1)
        right.errorbar(
            dims, spread[:, k], (below, above), fmt="o", color=colour, label=f"k = {k + 1}"
        )
    right.set(
        xlabel="dimension  d", ylabel=r"standard deviation of  $\hat{ρ}_k$", title=f"T = {n_points}"
    )
    right.set_yticks([0.003, 0.01, 0.03, 0.1], ["0.003", "0.01", "0.03", "0.1"])
    right.set_xticks([30, 100, 300, 1000], ["30", "100", "300", "1000"])
    right.minorticks_off()
    right.legend(loc="lower left")
    letters((left, middle, right), x=-0.1)
    return fig


def _first_order(n_points: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first-order means and standard deviations of the first three ratios of a walk."""
    spectrum = eigenvalues(n_points)
    return (
        mean_explained_variance_ratio(spectrum, dim, 3),
        explained_variance_ratio_std(spectrum, dim)[:3],
    )
