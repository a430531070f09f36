"""Which feature comes first: the phase diagram of the order, F4."""

from collections.abc import Sequence

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from sims.jepa_bias import scalar_flow
from theory.jepa_bias import learning_order
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters


@figure(
    "F4",
    quick={"points": 4, "cells": 30},
    claims=(
        "order_inversion",
        "order_inversion-window",
        "lambda_dominates",
        "lambda_dominates-limit",
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
    """JEPA overturns the order of λ only below a boundary that vanishes with the scale of the
    start.

    Feature 1 has the larger λ, feature 2 the larger ρ = 1. JEPA learns feature 2 first if and only
    if λ₁/λ₂ is below the boundary Φ_L(ε, p; ρ₁, 1). (a) The boundary for ρ₁ = `rho` against the
    scale ε of the start: below a curve JEPA follows ρ, above it λ; every curve falls to 1 as ε → 0,
    as 1 + ε^(1/L) (2L-1)/(2L-2) (1/ρ₁ - 1), so that in that limit λ always decides. Towards large ε
    a curve ends where feature 1 starts above the fraction p of its asymptote. Grey: the same
    boundary for MAE, all depths. (b) The boundary for an encoder of `map_depth` layers against ε
    and ρ₁; white: feature 1 starts above its target. Lines and colours (1 and below alike, 2 and
    above alike): exact. Points: ratios of simulated critical times.
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
        left.plot(chosen, _simulated_boundary(fraction, depth, chosen, rho), "o", color=colour)
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
    beyond = np.where(
        values > 1, values, np.nan
    )  # where feature 1 starts close to its target the boundary dives
    lines = right.contour(
        scales, rhos, beyond, levels=[1.02, 1.05, 1.1, 1.2, 1.5], colors="white", linewidths=0.8
    )
    right.clabel(lines, fmt="%g", fontsize=7)
    fig.colorbar(mesh, ax=right, label="λ₁ / λ₂ that JEPA can overturn")
    right.set(xscale="log", xlabel="scale of the start  ε", ylabel="regression coefficient  ρ₁")
    right.set_title(f"L = {map_depth}, ρ₂ = 1, p = {fraction:g}")
    letters((left, right))
    return fig


def _simulated_boundary(fraction: float, depth: int, inits: np.ndarray, rho: float) -> np.ndarray:
    """Ratios of the critical times of equal λ that quadrature of the scalar equation gives."""

    def hit(init, regression):
        return scalar_flow.hitting_time_by_quadrature(
            fraction, depth, init, 1.0, regression, objective="jepa", clock="paper"
        )

    return np.asarray(jax.jit(jax.vmap(lambda init: hit(init, rho) / hit(init, 1.0)))(inits))
