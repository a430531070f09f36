"""The headline: samples needed for a direction that good, against the separability: F2."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures.mixup.phases import tail_deficits
from figures.mixup.problems import REFERENCE, deficits, fitted
from figures.mixup.simulations import LabelLaw
from theory import mixup as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, student_interval

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
    """Where each of three curves (the middle, the lower end and the upper end of its band) falls to
    `target`.

    Curves are made to fall by isotonic regression of their logarithm, which is interpolated in log
    n. An end of the band that does not cross within the sizes is given as the last size on its
    side. Raises `ValueError` for a middle that does not cross.
    """
    from scipy.optimize import isotonic_regression

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
    """Median over the runs at each size, and the order statistics that enclose it with 99 %
    whatever the law.

    Raises `ValueError` for fewer than eight runs, which do not.
    """
    from scipy.stats import binom

    runs = values.shape[1]
    rank = int(binom.ppf(0.005, runs, 0.5))  # P(fewer than `rank` runs below the median) <= .005
    if rank < 1:
        raise ValueError(f"runs must be at least 8 for an interval of the median, got {runs}")
    statistics = np.sort(values, axis=1)
    return [np.median(statistics, axis=1), statistics[:, rank - 1], statistics[:, runs - rank]]


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
    """Without augmentation the samples needed grow exponentially in the separability κ; with Mixup
    hardly at all.

    n_ε is the sample size at which 1 - cos(w, b) falls to ε for the classes of F1: its median over
    `runs` samples without augmentation (the farthest points of each drawn exactly, every hard
    margin certified), its mean over `mixup_runs` samples with Mixup, λ uniform. Points: where that
    curve crosses ε; bars: where the ends of its 99 % Student interval (mean) or order-statistics
    interval (median) do. (a) On a logarithmic axis that reaches far beyond any data set: without
    augmentation n_ε follows 1/Q(√(2κν_ε)) (solid), Q the normal tail, hence exponentially with the
    exponent ν_ε (dotted: e^(ν_ε κ)); Mixup, for ε = `mixup_epsilon`, stays at the bottom (blue).
    (b) Mixup magnified, with the laws C/(n - d - 2) + Bκ/n² = ε (lines): flat for balanced classes
      and averaged λ, at most like √κ (black, dotted) otherwise. Oh & Yun 2023 for exponential
      against much less; exponents and lines are new.
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
        logs = [predicted.erm_samples(REFERENCE.pair(kappa), epsilon) for kappa in grid]
        left.plot(grid, np.exp(logs), color=colour)
        left.plot(
            grid,
            np.exp(predicted.critical_exponent(REFERENCE.pair(1), epsilon) * grid),
            ":",
            color=colour,
        )
    law = predicted.MixingLaw.beta(1.0)
    for learner, labels, name, colour, marker in _VARIANTS:
        crossings = _mixup_crossings(
            learner, labels, separabilities, mixup_sizes, mixup_runs, mixup_epsilon
        )
        lines = [
            predicted.mixup_samples(
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
    centre = predicted.erm_samples(REFERENCE.pair(separability), epsilon)
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
