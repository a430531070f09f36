"""Expected functions of the eigenvalues of X^T X, X with independent standard normal entries, at
every size.

The n = min(d, k) nonzero eigenvalues have the joint density prod |s_i - s_j| prod s_i^((α-1)/2)
exp(-s_i/2) with α = |d - k|. De Bruijn's integration turns its mean densities into skew inner
products of the weight. In the basis L_j^(α)(s) of Laguerre polynomials these are so sparse that the
one-point density is explicit: the sum of n - 1 squared orthonormal Laguerre functions (that of
complex data) plus one product. Derived here from d/ds [s^((α+1)/2) exp(-s/2) L_j] = [(j + 1)
L_(j+1) - (j + α) L_(j-1)] s^((α-1)/2) exp(-s/2) / 2; the density is classical in random matrix
theory.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import POSITIVE, Count, Natural, guarded, require

_LARGEST_EDGE = (
    1000  # of (sqrt d + sqrt k)^2: far beyond it exp(-s/2) underflows inside the spectrum
)
_EDGE = "(sqrt d + sqrt k)^2 must be at most 1000 for the density, got d = {} and k = {}"
# sqrt of the largest eigenvalue exceeds sqrt d + sqrt k + t with a probability below exp(-t^2 / 2)
_TAIL = 10
_LOWEST_LOG = -87  # the integrand vanishes at least as sqrt(s), which is 1e-19 there


@guarded
def spectral_density(
    eigenvalues: Annotated[Float[np.ndarray, " points"], POSITIVE], d: Count, k: Count
) -> Float[np.ndarray, " points"]:
    """Mean number of nonzero eigenvalues of X^T X per unit length at each s > 0; it integrates to
    min(d, k).

    The relative error is a few 1e-16 times max(d, k). `ValueError` if (sqrt d + sqrt k)^2 > 1000.
    """
    from scipy.special import gammainc, gammaln

    require((np.sqrt(d) + np.sqrt(k)) ** 2 <= _LARGEST_EDGE, _EDGE.format(d, k))
    n = min(d, k)
    alpha = abs(d - k)
    root = np.sqrt(eigenvalues)
    # Orthonormal psi_j = sqrt(j! / Gamma(j+alpha+1)) s^(alpha/2) exp(-s/2) L_j, and the integral of
    # psi_j / sqrt(s) from 0 to s and to infinity.
    function = np.exp(alpha / 2 * np.log(eigenvalues) - eigenvalues / 2 - gammaln(alpha + 1) / 2)
    total = np.exp((alpha + 1) / 2 * np.log(2) + gammaln((alpha + 1) / 2) - gammaln(alpha + 1) / 2)
    integral = total * gammainc((alpha + 1) / 2, eigenvalues / 2)
    function_before = np.zeros_like(root)
    integral_before = np.zeros_like(root)
    total_before = 0.0
    squares = np.zeros_like(root)
    coupling = 0.0
    for j in range(n - 1):
        squares += function**2
        next_coupling = np.sqrt((j + 1) * (j + 1 + alpha))
        next_integral = (coupling * integral_before + 2 * root * function) / next_coupling
        next_function = (
            (2 * j + 1 + alpha - eigenvalues) * function - coupling * function_before
        ) / next_coupling
        total_before, total = total, coupling * total_before / next_coupling
        integral_before = integral
        integral = next_integral
        function_before = function
        function = next_function
        coupling = next_coupling
    constant = 1 / total if n % 2 == 1 else coupling * total_before / 4
    return squares + function / root * (constant - coupling * integral_before / 2)


@guarded
def expected_spectral_sum(
    function: Callable[[Float[np.ndarray, " points"]], Float[np.ndarray, " points"]],
    d: Count,
    k: Natural,
) -> float:
    """E sum_i f(s_i) over the min(d, k) nonzero eigenvalues s_i of X^T X, X standard normal with k
    rows, d columns.

    `function` maps an array of eigenvalues in (1e-38, (sqrt d + sqrt k + 10)^2] to as many finite
    numbers. It must be analytic in the right half-plane (as rational functions with poles at s <=
    0, powers and log s are), grow at most polynomially, and be no more singular at zero than
    s^(-|d-k|/2); then the trapezoidal rule in log s errs by rounding alone, a few 1e-16 times
    max(d, k) relative to E sum_i |f(s_i)|. `ValueError` if (sqrt d + sqrt k)^2 > 1000 or a value of
    `function` is not finite. Source: derived here.
    """
    if k == 0:
        return 0.0
    require((np.sqrt(d) + np.sqrt(k)) ** 2 <= _LARGEST_EDGE, _EDGE.format(d, k))
    highest_log = 2 * np.log(np.sqrt(d) + np.sqrt(k) + _TAIL)
    # The density has wave numbers up to about 2 max(d, k) in log s; the rule mistakes those from 2
    # pi / step on.
    step = 1 / (20 + max(d, k) / 2)
    eigenvalues = np.exp(highest_log - step * np.arange((highest_log - _LOWEST_LOG) // step + 1))
    values = np.asarray(function(eigenvalues))
    if values.shape != eigenvalues.shape or values.dtype.kind not in "fiu":
        raise ValueError(
            f"function must return a number for each of its {eigenvalues.size} points, got "
            f"{values.dtype} of shape "
            f"{values.shape}"
        )
    if not np.all(np.isfinite(values)):
        raise ValueError(
            f"function must be finite on the positive axis, got {values[~np.isfinite(values)][0]}"
        )
    return float(step * np.sum(values * eigenvalues * spectral_density(eigenvalues, d, k)))
