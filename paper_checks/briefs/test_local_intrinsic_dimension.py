"""Huang, Campello, Erfani, Ma, Houle & Bailey 2024, "LDReg", ICLR, arXiv 2401.10474.

For whoever averages local dimensions from k neighbours: how far off are the estimates, and what is
their mean?

Around a query, points are uniform in a ball of dimension θ, so that a distance x up to the radius w
has the distribution function F(x) = (x/w)^θ. With x_1 … x_k the distances of the k nearest
neighbours, w that of the next and m the mean of x_1 … x_k, the estimates are θ̂ = −k/Σ log(x_i/w),
by maximum likelihood, and θ̃ = m/(w − m), by moments.

Read: the abstract, and the authors' code (HanxunH/LDReg, lid.py). Derived here: the laws of both
estimates, and what the code's choice of w changes. Not claimed: varying density or curved data, for
which all of this is a limit. Topic: representations.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import hyp1f1

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Dim = Annotated[int, Interval(1, 12, why="dimension of the ball; tens of thousands are drawn")]
Neighbours = Annotated[int, Interval(1, 20, why="of more neighbours the estimate is nearly normal")]
ManyNeighbours = Annotated[
    int, Interval(12, 24, why="of fewer the tails are heavy, of more the bias is small")
]
Beyond = Annotated[
    int, Interval(1, 30, why="points of the ball beyond the k nearest; tens of thousands are drawn")
]
Low = Annotated[float, Interval(0.5, 10, why="the smaller dimension")]
Ratio = Annotated[float, Interval(1.5, 20, why="of the dimensions; longer ways lose digits")]
NODES, WEIGHTS = np.polynomial.laguerre.laggauss(
    8
)  # of θ y, where y = −log(x/w) has the density θ e^(−θ y)
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
def moment_estimate(generator, count, dim, neighbours, beyond):
    """θ̃ of k neighbours, w being the distance of neighbour k + 1."""
    x = ball_distances(generator, count, dim, neighbours, beyond)
    mean = x[:, :-1].mean(axis=1)
    return mean / (x[:, -1] - mean)


@predicted
def likelihood_law(dim, neighbours, lost=0):
    """The law of k θ/Γ with Γ from Gamma(k − lost), whose mean is k θ/(k − lost − 1): −θ log(x/w)
    is exponential.
    """
    return stats.invgamma(neighbours - lost, scale=neighbours * dim)


@predicted
def moment_mean(dim, neighbours):
    """The integral k ∫₀^∞ φ(s)^k ds − 1, φ(s) = e^(−s) ₁F₁(θ; θ + 1; s) = ₁F₁(1; θ + 1; −s): 1/y =
    ∫ e^(−s y) ds.
    """
    return neighbours * quad(lambda s: hyp1f1(1, dim + 1, -s) ** neighbours, 0, np.inf)[0] - 1


@claim(
    derived("−θ log(x/w) is exponential"),
    kind="distribution",
    cases=[(2, 5, 5), (7, 10, 20), (1, 1, 1)],
)
def test_inverse_gamma(trial, dim: Dim, neighbours: Neighbours, beyond: Beyond):
    """θ̂ has the law of k θ/Γ, Γ from Gamma(k), for every k: its mean is k θ/(k − 1), its variance
    of order θ²/k.
    """
    draw = partial(likelihood_estimate, dim=dim, neighbours=neighbours, beyond=beyond)
    laws = {
        "normal": stats.norm(dim, dim / np.sqrt(neighbours)),
        "Gamma(k + 1)": likelihood_law(dim, neighbours, -1),
    }
    laws = {name: law.cdf for name, law in laws.items()}
    looks = {"margin": 0.02, "first": 15_000, "most": 150_000}
    trial.distribution(
        sampler=draw, cdf=likelihood_law(dim, neighbours).cdf, controls=laws, **looks
    )


@claim(derived("one of k terms is log 1 = 0"), kind="identity", cases=[(3, 12, 8)])
def test_boundary_neighbour(trial, dim: Dim, neighbours: ManyNeighbours, beyond: Beyond):
    """With w the distance of neighbour k itself, as in the code, the mean of θ̂ is k θ/(k − 2):
    twice the bias.
    """
    draw = partial(likelihood_estimate, dim=dim, neighbours=neighbours, beyond=beyond, boundary=1)
    law = likelihood_law(dim, neighbours, 1).mean()
    controls = {"k/(k − 1)": likelihood_law(dim, neighbours).mean(), "unbiased": dim}
    trial.mean(sampler=draw, predict=law, margin=0.01 * law, controls=controls, **LOOKS)


@claim(derived("1/y is an integral of exponentials"), kind="identity", cases=[(2, 14, 6)])
def test_moments(trial, dim: Dim, neighbours: ManyNeighbours, beyond: Beyond):
    """The mean of θ̃ is k times the integral of φ(s)^k, less 1; its bias, about θ(θ + 1)/((θ + 2)
    k), is below θ̂'s.
    """
    law = moment_mean(dim, neighbours)
    controls = {"unbiased": dim}
    if law < 0.98 * likelihood_law(dim, neighbours).mean():
        controls["maximum likelihood"] = likelihood_law(dim, neighbours).mean()
    draw = partial(moment_estimate, dim=dim, neighbours=neighbours, beyond=beyond)
    trial.mean(sampler=draw, predict=law, margin=0.008 * law, controls=controls, **LOOKS)


@observed
def fisher_length(low, high):
    """The integral of √I from low to high, I being the mean square of the score, a derivative by a
    complex step.
    """

    def root_information(theta):
        bent = complex(theta, 1e-30)
        return np.sqrt(WEIGHTS @ ((np.log(bent) - bent * NODES / theta).imag / 1e-30) ** 2)

    return quad(root_information, low, high)[0]


@predicted
def geodesic(low, high):
    """|log θ₂/θ₁|, as the Fisher information is 1/θ²."""
    return abs(np.log(high / low))


@claim(derived("the law of x/w is a power law"), kind="identity", cases=[(3.0, 7 / 3), (0.5, 20.0)])
def test_geodesic(trial, low: Low, ratio: Ratio):
    """The Fisher–Rao distance of two dimensions is |log θ₂/θ₁|, so that the Fréchet mean is the
    geometric mean.
    """
    high = low * ratio
    law = geodesic(low, low * ratio)
    controls = {
        "chord": 2 * np.arccos(2 * np.sqrt(ratio) / (1 + ratio)),
        "relative difference": (high - low) / low,
    }
    trial.identity(fisher_length(low, high), law, ops=3000, controls=controls)
    mean = brentq(
        lambda one: 2 * fisher_length(low, one) - fisher_length(one, high), low, high, xtol=1e-13
    )
    controls = {"arithmetic": (2 * low + high) / 3, "harmonic": 3 / (2 / low + 1 / high)}
    trial.identity(mean, low * np.exp(law / 3), ops=3000, controls=controls)  # of low, low and high


@figure("F1", claims=("inverse_gamma", "boundary_neighbour"))
def estimates(dim: int = 8, balls: int = 4000):
    """Few neighbours read too high a dimension: law of the estimate for k = 3, 5 and 20 neighbours
    in a ball.

    Marks: points: 4000 balls, shares in bins, 99 % intervals; lines: law of k θ/Γ; dashed: normal
    law that a large sample would suggest; dotted: true dimension θ = 8.
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
