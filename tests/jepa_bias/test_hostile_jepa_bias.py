"""Hostile input for the implicit bias of JEPA."""

import numpy as np

from own_data import jepa_bias as tool
from theory import jepa_bias as predicted
from theory_on_trial.audits.hostile import case, promises

MODULES = [predicted, tool]
CLOCK = {"objective": "mae", "clock": "paper"}
FEATURE = {"covariance": np.array([1.0, 0.5]), "regression": np.array([0.5, 0.75])}
FLOW = FEATURE | CLOCK | {"depth": np.array([2, 3]), "predictor_depth": 1}
PASSAGE = FLOW | {"init": np.array([0.125, 0.0625])}
LIST = FEATURE | CLOCK | {"depth": 2}
LEARNED = {"learned": np.array([True, False])}
PAIR = {"covariance_learned": 1.0, "covariance_new": np.array([0.5, 0.75])}
ORDER = {"depth": 2, "fraction": 0.5, "rho_1": np.array([0.5, 0.75]), "rho_2": 1.0}
VIEWS = {"variance_x": 2.0, "covariance": np.array([0.5, 1.0]), "variance_y": 1.0}
LEAK = {"learned_time": 2.0, "rate": np.array([0.5, -0.5]), "offset": 0.25}
Sxx = np.array([[2.0, 0.5], [0.5, 1.0]])
Syx = np.array([[1.0, 0.25], [0.25, 0.5]])
MAT = {"Sigma_xx": Sxx, "Sigma_yx": Syx}
S2Y = np.array([[1.0, 0.5], [0.25, 1.0], [0.5, 0.5]])
SY1 = np.array([[1.0, 0.5], [0.25, 1.0]])
LABEL = {"Sigma_YY": Sxx, "Sigma_2Y": S2Y}
EMB = {
    "features": np.array([[1.0, 0.5], [-1.0, 2.0], [0.5, 0.5]]),
    "conditionals": np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]),
    "priors": np.array([0.25, 0.75]),
    "loss": "hinge",
}
MODES = {"init": np.array([0.125, 0.25]), "eigenvalue": np.array([1.0, 2.0])}
TH = np.array([[0.6, -0.8], [0.8, 0.6]])


def no(d, *names):
    return {k: v for k, v in d.items() if k not in names}


VIEW, NOISE = np.random.default_rng(0).standard_normal((2, 40, 2))

