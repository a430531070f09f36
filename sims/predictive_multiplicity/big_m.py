"""The big-M formulation: one binary per distinct row, weights with |w|_1 <= 1, and a margin on both sides."""

import numpy as np
from jaxtyping import Float

from sims.predictive_multiplicity.certificates import Weights
from sims.predictive_multiplicity.highs import NO_LIMIT
from sims.predictive_multiplicity.mip import Program
from sims.predictive_multiplicity.table import Table


def weight_block(design: Float[np.ndarray, "rows dims"], margin: float | int, factor: float | int = 1.0) -> Program:
    """Variables b (0/1, [m]), w₊, w₋ >= 0 ([D] each) that make b the dichotomy of w = w₊ - w₋, without a cost.

    γ - M_u (1 - b_u) <= <w, u> <= M_u b_u - γ and Σ (w₊ + w₋) <= 1, with M_u = factor (γ + |u|_∞), the least valid
    value at factor 1. Any w can be scaled to norm 1, which only raises |<w, u>|; w = 0 is excluded by γ > 0.
    Source: derived here from the formulation of Marx, Calmon & Ustun 2020.
    """
    from scipy.sparse import csr_array, diags_array, hstack, vstack

    n_rows, n_dims = design.shape
    reach = factor * (margin + np.abs(design).max(axis=1))
    scores = hstack([csr_array(design), csr_array(-design)])
    either = hstack([diags_array(-reach), scores])
    norm = csr_array(np.concatenate([np.zeros(n_rows), np.ones(2 * n_dims)])[None])
    whole = np.arange(n_rows + 2 * n_dims) < n_rows
    free = np.full(n_rows, NO_LIMIT)
    return Program(
        np.zeros(len(whole)),
        np.zeros(len(whole)),
        np.ones(len(whole)),
        whole,
        vstack([either, either, norm], format="csr"),
        np.concatenate([margin - reach, -free, [-NO_LIMIT]]),
        np.concatenate([free, np.full(n_rows, -margin), [1.0]]),
    )
