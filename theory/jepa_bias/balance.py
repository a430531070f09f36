"""What the matrix flow conserves, and what follows from it: unbalanced starts, discrete steps, no stop-gradient.

Derived here; that the balance of deep linear networks is conserved is due to Saxe et al. 2013 and Arora et al. 2018.
`ValueError` for values out of range.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from theory.jepa_bias._validation import (
    Clock,
    Floats,
    Integers,
    Objective,
    Values,
    broadcast,
    check_objective,
    checked_depth,
    checked_finite,
    checked_fraction,
    checked_non_negative,
    checked_positive,
    clock_factor,
)
from theory.jepa_bias.scalar import asymptote, layer_velocity
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_positive


@validated
def balance_residuals(
    layers: Sequence[Float[np.ndarray, "_ _"]], predictor: Float[np.ndarray, "_ _"]
) -> list[Float[np.ndarray, "_ _"]]:
    """The first integrals W_(a+1)^T W_(a+1) - W_a W_a^T, a = 1, ..., L - 1, and V^T V - W_L W_L^T, of W_1, ..., W_L, V.

    The gradient flow of JEPA and MAE conserves each of them, whatever the covariances and the start; without the
    stop-gradient the last one is lost. Zero iff balanced. `ValueError` unless the shapes chain.
    """
    if len(layers) == 0:
        raise ValueError("layers must hold at least one matrix W_1, got none")
    factors = [*layers, predictor]
    for factor in factors:
        checked_finite("layers and predictor", factor)
    if any(after.shape[1] != before.shape[0] for before, after in pairwise(factors)):
        raise ValueError(f"layers and predictor must have chaining shapes, got {[factor.shape for factor in factors]}")
    return [after.T @ after - before @ before.T for before, after in pairwise(factors)]


@validated
def unbalanced_end_state(
    predictor_init: float | int,
    layer_inits: Float[np.ndarray, " depth"],
    regression: float | int,
    *,
    objective: Objective,
) -> tuple[float, Float[np.ndarray, " depth"]]:
    """(v, (w_1, ..., w_L)) at the end of the scalar flow from positive, unequal factors; w_a^2 - v^2 is conserved.

    JEPA: v = rho, w_a = sqrt(rho^2 + w_a(0)^2 - v(0)^2); where this has no positive solution the smallest layer
    collapses to zero first and stays there. MAE: the solution of v w_1 ... w_L = rho.
    """
    from scipy.optimize import brentq

    check_objective(objective)
    check_positive("predictor_init", predictor_init)
    check_positive("regression", regression)
    if layer_inits.size == 0:
        raise ValueError("layer_inits must hold at least one layer, got none")
    squares = np.append(predictor_init, checked_positive("layer_inits", layer_inits)) ** 2
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


@validated
def discrete_time_shift(
    step: Values,
    fraction: Values,
    init: Values,
    depth: Integers,
    covariance: Values,
    regression: Values,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """Delay (eta / 2) log(f(w_1) / f(w_0)) + O(eta^2) of gradient descent with `step` eta over `critical_time`.

    f is `layer_velocity`, w_0 and w_1 the layer's value at the start and at the fraction p of the asymptote; a step
    lasts eta on the flow clock, L eta on the paper's. eta >= 0, 0 < p < 1; the start must lie below the target.
    """
    layers = checked_depth(depth)
    size = checked_finite("step", checked_non_negative("step", step))
    limit = asymptote(layers, regression, objective=objective)
    p, start = checked_fraction("fraction", fraction), checked_positive("init", init)
    broadcast(step=size, fraction=p, init=start, depth=layers, limit=limit, covariance=np.asarray(covariance))
    end = p * limit
    if np.any(start >= end):
        raise ValueError(f"init must be below the target p w-bar(infinity), got {np.max(init)}")

    def speed(strength: Floats) -> Floats:
        weight = strength ** (1 / layers)
        return layer_velocity(weight, layers, covariance, regression, objective=objective, clock="flow")

    return np.asarray(clock_factor(clock, layers) * size / 2 * np.log(speed(end) / speed(start)))


@validated
def collapses_without_stop_gradient(
    variance_x: Values, covariance: Values, variance_y: Values
) -> Bool[np.ndarray, "..."]:
    """Whether JEPA without the stop-gradient sends the feature to zero: lambda^2 < sigma_x^2 sigma_y^2.

    So it does unless y is a multiple of x on the feature. `ValueError` if the three are no covariance matrix.
    """
    x, cross, y = _checked_views(variance_x, covariance, variance_y)
    return np.asarray(cross**2 < x * y)


@validated
def collapsed_predictor(
    variance_x: Values, covariance: Values, variance_y: Values, predictor_init: Values, layer_init: Values
) -> Float[np.ndarray, "..."]:
    """v(infinity) of the flow of (v^2 sigma_x^2 - 2 v lambda + sigma_y^2) w^(2L) / 2 from (v(0), w(0)), at every depth.

    With z = sigma_x^2 v - lambda and D = sigma_x^2 sigma_y^2 - lambda^2 > 0, z^2 / 2 + D log|z| - sigma_x^4 w^2 / 2 is
    conserved, so that at w = 0 z^2 = D W(exp(2C / D) / D) by Lambert's W; z keeps its sign.
    """
    from scipy.special import wrightomega

    x, cross, y = _checked_views(variance_x, covariance, variance_y)
    x, cross, y, v, w = broadcast(
        variance_x=x,
        covariance=cross,
        variance_y=y,
        predictor_init=checked_finite("predictor_init", predictor_init),
        layer_init=checked_positive("layer_init", layer_init),
    )
    determinant = _positive_determinant(x, cross, y)
    residual = x * v - cross
    log_residual = np.log(np.where(residual != 0, np.abs(residual), 1))
    conserved = residual**2 / 2 + determinant * log_residual - x**2 * w**2 / 2
    squared = determinant * wrightomega(2 * conserved / determinant - np.log(determinant))
    return np.asarray((cross + np.sign(residual) * np.sqrt(squared)) / x)


@validated
def collapse_strength(
    time: Values, depth: Integers, variance_x: Values, covariance: Values, variance_y: Values, predictor_limit: Values
) -> Float[np.ndarray, "..."]:
    """Late law of a layer's w: ((2L - 2) m t)^(-1/(2L-2)) for L >= 2, the factor e^(-m t) at L = 1; flow clock.

    m = v^2 sigma_x^2 - 2 v lambda + sigma_y^2 at v = `predictor_limit`, the `collapsed_predictor`. At L = 1 what
    multiplies e^(-m t) depends on the whole trajectory. `ValueError` for a feature that does not collapse.
    """
    layers = checked_depth(depth)
    x, cross, y = _checked_views(variance_x, covariance, variance_y)
    x, cross, y, v, elapsed, layers = broadcast(
        variance_x=x,
        covariance=cross,
        variance_y=y,
        predictor_limit=checked_finite("predictor_limit", predictor_limit),
        time=checked_positive("time", time),
        depth=layers,
    )
    loss = ((x * v - cross) ** 2 + _positive_determinant(x, cross, y)) / x
    power = np.where(layers > 1, 2 * layers - 2, 1)
    return np.asarray(np.where(layers > 1, (power * loss * elapsed) ** (-1 / power), np.exp(-loss * elapsed)))


def _checked_views(variance_x: Values, covariance: Values, variance_y: Values) -> tuple[np.ndarray, ...]:
    x, cross, y = broadcast(
        variance_x=checked_positive("variance_x", variance_x),
        covariance=checked_finite("covariance", covariance),
        variance_y=checked_positive("variance_y", variance_y),
    )
    if np.any(cross**2 > x * y):
        raise ValueError(
            f"covariance must satisfy covariance^2 <= variance_x variance_y, got {cross[cross**2 > x * y].flat[0]}"
        )
    return x, cross, y


def _positive_determinant(x: np.ndarray, cross: np.ndarray, y: np.ndarray) -> Floats:
    determinant = x * y - cross**2
    if np.any(determinant <= 0):
        raise ValueError("variance_y must exceed covariance^2 / variance_x (else nothing collapses), got equality")
    return determinant
