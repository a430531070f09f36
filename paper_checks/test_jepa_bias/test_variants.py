"""Other starts, targets and predictors: no stop-gradient, unbalanced factors, a target that is a
moving average, several predictor layers.
"""

from typing import Annotated

import numpy as np

from paper_checks.test_jepa_bias import (
    Fraction,
    Regression,
    eigenvalues,
    exact_passage_time,
    require_apart,
)
from sims.jepa_bias import factor_flow, matrix_flow, networks
from theory.jepa_bias import learning_times, partial_states, variants
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

START = 0.9
SOLVER_ERROR = 1e-8
"""Steps are accurate to 1e-11, and take less than a thousand."""

Variance = Annotated[float, Interval(0.5, 4, why="of order one, like the start")]
"""σ_x^2, σ_y^2 and λ of the views."""
FactorStart = Annotated[float, Interval(0.01, 2, why="the time of the rise is as its power 2L - 1")]
"""v(0) and w(0)."""


@claim(
    derived(
        "the predictor tends to a limit that is no minimum, and the gradient in w is then m "
        "w^(2 L - 1)"
    ),
    kind="limit",
    cases=(1, 2, 3),
)
def test_no_sg_collapse(
    trial,
    depth: Annotated[
        int, Interval(1, 4, why="deeper, the collapse takes more decades than floats have")
    ],
    variance_x: Variance = 2.0,
    covariance: Variance = 1.2,
    variance_y: Variance = 1.5,
):
    """Train JEPA without the stop-gradient on a feature whose views x and y have the variances σ_x²
    and σ_y² and the covariance λ, with λ² < σ_x² σ_y², a predictor v and a factor w for each of L
    encoder layers. Let z = σ_x² v - λ and D = σ_x² σ_y² - λ². Then z² / 2 + D log|z| - σ_x⁴ w² / 2
    is conserved, v tends to the value that this gives at w = 0 with the sign of z at the start, and
    with the mean squared error m of this final predictor w falls like ((2 L - 2) m t)^(-1/(2 L -
    2)), and like exp(-m t) if L is 1.

    So the encoder loses every such feature. The final predictor is no minimum of the loss.
    """
    trial.require(
        covariance**2 < 0.95 * variance_x * variance_y,
        "covariance^2 must be below 0.95 variance_x variance_y: good predictions collapse late",
    )

    def error_of(predictor):
        return variance_x * predictor**2 - 2 * predictor * covariance + variance_y

    limit = variants.collapsed_predictor(variance_x, covariance, variance_y, START, START)
    left = float(error_of(limit))
    power = 2 * depth - 2

    def clock(layer):
        """The time that w' = -w^(2 L - 1) takes to bring w down to here, up to a constant."""
        return layer**-power / power if power else -np.log(layer)

    times = clock(np.array([0.1, 0.01, 1e-3, 3e-4])) / left

    rho = covariance / variance_x

    def late(**options):
        """The pace of the clock, and the predictor."""
        flow = factor_flow.simulate_factors(depth, START, START, covariance, rho, times, **options)
        pace = np.diff(clock(np.asarray(flow.layer)))[-1] / np.diff(times)[-1]
        return np.array([pace, float(flow.predictor[-1])])

    exact = np.array([left, limit])
    error = SOLVER_ERROR * np.array([10 * left, 1.0])  # the sixth power of w at most
    # As w falls on, v moves by z w^2 / (2 m), and the mean squared error by z^2 w^2 / m.
    residual = np.abs(variance_x * limit - covariance)
    slack = 1e-6 / left * np.array([residual**2, residual])
    margin = 2 * (error + slack)
    rivals = {
        "the minimum of the loss": np.array([error_of(rho), rho]),
        "the predictor stays where it started": np.array([error_of(START), START]),
        "w ~ t^(-1/(2 L))": np.array([0.0, limit]),
    }
    trial.value(
        late(target_variance=variance_y),
        exact,
        error=error,
        slack=slack,
        margin=margin,
        controls=require_apart(trial, exact, margin, rivals),
        control_processes={"with the stop-gradient": late()},
    )


