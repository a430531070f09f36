"""Laws whose posteriors are sums: mixtures of normal laws, or of single points, and what denoising
does in them. Signals are x, noisy copies are y = x + σ n.
"""

from sims.denoising_posterior.differentiation import jacobian, line_derivatives
from sims.denoising_posterior.draws import sample_pairs
from sims.denoising_posterior.mixtures import (
    Mixture,
    line_moments,
    log_density,
    point_moment,
    posterior_covariance,
    posterior_mean,
)
from sims.denoising_posterior.numerics import (
    difference_fourth_moment,
    marginal_nodes,
    subspace_tangents,
)
