"""What training adds to a walk, in infinite dimension: a drift, and a step variance that decays or
varies at will. Last, which of four processes a trajectory's ratios resemble most.

Derived here, as the models behind the comparison with network training of Antognini &
Sohl-Dickstein 2018 (arXiv 1806.08805). A drift μ adds the rank-one term |μ|^2 τ τ^T, τ_t = t - (T +
1)/2, to the walk's covariance. It is odd under time reversal, so the even cosines and their
eigenvalues stay and the odd ones mix. `drift_ratio` is |μ|^2 / tr(Σ) per step; the drift shows in
the first component once T times it is of order one. Spectra with drift are indexed by mode k = 1,
..., T - 1 at index k - 1, not by rank, and in units of the step variance.

Where the step variance is t^-p, the scores solve a Sturm-Liouville problem as T grows, whose
eigenvalues are zeros of the Bessel function of order ν = 1 / (2 - p): λ_k tends to 4 ν^2 /
j_{ν,k}^2, in units of T^(2-p) times the variance of the first step.

Let L be the sum over time and D any variances of the steps. The centred walk C L D^(1/2) R has the
eigenvalues of D^(1/2) B D^(1/2), where B = L^T C L has the entries min(a, b) - a b / T. B is the
covariance of a Brownian bridge, tied down before the first step and after the last.
"""

from functools import lru_cache
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca import ornstein_uhlenbeck
from theory.random_walk_pca.domains import Components, Points
from theory.random_walk_pca.linear_processes import momentum_explained_variance_ratio
from theory.random_walk_pca.plain_walk import cosine_modes, eigenvalues, total_variance
from theory.random_walk_pca.roots import bisect
from theory_on_trial.contract import (
    NON_NEGATIVE,
    POSITIVE,
    Holds,
    Interval,
    NonNegative,
    guarded,
    require,
)


@guarded
def drift_eigenvalues(
    n_points: Points, drift_ratio: NonNegative
) -> Float[np.ndarray, " components"]:
    """Return the population eigenvalues of a walk with drift, by mode, in units of the step
    variance.

    They are 1 / θ_k for even k, where θ_k are the `laplacian_eigenvalues`. For odd k each is the
    root above 1 / θ_k of (|μ|^2 / tr Σ) sum_{j odd} r_j^2 / (λ - 1 / θ_j) = 1, with r_j = τ . u_j
    for the cosines u_j.
    """
    spectrum = eigenvalues(n_points)
    poles = spectrum[::2]
    times = np.arange(n_points) - (n_points - 1) / 2
    weights = drift_ratio * (times @ cosine_modes(n_points, n_points - 1)[:, ::2]) ** 2
    pole_differences = np.subtract.outer(poles, poles)

    def secular(shift: Float[np.ndarray, " roots"]) -> Float[np.ndarray, " roots"]:
        return np.sum(weights / (shift[:, None] + pole_differences), axis=1) - 1

    gap_above = np.concatenate([[weights.sum() + poles[0]], -np.diff(poles)])
    spectrum[::2] += bisect(secular, np.zeros(poles.size), gap_above, np.ones(poles.size))
    return spectrum


@guarded
def drift_explained_variance_ratio(
    n_points: Points, drift_ratio: NonNegative
) -> Float[np.ndarray, " components"]:
    """Return the population's explained variance ratios of a walk with drift, by mode. The total
    variance is (T^2 - 1)/6 + drift_ratio T (T^2 - 1)/12.
    """
    drift_variance = drift_ratio * n_points * (n_points**2 - 1) / 12
    return drift_eigenvalues(n_points, drift_ratio) / (total_variance(n_points) + drift_variance)


_LEAST = 1e-200  # below, SciPy's Bessel functions fail at orders and arguments alike

Exponent = Annotated[
    float,
    Interval(
        -1e199, 1.999, why="from 2 on the variance is summable, and just below no T is large enough"
    ),
]
"""p, the exponent of the noise variance t^-p."""


