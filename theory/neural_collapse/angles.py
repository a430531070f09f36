"""How far apart unit vectors can be: signed angles (classes) and lines (fixed equiangular
classifiers).

Classical bounds (Rankin, Welch); Liu et al. 2023 regularise class means towards the first, Shen et
al. 2023 use nearly equiangular vectors as classifiers and are judged by the second.
"""

from typing import Annotated

import numpy as np

from theory_on_trial.contract import MOST, Count, Interval, guarded


@guarded
def simplex_bound(
    n_vectors: Annotated[int, Interval(2, MOST, why="an angle needs two")], dim: Count
) -> float:
    """Lower bound on the largest cosine among K >= 2 unit vectors in R^d: -1 / (K - 1) for K <= d +
    1, else zero.

    Reached by the simplex frame, resp. (Rankin) by orthogonal pairs of antipodes while K <= 2 d.
    """
    return float(-1 / (n_vectors - 1) if n_vectors <= dim + 1 else 0)


@guarded
def welch_bound(n_vectors: Count, dim: Count) -> float:
    """Lower bound sqrt((N - d) / (d (N - 1))) on the largest |cosine| of N > d unit vectors in R^d;
    zero for N <= d.
    """
    if n_vectors <= dim:
        return float(0)
    return float(np.sqrt((n_vectors - dim) / (dim * (n_vectors - 1))))


@guarded
def welch_bound_may_be_attained(n_vectors: Count, dim: Count) -> bool:
    """Necessary condition N <= max(d, d (d + 1) / 2) for real vectors that reach `welch_bound`; not
    sufficient.
    """
    return n_vectors <= max(dim, dim * (dim + 1) // 2)
