"""The scalar equations: learning curves (F1), what depth does to them (F2), and the order of two
features (F4).
"""

from collections.abc import Sequence

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.jepa_bias.panels import OBJECTIVES, PAPER_TIME, shades
from sims.jepa_bias import scalar_flow
from sims.jepa_bias.domains import Objective
from theory.jepa_bias import learning_order, learning_times
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters


@figure(
    "F1",
    quick={"points": 6},
    claims=(
        "ode_jepa",
        "ode_mae",
        "exact_time_jepa",
        "exact_time_mae",
        "fixed_points",
        "greedy_rho",
        "order_inversion",
    ),
    marks="lines: exact; points: the equations stepped through time; colours of (d-f) as in (a-c)",
)
def learning_curves(
    depth: int = 5,
    init: float = 1e-3,
    lambdas: Sequence[float] = (0.6, 0.8, 1.0, 1.2, 1.4),
    rhos: Sequence[float] = (0.5, 0.6, 0.7, 0.85, 1.0),
    opposed_lambdas: Sequence[float] = (1.0, 1.05, 1.1, 1.15, 1.2),
    opposed_rhos: Sequence[float] = (1.0, 0.85, 0.7, 0.6, 0.5),
    points: int = 12,
) -> Figure:
    """JEPA learns features of large $ρ$ first, MAE does not care; where $λ$ says the opposite, the
    order is inverted.

    Strength $w̄(t)$ of a feature under the scalar equations (7), JEPA, and (8), MAE, from
    $w̄(0) = ε$. (a), (d): $ρ = 1$ and the five `lambdas`, the darker the larger: both objectives
    learn large $λ$ first. (b), (e): $λ = 1$ and the five `rhos`, the darker the larger: JEPA learns
    large $ρ$ first and to a higher strength $ρ^L$, MAE's curves rise together to $ρ^(L/(L+1))$.
    (c), (f): $λ$ grows while $ρ$ falls, the darker the larger $λ$ and the smaller $ρ$: JEPA learns
    the light ones first, MAE the dark ones. Lines: the exact implicit solutions, inverted. Points:
    an implicit solver of order 5 stepping the equations through time. Time is in the paper's units,
    $L$ times that of the gradient flow. The layout follows figure 2 of Littwin et al. 2024; depth,
    $ε$, $λ$ and $ρ$ are chosen here.
    """
    fig, axes = plt.subplots(2, 3, figsize=(9, 5.2), sharex="row")
    columns = (
        (lambdas, [1.0] * len(lambdas), "λ = {0:g}", "ρ = 1"),
        ([1.0] * len(rhos), rhos, "ρ = {1:g}", "λ = 1"),
        (opposed_lambdas, opposed_rhos, "λ = {0:g}, ρ = {1:g}", "λ and ρ opposed"),
    )
    for row, (objective, name) in zip(axes, OBJECTIVES, strict=True):
        latest = max(
            learning_times.critical_time(0.9, init, depth, *pair, objective=objective)
            for these, those, *_ in columns
            for pair in zip(these, those, strict=True)
        )
        for axis, (covariances, regressions, text, title), letter in zip(
            row, columns, "abc" if objective == "jepa" else "def", strict=True
        ):
            unit = depth / (1e5 if objective == "jepa" else 1)  # the paper's clock
            grid = np.linspace(0, 1.15 * float(latest), 400)
            for covariance, regression, shade in zip(
                covariances, regressions, shades(len(covariances)), strict=True
            ):
                curve = learning_times.strength_at(
                    grid, init, depth, covariance, regression, objective=objective
                )
                axis.plot(
                    grid * unit, curve, color=shade, label=text.format(covariance, regression)
                )
                times = _times_along(
                    grid[-1], points, init, depth, covariance, regression, objective
                )
                strengths = scalar_flow.simulate_flow(
                    depth, init, covariance, regression, times, objective=objective
                )
                axis.plot(times * unit, strengths, "o", color=shade, markersize=2.5)
            axis.set(ylim=(-0.03, 1.08), title=f"{name}, {title}")
            label(axis, letter)
            if objective == "jepa":
                axis.legend(loc="upper left", fontsize=6.5)
            axis.set_xlabel(f"{PAPER_TIME}  (10⁵)" if objective == "jepa" else PAPER_TIME)
        row[0].set_ylabel("strength of the feature  $\\bar w$")
    return fig


