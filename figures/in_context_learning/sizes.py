"""What the depth and the width of a model do: phases (F3), smallest sizes (F8), and the ladder with
noise (F5).
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.in_context_learning import models
from sims.in_context_learning import baselines, training
from theory import in_context_learning as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters, points_with_intervals

_FAMILY = {
    "least squares": baselines.ols(),
    "Ridge(0.1)": baselines.ridge(0.1),
    "Ridge(0.5)": baselines.ridge(0.5),
    "GD(0.05)": baselines.gradient_step(0.05),
}


@figure(
    "F3",
    quick={"dimension": 1, "depths": (1,), "steps": 500, "prompts": 1024},
    claims=("phase-depth", "depth"),
    marks="dotted: exact distance of each rule from least squares",
)
def phases_of_depth(
    dimension: int = 2, depths: Sequence[int] = (1, 2, 4), steps: int = 8000, prompts: int = 4096
) -> Figure:
    """The deeper a trained model, the nearer it is to least squares, and the less to one gradient
    step.

    Squared difference SPD / d between trained models and four rules against the depth L, mean over
    k = 1 to 5 of prompts without noise; `dimension` dimensions, one head of 32 units. Dotted at the
    right: exact distance of each rule from least squares, where a perfect model's points would be.
    Bars: 99 % Student intervals over `prompts` prompts; one model each. A miniature of the paper's
    sweep (d = 8 and 16, up to 16 layers and 1024 units, 500 000 steps): it shows the two later ones
    of its three phases, where the nearest rule changes from Ridge(0.5) to Ridge(0.1) and to least
    squares. For the width see F8.
    """
    fig, axis = plt.subplots(figsize=(5.6, 3.7))
    settings = [models.ladder(dimension, layers, steps) for layers in depths]
    distances = [
        np.asarray(models.distances(s, list(_FAMILY.values()), prompts)).mean(axis=2)
        for s in settings
    ]
    for row, (name, colour, marker) in enumerate(zip(_FAMILY, COLOURS, "os^D", strict=False)):
        runs = np.array([of_model[row] for of_model in distances]).T
        points_with_intervals(
            axis, list(depths), runs, colour, fmt=f"{marker}-", linewidth=0.6, label=name
        )
        axis.axhline(_exact_distance(name, dimension), xmin=0.9, color=colour, linestyle=":")
    axis.set_xscale("log", base=2)
    axis.set_xticks(list(depths), [str(layers) for layers in depths])
    axis.set(xlim=(depths[0] / 1.15, 1.5 * depths[-1]), ylim=(0, None), xlabel="layers L")
    axis.set(ylabel="SPD / d to the model", title=f"d = {dimension}, H = {settings[0].width}")
    axis.legend()
    return fig


def _exact_distance(name: str, dimension: int) -> float:
    """SPD / d of a rule to least squares without noise, mean over the prefixes."""
    prefixes = range(1, models.EXAMPLES)
    if name == "GD(0.05)":
        return (
            float(
                np.mean([predicted.spd_gradient_step_to_ols(dimension, k, 0.05) for k in prefixes])
            )
            / dimension
        )
    parameter = _FAMILY[name].parameter
    return (
        float(np.mean([predicted.spd_ridge_to_ols(parameter, dimension, k) for k in prefixes]))
        / dimension
    )


@figure(
    "F8",
    quick={
        "layers": 1,
        "depths": (1,),
        "widths": (16,),
        "heads": (2,),
        "steps": 500,
        "prompts": 1024,
    },
    claims=("min-width",),
    marks="below the line least squares describes the model better",
)
def smallest_sizes(
    depths: Sequence[int] = (1, 2, 4),
    widths: Sequence[int] = (4, 8, 16),
    heads: Sequence[int] = (1, 2),
    layers: int = 2,
    steps: int = 2000,
    prompts: int = 4096,
) -> Figure:
    """Ridge(0.1) describes the smallest models better, and least squares the larger ones.

    SPD to least squares over SPD to Ridge(0.1), both from the same trained model, mean over k = 1
    to 5 of scalar prompts without noise: below the line at 1 the model counts as least squares. (a)
    Against the depth L (H = 16, two heads), (b) the width H (`layers` layers, two heads), (c) the
    number of heads M (as many, H = 16). The quotients of 8 samples of prompts, with 99 % Student
    intervals of their mean; one model for each size, after `steps` steps. A miniature of the
    paper's figure 8, which has d up to 20 and the smallest size of a sweep with 500 000 steps.
    """
    fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True)
    panels = (
        ("layers L", depths, [models.small(steps, depth) for depth in depths]),
        ("width H", widths, [models.small(steps, layers, width=width) for width in widths]),
        ("heads M", heads, [models.small(steps, layers, heads=number) for number in heads]),
    )
    rules = list(
        _FAMILY.values()
    )  # only two are needed, but these have been compiled for the other figure
    for axis, (text, sizes, settings), letter in zip(axes, panels, "abc", strict=True):
        pairs = [
            np.asarray(models.distances(s, rules, prompts))[:2].reshape(2, 8, -1).mean(axis=2)
            for s in settings
        ]
        quotients = np.array([to_ols / to_ridge for to_ols, to_ridge in pairs]).T
        points_with_intervals(axis, list(sizes), quotients, COLOURS[0])
        axis.axhline(1, color=COLOURS[6], linewidth=0.8)
        axis.set_xscale("log", base=2)
        axis.set_xticks(list(sizes), [str(size) for size in sizes])
        axis.set(xlabel=text, yscale="log", xlim=(sizes[0] / 1.3, sizes[-1] * 1.3))
        label(axis, letter)
    axes[0].set_ylabel("SPD to least squares / SPD to Ridge(0.1)")
    return fig


@figure(
    "F5",
    quick={"depths": (1,), "steps": 500, "prompts": 1024},
    claims=("icl-approaches-mbr", "bayes-error", "gd-best-step"),
)
def ladder_to_the_bayes_error(
    depths: Sequence[int] = (1, 2, 4),
    steps: int = 6000,
    noise_std: float = 0.5,
    prompts: int = 8192,
) -> Figure:
    """Two layers come down to the Bayes error; one does not.

    Scalar problems with noise σ = `noise_std`, τ = 1; trained models of 16 units and two heads. (a)
    Squared error after k examples, noise included: lines are exact, of the Bayes predictor (black)
    and of one gradient step of the best size for each k (dotted); points: trained models. (b) Mean
    over k = 1 to 5 against the depth L, with the exact Bayes error and that of the best gradient
    steps. Bars: 99 % Student intervals over `prompts` prompts; one model each.
    """
    fig, (by_prefix, by_depth) = plt.subplots(1, 2, figsize=(8.4, 3.4))
    prefixes = np.arange(models.EXAMPLES)
    noise = {"noise_std": noise_std}
    bayes = np.array([predicted.bayes_risk(1, int(k), **noise) for k in prefixes]) + noise_std**2
    step = np.array([predicted.best_step_risk(1, int(k), **noise) for k in prefixes]) + noise_std**2
    by_prefix.plot(prefixes, bayes, color=COLOURS[6], label="Bayes")
    by_prefix.plot(prefixes, step, ":", color=COLOURS[6], label="best gradient step")
    by_depth.axhline(predicted.mean_bayes_error(1, models.EXAMPLES, **noise), color=COLOURS[6])
    by_depth.axhline(step[1:].mean(), color=COLOURS[6], linestyle=":")
    for layers, colour, marker in zip(depths, COLOURS, "os^", strict=False):
        settings = models.small(steps, layers=layers, noise_std=noise_std)
        batch = models.fresh_prompts(settings, prompts)
        errors = (
            np.asarray(
                training.in_context_predictions(models.trained(settings), batch) - batch.labels
            )
            ** 2
        )
        points_with_intervals(
            by_prefix, prefixes, errors, colour, fmt=marker, label=f"model, L = {layers}"
        )
        points_with_intervals(
            by_depth, [layers], errors[:, 1:].mean(axis=1)[:, None], colour, fmt=marker
        )
    by_prefix.set(
        xlabel="number of examples k", ylabel="squared error", ylim=(0, None), title="d = 1"
    )
    by_prefix.legend()
    by_depth.set_xscale("log", base=2)
    by_depth.set_xticks(list(depths), [str(layers) for layers in depths])
    by_depth.set(xlabel="layers L", ylabel="squared error, mean over k = 1 to 5", title="d = 1")
    by_depth.set(xlim=(depths[0] / 1.3, depths[-1] * 1.3), ylim=(0, None))
    letters((by_prefix, by_depth))
    return fig
