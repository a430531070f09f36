"""The domains of this paper's arguments, in its words."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import MOST, PROBABILITIES, USABLE_SCALE, Holds, Interval


def _several(weights: np.ndarray) -> bool:
    return float(weights @ weights) < 1 - 1e-9


def _joint(p: np.ndarray) -> bool:
    return bool((p > 0).all()) and abs(float(p.sum()) - 1) <= 1e-9


SEVERAL = Holds(
    "several",
    "give weight to at least two classes: one alone has no other to be told from",
    _several,
)
JOINT = Holds("joint", "be positive (log r is infinite at zero) and sum to one", _joint)

Loss = Literal["hinge", "logistic"]
"""max(0, 1 - v), or log2(1 + e^-v): both are 1 at v = 0."""
Classes = Annotated[Float[np.ndarray, " classes"], PROBABILITIES, SEVERAL]
"""ρ, the weights of the latent classes."""
Conditionals = Annotated[Float[np.ndarray, "classes points"], PROBABILITIES]
"""P_c, the law of a point given its class, a row per class."""
Features = Annotated[Float[np.ndarray, "points dim"], USABLE_SCALE]
"""f, a row per point, dimensionless."""
Negatives = Annotated[int, Interval(1, 2**20, why="the collisions are summed one by one")]
"""k, with how many negatives a positive is compared."""
Several = Annotated[int, Interval(2, MOST, why="one point has none to differ from")]
"""How many points there are, not all of them equal."""
Views = Annotated[int, Interval(1, 2**20, why="as many as negatives")]
"""How many of the negatives come from one and the same object."""
Base = Annotated[
    float, Interval(1, closed="()", why="no logarithm has base 1, those of smaller ones fall")
]
"""Of the logarithm in the logistic loss: 2 for bits, e for nats."""
Joint = Annotated[Float[np.ndarray, "rows columns"], JOINT]
"""p(x, y), a row per x."""
Critic = Annotated[Float[np.ndarray, "rows columns"], USABLE_SCALE]
"""f(x, y), in nats."""
Candidates = Annotated[int, Interval(2, MOST, why="the positive and at least one other")]
"""K, among how many candidates the positive is to be found."""
