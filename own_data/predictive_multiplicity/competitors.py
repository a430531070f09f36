"""The competing classifiers that were found, and whom each of them affects."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from sims.linear_dichotomies.table import Table
from sims.linear_dichotomies.tasks import reach_of


class Affected(NamedTuple):
    """Whom the known competitors within a tolerance affect.

    some : rows that one of them predicts otherwise; most : those that number `chosen` does, which
    disagrees most with the baseline (None: there is none); counts : how many predict a row
    otherwise; known : how many there are.
    """

    some: Bool[np.ndarray, " rows"]
    most: Bool[np.ndarray, " rows"]
    chosen: int | None
    counts: Int[np.ndarray, " rows"]
    known: int


@dataclass(frozen=True, eq=False)
class Competitors:
    """Known classifiers other than the baseline.
    Dichotomies are 1 where a row of the table is predicted +1; `coefficients` have the intercept
    first, then one for each feature of the user's, Σ |w| = 1; `errors` are weights of the samples
    that each gets wrong.
    """

    table: Table
    baseline: Int[np.ndarray, " rows"]
    dichotomies: Int[np.ndarray, "classifiers rows"]
    coefficients: Float[np.ndarray, "classifiers coefficients"]
    errors: Real[np.ndarray, " classifiers"]

    def reach(self, admitted: int | float) -> float:
        """The most errors of a competitor."""
        return reach_of(self.table, self.baseline, admitted)

    def within(self, admitted: int | float) -> Affected:
        """Whom those affect that make at most `admitted` errors more than the baseline."""
        competing = np.flatnonzero(self.errors <= self.reach(admitted))
        differs = self.dichotomies[competing] != self.baseline
        chosen = None
        most = np.zeros(len(self.baseline), bool)
        if len(competing):
            largest = int((differs @ self.table.totals).argmax())
            chosen = int(competing[largest])
            most = differs[largest]
        return Affected(differs.any(axis=0), most, chosen, differs.sum(axis=0), len(competing))

    def least_errors(self) -> Real[np.ndarray, " rows"]:
        """For each row the least errors of a known competitor that predicts otherwise, infinite
        where none does.
        """
        errors = np.where(self.dichotomies != self.baseline, self.errors[:, None], np.inf)
        return errors.min(axis=0, initial=np.inf)
