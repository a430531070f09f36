"""The direct experiments at the settings of the released code: F1 and F2.

Ten imbalanced classes: who survives weight decay, and how long features and classifiers are,
F6.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.neural_collapse.panels import (
    LEARNING_RATE,
    MOMENTUM,
    START,
    direct_experiment,
    falling_points,
)
from sims.neural_collapse.collapse_metrics import gram_distance
from theory.neural_collapse import landscape, mean_square
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters, points_with_intervals
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
    every depth $M$.

    Full-batch gradient descent on weights and free features of all $K n$ samples, square loss,
    $η = 0.1$, momentum 0.9, start $N(0, 0.1²)$. Points: geometric means over the runs with 99 %
    Student intervals of the mean logarithm. (a-c) Without a bias, towards orthogonal frames. (d-f)
    With one that is not decayed, towards simplex frames. NC2 is the largest distance over all
    $W_M … W_m$; dotted: where it would stay if the heads had collapsed to the other of the two
    frames. Points of the depths $M$ alternate. Lines: the predicted last phase, which depends on
    the decay $λ$ alone: with $r(h)$ the heavy-ball rate of curvature $h$, NC1 falls at
    $2 r(λ) + 2 r(2λ)$, NC2 and NC3 at $r(2λ)$; their heights go through the last point above
    rounding. (f) At $M = 1$ NC3 falls at $r(λ)$ in the end: the part of the classifier that is
    common to all classes is idle beside a bias, and decay alone removes it. Dang et al. 2023;
    intervals and rates are new.
    """
    names = ("within_class", "weights", "alignment")
    fig, axes = plt.subplots(2, 3, figsize=(8.6, 5.2), sharex=True, sharey=True)
    frames = mean_square.orthogonal_frame(n_classes), mean_square.simplex_etf(n_classes)
    other = float(gram_distance(*frames))
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

    As F1 with $n_k =$ `class_sizes`; the metrics are distances to the predicted optimum. Points:
    geometric means over the runs with 99 % Student intervals of the mean logarithm. (a)
    Within-class spread. (b) Products $W_M … W_m$ of the weights, the largest distance over $m$. (c)
    Class means. (d) Logits. (e) Weights against class means. (f) Objective above the minimum in
    closed form. Lines: predicted rates as in F1, twice that of NC2 in (d), as the slowest modes
    leave the product unchanged to first order, and $2 r(λ)$ in (f), where weight decay removes the
    parts of the features that no weight reads. Dotted: where (b, c) would stay if the heads had
    collapsed to the orthogonal frame of equal lengths, in the colour of the depth $M$. Dang et al.
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
    equal = mean_square.orthogonal_frame(len(class_sizes))
    for depth, colour in zip(depths, COLOURS, strict=False):
        optimum = mean_square.mse_optimum(class_sizes, [decay] * depth, decay)
        for name, gram in (("weights", optimum.product_gram), ("features", optimum.feature_gram)):
            panels[name].axhline(float(gram_distance(gram, equal)), color=colour, linestyle=":")
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
    frame = landscape.nc2_rate(decay, LEARNING_RATE, MOMENTUM)
    idle = landscape.heavy_ball_rate(decay, LEARNING_RATE, MOMENTUM)
    return {
        "within_class": landscape.nc1_rate(decay, LEARNING_RATE, MOMENTUM),
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


_GEOMETRY = {
    "own_logits": "own logit",
    "weight_lengths": r"classifier  $|w_k|^2$",
    "feature_lengths": r"class mean  $|h_k|^2$",
}


@figure(
    "F6",
    quick={"depths": (1,), "strong_depths": (2,), "steps": 4000, "every": 400, "runs": 3},
    claims=(
        "imb_M1",
        "imb_deep",
        "imb_deep_minority",
        "feature_lengths",
        "gd_basin",
    ),
    marks="lines: theory; points: descent; hollow: from a small start; dotted: size below which "
    "classes vanish",
)
def minorities(
    class_sizes: Sequence[int] = (500, 500, 400, 400, 300, 300, 200, 200, 100, 100),
    depths: Sequence[int] = (1, 3, 6),
    strong_depths: Sequence[int] = (1, 2),
    decay: float = 1e-4,
    critical_size: int = 180,
    width: int = 64,
    strong_start: float = 0.3,
    learning_rate: float = 1.0,
    steps: int = 12_000,
    every: int = 600,
    runs: int = 4,
) -> Figure:
    """Minorities have shorter classifiers and longer features, until weight decay beyond a critical
    size removes them.

    Ten classes, $N = 3000$, no bias, in the class-mean reduction with momentum 0.9; lines are the
    minimum as a function of the class size $n_k$ at this $N$, points the means over the runs with
    99 % Student intervals. (a-d) $λ$ is the decay, that is $1e-5$ in the units of the released code
    for CIFAR-10, whose loss is an average over entries; start $N(0, 0.1²)$ and `learning_rate`. (a)
    Largest of NC2 and NC3 against the steps, geometric means with intervals of the mean logarithm,
    and the predicted last phase (lines). (b) Own logit of each class. (c, d) Squared lengths of
    classifier and class mean. (e-h) The same, without rates, at the decay at which classes below
    `critical_size` vanish from the minimum (dotted), learning rate 0.1. Filled: start normal of
    deviation `strong_start`. Hollow: start $N(0, 0.1²)$, in (f-h) each run on its own: from there
    the deep head loses more than the minimum does, and ends in a local minimum that keeps the
    largest classes only, of two classes of one size perhaps a mixture. At $M = 1$ lengths vanish
    continuously, and there small classes have the shorter features; at $M = 2$ they vanish with a
    jump. Setting of Dang et al. 2023; lines, second row and intervals are new.
    """
    sizes = tuple(class_sizes)
    settings: dict[str, Any] = {
        "class_sizes": sizes,
        "width": width,
        "bias": False,
        "reduced": True,
    }
    settings |= {"steps": steps, "every": every}
    fig, axes = plt.subplots(2, 4, figsize=(10.5, 5.2))
    for depth, colour in zip(depths, COLOURS, strict=False):
        static = settings | {"depth": depth, "decay": decay}
        swept = {"learning_rate": learning_rate, "start_std": [START]}
        data = replicates(direct_experiment, runs, static, swept).isel(start_std=0)
        rate = landscape.nc2_rate(decay, learning_rate, MOMENTUM)
        _convergence(axes[0, 0], data, colour, steps, every, rate, label=f"M = {depth}")
        _geometry(axes[0, 1:], data, sizes, colour)
        _predicted_geometry(axes[0, 1:], sizes, depth, decay, colour, smallest=-(-min(sizes) // 2))
    others = sum(sizes) - critical_size
    for depth, colour in zip(strong_depths, (COLOURS[0], COLOURS[2]), strict=False):
        strong = landscape.largest_common_decay((critical_size, others), depth)
        static = settings | {"depth": depth, "decay": strong}
        swept = {"learning_rate": LEARNING_RATE, "start_std": [START, strong_start]}
        pair = replicates(direct_experiment, runs, static, swept)
        for start, face in ((START, "white"), (strong_start, colour)):
            data = pair.sel(start_std=start)
            name = f"M = {depth}, start {start:g}"
            _convergence(axes[1, 0], data, colour, steps, every, markerfacecolor=face, label=name)
        _geometry(axes[1, 1:], pair.sel(start_std=strong_start), sizes, colour)
        for panel, name in zip(axes[1, 1:], _GEOMETRY, strict=True):
            single = pair[name].sel(start_std=START).values.T
            panel.plot(sizes, single, "o", color=colour, markerfacecolor="none", markersize=5)
        _predicted_geometry(axes[1, 1:], sizes, depth, strong, colour, smallest=1)
    for row in axes:
        row[0].set(yscale="log", ylim=(1e-17, 9), xlabel="steps", ylabel="largest of NC2 and NC3")
        for panel, name in zip(row[1:], _GEOMETRY.values(), strict=True):
            panel.set(
                xlabel="samples of the class  $n_k$", ylabel=name, xlim=(0, 1.06 * max(sizes))
            )
    for panel in axes[1, 1:]:
        panel.axvline(critical_size, color="0.5", linestyle=":")
    axes[0, 0].legend(loc="upper right")
    axes[1, 0].legend(loc="lower left", fontsize=6.5, handletextpad=0.1)
    letters(axes.flat, x=-0.1)
    return fig


def _convergence(
    axes: Any,
    data: Any,
    colour: str,
    steps: int,
    every: int,
    rate: float | None = None,
    **style: Any,
) -> None:
    worst = np.max(
        [data[name].values for name in ("weights", "features", "logits", "alignment")], axis=0
    )
    falling_points(axes, np.arange(every, steps + 1, every), worst, colour, rate, **style)


def _geometry(axes: Any, data: Any, class_sizes: tuple[int, ...], colour: str) -> None:
    for panel, name in zip(axes, _GEOMETRY, strict=True):
        points_with_intervals(panel, class_sizes, data[name].values, colour)


def _predicted_geometry(
    axes: Any, class_sizes: tuple[int, ...], depth: int, decay: float, colour: str, smallest: int
) -> None:
    grid = np.arange(smallest, max(class_sizes) + 1)
    curves = np.array([_lengths(int(size), sum(class_sizes), depth, decay) for size in grid])
    for panel, curve in zip(axes, curves.T, strict=True):
        panel.plot(grid, curve, color=colour)


def _lengths(size: int, n_samples: int, depth: int, decay: float) -> Float[np.ndarray, "3"]:
    """Own logit and squared lengths of classifier and class mean of a class: other classes matter
    through N alone.
    """
    optimum = mean_square.mse_optimum((size, n_samples - size), [decay] * depth, decay)
    return np.array([optimum.logits[0, 0], optimum.product_gram[0, 0], optimum.feature_gram[0, 0]])
