"""Moschella, Maiorca, Fumero, Norelli, Locatello & Rodolà 2023, "Relative representations enable zero-shot latent space
communication", ICLR, arXiv 2209.15430.

For whoever stitches two models through the cosines to shared anchors: nothing but rotation and scale is forgiven, any
other linear map moves cosines, by an amount whose largest value is known exactly; one sample beside the anchors tells
whether it did, and of a sample only its norm is lost.

A sample x and anchors a_1, …, a_m lie in R^d, and r(x) has the entries cos(x, a_i). A second space shows A x and A a_i
for an invertible matrix A whose largest singular value is K times its least. Q stands for an orthogonal matrix, c for a
positive number, B for the matrix whose rows are the anchors with length one.

Read: the abstract. Derived here: how far a cosine moves, the certificate, and the decoding. Not claimed: anything about
anchors that are no exact counterparts of each other. A translation is an isometry too, and is not forgiven: centre.
Topic: representations.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import least_squares, minimize

from theory_on_trial import abstract, claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Dim = Annotated[int, Interval(2, 256, why="on a line every cosine is 1 or -1; a dense rotation is drawn")]
FewDims = Annotated[int, Interval(2, 5, why="on a line every cosine is 1 or -1; a search varies every coordinate")]
Anchors = Annotated[int, Interval(1, 1024, why="all cosines are held at once")]
Ratio = Annotated[float, Interval(1.01, 1e3, why="nearer to 1 nothing moves; beyond, a search misses the worst pair")]


def rotation(generator, dim):
    """A random orthogonal matrix."""
    return np.linalg.qr(generator.normal(size=(dim, dim)))[0]


def unit(vectors):
    """The same rows with length one."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@predicted
def relative(samples, anchors):
    """r(x) of each row of samples, by inner products; a second space is predicted to show the same."""
    return unit(samples) @ unit(anchors).T


@observed
def cosine(x, a):
    """Cosines of the angles between rows; an angle is read off the sum and the difference of unit vectors."""
    x, a = unit(x), unit(a)
    return np.cos(2 * np.arctan2(np.linalg.norm(x - a, axis=-1), np.linalg.norm(x + a, axis=-1)))


@observed
def move(x, a, stretch):
    """How far cos(A x, A a) lies from cos(x, a) for A = diag(stretch), which is every A up to rotations."""
    return np.abs(cosine(stretch * x, stretch * a) - cosine(x, a))


@observed
def searched_moves(generator, dim, ratio, starts=4):
    """The largest moves that searches over x, a and A's inner singular values find, one for each random start."""

    def loss(v):
        inner = 1 + (ratio - 1) * np.sin(v[2 * dim :]) ** 2
        return -move(v[:dim], v[dim : 2 * dim], np.concatenate([[1.0], inner, [ratio]]))

    begun = generator.normal(size=(starts, 2, dim))
    ends = (minimize(loss, np.append(one, np.ones(dim - 2)), method="L-BFGS-B") for one in begun)
    return np.array([-end.fun for end in ends])


@observed
def kept_ratios(generator, anchors, samples, starts=4):
    """The K of maps that keep the cosines of anchors and samples to the anchors, as least squares finds them."""
    rows, dim = np.vstack([anchors, samples]), anchors.shape[1]

    def change(entries):
        turned = rows @ entries.reshape(dim, dim).T
        return (cosine(turned[:, None], turned[:dim]) - cosine(rows[:, None], anchors)).ravel()

    begun = generator.normal(size=(starts, dim**2))
    ends = (least_squares(change, entries, method="lm", ftol=1e-15, xtol=1e-15, gtol=1e-15) for entries in begun)
    return np.array([np.linalg.cond(end.x.reshape(dim, dim)) for end in ends if end.cost < 1e-22])


@predicted
def largest_move(ratio):
    """2 (K - 1)/(K + 1): the tangent of half an angle changes by the factor K at most."""
    return 2 * (ratio - 1) / (ratio + 1)


@predicted
def decoded(cosines, anchors):
    """B⁺ r(x)."""
    return cosines @ np.linalg.pinv(unit(anchors)).T


@claim(
    abstract("invariance to latent isometries and rescalings"),
    kind="identity",
    cases=[(16, 24), (2, 1), (256, 40), (5, 5)],
)
def test_invariance(trial, dim: Dim, anchors: Anchors):
    """A map c Q and any positive rescaling of single samples and anchors leave the cosines r(x) alone; a translation,
    though an isometry, does not.
    """
    generator = trial.generator()
    x, a = generator.normal(size=(8, dim)), generator.normal(size=(anchors, dim))
    turn, shift = 3 * rotation(generator, dim), generator.normal(size=dim)
    scales = (np.exp(generator.normal(size=(len(rows), 1))) for rows in (x, a))
    seen, seen_anchors = (scale * rows @ turn.T for scale, rows in zip(scales, (x, a), strict=True))
    moved = {"translated by a normal vector": cosine((x + shift)[:, None], a + shift)}
    measured = cosine(seen[:, None], seen_anchors)
    trial.identity(measured, relative(x, a), ops=4 * dim + 20, scale=1.0, wrong_processes=moved)


