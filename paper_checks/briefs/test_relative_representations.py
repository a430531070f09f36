"""Moschella, Maiorca, Fumero, Norelli, Locatello & Rodolà 2023, "Relative representations enable
zero-shot latent space communication", ICLR, arXiv 2209.15430.

For whoever stitches two models through the cosines to shared anchors: rotation and scale do not
change the cosines, and any other linear map does, by an amount whose largest value is known
exactly. One sample beside the anchors tells whether it did, and the cosines lose only the norm of a
sample.

Take away: centre before you compare, and check one sample: a map whose singular values differ by a
factor of 2 can move a cosine by .67, one of a factor of 5 by 1.33 (.17 in the mean of random pairs
in 16 dimensions).

A sample $x$ and anchors $a_1, …, a_m$ lie in $R^d$, and $r(x)$ has the entries $cos(x, a_i)$. A
second space shows $A x$ and $A a_i$ for an invertible matrix $A$ whose largest singular value is
$K$ times its least. $Q$ stands for an orthogonal matrix, $c$ for a positive number, $B$ for the
matrix whose rows are the anchors with length one.

Edges: on a line every cosine is 1 or -1. A zero vector has no cosine. If all samples and anchors
lie on the axes, no diagonal $A$ changes a cosine.

Paper: it represents samples by cosines to anchors, so that models that were trained apart can be
stitched. This page says which differences of two spaces do not matter.

Abstract:

- Sentences 1 and 2: latent spaces should depend on task and data alone. No statement.
- Sentence 3: randomness of training makes latent spaces incoherent. Not on trial. No models are
  trained here.
- Sentence 4: angles between codes do not change from one training to another. Not on trial. It is a
  measurement of trained models.
- Sentence 5: similarities to anchors have the invariances that are wanted, without further
  training. In part: invariance, worst_move, certificate. Under rotations, reflections and
  rescalings; a translation is an isometry, too, and changes them.
- Sentence 6: models that were trained apart can then be stitched and compared. Not on trial. No
  models are trained here.
- Sentence 7: it works for many data, models and tasks. Not on trial. No models are trained here.

Read: the abstract ("invariance to latent isometries and rescalings"). Derived here: how far a
cosine moves, the certificate, and the decoding. Not claimed: anything about anchors that are no
exact counterparts of each other. A translation is an isometry too, and is not forgiven: centre.
Topic: representations.
"""

from fractions import Fraction
from typing import Annotated

import numpy as np
from scipy.optimize import least_squares, minimize

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

FewDims = Annotated[
    int, Interval(2, 5, why="on a line every cosine is 1 or -1; a search varies every coordinate")
]
Ratio = Annotated[
    float,
    Interval(1.01, 1e3, why="nearer to 1 nothing moves; beyond, a search misses the worst pair"),
]


