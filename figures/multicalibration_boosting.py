"""The figures of multicalibration as boosting: F1 the bias of the plug-in error, F2 what rounds of
boosting do.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sims import multicalibration_boosting as observed
from theory import multicalibration_boosting as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals


@figure(
    "F1", quick={"replicas": 200}, claims=("plug_in_bias", "plug_in_bias-sampled", "unbiased_k2")
)
def plug_in_bias(
    levels: Sequence[int] = (1, 2, 5, 10, 20, 50, 100),
    rows: int = 2000,
    share: float = 0.4,
    replicas: int = 4000,
) -> Figure:
    """The calibration error $K2$ that a perfectly calibrated predictor seems to have, against its
    number of levels.

    Each level $v$ holds the same number of the `rows` labels, $y ~ Bernoulli(v)$. The group $h$ is
    a random `share` of the rows, independent of $y$. Points: means over `replicas` data sets with
    99 % Student intervals, of the plug-in estimate (orange) and of the unbiased one (blue). Line:
    the predicted bias, $∑_v Var(h r | v) / n$. The true $K2$ is 0. All new.
    """
    fig, axes = plt.subplots(figsize=(4.6, 3.4))
    generator = np.random.default_rng(0)
    plug_in = []
    unbiased = []
    bias = []
    for count in levels:
        values = (np.arange(count) + 0.5) / count
        counts = np.full(count, rows // count)
        sums, squares = observed.sample_levels(generator, replicas, counts, values, values, share)
        plug_in.append(observed.plug_in(counts, sums))
        unbiased.append(observed.unbiased(counts, sums, squares))
        variances = predicted.bernoulli_moments(values, np.zeros(count), share)[1]
        bias.append(predicted.plug_in_bias(counts, variances))
    axes.plot(levels, 1e3 * np.array(bias), color=COLOURS[1], label="predicted bias")
    axes.axhline(0, color=COLOURS[0])
    points_with_intervals(
        axes, levels, 1e3 * np.array(plug_in).T, COLOURS[1], label="plug-in K$_2$"
    )
    points_with_intervals(
        axes, levels, 1e3 * np.array(unbiased).T, COLOURS[0], fmt="s", label="unbiased K$_2$"
    )
    axes.set(xscale="log", xlabel="levels", ylabel="K$_2$ of a calibrated predictor  (10$^{-3}$)")
    axes.set_xticks(levels, [str(count) for count in levels])
    axes.minorticks_off()
    axes.legend(loc="upper left")
    return fig


@figure(
    "F2", quick={"rows": 600}, claims=("halting", "halting-rounds", "swap_regret", "released_class")
)
def rounds(
    rows: int = 3000, dim: int = 4, alpha: float = 0.02, bins: int = 10, gamma: float = 0.1
) -> Figure:
    """What rounds of boosting on level sets do to (a) the squared error and (b) the worst
    calibration error $K2$.

    The sample has `rows` rows with `dim` features and labels of mean $1/2 + 0.3 sin(3 x_1)$; $H$ is
    the affine functions with $h^2 <= 1$. Blue: the theorem's rule for `alpha`, from the constant
    1/2 on; its last round (open) is rejected. Orange: the released class with its defaults; its
    last round (open) is not rounded. Lines: (a) the error of the last model minus its swap regret,
    which rounding exceeds a little; (b) the guarantee for the last accepted rounded model,
    $B (α/(2B) + 1/(2m) + 1/(4m^2))$ and $B (γ + 1/2 + 1/(4m))/m$. Points are errors on the sample,
    whose noise the rule's $2 B / α$ levels fit. Dotted: the mean error of the same models on new
    labels of the same rows. All new.
    """
    fig, panels = plt.subplots(1, 2, figsize=(8.2, 3.7))
    generator = np.random.default_rng(1)
    features = generator.uniform(-1, 1, (rows, dim))
    chances = 0.5 + 0.3 * np.sin(3 * features[:, 0])
    labels = (generator.random(rows) < chances).astype(float)
    basis = observed.affine(features)
    uniform = np.full(rows, 1 / rows)
    rule = predicted.grid(alpha, 1.0), predicted.tolerance(alpha, 1.0)
    runs = {
        "theorem's rule": (observed.lsboost(uniform, labels, basis, *rule), (rule[1], rule[0])),
        "released class": (
            observed.released_lsboost(labels, basis, bins, gamma),
            (gamma / bins, bins),
        ),
    }
    for (name, (run, stop)), colour, marker in zip(runs.items(), COLOURS, "os", strict=False):
        models = [np.clip(model, 0, 1) for model in run.models]
        errors = [observed.squared_error(uniform, model, labels) for model in models]
        worst = [observed.worst_error(uniform, model, labels, basis) for model in models]
        fits = [
            error - predicted.swap_regret(uniform, model, labels - model, basis)
            for error, model in zip(errors[:-1], models[:-1], strict=True)
        ]
        at = np.arange(len(models))
        fresh = [np.mean((model - chances) ** 2 + chances * (1 - chances)) for model in models]
        panels[0].plot(at, fresh, ":", color=colour, label=f"{name}, fresh labels")
        panels[0].plot(at[1:], fits, color=colour)
        panels[1].axhline(predicted.guaranteed_error(1.0, *stop), color=colour)
        for axes, values in zip(panels, (errors, worst), strict=True):
            axes.plot(at[:-1], values[:-1], marker, color=colour, label=name)
            axes.plot(at[-1:], values[-1:], marker, color=colour, markerfacecolor="white")
    for axes, letter, text in zip(
        panels, "ab", ("squared error", "worst K$_2$  (B = 1)"), strict=True
    ):
        axes.set(xlabel="round", ylabel=text)
        axes.xaxis.get_major_locator().set_params(integer=True)
        label(axes, letter)
    panels[1].set(yscale="log")
    line = Line2D([], [], color="0.3")
    last = Line2D([], [], color="0.3", marker="o", linestyle="", fillstyle="none")
    handles, names = panels[0].get_legend_handles_labels()
    lines = ["line: (a) last error less swap regret, (b) guarantee", "open: last round"]
    fig.legend(
        [*handles, line, last], [*names, *lines], loc="outside lower center", ncols=3, fontsize=7
    )
    return fig
