"""High dimensional random walks, their relatives, and training runs, seen through principal
component analysis.

noise -> trajectory -> variance ratios: `explained_variance_ratio` is all three. The same recursion
acts on the Gram matrix of the noise (flat memory), on a few columns that are exact in law
(`equivalent_gaussian_noise`), in the basis of the population covariance (`eigenbasis_sample`), and
on unit impulses (`population_spectrum`: no randomness). What names no source is derived here.
"""

from sims.random_walk_pca.eigenbasis import (
    EigenbasisSample,
    Rotation,
    eigenbasis_rotation,
    eigenbasis_sample,
)
from sims.random_walk_pca.generative_pca import SpikeErrors, spike_errors
from sims.random_walk_pca.noise_rows import equivalent_gaussian_noise, noise
from sims.random_walk_pca.pca import (
    LeadingRatios,
    PrincipalComponents,
    gram_variances,
    leading_variance_ratios,
    leading_variance_ratios_of_gram,
    principal_components,
    principal_components_of_gram,
    squared_overlaps,
    variance_ratios,
    variance_ratios_of_gram,
)
from sims.random_walk_pca.pca_tutorial import (
    PrincipalAxes,
    axes_from_covariance,
    axes_from_singular_values,
    covariance,
    reconstruction_error,
)
from sims.random_walk_pca.population import (
    LeadingSpectrum,
    expected_squared_norms,
    leading_population_spectrum,
    population_covariance,
    population_eigenvectors,
    population_spectrum,
)
from sims.random_walk_pca.processes import centre, trajectory, trajectory_gram
from sims.random_walk_pca.robust_pca import corrupted_points, filtered_direction, leading_direction
from sims.random_walk_pca.simulate import explained_variance_ratio
from sims.random_walk_pca.steps import effective_dimension, shuffle_points, shuffle_steps, step_gram
from sims.random_walk_pca.streaming import noise_gram, random_projection, squared_norms
from sims.random_walk_pca.training import TrainingGram, TrainingRun, digits, train, training_gram
