"""The Ornstein-Uhlenbeck process is trapped on a sphere in high dimension: it reverts in each coordinate, not in norm.

Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) for the critical radius; the exact norm law in time, the scatter and
the bound on visits to the centre are derived here. Lengths are in units of the root of the step variance tr(Sigma);
`rate` is alpha. Values out of range raise `ValueError`.
"""

import numpy as np
from jaxtyping import Float, Int

from theory.random_walk_pca._validation import check_rate, check_stationary_rate
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_positive


@validated
def trapping_radius(rate: float | int) -> float:
    """Radius r_c = 1 / sqrt(alpha (2 - alpha)) of the sphere on which the process settles, for alpha in (0, 2)."""
    check_stationary_rate(rate)
    return float(1 / np.sqrt(rate * (2 - rate)))


@validated
def mean_squared_norm(steps: Int[np.ndarray, " steps"], rate: float | int) -> Float[np.ndarray, " steps"]:
    """E |x_t|^2 = (1 - a^(2t)) / (1 - a^2) after t >= 0 steps from zero, a = 1 - alpha; t itself at alpha = 0."""
    check_rate(rate)
    if np.any(steps < 0):
        raise ValueError(f"steps must be non-negative, got {steps}")
    if rate == 0:
        return steps.astype(float)
    contraction = (1 - float(rate)) ** 2
    log_contraction = np.log1p(rate * (rate - 2)) if contraction > 0 else -np.inf
    exponent = np.multiply(steps, log_contraction, out=np.zeros(steps.shape), where=steps > 0)
    return -np.expm1(exponent) / (rate * (2 - rate))


@validated
def squared_norm_relative_std(dim: float | int) -> float:
    """Relative standard deviation sqrt(2 / d) of |x_t|^2, at every t, for Gaussian steps of effective dimension d."""
    check_positive("dim", dim)
    return float(np.sqrt(2 / dim))


@validated
def stationary_correlation(lag: Int[np.ndarray, " lags"], rate: float | int) -> Float[np.ndarray, " lags"]:
    """E[x_s . x_t] / r_c^2 = a^|s - t| of the trapped process: later positions become orthogonal to earlier ones."""
    check_stationary_rate(rate)
    return (1 - float(rate)) ** np.abs(lag)


@validated
def escape_probability_bound(squared_fraction: float, dim: float | int) -> float:
    """Chernoff bound on P(|x_t|^2 < f r_c^2) of the trapped process, exp(-(d/2)(f - 1 - log f)), f in (0, 1).

    For isotropic Gaussian steps in `dim` dimensions; f = `squared_fraction`. At f = 1/4 it is exp(-.318 d).
    """
    check_positive("dim", dim)
    if not 0 < squared_fraction < 1:
        raise ValueError(f"squared_fraction must be in (0, 1), got {squared_fraction}")
    return float(np.exp(-dim / 2 * (squared_fraction - 1 - np.log(squared_fraction))))
