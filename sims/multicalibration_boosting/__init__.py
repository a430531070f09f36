"""The simulators of multicalibration by boosting.

`boosting` fits a predictor by least squares within its level sets, on finite worlds and on samples
(`worlds`). `audit` finds the worst calibration error of a predictor, and `samples` draws the labels
and the groups within level sets.

Notation, here and in the modules: f(x) is the prediction, a level v is the set of cells that f
sends to v, y in [0, 1] is the label, r = y - f(x) is the residual, and h is a function of the cell.
The calibration error is K2 = sum over levels v of P(v) (E[h r | v])^2.
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
