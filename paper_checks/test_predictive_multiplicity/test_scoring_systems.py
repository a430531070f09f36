"""Supersparse linear integer models: exact optima, what the penalties promise, rounding, and a
generalisation bound.
"""

from fractions import Fraction
from itertools import islice
from math import gcd
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_predictive_multiplicity import apart, over, slim
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, code, derived
from theory_on_trial.contract import Interval

MostDrawn = Annotated[
    int, Interval(100, 10_000, why="with many sets none is settled, and each is solved")
]
AnyPenalty = Annotated[int, Interval(1, 1000, why="C_0 up to one")]
MostCoefficient = Annotated[int, Interval(1, 50, why="all coefficients are tried")]
PositiveWeight = Annotated[
    int, Interval(2, 50, why="with one, the released M loses none; the high end is a cap")
]
NPoints = Annotated[int, Interval(8, 24, why="all coefficients of the box are tried")]
"""N."""
NCoefficients = Annotated[int, Interval(2, 4, why="all coefficients of the box are tried")]
"""P."""
NSets = Annotated[int, Interval(3, 100, why="controls differ on some set only")]
Thousandths = Annotated[int, Interval(5, 200, why="dearer terms leave none")]
"""1000 C_0."""
PerUnit = Annotated[int, Interval(100, 5000, why="solvers distinguish objectives to 1e-6 a point")]
"""1 / C_1."""


def scoring_set(generator, n_points=16, n_coefficients=3, bound=3):
    """Features in -2, ..., 2 with noisy labels of a linear rule, and a box that is symmetric about
    zero.
    """
    features = generator.integers(-2, 3, (n_points, n_coefficients))
    labels = np.where(
        features @ generator.integers(-2, 3, n_coefficients) + generator.normal(size=n_points) > 0,
        1,
        -1,
    )
    return (
        features.astype(float),
        labels,
        np.full(n_coefficients, -bound),
        np.full(n_coefficients, bound),
    )


def problem_of(instance, sparsity, size, **options):
    """What the scoring system of an instance must do."""
    data = dict(zip(("features", "labels", "lower", "upper"), instance, strict=True))
    return observed.ScoringProblem(
        **data, sparsity_penalty=float(sparsity), size_penalty=float(size), **options
    )


def solve(instance, sparsity, size, **options):
    """The optimal scoring system of an instance by integer programming."""
    return observed.scoring_system(problem_of(instance, sparsity, size, **options))


def errors_and_terms(instance, coefficients):
    """Number of errors and of non-zero coefficients, counted here."""
    features, labels = instance[:2]
    return int(np.sum(labels * (features @ coefficients) <= 0)), int(np.count_nonzero(coefficients))


@claim(
    slim(
        "SLIM scoring systems are built by using an integer programming problem that directly "
        "encodes measures of "
        "accuracy (the 0-1 loss) and sparsity (the l0-seminorm)"
    ),
    kind="optimality",
    cases=[(64, 1024), (100, 2000), (8, 100)],
)
def test_slim__exact(
    trial,
    per_term: Annotated[
        int, Interval(1, 200, why="solvers distinguish objectives to 1e-6 a point")
    ],
    per_unit: Annotated[
        int, Interval(1, 2000, why="solvers distinguish objectives to 1e-6 a point")
    ],
    n_points: NPoints = 16,
    n_sets: NSets = 3,
):
    """At C_0 and C_1 that are one over whole numbers the integer program attains the least
    objective of the box.
    """
    penalties = Fraction(1, per_term), Fraction(1, per_unit)

    def measure(instance):
        coefficients = solve(instance, *map(float, penalties)).coefficients
        errors, terms = errors_and_terms(instance, coefficients)
        objective = errors + n_points * (
            terms * penalties[0] + int(np.abs(coefficients).sum()) * penalties[1]
        )
        exact, free = (
            predicted.brute_force_optimum(*instance, penalties[0], size)
            for size in (penalties[1], 0)
        )
        return objective, exact.objective, free.objective

    rng = trial.generator("sets")
    objectives, exact, free = over([scoring_set(rng, n_points, 4) for _ in range(n_sets)], measure)
    trial.identity(
        objectives, exact, ops=0, controls=apart(trial, exact, {"without the l1 term": free})
    )


