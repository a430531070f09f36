"""Sutherland and Schneider 2015, "On the error of random Fourier features", UAI.

Which random feature of the Gaussian kernel to draw: a pair of sine and cosine varies less than a
cosine with a phase.

Two points lie at a distance r, and k(r) = exp(-r^2 / 2) is the Gaussian kernel. A frequency w is
standard normal, a phase b uniform on the circle. A pair of features gives cos(w x) cos(w y) + sin(w
x) sin(w y), a single one with a phase 2 cos(w x + b) cos(w y + b); both have the mean k(r).

Read: the variance of the two embeddings. Derived here: nothing. Not claimed: how many features a
model needs. Topic: kernels.
"""

from typing import Annotated

import numpy as np
from theory_on_trial import claim, observed, paper, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Bounded

Distance = Annotated[float, Interval(0.75, 2, why="nearer, a draw varies little")]
AnyDistance = Annotated[
    float, Interval(0, 3, why="beyond, a rule of 80 nodes does not follow the cosine")
]


def kernel(distance):
    """k(r) = exp(-r^2 / 2), the setting of both sides."""
    return np.exp(-(distance**2) / 2)


@predicted
def variance_of_pair(distance):
    """(1 + k(2 r)) / 2 - k(r)^2."""
    return (1 + kernel(2 * distance)) / 2 - kernel(distance) ** 2


@predicted
def variance_with_phase(distance):
    """That of a pair and a half."""
    return variance_of_pair(distance) + 1 / 2


@observed
def pairs(generator, count, distance):
    """The product of sine and cosine features of two points at a distance, shape (count,)."""
    frequency = generator.normal(size=count)
    x = 0.3 * frequency
    y = (0.3 + distance) * frequency
    return np.cos(x) * np.cos(y) + np.sin(x) * np.sin(y)


@observed
def quadrature_with_phase(distance):
    """The variance of a cosine with a phase, by Gauss-Hermite nodes for w and equal steps of b."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    phase = 2 * np.pi * np.arange(8) / 8
    values = (
        2 * np.cos(0.3 * nodes + phase[:, None]) * np.cos((0.3 + distance) * nodes + phase[:, None])
    )
    mean, square = (np.mean(power @ weights) / weights.sum() for power in (values, values**2))
    return square - mean**2


@claim(paper("variance of the two embeddings"), kind="distribution", cases=[0.8, 1.0])
def test_variance(trial, distance: Distance):
    """A pair of sine and cosine features has variance (1 + k(2 r)) / 2 - k(r)^2 at distance r."""
    mean = kernel(distance)
    trial.mean(
        sampler=lambda generator, count: (pairs(generator, count, distance) - mean) ** 2,
        predict=variance_of_pair(distance),
        law=Bounded(0, (1 + mean) ** 2),
        margin=0.04 * variance_of_pair(distance),
        controls={"of a random phase": variance_with_phase(distance)},
        first=1024,
        most=600_000,
    )


@claim(paper("variance of the two embeddings"), kind="identity", cases=[0.0, 1.0, 3.0])
def test_phase(trial, distance: AnyDistance):
    """A cosine with a random phase has the variance of a pair, and a half."""
    wrong = {
        "of a pair": variance_of_pair(distance),
        "twice that of a pair": 2 * variance_of_pair(distance),
    }
    value = quadrature_with_phase(distance)
    expected = variance_with_phase(distance)
    trial.identity(value, expected, ops=1000, scale=4.0, controls=wrong)


@figure("F1", claims=("variance", "phase"))
def variances(count: int = 20_000):
    """The variance of one random feature against the distance: theory (lines), draws and quadrature
    (points).
    """
    grid = np.linspace(0, 3, 100)
    few = np.linspace(0.2, 2.8, 8)
    generator = np.random.default_rng(0)
    lines = {
        "cosine with a phase": (grid, variance_with_phase(grid)),
        "sine and cosine": (grid, variance_of_pair(grid)),
    }
    points = {
        "cosine with a phase": (few, [quadrature_with_phase(r) for r in few]),
        "sine and cosine": (few, [pairs(generator, count, r).var() for r in few]),
    }
    return chart(
        lines, points, x="distance r (bandwidths)", y="variance of a feature", ylim=(0, 1.3)
    )
