"""Hostile input for the simulators of JEPA's implicit bias."""

import jax
import numpy as np

from sims import jepa_bias as observed
from theory_on_trial.audits.hostile import case, promises

MODULES = [observed]
KEY = jax.random.key(0)
COSTLY = {"_costly": "compiles for every shape"}
XX = np.array([[1.0, 0.25], [0.25, 2.0]])
YX = np.array([[0.5, 0.125], [0.25, 0.75]])
YY = np.array([[1.5, 0.25], [0.25, 2.5]])
NETWORK = observed.Parameters(np.array([[[0.5, 0.25], [-0.25, 0.5]]] * 2), np.array([[0.5, -0.25], [0.125, 0.5]]))
MOMENTS = {"Sigma_xx": XX, "Sigma_yx": YX}
ALL_MOMENTS = {**MOMENTS, "Sigma_yy": YY}
VIEWS = np.array([[0.5, 1.0], [-1.0, 0.25], [0.75, -0.5]])
OTHERS = np.array([[0.25, 1.5], [-0.5, 0.25], [1.0, -0.25]])
TIMES = np.array([0.5, 1.0])
FEATURE = {"depth": 2.0, "init": 0.125, "lambda_": 1.0, "rho": 1.0}
SCALAR = {"objective": "jepa", "clock": "paper"}
UNFINISHED = {"_infinite": "NaN where the solver did not finish"}
RUN = {
    "parameters": NETWORK, **MOMENTS, "step": 0.25, "steps": 4, "every": 2, "objective": "jepa", "basis": np.eye(2),
    "ema_rate": None, "stop_gradient": False, "Sigma_yy": YY, "allow_float32": False,
}  # fmt: skip
START = {"key": KEY, "dimension": 2, "depth": 2}
VARIANCES = np.array([1.0, 0.5])
POINTS = {"class_probabilities": np.array([0.5, 0.5]), "likelihoods": np.array([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])}
TRIPLET = observed.Triplet(
    np.eye(1), np.array([[0.5, 0.25]]), np.array([[0.25]]), np.array([[1.0, 0.25], [0.25, 1.0]]), np.ones((2, 1)) / 8
)

