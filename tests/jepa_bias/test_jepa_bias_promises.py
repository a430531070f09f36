"""What the theory and the simulators of JEPA's implicit bias owe to whoever calls
them.
"""

import jax
import numpy as np
import pytest
from promises import Case, promises, refused

from sims.jepa_bias import (
    factor_flow,
    matrix_flow,
    networks,
    relu,
    sampled_views,
    scalar_flow,
)
from theory.jepa_bias import (
    data_models,
    learning_order,
    learning_times,
    partial_states,
    variants,
)

LATE = "where it is never reached, and beyond float64"
NEVER_NEGATIVE = """
mae_singular_values static_features strength_at unbalanced_end_state
"""
TIMES_TO = (
    "critical_time deep_predictor_critical_time frozen_target_time passage_time time_to_reach"
)
THEORY = {
    **dict.fromkeys(NEVER_NEGATIVE.split(), Case(within=(0, np.inf))),
    **dict.fromkeys(TIMES_TO.split(), Case(infinite=LATE, within=(0, np.inf))),
    "target_lag": Case(infinite="NaN where the start is above the asymptote"),
    "displacement_time": Case(infinite="where the rate is not positive", within=(0, np.inf)),
    "inversion_window": Case(infinite="NaN where there is no window"),
    "jepa_remainder": Case(infinite="NaN where the start is above the asymptote"),
    "order_boundary": Case(infinite="NaN where a feature is learned from the start"),
    "saddle_rates": Case(infinite="NaN but for a learned and an unlearned feature"),
}

XX = np.array([[1.0, 0.25], [0.25, 2.0]])
YX = np.array([[0.5, 0.125], [0.25, 0.75]])
YY = np.array([[1.5, 0.25], [0.25, 2.5]])
LAYER = np.array([[0.5, 0.25], [-0.25, 0.5]])
NETWORK = networks.Parameters((LAYER, LAYER), np.array([[0.5, -0.25], [0.125, 0.5]]))
OF_NETWORK = {"parameters": NETWORK, "Sigma_xx": XX, "Sigma_yx": YX}
SIZES = {"dimension": 2, "depth": 2, "basis": None}
FEATURE = {"depth": 2, "init": 0.01, "lambda_": 1.0, "rho": 1.0}
TIMES = {"times": np.array([0.5, 1.0])}
UNFINISHED = "NaN where the solver did not finish"
OVERFLOW = (
    "results of simulators are not inspected: beyond the range of floats they are infinite or NaN"
)
SIMS = {
    **dict.fromkeys(["flow_eigenvalues", "flow_jacobian"], Case(OF_NETWORK)),
    "gradients": Case(OF_NETWORK | {"target_layers": NETWORK.layers, "Sigma_yy": None}),
    "loss": Case(OF_NETWORK | {"target": YX, "Sigma_yy": YY}),
    "train": Case(OF_NETWORK | {"step": 0.25, "steps": 4, "every": 2, "basis": np.eye(2)}),
    "aligned_init": Case(SIZES),
    "learning_time": Case(
        FEATURE | {"strength": 0.5, "predictor_depth": 2, "tracking": 1.0}, extreme=False
    ),
    "moving_target_jacobian": Case({**OF_NETWORK, "tracking": 1.0}),
    "diagonal_network": Case(
        {"depth": 2, "basis": None, "layer_values": np.ones(2), "predictor_values": np.ones(2)}
    ),
    "empirical_covariances": Case({"X": YX, "Y": YY}),
    "balance": Case({"parameters": NETWORK}),
    "encoder": Case({"parameters": NETWORK}),
    "gaussian_views": Case({"n_samples": 3, "Sigma_xx": XX, "Sigma_yx": YX, "Sigma_yy": YY}),
    "hitting_time_by_quadrature": Case(infinite=OVERFLOW, within=(0, np.inf)),
    "misaligned_init": Case(SIZES, infinite=OVERFLOW),
    "random_predictor_init": Case({"dimension": 2, "depth": 2}),
    "random_rotation": Case({"dimension": 3}, within=(-1.001, 1.001)),
    "saddle_state": Case({"learned": (0,), "rho": np.ones(2), "depth": 2, "basis": None}),
    "simulate_factors": Case(TIMES, infinite=UNFINISHED, extreme=False),
    "simulate_flow": Case(TIMES, infinite=UNFINISHED, extreme=False),
    "small_rotation": Case({"dimension": 3}, within=(-1.001, 1.001)),
    "train_relu": Case({"steps": 2, "batch": 4}),
    "trajectory_by_quadrature": Case(TIMES, infinite=OVERFLOW),
    "up_crossings": Case(
        {"times": np.arange(3.0), "levels": np.ones(2)}, infinite="a feature that does not cross"
    ),
}

(
    test_every_argument_has_a_domain,
    test_anything_else_gets_one_sentence,
    test_what_is_admissible_is_answered,
    test_what_is_extreme_is_answered_or_refused,
) = promises([data_models, learning_order, learning_times, partial_states, variants], THEORY)
(
    test_every_argument_of_a_simulator_has_a_domain,
    test_anything_else_gets_one_sentence_of_a_simulator,
    test_what_is_admissible_is_simulated,
    test_what_is_extreme_is_simulated_or_refused,
) = promises(
    [factor_flow, matrix_flow, networks, relu, sampled_views, scalar_flow],
    SIMS,
    {"states_at": "the solver that two modules share"},
    examples=3,
)


