"""Expected risks over the prompt of least squares, ridge regression, the Bayes predictor, one
gradient step and one pass of SGD, exact at every size.

Examples x ~ N(0, I_d), weights w ~ N(0, τ^2 I_d), labels y = w^T x + noise of standard deviation σ;
k examples. A risk is E |w_hat - w|^2, which is the excess prediction risk at a fresh x. τ =
`weight_std`, σ = `noise_std`, α = `step`; gradients are sums over the examples of the squared
error, as in Akyurek et al. 2023 (arXiv 2211.15661). All laws are derived here. Those of ridge
regression, and of the Bayes predictor, which is ridge regression with λ* = σ^2 / τ^2 (equation 19),
are sums over the spectrum of X^T X: one quadrature each, `expected_spectral_sum`, whose range of d
and k holds. `ValueError` if d < 1, k < 0, or a regulariser or standard deviation is negative or not
finite.

The n = min(d, k) nonzero eigenvalues of X^T X have the joint density prod |s_i - s_j| prod
s_i^((α-1)/2) exp(-s_i/2) with α = |d - k|. De Bruijn's integration turns its mean densities into
skew inner products of the weight. In the basis L_j^(α)(s) of Laguerre polynomials these are so
sparse that the one-point density is explicit: the sum of n - 1 squared orthonormal Laguerre
functions (that of complex data) plus one product. Derived here from d/ds [s^((α+1)/2) exp(-s/2)
L_j] = [(j + 1) L_(j+1) - (j + α) L_(j-1)] s^((α-1)/2) exp(-s/2) / 2; the density is classical in
random matrix theory.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.in_context_learning.domains import Prefixes
from theory_on_trial.contract import POSITIVE, Count, Natural, NonNegative, guarded, require


@guarded
def ols_risk(
    d: Count, k: Natural, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """The risk τ^2 (d - k)_+ + σ^2 E tr (X^T X)^+ of minimum-norm least squares. Without noise it
    is also its distance from the label, the curve (OLS, Y) of Figure 1.

    The mean trace is k / (d - k - 1) if k < d - 1, d / (k - d - 1) if k > d + 1, infinite between,
    and zero for k = 0.
    """
    unseen = float(weight_std**2 * max(d - k, 0))
    if noise_std == 0 or k == 0:
        return unseen
    if abs(d - k) <= 1:
        return np.inf
    return unseen + noise_std**2 * min(d, k) / (abs(d - k) - 1)


@guarded
def gradient_step_risk(
    d: Count,
    k: Natural,
    step: NonNegative,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """The risk τ^2 d (1 - 4 α k) + 4 α^2 k d [(k + d + 1) τ^2 + σ^2] of one batch step from zero,
    w_hat = 2 α X^T Y.
    """
    square = (k + d + 1) * weight_std**2 + noise_std**2
    return float(weight_std**2 * d * (1 - 4 * step * k) + 4 * step**2 * k * d * square)


@guarded
def best_step(
    d: Count, k: Natural, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """The step 1 / (2 (k + d + 1 + σ^2 / τ^2)) of least `gradient_step_risk`. Raises `ValueError`
    also if τ = σ = 0.
    """
    require(
        weight_std > 0 or noise_std > 0,
        "weight_std and noise_std must not both be 0: no step is the best then",
    )
    return float(weight_std**2 / (2 * ((k + d + 1) * weight_std**2 + noise_std**2)))


@guarded
def best_step_risk(
    d: Count, k: Natural, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """The risk τ^2 d (1 - k / (k + d + 1 + σ^2 / τ^2)) of the best step. Raises `ValueError` also
    if τ and σ are both zero.
    """
    return weight_std**2 * d * (1 - 2 * k * best_step(d, k, weight_std, noise_std))


@guarded
def spd_gradient_step_to_ols(
    d: Count, k: Natural, step: NonNegative, weight_std: NonNegative = 1.0
) -> float:
    """The mean squared distance E |w_GD - w_OLS|^2 on noiseless labels: `gradient_step_risk` - τ^2
    (d - k)_+, since both lie in the row space of X.
    """
    return gradient_step_risk(d, k, step, weight_std) - ols_risk(d, k, weight_std)


@guarded
def sgd_stability_limit(d: Count) -> float:
    """The step 1 / (d + 2) beyond which the risk of SGD grows without bound. At it, noise adds 4
    α^2 σ^2 d per example.
    """
    return 1 / (d + 2)


@guarded
def sgd_risk(
    d: Count,
    k: Natural,
    step: NonNegative,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """The risk ρ^k τ^2 d + 4 α^2 σ^2 d (1 + ρ + ... + ρ^(k-1)) of one pass of SGD from 0 with the
    steps w - 2 α x (x^T w - y), where ρ = 1 - 4 α + 4 α^2 (d + 2).
    """
    contraction = 1 - 4 * step + 4 * step**2 * (d + 2)
    powers = float(contraction) ** np.arange(k + 1)
    return float(d * (weight_std**2 * powers[k] + 4 * step**2 * noise_std**2 * powers[:k].sum()))


@guarded
def spd_sgd_to_ols(d: Count, k: Natural, step: NonNegative, weight_std: NonNegative = 1.0) -> float:
    """The mean of |w_SGD - w_OLS|^2 on noiseless labels, τ^2 [d ρ^k - (d - k)_+]."""
    return sgd_risk(d, k, step, weight_std) - ols_risk(d, k, weight_std)


@guarded
def bayes_risk(
    d: Count, k: Natural, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """The least risk of any predictor, E tr (I / τ^2 + X^T X / σ^2)^-1. It is τ^2 (d - k)_+ without
    noise, and 0 for τ = 0.
    """
    unseen = weight_std**2 * max(d - k, 0)
    if noise_std == 0 or weight_std == 0:
        return float(unseen)
    ratio = noise_std**2 / weight_std**2
    return unseen + noise_std**2 * expected_spectral_sum(lambda s: 1 / (s + ratio), d, k)


@guarded
def ridge_expected_risk(
    regulariser: NonNegative,
    d: Count,
    k: Natural,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """The risk τ^2 (d - k)_+ + E sum_i (τ^2 λ^2 + σ^2 s_i) / (s_i + λ)^2 of ridge regression. At λ
    = 0 it is `ols_risk`, which may be infinite.
    """
    if regulariser == 0:
        return ols_risk(d, k, weight_std, noise_std)
    weight_part = weight_std**2 * regulariser**2
    noise_part = noise_std**2
    spectral_part = expected_spectral_sum(
        lambda s: (weight_part + noise_part * s) / (s + regulariser) ** 2, d, k
    )
    return float(weight_std**2 * max(d - k, 0) + spectral_part)


@guarded
def spd_ridge_to_ols(
    regulariser: NonNegative,
    d: Count,
    k: Natural,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """The mean squared distance E |w_ridge - w_OLS|^2 = E sum_i λ^2 (τ^2 + σ^2 / s_i) / (s_i +
    λ)^2. For λ > 0 it is infinite where `ols_risk` is.
    """
    if regulariser > 0 and np.isinf(ols_risk(d, k, weight_std, noise_std)):
        return np.inf
    weight_part = weight_std**2
    noise_part = noise_std**2
    return expected_spectral_sum(
        lambda s: (regulariser / (s + regulariser)) ** 2 * (weight_part + noise_part / s), d, k
    )


@guarded
def spd_ridge_to_bayes(
    regulariser: NonNegative,
    d: Count,
    k: Natural,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """The mean squared distance E |w_ridge - w_Bayes|^2, which is the excess risk: E sum_i s_i (λ
    τ^2 - σ^2)^2 / ((s_i + λ)^2 v_i) with v_i = τ^2 s_i + σ^2.

    Infinite where the risk is. Figure 2 of Akyurek et al. 2023 shows it over λ and σ^2 / τ^2,
    divided by d.
    """
    misfit = (regulariser * weight_std**2 - noise_std**2) ** 2
    if misfit == 0:
        return 0.0
    if regulariser == 0 and np.isinf(ols_risk(d, k, weight_std, noise_std)):
        return np.inf

    def excess(s):
        return (
            misfit
            * (s / (s + regulariser))
            / ((s + regulariser) * (weight_std**2 * s + noise_std**2))
        )

    return expected_spectral_sum(excess, d, k)


@guarded
def mean_bayes_error(
    d: Count, n: Prefixes, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """The mean of `bayes_risk` + σ^2 over k = 1, ..., n - 1: the error of a perfect transformer.
    Raises `ValueError` also if n < 2.
    """
    # From the longest prefix on: if it is too long for the density, no other is computed before.
    risks = [bayes_risk(d, k, weight_std, noise_std) for k in range(n - 1, 0, -1)]
    return float(noise_std**2 + np.mean(risks[::-1]))


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
    """The mean number of nonzero eigenvalues of X^T X per unit length at each s > 0. It integrates
    to min(d, k).

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
        next_total = coupling * total_before / next_coupling
        total_before = total
        total = next_total
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
    """The mean E sum_i f(s_i) over the min(d, k) nonzero eigenvalues s_i of X^T X, where X is
    standard normal with k rows and d columns.

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