CASES = {
    "balance_residuals": case(layers=[Sxx, Syx], predictor=SY1),
    "collapse_strength": case(**VIEWS, time=2.0, depth=2, predictor_limit=0.5, _within=(0, np.inf)),
    "collapsed_predictor": case(**VIEWS, predictor_init=0.5, layer_init=0.25),
    "collapses_without_stop_gradient": case(**VIEWS),
    "discrete_time_shift": case(**no(PASSAGE, "predictor_depth"), step=0.125, fraction=0.5),
    "unbalanced_end_state": case(
        predictor_init=0.5, layer_inits=np.array([0.25, 0.75]), regression=0.75, objective="mae"
    ),
    "conditional_covariance": case(**LABEL, Sigma_21=S2Y, Sigma_Y1=SY1),
    "pretext_label_error": case(**LABEL, Sigma_21=S2Y, Sigma_Y1=SY1, Sigma_11=Sxx),
    "pretext_to_label": case(**LABEL),
    "collision_probability": case(priors=EMB["priors"], _within=(0, np.inf)),
    "contrastive_loss": case(margin=np.array([0.5, -2.0]), loss="logistic", _within=(0, np.inf)),
    "contrastive_unsupervised_loss": case(**EMB, _within=(0, np.inf)),
    "mean_classifier_loss": case(**EMB, _within=(0, np.inf)),
    "supervised_bound": case(unsupervised_loss=0.5, priors=EMB["priors"]),
    "critical_time": case(**PASSAGE, fraction=0.5, _infinite="at p >= 1 and beyond float64", _within=(0, np.inf)),
    "critical_time_error_bound": case(**PASSAGE, fraction=0.5, _infinite="where the time is", _within=(0, np.inf)),
    "jepa_power_sum": case(**no(PASSAGE, "objective", "predictor_depth"), _within=(0, np.inf)),
    "jepa_remainder": case(
        **no(PASSAGE, "objective", "predictor_depth"),
        fraction=0.5,
        _infinite="NaN where the start is above the asymptote",
    ),
    "mae_constant": case(fraction=np.array([0.5, 0.75]), depth=np.array([1, 2])),
    "mae_leading_time": case(**no(PASSAGE, "objective", "predictor_depth", "regression")),
    "mae_next_term": case(**no(PASSAGE, "objective", "predictor_depth")),
    "displacement_happens": case(**LEAK, new_time=8.0, misalignment=0.125),
    "displacement_time": case(
        **LEAK, misalignment=0.125, _infinite="where the rate is not positive", _within=(0, np.inf)
    ),
    "finite_sample_leak_time": case(
        **LEAK, n_samples=50, _infinite="where the rate is not positive", _within=(0, np.inf)
    ),
    "misalignment_offset": case(
        **PAIR, depth=2, init=0.125, objective="mae", kind="rotated predictor", _within=(0, np.inf)
    ),
    "complementary_mask_covariances": case(data_covariance=Sxx, rate=0.25),
    "complementary_mask_features": case(eigenvalues=np.array([1.0, 2.0]), variance=1.5, rate=0.25),
    "covariances_of_features": case(**FEATURE, basis=TH),
    "independent_mask_covariances": case(data_covariance=Sxx, rate=0.25, target_rate=0.5),
    "independent_mask_features": case(
        eigenvalues=np.array([1.0, 2.0]), variance=1.5, rate=0.25, target_rate=0.5, _within=(0, np.inf)
    ),
    "static_features": case(signal_variance=np.array([1.0, 2.0]), noise_variance=0.5, _within=(0, np.inf)),
    "temporal_features": case(autocorrelation=np.array([0.5, 0.75]), innovation_variance=1.0, noise_variance=0.5),
    "strength_at": case(**PASSAGE, time=4.0, _within=(0, np.inf)),
    "time_error_bound": case(**PASSAGE, strength=0.25, _infinite="where the time is", _within=(0, np.inf)),
    "time_to_reach": case(**PASSAGE, strength=0.25, _infinite="where it is never reached", _within=(0, np.inf)),
    "itinerary": case(**LIST, init=0.0625, fraction=0.5, misalignment=0.125, offset=0.25),
    "permanent_order": case(**FEATURE, objective="mae"),
    "boundary_maximiser": case(**ORDER, _within=(0, np.inf)),
    "depth_cap": case(
        init=0.125,
        fraction=0.5,
        regression=np.array([0.5, 0.75]),
        objective="jepa",
        _infinite="where there is no largest depth",
        _within=(0, np.inf),
    ),
    "first_order_boundary": case(**no(ORDER, "fraction"), init=0.125),
    "greedy_ratio_expansion": case(
        depth=2, init=0.125, rho_high=1.0, rho_low=np.array([0.5, 0.75]), objective="mae", fraction=0.5
    ),
    "init_threshold": case(**no(ORDER, "fraction"), kappa=1.125, _within=(0, np.inf)),
    "inversion_window": case(
        depth=2,
        fraction=0.5,
        rho_1=0.5,
        rho_2=1.0,
        kappa=1.125,
        _infinite="NaN where there is no window",
        _within=(0, np.inf),
    ),
    "limit_order": case(**FEATURE, objective="mae", depth=2, fraction=0.5),
    "order_boundary": case(
        **ORDER,
        init=0.03125,
        objective="mae",
        _infinite="NaN where a feature is learned from the start",
        _within=(0, np.inf),
    ),
    "sign_threshold": case(depth=3, _within=(0, 1)),
    "saxe_singular_value": case(
        time=2.0, init=np.array([0.125, 0.25]), n_layers=3, covariance=1.0, variance=2.0, _within=(0, np.inf)
    ),
    "saxe_two_layers": case(time=2.0, init=np.array([0.125, 0.25]), covariance=1.0, variance=2.0, _within=(0, np.inf)),
    "saxe_velocity": case(singular_value=np.array([0.125, 0.25]), n_layers=3, covariance=1.0, variance=2.0),
    "asymptote": case(**no(FLOW, "covariance", "clock"), _within=(0, np.inf)),
    "end_to_end_asymptote": case(**no(FLOW, "covariance", "clock"), _within=(0, np.inf)),
    "exponents": case(depth=np.array([2, 3]), objective="jepa", predictor_depth=2, _within=(0, np.inf)),
    "layer_velocity": case(**FLOW, weight=np.array([0.25, 0.5])),
    "velocity": case(**FLOW, strength=np.array([0.25, 0.5])),
    "commutator_norm": case(**MAT, _within=(0, np.inf)),
    "joint_spectrum": case(Sigma_xx=Sxx, Sigma_yx=Sxx / 2, tol=1e-09),
    "mae_singular_values": case(**MAT, depth=2, _within=(0, np.inf)),
    "predictor_eigenvalues": case(**MAT),
    "restrict_to_range": case(**MAT, tol=1e-12),
    "full_fixed_point_rates": case(**LIST, _within=(-np.inf, 0)),
    "is_stable": case(**no(LIST, "clock"), **LEARNED),
    "largest_stable_step": case(**LIST, method="rk4", _within=(0, np.inf)),
    "saddle_rate": case(**PAIR, **CLOCK, depth=2, regression_learned=0.5, regression_new=0.75),
    "saddle_rates": case(**LIST, **LEARNED, _infinite="NaN but for a learned and an unlearned feature"),
    "stability_map": case(**no(LIST, "clock")),
    "stepwise_critical_time": case(**MODES, _within=(0, np.inf)),
    "stepwise_loss": case(**MODES, time=0.5, _within=(0, np.inf)),
    "stepwise_singular_value": case(**MODES, time=0.5, _within=(0, np.inf)),
    "subspace_overlap_exponent": case(last_eigenvalue=np.array([1.0, 2.0]), next_eigenvalue=0.5, _within=(0, np.inf)),
    "vicreg_collapse_value": case(variance=25.0, target=1.0, epsilon=0.0001, halve_variance=True, _within=(0, np.inf)),
    "vicreg_loss": case(
        first=Sxx,
        second=Syx,
        invariance=25.0,
        variance=25.0,
        covariance=1.0,
        target=1.0,
        epsilon=0.0001,
        halve_variance=True,
        _within=(0, np.inf),
    ),
    "shared_features": case(**MAT),
    "misalignments": case(features=tool.shared_features(**MAT), objective="mae", _within=(0, np.inf)),
    "SharedFeatures.only": case(tool.shared_features(**MAT), kept=np.array([1, 0])),
    "learning_order": case(**MAT, depth=2, epsilon=0.0625, objective="jepa", fraction=0.5, clock="flow", n_samples=50),
    "learning_order_of_views": case(
        X=VIEW,
        Y=VIEW + NOISE,
        depth=2,
        epsilon=0.0625,
        objective="jepa",
        fraction=0.5,
        clock="flow",
        confidence=0.9,
        _infinite="a critical time has no upper end where the covariance may be zero",
    ),
}
EXCLUDED = dict.fromkeys(
    (
        *("Covariances", "Event", "Features", "JointSpectrum", "Restriction", "StabilityMap"),
        *("Displacement", "LearningOrder", "SharedFeatures", "ViewsLearningOrder"),
    ),
    "a record of results",
)


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED
)
