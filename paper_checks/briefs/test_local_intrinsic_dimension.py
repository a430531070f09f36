"""Huang, Campello, Erfani, Ma, Houle & Bailey 2024, "LDReg", ICLR, arXiv 2401.10474.

For whoever averages local dimensions from k neighbours: how far off are the estimates, and what is their mean?

Around a query, points are uniform in a ball of dimension θ, so that a distance x up to the radius w has the
distribution function F(x) = (x/w)^θ. With x_1 … x_k the distances of the k nearest neighbours, w that of the next and
m the mean of x_1 … x_k, the estimates are θ̂ = −k/Σ log(x_i/w), by maximum likelihood, and θ̃ = m/(w − m), by moments.

Read: the abstract, and the authors' code (HanxunH/LDReg, lid.py). Derived here: the laws of both estimates, and what
the code's choice of w changes. Not claimed: varying density or curved data, for which all of this is a limit.

Topic: representations.
"""

from typing import Annotated

import numpy as np
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import hyp1f1

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure
from theory_on_trial.laws import Asymptotic

Dim = Annotated[int, Interval(1, 12, why="dimension of the ball; tens of thousands are drawn")]
Neighbours = Annotated[int, Interval(1, 20, why="of more neighbours the estimate is nearly normal")]
ManyNeighbours = Annotated[int, Interval(12, 24, why="of fewer the tails are heavy, of more the bias is small")]
Beyond = Annotated[int, Interval(1, 30, why="points of the ball beyond the k nearest; tens of thousands are drawn")]
Low = Annotated[float, Interval(0.5, 10, why="the smaller dimension")]
Ratio = Annotated[float, Interval(1.5, 20, why="of the dimensions; more pieces are needed for longer ways")]
LOOKS = {"law": Asymptotic(), "first": 4000, "most": 200_000}


def ball_distances(generator, count, dim, neighbours, beyond):
    """Sorted distances from the centre to points uniform in a ball: the first coordinates of points of a sphere."""
    points = generator.normal(size=(count, neighbours + beyond, dim + 2))
    squares = np.sum(points[..., :dim] ** 2, axis=-1) / np.sum(points**2, axis=-1)
    return np.sqrt(np.sort(squares, axis=-1)[:, : neighbours + 1])


@observed
def likelihood_estimate(x, boundary=0):
    """θ̂ of k neighbours with w the distance of neighbour k + 1, or, at the boundary, of neighbour k."""
    x = x[:, : x.shape[1] - boundary]
    inner = x if boundary else x[:, :-1]
    return -inner.shape[1] / np.sum(np.log(inner / x[:, -1:]), axis=1)


@observed
def moment_estimate(x):
    """θ̃ of k neighbours, w being the distance of neighbour k + 1."""
    mean = x[:, :-1].mean(axis=1)
    return mean / (x[:, -1] - mean)


@predicted
def likelihood_cdf(dim, neighbours, shape=None):
    """The law of k θ/Γ with Γ from Gamma(k): −θ log(x/w) is exponential."""
    return lambda x: stats.gamma.sf(neighbours * dim / np.maximum(x, 1e-300), shape or neighbours)


@predicted
def likelihood_mean(dim, neighbours, lost):
    """The mean k θ/(k − lost) of k θ/Γ for Γ from Gamma(k − lost + 1)."""
    return neighbours * dim / (neighbours - lost)


@predicted
def moment_mean(dim, neighbours):
    """The integral k ∫₀^∞ φ(s)^k ds − 1, φ(s) = e^(−s) ₁F₁(θ; θ + 1; s) = ₁F₁(1; θ + 1; −s): 1/y = ∫ e^(−s y) ds."""
    return neighbours * quad(lambda s: hyp1f1(1, dim + 1, -s) ** neighbours, 0, np.inf)[0] - 1


@claim(ours("−θ log(x/w) is exponential"), kind="distribution", cases=[(2, 5, 5), (7, 10, 20), (1, 1, 1)])
def test_inverse_gamma(trial, dim: Dim, neighbours: Neighbours, beyond: Beyond):
    """θ̂ has the law of k θ/Γ, Γ from Gamma(k), for every k: its mean is k θ/(k − 1), its variance of order θ²/k."""
    wrong = {
        "normal": stats.norm(dim, dim / np.sqrt(neighbours)).cdf,
        "Gamma(k + 1)": likelihood_cdf(dim, neighbours, neighbours + 1),
    }

    def draw(generator, n):
        return likelihood_estimate(ball_distances(generator, n, dim, neighbours, beyond))

    looks = {"margin": 0.03, "first": 6000, "most": 60_000}
    trial.distribution(sampler=draw, cdf=likelihood_cdf(dim, neighbours), controls=wrong, **looks)


@claim(ours("one of k terms is log 1 = 0"), kind="identity", cases=[(3, 12, 8)])
def test_boundary_neighbour(trial, dim: Dim, neighbours: ManyNeighbours, beyond: Beyond):
    """With w the distance of neighbour k itself, as in the code, the mean of θ̂ is k θ/(k − 2): twice the bias."""
    law = likelihood_mean(dim, neighbours, 2)
    wrong = {"k/(k − 1)": likelihood_mean(dim, neighbours, 1), "unbiased": dim}

    def draw(generator, n):
        return likelihood_estimate(ball_distances(generator, n, dim, neighbours, beyond), 1)

    trial.mean(sampler=draw, predict=law, margin=0.01 * law, controls=wrong, **LOOKS)


