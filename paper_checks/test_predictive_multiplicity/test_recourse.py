"""Actionable recourse: closed forms for feasibility and cost against integer programs, on grids of integers (exact)."""

import numpy as np

from paper_checks.test_predictive_multiplicity import DERIVED, RECOURSE
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, code, ours

NOBODY = -1.0
"""Stands for an infinite cost, where exact numbers are compared."""


# One feature alone costs 1.125, the two others together 1 each: the total and the largest cost disagree.
DISPUTED = (
    -2.0,
    np.array([1.0, 1.0, 2.0]),
    [np.array([0.0, 1.0])] * 3,
    [np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 1.125])],
)


def refusals(generator, n_people):
    """Scores below zero, weights, and menus of three actions and inaction for four features, the last one immutable."""
    people = []
    for _ in range(n_people):
        weights = generator.integers(-5, 6, 4).astype(float)
        actions = [np.append(0.0, generator.integers(-3, 4, 3)).astype(float) for _ in range(4)]
        costs = [np.append(0.0, generator.integers(1, 12, 3)).astype(float) for _ in range(4)]
        actions[3], costs[3] = np.zeros(1), np.zeros(1)
        people.append((float(-generator.integers(1, 45)), weights, actions, costs))
    return people


def finite(costs):
    """Costs with `NOBODY` for infinite ones."""
    return np.where(np.isinf(costs), NOBODY, costs)


@claim(ours(RECOURSE), kind="identity")
def test_recourse__feasible(trial, n_people=40):
    """Without joint constraints recourse exists if and only if s(x) + sum_j max_k w_j a_jk >= 0."""
    people = refusals(trial.generator("people"), n_people)
    menu = np.array([0.0, 3.0, -3.0])
    mutable = [
        (score, weights, [*actions[:3], menu], [*costs[:3], np.abs(menu)]) for score, weights, actions, costs in people
    ]
    trial.identity(
        [int(observed.cheapest_recourse(*person) is not None) for person in people],
        [int(predicted.recourse_exists(*person[:3])) for person in people],
        ops=0,
        controls={
            "the immutable feature may move": [int(predicted.recourse_exists(*person[:3])) for person in mutable]
        },
    )


@claim(ours(RECOURSE), kind="identity")
def test_recourse__maxcost(trial, n_people=40):
    """The least largest cost is min {tau : s(x) + sum_j max_(c_jk <= tau) w_j a_jk >= 0}: sorting, no program."""
    people = [DISPUTED, *refusals(trial.generator("people"), n_people)]
    found = [observed.cheapest_recourse(*person, objective="largest") for person in people]
    exact = finite([predicted.cheapest_largest_cost(*person) for person in people])
    trial.identity(
        [NOBODY if one is None else one.largest_cost for one in found],
        exact,
        ops=0,
        controls={"< tau in place of <=": np.where(exact > 0, exact + 1, exact)},
        wrong_processes={
            "the largest cost where the total is least": [
                NOBODY if (one := observed.cheapest_recourse(*person)) is None else one.largest_cost
                for person in people
            ]
        },
    )


@claim(ours(RECOURSE), kind="optimality")
def test_recourse__total(trial, n_people=40):
    """The least total cost is that of a multiple-choice knapsack; its linear relaxation is cheaper."""
    people = refusals(trial.generator("people"), n_people)
    found = [observed.cheapest_recourse(*person) for person in people]
    measured = np.array([NOBODY if one is None else one.total_cost for one in found])
    relaxed = finite([predicted.total_cost_relaxation(*person) for person in people])
    trial.identity(
        measured,
        finite([predicted.cheapest_total_cost(*person) for person in people]),
        ops=0,
        controls={"linear relaxation": relaxed},
    )
    # The relaxation is solved to 1e-7 of the largest score, 45, at prices of at most 11 a unit of score.
    trial.bound(
        relaxed - 45 * 11 * 1e-7,
        measured,
        found_by="draws",
        independent=n_people,
        ops=8,
        controls={"half of it": 0.5 * measured},
    )


