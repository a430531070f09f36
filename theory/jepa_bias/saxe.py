"""Deep linear networks of Saxe et al. 2013 ("Exact solutions to the nonlinear dynamics of learning
in deep linear neural networks"): the scalar dynamics of MAE are theirs, those of JEPA are not.

a is the singular value of the end-to-end map of D balanced layers on one mode, from a(0) = `init`;
`covariance` and `variance` are λ and σ^2 of the mode. da/dt = D a^(2 - 2/D) (λ - a σ^2), on the
flow clock. All arguments broadcast.
"""

import numpy as np
from jaxtyping import Float

from theory.jepa_bias.domains import Covariance, DepthsFromTwo, Positives, Times
from theory.jepa_bias.implicit_time import strength_at
from theory_on_trial.contract import guarded


@guarded
def saxe_two_layers(
    time: Times, init: Positives, covariance: Covariance, variance: Positives
) -> Float[np.ndarray, "..."]:
    """a(t) at D = 2, logistic: r / (1 + (r / a(0) - 1) e^(-2 λ t)), r = λ / σ^2."""
    limit = covariance / variance
    return np.asarray(limit / (1 + (limit / init - 1) * np.exp(-2 * covariance * time)))


@guarded
def saxe_singular_value(
    time: Times,
    init: Positives,
    n_layers: DepthsFromTwo,
    covariance: Covariance,
    variance: Positives,
) -> Float[np.ndarray, "..."]:
    """a(t) for D >= 2 layers: MAE of depth L = D - 1 has a = w^(L+1) = v w-bar, w-bar =
    a^(L/(L+1)).
    """
    share = (n_layers - 1) / n_layers
    encoder = strength_at(
        time,
        init**share,
        n_layers - 1,
        covariance,
        covariance / variance,
        objective="mae",
        clock="flow",
    )
    return np.asarray(encoder ** (1 / share))