@claim(ours("1/y is an integral of exponentials"), kind="identity", cases=[(2, 14, 6)])
def test_moments(trial, dim: Dim, neighbours: ManyNeighbours, beyond: Beyond):
    """The mean of θ̃ is k times the integral of φ(s)^k, less 1; its bias, about θ(θ + 1)/((θ + 2) k), is below θ̂'s."""
    law = moment_mean(dim, neighbours)
    wrong = {"unbiased": dim}
    if law < 0.98 * likelihood_mean(dim, neighbours, 1):
        wrong["maximum likelihood"] = likelihood_mean(dim, neighbours, 1)

    def draw(generator, n):
        return moment_estimate(ball_distances(generator, n, dim, neighbours, beyond))

    trial.mean(sampler=draw, predict=law, margin=0.008 * law, controls=wrong, **LOOKS)


NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


@observed
def path_length(low, high, pieces):
    """Σ 2 arccos ∫ √(p q) of neighbours p, q among distance laws from θ = low to high, from ∫ (√p − √q)²."""
    theta = np.linspace(low, high, pieces + 1)
    y = 40 / theta[:-1, None] * (NODES + 1) / 2  # y = −log(x/w)
    roots = [np.sqrt(one[:, None]) * np.exp(-one[:, None] * y / 2) for one in (theta[:-1], theta[1:])]
    apart = np.sum(WEIGHTS * (roots[0] - roots[1]) ** 2, axis=1) * 20 / theta[:-1]
    return np.sum(4 * np.arcsin(np.sqrt(apart) / 2))


@observed
def frechet_mean(thetas):
    """Where the signed lengths to all thetas add up to 0, the length being ∫ √I and I the mean square of the score."""

    def root_information(theta):
        y = 60 / theta * (NODES + 1) / 2
        bent = theta + 1e-30j
        score = (np.log(bent) - bent * y).imag / 1e-30
        return np.sqrt(np.sum(WEIGHTS * score**2 * theta * np.exp(-theta * y)) * 30 / theta)

    def slope(centre):
        ends = [(t + centre) / 2 + (t - centre) / 2 * NODES for t in thetas]
        lengths = [
            (t - centre) / 2 * WEIGHTS @ [root_information(one) for one in way]
            for t, way in zip(thetas, ends, strict=True)
        ]
        return np.sum(lengths)

    return brentq(slope, min(thetas), max(thetas), xtol=1e-13)


@predicted
def geodesic(low, high):
    """|log θ₂/θ₁|: the Fisher information is 1/θ²."""
    return abs(np.log(high / low))


@predicted
def geometric_mean(thetas):
    """The middle of the logarithms."""
    return np.exp(np.mean(np.log(thetas)))


@claim(ours("the law of x/w is a power law"), kind="identity", cases=[(3.0, 7 / 3), (0.5, 20.0)])
def test_geodesic(trial, low: Low, ratio: Ratio):
    """The Fisher–Rao distance of two dimensions is |log θ₂/θ₁|, so that the Fréchet mean is the geometric mean."""
    high, sizes = low * ratio, 16 * 2 ** np.arange(5)
    lengths = [path_length(low, high, size) for size in sizes]
    chord = 2 * np.arccos(2 * np.sqrt(ratio) / (1 + ratio))
    wrong = {"chord": chord, "relative difference": (high - low) / np.sqrt(high * low)}
    trial.limit(lengths, sizes, geodesic(low, high), order=2, margin=0.002 * geodesic(low, high), controls=wrong)
    thetas = np.array([low, low, high])
    wrong = {"arithmetic": thetas.mean(), "harmonic": 1 / np.mean(1 / thetas)}
    trial.identity(frechet_mean(thetas), geometric_mean(thetas), ops=3000, controls=wrong)


@figure("F1", claims=("inverse_gamma", "boundary_neighbour"))
def estimates(dim: int = 8, balls: int = 4000):
    """Few neighbours read too high a dimension: law of the estimate for k = 3, 5 and 20 neighbours in a ball.

    Bars: 4000 balls of dimension 8. Lines: the law of k θ/Γ. Dashed: the normal law that a large sample would suggest.
    Dotted: the true dimension.
    """
    import matplotlib.pyplot as plt

    drawn, panels = plt.subplots(1, 3, figsize=(7.6, 2.6), sharey=True)
    generator, x = np.random.default_rng(0), np.linspace(0.3, 25, 300)
    for axes, neighbours in zip(panels, (3, 5, 20), strict=True):
        found = likelihood_estimate(ball_distances(generator, balls, dim, neighbours, 10))
        axes.hist(found, np.linspace(0, 25, 40), weights=np.full(balls, 39 / 25 / balls), alpha=0.4, label="balls")
        axes.plot(x, np.gradient(likelihood_cdf(dim, neighbours)(x), x), color=COLOURS[0], label="k θ/Γ")
        axes.plot(x, stats.norm(dim, dim / np.sqrt(neighbours)).pdf(x), "--", color=COLOURS[1], label="normal")
        axes.axvline(dim, color=COLOURS[6], linestyle=":", label="θ")
        axes.set(xlabel="estimated dimension", title=f"k = {neighbours}", xlim=(0, 25))
    panels[0].set_ylabel("density")
    panels[0].legend(loc="upper right")
    return drawn
