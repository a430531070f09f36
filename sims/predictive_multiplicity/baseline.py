"""Baseline classifiers: exact minimisers of the number of errors, all of them, or a model of the
user's.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from sims.predictive_multiplicity.certificates import GordanProgram
from sims.predictive_multiplicity.domains import Formulation, Scores, TimeLimit
from sims.predictive_multiplicity.exact_solver import ExactSolver, Solution, certified
from sims.predictive_multiplicity.incumbents import AllBelow, Incumbents
from sims.predictive_multiplicity.margin_free import MarginFree
from sims.predictive_multiplicity.mip import Deadline
from sims.predictive_multiplicity.table import AnyTable
from sims.predictive_multiplicity.tasks import least_errors
from theory_on_trial.contract import Count, NonNegative, guarded, require

_SAME_MARGIN = 9  # decimals
_SAME_ERRORS = 1e-5  # relative, for weights that are not whole


@guarded(double=False)
def minimise_errors(
    table: AnyTable, *, formulation: Formulation = "margin_free", time_limit: TimeLimit = None
) -> Solution:
    """A linear classifier with the least number of errors, E_0 = min_b E(b): the baseline h_0.

    On the time limit (in seconds) the answer holds valid bounds, bound <= E_0 <= value. Where
    several dichotomies are optimal any of them is returned: see `co_optimal`. Raises RuntimeError
    for an answer that does not recount. Source: Marx, Calmon & Ustun 2020; the margin-free
    formulation is derived here.
    """
    return ExactSolver(table, formulation=formulation).solve(
        least_errors(table), time_limit=time_limit
    )


class NearOptimal(NamedTuple):
    """Distinct dichotomies by their errors, then by decreasing margin, and whether these are all.
    Those with more than E_0 errors have the status "near-optimal" and the bound E_0.
    """

    solutions: tuple[Solution, ...]
    complete: bool


@guarded(double=False)
def co_optimal(
    table: AnyTable,
    extra_errors: NonNegative = 0.0,
    *,
    most: Count = 1000,
    time_limit: TimeLimit = None,
) -> NearOptimal:
    """All linear dichotomies with at most E_0 + `extra_errors` errors: at 0, all that may serve as
    the baseline.

    They are sorted by errors, then margin (the largest first, compared to nine decimals), then b:
    the first is the baseline to take where one has to be chosen. `most` ends the search once so
    many are known, `time_limit` after so many seconds. For weights that are not whole, errors
    within a relative 1e-5 count as equal. Errors as `minimise_errors`.
    """
    task = least_errors(table)
    deadline = Deadline(time_limit)
    gordan = GordanProgram(table)
    engine = MarginFree(table, gordan)
    pool = Incumbents(table)
    least, certificate = engine.solve(task, pool, deadline)
    if least < pool.best_value(task):
        return NearOptimal((), False)
    limit = least + extra_errors
    cutoff = limit + 1 if task.integral else limit + _SAME_ERRORS * max(1.0, limit)
    below = AllBelow(table, cutoff, most)
    bound, certificate = engine.solve(task, below, deadline)
    optima = [
        certified(table, task, *pair, least, certificate)
        for pair in below
        if task.value(pair[0]) < cutoff
    ]
    optima = [
        one if one.status == "optimal" else one._replace(status="near-optimal") for one in optima
    ]
    optima.sort(
        key=lambda one: (one.errors, -round(one.margin, _SAME_MARGIN), one.dichotomy.tolist())
    )
    return NearOptimal(tuple(optima[:most]), bool(bound >= cutoff))


@guarded(double=False)
def baseline_of_scores(table: AnyTable, scores: Scores) -> Int[np.ndarray, "rows"]:
    """The dichotomy of a user's linear model from its score of every sample, optimal or not. Raises
    ValueError for scores of both signs in one row, other than one score a sample, and where no
    linear classifier predicts so.
    """
    n_samples = len(table.row_of_sample)
    require(
        len(scores) == n_samples,
        f"scores must be one for each of the {n_samples} samples, got {len(scores)}",
    )
    positive = np.bincount(table.row_of_sample, scores > 0, len(table.rows))
    share = positive / np.bincount(table.row_of_sample, minlength=len(table.rows))
    rows = np.flatnonzero((share > 0) & (share < 1))
    require(
        not len(rows),
        f"scores must have one sign for samples with equal features, got both for rows {rows[:3]}",
    )
    dichotomy = share.astype(int)
    if GordanProgram(table).weights(dichotomy) is None:
        raise ValueError(
            "baseline must be the dichotomy of a linear classifier, got scores that no weights have"
        )
    return dichotomy
