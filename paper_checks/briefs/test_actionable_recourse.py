"""Ustun, Spangher & Liu 2019, "Actionable Recourse in Linear Classification", FAT* 2019, arXiv
1809.06514.

For whoever must tell a refused person what she could change: the cheapest actions that turn the
decision of a linear classifier, and the formulas that need no integer program.

Take away: a sum of the best action of each feature tells whether anything helps, without a program.
The least largest cost needs a sort. Only the total cost needs an integer program, and a tie-breaker
that is chosen within each feature, as by default in the released code, can lose the least largest
cost.

Setting: a person has the score $s < 0$ of a linear classifier with weights $w$ and wants a score of
at least 0. Of a menu of actions $a_{j k}$ with costs $c_{j k}$ she chooses one for each feature
$j$; every menu offers $a = 0$ at no cost, and an immutable feature offers nothing else. A score of
exactly 0 is granted.

Edges: scores and costs are sums in floating point, which are exact for whole numbers. If no action
helps, the cost is infinite.

Paper: it defines recourse, audits classifiers for it by integer programs, and shows on credit data
what common practices do to it. This page solves its programs for feasibility, total cost and
largest cost by trying all choices.

Abstract:

- Sentence 2: a refused person should be able to change the decision. No statement.
- Sentence 6: integer programs ensure recourse of linear classifiers. Holds: total, maxcost,
  feasible. With the released tie-breaker the largest cost may miss its least value (`tie_breaker`),
  which the abstract does not rule out.
- Sentence 7: experiments on credit scores show how to inform stakeholders. Not on trial. The data
  are not free.
- Sentence 8: recourse depends on common practices of model development. In part: feasible. Only an
  immutable feature is tried.

Read: the abstract and the released code, whose package recourse 1.0.1 was run beside this page:
with its defaults and CPLEX 35 of 425 drawn people got actions of a larger largest cost than the
least one. Recalled: the cost functions. Known: the lists of unbeaten choices, the distance to a
plane. Derived here: the sum of best actions and the sort. Not claimed: that a change of features
changes what they stand for.

Topic: decisions about people.
"""

from typing import Annotated, NamedTuple

import cvxpy as cp
import numpy as np

from theory_on_trial import claim, code, derived, known, observed, predicted, published
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

NPeople = Annotated[
    int, Interval(20, 1000, why="of a few, few are refused for more than one reason")
]
NFeatures = Annotated[int, Interval(3, 8, why="all choices of actions are tried")]
"""Features, the last one immutable."""

SomeFeatures = Annotated[int, Interval(2, 20, why="with one, all norms are one")]
FewPeople = Annotated[int, Interval(1, 100)]

NOBODY = -1.0
"""Stands for an infinite cost, where exact numbers are compared."""


class Person(NamedTuple):
    """A refused person.

    score : s < 0. weights : w, (features,). actions, costs : a menu for each feature.
    """

    score: float
    weights: np.ndarray
    actions: list[np.ndarray]
    costs: list[np.ndarray]

    def gains(self):
        """What each action adds to the score, menu by menu."""
        return [weight * menu for weight, menu in zip(self.weights, self.actions, strict=True)]


DISPUTED = Person(
    -2.0,
    np.array([1.0, 1.0, 2.0]),
    3 * [np.array([0.0, 1.0])],
    [np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 1.125])],
)
"""One feature alone costs 1.125, the two others together 1 each: total and largest cost disagree.
"""


def refusals(trial, n_people, n_features=4):
    """People with whole scores, weights, actions and costs; the last feature is immutable."""
    generator = trial.generator("people")
    people = []
    for _ in range(n_people):
        weights = generator.integers(-5, 6, n_features).astype(float)
        actions = [
            np.append(0, generator.integers(-3, 4, 3)).astype(float) for _ in range(n_features)
        ]
        costs = [
            np.append(0, generator.integers(1, 12, 3)).astype(float) for _ in range(n_features)
        ]
        actions[-1] = np.zeros(1)
        costs[-1] = np.zeros(1)
        people.append(Person(float(-generator.integers(1, 45)), weights, actions, costs))
    return people


