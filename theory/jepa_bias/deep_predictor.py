"""JEPA with several predictor layers: when a feature is learned, and how much the bias weakens.

With M predictor layers as strong as the L of the encoder each layer obeys w' = w^(2L + M - 1) (λ -
w^M σ^2), which ends at ρ^(1/M). Derived here from equations (4) and (5) of Littwin et al. 2024
(arXiv 2407.03475), as quoted by a public formalisation, which have one layer. All arguments
broadcast; `depth` is L, `predictor_depth` M, `init` ε and `fraction` p.
"""

import numpy as np
from jaxtyping import Float

from theory.jepa_bias.critical_time import passage_time
from theory.jepa_bias.domains import Covariance, Depths, DepthsFromTwo, Positives, Regression
from theory_on_trial.contract import guarded


@guarded
def deep_predictor_critical_time(
    fraction: Positives,
    init: Positives,
    depth: Depths,
    predictor_depth: Depths,
    covariance: Covariance,
    regression: Regression,
) -> Float[np.ndarray, "..."]:
    """Time in which w-bar grows from ε to p times its asymptote ρ^(L/M), flow clock; zero and
    infinite as `critical_time`, which it is at M = 1.
    """
    layers, factors = np.broadcast_arrays(depth, predictor_depth)
    exponents = 2 * layers + factors - 1, factors
    return np.asarray(passage_time(fraction, init, layers, *exponents, covariance, regression).time)


@guarded
def deep_predictor_preference(
    depth: DepthsFromTwo, predictor_depth: Depths, rho_1: Regression, rho_2: Regression
) -> Float[np.ndarray, "..."]:
    """Limit of (Φ - 1) ε^(-M/L) as ε -> 0, (2L + M - 2) / (2L - 2) (1 / ρ_1 - 1 / ρ_2), Φ being the
    ratio of the critical times of ρ_1 and ρ_2 at equal λ.
    """
    return np.asarray((2 * depth + predictor_depth - 2) / (2 * depth - 2) * (1 / rho_1 - 1 / rho_2))
