"""Mazzetto, Menghini, Yuan & Upfal 2022, "Tight Lower Bounds on Worst-Case Guarantees for Zero-Shot Learning with
Attributes", NeurIPS, arXiv 2205.13068.

For owners of perfect attribute detectors who know only how often each class has each attribute: the error that no
method can promise to beat.

There are k equally likely classes and m binary attributes, and A_yj = P(a_j = 1|y). The joint law p_y of the attributes
of a class is unknown beyond these. A randomised map answers class y to attributes a with chance g_y(a); it errs with
chance 1 - (1/k) Σ_y Σ_a p_y(a) g_y(a). Nature picks the laws that are worst for a map, or, before the map is chosen,
those with the largest Bayes error.

Read: the abstract ("we can always find a randomized map from attributes to classes whose expected error is upper
bounded by the value of the lower bound"). Derived here: all forms. Not claimed: anything on detectors that err.
Topic: learning.
"""

from itertools import product
from typing import Annotated

import numpy as np
from scipy.optimize import linprog

from theory_on_trial import abstract, claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Classes = Annotated[int, Interval(2, 5, why="one class needs no map; programs of more take seconds")]
Several = Annotated[int, Interval(2, 5, why="with one attribute all theories agree; programs grow as 2^m")]
Attributes = Annotated[int, Interval(3, 5, why="with fewer, all theories often agree; programs grow as 2^m")]
INSTANCES = 8
SOLVED = {"error": 1e-7, "margin": 1e-5}
"""Programs are solved to 1e-9 in each of their constraints."""


def attribute_tables(trial, classes, attributes):
    """Draw tables A."""
    return trial.generator("tables").uniform(0.02, 0.98, (INSTANCES, classes, attributes))


def words(attributes):
    """Return all attribute vectors."""
    return np.array(list(product([0, 1], repeat=attributes)))


def solved(cost, upper, upper_side, equal, equal_side, bounds):
    """Solve a linear program to 1e-9; return its value and its point."""
    options = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
    found = linprog(cost, upper, upper_side, equal, equal_side, bounds, "highs", options=options)
    return found.fun, found.x


@predicted
def best_guarantee(table):
    """The learner's program: the least error that a map guarantees, and that map.

    A map g earns Σ_j A_yj μ_yj + ν_y from class y whatever the law, if Σ_j a_j μ_yj + ν_y ≤ g_y(a) for all a.
    """
    classes, attributes = table.shape
    seen = np.column_stack([words(attributes), np.ones(2**attributes)])
    cost = -np.concatenate([np.zeros(classes * len(seen)), np.column_stack([table, np.ones(classes)]).ravel()])
    prices = np.hstack([-np.eye(classes * len(seen)), np.kron(np.eye(classes), seen)])
    whole = np.hstack([np.tile(np.eye(len(seen)), classes), np.zeros((len(seen), classes * (attributes + 1)))])
    bounds = [(0, None)] * (classes * len(seen)) + [(None, None)] * (classes * (attributes + 1))
    earned, point = solved(cost, prices, np.zeros(len(prices)), whole, np.ones(len(seen)), bounds)
    return 1 + earned / classes, point[: classes * len(seen)].reshape(classes, len(seen))


@observed
def marginals(table):
    """The equations that say which laws nature may pick, for all classes at once."""
    classes, attributes = table.shape
    seen = np.column_stack([words(attributes), np.ones(2**attributes)])
    return np.kron(np.eye(classes), seen.T), np.column_stack([table, np.ones(classes)]).ravel()


@observed
def natures_value(table):
    """The largest Bayes error: 1 - (1/k) min Σ_a t_a over laws p_y ≤ t with the marginals."""
    (classes, attributes), (equal, side) = table.shape, marginals(table)
    cells = 2**attributes
    cost = np.concatenate([np.zeros(classes * cells), np.ones(cells)])
    below = np.hstack([np.eye(classes * cells), -np.tile(np.eye(cells), (classes, 1))])
    equal = np.hstack([equal, np.zeros((len(equal), cells))])
    return 1 - solved(cost, below, np.zeros(len(below)), equal, side, (0, None))[0] / classes


@observed
def worst_error(table, answers):
    """The largest error of a map, over all laws with the marginals."""
    return 1 - solved(answers.ravel(), None, None, *marginals(table), (0, None))[0] / len(table)


@observed
def by_independence(table):
    """The Bayes error for independent attributes, and the map that is right then."""
    chances = np.prod(np.where(words(table.shape[1]) == 1, table[:, None], 1 - table[:, None]), axis=2)
    best = np.argmax(chances, axis=0)
    return 1 - np.sum(np.max(chances, axis=0)) / len(table), np.eye(len(table))[best].T


