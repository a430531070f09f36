"""What follows from equations (4) and (5) of Littwin et al. 2024 (arXiv 2407.03475) for other
starts, targets and predictors. Derived here.

- Unbalanced starts and discrete steps, from what the matrix flow conserves. That the balance of
  deep linear networks is conserved is due to Saxe et al. 2013 and Arora et al. 2018.
- Without stop-gradient, every imperfectly predictable feature collapses.
- With `predictor_depth` = M predictor layers as strong as the L layers of the encoder, each layer
  follows w' = w^(2L + M - 1) (λ - w^M σ^2), which ends at ρ^(1/M).
- A target encoder can be a moving average of the encoder, u' = τ (w - u) in every layer. As the
  rate τ grows, the target becomes the encoder itself, which is the paper's case. At τ = 0 it is
  frozen. Layers, target and predictor start with the same strength, so that w' = w^L (λ u^L -
  w^(L+1) σ^2).

All arguments broadcast. Times are those of the gradient flow.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.jepa_bias.domains import (
    Covariance,
    Depths,
    DepthsFromTwo,
    Floats,
    Fractions,
    NonNegatives,
    Objective,
    Positives,
    Reals,
    Regression,
)
from theory.jepa_bias.learning_times import (
    asymptote,
    critical_time,
    layer_velocity,
    passage_time,
)
from theory.jepa_bias.partial_states import saddle_rate
from theory_on_trial.contract import NON_NEGATIVE, guarded, require


@guarded
def unbalanced_end_state(
    predictor_init: Positives, layer_init: Positives, regression: Regression
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Return the factors v and w at the end of JEPA's scalar flow, which conserves w^2 - v^2.

    v is the predictor and w an encoder layer; all layers start alike. The end is v = ρ and w =
    sqrt(ρ^2 + w(0)^2 - v(0)^2). If the radicand is negative, w collapses to zero and v ends at
    sqrt(v(0)^2 - w(0)^2). All arguments broadcast.
    """
    lead = np.asarray((layer_init - predictor_init) * (layer_init + predictor_init))
    square = regression**2 + lead
    predictor = np.where(square > 0, regression, np.sqrt(np.maximum(-lead, 0)))
    return predictor, np.asarray(np.sqrt(np.maximum(square, 0)))


@guarded
def discrete_time_shift(
    step: NonNegatives,
    fraction: Fractions,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
) -> Float[np.ndarray, "..."]:
    """Return the delay of gradient descent with the step η = `step` over the `critical_time` of the
    flow, to first order in η.

    It is (η / 2) log(f(w_1) / f(w_0)) + O(η^2), where f is `layer_velocity`, and w_0 and w_1 are
    the layer's strengths at the start and at the fraction p of the asymptote. Raises ValueError
    unless the start lies below this fraction.
    """
    end = fraction * asymptote(depth, regression, objective=objective)
    require(init < end, f"init must be below the target p w-bar(infinity), got {np.max(init)}")

    def speed(strength: Positives) -> Floats:
        weight = np.asarray(strength ** (1 / depth))
        return layer_velocity(weight, depth, covariance, regression, objective=objective)

    return np.asarray(step / 2 * np.log(speed(end) / speed(init)))


@guarded
def collapsed_predictor(
    variance_x: Positives,
    covariance: Reals,
    variance_y: Positives,
    predictor_init: Reals,
    layer_init: Positives,
) -> Float[np.ndarray, "..."]:
    """Return the limit v(infinity) of the predictor when JEPA without stop-gradient sends a feature
    to zero; it is the same at every depth.

    The flow descends (v^2 σ_x^2 - 2 v λ + σ_y^2) w^(2L) / 2 from (v(0), w(0)), where v(0) is
    `predictor_init`, w(0) is `layer_init` and λ is `covariance`. A feature collapses if λ^2 < σ_x^2
    σ_y^2. With z = σ_x^2 v - λ and D = σ_x^2 σ_y^2 - λ^2 the flow conserves C = z^2 / 2 + D log|z|
    - σ_x^4 w^2 / 2. So z^2 = D W(exp(2C / D) / D) at w = 0, where W is Lambert's function, and z
    keeps its sign. Raises ValueError for a feature that does not collapse.
    """
    from scipy.special import wrightomega

    determinant = np.asarray(variance_x * variance_y - covariance**2)
    require(
        determinant >= 0,
        "covariance must satisfy covariance^2 <= variance_x variance_y, as every covariance does",
    )
    require(
        determinant > 0,
        "variance_y must exceed covariance^2 / variance_x (else nothing collapses), got equality",
    )
    residual = np.asarray(variance_x * predictor_init - covariance)
    log_residual = np.log(np.where(residual != 0, np.abs(residual), 1))
    invariant = residual**2 / 2 + determinant * log_residual - (variance_x * layer_init) ** 2 / 2
    square = determinant * wrightomega(2 * invariant / determinant - np.log(determinant))
    return np.asarray((covariance + np.sign(residual) * np.sqrt(square)) / variance_x)


