"""Momentum, iterate averages and the running mean."""

from typing import Annotated

import jax
import numpy as np

from paper_checks.test_random_walk_pca import ThreePoints
from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

Momentum = Annotated[
    float, Interval(0.1, 0.9, why="less leaves no error to see, more needs too many points")
]
"""γ where the circulant formula is tried at affordable T."""


AveragedPoints = Annotated[
    int, Interval(800, 2000, why="between, extrapolation reaches five digits")
]
FewComponents = Annotated[int, Interval(1, 3, why="later components need more points")]


def doubled(n_points):
    """Return four numbers of points, each twice the one before."""
    return np.array([1, 2, 4, 8]) * n_points


def leading_ratio(n_points, **process):
    """Return ρ_1 of the population."""
    spectrum = observed.leading_population_spectrum(int(n_points), 1, **process)
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
        observed.leading_population_spectrum(int(size), 1, momentum=momentum).eigenvalues[0]
        for size in n
    ]
    theta = np.array([predicted.laplacian_eigenvalues(size)[0] for size in n])
    circulant = np.array(
        [predicted.momentum_circulant_eigenvalues(size, momentum)[0] for size in n]
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
    circulant = predicted.momentum_circulant_eigenvalues(n_points, momentum)
    spectrum = np.asarray(observed.population_spectrum(n_points, momentum=momentum))
    ratios = predicted.momentum_explained_variance_ratio(n_points, momentum)
    controls = {
        "the plain walk": predicted.explained_variance_ratio(n_points),
        "the circulant": circulant / circulant.sum(),
    }
    trial.identity(spectrum / spectrum.sum(), ratios, ops=3 * n_points, controls=controls)


@claim(
    derived("clamped beams are the limit at γ = 1, the plain walk the one at any other γ"),
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
    walk = np.full(len(grid) - 1, predicted.explained_variance_ratio(n_points)[0])
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
        predicted.integrated_walk_explained_variance_ratio(1)[0],
        order=1,
        margin=1e-6,
        controls=rivals,
    )
    limit = predicted.explained_variance_ratio_limit(1)[0]
    correction = (
        predicted.momentum_explained_variance_ratio_rate(1000, momentum, 1)[0] - limit
    ) * 1000
    sizes = doubled(n_points * 2 ** max(1, round(np.log2(1 / (1 - momentum)))))
    sequence = [(leading_ratio(n, momentum=momentum) - limit) * n for n in sizes]
    rivals = {"no correction": 0.0, "without 1 + γ": (1 + momentum) * correction}
    trial.limit(sequence, sizes, correction, order=1, margin=0.01 * correction, controls=rivals)


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
    walk = np.asarray(observed.trajectory(steps))
    with_momentum = observed.trajectory(steps, momentum=decay)
    average = np.asarray(observed.trajectory(steps, averaging=decay))
    multiple = (1 - decay) * np.asarray(with_momentum)
    controls = {"without 1 - β": np.asarray(with_momentum), "the walk itself": walk}
    trial.identity(average, multiple, ops=n_points, scale=np.max(np.abs(walk)), controls=controls)


@claim(
    derived("the continuum limit of the running mean's recursion is solved by Bessel functions"),
    kind="limit",
)
def test_running_average(trial, n_points: AveragedPoints = 800, count: FewComponents = 3):
    """For the running mean of a walk ρ_k tends to 432 / z_k^4: 0.8357, 0.1126, 0.0294; the variance
    to T^2 / 27.
    """
    sizes = doubled(n_points)
    spectra = [
        observed.leading_population_spectrum(int(n), count, running_mean=True) for n in sizes
    ]
    ratios = [spectrum.eigenvalues / spectrum.total_variance for spectrum in spectra]
    limit = predicted.running_mean_explained_variance_ratio(count)
    walk = {"the plain walk": predicted.explained_variance_ratio_limit(count)}
    trial.limit(ratios, sizes, limit, order=1, margin=2e-5, controls=walk)
    totals = [spectrum.total_variance / n**2 for n, spectrum in zip(sizes, spectra, strict=True)]
    trial.limit(totals, sizes, 1 / 27, order=1, margin=1e-5, controls={"the plain walk": 1 / 6})