def unit(vectors):
    """The rows of `vectors` (…, d), scaled to length one."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@predicted
def relative(samples, anchors):
    """r(x) of each row of samples, by inner products; a second space is predicted to show the
    same.
    """
    return unit(samples) @ unit(anchors).T


@observed
def cosine(x, a):
    """Cosines of the angles between rows; an angle is read off the sum and the difference of unit
    vectors.
    """
    x = unit(x)
    a = unit(a)
    return np.cos(2 * np.arctan2(np.linalg.norm(x - a, axis=-1), np.linalg.norm(x + a, axis=-1)))


@observed
def move(x, a, stretch):
    """How far cos(A x, A a) lies from cos(x, a) for A = diag(stretch), which is every A up to
    rotations.
    """
    return np.abs(cosine(stretch * x, stretch * a) - cosine(x, a))


@observed
def searched_moves(generator, dim, ratio, starts=4):
    """The largest moves that searches over x, a and A's inner singular values find, one for each
    random start.
    """

    def loss(v):
        inner = 1 + (ratio - 1) * np.sin(v[2 * dim :]) ** 2
        return -move(v[:dim], v[dim : 2 * dim], np.concatenate([[1.0], inner, [ratio]]))

    return np.array(
        [
            -minimize(loss, v, method="L-BFGS-B").fun
            for v in generator.normal(size=(starts, 3 * dim - 2))
        ]
    )


@observed
def kept_ratios(generator, anchors, samples, starts=4):
    """The K of maps that keep the cosines of anchors and samples to the anchors, as least squares
    finds them.
    """
    rows = np.vstack([anchors, samples])
    dim = anchors.shape[1]

    def change(entries):
        images = rows @ entries.reshape(dim, dim).T
        return (cosine(images[:, None], images[:dim]) - cosine(rows[:, None], anchors)).ravel()

    guesses = generator.normal(size=(starts, dim**2))
    ends = (
        least_squares(change, entries, method="lm", ftol=1e-15, xtol=1e-15, gtol=1e-15)
        for entries in guesses
    )
    return np.array([np.linalg.cond(end.x.reshape(dim, dim)) for end in ends if end.cost < 1e-22])


@observed
def found_direction(generator, cosines, anchors, starts=16):
    """The direction with these cosines to the anchors, by least squares on angles from random
    starts, and how far its cosines are off.
    """
    ends = [
        least_squares(
            lambda v: cosine(v, anchors) - cosines, v, method="trf", xtol=1e-15, gtol=1e-15
        )
        for v in generator.normal(size=(starts, anchors.shape[1]))
    ]
    best = min(ends, key=lambda end: end.cost)
    least = np.linalg.svd(unit(anchors), compute_uv=False)[-1]
    return unit(best.x), np.sqrt(2 * best.cost) / least


@predicted(about="cosine")
def decoded(cosines, anchors):
    """B⁺ r(x)."""
    return np.linalg.pinv(unit(anchors)) @ cosines


@predicted
def ratio_of_similarity():
    """K of A = c Q."""
    return 1.0


@predicted
def largest_move(ratio):
    """2 (K - 1)/(K + 1): the tangent of half an angle changes by the factor K at most."""
    return 2 * (ratio - 1) / (ratio + 1)


@claim(
    tried(
        "abstract: invariance to latent isometries and rescalings", "isometries that fix the origin"
    ),
    kind="identity",
    cases=[(16, 24), (2, 1), (256, 40)],
)
def test_invariance(
    trial,
    dim: Annotated[
        int, Interval(2, 256, why="on a line every cosine is 1 or -1; a dense rotation is drawn")
    ],
    anchors: Annotated[int, Interval(1, 1024, why="all cosines are held at once")],
):
    """The cosines of a sample $x ≠ 0$ to anchors $a_i ≠ 0$ do not change if all are mapped by
    $c Q$, $Q$ orthogonal and $c > 0$, and each is multiplied by a positive number of its own.
    """
    generator = trial.generator()
    x = generator.normal(size=(8, dim))
    a = generator.normal(size=(anchors, dim))
    turn = 3 * orthonormal(generator, dim)
    shift = generator.normal(size=dim)
    u, v = (np.exp(generator.normal(size=(len(rows), 1))) * rows @ turn.T for rows in (x, a))
    rivals = {"translated by a normal vector": cosine((x + shift)[:, None], a + shift)}
    trial.identity(
        cosine(u[:, None], v),
        relative(x, a),
        ops=4 * dim + 20,
        scale=1.0,
        generic="cosines are analytic in vectors that are not 0, and in the map",
        control_processes=rivals,
    )


@claim(
    derived("$tan(θ/2)$ moves by the factor $K$ at most, after Bauer & Householder 1960"),
    kind="bound",
    cases=[(2, 2.0), (4, 5.0), (3, 1.1)],
)
def test_worst_move(trial, dim: FewDims, ratio: Ratio):
    """An invertible matrix whose largest singular value is $K$ times its least changes the cosine
    of two vectors, neither of them 0, by at most $2 (K - 1)/(K + 1)$.
    """
    generator = trial.generator()
    inner = generator.uniform(1, ratio, (230, dim - 2))
    stretches = np.column_stack([np.ones(230), inner, np.full(230, ratio)])
    pairs = generator.normal(size=(2, 230, dim))
    drawn = [move(x, a, stretch) for x, a, stretch in zip(*pairs, stretches, strict=True)]
    trial.bound(
        np.append(searched_moves(generator, dim, ratio), drawn),
        largest_move(ratio),
        instances="draws",
        independent=230,
        # Some 20 roundings lead to each cosine of vectors of five numbers; the rest is room.
        ops=32,
        scale=1.0,
        controls={
            "from a right angle, $(K - 1)/(K + 1)$": largest_move(ratio) / 2,
            "$1 - 1/K$": 1 - 1 / ratio,
        },
    )


@claim(derived("both cosines are known"), kind="identity", cases=[2.0, 5.0, 1.1])
def test_worst_pair(trial, ratio: Ratio):
    """The matrix $diag(1, K)$ changes the cosine of $(1, K^(-1/2))$ and $(1, -K^(-1/2))$ by
    $2 (K - 1)/(K + 1)$.
    """
    corner = np.array([1, ratio**-0.5])
    trial.identity(
        move(corner, corner * [1, -1], np.array([1, ratio])),
        largest_move(ratio),
        # Some 15 roundings lead to each cosine of vectors of two numbers; the rest is room.
        ops=32,
        scale=1.0,
        controls={
            "$K²$ for $K$": largest_move(ratio**2),
            "from a right angle, $(K - 1)/(K + 1)$": largest_move(ratio) / 2,
            "$1 - 1/K$": 1 - 1 / ratio,
        },
    )


def unlike_anchors(trial, dim):
    """Independent anchors, no two at a right angle, and coordinates (4, dim) of samples, none 0."""
    generator = trial.generator()
    anchors = orthonormal(generator, dim) + generator.uniform(-0.2, 0.2, (dim, dim))
    signs = 1 - 2 * (np.add.outer(np.arange(4), np.arange(dim)) % 2)
    coordinates = signs * generator.uniform(0.5, 2, (4, dim))
    return anchors, coordinates


@claim(derived("$d$ independent anchors fix $Q M diag(s)$"), kind="identity", cases=[2, 4])
def test_certificate(trial, dim: FewDims):
    """If a linear map $A$ keeps the cosines of $d$ independent anchors in $R^d$ to each other, and
    to one sample that has no zero coordinate in them, $A$ is a positive multiple of an orthogonal
    matrix.
    """
    generator = trial.generator("starts")
    anchors, coordinates = unlike_anchors(trial, dim)
    ratios = kept_ratios(generator, anchors, coordinates[:1] @ anchors)
    # residuals of 1e-11, anchors far apart
    trial.value(
        ratios.max(),
        ratio_of_similarity(),
        error=1e-8,
        margin=1e-6,
        instances="search",
        control_processes={"the anchors alone": kept_ratios(generator, anchors, anchors[:0]).min()},
    )


@claim(
    derived("$A M = Q M diag(s)$, $M$ having the anchors as columns"),
    kind="identity",
    cases=[2, 4],
)
def test_anchors_alone(trial, dim: FewDims):
    """Let the columns of $M$ be $d$ independent anchors in $R^d$. Every map $M diag(s) M⁻¹$, all
    $s_i > 0$, keeps the cosines of the anchors to each other, and multiplies the coordinates of a
    sample in them by $s$.
    """
    anchors, coordinates = unlike_anchors(trial, dim)
    factors = trial.generator("factors").uniform(1, 4, dim)
    rows = np.vstack([np.eye(dim), coordinates])
    stretch = np.linalg.solve(anchors, factors[:, None] * anchors)
    trial.identity(
        cosine((rows @ anchors @ stretch)[:, None], anchors @ stretch),
        relative(rows * factors @ anchors, anchors),
        ops=40 * dim * np.linalg.cond(anchors),
        scale=1.0,
        generic="cosines are analytic in anchors, coordinates and factors",
        controls={"samples stay": relative(rows @ anchors, anchors)},
    )


@claim(
    derived("$r(x) = B x/|x|$, and $B$ has full rank"),
    kind="identity",
    cases=[(3, 5), (2, 2), (5, 20)],
)
def test_direction_decoded(
    trial,
    dim: FewDims,
    anchors: Annotated[int, Interval(2, 20, why="a search holds all cosines many times")],
):
    """Let the rows of $B$ be anchors that span $R^d$, scaled to length one. The only direction with
    the cosines $r$ to the anchors is that of $B⁺ r$.
    """
    trial.require(
        anchors >= dim, "fewer anchors than dimensions span no space: anchors must be at least dim"
    )
    generator = trial.generator()
    x = generator.normal(size=dim)
    a = generator.normal(size=(anchors, dim))
    cosines = cosine(x, a)
    found, error = found_direction(generator, cosines, a)
    b = unit(a)
    trial.require(np.linalg.cond(b) < 100, "anchors must be more: so few are nearly parallel")
    trial.value(
        found,
        decoded(cosines, a),
        error=error + 1e-9 * np.linalg.cond(b),
        margin=1e-6 * np.linalg.cond(b),
        instances="search",
        controls={"$Bᵀ r(x)$, normalised": unit(cosines @ b)},
    )


@claim(derived("boxes of $tan(θ/2)$, each enclosed"), kind="bound")
def test_worst_move__everywhere(trial):
    """If a map multiplies $tan(θ/2) = t$ of a pair at the angle $θ$ by $K$, the pair's cosine falls
    by at most $2 (K - 1)/(K + 1)$, for all $t$ in $[0, 100]$ and $K = 2, 3, 5, 10, 100$, to $1e-9$.
    """

    def cosine_of(tangent):
        return (1 - tangent**2) / (1 + tangent**2)

    def most(tangent, ratio):
        return Fraction(2 * (ratio - 1), ratio + 1)

    trial.prove(
        lambda tangent, ratio: cosine_of(tangent) - cosine_of(ratio * tangent),
        most,
        {"tangent": (0, 100), "ratio": [2, 3, 5, 10, 100]},
        tolerance=1e-9,
        controls={
            "$1 - 1/K$": lambda tangent, ratio: 1 - Fraction(1, ratio),
        },
        same_as=(
            lambda t, ratio: move(np.array([1, t]), np.array([1, -t]), np.array([1, ratio])),
            lambda t, ratio: largest_move(ratio),
        ),
    )


@figure("F1", claims=("worst_move",))
def moves(dim=16, pairs=40):
    """How far a linear map moves a cosine.

    Random pairs move far less. Marks: circles: the pair of the plane that attains the line;
    squares: mean, 5 % to 95 %.
    """
    ratios = np.geomspace(1.02, 100, 16)[:, None]
    grid = np.geomspace(1.01, 120, 200)
    corners = ratios ** [0, -0.5]
    stretches = ratios[..., None] ** np.linspace(0, 1, dim)
    random = move(*np.random.default_rng(1).normal(size=(2, 16, pairs, dim)), stretches)
    points = {"extreme pair": (ratios[:, 0], move(corners, corners * [1, -1], ratios ** [0, 1]))}
    points["random pairs in 16 dimensions"] = np.repeat(ratios, pairs), random.ravel()
    law = {"largest, 2 (K - 1)/(K + 1)": (grid, largest_move(grid))}
    labels = {
        "x": "ratio K of the extreme singular values",
        "y": "|move of the cosine|  (dimensionless)",
    }
    return chart(law, points, log="x", ylim=(0, 2.9), legend="upper left", **labels)
