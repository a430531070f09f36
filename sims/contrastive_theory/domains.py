"""The domains of this paper's simulators, and the laws of counts over which they sum."""

from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import PROBABILITIES, USABLE_SCALE, Holds, Interval, require

Loss = Literal["hinge", "logistic"]
"""max(0, 1 - v), or log2(1 + e^-v)."""
Weights = Annotated[Float[np.ndarray, " classes"], PROBABILITIES]
Conditionals = Annotated[Float[np.ndarray, "classes points"], PROBABILITIES]
"""The law of a point in each class, a row per class."""
Features = Annotated[Float[np.ndarray, "points dim"], USABLE_SCALE]
"""A row per point."""
Joint = Annotated[
    Float[np.ndarray, "rows columns"],
    Holds(
        "joint",
        "be positive and sum to one",
        lambda p: bool((p > 0).all() and abs(p.sum() - 1) <= 1e-9),
    ),
]
Critic = Annotated[Float[np.ndarray, "rows columns"], USABLE_SCALE]
"""f(x, y), a row per x."""
Negatives = Annotated[int, Interval(1, 2**20)]
Block = Annotated[int, Interval(1, 2**20)]
Candidates = Annotated[int, Interval(2, 2**20, why="the positive and at least one other")]

MOST = 10**7


def counted(
    names: str, draws: int, chances: Float[np.ndarray, "*laws outcomes"], times: int
) -> tuple[Float[np.ndarray, "counts outcomes"], Float[np.ndarray, "*laws counts"]]:
    """Return all counts that independent draws may give, and the probability of each under every
    law.

    `times` terms belong to each count. Raises ValueError, which names the arguments `names`, for
    more than 10^7 terms in all.
    """
    from scipy.special import xlogy

    outcomes = chances.shape[-1]
    require(
        times * comb(draws + outcomes - 1, draws) <= MOST,
        f"{names} must ask for sums of at most 10^7 terms",
    )
    counts, log_ways = _counts(draws, outcomes)
    return counts, np.exp(log_ways + xlogy(counts, chances[..., None, :]).sum(axis=-1))


@lru_cache(maxsize=8)
def _counts(
    draws: int, outcomes: int
) -> tuple[Float[np.ndarray, "counts outcomes"], Float[np.ndarray, " counts"]]:
    """Return all counts, and the logarithm of the number of sequences with each of them."""
    from scipy.special import gammaln

    # Between the bars of each combination lie the stars that count one outcome.
    bars = np.array(list(combinations(range(draws + outcomes - 1), outcomes - 1)), int)
    ends = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, draws + outcomes - 1)))
    counts = np.diff(ends, axis=1) - 1.0
    return counts, gammaln(draws + 1.0) - gammaln(counts + 1).sum(axis=1)
