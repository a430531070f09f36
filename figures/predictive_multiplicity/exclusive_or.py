"""The example with four optimal classifiers, F1."""

from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from figures.predictive_multiplicity.exact import counts
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.solver import Solution
from sims.linear_dichotomies.table import Table, aggregate
from theory import predictive_multiplicity as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label

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

    Each corner of the square holds n/4 = `copies` points, labelled + where one coordinate is 1 and
    - elsewhere. (a-d) The optimal classifiers, found by integer programming: + is predicted in the
    shaded part, and the ringed corner is wrong. The line is where the weights of largest margin γ
    (Σ|w| = 1, intercept counted) of the theory's linear program change sign. (e) Discrepancy δ and
    ambiguity α around the first of them against the error tolerance ε: points by integer programs,
    lines from the list of all 14 linear dichotomies. Dashed: Proposition 1, δ ≤ 2R + ε, at most 1.
    It is met at ε = 0, at ε = R, and from 1 - 2R on, where the opposite of the baseline competes.
    After Figure 1 of Marx, Calmon & Ustun 2020, as recalled.
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
    exact = (
        predicted.discrepancy_path_of(cells, baseline.dichotomy, *counts(table)),
        predicted.ambiguity_path_of(cells, baseline.dichotomy, *counts(table)),
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
