"""PCA of high-dimensional random walks: the exact theory. A law that names no source is derived
here.

Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural
network training", arXiv 1806.08805, and its neighbours.
"""

from theory.random_walk_pca.averages import (
    exponential_average_impulse_response,
    running_mean_explained_variance_ratio,
    running_mean_wavenumbers,
)
from theory.random_walk_pca.decaying_noise import (
    bessel_zeros,
    decaying_noise_explained_variance_ratio,
    decaying_noise_modes,
)
from theory.random_walk_pca.deterministic_equivalent import (
    companion_stieltjes,
    laplacian_resolvent_trace,
)
from theory.random_walk_pca.drift import (
    drift_coefficients,
    drift_eigenvalues,
    drift_explained_variance_ratio,
)
from theory.random_walk_pca.effective_dimension import combined_dimension, effective_dimension
from theory.random_walk_pca.finite_dimension import (
    eigenvalue_bias,
    eigenvalue_bias_second_order,
    eigenvalue_variance,
    explained_variance_ratio_second_order,
    explained_variance_ratio_std,
    mean_explained_variance_ratio,
    overlap_deficit,
    overlap_deficit_second_order,
)
from theory.random_walk_pca.generative_pca import spiked_direction_error
from theory.random_walk_pca.heavy_tails import tail_shortfall
from theory.random_walk_pca.likeness import ProcessMisfits, process_misfits
from theory.random_walk_pca.modes import (
    chebyshev_scores,
    cosine_content,
    cosine_modes,
    score_amplitudes,
    scores,
    squared_distances,
)
from theory.random_walk_pca.momentum import (
    integrated_walk_explained_variance_ratio,
    integrated_walk_modes,
    integrated_walk_wavenumbers,
    momentum_circulant_eigenvalues,
    momentum_crossover_index,
    momentum_explained_variance_ratio,
    momentum_explained_variance_ratio_rate,
    momentum_impulse_response,
)
from theory.random_walk_pca.neighbours import (
    circulant_eigenvalues,
    uncentred_explained_variance_ratio_limit,
)
from theory.random_walk_pca.ornstein_uhlenbeck import (
    ornstein_uhlenbeck_circulant_eigenvalues,
    ornstein_uhlenbeck_eigenvalues,
    ornstein_uhlenbeck_impulse_response,
    ornstein_uhlenbeck_modes,
)
from theory.random_walk_pca.ornstein_uhlenbeck_limit import (
    crossover_eigenvalues,
    crossover_explained_variance_ratio,
    crossover_total_variance,
    crossover_wavenumbers,
)
from theory.random_walk_pca.pca_tutorial import least_reconstruction_error, principal_axes
from theory.random_walk_pca.processes import (
    toeplitz_covariance,
    toeplitz_eigenvalues,
    toeplitz_total_variance,
)
from theory.random_walk_pca.robust_pca import outlier_flip_threshold
from theory.random_walk_pca.spectrum import (
    eigenvalues,
    explained_variance_ratio,
    explained_variance_ratio_limit,
    laplacian_eigenvalues,
    limit_relative_error,
    participation_ratio,
    squared_eigenvalue_sum,
    total_variance,
)
from theory.random_walk_pca.trace_law import trace_cdf, trace_laplace
from theory.random_walk_pca.trapping import (
    escape_probability_bound,
    mean_squared_norm,
    squared_norm_relative_std,
    stationary_correlation,
    trapping_radius,
)
from theory.random_walk_pca.varying_noise import (
    noise_cut_explained_variance_ratio,
    varying_noise_explained_variance_ratio,
)
from theory.random_walk_pca.walk_finite_dimension import (
    eigenvalue_bias_coefficient,
    kurtosis_factor_ratio,
)