@guarded
def bessel_zeros(
    order: Annotated[float, Interval(_LEAST, 1000)], n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the first positive zeros j_{ν,k} of the Bessel function J_ν, for real ν = `order`.
    Source: classical.
    """
    from scipy.special import jv

    # All zeros lie above nu and more than 3 apart, and the k-th lies below (k + nu/2) pi: unit
    # steps separate them.
    grid = order + np.arange(np.ceil((n_components + order / 2) * np.pi - order) + 1)
    positive = jv(order, grid) > 0
    before = np.flatnonzero(positive[:-1] != positive[1:])[:n_components]
    signs = np.where(positive[before], 1.0, -1.0)
    return bisect(lambda argument: jv(order, argument), grid[before], grid[before + 1], signs)


@guarded
def decaying_noise_explained_variance_ratio(
    exponent: Exponent, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the limits ρ_k = 4 (ν + 1) / j_{ν,k}^2 of the explained variance ratios if the step
    variance is t^-p. Decay lowers the first one.
    """
    order = _order(exponent)
    return 4 * (order + 1) / bessel_zeros(order, n_components) ** 2


@guarded
def decaying_noise_modes(
    times: Annotated[
        Float[np.ndarray, " times"], Interval(0, 1, "(]", why="fractions of the trajectory")
    ],
    exponent: Exponent,
    n_components: Components,
) -> Float[np.ndarray, "times components"]:
    """Return the limits of the scores if the step variance is t^-p, on (0, 1] and with unit mean
    square. They are proportional to d/dt [sqrt(t) J_ν(j t^b)] with b = 1 / (2 ν).

    They are evaluated as sqrt(2b) t^(b - 1/2) J_{ν-1}(j t^b) / |J_{ν-1}(j)|. Raises ValueError for
    a time so small that t^b is below 1e-200, too.
    """
    from scipy.special import jv

    order = _order(exponent)
    zeros = bessel_zeros(order, n_components)
    power = 1 / (2 * order)
    arguments = times**power
    require(
        arguments.min() >= _LEAST,
        f"times must not be so small that t^b is below {_LEAST:g}, got {times.min()}",
    )
    shape = jv(order - 1, np.outer(arguments, zeros)) / np.abs(jv(order - 1, zeros))
    return np.sqrt(2 * power) * times[:, None] ** (power - 0.5) * shape


def _order(exponent: float) -> float:
    """Return the order ν = 1 / (2 - p) of the Bessel functions, which is 1/2 (the cosines) at p =
    0.
    """
    return 1 / (2 - exponent)


_MOVES = Holds(
    "moves",
    "hold a variance above zero after the first, since ratios of a total of zero are undefined",
    lambda variances: len(variances) >= 2 and bool(variances[1:].any()),
)
_USABLE = Interval(0, 1e100, why="sums of squares of others overflow")
StepVariances = Annotated[Float[np.ndarray, " points"], NON_NEGATIVE, _USABLE, _MOVES]
"""Variances D_1, ..., D_T of the steps to the T recorded points; the first never matters."""


@guarded
def varying_noise_explained_variance_ratio(
    step_variances: StepVariances,
) -> Float[np.ndarray, " components"]:
    """Return the exact population ratios ρ_k, decreasing, k = 1, ..., T - 1, of a walk of T points
    whose steps have the given variances.
    """
    n_points = len(step_variances)
    times = np.arange(n_points)
    bridge = np.minimum.outer(times, times) - np.outer(times, times) / n_points
    # In units of the largest variance, whose powers stay in range.
    roots = np.sqrt(step_variances / step_variances[1:].max())[1:]
    eigenvalues = np.linalg.eigvalsh(bridge[1:, 1:] * np.outer(roots, roots))[::-1]
    return np.maximum(eigenvalues, 0) / eigenvalues.sum()


Ratios = Annotated[Float[np.ndarray, " components"], POSITIVE]
"""ρ_1, ρ_2, ... of a trajectory, decreasing, as many as are to be fitted."""
GridPoints = Annotated[
    int, Interval(4, 2000, why="some two hundred matrices of this size are diagonalised")
]
"""T, the number of recorded points."""
_VALUES = 80


class ProcessMisfits(NamedTuple):
    """The misfits of four processes to the leading ratios: for each the root mean square difference
    of log ρ_1, ..., log ρ_K at its best parameter.

    For `drift` the parameter is |μ|^2 / tr Σ, from 0.04 / T to 4000 / T. For `ornstein_uhlenbeck`
    it is α, from 0.04 / T to 1. For `momentum` it is 1 - γ, from 0.04 / T to 1, and γ = 1. For
    `decaying_noise` it is p from 0 to 3, where the step variance is t^-p from the first recorded
    point on.
    """

    drift: float
    ornstein_uhlenbeck: float
    momentum: float
    decaying_noise: float


@guarded
def process_misfits(ratios: Ratios, n_points: GridPoints) -> ProcessMisfits:
    """Return how far the leading ratios are from each of four processes, after one parameter of
    each is fitted to their logarithms.

    Raises ValueError for more ratios than T - 1. The tables of a T are computed once, in seconds.
    """
    require(
        len(ratios) < n_points,
        f"ratios must hold at most n_points - 1 = {n_points - 1} numbers, got {len(ratios)}",
    )
    logs = np.log(ratios)
    return ProcessMisfits(
        *(
            float(np.sqrt(np.mean((table[:, : len(ratios)] - logs) ** 2, axis=1).min()))
            for table in _tables(n_points)
        )
    )


@lru_cache(maxsize=8)
def _tables(n_points: int) -> tuple[Float[np.ndarray, "parameters components"], ...]:
    """Return the logarithms of all ratios, a row for each parameter, in the order of
    `ProcessMisfits`.
    """
    least = 0.04 / n_points
    rates = np.geomspace(least, 1, _VALUES)
    drifts = np.geomspace(least, 4000 / n_points, _VALUES)
    times = np.arange(1.0, n_points + 1)
    spectra = (
        [np.sort(drift_explained_variance_ratio(n_points, drift))[::-1] for drift in drifts],
        [ornstein_uhlenbeck.eigenvalues(n_points, rate) for rate in rates],
        [momentum_explained_variance_ratio(n_points, 1 - rate) for rate in (0.0, *rates)],
        [varying_noise_explained_variance_ratio(times**-p) for p in np.linspace(0, 3, _VALUES)],
    )
    # The smallest ratios of an integrated walk are roundings, which may not be positive.
    return tuple(
        np.log(np.maximum([row / row.sum() for row in rows], np.finfo(float).tiny))
        for rows in map(np.array, spectra)
    )
