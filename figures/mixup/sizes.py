"""How the learned direction approaches that of Bayes: learning curves (F1), the samples needed
(F2), and the phases of training without augmentation (F3).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator
from scipy.optimize import isotonic_regression
from scipy.stats import quantile_test

from figures.mixup.runs import (
    REFERENCE,
    LabelLaw,
    deficits,
    fitted,
    tail_direction,
    uniform_masks,
)
from theory.mixup import population, rates
from theory.mixup.classes import MixingLaw
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters, points_with_intervals, student_interval
from theory_on_trial.figures.replicates import replicates

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

    $1 - cos(w, b)$ of the learned weights $w$ to the Bayes direction $b = Σ⁻¹μ$ against the sample
    size $n$, for classes $N(±μ, Σ/κ)$ in the plane, $μ = (1, 1)$, $Σ = diag(.2, 1.8)$, half the
    points of either class, $λ$ uniform, all masks equally likely. Points: means over `runs` samples
    with 99 % Student intervals; bands: from the 10 % to the 90 % quantile of the runs. Lines:
    without augmentation the ridge-LDA path at finite $n$ up to $n = e^(a/2)$ (dotted), where
    separability ends, $a = κm²$, and the law of large $n$, $T K_erm(a) / (2κ|b|²n)$, beyond
    (solid); Mixup with the averaged loss the same with $K_mix(a)$, called $C/n$ (solid), and one
    $λ$ per pair with the term $B_s κ/n²$ of large $κ$ added (dashed); masks the expected minimiser
    (dash-dotted), which stays away from $b$. The path is the limit of large $κ$: fluctuations of
    the direction put the orange points above it. (a-e) Growing $κ$. The four learners see the same
    samples. Oh & Yun 2023 for the curse and its cure; all lines are new.
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
    decades = [size for size in (10, 1000) if sizes[0] <= size <= erm_sizes[-1]]
    axes[0, 0].set(ylabel="1 − cos(w, b)  (dimensionless)", ylim=(3e-6, 1.5), xticks=decades)
    handles, names = axes[0, 0].get_legend_handles_labels()
    found = dict(zip(names, handles, strict=True))
    # each learner, then its laws, in columns
    learners = [name for name, _, _ in _LEARNERS.values()]
    order = [learners[0], *_LAWS[0], learners[1], _LAWS[1][0], learners[2]]
    order += [_LAWS[1][1], learners[3], *_LAWS[2]]
    fig.legend(
        [found[name] for name in order],
        order,
        loc="outside lower center",
        ncols=3,
    )
    return fig


_LAWS = (
    ("ridge-LDA path", "K$_{erm}$ law"),
    ("C/n", "C/n + B$_s$κ/n²"),
    ("expected minimiser",),
)


def _theory_lines(axes: Axes, separability: float, n: np.ndarray) -> None:
    pair = REFERENCE.pair(separability)
    law = MixingLaw.beta(1.0)
    a = pair.effective_separability
    few = n < np.exp(a / 2)
    path = [pair.misalignment(rates.erm_direction_at(pair, float(np.log(size)))) for size in n[few]]
    axes.plot(n[few], path, ":", color=COLOURS[1], label=_LAWS[0][0])
    rate = rates.angle_rate(pair, rates.erm_efficiency(a)) / n
    axes.plot(n[~few], rate[~few], color=COLOURS[1], label=_LAWS[0][1])
    mixup = rates.angle_rate(pair, rates.mixup_efficiency(a, law)) / n
    axes.plot(n, mixup, color=COLOURS[0], label=_LAWS[1][0])
    extra = rates.sampled_lambda_coefficient(pair, law) * separability / n**2
    axes.plot(n, mixup + extra, "--", color=COLOURS[5], label=_LAWS[1][1])
    floor = pair.misalignment(population.mask_minimiser(pair, *uniform_masks(pair.dim)))
    axes.plot(n, np.full_like(n, floor), "-.", color=COLOURS[3], label=_LAWS[2][0])


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
    """Without augmentation $log n / κ$ sets the direction: it moves from $μ$ to $b$ and arrives
    where separability ends.

    The classes of F1, with $n$ points without augmentation, whose hard margin is drawn exactly for
    any $n$. (a) Mean of $1 - cos(w, b)$ over `runs` samples in each of the `cells` of $κ$ and
    $log n / κ$. Grey: fewer than two points, or not separable in more than half of the runs. Lines:
    the exponents $ν_ε$ at which $1 - cos = ε$ in the limit of large $κ$ (dashed), the same with the
    normal tail at finite $κ$ (solid), and the end of separability, $ν = m²/2$ (dotted). (b)
    Profiles: means over `profile_runs` samples with 99 % Student intervals, while separable in
    every run; the prediction at finite $n$ (lines in the points' colours) and the limit $κ → ∞$
    (black). Oh & Yun 2023 prove the exponential growth; phases and lines are new.
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
        exponent = rates.critical_exponent(REFERENCE.pair(1), epsilon)
        axes.axhline(exponent, linestyle="--", **white)
        finite = [rates.erm_samples(REFERENCE.pair(kappa), epsilon) / kappa for kappa in grid]
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
        directions = [rates.erm_direction_at(pair, kappa * nu) for nu in grid]
        axes.plot(
            grid, [1 - pair.misalignment(direction) for direction in directions], color=colour
        )
    axes.plot(
        fine,
        [rates.phase_cosine(REFERENCE.pair(1), nu) for nu in fine],
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


_VARIANTS: tuple[tuple[str, LabelLaw, str, str, str], ...] = (
    ("mixup", "balanced", "λ averaged, balanced classes", COLOURS[0], "s"),
    ("mixup", "random", "λ averaged, random labels", COLOURS[2], "o"),
    ("sampled", "balanced", "one λ per pair, balanced classes", COLOURS[5], "^"),
)


class Crossing(NamedTuple):
    """Log n where a learning curve falls to its target, and where the ends of a 99 % band around
    the curve do.
    """

    log_n: float
    low: float
    high: float


def crossing(
    log_sizes: Float[np.ndarray, " sizes"],
    curves: Sequence[Float[np.ndarray, " sizes"]],
    target: float,
) -> Crossing:
    """Return where each of three curves (the middle, the lower end and the upper end of its band)
    falls to `target`.

    Curves are made to fall by isotonic regression of their logarithm, which is interpolated in log
    n. An end of the band that does not cross within the sizes is given as the last size on its
    side. Raises `ValueError` for a middle that does not cross.
    """
    # The lower end of a band around a mean may be negative.
    falling = [
        isotonic_regression(np.log(np.maximum(curve, 1e-12)), increasing=False).x
        for curve in curves
    ]
    first, last = np.exp(falling[0][[0, -1]])
    if not first > target >= last:
        raise ValueError(
            f"the curve must fall to {target:g} within the sizes, got {first:.3g} to {last:.3g}"
        )
    return Crossing(*(float(np.interp(-np.log(target), -curve, log_sizes)) for curve in falling))


def mean_band(values: Float[np.ndarray, "sizes runs"]) -> list[Float[np.ndarray, " sizes"]]:
    """Mean over the runs at each size, and the ends of its 99 % Student interval."""
    mean, half = student_interval(values.T)
    return [mean, mean - half, mean + half]


def median_band(values: Float[np.ndarray, "sizes runs"]) -> list[Float[np.ndarray, " sizes"]]:
    """Median over the runs at each size, and the ends of its 99 % interval of order statistics,
    which are NaN for fewer than eight runs.
    """
    ends = [quantile_test(row).confidence_interval(confidence_level=0.99) for row in values]
    return [np.median(values, axis=1), *np.array(ends).T]


@figure(
    "F2",
    quick={
        "separabilities": (10, 40, 160),
        "epsilons": (0.005, 0.1),
        "runs": 40,
        "mixup_sizes": (10, 40),
        "mixup_runs": 150,
    },
    claims=("n_eps_formula", "erm_curse", "erm_log_sample_complexity", "mixup_poly", "exp_vs_poly"),
    marks="points: simulation; solid: theory; coloured dots: the exponent alone",
)
def samples_needed(
    separabilities: Sequence[float] = (10, 20, 40, 80, 160, 320),
    epsilons: Sequence[float] = (0.005, 0.05, 0.1),
    runs: int = 150,
    mixup_epsilon: float = 0.005,
    mixup_sizes: Sequence[int] = (10, 14, 20, 28, 40, 56),
    mixup_runs: int = 500,
) -> Figure:
    """Without augmentation the samples needed grow exponentially in the separability $κ$; with
    Mixup hardly at all.

    $n_ε$ is the sample size at which $1 - cos(w, b)$ falls to $ε$ for the classes of F1: its median
    over `runs` samples without augmentation (the farthest points of each drawn exactly, every hard
    margin certified), its mean over `mixup_runs` samples with Mixup, $λ$ uniform. Points: where
    that curve crosses $ε$; bars: where the ends of its 99 % Student interval (mean) or
    order-statistics interval (median) do. (a) On a logarithmic axis that reaches far beyond any
    data set: without augmentation $n_ε$ follows $1/Q(√(2κν_ε))$ (solid), $Q$ the normal tail, hence
    exponentially with the exponent $ν_ε$ (dotted: $e^(ν_ε κ)$); Mixup, for $ε =$ `mixup_epsilon`,
    stays at the bottom (blue). (b) Mixup magnified, with the laws $C/(n - d - 2) + Bκ/n² = ε$
    (lines): flat for balanced classes and averaged $λ$, at most like $√κ$ (black, dotted)
    otherwise. Oh & Yun 2023 for exponential against much less; exponents and lines are new.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.9))
    grid = np.geomspace(separabilities[0] / 1.15, separabilities[-1] * 1.15, 60)
    for epsilon, colour, marker in zip(
        epsilons, (COLOURS[1], COLOURS[4], COLOURS[3]), "oD^", strict=False
    ):
        crossings = [_erm_crossing(kappa, epsilon, runs) for kappa in separabilities]
        _crossing_points(
            left, separabilities, crossings, colour, f"no augmentation, ε = {epsilon:g}", marker
        )
        logs = [rates.erm_samples(REFERENCE.pair(kappa), epsilon) for kappa in grid]
        left.plot(grid, np.exp(logs), color=colour)
        left.plot(
            grid,
            np.exp(rates.critical_exponent(REFERENCE.pair(1), epsilon) * grid),
            ":",
            color=colour,
        )
    law = MixingLaw.beta(1.0)
    for learner, labels, name, colour, marker in _VARIANTS:
        crossings = _mixup_crossings(
            learner, labels, separabilities, mixup_sizes, mixup_runs, mixup_epsilon
        )
        lines = [
            rates.mixup_samples(
                REFERENCE.pair(kappa),
                mixup_epsilon,
                law,
                mode="sampled" if learner == "sampled" else "expected",
                balanced=labels == "balanced",
            )
            for kappa in grid
        ]
        for panel in (left, right) if name == _VARIANTS[0][2] else (right,):
            text = name if panel is right else f"Mixup, ε = {mixup_epsilon:g}"
            _crossing_points(panel, separabilities, crossings, colour, text, marker)
            panel.plot(grid, lines, color=colour)
    right.plot(grid, 2.2 * np.sqrt(grid), ":", color=COLOURS[6], label="∝ √κ")
    left.set(yscale="log", ylim=(0.1, None), ylabel="samples needed  n$_ε$")
    right.set(
        xscale="log",
        yscale="log",
        ylabel="samples needed  n$_ε$",
        title=f"Mixup, ε = {mixup_epsilon:g}",
    )
    right.set_xticks(separabilities, [f"{kappa:g}" for kappa in separabilities])
    right.set_ylim(6, 70)
    right.set_yticks([6, 10, 20, 40, 70], ["6", "10", "20", "40", "70"])
    right.xaxis.set_minor_locator(NullLocator())
    right.yaxis.set_minor_locator(NullLocator())
    for panel, letter in zip((left, right), "ab", strict=True):
        panel.set_xlabel("separability  κ  (dimensionless)")
        panel.legend(loc="upper left")
        label(panel, letter, x=-0.06)
    return fig


def _erm_crossing(separability: float, epsilon: float, runs: int) -> Crossing:
    """Log n_ε without augmentation, looked for around the law."""
    centre = rates.erm_samples(REFERENCE.pair(separability), epsilon)
    step = 1 + separability / 80  # the curve falls more slowly in log n at large κ
    sizes = np.unique(np.maximum(centre + step * np.arange(-5, 6), np.log(2)))
    return crossing(sizes, median_band(tail_deficits([separability], sizes, runs)[0]), epsilon)


def _mixup_crossings(
    learner: str,
    labels: LabelLaw,
    separabilities: Sequence[float],
    sizes: Sequence[int],
    runs: int,
    epsilon: float,
) -> list[Crossing]:
    weights = np.array([fitted(learner, n, separabilities, runs, labels=labels) for n in sizes])
    distances = deficits(weights, REFERENCE.pair(1).bayes_direction)
    return [
        crossing(np.log(sizes), mean_band(values), epsilon)
        for values in np.moveaxis(distances, 1, 0)
    ]


def _crossing_points(
    axes: Axes,
    x: Sequence[float],
    crossings: Sequence[Crossing],
    colour: str,
    name: str,
    marker: str,
) -> None:
    middle, low, high = np.exp(np.array(crossings).T)
    axes.errorbar(
        x,
        middle,
        [middle - low, high - middle],
        fmt=marker,
        color=colour,
        elinewidth=0.8,
        label=name,
    )
