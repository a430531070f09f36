"""The guarantee of incoherent columns: from a y that is made of k columns, orthogonal matching
pursuit (OMP) picks just these (Tropp 2004).

Tropp's columns have length one. OMP compares |x_j . r| of columns as they are. Let lengths run from
l to L, let μ be the coherence, and let a be the largest weight in r of a column brought to length
one. Then |x_j . r| of the best of the k columns is at least l (1 - (k - 1) μ) |a|, and that of any
other is at most L k μ |a|. So k (1 + L / l) < 1 + 1 / μ is enough.
"""

import math

import numpy as np

from theory.sequential_attention.domains import Coherence, Features, Rounds, Uneven
from theory_on_trial.contract import guarded, require

_ROUNDED = 1e-12
"""Relative: a coherence nearer to a threshold may lie on either side of it."""


@guarded
def coherence(X: Features) -> float:
    """Return the coherence μ, the largest |cosine| of two columns; 0 for one column. Raises
    ValueError for a zero column.
    """
    largest = np.abs(X).max(axis=0)
    require((largest > 0).all(), "X must have no column of zeros, since zeros have no direction")
    unit = X / largest  # squares of a short column would be lost
    unit = unit / np.linalg.norm(unit, axis=0)
    cosines = np.abs(unit.T @ unit)
    np.fill_diagonal(cosines, 0.0)
    return min(float(cosines.max()), 1.0)


@guarded
def recovery_coherence(size: Rounds, uneven: Uneven = 1.0) -> float:
    """Return the coherence 1 / (k (1 + L / l) - 1) below which k rounds of OMP pick the k columns
    that y is made of, whatever the weights.

    k = `size` and L / l = `uneven`. Source: Tropp 2004, "Greed is good", for L = l; lengths are
    derived here. It is sharp: `outside_ratio` attains it, if the other column is the longer one.
    """
    return float(1 / (size * (1 + uneven) - 1))


@guarded
def outside_ratio(size: Rounds, mu: Coherence) -> float:
    """Return the largest ratio of max |x_j . r| over other columns to that over the k columns that
    span r: k μ / (1 - (k - 1) μ), for columns of unit length.

    Raises ValueError unless (k - 1) μ < 1. Source: column sums of their Gram matrix. It is attained
    by columns of mutual cosine -μ and another one of cosine μ with each.
    """
    require((size - 1) * mu < 1, f"(size - 1) mu must be below 1, got {(size - 1) * mu}")
    return float(size * mu / (1 - (size - 1) * mu))


@guarded
def certified_size(mu: Coherence, most: Rounds, uneven: Uneven = 1.0) -> int:
    """Return the largest k, up to `most`, for which OMP is certain to pick the right columns: k (1
    + L / l) < 1 + 1 / μ. Source: `recovery_coherence`.
    """
    reach = (1 - _ROUNDED) * (1 + 1 / max(mu, 1e-300)) / (1 + uneven)
    return min(most, math.ceil(reach) - 1)
