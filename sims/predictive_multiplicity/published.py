"""The published formulation: one binary per distinct row and label, signs of the weights as
binaries, |w|_1 = 1.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sims.predictive_multiplicity.mip import Program, split_signs
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import Task

_UNDECIDED = 1e-9
_NUDGE = 1e-7

Block = tuple[
    Any, Float[np.ndarray, "_"], Float[np.ndarray, "_"]
]  # a sparse matrix with its bounds


class Published:
    """The mixed-integer programs of the paper, with big-M rows in place of a commercial solver's
    indicators.

    Errors: z_p = 1 if the pair p = (u, y) is wrong, by y <w, u> >= γ - M z_p, with z_p + z_p' = 1
    for the two labels of a row (left out without `conflict_rows`); a flipped row k has -h_0(k) <w,
    k> >= γ. Disagreement: a_p = 1 if and only if h_0 <w, u> >= γ, and 0 if and only if h_0 <w, u>
    <= -γ. With `one_sided` only M a_p >= γ + h_0 <w, u> is asked, so that a_p = 1 may hide a
    disagreement. M = γ + |u|_∞, σ_j tells the sign of w_j, and Σ |w_j| = 1. Source: Marx, Calmon &
    Ustun 2020, in the form of the official code; the one-sided row is the printed one as recalled.
    """

    def __init__(
        self, table: Table, margin: float, *, one_sided: bool = False, conflict_rows: bool = True
    ):
        self._table = table
        self._margin = margin
        self._one_sided = one_sided
        self._conflict_rows = conflict_rows
        self._design = table.raw_design
        counts = np.stack([table.positives, table.negatives])
        negative, self._row = np.nonzero(counts)
        self._label = 1 - 2 * negative
        self._count = counts[negative, self._row].astype(float)
        self._big_m = margin + np.abs(self._design[self._row]).max(axis=1)
        self._n_pairs = len(self._row)
        self._n_dims = self._design.shape[1]

    def program(self, task: Task) -> tuple[Program, float]:
        """The program of a task, and the constant that makes its objective the task's."""
        from scipy.sparse import vstack

        blocks = (
            self._mistakes(task) if task.baseline is None else self._agreement(task, task.baseline)
        )
        rows, low, high = zip(*blocks, *self._norm(), strict=True)
        weights = self._objective(task)
        n_columns = self._n_pairs + 3 * self._n_dims
        integral = np.ones(n_columns, bool)
        integral[self._n_pairs : -self._n_dims] = False
        return Program(
            np.concatenate([weights, np.zeros(3 * self._n_dims)]),
            np.zeros(n_columns),
            np.ones(n_columns),
            integral,
            vstack(rows, format="csr"),
            np.concatenate(low),
            np.concatenate(high),
        ), 0.0 if task.baseline is None else -float(weights.sum())

    def _objective(self, task: Task) -> Float[np.ndarray, "pairs"]:
        if task.baseline is None:
            return self._count
        return self._count * (np.abs(task.cost) / np.maximum(self._table.totals, 1e-300))[self._row]

    def _block(self, binaries: Any, scores: Any, low: Any, high: Any) -> Block:
        from scipy.sparse import csr_array, hstack

        scores = csr_array(scores)
        padding = csr_array((scores.shape[0], self._n_dims))
        rows = hstack([csr_array(binaries), scores, -scores, padding], format="csr")
        return (
            rows,
            np.broadcast_to(low, rows.shape[0]).astype(float),
            np.broadcast_to(high, rows.shape[0]).astype(float),
        )

    def _mistakes(self, task: Task) -> list[Block]:
        from scipy.sparse import diags_array

        products = self._label[:, None] * self._design[self._row]
        blocks = [self._block(diags_array(self._big_m), products, self._margin, np.inf)]
        conflicts = np.flatnonzero((self._table.positives > 0) & (self._table.negatives > 0))
        if self._conflict_rows and len(conflicts):
            pairs = (self._row == conflicts[:, None]).astype(float)
            blocks.append(self._block(pairs, np.zeros((len(conflicts), self._n_dims)), 1, 1))
        for row, value in task.fixed.items():
            flip = (2 * value - 1) * self._design[[row]]
            blocks.append(self._block(np.zeros((1, self._n_pairs)), flip, self._margin, np.inf))
        return blocks

    def _agreement(self, task: Task, baseline: Int[np.ndarray, "rows"]) -> list[Block]:
        from scipy.sparse import diags_array

        prediction = (2 * baseline - 1)[self._row]
        products = prediction[:, None] * self._design[self._row]
        binaries = diags_array(-self._big_m)
        blocks = [self._block(binaries, products, -np.inf, -self._margin)]
        if not self._one_sided:
            blocks.append(self._block(binaries, products, self._margin - self._big_m, np.inf))
        change = np.where(prediction == self._label, 1, -1) * self._count
        limit = task.most_errors - self._table.errors(baseline)
        nothing = np.zeros((1, self._n_dims))
        blocks.append(self._block(-change[None], nothing, -np.inf, limit - change.sum()))
        return blocks

    def _norm(self) -> list[Block]:
        from scipy.sparse import csr_array, diags_array, eye_array, hstack

        n_pairs = self._n_pairs
        n_dims = self._n_dims
        none = csr_array((n_dims, n_pairs))
        identity = eye_array(n_dims)
        off = csr_array((n_dims, n_dims))
        total = np.concatenate([np.zeros(n_pairs), np.ones(2 * n_dims), np.zeros(n_dims)])
        free = np.full(n_dims, -np.inf)
        return [
            (csr_array(total[None]), np.ones(1), np.ones(1)),
            (hstack([none, identity, off, diags_array(-np.ones(n_dims))]), free, np.zeros(n_dims)),
            (hstack([none, off, identity, identity]), free, np.ones(n_dims)),
        ]

    def start(
        self, task: Task, dichotomy: Int[np.ndarray, "rows"], weights: Float[np.ndarray, "dims"]
    ) -> Float[np.ndarray, "variables"]:
        """The variables of a known dichotomy."""
        prediction = (2 * dichotomy - 1)[self._row]
        target = self._label if task.baseline is None else (2 * task.baseline - 1)[self._row]
        binaries = prediction != target if task.baseline is None else prediction == target
        return np.concatenate([binaries, split_signs(weights), weights > 0]).astype(float)

    def agreeing_rows(self, values: Float[np.ndarray, "variables"]) -> Bool[np.ndarray, "rows"]:
        """Rows with a pair p for which a solution of the disagreement program says a_p = 1."""
        agreeing = self._row[values[: self._n_pairs] > 0.5]
        return np.isin(np.arange(len(self._design)), agreeing)

    def weights(self, values: Float[np.ndarray, "variables"]) -> Float[np.ndarray, "dims"]:
        """The weights w₊ - w₋ of a solution."""
        positive, negative = values[self._n_pairs : -self._n_dims].reshape(2, self._n_dims)
        return positive - negative

    def dichotomy(self, values: Float[np.ndarray, "variables"]) -> Int[np.ndarray, "rows"]:
        """That of a solution; a row with score 0, which the program calls wrong, goes to either
        side.
        """
        weights = self.weights(values)
        scores = self._design @ weights
        if (np.abs(scores) < _UNDECIDED).any():
            scores = self._design @ (
                weights + _NUDGE * np.random.default_rng(0).standard_normal(self._n_dims)
            )
        return (scores > 0).astype(int)
