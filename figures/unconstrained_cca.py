"""The figures of unconstrained stochastic CCA (Chapman, Wells & Lawry Aguila 2024, arXiv
2310.01012). Both are new.

F1 what a small batch leaves of each canonical direction, F2 the loss on its way down the critical
points.
"""

from collections.abc import Sequence

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sims import unconstrained_cca as observed
from theory import unconstrained_cca as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import points_with_intervals


@figure(
    "F1",
    quick={"batches": (8, 32), "runs": 3, "steps": 4000},
    claims=("small_batch_shrinks", "descent_shrinks", "single_batch_bias"),
)
def shrinkage(
    correlations: Sequence[float] = (0.9, 0.8, 0.7, 0.15),
    batches: Sequence[int] = (6, 8, 16, 32, 64),
    runs: int = 5,
    steps: int = 20_000,
) -> Figure:
    """Small batches shrink what CCA learns, and lose the weakest direction, unless each factor has
    a batch of its own.

    Variance of each canonical component in both embeddings together, learned on white normal views
    with the canonical correlations shown, against the batch size. Lines: the minimiser of the
    expected loss where one batch serves both factors of the penalty $tr(V²)$. Points: stochastic
    gradient descent with a new batch in each step, averaged over the second half of `steps` steps;
    means of `runs` runs with 99 % intervals. Dashed: the minimiser of the population loss, to which
    two independent batches lead (open points, without interval).
    """
    rho = np.array(correlations)
    fig, axes = plt.subplots(figsize=(5.2, 3.4))
    grid = np.unique(np.geomspace(5, 1.3 * max(batches), 60).round().astype(int))
    lines = np.array([predicted.shrunk_strengths(rho, int(batch)) for batch in grid])
    keys = jax.random.split(jax.random.key(0), runs)

    def learned(batch: int, n_batches: int) -> np.ndarray:
        run = jax.vmap(
            lambda key: observed.strengths_after_descent(key, rho, batch, n_batches, steps, 0.01)
        )
        return np.asarray(jax.jit(run)(keys))

    strengths = np.stack([learned(batch, 1) for batch in batches], axis=1)
    two = learned(batches[0], 2).mean(axis=0)
    for i, colour in zip(range(len(rho)), COLOURS, strict=False):
        axes.axhline(rho[i], color=colour, linestyle="--", linewidth=0.8)
        axes.plot(grid, lines[:, i], color=colour, label=f"ρ = {rho[i]:g}")
        points_with_intervals(axes, batches, strengths[:, :, i], colour)
        axes.plot(batches[0], two[i], "o", color=colour, fillstyle="none")
    axes.set(
        xscale="log",
        xlabel="batch size b (pairs)",
        ylabel="learned variance $x_i$ (dimensionless)",
        ylim=(0, 1),
    )
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.minorticks_off()
    marks = {
        "one batch, minimiser": Line2D([], [], color="0.3"),
        "one batch, descent": Line2D([], [], color="0.3", marker="o", linestyle=""),
        "two batches, descent": Line2D(
            [], [], color="0.3", marker="o", linestyle="", fillstyle="none"
        ),
        "population": Line2D([], [], color="0.3", linestyle="--", linewidth=0.8),
    }
    handles, names = axes.get_legend_handles_labels()
    fig.legend(
        [*handles, *marks.values()],
        [*names, *marks],
        loc="outside upper center",
        ncols=2,
        fontsize=7,
    )
    return fig


@figure(
    "F2",
    quick={"points": 20},
    claims=("flow", "flow_aligned", "critical_points-value", "minimum-value"),
    marks="dotted: critical values",
)
def plateaus(
    eigenvalues: Sequence[float] = (1.0, 0.6, 0.3, -0.4),
    columns: int = 3,
    start: float = 1e-4,
    duration: float = 12.0,
    points: int = 60,
) -> Figure:
    """From a small start the loss falls from one critical point to the next, and the strongest
    direction comes first.

    Loss along the gradient flow with $B = 1$ from random weights of size `start`, against time.
    Line: the closed form. Points: Runge-Kutta. Dotted: the critical values, minus the sums of
    squares of the leading positive eigenvalues; the lowest is the minimum for this number of
    columns.
    """
    A = np.diag(eigenvalues)
    weights = start * np.random.default_rng(1).normal(size=(len(A), columns))
    times, grid = (np.linspace(0, duration, n + 1)[1:] for n in (points, 400))
    grams = [predicted.flow_gram(A, weights, float(time)) for time in grid]
    fig, axes = plt.subplots(figsize=(4.6, 3.0))
    for size in range(min(columns, sum(value > 0 for value in eigenvalues)) + 1):
        axes.axhline(
            predicted.critical_loss(np.array(eigenvalues), tuple(range(size))),
            color="0.5",
            linestyle=":",
        )
    axes.plot(
        grid,
        [np.sum(gram**2) - 2 * np.sum(A * gram) for gram in grams],
        color=COLOURS[0],
        label="closed form",
    )
    path = observed.flow_path(A, weights, times)
    axes.plot(
        times,
        [observed.ey_loss(A, np.eye(len(A)), W) for W in path],
        "o",
        color=COLOURS[1],
        label="integrated",
    )
    axes.set(xlabel="time t (1 / eigenvalue)", ylabel="loss L (eigenvalue²)")
    axes.legend()
    return fig
