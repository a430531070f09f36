"""Momentum, iterate averages and the running mean."""

from typing import Annotated

import jax
import numpy as np

from paper_checks.test_random_walk_pca import ThreePoints
from sims.random_walk_pca import infinite_dimension, trajectories
from theory.random_walk_pca import linear_processes, plain_walk
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

Momentum = Annotated[
    float, Interval(0.1, 0.9, why="less leaves no error to see, more needs too many points")
]
"""γ where the circulant formula is tried at affordable T."""


def doubled(n_points):
    """Return four numbers of points, each twice the one before."""
    return np.array([1, 2, 4, 8]) * n_points


def leading_ratio(n_points, **process):
    """Return ρ_1 of the population."""
    spectrum = infinite_dimension.leading_spectrum(int(n_points), 1, **process)
    return spectrum.eigenvalues[0] / spectrum.total_variance


@claim(
    derived(
        "the circulant formula of the paper, recalled; its order by expanding the secular "
        "equation in 1 / T"
    ),
    kind="rate",
    cases=[0.3, 0.5, 0.8],
)
def test_momentum_spectrum(trial, momentum: Momentum):
    """The first eigenvalue of a walk of T points with momentum γ is λ_1 = 1 / (θ_1 ((1 - γ)^2 + γ
    θ_1)) with θ_1 = 2 - 2 cos(π / T), up to a relative error of order T^-3.
    """
    # T (1 - gamma) is 35 or more; powers of two share their programs.
    n = doubled(100 * 2 ** max(0, round(np.log2(0.5 / (1 - momentum)))))
    exact = [
        infinite_dimension.leading_spectrum(int(size), 1, momentum=momentum).eigenvalues[0]
        for size in n
    ]
    theta = np.array([plain_walk.laplacian_eigenvalues(size)[0] for size in n])
    circulant = np.array(
        [linear_processes.momentum_circulant_eigenvalues(size, momentum)[0] for size in n]
    )

    def relative_error(formula):
        return np.abs(exact / formula - 1)

    errors = relative_error(circulant)
    controls = {"order T^-2": -2.0}
    processes = {
        "plus 2 γ cos": relative_error(1 / (theta * (1 + momentum**2 + momentum * (2 - theta)))),
        "without the γ θ term": relative_error(1 / (theta * (1 - momentum) ** 2)),
    }
    trial.order(
        errors,
        n,
        -3.0,
        rounding=4 * n * 2.0**-53,
        margin=0.02,
        controls=controls,
        control_processes=processes,
    )


@claim(
    derived("A A^T of the response (1 - γ^m) / (1 - γ)"),
    kind="identity",
    cases=[(100, 0.99), (50, 1.0)],
)
def test_momentum_long_memory(
    trial,
    n_points: ThreePoints,
    momentum: Annotated[float, Interval(0.01, 1, why="below, the walk is as good")],
):
    """If T (1 - γ) is not large, for T points and momentum γ, only the exact covariance gives the
    variance ratios ρ_k; the circulant formula does not.
    """
    circulant = linear_processes.momentum_circulant_eigenvalues(n_points, momentum)
    spectrum = np.asarray(infinite_dimension.spectrum(n_points, momentum=momentum))
    ratios = linear_processes.momentum_explained_variance_ratio(n_points, momentum)
    controls = {
        "the plain walk": plain_walk.explained_variance_ratio(n_points),
        "the circulant": circulant / circulant.sum(),
    }
    trial.identity(spectrum / spectrum.sum(), ratios, ops=3 * n_points, controls=controls)


@claim(derived("the longer a step is remembered, the slower the walk turns"), kind="bound")
def test_momentum_concentrates(
    trial, n_points: Annotated[int, Interval(200, 500, why="fewer are far away")] = 200
):
    """At a fixed number of points the first variance ratio ρ_1 grows with the momentum γ."""
    grid = np.array([0.0, 0.2, 0.5, 0.8, 0.9, 0.97, 0.99, 0.999])
    ratios = np.array([leading_ratio(n_points, momentum=gamma) for gamma in grid])
    walk = plain_walk.explained_variance_ratio(n_points)[0]
    trial.bound(
        ratios[:-1],
        ratios[1:],
        instances="grid",
        ops=4 * n_points,
        controls={"that of the walk": np.full(len(grid) - 1, walk)},
    )


