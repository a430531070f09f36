"""Recourse programs against every combination of actions, and the conic solver against feasibility and duality."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.predictive_multiplicity.recourse import (
    cheapest_recourse,
    continuous_recourse,
    flipset,
    percentile_costs,
)

seeds = st.integers(0, 2**32 - 1)


def person(seed, n_features=4):
    """Whole numbers, so that every sum is exact; some features immutable, some actions harmful or forbidden."""
    rng = np.random.default_rng(seed)
    actions, costs = [], []
    for _ in range(n_features):
        n_actions = rng.integers(0, 4)
        order = rng.permutation(n_actions + 1)
        actions.append(np.append(rng.integers(-3, 4, n_actions), 0)[order].astype(float))
        prices = np.append(rng.choice([1, 2, 3, 5, 8, 13, np.inf], n_actions), 0)[order]
        costs.append(prices)
    return -int(rng.integers(1, 15)), rng.integers(-4, 5, n_features), actions, costs


def all_choices(score, weights, actions, costs, max_items=99):
    """(total, largest, set of changed features) of every choice that is granted."""
    for entries in itertools.product(*(range(len(menu)) for menu in actions)):
        moves = [menu[entry] for menu, entry in zip(actions, entries, strict=True)]
        paid = [menu[entry] for menu, entry in zip(costs, entries, strict=True)]
        changed = {feature for feature, move in enumerate(moves) if move != 0}
        if score + np.dot(weights, moves) >= 0 and 1 <= len(changed) <= max_items and np.isfinite(paid).all():
            yield sum(paid), max(paid), frozenset(changed)


def assert_granted(found, score, weights, actions, costs):
    np.testing.assert_array_equal(
        found.action, [menu[entry] for menu, entry in zip(actions, found.choice, strict=True)]
    )
    paid = [menu[entry] for menu, entry in zip(costs, found.choice, strict=True)]
    assert (found.total_cost, found.largest_cost) == (sum(paid), max(paid))
    assert score + weights @ found.action >= 0


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([None, 1, 2]))
def test_cheapest_recourse_is_that_of_all_choices(seed, max_items):
    problem = person(seed)
    choices = list(all_choices(*problem, max_items or 99))
    total = cheapest_recourse(*problem, max_items=max_items)
    largest = cheapest_recourse(*problem, objective="largest", max_items=max_items)
    if not choices:
        assert total is largest is None
        return
    assert_granted(total, *problem)
    assert_granted(largest, *problem)
    assert total.total_cost == min(choice[0] for choice in choices)
    assert (largest.largest_cost, largest.total_cost) == min((choice[1], choice[0]) for choice in choices)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_a_safe_tie_breaker_gives_both_stages_at_once(seed):
    problem = person(seed)
    staged = cheapest_recourse(*problem, objective="largest")
    # Costs are whole: unequal ones differ by at least 1, and four of them sum to at most 52.
    at_once = cheapest_recourse(*problem, objective="largest", tie_breaker=1 / 64)
    assert (staged is None) == (at_once is None)
    if staged is not None:
        assert (staged.largest_cost, staged.total_cost) == (at_once.largest_cost, at_once.total_cost)


def test_a_tie_breaker_from_single_menus_is_too_large():
    """Within each menu unequal costs differ by at least 9, but 9 and 10 of two menus only by 1."""
    actions = [np.array([0.0, 2.0]), np.array([0.0, 1.0]), np.array([0.0, 1.0])]
    costs = [np.array([0.0, 10.0]), np.array([0.0, 9.0]), np.array([0.0, 9.0])]
    found = [
        cheapest_recourse(-2, np.ones(3), actions, costs, objective="largest", tie_breaker=tie_breaker)
        for tie_breaker in (None, 0.9 / 28, 9 / 28)
    ]
    assert [(best.largest_cost, best.total_cost) for best in found] == [(9, 18), (9, 18), (10, 10)]


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(["total", "largest"]))
def test_flipsets_list_the_cheapest_choice_of_every_set(seed, objective):
    problem = person(seed, 3)
    key = (lambda choice: choice[0]) if objective == "total" else (lambda choice: (choice[1], choice[0]))
    best = {}
    for choice in all_choices(*problem):
        best[choice[2]] = min(best.get(choice[2], choice), choice, key=key)
    listed = flipset(*problem, count=50, objective=objective)
    for found in listed:
        assert_granted(found, *problem)
    pairs = [(found.total_cost, found.largest_cost, frozenset(np.flatnonzero(found.action))) for found in listed]
    assert sorted(map(key, pairs)) == sorted(map(key, best.values())) == list(map(key, pairs))
    assert {pair[2] for pair in pairs} == set(best)
    assert len(flipset(*problem, count=1)) == min(1, len(best))


def test_a_choice_that_misses_by_less_than_the_solver_sees_is_not_returned():
    costs, near_miss = [np.array([0.0, 1.0]), np.array([0.0, 5.0])], 1 - 2.0**-40
    found = cheapest_recourse(-1.0, np.array([1.0, 1.0]), [np.array([0.0, near_miss]), np.array([0.0, 2.0])], costs)
    assert found.total_cost == 5
    np.testing.assert_array_equal(found.action, [0, 2])
    assert cheapest_recourse(-1.0, np.array([1.0]), [np.array([0.0, near_miss])], costs[:1]) is None


def test_the_boundary_is_enough_unless_more_is_wanted():
    menu = ([np.array([0.0, 1.0, 2.0])], [np.array([0.0, 1.0, 2.0])])
    assert cheapest_recourse(-1, np.array([1]), *menu).total_cost == 1
    assert cheapest_recourse(-1, np.array([1]), *menu, wanted=0.5).total_cost == 2
    assert cheapest_recourse(-1, np.array([1]), *menu, wanted=1.5) is None


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_percentile_costs_count_people(seed):
    rng = np.random.default_rng(seed)
    population, value, actions = rng.integers(0, 9, 10), int(rng.integers(0, 9)), rng.integers(-4, 5, 6)
    at_most = np.array([np.sum(population <= value + action) for action in [0, *actions]])
    # One rounding for each share and one for the difference or quotient, two for each logarithm of size at most log 10.
    np.testing.assert_allclose(
        percentile_costs(population, value, actions), np.abs(at_most[1:] - at_most[0]) / 10, rtol=0, atol=3 * 2.0**-53
    )
    log_costs = percentile_costs(population, value, actions, "log")
    for cost, passed in zip(log_costs, at_most[1:], strict=True):
        if passed == at_most[0]:
            assert cost == 0
        elif 10 in (passed, at_most[0]):
            assert cost == np.inf
        else:
            assert abs(cost - abs(np.log((10 - at_most[0]) / (10 - passed)))) <= 60 * 2.0**-53


@settings(max_examples=8, deadline=None)
@given(seeds, st.sampled_from([1, 1.5, 2, 3, np.inf]))
def test_continuous_recourse_is_feasible_and_optimal_by_duality(seed, norm):
    rng = np.random.default_rng(seed)
    score, weights = -rng.uniform(0.5, 3), rng.uniform(0.2, 2, 4) * rng.choice([-1, 1], 4)
    action = continuous_recourse(score, weights, norm)
    assert score + weights @ action >= -1e-6
    # Hölder: <w, a> <= |w|_q |a|_p, so nothing cheaper than -s / |w|_q is feasible; the solver stops at about 1e-8.
    dual = np.inf if norm == 1 else 1.0 if norm == np.inf else norm / (norm - 1)
    assert np.linalg.norm(action, norm) * np.linalg.norm(weights, dual) <= -score * (1 + 1e-6)


def test_nothing_helps_without_a_weight():
    assert continuous_recourse(-1.0, np.zeros(3), 2) is None


MENU, PRICES = np.array([0.0, 1.0]), np.array([0.0, 1.0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"score": 0.0}, "score must be below the wanted 0.0, got 0.0"),
        ({"score": np.nan}, "score must be finite, got nan"),
        ({"weights": np.array([np.inf])}, "weights must be finite, got inf"),
        ({"weights": np.zeros(0), "actions": [], "costs": []}, "number of features must be at least 1"),
        ({"actions": [MENU, MENU]}, "one menu per feature, got 2 and 1 for 1"),
        ({"actions": [np.array([0.0, np.nan])]}, "menu 0 must hold finite actions with one cost each"),
        ({"costs": [PRICES[:1]]}, "menu 0 must hold finite actions with one cost each"),
        ({"costs": [-PRICES]}, "none negative"),
        ({"costs": [np.array([0.0, np.nan])]}, "none negative"),
        ({"actions": [MENU + 1]}, "menu 0 must offer the action 0 at cost 0"),
        ({"costs": [PRICES + 1]}, "menu 0 must offer the action 0 at cost 0"),
        ({"max_items": 0}, "max_items must be at least 1"),
        ({"tie_breaker": -1.0}, "tie_breaker must be finite and not negative, got -1.0"),
        ({"tie_breaker": np.inf}, "tie_breaker must be finite and not negative, got inf"),
    ],
)
def test_refusals(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        cheapest_recourse(**{"score": -1.0, "weights": np.ones(1), "actions": [MENU], "costs": [PRICES], **options})


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: flipset(-1.0, np.ones(1), [MENU], [PRICES], 0), "count must be at least 1"),
        (lambda: percentile_costs(np.zeros(0), 1, np.ones(2)), "number of people must be at least 1"),
        (lambda: percentile_costs(np.ones(2), np.nan, np.ones(2)), "value must be finite, got nan"),
        (lambda: percentile_costs(np.array([np.inf]), 1, np.ones(2)), "population must be finite, got inf"),
        (lambda: continuous_recourse(-1.0, np.ones(2), 0.5), r"norm must be in \[1, inf\], got 0.5"),
        (lambda: continuous_recourse(np.nan, np.ones(2), 2), "score must be finite"),
        (lambda: continuous_recourse(-1.0, np.array([np.inf]), 2), "weights must be finite"),
        (lambda: continuous_recourse(-1.0, np.ones(0), 2), "number of features must be at least 1"),
    ],
)
def test_other_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