@claim(
    derived("the row of a point must hold for every lambda of the box once it counts as an error"),
    kind="optimality",
    cases=[(10, 5), (3, 1), (25, 20)],
    as_published=code(
        "ustunb/slim-python",
        "slim_python/create_slim_IP.py",
        "72aa6d1",
        says="With M = 1.05 ε + max_lambda y <λ, x> every box keeps its optimum: this one errs "
        "everywhere.",
    ),
)
def test_slim__big__m(trial, positive: PositiveWeight, most: MostCoefficient):
    """M = ε - min_lambda y <λ, x> lets all coefficients err; the released M loses an optimum of 1
    error.

    Of points x = 1, all but one of them positive, and λ = 0, 1, ..., most.
    """
    features = np.ones((positive + 1, 1))
    labels = np.append(np.ones(positive, int), -1)
    zero = np.array([0])
    instance = (features, labels, zero, np.array([most]))
    penalty = Fraction(1, 1024)
    best = predicted.brute_force_optimum(*instance, penalty, 0).errors[0]
    # The released M forces lambda = 0 at the negative point.
    left = predicted.brute_force_optimum(features, labels, zero, zero, penalty, 0).errors[0]
    errors, released_errors = (
        solve(instance, penalty, 0, big_m=rule).errors for rule in ("valid", "released")
    )
    trial.identity(
        errors,
        best,
        ops=0,
        control_processes={"the released M": released_errors},
        as_published=released_errors,
    )
    trial.identity(released_errors, left, ops=0, controls={"the optimum": best})
    least = np.full(positive, 1e-3)
    largest = most + 1e-3
    controls = {"maximum": np.append(np.full(positive, largest), 1e-3)}
    bounds = predicted.scoring_big_m(*instance, 1e-3)
    trial.identity(bounds, np.append(least, largest), ops=2, scale=float(most), controls=controls)


@claim(
    derived("one error costs 1 / N, and all terms together cost P C_0"),
    kind="optimality",
    cases=[2, 3],
)
def test_slim__c0(trial, n_coefficients: NCoefficients, n_points: NPoints = 16, n_sets: NSets = 8):
    """With C_0 < 1 / (N P) the optimum has the fewest errors, and the fewest terms among those."""
    safe = predicted.accuracy_preserving_penalty(n_points, n_coefficients) * Fraction(99, 100)

    def measure(instance):
        free = predicted.brute_force_optimum(*instance, 0, 0)
        exact = free.errors[0], (free.coefficients != 0).sum(axis=1).min()
        cheap, dear = (
            solve(instance, penalty, 0).coefficients for penalty in (safe, 2.6 / n_points)
        )
        return errors_and_terms(instance, cheap), exact, errors_and_terms(instance, dear)

    rng = trial.generator("sets")
    pairs, exact, dear = over(
        [scoring_set(rng, n_points, n_coefficients) for _ in range(n_sets)], measure
    )
    trial.identity(
        pairs, exact, ops=0, control_processes=apart(trial, exact, {"C_0 = 2.6 / N": dear})
    )


@claim(slim("while restricting coefficients to coprime integers"), kind="optimality")
def test_slim__coprime(
    trial,
    thousandths: Thousandths = 95,
    per_unit: PerUnit = 1024,
    n_points: NPoints = 10,
    n_sets: NSets = 8,
):
    """Any price C_1 of their size makes the optimal coefficients coprime, and without one they need
    not be.
    """
    rng = trial.generator("sets")
    # On x = (1, -1, 2), y = (+, -, +) every multiple is as good where the size is free.
    line = np.array([[1.0], [-1.0], [2.0]]), np.array([1, -1, 1]), np.array([-4]), np.array([4])
    sets = [line, *(scoring_set(rng, n_points) for _ in range(n_sets))]
    vectors = [solve(member, thousandths / 1000, 1 / per_unit).coefficients for member in sets]
    divisors = [gcd(*member.tolist()) for member in vectors if member.any()]
    trial.require(
        bool(divisors), "thousandths and per_unit must leave some coefficients: all are too dear"
    )
    free = predicted.brute_force_optimum(*line, Fraction(1, 100), 0).coefficients
    processes = {"C_1 = 0": np.resize(np.sort(free.ravel())[::-1], len(divisors))}
    trial.identity(divisors, np.ones(len(divisors), int), ops=0, control_processes=processes)


