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
    neighbour_flows,
    networks,
    relu,
    sampled_views,
    scalar_flow,
)
from theory.jepa_bias import (
    data_models,
    learning_order,
    learning_times,
    neighbours,
    partial_states,
    variants,
)

LATE = "where it is never reached, and beyond float64"
COVARIANCES = [np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 0.25], [0.25, 0.5]])]

NEVER_NEGATIVE = """
collapse_strength commutator_norm contrastive_loss contrastive_unsupervised_loss independent_mask_features
largest_stable_step mae_singular_values mean_classifier_loss saxe_singular_value saxe_two_layers
static_features stepwise_critical_time stepwise_loss stepwise_singular_value strength_at
subspace_overlap_exponent vicreg_collapse_value vicreg_loss
"""
THEORY = {
    **dict.fromkeys(NEVER_NEGATIVE.split(), Case(within=(0, np.inf))),
    "balance_residuals": Case({"layers": COVARIANCES, "predictor": np.ones((3, 2))}),
    "collision_probability": Case(within=(0, 1)),
    "deep_predictor_critical_time": Case(infinite=LATE, within=(0, np.inf)),
    "frozen_target_time": Case(infinite=LATE, within=(0, np.inf)),
    "target_lag": Case(infinite="NaN where the start is above the asymptote"),
    "critical_time": Case(infinite=LATE, within=(0, np.inf)),
    "critical_time_error_bound": Case(infinite=LATE, within=(0, np.inf)),
    "depth_cap": Case(infinite="where there is no largest depth", within=(0, np.inf)),
    "displacement_time": Case(infinite="where the rate is not positive", within=(0, np.inf)),
    "full_fixed_point_rates": Case(within=(-np.inf, 0)),
    "inversion_window": Case(infinite="NaN where there is no window"),
    "jepa_remainder": Case(infinite="NaN where the start is above the asymptote"),
    "order_boundary": Case(infinite="NaN where a feature is learned from the start"),
    "saddle_rates": Case(infinite="NaN but for a learned and an unlearned feature"),
    "sign_threshold": Case(within=(0, 1)),
    "time_error_bound": Case(infinite=LATE, within=(0, np.inf)),
    "time_to_reach": Case(infinite=LATE, within=(0, np.inf)),
}

