"""What goes wrong without care: one-sided rows, margins at the solver's tolerance, a big M that is
too small.
"""

from fractions import Fraction
from typing import Annotated

import numpy as np

from paper_checks.test_predictive_multiplicity import Dim, NSets, counts, over, solved
from paper_checks.test_predictive_multiplicity.sets import LATTICES, lattice
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.table import aggregate
from sims.predictive_multiplicity.domains import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, code, derived
from theory_on_trial.contract import Interval

EPSILONS = (0.0, 0.1, 0.2)
MARGIN = 0.9
"""Close to the largest one of three points on a line."""


def one_person_a_label(generator, dim):
    """A table of the lattice in which every row has at most one person of each label, and some row
    has one.
    """
    points = lattice(LATTICES[dim])
    present = generator.integers(0, 2, (2, len(points)))
    present[0, 0] = 1
    features = np.concatenate([points[mask == 1] for mask in present])
    return aggregate(features, np.repeat([1, -1], present.sum(axis=1)))


def both_sides(table, baseline, epsilon):
    """The discrepancy, what the one-sided program reports, and what it may declare at most."""
    cells = predicted.linear_dichotomies(table.rows)
    tolerance = predicted.tolerance_count(epsilon, table.n)
    arguments = (cells, baseline, *counts(table), tolerance)
    report = round(observed.one_sided_discrepancy(table, baseline, epsilon).reported)
    return (
        predicted.discrepancy_of(*arguments),
        report,
        predicted.one_sided_discrepancy_of(*arguments),
    )


def one_sided(trial, dim, n_sets):
    """What `both_sides` says of drawn tables, and of five points on a line, where only the constant
    makes one error: three arrays.
    """
    rng = trial.generator("sets")
    tables = [one_person_a_label(rng, dim) for _ in range(n_sets)]
    baselines = [observed.minimise_errors(table).dichotomy for table in tables]
    pairs = list(zip(tables, baselines, strict=True))
    line = aggregate(np.arange(5.0)[:, None], np.array([-1, -1, 1, -1, -1]))
    settings = [(*pair, epsilon) for pair in pairs for epsilon in EPSILONS]
    settings.append((line, np.zeros(5, int), 0.0))
    return over(settings, lambda setting: both_sides(*setting))


@claim(
    derived("agreement declared where there is none hides an error from its bound"),
    kind="bound",
    cases=[2, 3],
)
def test_two__sided(trial, dim: Dim, n_sets: NSets = 6):
    """If agreement with the baseline is bounded on one side only, the value of the discrepancy
    program is never below the discrepancy.
    """
    exact, reports, _ = one_sided(trial, dim, n_sets)
    trial.bound(
        exact,
        reports,
        instances="draws",
        independent=n_sets,
        ops=0,
        controls={"never above the discrepancy": 2 * exact - reports},
    )


@claim(
    derived(
        "a classifier may declare its repairs, and as many of its new mistakes as are admitted"
    ),
    kind="identity",
    cases=[2, 3],
)
def test_two__sided__value(trial, dim: Dim, n_sets: NSets = 6):
    """Let a program bound agreement with the baseline on one side only and admit e more errors than
    the E_0 of the baseline. Its value is the largest D(h) - max(E(h) - E_0 - e, 0) over all
    classifiers h, where h makes E(h) errors and disagrees with the baseline on D(h) points.
    """
    exact, reports, declarations = one_sided(trial, dim, n_sets)
    trial.identity(reports, declarations, ops=0, controls={"the true discrepancy": exact})


@claim(
    derived("a linear function on the l1 ball is largest at a vertex"),
    kind="identity",
    cases=[1, 3, 8],
)
def test_bigm(
    trial,
    dim: Annotated[int, Interval(1, 50)],
    n_points: Annotated[int, Interval(3, 1000)] = 200,
):
    """For a margin γ and weights with |w|_1 <= 1, M = γ + max(1, |x|_inf) is the smallest M for
    which the row of a point x excludes no weights if its binary variable is set.
    """
    points = trial.generator("points").integers(-9, 10, (n_points, dim)) / 4
    vertices = np.concatenate([np.eye(dim + 1), -np.eye(dim + 1)])
    least = MARGIN + np.max(vertices @ np.insert(points, 0, 1, axis=1).T, axis=0)
    half = MARGIN + np.abs(points).max(axis=1) / 2
    controls = {"half of |x|": half, "no γ": least - MARGIN}
    trial.identity(least, predicted.big_m(points, MARGIN), ops=2, scale=4.0, controls=controls)


