"""The marginal from four moments: the density of most entropy, and where there is none."""

from typing import Annotated

import numpy as np

from theory_on_trial import claim, derived, known
from theory_on_trial.contract import Interval

Apart = Annotated[float, Interval(1.2, 3.2, why="nearer, there is one mode; farther, no digits")]
"""How far either mode lies from the middle, in standard deviations of its component."""
GRID = np.linspace(-14, 14, 8001)
STEP = GRID[1] - GRID[0]


def normal(centre, width=1.0):
    """A normal density on the grid."""
    return np.exp(-(((GRID - centre) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))


def most_entropy(density, order, grid=GRID):
    """The density exp(polynomial) with the moments up to `order` of another one: Newton's method on
    the dual, in Hermite-like coordinates that are orthonormal under the density.
    """
    step = grid[1] - grid[0]
    mean = density @ grid * step
    deviation = np.sqrt(density @ (grid - mean) ** 2 * step)
    z = (grid - mean) / deviation
    powers = z[:, None] ** np.arange(order + 1)
    target = powers.T @ density * step
    weights = np.zeros(order + 1)
    weights[:3] = [-np.log(deviation * np.sqrt(2 * np.pi)), 0, -0.5]
    if order == 4:
        weights[4] = -0.01

    def dual(weights):
        with np.errstate(over="ignore"):  # of a step that is halved
            fit = np.exp(powers @ weights)
            return fit.sum() * step - weights @ target, fit

    value, fit = dual(weights)
    for _ in range(200):
        slope = powers.T @ fit * step - target
        move = np.linalg.solve((powers.T * fit) @ powers * step, slope)
        size = 1.0
        while size > 1e-9:
            lower, other = dual(weights - size * move)
            if np.isfinite(lower) and lower <= value + 1e-13:
                break
            size /= 2
        weights = weights - size * move
        value = lower
        fit = other
        if np.abs(slope).max() < 1e-12:
            break
    return fit, np.abs(slope).max()


def entropy(density, step=STEP):
    """Of a density on a grid of such steps, in nats."""
    return -np.sum(density * np.log(np.maximum(density, 1e-300))) * step


@claim(
    known("Cover & Thomas 2006, Elements of Information Theory, Theorem 12.1.1"),
    kind="identity",
    cases=[(2.0, 0.5), (3.0, 0.5), (1.5, 0.4)],
    route="a divergence by the trapezoidal rule against two entropies",
)
def test_most_entropy(
    trial,
    apart: Apart,
    share: Annotated[
        float, Interval(0.35, 0.65, why="of the left mode: others may have no maximum")
    ],
):
    """The density with the most entropy among those with the posterior's first four moments, where
    there is one, has the divergence $KL(posterior‖fit) = H(fit) - H(posterior)$, so that four
    moments are never worse than two.

    It is near: a posterior of two modes at ± 2 is .09 away in total variation, the normal density
    .25.
    """
    posterior = share * normal(-apart) + (1 - share) * normal(apart)
    fit, slope = most_entropy(posterior, 4)
    gaussian, _ = most_entropy(posterior, 2)
    divergence = np.sum(posterior * np.log(posterior / np.maximum(fit, 1e-300))) * STEP
    gain = entropy(fit) - entropy(posterior)
    trial.value(
        divergence,
        gain,
        margin=1e-6,
        error=1e3 * slope + 1e-9,
        controls={
            "two moments": entropy(gaussian) - entropy(posterior),
            "KL(fit | posterior)": np.sum(fit * np.log(np.maximum(fit, 1e-300) / posterior)) * STEP,
        },
    )


@claim(
    derived(
        "mass at the ends carries the surplus of kurtosis, and takes variance from the rest; that "
        "none exists on the line is Junk 1998, Domain of definition of Levermore's five-moment "
        "system"
    ),
    kind="limit",
    low_power="the next order, $1 / L²$ and a logarithm, is a few per cent",
    cases=[3.0, 2.5],
)
def test_most_entropy__none(
    trial,
    scale: Annotated[float, Interval(2.5, 4, why="of less, the surplus of kurtosis is small")],
    half: Annotated[float, Interval(16, 40, why="the limit; the high end is a cap")] = 16.0,
):
    """Take an even mixture of normal laws of scales 1 and $s$, whose kurtosis $κ$ is above 3. On an
    interval of $± L$ deviations, the most entropy with its four moments is to leading order
    $(κ - 3) / (2 L²)$ below that of the normal density. So on the whole line no density has most
    entropy.
    """
    deviation = np.sqrt((1 + scale**2) / 2)
    kurtosis = 3 * (1 + scale**4) / 2 / deviation**4
    grid = np.linspace(-half * deviation, half * deviation, 16_001)
    step = grid[1] - grid[0]
    law = np.exp(-(grid**2) / 2) + np.exp(-((grid / scale) ** 2) / 2) / scale
    law = law / (law.sum() * step)
    fit, slope = most_entropy(law, 4, grid)
    of_the_normal = np.log(deviation) + (1 + np.log(2 * np.pi)) / 2
    lost = of_the_normal - entropy(fit, step)
    trial.value(
        2 * half**2 * lost,
        kurtosis - 3,
        error=2 * half**2 * (1e3 * slope + 1e-9),
        slack=20 / half**2,
        margin=0.05 + 20 / half**2,
        controls={"the kurtosis": kurtosis, "twice the surplus": 2 * (kurtosis - 3)},
    )
