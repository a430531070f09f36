"""PCA of a walk whose step variance decays (or grows) as t^-p: Bessel functions instead of cosines.

Derived here, for the decaying-noise walk that Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805)
fit to training. As T grows the scores f solve a Sturm-Liouville problem, whose eigenvalues are
zeros of the Bessel function of order ν = 1 / (2 - p): λ_k tends to 4 ν^2 / j_{ν,k}^2, in units of
T^(2-p) times the variance of the first step.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._roots import bisect
from theory.random_walk_pca.domains import Components
from theory_on_trial.contract import Interval, guarded, require

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
    """First positive zeros j_{ν,k} of the Bessel function J_ν, for real ν. Source: classical."""
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
    """Limits ρ_k = 4 (ν + 1) / j_{ν,k}^2 of the explained variance ratios; decay lowers the first
    one.
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
    """Scores on (0, 1] of unit square mean, proportional to d/dt [sqrt(t) J_ν(j t^b)] with b = 1 /
    (2 ν).

    Evaluated as sqrt(2b) t^(b - 1/2) J_{ν-1}(j t^b) / |J_{ν-1}(j)|. `ValueError` also for a time so
    small that t^b is below 1e-200.
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
    """Order ν = 1 / (2 - p) of the Bessel functions; 1/2, the cosines, at p = 0."""
    return 1 / (2 - exponent)