@claim(derived("the integrated walk solves the equation of a beam"), kind="limit")
def test_momentum_concentrates__integrated(
    trial, n_points: Annotated[int, Interval(400, 1000, why="fewer are far away")] = 400
):
    """For the integrated walk, γ = 1, the first variance ratio tends to 30 / μ_1^4 = 0.9589 as the
    number of points grows, with tan μ_1 + tanh μ_1 = 0: it stays below one.
    """
    sizes = doubled(n_points)
    trial.limit(
        [leading_ratio(n, momentum=1.0) for n in sizes],
        sizes,
        linear_processes.integrated_walk_explained_variance_ratio(1)[0],
        order=1,
        margin=1e-6,
        controls={
            "everything in one component": 1.0,
            "the plain walk": plain_walk.explained_variance_ratio_limit(1)[0],
        },
    )


@claim(derived("the ends of the walk shift its eigenvalues"), kind="limit")
def test_momentum_concentrates__long(
    trial,
    n_points: Annotated[int, Interval(200, 500, why="fewer are far away")] = 200,
    momentum: Momentum = 0.5,
):
    """At a fixed momentum γ < 1 the first variance ratio ρ_1 tends to the walk's 6 / π^2 as the
    number T of points grows: T (ρ_1 - 6 / π^2) tends to (6 / π^2) 6 γ / (1 - γ^2).
    """
    limit = plain_walk.explained_variance_ratio_limit(1)[0]
    rate = linear_processes.momentum_explained_variance_ratio_rate(1000, momentum, 1)[0]
    correction = (rate - limit) * 1000
    sizes = doubled(n_points * 2 ** max(1, round(np.log2(1 / (1 - momentum)))))
    trial.limit(
        [(leading_ratio(n, momentum=momentum) - limit) * n for n in sizes],
        sizes,
        correction,
        order=1,
        margin=0.01 * correction,
        controls={"no correction": 0.0, "without 1 + γ": (1 + momentum) * correction},
    )


def components(n_points, momentum, count=3):
    """Return the leading exact components over time of a walk with momentum."""
    return infinite_dimension.eigenvectors(int(n_points), momentum=momentum)[:, :count]


def midpoints(n_points):
    """Return s = (t - 1/2) / T, between 0 and 1."""
    return (np.arange(n_points) + 0.5) / n_points


def unit(modes):
    """Return modes as unit vectors."""
    return modes / np.linalg.norm(modes, axis=0)


@claim(derived("the ends of the walk perturb its cosines"), kind="rate", cases=[0.3, 0.5])
def test_momentum_components(
    trial, momentum: Annotated[float, Interval(0.2, 0.5, why="more needs more points")]
):
    """At a fixed momentum γ < 1 the components tend to the walk's cosines as the number T of points
    grows, with 1 - overlap^2 of order T^-5: the curves in their planes tend to Lissajous curves.
    """
    # T (1 - γ) is 35 or more.
    n = doubled(50 * 2 ** max(0, round(np.log2(0.5 / (1 - momentum)))))
    deficits = []
    for size in n:
        exact = components(size, momentum, 1)
        cosine = unit(plain_walk.cosine_modes(int(size), 1))
        # The part at right angles, squared: 1 - overlap^2 itself is below rounding.
        deficits.append(np.sum((exact - cosine * np.sum(exact * cosine)) ** 2))
    trial.order(
        deficits,
        n,
        -5.0,
        rounding=20 * n * 2.0**-53 * np.sqrt(deficits),
        margin=0.1,
        controls={"as 1 / T": -1.0, "T^-4": -4.0},
    )


