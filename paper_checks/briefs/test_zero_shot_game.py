"""Mazzetto, Menghini, Yuan, Upfal & Bach 2022, "Tight Lower Bounds on Worst-Case Guarantees for
Zero-Shot Learning with Attributes", NeurIPS, arXiv 2205.13068.

For owners of perfect attribute detectors who know only how often each class has each attribute: the
error below which no method can guarantee to stay.

Take away: a table of the probabilities of attributes given the class alone guarantees little. Take
the ten digits of scikit-learn and six attributes, each of which says whether a block of pixels is
darker than usual. No map can guarantee an error below .61 in the mean of 30 choices of blocks. The
map that guarantees it errs on .57 of the digits; the map that takes the attributes for independent
errs on .49 and could have erred on .75.

There are $k$ equally likely classes and $m$ binary attributes, and $A_{y j} = P(a_j = 1|y)$. The
joint law $p_y$ of the attributes of a class is unknown beyond these. A randomised map answers class
$y$ to attributes $a$ with chance $g_y(a)$; it errs with chance $1 - (1/k) ∑_y ∑_a p_y(a) g_y(a)$.
Nature picks the laws that are worst for a map, or, before the map is chosen, those with the largest
Bayes error.

Edges: if all $A_{y j}$ are 0 or 1, the joint laws are known, and the value is 0 if no two rows are
equal. With one attribute and two classes all theories agree. Many maps are optimal, so that only
their errors can be compared. The programs have $k 2^m$ variables.

Paper: it derives lower bounds on the error of zero-shot learning from attributes from a game, and
gives their values on animals, scenes and birds. This page solves the game, gives closed forms, and
tries digits.

Abstract:

- Sentence 1: zero-shot learning with attributes is analysed. No statement.
- Sentence 2: new classes are labelled from detectors of attributes and their table. No statement.
- Sentence 3: there is a lower bound on the worst error of the best map from attributes to classes,
  even with perfect detectors. Holds: game_value, two_classes, one_attribute.
- Sentence 4: the bound measures how hard the problem is, and is practically computable from the
  table. In part: game_value, two_classes, one_attribute. As a linear program with $k 2^m$
  variables, for few attributes; two closed forms.
- Sentence 5: some randomised map has an expected error of at most that bound. Holds: game_value,
  digits.
- Sentence 6: the analysis predicts how usual methods behave, and which classes they confuse. Not on
  trial. No such method is run here.

Read: the abstract. Derived here: all forms. Not claimed:
anything on detectors that err. Topic: learning.
"""

from functools import cache
from itertools import product
from typing import Annotated

