"""What a finite dimension does to the PCA of a linear process: bias, scatter and rotation of the
components.

With isotropic Gaussian steps in d dimensions the non-zero sample eigenvalues are those of Λ^(1/2) W
Λ^(1/2), with Λ the population spectrum and W a Wishart matrix of mean one and d degrees of freedom,
for every linear process. First order in 1/d is Lawley 1956 for the eigenvalues and derived here for
ratios and overlaps; there d may be the effective dimension of anisotropic noise. The second-order
terms are derived here by perturbation theory to fourth order (they need isotropic Gaussian steps);
their size says how far first order can be trusted.

`eigenvalues` is the whole population spectrum in any order and unit, `dim` is d, and laws are
returned for the first `n_components` entries. `ValueError` if their eigenvalues are not positive or
do not differ from all others.
"""

import warnings

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components, Dimension, Spectrum
from theory_on_trial.contract import guarded, require


@guarded
def eigenvalue_bias(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """First-order relative bias E[l_k] / λ_k - 1 = (1/d) sum_{j != k} λ_j / (λ_k - λ_j). Source:
    Lawley 1956.

    A Gaussian random projection to `dim` dimensions biases a trajectory of any law alike, by its
    own Gram spectrum.
    """
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return np.sum(ratio * gain, axis=1) / dim


@guarded
def eigenvalue_bias_second_order(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Next term of the relative bias, (1/d^2) sum_{j != k} λ_k λ_j^2 / (λ_k - λ_j)^3."""
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return np.sum(ratio**2 * gain**3, axis=1) / dim**2


@guarded
def eigenvalue_variance(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Relative variance of l_k to second order, (2/d)(1 - (1/d) sum_{j != k} (λ_j / (λ_k -
    λ_j))^2). Lawley 1956.
    """
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return 2 / dim * (1 - np.sum((ratio * gain) ** 2, axis=1) / dim)


@guarded
def mean_explained_variance_ratio(
    eigenvalues: Spectrum, dim: Dimension, n_components: Components
) -> Float[np.ndarray, " components"]:
    """First-order ρ_k (1 + (b_k - 2 ρ_k + 2q) / d), q = sum ρ_j^2, b_k / d `eigenvalue_bias`. Warns
    for d < 30.
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
    """Term of order 1/d^2 that `mean_explained_variance_ratio` leaves out, signed and in units of
    the ratio itself.
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
    """First-order sqrt((2/d) ρ_k^2 (1 - 2 ρ_k + q)) of the sample ratios, q = sum ρ_j^2. Warns
    below 30 dimensions.
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
    """First-order mean of 1 - (sample . population eigenvector)^2, (1/d) sum_{j != k} λ_j λ_k /
    (λ_j - λ_k)^2.

    The walk's deficit of cosine content; components beyond sqrt(d) are no cosines, and asking for
    them warns.
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
    """Signed term of order 1/d^2 that `overlap_deficit` leaves out, the derivative of the mean
    eigenvalue by λ_k inside the gaps alone: (3 m_4 - 2 m_3 + m_2 - m_1 m_2) / d^2, m_q = sum_{j !=
    k} λ_j λ_k^(q-1) / (λ_k - λ_j)^q.
    """
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    first, second, third, fourth = (np.sum(ratio * gain**power, axis=1) for power in (1, 2, 3, 4))
    return (3 * fourth - 2 * third + second - first * second) / dim**2


def _relative_gaps(
    eigenvalues: Float[np.ndarray, " spectrum"], n_components: int
) -> tuple[Float[np.ndarray, "components spectrum"], Float[np.ndarray, "components spectrum"]]:
    """λ_j / λ_k and λ_k / (λ_k - λ_j), both zero where j = k, for the leading k."""
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
            "ratio of a walk, "
            "and first order is not reliable",
            stacklevel=4,
        )
