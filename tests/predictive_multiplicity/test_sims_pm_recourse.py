"""Recourse programs against every combination of actions, and the conic solver against feasibility and duality."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.predictive_multiplicity.recourse import cheapest_recourse, continuous_recourse, percentile_costs

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


@pytest.mark.parametrize("scale", [1e-12, 1e-8, 1e-3, 1.0, 1e6, 1e19, 1e200])
def test_the_cheapest_is_the_same_in_every_unit_of_cost(scale):
    actions = 3 * [np.array([0.0, 1.0])]
    costs = [np.array([0.0, price * scale]) for price in (3.0, 2.0, 5.0)]
    for objective in ("total", "largest"):
        found = cheapest_recourse(-1.0, np.ones(3), actions, costs, objective=objective)
        assert found.choice.tolist() == [0, 1, 0]


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e-6, 1.0, 1e8, 1e19, 1e100])
@pytest.mark.parametrize("norm", [1, 1.001, 2, 100, 1000, np.inf])
def test_the_least_real_action_is_as_good_in_every_unit(scale, norm):
    """By Hölder, |a|_p >= -s / |w|_q; 1e-7 is the stated accuracy, of the score and of the norm."""
    weights = np.array([1.0, -0.5])
    dual = np.inf if norm == 1 else 1 / (1 - 1 / norm)
    least = 1 / np.linalg.norm(weights, dual)
    for score, unit in ((-scale, 1.0), (-1.0, scale)):
        action = continuous_recourse(score, weights * unit, norm) / -score * unit
        assert abs(weights @ action - 1) <= 1e-7
        assert abs(np.linalg.norm(action, norm) / least - 1) <= 2e-7


MENU, PRICES = np.array([0.0, 1.0]), np.array([0.0, 1.0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"score": 0.0}, "score must be below the wanted 0.0, got 0.0"),
        ({"actions": [MENU, MENU]}, r"actions and costs must hold a menu for each of 1, got \(2, 1\)"),
        ({"costs": [PRICES[:1]]}, "costs must be one for each action, got 1 for 2 in menu 0"),
        ({"actions": [MENU + 1]}, "actions must offer 0 at cost 0 in each menu, menu 0 does not"),
        ({"costs": [PRICES + 1]}, "actions must offer 0 at cost 0 in each menu, menu 0 does not"),
    ],
)
def test_refusals(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        cheapest_recourse(**{"score": -1.0, "weights": np.ones(1), "actions": [MENU], "costs": [PRICES], **options})


def test_a_norm_that_the_solver_meets_roughly_is_refused():
    for norm in (1.0001, 2000):
        with pytest.raises(
            ValueError, match=r"norm must be 1, in \(1.001, 1000\) or inf, for cvxpy to come near enough"
        ):
            continuous_recourse(-1.0, np.ones(2), norm)
