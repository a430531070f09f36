"""Training without augmentation in the plane of separability and exponent: F3."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from figures.mixup.problems import REFERENCE, deficits
from figures.mixup.simulations import tail_direction
from theory import mixup as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals
from theory_on_trial.figures.replicates import replicates

_KEPT = 400
_MOST_KEPT = 2**15
_LOWEST = 0.006  # of the exponents drawn, in units of m²/2


def tail_deficits(
    separabilities: Sequence[float] | Float[np.ndarray, " kappas"],
    log_sizes: Float[np.ndarray, " sizes"],
    runs: int,
) -> Float[np.ndarray, "kappas sizes runs"]:
    """1 - cos to b of the hard margin of samples of e^log_n points; NaN where the points are not
    separable.

    Where one certificate fails, all samples of that sweep are continued to twice the points: none
    is dropped. Raises `RuntimeError` for one that is not certified by 2¹⁵ points.
    """
    count = _KEPT
    while count <= _MOST_KEPT:
        grid = {
            "separability": [float(kappa) for kappa in separabilities],
            "log_n": log_sizes.tolist(),
        }
        static = {**REFERENCE._asdict(), "n_kept": count}
        data = replicates(tail_direction, runs, static, grid, common=["n_kept"])
        if data["certified"].values.all():
            directions = data["direction"].transpose("separability", "log_n", "seed", ...).values
            return deficits(directions, REFERENCE.pair(1).bayes_direction)
        count *= 2
    raise RuntimeError(f"the outermost {_MOST_KEPT} points do not certify every hard margin")


@figure(
    "F3",
    quick={"cells": (5, 7), "runs": 40, "profile_runs": 40, "profiles": (20, 160)},
    claims=("erm_phase_curve", "erm_phase_curve-simulated"),
    marks="(a) lines: 1 − cos = ε at finite κ, dashed: in the limit; grey: no samples or not "
    "separable. (b) points: "
    "means, 99 % intervals; lines: theory. Dotted: end of separability, m²/2",
)
def phase_diagram(
    cells: tuple[int, int] = (9, 20),
    runs: int = 40,
    profiles: Sequence[float] = (20, 80, 160),
    profile_runs: int = 100,
) -> Figure:
    """Without augmentation log n / κ sets the direction: it walks from μ to b and arrives where
    separability ends.

    The classes of F1; n points without augmentation, whose hard margin is drawn exactly for any n.
    (a) Mean of 1 - cos(w, b) over `runs` samples in each of the `cells` of κ and log n / κ; grey:
      fewer than two points, or not
    separable in more than half of the runs. Lines: the exponents ν_ε at which 1 - cos = ε in the
    limit of large κ (dashed) and the same with the normal tail at finite κ (solid), and the end of
    separability, ν = m²/2 (dotted).
    (b) Profiles: means over `profile_runs` samples with 99 % Student intervals, while separable in
      every run;
    prediction at finite n (lines in the points' colours) and the limit κ → ∞ (black). Oh & Yun 2023
    prove the exponential growth; phases and lines are new.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.8, 3.8))
    limit = REFERENCE.pair(1).signal / 2
    _map(left, cells, runs, limit)
    _profiles(right, profiles, profile_runs, limit)
    letters((left, right), x=-0.06)
    return fig


def _map(axes: Axes, cells: tuple[int, int], runs: int, limit: float) -> None:
    kappas = np.geomspace(5, 160, cells[0])
    exponents = np.geomspace(_LOWEST, 1.2, cells[1]) * limit
    colours = np.full((cells[1], cells[0]), np.nan)
    for column, kappa in enumerate(kappas):
        enough = kappa * exponents >= np.log(2)
        distances = tail_deficits([kappa], kappa * exponents[enough], runs)[0]
        separable = np.isfinite(distances).mean(axis=1) >= 0.5
        colours[np.flatnonzero(enough)[separable], column] = np.nanmean(
            distances[separable], axis=1
        )
    axes.set_facecolor("0.85")
    fig = axes.pcolormesh(
        kappas, exponents, colours, cmap="cividis", norm=LogNorm(1e-4, 0.25), shading="nearest"
    )
    axes.figure.colorbar(fig, ax=axes, label="mean of 1 − cos(w, b)", extend="min")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="separability  κ  (dimensionless)",
        ylabel="log n / κ  (dimensionless)",
    )
    edges = axes.get_xlim()
    grid = np.geomspace(*edges, 60)
    white: Any = {
        "color": "white",
        "linewidth": 0.8,
        "path_effects": [withStroke(linewidth=1.6, foreground="0.3")],
    }
    axes.text(
        1.02,
        limit,
        "m²/2",
        color=COLOURS[1],
        fontsize=7,
        va="center",
        transform=axes.get_yaxis_transform(),
    )
    for epsilon in (0.1, 0.05, 0.02, 0.005):
        exponent = predicted.critical_exponent(REFERENCE.pair(1), epsilon)
        axes.axhline(exponent, linestyle="--", **white)
        finite = [predicted.erm_samples(REFERENCE.pair(kappa), epsilon) / kappa for kappa in grid]
        axes.plot(grid, finite, **white)
        axes.text(
            1.02,
            exponent,
            f"ε = {epsilon:g}",
            fontsize=7,
            va="center",
            transform=axes.get_yaxis_transform(),
        )
    axes.axhline(limit, color=COLOURS[1], linestyle=":")
    axes.set(xlim=edges, ylim=exponents[[0, -1]])
    ticks = [5, 10, 20, 40, 80, 160]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _profiles(axes: Axes, kappas: Sequence[float], runs: int, limit: float) -> None:
    exponents = limit * np.array([0.01, 0.018, 0.03, 0.055, 0.1, 0.18, 0.3, 0.55, 0.8])
    fine = limit * np.geomspace(_LOWEST, 1.1, 120)
    for kappa, colour, marker in zip(
        kappas, (COLOURS[5], COLOURS[2], COLOURS[0]), "o^s", strict=False
    ):
        pair = REFERENCE.pair(kappa)
        cosines = 1 - tail_deficits([kappa], kappa * exponents, runs)[0]
        mask = np.isfinite(cosines).all(axis=1) & (kappa * exponents >= np.log(2))
        points_with_intervals(
            axes, exponents[mask], cosines[mask].T, colour, fmt=marker, label=f"κ = {kappa:g}"
        )
        grid = fine[kappa * fine >= np.log(2)]
        directions = [predicted.erm_direction_at(pair, log_n=kappa * nu) for nu in grid]
        axes.plot(
            grid, [1 - pair.misalignment(direction) for direction in directions], color=colour
        )
    axes.plot(
        fine,
        [predicted.phase_cosine(REFERENCE.pair(1), nu) for nu in fine],
        color=COLOURS[6],
        label="κ → ∞",
    )
    axes.axvline(limit, color=COLOURS[1], linestyle=":")
    axes.set(
        xscale="log",
        xlabel="log n / κ  (dimensionless)",
        ylabel="mean of cos(w, b)  (dimensionless)",
    )
    axes.legend(loc="upper left")
