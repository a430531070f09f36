"""The scalar dynamics to which one feature of an aligned, balanced deep linear network reduces.

Littwin et al. 2024 (arXiv 2407.03475), equations (7) and (8) as quoted by a public formalisation; derived here, with
the general exponents. `strength` is w-bar > 0, the singular value of the encoder W_L ... W_1 on the feature, and
w = w-bar^(1/L) that of each layer; `covariance` is lambda, `regression` rho = lambda / sigma^2, `depth` L >= 1 the
encoder's and `predictor_depth` M >= 1 that of the predictor (JEPA) or decoder (MAE), one in the paper. All arguments
broadcast. On the "flow" clock time is that of the gradient flow; the "paper" clock runs L times faster,
t_paper = L t_flow. Values out of range raise `ValueError` (`TypeError` for a depth that is no integer).
"""

import numpy as np
from jaxtyping import Float, Int

from theory.jepa_bias._validation import (
    Clock,
    Integers,
    Objective,
    Values,
    broadcast,
    check_objective,
    checked_covariance,
    checked_depth,
    checked_finite,
    checked_non_negative,
    checked_regression,
    clock_factor,
)
from theory_on_trial.arguments.theory import validated


@validated
def exponents(
    depth: Integers, *, objective: Objective, predictor_depth: Integers = 1
) -> tuple[Int[np.ndarray, "..."], Int[np.ndarray, "..."]]:
    """(a, b) of the per-layer flow w' = w^a (lambda - w^b sigma^2).

    (2L + M - 1, M) for JEPA, (L + M - 1, L + M) for MAE; with one predictor layer (2L, 1) and (L, L + 1). Derived here
    from the gradient of each of the L + M factors.
    """
    check_objective(objective)
    encoder, predictor = broadcast(
        depth=checked_depth(depth), predictor_depth=checked_depth(predictor_depth, 1, "predictor_depth")
    )
    if objective == "jepa":
        return np.asarray(2 * encoder + predictor - 1), predictor
    return np.asarray(encoder + predictor - 1), np.asarray(encoder + predictor)


@validated
def layer_velocity(
    weight: Values,
    depth: Integers,
    covariance: Values,
    regression: Values,
    *,
    objective: Objective,
    clock: Clock,
    predictor_depth: Integers = 1,
) -> Float[np.ndarray, "..."]:
    """dw/dt = w^a (lambda - w^b lambda / rho) of the singular value w = `weight` >= 0 of one layer, flow clock.

    On the paper clock divided by L. With M = 1: w^(2L) (lambda - w sigma^2) for JEPA, w^L (lambda - w^(L+1) sigma^2)
    for MAE.
    """
    layers = checked_depth(depth)
    gradient, resistance = exponents(layers, objective=objective, predictor_depth=predictor_depth)
    value = checked_finite("weight", checked_non_negative("weight", weight))
    strength, rho = checked_covariance(covariance), checked_regression(regression)
    broadcast(weight=value, depth=gradient, covariance=strength, regression=rho)
    return np.asarray(strength * value**gradient * (1 - value**resistance / rho) / clock_factor(clock, layers))


@validated
def velocity(
    strength: Values,
    depth: Integers,
    covariance: Values,
    regression: Values,
    *,
    objective: Objective,
    clock: Clock,
    predictor_depth: Integers = 1,
) -> Float[np.ndarray, "..."]:
    """Rate of change of w-bar = `strength` >= 0: equations (7) and (8) on the paper clock, L times them on the flow's.

    JEPA: lambda w-bar^(3 - 1/L) - (lambda / rho) w-bar^3; MAE: lambda w-bar^(2 - 1/L) - (lambda / rho) w-bar^3 (M = 1).
    """
    layers = checked_depth(depth)
    strengths = checked_finite("strength", checked_non_negative("strength", strength))
    broadcast(strength=strengths, depth=layers)
    weight = strengths ** (1 / layers)
    rate = layer_velocity(
        weight, layers, covariance, regression, objective=objective, clock=clock, predictor_depth=predictor_depth
    )
    return np.asarray(layers * weight ** (layers - 1) * rate)


@validated
def asymptote(
    depth: Integers, regression: Values, *, objective: Objective, predictor_depth: Integers = 1
) -> Float[np.ndarray, "..."]:
    """w-bar(infinity) = rho^(L/b): rho^L for JEPA, rho^(L/(L+1)) for MAE (M = 1); the same for every lambda."""
    _, resistance = exponents(depth, objective=objective, predictor_depth=predictor_depth)
    rho = checked_regression(regression)
    broadcast(depth=resistance, regression=rho)
    return np.asarray(rho ** (checked_depth(depth) / resistance))


@validated
def end_to_end_asymptote(
    depth: Integers, regression: Values, *, objective: Objective, predictor_depth: Integers = 1
) -> Float[np.ndarray, "..."]:
    """Limit of the end-to-end map V W-bar on the feature, rho^((L+M)/b): rho^(L+1) for JEPA (M = 1), rho for MAE.

    Similar features, different spectra: JEPA shrinks a feature with rho < 1 by another rho^L.
    """
    _, resistance = exponents(depth, objective=objective, predictor_depth=predictor_depth)
    layers = checked_depth(depth) + checked_depth(predictor_depth, 1, "predictor_depth")
    rho = checked_regression(regression)
    broadcast(depth=resistance, regression=rho)
    return np.asarray(rho ** (layers / resistance))
