"""Cross-entropy: where configurations of lower rank beat the simplex frame, F4."""

from collections.abc import Sequence
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters

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
        "ce_lowrank",
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

    (a-c) f_ETF - f_X in percent of f_ETF, X the antipodal pairs of classes (with one single
    direction if K is odd), each at its best scale or at zero, n = per_class, all decays λ: orange
    where X has the lower objective. Dashed: the smallest K for which X wins as λ → 0, which is
    approached like 1 / log(1/λ) only. At M = 1 the simplex frame is proved to be global. (d-f) Ends
    of L-BFGS from `starts` random heads of width K + extra_width at λ = searched_decay (discs; each
    is one run, so there is no interval), relative to the simplex frame (line at 1), and the
    antipodal pairs (black line). At M = 1 no run ends below 1; from M = 2 on runs end below the
    simplex frame, some of them, mostly at odd K, below the antipodal pairs as well. The comparison
    is new and agrees with Garrod & Keating 2025 against the abstract of Dang et al. 2023.
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
        beaten = [k for k in classes if predicted.etf_beaten_by_cross_polytope(int(k), depth)]
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
    patterns = np.eye(n_classes) - 1 / n_classes, predicted.cross_polytope_pattern(n_classes)
    simplex, pairs = (
        predicted.frame_value(pattern, per_class, [decay] * depth, decay)[1] for pattern in patterns
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
    problem = observed.Problem((per_class,) * n_classes, (decay,) * depth, decay, loss="ce")
    key = jax.random.fold_in(jax.random.key(depth), n_classes)
    ends = observed.optima(
        problem, key, starts, widths=(width,) * depth, weight_std=0.5, feature_std=0.5
    )
    return np.array([end.value for end in ends if end.gradient_norm < _CONVERGED])
