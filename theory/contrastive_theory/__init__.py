"""What a contrastive loss certifies, the least loss of any encoder, and the distance of InfoNCE
from mutual information.

Arora, Khandeparkar, Khodak, Plevrakis & Saunshi 2019, "A Theoretical Analysis of Contrastive
Unsupervised Representation Learning", ICML 2019, arXiv 1902.09229; Tschannen, Djolonga, Rubenstein,
Gelly & Lucic 2020, "On Mutual Information Maximization for Representation Learning", ICLR 2020,
arXiv 1907.13625. Their abstracts were read, and no theorem of theirs: what stands here was derived
for this collection, in the shapes that are commonly quoted.
"""

from theory.contrastive_theory.certificates import (
    certificate,
    collision_constant,
    collision_probability,
    grid_sharpness,
    independent_block_limit,
    spread,
    spread_loss,
    supervised_loss,
)
from theory.contrastive_theory.collisions import collision_floor, supervised_weight
from theory.contrastive_theory.infonce import (
    chi_squared,
    gap_coefficient,
    gaussian_chi_squared,
    infonce_ceiling,
    limit_excess,
    mutual_information,
)
