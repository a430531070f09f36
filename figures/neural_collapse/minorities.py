"""Ten imbalanced classes: who survives weight decay, and how long features and classifiers are,
F6.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from figures.neural_collapse.panels import falling_points
from figures.neural_collapse.simulations import LEARNING_RATE, MOMENTUM, START, direct_experiment
from theory import neural_collapse as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals
from theory_on_trial.figures.replicates import replicates

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
        "imb_M1_minority",
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

    Ten classes, N = 3000, no bias, in the class-mean reduction with momentum 0.9; lines are the
    minimum as a function of the class size n_k at this N, points the means over the runs with 99 %
    Student intervals. (a-d) λ = decay, that is 1e-5 in the units of the released code for CIFAR-10,
    whose loss is an average over entries; start N(0, 0.1²) and learning_rate. (a) Largest of NC2
    and NC3 against the steps, geometric means with intervals of the mean logarithm, and the
    predicted last phase (lines). (b) Own logit of each class. (c, d) Squared lengths of classifier
    and class mean. (e-h) The same, without rates, at the decay at which classes below critical_size
    vanish from the minimum (dotted), learning rate 0.1. Filled: start N(0, strong_start²). Hollow:
    start N(0, 0.1²), in (f-h) each run on its own: from there the deep head loses more than the
    minimum does, and ends in a local minimum that keeps the largest classes only, of two classes of
    one size perhaps a mixture. At M = 1 lengths vanish continuously, and there small classes have
    the shorter features; at M = 2 they vanish with a jump. Setting of Dang et al. 2023; lines,
    second row and intervals are new.
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
        rate = predicted.nc2_rate(decay, learning_rate, MOMENTUM)
        _convergence(axes[0, 0], data, colour, steps, every, rate, label=f"M = {depth}")
        _geometry(axes[0, 1:], data, sizes, colour)
        _predicted_geometry(axes[0, 1:], sizes, depth, decay, colour, smallest=-(-min(sizes) // 2))
    others = sum(sizes) - critical_size
    for depth, colour in zip(strong_depths, (COLOURS[0], COLOURS[2]), strict=False):
        strong = predicted.largest_common_decay((critical_size, others), depth)
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
    optimum = predicted.mse_optimum((size, n_samples - size), [decay] * depth, decay)
    return np.array([optimum.logits[0, 0], optimum.product_gram[0, 0], optimum.feature_gram[0, 0]])
