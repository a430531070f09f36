"""Where naive Bayes has learned what there is to learn, for signals that grow like powers of n:
F4.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.naive_bayes_vs_logistic.simulations import known_variance_error
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals
from theory_on_trial.figures.replicates import replicates


@figure(
    "F4",
    quick={"cells": 13, "simulated_sizes": (10, 100, 1000), "runs": 50},
    claims=("nb_exact_law", "nb_sample_exponent", "nb_linear_when_weak", "nb_constant_when_dense"),
    marks="(a-e) white: samples needed, m*; dashed: its power of n; discs: simulated. (f) lines: "
    "exact",
)
def phases(
    exponents: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    cells: int = 41,
    largest: float = 1e6,
    excess: float = 0.02,
    simulated_sizes: Sequence[int] = (10, 30, 100, 300, 1000),
    n_samples: int = 40,
    runs: int = 200,
) -> Figure:
    """The samples naive Bayes needs grow as n^(1 - 2a) if the squared distance is n^a, and from a =
    ½ on do not grow.

    Two Gaussian classes with known variances, their squared Mahalanobis distance Δ² = n^a spread
    over all features. (a-e) Exact expected error (background), the samples m* at which it is
    Φ(-Δ/2) + `excess` (white line, at least 2), and the predicted power n^max(0, 1 - 2a) through
    its right end (dashed). Simulated means over `runs` training sets (discs, in the same colours).
    (f) Cut at m = n_samples: exact (lines) and simulated with 99 % Student intervals (points). New.
    """
    fig, axes = plt.subplots(2, -(-(len(exponents) + 1) // 2), figsize=(9.6, 5.8), squeeze=False)
    n_grid = np.unique(np.geomspace(1, largest, cells).round().astype(int))
    m_grid = np.geomspace(2, largest, cells)
    m_simulated = [4, n_samples, 10 * n_samples]
    cut = axes.flat[len(exponents)]
    swept = {"signal_exponent": list(exponents), "n_samples": m_simulated}
    simulated_at = [
        replicates(known_variance_error, runs, {"n_features": n}, swept)["known_variance_error"]
        for n in simulated_sizes
    ]
    for exponent, panel, colour in zip(exponents, axes.flat, COLOURS, strict=False):
        exact = [
            [predicted.naive_bayes_expected_error(int(n), m, n**exponent) for n in n_grid]
            for m in m_grid
        ]
        shades = {"cmap": "cividis", "vmin": 0, "vmax": 0.5}
        background = panel.pcolormesh(
            n_grid, m_grid, np.array(exact), shading="gouraud", rasterized=True, **shades
        )
        samples = np.array(
            [predicted.naive_bayes_samples(int(n), n**exponent, excess) for n in n_grid]
        )
        panel.plot(n_grid, samples, color="white", linewidth=2)
        power = predicted.naive_bayes_sample_exponent(exponent)
        panel.plot(n_grid, samples[-1] * (n_grid / n_grid[-1]) ** power, "--", color=COLOURS[1])
        simulations = [data.sel(signal_exponent=exponent) for data in simulated_at]
        for n, errors in zip(simulated_sizes, simulations, strict=True):
            means = errors.mean("seed").values
            discs = {"s": 22, "edgecolors": "white", "linewidths": 0.7, "zorder": 3}
            panel.scatter([n] * len(means), m_simulated, c=means, **discs, **shades)
        title = f"$Δ^2 = n^{{{exponent:g}}}$,   m* ∝ $n^{{{power:g}}}$"
        panel.set(
            xscale="log", yscale="log", xlim=(1, largest), ylim=(1.6, 0.99 * largest), title=title
        )
        cut_grid = np.unique(
            np.geomspace(simulated_sizes[0], simulated_sizes[-1], cells).round().astype(int)
        )
        law = [
            predicted.naive_bayes_expected_error(int(n), n_samples, n**exponent) for n in cut_grid
        ]
        cut.plot(cut_grid, law, color=colour)
        columns = np.stack(
            [errors.sel(n_samples=n_samples).values for errors in simulations], axis=1
        )
        points_with_intervals(cut, simulated_sizes, columns, colour, label=f"a = {exponent:g}")
    cut.set(xscale="log", ylim=(0, 0.5), ylabel="expected error", title=f"m = {n_samples}")
    cut.legend(fontsize=7)
    for panel in axes.flat:
        panel.set_xlabel("features  n")
    for panel in axes[:, 0]:
        panel.set_ylabel("training samples  m")
    fig.colorbar(background, ax=axes, label="expected error", shrink=0.6)
    letters(axes.flat, x=-0.1)
    return fig
