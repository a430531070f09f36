"""What a denoiser knows about its own errors: posterior moments as derivatives of the posterior
mean.

Manor & Michaeli 2024, "On the Posterior Distribution in Denoising: Application to Uncertainty
Quantification", ICLR 2024, arXiv 2309.13598. Its abstract and its released code were read, the
univariate recursion in a public summary; the tensor and directional forms are recalled and were
checked, the rest was derived for this collection.
"""

from math import comb
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float

from theory_on_trial.contract import (
    NON_NEGATIVE,
    POSITIVE,
    USABLE_SCALE,
    Count,
    Interval,
    guarded,
    require,
)

Noise = Annotated[float, Interval(1e-50, 1e50, why="its powers must be numbers too")]
"""σ, the standard deviation of the noise, in the unit of x and y."""
Derivatives = Annotated[Float[np.ndarray, "*batch orders"], USABLE_SCALE]
"""μ_1', μ_1'', ... at y, along the last axis; the n-th in unit^(1 - n)."""
Jacobian = Annotated[Float[np.ndarray, "dim dim"], USABLE_SCALE]
"""d μ_1 / d y at y, dimensionless."""
Selected = Bool[np.ndarray, " dim"]
"""Which coordinates make up the region."""
Spectrum = Annotated[Float[np.ndarray, " dim"], POSITIVE]
"""Eigenvalues, in any order."""
Rank = Count
"""r, how many leading directions are wanted."""
Stencil = Literal["central", "one-sided"]
"""At -3/2, -1/2, 1/2, 3/2 steps, or at -1, 0, 1, 2 steps from y."""
Step = Annotated[float, POSITIVE]
"""c, in the unit of y."""
MeanSquare = Annotated[float, NON_NEGATIVE]
"""In the squared unit of x."""


@guarded
def posterior_covariance(jacobian: Jacobian, sigma: Noise) -> Float[np.ndarray, "dim dim"]:
    """The posterior covariance Cov(x | y) = σ^2 J, in squared units. Source: Manor & Michaeli 2024,
    recalled; Tweedie's second formula.
    """
    return sigma**2 * jacobian


@guarded
def masked_components(
    jacobian: Jacobian, sigma: Noise, mask: Selected
) -> tuple[Float[np.ndarray, " kept"], Float[np.ndarray, "kept kept"]]:
    """The posterior variances of the coordinates of a mask given all of y, in falling order, and
    their directions, as columns.

    By the principal submatrix of σ^2 J, symmetrised; ValueError for an empty mask. Source: the
    released code's mask.
    """
    require(mask.any(), "mask must select at least one coordinate")
    covariance = sigma**2 * jacobian[np.ix_(mask, mask)]
    variances, directions = np.linalg.eigh((covariance + covariance.T) / 2)
    return variances[::-1], directions[:, ::-1]


@guarded
def contraction(eigenvalues: Spectrum, rank: Rank) -> float:
    """The factor λ_(r+1) / λ_r by which one round of subspace iteration shrinks the tangent of the
    largest angle.

    The angle is that to the span of the r leading eigenvectors of a symmetric matrix; no start does
    worse, and nearly all come to this factor. Raises ValueError unless more than r eigenvalues are
    given. Source: standard.
    """
    require(
        rank < len(eigenvalues),
        f"rank must be less than the {len(eigenvalues)} eigenvalues, got {rank}",
    )
    falling = np.sort(eigenvalues)[::-1]
    return float(falling[rank] / falling[rank - 1])


Derivative = Annotated[float, Interval(-1e100, 1e100)]
EPSILON = 2.0**-52


@guarded
def step_error(sigma: Noise, derivative: Derivative, step: Step, stencil: Stencil) -> float:
    """The error of the step, to first order and in unit^4: σ^6 μ_1^(5) c^2 / 8 for differences at
    -3/2, -1/2, 1/2, 3/2 steps c, and σ^6 μ_1^(4) c / 2 at -1, 0, 1, 2 steps.

    `derivative` is the fifth of μ_1 along the line for "central" (`_calc_fourth_moments` of the
    released code), the fourth for "one-sided" (its notebook). Source: Taylor's theorem, on their
    stencils.
    """
    size = step**2 / 8 if stencil == "central" else step / 2
    return float(np.float64(sigma) ** 6 * derivative * size)


