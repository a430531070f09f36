"""Searches all linear classifiers of a sample: line searches find candidates, programs and
enumeration prove bounds.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from tqdm import tqdm

from own_data.predictive_multiplicity.known import Folder, Known
from sims.linear_dichotomies.certificates import exact_signs
from sims.linear_dichotomies.deadline import Deadline
from sims.linear_dichotomies.enumeration import dichotomies, enumerate_paths
from sims.linear_dichotomies.line_search import logistic_fit
from sims.linear_dichotomies.pool import Classifier
from sims.linear_dichotomies.solver import ExactSolver, Solution, widest_first
from sims.linear_dichotomies.table import Table, from_unit
from sims.linear_dichotomies.tasks import Task, least_errors, most_disagreement, reach_of
from sims.linear_dichotomies.tilts import TiltSearch
from sims.predictive_multiplicity import flip_errors
from sims.predictive_multiplicity.measures import Workers
from theory import predictive_multiplicity as predicted
from theory_on_trial.base.progress import disabled

ProgressSetting = bool | Literal["auto"] | Callable[[int, int, float, float], None]

_MOST_OPTIMAL = 100
_SIGN_TESTS = 1e8  # of the enumeration, each second
_MOST_SIGN_TESTS = 1e10  # without a time limit
_LARGEST_LIST = 5e7  # cells times rows
_HIGHEST_DIMENSION = 4
_COMPILES = 8.0  # seconds, that the enumeration of points of a new number may take before it begins
_MANY = 10**6  # as often as there is time for
_SMALL = 50_000  # entries, of a program that takes a moment
_AT_ONCE = 50  # classifiers that are read
_TURN = 0.1  # seconds
_FITTED = 20_000  # rows
_PENALTY = 1e-6  # on half of each squared weight, of the loss of one row
_NEWTON = 12  # steps
_PAIRS = 4e5  # of rows, that a program sorts in a second


class Progress:
    """A counter of finished programs that reports to a bar or to a function."""

    def __init__(self, report: Callable[[int, float, float], None], total: int):
        self._report = report
        self._total = total
        self._done = 0
        self._last = (float("nan"), float("nan"))

    def watch(self, incumbent: float, bound: float) -> None:
        """Report a new best answer and bound of the program that is running."""
        self._last = (float(incumbent), float(bound))
        self._report(self._done, *self._last)

    def advance(self, n_programs: int = 1) -> None:
        """Count programs as done."""
        self._done = min(self._done + n_programs, self._total)
        self._report(self._done, *self._last)

    def finish(self) -> None:
        """Count all remaining programs as done, which were not needed or were given up."""
        self.advance(self._total - self._done)


@contextlib.contextmanager
def progress_of(setting: ProgressSetting, what: str, total: int) -> Iterator[Progress]:
    """Return a context in which progress is shown.

    It is a bar for True, a bar on a terminal only for "auto", and nothing for False; a function is
    called with (done, total, incumbent, bound).
    """
    if callable(setting):
        yield Progress(lambda done, incumbent, bound: setting(done, total, incumbent, bound), total)
        return
    with tqdm(total=total, desc=what, mininterval=0.5, disable=disabled(setting)) as bar:

        def draw(done: int, incumbent: float, bound: float) -> None:
            bar.set_postfix_str(f"best {incumbent:g}, bound {bound:g}", refresh=False)
            bar.update(done - bar.n)

        yield Progress(draw, total)


class Search:
    """A search for bounds of the fewest errors with each row on either side, and of the largest
    disagreement with the baseline at each tolerance.

    Every bound holds for all linear classifiers.

    Attributes:
        known: the classifiers found, with their exact dichotomies.
        least: a proved lower bound of E_0, the fewest errors of any linear classifier.
        lower: proved lower bounds of the fewest errors of a classifier that predicts -1 at row u
            (first row) and +1 at row u (second row), [2, rows].
        caps: proved upper bounds of the disagreement, by the number of admitted errors.
        baseline: the user's h_0, or the best classifier known.
    """

    def __init__(
        self,
        table: Table,
        own: Int[np.ndarray, "rows"] | None,
        admitted: list[int | float],
        *,
        start: Float[np.ndarray, "dims"] | None,
        deadline: Deadline,
        workers: Workers,
        cache: Folder | None,
        bar: Progress,
    ):
        self.table = table
        self.admitted = sorted(set(admitted))
        self._own = own
        self._start = start
        self._workers = workers
        self._bar = bar
        self._deadline = deadline
        self._limited = deadline.left() is not None
        self.known = Known(table, cache)
        positives = table.positives
        negatives = table.negatives
        self.least: int | float = np.minimum(positives, negatives).sum().item()
        self.lower = (
            self.least - np.minimum(positives, negatives) + np.stack([positives, negatives])
        ).astype(float)
        self.caps: dict[int | float, float] = {}
        self.n_optimal = 0
        self.knows_all_optimal = False
        self.stopped = ""
        self.n_failures = 0
        self._lines: TiltSearch | None = None
        self._aimed = np.empty(0, int)
        self.solver = ExactSolver(table, self.known)
        if start is not None:
            self._admit(start)
        self._resume()
        self.baseline = self._best() if own is None else own

    # What is known.

    @property
    def slack(self) -> float:
        """The rounding error of a sum of weights, which is 0 if all weights are whole."""
        return 0.0 if self.table.has_counts else 2e-6 * max(1.0, float(self.table.n))

    @property
    def has_own(self) -> bool:
        """Whether the baseline is the user's model."""
        return self._own is not None

    @property
    def proved_least(self) -> bool:
        """Whether some known classifier provably makes the fewest errors E_0 of all."""
        return bool(self.least >= self.known.errors.min() - self.slack)

    def reach(self, admitted: int | float) -> float:
        """Return the largest number of errors that a competitor may make."""
        return reach_of(self.table, self.baseline, admitted)

    def flips(self) -> tuple[Real[np.ndarray, "rows"], Real[np.ndarray, "rows"]]:
        """Return, for each row u, a proved lower bound of the fewest errors E_u of a classifier
        that differs from h_0 at u, and the fewest errors that a known one makes.
        """
        rows = np.arange(len(self.baseline))
        sides = 1 - self.baseline
        return np.maximum(self.lower[sides, rows], self.least), self.known.fewest[sides, rows]

    def open_rows(self) -> Bool[np.ndarray, "rows"]:
        """Return which rows u have an E_u that is not proved."""
        low, high = self.flips()
        return low < high - self.slack

    def _wanted(self) -> Bool[np.ndarray, "rows"]:
        """Return which rows still need a proof; under a time limit these are only the rows on which
        the answer at some tolerance depends.
        """
        low, high = self.flips()
        reaches = np.array([self.reach(admitted) for admitted in self.admitted])[:, None]
        decides = ((low <= reaches) & (reaches < high)).any(axis=0)
        return self.open_rows() & (decides | (not self._limited))

    def cap(self, admitted: int | float) -> float:
        """Return a proved upper bound of the disagreement with h_0 of classifiers that make at most
        `admitted` errors more.
        """
        table = self.table
        errors = self.table.errors(self.baseline)
        low, _ = self.flips()
        ambiguous = float(table.totals[low <= self.reach(admitted)].sum())
        bounds = [float(table.n), ambiguous, float(max(2 * errors + admitted, 0))]
        bounds += [cap for at, cap in self.caps.items() if at >= admitted]
        if table.has_counts:
            counts = self.baseline, table.positives, table.negatives
            bounds.append(
                math.floor(predicted.knapsack_bound(*counts, int(max(admitted, 0))) + 1e-6)
            )
            mixed = ((table.positives > 0) & (table.negatives > 0)).any()
            if errors == 0 and not mixed and admitted >= 0:
                bounds.append(float(predicted.separable_bound(*counts[1:], int(admitted))))
        return min(bounds)

    # The search.

    def run(self) -> None:
        """Find classifiers and prove bounds until all is proved or the time is over; after an
        interrupt the results so far are kept.
        """
        try:
            self._fit()
            for step in (
                self._enumerate,
                self._find,
                self._prove_least,
                self._find_optimal,
                self._prove_disagreement,
            ):
                if not self._over():
                    step()
            self._prove_flips()
            self._find_more()
        except KeyboardInterrupt:
            self.stopped = "interrupted"
        if not self.stopped and self._limited and not self._all_proved():
            self.stopped = "out of time"
        self.known.keep()

    def _all_proved(self) -> bool:
        reached = [
            self.known.most(self.baseline, self.reach(admitted)) for admitted in self.admitted
        ]
        caps = all(
            self.cap(at) <= most + self.slack
            for at, most in zip(self.admitted, reached, strict=True)
        )
        return self.proved_least and caps and not self._wanted().any()

    def _over(self) -> bool:
        return self._deadline.passed()

    def _part(self, share: float) -> Deadline:
        left = self._deadline.left()
        return Deadline(None if left is None else share * left)

    def _admit(self, weights: Float[np.ndarray, "dims"]) -> None:
        signs = exact_signs(self.table, weights)
        if signs.all():
            self.known.add([Classifier(weights, (signs + 1) // 2)])

    def _best(self) -> Int[np.ndarray, "rows"]:
        return self.known.dichotomies[int(self.known.errors.argmin())].astype(int)

    def _rebase(self) -> None:
        """Take the best known classifier as the baseline if none was given, and drop the bounds
        that were proved for the old one.
        """
        if (
            self._own is None
            and self.known.errors.min() < self.table.errors(self.baseline) - self.slack
        ):
            self.baseline = self._best()
            self.caps = {}

    def _fit(self) -> None:
        """Begin with logistic regression of some rows: of many, a search may not reach its own in
        the time that it has.
        """
        if self._start is not None or not self.table.rows.shape[1]:
            return
        some = np.random.default_rng(0).permutation(len(self.table.rows))[:_FITTED]
        totals = self.table.totals[some].astype(float)
        share = self.table.positives[some] / np.maximum(totals, np.finfo(float).tiny)
        fit = logistic_fit(self.table.unit_design[some], totals, share, _PENALTY, steps=_NEWTON)
        if fit is not None:
            self._start = from_unit(self.table, fit[0])
            self._admit(self._start)
            self._rebase()

    def _find(self) -> None:
        if self._all_proved() or (not self._limited and self.known.noted("found") is not None):
            return
        positives = self.table.positives
        negatives = self.table.negatives
        if (
            not self.least and self.table.rows.size <= _SMALL
        ):  # no row has both labels: are they linear?
            self._realise((positives > negatives).astype(int)[None])
            self._rebase()
        search = TiltSearch(self.table, seed=len(self.known.errors))
        if self._start is not None:
            search.start_from(self._start, self._part(0.1))
        search.fewest_errors(self._part(0.15), rounds=_MANY if self._limited else 4)
        self.known.add(search.best_classifiers())
        self._rebase()
        self._aim(search)
        search.tilts(self._part(0.2), rounds=100)
        if self._limited:
            search.batches(self._part(0.1))
        search.disagreement(self._part(0.15), rounds=_MANY if self._limited else 2)
        search.other_sides(self._part(0.25), passes=_MANY if self._limited else 1)
        self._lines = search
        self._read(self._part(0.2))
        self.known.note("found", 1.0)
        self._rebase()

    def _aim(self, search: TiltSearch) -> None:
        if not np.array_equal(self._aimed, self.baseline):
            search.aim(
                self.baseline, np.array([self.reach(admitted) for admitted in self.admitted])
            )
            self._aimed = self.baseline

    def _read(self, deadline: Deadline) -> None:
        """Compute the exact dichotomies of what the search has met: for each row a classifier with
        the fewest errors, while there is time.
        """
        search = self._lines
        assert search is not None
        self.known.add(search.chief() if self._limited else search.classifiers())
        sides = 1 - self._aimed
        rows = np.arange(len(self.table.rows))
        left = np.random.default_rng(0).permutation(rows)
        left = left[
            np.argsort(search.errors[sides, left] > self.reach(self.admitted[-1]), kind="stable")
        ]
        while not deadline.passed():
            left = left[search.errors[sides[left], left] < self.known.fewest[sides[left], left]]
            if not len(left):
                return
            self.known.add(search.of_rows(left[:_AT_ONCE]))
            left = left[_AT_ONCE:]

    def _find_more(self) -> None:
        """Spend the time that the proofs have left on another search."""
        search = self._lines
        if search is None or not self._limited or self._all_proved():
            return
        reading = 0.0  # seconds; as many again are left for the answer's tables
        while (self._deadline.left() or 0.0) > 2 * reading:
            self._aim(search)
            end = self._part(0.7)
            while not end.passed():
                for go_on in (
                    search.batches,
                    search.climbs,
                    lambda part: search.other_sides(part, 1),
                ):
                    go_on(Deadline(min(_TURN, end.left() or 0.0)))
            before = time.monotonic()
            self._read(self._part(0.5))
            self._rebase()
            reading = time.monotonic() - before

    def _enumerate(self) -> None:
        """Enumerate every dichotomy in low dimension; the programs treat points that are not in
        general position.
        """
        table = self.table
        n_rows, dim = table.rows.shape
        if not 1 <= dim <= _HIGHEST_DIMENSION or not table.has_counts or table.n > 10**7:
            return
        half = sum(math.comb(n_rows - 1, k) for k in range(dim + 1))
        left = self._deadline.left()
        most = (
            _MOST_SIGN_TESTS
            if left is None
            else min(_MOST_SIGN_TESTS, 0.5 * _SIGN_TESTS * (left - _COMPILES))
        )
        aligned = (
            max(np.unique(column, return_counts=True)[1].max() for column in table.rows.T) > dim
        )
        if aligned or half * n_rows > most:
            return
        import jax

        points = table.unit_design[:, 1:] - 0.5
        try:
            with jax.enable_x64(True):
                paths = enumerate_paths(points, table.positives, table.negatives, self.baseline)
                optimal = int(np.flatnonzero(paths.cells)[0])
                if self._own is None and optimal < paths.errors:
                    found = enumerate_paths(points, table.positives, table.negatives)
                    self._realise(found.baseline[None])
                    self._rebase()
                    paths = enumerate_paths(points, table.positives, table.negatives, self.baseline)
                cells = np.asarray(dichotomies(points)) if half * n_rows <= _LARGEST_LIST else None
        except ValueError:  # not in general position
            return
        self.least = optimal
        self.n_optimal = int(paths.cells[optimal])
        rows = np.arange(n_rows)
        self.lower[1 - self.baseline, rows] = paths.flip_errors
        for admitted in self.admitted:
            if admitted >= 0:
                self.caps[admitted] = float(
                    paths.discrepancy[min(int(admitted), len(paths.discrepancy) - 1)]
                )
        if cells is not None:
            self._realise_cells(cells)

    def _realise_cells(self, cells: Int[np.ndarray, "cells rows"]) -> None:
        """Find weights for those cells that line searches have missed."""
        errors = np.where(cells == 1, self.table.negatives, self.table.positives).sum(axis=1)
        differs = cells != self.baseline
        low, high = self.flips()
        wanted = {
            int(np.flatnonzero(differs[:, row] & (errors == low[row]))[0])
            for row in np.flatnonzero(low < high)
        }
        for admitted in self.admitted:
            disagreement = np.where(errors <= self.reach(admitted), differs @ self.table.totals, -1)
            wanted.add(int(disagreement.argmax()))
        self._realise(cells[sorted(wanted)])

    def _realise(self, wanted: Int[np.ndarray, "cells rows"]) -> None:
        found = [self.solver.widest(dichotomy.astype(int)) for dichotomy in wanted]
        self.known.add([one for one in found if one is not None])

    def _too_large(self) -> bool:
        """Tell whether setting up a program would take more time than is left."""
        left = self._deadline.left()
        n_rows = len(self.table.rows)
        return left is not None and n_rows**2 / 2 > _PAIRS * left

    def _bound(self, task: Task, deadline: Deadline) -> float:
        """Return a proved bound of a task's optimum, and keep the classifiers that the solver
        meets.
        """
        if self._too_large():
            return -task.sign * math.inf

        def watch(best: float, proved: float) -> None:
            self._bar.watch(task.sign * best, task.sign * proved)

        proof = self.solver.prove(task, deadline, watch)
        self.n_failures += proof.status == "gave up"
        return proof.bound

    def _prove_least(self) -> None:
        self._bar.advance()
        if self.proved_least:
            return
        bound = self._bound(least_errors(self.table), self._part(0.3))
        self.least = max(self.least, bound)
        self.known.note("least", self.least)
        self._rebase()

    def _find_optimal(self) -> None:
        """Find all optimal classifiers: h_0 becomes the one with the largest margin, and the others
        decide rows that ties leave open.
        """
        table = self.table
        if self._own is not None or not self.proved_least or self._too_large():
            return
        if self.n_optimal:  # enumeration has counted them
            self.knows_all_optimal = True
            return
        if self.known.noted("optimal") == len(self.known.optimal()):
            complete = True
            found = [self.solver.widest(one.astype(int)) for one in self.known.optimal()]
            optima = [one for one in found if one is not None]
            optima.sort(key=widest_first)
        else:
            near = self.solver.within(self.least, _MOST_OPTIMAL, self._part(0.2))
            complete = near.complete
            optima = list(near.classifiers)
            if complete:
                self.known.note("optimal", float(len(self.known.optimal())))
        self.n_optimal = max(len(optima), 1)
        self.knows_all_optimal = complete
        if optima and not np.array_equal(optima[0].dichotomy, self.baseline):
            self.baseline = optima[0].dichotomy
            self.caps = {}
        if complete and table.has_counts:
            optimal = self.known.optimal()
            tied = np.stack([(optimal == side).any(axis=0) for side in (0, 1)])
            self.lower = np.maximum(self.lower, np.where(tied, self.least, self.least + 1))

    def _prove_disagreement(self) -> None:
        table = self.table
        for number, admitted in enumerate(self.admitted):
            self._bar.advance()
            name = f"disagreement {admitted!r}"
            kept = self.known.noted(name, self.baseline)
            if kept is not None:
                self.caps[admitted] = -kept
            reached = self.known.most(self.baseline, self.reach(admitted))
            if self.cap(admitted) <= reached + self.slack or self._over():
                continue
            deadline = self._part(0.4 / (len(self.admitted) - number))
            bound = self._bound(most_disagreement(table, self.baseline, admitted), deadline)
            self._rebase()
            self.caps[admitted] = min(self.caps.get(admitted, math.inf), bound)
            self.known.note(name, -self.caps[admitted], self.baseline)

    def _prove_flips(self) -> None:
        """Prove bounds of E_u row by row, in rounds of growing time.

        The rows on which a tolerance depends come first, and among them those with most samples.
        """
        rounds = 0
        while self._wanted().any() and not self._over() and not self._too_large():
            before = self.lower.copy()
            if self._workers > 1:
                self._prove_flips_in_processes()
            else:
                for row in self._ordered():
                    if self._over():
                        return
                    self._prove_flip(
                        row, self._part(2.0**rounds / 100) if self._limited else Deadline(None)
                    )
            rounds += 1
            if not self._limited or (rounds > 8 and np.array_equal(before, self.lower)):
                return

    def _ordered(self) -> Iterator[int]:
        low, high = self.flips()
        reaches = np.array([self.reach(admitted) for admitted in self.admitted])[:, None]
        decides = ((low <= reaches) & (reaches < high)).sum(axis=0) * self.table.totals
        yield from (int(row) for row in np.argsort(-decides, kind="stable") if self._wanted()[row])

    def _prove_flip(self, row: int, deadline: Deadline) -> None:
        side = 1 - int(self.baseline[row])
        bound = self._bound(least_errors(self.table, {row: side}), deadline)
        self.lower[side, row] = max(self.lower[side, row], bound)
        self.known.note(f"side {side} {row}", self.lower[side, row])
        self._bar.advance()
        self._rebase()

    def _prove_flips_in_processes(self) -> None:
        rows = np.array(list(self._ordered()))
        left = self._deadline.left()
        each = None if left is None else max(left * self._workers / len(rows), 1e-3)
        found = flip_errors(
            self.table, self.baseline, rows=rows, workers=self._workers, time_limit=each
        )
        for row, solution in zip(rows.tolist(), found.solutions, strict=True):
            self._absorb(row, solution)

    def _absorb(self, row: int, solution: Solution) -> None:
        self.known.add([Classifier(solution.weights, solution.dichotomy)])
        side = 1 - int(self.baseline[row])
        if solution.certificate == "exact":
            self.lower[side, row] = max(self.lower[side, row], solution.bound)
            self.known.note(f"side {side} {row}", self.lower[side, row])
        self._bar.advance()

    def _resume(self) -> None:
        kept = self.known.noted("least")
        self.least = self.least if kept is None else max(self.least, kept)
        for row in range(len(self.table.rows)):
            for side in (0, 1):
                kept = self.known.noted(f"side {side} {row}")
                if kept is not None:
                    self.lower[side, row] = max(self.lower[side, row], kept)
