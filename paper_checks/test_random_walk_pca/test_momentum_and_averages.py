"""Momentum, iterate averages and the running mean."""

from typing import Annotated

import jax
import numpy as np

from paper_checks.test_random_walk_pca import ThreePoints
from sims.random_walk_pca import infinite_dimension, trajectories
from theory.random_walk_pca import linear_processes, plain_walk
from theory_on_trial import claim, derived, recalled
from theory_on_trial.contract import Interval

Momentum = Annotated[
    float, Interval(0.1, 0.9, why="less leaves no error to see, more needs too many points")
]
"""γ where the circulant formula is tried at affordable T."""


def doubled(n_points):
    """Return four numbers of points, each twice the one before."""
    return np.array([1, 2, 4, 8]) * n_points


def leading_ratios(n_points, count=1, **process):
    """Return the shares ρ_1, ..., ρ_count of the population in its total variance."""
    spectrum = infinite_dimension.leading_spectrum(int(n_points), count, **process)
    return spectrum.eigenvalues / spectrum.total_variance


@claim(
    recalled(
        "the circulant formula for momentum", within="as $T$ grows; the order of its error is ours"
    ),
    kind="rate",
    cases=[0.3, 0.5, 0.8],
)
def test_momentum_spectrum(trial, momentum: Momentum):
    """Let $x_t = x_(t-1) + v_t$ and $v_t = γ v_(t-1) + ξ_t$, $t = 1, …, T$, with independent steps
    $ξ_t$ from rest, where $E[|ξ_t|²] = 1$ and $0 < γ < 1$. The largest eigenvalue of the covariance
    over time of the centred points is $1 / (θ ((1 - γ)² + γ θ))$ with $θ = 2 - 2 cos(π / T)$, up to
    a relative error of the order $T⁻³$.
    """
    # T (1 - γ) is 35 or more.
    sizes = doubled(100 * 2 ** max(0, round(np.log2(0.5 / (1 - momentum)))))
    exact = [
        infinite_dimension.leading_spectrum(int(n), 1, momentum=momentum).eigenvalues[0]
        for n in sizes
    ]
    theta = np.array([plain_walk.laplacian_eigenvalues(n)[0] for n in sizes])
    circulant = np.array(
        [linear_processes.momentum_circulant_eigenvalues(n, momentum)[0] for n in sizes]
    )
    # Of the factor (1 - γ)² + γ θ = γ² - 2 γ cos(π / T) + 1
    wrong_sign = 1 + momentum**2 + momentum * (2 - theta)

    def relative_error(formula):
        return np.abs(exact / formula - 1)

    trial.order(
        relative_error(circulant),
        sizes,
        -3.0,
        rounding=4 * sizes * 2.0**-53,
        margin=0.02,
        controls={"an error of the order $T⁻²$": -2.0},
        control_processes={
            "$γ² + 2 γ cos(π / T) + 1$, with a wrong sign": relative_error(
                1 / (theta * wrong_sign)
            ),
            "without the term $γ θ$": relative_error(1 / (theta * (1 - momentum) ** 2)),
        },
    )


@claim(
    derived("a step has moved the walk by $(1 - γ^m) / (1 - γ)$ of its length after $m$ points"),
    kind="identity",
    cases=[(100, 0.99), (50, 1.0)],
)
def test_momentum_long_memory(
    trial,
    n_points: ThreePoints,
    momentum: Annotated[float, Interval(0.01, 1, why="below, the plain walk is as good")],
):
    """Let $x_t = x_(t-1) + v_t$ and $v_t = γ v_(t-1) + ξ_t$, $t = 1, …, T$, with independent steps
    $ξ_t$ from rest, and let $ρ_k$ be the share of principal component $k$ in the total variance of
    the centred points. The $ρ_k$ are the eigenvalues of $C A Aᵀ C$, divided by their sum, where $A$
    has the entries $a_(t,s) = (1 - γ^(t - s + 1)) / (1 - γ)$ for $s ≤ t$ and 0 otherwise, and $C$
    is the $T$ by $T$ matrix that takes the mean off.

    This holds for every T (1 - γ), also where the circulant formula of `momentum_spectrum` fails.
    At γ = 1 the entries are t - s + 1.
    """
    circulant = linear_processes.momentum_circulant_eigenvalues(n_points, momentum)
    spectrum = np.asarray(infinite_dimension.spectrum(n_points, momentum=momentum))
    ratios = linear_processes.momentum_explained_variance_ratio(n_points, momentum)
    controls = {
        "the plain walk": plain_walk.explained_variance_ratio(n_points),
        "the circulant formula": circulant / circulant.sum(),
    }
    trial.identity(spectrum / spectrum.sum(), ratios, ops=3 * n_points, controls=controls)


