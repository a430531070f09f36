"""What PCA is, how outliers break it and what a generator adds to it: identities on general instances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walks_by_hand import UNIT_ROUNDOFF, general

from theory import random_walk_pca as predicted

seeds = st.integers(0, 2**32 - 1)


def random_covariance(seed, dim):
    factor = np.random.default_rng(seed).standard_normal((dim, dim))
    return factor @ factor.T


@general
@given(seeds, st.integers(1, 12))
def test_principal_axes_diagonalise(seed, dim):
    covariance = random_covariance(seed, dim)
    variances, axes = predicted.principal_axes(covariance)
    rounding = 16 * dim**2 * UNIT_ROUNDOFF * variances[0]  # backward-stable solver and two products of dim terms
    assert np.abs(axes @ covariance @ axes.T - np.diag(variances)).max() <= rounding
    assert np.abs(axes @ axes.T - np.eye(dim)).max() <= 16 * dim * UNIT_ROUNDOFF
    assert np.all(np.diff(variances) <= 0)


@general
@given(seeds, st.integers(2, 10), st.data())
def test_no_subspace_reconstructs_better(seed, dim, data):
    covariance = random_covariance(seed, dim)
    n_components = data.draw(st.integers(1, dim))
    least = predicted.least_reconstruction_error(covariance, n_components)
    rounding = 64 * dim**2 * UNIT_ROUNDOFF * np.trace(covariance)
    basis = np.random.default_rng(seed + 1).standard_normal((dim, n_components))
    error = predicted.reconstruction_error(covariance, basis)
    assert error >= least - rounding
    projector = basis @ np.linalg.pinv(basis)
    residual = np.eye(dim) - projector
    by_hand = np.trace(residual @ covariance @ residual)
    assert error == pytest.approx(by_hand, abs=rounding * np.linalg.cond(basis))
    best = predicted.principal_axes(covariance)[1][:n_components].T
    assert predicted.reconstruction_error(covariance, best) == pytest.approx(least, abs=rounding)
    recombined = best @ (np.eye(n_components) + 0.3 * np.triu(np.ones((n_components, n_components)), 1))
    assert predicted.reconstruction_error(covariance, recombined) == pytest.approx(least, abs=16 * rounding)


def test_raw_axes_reconstruct_worse():
    covariance = np.array([[2.0, 1.9], [1.9, 2.0]])
    assert predicted.least_reconstruction_error(covariance, 1) == pytest.approx(0.1, rel=1e-14)
    assert predicted.reconstruction_error(covariance, np.array([[1.0], [0.0]])) == pytest.approx(2, rel=1e-15)


@general
@given(st.floats(0.01, 0.9), st.floats(0.1, 50))
def test_contaminated_covariance_flips_at_the_threshold(fraction, spike):
    signal, outlier = np.eye(3)[:2]
    clean = np.eye(3) + spike * np.outer(signal, signal)
    threshold = predicted.outlier_flip_threshold(fraction, spike)
    for squared_length, top in ((0.999 * threshold, signal), (1.001 * threshold, outlier)):
        contaminated = (1 - fraction) * clean + fraction * squared_length * np.outer(outlier, outlier)
        assert abs(np.linalg.eigh(contaminated)[1][:, -1] @ top) == pytest.approx(1, abs=1e-12)


def test_flip_threshold_of_five_percent():
    assert predicted.outlier_flip_threshold(0.05, 4) == pytest.approx(76, rel=1e-15)
    assert predicted.outlier_flip_threshold(0.5, 4) == 4


@pytest.mark.parametrize("spike", [0.5, 1, 6.0])
@pytest.mark.parametrize("dim", [2, 5, 20])
def test_direction_error_is_first_order_perturbation(spike, dim):
    # The sample covariance of m points is C + E / sqrt(m) with Var E_1j = C_11 C_jj; v moves by E_1j / (sqrt(m) gap).
    n_samples = 700
    covariance = np.diag(np.r_[1 + spike, np.ones(dim - 1)])
    variances = [
        covariance[0, 0] * covariance[j, j] / (covariance[0, 0] - covariance[j, j]) ** 2 for j in range(1, dim)
    ]
    expected = np.sqrt(sum(variances) / n_samples)
    assert predicted.spiked_direction_error(dim, n_samples, spike) == pytest.approx(expected, rel=1e-14)
    assert predicted.spiked_direction_error(1, n_samples, spike) == 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.least_reconstruction_error(np.eye(3), 4), "n_components must be at most 3, .*, got 4"),
        (lambda: predicted.reconstruction_error(np.eye(3), np.ones((3, 2))), "basis must have 2 linearly independent"),
    ],
)
def test_joint_conditions_get_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
