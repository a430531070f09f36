"""Bardes, Ponce & LeCun 2022, "VICReg: Variance-Invariance-Covariance Regularization for
Self-Supervised Learning", ICLR, arXiv 2105.04906.

For whoever trains joint embeddings with VICReg or tunes its weights: what each term prevents, and
when the variance term fails.

Take away: the released code averages the distance of views over the coordinates, and the printed
loss sums it. With the published weights the code keeps the standard deviation 1 where views
correlate by 3/4 or more, and $1/(4(1 - ρ))$ below. With the printed sum, 8192 coordinates collapse
unless $ρ$ exceeds .994. Batches of $n$ points cannot decorrelate more than $n - 1$ coordinates.

Embeddings $Z$ and $Z'$ of two views have $n$ rows and $d$ columns. The loss is
$λ s + μ (v + v') + ν (c + c')$: $s$ is the mean of $|z - z'|²$, $v$ the mean of
$max(0, γ - sqrt(Var z_j + ε))$ over columns, and $c$ the sum of squared covariances of two
different columns over $d$, both with $n - 1$. Here $γ = 1$, $ε = 10⁻⁴$, $λ = μ = 25$ and $ν = 1$,
unless a weight is named.

Edges: at collapse the gradient is 0; in the printed loss collapse is a minimum if
$2 d λ (1 - ρ) sqrt(ε)$ exceeds $μ$, else a maximum. If both views are equal, $ρ = 1$, a standard
deviation of $γ$ costs nothing. For $d = 1$ there is no covariance.

Paper: it prevents collapse by the statistics of each branch, without negatives, and trains ResNets
on ImageNet. This page says what the loss itself prefers.

Abstract:

- Sentence 1: self-supervised methods maximise the agreement of embeddings of views. No statement.
- Sentence 2: encoders may then produce constant vectors. Holds at a smaller scale:
  without_variance. For a linear encoder.
- Sentence 3, first part: a term keeps the variance of each dimension above a threshold. In part:
  each_term, hinge_slope, spread, spread-released. Where views hardly agree the variance ends below
  it.
- Sentence 3, second part: a term decorrelates each pair of dimensions. In part: each_term, copies,
  batch_floor. Up to $n - 1$ dimensions of a batch of $n$.
- Sentence 3, third part: both act on each embedding separately, which avoids collapse explicitly.
  In part: collapse, each_term, spread. Collapse has a price; with the printed sum and little
  agreement it may be the least.
- Sentence 4: neither shared weights nor batch norm, stop gradient or memory banks are needed. Not
  on trial. Embeddings are given here.
- Sentence 4, end: results are on par with the state of the art. Not on trial. They need ImageNet.
- Sentence 5: the variance term stabilises other methods. Not on trial. They need large models.

Read: the abstract, section 4.1 with the terms of the loss, in a copy, and the released code with
its weights. Recalled: Welch's bound of 1974. Derived here: all else. Not claimed: what deep
encoders do.

Topic: representations.
"""

from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize, minimize_scalar

