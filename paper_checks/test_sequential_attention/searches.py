"""The inequality of sequential attention, for the falsifier: both sides at any admissible instance."""

import numpy as np

from sims import sequential_attention as observed
from theory import sequential_attention as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "sequential_attention"


@inequality(
    f"{PAPER}.coherence_recovery", "other columns <= k mu / (1 - (k - 1) mu) of the k, k <= 4", draws=300, steps=500
)
def outside(draw: Draw) -> Sides | None:
    """Columns of an equicorrelated design, moved by any amount, and any weights."""
    size = draw.integer("k", 1, 4)
    tight = observed.equicorrelated(size, draw.real("mu", 0.0, 0.8 / size))
    moved = draw.scale("moved", 1e-9, 1.0) * draw.normal("by", *tight.shape)
    weights = 1 + draw.scale("uneven", 1e-9, 3.0) * draw.normal("weights", size)
    X = tight + moved
    if np.linalg.norm(X, axis=0).min() < 1e-3 or np.linalg.norm(X[:, :size] @ weights) < 1e-6:
        return None
    mu = predicted.coherence(X)
    if (size - 1) * mu > 0.99:
        return None
    ratio = observed.outside_ratio(X, tuple(range(size)), weights)
    return Sides(ratio, predicted.outside_ratio(size, mu), ops=1e5)
