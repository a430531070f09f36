"""Level-set boosting of finite worlds and samples, the worst calibration error of a predictor, and
sampled levels.
"""

from sims.multicalibration_boosting.audit import (
    best_gain,
    best_ratio,
    binned_error,
    gain,
    worst_error,
)
from sims.multicalibration_boosting.boosting import (
    level_fit,
    lsboost,
    released_error,
    released_lsboost,
    round_to_grid,
    squared_error,
)
from sims.multicalibration_boosting.samples import (
    enumerate_levels,
    plug_in,
    sample_levels,
    unbiased,
)
from sims.multicalibration_boosting.worlds import (
    World,
    affine,
    delayed_rows,
    parity_world,
    peeled_world,
    random_predictor,
    random_world,
    two_cells,
    undone_rows,
)
