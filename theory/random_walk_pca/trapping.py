"""The Ornstein-Uhlenbeck process is trapped on a sphere in high dimension: it reverts in each
coordinate, not in norm.

Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) for the critical radius; the exact norm law in
time, the scatter and the bound on visits to the centre are derived here. Lengths are in units of
the root of the step variance tr(Σ); `rate` is α.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory.random_walk_pca.domains import Dimension, Rate, StationaryRate
from theory_on_trial.contract import NON_NEGATIVE, Fraction, guarded


@guarded
def trapping_radius(rate: StationaryRate) -> float:
    """Radius r_c = 1 / sqrt(α (2 - α)) of the sphere on which the process settles. Source: arXiv
    1806.08805.
    """
    return float(1 / np.sqrt(rate * (2 - rate)))


@guarded
def mean_squared_norm(
    steps: Annotated[Int[np.ndarray, " steps"], NON_NEGATIVE], rate: Rate
) -> Float[np.ndarray, " steps"]:
    """E |x_t|^2 = (1 - a^(2t)) / (1 - a^2) after t steps from zero, a = 1 - α; t itself at α =
    0.
    """
    if rate == 0:
        return steps.astype(float)
    contraction = (1 - rate) ** 2
    log_contraction = np.log1p(rate * (rate - 2)) if contraction > 0 else -np.inf
    exponent = np.multiply(steps, log_contraction, out=np.zeros(steps.shape), where=steps > 0)
    return -np.expm1(exponent) / (rate * (2 - rate))


@guarded
def squared_norm_relative_std(dim: Dimension) -> float:
    """Relative standard deviation sqrt(2 / d) of |x_t|^2, at every t, for Gaussian steps of
    effective dimension d.
    """
    return float(np.sqrt(2 / dim))


@guarded
def stationary_correlation(
    lag: Int[np.ndarray, " lags"], rate: StationaryRate
) -> Float[np.ndarray, " lags"]:
    """E[x_s . x_t] / r_c^2 = a^|s - t| of the trapped process: later positions become orthogonal to
    earlier ones.
    """
    return (1 - rate) ** np.abs(lag)


@guarded
def escape_probability_bound(squared_fraction: Fraction, dim: Dimension) -> float:
    """Chernoff's exp(-(d/2)(f - 1 - log f)) on P(|x_t|^2 < f r_c^2) of the trapped process,
    isotropic Gaussian.
    """
    return float(np.exp(-dim / 2 * (squared_fraction - 1 - np.log(squared_fraction))))