@guarded
def rounding_error(sigma: Noise, mean: Derivative, step: Step) -> float:
    """The rounding error 8 ε |μ_1| σ^6 / c^3 of weights 1, 3, 3, 1, with ε = 2^-52; an order of
    magnitude, in unit^4. Source: derived here.
    """
    return float(
        8 * EPSILON * abs(np.float64(mean)) * np.float64(sigma) ** 6 / np.float64(step) ** 3
    )


@guarded
def iteration_error(
    sigma: Noise, cumulant: Derivative, step: Step, stencil: Literal["forward", "central"]
) -> float:
    """The error of a posterior variance, to first order and in unit^2, if power iteration uses
    differences of μ_1.

    c κ_3 / (2 σ^2) at 0 and c ("forward"), c^2 κ_4 / (6 σ^4) at -c and c, `cumulant` being κ_3 or
    κ_4 of x along the principal direction given y. To first order the fixed point of v -> F(v) /
    |F(v)|, F(v) = J v + c D^2 μ_1[v, v] / 2, changes its length by that along v alone. Source:
    derived here.
    """
    share = step / sigma**2
    return float(cumulant * share / 2 if stencil == "forward" else cumulant * share**2 / 6)


@guarded
def tweedie_mean(
    y: Annotated[Float[np.ndarray, " dim"], USABLE_SCALE],
    score: Annotated[Float[np.ndarray, " dim"], USABLE_SCALE],
    sigma: Noise,
) -> Float[np.ndarray, " dim"]:
    """The posterior mean μ_1 = y + σ^2 s, where s is the gradient of log p(y), in 1 / unit. Source:
    Tweedie's formula.
    """
    return y + sigma**2 * score


@guarded
def central_moments(derivatives: Derivatives, sigma: Noise) -> Float[np.ndarray, "*batch orders"]:
    """The moments μ_2, μ_3, ... about the posterior mean, in unit^k: μ_(k+1) = σ^2 μ_k' + k μ_(k-1)
    μ_2, where μ_1 = 0 is the first central moment.

    `derivatives` are of μ_1(y), or of v'μ_1(y + t v) in t for a unit vector v, whose moments these
    are then. Source: Manor & Michaeli 2024, as recalled; that the first central moment in it is 0
    decides μ_3.

    >>> central_moments([0.5, 0.0, 0.0], 1.0).tolist()
    [0.5, 0.0, 0.75]
    """
    variance = sigma**2 * derivatives  # and the derivatives of it
    moments = [np.zeros_like(variance), variance]
    for k in range(2, derivatives.shape[-1] + 1):
        order = moments[-1].shape[-1] - 1
        product = [_product(moments[-2], variance, j) for j in range(order)]
        moments.append(sigma**2 * moments[-1][..., 1:] + k * np.stack(product, axis=-1))
    return np.stack([moment[..., 0] for moment in moments[1:]], axis=-1)


def _product(
    first: Float[np.ndarray, "*batch n"], second: Float[np.ndarray, "*batch m"], order: int
) -> Float[np.ndarray, "*batch"]:
    """The derivative of a product, by Leibniz' rule."""
    terms = (comb(order, i) * first[..., i] * second[..., order - i] for i in range(order + 1))
    return np.asarray(sum(terms))


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


Matrix = Annotated[Float[np.ndarray, "dim dim"], USABLE_SCALE]
Third = Annotated[Float[np.ndarray, "dim dim dim"], USABLE_SCALE]
Fourth = Annotated[Float[np.ndarray, "dim dim dim dim"], USABLE_SCALE]


@guarded
def third_moment_tensor(covariance_derivative: Third, sigma: Noise) -> Third:
    """The third central moment [μ_3]_ijk = σ^2 d[μ_2]_ij / dy_k at [i, j, k], in unit^3. Source:
    Manor & Michaeli 2024, as recalled.
    """
    return sigma**2 * covariance_derivative


@guarded
def fourth_moment_tensor(third_derivative: Fourth, covariance: Matrix, sigma: Noise) -> Fourth:
    """The fourth central moment [μ_4]_ijkl = σ^2 d[μ_3]_ijk / dy_l + μ_2jk μ_2il + μ_2ik μ_2jl +
    μ_2ij μ_2kl, in unit^4.

    `covariance` is μ_2. Source: Manor & Michaeli 2024, multivariate form, as recalled.
    """
    pairs = np.einsum("ij,kl->ijkl", covariance, covariance)
    pairings = (
        pairs
        + np.einsum("ik,jl->ijkl", covariance, covariance)
        + np.einsum("jk,il->ijkl", *[covariance] * 2)
    )
    return sigma**2 * third_derivative + pairings