@claim(derived("as $T$ grows, the components solve the equation of a beam"), kind="limit")
def test_momentum_concentrates__integrated(
    trial,
    n_points: Annotated[
        int, Interval(400, 1000, why="with fewer the share is far from its limit")
    ] = 400,
):
    """Let $x_t = x_(t-1) + v_t$ and $v_t = v_(t-1) + ξ_t$, $t = 1, …, T$, with independent steps
    $ξ_t$ from rest (the integrated walk). As $T$ grows, the share of the first principal component
    in the total variance of the centred points tends to $30 / μ⁴ = 0.9589$, where $μ$ is the least
    positive root of $tan μ + tanh μ = 0$.
    """
    sizes = doubled(n_points)
    trial.limit(
        [leading_ratios(n, momentum=1.0)[0] for n in sizes],
        sizes,
        linear_processes.integrated_walk_explained_variance_ratio(1)[0],
        order=1,
        margin=1e-6,
        controls={
            "everything in one component": 1.0,
            "the plain walk": plain_walk.explained_variance_ratio_limit(1)[0],
        },
    )


@claim(
    derived("the two ends of the walk shift its eigenvalues by a relative order of $1 / T$"),
    kind="limit",
)
def test_momentum_concentrates__long(
    trial,
    n_points: Annotated[
        int, Interval(200, 500, why="with fewer the share is far from its limit")
    ] = 200,
    momentum: Momentum = 0.5,
):
    """Let $x_t = x_(t-1) + v_t$ and $v_t = γ v_(t-1) + ξ_t$, $t = 1, …, T$, with independent steps
    $ξ_t$ from rest and $γ < 1$, and let $ρ_1$ be the share of the first principal component in the
    total variance of the centred points. As $T$ grows with $γ$ fixed, $T (ρ_1 - 6 / π²)$ tends to
    $(6 / π²) 6 γ / (1 - γ²)$.

    So ρ_1 tends to its limit for the plain walk.
    """
    limit = plain_walk.explained_variance_ratio_limit(1)[0]
    correction = limit * linear_processes.momentum_ratio_excess(momentum)
    # T (1 - γ) is 140 or more.
    sizes = doubled(n_points * 2 ** max(1, round(np.log2(1 / (1 - momentum)))))
    trial.limit(
        [(leading_ratios(n, momentum=momentum)[0] - limit) * n for n in sizes],
        sizes,
        correction,
        order=1,
        margin=0.01 * correction,
        controls={
            "no correction": 0.0,
            "$1 - γ$ for $1 - γ²$": (1 + momentum) * correction,
        },
    )


def components(n_points, momentum, count=3):
    """Return the first unit eigenvectors of the population, one per column."""
    return infinite_dimension.eigenvectors(int(n_points), momentum=momentum)[:, :count]


def unit(modes):
    """Return modes as unit vectors, one per column."""
    return modes / np.linalg.norm(modes, axis=0)


@claim(derived("the two ends of the walk perturb its cosines"), kind="rate", cases=[0.3, 0.5])
def test_momentum_components(
    trial, momentum: Annotated[float, Interval(0.2, 0.5, why="more needs more points")]
):
    """Let $x_t = x_(t-1) + v_t$ and $v_t = γ v_(t-1) + ξ_t$, $t = 1, …, T$, with independent steps
    $ξ_t$ from rest and $γ < 1$. As $T$ grows with $γ$ fixed, the first principal component over
    time tends to the cosine $cos(π (t - 1/2) / T)$ of the plain walk, such that 1 minus their
    squared overlap is of the order $T⁻⁵$.

    In the planes of components that tend to cosines, the curves tend to Lissajous curves.
    """
    sizes = doubled(50)
    deficits = []
    for n in sizes:
        exact = components(n, momentum, 1)
        cosine = unit(plain_walk.cosine_modes(int(n), 1))
        # 1 minus the squared overlap is the squared part at right angles; the difference itself is
        # below rounding.
        right_angled = exact - cosine * np.sum(exact * cosine)
        deficits.append(np.sum(right_angled**2))
    trial.order(
        deficits,
        sizes,
        -5.0,
        rounding=20 * sizes * 2.0**-53 * np.sqrt(deficits),
        margin=0.1,
        controls={"the order $T⁻¹$": -1.0, "the order $T⁻⁴$": -4.0},
    )


