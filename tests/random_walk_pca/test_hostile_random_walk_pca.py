"""Hostile input for PCA of high-dimensional random walks."""

import numpy as np
import pytest

from own_data import random_walk_pca as tool
from theory import random_walk_pca as predicted
from theory_on_trial.audits.hostile import case, judge, promises

MODULES = [predicted, tool]
SPECTRUM = np.array([4.0, 2.0, 1.0, 0.5])
COVARIANCE = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 0.5]])
UNITS = np.array([0.25, 0.5, 1.0])
SIZES = {"n_points": 8, "n_components": 3}
LAW = {"eigenvalues": SPECTRUM, "dim": 100.0}
LEADING = {**LAW, "n_components": 2}
WARNS = {"_warns": "the dimension is small, or the components are many"}
SEPARABLE = {"z": -0.5, "eigenvalues": SPECTRUM, "noise_spectrum": UNITS}
SPIKED = {"fraction": 0.25, "spike": 2.0, "squared_length": 3.0}
STEPS = np.random.default_rng(0).normal(size=(16, 40))
WALK = np.cumsum(STEPS, axis=0)
GRAM = tool.step_gram(WALK)
OBSERVED = {"trajectory": None, "step_gram": GRAM, "confidence": 0.9}
SOME = {"_within": (0, np.inf)}
SHARE = {"_within": (0, 1 + 1e-12)}

