"""Unconstrained stochastic CCA: the Eckart-Young loss, its landscape, its gradient flow, and the
effect of mini-batches on it.

Chapman, Wells & Lawry Aguila 2024, "Unconstrained Stochastic CCA: Unifying Multiview and
Self-Supervised Learning", arXiv 2310.01012. Each import below is one concept in one file.
"""

from theory.unconstrained_cca.batches import (
    cumulant_bias,
    single_batch_bias,
    two_batch_gradient,
    two_batch_penalty,
)
from theory.unconstrained_cca.flow import aligned_strength, flow_gram
from theory.unconstrained_cca.landscape import (
    columns_used,
    critical_loss,
    critical_point,
    eigenvalues_of_many_views,
    eigenvalues_of_views,
    generalised_eigenvalues,
    least_curvature,
    least_loss,
    loss_by_distance,
    minimising_gram,
)
from theory.unconstrained_cca.self_supervised import barlow_threshold, vicreg_threshold
from theory.unconstrained_cca.shrinkage import batch_that_keeps, shrunk_strengths
from theory.unconstrained_cca.unrelated_views import null_level
