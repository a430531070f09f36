"""Weight decay as a Schatten quasi-norm: attained by the balanced factors, never beaten by others."""

import numpy as np
import pytest
from heads_by_hand import UNIT_ROUNDOFF, decay, general, layers
from hypothesis import given
from hypothesis import strategies as st

from theory import neural_collapse as predicted

shapes = st.tuples(st.integers(1, 6), st.integers(1, 6))
seeds = st.integers(0, 2**32 - 1)


def decay_of(weights, features, decays, feature_decay):
    norms = [np.sum(factor**2) for factor in (*weights, features)]
    return np.dot([*decays, feature_decay], norms) / 2


def product_of(weights, features):
    for weight in weights:
        features = weight @ features
    return features


def rounding(decays):
    """Relative error of sums and products over some ten factors of shape 8 at most, and of the decays' logarithms."""
    return 64 * (len(decays) + 1) * 8 * UNIT_ROUNDOFF


@general
@given(shapes, layers, decay, st.integers(0, 2), seeds)
def test_balanced_factors_attain_the_penalty(shape, decays, feature_decay, spare, seed):
    rng = np.random.default_rng(seed)
    product = rng.standard_normal(shape)
    widths = min(shape) + rng.integers(0, spare + 1, len(decays))
    weights, features = predicted.balanced_factorisation(product, decays, feature_decay, widths)
    assert [w.shape for w in weights] == [*zip([*widths[1:], shape[0]], widths, strict=True)]
    assert features.shape == (widths[0], shape[1])
    # Small singular values of a random product are known to rounding of the largest: 2/L powers of s +- 16 u s_max.
    singular = np.linalg.svd(product, compute_uv=False)
    relative = rounding(decays) * singular[0] / singular[-1]
    np.testing.assert_allclose(product_of(weights, features), product, atol=rounding(decays) * singular[0], rtol=0)
    penalty = predicted.schatten_penalty(product, decays, feature_decay)
    assert decay_of(weights, features, decays, feature_decay) == pytest.approx(penalty, rel=relative)
    n_factors = len(decays) + 1
    scale = (np.prod(decays) * feature_decay) ** (1 / n_factors)
    assert penalty == pytest.approx(n_factors / 2 * scale * np.sum(singular ** (2 / n_factors)), rel=relative)
    # Balance: lambda_(m+1) W_(m+1)^T W_(m+1) = lambda_m W_m W_m^T, and the same with the features.
    chain, chain_decays = [features, *weights], [feature_decay, *decays]
    for m in range(len(decays)):
        above = chain_decays[m + 1] * chain[m + 1].T @ chain[m + 1]
        below = chain_decays[m] * chain[m] @ chain[m].T
        np.testing.assert_allclose(above, below, atol=rounding(decays) * np.linalg.norm(below), rtol=0)


@general
@given(shapes, layers, decay, seeds)
def test_no_other_factors_are_cheaper(shape, decays, feature_decay, seed):
    rng = np.random.default_rng(seed)
    product = rng.standard_normal(shape)
    penalty = predicted.schatten_penalty(product, decays, feature_decay)
    weights, features = predicted.balanced_factorisation(product, decays, feature_decay)
    size = min(shape)
    for spread in (1e-3, 0.1, 1.0):
        chain = [features, *weights]
        for m in range(len(decays)):
            mixing = np.eye(size) + spread * rng.standard_normal((size, size))
            chain[m], chain[m + 1] = mixing @ chain[m], chain[m + 1] @ np.linalg.inv(mixing)
        cost = decay_of(chain[1:], chain[0], decays, feature_decay)
        assert cost >= penalty * (1 - rounding(decays))


@general
@given(shapes, decay, decay, seeds)
def test_depth_one_is_the_nuclear_norm(shape, weight_decay, feature_decay, seed):
    product = np.random.default_rng(seed).standard_normal(shape)
    nuclear = np.linalg.norm(product, "nuc") * np.sqrt(weight_decay * feature_decay)
    assert predicted.schatten_penalty(product, [weight_decay], feature_decay) == pytest.approx(
        nuclear, rel=1e3 * UNIT_ROUNDOFF
    )


@general
@given(st.integers(2, 6), st.integers(2, 6), st.integers(1, 4), seeds)
def test_rounding_is_no_direction(rows, columns, depth, seed):
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal(rows), rng.standard_normal(columns)
    product = np.outer(left, right) * 3
    size = 3 * np.linalg.norm(left) * np.linalg.norm(right)
    expected = (depth + 1) / 2 * 0.1 * size ** (2 / (depth + 1))
    assert predicted.schatten_penalty(product, [0.1] * depth, 0.1) == pytest.approx(
        expected, rel=rounding([0.1] * depth)
    )
    weights, features = predicted.balanced_factorisation(product, [0.1] * depth, 0.1, widths=[1] * depth)
    np.testing.assert_allclose(product_of(weights, features), product, atol=rounding([0.1] * depth) * size, rtol=0)


@pytest.mark.parametrize(("ratio", "n_directions"), [(0.9, 1), (1.1, 2)])
def test_null_singular_values_are_those_of_matrix_rank(ratio, n_directions):
    product = np.diag([1.0, ratio * 3 * 2.0**-52, 0.0])
    assert np.linalg.matrix_rank(product) == n_directions
    assert (predicted.schatten_penalty(product, [1.0] * 9, 1.0) > 5.001) == (n_directions == 2)


def test_a_zero_product_costs_nothing():
    assert predicted.schatten_penalty(np.zeros((2, 3)), [0.1, 0.2], 0.3) == 0
    weights, features = predicted.balanced_factorisation(np.zeros((2, 3)), [0.1, 0.2], 0.3)
    assert not any(np.any(factor) for factor in (*weights, features))


def test_a_hundred_thousand_layers_do_not_overflow():
    decays = np.full(100_000, 1e-3)
    expected = 100_001 / 2 * 1e-3 * 2 * 4.0 ** (2 / 100_001)
    # The sum of the logarithms rounds to some 1e5 u relative to itself, and is divided by their number.
    computed = predicted.schatten_penalty(4 * np.eye(2), decays, 1e-3)
    assert computed == pytest.approx(expected, rel=1e6 * UNIT_ROUNDOFF)
