"""Sandler, Howard, Zhu, Zhmoginov & Chen 2018, "MobileNetV2: Inverted Residuals and Linear
Bottlenecks", CVPR, arXiv 1801.04381.

For whoever puts a ReLU behind $m$ channels that carry $n$ dimensions: what can still be read?

Take away: keeping a point is cheap, keeping all points is not. The lemma of the paper on this holds
off the planes of the rows, and not at 0. With as many channels as dimensions half of the energy is
lost; with twice as many the share $C(2n, n)/2^(2n+1)$ is lost, a tenth for $n = 8$. At the paper's
expansion of 6 and $n = 24$ a given point is lost with chance $2^-56$, and yet 8 billion of the
layer's linear pieces lose information.

The layer is $y = ReLU(B x)$ with $x$ in $R^n$ and $B$ of $m$ rows $b_i$, any $n$ of them
independent, whose law does not change with the sign of any row. $R$ rows are active at $x$, a
binomial number: $R ~ Bin(m, ½)$. The rows' planes $b_i·x = 0$ cut $R^n$ into cones.

Edges: if no row is active, the reading is 0. In the plane no layer of up to four channels keeps all
inputs. The paper prints $2^(-m/2)$ for the chance that a point is lost; for $n = 24$ this is true
from $m ≈ 8.3 n$ on.

Paper: it builds mobile networks with linear bottlenecks between wide layers, because a ReLU on few
channels loses information. This page says how much, and tries the lemma that the paper gives for
it.

Abstract:

- Sentence 1: a mobile architecture improves the state of the art. Not on trial. It needs large
  networks.
- Sentence 6: non-linearities should be removed in narrow layers, so that these keep their power to
  represent. In part: point_kept, mean_reading, plane_kept, lost_cells. What a ReLU loses is
  computed, not what the loss costs a network.
- Sentence 7: this improves performance, and an intuition leads to this design. In part: point_kept,
  point_kept-origin. The lemma behind it is right off the rows' planes, and wrong at 0; performance
  is not on trial.
- Sentence 8: what a layer can express is decoupled from its inputs and outputs. No statement.
- Sentences 9 and 10: images are classified, and objects found and segmented, at a better price. Not
  on trial. It needs large networks.

Read: the abstract, and of the paper Appendix A (Lemma 2, Theorem 1), in a copy. Derived here: what
the reading loses, the plane, the cones. Not claimed: that all inputs matter; data fill few cones.
Topic: representations.
"""

from itertools import combinations, product
from math import comb
from typing import Annotated

import numpy as np
from scipy.optimize import linprog

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    claim,
    derived,
    observed,
    paper,
    predicted,
    published,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Dimension = Annotated[
    int, Interval(1, 4, why="n; a linear program is solved for each of 2^m signs")
]
Channels = Annotated[int, Interval(2, 7, why="m; a linear program is solved for each of 2^m signs")]


def signs(channels):
    """All signs of the rows, (2^m, m)."""
    return np.array(list(product([1.0, -1.0], repeat=channels)))


def rows(generator, channels, dim):
    """Rows (m, n) in general position, of unlike lengths and squeezed along the first axis."""
    drawn = generator.normal(size=(channels, dim)) * generator.uniform(0.5, 2, (channels, 1))
    drawn[:, 0] /= 3
    return drawn


@predicted
def points_kept(channels, dim):
    """Σ over j >= n of C(m, j), the number of signs of rows at which a point is kept."""
    return sum(comb(channels, j) for j in range(dim, channels + 1))


@predicted
def cones(channels, dim):
    """2 Σ over i < n of C(m − 1, i), the number of cones (Cover 1965)."""
    return 2 * sum(comb(channels - 1, i) for i in range(dim))


@predicted
def origins_kept(channels, dim):
    """2^m less the number of cones: no half-space may hold all rows (Wendel 1962)."""
    return 2**channels - cones(channels, dim)


@predicted
def reading_error(channels, dim):
    """E (1 − R/n)⁺, R ~ Bin(m, ½)."""
    return sum(comb(channels, j) * (dim - j) for j in range(dim)) / (dim * 2**channels)


@predicted
def error_at_twice(dim):
    """C(2n, n)/2^(2n + 1)."""
    return comb(2 * dim, dim) / 2 ** (2 * dim + 1)


@predicted
def planes_kept(channels):
    """2^m − 2 m (m − 2), and 0 up to m = 4."""
    return 2**channels - 2 * channels * (channels - 2) if channels > 4 else 0


