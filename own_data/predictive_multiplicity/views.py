"""The tables of a result: what was found and proved, by tolerance, by sample and by group."""

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from own_data.predictive_multiplicity.competitors import Competitors
from own_data.predictive_multiplicity.search import Search


class Views:
    """Tables of what is known of the competitors, and of what the search has proved."""

    def __init__(
        self,
        competitors: Competitors,
        search: Search,
        tolerances: Float[np.ndarray, " tolerances"],
        admitted: list[int | float],
    ):
        self._competitors = competitors
        self._search = search
        self._admitted = admitted
        self._table = competitors.table
        self._affected = [competitors.within(one) for one in admitted]
        self._index = pd.Index(tolerances, name="tolerance")

    @cached_property
    def _maybe_ambiguous(self) -> list[Bool[np.ndarray, " rows"]]:
        """The rows that a competitor may change because nothing proves the contrary."""
        low, _ = self._search.flips()
        pairs = zip(self._admitted, self._affected, strict=True)
        return [
            affected.some | (low <= self._search.reach(admitted)) for admitted, affected in pairs
        ]

    def by_tolerance(self) -> pd.DataFrame:
        """Return `Multiplicity.by_tolerance`: discrepancy and ambiguity at each tolerance."""
        search = self._search
        totals = self._table.totals
        n = self._table.n
        ambiguity, discrepancy = (
            np.array([totals[getattr(affected, name)].sum() for affected in self._affected])
            for name in ("some", "most")
        )
        ambiguity_bounds = np.array([totals[rows].sum() for rows in self._maybe_ambiguous])
        caps = np.array([search.cap(admitted) for admitted in self._admitted])
        # Weights that are not whole are proved to a relative 2e-6.
        discrepancy_bounds = np.where(caps <= discrepancy + search.slack, discrepancy, caps)
        gaps = np.maximum(discrepancy_bounds - discrepancy, ambiguity_bounds - ambiguity)
        is_fixed = self._search.proved_least or search.has_own
        return pd.DataFrame(
            {
                "admitted": self._admitted,
                "discrepancy": discrepancy / n,
                "discrepancy at most": discrepancy_bounds / n,
                "ambiguity": ambiguity / n,
                "ambiguity at most": ambiguity_bounds / n,
                "proved": (gaps <= search.slack) & is_fixed,
                "competitors": [affected.known for affected in self._affected],
            },
            index=self._index,
        )

    def classifiers(self, columns: tuple[str, ...]) -> pd.DataFrame:
        """Return `Multiplicity.classifiers`: the competitor that disagrees most at each
        tolerance.
        """
        known = np.column_stack(
            [self._competitors.coefficients, self._competitors.errors / self._table.n]
        )
        numbers = [
            np.full(known.shape[1], np.nan) if affected.chosen is None else known[affected.chosen]
            for affected in self._affected
        ]
        return pd.DataFrame(numbers, self._index, ["intercept", *columns, "error rate"])

    def people(self, index: Any) -> pd.DataFrame:
        """Return `Multiplicity.people`: the baseline's prediction for each sample, and the
        tolerances from which on competitors change it.
        """
        errors = self._table.errors(self._competitors.baseline)
        limits = {
            "conflict from": self._competitors.least_errors(),
            "no conflict below": self._search.flips()[0],
        }
        by_row = {"prediction": 2 * self._competitors.baseline - 1}
        by_row |= {
            name: np.maximum(limit - errors, 0) / self._table.n for name, limit in limits.items()
        }
        return pd.DataFrame(
            {name: values[self._table.row_of_sample] for name, values in by_row.items()}, index
        )

    def conflicts(self, index: Any) -> pd.DataFrame:
        """Return `Multiplicity.conflicts`: how many known competitors predict each sample otherwise
        at each tolerance.
        """
        counts = np.stack([affected.counts for affected in self._affected], axis=1)
        return pd.DataFrame(counts[self._table.row_of_sample], index, self._index)

    def groups(
        self,
        group_of: Int[np.ndarray, " samples"],
        names: pd.Index,
        weights: Float[np.ndarray, " samples"],
    ) -> pd.DataFrame:
        """Return `Multiplicity.groups`: how strongly each group is affected at each tolerance."""
        sizes = np.bincount(group_of, weights)

        def shares(rows: Bool[np.ndarray, " rows"]) -> Float[np.ndarray, " groups"]:
            return (
                np.bincount(group_of, weights * rows[self._table.row_of_sample], len(names)) / sizes
            )

        parts = [
            pd.DataFrame(
                {
                    "share": sizes / sizes.sum(),
                    "ambiguity": shares(affected.some),
                    "ambiguity at most": shares(maybe),
                    "changed": shares(affected.most),
                },
                names,
            )
            for affected, maybe in zip(self._affected, self._maybe_ambiguous, strict=True)
        ]
        by_tolerance = pd.concat(parts, keys=self._index, names=["tolerance", "group"]).swaplevel()
        return by_tolerance.iloc[np.arange(len(by_tolerance)).reshape(len(parts), -1).T.ravel()]
