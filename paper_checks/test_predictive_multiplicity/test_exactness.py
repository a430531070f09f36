"""The integer programs give what meeting every linear dichotomy gives, in each formulation and form of the table."""

import numpy as np

from paper_checks.test_predictive_multiplicity import (
    DEFINITIONS,
    DERIVED,
    EXCLUSIVE_OR,
    FORMULATIONS,
    labelled_corners,
    lattice_set,
    lattice_table,
)
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, ours

WITH_WEIGHTS = ("big_m", "published")
EPSILONS = (0.0, 0.05, 0.1, 0.3)


def counts(table):
    """The counts of both labels, as the theory takes them."""
    return table.positives, table.negatives


@claim(ours(FORMULATIONS), kind="optimality")
def test_erm__exact(trial, n_sets=10):
    """The mixed-integer programs find the fewest errors of all linear dichotomies, as released or shortened."""
    rng = trial.generator("sets")
    tables = [lattice_table(rng) for _ in range(n_sets)]
    exact = [int(predicted.errors_of(predicted.linear_dichotomies(t.rows), *counts(t)).min()) for t in tables]
    constant = [min(table.positives.sum(), table.negatives.sum()) for table in tables]
    for formulation in WITH_WEIGHTS:
        found = [observed.minimise_errors(table, formulation=formulation).errors for table in tables]
        trial.identity(found, exact, ops=0, controls={"the best constant": constant})
    # A margin beyond that of the best dichotomy (1/5 on exclusive or) loses it.
    table = labelled_corners(EXCLUSIVE_OR)
    best = predicted.errors_of(predicted.linear_dichotomies(table.rows), *counts(table)).min()
    trial.identity(
        np.round(observed.uncertified_errors(table, 0.19).reported),
        best,
        ops=0,
        wrong_processes={"margin 0.21": np.round(observed.uncertified_errors(table, 0.21).reported)},
    )


@claim(ours(FORMULATIONS), kind="optimality")
def test_flip__exact(trial, n_sets=2):
    """The flip programs find, for every row, the fewest errors of a linear dichotomy that flips it."""
    rng = trial.generator("sets")
    for formulation in WITH_WEIGHTS:
        found, exact, lost = [], [], []
        for _ in range(n_sets):
            table = lattice_table(rng)
            baseline = observed.minimise_errors(table)
            found.append(observed.flip_errors(table, baseline, formulation=formulation).errors)
            lost.append(observed.flip_errors(table, baseline, formulation=formulation, margin=0.25).errors)
            cells = predicted.linear_dichotomies(table.rows)
            exact.append(predicted.flip_errors_of(cells, baseline.dichotomy, *counts(table)))
        trial.identity(found, exact, ops=0, wrong_processes={"margin 1/4": lost})


@claim(ours(FORMULATIONS), kind="optimality")
def test_disc__exact(trial, n_sets=2):
    """The discrepancy program, agreement stated on both sides, finds the most that one competitor changes."""
    rng = trial.generator("sets")
    for formulation in WITH_WEIGHTS:
        found, exact, one_sided = [], [], []
        for _ in range(n_sets):
            table = lattice_table(rng)
            baseline = observed.minimise_errors(table)
            found.append(observed.discrepancy_path(table, baseline, EPSILONS, formulation=formulation).disagreement)
            reports = [observed.one_sided_discrepancy(table, baseline, epsilon).reported for epsilon in EPSILONS]
            one_sided.append(np.round(reports))
            path = predicted.discrepancy_path_of(
                predicted.linear_dichotomies(table.rows), baseline.dichotomy, *counts(table)
            )
            exact.append(path[[predicted.tolerance_count(epsilon, table.n) for epsilon in EPSILONS]])
        trial.identity(found, exact, ops=0, wrong_processes={"agreement stated on one side": one_sided})