@claim(derived("the size costs less than one error, and less than one term"), kind="optimality")
def test_slim__pareto(
    trial, thousandths: Thousandths = 95, n_points: NPoints = 10, n_sets: NSets = 8
):
    """With C_1 < min(1/N, C_0) / sum Λ nothing has fewer errors and no more terms, nor fewer terms
    and no more.
    """
    rng = trial.generator("sets")
    penalty = Fraction(thousandths, 1000)
    rule = predicted.pareto_penalty(n_points, penalty, np.full(3, 3)) * Fraction(99, 100)
    axes = np.indices((7, 7, 7)).reshape(3, -1).T - 3

    def measure(instance):
        grid = np.stack(
            [predicted.scoring_errors(axes, *instance[:2]), (axes != 0).sum(axis=1)], axis=1
        )
        vectors = [solve(instance, penalty, rule).coefficients, axes[0]]
        points = [errors_and_terms(instance, point) for point in vectors]
        return [
            int(np.any(np.all(grid <= point, axis=1) & np.any(grid < point, axis=1)))
            for point in points
        ]

    violations, corner = over([scoring_set(rng, n_points) for _ in range(n_sets)], measure)
    trial.identity(
        violations, np.zeros(n_sets), ops=0, control_processes={"a corner of the box": corner}
    )


@claim(
    derived("the size costs less than the least difference of what it is added to"),
    kind="optimality",
)
def test_slim__ties(
    trial, thousandths: Thousandths = 95, n_points: NPoints = 10, n_sets: NSets = 12
):
    """For C_1 of SLIM to break ties only, its code's min(1/N, C_0) / sum Λ is too much at N C_0 =
    .95.
    """
    rng = trial.generator("sets")
    penalty = Fraction(thousandths, 1000)
    bounds = np.full(3, 3)
    sizes = [
        rule(n_points, penalty, bounds) * Fraction(99, 100)
        for rule in (predicted.tie_breaking_penalty, predicted.pareto_penalty)
    ]

    def measure(instance):
        pairs = [
            errors_and_terms(instance, solve(instance, penalty, size).coefficients)
            for size in sizes
        ]
        answers = [errors + n_points * penalty * terms for errors, terms in pairs]
        return *answers, predicted.brute_force_optimum(*instance, penalty, 0).objective

    objectives, by_rule, exact = over([scoring_set(rng, n_points) for _ in range(n_sets)], measure)
    processes = (
        {"C_1 as slim_python/create_slim_IP.py sets it": by_rule}
        if np.any(by_rule != exact)
        else {}
    )
    trial.identity(
        objectives,
        exact,
        ops=0,
        controls={"one error more": exact + 1},
        control_processes=processes,
    )


