"""The scalar dynamics to which one feature of an aligned, balanced deep linear network reduces.

Littwin et al. 2024 (arXiv 2407.03475), equations (7) and (8) as quoted by a public formalisation;
derived here, with the exponents. `strength` is w-bar, the singular value of the encoder W_L ... W_1
on the feature, and w = w-bar^(1/L) that of each layer; `covariance` is λ, `regression` ρ = λ / σ^2
and `depth` the encoder's L; the predictor (JEPA) or decoder (MAE) has one layer. All arguments
broadcast. On the "flow" clock time is that of the gradient flow; the "paper" clock runs L times
faster, t_paper = L t_flow.
"""

import numpy as np
from jaxtyping import Float, Int

from theory.jepa_bias.domains import Clock, Covariance, Depths, NonNegatives, Objective, Regression
from theory_on_trial.contract import guarded


@guarded
def exponents(
    depth: Depths, *, objective: Objective
) -> tuple[Int[np.ndarray, "..."], Int[np.ndarray, "..."]]:
    """(a, b) of the per-layer flow w' = w^a (λ - w^b σ^2): (2L, 1) for JEPA, (L, L + 1) for MAE, by
    the gradients.
    """
    layers = np.asarray(depth)
    if objective == "jepa":
        return np.asarray(2 * layers), np.ones_like(layers)
    return layers, np.asarray(layers + 1)


@guarded
def layer_velocity(
    weight: NonNegatives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """w^(2L) (λ - w σ^2) for JEPA, w^L (λ - w^(L+1) σ^2) for MAE, dw/dt on the flow clock; over L
    on the paper's.
    """
    gradient, resistance = exponents(depth, objective=objective)
    rate = covariance * weight**gradient * (1 - weight**resistance / regression)
    return np.asarray(rate / clock_factor(clock, depth))


@guarded
def velocity(
    strength: NonNegatives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """Rate of change of w-bar = `strength`: equations (7) and (8) on the paper clock, L times them
    on the flow's.

    JEPA: λ w-bar^(3 - 1/L) - (λ / ρ) w-bar^3; MAE: λ w-bar^(2 - 1/L) - (λ / ρ) w-bar^3.
    """
    weight = strength ** (1 / depth)
    rate = layer_velocity(weight, depth, covariance, regression, objective=objective, clock=clock)
    return np.asarray(depth * weight ** (depth - 1) * rate)


@guarded
def asymptote(
    depth: Depths, regression: Regression, *, objective: Objective
) -> Float[np.ndarray, "..."]:
    """w-bar(infinity) = ρ^(L/b): ρ^L for JEPA, ρ^(L/(L+1)) for MAE; the same for every λ."""
    _, resistance = exponents(depth, objective=objective)
    return np.asarray(regression ** (depth / resistance))


@guarded
def end_to_end_asymptote(
    depth: Depths, regression: Regression, *, objective: Objective
) -> Float[np.ndarray, "..."]:
    """Limit ρ^((L+1)/b) of the end-to-end map V W-bar on the feature: ρ^(L+1) for JEPA, ρ for
    MAE.
    """
    _, resistance = exponents(depth, objective=objective)
    return np.asarray(regression ** ((depth + 1) / resistance))


def clock_factor(clock: Clock, depth: Depths) -> Depths:
    """What a time of the gradient flow is multiplied by: the depth L on the paper's clock, one on
    the flow's.
    """
    return depth if clock == "paper" else 1
