"""What a finite dimension adds: F10."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.random_walk_pca.simulations import leading_ratios
from theory import random_walk_pca as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals
from theory_on_trial.figures.replicates import replicates


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
    """In finite dimension the first ratio scatters around .608 by .37/d^½, at every number of
    points T.

    (a) Density of ρ̂_1 over the runs, T = n_points and d = dim: points with 99 % binomial
      intervals, and the normal law
    with the first-order mean and standard deviation (line). (b) Mean (points, with 99 % Student
    intervals) and standard deviation (grey bars) of ρ̂_1 against T at d = dim; line and band are
    the first-order mean and standard deviation, which hardly depend on T. (c) Standard deviations
    of the first three ratios against d at T = n_points, with 99 % chi-square intervals; lines are
    first order, .369, .225 and .107 times d^-½ for long walks. New.
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
    spectrum = predicted.eigenvalues(n_points)
    return (
        predicted.mean_explained_variance_ratio(spectrum, dim, 3),
        predicted.explained_variance_ratio_std(spectrum, dim)[:3],
    )
