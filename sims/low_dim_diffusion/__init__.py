"""The simulators of diffusion models on low-dimensional data.

`denoising` has denoisers of mixtures of low-rank Gaussians, `optima` has minimisers of training and
clustering losses, and `subspaces` has errors of subspaces that are learned from few or from noisy
samples.

Notation: points lie in R^n, and a subspace of dimension d is given by a basis of n x d with
orthonormal columns. A noisy point is x_t = s x0 + γ ε with x0 clean, ε standard normal, s the
signal level and γ the noise level.
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