@predicted
def cones_lost(channels, dim):
    """The number of cones times Σ over j < n of C(m, j), summed over all signs of the rows."""
    return cones(channels, dim) * (2**channels - points_kept(channels, dim))


@observed
def determined(generator, layer, point):
    """Whether no other input has the outputs of a point: linear programs move along a random
    direction, to and fro, as far as the active rows, which must not change, and the others allow.
    """
    outputs = layer @ point
    active = outputs > 0
    direction = generator.normal(size=len(point))
    equal = {"A_eq": layer[active], "b_eq": np.zeros(active.sum())} if active.any() else {}
    below = {} if active.all() else {"A_ub": layer[~active], "b_ub": -outputs[~active]}
    lowest = (
        linprog(sign * direction, **equal, **below, bounds=(-1, 1), method="highs").fun
        for sign in (1, -1)
    )
    return all(value > -1e-9 for value in lowest)


@observed
def number_determined(generator, layer, point):
    """For how many of the 2^m signs of its rows a layer determines a point."""
    found = [determined(generator, turned[:, None] * layer, point) for turned in signs(len(layer))]
    return int(np.sum(found))


@observed
def mean_error(layer, inputs):
    """The relative squared error of the least-norm solution of the active rows' equations, on
    average over all signs of the rows and an orthonormal basis of inputs, the columns. Given which
    rows are active the error is quadratic in the input, so that a basis does for all directions.
    """
    errors = []
    for turned in signs(len(layer)):
        turned_layer = turned[:, None] * layer
        for point in inputs.T:
            outputs = np.maximum(turned_layer @ point, 0)
            active = turned_layer[outputs > 0]
            reading = np.linalg.lstsq(active, outputs[outputs > 0], rcond=None)[0]
            errors.append(np.sum((reading - point) ** 2))
    return np.mean(errors)


@observed
def cones_of(layer):
    """The active rows of every cone, (cones, m): about every ray in which n − 1 planes meet the
    signs of their rows take all values.
    """
    channels, dim = layer.shape
    found = set()
    for chosen in combinations(range(channels), dim - 1):
        ray = np.linalg.svd(layer[list(chosen)])[2][-1]
        for turned in (ray, -ray):
            active = layer @ turned > 0
            for values in product([False, True], repeat=dim - 1):
                active[list(chosen)] = values
                found.add(tuple(active))
    return np.array(sorted(found))


@observed
def ranks_of_cones(layer):
    """The rank of the active rows on every cone, for all signs of the rows: (2^m, cones)."""
    active = cones_of(layer)
    ranks = []
    for turned in signs(len(layer)):
        inside = active == (turned > 0)
        ranks.append(np.linalg.matrix_rank(inside[:, :, None] * layer))
    return np.array(ranks)


@claim(
    paper("Appendix A, Lemma 2 and Theorem 1", within="$x$ on no plane of a row"),
    kind="identity",
    cases=[(3, 2), (6, 4), (7, 3), (2, 1)],
)
def test_point_kept(trial, channels: Channels, dim: Dimension):
    """Let $B$ have $m$ rows $b_i$ in $R^n$, any $n$ of them independent, and let $x$ lie on no
    plane $b_i·x = 0$. Then $y = ReLU(B x)$ determines $x$ for $sum_{j>=n} C(m, j)$ of the $2^m$
    signs of the rows: for those at which $n$ rows or more are active.
    """
    trial.require(channels >= dim, "channels must be dim at least: fewer rows determine no point")
    generator = trial.generator("layer")
    layer = rows(generator, channels, dim)
    trial.identity(
        number_determined(generator, layer, generator.normal(size=dim)),
        points_kept(channels, dim),
        ops=0,
        generic="each subset of rows counts once, and its rank is that of almost all rows",
        controls={
            "$n + 1$ rows are needed": points_kept(channels, dim + 1),
            "a layer of $n$ rows is enough": 2**channels,
        },
    )


