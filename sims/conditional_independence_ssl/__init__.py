"""Joint laws of two views and a label, and least squares in them.

`DiscreteWorld` and `GaussianWorld` hold joint laws. `table_statistics` and `conditionals` condition
them, by summing and by solving. `learned_pretext` and `excess_risk` draw the pretext that n1 pairs
give and the risk that n labels give, in white coordinates of x1. `draw` gives samples as users have
them.
"""

from sims.conditional_independence_ssl.heads import (
    approximation_error,
    excess_risk,
    head_error,
    head_predictions,
    leading_directions,
    learned_pretext,
    pretext_noise,
    second_moment,
)
from sims.conditional_independence_ssl.worlds import (
    Conditionals,
    DiscreteWorld,
    GaussianWorld,
    TableStatistics,
    canonical_functions,
    conditionals,
    discrete_worlds,
    draw,
    gaussian_world,
    table_statistics,
)
