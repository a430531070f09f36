"""On given features, scikit-learn's bundled ones and random features of its digits: learning
curves, F2, and what the theorem behind O(log n) assumes, F3. Which learner is ahead at which sample
size, under more and more correlation: F6.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures.naive_bayes_vs_logistic.simulations import (
    data_set,
    equicorrelated_pair,
    half_informative,
    split_curves,
    title,
)
from theory.naive_bayes_vs_logistic.expected_error import naive_bayes_expected_error
from theory.naive_bayes_vs_logistic.linear_rules import (
    bayes_error,
    mahalanobis_squared,
    naive_bayes_asymptotic_error,
    naive_bayes_rule,
)
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters, points_with_intervals
from theory_on_trial.figures.replicates import replicates


def plain_log_ticks(axes: Axes, name: Literal["x", "y"]) -> None:
    """Label a logarithmic axis at powers of ten, and at 2 and 5 (3 and 7) times these below two
    decades (one decade).

    To be called when everything is drawn: ticks are placed within the limits of that moment, which
    stay.
    """
    low, high = axes.get_xlim() if name == "x" else axes.get_ylim()
    steps = (1, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5) if high < 100 * low else (1,)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)))
    ticks = [step * power for power in powers for step in steps if low <= step * power <= high]
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.set_minor_locator(NullLocator())


_FLOOR = 1e-9  # added to the variances in the released code


class Assumptions(NamedTuple):
    """Statistics of a labelled data set; l_k is the score of naive Bayes fitted to it, n the number
    of features.

    Attributes:
        variances: σ_i², pooled over the classes, without the floor.
        beta: |E[l_j - l_k | y = c]| / n for every pair j < k and every class c.
        alpha: Var[l_j - l_k | y = c] / n in the same way.
        independent_alpha: what α would be if features were independent with these means and
            variances, for every pair.
        concerns_own: whether c is one of the pair, the only case that the theorem needs.
    """

    variances: Float[np.ndarray, " features"]
    beta: Float[np.ndarray, "pairs classes"]
    alpha: Float[np.ndarray, "pairs classes"]
    independent_alpha: Float[np.ndarray, " pairs"]
    concerns_own: Bool[np.ndarray, "pairs classes"]


def assumptions(
    features: Float[np.ndarray, "samples features"], labels: Int[np.ndarray, " samples"]
) -> Assumptions:
    """Return the statistics of features that are first scaled to [0, 1] by their range (constant
    ones to 0).

    Divisions are by the number of features; the released code divides β and α by the number of
    classes instead. Source: released code of Zheng et al. 2023; the value for independent features
    is derived here.
    """
    span = np.ptp(features, axis=0)
    points = (features - features.min(axis=0)) / np.where(span > 0, span, 1)
    n_features = features.shape[1]
    classes = np.unique(labels)
    means = np.stack([points[labels == c].mean(axis=0) for c in classes])
    variances = np.mean((points - means[np.searchsorted(classes, labels)]) ** 2, axis=0)
    priors = np.array([np.mean(labels == c) for c in classes])
    weights, intercepts = naive_bayes_rule(means, variances + _FLOOR, priors)
    scores = points @ weights.T + intercepts
    first, second = np.triu_indices(len(classes), 1)
    margins = [(scores[:, first] - scores[:, second])[labels == c] for c in classes]
    beta = np.stack([np.abs(margin.mean(axis=0)) for margin in margins], axis=1) / n_features
    alpha = np.stack([margin.var(axis=0) for margin in margins], axis=1) / n_features
    gaps = means[first] - means[second]
    distances = np.array([mahalanobis_squared(gap, variances + _FLOOR) for gap in gaps])
    own = np.arange(len(classes))
    concerns_own = (own == first[:, None]) | (own == second[:, None])
    return Assumptions(variances, beta, alpha, distances / n_features, concerns_own)


@figure("F3", quick={}, marks="a tick for each value; thick: the median of its row")
def assumption_histograms(
    names: Sequence[str] = ("digits", "breast_cancer", "wine", "iris"),
    n_random: int = 1024,
) -> Figure:
    """Margins are positive as the theorem asks; on many features their variance far exceeds that of
    independent ones.

    For naive Bayes fitted to all samples of a data set, features scaled to [0, 1], all values of
    (a) the pooled variances $σ_i²$, (b) $β = |E[l_j - l_k | y = c]|/n$ and (c)
    $α = Var[l_j - l_k | y = c]/n$ of the scores $l$ over all pairs of classes and all classes $c$;
    dark: $c$ is one of the pair, the case that bounds on the error need. Variances of constant
    features, which are zero, are left out. Black: $α$ that independent features with the same means
    and variances would have. $n$ is the number of features; with the number of classes $K$ in its
    place, as in the released code, $β$ and $α$ are larger by $n/K$. Last row: random ReLU features
    of the digits. Nothing is simulated. Zheng et al. 2023, whose deep features are replaced; the
    black ticks are new.
    """
    chosen: list[tuple[str, int | None]] = [(name, None) for name in names] + [("digits", n_random)]
    fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.9), sharey=True)
    titles = []
    for row, (name, count) in enumerate(chosen):
        features, labels = data_set(name, count)
        statistics = assumptions(np.asarray(features), labels)
        titles.append(title(name, count, features.shape[1], int(labels.max()) + 1))
        own = statistics.concerns_own
        variances = statistics.variances[statistics.variances > 0]
        _ticks(axes[0], row, variances, COLOURS[0], "features")
        for panel, values in zip(axes[1:], (statistics.beta, statistics.alpha), strict=True):
            _ticks(panel, row - 0.16, values[~own], COLOURS[5], "another class")
            _ticks(panel, row, values[own], COLOURS[0], "class of the pair")
        _ticks(
            axes[2], row + 0.16, statistics.independent_alpha, COLOURS[6], "independent features"
        )
    for panel, text in zip(axes, ("variance  $σ_i^2$", "β", "α"), strict=True):
        panel.set(xscale="log", xlabel=f"{text}  (dimensionless)")
        plain_log_ticks(panel, "x")
    axes[0].set_yticks(range(len(chosen)), [text.replace(", ", "\n", 1) for text in titles])
    axes[0].invert_yaxis()
    letters(axes, x=-0.02)
    handles = dict(zip(*reversed(axes[2].get_legend_handles_labels()), strict=True))
    fig.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return fig


def _ticks(
    axes: Axes, height: float, values: Float[np.ndarray, " values"], colour: str, name: str
) -> None:
    """Draw a tick for each value at a height, fainter where there are many, and their median."""
    if not values.size:
        return
    faint = max(0.08, min(1.0, 30 / values.size))
    axes.plot(values, np.full(values.size, height), "|", color=colour, alpha=faint, markersize=7)
    axes.plot(np.median(values), height, "|", color=colour, markersize=9, mew=2.5, label=name)


@figure(
    "F2",
    quick={
        "names": ("digits", "wine", "iris"),
        "sizes": (20, 50, 100),
        "n_random": (128,),
        "runs": 20,
    },
    claims=("real_two_regimes",),
)
def learning_curves(
    names: Sequence[str] = ("digits", "breast_cancer", "wine", "iris"),
    sizes: Sequence[int] = (10, 20, 50, 100, 200, 500),
    n_random: Sequence[int] = (128, 1024),
    floors: Sequence[float] = (1e-9, 0.03),
    runs: int = 40,
    random_runs: int = 8,
) -> Figure:
    """With few samples naive Bayes is ahead, if any learner is; with many, logistic regression is
    ahead on all but four features.

    Test error against the number of training samples $m$. The training samples are drawn at random
    from the data set until every class is among them, and all other samples test. Features are
    scaled to [0, 1] by their range in the training set. Points are means over `runs` splits with 99
    % Student intervals for the data set as it is, joined to guide the eye. Discs: naive Bayes, one
    colour for each floor added to the variances. Squares: ridge logistic regression, $C = 1$. Sizes
    that leave fewer than a quarter of the samples to test are left out. (a-d) Scikit-learn's
    bundled data sets. (e, f) Random ReLU features of the digits, over `random_runs` splits, in
    place of the deep features of the paper. Zheng et al. 2023.
    """
    chosen = [(name, None, runs) for name in names] + [
        ("digits", count, random_runs) for count in n_random
    ]
    columns = -(-len(chosen) // 2)
    fig, axes = plt.subplots(2, columns, figsize=(2.9 * columns, 5.2), squeeze=False)
    for (name, count, splits), panel, letter in zip(chosen, axes.flat, "abcdefgh", strict=False):
        features, labels = data_set(name, count)
        n_classes = int(labels.max()) + 1
        fitting = tuple(m for m in sizes if 2 * n_classes <= m <= 0.75 * len(labels))
        static = {"name": name, "n_random": count, "sizes": fitting, "floors": tuple(floors)}
        data = replicates(split_curves, splits, static, {})
        for number, floor in enumerate(floors):
            points_with_intervals(
                panel,
                fitting,
                data["naive_bayes"].values[:, number],
                (COLOURS[0], COLOURS[5], COLOURS[4])[number],
                fmt="o-",
                linewidth=0.6,
                label=f"naive Bayes, floor {floor:g}",
            )
        logistic = {"fmt": "s-", "linewidth": 0.6, "label": "logistic regression"}
        points_with_intervals(panel, fitting, data["logistic"].values, COLOURS[1], **logistic)
        panel.set(
            xscale="log", yscale="log", title=title(name, count, features.shape[1], n_classes)
        )
        panel.set_xticks(fitting, [str(m) for m in fitting])
        panel.xaxis.set_minor_locator(NullLocator())
        plain_log_ticks(panel, "y")
        label(panel, letter, x=-0.1)
    for panel in axes.flat[len(chosen) :]:
        panel.set_axis_off()
    for panel in axes[:, 0]:
        panel.set_ylabel("test error (share of samples)")
    for panel in axes[-1]:
        panel.set_xlabel("training samples  m")
    axes[0, 0].legend(fontsize=6.5)
    return fig


@figure(
    "F6",
    quick={"sizes": (8, 32, 128, 512), "runs": 25},
    claims=("two_regimes", "small_samples", "asym_nb_error", "nb_correlated_floor", "nb_exact_law"),
    marks="solid: naive Bayes, infinite data; dashed: Bayes error; (a) dotted: exact law with "
    "known variances",
)
def regimes(
    correlations: Sequence[float] = (0.0, 0.05, 0.1, 0.2, 0.5, 0.8),
    sizes: Sequence[int] = (8, 16, 32, 64, 128, 256, 512, 1024),
    n_features: int = 20,
    gap: float = 0.8,
    runs: int = 200,
) -> Figure:
    """Naive Bayes ignores correlation and so ends at a floor; logistic regression is better with
    enough data.

    Two Gaussian classes whose means differ by `gap` in half of the features, unit variances, all
    correlations $ρ$. Exact errors of naive Bayes (discs) and of ridge logistic regression ($C = 1$,
    squares) on prefixes of the same balanced data sets: means over `runs` of them with 99 % Student
    intervals. Solid lines: the error of naive Bayes with infinite data. Dashed: the Bayes error,
    where logistic regression ends. Dotted in (a): the exact law of naive Bayes with known
    variances. (a) Without correlation naive Bayes ends at the Bayes error, and is behind at the
    smallest $m$ only, where it has yet to learn the variances. (b, c) Under weak correlation it is
    ahead at intermediate $m$. (d-f) Under strong correlation it is not, and its mean error can lie
    below its own limit on the way. Zheng et al. 2023 and Ng & Jordan 2001 for the two regimes;
    design and lines are new.
    """
    columns = -(-len(correlations) // 2)
    fig, axes = plt.subplots(
        2, columns, figsize=(3 * columns, 5.2), sharex=True, sharey="row", squeeze=False
    )
    static = {"n_features": n_features, "gap": gap, "sizes": tuple(sizes)}
    data = replicates(equicorrelated_pair, runs, static, {"correlation": list(correlations)})[
        "equicorrelated_pair"
    ]
    means = half_informative(n_features, gap)
    for correlation, panel, letter in zip(correlations, axes.flat, "abcdefgh", strict=False):
        covariance = (1 - correlation) * np.eye(n_features) + correlation
        errors = data.sel(correlation=correlation).values
        points_with_intervals(panel, sizes, errors[..., 0], COLOURS[0], label="naive Bayes")
        points_with_intervals(
            panel, sizes, errors[..., 1], COLOURS[1], fmt="s", label="logistic regression"
        )
        panel.axhline(naive_bayes_asymptotic_error(means, covariance), color=COLOURS[0])
        panel.axhline(bayes_error(means, covariance), color=COLOURS[1], linestyle="--")
        if correlation == 0:
            distance = mahalanobis_squared(means[1] - means[0], covariance)
            grid = np.geomspace(sizes[0], sizes[-1], 40)
            law = [naive_bayes_expected_error(n_features, m, distance) for m in grid]
            panel.plot(grid, law, ":", color=COLOURS[0])
        panel.set(xscale="log", yscale="log", title=f"ρ = {correlation:g}")
        panel.set_xticks(sizes, [str(m) for m in sizes], fontsize=7)
        panel.xaxis.set_minor_locator(NullLocator())
        label(panel, letter)
    for panel in axes[-1]:
        panel.set_xlabel("training samples  m")
    for panel in axes[:, 0]:
        panel.set_ylabel("error probability")
        plain_log_ticks(panel, "y")
    axes[0, 0].legend()
    return fig
