"""The competing classifiers that were found, and whom each of them affects."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from sims.linear_dichotomies.table import Table
from sims.linear_dichotomies.tasks import reach_of


class Affected(NamedTuple):
    """The rows whose predictions the known competitors within a tolerance change.

    Attributes:
        some: whether some competitor predicts the row differently from the baseline.
        most: whether the competitor that disagrees most with the baseline does.
        chosen: the number of that competitor; None if there is no competitor.
        counts: the number of competitors that predict the row differently.
        known: the number of known competitors within the tolerance.
    """

    some: Bool[np.ndarray, " rows"]
    most: Bool[np.ndarray, " rows"]
    chosen: int | None
    counts: Int[np.ndarray, " rows"]
    known: int


@dataclass(frozen=True, eq=False)
class Competitors:
    """The known classifiers other than the baseline.

    Attributes:
        table: the sample, with equal rows merged.
        baseline: the dichotomy of the baseline h_0.
        dichotomies: for each classifier and row, 1 if it predicts +1 and 0 if not.
        coefficients: w of each classifier, the intercept first, then one for each of the user's
            features, with Σ |w| = 1.
        errors: the weight of the samples that each classifier gets wrong.
    """

    table: Table
    baseline: Int[np.ndarray, " rows"]
    dichotomies: Int[np.ndarray, "classifiers rows"]
    coefficients: Float[np.ndarray, "classifiers coefficients"]
    errors: Real[np.ndarray, " classifiers"]

    def reach(self, admitted: int | float) -> float:
        """Return the largest number of errors that a competitor may make."""
        return reach_of(self.table, self.baseline, admitted)

    def within(self, admitted: int | float) -> Affected:
        """Return what the classifiers change that make at most `admitted` errors more than the
        baseline.
        """
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
        """Return, for each row, the smallest number of errors of a known classifier that predicts
        it differently from the baseline; infinite if none does.
        """
        errors = np.where(self.dichotomies != self.baseline, self.errors[:, None], np.inf)
        return errors.min(axis=0, initial=np.inf)
