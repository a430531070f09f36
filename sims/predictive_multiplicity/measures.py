"""The measures of multiplicity of one table: the baseline, flips, discrepancy and ambiguity.

Each is a task of `ExactSolver`, or of one of the paper's formulations.
"""

import concurrent.futures
import multiprocessing
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from sims.linear_dichotomies.deadline import Deadline
from sims.linear_dichotomies.domains import TimeLimit
from sims.linear_dichotomies.solver import (
    Baseline,
    ExactSolver,
    Proof,
    Solution,
    certified,
    dichotomy_of,
)
from sims.linear_dichotomies.table import AnyTable, Table
from sims.linear_dichotomies.tasks import least_errors, most_disagreement, reach_of, tolerance_of
from sims.predictive_multiplicity.formulations import Formulation, solver_of
from theory_on_trial.contract import (
    MAY_BE_EMPTY,
    NON_NEGATIVE,
    UNIT_INTERVAL,
    Count,
    Holds,
    Interval,
    NonNegative,
    UnitInterval,
    guarded,
    require,
)

Scores = Annotated[
    Float[np.ndarray, "samples"],
    Holds("decided", "be nowhere 0", lambda scores: bool(scores.all())),
]
"""A model's score of each sample; its sign is the prediction, and 0 is no prediction."""
Tolerances = Annotated[
    Sequence[float] | Float[np.ndarray, "tolerances"], UNIT_INTERVAL, MAY_BE_EMPTY
]
"""ε, tolerances of the error rate."""
Workers = Annotated[int, Interval(1, 1024, why="each is a process")]


@guarded(double=False)
def minimise_errors(
    table: AnyTable, *, formulation: Formulation = "margin_free", time_limit: TimeLimit = None
) -> Solution:
    """Return a linear classifier with the fewest errors, E_0 = min_b E(b), which is the baseline
    h_0.

    Where the time limit (in seconds) ends the search, the bounds are still valid: bound <= E_0 <=
    value. Where several dichotomies are optimal, any of them is returned: see `co_optimal`. Raises
    RuntimeError where an answer has other errors when they are counted again. Source: Marx, Calmon
    & Ustun 2020; the margin-free formulation is derived here.
    """
    return solver_of(table, formulation).solve(least_errors(table), Deadline(time_limit))


class NearOptimal(NamedTuple):
    """Distinct dichotomies, sorted by errors and then by decreasing margin, and whether there are
    no others.

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
    """Return all linear dichotomies with at most E_0 + `extra_errors` errors.

    For 0 extra errors these are all that may serve as the baseline.

    They are sorted by errors, then by margin (the largest first, compared to nine decimals), then
    by b. If one baseline has to be chosen, take the first. The search ends once it has found `most`
    of them, or after `time_limit` seconds. For weights that are not whole, errors within a relative
    1e-5 count as equal. Raises RuntimeError as `minimise_errors`.
    """
    solver = ExactSolver(table)
    deadline = Deadline(time_limit)
    least = solver.solve(least_errors(table), deadline)
    if least.status != "optimal":
        return NearOptimal((), False)
    near = solver.within(least.errors + extra_errors, most, deadline)
    task = least_errors(table)
    proof = Proof(least.errors, "near-optimal")
    answers = [certified(table, task, one, proof, least.certificate) for one in near.classifiers]
    return NearOptimal(tuple(answers[:most]), near.complete)


@guarded(double=False)
def baseline_of_scores(table: AnyTable, scores: Scores) -> Int[np.ndarray, "rows"]:
    """Return the dichotomy of a user's linear model, optimal or not, from its score of every
    sample.

    Raises ValueError unless there is one score per sample, where one row has scores of both signs,
    and where no linear classifier predicts so.
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
    if ExactSolver(table).widest(dichotomy) is None:
        raise ValueError(
            "baseline must be the dichotomy of a linear classifier, got scores that no weights have"
        )
    return dichotomy


