"""The circulant formula of momentum and reversion together, against the exact spectrum: F9."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from figures.random_walk_pca.simulations import linear_process
from theory import random_walk_pca as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals, student_interval
from theory_on_trial.figures.replicates import replicates


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
    half of λ_1.

    (a) First ratio ρ_1 of a walk with reversion α and momentum γ, T = n_points: exact as d → ∞
      (background, contours)
    and simulated in d = dim dimensions (discs, means over the runs; both in the same colours). (b)
    Exact λ_1 over the formula 1/[(α² + (1 - α)θ_1)((1 - γ)² + γθ_1)], less one: the ridge lies at
    αT near 2. (c) Cuts through (b) at the momenta of the discs: exact (lines), and the mean of ℓ_1
    over the formula with its 99 % Student interval (points). New.
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
        predicted.ornstein_uhlenbeck_impulse_response(n_points, rate),
        momentum ** np.arange(n_points),
    )[:n_points]
    first = predicted.toeplitz_eigenvalues(response)[0]
    return first / predicted.toeplitz_total_variance(response), first / _circulant(
        n_points, rate, momentum
    )[0] - 1


def _circulant(n_points: int, rate: float, momentum: float) -> Float[np.ndarray, "components"]:
    """Return the circulant formula for both: the product of those for one, with one of the two
    walks taken out.
    """
    reverting = predicted.ornstein_uhlenbeck_circulant_eigenvalues(n_points, rate)
    return (
        reverting
        * predicted.momentum_circulant_eigenvalues(n_points, momentum)
        * predicted.laplacian_eigenvalues(n_points)
    )
