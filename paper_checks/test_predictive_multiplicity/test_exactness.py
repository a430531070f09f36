"""The integer programs find what a list of all linear dichotomies says, in each formulation and
form of the table.
"""

from dataclasses import replace
from typing import Annotated, Literal, NamedTuple

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
from theory_on_trial import claim, derived, recalled, tried
from theory_on_trial.contract import Interval

EXACTLY = tried(
    "abstract, sentence 4: integer programming tools to compute them exactly for linear "
    "classification problems",
    "big-$M$ rows in place of the released indicators, a margin of $1e-4$, and drawn lattices",
)

WithWeights = Literal["big_m", "published"]
"""The formulations with weights and margin: shortened, and after the released programs."""
BOTH = [(dim, formulation) for dim in (2, 3) for formulation in ("big_m", "published")]
TOLERANCES = (0.0, 0.05, 0.1, 0.3)
"""The ε at which discrepancies are compared."""


class Answers(NamedTuple):
    """What all linear dichotomies of a table say: the flip error of each row, and the discrepancy
    at each of `TOLERANCES`, in points.
    """

    flip_errors: np.ndarray
    discrepancies: np.ndarray


def answers_of(table, baseline):
    """Return the answers without a program, from the list of all linear dichotomies."""
    cells = predicted.linear_dichotomies(table.rows)
    best = baseline.dichotomy
    admitted = [predicted.tolerance_count(epsilon, table.n) for epsilon in TOLERANCES]
    path = predicted.discrepancy_path_of(cells, best, *table.by_label)
    return Answers(predicted.flip_errors_of(cells, best, *table.by_label), path[admitted])


def fewest_errors(table):
    """The fewest errors of all linear dichotomies, without a program."""
    return int(predicted.errors_of(predicted.linear_dichotomies(table.rows), *table.by_label).min())


@claim(EXACTLY, kind="optimality", cases=BOTH)
def test_erm__exact(
    trial, dim: Dim, formulation: WithWeights, n_points: NPoints = 40, n_sets: NSets = 6
):
    """A mixed-integer program finds the fewest errors of all linear dichotomies, with the
    constraints of the released one, its indicators written as big-$M$ rows, or shortened.
    """

    def measure(table):
        errors = observed.minimise_errors(table, formulation=formulation).errors
        return errors, fewest_errors(table), min(count.sum() for count in table.by_label)

    errors, exact, constant = over_lattices(trial, measure, dim, n_points, n_sets)
    trial.identity(
        errors,
        exact,
        ops=0,
        controls=apart(trial, exact, {"the best constant": constant}),
        instances="search",
    )


@claim(
    derived("by the linear program of the largest margin, 1/5 on exclusive or"), kind="optimality"
)
def test_erm__margin(
    trial, off: Annotated[float, Interval(1e-3, 0.19, why="0.2 - off is positive")] = 0.01
):
    """The best dichotomies of exclusive or have margins up to 1/5. A program that demands a smaller
    margin finds the fewest errors; one that demands a larger margin does not.
    """
    table = labelled_corners(EXCLUSIVE_OR)

    def reported(margin):
        return np.round(observed.uncertified_errors(table, margin).reported)

    trial.identity(
        reported(0.2 - off),
        fewest_errors(table),
        ops=0,
        control_processes={"a margin above 1/5": reported(0.2 + off)},
    )


@claim(EXACTLY, kind="optimality", cases=BOTH)
def test_flip__exact(
    trial, dim: Dim, formulation: WithWeights, n_points: NPoints = 40, n_sets: NSets = 2
):
    """For every row of a table the flip program finds the fewest errors of a linear dichotomy that
    predicts this row otherwise than the baseline.
    """

    def measure(table):
        baseline = observed.minimise_errors(table)
        errors = observed.flip_errors(table, baseline, formulation=formulation).errors
        exact = answers_of(table, baseline).flip_errors
        alone = baseline.errors + predicted.flip_costs(baseline.dichotomy, *table.by_label)
        without_cost = np.full(len(alone), baseline.errors)
        return errors, exact, alone, without_cost

    errors, exact, alone, without_cost = over_lattices(trial, measure, dim, n_points, n_sets)
    rivals = {"the row flipped alone": alone, "some optimum flips it": without_cost}
    trial.identity(
        errors,
        exact,
        ops=0,
        controls=apart(trial, exact, rivals),
        instances="search",
    )


