"""What a finite dimension does to the PCA of a linear process: bias, scatter and rotation of the components.

With isotropic Gaussian steps in d dimensions the non-zero sample eigenvalues are those of Lambda^(1/2) W Lambda^(1/2),
with Lambda the population spectrum and W a Wishart matrix of mean one and d degrees of freedom, for every linear
process. First order in 1/d is Lawley 1956 for the eigenvalues and derived here for ratios and overlaps; there d may be
the effective dimension of anisotropic noise. The second-order terms are derived here by perturbation theory to fourth
order (they need isotropic Gaussian steps); their size says how far first order can be trusted.

`eigenvalues` is the whole population spectrum in any order and any unit, `dim` is d > 0 and need not be an integer, and
laws are returned for the first `n_components` entries. Their eigenvalues must be positive and differ from all others.
Everything raises `ValueError` otherwise.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._validation import check_components, check_spectrum
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_integer, check_positive


@validated
def eigenvalue_bias(
    eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int, n_components: int
) -> Float[np.ndarray, " components"]:
    """First-order relative bias E[l_k] / lambda_k - 1 = (1/d) sum_{j != k} lambda_j / (lambda_k - lambda_j).

    A Gaussian random projection to `dim` dimensions biases a recorded trajectory, of any law, in the same way: then
    `eigenvalues` are those of its own Gram matrix. Source: Lawley 1956.
    """
    check_positive("dim", dim)
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return np.sum(ratio * gain, axis=1) / dim


@validated
def eigenvalue_bias_second_order(
    eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int, n_components: int
) -> Float[np.ndarray, " components"]:
    """Next term of the relative bias, (1/d^2) sum_{j != k} lambda_k lambda_j^2 / (lambda_k - lambda_j)^3.

    Source: derived here.
    """
    check_positive("dim", dim)
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return np.sum(ratio**2 * gain**3, axis=1) / dim**2


@validated
def eigenvalue_variance(
    eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int, n_components: int
) -> Float[np.ndarray, " components"]:
    """Relative variance of l_k to second order, (2/d)(1 - (1/d) sum_{j != k} (lambda_j / (lambda_k - lambda_j))^2).

    Source: Lawley 1956. Eigenvalues of different components are uncorrelated to first order.
    """
    check_positive("dim", dim)
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return 2 / dim * (1 - np.sum((ratio * gain) ** 2, axis=1) / dim)


@validated
def mean_explained_variance_ratio(
    eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int, n_components: int
) -> Float[np.ndarray, " components"]:
    """First-order mean of the sample ratios, rho_k (1 + (b_k - 2 rho_k + 2q) / d), with q = sum rho_j^2.

    Here b_k / d is `eigenvalue_bias`. Warns below 30 dimensions. Source: derived here.
    """
    _warn_below_thirty(dim)
    bias = eigenvalue_bias(eigenvalues, dim, n_components)
    ratios = eigenvalues / eigenvalues.sum()
    leading = ratios[:n_components]
    return leading * (1 + bias + 2 * (np.sum(ratios**2) - leading) / dim)


@validated
def explained_variance_ratio_second_order(
    eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int, n_components: int
) -> Float[np.ndarray, " components"]:
    """Term of order 1/d^2 that `mean_explained_variance_ratio` leaves out, signed and in units of the ratio itself.

    Source: derived here.
    """
    bias = dim * eigenvalue_bias(eigenvalues, dim, n_components)
    eigenvalue_term = dim**2 * eigenvalue_bias_second_order(eigenvalues, dim, n_components)
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    ratios = eigenvalues / eigenvalues.sum()
    leading = ratios[:n_components]
    squares, cubes = np.sum(ratios**2), np.sum(ratios**3)
    own_trace = leading * np.sum(ratio * gain - ratio * gain**2, axis=1)
    other_traces = np.sum(ratios * (ratio * gain + (ratio * gain) ** 2), axis=1)
    with_trace = 2 * (own_trace + other_traces)
    with_trace_squared = 8 * leading**2 + 2 * squares * bias
    of_trace = 12 * squares**2 - 8 * cubes - 12 * leading * squares
    return leading * (eigenvalue_term - with_trace + with_trace_squared + of_trace) / dim**2


@validated
def explained_variance_ratio_std(
    eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int
) -> Float[np.ndarray, " spectrum"]:
    """First-order standard deviations sqrt((2/d) rho_k^2 (1 - 2 rho_k + q)) of all sample ratios, q = sum rho_j^2.

    Warns below 30 dimensions. Source: derived here.
    """
    _warn_below_thirty(dim)
    check_positive("dim", dim)
    check_spectrum("eigenvalues", eigenvalues)
    ratios = eigenvalues / eigenvalues.sum()
    # The square (1 - rho_k)^2 + sum over the others of rho_j^2 cannot cancel below zero when one component has it all.
    others = np.maximum(np.sum(ratios**2) - ratios**2, 0)
    return ratios * np.sqrt(2 / dim * ((1 - ratios) ** 2 + others))


@validated
def explained_variance_sum_std(
    eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int, components: Sequence[int]
) -> float:
    """First-order standard deviation sqrt((2/d)(Q - 2PQ + P^2 q)) of the sum of the sample ratios in `components`.

    `components` are distinct k = 1, 2, ... into `eigenvalues`; P and Q are the sums of rho_k and rho_k^2 over them, and
    q is the sum of all rho_k^2. Warns below 30 dimensions. Source: derived here.
    """
    _warn_below_thirty(dim)
    check_positive("dim", dim)
    check_spectrum("eigenvalues", eigenvalues)
    chosen = np.zeros(eigenvalues.size, dtype=bool)
    for component in components:
        check_integer("each of components", component)
        if not 1 <= component <= eigenvalues.size:
            raise ValueError(f"components must be between 1 and {eigenvalues.size}, got {component}")
        chosen[component - 1] = True
    if chosen.sum() != len(components):
        raise ValueError(f"components must be distinct, got {components}")
    ratios = eigenvalues / eigenvalues.sum()
    share = ratios[chosen].sum()
    # The sum is a ratio of two independent sums in the first order: Q (1 - P)^2 inside, P^2 (q - Q) outside.
    variance = np.sum(ratios[chosen] ** 2) * (1 - share) ** 2 + share**2 * np.sum(ratios[~chosen] ** 2)
    return float(np.sqrt(2 / dim * variance))


@validated
def overlap_deficit(
    eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int, n_components: int
) -> Float[np.ndarray, " components"]:
    """First-order mean of 1 - (sample eigenvector . population eigenvector)^2.

    It is (1/d) sum_{j != k} lambda_j lambda_k / (lambda_j - lambda_k)^2. For the walk this is the expected deficit of
    the cosine content; components beyond sqrt(d) are no longer cosines there, and asking for them warns.
    Source: derived here.
    """
    check_positive("dim", dim)
    if n_components > np.sqrt(dim):
        warnings.warn(
            f"PC {n_components} is not expected to be a cosine: it lies beyond sqrt(dim) = {np.sqrt(dim):.3g}",
            stacklevel=3,
        )
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    return np.sum(ratio * gain**2, axis=1) / dim


@validated
def overlap_deficit_second_order(
    eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int, n_components: int
) -> Float[np.ndarray, " components"]:
    """Term of order 1/d^2 that `overlap_deficit` leaves out, signed.

    It is (3 m_4 - 2 m_3 + m_2 - m_1 m_2) / d^2, m_q = sum_{j != k} lambda_j lambda_k^(q-1) / (lambda_k - lambda_j)^q.
    Source: derived here, as the derivative of the mean eigenvalue by lambda_k inside the gaps alone.
    """
    check_positive("dim", dim)
    ratio, gain = _relative_gaps(eigenvalues, n_components)
    first, second, third, fourth = (np.sum(ratio * gain**power, axis=1) for power in (1, 2, 3, 4))
    return (3 * fourth - 2 * third + second - first * second) / dim**2


@validated
def required_dimension(
    eigenvalues: Float[np.ndarray, " spectrum"], tolerance: float, standard_errors: float | int = 5
) -> Float[np.ndarray, " spectrum"]:
    """Runs times dimension needed for the mean sample ratio of each component to have its standard error times
    `standard_errors` within the absolute `tolerance`; not rounded.

    A single run needs this dimension; with n runs, n times d must reach it, and the bias of order 1/d must be corrected
    or small beside the tolerance. Source: derived here.
    """
    check_positive("tolerance", tolerance)
    check_positive("standard_errors", standard_errors)
    check_spectrum("eigenvalues", eigenvalues)
    scaled_std = 10 * explained_variance_ratio_std(eigenvalues, 100)  # std times sqrt(d) does not depend on d
    return (standard_errors * scaled_std / tolerance) ** 2


def _relative_gaps(
    eigenvalues: Float[np.ndarray, " spectrum"], n_components: int
) -> tuple[Float[np.ndarray, "components spectrum"], Float[np.ndarray, "components spectrum"]]:
    """lambda_j / lambda_k and lambda_k / (lambda_k - lambda_j), both zero where j = k, for the leading k."""
    check_spectrum("eigenvalues", eigenvalues)
    check_components(n_components, eigenvalues.size)
    leading = eigenvalues[:n_components, None]
    if np.any(leading <= 0):
        raise ValueError(f"the first {n_components} eigenvalues must be positive, got {leading[:, 0]}")
    gaps = leading - eigenvalues
    itself = np.eye(n_components, eigenvalues.size, dtype=bool)
    if np.any((gaps == 0) & ~itself):
        raise ValueError(f"the first {n_components} eigenvalues must differ from all others, got a repeated one")
    gain = np.divide(leading, gaps, out=np.zeros_like(gaps), where=~itself)
    return np.where(itself, 0.0, eigenvalues / leading), gain


def _warn_below_thirty(dim: float | int) -> None:
    if dim < 30:
        warnings.warn(
            f"dim = {dim:.3g} is below 30: the finite-dimension scatter exceeds 7 % on the first ratio of a walk, "
            "and first order is not reliable",
            stacklevel=4,
        )
