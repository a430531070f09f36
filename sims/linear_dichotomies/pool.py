"""The known linear classifiers of a table: every task starts from the best of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from sims.linear_dichotomies.table import Table
from sims.linear_dichotomies.tasks import Task


class Classifier(NamedTuple):
    """A linear classifier of a table.

    weights : on the features as given, intercept first, Σ |w_j| = 1 up to D 2^-53.

    dichotomy : its exact signs, [m]: 1 where the score is positive, else 0.

    margin : the largest min_u |<w, u>| over weights of this dichotomy with Σ |w_j| <= 1, for
    features scaled to [0, 1], to 1e-9; NaN where it was not computed.
    """

    weights: Float[np.ndarray, "dims"]
    dichotomy: Int[np.ndarray, "rows"]
    margin: float = np.nan


class Pool:
    """Distinct dichotomies, [classifiers, rows], each with weights that realise it, its margin and
    its errors.
    """

    def __init__(self, table: Table):
        n_rows, n_features = table.rows.shape
        self._table = table
        self._seen: set[bytes] = set()
        self.dichotomies: Int[np.ndarray, "classifiers rows"] = np.zeros((0, n_rows), np.int8)
        self.weights: Float[np.ndarray, "classifiers dims"] = np.zeros((0, n_features + 1))
        self.margins: Float[np.ndarray, " classifiers"] = np.zeros(0)
        self.errors: Real[np.ndarray, " classifiers"] = np.zeros(0, table.totals.dtype)

    def add(self, found: Sequence[Classifier]) -> None:
        """Add the classifiers whose dichotomy is new."""
        new = {one.dichotomy.astype(np.int8).tobytes(): one for one in found}
        new = {name: one for name, one in new.items() if name not in self._seen}
        if not new:
            return
        self._seen.update(new)
        dichotomies = np.array([one.dichotomy for one in new.values()], np.int8)
        table = self._table
        errors = np.where(dichotomies == 1, table.negatives, table.positives).sum(axis=1)
        self.dichotomies = np.concatenate([self.dichotomies, dichotomies])
        self.weights = np.concatenate([self.weights, [one.weights for one in new.values()]])
        self.margins = np.concatenate([self.margins, [one.margin for one in new.values()]])
        self.errors = np.concatenate([self.errors, errors])

    def best(self, task: Task) -> Classifier | None:
        """Return the best classifier that a task admits; None if it admits none."""
        if not len(self.errors):
            return None
        values = task.admitted_value(self.dichotomies, self.errors)
        best = int(values.argmin())
        if not np.isfinite(values[best]):
            return None
        dichotomy = self.dichotomies[best].astype(int)
        return Classifier(self.weights[best], dichotomy, self.margins[best].item())