@claim(
    derived("close to the largest margin weights cannot shrink, so that a small M excludes them"),
    kind="empirical",
)
def test_bigm__half(trial):
    """A program with margin 0.9 finds the fewest errors of three points on a line if each row has
    M = γ + max(1, |x|), and not with half of this M.
    """
    table = aggregate(np.array([[-1.0], [1.0], [10.0]]), np.array([-1, 1, -1]), np.array([5, 5, 1]))
    best = predicted.errors_of(predicted.linear_dichotomies(table.rows), *counts(table)).min()
    errors, half_errors = (
        observed.uncertified_errors(table, MARGIN, reach=reach).reported for reach in (1.0, 0.5)
    )
    trial.identity(errors, best, ops=0, control_processes={"half of M": half_errors})


@claim(
    derived("whoever has the rarer label among people of equal features is misclassified"),
    kind="identity",
    cases=[(target, race) for target in ("arrest", "violent") for race in (False, True)],
)
def test_irreducible(trial, target: Target, race: bool):
    """If row u holds n+_u positive and n-_u negative labels, the classifiers that predict the more
    frequent label of each row make sum_u min(n+_u, n-_u) errors.
    """
    table = observed.compas(target, race=race)
    samples = observed.compas_samples(target)
    bound = predicted.irreducible_errors(*counts(table))

    def counted(race):
        people: dict[bytes, list[int]] = {}
        for features, label, count in zip(
            samples.features, samples.labels, samples.counts, strict=True
        ):
            people.setdefault((features if race else features[4:]).tobytes(), [0, 0])[
                int(label > 0)
            ] += int(count)
        return sum(min(pair) for pair in people.values())

    processes = {"race left out or put in": counted(not race)}
    trial.identity(counted(race), bound, ops=0, control_processes=processes)


@claim(
    derived("the rows of a point with each label add up to one error"),
    kind="bound",
    cases=[(target, race) for target in ("arrest", "violent") for race in (False, True)],
)
def test_irreducible__relaxation(trial, target: Target, race: bool):
    """Let row u hold n+_u positive and n-_u negative labels. The linear relaxation of the program
    for the fewest errors is at least sum_u min(n+_u, n-_u) if it has the rows z_p + z_p' = 1 for
    points p and p' that are equal but for their label, where z_p = 1 says that p is misclassified.
    """
    table = observed.compas(target, race=race)
    root = observed.root_bound(table)
    # The relaxation is solved to 1e-9 a row, and no multiplier exceeds the people of a row.
    trial.bound(
        predicted.irreducible_errors(*counts(table)),
        root + 1e-9 * table.n,
        instances="all",
        ops=1,
        controls={
            "without the rows for both labels": observed.root_bound(table, conflict_rows=False),
            "an error lost to rounding": root - 1,
        },
    )


@claim(
    derived("weights of 0 meet every row to the solver's tolerance, and cost least"),
    kind="empirical",
    as_published=code(
        "charliemarx/pmtools",
        "eqm/disc_mip.py",
        "b96087b",
        says="The default margin of 1e-6 finds the optimum, at a solver's tolerance of 1e-6.",
    ),
)
def test_margin__floor(trial):
    """If the margin is as small as the solver's tolerance, w = 0 is feasible: the program then
    reports the irreducible error, which no classifier attains.
    """
    table = observed.compas()
    fewest = solved("arrest").baseline.errors

    def outcome(margin):
        report = observed.uncertified_errors(table, margin, feasibility=1e-6)
        return [round(report.reported), report.errors, min(report.wrong_rows, 1)]

    zero = predicted.errors(np.zeros(len(table.rows), int), *counts(table))
    lost = [predicted.irreducible_errors(*counts(table)), zero, 1]
    trial.identity(
        outcome(1e-6),
        lost,
        ops=0,
        control_processes={"margin 1e-3": outcome(1e-3)},
        as_published=[fewest, fewest, 0],
    )