@claim(
    abstract(
        "we can always find a randomized map from attributes to classes whose expected error is upper bounded by the "
        "value of the lower bound"
    ),
    kind="optimality",
    cases=[(2, 4), (3, 3)],
)
def test_game_value(trial, classes: Classes, attributes: Attributes):
    """The best map's worst error is the largest Bayes error among the laws with these marginals."""
    tables = attribute_tables(trial, classes, attributes)
    guarantees = [best_guarantee(table) for table in tables]
    worst = [worst_error(table, answers) for table, (_, answers) in zip(tables, guarantees, strict=True)]
    values = np.array([value for value, _ in guarantees])
    wrong = {
        "guessing": np.full(INSTANCES, 1 - 1 / classes),
        "independent attributes": np.array([by_independence(table)[0] for table in tables]),
    }
    measured = np.array([worst, [natures_value(table) for table in tables]])
    trial.value(measured, np.array([values, values]), **SOLVED, controls=wrong)


@predicted
def most_different(table):
    """½(1 - max_j |A_1j - A_2j|), and the map that reads the attribute of that largest difference only."""
    difference = table[0] - table[1]
    best = np.argmax(np.abs(difference))
    answer = words(len(difference))[:, best] == (difference[best] > 0)
    return (1 - np.abs(difference[best])) / 2, np.array([answer, ~answer]).astype(float)


@claim(ours("the game's value for k = 2"), kind="optimality", cases=[2, 4])
def test_two_classes(trial, attributes: Several):
    """For two classes the value is ½(1 - max_j |A_1j - A_2j|): one attribute does, and errs alike under all laws."""
    tables = attribute_tables(trial, 2, attributes)
    laws = [most_different(table) for table in tables]
    # The least error of a map for two classes is 1 less the largest of the opposite map.
    ranges = [
        (worst_error(table, g), 1 - worst_error(table, 1 - g)) for table, (_, g) in zip(tables, laws, strict=True)
    ]
    measured = np.column_stack([[natures_value(table) for table in tables], ranges])
    differences = np.abs(tables[:, 0] - tables[:, 1])
    wrong = {
        "mean difference": (1 - differences.mean(axis=1)) / 2,
        "their sum": (1 - np.minimum(differences.sum(axis=1), 1)) / 2,
    }
    controls = {name: np.repeat(value[:, None], 3, axis=1) for name, value in wrong.items()}
    trial.value(measured, np.repeat([[value] for value, _ in laws], 3, axis=1), **SOLVED, controls=controls)


@predicted
def one_attribute_value(column):
    """1 - (1 + max_y A_y - min_y A_y)/k: answer the two extreme classes, and no other."""
    return 1 - (1 + np.ptp(column, axis=1)) / column.shape[1]


@claim(ours("the game's value for m = 1"), kind="optimality", cases=[2, 5])
def test_one_attribute(trial, classes: Classes):
    """With one attribute the value is 1 - (1 + max A - min A)/k: all classes between the extremes are given up."""
    tables = attribute_tables(trial, classes, 1)
    measured = np.array([natures_value(table) for table in tables])
    recognised = 1 - np.maximum(tables, 1 - tables).mean(axis=(1, 2))
    controls = {"guessing": np.full(INSTANCES, 1 - 1 / classes), "each class by its likelier value": recognised}
    trial.value(measured, one_attribute_value(tables[..., 0]), **SOLVED, controls=controls)


@claim(ours("independence is one of the laws"), kind="bound", cases=[(2, 3), (3, 3)])
def test_price_of_independence(trial, classes: Classes, attributes: Attributes):
    """The value lies between the Bayes error of independent attributes and what their map errs at worst."""
    tables = attribute_tables(trial, classes, attributes)
    tables[0, :, 1:] = 0.5
    values = np.array([best_guarantee(table)[0] for table in tables])
    independent = [by_independence(table) for table in tables]
    errors = np.array([error for error, _ in independent])
    worst = np.array([worst_error(table, answers) for table, (_, answers) in zip(tables, independent, strict=True)])
    # 1e-8, what the programs are solved to, in roundings.
    draws = {"found_by": "draws", "independent": INSTANCES - 1, "ops": 2e7, "scale": 1.0}
    trial.bound(errors, values, **draws, controls={"9/10 of it": 0.9 * values})
    trial.bound(values, worst, **draws, controls={"as promised": errors})


@figure("F1", claims=("two_classes", "game_value"))
def values_of_the_game(attributes: int = 4, tables: int = 60):
    """For two classes one attribute decides: the value of the game against the largest difference between the classes.

    Line: ½(1 - max_j |A_1j - A_2j|); points: linear programs over all joint laws, and, below, what independent
    attributes would allow, for random tables of four attributes.
    """
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(4.8, 3.2))
    random = np.random.default_rng(0).uniform(0, 1, (tables, 2, attributes))
    largest = np.max(np.abs(random[:, 0] - random[:, 1]), axis=1)
    axes.plot([0, 1], [0.5, 0], color=COLOURS[0], label="closed form")
    axes.plot(largest, [natures_value(table) for table in random], "o", color=COLOURS[0], label="any joint law")
    axes.plot(largest, [by_independence(table)[0] for table in random], "^", color=COLOURS[1], label="if independent")
    axes.set(xlabel="largest difference of an attribute's frequency", ylabel="error", xlim=(0, 1), ylim=(0, None))
    axes.legend()
    return drawn