@guarded
def deep_predictor_critical_time(
    fraction: Positives,
    init: Positives,
    depth: Depths,
    predictor_depth: Depths,
    covariance: Covariance,
    regression: Regression,
) -> Float[np.ndarray, "..."]:
    """Return the time in which w-bar grows from ε to p times its asymptote ρ^(L/M) when the
    predictor has M layers.

    It is zero and infinite as `critical_time` is, and equals JEPA's `critical_time` at M = 1.
    """
    gradient = 2 * depth + predictor_depth - 1
    return passage_time(fraction, init, depth, gradient, predictor_depth, covariance, regression)


@guarded
def deep_predictor_preference(
    depth: DepthsFromTwo, predictor_depth: Depths, rho_1: Regression, rho_2: Regression
) -> Float[np.ndarray, "..."]:
    """Return the limit of (Φ - 1) ε^(-M/L) as ε tends to 0, where Φ is the ratio of the critical
    times of ρ_1 and ρ_2 at equal λ and M is the depth of the predictor.

    It is (2L + M - 2) / (2L - 2) (1 / ρ_1 - 1 / ρ_2).
    """
    return np.asarray((2 * depth + predictor_depth - 2) / (2 * depth - 2) * (1 / rho_1 - 1 / rho_2))


TrackingRate = Annotated[Reals, NON_NEGATIVE]
"""The rate τ at which the target follows the encoder."""


@guarded
def target_lag(
    fraction: Fractions, init: Positives, depth: Depths, regression: Regression
) -> Float[np.ndarray, "..."]:
    """Return the coefficient h of the delay h / τ + O(τ^-2) that a moving target adds to the
    critical time; it does not depend on λ.

    h = log(p ρ^L / ε) + L log((1 - ε^(1/L) / ρ) / (1 - p^(1/L))). The result is NaN if the start is
    at or above the asymptote.
    """
    start = init ** (1 / depth) / regression
    start = np.where(start < 1, start, np.nan)
    rise = np.log(fraction * regression**depth / init)
    return np.asarray(rise + depth * (np.log1p(-start) - np.log1p(-(fraction ** (1 / depth)))))


@guarded
def frozen_target_time(
    fraction: Positives,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
) -> Float[np.ndarray, "..."]:
    """Return the time in which a feature reaches the fraction p of its end (ε ρ)^(L/(L+1)), when
    the target is frozen (τ = 0), aligned and of strength ε.

    It is MAE's critical time from the start ε^(1/(L+1)), divided by ε^(2L/(L+1)), because the
    frozen target makes the flow slower by this factor.
    """
    start = init ** (1 / (depth + 1))
    time = critical_time(fraction, start, depth, covariance, regression, objective="mae")
    return np.asarray(time * init ** (-2 * depth / (depth + 1)))


@guarded
def moving_target_rate(
    depth: Depths,
    covariance_learned: Covariance,
    regression_learned: Regression,
    covariance_new: Covariance,
    regression_new: Regression,
    tracking: TrackingRate,
) -> Float[np.ndarray, "..."]:
    """Return the rate at which feature i displaces feature j when the target follows the encoder at
    the rate τ = `tracking`.

    It is (sqrt((a + τ)^2 + 4 τ μ) - a - τ) / 2 with a = ρ_j^(2L) σ_i^2, where μ is the
    `saddle_rate` for an infinite τ. It has the sign of μ.
    """
    final = saddle_rate(
        depth,
        covariance_learned,
        regression_learned,
        covariance_new,
        regression_new,
        objective="jepa",
    )
    damping = regression_learned ** (2 * depth) * covariance_new / regression_new + tracking
    return np.asarray(2 * tracking * final / (np.sqrt(damping**2 + 4 * tracking * final) + damping))
