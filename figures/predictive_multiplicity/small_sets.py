"""Small sets whose linear classifiers are all known: exclusive or (F1), Rashomon diagram (F5)."""

from fractions import Fraction
from functools import partial

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy.stats import binom

from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.enumeration import Paths, dichotomies, enumerate_paths
from sims.linear_dichotomies.solver import Solution
from sims.linear_dichotomies.table import Table, aggregate
from theory import predictive_multiplicity as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters, points_with_intervals

_CORNERS = np.indices((2, 2)).reshape(2, 4).T.astype(float)
_EXCLUSIVE_OR = np.array([-1, 1, 1, -1])


@figure(
    "F1",
    quick={"tolerances": 11},
    claims=("xor-figure1", "bound-tight"),
    marks="(a-d) shaded: predicted +; ring: the corner that is wrong; line: largest margin",
)
def exclusive_or(copies: int = 25, tolerances: int = 26) -> Figure:
    """Four linear classifiers are equally good on exclusive or, and any two of them disagree on
    half of the points.

    Each corner of the square holds $n/4 =$ `copies` points, labelled + where one coordinate is 1
    and - elsewhere. (a-d) The optimal classifiers, found by integer programming: + is predicted in
    the shaded part, and the ringed corner is wrong. The line is where the weights of largest margin
    $γ$ ($∑|w| = 1$, intercept counted) of the theory's linear program change sign. (e) Discrepancy
    $δ$ and ambiguity $α$ around the first of them against the error tolerance $ε$: points by
    integer programs, lines from the list of all 14 linear dichotomies. Dashed: Proposition 1,
    $δ ≤ 2R + ε$, at most 1. It is met at $ε = 0$, at $ε = R$, and from $1 - 2R$ on, where the
    opposite of the baseline competes. After Figure 1 of Marx, Calmon & Ustun 2020, as recalled.
    """
    table = aggregate(_CORNERS, _EXCLUSIVE_OR, np.full(4, copies))
    optima = observed.co_optimal(table).solutions
    fig = plt.figure(figsize=(8.6, 3.9))
    grid = fig.add_gridspec(2, 4, width_ratios=(1, 1, 0.2, 2.4))
    for place, (solution, letter) in enumerate(zip(optima, "abcd", strict=False)):
        axes = fig.add_subplot(grid[divmod(place, 2)])
        _draw_classifier(axes, table, solution)
        label(axes, letter, x=-0.15)
    _draw_paths(fig.add_subplot(grid[:, 3]), table, optima[0], tolerances)
    return fig


def _draw_classifier(axes: Axes, table: Table, solution: Solution) -> None:
    side = np.linspace(-0.4, 1.4, 181)
    first, second = np.meshgrid(side, side)
    intercept, *slopes = solution.weights
    predicted_positive = intercept + slopes[0] * first + slopes[1] * second > 0
    axes.pcolormesh(
        side, side, predicted_positive, cmap=ListedColormap(["white", "#CFE3F1"]), rasterized=True
    )
    margin, weights = predicted.largest_margin(solution.dichotomy, table.rows)
    axes.contour(
        first, second, weights[0] + weights[1] * first + weights[2] * second, [0], colors="black"
    )
    for row, corner in enumerate(table.rows):
        is_positive = table.positives[row] > 0
        axes.plot(
            *corner,
            "P" if is_positive else "o",
            color=COLOURS[0 if is_positive else 1],
            markersize=7,
        )
        if solution.dichotomy[row] != is_positive:
            axes.plot(*corner, "o", markersize=15, markerfacecolor="none", markeredgecolor="black")
    axes.set(aspect="equal", xticks=[0, 1], yticks=[0, 1], xlabel="$x_1$", ylabel="$x_2$")
    axes.set_title(
        f"{solution.errors} wrong, γ = {Fraction(margin).limit_denominator(100)}", fontsize=8
    )


def _draw_paths(axes: Axes, table: Table, baseline: Solution, tolerances: int) -> None:
    grid = np.linspace(0, 1, tolerances)
    measured = (
        observed.discrepancy_path(table, baseline, grid).disagreement,
        observed.ambiguity_path(
            table, baseline, observed.flip_errors(table, baseline), grid
        ).ambiguous,
    )
    cells = predicted.linear_dichotomies(table.rows)
    sample = cells, baseline.dichotomy, table.positives, table.negatives
    exact = (
        predicted.discrepancy_path_of(*sample),
        predicted.ambiguity_path_of(*sample),
    )
    percent = 100 * np.arange(table.n + 1) / table.n
    looks = (("discrepancy δ", COLOURS[0], "o"), ("ambiguity α", COLOURS[2], "s"))
    for values, points, (name, colour, marker) in zip(exact, measured, looks, strict=True):
        axes.step(
            percent, 100 * values / table.n, where="post", color=colour, label=f"{name}, enumerated"
        )
        axes.plot(100 * grid, 100 * points / table.n, marker, color=colour, label=f"{name}, solved")
    error = baseline.errors / table.n
    bound = [min(1.0, predicted.discrepancy_bound(error, epsilon)) for epsilon in percent / 100]
    axes.plot(percent, 100 * np.array(bound), "--", color=COLOURS[6], label="Proposition 1: 2R + ε")
    axes.set(xlabel="error tolerance ε (% of points)", ylabel="points (%)", ylim=(0, 108))
    axes.legend(loc="lower right")
    label(axes, "e", x=-0.08)


