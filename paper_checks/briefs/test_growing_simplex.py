"""Biondi, Pernici, Ricci & Del Bimbo 2024, "Stationary Representations: Optimally Approximating
Compatibility and Implications for Improved Model Replacements", CVPR, arXiv 2405.02581; Biondi,
Pernici, Bruni & Del Bimbo 2023, "CoReS: Compatible Representations via Stationarity", TPAMI, arXiv
2111.07632.

For whoever upgrades a retrieval model without re-indexing the gallery: when are old and new
features compatible?

Paper: a classifier head that is fixed as a regular simplex keeps the features of later models
comparable with those of earlier ones, by a definition with two inequalities. This page tries both
inequalities for features of a known law around fixed prototypes.

Take away: a better model keeps both inequalities if and only if prototypes repel each other,
$c < 0$. They hold for means only: in five dimensions, with $κ = 4$ before and 40 after, a single
pair of a new and an old feature obeys the first with probability .67. A new simplex for 10 classes
in place of 5 keeps the old directions up to a cosine of .94 at best.

A fixed head holds unit vectors $w_0, …, w_d$ in $d$ dimensions with $w_i·w_j = c$, where $c = −1/d$
for a simplex. Features of class $y$ are unit vectors from the von Mises–Fisher law around $w_y$
with a concentration $κ$, which is the model's quality; their mean has the length
$ρ = I_{d/2}(κ)/I_{d/2 − 1}(κ)$. The gallery is old ($o$), the query new ($n$), and the distance is
1 minus the cosine. Compatibility asks for two things of mean distances: (i) within a class that of
$n$ and $o$ is at most that of two old features $o$ and $o'$; (ii) across classes it is at least
that of $o$ and $o'$.

Edges: at $κ = 0$ features are uniform and $ρ = 0$, so that every mean distance is 1.

Abstract:

- Statement 1: features that stay at fixed vertices of a simplex are the best approximation of
  compatible representations by both inequalities of their definition. In part: both_inequalities,
  euclidean. They meet both for cosines, and squared Euclidean distances cannot; that none come
  nearer is not tried.
- Statement 2: a higher-order loss improves this, and retrieval stays right when pre-trained models
  are replaced. Not on trial. Features have known laws here, and no model is replaced.

Read: the abstracts of both. Derived here: when both inequalities hold, that squared Euclidean
distances cannot have both, and what a head that is made again keeps. Not claimed: single pairs,
which obey either hardly more often than not.

Topic: representations.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy.special import ive
from scipy.stats import vonmises_fisher

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic, Bounded

Dim = Annotated[int, Interval(2, 32, why="tens of thousands of features are drawn")]
Concentration = Annotated[float, Interval(1, 50, why="less is hardly a class, more is a point")]
Noise = Annotated[float, Interval(0.1, 1, why="beside prototypes of length one")]


def simplex(classes):
    """The K unit vectors in K − 1 dimensions that all have the cosine −1/(K − 1)."""
    vectors = np.linalg.qr(np.eye(classes) - 1 / classes)[0][:, :-1]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@observed
def distances(generator, count, dim, old, new, cosine):
    """Distances within a class (old to old, new to old) and then across classes, each of
    independent features: (count, 4).
    """
    first = np.eye(dim)[0]
    second = cosine * np.eye(dim)[0] + np.sqrt(1 - cosine**2) * np.eye(dim)[1]

    def features(mean, concentration):
        return vonmises_fisher(mean, concentration).rvs(count, random_state=generator)

    pairs = [
        (features(first, model), features(mean, old))
        for mean in (first, second)
        for model in (old, new)
    ]
    return np.stack([1 - np.sum(query * gallery, axis=1) for query, gallery in pairs], axis=1)


@predicted
def mean_length(dim, concentration):
    """ρ = I_{d/2}(κ)/I_{d/2 − 1}(κ), which is 0 at κ = 0."""
    if concentration == 0:
        return 0.0
    return ive(dim / 2, concentration) / ive(dim / 2 - 1, concentration)


@predicted
def mean_distances(dim, old, new, cosine):
    """1 − ρ² of two old features and 1 − ρ_n ρ_o of a new and an old one; across classes 1 − c
    times these products.
    """
    products = mean_length(dim, old) * np.array([mean_length(dim, old), mean_length(dim, new)])
    return np.concatenate([1 - products, 1 - cosine * products])


@claim(
    derived("means of independent features multiply"),
    kind="identity",
    cases=[(5, 4.0, 20.0, -0.2), (5, 4.0, 20.0, 0.3)],
)
def test_both_inequalities(
    trial,
    dim: Dim,
    old: Concentration,
    new: Concentration,
    cosine: Annotated[
        float,
        Interval(-1, 0.9, why="between two prototypes; the same prototype would be one class"),
    ],
):
    """Features of class $y$ are independent unit vectors around the prototype $w_y$ with mean
    length $ρ_o$ of an old and $ρ_n$ of a new model, and $w_i·w_j = c$. The mean distance, 1 minus
    the cosine, of a new and an old feature is $1 − ρ_n ρ_o$ within a class and $1 − c ρ_n ρ_o$
    across. So a better model, $ρ_n > ρ_o > 0$, is nearer to the old features within a class than
    they are to each other, and not nearer across if and only if $c ≤ 0$.
    """
    law = mean_distances(dim, old, new, cosine)
    controls = {"features at their prototypes": 1 - np.array([1, 1, cosine, cosine])}
    if abs(mean_length(dim, new) - mean_length(dim, old)) > 0.1:
        controls["the query stays old"] = mean_distances(dim, old, old, cosine)
    draw = partial(distances, dim=dim, old=old, new=new, cosine=cosine)
    margin = 0.02 * np.maximum(law, 0.25)
    trial.mean(
        sampler=draw,
        predict=law,
        law=Bounded(0, 2),
        margin=margin,
        controls=controls,
        first=4000,
        most=400_000,
    )


@observed
def squared_distances(generator, count, dim, old, new):
    """Squared distances of Gaussian features w_y + σ ε around the corners of the simplex, in the
    order of `distances`: (count, 4).
    """
    first, second = simplex(dim + 1)[:2]

    def features(mean, noise):
        return mean + noise * generator.normal(size=(count, dim))

    pairs = [
        (features(first, model), features(mean, old))
        for mean in (first, second)
        for model in (old, new)
    ]
    return np.stack([np.sum((query - gallery) ** 2, axis=1) for query, gallery in pairs], axis=1)


@predicted
def mean_squared_distances(dim, old, new):
    """The means d (σ_o² + σ²) for σ = σ_o and σ_n, and across classes 2 (1 + 1/d) more."""
    within = dim * (old**2 + np.array([old, new]) ** 2)
    return np.concatenate([within, within + 2 + 2 / dim])


@claim(
    derived("noise adds the same to all squared distances"),
    kind="identity",
    cases=[(5, 0.5, 0.2), (8, 0.3, 0.3)],
)
def test_euclidean(trial, dim: Dim, old: Noise, new: Noise):
    """Features are $w_y + σ N(0, I)$ with $w_y$ on a regular simplex in $d$ dimensions. A new and
    an old feature have the mean squared distance $d (σ_n² + σ_o²)$ within a class, and
    $2 (1 + 1/d)$ more across. So it is at most that of two old features within a class if and only
    if $σ_n ≤ σ_o$, and at least that across if and only if $σ_n ≥ σ_o$.
    """
    law = mean_squared_distances(dim, old, new)
    rivals = {"features at their prototypes": (2 + 2 / dim) * np.array([0, 0, 1, 1])}
    draw = partial(squared_distances, dim=dim, old=old, new=new)
    trial.mean(
        sampler=draw,
        predict=law,
        law=Asymptotic(),
        margin=0.012 * law,
        controls=rivals,
        first=4000,
        most=10**6,
    )


@observed
def kept(classes, more):
    """The best mean cosine of the old corners with the first ones of a larger simplex, by an
    optimal rotation.
    """
    before = np.pad(simplex(classes), ((0, 0), (0, more)))
    left, _, right = np.linalg.svd(before.T @ simplex(classes + more)[:classes])
    return np.mean(np.sum(before @ left @ right * simplex(classes + more)[:classes], axis=1))


@predicted
def kept_law(classes, more):
    """√((K − 1) K₂/(K (K₂ − 1))): both Gram matrices are multiples of I − J/K on its range."""
    return np.sqrt((classes - 1) * (classes + more) / (classes * (classes + more - 1)))


@claim(
    derived("Procrustes; both Gram matrices are known"),
    kind="optimality",
    cases=[(2, 1), (5, 5), (10, 60)],
)
def test_regrown_head(
    trial,
    classes: Annotated[
        int,
        Interval(
            2, 60, why="one class has no simplex, of very many an optimal rotation takes long"
        ),
    ],
    more: Annotated[
        int, Interval(1, 60, why="classes that are added; as many more as there may be at first")
    ],
):
    """If a regular simplex of $K$ directions is made again with $K₂ > K$, the largest possible mean
    cosine of $K$ new directions and the old ones is $√((K − 1) K₂/(K (K₂ − 1)))$.
    """
    law = kept_law(classes, more)
    controls = {
        "all is kept, as in a fixed head": 1.0,
        "$√((K − 1)/K)$, as of very many new classes": np.sqrt((classes - 1) / classes),
    }
    trial.identity(kept(classes, more), law, ops=30 * (classes + more), controls=controls)


@figure("F1", claims=("both_inequalities",))
def mixed_distances(dim: int = 5, old: float = 4.0, pairs: int = 4000):
    """A better model keeps both inequalities only if prototypes repel each other: mean distance of
    new and old features against $κ_n$.

    Five dimensions, $κ_o = 4$. A better model stays below two old features within a class and above
    them across: $c < 0$. Marks: lines: law; points: 4000 pairs, two standard errors; dotted: two
    old features, $κ_n = κ_o$.
    """
    generator = np.random.default_rng(0)
    x = np.linspace(4, 40, 60)
    at = np.array([4, 8, 16, 28, 40])
    lines = {}
    points = {}
    levels = {}
    for name, column, cosine in [("within a class", 1, -0.2)] + [
        (f"across, c = {c:g}", 3, c) for c in (-0.2, 0.0, 0.3)
    ]:
        lines[name] = x, [mean_distances(dim, old, kappa, cosine)[column] for kappa in x]
        sample = np.array(
            [distances(generator, pairs, dim, old, kappa, cosine)[:, column] for kappa in at]
        )
        points[name] = at, sample.mean(axis=1), 2 * sample.std(axis=1) / np.sqrt(pairs)
        levels[name] = lines[name][1][0]
    return chart(
        lines,
        points,
        levels=levels,
        x="concentration κ_n of the new model",
        y="mean of 1 − cos",
        ylim=(0.4, 1.6),
    )
