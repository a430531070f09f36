"""The effects of a finite dimension on the PCA of a linear process: bias, scatter and rotation of
the components.

With isotropic Gaussian steps in d dimensions the non-zero sample eigenvalues are those of Λ^(1/2) W
Λ^(1/2), for every linear process. Λ is the population spectrum and W a Wishart matrix of mean one
and d degrees of freedom. The first order in 1/d is that of Lawley 1956 for the eigenvalues, and
derived here for ratios and overlaps; there d may be the effective dimension of anisotropic noise,
whatever its rank. The second-order terms are derived here by perturbation theory to fourth order,
and need isotropic Gaussian steps; their size says how far the first order can be trusted. For the
plain walk Lawley's sum is closed by the zeros x_k = cos(π k / T) of Chebyshev's polynomial U_{T-1}
and its differential equation.

Of the law of the steps only the fourth moment enters to first order. The next order is 1/d if there
is a sixth moment. `trace_cdf` is the law of a weighted sum of chi-squares, such as the total
variance of a walk.

`eigenvalues` is the whole population spectrum in any order and unit, and `dim` is d. Laws are
returned for the first `n_components` entries, or for k = 1, ..., T - 1 at index k - 1. They raise
ValueError if the eigenvalues of these components are not positive or do not differ from all others.
"""

import warnings
from typing import Annotated

import numpy as np
from jaxtyping import Complex, Float

from theory.random_walk_pca.domains import Components, Dimension, NoiseSpectrum, Points, Spectrum
from theory.random_walk_pca.plain_walk import explained_variance_ratio
from theory_on_trial.contract import LONGEST, Interval, guarded, require


