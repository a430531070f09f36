"""One feature with its factors apart: no stop-gradient, unbalanced starts."""

from typing import Annotated

import numpy as np
from scipy.integrate import solve_ivp

from paper_checks.test_jepa_bias import Regression
from paper_checks.test_jepa_bias.times import apart
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

START = 0.9
SOLVER_ERROR = 1e-8
"""Steps are accurate to 1e-11, and take less than a thousand."""

Variance = Annotated[float, Interval(0.5, 4, why="of order one, like the start")]
"""σ_x^2, σ_y^2 and λ of the views."""
FactorStart = Annotated[float, Interval(0.01, 2, why="the time of the rise is as its power 2L - 1")]
"""v(0) and w(0)."""


def factors(depth, layer_init, predictor_init, covariance, regression, times, target_variance=None):
    """The layers' and the predictor's value at the times, from the simulator."""
    run = observed.simulate_factors(
        depth,
        layer_init,
        predictor_init,
        covariance,
        regression,
        times,
        target_variance=target_variance,
    )
    return np.asarray(run.layer), np.asarray(run.predictor)


def collapse(trial, variance_x, covariance, variance_y):
    """Return the predictor's limit without the stop-gradient, and m, what is left of the loss there
    over w^(2L).
    """
    imperfect = covariance**2 < 0.95 * variance_x * variance_y
    trial.require(
        imperfect,
        "covariance^2 must be below 0.95 variance_x variance_y: good predictions collapse late",
    )
    limit = float(predicted.collapsed_predictor(variance_x, covariance, variance_y, START, START))
    return limit, variance_x * limit**2 - 2 * limit * covariance + variance_y


@claim(
    derived("V keeps a limit that is no minimum; the gradient in w is then m w^(2L-1)"),
    kind="limit",
    cases=(2, 3),
)
def test_no_sg_collapse(
    trial,
    depth: Annotated[
        int, Interval(2, 4, why="deeper, the collapse takes more decades than floats have")
    ],
    variance_x: Variance = 2.0,
    covariance: Variance = 1.2,
    variance_y: Variance = 1.5,
):
    """Without the stop-gradient every imperfectly predictable feature collapses: w -> ((2L-2) m
    t)^(-1/(2L-2)).
    """
    limit, left = collapse(trial, variance_x, covariance, variance_y)
    rho = covariance / variance_x
    power = 2 * depth - 2
    times = np.array([0.1, 0.03, 0.01, 0.003]) ** -power / (power * left)
    late = predicted.collapse_strength(times, depth, variance_x, covariance, variance_y, limit)
    layer, predictor = factors(depth, START, START, covariance, rho, times, variance_y)
    control_layer, _ = factors(depth, START, START, covariance, rho, times)
    # V has still to move by as much as w^2, the loss with it; the start counts as w^(-2L+2) in the
    # time.
    bent = ((variance_x * limit - covariance) / left) ** 2 * np.log(times) + START**-2
    rivals = {
        "w ~ t^(-1/(2L))": times[2:] ** (1 / power - 1 / (power + 2)),
        "m = 1": np.full(2, left ** (1 / power)),
    }
    trial.value(
        layer[2:] / late[2:],
        np.ones(2),
        error=SOLVER_ERROR,
        slack=(bent * late**2)[2:],
        margin=2 * (bent * late**2)[2:],
        controls=rivals,
        control_processes={"with the stop-gradient": control_layer[2:] / late[2:]},
    )
    slack = (1 + np.abs(variance_x * limit - covariance) / left) * late[-1] ** 2
    margin = 2 * slack + 1e-6
    controls = {"the regression coefficient": rho, "its start": START}
    rivals = apart(trial, limit, margin, controls)
    trial.value(
        predictor[-1], limit, error=SOLVER_ERROR, slack=slack, margin=margin, controls=rivals
    )


