"""Flip errors: the least errors of a classifier that predicts otherwise than the baseline for one
given row.
"""

import concurrent.futures
import multiprocessing
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Int, Real

from sims.predictive_multiplicity.domains import Formulation, TimeLimit, Workers
from sims.predictive_multiplicity.exact_solver import Baseline, ExactSolver, Solution, dichotomy_of
from sims.predictive_multiplicity.table import AnyTable, Table
from sims.predictive_multiplicity.tasks import least_errors
from theory_on_trial.contract import MAY_BE_EMPTY, NON_NEGATIVE, guarded, require


class FlipErrors(NamedTuple):
    """E_k of the rows k in `rows`: bounds <= E_k <= errors, equal where proved; `solutions` has the
    classifiers.
    """

    rows: Int[np.ndarray, "flips"]
    errors: Real[np.ndarray, "flips"]
    bounds: Real[np.ndarray, "flips"]
    solutions: tuple[Solution, ...]


@guarded(double=False)
def flip_errors(
    table: AnyTable,
    baseline: Baseline,
    *,
    rows: Annotated[Int[np.ndarray, "flips"], NON_NEGATIVE, MAY_BE_EMPTY] | None = None,
    formulation: Formulation = "margin_free",
    time_limit: TimeLimit = None,
    workers: Workers = 1,
) -> FlipErrors:
    """E_k = min E(b) over linear dichotomies with b_k != h_0(k), for the given rows (all if not
    given).

    One relaxation is kept for all rows. The baseline may be any linear dichotomy, as a solution or
    as b; the options are those of `minimise_errors`. `time_limit` is for each row: bounds and
    errors differ where it was too short. `workers` are processes that share the rows, started
    again, so that a script needs the usual `if __name__ == "__main__"`. Raises ValueError for a
    baseline that is not linear, RuntimeError as `minimise_errors`. Source: the flip problem of
    Marx, Calmon & Ustun 2020.
    """
    rows = np.arange(len(table.rows)) if rows is None else rows
    largest = rows.max(initial=0)
    last = len(table.rows) - 1
    require(largest <= last, f"rows must be indices from 0 to {last}, got {largest}")
    arguments = table, baseline, formulation, time_limit
    distinct = list(dict.fromkeys(rows.tolist()))
    if workers == 1:
        worker = _Worker(*arguments)
        solutions = {row: worker.flip(row) for row in distinct}
    else:
        solutions = _in_processes(workers, distinct, arguments)
    answers = tuple(solutions[row] for row in rows.tolist())
    numbers = int if table.has_counts else float
    values, bounds = ([getattr(answer, name) for answer in answers] for name in ("value", "bound"))
    return FlipErrors(rows, np.array(values, numbers), np.array(bounds, numbers), answers)


class _Worker:
    def __init__(self, table: Table, baseline: Baseline, formulation: Formulation, time_limit: Any):
        self._table = table
        self._dichotomy = dichotomy_of(table, baseline)
        self._time_limit = time_limit
        self._solver = ExactSolver(table, formulation=formulation)
        self._solver.admit(baseline)

    def flip(self, row: int) -> Solution:
        task = least_errors(self._table, {row: 1 - int(self._dichotomy[row])})
        return self._solver.solve(task, time_limit=self._time_limit)


_worker: _Worker  # of a process started by `_in_processes`


def _start(*arguments: Any) -> None:
    global _worker
    _worker = _Worker(*arguments)


def _flip(row: int) -> Solution:
    return _worker.flip(row)


def _in_processes(
    workers: Workers, rows: list[int], arguments: tuple[Any, ...]
) -> dict[int, Solution]:
    _Worker(*arguments)  # its refusals are raised here
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, _start, arguments) as pool:
        try:
            return dict(zip(rows, pool.map(_flip, rows), strict=True))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
