"""What the theory, the tools and the simulators of JEPA's implicit bias owe to whoever calls them."""

import numpy as np

from own_data import jepa_bias as tool
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial.audits.promises import Case, promises

LATE = "where it is never reached, and beyond float64"
COVARIANCES = [np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 0.25], [0.25, 0.5]])]

THEORY = {
    "balance_residuals": Case({"layers": COVARIANCES, "predictor": np.ones((3, 2))}),
    "collapse_strength": Case(within=(0, np.inf)),
    "collision_probability": Case(within=(0, 1)),
    "commutator_norm": Case(within=(0, np.inf)),
    "contrastive_loss": Case(within=(0, np.inf)),
    "contrastive_unsupervised_loss": Case(within=(0, np.inf)),
    "critical_time": Case(infinite=LATE, within=(0, np.inf)),
    "critical_time_error_bound": Case(infinite=LATE, within=(0, np.inf)),
    "depth_cap": Case(infinite="where there is no largest depth", within=(0, np.inf)),
    "displacement_time": Case(infinite="where the rate is not positive", within=(0, np.inf)),
    "full_fixed_point_rates": Case(within=(-np.inf, 0)),
    "independent_mask_features": Case(within=(0, np.inf)),
    "inversion_window": Case(infinite="NaN where there is no window"),
    "jepa_remainder": Case(infinite="NaN where the start is above the asymptote"),
    "largest_stable_step": Case(within=(0, np.inf)),
    "mae_singular_values": Case(within=(0, np.inf)),
    "mean_classifier_loss": Case(within=(0, np.inf)),
    "order_boundary": Case(infinite="NaN where a feature is learned from the start"),
    "saddle_rates": Case(infinite="NaN but for a learned and an unlearned feature"),
    "saxe_singular_value": Case(within=(0, np.inf)),
    "saxe_two_layers": Case(within=(0, np.inf)),
    "sign_threshold": Case(within=(0, 1)),
    "static_features": Case(within=(0, np.inf)),
    "stepwise_critical_time": Case(within=(0, np.inf)),
    "stepwise_loss": Case(within=(0, np.inf)),
    "stepwise_singular_value": Case(within=(0, np.inf)),
    "strength_at": Case(within=(0, np.inf)),
    "subspace_overlap_exponent": Case(within=(0, np.inf)),
    "time_error_bound": Case(infinite=LATE, within=(0, np.inf)),
    "time_to_reach": Case(infinite=LATE, within=(0, np.inf)),
    "vicreg_collapse_value": Case(within=(0, np.inf)),
    "vicreg_loss": Case(within=(0, np.inf)),
}
RECORDS = ("LearningOrder", "LearningOrder.plot", "ViewsLearningOrder", "ViewsLearningOrder.plot")
VIEW, NOISE = np.random.default_rng(0).standard_normal((2, 40, 2))
OWN_DATA = {
    "learning_order": Case(
        {"Sigma_xx": COVARIANCES[0], "Sigma_yx": COVARIANCES[1] + [[0, 0.0625], [0, 0]]},
        infinite="NaN of no scalar time",
    ),
    "SharedFeatures.only": Case({"kept": np.array([1, 0])}, of=tool.shared_features(*COVARIANCES)),
    "learning_order_of_views": Case({"X": VIEW, "Y": VIEW + NOISE}, infinite="a time without an upper end"),
}

XX = np.array([[1.0, 0.25], [0.25, 2.0]])
YX = np.array([[0.5, 0.125], [0.25, 0.75]])
YY = np.array([[1.5, 0.25], [0.25, 2.5]])
NETWORK = observed.Parameters(np.array([[[0.5, 0.25], [-0.25, 0.5]]] * 2), np.array([[0.5, -0.25], [0.125, 0.5]]))
OF_NETWORK = {"parameters": NETWORK, "Sigma_xx": XX, "Sigma_yx": YX}
LOSS = OF_NETWORK | {"Sigma_yy": YY, "target_encoder": YX}
RUN = OF_NETWORK | {"Sigma_yy": YY, "step": 0.25, "steps": 4, "every": 2, "basis": np.eye(2), "ema_rate": None}
SIZES = {"dimension": 2, "depth": 2, "basis": None}
DRAW = {"n_samples": 3, "signal_variances": np.ones(2), "noise_variances": np.ones(2) / 2}
TIMES = {"times": np.array([0.5, 1.0])}
CLASSES = {"features": YY, "class_probabilities": np.array([0.5, 0.5]), "likelihoods": np.array([[0.5, 0.5], [0, 1]])}
TRIPLET = observed.Triplet(np.eye(1), np.ones((1, 2)) / 2, np.ones((1, 1)) / 4, XX, np.ones((2, 1)) / 8)
UNFINISHED = "NaN where the solver did not finish"
OVERFLOW = "results of simulators are not inspected: beyond the range of floats they are infinite or NaN"
AT_REST = "a flow of extreme speed takes all of the solver's steps"

SIMS = {
    "aligned_init": Case(SIZES),
    "autodiff_gradients": Case(LOSS),
    "balance": Case({"parameters": NETWORK}),
    "deep_linear_flow": Case({"layers": NETWORK.layers, "Sigma_xx": XX, "Sigma_yx": YX, **TIMES}, infinite=UNFINISHED),
    "diagonal_network": Case({"depth": 2, "basis": None, "layer_values": np.ones(2), "predictor_values": np.ones(2)}),
    "empirical_covariances": Case({"X": YX, "Y": YY}),
    "encoder": Case({"parameters": NETWORK}),
    "flow_eigenvalues": Case(OF_NETWORK),
    "flow_jacobian": Case(OF_NETWORK),
    "gaussian_views": Case({"n_samples": 3, "Sigma_xx": XX, "Sigma_yx": YX, "Sigma_yy": YY}),
    "gradient_descent": Case(RUN),
    "gradient_flow": Case(RUN),
    "gradients": Case(LOSS),
    "hitting_time": Case(infinite=UNFINISHED, extreme=False),
    "hitting_time_by_quadrature": Case(infinite=OVERFLOW, within=(0, np.inf)),
    "jepa_loss": Case(LOSS),
    "learn_pretext": Case({"triplet": TRIPLET}),
    "mae_loss": Case({name: LOSS[name] for name in LOSS if name != "target_encoder"}),
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
    "up_crossings": Case({"times": np.arange(3.0), "levels": np.ones(2)}, infinite="a feature that does not cross"),
    "vicreg_loss": Case({"Z": YX, "Z_prime": YY}, infinite=OVERFLOW),
    "views_moment": Case({"Y": YY}, infinite=OVERFLOW),
}

(
    test_every_argument_has_a_domain,
    test_anything_else_gets_one_sentence,
    test_what_is_admissible_is_answered,
    test_what_is_extreme_is_answered_or_refused,
) = promises([predicted, tool], THEORY | OWN_DATA, dict.fromkeys(RECORDS, "a record of results"))
(
    test_every_argument_of_a_simulator_has_a_domain,
    test_anything_else_gets_one_sentence_of_a_simulator,
    test_what_is_admissible_is_simulated,
    test_what_is_extreme_is_simulated_or_refused,
) = promises([observed], SIMS, examples=3)