@figure(
    "F5",
    quick={"n_points": 40, "runs": 10},
    claims=("parity-range", "discrepancy-bound", "cover-count"),
    marks="(a) frame: bounds for any classifier whatsoever",
)
def rashomon(
    n_points: int = 60, dim: int = 2, noise: float = 0.25, runs: int = 40, shown: int = 16
) -> Figure:
    """All good models at once: error against disagreement with the best, for every linear
    classifier.

    Normal points in `dim` dimensions, labelled by the sign of their sum, wrongly with probability
    `noise`. (a) Each dot is one linear dichotomy, all of which are enumerated; black lines:
    $|E - E₀|$ and $E + E₀$ (reflected at the top), which enclose every classifier whatsoever;
    stairs: discrepancy, the highest dot so far to the right of $E₀$. (b) How many classifiers make
    $E$ errors, mean over `runs` sets with 99 % Student intervals, and the same for labels that have
    nothing to do with the points: line, Cover's count times the binomial law of $E$. The signal
    moves classifiers out to both ends. (c) Discrepancy and ambiguity around the best classifier of
    each set against the tolerance $ε$, means too; dashed: mean of Proposition 1, $2R + ε$, at most
    1. The Rashomon diagram and (b) are new.
    """
    samples, paths = _enumerated(n_points, dim, noise, runs)
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.5))
    _draw_cells(left, *samples[0], paths[0])

    errors = np.arange(n_points + 1)
    _, fair = _enumerated(n_points, dim, 0.5, runs)
    law = predicted.cover_count(n_points, dim + 1) * binom.pmf(errors, n_points, 0.5)
    middle.plot(errors, law, color=COLOURS[6], label="fair labels, exact mean")
    for results, colour, marker, name in (
        (fair, COLOURS[3], "s", "fair labels"),
        (paths, COLOURS[0], "o", f"{noise:.0%} wrong labels"),
    ):
        points_with_intervals(
            middle,
            errors,
            np.array([path.cells for path in results]),
            colour,
            fmt=marker,
            label=name,
            markersize=2.5,
        )
    middle.set(xlabel="errors E (points)", ylabel="linear classifiers (number)", xlim=(0, n_points))
    middle.set_ylim(0, 2.4 * law.max())
    middle.legend(loc="upper left")

    at = np.unique(np.linspace(0, n_points, shown).astype(int))
    for name, symbol, colour, marker in (
        ("discrepancy", "δ", COLOURS[0], "o"),
        ("ambiguity", "α", COLOURS[2], "s"),
    ):
        percent = 100 * np.array([getattr(path, name)[at] for path in paths]) / n_points
        points_with_intervals(
            right, 100 * at / n_points, percent, colour, label=f"{name} {symbol}", fmt=marker
        )
    fine = errors / n_points
    bounds = [
        [min(1.0, predicted.discrepancy_bound(path.errors / n_points, e)) for e in fine]
        for path in paths
    ]
    right.plot(
        100 * fine, 100 * np.mean(bounds, axis=0), "--", color=COLOURS[6], label="Proposition 1"
    )
    right.set(xlabel="error tolerance ε (% of points)", ylabel="points (%)", ylim=(0, 108))
    right.legend(loc="lower right")
    letters((left, middle, right), x=-0.1)
    return fig


def _enumerated(
    n_points: int, dim: int, noise: float, runs: int
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[Paths]]:
    """The points and labels 0 and 1 of `runs` sets, with the counts from enumerating all linear
    classifiers.
    """
    keys = jax.random.split(jax.random.key(0), runs)
    features, labels = _draw_sets(keys, n_points, dim, noise)
    samples = list(zip(np.asarray(features), (np.asarray(labels) == 1).astype(int), strict=True))
    return samples, [enumerate_paths(points, label, 1 - label) for points, label in samples]


@partial(jax.jit, static_argnames=("n_points", "dim"))
def _draw_sets(keys: jax.Array, n_points: int, dim: int, noise: float) -> observed.LabelledPoints:
    return jax.vmap(lambda key: observed.gaussian_set(key, n_points, dim=dim, noise=noise))(keys)


def _draw_cells(axes: Axes, points: np.ndarray, labels: np.ndarray, path: Paths) -> None:
    n_points = len(points)
    cells = dichotomies(points)
    errors = (cells != labels).sum(axis=1)
    differing = (cells != path.baseline).sum(axis=1)
    axes.plot(
        errors, differing, ".", color=COLOURS[5], markersize=3, label=f"{len(cells)} classifiers"
    )
    possible = np.arange(n_points + 1)
    ends = np.array([predicted.disagreement_range(int(e), path.errors, n_points) for e in possible])
    for end in ends.T:
        axes.plot(possible, end, color=COLOURS[6])
    discrepancy = predicted.discrepancy_path_of(cells, path.baseline, labels, 1 - labels)
    counts = np.arange(path.errors, n_points + 1)
    axes.step(counts, discrepancy[: len(counts)], where="post", color=COLOURS[1], label="n δ")
    axes.plot(counts, path.discrepancy[: len(counts)], "o", color=COLOURS[1], markersize=2)
    axes.set(xlabel="errors E (points)", ylabel="disagreement with the best (points)")
    axes.set_title(f"n = {n_points}, E₀ = {path.errors}")
    axes.legend(loc="lower right")