@claim(derived("as $T$ grows, the components solve the equation of a beam"), kind="limit")
def test_momentum_components__integrated(
    trial,
    n_points: Annotated[int, Interval(60, 200, why="eight times as many are diagonalised")] = 100,
):
    """Let $x_t = x_(t-1) + v_t$ and $v_t = v_(t-1) + ξ_t$, $t = 1, …, T$, with independent steps
    $ξ_t$ from rest (the integrated walk). As $T$ grows, the first three principal components over
    time tend to multiples of $cos(μ s) / cos μ + cosh(μ s) / cosh μ$ with $s = t / T$, where $μ$
    runs through the positive roots of $tan μ + tanh μ = 0$.

    These are the modes of a beam that is guided at the start and free at the end.
    """
    sizes = doubled(n_points)

    def beam_modes(n):
        midpoints = (np.arange(n) + 0.5) / n
        return unit(linear_processes.integrated_walk_modes(midpoints, 3))

    def squared_overlaps(first, second):
        return np.sum(first * second, axis=0) ** 2

    modes = beam_modes(4000)
    cosines = unit(plain_walk.cosine_modes(4000, 3))
    # The modes of a beam that is clamped at an end are the curvatures of those of a free one.
    curvatures = unit(np.gradient(np.gradient(modes, axis=0), axis=0))
    trial.limit(
        [squared_overlaps(components(n, 1.0), beam_modes(n)) for n in sizes],
        sizes,
        np.ones(3),
        order=2,
        margin=1e-5,
        controls={
            "the plain walk's cosines": squared_overlaps(modes, cosines),
            "modes of a clamped beam": squared_overlaps(modes, curvatures),
        },
    )


@claim(
    derived(
        "the average has the impulse response $1 - β^m$, and the walk with momentum "
        "$1 / (1 - β)$ times that"
    ),
    kind="identity",
)
def test_ema_is_momentum(
    trial,
    n_points: Annotated[int, Interval(2, 10_000)] = 300,
    dim: Annotated[int, Interval(1, 1000)] = 20,
    decay: Annotated[
        float, Interval(0.01, 0.99, why="the average is neither the walk nor nothing")
    ] = 0.9,
):
    """Let $x_t = x_(t-1) + ξ_t$ be a walk, $y_t = β y_(t-1) + (1 - β) x_t$ its exponential moving
    average, and $z_t = z_(t-1) + v_t$ with $v_t = β v_(t-1) + ξ_t$ the walk with momentum that has
    the same steps, all from 0. Then $y_t = (1 - β) z_t$.
    """
    steps = jax.random.normal(trial.key("steps"), (n_points, dim))
    walk = np.asarray(trajectories.trajectory(steps))
    with_momentum = np.asarray(trajectories.trajectory(steps, momentum=decay))
    average = np.asarray(trajectories.trajectory(steps, averaging=decay))
    trial.identity(
        average,
        (1 - decay) * with_momentum,
        ops=n_points,
        scale=np.max(np.abs(walk)),
        controls={"without $1 - β$": with_momentum, "the walk itself": walk},
        generic="both trajectories are linear in the steps",
    )


@claim(
    derived(
        "as $T$ grows, the recursion of the running mean becomes an equation that Bessel "
        "functions solve"
    ),
    kind="limit",
)
def test_running_average(
    trial,
    n_points: Annotated[
        int, Interval(800, 2000, why="there, extrapolation reaches five digits")
    ] = 800,
    count: Annotated[int, Interval(1, 3, why="later components need more points")] = 3,
):
    """Let $x_t = x_(t-1) + ξ_t$ be a random walk from $x_0 = 0$ with independent steps of one
    variance. Let $y_t = (x_1 + … + x_t) / t$ be its running mean, $t = 1, …, T$, and let $ρ_k$ be
    the share of principal component $k$ in the total variance of the centred $y_t$. As $T$ grows,
    $ρ_k$ tends to $432 / z_k⁴$, where $z_1 < z_2 < …$ are the positive roots of $(J_0 - I_0) (-Y_1
    - (2 / π) K_1) + (J_1 + I_1) (Y_0 + (2 / π) K_0) = 0$, with all Bessel functions at $z$.

    So the first three shares tend to 0.8357, 0.1126 and 0.0294.
    """
    sizes = doubled(n_points)
    trial.limit(
        [leading_ratios(n, count, running_mean=True) for n in sizes],
        sizes,
        linear_processes.running_mean_explained_variance_ratio(count),
        order=1,
        margin=1e-5,
        controls={"the plain walk": plain_walk.explained_variance_ratio_limit(count)},
    )
