"""One feature of JEPA with several predictor layers, encoder and predictor apart."""

import numpy as np

from sims.jepa_bias.domains import Covariance, Depth, Fraction, Regression, Start
from theory_on_trial.contract import guarded, require


@guarded(double=False)
def deep_predictor_time(
    fraction: Fraction,
    depth: Depth,
    predictor_depth: Depth,
    init: Start,
    lambda_: Covariance,
    rho: Regression,
) -> float:
    """The time at which w^L reaches `fraction` of ρ^(L/M), in the flow clock.

    L encoder layers w and M predictor layers v start at ε^(1/L) and follow the gradients of ½ E|v^M
    w^L x - SG(w^L y)|², by Dormand and Prince's method of order 8 in the logarithms, to a relative
    1e-12 a step. `ValueError` for a start at or above the target. Source: the JEPA loss of Littwin
    et al. 2024, with M layers: derived here.
    """
    from scipy.integrate import solve_ivp

    variance = lambda_ / rho
    target = np.log(fraction) / depth + np.log(rho) / predictor_depth
    start = np.log(init) / depth
    require(start < target, f"init must be below the target {np.exp(depth * target):g}, got {init}")

    def slope(_, logarithms):
        layer, predictor = np.exp(logarithms)
        pull = lambda_ - predictor**predictor_depth * variance
        both = layer ** (2 * depth - 2) * predictor ** (predictor_depth - 2) * pull
        return [both * predictor**2, both * layer**2]

    def excess(_, logarithms):
        return logarithms[0] - target

    excess.terminal = True  # type: ignore[attr-defined]
    path = solve_ivp(
        slope, (0, np.inf), [start, start], "DOP853", events=excess, rtol=1e-12, atol=1e-12
    )
    return float(path.t_events[0][0])
