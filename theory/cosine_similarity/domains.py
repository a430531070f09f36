"""The domains of this paper's arguments, in its words."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import DEFINITE, UNIT_INTERVAL, USABLE_SCALE, Holds, Interval, Size

NO_ZERO_ROW = Holds(
    "rows",
    "have no row of zeros, whose cosine is undefined",
    lambda rows: all(row.any() for row in rows),
)

Ratings = Annotated[Float[np.ndarray, "users items"], USABLE_SCALE]
"""X, a row per user; centred or not, as it was when the model was fitted."""
Rank = Size
"""k, how many numbers embed a user or an item."""
Share = Annotated[float, UNIT_INTERVAL]
"""How much of the shrinkage B carries: 0 for B = V, 1/2 for the symmetric gauge, 1 for A = V."""
Embeddings = Annotated[Float[np.ndarray, "items dim"], USABLE_SCALE, NO_ZERO_ROW]
"""B, a row per item."""
Factor = Annotated[Float[np.ndarray, "rows dim"], USABLE_SCALE]
"""A, or the users' embeddings: a row per item, or per user."""
OtherFactor = Annotated[Float[np.ndarray, "items dim"], USABLE_SCALE]
Pairs = Annotated[Float[np.ndarray, "pairs dim"], USABLE_SCALE, NO_ZERO_ROW]
"""One vector of each pair."""
Vector = Annotated[
    Float[np.ndarray, " dim"],
    USABLE_SCALE,
    Holds("nonzero", "not be zero throughout", lambda one: bool(one.any())),
]
Gauge = Annotated[Float[np.ndarray, "dim dim"], DEFINITE]
"""G = (R R^T)^-1."""
Condition = Annotated[float, Interval(1, 1e15, why="a condition number that float64 resolves")]
"""K, of G: the square of the condition number of R."""
