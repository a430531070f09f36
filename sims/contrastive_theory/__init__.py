"""Contrastive losses of finite worlds, by enumeration and by sampling, and InfoNCE of finite joint
laws and of normal pairs.
"""

from sims.contrastive_theory.draws import (
    gaussian_log_ratios,
    sample_block_loss,
    sample_contrastive_loss,
)
from sims.contrastive_theory.infonce import best_critic, infonce
from sims.contrastive_theory.worlds import block_loss, contrastive_loss, pair_loss
