"""Views against the covariances they are drawn from, entry by entry within six standard errors, and hostile input."""

import jax
import numpy as np
import pytest

import sims.jepa_bias as observed

ULP = 2.0**-53
SAMPLES, DIM = 40_000, 3
RNG = np.random.default_rng(3)
ROOT, REGRESSION = RNG.standard_normal((2, DIM, DIM))
S = ROOT @ ROOT.T / DIM + np.eye(DIM)
KEY = jax.random.key(11)


def assert_moments(views, *expected):
    """Averages of x xᵀ, y xᵀ and y yᵀ: false alarms in 27 entries have a probability below 1e-7."""
    X, Y = np.asarray(views.X), np.asarray(views.Y)
    averages = observed.empirical_covariances(X, Y)
    for (left, right), average, value in zip(((X, X), (Y, X), (Y, Y)), averages, expected, strict=True):
        errors = (left[:, :, None] * right[:, None, :]).std(axis=0) / np.sqrt(SAMPLES)
        assert np.all(np.abs(average - value) <= 6 * errors + 64 * ULP)
        product = left.T @ right / SAMPLES
        assert np.all(np.abs(average - product) <= SAMPLES * ULP * (np.abs(left).T @ np.abs(right) / SAMPLES))


def test_gaussian_views():
    Sigma_yx = REGRESSION @ S
    for residual in (np.eye(DIM), np.zeros((DIM, DIM))):
        Sigma_yy = Sigma_yx @ REGRESSION.T + residual
        views = observed.gaussian_views(KEY, SAMPLES, S, Sigma_yx, Sigma_yy)
        assert_moments(views, S, Sigma_yx, Sigma_yy)
        misfit = np.asarray(views.Y) - np.asarray(views.X) @ REGRESSION.T
        # Without a residual variance y is a function of x, up to the square root of the rounding of that variance.
        assert (np.abs(misfit).max() < 1e-5) == (not residual.any())
    with pytest.raises(ValueError, match="Sigma_yy must be at least the part of y that x explains"):
        observed.gaussian_views(KEY, 10, S, Sigma_yx, Sigma_yy - 0.1 * np.eye(DIM))


def test_static_views():
    signal, noise = np.array([2.0, 1.0, 0.3]), np.array([0.0, 1.0, 2.0])
    views = observed.static_views(KEY, SAMPLES, signal, noise)
    assert_moments(views, np.diag(signal + noise), np.diag(signal), np.diag(signal + noise))
    assert np.all(views.X[:, 0] == views.Y[:, 0])


def test_masked_views():
    q, other, diagonal = 0.7, 0.4, np.diag(np.diag(S))
    seen = q**2 * S + q * (1 - q) * diagonal
    hidden = (1 - q) ** 2 * S + q * (1 - q) * diagonal
    views = observed.masked_views(KEY, SAMPLES, S, q)
    assert_moments(views, seen, q * (1 - q) * (S - diagonal), hidden)
    # No coordinate is ever in both: exactly, in every sample.
    assert np.all(np.asarray(views.X) * np.asarray(views.Y) == 0)
    assert np.all((np.asarray(views.X) != 0) ^ (np.asarray(views.Y) != 0))
    views = observed.masked_views(KEY, SAMPLES, S, q, target_visible=other)
    assert_moments(views, seen, q * other * S, other**2 * S + other * (1 - other) * diagonal)
    views = observed.masked_views(KEY, SAMPLES, S, 1.0, target_visible=1.0)
    assert np.all(views.X == views.Y)


def test_temporal_views():
    persistence, innovation, noise = np.array([0.9, -0.5, 0.0]), np.array([0.2, 1.0, 2.0]), np.array([1.0, 0.0, 0.5])
    variances = innovation / (1 - persistence**2)
    views = observed.temporal_views(KEY, SAMPLES, persistence, innovation, noise)
    frame = np.diag(variances + noise)
    assert_moments(views, frame, np.diag(persistence * variances), frame)


def test_rotated_covariance_keeps_its_spectrum_and_commutes_no_longer():
    values = np.array([1.0, 2.0, 4.0])
    for delta in (1e-3, 0.3):
        turned = np.asarray(observed.rotated_covariance(KEY, np.diag(values), delta))
        assert np.all(np.abs(np.linalg.eigvalsh(turned) - values) <= 1e3 * ULP)
        angle = np.abs(turned - np.diag(values)).max()
        assert delta / 10 < angle < 20 * delta


def test_views_with_more_dimensions_than_samples_are_refused():
    with pytest.raises(ValueError, match="project the views on its range"):
        observed.empirical_covariances(np.ones((2, 3)), np.ones((2, 3)))
