"""Ad-hoc pools: every fit a minimum, weights that mean what they say, and measures over a finite pool."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.predictive_multiplicity import pools

seeds = st.integers(0, 2**32 - 1)


def table(seed):
    """Binary rows with dependent columns (one is the complement of another), and counts of which some are zero."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 2, (12, 4)).astype(float)
    rows[:, 3] = 1 - rows[:, 0]
    rows[0], rows[1] = [0, 0, 0, 1], [1, 1, 1, 0]
    positives, negatives = rng.integers(0, 6, 12), rng.integers(0, 6, 12)
    positives[0], negatives[1] = positives[0] + 1, negatives[1] + 5
    return rows, positives, negatives


def penalty(coefficients, mixing, strength):
    squares = 0.5 * np.sum(coefficients**2, axis=-1)
    return strength * (mixing * np.abs(coefficients).sum(axis=-1) + (1 - mixing) * squares)


def losses(coefficients, rows, positives, negatives):
    scores = coefficients[..., :1] + coefficients[..., 1:] @ rows.T
    squares = 0.5 * (1 - scores) ** 2 @ positives + 0.5 * (1 + scores) ** 2 @ negatives
    return squares / (positives.sum() + negatives.sum())


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_no_coefficients_near_or_far_do_better(seed):
    rows, positives, negatives = table(seed)
    means = (positives.sum() - negatives.sum(), *(rows.T @ (positives - negatives)))
    steepest = np.abs(means).max() / (positives + negatives).sum()
    others = np.random.default_rng(seed).standard_normal((200, 5))
    strengths = 2 * steepest * np.geomspace(1, 1e-4, 6)
    for mixing in (0.0, 0.3, 1.0):
        pool = pools.elastic_net_pool(rows, positives, negatives, mixings=[mixing], n_penalties=6)
        for fit, strength in zip(pool, strengths, strict=True):
            trials = np.concatenate([fit + 10.0 ** -np.arange(200)[:, None].clip(0, 5) * others, 3 * others])
            value = losses(fit, rows, positives, negatives) + penalty(fit, mixing, strength)
            values = losses(trials, rows, positives, negatives) + penalty(trials, mixing, strength)
            # Convex, with a subgradient of at most the tolerance at the fit: nothing within a distance is much better.
            distance = np.abs(trials - fit).sum(axis=1)
            assert (value - values <= pools.GRADIENT_TOLERANCE * steepest * distance + 1e-15).all()


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_weights_are_shares(seed):
    """Counting everybody seven times, or each row in two parts, changes nothing but rounding and where solvers stop."""
    rows, positives, negatives = table(seed)
    both = np.concatenate([rows, rows])
    half = np.concatenate([positives, np.zeros(12, int)]), np.concatenate([np.zeros(12, int), negatives])
    design = np.column_stack([np.ones(12), rows])
    falling = np.geomspace(1, 1e-4, 4)

    def scores(*data):
        return pools.elastic_net_pool(*data, n_penalties=4, mixings=[0, 0.5]) @ design.T

    # The quadratic penalty's curvature, in units of the steepest gradient, over which two subgradients of at most the
    # tolerance in each of 5 entries can lie apart; then rows of length at most sqrt(5).
    distance = 2 * 5 * pools.GRADIENT_TOLERANCE / np.concatenate([2 * falling, falling])
    for data in ((rows, 7 * positives, 7 * negatives), (both, *half)):
        assert (np.abs(scores(*data) - scores(rows, positives, negatives)) <= distance[:, None] + 1e-12).all()


def test_the_order_of_models_and_the_range_of_penalties():
    rows, positives, negatives = table(3)
    pool = pools.elastic_net_pool(rows, positives, negatives)
    assert pool.shape == (1100, 5)
    at_half = pool[500:600]
    # The path starts at the least penalty whose fit at mixing 1/2 is zero.
    assert not at_half[0].any()
    assert at_half[1].any()
    least_squares = np.linalg.lstsq(
        np.sqrt(positives + negatives)[:, None] * np.column_stack([np.ones(12), rows]),
        np.sqrt(positives + negatives) * (positives - negatives) / np.maximum(positives + negatives, 1),
    )[0]
    scores = np.column_stack([np.ones(12), rows]) @ np.stack([pool[99], least_squares]).T
    assert np.abs(scores[:, 0] - scores[:, 1]).max() < 0.1 * np.abs(scores[:, 1]).max()


def test_thresholds_are_strict():
    rows, coefficients = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0, 1.0], [1.0, -1.0]])
    np.testing.assert_array_equal(pools.pool_dichotomies(rows, coefficients), [[0, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(pools.pool_dichotomies(rows, coefficients, 1), [[0, 0, 1], [0, 0, 0]])


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(0, 6))
def test_measures_are_those_of_the_definitions(seed, n_models):
    rng = np.random.default_rng(seed)
    positives, negatives = rng.integers(0, 4, (2, 5))
    dichotomies, baseline, tolerances = (
        rng.integers(0, 2, (n_models, 5)),
        rng.integers(0, 2, 5),
        np.array([-3, 0, 1, 7]),
    )
    found = pools.pool_multiplicity(dichotomies, positives, negatives, baseline, tolerances)

    def errors(model):
        return sum(negatives[u] if model[u] else positives[u] for u in range(5))

    for tolerance, discrepancy, ambiguity in zip(tolerances, *found, strict=True):
        competing = [model for model in dichotomies if errors(model) <= errors(baseline) + tolerance]
        flipped = [{u for u in range(5) if model[u] != baseline[u]} for model in competing]
        weight = [sum(positives[u] + negatives[u] for u in rows) for rows in flipped]
        assert discrepancy == max(weight, default=0)
        assert ambiguity == sum(positives[u] + negatives[u] for u in set().union(*flipped))


def test_a_fit_that_is_no_minimum_is_refused(monkeypatch):
    monkeypatch.setattr(pools, "GRADIENT_TOLERANCE", 0.0)
    with pytest.raises(RuntimeError, match="a model of the pool is not a minimum: its gradient is"):
        pools.elastic_net_pool(*table(0), n_penalties=3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x, p, n: pools.elastic_net_pool(x, 0 * p, 0 * n), "positives and negatives must not be all zero"),
        (lambda x, p, n: pools.elastic_net_pool(x, p, p), "must depend on some feature or differ in sum"),
        (lambda x, p, n: pools.pool_dichotomies(x, np.ones((3, 4))), "one more than the 4 features, got 4"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(*table(1))
