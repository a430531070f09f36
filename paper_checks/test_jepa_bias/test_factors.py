"""One feature with its factors apart: no stop-gradient, unbalanced starts."""

import numpy as np

from paper_checks.test_jepa_bias import DERIVED
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, ours

VARIANCE_X, VARIANCE_Y, COVARIANCE, START = 2.0, 1.5, 1.2, 0.9
LATE = np.array([1e2, 1e4, 1e6, 1e8])


def factors(depth, layer_init, predictor_init, covariance, regression, times, target_variance=None):
    """The layers' and the predictor's value at the times, from the simulator."""
    run = observed.simulate_factors(
        depth, layer_init, predictor_init, covariance, regression, times, target_variance=target_variance
    )
    return np.asarray(run.layer), np.asarray(run.predictor)


@claim(ours("what the stop-gradient is for (abstract's objective); laws derived here"), kind="limit")
def test_no_sg_collapse(trial, depths=(2, 3)):
    """Without the stop-gradient every imperfectly predictable feature collapses: w -> ((2L-2) m t)^(-1/(2L-2))."""
    views = (VARIANCE_X, COVARIANCE, VARIANCE_Y)
    rho = COVARIANCE / VARIANCE_X
    limit = float(predicted.collapsed_predictor(*views, START, START))
    late, predictors, stopped, expected = [], [], [], []
    for depth in depths:
        layer, predictor = factors(depth, START, START, COVARIANCE, rho, LATE, VARIANCE_Y)
        kept, _ = factors(depth, START, START, COVARIANCE, rho, LATE)
        late.append(layer[2:])
        predictors.append(predictor[-1])
        stopped.append(kept[2:])
        expected.append(predicted.collapse_strength(LATE[2:], depth, *views, limit))
    late, expected = np.array(late), np.array(expected)
    trial.value(
        late / expected,
        np.ones(late.shape),
        error=1e-8,
        # V has still to move by as much as w^2, the loss with it.
        slack=5 * expected**2,
        margin=0.01,
        controls={"w ~ t^(-1/(2L))": LATE[2:] ** (1 / np.array([[2], [4]]) - 1 / np.array([[4], [6]]))},
        wrong_processes={"with the stop-gradient": np.array(stopped) / expected},
    )
    trial.value(
        predictors,
        np.full(len(depths), limit),
        error=1e-8,
        slack=expected[:, -1] ** 2 * 5,
        margin=1e-3,
        controls={"the regression coefficient": np.full(len(depths), rho), "its start": np.full(len(depths), START)},
    )


@claim(ours("what the stop-gradient is for (abstract's objective); laws derived here"), kind="limit")
def test_no_sg_collapse__shallow(trial):
    """With one layer the collapse without the stop-gradient is exponential, at the rate m of the final predictor."""
    views = (VARIANCE_X, COVARIANCE, VARIANCE_Y)
    times = np.array([5.0, 10.0, 20.0, 40.0])
    layer, _ = factors(1, START, START, COVARIANCE, COVARIANCE / VARIANCE_X, times, VARIANCE_Y)
    limit = float(predicted.collapsed_predictor(*views, START, START))
    strength = predicted.collapse_strength(times, 1, *views, limit)
    rate = -np.log(strength[3] / strength[2]) / 20
    trial.value(
        -np.log(layer[3] / layer[2]) / 20,
        rate,
        error=1e-8,
        slack=layer[2] ** 2,  # by which V has still to move
        margin=1e-4,
        controls={"of the perfect predictor": VARIANCE_Y - COVARIANCE**2 / VARIANCE_X, "twice": 2 * rate},
    )


@claim(ours(DERIVED), kind="identity")
def test_unbalanced_init(trial, regression=0.5, starts=((0.05, 0.2), (0.2, 0.05), (0.9, 0.2))):
    """JEPA from v(0) != w(0) ends at v = rho, w^2 = rho^2 + w(0)^2 - v(0)^2, or with w = 0 where this has no root."""
    found, expected, balanced = [], [], []
    for predictor_init, layer_init in starts:
        layer, predictor = factors(2, layer_init, predictor_init, 1.0, regression, LATE)
        ends, layers = predicted.unbalanced_end_state(
            predictor_init, np.full(2, layer_init), regression, objective="jepa"
        )
        found.append([predictor[-1], layer[-1]])
        expected.append([ends, layers[0]])
        balanced.append([regression, regression])
    trial.value(
        found,
        expected,
        # At the collapsed end w falls as t^(-1/(2L-2)) without reaching zero; everywhere else the end is exponential.
        error=np.where(np.array(expected) > 0, 1e-8, 1 / np.sqrt(LATE[-1])),
        slack=np.where(np.array(expected) > 0, 0, 1e-3),
        margin=np.where(np.array(expected) > 0, 1e-6, 2e-3),
        controls={"as if balanced": balanced, "v(0) and w(0) exchanged": np.array(expected)[[1, 0, 2]]},
    )