def finite(costs):
    """Costs with `NOBODY` for infinite ones."""
    return np.where(np.isinf(costs), NOBODY, costs)


@observed
def cheapest_choice(person, largest_price=0.0, total_price=1.0):
    """The entry of each menu that minimises largest_price max_j c_j + total_price Σ_j c_j among the
    choices that are granted, (features,), by trying all choices; None if none is granted.
    """
    sizes = [len(menu) for menu in person.actions]
    choices = np.indices(sizes).reshape(len(sizes), -1)
    pairs = zip(person.costs, choices, strict=True)
    costs = np.array([menu[entries] for menu, entries in pairs])
    gains = zip(person.gains(), choices, strict=True)
    granted = person.score + sum(menu[entries] for menu, entries in gains) >= 0
    if not np.any(granted):
        return None
    prices = largest_price * costs.max(axis=0) + total_price * costs.sum(axis=0)
    return choices[:, np.argmin(np.where(granted, prices, np.inf))]


def length(vector, order):
    """|v|_p for p = `order`, without overflow; 0 for the zero vector."""
    largest = np.abs(vector).max() or 1.0
    return largest * np.linalg.norm(vector / largest, order)


def paid(person, choice):
    """The cost of each chosen action, (features,); infinite ones if nothing was chosen."""
    if choice is None:
        return np.full(len(person.costs), np.inf)
    return np.array([menu[entry] for menu, entry in zip(person.costs, choice, strict=True)])


@observed
def least_real_action(score, weights, norm):
    """The real action of least |a|_p with s + <w, a> >= 0, (features,), by a conic program, to
    about 1e-6 of its norm; None if nothing helps. `norm` is p: 1, infinite, or in [1.001, 1000],
    where the solver is near enough.
    """
    largest = np.abs(weights).max() or 1.0
    action = cp.Variable(len(weights))
    enough = weights / largest @ action >= 1
    program = cp.Problem(cp.Minimize(cp.pnorm(action, norm, approx=False)), [enough])
    program.solve(solver=cp.CLARABEL)
    return None if program.status == cp.INFEASIBLE else -score / largest * action.value


@predicted
def recourse_exists(person):
    """Whether s + Σ_j max_k w_j a_jk >= 0."""
    return person.score + sum(gain.max() for gain in person.gains()) >= 0


@predicted
def least_largest_cost(person):
    """The least τ with s + Σ_j max_(c_jk <= τ) w_j a_jk >= 0, infinite if there is none."""
    for threshold in np.unique(np.concatenate(person.costs)):
        menus = zip(person.gains(), person.costs, strict=True)
        if person.score + sum(gain[cost <= threshold].max() for gain, cost in menus) >= 0:
            return float(threshold)
    return np.inf


@predicted
def least_total_cost(person):
    """The least total cost, by adding one menu after the other and keeping the choices that no
    other one beats in both cost and score; infinite if nothing is granted.
    """
    scores = np.array([person.score])
    costs = np.zeros(1)
    for gain, price in zip(person.gains(), person.costs, strict=True):
        scores = np.add.outer(scores, gain).ravel()
        costs = np.add.outer(costs, price).ravel()
        order = np.lexsort((-scores, costs))
        best_before = np.maximum.accumulate(np.append(-np.inf, scores[order]))[:-1]
        kept = order[scores[order] > best_before]
        scores = scores[kept]
        costs = costs[kept]
    return float(costs[scores >= 0].min(initial=np.inf))


def largest_cost_of_best_actions(person):
    """The largest cost if each feature takes the action that adds most to the score; infinite if
    that is not enough.
    """
    if not recourse_exists(person):
        return np.inf
    menus = zip(person.gains(), person.costs, strict=True)
    return max(float(cost[np.argmax(gain)]) for gain, cost in menus)