import numpy as np

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Classes = Annotated[
    int, Interval(2, 5, why="one class needs no map; programs of more take seconds")
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
SOLVED = {"error": 1e-7, "margin": 1e-5, "instances": "search"}


def words(attributes):
    """All attribute vectors (2^m, m)."""
    return np.array(list(product([0, 1], repeat=attributes)))


@predicted(about="digit_laws")
def best_guarantee(table):
    """The learner's program: the least error that a map guarantees, and that map.
    A map g earns Σ_j A_yj μ_yj + ν_y from class y whatever the law, if Σ_j a_j μ_yj + ν_y ≤ g_y(a)
    for all a.
    """
    import cvxpy as cp

    codes = np.pad(words(table.shape[1]), ((0, 0), (0, 1)), constant_values=1)
    facts = np.pad(table, ((0, 0), (0, 1)), constant_values=1)
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


@claim(
    tried(
        "abstract, sentence 5: some randomised map errs no more than the bound",
        "the bound as a game of two linear programs",
    ),
    kind="optimality",
    cases=[(2, 4), (3, 3)],
)
def test_game_value(trial, classes: Classes, attributes: Attributes):
    """For $k$ equally likely classes the chances $A_{y j}$ of binary attributes are known, and
    their joint laws are not. The least error that a randomised map from attributes to classes can
    guarantee is the largest Bayes error among all joint laws with these chances.
    """
    tables = trial.generator("tables").uniform(0.02, 0.98, (INSTANCES, classes, attributes))
    values, maps = zip(*map(best_guarantee, tables), strict=True)
    worst = [worst_error(*pair) for pair in zip(tables, maps, strict=True)]
    independent, trusting = zip(*map(by_independence, tables), strict=True)
    at_worst = [worst_error(*pair) for pair in zip(tables, trusting, strict=True)]
    controls = {
        "independent attributes": np.array(independent),
        "the map for independent attributes is best": np.array(at_worst),
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


@claim(derived("the game's value for $k = 2$"), kind="optimality", cases=[2, 4])
def test_two_classes(
    trial,
    attributes: Annotated[
        int, Interval(2, 5, why="with one attribute all theories agree; programs grow as 2^m")
    ],
):
    """For two equally likely classes only the chances $A_{1 j}$ and $A_{2 j}$ of binary attributes
    are known. The least error that a map from attributes to classes can guarantee is
    $½(1 - max_j |A_{1 j} - A_{2 j}|)$.
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
        "the mean difference for the largest": (1 - differences.mean(axis=1)) / 2,
        "the sum of the differences, 1 at most": (1 - together) / 2,
    }
    trial.value(
        np.transpose(errors), np.array([values, values, values]), **SOLVED, controls=controls
    )


@predicted
def one_attribute_value(column):
    """1 - (1 + max_y A_y - min_y A_y)/k: answer the two extreme classes, and no other."""
    return 1 - (1 + np.ptp(column, axis=1)) / column.shape[1]


@claim(derived("the game's value for $m = 1$"), kind="optimality", cases=[2, 5])
def test_one_attribute(trial, classes: Classes):
    """For $k$ equally likely classes only their chances $A_y$ of one binary attribute are known.
    The least error that a map from the attribute to classes can guarantee is
    $1 - (1 + max A - min A)/k$.
    """
    tables = trial.generator("tables").uniform(0.02, 0.98, (INSTANCES, classes, 1))
    measured = np.array([worst_error(table) for table in tables])
    likelier = 1 - np.maximum(tables, 1 - tables).mean(axis=(1, 2))
    low = tables.min(axis=(1, 2))
    high = tables.max(axis=(1, 2))
    affinity = np.sqrt(low * high) + np.sqrt((1 - low) * (1 - high))
    controls = {
        "each class by its likelier value": likelier,
        "Bhattacharyya's bound for the extremes": 1 - (2 - affinity) / classes,
    }
    trial.value(measured, one_attribute_value(tables[..., 0]), **SOLVED, controls=controls)


def random_tables(trial, classes, attributes):
    """Random tables, of which the attributes but one of the first say nothing."""
    tables = trial.generator("tables").uniform(0.02, 0.98, (INSTANCES, classes, attributes))
    tables[0, :, 1:] = 0.5
    return tables


# Solutions are good to 1e-8, which is so many roundings.
FEW = {"instances": "search", "ops": 2e7, "scale": 1.0}


@claim(derived("the map is one of all maps"), kind="bound", cases=[(2, 3), (3, 3)])
def test_trusting_independence(trial, classes: Classes, attributes: Attributes):
    """For $k$ equally likely classes the chances $A_{y j}$ of binary attributes are known, and
    their joint laws are not. The map that is best for independent attributes has a largest error
    over all joint laws of at least the least error that a randomised map can guarantee.
    """
    tables = random_tables(trial, classes, attributes)
    promised, maps = zip(*map(by_independence, tables), strict=True)
    worst = np.array([worst_error(*pair) for pair in zip(tables, maps, strict=True)])
    trial.bound(
        np.array([best_guarantee(table)[0] for table in tables]),
        worst,
        controls={"as promised": np.array(promised)},
        **FEW,
    )


@cache
def inked_blocks():
    """Which of 16 blocks of pixels of scikit-learn's digits are darker than their median, (1797,
    16), and the labels.
    """
    from sklearn.datasets import load_digits

    digits, labels = load_digits(return_X_y=True)
    blocks = digits.reshape(-1, 4, 2, 4, 2).sum(axis=(2, 4)).reshape(-1, 16)
    return (blocks > np.median(blocks, axis=0)).astype(int), labels


@observed
def digit_laws(generator, classes, attributes):
    """The joint laws (classes, 2^attributes) of some blocks for some digits, and their table."""
    inked, labels = inked_blocks()
    chosen = generator.permutation(16)[:attributes]
    codes = inked[:, chosen] @ 2 ** np.arange(attributes)[::-1]
    laws = [
        np.bincount(codes[labels == digit], minlength=2**attributes) / np.sum(labels == digit)
        for digit in generator.permutation(10)[:classes]
    ]
    return np.array(laws), np.array(laws) @ words(attributes)


@observed
def actual_error(laws, answers):
    """The error of a map under joint laws."""
    return 1 - np.sum(laws * answers) / len(laws)


@claim(
    tried(
        "abstract, sentence 5: some randomised map errs no more than the bound",
        "scikit-learn's digits",
    ),
    kind="bound",
    cases=[(5, 4), (10, 5)],
)
def test_digits(
    trial,
    classes: Annotated[int, Interval(2, 10, why="there are ten digits; one class needs no map")],
    attributes: Attributes,
):
    """For some of the ten digits only the chances of dark blocks of pixels are known. On
    scikit-learn's digits the map from blocks to digits with the best guarantee errs no more than it
    guarantees.
    """
    generator = trial.generator("blocks")
    drawn = [digit_laws(generator, classes, attributes) for _ in range(INSTANCES)]
    guarantees = [best_guarantee(table) for _, table in drawn]
    promised = [by_independence(table)[0] for _, table in drawn]
    trial.bound(
        [
            actual_error(laws, answers)
            for (laws, _), (_, answers) in zip(drawn, guarantees, strict=True)
        ],
        [value for value, _ in guarantees],
        controls={"as if attributes were independent": promised},
        **FEW,
    )


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


@figure("F2", claims=("digits",))
def guarantees_for_digits(attributes: int = 5, tables: int = 30):
    """A guarantee costs little on real digits; the error that independence predicts is exceeded.

    All ten digits of scikit-learn and five of sixteen blocks of pixels, 30 choices. Marks: line:
    the least error that a map can guarantee; points: the error of that map on the digits, of the
    map for independent attributes on the digits, and at worst.
    """
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(tables):
        laws, table = digit_laws(generator, 10, attributes)
        value, best = best_guarantee(table)
        trusting = by_independence(table)[1]
        worst = worst_error(table, trusting)
        rows.append([value, actual_error(laws, best), actual_error(laws, trusting), worst])
    value, *errors = np.transpose(rows)
    names = ("best guarantee", "for independence", "for independence, at worst")
    ends = np.array([value.min(), value.max()])
    return chart(
        {"guaranteed": (ends, ends)},
        {name: (value, error) for name, error in zip(names, errors, strict=True)},
        legend="beside",
        x="value of the game",
        y="error",
    )
