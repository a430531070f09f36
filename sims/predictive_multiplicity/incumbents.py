"""The linear dichotomies found so far: every task starts from the best of them."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.certificates import Weights
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import Task, least_errors


class Incumbents:
    """A pool of distinct dichotomies, each with weights whose exact signs it is."""

    collects = False  # whether a search goes on to the next dichotomy instead of to a better one

    def __init__(self, table: Table):
        self._errors = least_errors(table)
        self._known: set[bytes] = set()
        self._weights: list[Weights] = []
        self._dichotomies = np.zeros((0, len(table.rows)))

    def add(self, dichotomy: Int[np.ndarray, "rows"], weights: Weights) -> None:
        """Keep a dichotomy, once."""
        if dichotomy not in self:
            self._known.add(dichotomy.astype(np.int8).tobytes())
            self._weights.append(weights)
            self._dichotomies = np.vstack([self._dichotomies, dichotomy])

    def __len__(self) -> int:
        return len(self._weights)

    def __iter__(self) -> Iterator[tuple[Int[np.ndarray, "rows"], Weights]]:
        return zip(self._dichotomies.astype(int), self._weights, strict=True)

    def __contains__(self, dichotomy: Int[np.ndarray, "rows"]) -> bool:
        return dichotomy.astype(np.int8).tobytes() in self._known

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
        mask = task.admits(self._errors.value(pool))
        for row, value in task.fixed.items():
            mask &= pool[:, row] == value
        return np.where(mask, task.value(pool), np.inf)


class AllBelow(Incumbents):
    """Collects dichotomies of objective below a cutoff, up to `most` of them."""

    collects = True

    def __init__(self, table: Table, cutoff: float, most: int):
        super().__init__(table)
        self._cutoff = cutoff
        self._most = most

    def best_value(self, task: Task) -> float:
        """The cutoff, or minus infinity once there are enough."""
        return self._cutoff if len(self) < self._most else -np.inf
