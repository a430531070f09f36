"""Recourse against every choice of actions, the l_p closed form against feasible actions and Hoelder's inequality."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from theory_pm_instances import ROUNDING, general

from theory.predictive_multiplicity import (
    cheapest_largest_cost,
    cheapest_total_cost,
    log_percentile_shifts,
    percentile_shifts,
    recourse_exists,
    safe_tie_breaker,
    total_cost_relaxation,
    unbounded_recourse,
)

SOLVER = 1e-6  # costs of at most 30 by HiGHS, whose tolerance is 1e-7


@st.composite
def menus(draw):
    """Whole scores, weights, actions and costs, so that every sum is exact; action 0 of every menu is free."""
    n_features = draw(st.integers(1, 4))
    whole = st.integers(-4, 4)
    sizes = draw(st.lists(st.integers(0, 3), min_size=n_features, max_size=n_features))
    actions = [np.array([0.0, *draw(st.lists(whole, min_size=k, max_size=k))]) for k in sizes]
    costs = [np.array([0.0, *draw(st.lists(st.integers(0, 7), min_size=k, max_size=k))]) for k in sizes]
    weights = np.array(draw(st.lists(whole, min_size=n_features, max_size=n_features)), dtype=float)
    return draw(st.integers(-20, 3)), weights, actions, costs


def granted_costs(score, weights, actions, costs):
    """The costs of every choice of actions that is granted."""
    found = []
    for choice in itertools.product(*(range(len(menu)) for menu in actions)):
        if score + sum(w * menu[k] for w, menu, k in zip(weights, actions, choice, strict=True)) >= 0:
            found.append([cost[k] for cost, k in zip(costs, choice, strict=True)])
    return found


@general
@given(menus())
def test_recourse_is_that_of_every_choice(drawn):
    found = granted_costs(*drawn)
    assert recourse_exists(*drawn[:3]) == bool(found)
    assert cheapest_largest_cost(*drawn) == min(map(max, found), default=np.inf)
    assert cheapest_total_cost(*drawn) == min(map(sum, found), default=np.inf)


@general
@given(menus())
def test_mixing_actions_costs_no_more(drawn):
    relaxed, whole = total_cost_relaxation(*drawn), cheapest_total_cost(*drawn)
    assert (relaxed == np.inf) == (whole == np.inf)
    if whole < np.inf:
        assert relaxed <= whole + SOLVER
        assert relaxed >= -SOLVER


def test_mixing_actions_can_cost_less():
    menu = (-1.0, np.array([1.0]), [np.array([0.0, 4.0])], [np.array([0.0, 8.0])])
    assert cheapest_total_cost(*menu) == 8
    assert total_cost_relaxation(*menu) == pytest.approx(2, abs=SOLVER)
    two = (-6.0, np.array([1.0, 2.0]), [np.array([0.0, 4.0]), np.array([0.0, 2.0])], [np.array([0.0, 1.0])] * 2)
    assert (cheapest_total_cost(*two), cheapest_largest_cost(*two)) == (2, 1)
    assert total_cost_relaxation(*two) == pytest.approx(1.5, abs=SOLVER)


def test_an_immutable_feature_can_forbid_recourse():
    weights, free = np.array([1.0, 5.0]), np.array([0.0, 1.0])
    assert recourse_exists(-6, weights, [free, free])
    assert not recourse_exists(-6, weights, [free, np.zeros(1)])
    assert cheapest_largest_cost(-6, weights, [free, np.zeros(1)], [free, np.zeros(1)]) == np.inf


def test_whoever_is_granted_already_pays_nothing():
    menu = (np.array([1.0]), [np.array([0.0, 4.0])], [np.array([0.0, 8.0])])
    assert (cheapest_largest_cost(0, *menu), cheapest_total_cost(0, *menu)) == (0, 0)


@general
@given(menus())
def test_the_tie_breaker_leaves_the_largest_cost_alone(drawn):
    found = granted_costs(*drawn)
    epsilon = safe_tie_breaker(drawn[3])
    if found and epsilon < np.inf:
        # Costs are integers up to 7, so objectives that differ do so by far more than rounding.
        chosen = min(found, key=lambda costs: (round(max(costs) + epsilon * sum(costs), 9), max(costs)))
        assert max(chosen) == cheapest_largest_cost(*drawn)
        assert sum(chosen) == min(sum(costs) for costs in found if max(costs) == max(chosen))


def test_the_tie_breaker_compares_the_costs_of_different_features():
    costs = [np.array([0.0, 1.0]), np.array([0.0, 1.125]), np.array([0.0, 1.0])]
    epsilon = safe_tie_breaker(costs)
    assert epsilon == 0.125 / 3.125
    within_one_menu = 1 / 3.125
    cheapest, other = [1.0, 0.0, 1.0], [0.0, 1.125, 0.0]
    objective = [[max(chosen) + e * sum(chosen) for chosen in (cheapest, other)] for e in (epsilon, within_one_menu)]
    assert objective[0][0] < objective[0][1]
    assert objective[1][0] > objective[1][1]
    assert safe_tie_breaker([np.zeros(3)]) == np.inf


@general
@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=5),
    st.floats(-5, -0.1),
    st.sampled_from([1, 1.5, 2, 3, 10, float("inf")]),
    st.integers(0, 2**32 - 1),
)
def test_the_cheapest_unbounded_action_lands_on_the_boundary(weights, score, order, seed):
    weights = np.array(weights)
    cost, action = unbounded_recourse(score, weights, order)
    if not weights.any():
        assert cost == np.inf
        assert np.all(np.isnan(action))
        return
    assert score + weights @ action == pytest.approx(0, abs=64 * ROUNDING * 5)
    assert np.linalg.norm(action / cost, order) == pytest.approx(1, abs=256 * ROUNDING)
    # No other action on the boundary is shorter.
    others = np.random.default_rng(seed).normal(size=(20, len(weights)))
    gains = others @ weights
    reached = others[gains != 0] * (-score / gains[gains != 0])[:, np.newaxis]
    assert np.all(np.linalg.norm(reached, order, axis=1) >= cost * (1 - 256 * ROUNDING))


def test_unbounded_recourse_by_hand():
    cost, action = unbounded_recourse(-5, np.array([3.0, 4.0]), 2)
    assert cost == pytest.approx(1, abs=8 * ROUNDING)
    assert action == pytest.approx([0.6, 0.8], abs=8 * ROUNDING)
    cost, action = unbounded_recourse(-6, np.array([-2.0, 1.0, 2.0]), 1)
    assert cost == pytest.approx(3, abs=8 * ROUNDING)
    assert action == pytest.approx([-1.5, 0, 1.5], abs=8 * ROUNDING)
    cost, action = unbounded_recourse(-6, np.array([-2.0, 1.0, 0.0]), np.inf)
    assert cost == pytest.approx(2, abs=8 * ROUNDING)
    assert action == pytest.approx([-2, 2, 0], abs=8 * ROUNDING)
    assert unbounded_recourse(1, np.array([1.0]), 2)[0] == 0
    assert unbounded_recourse(0, np.array([0.0]), 2)[1].tolist() == [0]
    assert unbounded_recourse(-1e-300, np.array([1e-200]), 4)[0] == pytest.approx(1e-100, rel=16 * ROUNDING, abs=0)


def test_percentile_costs_by_hand():
    population = np.array([4.0, 1.0, 2.0, 2.0, 3.0, 6.0, 8.0, 8.0])
    actions = np.array([0.0, 1.0, -1.0, 5.0, 100.0])
    assert percentile_shifts(population, 2, actions).tolist() == [0, 0.125, 0.25, 0.375, 0.625]
    expected = np.log([1, 5 / 4, 5 / 2])
    assert log_percentile_shifts(population, 2, np.array([0.0, 1.0, 5.0])) == pytest.approx(expected, abs=8 * ROUNDING)
    assert log_percentile_shifts(population, 2, np.array([6.0, 7.0])).tolist() == [np.inf, np.inf]
    assert log_percentile_shifts(population, 0, np.array([0.0, 1.0])).tolist() == [0, -np.log1p(-0.125)]


def test_menus_that_do_not_belong_together_are_refused():
    zero, one = [np.zeros(1)], np.ones(1)
    with pytest.raises(ValueError, match="actions must hold 1 menus, one per weight, got 2"):
        recourse_exists(-1, one, zero * 2)
    with pytest.raises(ValueError, match="each entry of actions must offer 0, got "):
        recourse_exists(-1, one, [one])
    for function in (cheapest_largest_cost, cheapest_total_cost, total_cost_relaxation):
        with pytest.raises(ValueError, match=r"costs must hold one cost for each action, \[1\] of them, got \[2\]"):
            function(-1, one, zero, [np.zeros(2)])
        with pytest.raises(ValueError, match="costs must be 0 for the action 0 of every menu"):
            function(-1, one, zero, [one])


def test_nobody_ahead_is_refused():
    with pytest.raises(ValueError, match=r"value must be below the population's largest, got 1\.0"):
        log_percentile_shifts(np.ones(1), 1, np.ones(1))