@claim(
    derived(
        "0 is the only point of $B x <= 0$ unless a half-space holds all rows; Wendel 1962 counts"
    ),
    kind="identity",
    cases=[(2, 1), (4, 2), (6, 3), (7, 4)],
    as_published=published(
        place=paper("Appendix A, Lemma 2"),
        quoted="a unique solution if and only if $y₀$ has at least $n$ non-zero values",
        within="any $x₀$, and $B$ of which any $n$ rows are independent",
        reach="theorem",
        effect="the lemma needs $x₀$ off the rows' planes; Theorem 1, which averages, stands",
        ran="the formula",
    ),
)
def test_point_kept__origin(trial, channels: Channels, dim: Dimension):
    """Let $B$ have $m > n$ rows in $R^n$, any $n$ of them independent. At $x = 0$ no row is active,
    and yet $y = ReLU(B x) = 0$ determines $x$ for $2^m − 2 sum_{i<n} C(m − 1, i)$ of the $2^m$
    signs of the rows: for those at which no half-space holds all rows. As published, $n$ outputs
    must not vanish, and so $x = 0$ is never determined.
    """
    trial.require(channels > dim, "channels must exceed dim: up to n rows lie in a half-space")
    generator = trial.generator("layer")
    layer = rows(generator, channels, dim)
    trial.identity(
        number_determined(generator, layer, np.zeros(dim)),
        origins_kept(channels, dim),
        ops=0,
        instances="search",
        controls={"as other points": points_kept(channels, dim)},
        as_published=0,
    )


@claim(
    derived("signs are independent of the rows' lines"),
    kind="identity",
    cases=[(3, 5), (8, 4), (6, 6), (10, 3)],
)
def test_mean_reading(
    trial,
    channels: Annotated[int, Interval(2, 10, why="m; one channel leaves no choice; all 2^m signs")],
    dim: Annotated[int, Interval(2, 6, why="n; of one number the reading is all or nothing")],
):
    """Let $B$ have $m$ rows in $R^n$ of which any $n$ are independent and whose signs are random,
    and let $x$ have an isotropic law. The least-norm solution of the equations of the active rows
    of $ReLU(B x)$, of which there are $R$, has the mean relative squared error $E (1 − R/n)⁺$,
    $R ~ Bin(m, ½)$.
    """
    controls = {"all or nothing, $P(R < n)$": 1 - points_kept(channels, dim) / 2**channels}
    if channels > dim:
        controls["the mean of $R$ for $R$, $(1 − m/2n)⁺$"] = max(1 - channels / (2 * dim), 0)
    generator = trial.generator("layer")
    layer = rows(generator, channels, dim)
    trial.value(
        mean_error(layer, orthonormal(generator, dim)),
        reading_error(channels, dim),
        error=1e-10,
        margin=1e-8,
        generic="each subset of rows is active once, and projections on spans are analytic",
        controls=controls,
    )


@claim(derived("a sum of binomials"), kind="identity", cases=[1, 2, 5])
def test_mean_reading__twice(
    trial, dim: Annotated[int, Interval(1, 5, why="n; all 2^(2n) signs are listed")]
):
    """Let $B$ have $2n$ rows in $R^n$ of which any $n$ are independent and whose signs are random,
    and let $x$ have an isotropic law. The least-norm solution of the equations of the active rows
    of $ReLU(B x)$ has the mean relative squared error $C(2n, n)/2^(2n+1)$.
    """
    generator = trial.generator("layer")
    layer = rows(generator, 2 * dim, dim)
    trial.value(
        mean_error(layer, orthonormal(generator, dim)),
        error_at_twice(dim),
        error=1e-10,
        margin=1e-8,
        generic="each subset of rows is active once, and projections on spans are analytic",
        controls={
            "Stirling's $1/√(4 π n)$": 1 / np.sqrt(4 * np.pi * dim),
            "half, as at $m = n$": 0.5,
        },
    )


@claim(
    derived("$2 m$ sign patterns leave an arc without active rows, $2 m (m − 2)$ with one"),
    kind="identity",
    cases=[5, 6, 9, 11],
)
def test_plane_kept(
    trial,
    channels: Annotated[
        int, Interval(5, 11, why="m; up to four channels never keep a plane; 2^m signs")
    ],
):
    """Let $B$ have $m > 4$ rows in the plane, any two of them independent. Then $ReLU(B x)$ keeps
    all inputs $x$ apart for $2^m − 2 m (m − 2)$ of the $2^m$ signs of its rows, whatever their
    directions.
    """
    # Of 690 layers in all cases, most of them of few channels, fewer than 1 % can fail.
    generator = trial.generator("layers")
    layers = [rows(generator, channels, 2) for _ in range(340 if channels <= 6 else 5)]
    kept = [np.sum(np.all(ranks_of_cones(layer) == 2, axis=1)) for layer in layers]
    trial.identity(
        np.array(kept),
        planes_kept(channels),
        ops=0,
        independent=len(layers),
        controls={
            "no input is dead": origins_kept(channels, 2),
            "one given input is kept": points_kept(channels, 2),
        },
    )


