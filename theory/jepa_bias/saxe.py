"""Deep linear networks of Saxe et al. 2013 ("Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks"): the scalar dynamics of MAE are theirs, those of JEPA are not.

`singular_value` is a > 0, that of the end-to-end map of D balanced layers on one mode; `covariance` and `variance` are
lambda and sigma^2 of the mode, both positive. Times on the flow clock. All arguments broadcast; `ValueError` for values
out of range.
"""

import numpy as np
from jaxtyping import Float

from theory.jepa_bias._validation import (
    Integers,
    Values,
    broadcast,
    checked_covariance,
    checked_depth,
    checked_finite,
    checked_non_negative,
    checked_positive,
)
from theory.jepa_bias.implicit_time import strength_at
from theory_on_trial.arguments.theory import validated


@validated
def saxe_velocity(
    singular_value: Values, n_layers: Integers, covariance: Values, variance: Values
) -> Float[np.ndarray, "..."]:
    """da/dt = D a^(2 - 2/D) (lambda - a sigma^2) of a balanced mode, D = `n_layers` >= 1."""
    layers, value = checked_depth(n_layers, 1, "n_layers"), checked_non_negative("singular_value", singular_value)
    checked_finite("singular_value", value)
    strength, spread = checked_covariance(covariance), checked_positive("variance", variance)
    return np.asarray(layers * value ** (2 - 2 / layers) * (strength - value * spread))


@validated
def saxe_two_layers(time: Values, init: Values, covariance: Values, variance: Values) -> Float[np.ndarray, "..."]:
    """a(t) at D = 2, logistic: r / (1 + (r / a(0) - 1) e^(-2 lambda t)), r = lambda / sigma^2, t >= 0."""
    elapsed, start, strength, spread = broadcast(
        time=checked_non_negative("time", time),
        init=checked_positive("init", init),
        covariance=checked_covariance(covariance),
        variance=checked_positive("variance", variance),
    )
    limit = strength / spread
    return np.asarray(limit / (1 + (limit / start - 1) * np.exp(-2 * strength * elapsed)))


@validated
def saxe_singular_value(
    time: Values, init: Values, n_layers: Integers, covariance: Values, variance: Values
) -> Float[np.ndarray, "..."]:
    """a(t) for D >= 2 layers: MAE of depth L = D - 1 has a = w^(L+1) = v w-bar, w-bar = a^(L/(L+1))."""
    layers = checked_depth(n_layers, 2, "n_layers")
    share = (layers - 1) / layers
    start, strength = checked_positive("init", init), checked_covariance(covariance)
    encoder = strength_at(
        time,
        start**share,
        layers - 1,
        strength,
        strength / checked_positive("variance", variance),
        objective="mae",
        clock="flow",
    )
    return np.asarray(encoder ** (1 / share))
