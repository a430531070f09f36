"""What incoherent columns guarantee: y made of k columns is taken apart into just these (Tropp
2004).

Tropp's columns have length one. OMP compares |x_j . r| of columns as they are: with lengths from l
to L that of the best of the k is at least l (1 - (k - 1) μ) |a|, that of any other at most L k μ
|a|, a the largest weight in r of a column brought to length one. So k (1 + L / l) < 1 + 1 / μ is
enough.
"""

import math

import numpy as np

from theory.sequential_attention.domains import Coherence, Features, Rounds, Uneven
from theory_on_trial.contract import guarded, require

_ROUNDED = 1e-12
"""Relative: a coherence nearer to a threshold may lie on either side of it."""


@guarded
def coherence(X: Features) -> float:
    """Mu, the largest |cosine| of two columns; 0 for one column. Raises ValueError for a zero
    column.
    """
    largest = np.abs(X).max(axis=0)
    require((largest > 0).all(), "X must have no column of zeros: it has no direction")
    unit = X / largest  # squares of a short column would be lost
    unit = unit / np.linalg.norm(unit, axis=0)
    cosines = np.abs(unit.T @ unit)
    np.fill_diagonal(cosines, 0.0)
    return min(float(cosines.max()), 1.0)


@guarded
def recovery_coherence(size: Rounds, uneven: Uneven = 1.0) -> float:
    """1 / (k (1 + L / l) - 1): below it k rounds pick the k columns that y is made of, whatever the
    weights.

    Source: Tropp 2004, "Greed is good", for L = l; lengths derived here. Sharp: `outside_ratio`,
    the other one longer.
    """
    return float(1 / (size * (1 + uneven) - 1))


@guarded
def outside_ratio(size: Rounds, mu: Coherence) -> float:
    """Most that max |x_j . r| of other columns is over that of the k columns that span r: k μ / (1
    - (k - 1) μ).

    For columns of unit length. Raises ValueError unless (k - 1) μ < 1. Source: column sums of their
    Gram matrix; attained by columns of mutual cosine -μ and another of cosine μ with each.
    """
    require((size - 1) * mu < 1, f"(size - 1) mu must be below 1, got {(size - 1) * mu}")
    return float(size * mu / (1 - (size - 1) * mu))


@guarded
def certified_size(mu: Coherence, most: Rounds, uneven: Uneven = 1.0) -> int:
    """The largest k, up to `most`, with k (1 + L / l) < 1 + 1 / μ. Source: `recovery_coherence`."""
    reach = (1 - _ROUNDED) * (1 + 1 / max(mu, 1e-300)) / (1 + uneven)
    return min(most, math.ceil(reach) - 1)
