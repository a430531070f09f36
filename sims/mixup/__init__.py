"""Mixup and the curse of separability, simulated: how well do training-loss minimisers find the
Bayes direction?

sample -> fit -> angle: `pair_sample`, one of the fits, `angle_deficit`; `angle_curve` is all three
for many cells. The hard margin of up to e^600 points comes from `certified_tail_directions`. Second
routes: a linear program and two convex programs.
"""

from sims.mixup.affine_fit import fit_affine, fit_masks
from sims.mixup.alignment import check_alignment
from sims.mixup.angles import (
    angle_curve,
    angle_deficit,
    erm_weights,
    mask_weights,
    mixup_weights,
    sampled_mixup_weights,
)
from sims.mixup.data import PairSample, covariance_factor, pair_sample, signed_points
from sims.mixup.erm_fit import fit_erm, hard_margin
from sims.mixup.mixup_fit import fit_mixup, fit_mixup_sampled
from sims.mixup.separability import (
    hard_margin_program,
    has_one_minimiser,
    is_separable,
    mixed_rows,
    mixup_program,
)
from sims.mixup.small_data import Accuracies, augmentation_accuracies, digit_pair
from sims.mixup.tail_sampler import TailDirection, certified_tail_directions, tail_direction
