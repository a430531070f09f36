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
is a sixth moment. Student's t with 4 < ν < 6 degrees of freedom has none, and adds a term of order
d^(-(ν - 4)/2). Single coordinates as large as sqrt(d) are rare, but each of them moves the ratio by
a finite amount, which the linear response overestimates from five points on and underestimates at
three.

`eigenvalues` is the whole population spectrum in any order and unit, and `dim` is d. Laws are
returned for the first `n_components` entries, or for k = 1, ..., T - 1 at index k - 1. They raise
ValueError if the eigenvalues of these components are not positive or do not differ from all others.
"""

import warnings
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components, Dimension, NoiseSpectrum, Points, Spectrum
from theory.random_walk_pca.plain_walk import explained_variance_ratio
from theory_on_trial.contract import Interval, guarded, require


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
def combined_dimension(*dimensions: Dimension) -> float:
    """Return the dimension 1 / (1/d_1 + 1/d_2 + ...) that stands for the effective dimension of the
    noise and dimensions of random projections together.

    To first order a random projection to m dimensions acts as 1/d -> 1/d + 1/m. Raises ValueError
    if no dimension is given.
    """
    require(len(dimensions) > 0, "dimensions must hold at least one value, got none")
    return float(1 / sum(1 / dimension for dimension in dimensions))


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
def kurtosis_factor_ratio(
    n_points: Points, excess_kurtosis: Annotated[float, Interval(-2)]
) -> Float[np.ndarray, " components"]:
    """Return the factor that an excess kurtosis of the steps puts on the first-order variance of
    the sample ratio of component k. It is nearly 1 + kurtosis / (4T).

    The variance of l_k itself has the factor 1 + (kurtosis / 2) sum_j w_k(j)^4. This is 1 + 3
    kurtosis / (4T), but 1 + kurtosis / T at k = T/2, whose sine mode w_k lives on every second
    step. The part kurtosis / (2T), which all components share, cancels in the ratio. At T = 2 the
    factor is one. The steps must be isotropic, with independent coordinates of this excess
    kurtosis.
    """
    if n_points == 2:
        return np.ones(1)
    ratios = explained_variance_ratio(n_points)
    # Whether k is its own mirror T - k
    self_mirror = (2 * np.arange(1, n_points) == n_points).astype(float)
    square = 1 - 2 * ratios + np.sum(ratios**2)
    mirror = self_mirror - 2 * ratios[::-1] + np.sum(ratios * ratios[::-1])
    return 1 + excess_kurtosis / (4 * n_points) * (1 + mirror / square)


Freedom = Annotated[
    float, Interval(4.2, 5.8, why="a fourth moment and no sixth, neither by a hair")
]
_SMALL = 0.01  # below it the excess over the linear response is its leading term, u^3, to 1e-4


@guarded
def tail_shortfall(n_points: Points, freedom: Freedom) -> float:
    """Return the coefficient c of the tail's term in the variance of the first ratio, Var(ρ_1) =
    first order (1 + c d^(-(ν - 4)/2) + O(1/d)), for steps of Student's t with ν = `freedom` degrees
    of freedom.

    A coordinate of one step is x = sqrt(u d) with density (ν / 2) C (u d)^(-ν/2) / u, the tail of
    unit variance (C = 2 Gamma((ν + 1)/2) / (sqrt(ν π) Gamma(ν/2)) ν^((ν - 1)/2) (1 - 2/ν)^(ν/2)).
    It changes the Gram matrix of the centred positions from G to G + u a_j a_j' and the ratio by
    Δ_j(u), where the linear response says Δ_j'(0) u; c is the sum over steps j of the integral of
    Δ_j^2 - (Δ_j'(0) u)^2, over first order.
    """
    from scipy.integrate import quad
    from scipy.special import gammaln

    centring = np.eye(n_points) - 1 / n_points
    positions = centring @ np.tril(np.ones((n_points, n_points - 1)), -1)
    gram = positions @ positions.T
    values, vectors = np.linalg.eigh(gram)
    share = values[-1] / values.sum()
    logs = gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - np.log(freedom * np.pi) / 2
    tail = 2 * np.exp(logs) * freedom ** ((freedom - 1) / 2) * (1 - 2 / freedom) ** (freedom / 2)
    linear = (
        (vectors[:, -1] @ positions) ** 2 - share * np.sum(positions**2, axis=0)
    ) / values.sum()

    def excess(root: float) -> float:
        """Return the sum over j of Δ_j^2 - (Δ_j'(0) u)^2 at u = root^2."""
        grams = gram + root**2 * np.einsum("ij,kj->jik", positions, positions)
        spectra = np.linalg.eigvalsh(grams)
        shifts = spectra[:, -1] / spectra.sum(axis=1) - share
        return float(np.sum(shifts**2 - (linear * root**2) ** 2))

    integral = quad(lambda s: excess(s) * s ** (-freedom - 1), _SMALL, np.inf, limit=400)[0]
    integral += excess(_SMALL) * _SMALL**-freedom / (6 - freedom)
    kurtosis = 6 / (freedom - 4)
    response = (np.eye(len(values))[-1] - share) / values.sum()  # of the ratio to each eigenvalue
    first = 2 * np.sum((values * response) ** 2)
    return float(freedom * tail * integral / (first * kurtosis_factor_ratio(n_points, kurtosis)[0]))