def mixed_cost(person):
    """The least total cost if actions of one menu could be mixed, infinite without recourse. This
    is a linear program, whose dual is largest at a price u >= 0 of the score at which two actions
    of a menu are worth the same: u (-s) - Σ_j max_k (u w_j a_jk - c_jk).
    """
    if not recourse_exists(person):
        return np.inf
    menus = list(zip(person.gains(), person.costs, strict=True))
    prices = [np.zeros(1)]
    for gain, cost in menus:
        gained = np.subtract.outer(gain, gain)
        prices.append(np.subtract.outer(cost, cost)[gained > 0] / gained[gained > 0])
    price = np.maximum(np.concatenate(prices), 0)
    worth = sum(np.max(np.outer(price, gain) - cost, axis=1) for gain, cost in menus)
    return float(np.max(-person.score * price - worth))


@predicted
def safe_tie_breaker(person):
    """Any smaller ε > 0 keeps the least largest cost in max_j c_j + ε Σ_j c_j: the least difference
    of two unequal costs of any menus over Σ_j max_k c_jk. Infinite if all costs are 0.
    """
    distinct = np.unique(np.concatenate(person.costs))
    if len(distinct) == 1:
        return np.inf
    return float(np.diff(distinct).min() / sum(menu.max() for menu in person.costs))


@predicted
def least_norm(score, weights, norm):
    """-s/|w|_q with 1/p + 1/q = 1, p = `norm`; infinite if all weights are 0."""
    dual = np.inf if norm == 1 else 1 / (1 - 1 / norm)
    return -score / length(weights, dual) if weights.any() else np.inf


@claim(derived("a sum is largest where each of its terms is"), kind="identity", cases=[4, 6])
def test_feasible(
    trial,
    n_features: NFeatures,
    n_people: Annotated[
        int, Interval(80, 1000, why="of fewer, none may have the immutable feature to thank")
    ] = 344,
):
    """A person of score $s < 0$ who may choose one action for each feature can reach the score 0 if
    and only if $s + sum_j max_k w_j a_{j k} >= 0$, where $w_j a_{j k}$ is what action $k$ on
    feature $j$ adds to the score.
    """
    people = refusals(trial, n_people, n_features)
    free = np.array([0.0, 3.0, -3.0])
    unbound = [person._replace(actions=[*person.actions[:-1], free]) for person in people]
    trial.identity(
        [int(cheapest_choice(person) is not None) for person in people],
        [int(recourse_exists(person)) for person in people],
        ops=0,
        independent=n_people,
        controls={
            "the immutable feature may move": [int(recourse_exists(person)) for person in unbound]
        },
    )


@claim(
    derived("without dearer actions recourse exists from the least sufficient cost on"),
    kind="identity",
    cases=[4, 6],
)
def test_maxcost(trial, n_features: NFeatures, n_people: NPeople = 344):
    """The least largest cost of actions that raise the score $s < 0$ to 0 is the least $τ$ with
    $s + sum_j max_(c_{j k} <= τ) w_j a_{j k} >= 0$, where $c_{j k}$ is the cost of action $k$ on
    feature $j$ and $w_j a_{j k}$ is what it adds to the score.
    """
    people = refusals(trial, n_people, n_features)
    largest = [paid(person, cheapest_choice(person, 1.0, 0.0)).max() for person in people]
    exact = finite([least_largest_cost(person) for person in people])
    greedy = [largest_cost_of_best_actions(person) for person in people]
    total = [paid(person, cheapest_choice(person)).max() for person in people]
    trial.identity(
        finite(largest),
        exact,
        ops=0,
        independent=n_people,
        controls={"every feature takes the action that adds most": finite(greedy)},
        control_processes={"the largest cost where the total is least": finite(total)},
    )


