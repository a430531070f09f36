"""How JEPA orders features: the exact theory.

Littwin, Saremi, Advani, Thilak, Nakkiran, Huang & Susskind 2024, "How JEPA Avoids Noisy Features:
The Implicit Bias of Deep Linear Self Distillation Networks", arXiv 2407.03475, and its neighbours.
Each import below is one concept in one file.
"""

from theory.jepa_bias.balance import (
    balance_residuals,
    collapse_strength,
    collapsed_predictor,
    discrete_time_shift,
    unbalanced_end_state,
)
from theory.jepa_bias.conditional_independence import pretext_label_error, pretext_to_label
from theory.jepa_bias.contrastive_bound import (
    collision_probability,
    contrastive_loss,
    contrastive_unsupervised_loss,
    mean_classifier_loss,
    supervised_bound,
)
from theory.jepa_bias.critical_time import (
    critical_time,
    critical_time_error_bound,
    jepa_remainder,
    mae_constant,
    mae_leading_time,
    mae_next_term,
)
from theory.jepa_bias.deep_predictor import (
    deep_predictor_critical_time,
    deep_predictor_preference,
)
from theory.jepa_bias.displacement import displacement_time, misalignment_offset
from theory.jepa_bias.generative import (
    Covariances,
    Features,
    complementary_mask_covariances,
    complementary_mask_features,
    covariances_of_features,
    independent_mask_covariances,
    independent_mask_features,
    static_features,
    temporal_features,
)
from theory.jepa_bias.implicit_time import strength_at, time_error_bound, time_to_reach
from theory.jepa_bias.itinerary import Event, itinerary, permanent_order
from theory.jepa_bias.moving_target import (
    frozen_target_time,
    moving_target_rate,
    target_lag,
)
from theory.jepa_bias.ordering import (
    boundary_maximiser,
    depth_cap,
    greedy_excess,
    init_threshold,
    inversion_window,
    limit_order,
    order_boundary,
    sign_threshold,
)
from theory.jepa_bias.saxe import saxe_singular_value, saxe_two_layers
from theory.jepa_bias.scalar import (
    asymptote,
    end_to_end_asymptote,
    exponents,
    layer_velocity,
    velocity,
)
from theory.jepa_bias.spectrum import (
    JointSpectrum,
    Restriction,
    commutator_norm,
    joint_spectrum,
    mae_singular_values,
    predictor_eigenvalues,
    restrict_to_range,
)
from theory.jepa_bias.stability import (
    StabilityMap,
    full_fixed_point_rates,
    is_stable,
    largest_stable_step,
    saddle_rate,
    saddle_rates,
    stability_map,
)
from theory.jepa_bias.stepwise_ssl import (
    stepwise_critical_time,
    stepwise_loss,
    stepwise_singular_value,
    subspace_overlap_exponent,
)
from theory.jepa_bias.vicreg import vicreg_collapse_value, vicreg_loss
