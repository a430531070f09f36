"""The calibration error K2 that results when the means within levels are estimated from n_v samples
each.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.multicalibration_boosting.domains import Biases, Counts, Variances
from theory_on_trial.contract import UNIT_INTERVAL, Interval, UnitInterval, guarded, require

Values = Annotated[Float[np.ndarray, " levels"], UNIT_INTERVAL]
Shifts = Annotated[Float[np.ndarray, " levels"], Interval(-1, 1)]


@guarded
def sampled_error(counts: Counts, biases: Biases) -> float:
    """Return K2 with the level weights of the sample: the sum over levels of (n_v / n) θ_v^2, where
    n is the sum of the n_v.

    Source: definition.
    """
    return float(counts / counts.sum() @ biases**2)


@guarded
def plug_in_bias(counts: Counts, variances: Variances) -> float:
    """Return the amount by which K2 of sample means exceeds K2 on average: the sum over levels of
    Var(h r | v) / n.

    n is the sum of the counts n_v. Source: derived here.
    """
    return float(variances.sum() / counts.sum())


@guarded
def bernoulli_moments(
    values: Values, shifts: Shifts, share: UnitInterval
) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
    """Return θ_v and Var(h r | v) in each level where y ~ Bernoulli(q) with q = v + shift, and h ~
    Bernoulli(share) is independent of y.

    The variance uses the mean q (1 - q) + shift^2 of r^2. Raises ValueError if a v + shift is not a
    probability. Source: derived here.
    """
    chances = values + shifts
    require((chances >= 0) & (chances <= 1), "values and shifts must add up to probabilities")
    biases = share * shifts
    return biases, share * (chances * (1 - chances) + shifts**2) - biases**2
