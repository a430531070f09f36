"""Samples within levels: labels y ~ Bernoulli(chance of the level) and, independent of them, group
membership h ~ Bernoulli(share).
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
    """Draw samples, and return S1 = sum of h r and S2 = sum of (h r)^2 of each level, r = y - v.

    `counts` are the samples of each level, `values` are the predictions v, `chances` are P(y = 1)
    in each level, and `share` is P(h = 1).
    """
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
    """Return, for every outcome of the samples of one level, its probability, S1 = sum of h r, and
    S2 = sum of (h r)^2.

    An outcome is the number of members (h = 1) and the number of ones (y = 1) among these. `count`
    is the number of samples, `value` is v, `chance` is P(y = 1), and `share` is P(h = 1).
    """
    from scipy.stats import binom

    members, ones = (axis.ravel() for axis in np.indices((count + 1, count + 1)))
    likely = binom.pmf(members, count, share) * binom.pmf(ones, members, chance)
    return likely, *_sums(members.astype(float), ones.astype(float), np.array([value]))


@guarded
def plug_in(counts: Counts, sums: Sums) -> Float[np.ndarray, "*replicas"]:
    """The plug-in estimate of K2: the sum over levels of (n_v / n) (mean of h r)^2. `counts` are
    n_v, and `sums` are those of h r.
    """
    return np.asarray(np.sum(sums**2 / counts, axis=-1) / counts.sum())


@guarded
def unbiased(counts: Counts, sums: Sums, squares: Sums) -> Float[np.ndarray, "*replicas"]:
    """The estimate of K2 by products of two different samples: the sum over levels of (n_v / n)
    (S1^2 - S2) / (n_v (n_v - 1)).

    `counts` are n_v, `sums` are S1 = sum of h r, and `squares` are S2 = sum of (h r)^2. A level of
    one sample has no such product and is left out. Raises ValueError where every level has one
    sample.
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
