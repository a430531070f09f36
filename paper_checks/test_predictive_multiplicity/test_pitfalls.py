"""What goes wrong without care: one-sided rows, a big M that is too small, the relaxation without
its conflict rows, and margins at the solver's tolerance.
"""

from fractions import Fraction
from typing import Annotated

import numpy as np

from paper_checks.test_predictive_multiplicity import (
    LATTICES,
    Dim,
    NSets,
    lattice,
    over,
    solved,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.table import aggregate
from sims.predictive_multiplicity.samples import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval


def one_person_a_label(generator, dim):
    """A table of points of the lattice of this dimension, with at most one person of each label at
    each point, and one positive label at the first.
    """
    points = lattice(LATTICES[dim])
    # For each label and point 1 if there is such a person, else 0
    present = generator.integers(0, 2, (2, len(points)))
    present[0, 0] = 1
    features = np.concatenate([points[mask == 1] for mask in present])
    return aggregate(features, np.repeat([1, -1], present.sum(axis=1)))


@claim(
    derived(
        "a classifier may declare its repairs, and as many of its new mistakes as are admitted"
    ),
    kind="identity",
    cases=[2, 3],
)
def test_two__sided(trial, dim: Dim, n_sets: NSets = 6):
    """Let a discrepancy program admit $e$ more errors than the $E_0$ of the baseline, and bound its
    variables for agreement with the baseline, one for each person, on one side only, so that they
    may claim agreement where there is none. Its value is the largest
    $D(h) - max(E(h) - E_0 - e, 0)$ over all linear classifiers $h$, where $h$ makes $E(h)$ errors
    and differs from the baseline on $D(h)$ points: it is never below the discrepancy, and may
    exceed it.
    """
    rng = trial.generator("sets")
    tables = [one_person_a_label(rng, dim) for _ in range(n_sets)]
    settings = [
        (table, observed.minimise_errors(table).dichotomy, epsilon)
        for table in tables
        for epsilon in (0.0, 0.1, 0.2)
    ]
    # Of five points on a line only the constant makes one error: the discrepancy at ε = 0 is 0. A
    # threshold makes two errors, and differs from the constant on three points.
    line = aggregate(np.arange(5.0)[:, None], np.array([-1, -1, 1, -1, -1]))
    settings.append((line, np.zeros(5, int), 0.0))

    def measure(setting):
        table, baseline, epsilon = setting
        cells = predicted.linear_dichotomies(table.rows)
        admitted = predicted.tolerance_count(epsilon, table.n)
        arguments = (cells, baseline, *table.by_label, admitted)
        reported = observed.one_sided_discrepancy(table, baseline, epsilon)
        formula = predicted.one_sided_discrepancy_of(*arguments)
        return reported, formula, predicted.discrepancy_of(*arguments)

    reported, formula, discrepancy = over(settings, measure)
    trial.identity(
        reported,
        formula,
        ops=0,
        controls={"the true discrepancy": discrepancy},
        instances="search",
    )


@claim(
    derived("a linear function is largest at a vertex, where one weight is 1 or -1"),
    kind="identity",
    cases=[1, 3, 8],
)
def test_bigm(
    trial,
    dim: Annotated[int, Interval(1, 50)],
    n_points: Annotated[int, Interval(3, 1000)] = 240,
):
    """Let a program ask $w_0 + w·x >= γ - M z$ of a point $x$, where $z = 1$ says that $x$ is
    misclassified, for a margin $γ$ and weights with $|w_0| + ∑_j |w_j| <= 1$. The smallest $M$ that
    excludes no weights where $z = 1$ is $γ + max(1, |x_1|, |x_2|, …)$.
    """
    margin = 0.9
    points = trial.generator("points").integers(-9, 10, (n_points, dim)) / 4
    # M must be at least γ less the score; the scores of -w are those of w with the other sign.
    vertices_of_l1_ball = np.concatenate([np.eye(dim + 1), -np.eye(dim + 1)])
    largest_score = np.max(vertices_of_l1_ball @ np.insert(points, 0, 1, axis=1).T, axis=0)
    least = margin + largest_score
    controls = {
        "$γ + |x|_∞ / 2$": margin + np.abs(points).max(axis=1) / 2,
        "$max(1, |x|_∞)$, no $γ$": least - margin,
    }
    trial.identity(
        least,
        predicted.big_m(points, margin),
        ops=2,
        scale=4.0,
        controls=controls,
        independent=n_points,
    )


@claim(
    derived("the rows of a point with each label add up to one error"),
    kind="bound",
    cases=[(target, race) for target in ("arrest", "violent") for race in (False, True)],
)
def test_irreducible__relaxation(trial, target: Target, race: bool):
    """On COMPAS let $n⁺_u$ people with the features $u$ have a positive label and $n⁻_u$ a negative
    one. The linear relaxation of the program for the fewest errors is at least
    $∑_u min(n⁺_u, n⁻_u)$ if it has the constraints $z_p + z_p' = 1$ for $p$ and $p'$ that are equal
    but for their label, where $z_p = 1$ says that $p$ is misclassified.
    """
    table = observed.compas(target, race=race)
    root = observed.root_bound(table)
    # The relaxation meets each constraint to 1e-9, and no multiplier exceeds the people of a row.
    trial.bound(
        predicted.irreducible_errors(*table.by_label),
        root + 1e-9 * table.n,
        instances="all",
        ops=1,
        controls={
            "without these constraints": observed.root_bound(table, conflict_rows=False),
            "an error lost to rounding": root - 1,
        },
    )


@claim(
    derived("weights of 0 meet every row to the solver's tolerance, and cost least"),
    kind="empirical",
)
def test_margin__floor(trial):
    """Let a program for the fewest errors have big-$M$ rows, a margin $γ$ and weights with
    $|w_0| + ∑_j |w_j| <= 1$, and let the solver meet its rows to $1e-6$. With $γ = 1e-6$ weights of
    0 are feasible: on COMPAS arrest it reports the errors of the rarer label in each row, which no
    linear classifier attains, and its weights predict the same for everybody. With $γ = 1e-4$ it
    finds the fewest errors.

    The programs that the authors released have indicators in place of big-M rows, and their norm
    is 1, which excludes weights of 0: this says nothing of them.
    """
    table = observed.compas()
    fewest = solved("arrest").baseline.errors

    def outcome(margin):
        """The errors that the program reports, those that its weights make, and 1 if some row is
        predicted otherwise than reported.
        """
        report = observed.uncertified_errors(table, margin, feasibility=1e-6)
        return [round(report.reported), report.errors, min(report.wrong_rows, 1)]

    # Scores of 0 count as negative predictions.
    errors_of_zero = predicted.errors(np.zeros(len(table.rows), int), *table.by_label)
    lost = [predicted.irreducible_errors(*table.by_label), errors_of_zero, 1]
    optimum = [fewest, fewest, 0]
    small = outcome(1e-6)
    wide = outcome(1e-4)
    trial.identity(
        [small, wide],
        [lost, optimum],
        ops=0,
        control_processes={
            "margin $1e-4$ twice": [wide, wide],
            "margin $1e-6$ twice": [small, small],
        },
    )


@claim(
    derived("scores are sums of the weights of somebody's features"),
    kind="identity",
    cases=["arrest", "violent"],
    route="weights applied to every row of records in fractions against the solver",
    second="test_sims_pm.py::test_exact_signs_are_those_of_rational_arithmetic",
)
def test_recount(trial, target: Target):
    """The baseline, the flips and the competitors that the programs find on COMPAS make exactly as
    many errors as reported, if their weights are applied to each row in exact arithmetic.
    """
    answers = solved(target)
    table = answers.table
    # Python's integers, so that products with fractions are exact
    design = np.insert(table.rows, 0, 1, axis=1).astype(int).astype(object)

    def recount(weights):
        """Errors by exact scores; a score of 0 is an error for everybody in the row."""
        scores = design @ np.array([Fraction(weight) for weight in weights.tolist()])
        wrong = np.where(scores > 0, table.negatives, table.positives)
        return int(np.where(scores == 0, table.totals, wrong).sum())

    solutions = (answers.baseline, *answers.flips.solutions, *answers.discrepancy.solutions)
    reports = [solution.errors for solution in solutions]
    fewer = [errors - 1 for errors in reports]
    recounts = [recount(solution.weights) for solution in solutions]
    careless = recount(observed.uncertified_errors(table, 1e-6).weights)
    trial.identity(
        recounts,
        reports,
        ops=0,
        controls={"a mistake that the solver repaired only within its tolerance": fewer},
        control_processes={"a baseline found with margin $1e-6$": [careless, *recounts[1:]]},
    )