@claim(ours("derived: tan(θ/2) moves by the factor K at most"), kind="bound", cases=[(2, 2.0), (4, 5.0), (3, 1.1)])
def test_worst_move(trial, dim: FewDims, ratio: Ratio):
    """No linear map with singular values in the ratio K moves a cosine by more than 2 (K - 1)/(K + 1), and diag(1, K)
    moves that of (1, K^(-1/2)) and (1, -K^(-1/2)) by so much.
    """
    most, corner = largest_move(ratio), ratio**-0.5
    wrong = {"half of it": most / 2, "1 - 1/K": 1 - 1 / ratio}
    trial.bound(
        searched_moves(trial.generator(), dim, ratio), most, found_by="search", ops=32, scale=1.0, controls=wrong
    )
    worst = move(np.array([1, corner]), np.array([1, -corner]), np.array([1, ratio]))
    trial.identity(worst, most, ops=32, scale=1.0, controls=wrong | {"K² for K": largest_move(ratio**2)})


@claim(
    ours("derived: A M = Q M diag(s) where the columns of M are anchors that keep their cosines"),
    kind="identity",
    cases=[2, 4],
)
def test_certificate(trial, dim: FewDims):
    """If dim independent anchors keep their mutual cosines, and one further sample without a zero coordinate in their
    basis keeps its cosines to them, the map is c Q; anchors alone are also kept by every M diag(s) M⁻¹ with s > 0.
    """
    generator = trial.generator()
    anchors = rotation(generator, dim) + generator.uniform(-0.2, 0.2, (dim, dim))
    coordinates = generator.choice([-1, 1], (4, dim)) * generator.uniform(0.5, 2, (4, dim))
    fewer = {"the anchors alone": kept_ratios(generator, anchors, anchors[:0]).min()}
    kept = kept_ratios(generator, anchors, coordinates[:1] @ anchors)
    # A residual of 1e-11 beside anchors that are nowhere near dependence.
    trial.value(kept.max(), 1.0, error=1e-8, margin=1e-6, wrong_processes=fewer)
    factors, rows = generator.uniform(1, 4, dim), np.vstack([np.eye(dim), coordinates])
    stretch = np.linalg.solve(anchors, factors[:, None] * anchors)
    seen = cosine((rows @ anchors @ stretch)[:, None], anchors @ stretch)
    predict, own = (relative(rows * by @ anchors, anchors) for by in (factors, np.ones(dim)))
    ops = 40 * dim * np.linalg.cond(anchors)
    trial.identity(seen, predict, ops=ops, scale=1.0, controls={"samples keep theirs": own})


@claim(ours("derived: r(x) = B x/|x|, and B⁺B = I"), kind="identity", cases=[(16, 24), (2, 2), (64, 64), (256, 1024)])
def test_direction_decoded(trial, dim: Dim, anchors: Anchors):
    """Where the anchors span the space, x/|x| = B⁺ r(x): of a sample only its norm is lost."""
    trial.require(anchors >= dim, "fewer anchors than dimensions span no space: anchors must be at least dim")
    generator = trial.generator()
    x, a = generator.normal(size=(8, dim)), generator.normal(size=(anchors, dim))
    seen = cosine(x[:, None], a)
    wrong = {"Bᵀ r(x), normalised": unit(seen @ unit(a)), "with its norm": x}
    ops = 40 * dim * np.linalg.cond(unit(a))
    trial.identity(unit(x), decoded(seen, a), ops=ops, scale=1.0, controls=wrong)


@figure("F1", claims=("worst_move",))
def moves(dim=16, pairs=40):
    """How far a linear map moves a cosine.

    Against the ratio K of the map's extreme singular values: the largest move 2 (K - 1)/(K + 1), the pair that attains
    it in the plane, and random pairs under random maps in sixteen dimensions, which move far less.
    """
    import matplotlib.pyplot as plt

    generator, ratios = np.random.default_rng(1), np.geomspace(1.02, 100, 16)
    grid = np.geomspace(1.01, 120, 200)
    drawn, axes = plt.subplots(figsize=(5.4, 3.4))
    axes.semilogx(grid, largest_move(grid), color=COLOURS[0], label="largest, 2 (K - 1)/(K + 1)")
    corners = np.stack([np.ones(16), ratios**-0.5], axis=1)
    stretches = np.stack([np.ones(16), ratios], axis=1)
    axes.semilogx(ratios, move(corners, corners * [1, -1], stretches), "o", color=COLOURS[1], label="extreme pair")
    inner = np.linspace(0, 1, dim)
    for k, ratio in enumerate(ratios):
        x, a = generator.normal(size=(2, pairs, dim))
        label = "random pairs in 16 dimensions" if k == 0 else None
        moved = move(x, a, ratio**inner)
        axes.semilogx(np.full(pairs, ratio), moved, ".", color=COLOURS[5], markersize=2, label=label)
    axes.set(
        xlabel="ratio K of the extreme singular values", ylabel="|move of the cosine|  (dimensionless)", ylim=(0, 2.9)
    )
    axes.legend(loc="upper left")
    return drawn