@claim(ours(RECOURSE), kind="identity")
def test_recourse__l2(trial, n_people=6, norms=(1.0, 1.5, 2.0, 3.0, np.inf)):
    """Unbounded real actions cost -s(x) / |w|_q in the norm p, 1/p + 1/q = 1, and do not exist where w is zero."""
    rng = trial.generator("people")
    measured, exact, same, scale = [], [], [], []
    for _ in range(n_people):
        score, weights = -float(rng.uniform(1, 9)), rng.standard_normal(4)
        for norm in norms:
            action = observed.continuous_recourse(score, weights, norm)
            measured.append(np.linalg.norm(action, norm))
            exact.append(predicted.unbounded_recourse(score, weights, norm)[0])
            same.append(-score / np.linalg.norm(weights, norm))
    # A conic solver asked for 1e-8 delivers a duality gap and a residual of that size, relative to the cost.
    scale = np.array(exact)
    trial.value(measured, exact, error=1e-6 * scale, margin=1e-5 * scale, controls={"|w|_p in place of |w|_q": same})
    trial.identity(
        [int(observed.continuous_recourse(-1.0, np.zeros(2), 2.0) is not None)],
        [int(np.isfinite(predicted.unbounded_recourse(-1.0, np.zeros(2), 2.0)[0]))],
        ops=0,
        wrong_processes={"a weight": [int(observed.continuous_recourse(-1.0, np.array([0.0, 1.0]), 2.0) is not None)]},
    )


@claim(
    ours("released code's tie-breaker; counterexample derived here"),
    kind="optimality",
    as_printed=code(
        "ustunb/actionable-recourse",
        "recourse/builder.py",
        "e851de0",
        says="With epsilon = the least cost difference within one menu over the sum of largest costs the tie-breaker "
        "keeps the least largest cost.",
    ),
)
def test_recourse__tie__breaker(trial, n_people=30):
    """The tie-breaker of the largest cost must respect the least difference of two costs, of different menus too."""
    within_one_menu = 1.0 / 3.125
    safe, released = (
        observed.cheapest_recourse(*DISPUTED, objective="largest", tie_breaker=weight)
        for weight in (predicted.safe_tie_breaker(DISPUTED[3]) / 2, within_one_menu)
    )
    least = predicted.cheapest_largest_cost(*DISPUTED)
    trial.identity(
        safe.largest_cost,
        least,
        ops=0,
        wrong_processes={"the least difference within one menu": released.largest_cost},
        as_printed=released.largest_cost,
    )
    people = [DISPUTED, *refusals(trial.generator("people"), n_people)]
    people = [person for person in people if predicted.recourse_exists(*person[:3])]
    found, exact, heavy = [], [], []
    for person in people:
        weight = predicted.safe_tie_breaker(person[3]) / 2
        found.append(observed.cheapest_recourse(*person, objective="largest", tie_breaker=weight).largest_cost)
        heavy.append(observed.cheapest_recourse(*person, objective="largest", tie_breaker=1e3).largest_cost)
        exact.append(predicted.cheapest_largest_cost(*person))
    trial.identity(found, exact, ops=0, wrong_processes={"a tie-breaker of 1000": heavy})


@claim(ours(DERIVED), kind="identity")
def test_recourse__percentile(trial, n_features=20):
    """Percentile costs are shares of a population that an action passes; the logarithmic one measures who is ahead."""
    rng = trial.generator("people")
    measured, exact, strict = [], [], []
    for _ in range(n_features):
        population = rng.integers(0, 12, 50).astype(float)
        value, actions = 3.0, np.arange(0.0, 7.0)
        for kind, theory in (("shift", predicted.percentile_shifts), ("log", predicted.log_percentile_shifts)):
            measured.append(observed.percentile_costs(population, value, actions, kind))
            exact.append(theory(population, value, actions))
            strict.append(theory(population, value, np.maximum(actions - 1, 0)))
    # Ranks are whole fiftieths; a logarithm of a share above 1/50 is below 4.
    trial.identity(measured, exact, ops=4, scale=4.0, controls={"those strictly below only": strict})
