"""Other starts, targets and predictors: no stop-gradient, unbalanced factors, a target that is a
moving average, several predictor layers.
"""

from typing import Annotated

import numpy as np

from paper_checks.test_jepa_bias import (
    DOUBLINGS,
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

SOLVER_ERROR = 1e-8
"""Of `simulate_factors`: steps are accurate to 1e-11, and take less than a thousand."""

Variance = Annotated[float, Interval(0.5, 4, why="of order one, like the start")]
"""σ_x^2, σ_y^2 and λ of the views."""
FactorStart = Annotated[
    float, Interval(0.01, 2, why="the time of the rise varies like its power 1 - 2L")
]
"""v(0) and w(0)."""


@claim(
    derived(
        "the predictor tends to a limit that is no minimum, and the gradient in $w$ is then "
        "$m w^(2 L - 1)$"
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
    """Train JEPA without the stop-gradient on a feature whose views $x$ and $y$ have the variances
    $σ_x²$ and $σ_y²$ and the covariance $λ$, with $λ² < σ_x² σ_y²$, a predictor $v$ and a factor
    $w$ for each of $L$ encoder layers. Let $z = σ_x² v - λ$ and $D = σ_x² σ_y² - λ²$. Then
    $z² / 2 + D log|z| - σ_x⁴ w² / 2$ is conserved, $v$ tends to the value that this gives at
    $w = 0$ with the sign of $z$ at the start, and with the mean squared error $m$ of this final
    predictor $w$ falls like $((2 L - 2) m t)^(-1/(2 L - 2))$, and like $exp(-m t)$ if $L$ is 1.

    So the encoder loses every such feature. The final predictor is no minimum of the loss.
    """
    trial.require(
        covariance**2 < 0.95 * variance_x * variance_y,
        "covariance^2 must be below 0.95 variance_x variance_y: good predictions collapse late",
    )

    def mean_squared_error(predictor):
        return variance_x * predictor**2 - 2 * predictor * covariance + variance_y

    # Of both v and w
    start = 0.9
    limit = variants.collapsed_predictor(variance_x, covariance, variance_y, start, start)
    final_error = float(mean_squared_error(limit))
    power = 2 * depth - 2

    def clock(layer):
        """The time that w' = -w^(2 L - 1) takes to bring w down to here, up to a constant."""
        return layer**-power / power if power else -np.log(layer)

    times = clock(np.array([0.1, 0.01, 1e-3, 3e-4])) / final_error
    rho = covariance / variance_x

    def pace_and_predictor(**options):
        """How fast the clock runs at the end, which is m by the statement, and the final v."""
        flow = factor_flow.simulate_factors(depth, start, start, covariance, rho, times, **options)
        pace = np.diff(clock(np.asarray(flow.layer)))[-1] / np.diff(times)[-1]
        return np.array([pace, float(flow.predictor[-1])])

    predicted = np.array([final_error, limit])
    # The clock has the sixth power of w at most.
    error = SOLVER_ERROR * np.array([10 * final_error, 1.0])
    # As w falls on, v moves by z w^2 / (2 m), and the mean squared error by z^2 w^2 / m.
    residual = np.abs(variance_x * limit - covariance)
    slack = 1e-6 / final_error * np.array([residual**2, residual])
    margin = 2 * (error + slack)
    controls = {
        "$v$ tends to the minimum of the loss": np.array([mean_squared_error(rho), rho]),
        "$v$ stays where it started": np.array([mean_squared_error(start), start]),
        "$w$ falls like $t^(-1/(2 L))$": np.array([0.0, limit]),
    }
    require_apart(trial, predicted, margin, controls)
    trial.value(
        pace_and_predictor(target_variance=variance_y),
        predicted,
        error=error,
        slack=slack,
        margin=margin,
        controls=controls,
        control_processes={"with the stop-gradient": pace_and_predictor()},
    )


@claim(
    derived("$w^2 - v^2$ is conserved, and the flow stops at $v = ρ$ or at $w = 0$"),
    kind="identity",
    cases=[(0.05, 0.2), (0.2, 0.05), (0.9, 0.2)],
)
def test_unbalanced_init(
    trial, predictor_init: FactorStart, layer_init: FactorStart, regression: Regression = 0.5
):
    """Let $w$ be the factor of an encoder layer on a feature and $v$ that of the predictor, with
    positive starts $w_0$ and $v_0$. JEPA ends at $v = ρ$ and $w² = ρ² + w_0² - v_0²$, or at $w = 0$
    if this is negative, where $ρ$ is the regression coefficient.

    From a negative v_0 below -w_0 the feature is lost.
    """
    square = regression**2 + layer_init**2 - predictor_init**2
    trial.require(
        np.abs(square) > 0.01, "rho^2 + w(0)^2 - v(0)^2 must be 0.01 off zero, where both ends meet"
    )
    slowest = min(layer_init, np.sqrt(np.abs(square)), 1.0)
    times = 1e8 / slowest**4 * np.array([1e-6, 1e-4, 1e-2, 1.0])
    flow = factor_flow.simulate_factors(2, layer_init, predictor_init, 1.0, regression, times)

    # v, then w
    end = np.array(variants.unbalanced_end_state(predictor_init, layer_init, regression))
    # A collapsing w falls like t^(-1/2), and moves v at second order; the other end is reached
    # exponentially.
    final_predictor = end[0]
    pull = 2 * final_predictor * (final_predictor / regression - 1)
    remaining_layer = 2 / np.sqrt(pull * times[-1]) if square < 0 else 0.0
    margin = np.array([1e-6 + remaining_layer**2, 1e-6 + remaining_layer])
    controls = {
        "$v = w = ρ$, as from equal starts": np.full(2, regression),
        "$v_0$ and $w_0$ exchanged": np.array(
            variants.unbalanced_end_state(layer_init, predictor_init, regression)
        ),
    }
    require_apart(trial, end, margin, controls)
    trial.value(
        [float(flow.predictor[-1]), float(flow.layer[-1])],
        end,
        error=SOLVER_ERROR,
        slack=margin / 2,
        margin=margin,
        controls=controls,
    )


LAGGED = derived(
    "to first order each layer of the target lags by $1 / τ$, and the product of $L$ layers "
    "by $L / τ$"
)
FROZEN = derived("the equation with a frozen target, in other units of strength and time")
PLATEAU = derived(
    "a target that follows at the rate $τ$ adds one row to the linearised flow of two features"
)

Start = Annotated[float, Interval(5e-3, 0.1, why="below the target, and solved within seconds")]
FewLayers = Annotated[int, Interval(1, 3, why="with more, times are too long to solve in seconds")]
NearOneCovariance = Annotated[
    float, Interval(0.3, 3, why="it scales time, and with it the τ that are large")
]
"""λ."""
Tracking = Annotated[float, Interval(0.02, 1e3, why="slower and faster ones are the two limits")]
"""τ."""

COVARIANCE = np.array([1.69, 1.0, 1.3])
REGRESSION = np.array([0.6, 0.9, 1.35])
"""λ and ρ of three features, of which the first is learned."""


@claim(LAGGED, cases=[(2, 0.05, 1.0), (1, 0.02, 0.5)])
def test_moving_target(
    trial,
    depth: Annotated[int, Interval(1, 2, why="with more, times are too long beside 1 / τ")],
    init: Start,
    rho: Annotated[float, Interval(0.4, 2, why="times vary like its power 1 - 2L")],
    fraction: Fraction = 0.8,
    lambda_: NearOneCovariance = 0.8,
):
    """Let each layer of the target encoder of JEPA follow that of the encoder at the rate $τ$. As
    $τ$ grows, the time at which a feature rises from the strength $ε$ to $p ρ^L$ with $L$ layers
    grows by $h / τ$ to first order, where
    $h = log(p ρ^L / ε) + L log((1 - ε^(1/L) / ρ) / (1 - p^(1/L)))$ and $ρ$ is the regression
    coefficient.

    The delay is longer for the larger ρ and does not depend on λ.
    """
    trial.require(init < 0.7 * fraction * rho**depth, "init must be below the target by a third")
    lag = float(variants.target_lag(fraction, init, depth, rho))
    soonest = learning_times.critical_time(fraction, init, depth, lambda_, rho, objective="jepa")
    # Several times the rate at which the feature grows
    rates = np.array([5.0, 10.0, 20.0, 40.0]) * lambda_ * max(1, rho) ** (2 * depth)
    end = fraction * rho**depth
    delays = [
        factor_flow.learning_time(end, depth, init, lambda_, rho, tracking=rate) - soonest
        for rate in rates
    ]
    controls = {
        "no delay": 0.0,
        "the delay of $1.3 ρ$": float(variants.target_lag(fraction, init, depth, 1.3 * rho)),
        "a delay that falls like $1 / λ$": lag / lambda_,
    }
    margin = 0.005 * lag
    trial.limit(
        rates * delays,
        rates,
        lag,
        order=1,
        margin=margin,
        controls=require_apart(trial, lag, margin, controls),
    )


@claim(FROZEN, kind="identity", cases=[(1, 0.01), (2, 0.01), (3, 0.01)])
def test_moving_target__frozen(
    trial,
    depth: FewLayers,
    init: Start,
    fraction: Fraction = 0.8,
    lambda_: NearOneCovariance = 1.2,
):
    """With a target encoder that is frozen at its start $ε$, JEPA of $L$ layers is a masked
    autoencoder that starts at $ε^(1/(L+1))$, on a clock that is slower by the factor
    $ε^(2 L/(L+1))$.

    So of two features whose views have the same covariance λ, the one with the smaller regression
    coefficient is learned first.
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
        controls={
            "as with a target that follows": jepa,
            "one time for every $ρ$": np.full(3, law[1]),
        },
    )


@claim(PLATEAU, kind="identity", cases=[(1, 0.5), (2, 0.05), (2, 5.0)])
def test_moving_target__displacement(trial, depth: FewLayers, tracking: Tracking):
    """Let each layer of the target encoder of JEPA follow that of the encoder at the rate $τ$. At
    the state in which feature $j$ is learned and $i$ is not, the linearised flow replaces $j$ by
    $i$ at the rate $(sqrt((a + τ)² + 4 τ μ) - a - τ) / 2$, where $a = ρ_j^(2 L) σ_i²$,
    $μ = ρ_j^(2 L - 1) σ_i² (ρ_i - ρ_j)$ is the rate for a target that follows at once, and $ρ$ and
    $σ²$ are the regression coefficients and variances of the features.

    So i replaces j if and only if ρ_i > ρ_j, at every τ.
    """
    state = networks.saddle_state(trial.key("rotations"), (0,), REGRESSION, depth, "jepa")
    views = np.diag(COVARIANCE / REGRESSION), np.diag(COVARIANCE)
    values, errors = eigenvalues(matrix_flow.moving_target_jacobian(state, *views, tracking))
    # λ_j and ρ_j of the learned feature, λ_i and ρ_i of the two others
    pairs = (COVARIANCE[0], REGRESSION[0], COVARIANCE[1:], REGRESSION[1:])
    rates = np.sort(variants.moving_target_rate(depth, *pairs, tracking))[::-1]
    at_once = partial_states.saddle_rate(depth, *pairs, objective="jepa")
    mae = partial_states.saddle_rate(depth, *pairs, objective="mae")
    trial.value(
        values[:2].real,
        rates,
        error=errors[:2],
        margin=1e-6 * rates,
        controls={
            "as if the target followed at once": np.sort(at_once)[::-1],
            "the autoencoder's rate": np.sort(mae)[::-1],
        },
        generic="eigenvalues are analytic in the rotations, and do not depend on them",
    )


DEEPER = derived("the gradients of all factors, with $M$ predictor layers")
PredictorDepth = Annotated[int, Interval(2, 4, why="one layer has its own claim")]
"""M."""
Covariance = Annotated[float, Interval(0.1, 10, why="it scales time alone")]
"""λ."""
NearOneRegression = Annotated[
    float, Interval(0.4, 2, why="times vary like its power -(2L + M - 2) / M")
]
"""ρ."""


@claim(DEEPER, kind="identity", cases=[(2, 2, 1e-2), (2, 3, 1e-3), (3, 2, 1e-2), (1, 2, 1e-3)])
def test_deep_predictor(
    trial,
    depth: Annotated[int, Interval(1, 4, why="times grow like ε^(-(2L + M - 2) / L)")],
    predictor_depth: PredictorDepth,
    init: Annotated[float, Interval(1e-3, 0.05, why="below the target, and solved within seconds")],
    fraction: Fraction = 0.8,
    lambda_: Covariance = 1.3,
    rho: NearOneRegression = 0.7,
):
    """Let JEPA have $L$ encoder layers and $M$ predictor layers, all with the same strength $w$ on
    a feature of the covariance $λ$ and the regression coefficient $ρ$. The feature is learned at
    the time that $w' = λ w^(2 L + M - 1) (1 - w^M / ρ)$ gives, and $w$ ends at $ρ^(1/M)$.
    """
    end = fraction * rho ** (depth / predictor_depth)
    trial.require(init < 0.9 * end, "init must be below the target: else nothing is learned")
    measured = factor_flow.learning_time(
        end, depth, init, lambda_, rho, predictor_depth=predictor_depth
    )

    def law(layers):
        return variants.deep_predictor_critical_time(fraction, init, depth, layers, lambda_, rho)

    time = law(predictor_depth)
    controls = {
        "a predictor of one layer": law(1),
        "a predictor with one more layer": law(predictor_depth + 1),
    }
    trial.value(
        measured,
        time,
        error=1e-9 * time,  # thousands of steps, each good to 1e-12
        margin=1e-8 * time,
        controls=require_apart(trial, time, 1e-8 * time, controls),
    )


@claim(DEEPER, cases=[(3, 2), (3, 3), (4, 3)])
def test_deep_predictor__preference(
    trial,
    depth: Annotated[int, Interval(3, 6, why="L >= 2 + M / 2: else another power is as large")],
    predictor_depth: PredictorDepth,
    rho_low: NearOneRegression = 0.45,
    rho_high: NearOneRegression = 1.0,
    fraction: Annotated[float, Interval(0.1, 0.99, why="well above the start")] = 0.5,
):
    """Let $λ$ be the covariance of the two views of a feature and $ρ$ its regression coefficient.
    Let JEPA have $L$ encoder layers and $M < 2 L - 2$ predictor layers, and let $Φ$ be the ratio of
    $λ_1$ to $λ_2$ below which it learns feature 2 first, for $ρ_1 < ρ_2$. As the start $ε$ falls,
    $(Φ - 1) ε^(-M/L)$ tends to $(2 L + M - 2) / (2 L - 2) (1 / ρ_1 - 1 / ρ_2)$.

    So a deeper predictor prefers large ρ less.
    """
    trial.require(2 * depth - 2 > predictor_depth, "depth must be above 1 + predictor_depth / 2")
    trial.require(rho_low < 0.75 * rho_high, "rho_low must be below 0.75 rho_high")

    def time(init, rho):
        """By quadrature, of w' = w^(2 L + M - 1) (λ - w^M σ²) at λ = 1."""
        gradient = 2 * depth + predictor_depth - 1
        return exact_passage_time(fraction, init, depth, gradient, predictor_depth, 1.0, rho)

    # ε^(-M/L)
    inverse_powers = DOUBLINGS
    inits = inverse_powers ** (-depth / predictor_depth)
    # Φ is the ratio of the two times at equal λ.
    scaled_excesses = [
        float((time(init, rho_low) / time(init, rho_high) - 1) * inverse_power)
        for init, inverse_power in zip(inits, inverse_powers, strict=True)
    ]
    limit = variants.deep_predictor_preference(depth, predictor_depth, rho_low, rho_high)
    one_layer = variants.deep_predictor_preference(depth, 1, rho_low, rho_high)
    trial.limit(
        scaled_excesses,
        inverse_powers,
        limit,
        order=1,
        margin=0.01 * limit,
        controls={
            "the coefficient of a predictor of one layer": one_layer,
            "$a Φ - 1$ that falls faster than $ε^(M/L)$": 0.0,
        },
    )
