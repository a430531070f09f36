"""Multicalibration by boosting on level sets: calibration errors, the saving of a round, the rule
that stops, and the bias of estimates.

Globus-Harris, Harrison, Kearns, Roth & Sorrell 2023, "Multicalibration as Boosting for Regression",
ICML 2023, arXiv 2301.13767. The abstract and the released code were read, but none of the theorems.
The constants are derived here.
"""

from theory.multicalibration_boosting.halting import grid, guaranteed_error, most_rounds, tolerance
from theory.multicalibration_boosting.levels import (
    best_step,
    calibration_error,
    converse_ratio,
    hidden_by_bins,
    least_correlation,
    relative_gain,
    step_gain,
    swap_regret,
)
from theory.multicalibration_boosting.plug_in import bernoulli_moments, plug_in_bias, sampled_error
