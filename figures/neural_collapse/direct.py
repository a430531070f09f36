"""The direct experiments at the settings of the released code: F1 and F2."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.neural_collapse.panels import falling_points
from figures.neural_collapse.simulations import LEARNING_RATE, MOMENTUM, START, direct_experiment
from theory import neural_collapse as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label
from theory_on_trial.figures.replicates import replicates

_NAMES = {
    "within_class": "NC1",
    "weights": "NC2, weights",
    "features": "NC2, class means",
    "logits": "NC3, logits",
    "alignment": "NC3, weights and means",
    "gap": "$f - f^*$",
}
_LIMITS = (1e-17, 9.0)


@figure(
    "F1",
    quick={"depths": (1,), "steps": 6000},
    claims=(
        "bal_nobias_value",
        "bal_nobias_NC",
        "bal_bias_NC",
        "gd_reaches_NC",
        "gd_reaches_NC-official",
        "nc_rate",
        "nc_rate-within",
    ),
    marks="points: descent; lines: predicted last phase; dotted: where it would stay at the other "
    "frame",
)
def direct_balanced(
    per_class: int = 100,
    n_classes: int = 4,
    depths: Sequence[int] = (1, 3, 6),
    width: int = 64,
    decay: float = 5e-4,
    steps: int = 30_000,
    every: int = 1000,
    runs: int = 3,
) -> Figure:
    """From a small random start, deep linear heads on balanced classes collapse to their frame at
    every depth M.

    Full-batch gradient descent on weights and free features of all K n samples, square loss, η =
    0.1, momentum 0.9, start N(0, 0.1²). Points: geometric means over the runs with 99 % Student
    intervals of the mean logarithm. (a-c) Without a bias, towards orthogonal frames. (d-f) With one
    that is not decayed, towards simplex frames. NC2 is the largest distance over all W_M..W_m;
    dotted: where it would stay if the heads had collapsed to the other of the two frames. Points of
    the depths M alternate. Lines: the predicted last phase, which depends on
    the decay λ alone: with r(h) the heavy-ball rate of curvature h, NC1 falls at 2 r(λ) + 2 r(2λ),
    NC2 and NC3 at r(2λ); their heights go through the last point above rounding. (f) At M = 1 NC3
    falls at r(λ) in the end: the part of the classifier that is common to all classes is idle
    beside a bias, and decay alone removes it. Dang et al. 2023; intervals and rates are new.
    """
    names = ("within_class", "weights", "alignment")
    fig, axes = plt.subplots(2, 3, figsize=(8.6, 5.2), sharex=True, sharey=True)
    frames = predicted.orthogonal_frame(n_classes), predicted.simplex_etf(n_classes)
    other = predicted.frame_distance(*frames)
    settings: dict[str, Any] = {
        "class_sizes": (per_class,) * n_classes,
        "width": width,
        "decay": decay,
    }
    settings |= {"steps": steps, "every": every}
    for row, bias in zip(axes, (False, True), strict=True):
        settings["bias"] = bias
        _trajectories(dict(zip(names, row, strict=True)), depths, runs, settings)
        row[1].axhline(other, color="0.4", linestyle=":")
        row[0].set_ylabel("simplex frame, bias" if bias else "orthogonal frame, no bias")
    _finish(fig, axes, names)
    return fig


@figure(
    "F2",
    quick={"depths": (3,), "steps": 6000},
    claims=("imb_M1", "imb_deep", "nc_rate", "nc_rate-within"),
    marks="points: descent; lines: predicted last phase; dotted: where it would stay at the "
    "orthogonal frame",
)
def direct_imbalanced(
    class_sizes: Sequence[int] = (200, 100, 50, 50),
    depths: Sequence[int] = (1, 3, 6),
    width: int = 64,
    decay: float = 5e-4,
    steps: int = 30_000,
    every: int = 1000,
    runs: int = 3,
) -> Figure:
    """Imbalanced classes without a bias collapse to a general orthogonal frame whose lengths follow
    the class sizes.

    As F1 with n_k = class_sizes; the metrics are distances to the predicted optimum. Points:
    geometric means over the runs with 99 % Student intervals of the mean logarithm. (a)
    Within-class spread. (b) Products W_M..W_m of the weights, the largest distance over m. (c)
    Class means. (d) Logits. (e) Weights against class means. (f) Objective above the minimum in
    closed form. Lines: predicted rates as in F1, twice that of NC2 in (d), as the slowest modes
    leave the product unchanged to first order, and 2 r(λ) in (f), where weight decay removes the
    parts of the features that no weight reads. Dotted: where (b, c) would stay if the heads had
    collapsed to the orthogonal frame of equal lengths, in the colour of the depth M. Dang et al.
    2023; intervals, the minimum and the rates are new.
    """
    fig, axes = plt.subplots(2, 3, figsize=(8.6, 5.2), sharex=True, sharey=True)
    panels = dict(zip(_NAMES, axes.flat, strict=True))
    settings: dict[str, Any] = {
        "class_sizes": tuple(class_sizes),
        "width": width,
        "decay": decay,
        "bias": False,
    }
    _trajectories(panels, depths, runs, settings | {"steps": steps, "every": every})
    equal = predicted.orthogonal_frame(len(class_sizes))
    for depth, colour in zip(depths, COLOURS, strict=False):
        optimum = predicted.mse_optimum(class_sizes, [decay] * depth, decay)
        for name, gram in (("weights", optimum.product_gram), ("features", optimum.feature_gram)):
            panels[name].axhline(predicted.frame_distance(gram, equal), color=colour, linestyle=":")
    for row in axes:
        row[0].set_ylabel("distance from collapse")
    _finish(fig, axes, tuple(_NAMES))
    return fig


def _trajectories(
    panels: dict[str, Axes], depths: Sequence[int], runs: int, settings: dict[str, Any]
) -> None:
    times = np.arange(settings["every"], settings["steps"] + 1, settings["every"])
    start = {"learning_rate": LEARNING_RATE, "start_std": START}
    for turn, (depth, colour) in enumerate(zip(depths, COLOURS, strict=False)):
        data = replicates(
            direct_experiment, runs, settings | {"depth": depth, "reduced": False}, start
        )
        rates = _last_phase(settings["decay"], idle_mean=settings["bias"] and depth == 1)
        for name, axes in panels.items():
            # The points of the depths alternate, so that none hides another.
            falling_points(
                axes,
                times,
                data[name].values,
                colour,
                rates[name],
                shown=slice(turn, None, len(depths)),
                label=f"M = {depth}",
            )


def _last_phase(decay: float, idle_mean: bool) -> dict[str, float]:
    """Rates per step at which the metrics fall in the end; `idle_mean`: the classifier has a part
    that nothing uses.
    """
    frame = predicted.nc2_rate(decay, LEARNING_RATE, MOMENTUM)
    idle = predicted.heavy_ball_rate(decay, LEARNING_RATE, MOMENTUM)
    return {
        "within_class": predicted.nc1_rate(decay, LEARNING_RATE, MOMENTUM),
        "weights": frame,
        "features": frame,
        "logits": 2 * frame,
        "alignment": idle if idle_mean else frame,
        "gap": 2 * idle,
    }


def _finish(drawn: Figure, axes: Any, shown: Sequence[str]) -> None:
    for panel, name in zip(axes.flat, shown, strict=False):
        panel.set_title(_NAMES[name])
    for panel, letter in zip(axes.flat, "abcdefgh", strict=False):
        panel.set(yscale="log", ylim=_LIMITS)
        label(panel, letter)
    for panel in axes[-1]:
        panel.set_xlabel("steps")
    axes[-1, -1].legend(loc="upper right")
