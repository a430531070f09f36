"""Samples within levels: labels y ~ Bernoulli(v + shift), and groups h ~ Bernoulli(share) apart
from them.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from sims.multicalibration_boosting.domains import Counts, Levels
from theory_on_trial.contract import Interval, UnitInterval, guarded, require

Chances = Annotated[Float[np.ndarray, " levels"], Interval(0, 1)]
Sums = Annotated[Float[np.ndarray, "*replicas levels"], Interval(-1e50, 1e50)]


@guarded
def sample_levels(
    generator: np.random.Generator,
    replicas: Annotated[int, Interval(1, 2**24)],
    counts: Counts,
    values: Levels,
    chances: Chances,
    share: UnitInterval,
) -> tuple[Float[np.ndarray, "replicas levels"], Float[np.ndarray, "replicas levels"]]:
    """Sums of h r and of its square in each level, r = y - v; `chances` are those of y = 1."""
    members = generator.binomial(counts, share, (replicas, len(counts)))
    ones = generator.binomial(members, chances)
    return _sums(members.astype(float), ones.astype(float), values)


@guarded
def enumerate_levels(
    count: Annotated[int, Interval(1, 1000)],
    value: UnitInterval,
    chance: UnitInterval,
    share: UnitInterval,
) -> tuple[
    Float[np.ndarray, " outcomes"], Float[np.ndarray, " outcomes"], Float[np.ndarray, " outcomes"]
]:
    """Every number of members and of ones in a level: their chances, and sums of h r and of its
    square.
    """
    from scipy.stats import binom

    members, ones = (axis.ravel() for axis in np.indices((count + 1, count + 1)))
    likely = binom.pmf(members, count, share) * binom.pmf(ones, members, chance)
    return likely, *_sums(members.astype(float), ones.astype(float), np.array([value]))


@guarded
def plug_in(counts: Counts, sums: Sums) -> Float[np.ndarray, "*replicas"]:
    """K2 of the sample: sum of (n_v / n) (mean of h r)^2."""
    return np.asarray(np.sum(sums**2 / counts, axis=-1) / counts.sum())


@guarded
def unbiased(counts: Counts, sums: Sums, squares: Sums) -> Float[np.ndarray, "*replicas"]:
    """Sum of (n_v / n) (S1^2 - S2) / (n_v (n_v - 1)): products of different samples alone.
    Levels of one sample have none and are left out. Raises ValueError where there is no other.
    """
    several = counts > 1
    require(several.any(), "counts must be above one for some level")
    products = (sums[..., several] ** 2 - squares[..., several]) / (counts[several] - 1)
    return np.asarray(np.sum(products, axis=-1) / counts.sum())


def _sums(
    members: Float[np.ndarray, "..."],
    ones: Float[np.ndarray, "..."],
    values: Float[np.ndarray, "..."],
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    return ones - members * values, ones * (1 - values) ** 2 + (members - ones) * values**2
