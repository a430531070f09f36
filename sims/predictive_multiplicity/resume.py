"""Solutions on disk, so that an interrupted list of programs resumes."""

import hashlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int

from sims.predictive_multiplicity.exact_solver import Solution
from sims.predictive_multiplicity.table import Table
from theory_on_trial.sweep._source import source_digest
from theory_on_trial.sweep._store import ChunkStore


class KeptSolutions:
    """The optimal solutions of a list of programs, by a name for each; without a `cache` nothing is kept.

    They count only for the same table, baseline, settings and source.
    """

    def __init__(
        self,
        cache: str | os.PathLike[str] | None,
        function: Callable[..., Any],
        table: Table,
        baseline: Int[np.ndarray, "rows"],
        settings: dict[str, Any],
    ):
        self._store = None
        self.solutions: dict[str, Solution] = {}
        if cache is None:
            return
        arrays = (table.rows, table.positives, table.negatives, baseline)
        numbers = hashlib.sha256(b"".join(np.asarray(array, float).tobytes() for array in arrays)).hexdigest()
        identity = {"source": source_digest(function), "shape": table.rows.shape, "numbers": numbers} | settings
        self._store = ChunkStore(cache, function.__name__, identity)
        for labels, outputs in self._store.chunks():
            fields = {name: column[0] if column.ndim > 1 else column[0].item() for name, column in outputs.items()}
            self.solutions[str(labels["program"][0])] = Solution(**fields)

    def keep(self, program: str, solution: Solution) -> None:
        """Keep an optimal solution; one that ran out of time is solved anew next time."""
        if self._store is not None and solution.status == "optimal":
            outputs = {name: np.asarray(value)[None] for name, value in solution._asdict().items()}
            self._store.save({"program": np.array([program])}, outputs)
