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
from theory_on_trial.contract import NON_NEGATIVE, POSITIVE, Positive, guarded, require


@guarded
def unbalanced_end_state(
    predictor_init: Positive,
    layer_inits: Annotated[Float[np.ndarray, " depth"], POSITIVE],
    regression: Positive,
    *,
    objective: Objective,
) -> tuple[float, Float[np.ndarray, " depth"]]:
    """Return the factors v and (w_1, ..., w_L) at the end of the scalar flow that starts from
    positive, unequal factors.

    v is the predictor, w_a are the layers, and every w_a^2 - v^2 is conserved. JEPA ends at v = ρ
    and w_a = sqrt(ρ^2 + w_a(0)^2 - v(0)^2), unless a radicand is negative; then the smallest layer
    collapses to zero, and the conserved differences give the other factors. MAE ends at v w_1 ...
    w_L = ρ.
    """
    from scipy.optimize import brentq

    squares = np.append(predictor_init, layer_inits) ** 2
    leads = squares - squares.min()  # of the square of each factor over the smallest one: conserved
    if objective == "jepa":
        smallest = max(regression**2 - leads[0], 0.0)
    else:
        highest = 2 * np.log(regression) / leads.size
        lowest = 2 * np.log(regression) - (leads.size - 1) * np.log(np.exp(highest) + leads.max())
        log_smallest = brentq(
            lambda x: float(np.sum(np.log(np.exp(x) + leads)) - 2 * np.log(regression)),
            lowest - 1,
            highest + 1,
            xtol=1e-15,
        )
        smallest = np.exp(log_smallest)
    factors = np.sqrt(smallest + leads)
    return float(factors[0]), factors[1:]


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

    x, cross, v, w = np.broadcast_arrays(variance_x, covariance, predictor_init, layer_init)
    determinant = _determinant(variance_x, covariance, variance_y)
    residual = x * v - cross
    log_residual = np.log(np.where(residual != 0, np.abs(residual), 1))
    invariant = residual**2 / 2 + determinant * log_residual - x**2 * w**2 / 2
    square = determinant * wrightomega(2 * invariant / determinant - np.log(determinant))
    return np.asarray((cross + np.sign(residual) * np.sqrt(square)) / x)


@guarded
def collapse_strength(
    time: Positives,
    depth: Depths,
    variance_x: Positives,
    covariance: Reals,
    variance_y: Positives,
    predictor_limit: Reals,
) -> Float[np.ndarray, "..."]:
    """Return the strength w of a layer late in the collapse of a feature.

    For L >= 2 it is ((2L - 2) m t)^(-1/(2L-2)). For L = 1 the result is the factor e^(-m t) by
    which w decays. The loss m = v^2 σ_x^2 - 2 v λ + σ_y^2 is taken at v = `predictor_limit`. Raises
    ValueError for a feature that does not collapse.
    """
    determinant = _determinant(variance_x, covariance, variance_y)
    loss = ((variance_x * predictor_limit - covariance) ** 2 + determinant) / variance_x
    loss, times, layers = np.broadcast_arrays(loss, time, depth)
    power = np.where(layers > 1, 2 * layers - 2, 1)
    return np.asarray(
        np.where(layers > 1, (power * loss * times) ** (-1 / power), np.exp(-loss * times))
    )


def _determinant(variance_x: Positives, covariance: Reals, variance_y: Positives) -> Floats:
    """Return σ_x^2 σ_y^2 - λ^2. Raises ValueError unless it is positive."""
    determinant = np.asarray(variance_x * variance_y - covariance**2)
    require(
        determinant >= 0,
        "covariance must satisfy covariance^2 <= variance_x variance_y, as every covariance does",
    )
    require(
        determinant > 0,
        "variance_y must exceed covariance^2 / variance_x (else nothing collapses), got equality",
    )
    return determinant


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
