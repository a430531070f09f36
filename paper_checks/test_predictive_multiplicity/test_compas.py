"""The public COMPAS data: every count of the paths proved optimal, ties among baselines, and what
ad-hoc pools miss.
"""

from typing import Annotated

import numpy as np
from sklearn.linear_model import LogisticRegression

from paper_checks.test_predictive_multiplicity import (
    EPSILONS,
    NPoints,
    NSets,
    lattice_tables,
    over,
    solved,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.table import aggregate
from sims.predictive_multiplicity.samples import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, derived, recalled, tried
from theory_on_trial.contract import Interval

WILDLY = tried(
    "abstract, sentence 6: real-world datasets may admit competing models that assign wildly "
    "conflicting predictions",
    "the tables, tolerances and counts: optima of this project's own programs, recorded here and "
    "proved by their bounds at every run",
)
RECORDED = {
    ("arrest", False): {
        "n": 6172,
        "errors": 2008,
        "discrepancy": [2, 296, 547, 762, 1105, 1278, 1433, 1749, 2196],
        "ambiguity": [2, 445, 1073, 2005, 3160, 4102, 4225, 4684, 6172],
    },
    ("violent", False): {
        "n": 6172,
        "errors": 683,
        "discrepancy": [4, 38, 61, 94, 155, 212, 275, 375, 598],
        "ambiguity": [4, 166, 349, 815, 1228, 1624, 2412, 3804, 4767],
    },
    ("arrest", True): {
        "n": 6726,
        "errors": 2200,
        "discrepancy": [160, 510, 934, 1047, 1181, 1554, 1678, 2003, 2436],
        "ambiguity": [164, 681, 1447, 1730, 3028, 4055, 4511, 6038, 6090],
    },
    ("violent", True): {
        "n": 10960,
        "errors": 4141,
        "discrepancy": [0, 656, 847, 1594, 2369, 2830, 3185, 3946, 5019],
        "ambiguity": [0, 928, 2227, 3971, 6204, 7805, 7885, 10903, 10960],
    },
}
"""By target and over-sampling: people, fewest errors, and both paths at `EPSILONS`."""


def judge_table(trial, target, oversampled):
    """Decide that classifiers reach all recorded counts, and that bounds prove these optimal."""
    table, baseline, _, discrepancy, ambiguity = solved(target, oversampled=oversampled)
    reached = [table.n, baseline.errors, *discrepancy.disagreement, *ambiguity.ambiguous]
    proved = [table.n, baseline.bound, *discrepancy.bounds, *ambiguity.bounds]
    recorded = RECORDED[target, oversampled]
    proposition = 2 * recorded["errors"] + discrepancy.admitted
    constant = min(count.sum() for count in table.by_label)

    def twice(counts):
        """All counts in one line, once for what is reached and once for what is proved."""
        line = [counts["n"], counts["errors"], *counts["discrepancy"], *counts["ambiguity"]]
        return [line, line]

    trial.identity(
        [reached, proved],
        twice(recorded),
        ops=0,
        controls={
            "Proposition 1 with equality": twice({**recorded, "discrepancy": proposition}),
            "errors of the best constant": twice({**recorded, "errors": constant}),
        },
    )


@claim(
    WILDLY,
    kind="empirical",
    route="recorded counts against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__table(trial):
    """The best linear classifier of COMPAS arrest, 6172 people, makes 2008 errors. At a tolerance
    of 1 % one competitor changes 1105 predictions of the best classifier of largest margin, and all
    competitors together 3160. Both numbers are proved at nine tolerances up to 5 %.
    """
    judge_table(trial, "arrest", oversampled=False)


@claim(
    WILDLY,
    kind="empirical",
    route="recorded counts against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__violent(trial):
    """The best linear classifier of COMPAS violent, 6172 people, makes 683 errors. At a tolerance
    of 1 % one competitor changes 155 predictions of the best classifier of largest margin, and all
    competitors together 1228. Both numbers are proved at nine tolerances up to 5 %.
    """
    judge_table(trial, "violent", oversampled=False)


@claim(
    WILDLY,
    kind="empirical",
    tier="full",
    cases=["arrest", "violent"],
    route="recorded counts against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__oversampled(trial, target: Target):
    """On the over-sampled COMPAS tables arrest and violent, of 6726 and 10960 records, the best
    linear classifier makes 2200 and 4141 errors. At a tolerance of 1 % one competitor changes 1181
    and 2369 predictions of the best classifier of largest margin, and all competitors together 3028
    and 6204. Both numbers are proved at nine tolerances up to 5 %.
    """
    judge_table(trial, target, oversampled=True)


def shown_by_pool(table, around, admitted):
    """Discrepancy and ambiguity, in people, of a pool of elastic nets around a classifier, at each
    admitted increase of the errors: [2, tolerances].
    """
    pool = observed.elastic_net_pool(table.rows, *table.by_label)
    labellings = observed.pool_dichotomies(table.rows, pool)
    return np.array(observed.pool_multiplicity(labellings, *table.by_label, around, admitted))


@claim(
    recalled("introduction, the two shares on COMPAS"),
    kind="empirical",
    tier="full",
    not_tight="the recalled numbers are rounded down",
    route="the paper's two numbers against proved bounds",
)
def test_introduction(trial):
    """On over-sampled COMPAS arrest one competitor that is at most 1 % worse changes over 17 % of
    the predictions, and all competitors together change over 44 %.
    """
    table, baseline, _, discrepancy, ambiguity = solved("arrest", oversampled=True)
    at = EPSILONS.index(0.01)
    shares = np.array([discrepancy.disagreement[at], ambiguity.ambiguous[at]]) / table.n
    pool = shown_by_pool(table, baseline.dichotomy, discrepancy.admitted)[:, at] / table.n
    trial.value(
        shares,
        np.array([0.17, 0.44]),
        error=2.0**-53,
        side="at least",
        controls={"twice as many": np.array([0.34, 0.88])},
        control_processes={"what an ad-hoc pool shows": pool},
    )


@claim(
    derived("each optimum taken as the baseline in turn"),
    kind="empirical",
    cases=[True, False],
    route="counts in the claim against proved bounds",
)
def test_baseline__ties(trial, oversampled: bool):
    """The over-sampled data of COMPAS arrest have ten optimal classifiers, and the discrepancy
    depends on which of them is the baseline: where competitors may make 6 further errors, which is
    0.1 %, it is 356 to 514 people. The raw data have two, and the discrepancy is 296 people from
    both.
    """
    table = observed.compas("arrest", oversampled=oversampled)
    optima = observed.co_optimal(table).solutions
    paths = [observed.discrepancy_path(table, optimum, [6 / table.n]) for optimum in optima]
    # For each optimum the people whom one competitor reaches, and the bound that proves it.
    found = np.sort([(*path.disagreement, *path.bounds) for path in paths], axis=0)
    people = [356, 356, 358, 360, 362, 508, 508, 510, 512, 514] if oversampled else [296, 296]
    trial.identity(
        found,
        np.stack([people, people], axis=1),
        ops=0,
        controls={"508 people from each": np.full(found.shape, 508)},
    )


@claim(
    derived("no-good cuts exclude what was met, until nothing as good is left"), kind="optimality"
)
def test_rashomon__cells(
    trial,
    n_points: NPoints = 40,
    n_sets: NSets = 2,
    extra: Annotated[int, Interval(1, 4, why="the number of classifiers multiplies")] = 2,
):
    """The solver meets the near-optimal linear classifiers one by one, and those that it has met
    when it stops are all. COMPAS arrest has 2 linear classifiers with 2008 errors and 27 with 2009.
    """

    def met(table, most):
        """1 if the solver calls its list complete, and how many classifiers in it make 0, ...,
        `most` errors more than the best.
        """
        near = observed.co_optimal(table, most)
        more = [found.errors - near.solutions[0].errors for found in near.solutions]
        return [int(near.complete), *np.bincount(more, minlength=most + 1)]

    def exist(table):
        """The same of all linear dichotomies, for up to `extra` errors."""
        errors = predicted.errors_of(predicted.linear_dichotomies(table.rows), *table.by_label)
        more = errors - errors.min()
        return [1, *np.bincount(more, minlength=extra + 1)[: extra + 1]]

    rng = trial.generator("sets")
    tables = [table for dim in (2, 3) for table in lattice_tables(rng, dim, n_points, n_sets)]
    found = [*(met(table, extra) for table in tables), met(observed.compas("arrest"), 1)]
    exact = [*map(exist, tables), [1, 2, 27]]
    rivals = {
        "one optimum": [[1, 1, *near] for _, _, *near in exact],
        # The last entry counts the classifiers at the limit itself.
        "errors below the limit only": [[*below, 0] for *below, _ in exact],
    }
    trial.identity(
        np.concatenate(found),
        np.concatenate(exact),
        ops=0,
        controls={name: np.concatenate(rival) for name, rival in rivals.items()},
        instances="search",
    )


@claim(
    derived("the pool of the released code, around the best linear classifier"),
    kind="bound",
    not_tight="the pool shows at most two thirds of what there is",
)
def test_adhoc__lower__bound(trial):
    """Around the best linear classifier of COMPAS arrest a pool of 1100 elastic nets shows less
    discrepancy and less ambiguity than all linear classifiers have, at each of nine tolerances up
    to 5 %.
    """
    table, baseline, _, discrepancy, ambiguity = solved("arrest")
    constant = np.zeros(len(table.rows), int)
    trial.bound(
        # In whole numbers, "less than" is "at most" for one more.
        shown_by_pool(table, baseline.dichotomy, discrepancy.admitted) + 1,
        np.array([discrepancy.disagreement, ambiguity.ambiguous]),
        instances="all",
        ops=0,
        control_processes={
            "pool around a constant": shown_by_pool(table, constant, discrepancy.admitted),
        },
    )


Limit = Annotated[float, Interval(10, 3600, why="with less the discrepancies stay unproved")]
"""Seconds for each integer program."""


@claim(
    derived("the optimum of this project's own program, proved by its bound at every run"),
    kind="empirical",
    tier="full",
    route="counts in the claim against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__race(trial, seconds: Limit = 120):
    """With race as a feature COMPAS arrest has 329 distinct rows, and its best linear classifier
    makes 1985 errors.
    """
    table, baseline, *_ = solved("arrest", race=True, time_limit=seconds)
    fewest = solved("arrest").baseline.errors
    trial.identity(
        [len(table.rows), baseline.errors, baseline.bound],
        [329, 1985, 1985],
        ops=0,
        controls={"without race": [137, fewest, fewest]},
    )


@claim(
    WILDLY,
    kind="empirical",
    tier="full",
    route="counts in the claim against proved bounds",
    second="test_sims_pm_solvers.py::test_all_problems_equal_exhaustive_search",
)
def test_compas__race__paths(trial, seconds: Limit = 120):
    """With race as a feature, at a tolerance of 1 % one competitor changes 1035 predictions of the
    best linear classifier of COMPAS arrest, and all competitors together 4125. Both numbers are
    known at nine tolerances up to 5 %, to 0.1 % of the people.
    """
    table, _, _, discrepancy, ambiguity = solved("arrest", race=True, time_limit=seconds)
    reached = np.array([discrepancy.disagreement, ambiguity.ambiguous]) / table.n
    proved = np.array([discrepancy.bounds, ambiguity.bounds]) / table.n
    people = [
        [10, 304, 489, 732, 1035, 1234, 1403, 1697, 2182],
        [10, 620, 1559, 2578, 4125, 4808, 5385, 5791, 6172],
    ]
    without = solved("arrest")
    without_race = np.array([without.discrepancy.disagreement, without.ambiguity.ambiguous])
    # A slower machine may run out of time: what is reached and proved then enclose the optimum.
    trial.value(
        (reached + proved) / 2,
        np.array(people) / table.n,
        error=(proved - reached) / 2 + 2.0**-52,
        margin=1e-3,
        controls={"without race": without_race / table.n},
    )


def table_of(rows, positives, negatives):
    """The table of so many people of either label in each row; rows without people are left out."""
    people = np.concatenate([positives, negatives])
    labels = np.repeat([1, -1], len(rows))
    there = people > 0
    return aggregate(np.tile(rows, (2, 1))[there], labels[there], people[there])


def measures(table):
    """Discrepancy and ambiguity at a tolerance of 1 %, in people, around the best linear
    classifier of largest margin.
    """
    baseline = observed.co_optimal(table).solutions[0]
    flips = observed.flip_errors(table, baseline)
    return [
        observed.discrepancy_path(table, baseline, [0.01]).disagreement[0],
        observed.ambiguity_path(table, baseline, flips, [0.01]).ambiguous[0],
    ]


def fitted_chances(table):
    """The chance of a positive label in each row, by logistic regression."""
    labels = np.repeat([1, 0], len(table.rows))
    fit = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    fit.fit(np.tile(table.rows, (2, 1)), labels, np.concatenate(table.by_label))
    return fit.predict_proba(table.rows)[:, 1]


@claim(
    derived("labels drawn again from a logistic model that fits, beside the recorded ones"),
    kind="empirical",
    tier="full",
    low_power="a rank among twenty draws",
)
def test_compas__redrawn(
    trial,
    n_draws: Annotated[int, Interval(20, 100, why="each takes a second; a rank needs many")] = 20,
):
    """The discrepancy of 1105 people and the ambiguity of 3160 on COMPAS arrest at a tolerance of
    1 % are no more than sampling noise around a linear truth gives: both lie between the least and
    the largest of twenty or more tables whose labels are drawn from a fitted logistic model.

    The claim takes three minutes. Labels without noise have far less, labels dealt at random more.
    """
    table = solved("arrest").table
    chances = fitted_chances(table)
    rng = trial.generator("labels")

    def measured(positives):
        """Discrepancy and ambiguity if each row has so many positive labels."""
        return measures(table_of(table.rows, positives, table.totals - positives))

    drawn = [measured(rng.binomial(table.totals, chances)) for _ in range(n_draws)]
    least = np.min(drawn, axis=0)
    largest = np.max(drawn, axis=0)

    def among_drawn(positives):
        """1 where the measure lies among those of the drawn labels, else 0."""
        pair = measured(positives)
        return ((least <= pair) & (pair <= largest)).astype(int)

    likelier = np.where(chances > 0.5, table.totals, 0)
    dealt = rng.multivariate_hypergeometric(table.totals, int(table.positives.sum()))
    trial.identity(
        among_drawn(table.positives),
        [1, 1],
        ops=0,
        instances="search",
        control_processes={
            "labels without noise": among_drawn(likelier),
            "labels dealt at random": among_drawn(dealt),
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
    n_halves: Annotated[
        int, Interval(20, 100, why="each takes a second; a sign test needs many")
    ] = 20,
):
    """For each row of a random half of COMPAS arrest, take the best linear classifier that predicts
    this row otherwise than the baseline: of those within 1 % of the baseline on this half, most
    stay within 1 % on the other half.

    The claim takes a minute. People of the other half whose row is not in the first are left out,
    about 1 %.
    """
    table = solved("arrest").table
    rng = trial.generator("halves")

    def shares_that_stay(_):
        """The share of classifiers within 1 % of the baseline on the other half: of those that cost
        at most 1 % on the first half, and of those that cost 2 to 5 % there.
        """
        positives, negatives = (
            rng.multivariate_hypergeometric(people, int(people.sum()) // 2)
            for people in table.by_label
        )
        met = positives + negatives > 0
        half = table_of(table.rows[met], positives[met], negatives[met])
        trial.require(len(half.rows) == met.sum(), "n_halves must leave all columns independent")
        baseline = observed.co_optimal(half).solutions[0]
        flips = observed.flip_errors(half, baseline)
        other_half = (table.positives - positives)[met], (table.negatives - negatives)[met]
        competitors = np.array([found.dichotomy for found in flips.solutions])
        allowed = predicted.errors(baseline.dichotomy, *other_half) + 0.01 * np.sum(other_half)
        stays = predicted.errors_of(competitors, *other_half) <= allowed
        costs = (flips.errors - baseline.errors) / half.n
        cheap = costs <= 0.01
        dear = (costs > 0.02) & (costs <= 0.05)
        return np.mean(stays[cheap]), np.mean(stays[dear])

    share_of_cheap, share_of_dear = over(range(n_halves), shares_that_stay)
    # At this level "most" must hold of every half.
    trial.runs(
        share_of_cheap - 0.5,
        alpha=2.0 ** (1 - n_halves),
        controls={"competitors that cost 2 to 5 %": share_of_dear - 0.5},
    )


@claim(
    derived("the exact flips of all rows, and whose rows they are"),
    kind="empirical",
    low_power="a rank among permutations",
)
def test_compas__who(
    trial,
    n_shuffles: Annotated[int, Interval(40, 400, why="the sign test needs many")] = 100,
):
    """At a tolerance of 1 % ambiguity is spread unevenly over COMPAS arrest: women are in ambiguous
    rows more often than men, and African-American people more often than white ones. Both leads are
    larger than in most shuffles of sex and race among people.

    All people in a row are ambiguous or none is, and sex is a feature: this is about who sits in
    which row, and says nothing of two people in one row.
    """
    found = solved("arrest")
    samples = observed.compas_samples("arrest")
    allowed = found.baseline.errors + 0.01 * found.table.n
    # Of each person
    ambiguous = np.repeat(
        (found.flips.errors <= allowed)[found.table.row_of_sample], samples.counts
    )
    women = samples.features[:, samples.columns.index("female")] == 1
    rng = trial.generator("shuffles")

    def lead(first, second, shuffled):
        """The share of the first group that is in ambiguous rows, less that of the second."""
        # A group for each person: 1, 2, or 0 for neither.
        people = np.repeat(np.where(first, 1, np.where(second, 2, 0)), samples.counts)
        if shuffled:
            people = rng.permutation(people)
        return ambiguous[people == 1].mean() - ambiguous[people == 2].mean()

    def leads(shuffled=False):
        """The lead of women over men, and of African-American over white people."""
        return [
            lead(women, ~women, shuffled),
            # "causasian" is the spelling of the source.
            lead(samples.race == "african_american", samples.race == "causasian", shuffled),
        ]

    seen = np.array(leads())
    shuffles = np.array([leads(shuffled=True) for _ in range(n_shuffles)])
    # The smaller of the two excesses is positive where both leads are larger than shuffled ones.
    trial.runs(
        np.min(seen - shuffles, axis=1),
        alpha=1e-6,
        controls={"the other way round": np.min(-seen - shuffles, axis=1)},
    )
