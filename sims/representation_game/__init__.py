"""Regrets of representations by projection and by regression, mixtures of them, and a learner that
plays Hedge.
"""

from sims.representation_game.draws import (
    Estimated,
    balanced,
    dropped,
    estimated_excess,
    hedge,
    least_squares_regret,
)
from sims.representation_game.regrets import (
    guaranteed_regret,
    mean_regret,
    projected_regret,
    unavoidable_regret,
    worst_case,
    worst_expected_regret,
    worst_regret,
)
from sims.representation_game.worlds import World, drawn_world, shaped_world
