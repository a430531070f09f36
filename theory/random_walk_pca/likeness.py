"""Which of four processes do explained variance ratios resemble most, by one parameter of each?

Derived here, to make a fit of the comparison with network training of Antognini & Sohl-Dickstein
2018 (arXiv 1806.08805). All four contain the plain walk, and each of their parameters is fitted on
a grid. Where noise comes from few directions, as that of small networks does, ratios of one
trajectory scatter so much that an exact model misfits by .2 or so too.
"""

from functools import lru_cache
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.drift import drift_explained_variance_ratio
from theory.random_walk_pca.momentum import momentum_explained_variance_ratio
from theory.random_walk_pca.ornstein_uhlenbeck import ornstein_uhlenbeck_eigenvalues
from theory.random_walk_pca.varying_noise import varying_noise_explained_variance_ratio
from theory_on_trial.contract import POSITIVE, Interval, guarded, require

Ratios = Annotated[Float[np.ndarray, " components"], POSITIVE]
"""ρ_1, ρ_2, ... of a trajectory, decreasing, as many as are to be fitted."""
GridPoints = Annotated[
    int, Interval(4, 2000, why="some two hundred matrices of this size are diagonalised")
]
"""T, the number of recorded points."""
_VALUES = 80


class ProcessMisfits(NamedTuple):
    """Root mean square difference of log ρ_1, ..., log ρ_K from each process at its best parameter.

    drift : |μ|^2 / tr Σ, from 0.04 / T to 4000 / T. ornstein_uhlenbeck : α, from 0.04 / T to 1.
    momentum : 1 - γ, from 0.04 / T to 1, and γ = 1. decaying_noise : p from 0 to 3, where the step
    variance is t^-p from the first recorded point on.
    """

    drift: float
    ornstein_uhlenbeck: float
    momentum: float
    decaying_noise: float


@guarded
def process_misfits(ratios: Ratios, n_points: GridPoints) -> ProcessMisfits:
    """Fit one parameter of each of four processes to the logarithms of the leading ratios.

    `ValueError` for more ratios than T - 1. The tables of a T are computed once, in seconds.
    """
    require(
        len(ratios) < n_points,
        f"ratios must be at most n_points - 1 = {n_points - 1}, got {len(ratios)}",
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
    """Logarithms of all ratios, a row for each parameter, in the order of `ProcessMisfits`."""
    least = 0.04 / n_points
    rates = np.geomspace(least, 1, _VALUES)
    drifts = np.geomspace(least, 4000 / n_points, _VALUES)
    times = np.arange(1.0, n_points + 1)
    spectra = (
        [np.sort(drift_explained_variance_ratio(n_points, drift))[::-1] for drift in drifts],
        [ornstein_uhlenbeck_eigenvalues(n_points, rate) for rate in rates],
        [momentum_explained_variance_ratio(n_points, 1 - rate) for rate in (0.0, *rates)],
        [varying_noise_explained_variance_ratio(times**-p) for p in np.linspace(0, 3, _VALUES)],
    )
    # The smallest ratios of an integrated walk are roundings, which may not be positive.
    return tuple(
        np.log(np.maximum([row / row.sum() for row in rows], np.finfo(float).tiny))
        for rows in map(np.array, spectra)
    )
