"""Predictive multiplicity of linear classifiers on a user's own samples, with a proof for each
number.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from own_data.predictive_multiplicity.inputs import (
    Own,
    Sample,
    group_numbers,
    own_baseline,
    sample_of,
)
from own_data.predictive_multiplicity.known import Folder
from own_data.predictive_multiplicity.result import Baseline, Competitors, Multiplicity, Views
from own_data.predictive_multiplicity.search import ProgressSetting, Search, progress_of
from sims.linear_dichotomies.deadline import Deadline
from sims.linear_dichotomies.domains import SampleWeights, TimeLimit
from sims.linear_dichotomies.tasks import tolerance_of
from sims.predictive_multiplicity.measures import Workers
from theory_on_trial.contract import Interval, guarded
from theory_on_trial.own_data.answer import Doubt
from theory_on_trial.own_data.table import Handed

Tolerances = Annotated[Sequence[float] | Float[np.ndarray, " tolerances"], Interval(-1, 1)]
"""Tolerances of the error rate, at least one."""


@guarded(double=False)  # the solvers' own comparisons want Python's floats
def multiplicity(
    X: Handed,
    y: Handed,
    epsilons: Tolerances = (0.0, 0.01, 0.02, 0.05),
    *,
    baseline: Any = None,
    sample_weight: SampleWeights | None = None,
    groups: Handed = None,
    time_limit: TimeLimit = None,
    workers: Workers = 1,
    progress: ProgressSetting = "auto",
    cache: Folder | None = None,
) -> Multiplicity:
    """Bound how many predictions depend on the choice among linear classifiers of nearly the least
    error.

    A classifier is a competitor at a tolerance ε if its error rate exceeds that of the baseline by
    at most ε. The discrepancy is the largest share of predictions that a single competitor
    changes. The ambiguity is the share of predictions that at least one competitor changes.

    Args:
        X: the features, one row for each sample, without a column for the intercept.
        y: the labels of two classes; the second in sorted order is the positive one.
        epsilons: the tolerances ε of the error rate, from -1 to 1.
        baseline: a fitted linear model, or its coefficients with the intercept first; the default
            is the best linear classifier.
        sample_weight: how often each sample counts; once by default.
        groups: the group of each sample, to show how strongly each group is affected.
        time_limit: the time in seconds after which the function returns what it has proved; there
            is no limit by default.
        workers: the number of processes.
        progress: True for a bar, "auto" for a bar on a terminal only, False for none, or a function
            of (done, total, incumbent, bound).
        cache: a folder for results, from which a later call continues.

    Raises TypeError or ValueError, with a sentence that names the argument. Source: Marx, Calmon &
    Ustun 2020, arXiv 1909.06677.

    >>> corners, labels = [[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1]
    >>> weights = [25, 25, 25, 25]
    >>> found = multiplicity(
    ...     corners, labels, epsilons=[0.0, 0.25], sample_weight=weights, progress=False
    ... )
    >>> found.by_tolerance[["discrepancy", "ambiguity", "proved"]].values.tolist()
    [[0.5, 1.0, True], [0.75, 1.0, True]]
    """
    deadline = Deadline(time_limit)
    sample = sample_of(X, y, sample_weight)
    table = sample.table
    tolerances = np.unique(np.asarray(epsilons, float))
    admitted = [tolerance_of(table, epsilon) for epsilon in tolerances.tolist()]
    weights = (
        np.ones(len(table.row_of_sample))
        if sample_weight is None
        else np.asarray(sample_weight, float)
    )
    group_of = None if groups is None else group_numbers(groups, weights)
    own = None if baseline is None else own_baseline(sample, X, baseline)
    with progress_of(progress, "multiplicity", 1 + len(set(admitted)) + len(table.rows)) as bar:
        search = Search(
            table,
            None if own is None else own.dichotomy,
            admitted,
            start=None if own is None else own.weights,
            deadline=deadline,
            workers=workers,
            cache=cache,
            bar=bar,
        )
        search.run()
        bar.finish()
    h_0, competitors, unwritten = _found(sample, search, own, baseline)
    views = Views(competitors, search, tolerances, admitted)
    index = None if sample.names is None else pd.Index(sample.names)
    by_tolerance = views.by_tolerance()
    return Multiplicity(
        columns=sample.columns,
        dropped=tuple(sample.columns[int(number)] for number in table.dropped),
        positive=sample.positive,
        baseline=h_0,
        by_tolerance=by_tolerance,
        classifiers=views.classifiers(sample.columns),
        people=views.people(index),
        conflicts=views.conflicts(index),
        groups=None if group_of is None else views.groups(*group_of, weights),
        competitors=competitors,
        stopped=search.stopped,
        doubts=tuple(_doubts(sample, search, by_tolerance, unwritten)),
        missing=_missing(sample),
    )


def _found(
    sample: Sample, search: Search, own: Own | None, model: Any
) -> tuple[Baseline, Competitors, int]:
    """Return the baseline, its competitors, and the number of classifiers whose coefficients in the
    user's units double precision cannot hold.
    """
    table = sample.table
    known = search.known
    coefficients = sample.coefficients(known.weights)
    rows = np.zeros((len(table.rows), len(sample.columns)))
    rows[:, sample.kept] = (table.rows + sample.centres) / sample.units
    differs = ((coefficients[:, :1] + coefficients[:, 1:] @ rows.T > 0) != known.dichotomies).any(
        axis=1
    )
    unwritten = 0
    for which in np.flatnonzero(
        differs
    ):  # the margin decides whether rounding matters: take the largest
        widest = search.solver.widest(known.dichotomies[which].astype(int))
        if widest is not None:
            coefficients[which] = sample.coefficients(widest.weights[None])[0]
        scores = coefficients[which, 0] + rows @ coefficients[which, 1:]
        unwritten += int(((scores > 0) != known.dichotomies[which]).any())
    is_base = (known.dichotomies == search.baseline).all(axis=1)
    high = known.errors.min().item()
    least = high if search.proved_least else min(search.least, high)
    h_0 = Baseline(
        search.baseline,
        model if own is not None else coefficients[is_base.argmax()],
        (int(least) if table.has_counts else least, high),
        is_own=own is not None,
        n_optimal=search.n_optimal,
        knows_all_optimal=search.knows_all_optimal,
    )
    others = ~is_base
    dichotomies = known.dichotomies[others].astype(int)
    competitors = Competitors(
        table, search.baseline, dichotomies, coefficients[others], known.errors[others]
    )
    return h_0, competitors, unwritten


def _doubts(
    sample: Sample, search: Search, by_tolerance: pd.DataFrame, unwritten: int
) -> Iterator[Doubt]:
    table = sample.table
    for measure in ("discrepancy", "ambiguity"):
        gap = float((by_tolerance[f"{measure} at most"] - by_tolerance[measure]).max())
        if gap > search.slack / table.n:
            sizes = f"{len(table.rows)} distinct rows of {table.rows.shape[1]} features"
            why = {
                "": f"the programs did not prove it for {sizes}",
                "interrupted": "the search was interrupted",
            }.get(search.stopped, f"the time limit ended the search for {sizes}")
            yield Doubt(f"only bounds of the {measure} are known: {why}", gap, f"of the {measure}")
    errors = search.known.errors.min().item()
    if not search.proved_least:
        gap = (errors - search.least) / table.n
        yield Doubt("a classifier better than all known ones may exist", gap, "of the error rate")
    if search.n_optimal > 1 and search.baseline is not None:
        ties = search.known.most(search.baseline, errors) / table.n
        yield Doubt(
            "other optimal classifiers may be the baseline as well", ties, "of the predictions"
        )
    wrong = table.errors(search.baseline)
    constant = min(table.positives.sum(), table.negatives.sum())
    if search.has_own and wrong > constant:
        yield Doubt(
            f"the baseline errs on {wrong / table.n:.0%} of the samples, and one and the same "
            f"answer for all on {constant / table.n:.0%}: are its labels, columns or units those "
            "of X and y?",
            float((wrong - constant) / table.n),
            "of the error rate",
        )
    if sample.n_near:
        near = (
            f"{sample.n_near} rows are within 1e-9 of each feature's range of another row: round "
            "them, or drop copies"
        )
        yield Doubt(near, sample.n_near / len(table.rows), "of the rows")
    if unwritten:
        yield Doubt(
            f"coefficients of {unwritten} competitors need more than double precision", np.inf, ""
        )
    if search.n_failures:
        yield Doubt(
            f"the solver gave up on {search.n_failures} programs and did not improve their bounds",
            0.0,
            "",
        )


def _missing(sample: Sample) -> str:
    n_rows = len(sample.table.rows)
    n_dims = len(sample.kept) + 1
    if n_rows > n_dims:
        return ""
    return (
        f"a linear classifier can label these {n_rows} distinct rows of {n_dims - 1} independent "
        "features in any way, "
        f"so that only the tolerance matters; the question needs more than {n_dims} distinct rows, "
        "or fewer features"
    )
