"""The hard margin against NNLS, HiGHS and CLARABEL, and the finite minimiser where there is no margin."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

import sims.mixup as observed
from sims.mixup.newton import TOLERANCE

ULP = 2.0**-53
seeds = st.integers(0, 2**32 - 1)
shapes = st.sampled_from([(7, 1), (9, 2), (12, 3), (4, 6)])


def random_points(shape, seed):
    rng = np.random.default_rng(seed)
    stretch = np.exp(rng.uniform(-1.5, 1.5, shape[1]))
    return rng.standard_normal(shape) * stretch + rng.uniform(0, 2) * rng.standard_normal(shape[1])


@settings(max_examples=120, deadline=None)
@given(shapes, seeds)
def test_margin_is_the_distance_to_the_hull(shape, seed):
    points = random_points(shape, seed)
    n, dim = shape
    solution = observed.hard_margin(points)
    assert solution.separable == observed.is_separable(points)
    if not solution.separable:
        assert np.isnan(solution.direction).all()
        assert solution.margin == 0
        return
    direction, margin = np.asarray(solution.direction), float(solution.margin)
    longest = np.linalg.norm(points, axis=1).max()
    rounding = 4 * (n + dim) * ULP * longest
    assert abs(np.linalg.norm(direction) - 1) <= 4 * dim * ULP
    assert abs((points @ direction).min() - margin) <= rounding
    # Any point of the hull is at least as far from 0; least squares find one that is no farther than rounding allows.
    shares = nnls(np.vstack([points.T / longest, np.ones(n)]), np.eye(dim + 1)[dim])[0]
    shares /= shares.sum()
    nearest = np.linalg.norm(shares @ points)
    assert margin <= nearest + rounding
    # Two points within 2 (nearest² - margin²) of each other: both programs are exact to rounding in the squares.
    assert nearest**2 - margin**2 <= 100 * (n + dim) * ULP * longest**2


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(1e-6, 1e6))
def test_margin_does_not_see_rotation_order_duplicates_or_scale(seed, scale):
    points = random_points((9, 2), seed) + np.array([3.0, 0])
    rng = np.random.default_rng(seed + 1)
    rotation = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    solution = observed.hard_margin(points)
    moved = observed.hard_margin(scale * points[rng.permutation(9)] @ rotation.T)
    doubled = observed.hard_margin(np.concatenate([points, points]))
    assert moved.separable == solution.separable == doubled.separable
    if solution.separable:
        rounding = 100 * 11 * ULP * np.linalg.norm(points, axis=1).max()
        assert abs(moved.margin / scale - solution.margin) <= rounding
        assert abs(doubled.margin - solution.margin) <= rounding
        # A margin known to that much, and the hull's curvature, tell the direction: |w - w'|² <= 2 |δ| / γ.
        apart = np.linalg.norm(np.asarray(moved.direction) @ rotation - np.asarray(solution.direction))
        assert apart**2 <= 8 * rounding / solution.margin


@pytest.mark.parametrize("seed", range(3))
def test_clarabel_agrees(seed):
    points = random_points((12, 3), seed) + np.array([3.0, -3, 3])
    solution = observed.hard_margin(points)
    weights = observed.hard_margin_program(points)
    # The solver's gap of 1e-8 is on |w|², relative to 1 + |w|².
    bound = 1e-8 * (1 + 1 / (weights @ weights))
    assert abs(solution.margin**2 * (weights @ weights) - 1) <= 4 * bound
    with pytest.raises(ValueError, match="must be separable"):
        observed.hard_margin_program(np.array([[1.0, 0], [-1, 0.5], [0, -1]]))


def test_known_hulls():
    for points, direction, margin in (
        ([[1.0, 1], [1, -1], [1, 1], [2, 3]], [1, 0], 1),
        ([[3.0, 4], [3, 4], [3, 4], [3, 4]], [0.6, 0.8], 5),
        ([[2.0, 0], [2, 0], [0, 2], [5, 5]], [0.5**0.5, 0.5**0.5], 2**0.5),
        ([[1.0, 5], [1, -3], [2, 0], [7, 0]], [1, 0], 1),
    ):
        solution = observed.hard_margin(np.array(points))
        assert np.linalg.norm(np.asarray(solution.direction) - direction) <= 16 * ULP
        assert abs(solution.margin - margin) <= 16 * ULP * margin


@pytest.mark.parametrize(
    "points",
    [
        [[1.0, 0], [-1, 0], [1, 0], [-1, 0]],
        [[1.0, 0], [-1, 0], [0, 1], [3, 1]],
        [[0.0, 0], [1, 1], [2, 1], [1, 2]],
        [[2.0, 1], [-2, 1], [0, -1], [0, 3]],
    ],
)
def test_a_hull_that_touches_zero_has_no_margin(points):
    assert not observed.hard_margin(np.array(points)).separable
    assert not observed.is_separable(np.array(points))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(9, 2), (12, 3)]), seeds)
def test_erm_is_the_finite_minimiser_or_the_margin(shape, seed):
    points = random_points(shape, seed)
    fit = observed.fit_erm(points)
    weights = np.asarray(fit.weights)
    if fit.separable:
        np.testing.assert_array_equal(weights, observed.hard_margin(points).direction)
        assert fit.residual <= 1e3 * ULP * np.linalg.norm(points, axis=1).max() / (points @ weights).min()
        return
    assert fit.residual <= TOLERANCE
    misfit = 1 / (1 + np.exp(points @ weights)) / len(points)
    gradient = -points.T @ misfit
    hessian = (points.T * misfit * (1 - misfit * len(points))) @ points
    step = np.linalg.norm(np.linalg.solve(hessian, gradient))
    unit = 1 / np.sqrt(np.mean(np.sum(points**2, axis=1)))
    rounding = 4 * (sum(shape) + 10) * ULP * np.linalg.norm(np.abs(points).T @ misfit)
    rounding *= (1 + np.abs(points @ weights).max()) / np.linalg.eigvalsh(hessian)[0]
    assert step <= 2 * fit.residual * (np.linalg.norm(weights) + unit) + rounding


def test_zero_on_the_boundary_is_reported_as_not_converged():
    fit = observed.fit_erm(np.array([[1.0, 0], [-1, 0], [0, 1], [0, 1]]))
    assert not fit.separable
    assert fit.residual > TOLERANCE
    assert not observed.has_one_minimiser(np.array([[1.0, 0], [-1, 0], [0, 1]]), np.ones(3))
    assert observed.has_one_minimiser(np.array([[1.0, 0], [-1, 0.5], [0, -1]]), np.ones(3))


def test_one_program_maps_over_separable_and_other_samples():
    points = np.stack([random_points((9, 2), seed) for seed in range(20)])
    mapped = jax.lax.map(observed.fit_erm, points)
    assert 0 < mapped.separable.sum() < 20
    for index in range(20):
        np.testing.assert_array_equal(mapped.weights[index], observed.fit_erm(points[index]).weights)
