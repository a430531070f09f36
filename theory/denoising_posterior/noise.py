"""What y - f(y) says about the level of the noise: it is smaller than the noise, because the
denoiser f keeps a part of it.
"""

from typing import Annotated

import numpy as np

from theory.denoising_posterior.domains import MeanSquare, Noise
from theory_on_trial.contract import Count, Interval, guarded, require

Trace = Annotated[float, Interval(-1e50, 1e50)]
"""tr J, the mean over y unless said otherwise."""


@guarded
def residual_variance(sigma: Noise, trace: Trace, dim: Count) -> float:
    """The variance E|y - μ_1|^2 / d = σ^2 (1 - E tr J / d) of the residual of the posterior mean:
    σ^2 less the least squared error per dimension.

    Source: derived here, by Tweedie's formula and integration by parts. Raises ValueError for a
    trace outside [0, d].
    """
    require(0 <= trace <= dim, f"trace must lie between 0 and the dimension {dim}, got {trace}")
    return float(sigma**2 * (1 - trace / dim))


@guarded
def noise_variance(square: MeanSquare, trace: Trace, dim: Count) -> float:
    """The noise variance σ^2 = |y - μ_1|^2 / (d - tr J), by solving `residual_variance` with two
    means. Raises ValueError unless tr J < d.
    """
    require(trace < dim, f"trace must be below the dimension {dim}, got {trace}")
    return float(np.float64(square) / (dim - trace))


@guarded
def residual_of_denoiser(sigma: Noise, error: MeanSquare, trace: Trace, dim: Count) -> float:
    """The mean square E|y - f|^2 = σ^2 d + E|f - x|^2 - 2 σ^2 E tr J_f of the residual of any
    differentiable denoiser f. Source: Stein's lemma.

    `error` is E|f(y) - x|^2, `trace` E tr J_f. Raises ValueError for σ |tr| > sqrt(d E|f - x|^2),
    which no f has.
    """
    bound = np.sqrt(np.float64(dim) * error) / sigma
    require(
        abs(trace) <= (1 + 1e-9) * bound,
        f"|trace| must be at most sqrt(dim error) / sigma, {bound:.6g}",
    )
    return max(float(sigma**2 * dim + error - 2 * sigma**2 * trace), 0.0)


@guarded
def claimed_variance(sigma: Noise, trace: Trace) -> float:
    """The squared error E|f - x|^2 = σ^2 E tr J_f of every f that least squares has fitted in a
    linear class that contains y.

    As f - x is orthogonal to f and y, and E f'y = E f'x + σ^2 E tr J_f (Stein). Source: derived
    here.
    """
    return float(sigma**2 * trace)