class FlipErrors(NamedTuple):
    """The bounds of the flip errors E_k of the rows k in `rows`, bounds <= E_k <= errors, with
    equality where proved.

    `solutions` has the classifiers.
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
    """Return the flip errors E_k = min E(b) over linear dichotomies with b_k != h_0(k), for the
    given rows, or for all rows.

    One relaxation serves all rows. The baseline may be any linear dichotomy, as a solution or as b;
    the options are those of `minimise_errors`. `time_limit` is for each row: bounds and errors
    differ where it was too short. `workers` processes share the rows. They are started by spawning,
    so that a script needs the usual `if __name__ == "__main__"`. Raises ValueError for a baseline
    that is not linear, RuntimeError as `minimise_errors`. Source: the flip problem of Marx, Calmon
    & Ustun 2020.
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
    return FlipErrors(rows, *_values_and_bounds(table, answers), answers)


def _values_and_bounds(
    table: Table, answers: tuple[Solution, ...]
) -> tuple[Real[np.ndarray, "answers"], Real[np.ndarray, "answers"]]:
    """Return the optima that were reached and the bounds that were proved, as whole numbers for a
    table of counts.
    """
    numbers = int if table.has_counts else float
    values = np.array([answer.value for answer in answers], numbers)
    bounds = np.array([answer.bound for answer in answers], numbers)
    return values, bounds


class _Worker:
    def __init__(self, table: Table, baseline: Baseline, formulation: Formulation, time_limit: Any):
        self._table = table
        self._time_limit = time_limit
        self._solver = solver_of(table, formulation)
        self._dichotomy = self._solver.admit(baseline)

    def flip(self, row: int) -> Solution:
        task = least_errors(self._table, {row: 1 - int(self._dichotomy[row])})
        return self._solver.solve(task, Deadline(self._time_limit))


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


class DiscrepancyPath(NamedTuple):
    """The discrepancy δ_ε of a sample of weight n at each tolerance ε, as bounds
    disagreement <= n δ_ε <= bounds, which are equal where proved.

    tolerances : ε, shares of the sample; admitted : e, the admitted increase of the error count;
    disagreement, bounds : weight of the samples whose prediction changes; solutions : the
    classifiers that reach the disagreement.
    """

    tolerances: Float[np.ndarray, "tolerances"]
    admitted: Real[np.ndarray, "tolerances"]
    disagreement: Real[np.ndarray, "tolerances"]
    bounds: Real[np.ndarray, "tolerances"]
    solutions: tuple[Solution, ...]


@guarded(double=False)
def discrepancy_path(
    table: AnyTable,
    baseline: Baseline,
    tolerances: Tolerances,
    *,
    formulation: Formulation = "margin_free",
    time_limit: TimeLimit = None,
) -> DiscrepancyPath:
    """The largest disagreement of b with h_0 over linear dichotomies with E(b) <= E(h_0) + e, for
    each tolerance ε.

    e is floor(ε n + 1e-9), or ε n if some weight is not whole. Tolerances are solved in ascending
    order, each from the best classifier found before. The baseline may be any linear dichotomy:
    classifiers with fewer errors than it has count as competitors. `time_limit` is in seconds for
    each; the other arguments and the errors are those of `flip_errors`. Source: the discrepancy
    problem of Marx, Calmon & Ustun 2020, two-sided.

    >>> from sims.linear_dichotomies.table import aggregate
    >>> corners = aggregate([[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1])
    >>> path = discrepancy_path(corners, np.array([0, 1, 1, 1]), [0.0, 0.25])
    >>> path.disagreement.tolist(), path.bounds.tolist()
    ([2, 3], [2, 3])
    """
    solver = solver_of(table, formulation)
    dichotomy = solver.admit(baseline)
    admitted = [tolerance_of(table, epsilon) for epsilon in tolerances]
    solutions = {
        tolerance: solver.solve(
            most_disagreement(table, dichotomy, tolerance), Deadline(time_limit)
        )
        for tolerance in sorted(set(admitted))
    }
    answers = tuple(solutions[tolerance] for tolerance in admitted)
    return DiscrepancyPath(
        np.asarray(tolerances, float),
        np.array(admitted, int if table.has_counts else float),
        *_values_and_bounds(table, answers),
        answers,
    )


