"""Classifiers and bounds that a search has found, in memory and, for a later call, on disk."""

import hashlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from sims.linear_dichotomies.certificates import exact_signs
from sims.linear_dichotomies.pool import Classifier, Pool
from sims.linear_dichotomies.table import Table
from sims.predictive_multiplicity import minimise_errors

Folder = str | os.PathLike[str]


class Known(Pool):
    """The classifiers that a search knows and the bounds that it has proved, by name.

    It starts with the contents of the cache, if there is one.

    Attributes:
        fewest: for each row u, the fewest errors of a known classifier that predicts -1 at u (first
            row) and +1 at u (second row), [2, rows].
    """

    def __init__(self, table: Table, cache: Folder | None):
        super().__init__(table)
        self.fewest = np.full((2, len(table.rows)), np.inf)
        self._bounds: dict[str, float] = {}
        self._store = None if cache is None else _store_of(table, cache)
        for _, outputs in () if self._store is None else self._store.chunks():
            for name, bound in zip(outputs.get("name", ()), outputs.get("bound", ()), strict=True):
                self._bounds[str(name)] = max(float(bound), self._bounds.get(str(name), -np.inf))
            for weights in outputs.get("weights", ()):
                signs = exact_signs(table, weights)
                self.add([Classifier(weights, (signs + 1) // 2)] if signs.all() else [])
        self._kept = len(self.errors)

    def add(self, found: Sequence[Classifier]) -> None:
        """Add those classifiers whose dichotomy is new."""
        before = len(self.errors)
        super().add(found)
        dichotomies = self.dichotomies[before:]
        errors = self.errors[before:, None]
        for side in (0, 1):
            least = np.where(dichotomies == side, errors, np.inf).min(axis=0, initial=np.inf)
            self.fewest[side] = np.minimum(self.fewest[side], least)

    def optimal(self) -> Int[np.ndarray, "classifiers rows"]:
        """Return the dichotomies of the classifiers with the fewest errors."""
        return self.dichotomies[self.errors <= self.errors.min()]

    def most(self, baseline: Int[np.ndarray, " rows"], reach: float) -> float:
        """Return the largest weight of the samples on which a classifier with at most `reach`
        errors disagrees with the baseline.
        """
        differs = self.dichotomies[self.errors <= reach] != baseline
        return float((differs @ self._table.totals).max(initial=0))

    def note(
        self, name: str, bound: float, baseline: Int[np.ndarray, " rows"] | None = None
    ) -> None:
        """Keep a proved lower bound under a name, unless a larger one is there."""
        name = _name(name, baseline)
        if bound > self._bounds.get(name, -np.inf) and np.isfinite(bound):
            self._bounds[name] = bound
            if self._store is not None:
                self._store.save({"label": np.array([f"{name} {bound!r}"])}, _bound(name, bound))

    def noted(self, name: str, baseline: Int[np.ndarray, " rows"] | None = None) -> float | None:
        """Return the bound that is kept under a name; None if there is none."""
        return self._bounds.get(_name(name, baseline))

    def keep(self) -> None:
        """Write new classifiers to the disk."""
        if self._store is not None and len(self.errors) > self._kept:
            weights = self.weights[self._kept :]
            self._store.save(
                {"label": np.arange(self._kept, len(self.errors))}, {"weights": weights}
            )
            self._kept = len(self.errors)


def _bound(name: str, bound: float) -> dict[str, np.ndarray]:
    return {"name": np.array([name]), "bound": np.array([bound], float)}


def _name(name: str, baseline: Int[np.ndarray, " rows"] | None) -> str:
    return (
        name
        if baseline is None
        else f"{name} {hashlib.sha256(baseline.astype(np.int8).tobytes()).hexdigest()[:16]}"
    )


def _store_of(table: Table, cache: Folder) -> Any:
    from theory_on_trial.base.source import source_digest
    from theory_on_trial.sweep.store import ChunkStore  # its import takes a fifth of a second

    numbers = b"".join(
        np.asarray(part, float).tobytes() for part in (table.rows, table.positives, table.negatives)
    )
    digest = hashlib.sha256(numbers).hexdigest()
    identity = {
        "source": source_digest(minimise_errors),
        "shape": list(table.rows.shape),
        "numbers": digest,
    }
    return ChunkStore(cache, "multiplicity", identity)
