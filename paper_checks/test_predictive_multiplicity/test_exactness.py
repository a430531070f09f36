"""The integer programs give what meeting every linear dichotomy gives, in each formulation and form
of the table.
"""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np

from paper_checks.test_predictive_multiplicity import (
    EXCLUSIVE_OR,
    Dim,
    NPoints,
    NSets,
    apart,
    labelled_corners,
    lattice_set,
    over,
    over_lattices,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.table import aggregate
from theory import predictive_multiplicity as predicted
from theory_on_trial import abstract, claim, derived
from theory_on_trial.contract import Interval

EXACTLY = abstract(
    "We introduce formal measures to evaluate the severity of predictive multiplicity and develop "
    "integer programming "
    "tools to compute them exactly for linear classification problems."
)

WithWeights = Literal["big_m", "published"]
"""The formulations with weights and margin: shortened, and as released."""
BOTH = [(dim, formulation) for dim in (2, 3) for formulation in ("big_m", "published")]
EPSILONS = (0.0, 0.05, 0.1, 0.3)


def answers_of(table, baseline):
    """Errors of all flips, and discrepancies at `EPSILONS`, over all dichotomies of a table."""
    cells = predicted.linear_dichotomies(table.rows)
    best = baseline.dichotomy
    steps = [predicted.tolerance_count(epsilon, table.n) for epsilon in EPSILONS]
    path = predicted.discrepancy_path_of(cells, best, *table.by_label)
    return predicted.flip_errors_of(cells, best, *table.by_label), path[steps]


def fewest_errors(table):
    """The fewest errors of all linear dichotomies."""
    return int(predicted.errors_of(predicted.linear_dichotomies(table.rows), *table.by_label).min())


@claim(EXACTLY, kind="optimality", cases=BOTH)
def test_erm__exact(
    trial, dim: Dim, formulation: WithWeights, n_points: NPoints = 40, n_sets: NSets = 6
):
    """The mixed-integer programs of the paper, as released or shortened, find the fewest errors of
    all linear dichotomies.
    """

    def measure(table):
        errors = observed.minimise_errors(table, formulation=formulation).errors
        return errors, fewest_errors(table), min(count.sum() for count in table.by_label)

    errors, exact, constant = over_lattices(trial, measure, dim, n_points, n_sets)
    trial.identity(
        errors, exact, ops=0, controls=apart(trial, exact, {"the best constant": constant})
    )


@claim(
    derived("by the linear program of the largest margin, 1/5 on exclusive or"), kind="optimality"
)
def test_erm__margin(
    trial, off: Annotated[float, Interval(1e-3, 0.19, why="0.2 - off is positive")] = 0.01
):
    """If a program demands a margin above that of the best dichotomy, 1/5 on exclusive or, it loses
    this dichotomy; with a smaller margin it does not.
    """
    table = labelled_corners(EXCLUSIVE_OR)
    below, above = (
        np.round(observed.uncertified_errors(table, 0.2 + side * off).reported) for side in (-1, 1)
    )
    trial.identity(
        below, fewest_errors(table), ops=0, control_processes={"a margin above 1/5": above}
    )


@claim(EXACTLY, kind="optimality", cases=BOTH)
def test_flip__exact(
    trial, dim: Dim, formulation: WithWeights, n_points: NPoints = 40, n_sets: NSets = 2
):
    """For every row the flip program finds the fewest errors of a linear dichotomy that predicts
    this row otherwise than the baseline.
    """

    def measure(table):
        baseline = observed.minimise_errors(table)
        errors = observed.flip_errors(table, baseline, formulation=formulation).errors
        exact = answers_of(table, baseline)[0]
        alone = baseline.errors + predicted.flip_costs(baseline.dichotomy, *table.by_label)
        return errors, exact, alone, np.full(len(alone), baseline.errors)

    errors, exact, alone, free = over_lattices(trial, measure, dim, n_points, n_sets)
    rivals = {"the row flipped alone": alone, "some optimum flips it": free}
    trial.identity(errors, exact, ops=0, controls=apart(trial, exact, rivals))


@claim(EXACTLY, kind="optimality", cases=BOTH)
def test_disc__exact(
    trial, dim: Dim, formulation: WithWeights, n_points: NPoints = 40, n_sets: NSets = 2
):
    """If agreement with the baseline is bounded on both sides, the discrepancy program finds the
    most predictions that one competitor changes.
    """

    def measure(table):
        baseline = observed.minimise_errors(table)
        path = observed.discrepancy_path(
            table, baseline, EPSILONS, formulation=formulation
        ).disagreement
        reports = [observed.one_sided_discrepancy(table, baseline, e) for e in EPSILONS]
        return path, answers_of(table, baseline)[1], reports

    path, exact, one_sided = over_lattices(trial, measure, dim, n_points, n_sets)
    processes = apart(trial, exact, {"agreement stated on one side": one_sided})
    trial.identity(path, exact, ops=0, control_processes=processes)


@claim(
    derived("by Gordan a labelling is linear unless a signed circuit forbids it"),
    kind="optimality",
    cases=[1, 2, 3],
)
def test_margin__free__exact(trial, dim: Dim, n_points: NPoints = 40, n_sets: NSets = 6):
    """A program over dichotomies with a row for each circuit, without weights and margin, finds the
    baseline, the flips and the discrepancy of all linear dichotomies.
    """

    def measure(table):
        baseline = observed.minimise_errors(table)
        flips = observed.flip_errors(table, baseline)
        path = observed.discrepancy_path(table, baseline, EPSILONS)
        statuses = {solution.status for solution in (baseline, *flips.solutions, *path.solutions)}
        measured = [
            baseline.errors,
            *flips.errors,
            *path.disagreement,
            len(statuses - {"optimal"}),
        ]
        exact = [fewest_errors(table), *np.concatenate(answers_of(table, baseline)), 0]
        steps = exact[len(table.rows) + 1 :]
        flip_errors = predicted.flip_error_bounds(baseline.dichotomy, *table.by_label)
        any_labels = [predicted.irreducible_errors(*table.by_label), *flip_errors, *steps]
        return measured, exact, any_labels, [baseline.errors] * (len(table.rows) + 1) + steps

    measured, exact, any_labels, free = over_lattices(trial, measure, dim, n_points, n_sets)
    rivals = {"every labelling allowed": any_labels, "some optimum flips any row": free}
    trial.identity(measured, exact, ops=0, controls=apart(trial, exact, rivals))


@claim(
    derived("a point is ambiguous once the best classifier that flips it competes"),
    kind="identity",
    cases=[1, 2, 3],
)
def test_ambiguity__cdf(trial, dim: Dim, n_points: NPoints = 40, n_sets: NSets = 4):
    """The ambiguity as a function of the tolerance is the distribution function of the points' flip
    errors, so that one program per row gives it at all tolerances.
    """
    tolerances = np.arange(n_points // 4 + 1)  # beyond, hardly anybody is left

    def measure(table):
        baseline = observed.minimise_errors(table)
        flips = observed.flip_errors(table, baseline)
        doubled = np.arange(2 * len(tolerances) - 1) / n_points
        path = observed.ambiguity_path(table, baseline, flips, doubled).ambiguous
        cells = predicted.linear_dichotomies(table.rows)
        exact = [
            predicted.ambiguity_of(cells, baseline.dichotomy, *table.by_label, e)
            for e in tolerances.tolist()
        ]
        within = flips.errors <= baseline.errors + tolerances[:, None]
        row_counts = np.round(n_points * within.mean(axis=1))
        return path[tolerances], exact, path[2 * tolerances], row_counts

    path, exact, double, row_counts = over_lattices(trial, measure, dim, n_points, n_sets)
    rivals = {"a tolerance of 2 ε": double, "rows counted once each": row_counts}
    trial.identity(path, exact, ops=0, control_processes=apart(trial, exact, rivals))


@claim(
    derived("whom no competitor flips beyond those covered, nobody flips"),
    kind="optimality",
    cases=[2, 3],
)
def test_coverage__certificate(
    trial,
    dim: Dim,
    n_points: NPoints = 40,
    n_sets: NSets = 6,
    epsilon: Annotated[float, Interval(0, 0.3)] = 0.05,
):
    """Choose, one after the other, the competitor that changes most predictions not changed so far,
    until none changes any: the predictions changed in all are the ambiguity.
    """

    def measure(table):
        baseline = observed.minimise_errors(table)
        coverage = observed.ambiguity_by_coverage(table, baseline, epsilon)
        cells = predicted.linear_dichotomies(table.rows)
        tolerance = predicted.tolerance_count(epsilon, table.n)
        exact = predicted.ambiguity_of(cells, baseline.dichotomy, *table.by_label, tolerance)
        # Where nobody competes there is no solution at all, and nothing to cover.
        first = sum(
            table.disagreement(step.dichotomy, baseline.dichotomy)
            for step in coverage.solutions[:1]
        )
        return [coverage.ambiguous, coverage.bound], [exact, exact], [first, first]

    totals, exact, first = over_lattices(trial, measure, dim, n_points, n_sets)
    trial.identity(
        totals,
        exact,
        ops=0,
        control_processes=apart(trial, exact, {"stop after one program": first}),
    )


@claim(
    derived("weights map along with the points, and a margin does not"),
    kind="identity",
    cases=[2, 3],
)
def test_invariance(trial, dim: Dim, n_points: NPoints = 40, n_sets: NSets = 3):
    """Invertible linear maps of the features, dependent columns, exchanged labels and the order of
    the rows do not change discrepancy and ambiguity.
    """
    rng = trial.generator("sets")
    mixing = np.eye(dim) + np.triu(np.full((dim, dim), 2.0))  # of whole numbers, and invertible

    def measure(_):
        points, labels = lattice_set(rng, dim, n_points)
        plain = aggregate(points, labels)
        baseline = observed.minimise_errors(plain)
        order = rng.permutation(n_points)
        sign = rng.choice([-1, 1])
        image = points @ mixing - 7.0
        image = np.column_stack([image, image.sum(axis=1), np.full(n_points, 4.0)])[order]
        table = aggregate(image, sign * labels[order])
        scores = sign * (2.0 * baseline.dichotomy[plain.row_of_sample] - 1)
        image_baseline = observed.baseline_of_scores(table, scores[order])
        flips = observed.flip_errors(table, image_baseline).errors[table.row_of_sample][
            np.argsort(order)
        ]
        first = np.unique(plain.row_of_sample, return_index=True)[1]  # a person of each row
        path = observed.discrepancy_path(table, image_baseline, EPSILONS).disagreement
        exact, steps = answers_of(plain, baseline)
        return (
            [len(table.dropped), *flips[first], *path],
            [2, *exact, *steps],
            [2, *exact, steps[0], *steps[:-1]],
        )

    measured, exact, rival = over(range(n_sets), measure)
    trial.identity(
        measured, exact, ops=0, controls=apart(trial, exact, {"a tolerance less": rival})
    )


@claim(
    derived("the weights of a scaled feature take up the norm that the margin is measured in"),
    kind="optimality",
)
def test_invariance__margin(
    trial,
    n_points: NPoints = 40,
    n_sets: NSets = 6,
    scale: Annotated[
        float, Interval(1e-6, 1e-3, why="the solver's tolerance, and the margin")
    ] = 1e-4,
):
    """Scaling a feature changes nothing in a formulation without a margin, while a margin of 1e-3
    may then lose the best dichotomies.
    """

    def measure(table):
        image = replace(table, rows=table.rows * [1.0, scale])
        finite = round(observed.uncertified_errors(image, 1e-3).reported)
        return observed.minimise_errors(image).errors, fewest_errors(table), finite

    errors, exact, finite = over_lattices(trial, measure, 2, n_points, n_sets)
    processes = apart(trial, exact, {"margin 1e-3, one feature scaled": finite})
    trial.identity(errors, exact, ops=0, control_processes=processes)