CASES = {
    "aligned_init": case(**START, init=0.25, objective="jepa", basis=np.eye(2), **COSTLY),
    "autodiff_gradients": case(
        parameters=NETWORK, **ALL_MOMENTS, objective="jepa", stop_gradient=True, target_encoder=YX, **COSTLY
    ),
    "balance": case(parameters=NETWORK),
    "deep_linear_flow": case(layers=NETWORK.layers, **MOMENTS, times=TIMES, **COSTLY, **UNFINISHED),
    "diagonal_network": case(
        key=KEY, layer_values=VARIANCES, predictor_values=VARIANCES, depth=2, objective="mae", basis=np.eye(2), **COSTLY
    ),
    "empirical_covariances": case(X=VIEWS, Y=OTHERS, **COSTLY),
    "encoder": case(parameters=NETWORK),
    "flow_eigenvalues": case(parameters=NETWORK, **MOMENTS, objective="mae", **COSTLY),
    "flow_jacobian": case(parameters=NETWORK, **MOMENTS, objective="jepa", **COSTLY),
    "gaussian_views": case(key=KEY, n_samples=3, **ALL_MOMENTS, **COSTLY),
    "gradient_descent": case(**RUN, **COSTLY),
    "gradient_flow": case(**RUN, **COSTLY),
    "gradients": case(
        parameters=NETWORK, **MOMENTS, objective="jepa", stop_gradient=False, Sigma_yy=YY, target_encoder=None, **COSTLY
    ),
    "hitting_time": case(fraction=0.5, **FEATURE, **SCALAR, **COSTLY, **UNFINISHED),
    "hitting_time_by_quadrature": case(fraction=0.5, **FEATURE, **SCALAR, _within=(0, np.inf), **COSTLY),
    "jepa_loss": case(parameters=NETWORK, **ALL_MOMENTS, stop_gradient=True, target_encoder=YX, **COSTLY),
    "largest_stable_step": case(**MOMENTS, depth=2, objective="mae", method="euler", _within=(1e-320, np.inf)),
    "learn_pretext": case(triplet=TRIPLET),
    "mae_loss": case(parameters=NETWORK, **ALL_MOMENTS, **COSTLY),
    "masked_views": case(key=KEY, n_samples=3, S=XX, visible=0.5, target_visible=0.25, **COSTLY),
    "mean_classifier_loss": case(features=VIEWS, **POINTS, loss="hinge", _within=(0, np.inf), **COSTLY),
    "misaligned_init": case(
        **START,
        init=0.25,
        objective="mae",
        delta=0.5,
        kind="predictor_noise",
        basis=np.eye(2),
        rotate_latents=True,
        **COSTLY,
    ),
    "random_classes": case(key=KEY, n_classes=2, n_points=2, _within=(0, 1), **COSTLY),
    "random_embedding": case(key=KEY, outputs=1, dimension=2, scale=0.5, **COSTLY),
    "random_predictor_init": case(**START, init=0.25, objective="jepa", **COSTLY),
    "random_rotation": case(key=KEY, dimension=2, _within=(-1.001, 1.001), **COSTLY),
    "random_triplet": case(key=KEY, target_dim=1, first_dim=2, second_dim=1, direct=0.5, **COSTLY),
    "require_stable_step": case(step=0.25, **MOMENTS, depth=2, objective="jepa", method="runge_kutta"),
    "rotated_covariance": case(key=KEY, Sigma_yx=YX, delta=0.5, **COSTLY),
    "saddle_state": case(key=KEY, learned=(0,), rho=VARIANCES, depth=2, objective="jepa", basis=np.eye(2), **COSTLY),
    "sampled_loss": case(
        parameters=NETWORK,
        X=VIEWS,
        Y=OTHERS,
        objective="jepa",
        stop_gradient=True,
        target_encoder=YX,
        _within=(0, np.inf),
        **COSTLY,
    ),
    "simulate_factors": case(
        depth=2.0,
        layer_init=0.5,
        predictor_init=0.25,
        lambda_=1.0,
        rho=1.0,
        times=TIMES,
        target_variance=2.0,
        **COSTLY,
        **UNFINISHED,
    ),
    "simulate_flow": case(**FEATURE, times=TIMES, **SCALAR, **COSTLY, **UNFINISHED),
    "small_rotation": case(key=KEY, dimension=2, angle=0.5, _within=(-1.001, 1.001), **COSTLY),
    "static_views": case(key=KEY, n_samples=3, signal_variances=VARIANCES, noise_variances=VARIANCES, **COSTLY),
    "stepwise_flow": case(start=NETWORK.predictor, moment=XX, times=TIMES, **COSTLY, **UNFINISHED),
    "stepwise_loss": case(W=NETWORK.predictor, moment=XX, _within=(0, np.inf), **COSTLY),
    "temporal_views": case(
        key=KEY,
        n_samples=3,
        persistence=VARIANCES / 2,
        innovation_variances=VARIANCES,
        noise_variances=VARIANCES,
        **COSTLY,
    ),
    "trajectory_by_quadrature": case(**FEATURE, times=TIMES, **SCALAR, _within=(0, np.inf), **COSTLY),
    "unbalanced_init": case(**START, layer_init=0.25, predictor_init=0.5, objective="mae", basis=np.eye(2), **COSTLY),
    "unsupervised_loss": case(features=VIEWS, **POINTS, loss="logistic", _within=(0, np.inf), **COSTLY),
    "up_crossings": case(
        times=TIMES,
        strengths=np.array([[0.25, 0.5], [1.0, 0.25]]),
        levels=np.array([0.5, 1.0]),
        _infinite="a feature that does not cross",
        **COSTLY,
    ),
    "vicreg_loss": case(
        Z=VIEWS,
        Z_prime=OTHERS,
        invariance=25.0,
        variance=25.0,
        covariance=1.0,
        target_deviation=1.0,
        floor=0.25,
        mean_of_branches=True,
        **COSTLY,
    ),
    "views_moment": case(X=VIEWS, Y=OTHERS, **COSTLY),
}
RECORDS = ("Covariances", "Crossings", "Factors", "Pretext", "Run", "Views")
EXCLUDED = {
    **dict.fromkeys(RECORDS, "a record of results"),
    **dict.fromkeys(("Parameters", "Triplet"), "a plain record, which JAX rebuilds: judged where it is used"),
    **dict.fromkeys(("Clock", "Objective"), "a choice of strings"),
}

test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED, examples=5
)
