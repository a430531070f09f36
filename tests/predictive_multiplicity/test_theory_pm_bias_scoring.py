"""Post-hoc bias scoring: both rules against the linear program and its dual, and small worlds by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from theory_pm_instances import ROUNDING, general

from theory.predictive_multiplicity import (
    accurate_rule,
    bias_scores,
    flip_losses,
    odds_dual_value,
    odds_gaps,
    odds_influences,
    optimal_odds_flips,
    optimal_parity_flips,
    parity_gap,
    parity_influences,
)

# Two hundred sums of chances: rounding, and what HiGHS leaves of a row of size one.
SUMMED = 512 * ROUNDING
SOLVER = 1e-9


@st.composite
def worlds(draw, most_atoms=20):
    """A joint law of atom, group and label in which every group has both labels."""
    n_atoms = draw(st.integers(2, most_atoms))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.dirichlet(np.full(4 * n_atoms, 0.5)).reshape(n_atoms, 2, 2)


def flipped_acceptance(joint, flips):
    """Chance of acceptance Yhat (1 - kappa) + (1 - Yhat) kappa after flipping with chance kappa."""
    return np.where(accurate_rule(joint), 1 - flips, flips)


def hand_world():
    """Three atoms; Yhat = (1, 0, 1), P(A = 0) = 0.4."""
    return np.array([[[0.0, 0.2], [0.05, 0.1]], [[0.05, 0.05], [0.2, 0.1]], [[0.0, 0.1], [0.1, 0.05]]])


@general
@given(worlds(), st.integers(0, 2**32 - 1))
def test_flips_take_their_influence_off_the_gaps_and_their_loss_off_the_accuracy(joint, seed):
    flips = np.random.default_rng(seed).uniform(size=len(joint))
    before, after = accurate_rule(joint).astype(float), flipped_acceptance(joint, flips)
    assert parity_gap(joint, after) == pytest.approx(
        parity_gap(joint, before) - flips @ parity_influences(joint), abs=SUMMED
    )
    assert odds_gaps(joint, after) == pytest.approx(
        odds_gaps(joint, before) - odds_influences(joint) @ flips, abs=SUMMED
    )

    def accuracy(acceptance):
        by_label = joint.sum(axis=1)
        return by_label[:, 1] @ acceptance + by_label[:, 0] @ (1 - acceptance)

    assert accuracy(after) == pytest.approx(accuracy(before) - flips @ flip_losses(joint), abs=SUMMED)
    group, label = joint.sum(axis=(0, 2)), joint.sum(axis=0)
    accepted = [sum(joint[x, a].sum() * after[x] for x in range(len(joint))) / group[a] for a in (0, 1)]
    assert parity_gap(joint, after) == pytest.approx(accepted[0] - accepted[1], abs=SUMMED)
    for y in (0, 1):
        accepted = [sum(joint[x, a, y] * after[x] for x in range(len(joint))) / label[a, y] for a in (0, 1)]
        assert odds_gaps(joint, after)[y] == pytest.approx(accepted[0] - accepted[1], abs=SUMMED)


@general
@given(worlds(), st.sampled_from([0, 0.01, 0.1, 1]))
def test_the_threshold_of_the_bias_score_is_optimal(joint, tolerance):
    flips = optimal_parity_flips(joint, tolerance)
    losses, influences = flip_losses(joint), parity_influences(joint)
    gap = parity_gap(joint, accurate_rule(joint).astype(float))
    assert abs(parity_gap(joint, flipped_acceptance(joint, flips))) <= tolerance + SUMMED
    # The dual at the score of the last flipped atom: nothing loses less.
    scores = np.abs(bias_scores(joint))[flips > 0]
    price = 1 / scores.min() if scores.size and np.isfinite(scores.min()) else 0.0
    paid = np.maximum(price * np.sign(gap) * influences - losses, 0).sum()
    assert flips @ losses == pytest.approx(price * max(abs(gap) - tolerance, 0) - paid, abs=SUMMED * (1 + price))
    assert np.sum((flips > 0) & (flips < 1)) <= 1


@settings(general, max_examples=15)
@given(worlds(), st.sampled_from([0, 0.01, 0.1, 1]))
def test_the_linear_rule_is_optimal_for_odds(joint, tolerance):
    rule = optimal_odds_flips(joint, tolerance)
    losses, influences = flip_losses(joint), odds_influences(joint)
    gaps = odds_gaps(joint, accurate_rule(joint).astype(float))
    assert np.all(np.abs(odds_gaps(joint, flipped_acceptance(joint, rule.flips))) <= tolerance + SOLVER)
    solved = linprog(
        losses,
        A_ub=np.vstack([influences, -influences]),
        b_ub=tolerance + np.append(gaps, -gaps),
        bounds=(0, 1),
        method="highs",
    )
    assert rule.flips @ losses == pytest.approx(solved.fun, abs=1e-7)  # the tolerance of the peer
    assert rule.flips @ losses == pytest.approx(odds_dual_value(joint, tolerance, rule.multipliers), abs=SOLVER)
    net = rule.multipliers @ influences - losses
    assert np.all(rule.flips[net > SOLVER] == 1)
    assert np.all(rule.flips[net < -SOLVER] == 0)
    assert np.sum((rule.flips > 0) & (rule.flips < 1)) <= 2
    for other in np.random.default_rng(0).normal(size=(20, 2)):
        assert odds_dual_value(joint, tolerance, other) <= rule.flips @ losses + SOLVER


def test_a_world_by_hand():
    joint = hand_world()
    assert accurate_rule(joint).tolist() == [True, False, True]
    assert flip_losses(joint) == pytest.approx([0.25, 0.1, 0.05], abs=8 * ROUNDING)
    assert parity_influences(joint) == pytest.approx([0.25, 0.25, 0.0], abs=8 * ROUNDING)
    assert bias_scores(joint) == pytest.approx([1.0, 2.5, 0.0], abs=64 * ROUNDING)
    assert parity_gap(joint, np.array([1.0, 0.0, 1.0])) == pytest.approx(0.25, abs=8 * ROUNDING)
    negatives = [-0.05 / 0.35, -(1 - 0.2 / 0.35), -0.1 / 0.35]
    positives = [0.2 / 0.35 - 0.1 / 0.25, -(0.05 / 0.35 - 0.1 / 0.25), 0.1 / 0.35 - 0.05 / 0.25]
    assert odds_influences(joint) == pytest.approx(np.array([negatives, positives]), abs=16 * ROUNDING)


@pytest.mark.parametrize(("tolerance", "second"), [(0.3, 0), (0.25, 0), (0.125, 0.5), (0.05, 0.8), (0, 1)])
def test_the_best_score_is_flipped_first(tolerance, second):
    # The second atom has the best score; flipping all of it closes the gap.
    assert optimal_parity_flips(hand_world(), tolerance) == pytest.approx([0, second, 0], abs=64 * ROUNDING)


def test_free_flips_come_first_and_useless_ones_never():
    joint = np.array([[[0.0, 0.0], [0.1, 0.1]], [[0.05, 0.2], [0.05, 0.1]], [[0.15, 0.15], [0.05, 0.05]]])
    assert flip_losses(joint)[[0, 2]].tolist() == [0, 0]
    assert bias_scores(joint)[[0, 2]].tolist() == [np.inf, -np.inf]
    # The gap is 25/55 - 15/45 = 4/33, of which the first atom can take off 20/45.
    assert optimal_parity_flips(joint, 0) == pytest.approx([3 / 11, 0, 0], abs=64 * ROUNDING)
    symmetric = np.full((1, 2, 2), 0.25)
    assert bias_scores(symmetric).tolist() == [0]
    assert optimal_parity_flips(symmetric, 0).tolist() == [0]
    assert optimal_odds_flips(symmetric, 0).flips @ flip_losses(symmetric) == 0


def test_a_deterministic_rule_can_lose_more_than_an_atom_where_both_sides_are_bounded():
    joint = np.array([[0, 1, 0, 3], [4, 0, 5, 5], [3, 1, 3, 1], [0, 4, 1, 1]]).reshape(4, 2, 2) / 32
    losses, influences = flip_losses(joint), parity_influences(joint)
    assert losses.tolist() == [4 / 32] * 4
    every = np.array(list(itertools.product((0, 1), repeat=4)))
    gap = parity_gap(joint, accurate_rule(joint).astype(float))
    left = np.sign(gap) * (gap - every @ influences)
    randomised = losses @ optimal_parity_flips(joint, 1 / 16)
    one_sided = (every @ losses)[left <= 1 / 16].min()
    two_sided = (every @ losses)[np.abs(left) <= 1 / 16].min()
    assert randomised < one_sided <= randomised + losses.max() < two_sided
    assert (one_sided, two_sided) == (4 / 32, 8 / 32)


@pytest.mark.parametrize(("excess", "fine"), [(0.95e-9, True), (1.05e-9, False), (-0.95e-9, True), (-1.05e-9, False)])
def test_the_law_sums_to_one(excess, fine):
    joint = np.full((2, 2, 2), 0.125)
    joint[0, 0, 0] += excess
    if fine:
        assert accurate_rule(joint).shape == (2,)
    else:
        with pytest.raises(ValueError, match="joint must be non-negative and sum to one, got"):
            accurate_rule(joint)


@pytest.mark.parametrize(
    ("function", "joint", "sentence"),
    [
        (accurate_rule, -hand_world(), "joint must be non-negative and sum to one"),
        (bias_scores, np.array([[[0.5, 0.5], [0.0, 0.0]]]), "joint must give both groups positive probability"),
        (odds_influences, np.array([[[0.5, 0.0], [0.25, 0.25]]]), "joint must give every group of either label"),
    ],
)
def test_other_laws_are_refused(function, joint, sentence):
    with pytest.raises(ValueError, match=sentence):
        function(joint)