EYE = np.eye(2)
KEY = jax.random.key(0)


def train(**changed):
    run = {"step": 0.25, "steps": 4, "every": 2, "objective": "jepa"}
    return matrix_flow.train(**OF_NETWORK | run | changed)


def hit(init=1e-3):
    return scalar_flow.hitting_time_by_quadrature(0.5, 4, init, 1.0, 0.2, objective="jepa")


# What two arguments owe to each other; what each owes by its annotation is tried above.
REFUSED = [
    (
        lambda: learning_times.time_to_reach(0.2, 0.01, 10**6, 1.0, 1.0, objective="jepa"),
        "depth must leave at most 1000000 terms to sum, got 2000000 of them",
    ),
    (
        lambda: learning_order.boundary_maximiser(2, 0.5, 1.0, 0.5),
        "rho_1 must be below rho_2 .* got a rho_1 that is 0.5 above rho_2",
    ),
    (
        lambda: partial_states.stability_map(np.ones(17), np.ones(17), 2, objective="jepa"),
        "at most 16 features .* got 17",
    ),
    (
        lambda: data_models.joint_spectrum(np.diag([1.0, 0.0]), EYE),
        "Sigma_xx must be positive definite .* rank 1 of 2",
    ),
    (
        lambda: variants.discrete_time_shift(0.1, 0.5, 0.9, 2, 1.0, 0.7, objective="jepa"),
        "init must be below the target .* got 0.9",
    ),
    (
        lambda: variants.collapsed_predictor(1.0, 1.0, 1.0, 0.5, 0.5),
        "variance_y must exceed covariance",
    ),
    (
        lambda: variants.collapsed_predictor(1.0, 2.0, 1.0, 0.5, 0.5),
        r"covariance must satisfy covariance\^2 <= ",
    ),
    (
        lambda: sampled_views.gaussian_views(KEY, 10, XX, YX, np.zeros((2, 2))),
        "Sigma_yy must be at least the part of y",
    ),
    (
        lambda: sampled_views.empirical_covariances(np.ones((2, 3)), np.ones((2, 3))),
        "project the views on its range",
    ),
    (lambda: train(step=100.0), "step must be at most"),
    (lambda: train(step=100.0, method="descent"), "step must be at most"),
    (lambda: train(steps=7), "steps must be a multiple of every = 2, got 7"),
    (lambda: train(Sigma_xx=np.eye(3), Sigma_yx=np.eye(3)), "moments must be 2 x 2"),
    (lambda: train(Sigma_yx=0 * EYE), "nothing to learn"),
    (
        lambda: train(parameters=NETWORK._replace(predictor=np.ones((3, 2)))),
        "must predict 2 outputs for jepa, got 3",
    ),
    (
        lambda: train(parameters=NETWORK._replace(predictor=EYE * np.nan)),
        "finite, got nan among the entries",
    ),
    (
        lambda: train(parameters=jax.tree.map(lambda values: values.astype(np.float32), NETWORK)),
        "parameters must be float64, got float32",
    ),
    (
        lambda: networks.loss(NETWORK, np.eye(3), np.eye(3), np.eye(3), np.eye(3)),
        r"moments must be 2 x 2 .* got \(3, 3\)",
    ),
    (
        lambda: networks.misaligned_init(KEY, 3, 2, 0.1, "mae", 0.1, basis=EYE),
        "basis must be 3 x 3",
    ),
    (
        lambda: networks.encoder(NETWORK._replace(layers=None)),
        "parameters must hold a tuple of layers",
    ),
    (
        lambda: networks.encoder(NETWORK._replace(predictor=np.eye(3))),
        "parameters must hold a tuple of layers",
    ),
    (
        lambda: networks.saddle_state(None, (3,), np.ones(3), 2, "jepa"),
        r"indices in 0\.\.2, got \(3,\)",
    ),
    (
        lambda: factor_flow.simulate_factors(
            2, 0.5, 0.5, 1.0, 1.0, np.ones(1), target_variance=0.5
        ),
        "target_variance must be at least lambda_ rho = 1, got 0.5",
    ),
    (lambda: factor_flow.learning_time(0.1, 2, 0.2, 1.0, 1.0), "strength must be above init"),
    # 0.5 * 0.2^4 = 0.0008: too deep for this start.
    (hit, r"init must be below the target .* 0.0008, got 0.001"),
    (
        lambda: scalar_flow.trajectory_by_quadrature(
            5, 1e-3, 1.0, 0.2, np.ones(1), objective="jepa"
        ),
        "init must be below",
    ),
]


test_what_does_not_go_together_gets_one_sentence = refused(REFUSED)


def test_the_quadrature_needs_double_precision():
    with jax.enable_x64(False), pytest.raises(TypeError, match="float64"):
        hit(1e-5)
