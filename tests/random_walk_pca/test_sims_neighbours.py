"""Plain PCA of a cloud by two routes, PCA with outliers, PCA with a generator."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.random_walk_pca as observed
from theory_on_trial.mapping import map_cells

ULP = 2.0**-53
KEY = jax.random.key(2)
clouds = st.builds(
    lambda shape, seed: np.random.default_rng(seed).standard_normal(shape) + 3.0,
    st.sampled_from([(2, 1), (6, 5), (30, 4)]),
    st.integers(0, 2**32 - 1),
)


@settings(max_examples=30, deadline=None)
@given(clouds, st.integers(0, 2**32 - 1))
def test_both_routes_diagonalise_and_no_other_axes_lose_less(points, seed):
    n_points, dim = points.shape
    covariance = np.asarray(observed.covariance(points))
    # Entries: products of length n of centred numbers, on top of centring at a distance of about 3; then the solver.
    bound = 20 * (n_points + dim) * ULP * (np.trace(covariance) + 10 * dim)
    for axes in (observed.axes_from_covariance(points), observed.axes_from_singular_values(points)):
        diagonal = np.asarray(axes.axes @ covariance @ axes.axes.T)
        assert np.all(np.abs(diagonal - np.diag(axes.variances)) <= bound)
        assert np.all(np.diff(axes.variances) <= 0)
        for kept in range(dim + 1):
            error = observed.reconstruction_error(points, axes.axes[:kept])
            assert abs(error - np.sum(axes.variances[kept:])) <= bound
            other = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))[0][:kept]
            assert observed.reconstruction_error(points, other) >= error - bound


def test_outliers_are_exact_and_filtering_survives_them():
    points = np.asarray(observed.corrupted_points(KEY, 4000, 6, 200, spike=4.0, outlier_length=20.0))
    np.testing.assert_array_equal(np.abs(points[:200]), 20.0 * np.eye(6)[[1] * 200])
    assert points[:200].sum() == 0
    # Far above the size at which outliers win: they outweigh the spike four to one, noise being about 1/sqrt(n).
    assert observed.leading_direction(points)[1] ** 2 > 0.95
    assert observed.filtered_direction(points)[0] ** 2 > 0.95
    clean = observed.corrupted_points(KEY, 4000, 6, 0, spike=4.0, outlier_length=20.0)
    assert observed.leading_direction(clean)[0] ** 2 > 0.95
    kept_all = observed.leading_direction(clean, jax.numpy.ones(4000, bool))
    np.testing.assert_array_equal(kept_all, observed.leading_direction(clean))


def test_leading_direction_ignores_the_points_not_kept():
    points = np.random.default_rng(3).standard_normal((50, 4))
    kept = jax.numpy.arange(50) < 30
    part = observed.leading_direction(points[:30])
    assert abs(abs(np.dot(observed.leading_direction(points, kept), part)) - 1) <= 1000 * ULP


def test_a_generator_helps_and_one_latent_direction_is_known_exactly():
    errors = jax.jit(lambda keys: map_cells(lambda key: observed.spike_errors(key, 300, 40, 4), keys))(
        jax.random.split(KEY, 20)
    )
    assert np.all(errors.with_generator < errors.without_generator)
    exact = observed.spike_errors(KEY, 50, 30, 1)
    assert exact.with_generator <= 100 * ULP
    # Squared errors of 2 * 2 / 20000 and 2 * 9 / 20000 to be expected.
    many = observed.spike_errors(KEY, 20_000, 10, 3)
    assert many.with_generator < 0.05
    assert many.without_generator < 0.1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: observed.covariance(np.ones((1, 2))), "points must have at least two rows: one point has no variance"),
        (lambda: observed.axes_from_singular_values(np.ones((2, 3))), "points must have at least 3 rows, .*, got 2"),
        (lambda: observed.reconstruction_error(np.eye(2), np.ones((2, 2))), "axes must have orthonormal rows"),
        (lambda: observed.leading_direction(np.ones((3, 2))), "points must be points that differ"),
        (lambda: observed.leading_direction(np.eye(3), np.eye(3)[0] > 0), "kept must keep at least two points"),
        (lambda: observed.corrupted_points(KEY, 10, 2, 3, spike=1.0, outlier_length=1.0), "must be even and below"),
        (lambda: observed.corrupted_points(KEY, 10, 2, 10, spike=1.0, outlier_length=1.0), "must be even and below"),
        (lambda: observed.spike_errors(KEY, 10, 3, 4), "latent_dim must be at most dim = 3, got 4"),
    ],
)
def test_joint_conditions_get_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
