"""Actionable recourse: the cheapest change of features that turns a refusal of a linear classifier.

Ustun, Spangher & Liu 2019 (arXiv 1809.06514): a person of score s = <w, x> + b < 0 wants a score of
at least 0 and may choose, for every feature j, one entry of a menu of actions a_jk at cost c_jk;
every menu offers a = 0 at no cost, and an immutable feature nothing else. Costs add up, or the
largest counts. The closed forms are derived here. The menu of w_j is the array `actions[j]` with
the array `costs[j]`. Sums run in the order of the features, so grids of integers are exact; a score
of exactly 0 is granted. Where nothing helps the cost is infinite.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.predictive_multiplicity.domains import Costs, Menus, Norm, People, Weights
from theory_on_trial.contract import NON_NEGATIVE, guarded, require


@guarded
def recourse_exists(score: float, weights: Weights, actions: Menus) -> bool:
    """Tell whether some choice of actions is granted: s + sum_j max_k w_j a_jk >= 0."""
    return _granted(score, _gains(weights, actions))


@guarded
def cheapest_largest_cost(score: float, weights: Weights, actions: Menus, costs: Costs) -> float:
    """Least possible largest cost of one feature: min {τ : s + sum_j max_{k : c_jk <= τ} w_j a_jk
    >= 0}.
    """
    gains = _gains(weights, actions)
    _require_prices(actions, costs)
    for threshold in np.unique(np.concatenate([[0.0], *costs])):
        if _granted(
            score, [gain[cost <= threshold] for gain, cost in zip(gains, costs, strict=True)]
        ):
            return float(threshold)
    return np.inf


@guarded
def cheapest_total_cost(score: float, weights: Weights, actions: Menus, costs: Costs) -> float:
    """Least total cost of a granted choice: a multiple-choice knapsack, feature by feature over
    undominated choices.

    A choice is dominated if another costs no more and raises the score no less; at worst all
    choices are kept.
    """
    gains = _gains(weights, actions)
    _require_prices(actions, costs)
    scores = np.array([float(score)])
    paid = np.zeros(1)
    for gain, cost in zip(gains, costs, strict=True):
        scores = np.add.outer(scores, gain).ravel()
        paid = np.add.outer(paid, cost).ravel()
        order = np.lexsort((-scores, paid))
        scores = scores[order]
        paid = paid[order]
        best_so_far = np.maximum.accumulate(np.append(-np.inf, scores))[:-1]
        better = scores > best_so_far
        scores = scores[better]
        paid = paid[better]
    return float(paid[scores >= 0].min(initial=np.inf))


@guarded
def total_cost_relaxation(score: float, weights: Weights, actions: Menus, costs: Costs) -> float:
    """Least total cost if actions of one menu could be mixed, a linear relaxation: a lower bound,
    to about 1e-7.
    """
    from scipy.optimize import linprog

    gains = _gains(weights, actions)
    _require_prices(actions, costs)
    if not _granted(score, gains):
        return np.inf
    owner = np.repeat(np.arange(len(gains)), [len(gain) for gain in gains])
    program = linprog(
        np.concatenate(costs),
        A_ub=-np.concatenate(gains)[np.newaxis],
        b_ub=[score],
        A_eq=(owner == np.arange(len(gains))[:, np.newaxis]).astype(float),
        b_eq=np.ones(len(gains)),
        method="highs",
    )
    require(
        program.fun is not None,
        "weights, actions and costs must be of a size that the solver can handle",
    )
    return float(program.fun)


@guarded
def safe_tie_breaker(costs: Costs) -> float:
    """Largest ε for which min (max_j c_j + ε sum_j c_j) still has the least largest cost; infinite
    for costs all zero.

    The smallest difference of two unequal costs, also across features, over sum_j max_k c_jk.
    """
    distinct = np.unique(np.concatenate([[0.0], *costs]))
    if len(distinct) == 1:
        return np.inf
    return float(np.diff(distinct).min() / sum(cost.max() for cost in costs))


@guarded
def unbounded_recourse(
    score: float, weights: Weights, norm_order: Norm
) -> tuple[float, Float[np.ndarray, " features"]]:
    """Cost -s / |w|_q and action of the least |a|_p with s + <w, a> >= 0 over all real a, 1/p + 1/q
    = 1.

    `weights` are those of the actionable features only. For p = 2 the action is -s w / |w|_2^2; for
    p = 1 it is shared equally by the features of largest |w_j|. Without a non-zero weight the cost
    is infinite and the action nan; at s >= 0 both are zero. Source: derived here, by Hoelder's
    inequality.
    """
    if score >= 0:
        return 0.0, np.zeros_like(weights)
    largest = np.abs(weights).max(initial=0)
    if largest == 0:
        return np.inf, np.full_like(weights, np.nan)
    dual = np.inf if norm_order == 1 else 1 / (1 - 1 / norm_order)
    relative = np.abs(weights) / largest
    action = -score / largest * np.sign(weights) * relative ** (dual - 1) / np.sum(relative**dual)
    return float(-score / (largest * np.sum(relative**dual) ** (1 / dual))), action


@guarded
def percentile_shifts(
    population: People, value: float, actions: Float[np.ndarray, " actions"]
) -> Float[np.ndarray, " actions"]:
    """Costs |Q(x + a) - Q(x)| in [0, 1], Q the feature's distribution function in a sample; arXiv
    1809.06514.
    """
    rank, new_ranks = _percentiles(population, value, actions)
    return np.abs(new_ranks - rank)


@guarded
def log_percentile_shifts(
    population: People,
    value: float,
    actions: Annotated[Float[np.ndarray, " actions"], NON_NEGATIVE],
) -> Float[np.ndarray, " actions"]:
    """Costs log((1 - Q(x)) / (1 - Q(x + a))), a >= 0, infinite where nobody is left ahead. Source:
    arXiv 1809.06514.
    """
    rank, new_ranks = _percentiles(population, value, actions)
    require(rank < 1, f"value must be below the population's largest, got {value}")
    return np.log1p(-rank) - np.log1p(
        -new_ranks, out=np.full(new_ranks.shape, -np.inf), where=new_ranks < 1
    )


def _percentiles(
    population: People, value: float, actions: Float[np.ndarray, " actions"]
) -> tuple[float, Float[np.ndarray, " actions"]]:
    ranks = np.searchsorted(
        np.sort(population), np.append(value + actions, value), side="right"
    ) / len(population)
    return float(ranks[-1]), ranks[:-1]


def _gains(weights: Weights, actions: Menus) -> list[Float[np.ndarray, " _"]]:
    """What every action adds to the score, menu by menu."""
    n_features = len(weights)
    require(
        len(actions) == n_features,
        f"actions must hold {n_features} menus, one per weight, got {len(actions)}",
    )
    return [weight * menu for weight, menu in zip(weights, actions, strict=True)]


def _require_prices(actions: Menus, costs: Costs) -> None:
    sizes = [len(menu) for menu in actions]
    priced = [len(cost) for cost in costs]
    require(
        sizes == priced, f"costs must hold one cost for each action, {sizes} of them, got {priced}"
    )
    free = all(cost[menu == 0].min() == 0 for cost, menu in zip(costs, actions, strict=True))
    require(free, "costs must be 0 for the action 0 of every menu, got others")


def _granted(score: float, gains: Sequence[Float[np.ndarray, " _"]]) -> bool:
    return sum((float(gain.max()) for gain in gains), float(score)) >= 0
