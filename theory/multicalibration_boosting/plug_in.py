"""What K2 comes to when the means within levels are estimated from n_v samples each."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.multicalibration_boosting.domains import Biases, Counts, Variances
from theory_on_trial.contract import UNIT_INTERVAL, Interval, UnitInterval, guarded, require

Values = Annotated[Float[np.ndarray, " levels"], UNIT_INTERVAL]
Shifts = Annotated[Float[np.ndarray, " levels"], Interval(-1, 1)]


@guarded
def sampled_error(counts: Counts, biases: Biases) -> float:
    """Sum of (n_v / n) θ_v^2: K2 with the level weights of the sample. Source: definition."""
    return float(counts / counts.sum() @ biases**2)


@guarded
def plug_in_bias(counts: Counts, variances: Variances) -> float:
    """Sum over levels of Var(h r | v) / n, by which K2 of sample means exceeds K2 in the mean.
    Source: derived here.
    """
    return float(variances.sum() / counts.sum())


@guarded
def bernoulli_moments(
    values: Values, shifts: Shifts, share: UnitInterval
) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
    """θ_v and Var(h r | v) where y ~ Bernoulli(v + shift), and h ~ Bernoulli(share) apart from it.

    Raises ValueError where v + shift is no probability. Source: r^2 has the mean q (1 - q) +
    shift^2.
    """
    chances = values + shifts
    require((chances >= 0) & (chances <= 1), "values and shifts must add up to probabilities")
    biases = share * shifts
    return biases, share * (chances * (1 - chances) + shifts**2) - biases**2
