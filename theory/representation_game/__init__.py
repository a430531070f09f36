"""Which r numbers to keep of the features, when the task is an adversary's choice among the
plausible ones.

Uzan & Weinberger 2024, "A representation-learning game for classes of prediction tasks", ICLR 2024,
arXiv 2403.06971. Its abstract was read, its setting and its solution for one representation in
public reviews and notes; the formula of the mixed solution was recalled and derived again here.
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
