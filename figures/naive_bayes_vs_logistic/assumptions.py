"""What the theorem behind O(log n) assumes, measured on given features: F3."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.naive_bayes_vs_logistic.features import data_set, title
from figures.naive_bayes_vs_logistic.panels import plain_log_ticks
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters

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
    weights, intercepts = predicted.naive_bayes_rule(means, variances + _FLOOR, priors)
    scores = points @ weights.T + intercepts
    first, second = np.triu_indices(len(classes), 1)
    margins = [(scores[:, first] - scores[:, second])[labels == c] for c in classes]
    beta = np.stack([np.abs(margin.mean(axis=0)) for margin in margins], axis=1) / n_features
    alpha = np.stack([margin.var(axis=0) for margin in margins], axis=1) / n_features
    gaps = means[first] - means[second]
    distances = np.array([predicted.mahalanobis_squared(gap, variances + _FLOOR) for gap in gaps])
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
    (a) the pooled variances σ_i², (b) β = |E[l_j - l_k | y = c]|/n and (c) α = Var[l_j - l_k | y =
    c]/n of the scores l over all pairs of classes and all classes c; dark: c is one of the
    pair, the case that bounds on the error need. Variances of constant features, which are zero,
    are left out. Black: α that independent features with the same means and variances would have.
    n is the number of features; with the number of classes K in its place, as in the released code,
    β and α are larger by n/K. Last row: random ReLU features of the digits. Nothing is simulated.
    Zheng et al. 2023, whose deep features are replaced; the black ticks are new.
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
