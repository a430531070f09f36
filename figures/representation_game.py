"""The figures of the representation game: F1 worst regrets against r, F2 which tasks pay."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from sims import representation_game as observed
from theory import representation_game as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import points_with_intervals

DIM = 6
STEEP = np.array([3.2, 3.0, 2.2, 2.0, 1.0, 0.1])


@figure(
    "F1",
    quick={"samples": 2000, "replicas": 20},
    claims=("pure_value", "mixed_value", "regret_by_regression"),
    marks="lines: theory; marks: least squares on drawn rows",
)
def worst_regrets(world: int = 0, samples: int = 20_000, replicas: int = 200) -> Figure:
    """The worst regret over plausible tasks against the number $r$ of directions that are kept, out
    of six.

    $Σ$ and $S$ are $A Aᵀ/6 + 0.1 I$ with normal $A$. Lines: one representation that weighs
    directions by the tasks, $λ_(r+1)$; a hidden draw among several representations, the maximum
    over $l > r$ of $(l - r) / ∑_(i≤l) 1/λ_i$; and the leading principal components. Points: the
    regret of least squares on `samples` rows on the worst task of each choice, means of `replicas`
    data sets with 99 % Student intervals. For the hidden draw it is the expected regret on the
    first of the tasks that it hedges. New; after Uzan & Weinberger 2024.
    """
    fig, axes = plt.subplots(figsize=(4.8, 3.6))
    sigma, prior = observed.drawn_world(world, DIM)
    spectrum = predicted.task_spectrum(sigma, prior)
    tasks = predicted.task_directions(sigma, prior)
    components = np.linalg.eigh(sigma)[1][:, ::-1]
    ranks = np.arange(1, DIM)
    generator = np.random.default_rng(0)

    def regression(representation: np.ndarray, task: np.ndarray) -> np.ndarray:
        return observed.least_squares_regret(
            generator, sigma, representation, task, 0.5, samples, replicas
        )

    pca = [components[:, :r] for r in ranks]
    of_pca = [regression(R, observed.worst_case(sigma, prior, R)) for R in pca]
    alone = [regression(tasks[:, :r], predicted.worst_task(sigma, prior, int(r))) for r in ranks]
    draws = []
    for r in ranks:
        chances, members = predicted.systematic_mixture(predicted.inclusion(spectrum, int(r)))
        regrets = [regression(tasks[:, chosen], tasks[:, 0]) for chosen in members]
        draws.append(chances @ np.array(regrets))
    rows = (
        ("PCA", [float(observed.worst_regret(sigma, prior, R)) for R in pca], of_pca, ("^", ":")),
        (
            "one, weighed by the tasks",
            [predicted.pure_value(spectrum, int(r)) for r in ranks],
            alone,
            ("s", "-"),
        ),
        (
            "a hidden draw among several",
            [predicted.mixed_value(spectrum, int(r)) for r in ranks],
            draws,
            ("o", "--"),
        ),
    )
    for (name, line, points, (marker, style)), colour in zip(rows, COLOURS[1:], strict=False):
        axes.plot(ranks, line, style, color=colour, label=name)
        points_with_intervals(
            axes,
            ranks,
            np.array(points).T,
            colour,
            fmt=marker,
            markersize=7 if name == "PCA" else 4,
        )
    axes.set(
        xlabel="directions kept, r",
        ylabel="worst regret  (units of y²)",
        yscale="log",
        xticks=ranks,
    )
    axes.legend()
    return fig


@figure(
    "F2",
    quick={"draws": 2000},
    claims=("equalised_regret", "price_of_worst_case"),
    marks="lines: theory; marks: simulation; dotted: the value of the game",
)
def who_pays(kept: int = 2, draws: int = 20_000) -> Figure:
    """The expected regret on each of six uncorrelated plausible tasks, where two directions are
    kept and $ℓ* = 4$ tasks are hedged.

    One representation serves the first two tasks and leaves the whole regret of the third. A
    uniform draw leaves two thirds of the first. The best mixture makes the four largest pay the
    same, the value of the game (dotted). Lines: formulas. Points: means over `draws` random sets
    with 99 % Student intervals; projection gives the regret of a set. New.
    """
    fig, axes = plt.subplots(figsize=(4.8, 3.6))
    sigma, prior = observed.shaped_world(observed.drawn_world(0, DIM).covariance, STEEP, 0)
    spectrum = predicted.task_spectrum(sigma, prior)
    tasks = predicted.task_directions(sigma, prior)
    index = np.arange(1, DIM + 1)
    generator = np.random.default_rng(1)
    uniform = np.argsort(np.argsort(generator.random((draws, DIM)), axis=1), axis=1) < kept
    mixture = observed.dropped(generator, spectrum, kept, draws) == 0
    alone = np.tile(index <= kept, (draws, 1))
    rows = (
        ("one representation", np.where(index > kept, spectrum, 0), alone, ("s", "-")),
        ("uniform draws", spectrum * (1 - kept / DIM), uniform, ("^", ":")),
        ("best mixture", predicted.equalised_regret(spectrum, kept), mixture, ("o", "--")),
    )
    for (name, line, sets, (marker, style)), colour in zip(rows, COLOURS, strict=False):
        different, codes = np.unique(sets, axis=0, return_inverse=True)
        regrets = np.array(
            [observed.projected_regret(sigma, tasks[:, columns], tasks) for columns in different]
        )
        axes.plot(index, line, style, color=colour)
        size = {"markersize": 8, "markerfacecolor": "none"} if marker == "s" else {"markersize": 4}
        points_with_intervals(
            axes, index, regrets[codes.ravel()], colour, fmt=marker, label=name, **size
        )
    axes.axhline(predicted.mixed_value(spectrum, kept), color="0.5", linestyle=":", linewidth=0.8)
    axes.set(xlabel="task i", ylabel="expected regret  (units of y²)", xticks=index)
    axes.legend()
    return fig
