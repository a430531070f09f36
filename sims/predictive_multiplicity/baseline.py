"""Baseline classifiers: exact minimisers of the number of errors, all of them, or a model of the user's."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.certificates import GordanProgram
from sims.predictive_multiplicity.exact_solver import ExactSolver, Solution, certified
from sims.predictive_multiplicity.incumbents import AllBelow, Incumbents
from sims.predictive_multiplicity.margin_free import MarginFree
from sims.predictive_multiplicity.mip import Deadline
from sims.predictive_multiplicity.progress import ProgressSetting, progress_of
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import least_errors
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import require_count

_SAME_MARGIN = 9  # decimals
_SAME_ERRORS = 1e-5  # relative, for weights that are not whole


@validated(unbounded=("time_limit",))
def minimise_errors(
    table: Table,
    *,
    formulation: str = "margin_free",
    solver: str = "highs",
    margin: float | int = 1e-4,
    time_limit: float | int | None = None,
    exact: bool = False,
    progress: ProgressSetting = False,
) -> Solution:
    """A linear classifier with the least number of errors, E_0 = min_b E(b): the baseline h_0.

    Arguments as `ExactSolver`; on the time limit (seconds) the answer holds valid bounds, bound <= E_0 <= value. Where
    several dichotomies are optimal any of them is returned: see `co_optimal`.
    Raises ValueError for unknown names, a margin outside [1e-6, 1) and a time limit that is not positive; ImportError
    for a solver that is not installed. Source: Marx, Calmon & Ustun 2020; the margin-free formulation is derived here.
    """
    exact_solver = ExactSolver(table, formulation=formulation, solver=solver, margin=margin, exact=exact)
    with progress_of(progress, "baseline", 1) as bar:
        solution = exact_solver.solve(least_errors(table), time_limit=time_limit, watch=bar.watch)
        bar.advance()
    return solution


class NearOptimal(NamedTuple):
    """Distinct dichotomies by their errors, then by decreasing margin, and whether these are all.

    Those with more than E_0 errors have the status "near-optimal" and the bound E_0.
    """

    solutions: tuple[Solution, ...]
    complete: bool


@validated(unbounded=("time_limit",))
def co_optimal(
    table: Table,
    extra_errors: int | float = 0,
    *,
    solver: str = "highs",
    most: int = 1000,
    time_limit: float | int | None = None,
) -> NearOptimal:
    """All linear dichotomies with at most E_0 + `extra_errors` errors: at 0, all that may serve as the baseline.

    Each that is found is excluded by a no-good row; they are sorted by errors, then margin (the largest first, compared
    to nine decimals), then b. The first is the baseline to take where one has to be chosen: discrepancy and ambiguity
    depend on the choice. `most` ends the search once so many are known, `time_limit` after so many seconds. For weights
    that are not whole, errors that differ by less than a relative 1e-5 count as equal.
    Raises ValueError for negative extra errors and most < 1, else as `minimise_errors`. Derived here.
    """
    if not extra_errors >= 0:
        raise ValueError(f"extra_errors must not be negative, got {extra_errors!r}")
    require_count("most", most, 1, "how many dichotomies to look for")
    task, deadline, gordan = least_errors(table), Deadline(time_limit), GordanProgram(table)
    engine, pool = MarginFree(table, gordan, solver), Incumbents(table)
    least, certificate = engine.solve(task, pool, deadline, None)
    if least < pool.best_value(task):
        return NearOptimal((), False)
    limit = least + extra_errors
    cutoff = limit + 1 if task.integral else limit + _SAME_ERRORS * max(1.0, limit)
    below = AllBelow(table, cutoff, most)
    bound, certificate = engine.solve(task, below, deadline, None)
    found = [certified(table, task, *known, least, certificate) for known in below if task.value(known[0]) < cutoff]
    found = [one if one.status == "optimal" else one._replace(status="near-optimal") for one in found]
    found.sort(key=lambda one: (one.errors, -round(one.margin, _SAME_MARGIN), one.dichotomy.tolist()))
    return NearOptimal(tuple(found[:most]), bool(bound >= cutoff))


@validated(unbounded=("scores",))
def baseline_of_scores(table: Table, scores: Float[np.ndarray, "samples"]) -> Int[np.ndarray, "rows"]:
    """The dichotomy of a linear model that a user already has, from its score of every sample; optimal or not.

    Raises ValueError if a score is zero or not finite (its prediction is undefined), if samples of one row have scores
    of both signs, if there is not one score for each sample, and if no linear classifier on the table predicts so.
    """
    if len(scores) != len(table.row_of_sample):
        raise ValueError(f"scores must be one for each of the {len(table.row_of_sample)} samples, got {len(scores)}")
    undefined = np.flatnonzero(~np.isfinite(scores) | (scores == 0))
    if len(undefined):
        raise ValueError(f"scores must be finite and not 0, got {scores[undefined[0]]} for sample {undefined[0]}")
    positive = np.bincount(table.row_of_sample, scores > 0, len(table.rows))
    share = positive / np.bincount(table.row_of_sample, minlength=len(table.rows))
    torn = np.flatnonzero((share > 0) & (share < 1))
    if len(torn):
        raise ValueError(f"scores must have one sign for samples with equal features, got both for row {torn[0]}")
    dichotomy = share.astype(int)
    if GordanProgram(table).weights(dichotomy) is None:
        raise ValueError("baseline must be the dichotomy of a linear classifier, got scores that no weights have")
    return dichotomy


def dichotomy_of(table: Table, baseline: Solution | Int[np.ndarray, "rows"]) -> Int[np.ndarray, "rows"]:
    """The b of a solution, or a b of 0 and 1 for each row. Raises ValueError for anything else."""
    dichotomy = baseline.dichotomy if isinstance(baseline, Solution) else np.asarray(baseline)
    if dichotomy.shape != (len(table.rows),) or not np.isin(dichotomy, (0, 1)).all():
        raise ValueError(f"baseline must be 0 or 1 for each of the {len(table.rows)} rows of the table")
    return dichotomy.astype(int)