@claim(
    derived("by listing all pairs of errors and terms"),
    kind="identity",
    cases=[(thousandths, 3) for thousandths in (95, 210, 226, 335, 530)],
)
def test_slim__gaps(
    trial, thousandths: AnyPenalty, n_coefficients: NCoefficients, n_points: NPoints = 10
):
    """The size is safe below the least difference of #errors + N C_0 |λ|_0: of any pairs, or of
    ordered ones.
    """
    penalty = Fraction(thousandths, 1000)
    bounds = np.arange(1, n_coefficients + 1)
    pairs = np.indices((n_points + 1, n_coefficients + 1)).reshape(2, -1).T
    values = pairs @ np.array([1, n_points * penalty])
    order = np.all(pairs <= pairs[:, None], axis=2)
    differences = [np.subtract.outer(values, values)[kind] for kind in (np.ones_like(order), order)]
    largest = n_points * sum(bounds.tolist())  # of the l1 norm, times N
    gaps = np.array([min(matrix[matrix > 0]) / largest for matrix in differences])
    rules = predicted.tie_breaking_penalty, predicted.pareto_penalty
    exact = np.array([rule(n_points, penalty, bounds) for rule in rules])
    rivals = {
        "a whole error": np.full(2, Fraction(1, largest)),
        "one coefficient's size": exact * largest / n_points,
    }
    trial.identity(gaps, exact, ops=0, controls=apart(trial, exact, rivals))


@claim(
    derived("rounding moves λ / Λ by at most sqrt(P) / (2 Λ)"),
    kind="identity",
    cases=[2, 3, 6],
    route="points classified again by drawn coefficients, in the check",
)
def test_slim__resolution(
    trial,
    n_coefficients: Annotated[
        int, Interval(2, 8, why="one keeps its sign at any scale; the high end is a cap")
    ],
    n_points: Annotated[int, Interval(4, 100, why="a cap, which nothing requires")] = 12,
    n_sets: Annotated[int, Interval(50, 10_000, why="a tenth of the scale seldom fails")] = 200,
):
    """Coefficients rounded to a scale Λ > X_max sqrt(P) / (2 γ_min) classify every point as
    before.
    """
    rng = trial.generator("sets")

    def measure(_):
        features = rng.standard_normal((n_points, n_coefficients))
        coefficients = rng.standard_normal(n_coefficients)
        labels = np.where(features @ coefficients > 0, 1, -1)
        resolution = predicted.sufficient_resolution(features, coefficients)
        scales = [int(np.floor(value)) + 1 for value in (resolution, resolution / 10)]
        vectors = [predicted.rounded_coefficients(coefficients, scale) for scale in scales]
        return [int(np.sum(labels * (features @ value) <= 0)) for value in vectors]

    mistakes, coarse = over(range(n_sets), measure)
    trial.identity(
        mistakes, np.zeros(n_sets, int), ops=0, control_processes={"a tenth of it": coarse}
    )


def world_of(points, bound, chances, n_classifiers):
    """Risks of all coefficients up to a bound in a world of labelled points, and where each of them
    errs.
    """
    vectors = np.indices((2 * bound + 1,) * points.shape[1]).reshape(points.shape[1], -1).T - bound
    scores = vectors @ points.T
    errors = np.concatenate([scores <= 0, scores >= 0], axis=1).astype(
        float
    )  # errors at positive and negative points
    return chances, errors @ chances, errors, n_classifiers


@claim(
    derived(
        "Hoeffding's inequality and the union bound, as recalled of Ustun & Rudin 2016 (arXiv "
        "1502.04269)"
    ),
    kind="bound",
    not_tight="Hoeffding's inequality and a union over classifiers: best known ratio .68, two "
    "points "
    "and two classifiers",
)
def test_slim__occam(
    trial,
    n_points: Annotated[int, Interval(20, 200, why="a cap, which nothing requires")] = 50,
    bound: Annotated[int, Interval(1, 3, why="all vectors are tried")] = 2,
    failure: Annotated[
        float, Interval(0.01, 0.3, why="without log |L| it fails more often than it may")
    ] = 0.2,
):
    """With chance 1 - δ all classifiers have R <= R_N + sqrt((log |L| + log(1/δ)) / (2 N))."""
    points = np.indices((3, 3, 3)).reshape(3, 27).T - 1
    weights = trial.generator("world").dirichlet(np.ones(2 * len(points)))
    # One feature and labels by a fair coin: of two points both have one label as often as not.
    coin = world_of(np.ones((1, 1), int), 1, np.array([0.5, 0.5]), predicted.coprime_count(1, 1))
    worlds = [
        (n_points, failure, world_of(points, bound, weights, predicted.box_count(bound, 3))),
        (2, 0.74, coin),
    ]

    def exceeds(one_classifier):
        def event(key, n, failure, world):
            chances, risks, errors, n_classifiers = world
            indices = jax.random.choice(key, len(chances), (n,), p=chances)
            limit = predicted.occam_bound(1 if one_classifier else n_classifiers, n, failure)
            return jnp.max(risks - jnp.asarray(errors)[:, indices].mean(axis=1)) > limit

        return lambda key: jnp.stack([event(key, *world) for world in worlds])

    event = exceeds(False)
    failures = [failure, 0.74]
    processes = {"without log |L|": exceeds(True)}
    trial.probability(
        event,
        failures,
        side="at most",
        control_processes=processes,
        first=256,
        most=4096,
        vectorised=True,
    )