@claim(
    derived("V keeps a limit that is no minimum of the loss, whose gradient in w is then m w"),
    kind="limit",
)
def test_no_sg_collapse__shallow(
    trial, variance_x: Variance = 2.0, covariance: Variance = 1.2, variance_y: Variance = 1.5
):
    """With one layer the collapse without the stop-gradient is exponential, at the rate m of the
    final predictor.
    """
    limit, left = collapse(trial, variance_x, covariance, variance_y)
    times = np.array([3.0, 6.0, 12.0, 24.0]) / left
    layer, _ = factors(1, START, START, covariance, covariance / variance_x, times, variance_y)
    strength = predicted.collapse_strength(times, 1, variance_x, covariance, variance_y, limit)
    span = times[3] - times[2]
    rate, measured = (-np.log(late[3] / late[2]) / span for late in (strength, layer))
    slack = (variance_x / left * layer[2]) ** 2
    margin = 1e-6 * rate  # by which V has still to move
    rivals = {
        "of the perfect predictor": variance_y - covariance**2 / variance_x,
        "twice": 2 * rate,
    }
    controls = apart(trial, rate, margin, rivals)
    trial.value(
        measured, rate, error=SOLVER_ERROR / span, slack=slack, margin=margin, controls=controls
    )


@claim(
    derived(
        "w_a^2 - v^2 is conserved, and the flow of MAE stops where the product of all factors is ρ"
    ),
    kind="identity",
    cases=[(0.05, (0.2,)), (0.9, (0.2, 0.5)), (0.2, (0.05, 0.9, 1.4))],
)
def test_unbalanced_init__mae(
    trial,
    predictor_init: FactorStart,
    layer_inits: tuple[FactorStart, ...],
    regression: Regression = 0.5,
):
    """MAE from unequal factors ends where v w_1 ... w_L = ρ, with every w_a^2 - v^2 as it was at
    the start.
    """
    trial.require(
        1 <= len(layer_inits) <= 4, "layer_inits must be one to four: the flow of more is too stiff"
    )
    start = np.array([predictor_init, *layer_inits])

    def slope(
        _, factors
    ):  # of the loss, over the product: time runs differently, the path is the same
        return (regression - np.prod(factors)) / factors

    end = solve_ivp(slope, (0, 200), start, "LSODA", rtol=1e-11, atol=1e-13).y[:, -1]
    exact, balanced_end = (
        np.concatenate([[last], layers])
        for last, layers in (
            predicted.unbalanced_end_state(at[0], at[1:], regression, objective="mae")
            for at in (start, np.ones(len(start)))
        )
    )
    rivals = {"as if balanced": balanced_end, "the start": start}
    trial.value(
        end, exact, error=SOLVER_ERROR, margin=1e-6, controls=apart(trial, exact, 1e-6, rivals)
    )


@claim(
    derived("w^2 - v^2 is conserved, and the flow stops at v = ρ or at w = 0"),
    kind="identity",
    cases=[(0.05, 0.2), (0.2, 0.05), (0.9, 0.2)],
)
def test_unbalanced_init(
    trial, predictor_init: FactorStart, layer_init: FactorStart, regression: Regression = 0.5
):
    """JEPA from v(0) != w(0) ends at v = ρ, w^2 = ρ^2 + w(0)^2 - v(0)^2, or with w = 0 where this
    has no root.
    """
    square = regression**2 + layer_init**2 - predictor_init**2
    trial.require(
        np.abs(square) > 0.01, "rho^2 + w(0)^2 - v(0)^2 must be 0.01 off zero, where both ends meet"
    )
    slowest = min(layer_init, np.sqrt(np.abs(square)), 1.0)
    times = 1e8 / slowest**4 * np.array([1e-6, 1e-4, 1e-2, 1.0])
    layer, predictor = factors(2, layer_init, predictor_init, 1.0, regression, times)

    def end(v, w):
        ends, layers = predicted.unbalanced_end_state(
            v, np.full(2, w), regression, objective="jepa"
        )
        return np.array([ends, layers[0]])

    # Elsewhere the end is exponential; a collapsing w falls as t^(-1/2), and takes v with it at
    # second order.
    collapses = square < 0
    exact = end(predictor_init, layer_init)
    pull = 2 * exact[0] * (exact[0] / regression - 1)
    left = 2 / np.sqrt(pull * times[-1]) if collapses else 0.0
    margin = np.array([1e-6 + left**2, 1e-6 + left])
    rivals = {
        "as if balanced": np.full(2, regression),
        "v(0) and w(0) exchanged": end(layer_init, predictor_init),
    }
    controls = apart(trial, exact, margin, rivals)
    trial.value(
        [predictor[-1], layer[-1]],
        exact,
        error=SOLVER_ERROR,
        slack=margin / 2,
        margin=margin,
        controls=controls,
    )
