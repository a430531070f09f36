"""The linear dichotomies found so far: every task starts from the best of them."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.certificates import Weights
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import Task, least_errors


class Incumbents:
    """A pool of distinct dichotomies, each with weights whose exact signs it is."""

    def __init__(self, table: Table):
        self._errors = least_errors(table)
        self._place: dict[bytes, int] = {}
        self._weights: list[Weights] = []
        self._dichotomies = np.zeros((0, len(table.rows)))

    def add(self, dichotomy: Int[np.ndarray, "rows"], weights: Weights) -> None:
        """Keep a dichotomy, once."""
        key = dichotomy.astype(np.int8).tobytes()
        if key not in self._place:
            self._place[key] = len(self._weights)
            self._weights.append(weights)
            self._dichotomies = np.vstack([self._dichotomies, dichotomy])

    def __iter__(self) -> Iterator[tuple[Int[np.ndarray, "rows"], Weights]]:
        return zip(self._dichotomies.astype(int), self._weights, strict=True)

    def best(self, task: Task) -> tuple[Int[np.ndarray, "rows"], Weights] | None:
        """The best dichotomy that the task admits; None if none does."""
        values = self._values(task)
        if not np.isfinite(values).any():
            return None
        best = int(values.argmin())
        return self._dichotomies[best].astype(int), self._weights[best]

    def best_value(self, task: Task) -> float:
        """The objective of the best dichotomy that the task admits; infinite if none does."""
        return float(self._values(task).min(initial=np.inf))

    def _values(self, task: Task) -> Float[np.ndarray, "pool"]:
        pool = self._dichotomies
        admitted = self._errors.value(pool) <= task.most_errors + 1e-9 * max(1.0, abs(self._errors.constant))
        for row, value in task.fixed.items():
            admitted &= pool[:, row] == value
        return np.where(admitted, task.value(pool), np.inf)
