"""JEPA whose target encoder is a moving average of the encoder: u' = τ (w - u) in every layer.

As the rate τ grows the target is the encoder itself, the case of Littwin et al. 2024 (arXiv
2407.03475); at τ = 0 it is frozen. Layers, target and predictor start alike, so that w' = w^L (λ
u^L - w^(L+1) σ^2). Derived here; flow clock. All arguments broadcast.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.jepa_bias.critical_time import critical_time
from theory.jepa_bias.domains import Covariance, Depths, Fractions, Positives, Reals, Regression
from theory.jepa_bias.stability import saddle_rate
from theory_on_trial.contract import NON_NEGATIVE, guarded

TrackingRate = Annotated[Reals, NON_NEGATIVE]
"""τ, the rate at which the target follows the encoder."""


@guarded
def target_lag(
    fraction: Fractions, init: Positives, depth: Depths, regression: Regression
) -> Float[np.ndarray, "..."]:
    """The h in the delay h / τ + O(τ^-2) of the critical time, whatever λ is.

    h = log(p ρ^L / ε) + L log((1 - ε^(1/L) / ρ) / (1 - p^(1/L))). NaN for a start at or above the
    asymptote.
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
    """Time at τ = 0 to p times the end (ε ρ)^(L/(L+1)), the target being aligned and of strength ε.

    It is MAE's from the start ε^(1/(L+1)), on a clock that is slower by ε^(2L/(L+1)).
    """
    start = init ** (1 / (depth + 1))
    time = critical_time(
        fraction, start, depth, covariance, regression, objective="mae", clock="flow"
    )
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
    """Rate (sqrt((a + τ)^2 + 4 τ μ) - a - τ) / 2 at which feature i displaces j, with a = ρ_j^(2L)
    σ_i^2 and μ the `saddle_rate` of τ = infinity; of one sign with it.
    """
    final = saddle_rate(
        depth,
        covariance_learned,
        regression_learned,
        covariance_new,
        regression_new,
        objective="jepa",
        clock="flow",
    )
    damping = regression_learned ** (2 * depth) * covariance_new / regression_new + tracking
    return np.asarray(2 * tracking * final / (np.sqrt(damping**2 + 4 * tracking * final) + damping))