XX = np.array([[1.0, 0.25], [0.25, 2.0]])
YX = np.array([[0.5, 0.125], [0.25, 0.75]])
YY = np.array([[1.5, 0.25], [0.25, 2.5]])
NETWORK = networks.Parameters(
    np.array([[[0.5, 0.25], [-0.25, 0.5]]] * 2), np.array([[0.5, -0.25], [0.125, 0.5]])
)
OF_NETWORK = {"parameters": NETWORK, "Sigma_xx": XX, "Sigma_yx": YX}
LOSS = OF_NETWORK | {"Sigma_yy": YY}
RUN = OF_NETWORK | {"Sigma_yy": YY, "step": 0.25, "steps": 4, "every": 2, "basis": np.eye(2)}
SIZES = {"dimension": 2, "depth": 2, "basis": None}
DRAW = {"n_samples": 3, "signal_variances": np.ones(2), "noise_variances": np.ones(2) / 2}
TIMES = {"times": np.array([0.5, 1.0])}
CLASSES = {
    "features": YY,
    "class_probabilities": np.array([0.5, 0.5]),
    "likelihoods": np.array([[0.5, 0.5], [0, 1]]),
}
TRIPLET = neighbour_flows.Triplet(
    np.eye(1), np.ones((1, 2)) / 2, np.ones((1, 1)) / 4, XX, np.ones((2, 1)) / 8
)
UNFINISHED = "NaN where the solver did not finish"
OVERFLOW = (
    "results of simulators are not inspected: beyond the range of floats they are infinite or NaN"
)
SIMS = {
    **dict.fromkeys(["autodiff_gradients", "gradients", "jepa_loss", "mae_loss"], Case(LOSS)),
    **dict.fromkeys(["flow_eigenvalues", "flow_jacobian"], Case(OF_NETWORK)),
    **dict.fromkeys(["gradient_descent", "gradient_flow"], Case(RUN)),
    "aligned_init": Case(SIZES),
    "balance": Case({"parameters": NETWORK}),
    "deep_predictor_time": Case(
        {
            "fraction": 0.5,
            "depth": 2,
            "predictor_depth": 2,
            "init": 0.01,
            "lambda_": 1.0,
            "rho": 1.0,
        },
        extreme=False,
    ),
    "moving_target_time": Case(
        {"strength": 0.5, "depth": 2, "init": 0.05, "lambda_": 1.0, "rho": 1.0, "tracking": 1.0},
        extreme=False,
    ),
    "moving_target_jacobian": Case({**OF_NETWORK, "tracking": 1.0}),
    "narrow_network": Case({"first": np.ones((1, 2)), "depth": 2, "predictor": np.ones((1, 1))}),
    "narrow_flow": Case(
        {
            "network": matrix_flow.NarrowNetwork(
                np.ones((1, 2)), np.ones((1, 1, 1)), np.ones((1, 1))
            ),
            "Sigma_xx": XX,
            "Sigma_yx": YX,
            "step": 0.01,
            "steps": 2,
            "objective": "jepa",
        },
        extreme=False,
    ),
    "deep_linear_flow": Case(
        {"layers": NETWORK.layers, "Sigma_xx": XX, "Sigma_yx": YX, **TIMES}, infinite=UNFINISHED
    ),
    "diagonal_network": Case(
        {"depth": 2, "basis": None, "layer_values": np.ones(2), "predictor_values": np.ones(2)}
    ),
    "empirical_covariances": Case({"X": YX, "Y": YY}),
    "encoder": Case({"parameters": NETWORK}),
    "gaussian_views": Case({"n_samples": 3, "Sigma_xx": XX, "Sigma_yx": YX, "Sigma_yy": YY}),
    "hitting_time": Case(infinite=UNFINISHED, extreme=False),
    "hitting_time_by_quadrature": Case(infinite=OVERFLOW, within=(0, np.inf)),
    "learn_pretext": Case({"triplet": TRIPLET}),
    "masked_views": Case({"n_samples": 3, "S": XX}),
    "mean_classifier_loss": Case(CLASSES, within=(0, np.inf)),
    "misaligned_init": Case(SIZES, infinite=OVERFLOW),
    "random_embedding": Case({"outputs": 1, "dimension": 2}, infinite=OVERFLOW),
    "random_predictor_init": Case({"dimension": 2, "depth": 2}),
    "random_rotation": Case({"dimension": 3}, within=(-1.001, 1.001)),
    "random_triplet": Case({"target_dim": 1, "first_dim": 2, "second_dim": 1}, infinite=OVERFLOW),
    "rotated_covariance": Case({"Sigma_yx": YX}),
    "saddle_state": Case({"learned": [0], "rho": np.ones(2), "depth": 2, "basis": None}),
    "simulate_factors": Case(TIMES, infinite=UNFINISHED, extreme=False),
    "simulate_flow": Case(TIMES, infinite=UNFINISHED, extreme=False),
    "small_rotation": Case({"dimension": 3}, within=(-1.001, 1.001)),
    "static_views": Case(DRAW),
    "stepwise_flow": Case({"start": YX, "moment": XX, **TIMES}, infinite=UNFINISHED),
    "stepwise_loss": Case({"W": YX}, infinite=OVERFLOW),
    "temporal_views": Case({"n_samples": 3, "persistence": np.ones(2) / 2}),
    "trajectory_by_quadrature": Case(TIMES, infinite=OVERFLOW),
    "unbalanced_init": Case(SIZES, infinite=OVERFLOW),
    "unsupervised_loss": Case(CLASSES, within=(0, np.inf)),
    "up_crossings": Case(
        {"times": np.arange(3.0), "levels": np.ones(2)}, infinite="a feature that does not cross"
    ),
    "vicreg_loss": Case({"Z": YX, "Z_prime": YY}, infinite=OVERFLOW),
    "views_moment": Case({"Y": YY}, infinite=OVERFLOW),
}

SHARED = dict.fromkeys(
    (
        "clock_factor",
        "flow_time",
        "passage_time",
        "exponent_and_speed",
        "require_fitting",
        "require_target",
        "states_at",
        "time_of_zero",
    ),
    "a step that public functions share",
)

(
    test_every_argument_has_a_domain,
    test_anything_else_gets_one_sentence,
    test_what_is_admissible_is_answered,
    test_what_is_extreme_is_answered_or_refused,
) = promises(
    [data_models, learning_order, learning_times, neighbours, partial_states, variants],
    THEORY,
    SHARED,
)
(
    test_every_argument_of_a_simulator_has_a_domain,
    test_anything_else_gets_one_sentence_of_a_simulator,
    test_what_is_admissible_is_simulated,
    test_what_is_extreme_is_simulated_or_refused,
) = promises(
    [factor_flow, matrix_flow, neighbour_flows, networks, relu, sampled_views, scalar_flow],
    SIMS,
    SHARED,
    examples=3,
)


