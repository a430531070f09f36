"""Fair rules in discrete worlds: measured by definition, optimal against all rules, and flips by a score."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.predictive_multiplicity.bias_scores import accurate_rule, fair_rule, flip_by_score, flip_effects, measure_rule

N_ATOMS = 8
ULP = 2.0**-53
SOLVER = 1e-8  # the solver meets gaps and optima to 1e-9; contrasts and prices sum to at most 2
seeds = st.integers(0, 2**32 - 1)


def world(seed):
    masses = np.random.default_rng(seed).exponential(size=(N_ATOMS, 2, 2))
    return masses / masses.sum()


def by_definition(joint, acceptance):
    """Accuracy, parity gap and odds gaps from conditional probabilities, group by group."""
    accuracy = sum(
        joint[x, a, y] * (acceptance[x] if y else 1 - acceptance[x])
        for x, a, y in itertools.product(range(N_ATOMS), (0, 1), (0, 1))
    )
    rate = [(joint[:, a].sum(axis=1) @ acceptance) / joint[:, a].sum() for a in (0, 1)]
    odds = [[(joint[:, a, y] @ acceptance) / joint[:, a, y].sum() for y in (0, 1)] for a in (0, 1)]
    return accuracy, rate[0] - rate[1], np.subtract(odds[0], odds[1])


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_measures_are_those_of_the_definitions(seed):
    joint, acceptance = world(seed), np.random.default_rng(seed).uniform(size=N_ATOMS)
    for found, wanted in zip(measure_rule(joint, acceptance), by_definition(joint, acceptance), strict=True):
        # Sums of 32 products, quotients and a difference, all numbers at most 1.
        assert np.all(np.abs(found - wanted) <= 200 * ULP)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_no_rule_is_more_accurate_than_the_accurate_one(seed):
    joint = world(seed)
    best = float(measure_rule(joint, accurate_rule(joint)).accuracy)
    rules = np.array(list(itertools.product((0.0, 1.0), repeat=N_ATOMS)))
    accuracies = rules @ joint[:, :, 1].sum(axis=1) + (1 - rules) @ joint[:, :, 0].sum(axis=1)
    assert abs(best - accuracies.max()) <= 200 * ULP


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_effects_of_flips_add_up(seed):
    """Everything is linear in the rule: the effect of flipping a set is the sum of the effects of its atoms."""
    joint = world(seed)
    base, effects = np.asarray(accurate_rule(joint)), flip_effects(joint)
    flipped = np.random.default_rng(seed).integers(0, 2, N_ATOMS)
    before, after = measure_rule(joint, base), measure_rule(joint, np.where(flipped, 1 - base, base))
    for effect, old, new in zip(effects, before, after, strict=True):
        assert np.all(np.abs(flipped @ np.asarray(effect) - (old - new)) <= N_ATOMS * 400 * ULP)
    assert (np.asarray(effects.accuracy) >= -400 * ULP).all()


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.02, 0.1]), st.sampled_from(["parity", "odds"]))
def test_fair_rules_are_feasible_and_beat_all_deterministic_and_mixed_ones(seed, tolerance, criterion):
    joint = world(seed)

    def gaps(rule):
        _, parity, odds = by_definition(joint, rule)
        return np.atleast_1d(parity if criterion == "parity" else odds)

    rule = fair_rule(joint, tolerance, criterion)
    assert np.all(np.abs(gaps(rule)) <= tolerance + SOLVER)
    # A basic solution has one fractional entry for each active row.
    assert np.sum((rule > SOLVER) & (rule < 1 - SOLVER)) <= len(gaps(rule))
    accuracy = by_definition(joint, rule)[0]
    rng = np.random.default_rng(seed)
    for other in (*rng.uniform(size=(20, N_ATOMS)), np.asarray(accurate_rule(joint)), *np.eye(N_ATOMS)):
        # Mixed with a constant, which has no gaps, any rule becomes feasible.
        share = min(1.0, tolerance / max(np.abs(gaps(other)).max(), 1e-300))
        for constant in (0.0, 1.0):
            assert by_definition(joint, share * other + (1 - share) * constant)[0] <= accuracy + SOLVER


@settings(max_examples=8, deadline=None)
@given(seeds, st.sampled_from([0.02, 0.1]), st.sampled_from(["parity", "odds"]))
def test_deterministic_fair_rules_are_those_of_all_rules(seed, tolerance, criterion):
    joint = world(seed)
    rules = np.array(list(itertools.product((0.0, 1.0), repeat=N_ATOMS)))
    groups = joint if criterion == "odds" else joint.sum(axis=2, keepdims=True)
    rates = np.einsum("rx,xay->ray", rules, groups / groups.sum(axis=0))
    feasible = np.all(np.abs(rates[:, 0] - rates[:, 1]) <= tolerance, axis=1)
    accuracies = rules @ joint[:, :, 1].sum(axis=1) + (1 - rules) @ joint[:, :, 0].sum(axis=1)
    rule = fair_rule(joint, tolerance, criterion, deterministic=True)
    assert set(np.unique(rule)) <= {0.0, 1.0}
    assert abs(by_definition(joint, rule)[0] - accuracies[feasible].max()) <= SOLVER


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.02, 0.1]))
def test_flips_by_measured_score_are_optimal_and_by_effect_alone_are_not_better(seed, tolerance):
    joint = world(seed)
    effects = flip_effects(joint)
    per_price = np.asarray(effects.parity_gap) / np.asarray(effects.accuracy)
    by_score, by_effect = (flip_by_score(joint, scores, tolerance) for scores in (per_price, effects.parity_gap))
    best = by_definition(joint, fair_rule(joint, tolerance))[0]
    for rule in (by_score, by_effect):
        assert abs(by_definition(joint, rule)[1]) <= tolerance + 1000 * ULP
        assert np.sum((rule > 0) & (rule < 1)) <= 1
    assert abs(by_definition(joint, by_score)[0] - best) <= SOLVER
    assert by_definition(joint, by_effect)[0] <= best + SOLVER


def test_a_fair_world_is_left_alone():
    joint = np.broadcast_to(world(0).sum(axis=1, keepdims=True) / 2, (N_ATOMS, 2, 2))
    base = np.asarray(accurate_rule(joint))
    np.testing.assert_array_equal(flip_by_score(joint, np.arange(N_ATOMS), 1e-12), base)
    np.testing.assert_array_equal(fair_rule(joint, 1e-6), base)


ONE_GROUP = np.stack([np.full((4, 2), 1 / 8), np.zeros((4, 2))], axis=1)
ONE_LABEL = np.stack([np.full((4, 2), 1 / 8), np.zeros((4, 2))], axis=2)


@pytest.mark.parametrize("joint", [2 * world(0), -world(0), ONE_GROUP])
def test_what_is_no_world_of_two_groups_is_refused(joint):
    with pytest.raises(ValueError, match=r"^joint must be non-negative, sum to 1 and have both groups"):
        accurate_rule(joint)


def test_odds_without_a_label_are_refused():
    with pytest.raises(ValueError, match="joint must have both labels in both groups, got"):
        fair_rule(ONE_LABEL, 0.1, "odds")


def test_the_order_decides_which_atom_is_flipped():
    """One atom per group, the one accepted, the other not: flipping either levels them, flipping both is too much."""
    joint = np.array([[[0.1, 0.3], [0.0, 0.0]], [[0.0, 0.0], [0.4, 0.2]]])
    assert float(measure_rule(joint, accurate_rule(joint)).parity_gap) == 1.0
    np.testing.assert_array_equal(flip_by_score(joint, np.array([2.0, 1.0]), 0.0), [0, 0])
    np.testing.assert_array_equal(flip_by_score(joint, np.array([1.0, 2.0]), 0.0), [1, 1])
    np.testing.assert_array_equal(flip_by_score(joint[:, ::-1], np.array([2.0, 1.0]), 0.0), [1, 1])
