"""Moments of the posterior from derivatives of the denoiser."""

from typing import Annotated

import numpy as np

from paper_checks.test_denoising_posterior.worlds import (
    LINE,
    OPS,
    WORLDS,
    Prior,
    SeveralCounts,
    conditioned,
    on_a_line,
    spatial,
)
from sims import denoising_posterior as observed
from theory import denoising_posterior as predicted
from theory_on_trial import claim, recalled
from theory_on_trial.contract import Interval, Natural

Level = Annotated[
    float, Interval(0.05, 1e15, why="below, the covariances are ill-conditioned beside it")
]
Dim = Annotated[int, Interval(1, 200, why="the Jacobian is taken column by column")]


def along(trial, prior, sigma, order, points):
    """The same at several y of one dimension, up to two standard deviations from 0."""
    visible = prior == "mixture" or sigma >= 0.4
    trial.require(
        visible,
        "sigma must be at least .4 for prior='points': below, most y distinguish the two points",
    )
    world = WORLDS[prior]
    variance = world.weights @ (world.means[:, 0] ** 2 + world.covariances[:, 0, 0])
    y = np.linspace(-2, 2, 2 * points + 1)[:, None] * np.sqrt(variance + sigma**2)
    return (
        *on_a_line(world, y, LINE, sigma, order),
        observed.posterior_mean(world, y, sigma)[:, 0],
    )


def changed(moments, order, by):
    """The moments with one of them off by so much."""
    return np.stack(
        [moment + by * (n == order) for n, moment in enumerate(moments.T, start=2)], axis=-1
    )


CASES = [("mixture", 0.8, 6), ("points", 0.5, 6), ("mixture", 4.0, 5), ("points", 1e9, 4)]


@claim(
    recalled("Theorem 1, as a public review of its source quotes it"),
    kind="identity",
    cases=CASES,
)
def test_moment_recursion(
    trial,
    prior: Prior,
    sigma: Annotated[
        float,
        Interval(
            1e-3, 1e15, why="below, moments drown in the rounding of y; above, powers overflow"
        ),
    ],
    order: Annotated[int, Interval(4, 8, why="rounding grows with the factorial of the order")],
    points: Annotated[int, Interval(1, 10**4, why="each takes a circle of 64 points")] = 10,
):
    """For $y = x + σ n$ with normal noise $n$, the central moments $μ_k$ of $x$ given $y$ follow
    from the posterior mean $μ_1(y)$: $μ_2 = σ^2 μ_1'$, $μ_3 = σ^2 μ_2'$, and $μ_(k+1) = σ^2 μ_k' +
    k μ_(k-1) μ_2$ from $k = 3$ on.
    """
    moments, derivatives, scale, mean = along(trial, prior, sigma, order, points)
    law = predicted.central_moments(derivatives, sigma)
    square = law[:, 0] ** 2
    controls = {
        "$k - 1$ for $k$": changed(law, 4, -square),
        "$k + 1$ for $k$": changed(law, 4, square),
        "no product": changed(law, 4, -3 * square),
        "$σ$ 10 % too large": predicted.central_moments(derivatives, 1.1 * sigma),
    }
    if prior == "mixture":  # between two points either the mean or the variance vanishes
        controls["$k = 2$ with the posterior mean for $μ_1$"] = changed(
            law, 3, 2 * mean * law[:, 0]
        )
    trial.identity(moments, law, ops=OPS, scale=scale, controls=controls)


@claim(
    recalled("Theorem 3, as a public review of its source names it: moments along a direction"),
    kind="identity",
    cases=[(6, 0.7), (1, 0.4), (20, 1.5)],
)
def test_directional_moments(trial, dim: Dim, sigma: Level, instance: Natural = 0):
    """The central moments of $v'x$ given $y$, along a unit vector $v$, are $μ_2 = σ^2 v'J v$,
    $μ_3 = σ^2 D_v μ_2$ and $μ_4 = σ^2 D_v μ_3 + 3 μ_2^2$. $J$ is the Jacobian of the posterior
    mean, and $D_v$ the derivative along $v$.
    """
    world, y, v, w = spatial(instance, dim)
    moments, derivatives, scale = on_a_line(world, y, v, sigma, 4)
    predict = predicted.central_moments(derivatives, sigma)
    longer = derivatives * 1.1 ** np.arange(2, 5)
    controls = {"$v$ of length 1.1": predicted.central_moments(longer, sigma)}
    if dim > 1:
        across, _ = observed.line_derivatives(world, y, v, sigma, 3, onto=w)
        controls["along $v$, projected on $w$"] = predicted.central_moments(across, sigma)
    trial.identity(moments, predict, ops=conditioned(world, sigma), scale=scale, controls=controls)


