"""Where descent goes: the phases of weight decay and how many runs reach the global minimum, F3;
hysteresis, F5.

Cross-entropy: where configurations of lower rank beat the simplex frame, F4.
"""

from collections.abc import Sequence
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from figures.neural_collapse.panels import decay_loop, final_objective
from sims.neural_collapse import model, optimise
from theory.neural_collapse import cross_entropy, landscape, mean_square
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
    claims=("bal_threshold", "gd_basin", "gd_basin-subsets", "cert_M1"),
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
    """From a strength $β_gl$ of weight decay on, zero is the global minimum; a frame stays a local
    one until $β_ex$.

    $β = M K (N Λ)^(1/M)$, $Λ$ the product of all decays, which are equal here. (a) Phases. Below
    the solid line the frame is the global minimum (blue); from there to the dashed line it is a
    local one (orange); above, zero is the only stationary point (grey). From $M = 2$ on zero is a
    local minimum everywhere. Discs: the share of random starts from which descent in the class-mean
    reduction ends at the global minimum. (b) The same shares with exact 99 % binomial intervals
    (points); dotted: $β_gl$ in the colour of the depth. (c) The share at $β =$ `compared_strength`
    against the standard deviation of the start, with the same intervals; runs that overflow count
    as not reaching it. From $M = 2$ on neither theory nor descent from one start tells what another
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
            mean_square.global_threshold(depth), color=colour, linestyle=":", linewidth=0.8
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
    lower = [mean_square.global_threshold(int(depth)) for depth in depths]
    upper = [mean_square.existence_threshold(int(depth)) for depth in depths]
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
    at_threshold = landscape.largest_common_decay(class_sizes, depth)
    return float(
        at_threshold * (beta / mean_square.global_threshold(depth)) ** (depth / (depth + 1))
    )


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
    optima = [mean_square.mse_optimum(sizes, [decay] * depth, decay).value for decay in decays]
    above = (
        data["final_objective"].transpose(..., "decay", "seed").values - np.array(optima)[:, None]
    )
    return (above.reshape(-1, runs).T < _REACHED).astype(float)


@figure(
    "F5",
    quick={"depths": (2,), "levels": 8, "steps": 1500, "runs": 3},
    claims=("hysteresis",),
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

    Share $x^M / (1 + x^M)$ of the labels' singular values that the logits keep, while all decays
    are raised slowly from $β =$ weakest to `beyond` $β_ex$ (triangles up) and lowered again
    (triangles down): means over classes and runs with 99 % Student intervals over the runs. Lines:
    the largest root of the scalar equation, solid where it is the global minimum, dashed between
    $β_gl$ and $β_ex$ where it is a local one, and zero where that is the global minimum. (a)
    $M = 1$: one curve, up and down. (b, c) From $M = 2$ on the frame stays beyond $β_gl$, at which
    the minimum jumps, and is lost with a jump at $β_ex$ (dotted); it does not come back, as zero
    remains a local minimum at every decay. New.
    """
    fig, axes = plt.subplots(
        1, len(depths), figsize=(3.1 * len(depths), 3), sharey=True, squeeze=False
    )
    class_sizes = (per_class,) * n_classes
    for depth, panel, letter in zip(depths, axes.flat, "abcdef", strict=False):
        existence = mean_square.existence_threshold(depth)
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
    existing = betas <= mean_square.existence_threshold(depth)
    branch = mean_square.shrinkage(mean_square.largest_root(betas[existing], depth), depth)
    axes.plot(decays[existing], branch, "--", color=COLOURS[6])
    axes.plot(
        decays,
        mean_square.shrinkage(mean_square.global_root(betas, depth), depth),
        color=COLOURS[6],
    )


_CONVERGED = 1e-5  # length of the gradient at the end of a descent


