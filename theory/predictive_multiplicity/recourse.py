"""Actionable recourse: the cheapest change of features that turns a refusal of a linear classifier.

Ustun, Spangher & Liu 2019 (arXiv 1809.06514): a person of score s = <w, x> + b < 0 wants a score of at least 0 and may
choose, for every feature j, one entry of a menu of actions a_jk at cost c_jk; every menu offers a = 0 at no cost, and
an immutable feature nothing else. Costs add up, or the largest counts. The closed forms are derived here. The menu of
w_j is the array `actions[j]` with the array `costs[j]`. Sums run in the order of the features, so grids of integers are
exact; a score of exactly 0 is granted. Where nothing helps the cost is infinite. `ValueError` for numbers that are not
finite, lists of unequal length, a negative cost or a menu without free inaction.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from theory.predictive_multiplicity._validation import shown
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_finite

Menus = Sequence[Float[np.ndarray, " _"]]


@validated
def recourse_exists(score: float | int, weights: Float[np.ndarray, " features"], actions: Menus) -> bool:
    """Tell whether some choice of actions is granted: s + sum_j max_k w_j a_jk >= 0."""
    return _granted(score, _gains(score, weights, actions))


@validated
def cheapest_largest_cost(
    score: float | int, weights: Float[np.ndarray, " features"], actions: Menus, costs: Menus
) -> float:
    """Least possible largest cost of one feature: min {tau : s + sum_j max_{k : c_jk <= tau} w_j a_jk >= 0}."""
    gains = _gains(score, weights, actions)
    _check_costs(actions, costs)
    for threshold in np.unique(np.concatenate([[0.0], *costs])):
        if _granted(score, [gain[cost <= threshold] for gain, cost in zip(gains, costs, strict=True)]):
            return float(threshold)
    return np.inf


@validated
def cheapest_total_cost(
    score: float | int, weights: Float[np.ndarray, " features"], actions: Menus, costs: Menus
) -> float:
    """Least total cost of a granted choice: a multiple-choice knapsack, feature by feature over undominated choices.

    A choice is dominated if another costs no more and raises the score no less; at worst all choices are kept.
    """
    gains = _gains(score, weights, actions)
    _check_costs(actions, costs)
    reached, paid = np.array([float(score)]), np.zeros(1)
    for gain, cost in zip(gains, costs, strict=True):
        reached = np.add.outer(reached, gain).ravel()
        paid = np.add.outer(paid, cost).ravel()
        order = np.lexsort((-reached, paid))
        reached, paid = reached[order], paid[order]
        best_so_far = np.maximum.accumulate(np.append(-np.inf, reached))[:-1]
        reached, paid = reached[reached > best_so_far], paid[reached > best_so_far]
    return float(paid[reached >= 0].min(initial=np.inf))


@validated
def total_cost_relaxation(
    score: float | int, weights: Float[np.ndarray, " features"], actions: Menus, costs: Menus
) -> float:
    """Least total cost if shares of several actions of one menu could be mixed: a lower bound, exact to about 1e-7.

    The linear relaxation of the integer program, solved in floats (HiGHS).
    """
    from scipy.optimize import linprog

    gains = _gains(score, weights, actions)
    _check_costs(actions, costs)
    if not _granted(score, gains):
        return np.inf
    owner = np.repeat(np.arange(len(gains)), [len(gain) for gain in gains])
    solved = linprog(
        np.concatenate(costs),
        A_ub=-np.concatenate(gains)[np.newaxis],
        b_ub=[score],
        A_eq=(owner == np.arange(len(gains))[:, np.newaxis]).astype(float),
        b_eq=np.ones(len(gains)),
        method="highs",
    )
    if solved.fun is None:
        raise ValueError(
            "weights and actions must be of a size that the solver can handle, "
            f"got {shown(weights)} and {_listed(actions)}"
        )
    return float(solved.fun)


@validated
def safe_tie_breaker(costs: Menus) -> float:
    """Largest epsilon for which min (max_j c_j + epsilon sum_j c_j) still has the least largest cost.

    The smallest difference of two unequal costs, of the same or of different features, over sum_j max_k c_jk; the
    smallest difference within one menu is not enough. Infinite where all costs are zero. Derived here.
    """
    _check_non_negative(costs)
    distinct = np.unique(np.concatenate([[0.0], *costs]))
    if len(distinct) == 1:
        return np.inf
    return float(np.diff(distinct).min() / sum(cost.max() for cost in costs))


@validated
def unbounded_recourse(
    score: float | int, weights: Float[np.ndarray, " features"], norm_order: float | int
) -> tuple[float, Float[np.ndarray, " features"]]:
    """Cost -s / |w|_q and action of the least |a|_p with s + <w, a> >= 0 over all real a, 1/p + 1/q = 1.

    `weights` are those of the actionable features only. For p = 2 the action is -s w / |w|_2^2; for p = 1 it is shared
    equally by the features of largest |w_j|. Without a non-zero weight the cost is infinite and the action nan; at
    s >= 0 both are zero. `ValueError` unless p = `norm_order` is in [1, inf].
    """
    check_finite("score and weights", np.append(weights, score))
    if not norm_order >= 1:
        raise ValueError(f"norm_order must be at least 1, got {norm_order}")
    if score >= 0:
        return 0.0, np.zeros_like(weights)
    largest = np.abs(weights).max(initial=0)
    if largest == 0:
        return np.inf, np.full_like(weights, np.nan)
    dual = np.inf if norm_order == 1 else 1 / (1 - 1 / norm_order)
    relative = np.abs(weights) / largest
    action = -score / largest * np.sign(weights) * relative ** (dual - 1) / np.sum(relative**dual)
    return float(-score / (largest * np.sum(relative**dual) ** (1 / dual))), action


@validated
def percentile_shifts(
    population: Float[np.ndarray, " people"], value: float | int, actions: Float[np.ndarray, " actions"]
) -> Float[np.ndarray, " actions"]:
    """Costs |Q(x + a) - Q(x)|, Q the distribution function of the feature in a sample of the population; in [0, 1]."""
    rank, moved = _percentiles(population, value, actions)
    return np.abs(moved - rank)


@validated
def log_percentile_shifts(
    population: Float[np.ndarray, " people"], value: float | int, actions: Float[np.ndarray, " actions"]
) -> Float[np.ndarray, " actions"]:
    """Costs log((1 - Q(x)) / (1 - Q(x + a))) of actions a >= 0: the share of people ahead counts relatively.

    Infinite for an action that leaves nobody ahead. `ValueError` if an action is negative or nobody is ahead of x.
    """
    rank, moved = _percentiles(population, value, actions)
    if np.any(actions < 0) or rank == 1:
        raise ValueError(
            f"actions must be non-negative and value below the population's largest, got {shown(actions)} from {value}"
        )
    return np.log1p(-rank) - np.log1p(-moved, out=np.full(moved.shape, -np.inf), where=moved < 1)


def _percentiles(
    population: Float[np.ndarray, " people"], value: float | int, actions: Float[np.ndarray, " actions"]
) -> tuple[float, Float[np.ndarray, " actions"]]:
    check_finite("population", population)
    check_finite("value and actions", np.append(actions, value))
    ranks = np.searchsorted(np.sort(population), np.append(value + actions, value), side="right") / len(population)
    return float(ranks[-1]), ranks[:-1]


def _gains(
    score: float | int, weights: Float[np.ndarray, " features"], actions: Menus
) -> list[Float[np.ndarray, " _"]]:
    """What every action adds to the score, menu by menu."""
    check_finite("score and weights", np.append(weights, score))
    if len(weights) == 0 or len(actions) != len(weights):
        raise ValueError(f"actions must hold one menu for each of the {len(weights)} features, got {len(actions)}")
    if not all(np.all(np.isfinite(menu)) and np.any(menu == 0) for menu in actions):
        raise ValueError(f"every menu of actions must be finite and offer 0, got {_listed(actions)}")
    return [weight * menu for weight, menu in zip(weights, actions, strict=True)]


def _check_costs(actions: Menus, costs: Menus) -> None:
    if [len(cost) for cost in costs] != [len(menu) for menu in actions]:
        raise ValueError(f"costs must hold one cost for each action, got {_listed(costs)} for {_listed(actions)}")
    _check_non_negative(costs)
    if not all(cost[menu == 0].min() == 0 for cost, menu in zip(costs, actions, strict=True)):
        raise ValueError(f"every menu must offer its action 0 at cost 0, got {_listed(costs)} for {_listed(actions)}")


def _check_non_negative(costs: Menus) -> None:
    if not all(np.all(np.isfinite(cost) & (cost >= 0)) for cost in costs):
        raise ValueError(f"costs must be finite and non-negative, got {_listed(costs)}")


def _granted(score: float | int, gains: Sequence[Float[np.ndarray, " _"]]) -> bool:
    return sum((float(gain.max()) for gain in gains), float(score)) >= 0


def _listed(menus: Menus) -> str:
    return ", ".join(shown(menu) for menu in menus)
