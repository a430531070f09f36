"""The figures of infinite width: F1 how features move in wider networks, F2 trained outputs around
their limit.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from sims import infinite_width as observed
from theory import infinite_width as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, student_interval

POINT = np.random.default_rng(0).standard_normal((1, 3))
SCALINGS = {
    "μP = mean field": predicted.named_scaling("muP"),
    "F$_{1/4}$": (np.array([0.0, 0.75]), np.zeros(2), -0.5),
    "NTK": predicted.named_scaling("NTK"),
    "standard, c = 1": predicted.named_scaling("standard"),
}
SERIES = np.array([1, -1, 0.5, 1, -0.5, 1, -1, 0.5])


@figure(
    "F1",
    quick={"seeds": 16},
    claims=("width_exponent", "width_exponent-deep", "width_exponent-named"),
    marks="points: networks; lines: slope from the exponents alone",
)
def movement(widths: Sequence[int] = (128, 256, 512, 1024, 2048, 4096), seeds: int = 64) -> Figure:
    """How far the last hidden activations move in one step, against the width $n$, in four
    parametrisations.

    The networks have one hidden layer of tanh units and one input; the output error is 1/4. Points:
    means of the logarithm over `seeds` networks with 99 % Student intervals. Lines: $n^(-r)$
    through the points' mean, where $r$ follows from the exponents alone. Features that move at any
    width ($r = 0$) are learned; others freeze. After Yang & Hu 2021 (arXiv 2011.14522); the
    experiment is new.
    """
    fig, axes = plt.subplots(figsize=(5.4, 3.6))
    for (name, scaling), colour, marker in zip(SCALINGS.items(), COLOURS, "os^D", strict=False):
        logs = np.array(
            [_logs(np.random.default_rng(width), seeds, width, *scaling) for width in widths]
        ).T
        mean, half = student_interval(logs)
        typical = np.exp(mean)
        errors = [typical - np.exp(mean - half), np.exp(mean + half) - typical]
        r = float(predicted.feature_exponent(*scaling))
        line = np.exp(mean.mean() - r * (np.log(widths) - np.log(widths).mean()))
        axes.errorbar(
            widths,
            typical,
            errors,
            fmt=marker,
            color=colour,
            elinewidth=0.8,
            label=f"{name}, r = {r:g}",
        )
        axes.plot(widths, line, color=colour)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="width n  (units)",
        ylabel="movement of features  (root mean square)",
    )
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig


def _logs(
    generator: np.random.Generator, seeds: int, width: int, a: np.ndarray, b: np.ndarray, c: float
) -> np.ndarray:
    network = observed.draw_network(generator, seeds, width, a, b, c, inputs=3)
    step = observed.sgd_step(network, POINT, np.full((1, 1), 0.25))
    change = observed.features(step, POINT) - observed.features(network, POINT)
    return np.asarray(np.log(np.mean(change**2, axis=(1, 2))) / 2)


@figure(
    "F2", quick={"nets": 40}, claims=("limit_recursion", "finite_width_bias", "limit_fluctuation")
)
def outputs(widths: Sequence[int] = (64, 1024), nets: int = 200, rate: float = 0.15) -> Figure:
    """Outputs $f_t$ of linear networks of mean-field scaling during training, minus the limit of
    infinite width.

    There is one step on each of eight samples $(x_t, y_t = 1.5 x_t)$; the limit goes from 0 to
    values between −1.31 and 1.15. Points: `nets` networks of $n$ units, spread sideways. Bars: the
    mean to first order in $1/n$ (line), plus and minus two of the standard deviations that theory
    gives. (a) and (b): two widths. The limit is that of Yang & Hu 2021 (arXiv 2011.14522); mean and
    deviation at finite width are new.
    """
    fig, panels = plt.subplots(1, 2, figsize=(8.2, 3.4), sharey=True)
    theory = predicted.finite_width(SERIES, 1.5 * SERIES, rate)
    steps = np.arange(len(SERIES))
    for axes, width, letter in zip(panels, widths, "ab", strict=True):
        generator = np.random.default_rng(width)
        network = observed.shallow_network(generator, nets, width, 0.0, rate)
        paths = observed.train(network, SERIES[:, None, None], 1.5 * SERIES[:, None, None])[1][
            :, :, 0, 0
        ]
        bias = theory.bias / width
        two = 2 * np.sqrt(theory.variance / width)
        axes.bar(
            steps,
            2 * two,
            0.7,
            bias - two,
            color=COLOURS[5],
            alpha=0.6,
            label="± 2 deviations, theory",
        )
        aside = steps[:, None] + generator.uniform(-0.2, 0.2, paths.shape)
        axes.plot(aside, paths - theory.limit[:, None], ".", color=COLOURS[1], markersize=1.5)
        axes.plot([], [], ".", color=COLOURS[1], label=f"{nets} networks")
        axes.hlines(
            bias, steps - 0.35, steps + 0.35, color=COLOURS[0], linewidth=1.5, label="mean, theory"
        )
        axes.axhline(0, color="0.5", linestyle=":", label="limit", zorder=0)
        axes.set(xlabel="step t", title=f"n = {width}")
        label(axes, letter)
    panels[0].set_ylabel("output f$_t$ less its limit  (unit of y)")
    panels[1].legend(loc="upper right")
    return fig