@claim(
    derived(
        "below ten times the tolerance w = 0 passes, and above its own margin the best dichotomy "
        "is lost"
    ),
    kind="empirical",
    tier="full",
    cases=[1e-3, 1e-4, 1e-5],
)
def test_margin__window(
    trial, margin: Annotated[float, Interval(1e-5, 7e-3, why="of the best dichotomy")]
):
    """On COMPAS, programs find the optimum if their margin is between ten times the solver's
    tolerance and the margin of the best dichotomy. Below and above they do not.
    """
    table = observed.compas()
    best = solved("arrest").baseline

    def outcome(margin):
        report = observed.uncertified_errors(table, margin)
        return [round(report.reported), report.errors]

    fewest = predicted.errors(best.dichotomy, *counts(table))
    within = outcome(margin)
    above = outcome(1e-2)
    below = outcome(min(margin, 1e-3) * 1e-3)
    trial.identity(
        [within, above],
        [[fewest, fewest], [fewest + 1, fewest + 1]],
        ops=0,
        control_processes={
            "below ten times the tolerance": [below, above],
            "above the margin of the best dichotomy": [above, above],
            "a margin of 1e-2 in the window": [within, within],
        },
    )


@claim(
    derived("two linear programs for one number: weights of norm 1, and a common margin"),
    kind="optimality",
)
def test_margin__best(trial):
    """The margin that the exact search reports for the best dichotomy of COMPAS is the largest
    margin of any weights of that dichotomy.
    """
    table = observed.compas()
    best = solved("arrest").baseline
    largest, _ = predicted.largest_margin(best.dichotomy, table.rows)
    # Both linear programs are solved to 1e-7.
    trial.value(best.margin, largest, error=1e-7, margin=1e-6, controls={"the default 1e-6": 1e-6})


@claim(
    derived("margins on both sides hold the sign, and shorter weights may be stretched"),
    kind="identity",
    tier="full",
    route="two formulations, each with its proved bound",
)
def test_sign__binaries__redundant(trial):
    """The programs need no binary variables for the signs of the weights, and |w|_1 <= 1 in place
    of |w|_1 = 1: the optima on COMPAS stay the same.
    """
    table = observed.compas()
    published, shorter = (
        observed.minimise_errors(table, formulation=form) for form in ("published", "big_m")
    )
    no_margin = round(observed.uncertified_errors(table, 0.0).reported)
    loose = {"no margin": 2 * [no_margin]}
    trial.identity(
        [shorter.errors, shorter.bound],
        [published.errors, published.bound],
        ops=0,
        control_processes=loose,
    )


@claim(
    derived("scores are sums of the weights of somebody's features"),
    kind="identity",
    cases=["arrest", "violent"],
    route="weights applied to every record in fractions against the solver",
    second="test_sims_pm.py::test_exact_signs_are_those_of_rational_arithmetic",
)
def test_recount(trial, target: Target):
    """If its weights are applied to each record in exact arithmetic, every answer makes exactly as
    many errors as it reports.
    """
    answers = solved(target)

    def recount(weights):
        exact = [Fraction(weight) for weight in weights.tolist()]
        errors = 0
        for row, positive, negative in zip(
            answers.table.rows.tolist(), *counts(answers.table), strict=True
        ):
            score = exact[0] + sum(
                weight for weight, entry in zip(exact[1:], row, strict=True) if entry
            )
            errors += negative if score > 0 else positive if score < 0 else positive + negative
        return int(errors)

    solutions = (answers.baseline, *answers.flips.solutions, *answers.discrepancy.solutions)
    reports = [solution.errors for solution in solutions]
    fewer = [errors - 1 for errors in reports]
    recounts = [recount(solution.weights) for solution in solutions]
    careless = recount(observed.uncertified_errors(answers.table, 1e-6).weights)
    trial.identity(
        recounts,
        reports,
        ops=0,
        controls={"a mistake that the solver repaired only within its tolerance": fewer},
        control_processes={"a baseline found with margin 1e-6": [careless, *recounts[1:]]},
    )
