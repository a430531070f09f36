"""Momentum, iterate averages and the running mean."""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_random_walk_pca import ThreePoints
from sims.random_walk_pca import infinite_dimension, pca, trajectories
from theory.random_walk_pca import finite_dimension, linear_processes, plain_walk
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic

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
    """λ_1 = 1 / (θ_1 ((1 - γ)^2 + γ θ_1)) up to a relative error of order T^-3."""
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
    """Where T (1 - γ) is not large, only the exact covariance gives ρ_k; the circulant formula does
    not.
    """
    circulant = linear_processes.momentum_circulant_eigenvalues(n_points, momentum)
    spectrum = np.asarray(infinite_dimension.spectrum(n_points, momentum=momentum))
    ratios = linear_processes.momentum_explained_variance_ratio(n_points, momentum)
    controls = {
        "the plain walk": plain_walk.explained_variance_ratio(n_points),
        "the circulant": circulant / circulant.sum(),
    }
    trial.identity(spectrum / spectrum.sum(), ratios, ops=3 * n_points, controls=controls)


@claim(
    derived(
        "a beam, guided and free, is the limit at γ = 1, the plain walk the one at any other γ"
    ),
    kind="limit",
)
def test_momentum_concentrates(
    trial,
    n_points: Annotated[int, Interval(200, 500, why="fewer are far away")] = 200,
    momentum: Momentum = 0.5,
):
    """At fixed T ρ_1 grows with γ, up to 30 / μ_1^4 = 0.9589 at γ = 1; as T grows it tends to 6 /
    π^2.
    """
    grid = np.array([0.0, 0.2, 0.5, 0.8, 0.9, 0.97, 0.99, 0.999])
    ratios = np.array([leading_ratio(n_points, momentum=gamma) for gamma in grid])
    walk = np.full(len(grid) - 1, plain_walk.explained_variance_ratio(n_points)[0])
    trial.bound(
        ratios[:-1],
        ratios[1:],
        instances="grid",
        ops=4 * n_points,
        controls={"that of the walk": walk},
    )
    sizes = doubled(2 * n_points)
    sequence = [leading_ratio(n, momentum=1.0) for n in sizes]
    rivals = {
        "everything in one component": 1.0,
        "one eighth π for a quarter": 30 / (0.875 * np.pi) ** 4,
    }
    trial.limit(
        sequence,
        sizes,
        linear_processes.integrated_walk_explained_variance_ratio(1)[0],
        order=1,
        margin=1e-6,
        controls=rivals,
    )
    limit = plain_walk.explained_variance_ratio_limit(1)[0]
    correction = (
        linear_processes.momentum_explained_variance_ratio_rate(1000, momentum, 1)[0] - limit
    ) * 1000
    sizes = doubled(n_points * 2 ** max(1, round(np.log2(1 / (1 - momentum)))))
    sequence = [(leading_ratio(n, momentum=momentum) - limit) * n for n in sizes]
    rivals = {"no correction": 0.0, "without 1 + γ": (1 + momentum) * correction}
    trial.limit(sequence, sizes, correction, order=1, margin=0.01 * correction, controls=rivals)


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
    """At γ < 1 components tend to the walk's cosines, 1 - overlap^2 as T^-5: so curves in their
    planes are Lissajous curves.
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
    """At γ = 1 components tend to the modes of a beam that is guided at the start and free at the
    end.
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


def correlation_with_parabola(modes):
    """Return the squared correlation of the second component with the square of the first."""
    return np.corrcoef(modes[:, 0] ** 2, modes[:, 1])[0, 1] ** 2


@claim(derived("T_2(p_1) is affine in p_1^2, so that no scale of the axes enters"), kind="limit")
def test_momentum_components__curve(
    trial,
    n_points: Annotated[int, Interval(30, 80, why="sixteen times as many are diagonalised")] = 40,
    momentum: Annotated[float, Interval(0.1, 0.6, why="more needs more points")] = 0.5,
):
    """In the plane of the first two components a walk with momentum γ < 1 runs along a parabola,
    T_2 of the first score; at γ = 1 it does not, the squared correlation being 0.758.
    """
    sizes = n_points * 2 ** np.arange(5)
    beam = correlation_with_parabola(linear_processes.integrated_walk_modes(midpoints(100_000), 2))
    trial.limit(
        [correlation_with_parabola(components(n, 1.0, 2)) for n in sizes],
        sizes,
        beam,
        order=(1, 2),
        margin=1e-3,
        controls={"a parabola": 1.0},
    )
    trial.value(
        correlation_with_parabola(components(sizes[-1], momentum, 2)),
        1.0,
        error=1e-9,
        slack=1e-5,  # of the order T^-5 (1 - γ)^-5
        margin=1e-4,
        controls={"as at γ = 1": beam},
    )


@claim(
    derived("first-order rotation of Wishart eigenvectors, by the spectrum with momentum"),
    kind="distribution",
    tier="full",
    cases=[(30, 0.7), (20, 1.0)],
)
def test_momentum_components__sampled(
    trial,
    n_points: Annotated[int, Interval(12, 60, why="thousands are drawn and diagonalised")],
    momentum: Annotated[float, Interval(0.5, 1, why="less is nearly a walk, which has its claim")],
    dim: Annotated[
        int, Interval(2000, 10**6, why="with fewer, later orders are a hundredth")
    ] = 2000,
):
    """In d dimensions component k misses the population's by (1/d) sum_{j != k} λ_j λ_k / (λ_j -
    λ_k)^2.
    """
    population = infinite_dimension.spectrum(n_points, momentum=momentum)
    itself = np.eye(3, population.size)
    leading = population[:3, None]
    response = (1 - itself) * population * leading / (population - leading + itself) ** 2
    variances = linear_processes.toeplitz_eigenvalues(
        linear_processes.momentum_impulse_response(n_points, momentum)
    )
    deficit = finite_dimension.overlap_deficit(variances, dim, 3)
    walk = finite_dimension.overlap_deficit(plain_walk.eigenvalues(n_points), dim, 3)
    slack = np.abs(finite_dimension.overlap_deficit_second_order(variances, dim, 3))

    def deficits(key):
        rotation = pca.eigenbasis_rotation(key, population, dim, 3)
        # Products of noise along two axes have mean 1 / d exactly: a control variate.
        return rotation.deficits - jnp.sum(response * (rotation.products - 1 / dim), axis=1)

    trial.mean(
        deficits,
        deficit,
        law=Asymptotic(),
        slack=slack,
        margin=0.02 * deficit + slack,
        controls={"that of the walk": walk, "twice that": 2 * deficit},
        first=512,
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
    """The exponential average (factor β) of a walk is (1 - β) times the walk with momentum β, path
    by path.
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
    """For the running mean of a walk ρ_k tends to 432 / z_k^4: 0.8357, 0.1126, 0.0294; the variance
    to T^2 / 27.
    """
    sizes = doubled(n_points)
    spectra = [infinite_dimension.leading_spectrum(int(n), count, running_mean=True) for n in sizes]
    ratios = [spectrum.eigenvalues / spectrum.total_variance for spectrum in spectra]
    limit = linear_processes.running_mean_explained_variance_ratio(count)
    walk = {"the plain walk": plain_walk.explained_variance_ratio_limit(count)}
    trial.limit(ratios, sizes, limit, order=1, margin=2e-5, controls=walk)
    totals = [spectrum.total_variance / n**2 for n, spectrum in zip(sizes, spectra, strict=True)]
    trial.limit(totals, sizes, 1 / 27, order=1, margin=1e-5, controls={"the plain walk": 1 / 6})
