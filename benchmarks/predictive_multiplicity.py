"""Compare proofs of optimality on COMPAS, and what searches of ten seconds find.

`python -m benchmarks.predictive_multiplicity [--quick]` prints the tables; `--quick` takes about
half a minute.

On COMPAS (arrest) the 0/1 formulation stands beside big-M and the published one, by the same
solver, on 137 distinct rows. Slow contenders get some of the rows only: their time for all is
extrapolated, and marked by ~; > marks a time limit that came first. Then four contenders search as
long as each other, around the same rule: the tool for users' own data, two pools of penalised fits,
and the published program. The time by which the first run exceeds a later one (imports,
compilation) has its own column. Processes, turns and seconds are those of
`benchmarks.side_by_side`.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.side_by_side import Response, command, compare, timed
from sims.linear_dichotomies.table import aggregate

MODULE = "benchmarks.predictive_multiplicity"
AT_LEAST = 0.5  # seconds for which a fast contender repeats its task

OURS = "0/1, HiGHS"
PROGRAMS = {OURS: "margin_free", "big-M, HiGHS": "big_m", "published, HiGHS": "published"}
TASKS = ("baseline", "flips", "discrepancy at 1 %")
AROUND = 0.05  # the one tolerance

LAST: dict[str, Any] = {
    "figure_of": lambda name, answers: answers[-1]["result"],
    "mark": lambda name, answers: answers[-1]["mark"],
}

TOOL = "multiplicity"
PUBLISHED = "published, HiGHS, discrepancy"
PENALISED = "penalised fits on re-weighted samples"
TILTED = "penalised fits tilted at random"
POOLS: list[tuple[str, int, int, float]] = [  # data, n, d, tolerance
    *[
        ("normal", n, d, AROUND)
        for n, d in ((100, 2), (500, 5), (1000, 10), (2000, 20), (5000, 40))
    ],
    ("heavy tails", 600, 6, 0.02),
    ("binary", 800, 10, 0.02),
    ("COMPAS", 6172, 13, 0.01),
    ("breast cancer", 569, 30, 0.01),
    ("breast cancer", 569, 30, 0.05),
]


def compas_task(task: str, name: str, limit: float, n_rows: int) -> Callable[[], tuple[str, float]]:
    """Return a function that solves the task, and returns the result and the share of the task that
    it has done, 0 if it failed to.

    A program has `limit` seconds; slow contenders find the flips of `n_rows` rows.
    """
    from sims import predictive_multiplicity as observed

    table = observed.compas()
    formulation = PROGRAMS[name]
    options: dict[str, Any] = {"formulation": formulation, "time_limit": limit}
    h_0 = observed.co_optimal(table).solutions[0]
    rows = np.arange(len(table.rows))
    slow = formulation != "margin_free"
    some = rows[:: len(rows) // n_rows] if slow else rows

    def bracket(value: float, bound: float, share: float = 1.0) -> tuple[str, float]:
        return (
            (f"{value:g}", share)
            if value == bound
            else (f"{min(value, bound):g} to {max(value, bound):g}", 0.0)
        )

    def baseline():
        solution = observed.minimise_errors(table, **options)
        return bracket(solution.value, solution.bound)

    def flips():
        found = observed.flip_errors(table, h_0, rows=some, **options)
        proved = int((found.errors == found.bounds).sum())
        return f"{proved} of {len(some)} proved", len(some) / len(rows) * (proved == len(some))

    def discrepancy():
        path = observed.discrepancy_path(table, h_0, [0.01], **options)
        return bracket(path.disagreement[0], path.bounds[0])

    return dict(zip(TASKS, (baseline, flips, discrepancy), strict=True))[task]


def answer_task(task: str, name: str, limit: float, n_rows: int) -> Callable[[int], Response]:
    run = compas_task(task, name, limit, n_rows)
    fast = name == OURS

    def answer(round_: int) -> Response:
        if round_ == 0 and not fast:  # nothing is compiled, and the time would double
            return {"seconds": 0.0}
        seconds, (result, share) = timed(run)
        runs = 1
        while fast and runs * seconds < AT_LEAST:
            more, _ = timed(run)
            seconds = (runs * seconds + more) / (runs + 1)
            runs = runs + 1
        mark = ">" if not share else "~" if share < 1 else ""
        return {"seconds": seconds / (share or 1), "result": result, "mark": mark}

    return answer


def compare_task(task: str, names: list[str], limit: float, n_rows: int) -> None:
    compare(
        MODULE,
        f"COMPAS arrest: {task}",
        {name: ("task", task, name, limit, n_rows) for name in names},
        1,
        ours=[OURS],
        figure="result",
        **LAST,
    )


def sample(kind: str, round_: int, n: int, d: int):
    """Return points, labels, and a linear rule as the baseline. For normal points it is the true
    rule, and for others a logistic fit.
    """
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng((round_, n, d))
    if kind == "normal":  # a quarter of the labels of Σ x > 0 are wrong
        points = rng.standard_normal((n, d))
        return (
            points,
            (points.sum(axis=1) > 0) ^ (rng.random(n) < 0.25),
            np.concatenate([[0.0], np.ones(d)]),
        )
    if kind == "COMPAS":
        from sims.predictive_multiplicity import compas

        table = compas()
        rows = np.concatenate(
            [np.repeat(np.arange(len(table.rows)), n) for n in (table.positives, table.negatives)]
        )
        points = table.rows[rows]
        labels = np.arange(len(rows)) < table.positives.sum()
    elif kind == "breast cancer":
        from sklearn.datasets import load_breast_cancer

        points, labels = load_breast_cancer(return_X_y=True)
    else:
        points = (
            rng.standard_t(1.5, (n, d))
            if kind == "heavy tails"
            else rng.integers(2, size=(n, d)) - 0.5
        )
        labels = rng.random(n) < 1 / (1 + np.exp(-2 * np.tanh(points) @ rng.normal(size=d)))
    spread = points.std(axis=0)
    fit = LogisticRegression(max_iter=1000).fit(points / spread, labels)
    return points, labels == 1, np.concatenate([fit.intercept_, fit.coef_[0] / spread])


def fits_of(points, labels, rng):
    """Yield penalised logistic regressions without end, each on samples with random weights."""
    from sklearn.linear_model import LogisticRegression

    while True:
        weights = rng.exponential(size=len(points)) ** rng.uniform(0, 2)
        model = LogisticRegression(
            C=10 ** rng.uniform(-3, 2), l1_ratio=float(rng.integers(2)), solver="liblinear"
        )
        found = model.fit(points, labels, sample_weight=weights)
        yield np.concatenate([found.intercept_, found.coef_[0]])[None]


def tilts_of(points, labels, rng):
    """Yield blocks of linear rules without end: logistic regressions of four penalties, each tilted
    at random by up to three lengths.
    """
    from sklearn.linear_model import LogisticRegression

    fits = [
        LogisticRegression(C=penalty, max_iter=500).fit(points, labels)
        for penalty in (0.01, 1.0, 100.0, 1e4)
    ]
    starts = np.array([np.concatenate([fit.intercept_, fit.coef_[0]]) for fit in fits])
    starts /= np.linalg.norm(starts, axis=1, keepdims=True)
    while True:
        tilts = (
            rng.normal(size=(max(1, 2_000_000 // len(points)), starts.shape[1]))
            / starts.shape[1] ** 0.5
        )
        yield (
            starts[rng.integers(4, size=len(tilts))]
            + 10 ** rng.uniform(-3, 0.5, (len(tilts), 1)) * tilts
        )


def answer_pool(
    name: str, kind: str, n: int, d: int, tolerance: float, limit: float
) -> Callable[[int], Response]:
    """Return a function of a round that gives what a contender has found after `limit` seconds by
    the clock, at one tolerance and around one rule.
    """
    from own_data.predictive_multiplicity import multiplicity
    from sims import predictive_multiplicity as observed

    def tool(points, labels, rule):
        found = multiplicity(
            points, labels, [tolerance], baseline=rule, time_limit=limit, progress=False
        )
        row = found.by_tolerance.iloc[0]
        return (
            row["discrepancy"],
            row["ambiguity"],
            row["discrepancy at most"],
            row["ambiguity at most"],
        )

    def pool(points, labels, rule):
        baseline = rule[0] + points @ rule[1:] > 0
        discrepancy = 0
        within = np.zeros(n, bool)
        most = int((labels != baseline).sum()) + int(tolerance * n)
        end = time.monotonic() + limit
        scaled = (points - points.mean(axis=0)) / points.std(axis=0)
        warnings.simplefilter("ignore")  # what has not converged is a classifier all the same
        weights_of: Callable[..., Any] = fits_of if name == PENALISED else tilts_of
        for weights in weights_of(scaled, labels, np.random.default_rng(n)):
            predicted = weights[:, :1] + weights[:, 1:] @ scaled.T > 0
            differs = predicted[(predicted != labels).sum(axis=1) <= most] != baseline
            discrepancy = max(discrepancy, int(differs.sum(axis=1).max(initial=0)))
            within |= differs.any(axis=0)
            if time.monotonic() > end:
                return discrepancy / n, within.mean(), 1.0, 1.0

    def published(points, labels, rule):
        table = aggregate(points, 2 * labels.astype(int) - 1)
        h_0 = np.zeros(len(table.rows), int)
        h_0[table.row_of_sample] = rule[0] + points @ rule[1:] > 0
        path = observed.discrepancy_path(
            table, h_0, [tolerance], formulation="published", time_limit=limit
        )
        # Ambiguity takes n programs more
        return (
            path.disagreement[0] / n,
            np.nan,
            path.bounds[0] / n,
            np.nan,
        )

    contenders: dict[str, Callable[..., Any]] = {TOOL: tool, PUBLISHED: published}
    contender = contenders.get(name, pool)

    def answer(round_: int) -> Response:
        # After a first round: what is compiled is not the search.
        seconds, (delta, alpha, *most) = timed(contender, *sample(kind, round_, n, d))
        bounds = (
            f" (at most {', '.join(f'{bound:.3f}' for bound in most)})"
            if name in (TOOL, PUBLISHED)
            else ""
        )
        return {
            "seconds": seconds,
            "result": f"{delta:.3f}, {alpha:.3f}{bounds}".replace("nan", "-"),
            "mark": "",
        }

    return answer


def compare_pools(kind: str, n: int, d: int, tolerance: float, limit: float, rounds: int) -> None:
    names = [TOOL, PENALISED, TILTED, *[PUBLISHED] * (kind == "normal")]
    compare(
        MODULE,
        f"{limit:g} s each: {kind}, n = {n}, d = {d}, tolerance {tolerance:.0%}",
        {name: ("pool", name, kind, n, d, tolerance, limit) for name in names},
        rounds,
        ours=[TOOL],
        figure="discrepancy and ambiguity found, last round:",
        **LAST,
    )


def run(quick: bool) -> None:
    if quick:
        compare_pools(*POOLS[0], 2.0, 1)
        for task in ("baseline", "flips"):
            compare_task(task, [OURS, "big-M, HiGHS"], 10.0, 4)
        return
    for task in TASKS:
        compare_task(task, list(PROGRAMS), 120.0, 6)
    for pool in POOLS:
        compare_pools(*pool, 10.0, 1)


def answer_seed(kind: str, *workload: Any) -> Callable[[int], Response]:
    return {"task": answer_task, "pool": answer_pool}[kind](*workload)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
