"""The two critical regularisation strengths of a direction of the data: where it may live, and
where it does.

Derived here; the code published with Dang et al. 2023 (arXiv 2301.00437) takes the existence of a
root for its global optimality, which is right at depth one only. Both are values of β = M N (N
Λ)^(1/M) / n, with M the depth, Λ the product of all weight decays and n the size of the class (or
the squared singular value of the data).
"""

import numpy as np

from theory.neural_collapse.domains import Depth
from theory_on_trial.contract import guarded


@guarded
def global_threshold(depth: Depth) -> float:
    """β_gl = (M - 1)^((M - 1)/M) / M: below it the non-zero solution is global, at it zero ties; 1
    at M = 1.
    """
    from scipy.special import xlogy

    return float(np.exp(xlogy(1 - 1 / depth, depth - 1) - np.log(depth)))


@guarded
def existence_threshold(depth: Depth) -> float:
    """β_ex = (M + 1)^2 / (4 M) ((M - 1)/(M + 1))^((M - 1)/M): beyond it zero is the only stationary
    point.
    """
    from scipy.special import xlog1py

    return float((depth + 1) ** 2 / (4 * depth) * np.exp(xlog1py(1 - 1 / depth, -2 / (depth + 1))))
