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


@figure("F3", quick={}, marks="triangles: percentiles 0, 10, …, 100 of all values")
def assumption_histograms(
    names: Sequence[str] = ("digits", "breast_cancer", "wine", "iris"),
    n_random: int = 1024,
    bins: int = 40,
) -> Figure:
    """Margins are positive as the theorem asks; on many features their variance far exceeds that of
    independent ones.

    For naive Bayes fitted to all samples of a data set, features scaled to [0, 1], histograms of
    (a-e) the pooled variances σ_i², (f-j) β = |E[l_j - l_k | y = c]|/n and (k-o) α = Var[l_j - l_k
    | y = c]/n of the scores l over all pairs of classes and all classes c; filled: c is one of the
    pair, the case that bounds on the error need. Triangles above the panels: the percentiles 0, 10,
    ..., 100 of all values shown (zero variances, of constant features, are left out). Line: α that
    independent features with the same means and variances would have. n is the number of features;
    with the number of classes K in its place, as in the released code, β and α are larger by n/K.
    Right column: random ReLU features of the digits. Nothing is simulated. Zheng et al. 2023, whose
    deep features are replaced; the line is new.
    """
    chosen: list[tuple[str, int | None]] = [(name, None) for name in names] + [("digits", n_random)]
    fig, axes = plt.subplots(3, len(chosen), figsize=(2.5 * len(chosen), 6.2), squeeze=False)
    for (name, count), (top, middle, bottom) in zip(chosen, axes.T, strict=True):
        features, labels = data_set(name, count)
        statistics = assumptions(np.asarray(features), labels)
        top.set_title(
            title(name, count, features.shape[1], int(labels.max()) + 1) + "\n", fontsize=8
        )
        variances = statistics.variances[statistics.variances > 0]
        _histogram(top, variances, np.ones_like(variances, bool), bins)
        own = statistics.concerns_own.ravel()
        _histogram(middle, statistics.beta.ravel(), own, bins)
        edges = _histogram(
            bottom, statistics.alpha.ravel(), own, bins, statistics.independent_alpha
        )
        # Every pair counts twice among the filled values: for either class.
        independent = np.repeat(statistics.independent_alpha, 2)
        bottom.hist(
            independent, edges, histtype="step", color=COLOURS[6], label="independent features"
        )
        for axis, text in zip((top, middle, bottom), ("variance  $σ_i^2$", "β", "α"), strict=True):
            axis.set_xlabel(f"{text}  (dimensionless)")
    letters(axes.flat, x=-0.05)
    axes[0, 0].set_ylabel("features")
    axes[1, 0].set_ylabel("triples of classes")
    axes[2, 0].set_ylabel("triples of classes")
    fig.legend(*axes[2, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def _histogram(
    axes: Axes,
    values: Float[np.ndarray, " values"],
    filled: Bool[np.ndarray, " values"],
    bins: int,
    others: Float[np.ndarray, " others"] | None = None,
) -> Float[np.ndarray, " edges"]:
    """Draw all values in outline and the `filled` ones as bars, in logarithmic bins that hold
    `others` too.
    """
    pool = values if others is None else np.concatenate([values, others])
    middle, half = np.log([pool.min() * pool.max(), pool.max() / pool.min()]) / 2
    half = max(half * (1 + 1e-9), np.log(10) / 2)  # values that are nearly equal shall look so
    edges = np.exp(middle + half * np.linspace(-1, 1, bins + 1))
    axes.hist(values, edges, histtype="step", color=COLOURS[5], label="all triples")
    axes.hist(values[filled], edges, color=COLOURS[0], label="class of the pair")
    percentiles = np.percentile(values, range(0, 101, 10))
    heights = np.full(len(percentiles), 1.03)
    axes.plot(
        percentiles,
        heights,
        "v",
        color=COLOURS[1],
        transform=axes.get_xaxis_transform(),
        clip_on=False,
    )
    axes.set_xscale("log")
    plain_log_ticks(axes, "x")
    return edges
