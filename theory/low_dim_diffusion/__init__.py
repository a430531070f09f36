"""What denoisers of low-dimensional data converge to, what not knowing the cluster costs, how many
samples are enough.

Wang, Zhang, Zhang, Chen, Ma & Qu 2024, "Diffusion Models Learn Low-Dimensional Distributions via
Subspace Clustering", arXiv 2409.02426. Its abstract was read; the shape of its theorems is known
from a review. The formulas were derived for this collection. Data are x0 = U_k a, k ~ π, a ~ N(0,
I), and the denoiser sees x_t = s x0 + γ ε.
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
