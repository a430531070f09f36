"""Actionable recourse: closed forms for feasibility and cost against integer programs, on grids of
integers (exact).
"""

from typing import Annotated

import numpy as np

from paper_checks.test_predictive_multiplicity import apart, over
from sims import predictive_multiplicity as observed
from sims.predictive_multiplicity.domains import Percentile
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, code, derived
from theory_on_trial.contract import MAY_BE_INFINITE, Interval

NPeople = Annotated[
    int, Interval(20, 1000, why="of a few, few are refused for more than one reason")
]
NFeatures = Annotated[int, Interval(3, 8, why="all choices of actions are tried")]
"""Features, the last one immutable."""

NOBODY = -1.0
"""Stands for an infinite cost, where exact numbers are compared."""


# One feature alone costs 1.125, the two others together 1 each: the total and the largest cost
# disagree.
DISPUTED = (
    -2.0,
    np.array([1.0, 1.0, 2.0]),
    [np.array([0.0, 1.0])] * 3,
    [np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 1.125])],
)


def refusals(generator, n_people, n_features=4):
    """Scores below zero, weights, and menus of three actions and inaction for features, the last
    one immutable.
    """
    people = []
    for _ in range(n_people):
        weights = generator.integers(-5, 6, n_features).astype(float)
        actions = [
            np.append(0.0, generator.integers(-3, 4, 3)).astype(float) for _ in range(n_features)
        ]
        costs = [
            np.append(0.0, generator.integers(1, 12, 3)).astype(float) for _ in range(n_features)
        ]
        actions[-1] = np.zeros(1)
        costs[-1] = np.zeros(1)
        people.append((float(-generator.integers(1, 45)), weights, actions, costs))
    return people


def finite(costs):
    """Costs with `NOBODY` for infinite ones."""
    return np.where(np.isinf(costs), NOBODY, costs)


@claim(derived("a sum is largest where each of its terms is"), kind="identity", cases=[4, 6])
def test_recourse__feasible(
    trial,
    n_features: NFeatures,
    n_people: Annotated[
        int, Interval(80, 1000, why="with fewer, the immutable feature may matter to none of them")
    ] = 100,
):
    """Without joint constraints recourse exists if and only if s(x) + sum_j max_k w_j a_jk >= 0."""

    def measure(person):
        score, weights, actions, _ = person
        mutable = [*actions[:-1], np.array([0.0, 3.0, -3.0])]
        flags = observed.cheapest_recourse(*person) is not None
        return (
            flags,
            predicted.recourse_exists(*person[:3]),
            predicted.recourse_exists(score, weights, mutable),
        )

    flags, exact, mutable = over(refusals(trial.generator("people"), n_people, n_features), measure)
    rules = apart(trial, exact, {"the immutable feature may move": mutable})
    trial.identity(
        flags.astype(int),
        exact.astype(int),
        ops=0,
        controls={name: 1 * row for name, row in rules.items()},
    )


@claim(
    derived("without dearer actions recourse exists from the least sufficient cost on"),
    kind="identity",
    cases=[4, 6],
)
def test_recourse__maxcost(trial, n_features: NFeatures, n_people: NPeople = 40):
    """The least largest cost is min {τ : s(x) + sum_j max_(c_jk <= τ) w_j a_jk >= 0}: sorting, no
    program.
    """

    def measure(person):
        cheapest, total = (
            observed.cheapest_recourse(*person, objective=kind) for kind in ("largest", "total")
        )
        answers = [
            NOBODY if solution is None else solution.largest_cost for solution in (cheapest, total)
        ]
        return *answers, predicted.cheapest_largest_cost(*person)

    people = [DISPUTED, *refusals(trial.generator("people"), n_people, n_features)]
    costs, total, exact = over(people, measure)
    exact = finite(exact)
    strict = {"< τ in place of <=": np.where(exact > 0, exact + 1, exact)}
    processes = {"the largest cost where the total is least": total}
    trial.identity(costs, exact, ops=0, controls=strict, control_processes=processes)


@claim(
    derived("one action a menu, at the least cost that lifts the score: a knapsack"),
    kind="optimality",
    cases=[4, 6],
)
def test_recourse__total(trial, n_features: NFeatures, n_people: NPeople = 40):
    """The least total cost is that of a multiple-choice knapsack; its linear relaxation is
    cheaper.
    """

    def measure(person):
        recourse = observed.cheapest_recourse(*person)
        cost = NOBODY if recourse is None else recourse.total_cost
        return (
            cost,
            predicted.cheapest_total_cost(*person),
            predicted.total_cost_relaxation(*person),
        )

    costs, *theory = over(refusals(trial.generator("people"), n_people, n_features), measure)
    exact, relaxation = map(finite, theory)
    trial.identity(
        costs, exact, ops=0, controls=apart(trial, exact, {"linear relaxation": relaxation})
    )
    # The relaxation is solved to 1e-7 of the largest score, 45, at prices of at most 11 a unit of
    # score.
    half = {"half of it": 0.5 * costs}
    trial.bound(
        relaxation - 45 * 11 * 1e-7,
        costs,
        instances="draws",
        independent=n_people,
        ops=8,
        controls=half,
    )