@claim(
    known("Nemhauser & Ullmann 1969, lists of choices that no other one beats"),
    kind="optimality",
    cases=[4, 6],
)
def test_total(trial, n_features: NFeatures, n_people: NPeople = 344):
    """The least total cost of actions, one for each feature, that raise a score $s < 0$ to 0 is
    found by adding one feature after the other, and keeping only those choices so far that no other
    choice beats in both cost and score.
    """
    people = refusals(trial, n_people, n_features)
    trial.identity(
        finite([paid(person, cheapest_choice(person)).sum() for person in people]),
        finite([least_total_cost(person) for person in people]),
        ops=0,
        independent=n_people,
        controls={"its linear relaxation": finite([mixed_cost(person) for person in people])},
    )


MANGASARIAN = known("Mangasarian 1999, distance to a plane in any norm")


def unbounded(trial, n_people, n_features):
    """Scores and weights of people whose actions are any real numbers."""
    generator = trial.generator("people")
    return [
        (-float(generator.uniform(1, 9)), generator.standard_normal(n_features))
        for _ in range(n_people)
    ]


@claim(MANGASARIAN, kind="identity", cases=[1.001, 1.5, 2.0, 3.0, 1000.0])
def test_real(
    trial,
    norm: Annotated[float, Interval(1.001, 1000, why="beyond, a conic solver is not near enough")],
    n_features: SomeFeatures = 5,
    n_people: FewPeople = 6,
):
    """If every real action $a$ is allowed, the least $|a|_p$ that raises the score $s < 0$ of a
    linear classifier with weights $w ≠ 0$ to 0 is $-s/|w|_q$, where $1/p + 1/q = 1$.
    """
    people = unbounded(trial, n_people, n_features)
    exact = np.array([least_norm(score, weights, norm) for score, weights in people])
    rival = 1 if norm < 2 else np.inf
    trial.value(
        [length(least_real_action(score, weights, norm), norm) for score, weights in people],
        exact,
        error=1e-6 * exact,
        margin=1e-5 * exact,
        generic="both sides depend on score and sizes of the weights, and are analytic in these",
        control_processes={
            "$|w|_1$ for $|w|_q$" if norm < 2 else "the largest weight for $|w|_q$": [
                -score / np.linalg.norm(weights, rival) for score, weights in people
            ]
        },
    )


def judge_extreme_norm(trial, people, norm):
    """Compare the conic program with the law for p = `norm`, which is 1 or infinite."""
    exact = np.array([least_norm(score, weights, norm) for score, weights in people])
    euclidean = np.array([least_norm(score, weights, 2) for score, weights in people])
    trial.value(
        [
            np.linalg.norm(least_real_action(score, weights, norm), norm)
            for score, weights in people
        ],
        exact,
        error=1e-6 * exact,
        margin=1e-5 * exact,
        generic="analytic in sizes of weights where one is largest, and these are interchangeable",
        independent=len(people),
        controls={"$-s/|w|_2$, whatever is least": euclidean},
    )


@claim(MANGASARIAN, kind="identity")
def test_one_feature(trial, n_features: SomeFeatures = 5, n_people: FewPeople = 6):
    """If every real action $a$ is allowed, the least $sum_j |a_j|$ that raises the score $s < 0$ of
    a linear classifier with weights $w ≠ 0$ to 0 is $-s/max_j |w_j|$.
    """
    judge_extreme_norm(trial, unbounded(trial, n_people, n_features), 1)


@claim(MANGASARIAN, kind="identity")
def test_all_features(trial, n_features: SomeFeatures = 5, n_people: FewPeople = 6):
    """If every real action $a$ is allowed, the least $max_j |a_j|$ that raises the score $s < 0$ of
    a linear classifier with weights $w ≠ 0$ to 0 is $-s/sum_j |w_j|$.
    """
    judge_extreme_norm(trial, unbounded(trial, n_people, n_features), np.inf)


