"""The released simulation redrawn: F1, with the sample size at which a mean learning curve falls to
a target. Where naive Bayes has learned what there is to learn, for signals that grow like powers of
n: F4.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures.naive_bayes_vs_logistic.features import plain_log_ticks
from figures.naive_bayes_vs_logistic.simulations import (
    known_variance_error,
    logistic_error,
    naive_bayes_error,
    released_scan,
)
from sims.naive_bayes_vs_logistic.learning_curves import bisect_sizes, geometric_sizes
from theory.naive_bayes_vs_logistic.expected_error import naive_bayes_expected_error
from theory.naive_bayes_vs_logistic.linear_rules import (
    mahalanobis_squared,
    naive_bayes_asymptotic_error,
    official_design,
)
from theory.naive_bayes_vs_logistic.sample_complexity import (
    naive_bayes_sample_exponent,
    naive_bayes_samples,
)
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals, student_interval
from theory_on_trial.figures.replicates import replicates


class Crossing(NamedTuple):
    """Where the curve crosses, and the ends of a 99 % interval around it (to first order in the
    noise).
    """

    size: float
    low: float
    high: float


def samples_needed(
    errors_at: Callable[[int], Float[np.ndarray, " runs"]],
    sizes: Int[np.ndarray, " sizes"],
    target: float,
) -> Crossing:
    """Return m* at which the mean of `errors_at(m)` falls to `target`, among neighbours found by
    bisection of `sizes`.

    The logarithm of the mean error is interpolated in the logarithm of m. The interval is Student's
    for the error at m* (every run interpolated there), carried over to m by the slope of the curve.
    Raises ValueError where `bisect_sizes` does: a curve that does not cross the target within the
    sizes, or NaN.
    """
    grid, errors = bisect_sizes(errors_at, sizes, target)
    means = errors.mean(axis=0)
    after = int(np.argmax(means <= target))
    pair = slice(after - 1, after + 1)
    width = float(np.diff(np.log(grid[pair]))[0])
    fall = float(-np.diff(np.log(means[pair]))[0])
    share = (np.log(means[after - 1]) - np.log(target)) / fall
    at_crossing = (1 - share) * errors[:, after - 1] + share * errors[:, after]
    _, half_width = student_interval(at_crossing)
    log_size = float(np.log(grid[after - 1]) + share * width)
    log_half = float(half_width) / target * width / fall
    return Crossing(*(float(np.exp(log_size + part * log_half)) for part in (0, -1, 1)))


_MOST = 150  # samples, more than naive Bayes needs with seven classes


@figure(
    "F1",
    quick={
        "sizes": (50, 200),
        "classes": (2,),
        "logistic_sizes": ((50, 200),),
        "scanned_sizes": (50,),
        "logistic_scanned_sizes": (),
        "runs": 100,
    },
    claims=(
        "nb_growth_upper",
        "nb_growth_upper-classes",
        "lr_growth_linear",
        "lr_growth-three_classes",
        "first_passage",
        "nb_exact_law",
    ),
)
def growth(
    sizes: Sequence[int] = (100, 200, 400, 1000),
    classes: Sequence[int] = (2, 3, 5, 7),
    logistic_sizes: Sequence[Sequence[int]] = (
        (100, 200, 400, 1000),
        (100, 200, 400),
        (100, 200),
        (100,),
    ),
    scanned_sizes: Sequence[int] = (100, 1000),
    logistic_scanned_sizes: Sequence[int] = (100, 200),
    runs: int = 1000,
    logistic_runs: int = 8,
    scans: int = 20,
    logistic_scans: int = 5,
    level: float = 0.01,
) -> Figure:
    """The samples that naive Bayes needs do not grow with $n$; those of logistic regression end up
    growing linearly.

    The released simulation: $K$ Gaussian classes with means $c_k (1, …, 1)$,
    $c = -1, 1, 2, 4, 8, 16, 32$, half of the $n$ variances $n$ and half 1, random labels. $m$ is
    the number of samples at which the error is `level` above the asymptotic one, which for
    $n = 100$ is $6.0e-13$, $1.3e-4$, $7.6e-5$ and $5.4e-5$ for $K = 2, 3, 5$ and $7$, and for
    $K = 3$, $n = 200$, $1.8e-7$. Discs: where the mean of exact errors crosses, from `runs` (naive
    Bayes) or `logistic_runs` (ridge logistic regression, $C = 1$; sizes left out are expensive)
    runs, with 99 % Student intervals of the error at the crossing over the slope there. Squares:
    the released scan, the first $m$ of $2K, 2K + ⌈ln n⌉, …$ at which a single run is below the
    level, mean over `scans` or, for two classes only, `logistic_scans` runs with 99 % Student
    intervals. (a-d) Naive Bayes: the exact law for known variances (green, $K = 2$); the second
    value that the scan can report (grey), which looks logarithmic whatever the truth; growth with
    $ln n$ from the first disc on (dotted), which is claimed. (e-h) Logistic regression, with growth
    like $n$ through the last disc (dotted): from three classes on the problem gets easier with $n$
    at first. Zheng et al. 2023; crossings, intervals and the exact law are new.
    """
    fig, axes = plt.subplots(
        2, len(classes), figsize=(max(2.7 * len(classes), 6.4), 5.6), sharex=True, squeeze=False
    )
    for n_classes, fitted_sizes, (above, below) in zip(
        classes, logistic_sizes, axes.T, strict=True
    ):
        scan_sizes = logistic_scanned_sizes if n_classes == 2 else ()
        _naive_bayes_panel(above, n_classes, sizes, scanned_sizes, runs, scans, level)
        _logistic_panel(
            below, n_classes, sizes, fitted_sizes, scan_sizes, logistic_runs, logistic_scans, level
        )
        above.set_title(
            f"K = {n_classes},  ε$_∞$({sizes[0]}) = {_asymptotic_error(sizes[0], n_classes):.1e}"
        )
        below.set(xlabel="features  n")
        below.set_xticks(sizes, [str(n) for n in sizes])
        below.xaxis.set_minor_locator(NullLocator())
        plain_log_ticks(below, "y")
    for row, learner in zip(axes, ("naive Bayes", "logistic regression"), strict=True):
        row[0].set_ylabel(f"samples  m,  {learner}")
    entries = {
        name: line
        for row in axes
        for line, name in zip(*row[0].get_legend_handles_labels(), strict=True)
    }
    fig.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=min(3, 1 + len(classes)),
    )
    letters(axes.flat)
    return fig


def _naive_bayes_panel(
    axes: Axes,
    n_classes: int,
    sizes: Sequence[int],
    scanned: Sequence[int],
    runs: int,
    scans: int,
    level: float,
) -> None:
    candidates = np.arange(n_classes + 1, _MOST)
    crossings = []
    for n in sizes:
        # Padding to one size makes one program for all n.
        settings = {"n_classes": n_classes, "padded_features": max(sizes)}
        errors_at = _errors(naive_bayes_error, runs, settings, {"n_features": n})
        crossings.append(
            samples_needed(errors_at, candidates, _asymptotic_error(n, n_classes) + level)
        )
    _crossing_points(axes, sizes, crossings, COLOURS[0], "naive Bayes: mean error crosses")
    _scan_points(axes, "naive Bayes", n_classes, {n: _MOST for n in scanned}, scans, level)
    logs = np.log(sizes)
    axes.plot(sizes, 2 * n_classes + np.ceil(logs), color="0.6", label="2K + ⌈ln n⌉")
    axes.plot(sizes, crossings[0].size * logs / logs[0], ":", color=COLOURS[6], label="∝ ln n")
    if n_classes == 2:
        problems = [official_design(n, 2) for n in sizes]
        distances = [
            mahalanobis_squared(means[1] - means[0], variances) for means, variances in problems
        ]
        law = [naive_bayes_samples(n, d, level) for n, d in zip(sizes, distances, strict=True)]
        axes.plot(sizes, law, color=COLOURS[2], label="exact law, known variances")
    axes.set(xscale="log", ylim=(0, None))


def _logistic_panel(
    axes: Axes,
    n_classes: int,
    sizes: Sequence[int],
    fitted: Sequence[int],
    scanned: Sequence[int],
    runs: int,
    scans: int,
    level: float,
) -> None:
    crossings = []
    for n in fitted:
        candidates = _candidates(n, n_classes)
        settings = {"n_classes": n_classes, "n_features": n, "max_samples": int(candidates[-1])}
        errors_at = _errors(logistic_error, runs, settings, {})
        crossings.append(
            samples_needed(errors_at, candidates, _asymptotic_error(n, n_classes) + level)
        )
    _crossing_points(axes, fitted, crossings, COLOURS[1], "logistic regression: mean error crosses")
    most = {n: int(_candidates(n, n_classes)[-1]) for n in scanned}
    _scan_points(axes, "logistic regression", n_classes, most, scans, level)
    axes.plot(
        sizes, crossings[-1].size * np.array(sizes) / fitted[-1], ":", color=COLOURS[4], label="∝ n"
    )
    axes.set(xscale="log", yscale="log")


def _asymptotic_error(n_features: int, n_classes: int) -> float:
    return naive_bayes_asymptotic_error(*official_design(n_features, n_classes))


def _candidates(n_features: int, n_classes: int) -> Int[np.ndarray, " sizes"]:
    """Sizes among which logistic regression's crossing is looked for, a factor of more than three
    around a guess.

    Good from n = 50 on (below, three classes need more). A guess that fails is an error of the
    bisection, never a wrong point.
    """
    guess = (0.6 * n_classes - 0.3) * n_features + 140 * (n_classes - 2) + 27
    return geometric_sizes(max(int(0.5 * guess), n_classes + 1), int(1.7 * guess), 1.15)


def _errors(
    simulator: Callable[..., Any], runs: int, static: Mapping[str, int], grid: Mapping[str, int]
) -> Callable[[int], Float[np.ndarray, " runs"]]:
    """Return the errors of `runs` runs as a function of the number of samples, with the same random
    numbers for all.
    """

    def errors_at(size: int) -> Float[np.ndarray, " runs"]:
        data = replicates(
            simulator, runs, static, {**grid, "n_samples": size}, common=["n_samples"]
        )
        return data[simulator.__name__].values

    return errors_at


def _crossing_points(
    axes: Axes, sizes: Sequence[int], crossings: Sequence[Crossing], colour: str, name: str
) -> None:
    middle, low, high = np.array(crossings).T
    axes.errorbar(
        sizes,
        middle,
        [middle - low, high - middle],
        fmt="o",
        color=colour,
        elinewidth=0.8,
        label=name,
    )


def _scan_points(
    axes: Axes,
    learner: str,
    n_classes: int,
    most: Mapping[int, int],
    runs: int,
    level: float,
) -> None:
    """Draw what the released scan reports for every n, given the most samples that it may take
    there.
    """
    for n, limit in most.items():
        static = {"n_features": n, "n_classes": n_classes, "most": limit, "learner": learner}
        data = replicates(
            released_scan, runs, static, {"target": _asymptotic_error(n, n_classes) + level}
        )
        reports = data["released_scan"].values[:, None].astype(float)
        square = {"fmt": "s", "markerfacecolor": "white", "label": "released scan"}
        points_with_intervals(axes, [n], reports, COLOURS[3], **square)


@figure(
    "F4",
    quick={"cells": 13, "simulated_sizes": (10, 100, 1000), "runs": 50},
    claims=("nb_exact_law", "nb_sample_exponent", "nb_linear_when_weak", "nb_constant_when_dense"),
    marks="(a-e) white: samples needed, m*; dashed: its power of n; discs: simulated. (f) lines: "
    "exact",
)
def phases(
    exponents: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    cells: int = 41,
    largest: float = 1e6,
    excess: float = 0.02,
    simulated_sizes: Sequence[int] = (10, 30, 100, 300, 1000),
    n_samples: int = 40,
    runs: int = 200,
) -> Figure:
    """The samples naive Bayes needs grow as $n^(1 - 2a)$ if the squared distance is $n^a$, and from
    $a = ½$ on do not grow.

    Two Gaussian classes with known variances, their squared Mahalanobis distance $Δ² = n^a$ spread
    over all features. (a-e) Exact expected error (background), the samples $m*$ at which it is
    $Φ(-Δ/2) +$ `excess` (white line, at least 2), and the predicted power $n^{max(0, 1 - 2a)}$
    through its right end (dashed). Simulated means over `runs` training sets (discs, in the same
    colours). (f) Cut at $m =$ `n_samples`: exact (lines) and simulated with 99 % Student intervals
    (points). New.
    """
    fig, axes = plt.subplots(2, -(-(len(exponents) + 1) // 2), figsize=(9.6, 5.8), squeeze=False)
    n_grid = np.unique(np.geomspace(1, largest, cells).round().astype(int))
    m_grid = np.geomspace(2, largest, cells)
    m_simulated = [4, n_samples, 10 * n_samples]
    cut = axes.flat[len(exponents)]
    swept = {"signal_exponent": list(exponents), "n_samples": m_simulated}
    simulated_at = [
        replicates(known_variance_error, runs, {"n_features": n}, swept)["known_variance_error"]
        for n in simulated_sizes
    ]
    for exponent, panel, colour in zip(exponents, axes.flat, COLOURS, strict=False):
        exact = [
            [naive_bayes_expected_error(int(n), m, n**exponent) for n in n_grid] for m in m_grid
        ]
        shades = {"cmap": "cividis", "vmin": 0, "vmax": 0.5}
        background = panel.pcolormesh(
            n_grid, m_grid, np.array(exact), shading="gouraud", rasterized=True, **shades
        )
        samples = np.array([naive_bayes_samples(int(n), n**exponent, excess) for n in n_grid])
        panel.plot(n_grid, samples, color="white", linewidth=2)
        power = naive_bayes_sample_exponent(exponent)
        panel.plot(n_grid, samples[-1] * (n_grid / n_grid[-1]) ** power, "--", color=COLOURS[1])
        simulations = [data.sel(signal_exponent=exponent) for data in simulated_at]
        for n, errors in zip(simulated_sizes, simulations, strict=True):
            means = errors.mean("seed").values
            discs = {"s": 22, "edgecolors": "white", "linewidths": 0.7, "zorder": 3}
            panel.scatter([n] * len(means), m_simulated, c=means, **discs, **shades)
        title = f"$Δ^2 = n^{{{exponent:g}}}$,   m* ∝ $n^{{{power:g}}}$"
        panel.set(
            xscale="log", yscale="log", xlim=(1, largest), ylim=(1.6, 0.99 * largest), title=title
        )
        cut_grid = np.unique(
            np.geomspace(simulated_sizes[0], simulated_sizes[-1], cells).round().astype(int)
        )
        law = [naive_bayes_expected_error(int(n), n_samples, n**exponent) for n in cut_grid]
        cut.plot(cut_grid, law, color=colour)
        columns = np.stack(
            [errors.sel(n_samples=n_samples).values for errors in simulations], axis=1
        )
        points_with_intervals(cut, simulated_sizes, columns, colour, label=f"a = {exponent:g}")
    cut.set(xscale="log", ylim=(0, 0.5), ylabel="expected error", title=f"m = {n_samples}")
    cut.legend(fontsize=7)
    for panel in axes.flat:
        panel.set_xlabel("features  n")
    for panel in axes[:, 0]:
        panel.set_ylabel("training samples  m")
    fig.colorbar(background, ax=axes, label="expected error", shrink=0.6)
    letters(axes.flat, x=-0.1)
    return fig