@claim(
    derived("one vector of each ray is enough: the others classify alike"),
    kind="identity",
    cases=[1, 2, 3],
    route="vectors and the signs they give counted one by one, in the check",
)
def test_slim__classifiers(
    trial, bound: Annotated[int, Interval(1, 6, why="all vectors are listed")]
):
    """Coprime vectors of three coefficients are as many as distinct classifiers, the one of zero
    scores left out.
    """
    vectors = np.indices((2 * bound + 1,) * 3).reshape(3, -1).T - bound
    # Vectors v, v' of two rays differ on v or on the cross product of v and an axis, whose entries
    # are those of v.
    points = vectors.T
    coprime = {tuple((v // gcd(*v.tolist())).tolist()) for v in vectors if v.any()}
    signs = np.packbits(
        np.concatenate([vectors @ points > 0, vectors @ points < 0], axis=1), axis=1
    )
    distinct = np.unique(signs, axis=0)
    numbers = [len(vectors), len(coprime), len(distinct) - 1]
    exact = [predicted.box_count(bound, 3), *2 * [predicted.coprime_count(bound, 3)]]
    trial.identity(
        numbers, exact, ops=0, controls={"all vectors": 3 * [predicted.box_count(bound, 3)]}
    )


def settled_set(generator, n_points):
    """A set, its optimum and the errors that the relaxation settles, some of them where all optima
    err; None if not. A data set says nothing if no point of it is settled, or if no question about
    it could be asked.
    """
    instance = scoring_set(generator, n_points)
    features, labels, *_ = instance
    problem = problem_of(instance, 1 / 64, 1 / 1024)
    optimum = predicted.brute_force_optimum(*instance, Fraction(1, 64), Fraction(1, 1024))
    decisions = observed.settled_errors(problem, float(optimum.objective))
    errors = np.all(
        labels[:, None] * (features @ optimum.coefficients.T) <= 0, axis=1
    ) & features.any(axis=1)
    usable = np.any(decisions >= 0) and np.any(errors)
    return (problem, float(optimum.objective), decisions, errors) if usable else None


@claim(
    derived("the linear relaxation exceeds what is attained once the point is decided otherwise"),
    kind="optimality",
)
def test_slim__reduction(
    trial, n_points: NPoints = 16, n_sets: NSets = 4, most_drawn: MostDrawn = 100
):
    """Points that the linear relaxation settles may be fixed: the optimum stays what it is."""
    rng = trial.generator("sets")
    usable = (result for _ in range(most_drawn) if (result := settled_set(rng, n_points)))
    sets = list(islice(usable, n_sets))
    trial.require(bool(sets), "most_drawn must be larger: no drawn set settles any point")

    def measure(one):
        problem, exact, decisions, mistakes = one
        # A point that every optimum gets wrong, though some coefficients do not, is asked to be
        # right.
        demands = np.where(np.cumsum(mistakes) * mistakes == 1, 0, -1)
        objective, contrary = (
            observed.scoring_system(problem, errors).objective for errors in (decisions, demands)
        )
        return objective, exact, contrary

    result, exact, contrary = over(sets, measure)
    trial.identity(result, exact, ops=0, control_processes={"a point settled wrongly": contrary})
