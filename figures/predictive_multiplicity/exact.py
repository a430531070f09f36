"""Exact answers for COMPAS, which several figures of this paper share."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.solver import Solution
from sims.linear_dichotomies.table import Table, aggregate
from sims.predictive_multiplicity.domains import Target

TOLERANCES = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
SECONDS = 60
"""Limit of each program; where it was too short the figures draw bars up to the proved bound."""


class Solved(NamedTuple):
    """A table, the optimal baseline of largest margin, the flips of all rows, and the discrepancy
    path.
    """

    table: Table
    baseline: Solution
    flips: observed.FlipErrors
    path: observed.DiscrepancyPath


def solve(table: Table, tolerances: Sequence[float]) -> Solved:
    """Solve every program of a table."""
    baseline = observed.co_optimal(table).solutions[0]
    flips = observed.flip_errors(table, baseline, time_limit=SECONDS)
    path = observed.discrepancy_path(table, baseline, tolerances, time_limit=SECONDS)
    return Solved(table, baseline, flips, path)


def features_without_race(samples: observed.Compas, features: Sequence[str] | None) -> list[int]:
    """The columns that the classifiers see: those named, or all but race."""
    return [
        column
        for column, name in enumerate(samples.columns)
        if (name in features if features is not None else not name.startswith("race"))
    ]


def solved_compas(
    target: Target, tolerances: Sequence[float], features: Sequence[str] | None
) -> Solved:
    """Everything about COMPAS without race; its samples are in the order of `compas_samples`."""
    return _solved_compas(target, tuple(tolerances), None if features is None else tuple(features))


@cache
def _solved_compas(
    target: Target, tolerances: tuple[float, ...], features: tuple[str, ...] | None
) -> Solved:
    samples = observed.compas_samples(target)
    columns = features_without_race(samples, features)
    names = [samples.columns[column] for column in columns]
    table = aggregate(samples.features[:, columns], samples.labels, samples.counts, names)
    return solve(table, tolerances)


def ambiguous_rows(solved: Solved, admitted: int) -> Bool[np.ndarray, "rows"]:
    """The rows that a competitor with at most `admitted` errors more than the baseline predicts
    otherwise.
    """
    return solved.flips.errors <= solved.baseline.errors + admitted


def counts(table: Table) -> tuple[Int[np.ndarray, "rows"], Int[np.ndarray, "rows"]]:
    """n+ and n- of the rows."""
    return table.positives, table.negatives