def _times_along(
    end: float,
    points: int,
    init: float,
    depth: int,
    covariance: float,
    regression: float,
    objective: Objective,
) -> np.ndarray:
    """Evenly spaced times, and those at which the curve is on its way up."""
    levels = np.array([0.2, 0.4, 0.6, 0.8]) * learning_times.asymptote(
        depth, regression, objective=objective
    )
    rising = learning_times.time_to_reach(
        levels, init, depth, covariance, regression, objective=objective
    )
    return np.sort(np.concatenate([end * (np.arange(points) + 0.5) / points, rising]))


@figure(
    "F2",
    quick={"points": 4},
    claims=("exact_time_jepa", "exact_time_mae", "greedy_rho"),
    marks="lines: exact; points: quadrature",
)
def depth_fan(
    depths: Sequence[int] = (1, 2, 3, 5, 8),
    init: float = 1e-3,
    fraction: float = 0.5,
    lowest_rho: float = 0.4,
    points: int = 7,
) -> Figure:
    """The deeper the encoder, the later JEPA learns features of small $ρ$; for MAE depth hardly
    matters.

    Critical time of a feature with regression coefficient $ρ$, divided by that of one with $ρ = 1$
    and the same $λ$, for encoders of $L$ layers started at $w̄ = ε$. It is the time at which $w̄$
    reaches the fraction $p$ of its asymptote. (a) JEPA: the fan opens with $L$ (the slope at
    $ρ = 1$ is about $ε^(1/L) (2L-1)/(2L-2)$). A curve dives and ends where $ε$ reaches $p ρ^L$:
    such a feature starts above its target. (b) MAE on the same axes: features of small $ρ$ come
    even a little earlier. Lines: exact critical times. Points: quadrature of the scalar equations.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.2), sharey=True)
    for axis, (objective, name), letter in zip(axes, OBJECTIVES, "ab", strict=True):
        for depth, colour in zip(depths, (COLOURS[6], *COLOURS), strict=False):
            grid = np.linspace(lowest_rho, 1, 200)
            alive = init < 0.98 * fraction * learning_times.asymptote(
                depth, grid, objective=objective
            )
            grid = grid[alive]
            reference = learning_times.critical_time(
                fraction, init, depth, 1.0, 1.0, objective=objective
            )
            times = learning_times.critical_time(
                fraction, init, depth, 1.0, grid, objective=objective
            )
            axis.plot(grid, times / reference, color=colour, label=f"L = {depth}")
            chosen = np.linspace(grid[0], 1, points)
            hits = _hitting_times(fraction, depth, init, chosen, objective)
            axis.plot(chosen, hits / hits[-1], "o", color=colour)
        axis.set(
            xlabel="regression coefficient  ρ",
            title=f"{name}, ε = {init:g}, p = {fraction:g}",
            yscale="log",
        )
        axis.set_yticks([1, 2, 3, 5], ["1", "2", "3", "5"])
        axis.minorticks_off()
        label(axis, letter)
    axes[0].set_ylabel("critical time over that of ρ = 1")
    axes[0].legend()
    return fig


def _hitting_times(
    fraction: float,
    depth: int,
    init: float | np.ndarray,
    rho: float | np.ndarray,
    objective: Objective,
) -> np.ndarray:
    """Simulated critical times at λ = 1, for each of the starts or of the ρ."""

    @jax.jit
    @jax.vmap
    def hit(start, regression):
        return scalar_flow.hitting_time_by_quadrature(
            fraction, depth, start, 1.0, regression, objective=objective
        )

    return np.asarray(hit(*np.broadcast_arrays(init, rho)))


@figure(
    "F4",
    quick={"points": 4, "cells": 30},
    claims=(
        "order_inversion",
        "order_inversion-window",
        "lambda_dominates",
        "critical_jepa-leading",
    ),
    marks="(a) lines: exact; points: simulated; grey: MAE. (b) white: feature 1 starts above its "
    "target",
)
def order_phase_diagram(
    depths: Sequence[int] = (1, 2, 3, 5, 8),
    fraction: float = 0.5,
    rho: float = 0.5,
    map_depth: int = 5,
    points: int = 9,
    cells: int = 80,
) -> Figure:
    """JEPA overturns the order of $λ$ only below a boundary that vanishes with the scale of the
    start.

    Feature 1 has the larger $λ$, feature 2 the larger $ρ = 1$. JEPA learns feature 2 first if and
    only if $λ₁/λ₂$ is below the boundary $Φ_L(ε, p; ρ₁, 1)$. (a) The boundary for $ρ₁ =$ `rho`
    against the scale $ε$ of the start: below a curve JEPA follows $ρ$, above it $λ$; every curve
    falls to 1 as $ε → 0$, as $1 + ε^(1/L) (2L-1)/(2L-2) (1/ρ₁ - 1)$, so that in that limit $λ$
    always decides. Towards large $ε$ a curve ends where feature 1 starts above the fraction $p$ of
    its asymptote. Grey: the same boundary for MAE, all depths. (b) The boundary for an encoder of
    `map_depth` layers against $ε$ and $ρ₁$; white: feature 1 starts above its target. Lines and
    colours (1 and below alike, 2 and above alike): exact. Points: ratios of simulated critical
    times.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.5))
    inits = np.geomspace(1e-8, 0.3, 400)
    for depth, colour in zip(depths, (COLOURS[6], *COLOURS), strict=False):
        boundary = learning_order.order_boundary(depth, inits, fraction, rho, 1.0, objective="jepa")
        left.plot(inits, boundary, color=colour, label=f"L = {depth}")
        mae = learning_order.order_boundary(depth, inits, fraction, rho, 1.0, objective="mae")
        left.plot(inits, mae, color="0.75", linewidth=0.8, zorder=0)
        largest = inits[np.isfinite(boundary)][-1]
        chosen = np.geomspace(1e-8, 0.7 * largest, points)
        first, second = (_hitting_times(fraction, depth, chosen, one, "jepa") for one in (rho, 1.0))
        left.plot(chosen, first / second, "o", color=colour)
    left.set(
        xscale="log",
        xlabel="scale of the start  ε",
        ylabel="λ₁ / λ₂  that JEPA can overturn",
        ylim=(0.8, 3.3),
    )
    left.set_title(f"ρ₁ = {rho:g}, ρ₂ = 1, p = {fraction:g}")
    left.legend(loc="upper left")
    rhos = np.linspace(0.3, 0.98, cells)
    scales = np.geomspace(1e-8, 0.1, cells)
    values = learning_order.order_boundary(
        map_depth, scales[:, None], fraction, rhos, 1.0, objective="jepa"
    ).T
    mesh = right.pcolormesh(
        scales, rhos, np.clip(values, 1, 2), cmap="cividis", shading="nearest", rasterized=True
    )
    # Where feature 1 starts close to its target the boundary dives
    beyond = np.where(values > 1, values, np.nan)
    lines = right.contour(
        scales, rhos, beyond, levels=[1.02, 1.05, 1.1, 1.2, 1.5], colors="white", linewidths=0.8
    )
    right.clabel(lines, fmt="%g", fontsize=7)
    fig.colorbar(mesh, ax=right, label="λ₁ / λ₂ that JEPA can overturn")
    right.set(xscale="log", xlabel="scale of the start  ε", ylabel="regression coefficient  ρ₁")
    right.set_title(f"L = {map_depth}, ρ₂ = 1, p = {fraction:g}")
    letters((left, right))
    return fig
