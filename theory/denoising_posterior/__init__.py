"""What a denoiser knows about its own errors: posterior moments as derivatives of the posterior
mean.

Manor & Michaeli 2024, "On the Posterior Distribution in Denoising: Application to Uncertainty
Quantification", ICLR 2024, arXiv 2309.13598. Its abstract and its released code were read, the
univariate recursion in a public summary; the tensor and directional forms are recalled and were
checked, the rest was derived for this collection.
"""

from theory.denoising_posterior.components import (
    contraction,
    masked_components,
    posterior_covariance,
)
from theory.denoising_posterior.differences import iteration_error, rounding_error, step_error
from theory.denoising_posterior.moments import central_moments, tweedie_mean
from theory.denoising_posterior.noise import (
    claimed_variance,
    noise_variance,
    residual_of_denoiser,
    residual_variance,
)
from theory.denoising_posterior.tensors import fourth_moment_tensor, third_moment_tensor
