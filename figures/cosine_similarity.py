"""The figures of cosine similarity: F1 one model in three gauges, F2 how far a cosine can move."""

from collections.abc import Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from sims import cosine_similarity as observed
from theory import cosine_similarity as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label


def grouped_ratings(users: int, items: int, groups: int, seed: int) -> np.ndarray:
    """Ratings of users who like one group of items each, and of some items that everybody likes.
    Groups are neighbours on the item axis.
    """
    generator = np.random.default_rng(seed)
    taste = generator.integers(groups, size=users)
    kind = np.arange(items) * groups // items
    popularity = generator.uniform(0.2, 1.0, size=items)
    return popularity * ((taste[:, None] == kind) + 0.15) + 0.1 * generator.normal(
        size=(users, items)
    )


@figure(
    "F1",
    quick={"users": 120, "items": 20},
    claims=(
        "identity_gauge",
        "identity_gauge-ridge",
        "cosines_not_unique",
        "objective2_optimum-cosines",
        "scores_are_safe",
    ),
)
def gauges(users: int = 400, items: int = 40, groups: int = 5, penalty: float = 40.0) -> Figure:
    """One model gives four pictures of which items are similar: item-item cosines in four gauges
    with the same scores.

    Users like one of five groups of items, which are neighbours on the axes. All panels show the
    same optimum $X A Bᵀ$ of objective 1, with as many columns as items: (a) $B = V$, in which no
    two items are similar; (b) the symmetric gauge; (c) $A = V$; (d) the gauge of least
    $|X A|² + |B|²$, the penalty of objective 2, which is the only one that objective 2 allows.
    Colour: cosine of two items. After Steck et al. 2024 (arXiv 2403.05440), with data of our own.
    """
    x = grouped_ratings(users, items, groups, seed=0)
    shares = {"B = V": 0.0, "symmetric": 0.5, "A = V": 1.0}
    factors = {
        name: predicted.objective1_factors(x, items, penalty, share)
        for name, share in shares.items()
    }
    _, strengths, axes_of_items = np.linalg.svd(
        x @ factors["symmetric"].a @ factors["symmetric"].b.T
    )
    pictures = {name: fit.b for name, fit in factors.items()}
    pictures["least |XA|² + |B|²"] = axes_of_items.T[:, : len(strengths)] * np.sqrt(strengths)
    fig, panels = plt.subplots(1, 4, figsize=(8.4, 2.4), sharey=True)
    for axes, letter, (name, b) in zip(panels, "abcd", pictures.items(), strict=True):
        ends = (0.5, items + 0.5)
        image = axes.imshow(
            observed.cosines(b), cmap="RdBu_r", vmin=-1, vmax=1, extent=(*ends, *ends[::-1])
        )
        axes.set(xlabel="item", title=name)
        axes.spines[["top", "right"]].set_visible(True)
        label(axes, letter, x=0.0)
    panels[0].set_ylabel("item")
    fig.colorbar(image, ax=panels, label="cosine", shrink=0.8)
    return fig


@figure("F2", quick={"gauges": 50}, claims=("range_any_gauge", "range_any_gauge-attained"))
def ranges(
    conditions: Sequence[float] = (1.5, 2.5, 4, 6.5, 10, 16, 25, 40, 65, 100),
    gauges: int = 300,
    dim: int = 3,
) -> Figure:
    """How far gauges of a condition number up to $K$ move a cosine: the whole range against $K$,
    for three pairs of items.

    (a-c) Pairs in three dimensions whose present cosine is .8, 0 and −.5. Lines: the law. Large
    points: cosines after the extreme gauges. Dots: cosines after `gauges` random gauges of
    condition $K$ or less in random bases, which rarely come near the ends. New.
    """
    fig, panels = plt.subplots(1, 3, figsize=(8.4, 3.0), sharey=True)
    finer = np.geomspace(1, max(conditions), 100)
    for axes, letter, present in zip(panels, "abc", (0.8, 0.0, -0.5), strict=True):
        u = np.eye(dim)[0]
        v = np.eye(dim)[0] * present + np.eye(dim)[1] * np.sqrt(1 - present**2)
        generator = np.random.default_rng(0)
        for condition in conditions:
            cosines = observed.gauged_cosines(
                u, v, observed.draw_gauges(generator, dim, condition, gauges)
            )
            jitter = condition * np.exp(generator.uniform(-0.06, 0.06, gauges))
            axes.plot(jitter, cosines, ".", color=COLOURS[5], markersize=2, label="random gauges")
        low, high = np.array([predicted.any_gauge_range(u[None], v[None], k) for k in finer])[
            :, :, 0
        ].T
        axes.plot(finer, low, color=COLOURS[0], label="law")
        axes.plot(finer, high, color=COLOURS[0])
        ends: tuple[Literal["low"], Literal["high"]] = "low", "high"
        for end in ends:
            metrics = [predicted.extreme_gauge(u, v, condition, end) for condition in conditions]
            roots = np.array([np.linalg.inv(np.linalg.cholesky(metric)).T for metric in metrics])
            axes.plot(
                conditions,
                observed.gauged_cosines(u, v, roots),
                "o",
                color=COLOURS[1],
                label="extreme gauges",
            )
        axes.set(
            xscale="log", xlabel="condition number K of G", title=f"present cosine {present:g}"
        )
        label(axes, letter)
    panels[0].set_ylabel("reachable cosine")
    handles = dict(zip(*panels[0].get_legend_handles_labels()[::-1], strict=True))
    panels[0].legend(handles.values(), handles.keys(), loc="lower left")
    return fig