@claim(
    derived("w^2 - v^2 is conserved, and the flow stops at v = ρ or at w = 0"),
    kind="identity",
    cases=[(0.05, 0.2), (0.2, 0.05), (0.9, 0.2)],
)
def test_unbalanced_init(
    trial, predictor_init: FactorStart, layer_init: FactorStart, regression: Regression = 0.5
):
    """Let w be the factor of an encoder layer on a feature and v that of the predictor, with starts
    w_0 and v_0 that differ. JEPA ends at v = ρ and w² = ρ² + w_0² - v_0², or at w = 0 if this is
    negative, where ρ is the regression coefficient.
    """
    square = regression**2 + layer_init**2 - predictor_init**2
    trial.require(
        np.abs(square) > 0.01, "rho^2 + w(0)^2 - v(0)^2 must be 0.01 off zero, where both ends meet"
    )
    slowest = min(layer_init, np.sqrt(np.abs(square)), 1.0)
    times = 1e8 / slowest**4 * np.array([1e-6, 1e-4, 1e-2, 1.0])
    flow = factor_flow.simulate_factors(2, layer_init, predictor_init, 1.0, regression, times)

    # Elsewhere the end is exponential; a collapsing w falls as t^(-1/2), and takes v with it at
    # second order.
    collapses = square < 0
    exact = np.array(variants.unbalanced_end_state(predictor_init, layer_init, regression))
    pull = 2 * exact[0] * (exact[0] / regression - 1)
    left = 2 / np.sqrt(pull * times[-1]) if collapses else 0.0
    margin = np.array([1e-6 + left**2, 1e-6 + left])
    rivals = {
        "as if balanced": np.full(2, regression),
        "v(0) and w(0) exchanged": np.array(
            variants.unbalanced_end_state(layer_init, predictor_init, regression)
        ),
    }
    controls = require_apart(trial, exact, margin, rivals)
    trial.value(
        [float(flow.predictor[-1]), float(flow.layer[-1])],
        exact,
        error=SOLVER_ERROR,
        slack=margin / 2,
        margin=margin,
        controls=controls,
    )


LAGGED = derived(
    "to first order each layer of the target lags by 1 / τ, and the product of L layers by L / τ"
)
FROZEN = derived("the equation with a frozen target, in other units of strength and time")
PLATEAU = derived(
    "a target that follows at the rate τ adds one row to the linearised flow of two features"
)

RATES = np.array([5.0, 10.0, 20.0, 40.0])
"""τ, in units of λ max(1, ρ)^(2L), about the rate at which features grow."""
Start = Annotated[float, Interval(5e-3, 0.1, why="below the target, and solved within seconds")]
FewLayers = Annotated[int, Interval(1, 3, why="with more, times are too long to solve in seconds")]
Strength = Annotated[float, Interval(0.3, 3, why="it scales time, and with it what τ is large")]
"""λ."""
Tracking = Annotated[float, Interval(0.02, 1e3, why="slower and faster ones are the two limits")]
"""τ."""

COVARIANCE = np.array([1.69, 1.0, 1.3])
REGRESSION = np.array([0.6, 0.9, 1.35])


@claim(LAGGED, cases=[(2, 0.05, 1.0), (1, 0.02, 0.5)])
def test_moving_target(
    trial,
    depth: Annotated[int, Interval(1, 2, why="with more, times are too long beside 1 / τ")],
    init: Start,
    rho: Annotated[float, Interval(0.4, 2, why="times are as its power 2L - 1")],
    fraction: Fraction = 0.8,
    lambda_: Strength = 0.8,
):
    """Let each layer of the target encoder of JEPA follow that of the encoder at the rate τ. As τ
    grows, the time at which a feature rises from the strength ε to p ρ^L with L layers grows by h /
    τ to first order, where h = log(p ρ^L / ε) + L log((1 - ε^(1/L) / ρ) / (1 - p^(1/L))) and ρ is
    the regression coefficient.

    The delay is longer for the larger ρ and does not depend on λ.
    """
    trial.require(init < 0.7 * fraction * rho**depth, "init must be below the target by a third")
    lag = float(variants.target_lag(fraction, init, depth, rho))
    soonest = learning_times.critical_time(fraction, init, depth, lambda_, rho, objective="jepa")
    rates = RATES * lambda_ * max(1, rho) ** (2 * depth)
    delays = [
        rate
        * (
            factor_flow.learning_time(
                fraction * rho**depth, depth, init, lambda_, rho, tracking=rate
            )
            - soonest
        )
        for rate in rates
    ]
    controls = {
        "no delay": 0.0,
        "one delay for every ρ": float(variants.target_lag(fraction, init, depth, 1.3 * rho)),
        "divided by λ": lag / lambda_,
    }
    margin = 0.005 * lag
    trial.limit(
        delays,
        rates,
        lag,
        order=1,
        margin=margin,
        controls=require_apart(trial, lag, margin, controls),
    )


@claim(FROZEN, kind="identity", cases=[(1, 0.01), (2, 0.01), (3, 0.01)])
def test_moving_target__frozen(
    trial, depth: FewLayers, init: Start, fraction: Fraction = 0.8, lambda_: Strength = 1.2
):
    """With a target encoder that is frozen at its start ε, JEPA of L layers is a masked autoencoder
    that starts at ε^(1/(L+1)), on a clock that is slower by the factor ε^(2 L/(L+1)).

    So of features with the same covariance λ of their views that with the smaller regression
    coefficient comes first.
    """
    rhos = np.array([0.5, 1.0, 1.5])
    ends = fraction * (init * rhos) ** (depth / (depth + 1))
    trial.require(init < 0.9 * ends.min(), "init must be below the target: else nothing is learned")
    times = [
        factor_flow.learning_time(end, depth, init, lambda_, rho, tracking=0.0)
        for end, rho in zip(ends.tolist(), rhos.tolist(), strict=True)
    ]
    law = variants.frozen_target_time(fraction, init, depth, lambda_, rhos)
    jepa = learning_times.critical_time(fraction, init, depth, lambda_, rhos, objective="jepa")
    trial.value(
        times,
        law,
        error=1e-9 * law,  # thousands of steps, each good to 1e-12
        margin=1e-8 * law,
        controls={"JEPA's own times": jepa, "one time for every ρ": np.full(3, law[1])},
    )


