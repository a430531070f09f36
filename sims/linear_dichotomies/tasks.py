"""The optimisation problems of predictive multiplicity, as linear objectives over dichotomies."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from sims.linear_dichotomies.domains import Tolerance
from sims.linear_dichotomies.table import SUMS, AnyTable, Table
from theory_on_trial.contract import guarded

_SOLVER_TOLERANCE = 1e-6  # relative, of objectives and bounds that are not whole
_WHOLE_TOLERANCE = 1e-3  # of a bound that is rounded up to a whole number
_COUNT_TOLERANCE = 1e-9  # by which a product such as 0.05 * 20 may miss a whole number


class Task(NamedTuple):
    """A task: minimise cost @ b + constant over linear dichotomies b with b_u = `fixed[u]` and at
    most `most_errors` errors.

    baseline : h_0 where the disagreement with it is maximised (the objective is its negative), None
    where errors are minimised. integral : whether the objective takes whole values only.
    """

    cost: Float[np.ndarray, "rows"]
    constant: float
    fixed: dict[int, int]
    most_errors: float
    baseline: Int[np.ndarray, "rows"] | None
    integral: bool

    @property
    def sign(self) -> int:
        """The sign by which the minimised number is multiplied to give the objective: 1 if errors
        are minimised, -1 if disagreement is maximised.
        """
        return 1 if self.baseline is None else -1

    @property
    def box(self) -> tuple[Float[np.ndarray, "rows"], Float[np.ndarray, "rows"]]:
        """The lower and the upper bounds of b."""
        lower = np.zeros(len(self.cost))
        upper = np.ones(len(self.cost))
        for row, value in self.fixed.items():
            lower[row] = upper[row] = value
        return lower, upper

    @property
    def box_bound(self) -> float:
        """The least objective over the box: a bound that needs no search."""
        return self.value(np.where(self.cost > 0, *self.box)).item()

    def value(self, dichotomies: Real[np.ndarray, "*pool rows"]) -> Float[np.ndarray, "*pool"]:
        """Return the number that is minimised, for each dichotomy."""
        return np.asarray(dichotomies @ self.cost + self.constant)

    def admitted_value(
        self,
        dichotomies: Real[np.ndarray, "*pool rows"],
        errors: Real[np.ndarray, "*pool"] | int | float,
    ) -> Float[np.ndarray, "*pool"]:
        """Return the `value` of each dichotomy, or infinity if the task does not admit it."""
        mask = self.admits(errors)
        for row, value in self.fixed.items():
            mask = mask & (dichotomies[..., row] == value)
        return np.where(mask, self.value(dichotomies), np.inf)

    def admits(self, errors: Real[np.ndarray, "*pool"] | int | float) -> Any:
        """Tell whether the task allows that many errors. Sums of weights are compared to a relative
        1e-9.
        """
        return errors <= self.most_errors + SUMS * max(1.0, abs(self.most_errors))

    def proved(self, bound: float) -> float:
        """Return the bound on the objective that follows from a solver's bound: the next whole
        number for an integral task, else the solver's bound less 1e-6.
        """
        if self.integral:
            return float(np.ceil(bound - _WHOLE_TOLERANCE - SUMS * abs(bound)))
        return bound - _SOLVER_TOLERANCE * max(1.0, abs(bound))

    def closes(self, bound: float, best: float) -> bool:
        """Tell whether a solver's bound proves that no dichotomy is better than `best`, to a
        relative 2e-6 if the task is not integral.
        """
        return self.proved(bound) >= best - (
            0.0 if self.integral else 2 * _SOLVER_TOLERANCE * max(1.0, abs(best))
        )


def least_errors(table: Table, fixed: dict[int, int] | None = None) -> Task:
    """Return the task to minimise the errors E(b) with the predictions in `fixed`: none of them for
    the baseline, one for a flip.
    """
    cost = (table.negatives - table.positives).astype(float)
    return Task(cost, float(table.positives.sum()), fixed or {}, np.inf, None, table.has_counts)


def most_disagreement(
    table: Table,
    baseline: Int[np.ndarray, "rows"],
    tolerance: int | float,
    weights: Real[np.ndarray, "rows"] | None = None,
) -> Task:
    """Return the task to maximise the weight of the samples on which b differs from the baseline
    h_0, subject to E(b) <= E(h_0) + tolerance.
    """
    counts = (table.totals if weights is None else weights).astype(float)
    cost = np.where(baseline == 1, counts, -counts)
    most_errors = float(table.errors(baseline) + tolerance)
    integral = table.has_counts and bool((counts == np.round(counts)).all())
    return Task(cost, -float(counts[baseline == 1].sum()), {}, most_errors, baseline, integral)


@guarded(double=False)
def tolerance_of(table: AnyTable, epsilon: Tolerance) -> int | float:
    """Return the admitted increase e of the error count at tolerance ε, which is ε n, or
    floor(ε n + 1e-9) for counts.
    """
    errors = float(epsilon) * table.n
    return int(np.floor(errors + _COUNT_TOLERANCE)) if table.has_counts else errors


def reach_of(table: Table, baseline: Int[np.ndarray, "rows"], admitted: int | float) -> float:
    """Return the most errors that a competitor may have, E(h_0) + admitted plus the rounding error
    of sums of weights that are not whole.
    """
    slack = 0.0 if table.has_counts else SUMS * table.n
    return float(table.errors(baseline) + admitted + slack)
