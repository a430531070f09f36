"""Where descent goes: the phases of weight decay and how many runs reach the global minimum, F3;
hysteresis, F5.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from figures.neural_collapse.simulations import decay_loop, final_objective
from theory import neural_collapse as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import (
    label,
    letters,
    points_with_intervals,
    shares_with_intervals,
)
from theory_on_trial.figures.replicates import replicates

_REACHED = 1e-6  # above the minimum; the local minima are 1e-3 and more apart


@figure(
    "F3",
    quick={
        "depths": (1, 2),
        "strengths": (0.2, 0.6),
        "start_stds": (0.1, 0.3),
        "runs": 32,
        "steps": 1000,
    },
    claims=("bal_threshold", "gd_basin", "gd_basin-origin"),
    marks="discs and points: shares of random starts; (a) the frame is the global minimum (blue), "
    "a local one "
    "(orange), none (grey); (b) dotted: strength from which zero is the minimum, by depth",
)
def phases(
    depths: Sequence[int] = (1, 2, 3, 4, 6),
    strengths: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.47, 0.6, 0.75, 0.95, 1.2),
    start_stds: Sequence[float] = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4),
    compared_strength: float = 0.2,
    start_std: float = 0.3,
    width: int = 8,
    n_classes: int = 3,
    per_class: int = 3,
    steps: int = 2000,
    runs: int = 64,
) -> Figure:
    """From a strength β_gl of weight decay on, zero is the global minimum; a frame stays a local
    one until β_ex.

    β = M K (N Λ)^(1/M), Λ the product of all decays, which are equal here. (a) Phases. Below the
    solid line the frame is the global minimum (blue); from there to the dashed line it is a local
    one (orange); above, zero is the only stationary point (grey). From M = 2 on zero is a local
    minimum everywhere. Discs: the share of random starts from which descent in the class-mean
    reduction ends at the global minimum. (b) The same shares with exact 99 % binomial intervals
    (points); dotted: β_gl in the colour of the depth. (c) The share at β = compared_strength
    against the standard deviation of the start, with the same intervals; runs that overflow count
    as not reaching it. From M = 2 on neither theory nor descent from one start tells what another
    start finds. New.
    """
    fig, (left, middle, right) = plt.subplots(
        1, 3, figsize=(10, 3.6), gridspec_kw={"width_ratios": (1.25, 1, 1)}
    )
    _phase_diagram(left, max(depths), max(strengths))
    settings: dict[str, Any] = {
        "class_sizes": (per_class,) * n_classes,
        "width": width,
        "steps": steps,
    }
    for depth, colour in zip(depths, COLOURS, strict=False):
        style = {"linestyle": "-", "linewidth": 0.5, "label": f"M = {depth}"}
        hits = _reached(depth, strengths, start_std, runs, settings)
        shares_with_intervals(middle, strengths, hits, colour, **style)
        discs = {
            "vmin": 0,
            "vmax": 1,
            "cmap": "cividis",
            "edgecolors": "white",
            "linewidths": 0.7,
            "zorder": 3,
        }
        drawn_discs = left.scatter(
            [depth] * len(strengths), strengths, c=hits.mean(axis=0), s=30, **discs
        )
        middle.axvline(
            predicted.global_threshold(depth), color=colour, linestyle=":", linewidth=0.8
        )
        from_starts = _reached(depth, [compared_strength], list(start_stds), runs, settings)
        shares_with_intervals(right, start_stds, from_starts, colour, **style)
    fig.colorbar(drawn_discs, ax=left, label="share of runs")
    middle.set(xlabel="strength of weight decay  β", title=f"start N(0, {start_std:g}²)")
    right.set(xlabel="standard deviation of the start", title=f"β = {compared_strength:g}")
    for panel in (middle, right):
        panel.set(ylim=(-0.03, 1.03), ylabel="share of runs at the global minimum")
    right.legend(loc="lower right", fontsize=7)
    letters((left, middle, right), x=-0.1)
    return fig


def _phase_diagram(axes: Any, deepest: int, strongest: float) -> None:
    depths = np.arange(1, deepest + 1)
    lower = [predicted.global_threshold(int(depth)) for depth in depths]
    upper = [predicted.existence_threshold(int(depth)) for depth in depths]
    top = 1.1 * max(upper[-1], strongest)
    axes.fill_between(depths, 0, lower, color=COLOURS[5], alpha=0.35, linewidth=0)
    axes.fill_between(depths, lower, upper, color=COLOURS[4], alpha=0.35, linewidth=0)
    axes.fill_between(depths, upper, top, color="0.9", linewidth=0)
    axes.plot(depths, lower, color=COLOURS[6], label=r"$β_{\mathrm{gl}}$")
    axes.plot(depths, upper, "--", color=COLOURS[6], label=r"$β_{\mathrm{ex}}$")
    axes.set(
        xlabel="depth  M",
        ylabel="strength of weight decay  β",
        ylim=(0, top),
        xlim=(0.7, deepest + 0.3),
    )
    axes.set_xticks(depths)
    axes.legend(loc="upper left")


def _decay_of(beta: float, class_sizes: tuple[int, ...], depth: int) -> float:
    """The decay, equal for all factors, at which the smallest class has the strength β."""
    at_threshold = predicted.largest_common_decay(class_sizes, depth)
    return float(at_threshold * (beta / predicted.global_threshold(depth)) ** (depth / (depth + 1)))


def _reached(
    depth: int,
    strengths: Sequence[float],
    start_std: float | list[float],
    runs: int,
    static: dict[str, Any],
) -> Float[np.ndarray, "runs cells"]:
    """1 where a run ends at the global minimum, for several strengths or several starts."""
    sizes = static["class_sizes"]
    decays = [_decay_of(beta, sizes, depth) for beta in strengths]
    data = replicates(
        final_objective, runs, static | {"depth": depth}, {"start_std": start_std, "decay": decays}
    )
    optima = [predicted.mse_optimum(sizes, [decay] * depth, decay).value for decay in decays]
    above = (
        data["final_objective"].transpose(..., "decay", "seed").values - np.array(optima)[:, None]
    )
    return (above.reshape(-1, runs).T < _REACHED).astype(float)


@figure(
    "F5",
    quick={"depths": (2,), "levels": 8, "steps": 1500, "runs": 3},
    claims=("hysteresis", "hysteresis-shallow"),
    marks="solid: global minimum; dashed: local minimum; dotted: where that ends; triangles: "
    "descent",
)
def hysteresis(
    depths: Sequence[int] = (1, 2, 3),
    levels: int = 18,
    weakest: float = 0.1,
    beyond: float = 1.15,
    width: int = 8,
    n_classes: int = 3,
    per_class: int = 3,
    start_std: float = 0.3,
    steps: int = 3000,
    runs: int = 4,
) -> Figure:
    """Weight decay that is raised and lowered again leaves a shallow head as it was, and a deep one
    dead.

    Share x^M / (1 + x^M) of the labels' singular values that the logits keep, while all decays are
    raised slowly from β = weakest to `beyond` β_ex (triangles up) and lowered again (triangles
    down): means over classes and runs with 99 % Student intervals over the runs. Lines: the largest
    root of the scalar equation, solid where it is the global minimum, dashed between β_gl and β_ex
    where it is a local one, and zero where that is the global minimum. (a) M = 1: one curve, up and
    down. (b, c) From M = 2 on the frame stays beyond β_gl, at which the minimum jumps, and is lost
    with a jump at β_ex (dotted); it does not come back, as zero remains a local minimum at every
    decay. New.
    """
    fig, axes = plt.subplots(
        1, len(depths), figsize=(3.1 * len(depths), 3), sharey=True, squeeze=False
    )
    class_sizes = (per_class,) * n_classes
    for depth, panel, letter in zip(depths, axes.flat, "abcdef", strict=False):
        existence = predicted.existence_threshold(depth)
        rising = np.linspace(weakest, beyond * existence, levels)
        betas = np.concatenate([rising, rising[-2::-1]])
        decays = np.array([_decay_of(float(beta), class_sizes, depth) for beta in betas])
        static: dict[str, Any] = {"class_sizes": class_sizes, "decays": tuple(decays.tolist())}
        static |= {"depth": depth, "width": width, "steps": steps}
        data = replicates(decay_loop, runs, static, {"start_std": start_std})
        shares = data["decay_loop"].values.mean(axis=2)
        _branches(panel, depth, class_sizes, np.linspace(weakest, beyond * existence, 400))
        hollow = {"fmt": "v", "markerfacecolor": "white", "zorder": 3}
        points_with_intervals(
            panel, decays[levels:], shares[:, levels:], COLOURS[1], label="lowered", **hollow
        )
        points_with_intervals(
            panel, decays[:levels], shares[:, :levels], COLOURS[0], fmt="^", label="raised"
        )
        panel.axvline(_decay_of(existence, class_sizes, depth), color="0.5", linestyle=":")
        panel.set(xlabel="weight decay  λ", title=f"M = {depth}")
        label(panel, letter)
    axes[0, 0].set(ylabel=r"share kept  $σ_k / \sqrt{n}$", ylim=(-0.04, 1))
    axes[0, -1].legend(loc="center left")
    return fig


def _branches(
    axes: Any, depth: int, class_sizes: tuple[int, ...], betas: Float[np.ndarray, "grid"]
) -> None:
    decays = np.array([_decay_of(float(beta), class_sizes, depth) for beta in betas])
    existing = betas <= predicted.existence_threshold(depth)
    branch = predicted.shrinkage(predicted.largest_root(betas[existing], depth), depth)
    axes.plot(decays[existing], branch, "--", color=COLOURS[6])
    axes.plot(
        decays, predicted.shrinkage(predicted.global_root(betas, depth), depth), color=COLOURS[6]
    )
