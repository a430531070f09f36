"""The optimum of linear attention: exact Gaussian moments, Taylor's theorem and the special cases of the papers."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import covariance, general, normal_nodes, rounding, seeds

from theory import in_context_learning as predicted

dimensions = st.integers(1, 4)
lengths = st.integers(1, 40)
noises = st.floats(0, 4)


def law(seed, d, definite_prior=True):
    rng = np.random.default_rng(seed)
    prior = covariance(rng, d) if definite_prior else np.outer(*[rng.standard_normal(d)] * 2)
    return covariance(rng, d), prior, rng.standard_normal((d, d))


def magnitude(A, inputs, prior, noise):
    """Size of the terms that cancel in a loss: all norms, no signs; E b b^T is at most 3 tr(Lambda) label variances."""
    label = np.trace(inputs @ prior) + noise
    return np.trace(inputs) * (1 + np.linalg.norm(A)) ** 2 * (1 + np.trace(inputs)) * 3 * label


def moments_by_quadrature(inputs, prior, noise):
    """E w b^T and E b b^T for two examples of dimension two: degree four in every one of eight normals."""
    nodes, weights = normal_nodes(8, 3)
    x = nodes[:, :4].reshape(-1, 2, 2) @ np.linalg.cholesky(inputs).T
    w = nodes[:, 4:6] @ np.linalg.cholesky(prior).T
    y = np.einsum("nij,nj->ni", x, w) + np.sqrt(noise) * nodes[:, 6:]
    b = np.einsum("ni,nij->nj", y, x) / 2
    return (w * weights[:, None]).T @ b, (b * weights[:, None]).T @ b, w, b, weights


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_optimum_and_loss_by_quadrature(seed):
    inputs, prior, A = law(seed, 2)
    noise = 0.3
    cross, second, w, b, weights = moments_by_quadrature(inputs, prior, noise)
    size = rounding(64, np.linalg.cond(second))
    best = predicted.optimal_map(inputs, prior, noise, 2)
    assert best == pytest.approx(cross @ np.linalg.inv(second), abs=size * np.abs(best).max())
    for tried in (A, best):  # the best one last
        gap = b @ tried.T - w
        direct = weights @ np.einsum("ni,ij,nj->n", gap, inputs, gap)
        found = predicted.linear_attention_loss(tried, inputs, prior, noise, 2)
        assert found == pytest.approx(direct, abs=rounding(64, magnitude(tried, inputs, prior, noise)))
    assert predicted.optimal_loss(inputs, prior, noise, 2) == pytest.approx(direct, abs=rounding(64, direct * 30))


@pytest.mark.parametrize("length", [1, 5, 10**6, 2**40])
@pytest.mark.parametrize("d", [1, 3])
def test_losses_to_fifteen_digits_however_long_the_context(d, length):
    inputs, prior, other = law(5, d)
    noise = 0.25
    with mpmath.workdps(60):
        trace = lambda matrix: mpmath.fsum(matrix[i, i] for i in range(d))  # noqa: E731
        exact_inputs, exact_prior = mpmath.matrix(inputs.tolist()), mpmath.matrix(prior.tolist())
        signal = exact_inputs * exact_prior
        label = (trace(signal) + mpmath.mpf(noise)) / length
        second = (1 + mpmath.mpf(1) / length) * signal * exact_inputs + label * exact_inputs
        for A in (other, predicted.optimal_map(inputs, prior, noise, length)):
            tried = mpmath.matrix(A.tolist())
            loss = trace(exact_inputs * tried * second * tried.T - 2 * exact_inputs * tried * signal + signal)
            found = predicted.linear_attention_loss(A, inputs, prior, noise, length)
            # The loss of a best map that is rounded is dominated by that map's own rounding, magnified here.
            assert float(abs(found - loss) / loss) < 1e-12
        best = exact_prior * mpmath.inverse((1 + mpmath.mpf(1) / length) * signal + label * mpmath.eye(d))
        least = trace(signal - exact_inputs * best * signal)
        assert float(abs(predicted.optimal_loss(inputs, prior, noise, length) - least) / least) < 2e-14


def test_singular_covariances_leave_no_negative_loss():
    inputs, identity, length = np.full((2, 2), 1e155), np.eye(2), 2**40
    # One direction is seen, with s = v = 2e155: s (s + v) / ((N + 1) s + v) = 2 s / (N + 2).
    least = predicted.optimal_loss(inputs, identity, 0.0, length)
    assert least == pytest.approx(4e155 / (length + 2), rel=1e-14)
    perfect = np.full((2, 2), 0.25e-155)
    assert 0 <= predicted.linear_attention_loss(perfect, inputs, identity, 0.0, length) < 1e150


@general
@given(seeds, dimensions, lengths, noises)
def test_the_loss_is_its_own_taylor_series(seed, d, length, noise):
    inputs, prior, A = law(seed, d)
    step = np.random.default_rng(seed + 1).standard_normal((d, d))
    setting = (inputs, prior, noise, length)
    gradient, hessian = predicted.loss_gradient(A, *setting), predicted.loss_hessian(*setting)
    series = predicted.linear_attention_loss(A, *setting) + np.sum(gradient * step)
    series += step.ravel() @ hessian @ step.ravel() / 2
    size = magnitude(np.abs(A) + np.abs(step), inputs, prior, noise)
    assert predicted.linear_attention_loss(A + step, *setting) == pytest.approx(series, abs=rounding(16 * d, size))
    assert np.linalg.eigvalsh(hessian)[0] > 0


@general
@given(seeds, dimensions, lengths, noises)
def test_the_optimum_is_stationary_and_best(seed, d, length, noise):
    inputs, prior, other = law(seed, d)
    setting = (inputs, prior, noise, length)
    best = predicted.optimal_map(*setting)
    size = rounding(16 * d, magnitude(best, inputs, prior, noise))
    condition = 30 * (1 + length)  # of the bracket that is inverted
    assert predicted.loss_gradient(best, *setting) == pytest.approx(np.zeros((d, d)), abs=condition * size)
    least = predicted.optimal_loss(*setting)
    assert predicted.linear_attention_loss(best, *setting) == pytest.approx(least, abs=condition * size)
    assert least < predicted.linear_attention_loss(best + 0.1 * other, *setting)
    assert 0 < least < np.trace(inputs @ prior)


@general
@given(seeds, dimensions, lengths, noises)
def test_special_cases(seed, d, length, noise):
    inputs, _, _ = law(seed, d)
    identity = np.eye(d)
    scalar = length / (length + 1 + d + noise)
    tolerance = rounding(16 * d, 30 * 30)  # condition of the covariances
    isotropic = predicted.optimal_map(identity, identity, noise, length)
    assert isotropic == pytest.approx(scalar * identity, abs=tolerance)
    assert predicted.optimal_loss(identity, identity, noise, length) == pytest.approx(d * (1 - scalar), abs=tolerance)
    inverse = np.linalg.inv(inputs)
    inverse = (inverse + inverse.T) / 2
    whitened = predicted.optimal_map(inputs, inverse, noise, length)
    assert whitened == pytest.approx(scalar * inverse, abs=tolerance * np.abs(inverse).max())
    unit_prior = predicted.optimal_map(inputs, identity, 0.0, length)
    gamma = predicted.zhang_gamma(inputs, length)
    assert unit_prior @ gamma == pytest.approx(identity, abs=tolerance)
    # Ahn et al. 2023, Theorem 1: in the eigenbasis of Lambda, 1 / ((N + 1) / N lambda_i + sum lambda / N).
    values, basis = np.linalg.eigh(inputs)
    ahn = basis / ((length + 1) / length * values + values.sum() / length) @ basis.T
    assert unit_prior == pytest.approx(ahn, abs=tolerance * np.abs(ahn).max())


@general
@given(seeds, dimensions, noises)
def test_long_contexts_whiten(seed, d, noise):
    inputs, prior, _ = law(seed, d)
    distances = [
        np.linalg.norm(predicted.optimal_map(inputs, prior, noise, n) @ inputs - np.eye(d)) for n in (10**6, 10**7)
    ]
    # The first correction is of order 1 / N.
    assert distances[1] == pytest.approx(distances[0] / 10, rel=1e-2)
    assert predicted.optimal_loss(inputs, prior, noise, 10**7) < predicted.optimal_loss(inputs, prior, noise, 100)


@general
@given(seeds, dimensions, lengths)
def test_rotations_and_units(seed, d, length):
    inputs, prior, other = law(seed, d)
    rotation, _ = np.linalg.qr(other)

    def turned(matrix):
        image = rotation @ matrix @ rotation.T
        return (image + image.T) / 2

    best = predicted.optimal_map(inputs, prior, 0.5, length)
    rotated = predicted.optimal_map(turned(inputs), turned(prior), 0.5, length)
    tolerance = rounding(32 * d, 30 * (1 + length) * np.abs(best).max())
    assert rotated == pytest.approx(rotation @ best @ rotation.T, abs=tolerance)
    # Labels in other units leave A alone, inputs in other units divide it by the square.
    assert predicted.optimal_map(inputs, 4 * prior, 2.0, length) == pytest.approx(best, abs=tolerance)
    assert predicted.optimal_map(4 * inputs, prior / 4, 0.5, length) == pytest.approx(best / 4, abs=tolerance)


@general
@given(seeds, st.integers(2, 4), lengths)
def test_a_prior_that_knows_the_direction(seed, d, length):
    inputs, prior, _ = law(seed, d, definite_prior=False)
    best = predicted.optimal_map(inputs, prior, 0.2, length)
    scale = rounding(32 * d, 1e3 * np.abs(best).max() * (1 + length))
    assert np.linalg.matrix_rank(best, tol=scale) == 1
    assert predicted.loss_gradient(best, inputs, prior, 0.2, length) == pytest.approx(
        np.zeros((d, d)), abs=scale * magnitude(best, inputs, prior, 0.2)
    )


IDENTITY = np.eye(2)


def test_labels_have_some_variance_and_maps_the_size_of_the_inputs():
    for function in (predicted.optimal_map, predicted.optimal_loss):
        with pytest.raises(ValueError, match="the variance of the labels, must be positive, got 0"):
            function(IDENTITY, 0 * IDENTITY, 0.0, 3)
    for function in (predicted.linear_attention_loss, predicted.loss_gradient):
        with pytest.raises(ValueError, match="input_covariance must have one entry for each of the 3 dimension, got 2"):
            function(np.eye(3), IDENTITY, IDENTITY, 0.0, 3)
