"""Actionable recourse by integer programming: the cheapest change of features that turns a linear
classifier's refusal.

A person has the score s = <w, x> + b < 0 and may choose one entry of a menu of actions for every
feature. Menus are sequences of arrays, one per feature: `actions[j]` holds the a_jk, `costs[j]` the
c_jk; every menu offers a = 0 at no cost, and an immutable feature offers nothing else. An infinite
cost forbids an action. Scores are float64 sums over the features in order, so grids of integers are
exact, and a solver's answer is recounted that way.
"""

import dataclasses
import warnings
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from sims.predictive_multiplicity.domains import (
    Costs,
    FeatureWeights,
    Menus,
    Norm,
    Objective,
    Percentile,
    TieBreaker,
)
from sims.predictive_multiplicity.highs import solve
from sims.predictive_multiplicity.mip import Program
from theory_on_trial.contract import guarded, require

_NORMS = (
    1.001,
    1000,
)  # where the nearest fraction with a denominator of at most 1024 is near enough


class Recourse(NamedTuple):
    """choice : the entry taken from each menu. action : a_j. total_cost, largest_cost : Σ_j c_j and
    max_j c_j.
    """

    choice: Int[np.ndarray, "features"]
    action: Float[np.ndarray, "features"]
    total_cost: float
    largest_cost: float


@dataclasses.dataclass(frozen=True)
class _Problem:
    """The menus side by side: one binary per entry."""

    missing: float
    gains: Float[np.ndarray, "entries"]
    costs: Float[np.ndarray, "entries"]
    owner: Int[np.ndarray, "entries"]
    idle: Bool[np.ndarray, "entries"]

    @property
    def chooses(self) -> Float[np.ndarray, "features entries"]:
        return (self.owner == np.arange(self.owner[-1] + 1)[:, None]).astype(float)


@guarded(double=False)
def cheapest_recourse(
    score: float,
    weights: FeatureWeights,
    actions: Menus,
    costs: Costs,
    *,
    objective: Objective = "total",
    tie_breaker: TieBreaker | None = None,
) -> Recourse | None:
    """The cheapest choice of actions that brings a score s < 0 to 0 or above, or None where none
    does.

    The objective "total" minimises Σ_j c_j; "largest" minimises max_j c_j and, among those, the
    total: one after the other, or, with ε = `tie_breaker`, max_j c_j + ε Σ_j c_j as the released
    code does. Costs are compared to about 1e-6 of the largest finite one.
    Raises ValueError for menus without free inaction and a score that needs no change.
    Source: the integer program of Ustun et al. 2019 (arXiv 1809.06514), as in its code; the
    recount: derived here.
    """
    problem = _problem(score, weights, actions, costs)
    choice = _cheapest(problem, objective, tie_breaker)
    return None if choice is None else _recourse(choice, actions, costs)


@guarded(double=False)
def percentile_costs(
    population: Real[np.ndarray, "people"],
    value: float,
    actions: Real[np.ndarray, "actions"],
    kind: Percentile = "shift",
) -> Float[np.ndarray, "actions"]:
    """Costs of actions on one feature from shares of a population: how many people each action
    passes.

    With Q(v) the share of people at or below v, counted: "shift" is |Q(x + a) - Q(x)|, and "log" is
    |log((1 - Q(x)) / (1 - Q(x + a)))|, infinite (forbidden) for an action that leaves nobody ahead,
    or that starts there. Inaction is free.
    Source: the cost functions of Ustun et al. 2019 (arXiv 1809.06514); the absolute value: derived
    here.
    """
    at_most = np.mean(population <= value)
    after = np.mean(population <= value + actions[:, None], axis=1)
    if kind == "shift":
        return np.abs(after - at_most)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(after == at_most, 0.0, np.abs(np.log(1 - at_most) - np.log(1 - after)))


@guarded(double=False)
def continuous_recourse(
    score: float, weights: FeatureWeights, norm: Norm
) -> Float[np.ndarray, "features"] | None:
    """The least |a|_p over real a with s + <w, a> >= 0, by a conic solver, to about 1e-7; None if
    nothing helps.

    `weights` are those of the actionable features, `norm` is p: 1, in [1.001, 1000], or inf; the
    1e-7 is relative to the largest entry.
    Source: Ustun et al. 2019 (arXiv 1809.06514), without bounds.
    """
    import cvxpy as cp

    near = norm in (1, np.inf) or _NORMS[0] <= norm <= _NORMS[1]
    require(near, f"norm must be 1, in {_NORMS} or inf, for cvxpy to come near enough, got {norm}")
    # The solver's tolerances are absolute.
    largest = float(np.abs(weights).max())
    gap = float(abs(score))
    action = cp.Variable(len(weights))
    order: Any = norm  # cvxpy takes any number, but is annotated for whole ones
    program = cp.Problem(
        cp.Minimize(cp.pnorm(action, order)),
        [np.sign(score) + weights / (largest or 1.0) @ action >= 0],
    )
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "pnorm with p=", UserWarning
        )  # it is exact to the stated 1e-7
        program.solve(solver=cp.CLARABEL)
    if program.status == cp.INFEASIBLE:
        return None
    return np.asarray(action.value, float) * (gap / (largest or 1.0))