@claim(derived("by Hoelder's inequality"), kind="identity", cases=[1.0, 1.5, 2.0, 3.0, np.inf])
def test_recourse__l2(
    trial,
    norm: Annotated[float, Interval(1, why="there is no norm of less"), MAY_BE_INFINITE],
    n_features: Annotated[
        int, Interval(2, 20, why="with one, norms are one; with many, they are far apart")
    ] = 4,
    n_people: Annotated[int, Interval(1, 100, why="each is drawn")] = 6,
):
    """Unbounded real actions cost -s(x) / |w|_q in the norm p, 1/p + 1/q = 1, attained, unless w is
    zero.
    """
    rng = trial.generator("people")
    other_norm = 1 if norm < 2 else np.inf  # q lies on the other side of two

    def measure(_):
        score = -float(rng.uniform(1, 9))
        weights = rng.standard_normal(n_features)
        cost = np.linalg.norm(observed.continuous_recourse(score, weights, norm), norm)
        exact, action = predicted.unbounded_recourse(score, weights, norm)
        attainment = [exact, np.linalg.norm(action, norm), weights @ action]
        return (
            [cost, cost, -score],
            attainment,
            [-score / np.linalg.norm(weights, other_norm)] * 2 + [-score],
        )

    measured, exact, rival = over(range(n_people), measure)
    # A conic solver asked for 1e-8 delivers a duality gap and a residual of that size, relative to
    # the cost.
    controls = {f"|w|_{other_norm} in place of |w|_q": rival}
    trial.value(measured, exact, error=1e-6 * exact, margin=1e-5 * exact, controls=controls)
    exists = [
        observed.continuous_recourse(-1.0, np.array([0.0, w]), norm) is not None for w in (0.0, 1.0)
    ]
    costs = [predicted.unbounded_recourse(-1.0, np.array([0.0, w]), norm)[0] for w in (0.0, 1.0)]
    trial.identity(
        np.array(exists, int), np.isfinite(costs).astype(int), ops=0, controls={"always": [1, 1]}
    )


@claim(
    derived(
        "one action of a total below any difference of two costs decides between equal largest "
        "costs only"
    ),
    kind="optimality",
    as_published=code(
        "ustunb/actionable-recourse",
        "recourse/builder.py",
        "e851de0",
        says="With ε = the least cost difference within one menu over the sum of largest costs "
        "the tie-breaker "
        "keeps the least largest cost.",
    ),
)
def test_recourse__tie__breaker(trial, n_features: NFeatures = 4, n_people: NPeople = 30):
    """The tie-breaker of the largest cost must respect the least difference of two costs, of
    different menus too.
    """

    def largest(person, weight):
        return observed.cheapest_recourse(
            *person, objective="largest", tie_breaker=weight
        ).largest_cost

    def measure(person):
        safe = predicted.safe_tie_breaker(person[3]) / 2
        return largest(person, safe), predicted.cheapest_largest_cost(*person), largest(person, 1e3)

    people = refusals(trial.generator("people"), n_people, n_features)
    people = [DISPUTED, *(person for person in people if predicted.recourse_exists(*person[:3]))]
    # Summed from the disputed person on, as few others distinguish tie-breakers.
    costs, exact, heavy = (np.cumsum(of) for of in over(people, measure))
    release = largest(
        DISPUTED, 1.0 / 3.125
    )  # the least difference within one menu, over the sum of largest costs
    within = {"the least difference within one menu": release}
    trial.identity(costs[0], exact[0], ops=0, control_processes=within, as_published=release)
    trial.identity(costs, exact, ops=0, control_processes={"a tie-breaker of 1000": heavy})


@claim(
    derived("a distribution function counts whom an action passes"),
    kind="identity",
    cases=["shift", "log"],
)
def test_recourse__percentile(
    trial,
    kind: Percentile,
    n_people: Annotated[
        int, Interval(10, 10_000, why="an action must not pass all; the high end is a cap")
    ] = 50,
    n_features: Annotated[int, Interval(5, 1000, why="each is drawn")] = 20,
):
    """Percentile costs are shares of a population that an action passes; the logarithmic one
    measures who is ahead.
    """
    rng = trial.generator("people")
    theory = {"shift": predicted.percentile_shifts, "log": predicted.log_percentile_shifts}[kind]
    value = 3.0
    actions = np.arange(0.0, 7.0)

    def measure(_):
        population = np.append(rng.integers(0, 12, n_people - 1), 11.0)  # whom no action passes
        costs = observed.percentile_costs(population, value, actions, kind)
        return (
            costs,
            theory(population, value, actions),
            theory(population, value, np.maximum(actions - 1, 0)),
        )

    costs, exact, strict = over(range(n_features), measure)
    # Ranks are whole shares; the logarithm of one is at most that of their number.
    size = max(1.0, np.log(n_people))
    trial.identity(costs, exact, ops=4, scale=size, controls={"those strictly below only": strict})