@claim(PLATEAU, kind="identity", cases=[(1, 0.5), (2, 0.05), (2, 5.0)])
def test_moving_target__displacement(trial, depth: FewLayers, tracking: Tracking):
    """Let each layer of the target encoder of JEPA follow that of the encoder at the rate τ. At the
    state in which feature j is learned and i is not, the linearised flow replaces j by i at the
    rate (sqrt((a + τ)² + 4 τ μ) - a - τ) / 2, where a = ρ_j^(2 L) σ_i², μ = ρ_j^(2 L - 1) σ_i² (ρ_i
    - ρ_j) is the rate for a target that follows at once, and ρ and σ² are the regression
    coefficients and variances of the features.

    So i replaces j if and only if ρ_i > ρ_j, at every τ.
    """
    state = networks.saddle_state(trial.key("rotations"), (0,), REGRESSION, depth, "jepa")
    views = np.diag(COVARIANCE / REGRESSION), np.diag(COVARIANCE)
    values, errors = eigenvalues(matrix_flow.moving_target_jacobian(state, *views, tracking))
    pairs = (COVARIANCE[0], REGRESSION[0], COVARIANCE[1:], REGRESSION[1:])
    rates = np.sort(variants.moving_target_rate(depth, *pairs, tracking))[::-1]
    follows = partial_states.saddle_rate(depth, *pairs, objective="jepa")
    mae = partial_states.saddle_rate(depth, *pairs, objective="mae")
    trial.value(
        values[:2].real,
        rates,
        error=errors[:2],
        margin=1e-6 * rates,
        controls={
            "as if the target followed at once": np.sort(follows)[::-1],
            "the autoencoder's rate": np.sort(mae)[::-1],
        },
    )


DEEPER = derived("the gradients of equations (4) and (5) of the paper, with M predictor layers")
PredictorDepth = Annotated[int, Interval(2, 4, why="one layer has its own claim")]
"""M."""
AnyStrength = Annotated[float, Interval(0.1, 10, why="it scales time alone")]
"""λ."""
NearOne = Annotated[float, Interval(0.4, 2, why="times are as its power (2L + M - 2) / M")]
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
    lambda_: AnyStrength = 1.3,
    rho: NearOne = 0.7,
):
    """Let JEPA have L encoder layers and M predictor layers, all with the same strength w on a
    feature of the covariance λ and the regression coefficient ρ. The feature is learned at the time
    that w' = λ w^(2 L + M - 1) (1 - w^M / ρ) gives, and w ends at ρ^(1/M).
    """
    trial.require(
        init < 0.9 * fraction * rho ** (depth / predictor_depth),
        "init must be below the target: else nothing is learned",
    )
    time = variants.deep_predictor_critical_time
    of = fraction, init, depth
    law = time(*of, predictor_depth, lambda_, rho)
    controls = {
        f"{other} layers": time(*of, other, lambda_, rho) for other in (1, predictor_depth + 1)
    }
    trial.value(
        factor_flow.learning_time(
            fraction * rho ** (depth / predictor_depth),
            depth,
            init,
            lambda_,
            rho,
            predictor_depth=predictor_depth,
        ),
        law,
        error=1e-9 * law,  # thousands of steps, each good to 1e-12
        margin=1e-8 * law,
        controls=require_apart(trial, law, 1e-8 * law, controls),
    )


@claim(DEEPER, cases=[(3, 2), (3, 3), (4, 3)])
def test_deep_predictor__preference(
    trial,
    depth: Annotated[int, Interval(3, 6, why="L >= 2 + M / 2: else another power is as large")],
    predictor_depth: PredictorDepth,
    rho_low: NearOne = 0.45,
    rho_high: NearOne = 1.0,
    fraction: Annotated[float, Interval(0.1, 0.99, why="well above the start")] = 0.5,
):
    """Let λ be the covariance of the two views of a feature and ρ its regression coefficient. Let
    JEPA have L encoder layers and M < 2 L - 2 predictor layers, and let Φ be the ratio of λ_1 to
    λ_2 below which it learns feature 2 first, for ρ_1 < ρ_2. As the start ε falls, (Φ - 1) ε^(-M/L)
    tends to (2 L + M - 2) / (2 L - 2) (1 / ρ_1 - 1 / ρ_2).

    So a deeper predictor prefers large ρ less.
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
    limit = variants.deep_predictor_preference(depth, predictor_depth, rho_low, rho_high)
    one_layer = variants.deep_predictor_preference(depth, 1, rho_low, rho_high)
    trial.limit(
        ratios,
        DOUBLINGS,
        limit,
        order=1,
        margin=0.01 * limit,
        controls={"the coefficient of one layer": one_layer, "as ε^(1/L), as with one layer": 0.0},
    )