def _cheapest(problem, objective, tie_breaker):
    """Which entries the optimum takes, or None."""
    if objective == "total":
        return _recounted(problem, np.isfinite(problem.costs), 0.0, 1.0)
    if tie_breaker is not None:
        return _recounted(problem, np.isfinite(problem.costs), 1.0, tie_breaker)
    choice = _recounted(problem, np.isfinite(problem.costs), 1.0, 0.0)
    if choice is None:
        return None
    return _recounted(problem, problem.costs <= problem.costs[choice].max(), 0.0, 1.0)


def _recounted(problem, allowed, largest_price, total_price):
    """Minimise largest_price max_j c_j + total_price Σ_j c_j without choices that a recount says
    miss the score.
    """
    cuts: list[tuple[np.ndarray, float]] = []
    while (choice := _solve(problem, allowed, cuts, largest_price, total_price)) is not None:
        if sum(problem.gains[choice].tolist(), -problem.missing) >= 0:
            return choice
        cuts.append((-1.0 * choice, 1.0 - choice.sum()))
    return None


def _solve(problem, allowed, cuts, largest_price, total_price):
    from scipy.sparse import csr_matrix

    chooses = problem.chooses
    costs = np.where(allowed, problem.costs, 0.0)
    n_features, n_entries = chooses.shape
    scale = np.abs(problem.gains).max() or 1.0
    # The last variable is max_j c_j.
    blocks = [
        (np.column_stack([chooses, np.zeros(n_features)]), 1.0, 1.0),
        (np.column_stack([-chooses * costs, np.ones(n_features)]), 0.0, np.inf),
        (np.append(problem.gains / scale, 0.0)[None], problem.missing / scale, np.inf),
        (np.append(~problem.idle, 0.0)[None], 1.0, n_features),
        *((np.append(row, 0.0)[None], right, np.inf) for row, right in cuts),
    ]
    rows, lower, upper = zip(*blocks, strict=True)
    heights = [len(block) for block in rows]
    outcome = solve(
        Program(
            cost=np.append(total_price * costs, largest_price),
            lower=np.zeros(n_entries + 1),
            upper=np.append(allowed.astype(float), costs.max()),
            integral=np.arange(n_entries + 1) < n_entries,
            rows=csr_matrix(np.concatenate(rows)),
            row_lower=np.repeat(lower, heights),
            row_upper=np.repeat(upper, heights),
        )
    )
    return None if outcome.values is None else outcome.values[:n_entries] > 0.5


def _recourse(choice, actions, costs):
    sizes = np.array([len(menu) for menu in actions])
    entries = np.flatnonzero(choice) - np.concatenate([[0], np.cumsum(sizes)[:-1]])
    paid = [float(menu[entry]) for menu, entry in zip(costs, entries, strict=True)]
    action = np.array([float(menu[entry]) for menu, entry in zip(actions, entries, strict=True)])
    return Recourse(entries, action, sum(paid), max(paid))


def _problem(score, weights, actions, costs):
    require(score < 0, f"score must be below 0, got {score}: there is nothing to change")
    n_features = len(weights)
    given = (len(actions), len(costs))
    require(
        given == (n_features, n_features),
        f"actions and costs must hold a menu for each of {n_features}, got {given}",
    )
    for feature, (menu, prices) in enumerate(zip(actions, costs, strict=True)):
        priced = len(menu) == len(prices)
        require(
            priced,
            f"costs must be one for each action, got {len(prices)} for {len(menu)} in menu "
            f"{feature}",
        )
        idle = ((menu == 0) & (prices == 0)).any()
        require(idle, f"actions must offer 0 at cost 0 in each menu, menu {feature} does not")
    owner = np.repeat(np.arange(len(weights)), [len(menu) for menu in actions])
    entries = np.concatenate(actions).astype(float)
    prices = np.concatenate(costs).astype(float)
    return _Problem(
        missing=-score,
        gains=weights[owner] * entries,
        # The solver's tolerances are absolute; a power of two changes no digit.
        costs=np.ldexp(prices, -np.frexp(prices[np.isfinite(prices)].max())[1]),
        owner=owner,
        idle=entries == 0,
    )
