"""The big-M formulation: one binary per distinct row, weights with |w|_1 <= 1, and a margin on both
sides.
"""

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.mip import Program, split_signs
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import Task, least_errors


class BigM:
    """Variables b (0/1, [m]) and w₊, w₋ >= 0 ([D] each); b is the dichotomy of w = w₊ - w₋.

    γ - M_u (1 - b_u) <= <w, u> <= M_u b_u - γ and Σ (w₊ + w₋) <= 1, with M_u = reach (γ + |u|_∞):
    the least valid value at reach 1. The norm may be below 1 since scaling w up only raises |<w,
    u>|; w = 0 is excluded by γ > 0. Source: derived here from the formulation of Marx, Calmon &
    Ustun 2020.
    """

    def __init__(self, table: Table, margin: float, reach: float = 1.0):
        from scipy.sparse import csr_array, diags_array, hstack, vstack

        design = table.raw_design
        self._n, n_dims = design.shape
        self._errors = least_errors(table)
        self._rest = np.zeros(2 * n_dims)
        big_m = reach * (margin + np.abs(design).max(axis=1))
        scores = hstack([diags_array(-big_m), csr_array(design), csr_array(-design)])
        norm = np.concatenate([np.zeros(self._n), np.ones(2 * n_dims)])
        errors = np.concatenate([self._errors.cost, self._rest])
        self._rows = vstack([scores, scores, csr_array(np.stack([norm, errors]))], format="csr")
        free = np.full(self._n, np.inf)
        self._low = np.concatenate([margin - big_m, -free, [-np.inf, -np.inf]])
        self._high = np.concatenate([free, np.full(self._n, -margin), [1.0]])

    def program(self, task: Task) -> tuple[Program, float]:
        """The program of a task, and the constant that makes its objective the task's."""
        lower, upper = task.box
        integral = np.arange(self._n + len(self._rest)) < self._n
        limit = task.most_errors - self._errors.constant
        return Program(
            np.concatenate([task.cost, self._rest]),
            np.concatenate([lower, self._rest]),
            np.concatenate([upper, self._rest + 1]),
            integral,
            self._rows,
            self._low,
            np.append(self._high, limit),
        ), task.constant

    def start(
        self, task: Task, dichotomy: Int[np.ndarray, "rows"], weights: Float[np.ndarray, "dims"]
    ) -> Float[np.ndarray, "variables"]:
        """The variables of a known dichotomy."""
        return np.concatenate([dichotomy, split_signs(weights)])

    def dichotomy(self, values: Float[np.ndarray, "variables"]) -> Int[np.ndarray, "rows"]:
        """The dichotomy of a solution."""
        return np.round(values[: self._n]).astype(int)
