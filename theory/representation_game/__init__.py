"""The r numbers to keep of the features if an adversary chooses the task among the plausible ones.

Uzan & Weinberger 2024, "A representation-learning game for classes of prediction tasks", ICLR 2024,
arXiv 2403.06971. Its abstract was read. Its setting, and its solution for one representation, were
read in public reviews and notes. The formula of the mixed solution was recalled and derived again
here.
"""

from theory.representation_game.mixed import (
    Mixture,
    adversary_chances,
    adversary_covariance,
    equalised_regret,
    hedge_excess,
    hedged,
    inclusion,
    mixed_average,
    mixed_value,
    pair_excess,
    systematic_mixture,
)
from theory.representation_game.pure import (
    estimation_excess,
    pure_average,
    pure_representation,
    pure_value,
    regret,
    small_logit_regret,
    task_directions,
    task_spectrum,
    worst_task,
)
