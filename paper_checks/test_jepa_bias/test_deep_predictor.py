"""A predictor of several layers: the same law, and a weaker preference for ρ."""

from typing import Annotated

import numpy as np

from paper_checks.test_jepa_bias import Fraction
from paper_checks.test_jepa_bias.times import apart, exact_passage_time
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

DEEPER = derived("from the gradients of equations (4) and (5) with M predictor layers")
PredictorDepth = Annotated[int, Interval(2, 4, why="one layer has its own claim")]
"""M."""
Strength = Annotated[float, Interval(0.1, 10, why="it scales time alone")]
"""λ."""
Regression = Annotated[float, Interval(0.4, 2, why="times are as its power (2L + M - 2) / M")]
"""ρ."""
DOUBLINGS = 2.0 ** np.arange(9, 14)
"""ε^(-M/L)."""


@claim(DEEPER, kind="identity", cases=[(2, 2, 1e-2), (2, 3, 1e-3), (3, 2, 1e-2), (1, 2, 1e-3)])
def test_deep_predictor(
    trial,
    depth: Annotated[int, Interval(1, 4, why="times are as ε^(-(2L + M - 2) / L)")],
    predictor_depth: PredictorDepth,
    init: Annotated[float, Interval(1e-3, 0.05, why="below the target, and solved within seconds")],
    fraction: Fraction = 0.8,
    lambda_: Strength = 1.3,
    rho: Regression = 0.7,
):
    """With M predictor layers every layer obeys w' = w^(2L + M - 1) (λ - w^M σ²), which ends at
    ρ^(1/M): so the critical time.
    """
    trial.require(
        init < 0.9 * fraction * rho ** (depth / predictor_depth),
        "init must be below the target: else nothing is learned",
    )
    time = predicted.deep_predictor_critical_time
    of = fraction, init, depth
    law = time(*of, predictor_depth, lambda_, rho)
    controls = {
        f"{other} layers": time(*of, other, lambda_, rho) for other in (1, predictor_depth + 1)
    }
    trial.value(
        observed.deep_predictor_time(fraction, depth, predictor_depth, init, lambda_, rho),
        law,
        error=1e-9 * law,  # thousands of steps, each good to 1e-12
        margin=1e-8 * law,
        controls=apart(trial, law, 1e-8 * law, controls),
    )


@claim(DEEPER, kind="limit", cases=[(3, 2), (3, 3), (4, 3)])
def test_deep_predictor__preference(
    trial,
    depth: Annotated[int, Interval(3, 6, why="L >= 2 + M / 2: else another power is as large")],
    predictor_depth: PredictorDepth,
    rho_low: Regression = 0.5,
    rho_high: Regression = 1.0,
    fraction: Annotated[float, Interval(0.1, 0.99, why="well above the start")] = 0.5,
):
    """As ε -> 0 the preference for ρ falls as ε^(M/L): (Φ - 1) ε^(-M/L) tends to
    (2L + M - 2) / (2L - 2) (1/ρ_1 - 1/ρ_2). A deeper predictor weakens the bias.
    """
    trial.require(2 * depth - 2 > predictor_depth, "depth must be above 1 + predictor_depth / 2")
    trial.require(rho_low < 0.75 * rho_high, "rho_low must be below 0.75 rho_high")
    inits = DOUBLINGS ** (-depth / predictor_depth)
    exponents = 2 * depth + predictor_depth - 1, predictor_depth
    slow, fast = (
        [exact_passage_time(fraction, init, depth, *exponents, 1.0, rho) for init in inits]
        for rho in (rho_low, rho_high)
    )
    ratios = [
        float((first / second - 1) * n)
        for first, second, n in zip(slow, fast, DOUBLINGS, strict=True)
    ]
    limit = predicted.deep_predictor_preference(depth, predictor_depth, rho_low, rho_high)
    one_layer = predicted.deep_predictor_preference(depth, 1, rho_low, rho_high)
    trial.limit(
        ratios,
        DOUBLINGS,
        limit,
        order=1,
        margin=0.01 * limit,
        controls={"the coefficient of one layer": one_layer, "as ε^(1/L), as with one layer": 0.0},
    )
