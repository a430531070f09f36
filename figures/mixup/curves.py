"""How the learned direction approaches the Bayes direction with more samples: F1."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.mixup.problems import REFERENCE, deficits, fitted, uniform_masks
from theory import mixup as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals

_LEARNERS = {
    "erm": ("no augmentation", COLOURS[1], "o"),
    "mixup": ("Mixup, λ averaged", COLOURS[0], "s"),
    "sampled": ("Mixup, one λ per pair", COLOURS[5], "^"),
    "masks": ("masks", COLOURS[3], "D"),
}


@figure(
    "F1",
    quick={"separabilities": (1, 4), "sizes": (40,), "erm_sizes": (40, 1000), "runs": 200},
    claims=(
        "erm_curse",
        "erm_fisher",
        "erm_phase_curve-simulated",
        "mixup_asymptotic",
        "sampled_lambda",
        "mask_suboptimal",
    ),
    marks="bands: from the 10 % to the 90 % quantile of the runs",
)
def learning_curves(
    separabilities: Sequence[float] = (0.5, 1, 2, 4, 8),
    sizes: Sequence[int] = (10, 20, 40, 80, 160),
    erm_sizes: Sequence[int] = (10, 20, 40, 80, 160, 400, 1000, 3000, 10000),
    runs: int = 200,
) -> Figure:
    """Separable classes hide the Bayes direction from training without augmentation; Mixup finds
    it, masks never do.

    1 - cos(w, b) of the learned weights w to the Bayes direction b = Σ⁻¹μ against the sample size
    n, for classes N(±μ, Σ/κ) in the plane, μ = (1, 1), Σ = diag(.2, 1.8), half the points of either
    class, λ uniform, all masks equally likely. Points: means over `runs` samples with 99 % Student
    intervals; bands: from the 10 % to the 90 % quantile of the runs. Lines: without augmentation
    the ridge-LDA path at finite n up to n = e^(a/2) (dotted), where separability ends, a = κm², and
    the law of large n, T K_erm(a) / (2κ|b|²n), beyond (solid); Mixup with the averaged loss
    the same with K_mix(a), called C/n (solid), and one λ per pair with the term B_s κ/n² of large κ
    added (dashed); masks the expected minimiser (dash-dotted), which stays away from b. The path is
    the limit of large κ: fluctuations of the direction put the orange points above it. (a-e)
    Growing κ. The four learners see the same samples. Oh & Yun 2023 for the curse and its cure; all
    lines are new.
    """
    size = max(2.45 * len(separabilities), 6.5), 3.8
    fig, axes = plt.subplots(
        1, len(separabilities), figsize=size, sharey=True, sharex=True, squeeze=False
    )
    for learner, (name, colour, marker) in _LEARNERS.items():
        chosen = erm_sizes if learner == "erm" else sizes
        weights = [fitted(learner, n, separabilities, runs) for n in chosen]
        distances = deficits(np.array(weights), REFERENCE.pair(1).bayes_direction)
        for panel, values in zip(axes[0], np.moveaxis(distances, 1, 0), strict=True):
            points_with_intervals(panel, chosen, values.T, colour, fmt=marker, label=name)
            panel.fill_between(
                chosen,
                *np.quantile(values, (0.1, 0.9), axis=1),
                color=colour,
                alpha=0.1,
                linewidth=0,
            )
    for separability, panel, letter in zip(separabilities, axes[0], "abcdefgh", strict=False):
        _theory_lines(panel, separability, np.geomspace(sizes[0], erm_sizes[-1], 81))
        a = REFERENCE.pair(separability).effective_separability
        panel.set(
            xscale="log",
            yscale="log",
            title=f"κ = {separability:g}  (a = {a:.3g})",
            xlabel="samples  n",
        )
        label(panel, letter)
    axes[0, 0].set(ylabel="1 − cos(w, b)  (dimensionless)", ylim=(3e-6, 1.5))
    fig.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=max(3, len(separabilities)),
    )
    return fig


def _theory_lines(axes: Axes, separability: float, n: np.ndarray) -> None:
    pair = REFERENCE.pair(separability)
    law = predicted.MixingLaw.beta(1.0)
    a = pair.effective_separability
    few = n < np.exp(a / 2)
    path = [pair.misalignment(predicted.erm_direction_at(pair, size)) for size in n[few]]
    axes.plot(n[few], path, ":", color=COLOURS[1], label="ridge-LDA path")
    rate = predicted.angle_rate(pair, predicted.erm_efficiency(a)) / n
    axes.plot(n[~few], rate[~few], color=COLOURS[1], label="K$_{erm}$ law")
    mixup = predicted.angle_rate(pair, predicted.mixup_efficiency(a, law)) / n
    axes.plot(n, mixup, color=COLOURS[0], label="C/n")
    extra = predicted.sampled_lambda_coefficient(pair, law) * separability / n**2
    axes.plot(n, mixup + extra, "--", color=COLOURS[5], label="C/n + B$_s$κ/n²")
    floor = pair.misalignment(predicted.mask_minimiser(pair, *uniform_masks(pair.dim)))
    axes.plot(n, np.full_like(n, floor), "-.", color=COLOURS[3], label="expected minimiser")
