"""JEPA and MAE in deep linear networks: one feature's scalar equation, and everything that the
whole network does.

Scalar: `simulate_flow` steps equations (7) and (8) through time, `trajectory_by_quadrature`
integrates them over strengths, `simulate_factors` keeps encoder and predictor apart. Whole network:
`Parameters` moved by `gradient_flow` or `gradient_descent`; `up_crossings` reads off what is
learned when, `flow_eigenvalues` at a `saddle_state` what comes next.
"""

from sims.jepa_bias.contrastive import mean_classifier_loss, unsupervised_loss
from sims.jepa_bias.crossings import Crossings, up_crossings
from sims.jepa_bias.data import (
    Covariances,
    Views,
    empirical_covariances,
    gaussian_views,
    masked_views,
    rotated_covariance,
    static_views,
    temporal_views,
)
from sims.jepa_bias.deep_predictor import deep_predictor_time
from sims.jepa_bias.domains import Clock, Objective
from sims.jepa_bias.factor_flow import Factors, simulate_factors
from sims.jepa_bias.linearisation import flow_eigenvalues, flow_jacobian, saddle_state
from sims.jepa_bias.matrix_flow import (
    Run,
    gradient_descent,
    gradient_flow,
    largest_stable_step,
    require_stable_step,
)
from sims.jepa_bias.moving_target import moving_target_jacobian, moving_target_time
from sims.jepa_bias.narrow import NarrowNetwork, narrow_flow, narrow_network
from sims.jepa_bias.neighbour_flows import (
    deep_linear_flow,
    random_embedding,
    stepwise_flow,
    stepwise_loss,
    views_moment,
)
from sims.jepa_bias.networks import (
    Parameters,
    aligned_init,
    balance,
    diagonal_network,
    encoder,
    misaligned_init,
    random_predictor_init,
    random_rotation,
    small_rotation,
    unbalanced_init,
)
from sims.jepa_bias.objectives import autodiff_gradients, gradients, jepa_loss, mae_loss
from sims.jepa_bias.pretext import Pretext, Triplet, learn_pretext, random_triplet
from sims.jepa_bias.quadrature import hitting_time_by_quadrature, trajectory_by_quadrature
from sims.jepa_bias.scalar_flow import hitting_time, simulate_flow
from sims.jepa_bias.vicreg import vicreg_loss
