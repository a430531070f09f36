"""Mazzetto, Menghini, Yuan & Upfal 2022, "Tight Lower Bounds on Worst-Case Guarantees for Zero-Shot
Learning with Attributes", NeurIPS, arXiv 2205.13068.

For owners of perfect attribute detectors who know only how often each class has each attribute: the
error that no method can promise to beat.

There are k equally likely classes and m binary attributes, and A_yj = P(a_j = 1|y). The joint law
p_y of the attributes of a class is unknown beyond these. A randomised map answers class y to
attributes a with chance g_y(a); it errs with chance 1 - (1/k) Σ_y Σ_a p_y(a) g_y(a). Nature picks
the laws that are worst for a map, or, before the map is chosen, those with the largest Bayes error.

Read: the abstract ("we can always find a randomized map from attributes to classes whose expected
error is upper bounded by the value of the lower bound"). Derived here: all forms. Not claimed:
anything on detectors that err. Topic: learning.
"""

from itertools import product
from typing import Annotated

import numpy as np

from theory_on_trial import abstract, claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Classes = Annotated[
    int, Interval(2, 5, why="one class needs no map; programs of more take seconds")
]
Several = Annotated[
    int, Interval(2, 5, why="with one attribute all theories agree; programs grow as 2^m")
]
Attributes = Annotated[
    int, Interval(3, 5, why="with fewer, all theories often agree; programs grow as 2^m")
]
INSTANCES = 8
TIGHT = {
    "method": "highs",
    "primal_feasibility_tolerance": 1e-9,
    "dual_feasibility_tolerance": 1e-9,
}
SOLVED = {"error": 1e-7, "margin": 1e-5}


def words(attributes):
    """Return all attribute vectors."""
    return np.array(list(product([0, 1], repeat=attributes)))


@predicted
def best_guarantee(table):
    """The learner's program: the least error that a map guarantees, and that map.
    A map g earns Σ_j A_yj μ_yj + ν_y from class y whatever the law, if Σ_j a_j μ_yj + ν_y ≤ g_y(a)
    for all a.
    """
    import cvxpy as cp

    codes, facts = (
        np.column_stack([rows, np.ones(len(rows))]) for rows in (words(table.shape[1]), table)
    )
    answers = cp.Variable((len(table), len(codes)), nonneg=True)
    prices = cp.Variable(facts.shape)
    gain = cp.sum(cp.multiply(facts, prices))
    rules = [prices @ codes.T <= answers, cp.sum(answers, axis=0) == 1]
    value = cp.Problem(cp.Maximize(gain), rules).solve("SCIPY", scipy_options=TIGHT)
    return 1 - value / len(table), answers.value


@observed
def worst_error(table, answers=None):
    """The largest error of a map over all laws with the marginals, or without a map the largest
    Bayes error.
    """
    import cvxpy as cp

    codes = words(table.shape[1])
    laws = cp.Variable((len(table), len(codes)), nonneg=True)
    right = cp.sum(cp.max(laws, axis=0) if answers is None else cp.multiply(answers, laws))
    program = cp.Problem(cp.Minimize(right), [laws @ codes == table, cp.sum(laws, axis=1) == 1])
    return 1 - program.solve("SCIPY", scipy_options=TIGHT) / len(table)


@observed
def by_independence(table):
    """The Bayes error for independent attributes, and the map that is right then."""
    chances = np.prod(
        np.where(words(table.shape[1]) == 1, table[:, None], 1 - table[:, None]), axis=2
    )
    best = np.argmax(chances, axis=0)
    return 1 - np.sum(np.max(chances, axis=0)) / len(table), np.eye(len(table))[best].T


@claim(abstract("we can always find a randomized map"), kind="optimality", cases=[(2, 4), (3, 3)])
def test_game_value(trial, classes: Classes, attributes: Attributes):
    """The best map's worst error is the largest Bayes error among the laws with these marginals."""
    tables = trial.generator("tables").uniform(0.02, 0.98, (INSTANCES, classes, attributes))
    values, maps = zip(*map(best_guarantee, tables), strict=True)
    worst = [worst_error(*pair) for pair in zip(tables, maps, strict=True)]
    independent = np.array([by_independence(table)[0] for table in tables])
    controls = {
        "guessing": np.full(INSTANCES, 1 - 1 / classes),
        "independent attributes": independent,
    }
    measured = np.array([worst, [worst_error(table) for table in tables]])
    trial.value(measured, np.array([values, values]), **SOLVED, controls=controls)


