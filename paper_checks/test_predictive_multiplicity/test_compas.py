"""The public COMPAS data: every count of the paths proved optimal, ties among baselines, and what
ad-hoc pools miss.
"""

import itertools
from functools import cache
from typing import Annotated

import numpy as np

from paper_checks.test_predictive_multiplicity import (
    EPSILONS,
    OPTIMA,
    Dim,
    NPoints,
    NSets,
    counts,
    over,
    solved,
)
from paper_checks.test_predictive_multiplicity.sets import (
    EXCLUSIVE_OR,
    labelled_corners,
    lattice_tables,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.table import aggregate
from sims.predictive_multiplicity.domains import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

ONE_PERCENT = EPSILONS.index(0.01)
RACE = {
    "ambiguity": [0.0016, 0.1005, 0.2526, 0.4177, 0.6683, 0.7790, 0.8725, 0.9383, 1.0],
    "discrepancy": [10, 304, 489, 732, 1035, 1234, 1403, 1697, 2182],
}
"""With race: shares to four digits, and people."""


def judge_table(trial, answers, n, errors, discrepancies, ambiguities):
    """Decide that every count is attained and proved; Proposition 1 as discrepancy, and a constant
    classifier, not.
    """
    measures = [
        n,
        answers.baseline.errors,
        *answers.discrepancy.disagreement,
        *answers.ambiguity.ambiguous,
    ]
    bounds = [
        answers.table.n,
        answers.baseline.bound,
        *answers.discrepancy.bounds,
        *answers.ambiguity.bounds,
    ]
    exact = np.array(2 * [[n, errors, *discrepancies, *ambiguities]])
    proposition = exact.copy()
    constant = exact.copy()
    proposition[:, 2:11] = 2 * errors + answers.discrepancy.admitted
    constant[:, 1] = min(count.sum() for count in counts(answers.table))
    controls = {"Proposition 1 with equality": proposition, "errors of the best constant": constant}
    trial.identity([measures, bounds], exact, ops=0, controls=controls)


@claim(
    OPTIMA,
    kind="empirical",
    route="counts in the claim against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__table(trial):
    """The best linear classifier of COMPAS arrest, 6172 people, makes 2008 errors. At a tolerance
    of 1 % one competitor changes 1105 predictions, and all competitors together 3160.
    """
    discrepancies = [2, 296, 547, 762, 1105, 1278, 1433, 1749, 2196]
    ambiguities = [2, 445, 1073, 2005, 3160, 4102, 4225, 4684, 6172]
    judge_table(trial, solved("arrest"), 6172, 2008, discrepancies, ambiguities)
    # Labels dealt again among the same people leave nothing to learn.
    samples = observed.compas_samples()
    people = np.repeat(samples.features[:, 4:], samples.counts, axis=0)
    labels = trial.generator("labels").permutation(np.repeat(samples.labels, samples.counts))
    dealt = observed.minimise_errors(aggregate(people, labels), time_limit=10).errors
    errors = solved("arrest").baseline.errors
    trial.identity(errors, 2008, ops=0, control_processes={"labels dealt at random": dealt})


@claim(
    OPTIMA,
    kind="empirical",
    route="counts in the claim against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__violent(trial):
    """The best linear classifier of COMPAS violent, 6172 people, makes 683 errors. At a tolerance
    of 1 % one competitor changes 155 predictions, and all competitors together 1228.
    """
    discrepancies = [4, 38, 61, 94, 155, 212, 275, 375, 598]
    ambiguities = [4, 166, 349, 815, 1228, 1624, 2412, 3804, 4767]
    judge_table(trial, solved("violent"), 6172, 683, discrepancies, ambiguities)


@claim(
    OPTIMA,
    kind="empirical",
    tier="full",
    cases=["arrest", "violent"],
    route="counts in the claim against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__oversampled(trial, target: Target):
    """On the over-sampled COMPAS tables of 6726 and 10960 records the best linear classifier makes
    2200 and 4141 errors. Discrepancy and ambiguity around the optimal classifier of largest margin
    are tabulated at nine tolerances.
    """
    n, errors, discrepancies, ambiguities = {
        "arrest": (
            *(6726, 2200),
            [160, 510, 934, 1047, 1181, 1554, 1678, 2003, 2436],
            [164, 681, 1447, 1730, 3028, 4055, 4511, 6038, 6090],
        ),
        "violent": (
            *(10960, 4141),
            [0, 656, 847, 1594, 2369, 2830, 3185, 3946, 5019],
            [0, 928, 2227, 3971, 6204, 7805, 7885, 10903, 10960],
        ),
    }[target]
    judge_table(trial, solved(target, oversampled=True), n, errors, discrepancies, ambiguities)


@claim(
    derived("the introduction's numbers, recalled and not read again; optima computed here"),
    kind="empirical",
    tier="full",
    not_tight="the recalled numbers are rounded down",
    route="the paper's two numbers against proved bounds",
)
def test_introduction(trial):
    """On over-sampled COMPAS a competitor that is at most 1 % worse changes over 17 % of the
    predictions, and 44 % can be changed by some competitor.
    """
    table, baseline, _, path, ambiguity = solved("arrest", oversampled=True)
    shares = np.array([path.disagreement[ONE_PERCENT], ambiguity.ambiguous[ONE_PERCENT]]) / table.n
    pool = observed.elastic_net_pool(table.rows, *counts(table))
    labellings = observed.pool_dichotomies(table.rows, pool)
    pool_paths = observed.pool_multiplicity(
        labellings, *counts(table), baseline.dichotomy, path.admitted
    )
    twice = {"twice as many": np.array([0.34, 0.88])}
    pools = {
        "what an ad-hoc pool shows": np.array([measure[ONE_PERCENT] for measure in pool_paths])
        / table.n
    }
    trial.value(
        shares,
        np.array([0.17, 0.44]),
        error=2.0**-53,
        side="at least",
        controls=twice,
        control_processes=pools,
    )


def spread(table, admitted):
    """The discrepancy around each of the optimal baselines, and what is proved of it, in rising
    order.
    """
    optima = observed.co_optimal(table).solutions
    paths = [observed.discrepancy_path(table, optimum, [admitted / table.n]) for optimum in optima]
    return np.sort([(int(path.disagreement[0]), int(path.bounds[0])) for path in paths], axis=0)


@claim(
    derived("each optimum of the over-sampled data taken as the baseline in turn"),
    kind="empirical",
    route="counts in the claim against proved bounds",
)
def test_baseline__ties(trial):
    """Over-sampled COMPAS data have ten optimal classifiers, and the discrepancy depends on which
    of them is the baseline: at a tolerance of 0.1 % it is 356 to 514 people.
    """
    discrepancies = np.array([356, 356, 358, 360, 362, 508, 508, 510, 512, 514])
    trial.identity(
        spread(observed.compas("arrest", oversampled=True), 6),
        np.stack(2 * [discrepancies], axis=1),
        ops=0,
        controls={"one value for all": np.full((10, 2), 508)},
    )


@claim(
    derived("each optimum of the raw data taken as the baseline in turn"),
    kind="empirical",
    route="counts in the claim against proved bounds",
)
def test_baseline__alike(trial):
    """The raw COMPAS data have two optimal classifiers, and the discrepancy is the same from both:
    296 people, where competitors may make 6 further errors.
    """
    trial.identity(
        spread(observed.compas("arrest"), 6),
        np.full((2, 2), 296),
        ops=0,
        controls={"as over-sampled": np.array([[356, 356], [514, 514]])},
    )


@claim(
    derived("the symmetries of a square map the four optimal classifiers to each other"),
    kind="empirical",
    route="counts in the claim against proved bounds",
)
def test_baseline__symmetric(trial):
    """Exclusive or, with as many points at each corner of a square, has four optimal linear
    classifiers; each differs from another one of them on half of the points.
    """
    trial.identity(
        spread(labelled_corners(EXCLUSIVE_OR), 0),
        np.full((4, 2), 50),
        ops=0,
        controls={"only the corner that the baseline misses": np.full((4, 2), 25)},
    )


@claim(
    derived("no-good cuts exclude what was met, until nothing as good is left"), kind="optimality"
)
def test_rashomon__cells(
    trial,
    n_points: NPoints = 40,
    n_sets: NSets = 2,
    extra: Annotated[int, Interval(1, 4, why="cells multiply")] = 2,
):
    """The near-optimal classifiers that the solver meets one by one are all that exist; COMPAS has
    2 linear classifiers with 2008 errors and 27 with 2009.
    """

    def measure(table):
        near = observed.co_optimal(table, extra)
        least = near.solutions[0].errors
        numbers = [
            int(near.complete),
            *np.bincount(
                [optimum.errors - least for optimum in near.solutions], minlength=extra + 1
            ),
        ]
        errors = predicted.errors_of(predicted.linear_dichotomies(table.rows), *counts(table))
        exact = [1, *np.bincount(errors - errors.min(), minlength=extra + 1)[: extra + 1]]
        return numbers, exact, [1, 1, *exact[2:]], [*exact[:-1], 0]

    rng = trial.generator("sets")
    tables = [table for dim in (2, 3) for table in lattice_tables(rng, dim, n_points, n_sets)]
    near = observed.co_optimal(observed.compas("arrest"), 1)
    compas = [
        int(near.complete),
        *np.bincount([optimum.errors - 2008 for optimum in near.solutions]),
    ]
    published = compas, [1, 2, 27], [1, 1, 27], [1, 2, 0]
    pairs = zip(over(tables, measure), published, strict=True)
    numbers, exact, optimum, strict = ([*sets.ravel(), *row] for sets, row in pairs)
    trial.identity(
        numbers, exact, ops=0, controls={"one optimum": optimum, "< in place of <=": strict}
    )


@claim(derived("the pool of the released code is a subset of all linear classifiers"), kind="bound")
def test_adhoc__lower__bound(
    trial,
    dim: Dim = 2,
    n_points: NPoints = 40,
    n_sets: Annotated[
        int,
        Interval(
            10, 100, why="with fewer none may attain the bound; 1100 models are fitted to each"
        ),
    ] = 10,
):
    """A pool of elastic nets shows at most the multiplicity of all linear classifiers, and on
    COMPAS less at every tolerance.
    """

    def shown(table, baseline, tolerances):
        pool = observed.pool_dichotomies(
            table.rows, observed.elastic_net_pool(table.rows, *counts(table))
        )
        worst = pool[np.argmax(predicted.errors_of(pool, *counts(table)))]
        around = (
            observed.pool_multiplicity(pool, *counts(table), h, tolerances)
            for h in (baseline, worst)
        )
        return [np.concatenate(measures) for measures in around]

    def on_lattice(table):
        cells = predicted.linear_dichotomies(table.rows)
        arguments = (
            cells,
            cells[np.argmin(predicted.errors_of(cells, *counts(table)))],
            *counts(table),
        )
        exact = predicted.discrepancy_path_of(*arguments), predicted.ambiguity_path_of(*arguments)
        return *shown(table, arguments[1], np.arange(n_points + 1)), np.concatenate(exact)

    def tells(table):
        """Whether labels depend on some feature or differ in number: of others all models are
        zero.
        """
        return np.any(np.insert(table.rows, 0, 1, axis=1).T @ np.subtract(*counts(table)))

    tables = filter(tells, lattice_tables(trial.generator("sets"), dim, n_points, 2 * n_sets))
    pool_paths, around, exact = over(itertools.islice(tables, n_sets), on_lattice)
    table, baseline, _, path, ambiguity = solved("arrest")
    compas, worst = shown(table, baseline.dichotomy, path.admitted)
    measured = [*pool_paths.ravel(), *(compas + 1)]
    bounds = [*exact.ravel(), *path.disagreement, *ambiguity.ambiguous]
    processes = {"around the worst model of the pool": [*around.ravel(), *worst]}
    trial.bound(
        measured, bounds, instances="draws", independent=n_sets, ops=0, control_processes=processes
    )


@claim(
    derived("covering ends where no competitor flips anybody new"),
    kind="optimality",
    tier="full",
    route="`observed.ambiguity_by_coverage`, one competitor after another, against one program "
    "per row",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_coverage__compas(trial):
    """Choose, one after the other, the competitor at 1 % that changes most predictions not changed
    so far. On COMPAS this ends at the 3160 people whom the programs of the 137 rows find.
    """
    table, baseline, flips, _, ambiguity = solved("arrest")
    coverage = observed.ambiguity_by_coverage(table, baseline, 0.01)
    first = table.disagreement(coverage.solutions[0].dichotomy, baseline.dichotomy)
    numbers = [
        coverage.ambiguous,
        coverage.bound,
        ambiguity.ambiguous[ONE_PERCENT],
        len(flips.errors),
    ]
    stop = [first, first, *numbers[2:]]
    trial.identity(
        numbers, [3160, 3160, 3160, 137], ops=0, control_processes={"stop after one program": stop}
    )


Limit = Annotated[float, Interval(10, 3600, why="with less the discrepancies stay unproved")]
"""Seconds for each integer program."""


@cache
def solved_with_race(seconds):
    """COMPAS arrest with race as a feature: the table, the best classifier, and both paths."""
    table = observed.compas("arrest", race=True)
    baseline = observed.co_optimal(table, time_limit=seconds).solutions[0]
    flips = observed.flip_errors(table, baseline, time_limit=seconds)
    ambiguity = observed.ambiguity_path(table, baseline, flips, EPSILONS)
    path = observed.discrepancy_path(table, baseline, EPSILONS, time_limit=seconds)
    return table, baseline, ambiguity, path


def judge_share(trial, table, people, bounds, recorded, rounding, without):
    """Decide shares of people that integer programs found, or that their bounds enclose on a slower
    machine, against recorded ones.
    """
    trial.value(
        (people + bounds) / (2 * table.n),
        recorded,
        error=(bounds - people) / (2 * table.n) + 2.0**-52,
        slack=rounding,
        margin=rounding + 1e-3,
        controls={"without race": without / table.n},
    )


@claim(
    OPTIMA,
    kind="empirical",
    tier="full",
    route="counts in the claim against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__race(trial, seconds: Limit = 120):
    """With race as a feature the best linear classifier of COMPAS arrest, 329 rows, makes 1985
    errors.
    """
    table, baseline, _, _ = solved_with_race(seconds)
    fewest = solved("arrest").baseline.errors
    trial.identity(
        [len(table.rows), baseline.errors, baseline.bound],
        [329, 1985, 1985],
        ops=0,
        controls={"without race": [137, fewest, fewest]},
    )


@claim(
    OPTIMA,
    kind="empirical",
    tier="full",
    route="counts in the claim against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__race__ambiguity(trial, seconds: Limit = 120):
    """With race as a feature, competitors at a tolerance of 1 % change 66.83 % of the predictions
    of the best linear classifier of COMPAS arrest, all taken together.
    """
    table, _, ambiguity, _ = solved_with_race(seconds)
    shares = np.array(RACE["ambiguity"])
    without = solved("arrest").ambiguity.ambiguous
    judge_share(trial, table, ambiguity.ambiguous, ambiguity.bounds, shares, 5e-5, without)


@claim(
    OPTIMA,
    kind="empirical",
    tier="full",
    route="counts in the claim against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__race__discrepancy(trial, seconds: Limit = 120):
    """With race as a feature, one competitor at a tolerance of 1 % changes 1035 predictions of the
    best linear classifier of COMPAS arrest.
    """
    table, _, _, path = solved_with_race(seconds)
    shares = np.array(RACE["discrepancy"]) / table.n
    without = solved("arrest").discrepancy.disagreement
    judge_share(trial, table, path.disagreement, path.bounds, shares, 0.0, without)


def measures(rows, positives, negatives):
    """Discrepancy and ambiguity at 1 % of people with these counts in the rows."""
    people = np.concatenate([rows, rows])
    labels = np.repeat([1, -1], len(rows))
    weights = np.concatenate([positives, negatives])
    table = aggregate(people[weights > 0], labels[weights > 0], weights[weights > 0])
    baseline = observed.co_optimal(table).solutions[0]
    flips = observed.flip_errors(table, baseline)
    return [
        observed.discrepancy_path(table, baseline, [0.01]).disagreement[0],
        observed.ambiguity_path(table, baseline, flips, [0.01]).ambiguous[0],
    ]


def fitted_chances(table):
    """The chance of a positive label in each row, by logistic regression."""
    design = np.column_stack([np.ones(len(table.rows)), table.rows])
    weights = np.zeros(design.shape[1])
    for _ in range(30):  # Newton's method, from zero
        chances = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (table.positives - table.totals * chances)
        curvature = (design.T * (table.totals * chances * (1 - chances))) @ design
        weights = weights + np.linalg.solve(curvature, slope)
    return 1 / (1 + np.exp(-design @ weights))


@claim(
    derived("labels drawn again from a logistic model that fits, beside the recorded ones"),
    kind="empirical",
    tier="full",
    low_power="a rank among twenty draws",
)
def test_compas__redrawn(
    trial,
    n_draws: Annotated[int, Interval(20, 100, why="a second each, and a rank needs some")] = 20,
):
    """Sampling noise around a linear truth explains the 1105 and 3160 changed predictions of
    COMPAS: both lie among those of labels drawn from a fitted logistic model. The claim takes three
    minutes.

    Labels without noise have far less, labels dealt at random more.
    """
    table = solved("arrest").table
    chances = fitted_chances(table)
    rng = trial.generator("labels")
    drawn = []
    for _ in range(n_draws):
        positives = rng.binomial(table.totals, chances)
        drawn.append(measures(table.rows, positives, table.totals - positives))
    low = np.min(drawn, axis=0)
    high = np.max(drawn, axis=0)

    def among(pair):
        return [int(inside) for inside in (low <= pair) & (pair <= high)]

    sure = np.where(chances > 0.5, table.totals, 0)
    dealt = rng.multivariate_hypergeometric(table.totals, int(table.positives.sum()))
    trial.identity(
        among(measures(table.rows, table.positives, table.negatives)),
        [1, 1],
        ops=0,
        independent=1,
        control_processes={
            "labels without noise": among(measures(table.rows, sure, table.totals - sure)),
            "labels dealt at random": among(measures(table.rows, dealt, table.totals - dealt)),
        },
    )


@claim(
    derived("competitors of one half, judged on the people of the other"),
    kind="empirical",
    tier="full",
    low_power="each half carries a sign only",
)
def test_compas__held_out(
    trial,
    n_halves: Annotated[int, Interval(20, 100, why="a second each, and signs need some")] = 20,
):
    """Multiplicity is no artefact of fitting: of the competitors within 1 % of the baseline on half
    of COMPAS, most stay within 1 % on the other half. The claim takes a minute.

    People of the other half whose row is not in the first are left out, about 1 %.
    """
    table = solved("arrest").table
    rng = trial.generator("halves")
    stay = []
    lost = []
    for _ in range(n_halves):
        positives = rng.multivariate_hypergeometric(
            table.positives, int(table.positives.sum()) // 2
        )
        negatives = rng.multivariate_hypergeometric(
            table.negatives, int(table.negatives.sum()) // 2
        )
        met = positives + negatives > 0
        rows = table.rows[met]
        counted = np.concatenate([positives[met], negatives[met]])
        labels = np.repeat([1, -1], len(rows))
        people = np.concatenate([rows, rows])
        half = aggregate(people[counted > 0], labels[counted > 0], counted[counted > 0])
        trial.require(len(half.rows) == len(rows), "n_halves must leave all columns independent")
        baseline = observed.co_optimal(half).solutions[0]
        flips = observed.flip_errors(half, baseline)
        out_positives = (table.positives - positives)[met]
        out_negatives = (table.negatives - negatives)[met]

        def errors(dichotomy, out=(out_positives, out_negatives)):
            return np.where(dichotomy == 1, out[1], out[0]).sum()

        within = (out_positives.sum() + out_negatives.sum()) * 0.01
        base = errors(baseline.dichotomy)
        costs = (flips.errors - baseline.errors) / half.n
        keeps = np.array([errors(found.dichotomy) <= base + within for found in flips.solutions])
        stay.append(np.mean(keeps[costs <= 0.01]) - 0.5)
        lost.append(np.mean(keeps[(costs > 0.02) & (costs <= 0.05)]) - 0.5)
    trial.runs(
        stay,
        alpha=2.0 ** (1 - n_halves),
        controls={"competitors that cost 2 to 5 %": np.array(lost)},
    )


@claim(
    derived("the exact flips of all rows, and whose rows they are"),
    kind="empirical",
    low_power="a rank among permutations",
)
def test_compas__who(
    trial,
    n_shuffles: Annotated[int, Interval(40, 400, why="a rank needs some, and each is fast")] = 100,
):
    """At a tolerance of 1 % ambiguity is spread unevenly over COMPAS: women are in ambiguous rows
    more often than men, and African-American people more often than white ones, by more than in any
    shuffle of the labels sex and race among people.

    A flag belongs to a row, and sex is a column: this is about who sits in which row, and says
    nothing of two people in one row.
    """
    found = solved("arrest")
    samples = observed.compas_samples("arrest")
    kept = [samples.columns.index(name) for name in found.table.columns]
    costs = dict(zip(map(tuple, found.table.rows.astype(int)), found.flips.errors, strict=True))
    allowed = found.baseline.errors + 0.01 * found.table.n
    flags = np.array(
        [costs[tuple(row)] <= allowed for row in samples.features[:, kept].astype(int)], float
    )
    sexes = [name for name in samples.columns if "female" in name.lower()]
    women = samples.features[:, samples.columns.index(sexes[0])] == 1
    counts = samples.counts
    rng = trial.generator("shuffles")

    def difference(first, second, shuffled=False):
        """Share of the first group in ambiguous rows less that of the second."""
        people = np.repeat(np.where(first, 1, np.where(second, 2, 0)), counts)
        if shuffled:
            people = rng.permutation(people)
        of_person = np.repeat(flags, counts)
        return of_person[people == 1].mean() - of_person[people == 2].mean()

    groups = [
        (women, ~women),
        (samples.race == "african_american", samples.race == "causasian"),
    ]
    seen = np.array([difference(*pair) for pair in groups])
    shuffles = np.array(
        [[difference(*pair, shuffled=True) for pair in groups] for _ in range(n_shuffles)]
    )
    leads = np.min(seen - shuffles, axis=1)
    trial.runs(
        leads,
        alpha=1e-6,
        controls={"the other way round": np.min(-seen - shuffles, axis=1)},
    )
