"""Exact risks of the textbook rules on noisy labels: F10."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.in_context_learning import simulations
from theory import in_context_learning as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import points_with_intervals
from theory_on_trial.figures.replicates import replicates


@figure(
    "F10",
    quick={"largest": 16, "runs": 6},
    claims=("mbr-ridge", "ols-risk", "gd-risk", "gd-best-step"),
)
def baseline_risks(
    dimension: int = 8, largest: int = 24, noise_std: float = 0.5, runs: int = 12, count: int = 256
) -> Figure:
    """Least squares passes through infinity at k = d with noisy labels; ridge regression with λ =
    σ² is the best.

    Risk E |ŵ - w|² / d after k examples, labels with noise σ = `noise_std`, τ = 1. Lines: exact,
    those of the ridge rules by one quadrature over the spectrum of XᵀX; least squares is infinite
    for k = d - 1, d, d + 1, where its line breaks. Points: simulated means of `runs` samples of
    `count` prompts with 99 % Student intervals, those of least squares only for |d - k| > 3, where
    their variance is finite. Dotted: one gradient step of the best size at each k, which is also
    the best that one layer of linear attention can do with a context of k.
    """
    static = {"dimension": dimension, "examples": largest + 1, "count": count}
    risks = replicates(simulations.risks, runs, static, {"noise_std": noise_std})["risks"].values
    prefixes = np.arange(largest + 1)
    noise = {"noise_std": noise_std}
    laws = (
        ("least squares", "o", lambda k: predicted.ols_risk(dimension, k, **noise)),
        ("Bayes: Ridge(σ²)", "s", lambda k: predicted.bayes_risk(dimension, k, **noise)),
        ("Ridge(0.1)", "^", lambda k: predicted.ridge_expected_risk(0.1, dimension, k, **noise)),
        ("GD(0.02)", "D", lambda k: predicted.gradient_step_risk(dimension, k, 0.02, **noise)),
        ("SGD(0.03)", "v", lambda k: predicted.sgd_risk(dimension, k, 0.03, **noise)),
    )
    fig, axis = plt.subplots(figsize=(6.2, 3.8))
    for row, ((name, marker, law), colour) in enumerate(zip(laws, COLOURS, strict=False)):
        values = np.array([law(int(k)) for k in prefixes]) / dimension
        axis.plot(prefixes, np.where(np.isinf(values), np.nan, values), color=colour, label=name)
        counts = prefixes[1:] if row else prefixes[np.abs(prefixes - dimension) > 3]
        points_with_intervals(
            axis, counts, risks[:, row][:, counts], colour, fmt=marker, markersize=2.5
        )
    best = [predicted.best_step_risk(dimension, int(k), **noise) / dimension for k in prefixes]
    axis.plot(prefixes, best, ":", color=COLOURS[6], label="best gradient step")
    axis.set(
        xlabel="number of examples k",
        ylabel="risk  $E|\\hat w-w|^2/d$",
        yscale="log",
        ylim=(0.012, 1.5),
    )
    axis.set_title(f"d = {dimension}, σ = {noise_std:g}")
    axis.legend(ncols=2, loc="lower left")
    return fig