@predicted
def most_different(table):
    """½(1 - max_j |A_1j - A_2j|), and the map that reads the attribute of that largest difference
    only.
    """
    difference = table[0] - table[1]
    best = np.argmax(np.abs(difference))
    answer = words(len(difference))[:, best] == (difference[best] > 0)
    return (1 - np.abs(difference[best])) / 2, np.array([answer, ~answer]).astype(float)


@claim(derived("the game's value for k = 2"), kind="optimality", cases=[2, 4])
def test_two_classes(trial, attributes: Several):
    """For two classes the value is ½(1 - max_j |A_1j - A_2j|): one attribute does, and errs alike
    under all laws.
    """
    tables = trial.generator("tables").uniform(0.02, 0.98, (INSTANCES, 2, attributes))
    values, maps = zip(*map(most_different, tables), strict=True)
    # The least error of a map for two classes is 1 less the largest of the opposite map.
    pairs = zip(tables, maps, strict=True)
    errors = [
        [worst_error(table), worst_error(table, g), 1 - worst_error(table, 1 - g)]
        for table, g in pairs
    ]
    differences = np.abs(tables[:, 0] - tables[:, 1])
    together = np.minimum(differences.sum(axis=1), 1)
    controls = {
        "mean difference": (1 - differences.mean(axis=1)) / 2,
        "their sum": (1 - together) / 2,
    }
    trial.value(
        np.transpose(errors), np.array([values, values, values]), **SOLVED, controls=controls
    )


@predicted
def one_attribute_value(column):
    """1 - (1 + max_y A_y - min_y A_y)/k: answer the two extreme classes, and no other."""
    return 1 - (1 + np.ptp(column, axis=1)) / column.shape[1]


@claim(derived("the game's value for m = 1"), kind="optimality", cases=[2, 5])
def test_one_attribute(trial, classes: Classes):
    """With one attribute the value is 1 - (1 + max A - min A)/k: all classes between the extremes
    are given up.
    """
    tables = trial.generator("tables").uniform(0.02, 0.98, (INSTANCES, classes, 1))
    measured = np.array([worst_error(table) for table in tables])
    likelier = 1 - np.maximum(tables, 1 - tables).mean(axis=(1, 2))
    controls = {
        "guessing": np.full(INSTANCES, 1 - 1 / classes),
        "each class by its likelier value": likelier,
    }
    trial.value(measured, one_attribute_value(tables[..., 0]), **SOLVED, controls=controls)


@claim(derived("independence is one of the laws"), kind="bound", cases=[(2, 3), (3, 3)])
def test_price_of_independence(trial, classes: Classes, attributes: Attributes):
    """The value lies between the Bayes error of independent attributes and what their map errs at
    worst.
    """
    tables = trial.generator("tables").uniform(0.02, 0.98, (INSTANCES, classes, attributes))
    tables[0, :, 1:] = 0.5
    values = np.array([best_guarantee(table)[0] for table in tables])
    errors, maps = zip(*map(by_independence, tables), strict=True)
    worst = np.array([worst_error(*pair) for pair in zip(tables, maps, strict=True)])
    draws = {
        "instances": "draws",
        "independent": INSTANCES - 1,
        "ops": 2e7,
        "scale": 1.0,
    }  # to 1e-8, in roundings
    trial.bound(np.array(errors), values, **draws, controls={"9/10 of it": 0.9 * values})
    trial.bound(values, worst, **draws, controls={"as promised": np.array(errors)})


@figure("F1", claims=("two_classes", "game_value"))
def values_of_the_game(attributes: int = 4, tables: int = 60):
    """For two classes one attribute decides: the value of the game against the largest difference
    between the classes.

    Marks: line: ½(1 − largest difference); points: linear programs over all joint laws, and what
    independent attributes would allow, for 60 random tables of four attributes.
    """
    random = np.random.default_rng(0).uniform(0, 1, (tables, 2, attributes))
    largest = np.max(np.abs(random[:, 0] - random[:, 1]), axis=1)
    points = {"any joint law": (largest, [worst_error(table) for table in random])}
    points["if independent"] = largest, [by_independence(table)[0] for table in random]
    line = {"any joint law": (np.array([0, 1]), np.array([0.5, 0]))}
    return chart(
        line,
        points,
        x="largest difference of an attribute's frequency",
        y="error",
        xlim=(0, 1),
        ylim=0,
    )
