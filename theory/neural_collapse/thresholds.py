"""The two critical regularisation strengths of a direction of the data: where it may live, and where it does.

Derived here; the code published with Dang et al. 2023 (arXiv 2301.00437) takes the existence of a root for its global
optimality, which is right at depth one only. Both are values of β = M N (N Λ)^(1/M) / n, with M the depth,
Λ the product of all weight decays and n the size of the class (or the squared singular value of the data).
"""

import numpy as np

from theory.neural_collapse.domains import Depth
from theory_on_trial.contract import guarded


@guarded
def global_threshold(depth: Depth) -> float:
    """β_gl = (M - 1)^((M - 1)/M) / M: below it the non-zero solution is the global one; at it, zero ties.

    One at depth M = 1 (where 0^0 = 1), 1/2 at M = 2, and tending to one from there as M grows.
    """
    from scipy.special import xlogy

    return float(np.exp(xlogy(1 - 1 / depth, depth - 1) - np.log(depth)))


@guarded
def existence_threshold(depth: Depth) -> float:
    """β_ex = (M + 1)^2 / (4 M) ((M - 1)/(M + 1))^((M - 1)/M): beyond it zero is the only stationary point.

    One at depth M = 1, above `global_threshold` at every larger depth, and growing as M / 4.
    """
    from scipy.special import xlog1py

    return float((depth + 1) ** 2 / (4 * depth) * np.exp(xlog1py(1 - 1 / depth, -2 / (depth + 1))))