from paper_checks.briefs.common import apart, derivative, gradient, orthonormal
from theory_on_trial import (
    claim,
    code,
    derived,
    known,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

RELEASED = code(
    "facebookresearch/vicreg",
    "main_vicreg.py",
    "4e12602fd495af83efd1631fbe82523e6db092e0",
)
WEIGHTS = np.array([25.0, 25.0, 1.0])
"""λ, μ and ν, as published."""
EPSILON = 1e-4

Batch = Annotated[int, Interval(2, 2048, why="n; one point does not vary; all are held")]
Dim = Annotated[int, Interval(1, 64, why="d; embeddings have a column; more are as these")]
Columns = Annotated[int, Interval(2, 64, why="d; one column has no pair; more are as these")]
Correlation = Annotated[
    float, Interval(-1, 0.99, why="of the two views, ρ; at 1 views are the same")
]


def covariance(points):
    """The unbiased covariance (…, d, d) of points (…, n, d)."""
    centred = points - points.mean(axis=-2, keepdims=True)
    return np.swapaxes(centred, -1, -2) @ centred / (points.shape[-2] - 1)


def hinge(points):
    """The mean of max(0, 1 - sqrt(Var z_j + ε)) over the columns of points (…, n, d)."""
    variances = np.diagonal(covariance(points), axis1=-2, axis2=-1)
    below = 1 - np.sqrt(variances + EPSILON)
    return np.mean(np.where(below.real > 0, below, 0), axis=-1)


def overlap(points):
    """The sum of squared covariances of two columns over d, of points (…, n, d)."""
    squares = covariance(points) ** 2
    total = np.sum(squares, axis=(-2, -1)) - np.trace(squares, axis1=-2, axis2=-1)
    return total / points.shape[-1]


def terms(first, second):
    """The terms s, v + v' and c + c' of the loss, (3, …)."""
    distance = np.mean(np.sum((first - second) ** 2, axis=-1), axis=-1)
    return np.stack([distance, hinge(first) + hinge(second), overlap(first) + overlap(second)])


def decorrelated(generator, batch, columns):
    """Points (n, columns) of mean 0, variance 1 and covariance 0."""
    basis = orthonormal(generator, batch, columns + 1)
    centred = np.linalg.qr(np.column_stack([np.ones(batch), basis[:, 1:]]))[0][:, 1:]
    return centred * np.sqrt(batch - 1)


@observed
def printed_loss(first, second, weights=WEIGHTS):
    """λ s + μ (v + v') + ν (c + c')."""
    return np.tensordot(weights, terms(first, second), axes=1)


@observed
def released_loss(first, second):
    """What the released code computes, step by step."""
    similarity = np.mean((first - second) ** 2)
    spread = 0.0
    redundancy = 0.0
    for branch in (first, second):
        deviations = np.sqrt(np.var(branch, axis=0, ddof=1) + 0.0001)
        spread += np.mean(np.maximum(1 - deviations, 0)) / 2
        matrix = np.atleast_2d(np.cov(branch, rowvar=False))
        redundancy += np.sum((matrix - np.diag(np.diag(matrix))) ** 2) / branch.shape[1]
    return 25 * similarity + 25 * spread + redundancy


@observed
def squared_sizes(start, first, second, times, weights):
    """|W|² of z = W x at times (n,) under the gradient flow of the loss, by complex steps."""

    def objective(maps):
        turned = np.swapaxes(maps, -1, -2)
        return printed_loss(first @ turned, second @ turned, weights)

    sizes = []
    at = start.ravel()
    for begin, end in pairwise([0.0, *times]):
        path = solve_ivp(
            lambda _, now: -gradient(objective, now.reshape(start.shape)).ravel(),
            (begin, end),
            at,
            "DOP853",
            rtol=1e-11,
            atol=1e-11 * np.abs(at).max(),
        )
        at = path.y[:, -1]
        sizes.append(at @ at)
    return np.array(sizes)


@observed
def best_spread(first, second, loss):
    """sqrt(a² + ε) of the factor a in [0, 2] for which a Z and a Z' have the least loss."""
    best = minimize_scalar(
        lambda factor: loss(factor * first, factor * second),
        bounds=(0, 2),
        method="bounded",
        options={"xatol": 1e-11},
    )
    return np.sqrt(best.x**2 + EPSILON)


@observed
def least_overlap(start):
    """The least c of points (n, d) whose columns have variance 1, by a search from a start."""

    def objective(points):
        centred = points - points.mean(axis=-2, keepdims=True)
        variances = np.sum(centred**2, axis=-2, keepdims=True) / (points.shape[-2] - 1)
        return overlap(centred / np.sqrt(variances))

    search = minimize(
        lambda entries: objective(entries.reshape(start.shape)),
        start.ravel(),
        jac=lambda entries: gradient(objective, entries.reshape(start.shape)).ravel(),
        method="BFGS",
        options={"gtol": 1e-9, "maxiter": 2000},
    )
    return search.fun


@observed
def slope_of_hinge(points, factor):
    """The derivative of v(a Z) in a, by a complex step."""
    return derivative(lambda a: hinge(a * points), factor)


@predicted
def loss_at_collapse(halved=False):
    """2 μ (1 - sqrt(ε)), or half of it."""
    return (1 if halved else 2) * 25 * (1 - np.sqrt(EPSILON))


@predicted
def released_weights(dim):
    """λ/d, μ/2 and ν."""
    return WEIGHTS / np.array([dim, 2, 1])


@predicted
def size_bound(times, size, least):
    """|W(0)|² e^(-4 λ ω t)."""
    return size * np.exp(-4 * WEIGHTS[0] * least * times)


@predicted
def cost(way, amount, dim):
    """λ δ², 2 μ (1 - sqrt((1 - ε)(1 - x)² + ε)) and 4 ν (1 - ε)² r²/d."""
    invariance, spread, redundancy = WEIGHTS
    if way == "apart":
        return invariance * amount**2
    if way == "narrow":
        return 2 * spread * (1 - np.sqrt((1 - EPSILON) * (1 - amount) ** 2 + EPSILON))
    return 4 * redundancy * (1 - EPSILON) ** 2 * amount**2 / dim


@predicted
def cost_of_copies(variance, dim):
    """2 (d - 1) Var²."""
    return 2 * (dim - 1) * variance**2


@predicted
def restoring_slope(factor):
    """-a/sqrt(a² + ε)."""
    return -factor / np.sqrt(factor**2 + EPSILON)


@predicted
def kept_spread(correlation, batch, weights):
    """The smaller of 1 and μ n/(2 λ (1 - ρ)(n - 1)), but sqrt(ε) at least; λ times d if s is summed
    over d columns.
    """
    balance = weights[1] * batch / (2 * weights[0] * (1 - correlation) * (batch - 1))
    return np.clip(balance, np.sqrt(EPSILON), 1)


@predicted
def overlap_floor(batch, dim):
    """d/(n - 1) - 1, or 0."""
    return max(dim / (batch - 1) - 1, 0.0)


@claim(
    derived("the loss where nothing varies, with the weights of the release"),
    kind="identity",
    cases=[(256, 8), (2, 1), (2048, 64)],
)
def test_collapse(trial, batch: Batch, dim: Dim):
    """VICReg's loss $λ s + μ (v + v') + ν (c + c')$ with the hinge $v$, the mean of
    $max(0, γ - sqrt(Var z_j + ε))$ over columns, is $2 μ (γ - sqrt(ε))$ where all embeddings are
    one point: 49.5 with the published weights.
    """
    generator = trial.generator("points")
    point = np.tile(generator.normal(size=dim), (batch, 1))
    spread = 2 * generator.normal(size=(2, batch, dim))
    # The variance of a constant is the square of a rounding of its mean, and the hinge sees the
    # root.
    trial.identity(
        printed_loss(point, point),
        loss_at_collapse(),
        ops=batch,
        scale=100.0,
        generic="the loss is the same number at each point: no term depends on it",
        controls={"$γ - ε$": 50 * (1 - EPSILON), "as the code": loss_at_collapse(halved=True)},
        control_processes={"embeddings that are spread": printed_loss(*spread)},
    )


@claim(RELEASED, kind="identity", cases=[(30, 5), (3, 2), (500, 64)])
def test_released(
    trial,
    batch: Annotated[int, Interval(3, 500, why="n; two points have one direction only")],
    dim: Columns,
):
    """VICReg's printed loss is $λ s + μ (v + v') + ν (c + c')$ with the mean $s$ of $|z - z'|²$,
    hinges $v$ on standard deviations and overlaps $c$ of $d$ columns. The released code averages
    the squared difference over all entries and the hinge over both branches: it computes the loss
    with $λ/d$ in place of $λ$, $μ/2$ in place of $μ$, and the same $ν$.
    """
    # Of sizes at which the hinge is open, closed and either. Of 688 draws in all fewer than 1 % can
    # fail.
    generator = trial.generator("embeddings")
    count = 330 if batch <= 30 else 30
    sizes = generator.uniform(0.3, 2, (count, 1, 1))
    pairs = sizes * generator.normal(size=(2, count, batch, dim))
    parts = np.array([terms(*pair) for pair in zip(*pairs, strict=True)])
    trial.identity(
        [released_loss(*pair) for pair in zip(*pairs, strict=True)],
        parts @ released_weights(dim),
        ops=100 * batch,
        independent=count,
        controls={
            "the published weights": parts @ WEIGHTS,
            "$λ/d$ and the published $μ$": parts @ (WEIGHTS / [dim, 1, 1]),
            "$μ/2$ and the published $λ$": parts @ (WEIGHTS / [1, 2, 1]),
        },
    )


@claim(
    tried(
        "abstract, sentence 2: encoders may produce constant vectors",
        "linear encoders, and the rate of their collapse",
    ),
    kind="bound",
    cases=[(3, 0.3), (1, 0.05), (5, 1.0)],
)
def test_without_variance(
    trial,
    dim: Annotated[int, Interval(1, 5, why="d; an embedding has a column; inputs have five")],
    noise: Annotated[float, Interval(0.05, 1, why="by which views differ; without, all of s is 0")],
):
    """Let $s$ be the mean of $|z - z'|²$ over pairs of views $x$, $x'$ with $z = W x$, and $c$ the
    sum of squared covariances of different columns. The gradient flow of $λ s + ν (c + c')$ has
    $|W(t)|² <= e^(-4 λ ω t) |W(0)|²$, with $ω$ the least eigenvalue of the mean of
    $(x - x')(x - x')ᵀ$.
    """
    generator = trial.generator("views")
    first = generator.normal(size=(20, 5))
    second = first + noise * generator.normal(size=(20, 5)) * np.linspace(0.5, 1, 5)
    difference = first - second
    values, vectors = np.linalg.eigh(difference.T @ difference / 20)
    times = np.array([0.1, 0.5]) / (4 * WEIGHTS[0] * values[0])
    starts = [vectors[:, :1].T, generator.normal(size=(dim, 5)) / 5]
    without = WEIGHTS * [1, 0, 1]
    sizes = np.array([squared_sizes(start, first, second, times, without) for start in starts])
    squares = np.sum(starts[0] ** 2), np.sum(starts[1] ** 2)
    bounds = np.array([size_bound(times, size, values[0]) for size in squares])
    mean = np.array([size_bound(times, size, values.mean()) for size in squares])
    trial.bound(
        sizes,
        bounds,
        instances="search",
        ops=1e6,
        controls={"the mean eigenvalue": mean},
        control_processes={
            "views are the same": np.array(
                [squared_sizes(start, first, first, times, without) for start in starts]
            )
        },
    )


@claim(
    derived("a term each; $Var = γ² - ε$ is enough"),
    kind="identity",
    cases=[("apart", 0.5, 4), ("narrow", 0.3, 2), ("correlated", 0.9, 16)],
)
def test_each_term(
    trial,
    way: Literal["apart", "narrow", "correlated"],
    amount: Annotated[float, Interval(0.01, 1, why="at 0 the loss is 0; at 1 all is lost")],
    dim: Columns,
):
    """VICReg's loss $λ s + μ (v + v') + ν (c + c')$ is 0 where views agree and all $d$ columns have
    the variance $γ² - ε$ and covariance 0. Views $δ$ apart cost $λ δ²$, columns that are narrower
    by the factor $1 - x$ cost $2 μ (γ - sqrt((γ² - ε)(1 - x)² + ε))$, and two columns of
    correlation $r$ cost $4 ν (γ² - ε)² r²/d$.
    """
    generator = trial.generator("points")
    points = np.sqrt(1 - EPSILON) * decorrelated(generator, 3 * dim, dim)
    other = points.copy()
    if way == "apart":
        direction = generator.normal(size=dim)
        other = points + amount * direction / np.linalg.norm(direction)
    elif way == "narrow":
        points = other = (1 - amount) * points
    else:
        other[:, 1] = amount * points[:, 0] + np.sqrt(1 - amount**2) * points[:, 1]
        points = other
    invariance, spread, redundancy = WEIGHTS
    rivals = {
        "apart": invariance * amount**2 / dim,
        "narrow": 2 * spread * (1 - (1 - EPSILON) * (1 - amount) ** 2 - EPSILON),
        "correlated": 2 * redundancy * (1 - EPSILON) ** 2 * amount**2 / dim,
    }
    names = {
        "apart": "averaged over columns",
        "narrow": "a hinge on variances",
        "correlated": "each pair once",
    }
    trial.identity(
        printed_loss(points, other),
        cost(way, amount, dim),
        # Sums over at most 3 · 64 points, twice: for means, which are about 0, and for covariances.
        ops=200,
        scale=25.0,
        generic="each hinge is on one side for all decorrelated columns, and the rest is analytic",
        controls={names[way]: rivals[way], "nothing": 0.0},
    )


@claim(
    derived("all covariances are the variance"),
    kind="identity",
    cases=[(8, 1.0), (2, 3.0), (64, 1.5)],
)
def test_copies(
    trial,
    dim: Columns,
    variance: Annotated[float, Interval(1, 4, why="below 1 the variance term counts as well")],
):
    """If all $d$ columns of the embeddings are copies of one coordinate of variance $Var >= γ²$,
    and both views agree, VICReg's loss is $2 ν (d - 1) Var²$, from its covariance terms alone.
    """
    column = np.sqrt(variance) * decorrelated(trial.generator("points"), 20, 1)
    copies = np.tile(column, dim)
    law = np.array([0.0, cost_of_copies(variance, dim)])
    unlike = np.sqrt(variance) * decorrelated(trial.generator("unlike"), 100, dim)
    trial.identity(
        np.array(
            [
                printed_loss(copies, copies, WEIGHTS * [1, 1, 0]),
                printed_loss(copies, copies),
            ]
        ),
        law,
        # Sums over 20 points, over 64 rows and 64 columns, and a trace of 64 take some 250
        # roundings; the rest is room.
        ops=1000,
        scale=law[1],
        generic="the hinge is closed for all copies of this variance, and the rest is a polynomial",
        controls={
            "averaged over $d²$": law / dim,
            "all pairs, $d$ for $d - 1$": law * dim / (dim - 1),
        },
        control_processes={
            "decorrelated columns": np.array([0.0, printed_loss(unlike, unlike)]),
        },
    )


@claim(
    tried(
        "section 4.1: the standard deviation, and not the variance, is crucial",
        "the slope with $ε$",
    ),
    kind="identity",
    cases=[0.1, 1e-3, 0.9],
)
def test_hinge_slope(
    trial,
    factor: Annotated[float, Interval(1e-3, 0.99, why="a; at 1 the hinge is open, at 0 all is 0")],
):
    """Embeddings $a Z$ have columns of variance $a²$. The derivative of VICReg's hinge, the mean of
    $max(0, 1 - sqrt(Var + ε))$ over columns, in $a < sqrt(1 - ε)$ is $-a/sqrt(a² + ε)$.
    """
    trial.identity(
        slope_of_hinge(decorrelated(trial.generator("points"), 20, 4), factor),
        restoring_slope(factor),
        # Sums over 20 points for the orthonormal basis, means and variances take some 100
        # roundings; the rest is room.
        ops=1000,
        scale=1.0,
        generic="the hinge is open at this scale for all decorrelated points",
        controls={"a hinge on variances": -2 * factor, "without $ε$": -1.0},
    )


def two_views(trial, dim, correlation):
    """Z and Z' (200, d) whose columns have variance 1 and covariance 0, and correlate by ρ."""
    both = decorrelated(trial.generator("views"), 200, 2 * dim)
    first = both[:, :dim]
    return first, correlation * first + np.sqrt(1 - correlation**2) * both[:, dim:]


@claim(
    derived("the balance of invariance and variance"),
    kind="optimality",
    cases=[(1, 0.3), (8, 0.9), (64, 0.0)],
)
def test_spread(trial, dim: Dim, correlation: Correlation):
    """If $d$ columns are decorrelated and the two views of each correlate by $ρ$, VICReg's printed
    loss for $n$ points is least, over the scale of the embeddings, where $sqrt(Var + ε)$ is
    $μ n/(2 d λ (1 - ρ)(n - 1))$, or the nearest of $sqrt(ε)$ and $γ$ if this is not between them.
    """
    law = kept_spread(correlation, 200, WEIGHTS * [dim, 1, 1])
    balance = WEIGHTS[1] / (2 * dim * WEIGHTS[0] * (1 - correlation))
    theories = {
        "the threshold": 1.0,
        "as if $s$ were a mean over columns": kept_spread(correlation, 200, WEIGHTS),
        "collapse": np.sqrt(EPSILON),
        "the balance, however small": balance,
        "$μ$ halved, as in the code": balance / 2,
    }
    first, second = two_views(trial, dim, correlation)
    trial.value(
        best_spread(first, second, printed_loss),
        law,
        error=1e-5,
        margin=1e-4,
        generic="of decorrelated points the loss sees the moments alone, and is analytic",
        controls=apart(theories, law, 1e-3),
    )


@claim(
    derived("the balance of invariance and variance in the released code"),
    kind="optimality",
    cases=[(1, 0.3), (8, 0.9), (64, -1.0)],
)
def test_spread__released(trial, dim: Dim, correlation: Correlation):
    """If columns are decorrelated and the two views of each correlate by $ρ$, VICReg's released
    loss for $n$ points is least, over the scale of the embeddings, where $sqrt(Var + ε)$ is the
    smaller of 1 and $μ n/(4 λ (1 - ρ)(n - 1))$, for every number of columns.
    """
    law = kept_spread(correlation, 200, WEIGHTS * [2, 1, 1])
    theories = {
        "the threshold": 1.0,
        "$μ$, not halved": kept_spread(correlation, 200, WEIGHTS),
        "collapse": np.sqrt(EPSILON),
    }
    first, second = two_views(trial, dim, correlation)
    trial.value(
        best_spread(first, second, released_loss),
        law,
        error=1e-5,
        margin=1e-4,
        generic="of decorrelated points the loss sees the moments alone, and is analytic",
        controls=apart(theories, law, 1e-3),
    )


@claim(
    known("Welch 1974, the sum of squared products of $d$ unit vectors in $n - 1$ dimensions"),
    kind="optimality",
    cases=[(4, 6), (2, 5), (6, 4)],
)
def test_batch_floor(
    trial,
    batch: Annotated[int, Interval(2, 6, why="n; one point does not vary; more are as these")],
    dim: Annotated[int, Interval(2, 10, why="d; one column has no pair; more are as these")],
):
    """Of all batches of $n$ points in $d$ columns of variance 1 the least sum of squared
    covariances of different columns, divided by $d$, is $max(0, d/(n - 1) - 1)$.
    """
    law = overlap_floor(batch, dim)
    theories = {
        "$n$ for $n - 1$, as if not centred": max(dim / batch - 1, 0.0),
        "copies": dim - 1.0,
        "all decorrelated": 0.0,
    }
    trial.value(
        least_overlap(trial.generator("start").normal(size=(batch, dim))),
        law,
        error=1e-7,
        margin=1e-5,
        scale=1.0,
        instances="search",
        controls=apart(theories, law, 1e-3),
    )


@figure("F1", claims=("spread", "spread-released"))
def spreads():
    """The spread that the loss keeps falls with the correlation of the views, and collapses if the
    distance is summed over many columns.

    The best $sqrt(Var + ε)$ with the published weights, decorrelated columns. Marks: lines: theory;
    points: minimum of the loss over the scale of the embeddings.
    """
    fine = np.linspace(-0.5, 0.999, 400)
    coarse = np.linspace(-0.5, 0.98, 14)
    generator = np.random.default_rng(0)
    lines = {}
    points = {}
    for name, dim, factor, loss in (
        ("released code", 4, 2, released_loss),
        ("printed, d = 4", 4, 4, printed_loss),
        ("printed, d = 64", 64, 64, printed_loss),
    ):
        lines[name] = fine, kept_spread(fine, 200, WEIGHTS * [factor, 1, 1])
        both = decorrelated(generator, 200, 2 * dim)
        found = []
        for rho in coarse:
            second = rho * both[:, :dim] + np.sqrt(1 - rho**2) * both[:, dim:]
            found.append(best_spread(both[:, :dim], second, loss))
        points[name] = coarse, found
    return chart(
        lines,
        points,
        x="correlation ρ of the two views",
        y="sqrt(Var + ε)  (dimensionless)",
        levels={"threshold γ": 1.0},
    )
