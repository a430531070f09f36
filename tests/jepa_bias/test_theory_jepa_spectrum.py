"""Covariances as features, commuting or not, and the data models that produce them."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jepa_flow_by_hand import UNIT_ROUNDOFF, general, gradients

from theory import jepa_bias as predicted

seeds = st.integers(0, 2**32 - 1)


def random_basis(rng, dim):
    return np.linalg.qr(rng.normal(size=(dim, dim)))[0]


@general
@given(seeds, st.integers(1, 6), st.integers(1, 3))
def test_joint_spectrum_undoes_the_construction(seed, dim, copies):
    rng = np.random.default_rng(seed)
    lam = np.sort(rng.uniform(0.2, 3, dim))[::-1].copy()
    rho = rng.uniform(0.3, 2, dim)
    lam, rho = np.repeat(lam, copies)[:6], np.repeat(rho, copies)[:6]  # duplicates leave the basis free, not the values
    basis = random_basis(rng, lam.size)
    Sigma_xx, Sigma_yx = predicted.covariances_of_features(lam, rho, basis)
    spectrum = predicted.joint_spectrum(Sigma_xx, Sigma_yx)
    # Eigenvalues are good to dim * norm roundings; variances lie above 0.2 / 2, so their quotients lose less than 100.
    np.testing.assert_allclose(spectrum.covariance, lam, atol=200 * UNIT_ROUNDOFF * 3)
    gaps = -np.diff(lam)
    if np.all((gaps > 1e-6) | (gaps == 0)):
        np.testing.assert_allclose(spectrum.regression, rho, rtol=1e-8)
    Q = spectrum.basis
    assert np.abs(Q.T @ Q - np.eye(lam.size)).max() <= 50 * UNIT_ROUNDOFF * lam.size
    for matrix, values in ((Sigma_yx, spectrum.covariance), (Sigma_xx, spectrum.covariance / spectrum.regression)):
        assert np.abs(Q.T @ matrix @ Q - np.diag(values)).max() <= 1e-9
    assert predicted.commutator_norm(Sigma_xx, Sigma_yx) <= 100 * lam.size * UNIT_ROUNDOFF * 30
    np.testing.assert_allclose(
        predicted.predictor_eigenvalues(Sigma_xx, Sigma_yx).real, np.sort(rho)[::-1], atol=1e-12 * 100
    )
    np.testing.assert_allclose(
        predicted.mae_singular_values(Sigma_xx, Sigma_yx, 2), np.sort(rho)[::-1] ** (2 / 3), rtol=1e-10
    )


def test_covariances_of_one_feature_and_of_equal_variances():
    one = predicted.joint_spectrum(np.array([[2.0]]), np.array([[-1.0]]))
    assert (one.covariance[0], one.regression[0], abs(one.basis[0, 0])) == (-1.0, -0.5, 1.0)
    # White input: only Sigma_yx knows the features.
    rng = np.random.default_rng(0)
    basis, lam = random_basis(rng, 4), np.array([2.0, 1.5, 1.0, 0.5])
    white = predicted.joint_spectrum(np.eye(4), (basis * lam) @ basis.T)
    np.testing.assert_allclose(white.covariance, lam, rtol=1e-13)
    np.testing.assert_allclose(np.abs(np.sum(white.basis * basis, axis=0)), 1, rtol=1e-13)


@general
@given(seeds, st.integers(2, 5), st.integers(1, 4))
def test_stationary_points_of_both_objectives_without_commuting(seed, dim, depth):
    rng = np.random.default_rng(seed)
    Q = random_basis(rng, dim)
    Sigma_xx = (Q * rng.uniform(0.5, 2, dim)) @ Q.T
    Sigma_xx = (Sigma_xx + Sigma_xx.T) / 2
    Sigma_yx = rng.normal(size=(dim, dim)) + 2 * np.eye(dim)
    regression = Sigma_yx @ np.linalg.inv(Sigma_xx)
    layers = [(random_basis(rng, dim) * rng.uniform(0.7, 1.4, dim)) @ random_basis(rng, dim) for _ in range(depth)]
    encoder = np.linalg.multi_dot([*layers[::-1], np.eye(dim)])
    predictor = encoder @ regression @ np.linalg.inv(encoder)
    # Layers of condition two at most, their product of 2^L; norms of 1.4 sqrt(dim) at most.
    condition = 2**depth * np.linalg.cond(Sigma_xx)
    size = (1 + np.linalg.norm(predictor)) * (1 + np.linalg.norm(Sigma_yx))
    blur = 100 * dim * UNIT_ROUNDOFF * condition * size * (1.4 * np.sqrt(dim)) ** (2 * depth)
    for gradient in gradients(layers, predictor, Sigma_xx, Sigma_yx, "jepa"):
        assert np.abs(gradient).max() <= blur
    expected = predicted.predictor_eigenvalues(Sigma_xx, Sigma_yx)
    # Coefficients of the characteristic polynomial are at most dim-fold products of entries of V.
    power_sums = 2**dim * dim * (1 + np.linalg.norm(predictor)) ** dim
    assert np.abs(np.poly(expected) - np.poly(predictor)).max() <= 100 * UNIT_ROUNDOFF * condition * power_sums
    assert np.all(np.diff(expected.real) <= 1e-9)
    # MAE, balanced: factors R^(1/(L+1)) in the singular basis of R.
    left, values, right = np.linalg.svd(regression)
    root = np.diag(values ** (1 / (depth + 1)))
    balanced = [root @ right, *[root] * (depth - 1)]
    for gradient in gradients(balanced, left @ root, Sigma_xx, Sigma_yx, "mae"):
        assert np.abs(gradient).max() <= 1000 * dim * UNIT_ROUNDOFF * (1 + values[0]) ** 2 * np.linalg.norm(
            Sigma_yx
        ) * np.linalg.cond(Sigma_xx)
    assert all(
        np.abs(residual).max() <= 1e-13 * (1 + values[0])
        for residual in predicted.balance_residuals(balanced, left @ root)
    )
    encoder_values = np.linalg.svd(np.linalg.multi_dot([*balanced[::-1], np.eye(dim)]), compute_uv=False)
    np.testing.assert_allclose(
        predicted.mae_singular_values(Sigma_xx, Sigma_yx, depth), encoder_values, rtol=1e-9, atol=1e-12
    )


def test_what_does_not_commute_is_reported():
    angle = 0.4
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    Sigma_xx = np.diag([1 / 0.6, 0.8])
    Sigma_yx = rotation @ np.diag([1.0, 0.8]) @ rotation.T
    norm = predicted.commutator_norm(Sigma_xx, Sigma_yx)
    assert norm == pytest.approx(np.sqrt(2) * abs(Sigma_yx[0, 1]) * (1 / 0.6 - 0.8), rel=1e-14)
    with pytest.raises(
        ValueError, match=r"must commute .* a commutator of norm 0\.0879.* eigenvalues of R are 1\.046, 0\.5735"
    ):
        predicted.joint_spectrum(Sigma_xx, Sigma_yx)
    turning = np.array([[1.0, -0.5], [0.5, 1.0]])
    with pytest.raises(ValueError, match=r"must be symmetric .* = 1\.41; the eigenvalues of R are 1\+0\.5j, 1-0\.5j"):
        predicted.joint_spectrum(np.eye(2), turning)
    np.testing.assert_allclose(predicted.predictor_eigenvalues(np.eye(2), turning), [1 + 0.5j, 1 - 0.5j], rtol=1e-15)


def test_fewer_samples_than_dimensions():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 3, 5))
    Sigma_xx, Sigma_yx = x.T @ x / 3, y.T @ x / 3
    with pytest.raises(ValueError, match=r"no rho, see restrict_to_range.*rank 3 of 5"):
        predicted.joint_spectrum(Sigma_xx, Sigma_yx)
    with pytest.raises(ValueError, match="Sigma_xx must be symmetric and positive definite"):
        predicted.predictor_eigenvalues(Sigma_xx, Sigma_yx)
    restricted = predicted.restrict_to_range(Sigma_xx, Sigma_yx)
    assert restricted.basis.shape == (5, 3)
    np.testing.assert_allclose(restricted.basis @ restricted.Sigma_xx @ restricted.basis.T, Sigma_xx, atol=1e-14)
    np.testing.assert_allclose(restricted.Sigma_yx, restricted.basis.T @ Sigma_yx @ restricted.basis, atol=1e-14)
    assert predicted.predictor_eigenvalues(restricted.Sigma_xx, restricted.Sigma_yx).shape == (3,)
    # Directions at the tolerance are without variance, directions above it are not.
    thin = np.diag([1.0, 2e-3, 0.9e-3])
    assert predicted.restrict_to_range(thin, np.eye(3), 1e-3).basis.shape == (3, 2)


# ---- data models


def moments_of(joint):
    """(E x x^T, E y x^T) of a list of (probability, x, y)."""
    return sum(p * np.outer(x, x) for p, x, _ in joint), sum(p * np.outer(y, x) for p, x, y in joint)


@general
@given(seeds, st.sampled_from([0.25, 0.5, 0.625]), st.sampled_from([0.375, 0.75]))
def test_mask_covariances_by_enumeration(seed, rate, target_rate):
    rng = np.random.default_rng(seed)
    dim = 3
    factor = rng.normal(size=(dim, dim))
    data = factor @ factor.T
    # Every mask times every column of the factor is a joint law with covariance data.
    masks = [np.array(bits, dtype=float) for bits in product([0, 1], repeat=dim)]

    def chance(mask, share):
        return np.prod(np.where(mask == 1, share, 1 - share))

    columns = list(factor.T)
    complementary = [(chance(m, rate), m * z, (1 - m) * z) for m in masks for z in columns]
    independent = [
        (chance(m, rate) * chance(k, target_rate), m * z, k * z) for m in masks for k in masks for z in columns
    ]
    tolerance = 500 * UNIT_ROUNDOFF * np.abs(data).max()
    for joint, computed in (
        (complementary, predicted.complementary_mask_covariances(data, rate)),
        (independent, predicted.independent_mask_covariances(data, rate, target_rate)),
    ):
        for matrix, expected in zip(computed, moments_of(joint), strict=True):
            assert np.abs(matrix - expected).max() <= tolerance
    assert np.all(np.diag(predicted.complementary_mask_covariances(data, rate).Sigma_yx) == 0)


@general
@given(seeds, st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_mask_features_are_the_joint_spectrum_of_a_circulant(seed, rate, target_rate):
    rng = np.random.default_rng(seed)
    variance = rng.uniform(0.5, 2)
    row = variance * np.array([1.0, *rng.uniform(-0.2, 0.2, 2)])
    circulant = row[np.array([[0, 1, 2, 2, 1], [1, 0, 1, 2, 2], [2, 1, 0, 1, 2], [2, 2, 1, 0, 1], [1, 2, 2, 1, 0]])]
    eigenvalues = np.linalg.eigvalsh(circulant)
    for features, covariances in (
        (
            predicted.complementary_mask_features(eigenvalues, variance, rate),
            predicted.complementary_mask_covariances(circulant, rate),
        ),
        (
            predicted.independent_mask_features(eigenvalues, variance, rate, target_rate),
            predicted.independent_mask_covariances(circulant, rate, target_rate),
        ),
    ):
        spectrum = predicted.joint_spectrum(*covariances)
        np.testing.assert_allclose(spectrum.covariance, np.sort(features.covariance)[::-1], atol=1e-13)
        np.testing.assert_allclose(spectrum.regression, np.sort(features.regression)[::-1], atol=1e-12)
        # Both orders are that of the eigenvalues.
        assert np.all(np.diff(features.covariance) >= -1e-14)
        assert np.all(np.diff(features.regression) >= -1e-14)


def test_static_and_temporal_features_by_hand():
    signal, noise = np.array([4.0, 1.0]), np.array([12.0, 0.25])
    static = predicted.static_features(signal, noise)
    np.testing.assert_array_equal(static.covariance, [4.0, 1.0])
    np.testing.assert_array_equal(static.regression, [0.25, 0.8])
    assert predicted.static_features(1.0, 0.0).regression == 1
    # Exact moments of a stationary autoregression: v = gamma^2 v + innovations.
    gamma, innovation, noise_variance = Fraction(3, 4), Fraction(7, 16), Fraction(1, 2)
    variance = innovation / (1 - gamma**2)
    temporal = predicted.temporal_features(float(gamma), float(innovation), float(noise_variance))
    assert temporal.covariance == float(gamma * variance)
    assert temporal.regression == float(gamma * variance / (variance + noise_variance))
    # Slow and weak against fast and strong: the orders of lambda and rho separate.
    pair = predicted.temporal_features(np.array([0.9, 0.5]), np.array([0.19, 3.0]), 0.1)
    assert pair.covariance[0] < pair.covariance[1]
    assert pair.regression[0] > pair.regression[1]
    assert predicted.temporal_features(-0.5, 1.0, 0.0).covariance < 0


@pytest.mark.parametrize("unit", [1e-20, 1e20])
def test_features_have_no_unit(unit):
    spectrum = predicted.joint_spectrum(unit * np.diag([1.0, 1e-3]), unit * np.diag([0.5, 2e-3]))
    np.testing.assert_allclose(spectrum.regression, [0.5, 2.0], rtol=1e-12)
    with pytest.raises(ValueError, match="got rank 1 of 2"):
        predicted.joint_spectrum(unit * np.diag([1.0, 1e-12]), unit * np.diag([0.5, 2e-12]))