class AmbiguityPath(NamedTuple):
    """The ambiguity α_ε of a sample of weight n at each tolerance ε, as bounds
    ambiguous <= n α_ε <= bounds, which are equal where the flip errors are proved.
    """

    tolerances: Float[np.ndarray, "tolerances"]
    admitted: Real[np.ndarray, "tolerances"]
    ambiguous: Real[np.ndarray, "tolerances"]
    bounds: Real[np.ndarray, "tolerances"]


@guarded(double=False)
def ambiguity_path(
    table: AnyTable,
    baseline: Baseline,
    flips: Annotated[FlipErrors, MAY_BE_EMPTY],
    tolerances: Tolerances,
) -> AmbiguityPath:
    """The weight of the rows k whose flip error is E_k <= E(h_0) + e, e = floor(ε n + 1e-9), for
    each ε.

    Rows that `flips` leaves out count as not ambiguous in `ambiguous` and as ambiguous in `bounds`.
    Source: Marx, Calmon & Ustun 2020.

    >>> from sims.linear_dichotomies.table import aggregate
    >>> corners = aggregate([[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1])
    >>> best = np.array([0, 1, 1, 1])
    >>> ambiguity_path(corners, best, flip_errors(corners, best), [0.0]).ambiguous.tolist()
    [4]
    """
    n_rows = len(table.rows)
    last = flips.rows.max(initial=0)
    require(last < n_rows, f"flips must be those of the table of {n_rows} rows, got row {last}")
    lower = np.full(len(table.rows), -np.inf)
    upper = np.full(len(table.rows), np.inf)
    lower[flips.rows] = flips.bounds
    upper[flips.rows] = flips.errors
    dichotomy = dichotomy_of(table, baseline)
    admitted = np.array([tolerance_of(table, epsilon) for epsilon in tolerances])
    reach = np.array([reach_of(table, dichotomy, one) for one in admitted.tolist()])[:, None]
    within = [np.where(limit <= reach, table.totals, 0).sum(axis=1) for limit in (upper, lower)]
    return AmbiguityPath(np.asarray(tolerances, float), admitted, *within)


class Coverage(NamedTuple):
    """The ambiguity α_ε of a sample of weight n, found by covering, as bounds
    ambiguous <= n α_ε <= bound, which are equal where proved.

    `covered` are the rows that one of `solutions` flips. `n_programs` is the number of programs
    solved; the last one proves that no row is left.
    """

    ambiguous: int | float
    bound: int | float
    covered: Bool[np.ndarray, "rows"]
    solutions: tuple[Solution, ...]
    n_programs: int


@guarded(double=False)
def ambiguity_by_coverage(
    table: AnyTable, baseline: Baseline, tolerance: UnitInterval, *, time_limit: TimeLimit = None
) -> Coverage:
    """The ambiguity at one tolerance ε: take the competitor that flips most of the rows that no
    other has flipped yet, until none does.

    An optimum of 0 proves that the covered rows are all. Where a program runs out of time first
    (`time_limit` seconds each), the bound is the whole sample. Raises ValueError and RuntimeError
    as `discrepancy_path`.
    """
    solver = ExactSolver(table)
    dichotomy = solver.admit(baseline)
    tolerance_count = tolerance_of(table, tolerance)
    covered = np.zeros(len(table.rows), bool)
    solutions: list[Solution] = []
    while True:
        task = most_disagreement(
            table, dichotomy, tolerance_count, np.where(covered, 0, table.totals)
        )
        solution = solver.solve(task, Deadline(time_limit))
        if solution.value == 0:
            break
        solutions.append(solution)
        covered |= solution.dichotomy != dichotomy
    ambiguous = table.totals[covered].sum().item()
    bound = ambiguous if solution.status == "optimal" else table.n
    return Coverage(ambiguous, bound, covered, tuple(solutions), len(solutions) + 1)
