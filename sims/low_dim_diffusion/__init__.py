"""Denoisers of mixtures of low-rank Gaussians, and subspaces learned from few or from noisy
samples.
"""

from sims.low_dim_diffusion.denoising import (
    cubature,
    denoising_loss,
    gauss_hermite,
    posterior_moments,
    sampled_losses,
)
from sims.low_dim_diffusion.domains import Rule
from sims.low_dim_diffusion.optima import (
    best_angles,
    best_subspace,
    fitting_partitions,
    k_subspaces,
)
from sims.low_dim_diffusion.subspaces import (
    clustered_errors,
    completion_errors,
    inverse_traces,
    noisy_errors,
    steadied_errors,
    trace_tail,
    trained_errors,
)