@claim(EXACTLY, kind="optimality", cases=BOTH)
def test_disc__exact(
    trial, dim: Dim, formulation: WithWeights, n_points: NPoints = 40, n_sets: NSets = 2
):
    """The discrepancy program finds the most predictions that one competitor changes, if its
    variables for agreement with the baseline are 1 where the competitor agrees and 0 where it
    differs. Bounded on one side only, they may be 1 where it differs, and the program may report
    more.
    """

    def measure(table):
        baseline = observed.minimise_errors(table)
        path = observed.discrepancy_path(table, baseline, TOLERANCES, formulation=formulation)
        exact = answers_of(table, baseline).discrepancies
        one_sided = [
            observed.one_sided_discrepancy(table, baseline, epsilon) for epsilon in TOLERANCES
        ]
        return path.disagreement, exact, one_sided

    discrepancies, exact, one_sided = over_lattices(trial, measure, dim, n_points, n_sets)
    processes = apart(trial, exact, {"agreement bounded on one side": one_sided})
    trial.identity(
        discrepancies,
        exact,
        ops=0,
        control_processes=processes,
        instances="search",
    )


@claim(
    derived("by Gordan 1873 a labelling is linear unless a signed circuit forbids it"),
    kind="optimality",
    cases=[1, 2, 3],
)
def test_margin__free__exact(trial, dim: Dim, n_points: NPoints = 40, n_sets: NSets = 6):
    """Let a program have no weights and no margin, but a binary variable for the prediction of
    each row, and a constraint for each circuit, a minimal set of rows of which some labelling is
    not linear. It finds the fewest errors, the flip errors and the discrepancies of all linear
    dichotomies, and proves each optimal.
    """

    def measure(table):
        """In this order: fewest errors, flip errors, discrepancies, how many statuses are others
        than "optimal".
        """
        baseline = observed.minimise_errors(table)
        flips = observed.flip_errors(table, baseline)
        path = observed.discrepancy_path(table, baseline, TOLERANCES)
        statuses = {solution.status for solution in (baseline, *flips.solutions, *path.solutions)}
        others = len(statuses - {"optimal"})
        measured = [baseline.errors, *flips.errors, *path.disagreement, others]
        answers = answers_of(table, baseline)
        exact = [fewest_errors(table), *answers.flip_errors, *answers.discrepancies, 0]
        any_fewest = predicted.irreducible_errors(*table.by_label)
        any_flips = predicted.flip_error_bounds(baseline.dichotomy, *table.by_label)
        any_labels = [any_fewest, *any_flips, *answers.discrepancies, 0]
        flips_without_cost = [baseline.errors] * len(table.rows)
        without_cost = [baseline.errors, *flips_without_cost, *answers.discrepancies, 0]
        return measured, exact, any_labels, without_cost

    measured, exact, any_labels, without_cost = over_lattices(trial, measure, dim, n_points, n_sets)
    rivals = {"every labelling allowed": any_labels, "some optimum flips any row": without_cost}
    trial.identity(
        measured,
        exact,
        ops=0,
        controls=apart(trial, exact, rivals),
        instances="search",
    )