@claim(
    derived("a cone's active rows take all values alike; Schläfli 1850 counts the cones"),
    kind="identity",
    cases=[(4, 2), (6, 3), (9, 3), (8, 4)],
)
def test_lost_cells(
    trial,
    channels: Annotated[int, Interval(4, 9, why="m; all cones are listed for all 2^m signs")],
    dim: Annotated[int, Interval(2, 4, why="n; a line has two cones whatever m")],
):
    """The planes $b_i·x = 0$ of $m$ rows in $R^n$, any $n$ of them independent, cut $R^n$ into
    $2 sum_{i<n} C(m − 1, i)$ cones. On average over the signs of the rows, fewer than $n$ rows are
    active, so that $ReLU(B x)$ loses information, on the share $P(R < n)$ of the cones,
    $R ~ Bin(m, ½)$.
    """
    trial.require(channels > dim, "channels must exceed dim: n planes cut all 2^n cones")
    # Of 705 layers in all cases, most of them of few channels, fewer than 1 % can fail.
    generator = trial.generator("layers")
    layers = [rows(generator, channels, dim) for _ in range(690 if channels <= 4 else 5)]
    trial.identity(
        np.array([np.sum(ranks_of_cones(layer) < dim) for layer in layers]),
        cones_lost(channels, dim),
        ops=0,
        independent=len(layers),
        controls={
            "as if there were $2^m$ cones": 2**channels
            * (2**channels - points_kept(channels, dim)),
            "dead cones alone": cones(channels, dim),
        },
    )


@figure("F1", claims=("point_kept", "plane_kept"))
def chance_kept(dims: tuple[int, ...] = (2, 8, 24)):
    """A given input is safe from twice as many channels as dimensions on; a whole plane of inputs
    is not.

    Chance that a ReLU behind $m$ channels keeps an input of $n$ dimensions, and that it keeps all
    inputs of two dimensions apart. Marks: lines: law; points: 400 drawn layers and inputs, and all
    $2^m$ signs for the plane.
    """
    generator = np.random.default_rng(0)
    lines: dict[str, tuple] = {}
    points: dict[str, tuple] = {}
    for dim in dims:
        channels = np.arange(dim, 8 * dim + 1)
        name = f"one input, n = {dim}"
        lines[name] = channels / dim, [points_kept(int(m), dim) / 2 ** int(m) for m in channels]
        drawn = np.linspace(dim, 6 * dim, 9).astype(int)
        found = []
        for m in drawn:
            active = generator.normal(size=(400, m, dim)) @ generator.normal(size=dim) > 0
            layers = generator.normal(size=(400, m, dim)) * active[:, :, None]
            found.append(np.mean(np.linalg.matrix_rank(layers) == dim))
        shares = np.array(found)
        points[name] = drawn / dim, shares, 2.6 * np.sqrt(shares * (1 - shares) / 400)
    channels = np.arange(2, 17)
    lines["all inputs, n = 2"] = channels / 2, [planes_kept(int(m)) / 2 ** int(m) for m in channels]
    whole = [
        np.mean(np.all(ranks_of_cones(rows(generator, m, 2)) == 2, axis=1)) for m in range(2, 12)
    ]
    points["all inputs, n = 2"] = np.arange(2, 12) / 2, whole
    return chart(
        lines, points, x="channels per dimension m/n", y="chance kept", legend="lower right"
    )


@figure("F2", claims=("mean_reading",))
def error_of_reading(dims: tuple[int, ...] = (2, 8, 24)):
    """Half of the energy is lost with as many channels as dimensions, and little with three times
    as many.

    Mean relative squared error of the least-norm reading. Marks: lines: law; points: 300 drawn
    layers with 99 % intervals.
    """
    generator = np.random.default_rng(0)
    lines = {}
    points = {}
    for dim in dims:
        name = f"n = {dim}"
        channels = np.arange(1, 4 * dim + 1)
        lines[name] = channels / dim, [reading_error(int(m), dim) for m in channels]
        drawn = np.unique(np.linspace(1, 4 * dim, 8).astype(int))
        means = []
        widths = []
        for m in drawn:
            layers = generator.normal(size=(300, m, dim))
            layers *= layers[:, :, :1] > 0  # of the input e_1
            readings = np.linalg.pinv(layers) @ layers[:, :, :1]
            errors = np.sum((readings[:, :, 0] - np.eye(dim)[0]) ** 2, axis=1)
            means.append(errors.mean())
            widths.append(2.6 * errors.std() / np.sqrt(300))
        points[name] = drawn / dim, means, widths
    return chart(lines, points, x="channels per dimension m/n", y="relative squared error", ylim=0)