@claim(ours(DERIVED), kind="optimality")
def test_margin__free__exact(trial, n_sets=12):
    """Rows for circuits replace weights and margin: baseline, flips and discrepancy are those of all dichotomies."""
    rng = trial.generator("sets")
    found, exact, without_circuits = [], [], []
    for _ in range(n_sets):
        table = lattice_table(rng)
        baseline = observed.minimise_errors(table)
        cells = predicted.linear_dichotomies(table.rows)
        flips = observed.flip_errors(table, baseline)
        path = observed.discrepancy_path(table, baseline, EPSILONS)
        certificates = {one.certificate for one in (baseline, *flips.solutions, *path.solutions)}
        found.append([baseline.errors, *flips.errors, *path.disagreement, len(certificates - {"exact"})])
        steps = [predicted.tolerance_count(epsilon, table.n) for epsilon in EPSILONS]
        exact.append(
            [
                predicted.errors_of(cells, *counts(table)).min(),
                *predicted.flip_errors_of(cells, baseline.dichotomy, *counts(table)),
                *predicted.discrepancy_path_of(cells, baseline.dichotomy, *counts(table))[steps],
                0,
            ]
        )
        least = np.minimum(*counts(table)).sum()
        without_circuits.append([least, *(least + np.abs(table.positives - table.negatives)), *exact[-1][10:]])
    trial.identity(found, exact, ops=0, controls={"every labelling of the rows allowed": without_circuits})


@claim(ours(DEFINITIONS), kind="identity")
def test_ambiguity__cdf(trial, n_sets=8):
    """Ambiguity is the distribution function of the flip errors: one program per row gives the whole path."""
    rng = trial.generator("sets")
    found, exact, doubled, unweighted = [], [], [], []
    for _ in range(n_sets):
        table = lattice_table(rng)
        baseline = observed.minimise_errors(table)
        flips = observed.flip_errors(table, baseline)
        tolerances = np.arange(table.n + 1)
        path = observed.ambiguity_path(table, baseline, flips, tolerances / table.n)
        found.append(path.ambiguous)
        cells = predicted.linear_dichotomies(table.rows)
        exact.append(
            [predicted.ambiguity_of(cells, baseline.dichotomy, *counts(table), tolerance) for tolerance in range(41)]
        )
        doubled.append(path.ambiguous[np.minimum(2 * tolerances, table.n)])
        within = flips.errors <= baseline.errors + tolerances[:, None]
        unweighted.append(np.round(table.n * within.mean(axis=1)))
    wrong = {"a tolerance of 2 epsilon": doubled, "rows counted once each": unweighted}
    trial.identity(found, exact, ops=0, wrong_processes=wrong)


@claim(ours(DERIVED), kind="optimality")
def test_coverage__certificate(trial, n_sets=8, epsilon=0.05):
    """Taking the competitor that flips most of what is not covered yet, until none flips any, ends at the ambiguity."""
    rng = trial.generator("sets")
    found, exact, first = [], [], []
    for _ in range(n_sets):
        table = lattice_table(rng)
        baseline = observed.minimise_errors(table)
        coverage = observed.ambiguity_by_coverage(table, baseline, epsilon)
        found.append([coverage.ambiguous, coverage.bound])
        cells, tolerance = predicted.linear_dichotomies(table.rows), predicted.tolerance_count(epsilon, table.n)
        exact.append(2 * [predicted.ambiguity_of(cells, baseline.dichotomy, *counts(table), tolerance)])
        # Where nobody competes there is no solution at all, and nothing to cover.
        flipped = [table.disagreement(one.dichotomy, baseline.dichotomy) for one in coverage.solutions[:1]]
        first.append(2 * [sum(flipped)])
    trial.identity(found, exact, ops=0, wrong_processes={"stop after one program": first})


