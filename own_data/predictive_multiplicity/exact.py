"""Predictive multiplicity of linear classifiers on a user's own samples, with a proof for each number."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from own_data.predictive_multiplicity.baseline import baseline_on
from own_data.predictive_multiplicity.competitors import Competitors
from own_data.predictive_multiplicity.inputs import group_numbers, names_of, table_of
from own_data.predictive_multiplicity.result import Multiplicity
from own_data.predictive_multiplicity.views import Views
from sims.predictive_multiplicity import Solution, discrepancy_path, flip_errors
from sims.predictive_multiplicity._domains import Folder, Labels, Samples, SampleWeights, Solver, TimeLimit, Workers
from sims.predictive_multiplicity.progress import ProgressSetting
from theory_on_trial.contract import ANY_NUMBER, UNIT_INTERVAL, guarded

Tolerances = Annotated[Sequence[float] | Float[np.ndarray, " tolerances"], UNIT_INTERVAL]
"""Tolerances of the error rate, at least one."""


@guarded(double=False)  # the solvers' own comparisons want Python's floats
def multiplicity(
    X: Samples,
    y: Labels,
    epsilons: Tolerances,
    *,
    baseline: Any = None,
    sample_weight: SampleWeights | None = None,
    groups: Annotated[Any, ANY_NUMBER] = None,
    solver: Solver = "highs",
    time_limit: TimeLimit = None,
    workers: Workers = 1,
    progress: ProgressSetting = "auto",
    cache: Folder | None = None,
) -> Multiplicity:
    """The exact discrepancy and ambiguity of linear classifiers on a sample, at every error tolerance.

    A classifier competes with the baseline h_0 at ε if its error rate is at most ε higher. Discrepancy is the largest
    share of predictions that one competitor changes, ambiguity the share that some competitor changes. Equal rows count
    as one, so the number of distinct rows decides about the time, not n: seconds at about 150 rows of small integers or
    bins; continuous features in general position should be binned, or have no more than some dozens of samples.

    Args:
        X: features, [n, d], an array or a data frame, without a column for the intercept.
        y: labels -1 or +1, [n].
        epsilons: tolerances of the error rate; the answers are by increasing tolerance, each once.
        baseline: a linear model of your own, optimal or not: fitted, with a `decision_function` of X (scikit-learn's,
            also at the end of a pipeline), or its coefficients, the intercept first. None: the optimal classifier of
            the largest margin, of those known after 100 (discrepancy and ambiguity may depend on which one is taken).
        sample_weight: how often each sample counts, [n]; once each if not given.
        groups: of each sample, [n], names or numbers: adds what happens to whom. It is not a feature.
        solver: "highs", or "scip" (`pip install pyscipopt`).
        time_limit: seconds for each integer program, one per distinct row and tolerance and two for the baseline; where
            it is too short the answers are proved bounds, and labelled as such.
        workers: processes that share the programs of the rows.
        progress: a bar on a terminal if "auto", always or never if True or False, or a function of
            (done, total, incumbent, bound).
        cache: folder from which an interrupted call resumes.

    Raises:
        TypeError: for features or coefficients that are not numbers.
        ValueError: for an X that is no table with rows or not finite, weights that are all zero, lengths that do not
            match, a group that is missing or without weight, features so different in size that rounding decides, and a
            baseline that is not linear on these rows or has a score of 0.
        ImportError: for a solver that is not installed.

    Source: the definitions of Marx, Calmon & Ustun 2020; solved and proved as derived here.

    >>> corners, labels = [[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1]
    >>> found = multiplicity(corners, labels, epsilons=[0.0, 0.25], sample_weight=[25, 25, 25, 25], progress=False)
    >>> found.summary[["discrepancy", "ambiguity", "proved"]].values.tolist()
    [[0.5, 1.0, True], [0.75, 1.0, True]]
    """
    table, kept = table_of(X, y, sample_weight)
    columns = names_of(X, np.shape(X)[1])
    tolerances = np.unique(np.asarray(epsilons, float))
    weights = np.ones(len(table.row_of_sample)) if sample_weight is None else np.asarray(sample_weight, float)
    group_of = None if groups is None else group_numbers(groups, weights)

    def coefficients(solution: Solution) -> Float[np.ndarray, " coefficients"]:
        spread = np.zeros(len(columns) + 1)
        spread[np.append(0, kept + 1)] = solution.weights
        return spread

    try:
        h_0 = baseline_on(table, X, baseline, coefficients, solver=solver, time_limit=time_limit, progress=progress)
        flips = flip_errors(
            table, h_0.dichotomy, solver=solver, time_limit=time_limit, workers=workers, progress=progress, cache=cache
        )
        path = discrepancy_path(
            table, h_0.dichotomy, tolerances, solver=solver, time_limit=time_limit, progress=progress, cache=cache
        )
    except RuntimeError as error:
        if "rounding" not in str(error):
            raise
        raise ValueError(f"X must have features of one size, and rows that rounding tells apart: {error}") from error
    found = {one.dichotomy.tobytes(): one for one in (*flips.solutions, *path.solutions)}
    found.pop(h_0.dichotomy.tobytes(), None)
    competitors = Competitors(
        table,
        h_0.dichotomy,
        np.array([one.dichotomy for one in found.values()]),
        np.array([coefficients(one) for one in found.values()]),
        np.array([one.errors for one in found.values()], table.totals.dtype),
    )
    views = Views(competitors, path, flips)
    index = X.index if isinstance(X, pd.DataFrame) else None
    return Multiplicity(
        columns=columns,
        dropped=tuple(columns[int(number)] for number in table.dropped),
        baseline=h_0,
        summary=views.summary(),
        classifiers=views.classifiers(columns),
        people=views.people(index),
        conflicts=views.conflicts(index),
        groups=None if group_of is None else views.groups(*group_of, weights),
        competitors=competitors,
    )