@claim(
    derived("the least difference of two costs of different menus decides"),
    kind="optimality",
    as_published=published(
        place=code("ustunb/actionable-recourse", "recourse/builder.py", "e851de0"),
        read="With $ε$ equal to the least cost difference within one menu over the sum of all "
        "largest costs, minimising $max_j c_j + ε sum_j c_j$ keeps the least largest cost.",
        within="costs of the type max; no sentence of the release promises it",
        reach="default path",
        effect="a reported largest cost may exceed the least one; nothing published says it cannot",
        ran="its lines, rewritten",
    ),
)
def test_tie_breaker(trial):
    """Let a person choose one action for each feature, at the costs $c_j$, from menus of costs
    $c_{j k}$. Minimising $max_j c_j + ε sum_j c_j$ keeps the least largest cost if
    $ε sum_j max_k c_{j k}$ is below every difference of two unequal costs, also of different menus.
    It is not enough that it is below every difference within a menu.

    The menus hold one action each, at costs 1, 1 and 1.125; the last one alone, or the two others
    together, are granted.
    """
    safe = safe_tie_breaker(DISPUTED) / 2
    within_menus = min(menu[1] - menu[0] for menu in DISPUTED.costs)
    released = within_menus / sum(menu.max() for menu in DISPUTED.costs)
    lost = paid(DISPUTED, cheapest_choice(DISPUTED, 1.0, released)).max()
    trial.identity(
        paid(DISPUTED, cheapest_choice(DISPUTED, 1.0, safe)).max(),
        least_largest_cost(DISPUTED),
        ops=0,
        control_processes={"the least difference within one menu": lost},
        as_published=lost,
    )


@claim(
    derived("a total below any difference of two costs decides between equal largest costs only"),
    kind="optimality",
    cases=[4, 6],
)
def test_safe(trial, n_features: NFeatures, n_people: NPeople = 344):
    """With $ε$ below the least difference of two unequal costs over $sum_j max_k c_{j k}$, where
    $c_{j k}$ is the cost of action $k$ on feature $j$, minimising $max_j c_j + ε sum_j c_j$ over
    the chosen costs $c_j$ keeps the least largest cost.
    """
    people = refusals(trial, n_people, n_features)

    def largest(person, weight):
        return paid(person, cheapest_choice(person, 1.0, weight)).max()

    trial.identity(
        finite([largest(person, safe_tie_breaker(person) / 2) for person in people]),
        finite([least_largest_cost(person) for person in people]),
        ops=0,
        independent=n_people,
        controls={
            "every feature takes the action that adds most": finite(
                [largest_cost_of_best_actions(person) for person in people]
            )
        },
        control_processes={
            "the largest cost where the total is least": finite(
                [paid(person, cheapest_choice(person)).max() for person in people]
            )
        },
    )


@figure("F1", claims=("total", "maxcost"))
def mixed_menus():
    """Mixing the actions of one menu makes recourse look cheaper than it is.

    The least cost against the score that is missing, for one person of three features with weights
    1, 2 and 3. Marks: lines: closed forms, and dashed the linear relaxation; points: all choices
    were tried.
    """
    menu = np.array([0.0, 1.0, 2.0, 4.0])
    prices = [
        np.array([0.0, 1.0, 4.0, 9.0]),
        np.array([0.0, 3.0, 5.0, 12.0]),
        np.array([0.0, 6, 8, 9]),
    ]
    person = Person(-1.0, np.array([1.0, 2.0, 3.0]), 3 * [menu], prices)
    missing = np.linspace(0.1, 23.9, 239)
    some = np.arange(0.5, 24, 1.0)
    people = [person._replace(score=-value) for value in missing]
    few = [person._replace(score=-value) for value in some]
    return chart(
        {
            "total": (missing, np.array([least_total_cost(one) for one in people])),
            "largest": (missing, np.array([least_largest_cost(one) for one in people])),
            "total, menus mixed": (missing, np.array([mixed_cost(one) for one in people])),
        },
        {
            "total": (some, np.array([paid(one, cheapest_choice(one)).sum() for one in few])),
            "largest": (
                some,
                np.array([paid(one, cheapest_choice(one, 1.0, 0.0)).max() for one in few]),
            ),
        },
        x="missing score −s  (units of the score)",
        y="least cost  (units of cost)",
        dashed=("total, menus mixed",),
    )
