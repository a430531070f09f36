"""What incoherent columns guarantee: y made of k columns is taken apart into just these (Tropp 2004)."""

import math

import numpy as np

from theory.sequential_attention._domains import Coherence, Features, Rounds
from theory_on_trial.contract import guarded, require

_ROUNDED = 1e-12
"""Relative: a coherence nearer to a threshold may lie on either side of it."""


@guarded
def coherence(X: Features) -> float:
    """Mu, the largest |cosine| of two columns; 0 for one column. Raises ValueError for a zero column.

    Source: definition.
    """
    lengths = np.linalg.norm(X, axis=0)
    require((lengths > 0).all(), "X must have no column of zeros: it has no direction")
    unit = X / lengths
    cosines = np.abs(unit.T @ unit)
    np.fill_diagonal(cosines, 0.0)
    return min(float(cosines.max()), 1.0)


@guarded
def recovery_coherence(size: Rounds) -> float:
    """1 / (2 k - 1): below it k rounds pick the k columns of unit length that y is made of, whatever the weights.

    Source: Tropp 2004, "Greed is good"; sharp, by `outside_ratio`.
    """
    return 1 / (2 * size - 1)


@guarded
def outside_ratio(size: Rounds, mu: Coherence) -> float:
    """Most that max |x_j . r| of other columns is over that of the k columns that span r: k mu / (1 - (k - 1) mu).

    For columns of unit length. Raises ValueError unless (k - 1) mu < 1. Source: column sums of their Gram matrix;
    attained by columns of mutual cosine -mu and another of cosine mu with each.
    """
    require((size - 1) * mu < 1, f"(size - 1) mu must be below 1, got {(size - 1) * mu}")
    return float(size * mu / (1 - (size - 1) * mu))


@guarded
def certified_size(mu: Coherence, most: Rounds) -> int:
    """The largest k, up to `most`, with mu < 1 / (2 k - 1). Source: `recovery_coherence`.

    >>> certified_size(0.2, 10)
    2
    """
    reach = 1 / max(mu, 1 / (2 * most + 1))
    return math.ceil((1 - _ROUNDED) * (reach + 1) / 2) - 1
