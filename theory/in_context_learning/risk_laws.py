"""Expected risks over the prompt of least squares, one gradient step and one pass of SGD:
elementary at every size.

Examples x ~ N(0, I_d), weights w ~ N(0, τ^2 I_d), labels y = w^T x + noise of standard deviation σ;
k examples. A risk is E |w_hat - w|^2, which is the excess prediction risk at a fresh x. τ =
`weight_std`, σ = `noise_std`, α = `step`; gradients are sums over the examples of the squared
error, as in Akyurek et al. 2023 (arXiv 2211.15661). All laws are derived here. `ValueError` if d <
1, k < 0, or a standard deviation is negative or not finite.
"""

import numpy as np

from theory_on_trial.contract import Count, Natural, NonNegative, guarded, require


@guarded
def zero_predictor_risk(d: Count, weight_std: NonNegative = 1.0) -> float:
    """Risk τ^2 d of predicting zero."""
    return float(weight_std**2 * d)


@guarded
def expected_inverse_trace(d: Count, k: Natural) -> float:
    """E tr (X^T X)^+: k / (d - k - 1) if k < d - 1, d / (k - d - 1) if k > d + 1, infinite between;
    zero for k = 0.
    """
    if k == 0:
        return 0.0
    return min(d, k) / (abs(d - k) - 1) if abs(d - k) > 1 else np.inf


@guarded
def ols_risk(
    d: Count, k: Natural, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """Risk τ^2 (d - k)_+ + σ^2 E tr (X^T X)^+ of minimum-norm least squares; infinite for |k - d|
    <= 1 with noise.
    """
    noise_part = noise_std**2 * expected_inverse_trace(d, k) if noise_std > 0 else 0.0
    return float(weight_std**2 * max(d - k, 0) + noise_part)


@guarded
def spd_labels(
    d: Count, k: Natural, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """E (least-squares prediction - noisy label)^2, `ols_risk` + σ^2: noiseless the curve (OLS, Y)
    of Figure 1.
    """
    return ols_risk(d, k, weight_std, noise_std) + float(noise_std**2)


@guarded
def gradient_step_risk(
    d: Count,
    k: Natural,
    step: NonNegative,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """Risk τ^2 d (1 - 4 α k) + 4 α^2 k d [(k + d + 1) τ^2 + σ^2] of one batch step from zero, w_hat
    = 2 α X^T Y.
    """
    square = (k + d + 1) * weight_std**2 + noise_std**2
    return float(weight_std**2 * d * (1 - 4 * step * k) + 4 * step**2 * k * d * square)


@guarded
def best_step(
    d: Count, k: Natural, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """Step 1 / (2 (k + d + 1 + σ^2 / τ^2)) of least `gradient_step_risk`; `ValueError` also if τ =
    σ = 0.
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
    """Risk τ^2 d (1 - k / (k + d + 1 + σ^2 / τ^2)) of the best step; `ValueError` also if τ and σ
    are both zero.
    """
    return zero_predictor_risk(d, weight_std) * (1 - 2 * k * best_step(d, k, weight_std, noise_std))


@guarded
def spd_gradient_step_to_ols(
    d: Count, k: Natural, step: NonNegative, weight_std: NonNegative = 1.0
) -> float:
    """E |w_GD - w_OLS|^2 on noiseless labels, `gradient_step_risk` - τ^2 (d - k)_+: both lie in the
    row space of X.
    """
    return gradient_step_risk(d, k, step, weight_std) - ols_risk(d, k, weight_std)


@guarded
def sgd_contraction(d: Count, step: NonNegative) -> float:
    """Factor ρ = 1 - 4 α + 4 α^2 (d + 2) of the risk per noiseless example of SGD."""
    return float(1 - 4 * step + 4 * step**2 * (d + 2))


@guarded
def sgd_stability_limit(d: Count) -> float:
    """1 / (d + 2), the step beyond which the risk explodes; at it, noise adds 4 α^2 σ^2 d per
    example.
    """
    return 1 / (d + 2)


@guarded
def sgd_next_risk(
    risk: NonNegative, d: Count, step: NonNegative, noise_std: NonNegative = 0.0
) -> float:
    """Risk ρ r + 4 α^2 σ^2 d after one more example of SGD, r = `risk` being that before it, r >=
    0.
    """
    return float(sgd_contraction(d, step) * risk + 4 * step**2 * noise_std**2 * d)


@guarded
def sgd_risk(
    d: Count,
    k: Natural,
    step: NonNegative,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """Risk ρ^k τ^2 d + 4 α^2 σ^2 d (1 + ρ + ... + ρ^(k-1)) of one pass of SGD, steps w - 2 α x (x^T
    w - y), from 0.
    """
    powers = sgd_contraction(d, step) ** np.arange(k + 1)
    return float(d * (weight_std**2 * powers[k] + 4 * step**2 * noise_std**2 * powers[:k].sum()))


@guarded
def spd_sgd_to_ols(d: Count, k: Natural, step: NonNegative, weight_std: NonNegative = 1.0) -> float:
    """E |w_SGD - w_OLS|^2 on noiseless labels, τ^2 [d ρ^k - (d - k)_+]."""
    return sgd_risk(d, k, step, weight_std) - ols_risk(d, k, weight_std)


@guarded
def fourth_moment_factor(d: Count, step: NonNegative) -> float:
    """Factor f_4 of E |w_hat - w|^4 per noiseless example of SGD: f_4 / ρ^2 > 1 is how the scatter
    of runs grows.

    f_4 = E (1 - 4 α z^2 + 4 α^2 z^2 |x|^2)^2 with z one coordinate of x, by the moments of |x|^2
    and z.
    """
    through_second = 1 - 8 * step + (8 * (d + 2) + 48) * step**2
    return float(through_second - 96 * (d + 4) * step**3 + 48 * (d + 4) * (d + 6) * step**4)