CLOCKED = dict(objective="jepa", clock="paper")
ONE = np.ones(1)
TWO = np.array([1.0, 0.5])
EYE = np.eye(2)
KEY = jax.random.key(0)
STEPS = {"step": 0.25, "steps": 4, "every": 2}


def time(init=0.01, depth=2, covariance=1.0):
    return learning_times.time_to_reach(0.2, init, depth, covariance, 1.0, **CLOCKED)


def run(method=matrix_flow.gradient_flow, objective="jepa", **changed):
    return method(**OF_NETWORK | STEPS | {"objective": objective} | changed)


def hit(method, init=1e-3):
    return method(0.5, 4, init, 1.0, 0.2, **CLOCKED)


REFUSED = [
    (
        lambda: time(init=TWO, covariance=np.ones(3)),
        r"covariance must broadcast with arguments of shape \(2,\), got \(3,",
    ),
    (
        lambda: time(depth=10**6),
        "depth must leave at most 1000000 terms to sum, got 2000000 of them",
    ),
    (
        lambda: learning_order.boundary_maximiser(2, 0.5, 1.0, 0.5),
        "rho_1 must be below rho_2 .* got 0.5 more",
    ),
    (lambda: learning_order.init_threshold(1.1, 2, 1.0, 1.0), "rho_1 must be below rho_2"),
    (
        lambda: partial_states.permanent_order(TWO, ONE, objective="mae"),
        "regression must have one entry for each of the 2",
    ),
    (
        lambda: partial_states.is_stable([True], TWO, TWO, 2, objective="mae"),
        "covariance must have one entry for each of the 1",
    ),
    (
        lambda: partial_states.stability_map(np.ones(17), np.ones(17), 2, objective="jepa"),
        "at most 16 features .* got 17",
    ),
    (
        lambda: partial_states.misalignment_offset(
            2, 0.1, 1.0, 1.0, objective="jepa", kind="rotated predictor"
        ),
        "kind must be 'covariance' for JEPA .* got 'rotated predictor'",
    ),
    (
        lambda: data_models.commutator_norm(EYE, np.eye(3)),
        "Sigma_yx must have one entry for each of the 2 dim, got 3",
    ),
    (
        lambda: data_models.joint_spectrum(np.diag([1.0, 0.0]), EYE),
        "Sigma_xx must be positive definite .* rank 1 of 2",
    ),
    (
        lambda: data_models.restrict_to_range(-EYE, EYE),
        "Sigma_xx must have a positive eigenvalue, got at most -1",
    ),
    (lambda: variants.balance_residuals([], EYE), "layers must hold at least one matrix"),
    (lambda: variants.balance_residuals([np.ones((3, 2))], EYE), "chaining shapes"),
    (
        lambda: variants.discrete_time_shift(0.1, 0.5, 0.9, 2, 1.0, 0.7, **CLOCKED),
        "init must be below the target .* got 0.9",
    ),
    (
        lambda: variants.collapsed_predictor(1.0, 1.0, 1.0, 0.5, 0.5),
        "variance_y must exceed covariance",
    ),
    (
        lambda: variants.collapse_strength(1.0, 2, 1.0, 1.0, 1.0, 0.5),
        "variance_y must exceed covariance",
    ),
    (
        lambda: variants.collapsed_predictor(1.0, 2.0, 1.0, 0.5, 0.5),
        r"covariance must satisfy covariance\^2 <= ",
    ),
    (
        lambda: data_models.complementary_mask_covariances(np.diag([1.0, 0.0]), 0.5),
        "data_covariance must have a positive diagonal",
    ),
    (
        lambda: neighbours.stepwise_critical_time(1.0, 1.0),
        r"init must be below eigenvalue\^\(-1/2\)",
    ),
    (
        lambda: neighbours.subspace_overlap_exponent(0.5, 0.6),
        "next_eigenvalue must be at most last_eigenvalue",
    ),
    (
        lambda: neighbours.pretext_to_label(EYE, np.ones((3, 2))),
        "Sigma_2Y must have full column rank 2, got rank 1",
    ),
    (
        lambda: neighbours.pretext_label_error(EYE, EYE, EYE, np.ones((2, 2)), EYE),
        "Sigma_YY must be invertible, got rank 1 of 2",
    ),
    (lambda: neighbours.collision_probability(ONE), "priors must be those of at least two classes"),
    (lambda: neighbours.vicreg_loss(EYE[:1], EYE[:1]), "first must hold at least two samples"),
    (
        lambda: sampled_views.gaussian_views(KEY, 10, XX, YX, np.zeros((2, 2))),
        "Sigma_yy must be at least the part of y",
    ),
    (
        lambda: sampled_views.empirical_covariances(np.ones((2, 3)), np.ones((2, 3))),
        "project the views on its range",
    ),
    (lambda: run(step=100.0), "step must be at most"),
    (lambda: run(matrix_flow.gradient_descent, step=100.0), "step must be at most"),
    (lambda: run(steps=7), "steps must be a multiple of every = 2, got 7"),
    (lambda: run(Sigma_xx=np.eye(3), Sigma_yx=np.eye(3)), "Sigma_xx must be 2 x 2"),
    (lambda: run(Sigma_yx=0 * EYE), "nothing to learn"),
    (
        lambda: run(parameters=NETWORK._replace(predictor=EYE * np.nan)),
        "finite, got nan among the entries",
    ),
    (
        lambda: run(parameters=jax.tree.map(lambda values: values.astype(np.float32), NETWORK)),
        "parameters must be float64, got float32",
    ),
    (lambda: run(stop_gradient=False), "Sigma_yy must be given"),
    (
        lambda: networks.gradients(**OF_NETWORK, objective="jepa", stop_gradient=False),
        "Sigma_yy must be given",
    ),
    (
        lambda: networks.mae_loss(NETWORK, np.eye(3), np.eye(3), np.eye(3)),
        r"Sigma_xx must be 2 x 2 .* got \(3, 3\)",
    ),
    (lambda: networks.aligned_init(None, 3, 2, 0.1, "jepa", basis=EYE), "basis must be 3 x 3"),
    (
        lambda: networks.misaligned_init(KEY, 3, 2, 0.1, "mae", 0.1, basis=EYE),
        "basis must be 3 x 3",
    ),
    (
        lambda: networks.encoder(NETWORK._replace(layers=None)),
        "parameters must hold arrays of shapes",
    ),
    (
        lambda: networks.encoder(NETWORK._replace(predictor=np.eye(3))),
        "parameters must hold arrays of shapes",
    ),
    (
        lambda: matrix_flow.saddle_state(None, (3,), np.ones(3), 2, "jepa"),
        r"indices in 0\.\.2, got \[3\]",
    ),
    (
        lambda: matrix_flow.up_crossings(np.zeros(1), np.ones((1, 1)), np.ones(1)),
        "times must be at least two",
    ),
    (
        lambda: neighbour_flows.stepwise_flow(np.zeros((2, 3)), np.eye(3), ONE),
        "start must have a non-zero entry",
    ),
    (
        lambda: neighbour_flows.deep_linear_flow(np.zeros((1, 2, 2)), EYE, EYE, ONE),
        "layers must have a non-zero entry",
    ),
    (
        lambda: neighbour_flows.learn_pretext(TRIPLET._replace(target_target=-np.eye(1))),
        "triplet must be symmetric and positive semidefinite in its blocks",
    ),
    (
        lambda: neighbour_flows.learn_pretext(TRIPLET._replace(target_first=np.eye(2))),
        "triplet must hold k x k, k x m, k x n",
    ),
    (
        lambda: neighbour_flows.unsupervised_loss(
            np.ones((4, 2)), ONE, np.ones((1, 4)) / 4, "hinge"
        ),
        "class_probabilities must be those of at least two classes",
    ),
    # 0.5 * 0.2^4 = 0.0008: too deep for this start.
    (lambda: hit(scalar_flow.hitting_time), r"init must be below the target .* 0.0008, got 0.001"),
    (
        lambda: hit(scalar_flow.hitting_time_by_quadrature),
        r"init must be below the target .* 0.0008, got 0.001",
    ),
    (
        lambda: scalar_flow.trajectory_by_quadrature(5, 1e-3, 1.0, 0.2, ONE, **CLOCKED),
        "init must be below",
    ),
]


test_what_does_not_go_together_gets_one_sentence = refused(REFUSED)


def test_the_quadrature_needs_double_precision():
    with jax.enable_x64(False), pytest.raises(TypeError, match="float64"):
        hit(scalar_flow.hitting_time_by_quadrature, 1e-5)
