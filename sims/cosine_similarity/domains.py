"""The domains of this paper's simulators."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import USABLE_SCALE, Holds, Interval

Penalised = Literal["product", "factors"]
"""λ |A B^T|^2, or λ (|X A|^2 + |B|^2)."""
Ratings = Annotated[Float[np.ndarray, "users items"], USABLE_SCALE]
"""X, a row per user."""
Factor = Annotated[Float[np.ndarray, "items k"], USABLE_SCALE]
Invertible = Annotated[Float[np.ndarray, "k k"], USABLE_SCALE]
"""R, of a condition number that lets it be solved with."""
Rows = Annotated[
    Float[np.ndarray, "rows dim"],
    USABLE_SCALE,
    Holds(
        "rows",
        "have no row of zeros, whose cosine is undefined",
        lambda rows: bool(rows.any(axis=-1).all()),
    ),
]
Vector = Annotated[Float[np.ndarray, " dim"], USABLE_SCALE]
Condition = Annotated[float, Interval(1, 1e15)]
"""K, of G."""
