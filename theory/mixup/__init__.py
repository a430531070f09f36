"""Mixup and the curse of separability: the exact theory.

Oh & Yun 2023, "Provable Benefit of Mixup for Finding Optimal Decision Boundaries", arXiv
2306.00267, and its neighbours. Each import below is one concept in one file.
"""

from theory.mixup.data_set_limits import modified_lda_direction, reduced_problem
from theory.mixup.efficiency import (
    angle_rate,
    erm_efficiency,
    erm_efficiency_asymptotic,
    fisher_information,
    lda_efficiency,
    mixup_efficiency,
)
from theory.mixup.entropy_dual import entropy_certificate
from theory.mixup.erm_phase import (
    critical_exponent,
    erm_direction_at,
    erm_samples,
    finite_sample_radius,
    phase_cosine,
    phase_direction,
    phase_direction_cone_program,
    ridge_lda_direction,
)
from theory.mixup.expected_losses import (
    ExpectedLoss,
    erm_expected_loss,
    mask_expected_loss,
    mixup_expected_loss,
)
from theory.mixup.finite_samples import (
    imbalance_coefficient,
    imbalance_weights,
    isotropic_angle,
    lda_rate,
    mixup_samples,
    sampled_lambda_coefficient,
)
from theory.mixup.gaussian_pair import GaussianPair, one_minus_cosine
from theory.mixup.masks import (
    all_masks,
    box_masks,
    mask_limit_direction,
    mask_limit_error_ratio,
    mask_limit_scale,
)
from theory.mixup.minimisers import (
    erm_minimiser,
    mask_minimiser,
    mixup_minimiser,
    newton_minimiser,
    relative_newton_step,
)
from theory.mixup.mixing import MixingLaw
from theory.mixup.scale import (
    limit_curvatures,
    limit_scale,
    limit_scale_correction,
    scalar_minimiser,
)
