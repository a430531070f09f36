"""How far apart unit vectors can be: signed angles (classes) and lines (fixed equiangular classifiers).

Classical bounds (Rankin, Welch); Liu et al. 2023 regularise class means towards the first, Shen et al. 2023 use nearly
equiangular vectors as classifiers and are judged by the second. Counts below one raise `ValueError`.
"""

import numpy as np

from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least


@validated
def simplex_bound(n_vectors: int, dim: int) -> float:
    """Lower bound on the largest cosine among K >= 2 unit vectors in R^d: -1 / (K - 1) for K <= d + 1, else zero.

    The first is reached by the simplex frame only; the second (Rankin's) by orthogonal pairs of antipodes while
    K <= 2 d. Beyond that zero remains a bound that no arrangement reaches.
    """
    check_at_least("n_vectors", n_vectors, 2)
    check_at_least("dim", dim, 1)
    return float(-1 / (n_vectors - 1) if n_vectors <= dim + 1 else 0)


@validated
def simplex_bound_is_attained(n_vectors: int, dim: int) -> bool:
    """Whether some arrangement of K >= 2 unit vectors in R^d reaches `simplex_bound`: K <= 2 d."""
    check_at_least("n_vectors", n_vectors, 2)
    check_at_least("dim", dim, 1)
    return n_vectors <= 2 * dim


@validated
def welch_bound(n_vectors: int, dim: int) -> float:
    """Lower bound sqrt((N - d) / (d (N - 1))) on the largest |cosine| of N > d unit vectors in R^d; zero for N <= d."""
    check_at_least("n_vectors", n_vectors, 1)
    check_at_least("dim", dim, 1)
    if n_vectors <= dim:
        return float(0)
    return float(np.sqrt((n_vectors - dim) / (dim * (n_vectors - 1))))


@validated
def welch_bound_may_be_attained(n_vectors: int, dim: int) -> bool:
    """Necessary condition N <= max(d, d (d + 1) / 2) for real vectors that reach `welch_bound`; not sufficient."""
    check_at_least("n_vectors", n_vectors, 1)
    check_at_least("dim", dim, 1)
    return n_vectors <= max(dim, dim * (dim + 1) // 2)