CASES = {
    "exponential_average_impulse_response": case(n_points=8, decay=0.5, **SHARE),
    "running_mean_wavenumbers": case(n_components=3, **SOME),
    "running_mean_eigenvalues": case(n_components=3, **SHARE),
    "running_mean_explained_variance_ratio": case(n_components=3, **SHARE),
    "subsampled_eigenvalues": case(n_points=8, stride=2, **SOME),
    "bessel_order": case(exponent=0.5, **SOME),
    "bessel_zeros": case(order=0.5, n_components=3, **SOME),
    "decaying_noise_covariance": case(n_points=8, exponent=0.5),
    "decaying_noise_eigenvalues": case(exponent=0.5, n_components=3, **SOME),
    "decaying_noise_explained_variance_ratio": case(exponent=0.5, n_components=3, **SHARE),
    "decaying_noise_modes": case(times=UNITS, exponent=0.5, n_components=3),
    "companion_equation": case(companion=0.5, n_points=8, dim=10.0),
    "companion_equation_limit": case(companion=0.5, dim=10.0),
    "companion_stieltjes": case(z=-0.5, n_points=8, dim=10.0, **SOME),
    "laplacian_resolvent_trace": case(shift=0.5, n_points=8, **SOME),
    "lower_edge_leading_order": case(n_points=8, dim=10.0, **SOME),
    "separable_equivalent": case(**SEPARABLE, **SOME),
    "separable_resolvent_trace": case(**SEPARABLE, **SOME),
    "drift_coefficients": case(n_points=8),
    "drift_dominance_threshold": case(n_points=8, **SOME),
    "drift_eigenvalues": case(n_points=8, drift_ratio=0.5, **SOME),
    "drift_explained_variance_ratio": case(n_points=8, drift_ratio=0.5, **SHARE),
    "drift_strength": case(n_points=8, drift_ratio=0.5, **SOME),
    "eigenvalue_bias": case(**LEADING),
    "eigenvalue_bias_second_order": case(**LEADING),
    "eigenvalue_variance": case(**LEADING),
    "explained_variance_ratio_second_order": case(**LEADING),
    "explained_variance_ratio_std": case(**LAW, **WARNS, **SOME),
    "explained_variance_sum_std": case(**LAW, components=(1, 3), **WARNS, **SOME),
    "mean_explained_variance_ratio": case(**LEADING, **WARNS),
    "overlap_deficit": case(**LEADING, **WARNS, **SOME),
    "overlap_deficit_second_order": case(**LEADING),
    "required_dimension": case(eigenvalues=SPECTRUM, tolerance=0.125, standard_errors=5.0, **SOME),
    "spiked_direction_error": case(subspace_dim=3, n_samples=50, spike=2.0, **SOME),
    "spiked_pca_overlap": case(dim=3, n_samples=50, spike=2.0, **SHARE),
    "chebyshev_scores": case(first_score=UNITS, n_components=3, _within=(-1, 1)),
    "cosine_content": case(modes=predicted.cosine_modes(8, 3), **SHARE),
    "cosine_modes": case(**SIZES, _within=(-1, 1)),
    "score_amplitudes": case(**SIZES, **SOME),
    "scores": case(**SIZES),
    "sine_modes": case(**SIZES, _within=(-1, 1)),
    "squared_distances": case(n_points=8, **SOME),
    "trajectory_covariance": case(n_points=8),
    "integrated_walk_explained_variance_ratio": case(n_components=3, **SHARE),
    "integrated_walk_modes": case(times=UNITS, n_components=3),
    "integrated_walk_wavenumbers": case(n_components=3, **SOME),
    "momentum_circulant_eigenvalues": case(n_points=8, momentum=0.5, **SOME),
    "momentum_crossover_index": case(n_points=8, momentum=0.5, _infinite="at no momentum", **SOME),
    "momentum_explained_variance_ratio": case(n_points=8, momentum=0.5, _within=(-1e-12, 1 + 1e-12)),
    "momentum_explained_variance_ratio_rate": case(n_points=8, momentum=0.5, n_components=3, **SOME),
    "momentum_impulse_response": case(n_points=8, momentum=0.5, **SOME),
    "circulant_eigenvalues": case(n_points=8, **SOME),
    "dirichlet_eigenvalues": case(n_points=8, **SOME),
    "uncentred_eigenvalues": case(n_points=8, **SOME),
    "uncentred_explained_variance_ratio_limit": case(n_components=3, **SHARE),
    "uncentred_modes": case(n_points=8, _within=(-1, 1)),
    "ornstein_uhlenbeck_circulant_eigenvalues": case(n_points=8, rate=0.5, **SOME),
    "ornstein_uhlenbeck_eigenvalues": case(n_points=8, rate=0.5, **SOME),
    "ornstein_uhlenbeck_impulse_response": case(n_points=8, rate=0.5, _within=(-1, 1)),
    "ornstein_uhlenbeck_modes": case(**SIZES, rate=0.5, _within=(-1, 1)),
    "ornstein_uhlenbeck_stationary_eigenvalues": case(n_points=8, rate=0.5, **SOME),
    "ornstein_uhlenbeck_uncentred_eigenvalues": case(n_points=8, rate=0.5, **SOME),
    "crossover_eigenvalues": case(crossover=2.0, n_components=3, **SOME),
    "crossover_explained_variance_ratio": case(crossover=2.0, n_components=3, **SHARE),
    "crossover_total_variance": case(crossover=2.0, **SHARE),
    "crossover_wavenumbers": case(crossover=2.0, n_components=3, **SOME),
    "trapped_wavenumbers": case(n_components=3, **SOME),
    "least_reconstruction_error": case(covariance=COVARIANCE, n_components=2),
    "principal_axes": case(covariance=COVARIANCE),
    "reconstruction_error": case(covariance=COVARIANCE, basis=COVARIANCE[:, :2]),
    "toeplitz_covariance": case(impulse_response=UNITS),
    "toeplitz_eigenvalues": case(impulse_response=UNITS),
    "toeplitz_total_variance": case(impulse_response=UNITS, **SOME),
    "contaminated_variances": case(**SPIKED, **SOME),
    "outlier_flip_threshold": case(fraction=0.25, spike=2.0, **SOME),
    "vanilla_quality": case(**SPIKED, **SHARE),
    "eigenvalues": case(n_points=8, **SOME),
    "explained_variance_ratio": case(n_points=8, **SHARE),
    "explained_variance_ratio_limit": case(n_components=3, **SHARE),
    "laplacian_eigenvalues": case(n_points=8, _within=(0, 4)),
    "limit_relative_error": case(**SIZES, **SOME),
    "participation_ratio": case(n_points=8, _within=(1, 2.5)),
    "squared_eigenvalue_sum": case(n_points=8, **SOME),
    "total_variance": case(n_points=8, **SOME),
    "trace_cdf": case(total=UNITS, eigenvalues=SPECTRUM, dim=3.0, **SHARE),
    "trace_laplace": case(argument=0.5, n_points=8, dim=3.0, **SHARE),
    "trace_laplace_limit": case(argument=0.5, dim=3.0, **SHARE),
    "trace_relative_variance": case(eigenvalues=SPECTRUM, dim=3.0, **SOME),
    "escape_probability_bound": case(squared_fraction=0.25, dim=10.0, **SHARE),
    "mean_squared_norm": case(steps=np.array([0, 1, 5]), rate=0.5, **SOME),
    "squared_norm_relative_std": case(dim=10.0, **SOME),
    "stationary_correlation": case(lag=np.array([-1, 0, 5]), rate=0.5, _within=(-1, 1)),
    "trapping_radius": case(rate=0.5, **SOME),
    "eigenvalue_bias_coefficient": case(n_points=8),
    "kurtosis_factor_eigenvalue": case(n_points=8, excess_kurtosis=1.0),
    "kurtosis_factor_ratio": case(n_points=8, excess_kurtosis=1.0),
    "overlap_deficit_coefficient": case(n_points=8, **SOME),
    "overlap_deficit_coefficient_limit": case(n_components=3, **SOME),
    "StepGramRecorder": case(max_steps=3, sketch_size=10, seed=0),
    "effective_dimension": case(noise_spectrum=SPECTRUM, _within=(1, 8)),
    "own_data.effective_dimension": case(step_gram=GRAM, **SOME),
    "estimate_drift_ratio": case(**OBSERVED, **SOME),
    "estimate_momentum": case(**OBSERVED, **SHARE),
    "estimate_noise_decay": case(**OBSERVED),
    "estimate_reversion": case(**OBSERVED, _within=(0, 2)),
    "random_walk_test": case(trajectory=WALK, step_gram=None, n_components=2, **WARNS, _infinite="scores far beyond"),
}
EXCLUDED = {
    "Estimate": "a record of results",
    "WalkTest": "a record of results",
    "StepGramRecorder.record": "takes any pytree and keeps it: its tests hand in what is wrong",
    "combined_dimension": "takes any number of arguments: below",
    "step_gram": "takes any number of arguments: below",
}


@pytest.mark.parametrize(
    "tried",
    [
        (lambda dimensions: predicted.combined_dimension(10.0, dimensions), case(dimensions=20.0, **SOME)),
        (lambda trajectory: tool.step_gram(WALK, trajectory), case(trajectory=WALK[:, :4])),
        (lambda trajectory: tool.step_gram(trajectory), case(trajectory=WALK)),
    ],
)
def test_the_same_of_functions_of_any_number_of_arguments(tried):
    assert judge(*tried) == []


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED
)