@figure(
    "F4",
    quick={"most_classes": 8, "decays": 5, "searched_classes": (4, 6), "starts": 3},
    claims=(
        "ce_M1",
        "ce_deep_global",
        "ce_deep_global-holds",
        "ce_deep_global-rule",
        "ce_deep_global-search",
        "ce_deep_global-search_more",
    ),
    marks="(a-c) orange: pairs have the lower objective; dashed: from where on, as λ → 0",
)
def low_rank(
    depths: Sequence[int] = (1, 2, 3),
    most_classes: int = 16,
    decays: int = 17,
    per_class: int = 4,
    searched_classes: Sequence[int] = (3, 4, 5, 6, 7, 8),
    searched_decay: float = 1e-3,
    extra_width: int = 2,
    starts: int = 12,
) -> Figure:
    """Under cross-entropy simplex frames are the global minimum in shallow heads; in deep ones
    lower rank beats them.

    (a-c) $f_ETF - f_X$ in percent of $f_ETF$, $X$ the antipodal pairs of classes (with one single
    direction if $K$ is odd), each at its best scale or at zero, $n =$ `per_class`, all decays $λ$:
    orange where $X$ has the lower objective. Dashed: the smallest $K$ for which $X$ wins as
    $λ → 0$, which is approached like $1 / log(1/λ)$ only. At $M = 1$ the simplex frame is proved to
    be global. (d-f) Ends of L-BFGS from `starts` random heads of width $K +$ `extra_width` at $λ =$
    `searched_decay` (discs; each is one run, so there is no interval), relative to the simplex
    frame (line at 1), and the antipodal pairs (black line). At $M = 1$ no run ends below 1; from
    $M = 2$ on runs end below the simplex frame, some of them, mostly at odd $K$, below the
    antipodal pairs as well. The comparison is new and agrees with Garrod & Keating 2025 against the
    abstract of Dang et al. 2023.
    """
    fig, axes = plt.subplots(2, len(depths), figsize=(3.2 * len(depths), 5.6), squeeze=False)
    classes = np.arange(3, most_classes + 1)
    decay_grid = np.geomspace(1e-6, 1e-1, decays)
    norm = TwoSlopeNorm(0, -30, 30)
    for depth, above, below in zip(depths, *axes, strict=True):
        gain = np.array(
            [[_gain(int(k), per_class, depth, decay) for decay in decay_grid] for k in classes]
        )
        drawn_map = above.pcolormesh(
            decay_grid, classes, gain, norm=norm, cmap="PuOr_r", rasterized=True
        )
        beaten = [k for k in classes if cross_entropy.etf_beaten_by_cross_polytope(int(k), depth)]
        if beaten:
            above.axhline(beaten[0] - 0.5, color=COLOURS[6], linestyle="--", linewidth=0.8)
        above.set(xscale="log", xlim=decay_grid[[0, -1]], xlabel="decay  λ", title=f"M = {depth}")
        _search(below, searched_classes, per_class, depth, searched_decay, extra_width, starts)
    axes[0, 0].set_ylabel("classes  K")
    axes[1, 0].set_ylabel("objective / $f_{ETF}$")
    axes[1, -1].legend(loc="lower left", fontsize=7)
    fig.colorbar(drawn_map, ax=axes[0], label="$(f_{ETF} - f_X) / f_{ETF}$  (%)", extend="both")
    letters(axes.flat, x=-0.06)
    return fig


def _gain(n_classes: int, per_class: int, depth: int, decay: float) -> float:
    """Percent by which antipodal pairs are below the simplex frame."""
    simplex, pairs = _values(n_classes, per_class, depth, decay)
    return 100 * (simplex - pairs) / simplex


def _values(n_classes: int, per_class: int, depth: int, decay: float) -> tuple[float, float]:
    patterns = np.eye(n_classes) - 1 / n_classes, cross_entropy.cross_polytope_pattern(n_classes)
    simplex, pairs = (
        cross_entropy.frame_value(pattern, per_class, [decay] * depth, decay)[1]
        for pattern in patterns
    )
    return simplex, pairs


def _search(
    axes: Any,
    classes: Sequence[int],
    per_class: int,
    depth: int,
    decay: float,
    extra_width: int,
    starts: int,
) -> None:
    pairs: list[float] = []
    for n_classes in classes:
        simplex, antipodal = _values(n_classes, per_class, depth, decay)
        pairs.append(antipodal / simplex)
        ends = _ends(n_classes, per_class, depth, decay, n_classes + extra_width, starts) / simplex
        spread = n_classes + np.linspace(-0.18, 0.18, len(ends))
        name = "descents" if n_classes == classes[0] else None
        axes.plot(spread, np.sort(ends), "o", color=COLOURS[0], markersize=3, alpha=0.8, label=name)
    axes.axhline(1, color=COLOURS[1], label="simplex frame")
    axes.plot(classes, pairs, color=COLOURS[6], label="antipodal pairs")
    axes.set(xlabel="classes  K", title=f"M = {depth},  λ = {decay:g}")
    axes.set_xticks(classes)


def _ends(
    n_classes: int, per_class: int, depth: int, decay: float, width: int, starts: int
) -> Float[np.ndarray, "ends"]:
    problem = model.Problem((per_class,) * n_classes, (decay,) * depth, decay, loss="ce")
    key = jax.random.fold_in(jax.random.key(depth), n_classes)
    ends = optimise.optima(
        problem, key, starts, widths=(width,) * depth, weight_std=0.5, feature_std=0.5
    )
    return np.array([end.value for end in ends if end.gradient_norm < _CONVERGED])
