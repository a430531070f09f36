"""Hostile input for in-context learning."""

import numpy as np

from own_data import in_context_learning as tool
from theory import in_context_learning as predicted
from theory_on_trial.audits.hostile import case, promises

MODULES = [predicted, tool]
X = np.array([[1.0, 2.0], [-1.0, 1.0], [2.0, 0.5]])
Y = np.array([1.0, -1.0, 2.0])
V = np.array([1.0, -2.0])
COV = np.array([[2.0, 0.5], [0.5, 1.0]])
A = np.array([[0.5, 0.25], [-0.25, 1.0]])
STDS = {"weight_std": 1.5, "noise_std": 0.5}
PROMPT = {"X": X, "Y": Y}
SIZES = {"d": 3, "k": 5}
SPECTRUM = {"regulariser": 0.5, "eigenvalues": np.array([1.0, 2.0])}
LAW = {
    "input_covariance": COV,
    "prior_covariance": np.array([[1.0, 0.25], [0.25, 1.0]]),
    "noise_variance": 0.5,
    "context_length": 4,
}
POINTS = {"x": np.array([0.5, -1.0]), "y": np.array([2.0, 1.0]), "scale": 0.5}
PROMPTS = np.random.default_rng(0).standard_normal((40, 2, 1))

CASES = {
    "descent_weights": case(**PROMPT, step=0.25, layers=2, start=V),
    "gdpp_loss": case(
        eigenvalues=X**2,
        steps=[0.5, 0.25],
        contractions=[0.125, 0.0],
        context_length=4,
        input_variance=0.5,
        _within=(0, np.inf),
    ),
    "preconditioned_descent_weights": case(**PROMPT, preconditioners=np.stack([A, COV]), start=V),
    "residual_polynomial": case(
        eigenvalues=V**2, steps=np.array([0.5, 0.25]), contractions=np.array([0.125, 0.0]), context_length=4
    ),
    "best_pad": case(
        length=5, magnitude=1.0, row_sum=1.0, squared_norm=3.0, eps=1e-07, pads="paper", _within=(0, np.inf)
    ),
    "gelu_bypass_error": case(x=V, shift=3.0, form="tanh"),
    "hard_attention_error": case(position=4, sharpness=5.0, _within=(0, 1)),
    "layer_norm_division_factor": case(pad=8.0, divisor=-2.0, row_sum=1.0, squared_norm=3.0, _within=(0, np.inf)),
    "layer_norm_factor": case(pad=8.0, row_sum=1.0, squared_norm=3.0, pads="paper"),
    "layer_norm_leading_error": case(pad=8.0, row_sum=1.0, squared_norm=3.0, pads="balanced"),
    "bayes_prediction_risk": case(X=X, query=V, **STDS, _within=(0, np.inf)),
    "bayes_risk_given_inputs": case(X=X, **STDS, _within=(0, np.inf)),
    "linear_rule_risk": case(rule_matrix=X.T / 4, X=X, **STDS, _within=(0, np.inf)),
    "linear_rule_spd": case(first=X.T / 4, second=X.T / 8, X=X, **STDS, _within=(0, np.inf)),
    "prediction_risk": case(label_weights=Y, X=X, query=V, **STDS, _within=(0, np.inf)),
    "prediction_spd": case(first=Y, second=Y / 2, X=X, **STDS, _within=(0, np.inf)),
    "ridge_risk": case(**SPECTRUM, **STDS, dimension=3, _within=(0, np.inf)),
    "ridge_risk_slope": case(**SPECTRUM, **STDS),
    "spd_to_bayes": case(**SPECTRUM, **STDS, _within=(0, np.inf)),
    "ridge_stack_counts": case(d=3, n=4),
    "sgd_stack_counts": case(d=3, n=4),
    "theorem_one_counts": case(d=3),
    "theorem_two_counts": case(d=3),
    "best_product_scale": case(magnitude=2.0, eps=1e-07, richardson=True, _within=(0, np.inf)),
    "gelu_product_error": case(**POINTS, form="erf"),
    "gelu_product_next_term": case(**POINTS, form="tanh"),
    "product_of_gelus": case(x=V, scale=0.5, form="tanh", _within=(0, np.inf)),
    "richardson_product_error": case(**POINTS, form="erf"),
    "rounding_of_product": case(scale=0.5, magnitude=2.0, eps=1e-07, _within=(0, np.inf)),
    "square_by_relu": case(x=V, knot=0.5, _within=(0, np.inf)),
    "square_by_tanh": case(x=V, shift=0.5),
    "covariate_shift_ratio": case(scale=2.0, _within=(0, np.inf)),
    "linear_label_moments": case(weights=V, input_covariance=COV, noise_variance=0.5),
    "zhang_gamma": case(input_covariance=COV, context_length=4),
    "zhang_limit": case(input_covariance=COV, context_length=4),
    "zhang_rate": case(input_covariance=COV, context_length=4, _within=(0, np.inf)),
    "zhang_risk": case(
        slope=V,
        product_covariance=COV / 2,
        input_covariance=COV,
        training_length=4,
        test_length=3,
        linear_error=0.5,
        _within=(0, np.inf),
    ),
    "linear_attention_loss": case(**LAW, A=A, _within=(0, np.inf)),
    "loss_gradient": case(**LAW, A=A),
    "loss_hessian": case(**LAW),
    "optimal_loss": case(**LAW, _within=(0, np.inf)),
    "optimal_map": case(**LAW),
    "bayes_rule": case(X=X, **STDS),
    "bayes_weights": case(**PROMPT, **STDS),
    "gradient_step_weights": case(**PROMPT, step=0.25, regulariser=0.5, start=V),
    "nearest_neighbour_weights": case(X=X, query=V, neighbours=2, weighted=True, _within=(0, 1)),
    "ols_weights": case(**PROMPT),
    "one_sample_ridge": case(x=V, y=2.0, regulariser=0.5),
    "recursive_ridge_weights": case(**PROMPT, regulariser=0.5, _warns="of a small regulariser"),
    "ridge_rule": case(X=X, regulariser=0.5),
    "ridge_weights": case(**PROMPT, regulariser=0.5),
    "sgd_weights": case(**PROMPT, step=0.25, regulariser=0.5, start=V),
    "sherman_morrison": case(inverse=COV, u=V, v=np.array([0.5, 0.25])),
    "bayes_risk": case(**SIZES, **STDS, _within=(0, np.inf)),
    "mean_bayes_error": case(d=3, n=4, **STDS, _within=(0, np.inf)),
    "ridge_expected_risk": case(
        **SIZES, **STDS, regulariser=0.5, _infinite="as `ols_risk`, at zero", _within=(0, np.inf)
    ),
    "spd_ridge_to_bayes": case(
        **SIZES, **STDS, regulariser=0.5, _infinite="as `ols_risk`, at zero", _within=(0, np.inf)
    ),
    "spd_ridge_to_ols": case(
        **SIZES, **STDS, regulariser=0.5, _infinite="where least squares has no mean square", _within=(0, np.inf)
    ),
    "best_step": case(**SIZES, **STDS, _within=(0, np.inf)),
    "best_step_risk": case(**SIZES, **STDS, _within=(0, np.inf)),
    "expected_inverse_trace": case(**SIZES, _infinite="within one of d", _within=(0, np.inf)),
    "fourth_moment_factor": case(d=3, step=0.125, _within=(0, np.inf)),
    "gradient_step_risk": case(**SIZES, **STDS, step=0.125, _within=(0, np.inf)),
    "ols_risk": case(**SIZES, **STDS, _infinite="with noise, for k within one of d", _within=(0, np.inf)),
    "sgd_contraction": case(d=3, step=0.125, _within=(0, np.inf)),
    "sgd_next_risk": case(risk=2.0, d=3, step=0.125, noise_std=0.5, _within=(0, np.inf)),
    "sgd_risk": case(**SIZES, **STDS, step=0.125, _within=(0, np.inf)),
    "sgd_stability_limit": case(d=3, _within=(0, 1)),
    "spd_gradient_step_to_ols": case(**SIZES, step=0.125, weight_std=1.5, _within=(0, np.inf)),
    "spd_labels": case(**SIZES, **STDS, _infinite="with noise, for k within one of d", _within=(0, np.inf)),
    "spd_sgd_to_ols": case(**SIZES, step=0.125, weight_std=1.5, _within=(0, np.inf)),
    "zero_predictor_risk": case(d=3, weight_std=1.5, _within=(0, np.inf)),
    "expected_spectral_sum": case(function=np.reciprocal, d=3, k=6),
    "which_algorithm": case(
        predict=lambda inputs, labels, queries: 0.5 * np.sum(queries, axis=1),
        inputs=PROMPTS,
        labels=PROMPTS.sum(axis=2),
        prefixes=[1],
        scale=2.0,
        confidence=0.9,
        _infinite="an interval may have no end, and a learner that answers zero has no degree",
    ),
    "spectral_density": case(eigenvalues=np.array([0.5, 4.0]), d=3, k=5, _within=(0, np.inf)),
}
EXCLUDED = {
    "ConstructionSize": "a record of results",
    "Match": "a record of results",
    "Resemblance": "a record of results",
}


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED
)
