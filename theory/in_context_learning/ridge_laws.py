"""Expected risks over the prompt of ridge regression and of the Bayes predictor, exact at every
size.

The setting and the units are those of `risk_laws`. The expectation over X is a sum over the
spectrum of X^T X, so every law here is one quadrature (`expected_spectral_sum`, whose range of d
and k holds). The Bayes predictor is ridge regression with λ* = σ^2 / τ^2 (Akyurek et al. 2023,
arXiv 2211.15661, equation 19); the laws are derived here. `ValueError` if d < 1, k < 0, or
`regulariser`, τ or σ is negative or not finite.
"""

import numpy as np

from theory.in_context_learning.domains import Prefixes
from theory.in_context_learning.risk_laws import ols_risk
from theory.in_context_learning.wishart_functionals import expected_spectral_sum
from theory_on_trial.contract import Count, Natural, NonNegative, guarded


@guarded
def bayes_risk(
    d: Count, k: Natural, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """Least risk of any predictor, E tr (I / τ^2 + X^T X / σ^2)^-1: τ^2 (d - k)_+ without noise, 0
    for τ = 0.
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
    """Risk τ^2 (d - k)_+ + E sum_i (τ^2 λ^2 + σ^2 s_i) / (s_i + λ)^2; `ols_risk`, maybe infinite,
    at λ = 0.
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
    """E |w_ridge - w_OLS|^2 = E sum_i λ^2 (τ^2 + σ^2 / s_i) / (s_i + λ)^2, infinite for λ > 0 where
    `ols_risk` is.
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
    """E |w_ridge - w_Bayes|^2, the excess risk: E sum_i s_i (λ τ^2 - σ^2)^2 / ((s_i + λ)^2 v_i),
    v_i = τ^2 s_i + σ^2.

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
    """Mean of `bayes_risk` + σ^2 over k = 1, ..., n - 1: a perfect transformer's error.
    `ValueError` also if n < 2.
    """
    risks = [
        bayes_risk(d, k, weight_std, noise_std) for k in range(n - 1, 0, -1)
    ]  # what is too large comes first
    return float(noise_std**2 + np.mean(risks[::-1]))
