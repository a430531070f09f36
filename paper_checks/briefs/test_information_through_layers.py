"""He, Yu & Goldfeld 2024, "Information-Theoretic Generalization Bounds for Deep Neural Networks",
arXiv 2404.03176.

For readers of information bounds: a linear network on which every divergence that such a bound adds
up, and the true gap between training and test error, is known in closed form.

Paper: the gap between training and test error is bounded by divergences of internal
representations, which shrink from layer to layer, faster with dropout or noise. This page treats
one classifier for which each of these terms, and the gap itself, can be computed.

Take away: the term of a layer depends on its rank $r$ alone and not on its width; it is
$-(r/2) log(1 - 1/n)$ on average. With $n = 8$ samples in 6 dimensions and $|μ| = .5$ the gap is .24
on average where the bounds say .36 (last layer) and .43 (first). Dropout at rate $δ$ leaves the
share $1 - δ^d$ of a divergence, which is nearly all of it in many dimensions.

A label $y = ±1$ and a point $x$ give $u = y x ~ N(μ, s²I)$ in $d$ dimensions. A classifier takes
the mean $w$ of $n$ samples $u_i$ and predicts the sign of $w·x$. Linear layers that do not depend
on the data map $u$ to $B_l u$, with $B_l$ of full rank $r_l$ and $B_0 = I$. The information at
layer $l$ is $D_l$, the divergence of the law of $B_l u_i$ given $w$ from that of $B_l u$, $u$
fresh.

Edges: with one sample the mean is the sample itself, and the divergence is infinite. If two inputs
agree in a coordinate, or one of them is 0 there, dropout leaves less of the divergence.

Abstract:

- Statement 1: the gap of generalisation is bounded by divergences of internal representations,
  which shrink with depth. In part: layer_kl, gap, gap-training_error. For one Gaussian classifier.
- Statement 2: a bound by Wasserstein distances has a layer where it is least. Not on trial. Only
  divergences are tried.
- Statement 3: both bounds have closed forms for binary Gaussian classification by linear networks.
  In part: layer_kl. That by divergences.
- Statement 4: dropout, dropped connections and Gaussian noise contract the information, by known
  factors. In part: dropout, dropout-two_inputs, gaussian_noise. Dropped connections are not tried.
- Statement 5: with finitely many parameters and the Gibbs algorithm deeper and narrower networks
  generalise better. Not on trial. Layers do not learn here.

Read: the abstract (the example, the decrease over layers). Derived here: all formulas (at $μ = 0$
by Student's $t$); a training point is not $N(w, s²I)$, as $w$ takes the share $1/n$ of its
variance. Not claimed: layers that learn. Topic: learning.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy import stats

from paper_checks.briefs.common import orthonormal
from theory_on_trial import claim, derived, known, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Dims = Annotated[
    int,
    Interval(2, 32, why="one dimension has one rank only; beyond, rounding adds up over layers"),
]
FewDims = Annotated[
    int,
    Interval(1, 6, why="with more dimensions than samples, training errors are too rare to count"),
]
FewSamples = Annotated[
    int, Interval(2, 12, why="with more, independence of w and the sample is too nearly true")
]
Signal = Annotated[
    float, Interval(0, 1, why="training errors of well separated classes are too rare to count")
]
Inputs = Annotated[
    int, Interval(2, 10, why="all 2^d masks are tried; one input has one number of differences")
]
Rate = Annotated[
    float,
    Interval(0.02, 0.98, why="outside, the factors differ from 0 or 1 by too little to be told"),
]


def linear_layers(generator, dim):
    """Return B_0 = I, B_1, …: the first dim, dim - 1, … rows of a matrix whose condition number is
    at most 2.
    """
    left = orthonormal(generator, dim)
    matrix = left * generator.uniform(1, 2, dim) @ orthonormal(generator, dim)
    return [np.eye(dim), *(matrix[:rank] for rank in range(dim, 0, -1))]


@predicted
def layer_information(maps, offset, samples, noise, share=1):
    """D_l = ½[r_l(-1/n - log(1-1/n)) + |P_l(w-μ)|²/s²], P_l the projection on the row space of
    B_l, and its mean; with share = 0 as if w did not depend on the sample.
    """
    ranks, squares = np.transpose(
        [(len(b), np.sum((offset @ np.linalg.qr(b.T)[0]) ** 2)) for b in maps]
    )
    loss = -share / samples - np.log1p(-share / samples)
    return np.array([ranks * loss + squares / noise**2, ranks * (loss + 1 / samples)]) / 2


@predicted
def training_error(dim, samples, signal):
    """Half the probability that a noncentral F variable of d and 1 degrees of freedom and
    noncentrality n |μ|² is below (n-1)/d, at s = 1.
    """
    return stats.ncf.cdf((samples - 1) / dim, dim, 1, samples * signal**2) / 2


@observed
def errs_on_first_point(generator, count, samples, mean):
    """Whether the mean of each of many training sets is wrong on the first of its points."""
    points = generator.normal(mean, size=(count, samples, len(mean)))
    return np.sum(points[:, 0] * points.mean(axis=1), axis=1) < 0


@predicted
def kept_share(rate, dim=1):
    """The share 1-δ^d of a divergence that dropout leaves at most; for noise, δ is its share of the
    variance.
    """
    return 1 - rate**dim


@observed
def training_variance(samples):
    """The variance, in s², of a sample less the mean w of all, which does not depend on w."""
    return np.sum((np.eye(1, samples) - 1 / samples) ** 2)


@observed
def divergence(matrix, shift, variance, noise, added=0.0):
    """KL of N(μ+shift, variance·s²I) from N(μ, s²I) under a map, with noise of variance `added` on
    the image.
    """
    gram = noise**2 * matrix @ matrix.T
    image = matrix @ shift
    extra = added * np.eye(len(matrix))
    spread = variance * gram + extra
    fresh = gram + extra
    quadratic = np.trace(np.linalg.solve(fresh, spread + np.outer(image, image))) - len(matrix)
    return (quadratic + np.linalg.slogdet(fresh)[1] - np.linalg.slogdet(spread)[1]) / 2


@claim(
    tried(
        "abstract: closed forms for binary Gaussian classification with linear networks",
        "the averaging classifier and its divergence",
    ),
    kind="identity",
    cases=[(6, 8, 1.5, False), (2, 2, 100.0, False), (6, 8, 1.5, True), (2, 2, 100.0, True)],
)
def test_layer_kl(
    trial,
    dim: Dims,
    samples: Annotated[
        int,
        Interval(
            2, 1000, why="one sample is its own mean; terms of order 1 leave one of order 1/n"
        ),
    ],
    noise: Annotated[
        float,
        Interval(0.01, 100, why="the logarithms of variances cancel, and take digits with them"),
    ],
    averaged: bool,
):
    """Let $w$ be the mean of $n$ samples $u_i$ from $N(μ, s²I)$, and let $B_l$ have rank $r_l$.
    Given $w$, the law of $B_l u_i$ has from that of a fresh $B_l u$ the divergence
    $D_l = ½ [r_l (-1/n - log(1-1/n)) + q]$, $q = |P_l (w-μ)|²/s²$, where $P_l$ projects on the row
    space of $B_l$. Averaged over $w$ it is this with $q = r_l/n$.
    """
    generator = trial.generator("layers")
    error = noise / np.sqrt(samples)
    maps = linear_layers(generator, dim)
    offset = error * generator.standard_normal(dim)
    # The divergence is quadratic in w: 2d points with the mean and covariance of w give its mean
    # exactly.
    axes = error * np.sqrt(dim) * np.eye(dim)
    offsets = np.vstack([axes, -axes]) if averaged else offset[None]
    runs = [[divergence(m, w, training_variance(samples), noise) for m in maps] for w in offsets]
    law, rival = (
        layer_information(maps, offset, samples, noise, share)[int(averaged)] for share in (1, 0)
    )
    trial.identity(
        np.mean(runs, axis=0),
        law,
        ops=500 * dim,
        scale=10 * dim,  # logarithms of variances up to 10 cancel
        generic="determinants and projections are analytic in maps of full rank",
        controls={"$w$ is independent of the sample": rival},
    )


@observed
def error_gaps(weights, mean, samples):
    """For each w how far the training error is from the test error: scores w·u/|w| of fresh points
    and of training points given w are normal.
    """
    length = np.linalg.norm(weights, axis=1)
    spread = np.sqrt(training_variance(samples))
    return np.abs(stats.norm.cdf(weights @ mean / length) - stats.norm.cdf(length / spread))


@claim(
    derived("a noncentral $F$ law"),
    kind="distribution",
    cases=[(3, 4, 0.5), (2, 3, 0.0)],
)
def test_gap__training_error(trial, dim: FewDims, samples: FewSamples, signal: Signal):
    """A classifier takes the mean $w$ of $n$ samples $u_i$ from $N(μ, I)$ in $d$ dimensions, and
    errs on $u$ if $w·u < 0$. Its mean training error is half the probability that a noncentral $F$
    variable with $d$ and 1 degrees of freedom and noncentrality $n |μ|²$ is below $(n-1)/d$.
    """
    trial.require(
        dim <= samples, "dim must be at most samples: else training errors are too rare to count"
    )
    mean = signal * np.eye(dim)[0]
    error = training_error(dim, samples, signal)
    fresh = stats.norm.cdf(-(signal**2) / np.hypot(signal, np.sqrt(dim / samples)))
    trial.probability(
        sampler=partial(errs_on_first_point, samples=samples, mean=mean),
        predict=error,
        margin=0.03 * error,
        controls={"as on fresh points": fresh},
        first=2**13,
        most=2**21,
    )


@claim(
    known("Pinsker 1964, his inequality, for the law of a score"),
    kind="bound",
    cases=[(3, 4, 0.5), (2, 3, 0.0)],
    not_tight="Pinsker's is attained to 80 %",
)
def test_gap(trial, dim: FewDims, samples: FewSamples, signal: Signal):
    """A classifier takes the mean $w$ of $n$ normal samples and errs on $u$ if $w·u < 0$. Given
    $w$, test and training error differ by at most $√(KL/2)$, where $KL$ is the divergence of the
    law of the score $w·u/|w|$ of a training point from that of a fresh point.
    """
    mean = signal * np.eye(dim)[0]
    weights = mean + trial.generator("w").standard_normal((1000, dim)) / np.sqrt(samples)
    informations = np.array(
        [layer_information([w[None]], w - mean, samples, 1.0)[0, 0] for w in weights]
    )
    trial.bound(
        error_gaps(weights, mean, samples),
        np.sqrt(informations / 2),
        instances="draws",
        independent=1000,
        # A dozen roundings of chances up to 1; the rest is room, as the bound may be only 0.03.
        ops=100,
        controls={"KL/2 without its root": informations / 2},
    )


@observed
def dropped_divergence(inputs, laws, rate):
    """KL after dropout between two laws on the same inputs, every mask applied to every input."""
    masks = np.transpose(list(map(np.ravel, np.indices([2] * inputs.shape[1]))))
    chance = np.prod(np.where(masks == 1, 1 - rate, rate), axis=1)
    codes = np.unique(np.concatenate(inputs[:, None] * masks), axis=0, return_inverse=True)[
        1
    ].ravel()
    return stats.entropy(*(np.bincount(codes, np.outer(law, chance).ravel()) for law in laws))


def laws_on_few_inputs(generator, dim):
    """Pairs of laws on four inputs each: inputs (344 + d, 4, d) with some zeros, probabilities
    (344 + d, 2, 4).

    The first d pairs of laws are on two inputs, without a 0, that differ in 1, …, d coordinates.
    """
    inputs = generator.integers(-1, 3, (344 + dim, 4, dim))
    laws = generator.dirichlet(np.ones(4), (344 + dim, 2))
    inputs[:dim, 0] = 1
    inputs[:dim, 1] = 1 + np.tri(dim)
    laws[:dim, :, 2:] = 0
    return inputs, laws


@claim(
    tried("abstract: dropout contracts the information", "the factor, and where it is attained"),
    kind="bound",
    cases=[(3, 0.5), (6, 0.2)],
)
def test_dropout(trial, dim: Inputs, rate: Rate):
    """If each of $d$ coordinates of two random vectors is dropped with chance $δ$, the divergence
    of their laws falls to at most $1-δ^d$ of what it was.
    """
    inputs, laws = laws_on_few_inputs(trial.generator("laws"), dim)
    after = [dropped_divergence(*pair, rate) for pair in zip(inputs, laws, strict=True)]
    before = stats.entropy(*laws.transpose(1, 2, 0))
    trial.bound(
        after,
        kept_share(rate, dim) * before,
        instances="draws",
        independent=344,
        ops=2**dim + 100,
        scale=1.0,
        controls={"$1-δ$, as of one coordinate": kept_share(rate, 1) * before},
    )


@claim(
    derived("two inputs are confused when all differences are dropped"),
    kind="identity",
    cases=[(3, 0.5), (6, 0.2)],
)
def test_dropout__two_inputs(trial, dim: Inputs, rate: Rate):
    """If every coordinate is dropped with chance $δ$, exactly $1-δ^h$ is left of the divergence
    between two laws on two inputs that differ in $h$ coordinates and have no entry 0 there.
    """
    inputs = np.stack([np.ones((dim, dim)), 1 + np.tri(dim)], axis=1)
    laws = trial.generator("laws").dirichlet(np.ones(2), (dim, 2))
    after = [dropped_divergence(*pair, rate) for pair in zip(inputs, laws, strict=True)]
    before = stats.entropy(*laws.transpose(1, 2, 0))
    trial.identity(
        after,
        kept_share(rate, 1 + np.arange(dim)) * before,
        ops=2**dim + 100,
        scale=1.0,
        generic="divergences are analytic in positive chances",
        controls={"$1-δ^d$, the bound for all inputs": kept_share(rate, dim) * before},
    )


@claim(
    tried(
        "abstract: Gaussian noise contracts the information", "the factor, and where it is attained"
    ),
    kind="bound",
    cases=[(4, 0.7), (2, 10.0)],
)
def test_gaussian_noise(
    trial,
    dim: Dims,
    added: Annotated[
        float, Interval(0.1, 10, why="less leaves nearly all of a divergence, more nearly nothing")
    ],
):
    """Let white normal noise of variance $τ$ be added to two normal vectors, the second of which
    has the variance $v$ along its longest axis. The divergence of the first from the second falls
    to at most $v/(v+τ)$ of what it was.
    """
    generator = trial.generator("laws")
    layers = [linear_layers(generator, dim) for _ in range(345)]
    variances = np.append(1.0, generator.uniform(0.3, 3, 344))  # 1: attained
    laws = list(zip(layers, generator.standard_normal((345, dim)), variances, strict=True))

    def divergences(noise):
        return np.array([[divergence(m, *law, 1, noise) for m in maps] for maps, *law in laws])

    before = divergences(0)
    largest = np.array([[np.linalg.norm(matrix, 2) ** 2 for matrix in maps] for maps in layers])
    share = kept_share(added / (added + largest))
    trial.bound(
        divergences(added),
        share * before,
        instances="draws",
        independent=344,
        ops=500 * dim,
        scale=10 * dim,
        controls={"correlation to the fourth": share**2 * before},
    )


@figure("F1", claims=("layer_kl",))
def information_per_layer(dim: int = 24, samples: int = 12, draws: int = 40):
    """The information of a linear layer grows with its rank, and so it falls along the network.

    KL of a seen from a fresh point. Marks: line: $−(r/2) log(1 − 1/n)$; points, bars: mean, 5 % to
    95 % of 40 training sets.
    """
    generator = np.random.default_rng(0)
    ranks = np.arange(dim, 0, -1)
    maps = linear_layers(generator, dim)[1:]
    offsets = generator.standard_normal((draws, dim)) / np.sqrt(samples)
    curves = [
        [divergence(m, offset, training_variance(samples), 1) for m in maps] for offset in offsets
    ]
    layers = dim - ranks + 1
    lines = {"law of the mean": (layers, layer_information(maps, offsets[0], samples, 1)[1])}
    points = {"training sets": (np.tile(layers, draws), np.ravel(curves))}
    return chart(
        lines,
        points,
        x="layer l, of rank 25 − l",
        y="information  (nats)",
    )