@claim(
    recalled("equation 4, as a review quotes it, which adds that Efron 2011, (2.8), has it"),
    kind="identity",
    cases=[(6, 0.7), (1, 0.4), (20, 1.5)],
)
def test_posterior_covariance(trial, dim: Dim, sigma: Level, instance: Natural = 0):
    """For $y = x + σ n$ with normal noise $n$, $Cov(x | y) = σ^2 J$, where $J$ is the Jacobian of
    the posterior mean; $J$ is therefore symmetric and positive semidefinite.
    """
    world, y, *_ = spatial(instance, dim)
    jacobian = observed.jacobian(world, y, sigma)
    covariance = observed.posterior_covariance(world, y, sigma)
    predict = predicted.posterior_covariance(jacobian, sigma)
    controls = {"$σ^2 (J - I)$": predict - sigma**2 * np.eye(dim)}
    controls["$σ$ 10 % too large"] = predicted.posterior_covariance(jacobian, 1.1 * sigma)
    if abs(sigma - 1) > 0.01:
        controls["$σ$ for $σ^2$"] = predict / sigma
    scale = np.abs(covariance).max()
    trial.identity(
        covariance, predict, ops=conditioned(world, sigma), scale=scale, controls=controls
    )


Directions = Annotated[int, Interval(1, 20)]


def point_cloud(trial, points, dim, sigma, instance):
    """The posterior of random points at one y: its mean, and functions that give the tensor of its
    central moments of an order, and the derivative of that by y.
    """
    trial.require(
        points * dim**4 <= 10**7, "points and dim must ask for sums of at most 10^7 terms"
    )
    trial.require(
        sigma**2 >= 0.08 * dim, "sigma^2 must be at least .08 dim, or one point is all that is left"
    )
    r = np.random.default_rng(instance)
    x = r.normal(size=(points, dim))
    p = r.random(points)
    y = x.mean(axis=0)
    step = 1e-25 * sigma

    def moment(order, at=y):
        return observed.point_moment(p / p.sum(), x, at, sigma, order)

    def derivative(order):
        return (
            np.stack([moment(order, y + 1j * step * axis).imag for axis in np.eye(dim)], axis=-1)
            / step
        )

    mean = observed.posterior_mean(
        observed.Mixture(p / p.sum(), x, np.zeros((points, dim, dim))), y, sigma
    )
    return mean, moment, derivative


@claim(
    recalled("Theorem 2, as a public review of its source quotes it"),
    kind="identity",
    cases=[40, 5],
)
def test_moment_tensors(
    trial, points: SeveralCounts, dim: Directions = 3, sigma: Level = 0.7, instance: Natural = 1
):
    """The third central moments of $x$ given $y$ are $μ_{i j k} = σ^2 d_k μ_{i j}$, where $μ_{i j}$
    are the covariances, $d_k$ is the derivative by $y_k$ and $σ^2$ the variance of the noise.
    """
    mean, moment, derivative = point_cloud(trial, points, dim, sigma, instance)
    covariance = moment(2)
    third = predicted.third_moment_tensor(derivative(2), sigma)
    controls = {
        "the posterior mean for $μ_1$": third + 2 * np.einsum("ij,k->ijk", covariance, mean)
    }
    controls["$σ$ 10 % too large"] = predicted.third_moment_tensor(derivative(2), 1.1 * sigma)
    size = np.einsum("iijj", moment(4))  # E|x - mu_1|^4
    trial.identity(
        moment(3), third, ops=OPS, scale=np.sqrt(size * np.trace(covariance)), controls=controls
    )


@claim(
    recalled("Theorem 2, as a public review of its source quotes it"),
    kind="identity",
    cases=[40, 5],
)
def test_moment_tensors__fourth(
    trial, points: SeveralCounts, dim: Directions = 3, sigma: Level = 0.7, instance: Natural = 1
):
    """The fourth central moments of $x$ given $y$ are $σ^2 d_l μ_{i j k} + μ_{i j} μ_{k l} + μ_{i
    k} μ_{j l} + μ_{i l} μ_{j k}$, where $μ_{i j}$ and $μ_{i j k}$ are the second and third ones,
    $d_l$ is the derivative by $y_l$ and $σ^2$ the variance of the noise.
    """
    _, moment, derivative = point_cloud(trial, points, dim, sigma, instance)
    covariance = moment(2)
    size = np.einsum("iijj", moment(4))  # E|x - mu_1|^4
    fourth = predicted.fourth_moment_tensor(derivative(3), covariance, sigma)
    pairs = np.multiply.outer(covariance, covariance)
    pairings = fourth - predicted.fourth_moment_tensor(derivative(3), 0 * covariance, sigma)
    controls = {"no pairing": fourth - pairings}
    # In one dimension, and between two points, all pairings are alike.
    controls |= (
        {"one pairing, three times": fourth - pairings + 3 * pairs}
        if min(dim, points - 1) > 1
        else {}
    )
    trial.identity(moment(4), fourth, ops=OPS, scale=size, controls=controls)
