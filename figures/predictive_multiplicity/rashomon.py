"""Every linear classifier of a set of points, F5."""

import jax
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.drawing import COLOURS, figure
from figures.panels import label, points_with_intervals
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted


@figure("F5", quick={"n_points": 40, "runs": 10})
def rashomon(n_points: int = 60, dim: int = 2, noise: float = 0.25, runs: int = 40, shown: int = 16) -> Figure:
    """The set of good models, drawn whole: error against disagreement with the best, for every linear classifier.

    Normal points in `dim` dimensions, labelled by the sign of their sum, wrongly with probability `noise`. (a) Each dot
    is one linear dichotomy, all of which are enumerated; black lines: |E - E₀| and E + E₀ (reflected at the top), which
    enclose every classifier whatsoever; stairs: discrepancy, the highest dot so far to the right of E₀. (b) How many
    classifiers make E errors, mean over `runs` sets with 99 % Student intervals; their number is Cover's count in every
    set (title). (c) Discrepancy and ambiguity around the best classifier of each set against the tolerance ε, means
    likewise; dashed: mean of Proposition 1, 2R + ε, at most 1. The Rashomon diagram and (b) are new.
    """
    keys = jax.random.split(jax.random.key(0), runs)
    sets = [observed.gaussian_set(key, n_points, dim=dim, noise=noise) for key in keys]
    labels = [(np.asarray(one.labels) == 1).astype(int) for one in sets]
    found = [
        observed.enumerate_paths(np.asarray(one.features), label, 1 - label)
        for one, label in zip(sets, labels, strict=True)
    ]
    drawn, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.5))
    _draw_cells(left, np.asarray(sets[0].features), labels[0], found[0])

    errors = np.arange(n_points + 1)
    points_with_intervals(middle, errors, np.array([one.cells for one in found]), COLOURS[0], label="simulation")
    middle.set(xlabel="errors E (points)", ylabel="linear classifiers (number)", xlim=(0, n_points), ylim=(0, None))
    counted = sorted({int(one.cells.sum()) for one in found})
    middle.set_title(f"{', '.join(map(str, counted))} in each; Cover: {predicted.cover_count(n_points, dim + 1)}")

    at = np.unique(np.linspace(0, n_points, shown).astype(int))
    for name, symbol, colour, marker in (("discrepancy", "δ", COLOURS[0], "o"), ("ambiguity", "α", COLOURS[2], "s")):
        percent = 100 * np.array([getattr(one, name)[at] for one in found]) / n_points
        points_with_intervals(right, 100 * at / n_points, percent, colour, label=f"{name} {symbol}", fmt=marker)
    fine = np.linspace(0, 1, 101)
    bounds = [[min(1.0, predicted.discrepancy_bound(one.errors / n_points, e)) for e in fine] for one in found]
    right.plot(100 * fine, 100 * np.mean(bounds, axis=0), "--", color=COLOURS[6], label="Proposition 1")
    right.set(xlabel="error tolerance ε (% of points)", ylabel="points (%)", ylim=(0, 104))
    right.legend(loc="lower right")
    for axes, letter in zip((left, middle, right), "abc", strict=True):
        label(axes, letter, x=-0.1)
    return drawn


def _draw_cells(axes: Axes, points: np.ndarray, labels: Int[np.ndarray, "points"], path: observed.Paths) -> None:
    n_points = len(points)
    cells = observed.dichotomies(points)
    wrong, differing = (cells != labels).sum(axis=1), (cells != path.baseline).sum(axis=1)
    axes.plot(wrong, differing, ".", color=COLOURS[5], markersize=3, label=f"{len(cells)} classifiers")
    possible = np.arange(n_points + 1)
    ends = np.array([predicted.disagreement_range(int(e), path.errors, n_points) for e in possible])
    for end in ends.T:
        axes.plot(possible, end, color=COLOURS[6])
    discrepancy = predicted.discrepancy_path_of(cells, path.baseline, labels, 1 - labels)
    reached = np.arange(path.errors, n_points + 1)
    axes.step(reached, discrepancy[: len(reached)], where="post", color=COLOURS[1], label="n δ")
    axes.plot(reached, path.discrepancy[: len(reached)], "o", color=COLOURS[1], markersize=2)
    axes.set(xlabel="errors E (points)", ylabel="disagreement with the best (points)")
    axes.set_title(f"n = {n_points}, E₀ = {path.errors}")
    axes.legend(loc="lower right")
