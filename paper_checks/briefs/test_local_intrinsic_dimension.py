"""Huang, Campello, Erfani, Ma, Houle & Bailey 2024, "LDReg: Local Dimensionality Regularized
Self-Supervised Learning", ICLR, arXiv 2401.10474.

For whoever averages local dimensions from $k$ neighbours: how biased are the estimates, and what is
their mean?

Paper: representations collapse locally before they do globally, so that the local intrinsic
dimension of every sample is made large in training, averaged as a geometric mean. This page gives
the laws of the estimates that enter this mean.

Take away: the mean of estimates from $k$ neighbours is $k/(k - 1)$ times the dimension, $k/(k - 2)$
times with the code's choice of radius; the geometric mean is $k e^{-ψ(k)}$ times the dimension,
1.11 at $k = 5$ and 1.05 at $k = 10$. For an encoder trained on digits the code's average is 13 at
$k = 3$ and 5.1 at $k = 10$; multiplied by $(k - 2)/k$ it is 4.4 and 4.1.

Around a query, points are uniform in a ball of dimension $θ$, so that a distance $x$ up to the
radius $w$ has the distribution function $F(x) = (x/w)^θ$. With $x_1, …, x_k$ the distances of the
$k$ nearest neighbours, $w$ that of the next and $m$ the mean of $x_1, …, x_k$, the estimates are
$θ̂ = −k/∑_i log(x_i/w)$, by maximum likelihood, and $θ̃ = m/(w − m)$, by moments. $ψ$ is the
digamma function.

Edges: $θ̂$ has a mean from $k = 2$ on and a variance from $k = 3$ on; if $w$ is the $k$-th
distance, it needs one neighbour more. $θ̃$ has a mean from $k = 2$ on. Below these $k$
`mean_estimate` and `moment_mean` raise an error. If all distances are equal, $θ̂$ is infinite.

Abstract:

- Sentence 1: self-supervised representations can collapse to few dimensions. Not on trial. No
  network is trained with such a loss here.
- Sentence 4: representations collapse locally even where they do not globally. Not on trial. No
  network is trained with such a loss here.
- Sentence 6: the formulation derives the Fisher–Rao metric of laws of local distances at small
  radii. In part: geodesic. For the power laws to which these tend; their mean in this metric is the
  geometric one.
- Sentence 7: a larger local dimension improves self-supervised learning. Not on trial. It needs
  large data; `inverse_gamma` and `boundary_neighbour` say what its estimates are.
- Sentence 8: dimensions are regularised locally and globally. Not on trial. It needs trained
  networks.

Read: the abstract, and the authors' code (HanxunH/LDReg, `lid.py`). Recalled: the law of the
estimate by maximum likelihood (Levina & Bickel 2004). Derived here: that of the estimate by
moments, and what the code's choice of $w$ changes. Not claimed: varying density or curved data, for
which all of this is a limit; on the encoder dimensions fall with $k$ after the correction, too.
Topic: representations.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy import stats
from scipy.integrate import quad
from scipy.special import hyp1f1, psi
from sklearn.neighbors import NearestNeighbors

from paper_checks.briefs.common import derivative
from paper_checks.briefs.encoder import digits, encoder
from theory_on_trial import (
    claim,
    derived,
    known,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Dim = Annotated[int, Interval(1, 12, why="dimension of the ball; tens of thousands are drawn")]
Beyond = Annotated[
    int, Interval(1, 30, why="points of the ball beyond the k nearest; tens of thousands are drawn")
]
# Of θ y, where y = −log(x/w) has the density θ e^(−θ y).
NODES, WEIGHTS = np.polynomial.laguerre.laggauss(8)
LOOKS = {"law": Asymptotic(), "first": 4000, "most": 200_000}


def ball_distances(generator, count, dim, neighbours, beyond):
    """Sorted distances from the centre to points uniform in a ball: the first coordinates of points
    of a sphere.
    """
    points = generator.normal(size=(count, neighbours + beyond, dim + 2))
    squares = np.sum(points[..., :dim] ** 2, axis=-1) / np.sum(points**2, axis=-1)
    return np.sqrt(np.sort(squares, axis=-1)[:, : neighbours + 1])


@observed
def likelihood_estimate(generator, count, dim, neighbours, beyond, boundary=0):
    """θ̂ of k neighbours with w the distance of neighbour k + 1, or, at the boundary, of neighbour
    k.
    """
    x = ball_distances(generator, count, dim, neighbours, beyond)
    return -neighbours / np.sum(np.log(x[:, :-1] / x[:, [neighbours - boundary]]), axis=1)


@observed
def moment_estimate(generator, count, dim, neighbours, beyond, known):
    """θ̃ of k neighbours, w being the distance of neighbour k + 1, less θ̂ of the same neighbours
    and plus its known mean, which leaves a tenth of the variance.
    """
    x = ball_distances(generator, count, dim, neighbours, beyond)
    mean = x[:, :-1].mean(axis=1)
    likelihood = -neighbours / np.sum(np.log(x[:, :-1] / x[:, -1:]), axis=1)
    return mean / (x[:, -1] - mean) - likelihood + known


@observed
def log_estimate(generator, count, dim, neighbours, beyond):
    """The logarithm of θ̂, whose mean is that of the geometric mean of many."""
    return np.log(likelihood_estimate(generator, count, dim, neighbours, beyond))


@observed
def mean_dimension(features, neighbours, boundary=0):
    """The mean of θ̂ over all samples, each among the others; w as for `likelihood_estimate`."""
    search = NearestNeighbors(n_neighbors=neighbours + 2).fit(features)
    x = np.log(search.kneighbors(features)[0][:, 1:])  # without the sample itself
    sums = np.sum(x[:, :neighbours] - x[:, [neighbours - boundary]], axis=1)
    return np.mean(-neighbours / sums)


@predicted
def likelihood_law(dim, neighbours, lost=0):
    """The law of k θ/Γ with Γ from Gamma(k − lost), whose mean is k θ/(k − lost − 1): −θ log(x/w)
    is exponential.
    """
    return stats.invgamma(neighbours - lost, scale=neighbours * dim)


@predicted
def mean_estimate(dim, neighbours, lost=0):
    """The mean k θ/(k − lost − 1) of θ̂."""
    if neighbours - lost < 2:
        raise ValueError(f"the mean is infinite: neighbours must be at least {lost + 2}")
    return neighbours * dim / (neighbours - lost - 1)


@predicted
def log_shift(neighbours):
    """The mean log k − ψ(k) of log θ̂/θ."""
    return np.log(neighbours) - psi(neighbours)


@predicted
def leading_moment_mean(dim, neighbours):
    """The mean θ + θ(θ + 1)/((θ + 2) k) of θ̃ to leading order in 1/k."""
    return dim + dim * (dim + 1) / ((dim + 2) * neighbours)


@predicted
def moment_mean(dim, neighbours):
    """The integral k ∫₀^∞ φ(s)^k ds − 1, φ(s) = e^(−s) ₁F₁(θ; θ + 1; s) = ₁F₁(1; θ + 1; −s): 1/y =
    ∫ e^(−s y) ds.
    """
    if neighbours < 2:
        raise ValueError("the mean is infinite: neighbours must be at least 2")
    return neighbours * quad(lambda s: hyp1f1(1, dim + 1, -s) ** neighbours, 0, np.inf)[0] - 1


@claim(
    known("Levina & Bickel 2004: logarithms of ratios of distances are exponential"),
    kind="distribution",
    cases=[(2, 5, 5), (7, 10, 20), (1, 1, 1)],
)
def test_inverse_gamma(
    trial,
    dim: Dim,
    neighbours: Annotated[
        int, Interval(1, 20, why="with more neighbours the estimate is nearly normal")
    ],
    beyond: Beyond,
):
    """Points are uniform in a ball of dimension $θ$ around a query; $x_1, …, x_k$ are the distances
    of its $k$ nearest neighbours, $w$ that of the next. The estimate $−k/∑_i log(x_i/w)$ has the
    law of $k θ/Γ$ for every $k$, where $Γ$ has the Gamma law of shape $k$.
    """
    trial.distribution(
        sampler=partial(likelihood_estimate, dim=dim, neighbours=neighbours, beyond=beyond),
        cdf=likelihood_law(dim, neighbours).cdf,
        controls={"normal, of a large sample": stats.norm(dim, dim / np.sqrt(neighbours)).cdf},
        margin=0.02,
        first=15_000,
        most=150_000,
    )


@claim(derived("one of $k$ terms is $log 1 = 0$"), kind="identity", cases=[(3, 12, 8)])
def test_boundary_neighbour(
    trial,
    dim: Dim,
    neighbours: Annotated[
        int, Interval(12, 24, why="with fewer the tails are heavy; with more the bias is small")
    ],
    beyond: Beyond,
):
    """Points are uniform in a ball of dimension $θ$ around a query; $x_1, …, x_k$ are the distances
    of its $k$ nearest neighbours. The authors' code takes $w = x_k$, the last of these. Then the
    estimate $−k/∑_i log(x_i/w)$ has the mean $k θ/(k − 2)$, and with the distance of the next
    neighbour $k θ/(k − 1)$.
    """
    law = mean_estimate(dim, neighbours, lost=1)
    trial.mean(
        sampler=partial(
            likelihood_estimate, dim=dim, neighbours=neighbours, beyond=beyond, boundary=1
        ),
        predict=law,
        margin=0.01 * law,
        controls={
            "$k θ/(k − 1)$, as with neighbour $k + 1$": mean_estimate(dim, neighbours),
            "unbiased": dim,
        },
        **LOOKS,
    )


@claim(derived("$1/y$ is an integral of exponentials"), kind="identity", cases=[(2, 8, 6)])
def test_moments(
    trial,
    dim: Annotated[int, Interval(2, 12, why="on a line the leading order is as good")],
    neighbours: Annotated[
        int,
        Interval(
            8, 12, why="with fewer the tails are heavy; with more the leading order is as good"
        ),
    ],
    beyond: Beyond,
):
    """Points are uniform in a ball of dimension $θ$ around a query; $m$ is the mean distance of its
    $k$ nearest neighbours, $w$ that of the next. The estimate $m/(w − m)$ has the mean
    $k ∫_0^∞ φ(s)^k ds − 1$, where $φ(s) = ₁F₁(1; θ + 1; −s)$ is a confluent hypergeometric
    function.
    """
    law = moment_mean(dim, neighbours)
    known = mean_estimate(dim, neighbours)
    trial.mean(
        sampler=partial(
            moment_estimate, dim=dim, neighbours=neighbours, beyond=beyond, known=known
        ),
        predict=law,
        margin=0.0025 * law,
        controls={
            "its leading order": leading_moment_mean(dim, neighbours),
            "as of maximum likelihood": known,
        },
        **LOOKS,
    )


@observed
def fisher_length(low, high):
    """The integral of √I from low to high, I being the mean square of the score."""

    def root_information(theta):
        scores = derivative(lambda bent: np.log(bent) - bent * NODES / theta, theta)
        return np.sqrt(WEIGHTS @ np.square(scores))

    return quad(root_information, low, high)[0]


@predicted
def geodesic(low, high):
    """|log θ₂/θ₁|, as the Fisher information is 1/θ²."""
    return abs(np.log(high / low))


@claim(
    tried(
        "abstract, sentence 6: the Fisher–Rao metric of local distances", "its form for power laws"
    ),
    kind="identity",
    cases=[(3.0, 7 / 3), (0.5, 20.0)],
)
def test_geodesic(
    trial,
    low: Annotated[float, Interval(0.5, 10, why="the smaller dimension")],
    ratio: Annotated[float, Interval(1.5, 20, why="of the dimensions; longer ways lose digits")],
):
    """In a ball of dimension $θ$ distances up to the radius $w$ have the distribution function
    $(x/w)^θ$. The Fisher–Rao distance of these laws for two dimensions $θ₁$ and $θ₂$ is
    $|log θ₂/θ₁|$, so that the mean of dimensions in it is the geometric mean.
    """
    high = low * ratio
    through_mixtures = 2 * np.arccos(2 * np.sqrt(ratio) / (1 + ratio))
    trial.identity(
        fisher_length(low, high),
        geodesic(low, high),
        # The quadrature is off by some 60 roundings, as measured; the rest is room.
        ops=3000,
        controls={
            "$2 arccos ∫ √(f₁ f₂)$, through laws of no ball": through_mixtures,
            "relative difference": ratio - 1,
        },
    )


@claim(derived("$−log x/w$ has a Gamma law"), kind="limit", cases=[5, 10])
def test_geodesic__mean_estimate(
    trial,
    neighbours: Annotated[
        int, Interval(2, 12, why="one has no mean; with more the shift is small")
    ],
):
    """Points are uniform in balls of dimension $θ$. The geometric mean of many maximum-likelihood
    estimates from $k$ neighbours each tends to $θ k e^{-ψ(k)}$, $ψ$ being the digamma function.
    """
    shift = log_shift(neighbours)
    trial.mean(
        sampler=partial(log_estimate, dim=3, neighbours=neighbours, beyond=5),
        predict=np.log(3) + shift,
        margin=0.1 * shift,
        controls={
            "unbiased": np.log(3),
            "as the arithmetic mean": np.log(3) + np.log(neighbours / (neighbours - 1)),
        },
        **LOOKS | {"most": 600_000},
    )


@claim(derived("boxes of $θ$, each enclosed"), kind="bound")
def test_moments__everywhere(trial):
    """Let $θ̃$ and $θ̂$ be the estimates of a dimension $θ$ from $k$ distances by moments and by
    maximum likelihood. The leading bias of $θ̃$, $θ(θ + 1)/((θ + 2) k)$, is at most the bias
    $θ/(k − 1)$ of $θ̂$ for all $θ$ in $[.1, 100]$ and $k$ from 2 to 40.
    """
    trial.prove(
        lambda dim, neighbours: dim * (dim + 1) / ((dim + 2) * neighbours),
        lambda dim, neighbours: dim / (neighbours - 1),
        {"dim": (0.1, 100), "neighbours": range(2, 41)},
        controls={
            "$θ/(3k − 1)$, the bias of the median of $θ̂$": lambda dim, neighbours: (
                dim / (3 * neighbours - 1)
            )
        },
        same_as=(
            lambda dim, neighbours: leading_moment_mean(dim, neighbours) - dim,
            lambda dim, neighbours: mean_estimate(dim, neighbours) - dim,
        ),
    )


@figure("F2", claims=("boundary_neighbour",))
def digits_encoder(width: int = 16):
    """The code's average of local dimensions grows without bound as neighbours become few, on a
    trained encoder, too.

    Features of 1797 digits in an encoder of 16 units, mean over all digits. Marks: points: $w$ is
    the distance of neighbour $k$ or $k + 1$; lines: $4.05 k/(k − 2)$ and $4.05 k/(k − 1)$, which
    fit at $k = 10$.
    """
    features = encoder(width, 0)(digits())
    few = np.array([3, 4, 5, 6, 8, 10, 14, 20, 30, 40])
    fine = np.geomspace(3, 40, 100)
    names = {"neighbour k, as the code": 1, "neighbour k + 1": 0}
    points = {
        name: (few, [mean_dimension(features, int(k), lost) for k in few])
        for name, lost in names.items()
    }
    lines = {name: (fine, 4.05 * fine / (fine - lost - 1)) for name, lost in names.items()}
    ticks = [3, 5, 10, 20, 40]
    drawn = chart(
        lines,
        points,
        log="x",
        x="neighbours k",
        y="mean local dimension (dimensionless)",
        xticks=ticks,
        xticklabels=[str(k) for k in ticks],
        ylim=(0, 14),
    )
    drawn.axes[0].minorticks_off()
    return drawn


@figure("F1", claims=("inverse_gamma", "boundary_neighbour"))
def estimates(dim: int = 8, balls: int = 4000):
    """With few neighbours the estimated dimension is too high: law of the estimate for $k = 3$, 5
    and 20 neighbours in a ball.

    Marks: points: 4000 balls, shares in bins, 99 % intervals; lines: law of $k θ/Γ$; dashed: normal
    law that a large sample would suggest; dotted: true dimension $θ = 8$.
    """
    generator = np.random.default_rng(0)
    lines = {}
    points = {}
    x = np.linspace(0.3, 25, 300)
    ends = np.linspace(0, 25, 40)
    for neighbours in (3, 5, 20):
        sample = likelihood_estimate(generator, balls, dim, neighbours, 10)
        lines[f"k = {neighbours}"] = x, likelihood_law(dim, neighbours).pdf(x)
        shares = np.histogram(sample, ends)[0] / balls
        widths = 2.576 * np.sqrt(shares * (1 - shares) / balls)
        points[f"k = {neighbours}"] = (ends[1:] + ends[:-1]) / 2, shares * 39 / 25, widths * 39 / 25
    lines["normal, k = 3"] = x, stats.norm(dim, dim / np.sqrt(3)).pdf(x)
    truth = {"θ": dim}
    normal = ["normal, k = 3"]
    return chart(
        lines,
        points,
        thresholds=truth,
        dashed=normal,
        xlim=(0, 25),
        x="estimated dimension",
        y="density",
    )
