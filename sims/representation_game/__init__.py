"""The simulators of the representation game: exact regrets (`regrets`), sampled regrets and a
learner that plays against Hedge (`draws`), and settings (`worlds`).

Notation, here and in the modules: x has d features with covariance Σ, a task is f with y = f'x +
noise, and a representation R is d x r. The regret of R on f is the mean squared error of the best
linear predictor from R'x minus that of the best one from x. A prior is a matrix S: the tasks with
f' S^-1 f <= 1 are plausible.
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