@claim(derived("the integrated walk solves the equation of a beam"), kind="limit")
def test_momentum_components__integrated(
    trial,
    n_points: Annotated[int, Interval(60, 200, why="eight times as many are diagonalised")] = 100,
):
    """For the integrated walk, γ = 1, the components tend to the modes of a beam that is guided at
    the start and free at the end.
    """
    sizes = doubled(n_points)
    overlaps = [
        np.sum(
            components(n, 1.0) * unit(linear_processes.integrated_walk_modes(midpoints(n), 3)),
            axis=0,
        )
        ** 2
        for n in sizes
    ]
    fine = midpoints(4000)
    modes = unit(linear_processes.integrated_walk_modes(fine, 3))
    clamped = np.gradient(np.gradient(modes, axis=0), axis=0)  # a clamped beam's: their curvature
    trial.limit(
        overlaps,
        sizes,
        np.ones(3),
        order=2,
        margin=1e-5,
        controls={
            "the walk's cosines": np.sum(modes * unit(plain_walk.cosine_modes(4000, 3)), axis=0)
            ** 2,
            "modes of a clamped beam": np.sum(modes * unit(clamped), axis=0) ** 2,
        },
    )


@claim(derived("T_2(p_1) is affine in p_1^2, so that no scale of the axes enters"), kind="limit")
def test_momentum_components__curve(
    trial,
    n_points: Annotated[int, Interval(30, 80, why="sixteen times as many are diagonalised")] = 40,
):
    """In the plane of its first two components, the integrated walk, γ = 1, does not run along the
    parabola of a Lissajous curve, which is T_2 of the first score: the squared correlation is
    0.758.
    """
    sizes = n_points * 2 ** np.arange(5)

    def correlation_with_parabola(modes):
        return np.corrcoef(modes[:, 0] ** 2, modes[:, 1])[0, 1] ** 2

    trial.limit(
        [correlation_with_parabola(components(n, 1.0, 2)) for n in sizes],
        sizes,
        correlation_with_parabola(linear_processes.integrated_walk_modes(midpoints(100_000), 2)),
        order=(1, 2),
        margin=1e-3,
        controls={"a parabola": 1.0},
    )


@claim(derived("both recursions have the impulse response 1 - β^m"), kind="identity")
def test_ema_is_momentum(
    trial,
    n_points: Annotated[int, Interval(2, 10_000, why="a cap, which nothing requires")] = 300,
    dim: Annotated[int, Interval(1, 1000, why="a cap, which nothing requires")] = 20,
    decay: Annotated[
        float, Interval(0.01, 0.99, why="the average is neither the walk nor nothing")
    ] = 0.9,
):
    """The exponential moving average of a walk with the factor β is (1 - β) times the walk with
    momentum β, path by path.
    """
    steps = jax.random.normal(trial.key("steps"), (n_points, dim))
    walk = np.asarray(trajectories.trajectory(steps))
    with_momentum = trajectories.trajectory(steps, momentum=decay)
    average = np.asarray(trajectories.trajectory(steps, averaging=decay))
    multiple = (1 - decay) * np.asarray(with_momentum)
    controls = {"without 1 - β": np.asarray(with_momentum), "the walk itself": walk}
    trial.identity(average, multiple, ops=n_points, scale=np.max(np.abs(walk)), controls=controls)


@claim(
    derived("the continuum limit of the running mean's recursion is solved by Bessel functions"),
    kind="limit",
)
def test_running_average(
    trial,
    n_points: Annotated[
        int, Interval(800, 2000, why="between, extrapolation reaches five digits")
    ] = 800,
    count: Annotated[int, Interval(1, 3, why="later components need more points")] = 3,
):
    """For the running mean of a walk of T points, the variance ratios tend to 432 / z_k^4 (0.8357,
    0.1126, 0.0294) with the roots z_k of a Bessel equation, and the total variance over T^2 tends
    to 1 / 27.
    """
    sizes = doubled(n_points)

    def variances(n):
        spectrum = infinite_dimension.leading_spectrum(int(n), count, running_mean=True)
        return np.append(spectrum.eigenvalues, spectrum.total_variance) / n**2

    limit = linear_processes.running_mean_explained_variance_ratio(count)
    walk = plain_walk.explained_variance_ratio_limit(count)
    trial.limit(
        [variances(n) for n in sizes],
        sizes,
        np.append(limit, 1) / 27,
        order=1,
        margin=1e-6,
        controls={"the plain walk": np.append(walk, 1) / 6},
    )