@guarded
def eigenvalue_bias(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the relative bias E[l_k] / λ_k - 1 of the sample eigenvalues l_k to first order: (1/d)
    sum_{j != k} λ_j / (λ_k - λ_j). Source: Lawley 1956.

    A Gaussian random projection to `dim` dimensions biases a trajectory of any law in the same way,
    by its own Gram spectrum.
    """
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return np.sum(ratio * gain, axis=1) / dim


@guarded
def eigenvalue_bias_second_order(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the second-order term of the relative bias: (1/d^2) sum_{j != k} λ_k λ_j^2 / (λ_k -
    λ_j)^3.
    """
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return np.sum(ratio**2 * gain**3, axis=1) / dim**2


@guarded
def eigenvalue_variance(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the relative variance of the sample eigenvalue l_k to second order: (2/d)(1 - (1/d)
    sum_{j != k} (λ_j / (λ_k - λ_j))^2). Source: Lawley 1956.
    """
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return 2 / dim * (1 - np.sum((ratio * gain) ** 2, axis=1) / dim)


@guarded
def mean_explained_variance_ratio(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the mean of the sample ratios to first order: ρ_k (1 + (b_k - 2 ρ_k + 2q) / d), with q
    = sum ρ_j^2 and b_k / d the `eigenvalue_bias`. Warns for d < 30.
    """
    _warn_below_thirty(dim)
    bias = eigenvalue_bias(eigenvalues, dim, n_components)
    ratios = eigenvalues / eigenvalues.sum()
    leading = ratios[:n_components]
    return leading * (1 + bias + 2 * (np.sum(ratios**2) - leading) / dim)


@guarded
def explained_variance_ratio_second_order(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the term of order 1/d^2 that `mean_explained_variance_ratio` leaves out, with its sign
    and in units of the ratio itself.
    """
    bias = dim * eigenvalue_bias(eigenvalues, dim, n_components)
    eigenvalue_term = dim**2 * eigenvalue_bias_second_order(eigenvalues, dim, n_components)
    ratios = eigenvalues / eigenvalues.sum()
    leading = ratios[:n_components]
    squares = np.sum(ratios**2)
    cubes = np.sum(ratios**3)
    with_trace_squared = 8 * leading**2 + 2 * squares * bias
    of_trace = 12 * squares**2 - 8 * cubes - 12 * leading * squares
    return leading * (eigenvalue_term + with_trace_squared + of_trace) / dim**2


@guarded
def explained_variance_ratio_std(
    eigenvalues: Spectrum, dim: Dimension
) -> Float[np.ndarray, " spectrum"]:
    """Return the standard deviation of the sample ratios to first order: sqrt((2/d) ρ_k^2 (1 - 2
    ρ_k + q)), with q = sum ρ_j^2. Warns for d < 30.
    """
    _warn_below_thirty(dim)
    ratios = eigenvalues / eigenvalues.sum()
    # The square (1 - rho_k)^2 + sum over the others of rho_j^2 cannot cancel below zero when one
    # component has it all.
    remainder = np.maximum(np.sum(ratios**2) - ratios**2, 0)
    return ratios * np.sqrt(2 / dim * ((1 - ratios) ** 2 + remainder))


@guarded
def overlap_deficit(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the mean of 1 - (sample . population eigenvector)^2 to first order: (1/d) sum_{j != k}
    λ_j λ_k / (λ_j - λ_k)^2.

    For the walk it is the deficit of cosine content. Components beyond sqrt(d) are no cosines, and
    asking for them warns.
    """
    if n_components > np.sqrt(dim):
        warnings.warn(
            f"PC {n_components} is not expected to be a cosine: it lies beyond sqrt(dim) = "
            f"{np.sqrt(dim):.3g}",
            stacklevel=3,
        )
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return np.sum(ratio * gain**2, axis=1) / dim


@guarded
def overlap_deficit_second_order(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the term of order 1/d^2 that `overlap_deficit` leaves out, with its sign: (3 m_4 - 2
    m_3 + m_2 - m_1 m_2) / d^2, where m_q = sum_{j != k} λ_j λ_k^(q-1) / (λ_k - λ_j)^q.

    It is the derivative of the mean eigenvalue by λ_k inside the gaps alone.
    """
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    first, second, third, fourth = (np.sum(ratio * gain**power, axis=1) for power in (1, 2, 3, 4))
    return (3 * fourth - 2 * third + second - first * second) / dim**2


def _relative_gaps(
    eigenvalues: Float[np.ndarray, " spectrum"], n_components: int
) -> tuple[Float[np.ndarray, "components spectrum"], Float[np.ndarray, "components spectrum"]]:
    """Return λ_j / λ_k and λ_k / (λ_k - λ_j) for the leading k, both zero where j = k."""
    count = eigenvalues.size
    require(
        n_components <= count,
        f"n_components must be at most {count}, the number of eigenvalues, got {n_components}",
    )
    leading = eigenvalues[:n_components, None]
    require(
        np.all(leading > 0),
        f"the first {n_components} eigenvalues must be positive, got {leading.min()}",
    )
    gaps = leading - eigenvalues
    itself = np.eye(n_components, eigenvalues.size, dtype=bool)
    repeated = np.any((gaps == 0) & ~itself)
    require(
        not repeated,
        f"the first {n_components} eigenvalues must differ from all others, got a repeated one",
    )
    gain = np.divide(leading, gaps, out=np.zeros_like(gaps), where=~itself)
    return np.where(itself, 0.0, eigenvalues / leading), gain


def _warn_below_thirty(dim: float) -> None:
    if dim < 30:
        warnings.warn(
            f"dim = {dim:.3g} is below 30: the finite-dimension scatter exceeds 7 % on the first "
            "ratio of a walk, and first order is not reliable",
            stacklevel=4,
        )


@guarded
def effective_dimension(noise_spectrum: NoiseSpectrum) -> float:
    """Return the effective dimension (tr Σ)^2 / tr(Σ^2), in [1, d], of noise with this spectrum. It
    takes the place of d in every first-order law.
    """
    relative = noise_spectrum / noise_spectrum.max()
    return float(relative.sum() ** 2 / np.sum(relative**2))


@guarded
def eigenvalue_bias_coefficient(n_points: Points) -> Float[np.ndarray, " components"]:
    """Return the coefficient b_k of the walk's eigenvalue bias, E[l_k] / λ_k = 1 + b_k / d + O(k^2
    / d^2): b_k = (3/2) x_k / (1 + x_k) with x_k = cos(π k / T). Source: Lawley 1956, summed here.
    It tends to 3/4 as T grows.
    """
    # (1 + x_k) / 2 = cos^2(pi k / 2T), without cancellation near k = T.
    half_angle_cosine = np.sin(np.pi * np.arange(n_points - 1, 0, -1) / (2 * n_points))
    return 1.5 - 0.75 / half_angle_cosine**2


@guarded
def kurtosis_factor(
    n_points: Annotated[int, Interval(3, LONGEST, why="of two points there is one component")],
    excess_kurtosis: Annotated[float, Interval(-2)],
) -> float:
    """Return the factor that an excess kurtosis of the steps puts on the first-order variance of
    the first sample ratio. It is nearly 1 + kurtosis / (4T).

    The variance of l_1 itself has the factor 1 + 3 kurtosis / (4T). The part kurtosis / (2T), which
    all components share, cancels in the ratio. The steps must be isotropic, with independent
    coordinates of this excess kurtosis.
    """
    ratios = explained_variance_ratio(n_points)
    square = 1 - 2 * ratios[0] + ratios @ ratios
    mirror = ratios @ ratios[::-1] - 2 * ratios[-1]
    return float(1 + excess_kurtosis / (4 * n_points) * (1 + mirror / square))


@guarded
def trace_cdf(
    total: Float[np.ndarray, " totals"], eigenvalues: Spectrum, dim: Dimension
) -> Float[np.ndarray, " totals"]:
    """Return the probability that sum_k λ_k χ^2_d <= total, for independent chi-squares of `dim`
    degrees of freedom.

    The absolute error is rounding alone, about 1e-17 (10 + n d) for n eigenvalues. The probability
    is the inverse Laplace transform of prod_k (1 + 2 s λ_k)^(-d/2) / s. It is computed by the
    trapezoidal rule on a hyperbola through the saddle point that bends away from the branch points
    (Imhof 1961 integrates along the imaginary axis instead).
    """
    weights = 2 * eigenvalues[eigenvalues > 0] / eigenvalues.max()
    probability = np.zeros(total.shape)
    for position in np.flatnonzero(total > 0):
        probability[position] = _invert(float(total[position] / eigenvalues.max()), weights, dim)
    return np.clip(probability, 0, 1)


def _invert(value: float, weights: Float[np.ndarray, " spectrum"], dim: float) -> float:
    from scipy.optimize import brentq
    from scipy.special import exp1

    if dim * weights.size < 1e-12:  # of so few degrees of freedom the first order is exact
        return float(1 - dim / 2 * np.sum(exp1(value / weights)))
    # Derivative of the log integrand times `point`: negative at 1 / value, positive once every term
    # is bounded.
    saddle = brentq(
        lambda point: float(
            value * point - 1 - dim / 2 * np.sum(weights * point / (1 + weights * point))
        ),
        1 / value,
        (2 + dim * weights.size)
        / value,  # beyond every sum, with more to spare than rounding takes
        xtol=1e-300,
        rtol=1e-6,
    )
    curvature = dim / 2 * np.sum((weights / (1 + weights * saddle)) ** 2) + saddle**-2
    width = 1 / np.sqrt(curvature)
    step = 1 / 16
    steps = step * np.arange(144)  # beyond nine widths the integrand is below 1e-16 of its peak
    bend = 0.5
    point: Complex[np.ndarray, " nodes"] = saddle + width * (
        1j * np.sinh(steps) - bend * (np.cosh(steps) - 1)
    )
    tangent = width * (1j * np.cosh(steps) - bend * np.sinh(steps))
    log_transform = -dim / 2 * np.sum(np.log1p(np.outer(point, weights)), axis=1)
    integrand = np.imag(np.exp(log_transform + point * value) / point * tangent)
    return float(step / np.pi * (integrand.sum() - integrand[0] / 2))
