"""The denoisers to which diffusion models of low-dimensional data converge, the cost of not knowing
the cluster, and the number of samples that is enough.

Wang, Zhang, Zhang, Chen, Ma & Qu 2024, "Diffusion Models Learn Low-Dimensional Distributions via
Subspace Clustering", arXiv 2409.02426. The abstract was read; the shape of the theorems is known
from a review. The formulas were derived for this collection. A data point is x0 = U_k a, where the
subspace k has the law π and the latent a is N(0, I), and the denoiser sees x_t = s x0 + γ ε with
standard normal noise ε.
"""

from theory.low_dim_diffusion.denoising import (
    implicit_loss,
    posterior_mean,
    posterior_variance,
    shrinkage,
    soft_angles,
)
from theory.low_dim_diffusion.losses import clustering_loss, genie_loss, least_loss, mmse
from theory.low_dim_diffusion.samples import (
    noise_law,
    perfect_partitions,
    random_completion,
    tail_constant,
    tail_exponent,
    worst_completion,
)