@claim(ours(DERIVED), kind="identity")
def test_aggregate(trial, n_sets=6, factor=3):
    """Equal rows may be merged with weights, and all counts multiplied: the shares stay what they are."""
    rng = trial.generator("sets")
    found, exact, unweighted = [], [], []
    for _ in range(n_sets):
        points, labels = lattice_set(rng, 24)
        # The theory sees each person on a row of their own.
        cells = predicted.linear_dichotomies(points)
        people = (labels == 1).astype(int), (labels == -1).astype(int)
        tables = [observed.aggregate(points, labels, np.full(24, times)) for times in (1, factor)]
        baseline = observed.minimise_errors(tables[0])
        own = baseline.dichotomy[tables[0].row_of_sample]
        flips = [predicted.flip_errors_of(cells, own, *people), predicted.discrepancy_path_of(cells, own, *people)[:8]]
        for table, times in zip(tables, (1, factor), strict=True):
            path = observed.discrepancy_path(table, baseline, np.arange(8) / 24)
            flip_errors = observed.flip_errors(table, baseline).errors[table.row_of_sample]
            found.append([*flip_errors, *path.disagreement])
            exact.append([times * count for part in flips for count in part])
        # Without weights a row counts once for each label that it has.
        distinct = np.unique(np.column_stack([points, labels]), axis=0)
        merged = observed.aggregate(distinct[:, :2], distinct[:, 2])
        path = observed.discrepancy_path(merged, baseline, np.arange(8) / 24)
        flip_errors = observed.flip_errors(merged, baseline).errors[tables[0].row_of_sample]
        unweighted += 2 * [[*flip_errors, *path.disagreement]]
    trial.identity(found, exact, ops=0, wrong_processes={"merged without weights": unweighted})


@claim(ours(DERIVED), kind="identity")
def test_invariance(trial, n_sets=6, scale=1e-4):
    """Linear maps, dependent columns, exchanged labels and the order of rows change nothing but the margin."""
    rng = trial.generator("sets")
    found, exact, scaled = [], [], []
    for _ in range(n_sets):
        points, labels = lattice_set(rng)
        plain = observed.aggregate(points, labels)
        cells = predicted.linear_dichotomies(plain.rows)
        baseline = observed.minimise_errors(plain)
        steps = [predicted.tolerance_count(epsilon, plain.n) for epsilon in EPSILONS]
        for sign in (1, -1):
            order = rng.permutation(len(points))
            mapped = points @ np.array([[2.0, 3.0], [1.0, 2.0]]) + np.array([5.0, -7.0])
            mapped = np.column_stack([mapped, mapped.sum(axis=1), np.full(len(points), 4.0)])[order]
            table = observed.aggregate(mapped, sign * labels[order])
            scores = sign * (2.0 * baseline.dichotomy[plain.row_of_sample] - 1)
            own = observed.baseline_of_scores(table, scores[order])
            flips = observed.flip_errors(table, own).errors[table.row_of_sample][np.argsort(order)]
            path = observed.discrepancy_path(table, own, EPSILONS).disagreement
            found.append([len(table.dropped), *flips, *path])
            flip_errors = predicted.flip_errors_of(cells, baseline.dichotomy, *counts(plain))[plain.row_of_sample]
            path = predicted.discrepancy_path_of(cells, baseline.dichotomy, *counts(plain))[steps]
            exact.append([2, *flip_errors, *path])
        scaled.append(observed.aggregate(points * [1.0, scale], labels))
    wrong = {"half the tolerance": [[*row[:-4], row[-4], *row[-4:-1]] for row in found]}
    trial.identity(found, exact, ops=0, wrong_processes=wrong)
    fewest = np.array([predicted.errors_of(predicted.linear_dichotomies(t.rows), *counts(t)).min() for t in scaled])
    margin_free = [observed.minimise_errors(table).errors for table in scaled]
    finite = [round(observed.uncertified_errors(table, 1e-3).reported) for table in scaled]
    trial.identity(margin_free, fewest, ops=0, wrong_processes={"margin 1e-3, one feature scaled by 1e-4": finite})
