"""All data sets of a few points out of a few kinds, for means that are exact."""

from functools import cache
from itertools import combinations_with_replacement
from math import factorial

import numpy as np
from jaxtyping import Float, Int


@cache
def data_sets(samples: int, kinds: int) -> tuple[Int[np.ndarray, "sets kinds"], Float[np.ndarray, " sets"]]:
    """Return how often each kind occurs in every multiset of `samples` points, and in how many orders it is drawn."""
    counts = np.array([np.bincount(c, minlength=kinds) for c in combinations_with_replacement(range(kinds), samples)])
    orders = [factorial(samples) // np.prod([factorial(int(k)) for k in row]) for row in counts]
    return counts, np.array(orders, dtype=float)