@claim(
    recalled("Algorithm 2, ambiguity for all tolerances, as a page lists its title"),
    kind="identity",
    cases=[1, 2, 3],
)
def test_ambiguity__cdf(trial, dim: Dim, n_points: NPoints = 40, n_sets: NSets = 4):
    """The ambiguity as a function of the tolerance is the distribution function of the points' flip
    errors, each the fewest errors of a classifier that predicts the point otherwise than the
    baseline. So one program per row gives the ambiguity at all tolerances.
    """
    # Of further errors; beyond n / 4, hardly anybody is left who is not ambiguous.
    admitted = np.arange(n_points // 4 + 1)

    def measure(table):
        """The ambiguity at each admitted increase: from the flips, over all linear dichotomies,
        from the flips at twice the increase, and with the same weight for each row.
        """
        baseline = observed.minimise_errors(table)
        flips = observed.flip_errors(table, baseline)
        epsilons = np.arange(2 * len(admitted) - 1) / n_points
        path = observed.ambiguity_path(table, baseline, flips, epsilons).ambiguous
        cells = predicted.linear_dichotomies(table.rows)
        exact = [
            predicted.ambiguity_of(cells, baseline.dichotomy, *table.by_label, e)
            for e in admitted.tolist()
        ]
        ambiguous_rows = flips.errors <= baseline.errors + admitted[:, None]
        row_counts = np.round(n_points * ambiguous_rows.mean(axis=1))
        return path[admitted], exact, path[2 * admitted], row_counts

    ambiguity, exact, double, row_counts = over_lattices(trial, measure, dim, n_points, n_sets)
    rivals = {"a tolerance of $2 ε$": double, "rows counted once each": row_counts}
    trial.identity(
        ambiguity,
        exact,
        ops=0,
        control_processes=apart(trial, exact, rivals),
        instances="search",
    )


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
        """Twice each, for what is reached and proved: the ambiguity by covering, over all linear
        dichotomies, and what the first competitor changes.
        """
        baseline = observed.minimise_errors(table)
        coverage = observed.ambiguity_by_coverage(table, baseline, epsilon)
        cells = predicted.linear_dichotomies(table.rows)
        admitted = predicted.tolerance_count(epsilon, table.n)
        exact = predicted.ambiguity_of(cells, baseline.dichotomy, *table.by_label, admitted)
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
        instances="search",
    )


@claim(
    derived("weights map along with the points, and a margin does not"),
    kind="identity",
    cases=[2, 3],
)
def test_invariance(trial, dim: Dim, n_points: NPoints = 40, n_sets: NSets = 3):
    """An invertible affine map of the features, two columns that depend on the others, exchanged
    labels and another order of the points change neither the flip errors nor the discrepancy. The
    two columns are found and dropped.
    """
    rng = trial.generator("sets")
    # Invertible, and of whole numbers, so that nothing is rounded
    mixing = np.eye(dim) + np.triu(np.full((dim, dim), 2.0))

    def measure(_):
        """In this order: dropped columns, flip errors of the rows, discrepancies; of the image, of
        the plain points over all linear dichotomies, and of these at the tolerance before.
        """
        points, labels = lattice_set(rng, dim, n_points)
        plain = aggregate(points, labels)
        baseline = observed.minimise_errors(plain)
        order = rng.permutation(n_points)
        sign = rng.choice([-1, 1])
        mapped = points @ mixing - 7.0
        features = np.column_stack([mapped, mapped.sum(axis=1), np.full(n_points, 4.0)])
        image = aggregate(features[order], sign * labels[order])
        # The image's baseline makes the same predictions for the same points, of exchanged labels.
        predictions = 2.0 * baseline.dichotomy[plain.row_of_sample] - 1
        image_baseline = observed.baseline_of_scores(image, (sign * predictions)[order])
        flips_of_rows = observed.flip_errors(image, image_baseline).errors
        flips_of_points = flips_of_rows[image.row_of_sample][np.argsort(order)]
        # The first point of each row of the plain table stands for the row.
        first = np.unique(plain.row_of_sample, return_index=True)[1]
        path = observed.discrepancy_path(image, image_baseline, TOLERANCES)
        measured = [len(image.dropped), *flips_of_points[first], *path.disagreement]
        answers = answers_of(plain, baseline)
        steps = answers.discrepancies
        exact = [2, *answers.flip_errors, *steps]
        before = [2, *answers.flip_errors, steps[0], *steps[:-1]]
        return measured, exact, before

    measured, exact, before = over(range(n_sets), measure)
    trial.identity(
        measured,
        exact,
        ops=0,
        controls=apart(trial, exact, {"a tolerance less": before}),
        instances="search",
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
        float, Interval(1e-6, 1e-3, why="from the solver's tolerance to the margin")
    ] = 1e-4,
):
    """If one of two features is scaled down, a program without a margin still finds the fewest
    errors, while one with a margin of $1e-3$ may lose the best dichotomies.
    """

    def measure(table):
        scaled = replace(table, rows=table.rows * [1.0, scale])
        with_margin = round(observed.uncertified_errors(scaled, 1e-3).reported)
        return observed.minimise_errors(scaled).errors, fewest_errors(table), with_margin

    errors, exact, with_margin = over_lattices(trial, measure, 2, n_points, n_sets)
    processes = apart(trial, exact, {"margin $1e-3$, one feature scaled": with_margin})
    trial.identity(
        errors,
        exact,
        ops=0,
        control_processes=processes,
        instances="search",
    )
