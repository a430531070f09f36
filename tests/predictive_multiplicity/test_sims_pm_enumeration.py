"""The ray enumeration: against exact integer arithmetic, against the definitions, and what it refuses."""

from fractions import Fraction
from itertools import combinations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.predictive_multiplicity.enumeration import dichotomies, enumerate_paths
from theory.predictive_multiplicity.counting import cover_count, linear_dichotomies

seeds = st.integers(0, 2**32 - 1)
N_SAMPLES = 20  # one compiled program for all sets of eight points


def gaussian(seed, n_points=8, dim=2):
    return np.random.default_rng(seed).standard_normal((n_points, dim))


def counts(seed, n_points=8):
    """Random label counts with the fixed sum, some points without samples."""
    drawn = np.random.default_rng(seed).multinomial(N_SAMPLES, np.full(2 * n_points, 1 / (2 * n_points)))
    return drawn[:n_points], drawn[n_points:]


def by_definition(cells, positives, negatives, baseline):
    """(E_0, discrepancy path, ambiguity path, flip errors, cells per error count) from a list of dichotomies."""
    weights, total = positives + negatives, (positives + negatives).sum()
    errors = np.where(cells == 1, negatives, positives).sum(axis=1)
    differs = cells != baseline
    own = np.where(baseline == 1, negatives, positives).sum()
    competing = [differs[errors <= own + tolerance] for tolerance in range(total + 1)]
    discrepancy = [(rows @ weights).max(initial=0) for rows in competing]
    ambiguity = [rows.any(axis=0) @ weights for rows in competing]
    flip_errors = [errors[differs[:, row]].min() for row in range(cells.shape[1])]
    return own, discrepancy, ambiguity, flip_errors, np.bincount(errors, minlength=total + 1)


def assert_same(paths, expected):
    for found, wanted in zip(paths[:1] + paths[2:], expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("n_points", "dim", "n_cells"), [(8, 2, 58), (10, 2, 92), (8, 3, 128), (3, 3, 8), (7, 1, 14)])
def test_every_dichotomy_once(n_points, dim, n_cells):
    points = gaussian(n_points + 100 * dim, n_points, dim)
    cells = dichotomies(points)
    assert len(cells) == len(np.unique(cells, axis=0)) == n_cells == cover_count(n_points, dim + 1)
    np.testing.assert_array_equal(np.unique(cells, axis=0), linear_dichotomies(points))


def test_one_point_has_two_predictions():
    np.testing.assert_array_equal(np.sort(dichotomies(np.array([[3.0, -1.0]])), axis=0), [[0], [1]])


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([2.0**-30, 2.0**-10, 1.0]))
def test_nearly_degenerate_points_are_told_apart_exactly(seed, step):
    """A lattice moved by multiples of a tiny step: all numbers exact, so integer arithmetic knows every sign."""
    rng = np.random.default_rng(seed)
    lattice = np.array([[i, j] for i in range(3) for j in range(3)], float)[rng.permutation(9)[:8]]
    points = lattice + step * rng.integers(-500, 501, (8, 2))
    exact = linear_dichotomies(points)
    in_general_position = len(exact) == cover_count(8, 3)
    # Three points may be so nearly on a line (the steps' products, 2^-60) that float64 cannot tell: then it says so.
    least_area = min(abs(twice_the_area(*three)) for three in combinations(points.tolist(), 3))
    try:
        found, refusal = dichotomies(points), ""
    except ValueError as error:
        found, refusal = None, str(error)
    if found is None:
        assert "points must be in general position" in refusal
        assert not in_general_position or least_area < 2.0**-40
    else:
        assert in_general_position
        np.testing.assert_array_equal(np.unique(found, axis=0), exact)


def twice_the_area(a, b, c):
    (ax, ay), (bx, by), (cx, cy) = ([Fraction(entry) for entry in point] for point in (a, b, c))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


@settings(max_examples=40, deadline=None)
@given(seeds, seeds, st.booleans())
def test_paths_are_those_of_the_definitions(seed, count_seed, own_baseline):
    points, (positives, negatives) = gaussian(seed), counts(count_seed)
    cells = dichotomies(points)
    # A baseline of one's own need be neither optimal nor linear.
    baseline = np.random.default_rng(seed).integers(0, 2, 8) if own_baseline else None
    paths = enumerate_paths(points, positives, negatives, baseline)
    assert_same(paths, by_definition(cells, positives, negatives, paths.baseline))
    if own_baseline:
        np.testing.assert_array_equal(paths.baseline, baseline)
    else:
        assert paths.errors == np.flatnonzero(paths.cells)[0]
        assert (cells == paths.baseline).all(axis=1).any()


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_paths_do_not_depend_on_coordinates_order_or_the_name_of_the_labels(seed):
    rng = np.random.default_rng(seed)
    points, (positives, negatives), baseline = gaussian(seed), counts(seed), rng.integers(0, 2, 8)
    paths = enumerate_paths(points, positives, negatives, baseline)
    # Well conditioned, so that rounding moves no point across a line through two others by more than it leaves apart.
    moved = points @ np.linalg.qr(rng.standard_normal((2, 2)))[0] * [1.0, 1e-3] + rng.standard_normal(2)
    order = rng.permutation(8)
    other = enumerate_paths(moved[order], negatives[order], positives[order], 1 - baseline[order])
    for name in ("errors", "discrepancy", "ambiguity", "cells"):
        np.testing.assert_array_equal(getattr(other, name), getattr(paths, name))
    np.testing.assert_array_equal(other.flip_errors, paths.flip_errors[order])
    scaled = enumerate_paths(np.ldexp(points, [60, -200]), positives, negatives, baseline)
    np.testing.assert_array_equal(scaled.discrepancy, paths.discrepancy)


def test_a_set_of_several_chunks():
    """400 cells of one half in chunks of 327: the last is filled up with repetitions, which must not count."""
    points, labels = gaussian(1, 400, 1), np.random.default_rng(2).integers(0, 2, 400)
    above = (points[:, 0] > np.append(-np.inf, np.sort(points[:, 0]))[:-1, None]).astype(int)
    paths = enumerate_paths(points, labels, 1 - labels)
    assert_same(paths, by_definition(np.concatenate([above, 1 - above]), labels, 1 - labels, paths.baseline))


def test_nothing_competes_with_a_better_classifier_that_is_not_linear():
    """Labels along a parabola's zigzag: the true labelling makes no error, and every dichotomy some."""
    across = np.arange(8) + np.array([0.1, 0.0, 0.3, 0.0, 0.2, 0.0, 0.15, 0.0])
    points = np.stack([across, across**2], axis=1)
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    positives, negatives = 3 * labels, 2 * (1 - labels)  # 20 samples in all
    paths = enumerate_paths(points, positives, negatives, labels)
    cells = dichotomies(points)
    least = np.where(cells == 1, negatives, positives).sum(axis=1).min()
    assert paths.errors == 0 < least
    assert (paths.discrepancy[:least] == 0).all()
    assert (paths.ambiguity[:least] == 0).all()
    assert_same(paths, by_definition(cells, positives, negatives, labels))


def test_one_class_is_predicted_by_a_constant():
    positives = np.array([1, 5, 2, 2, 3, 3, 2, 2])
    paths = enumerate_paths(gaussian(3), positives, np.zeros(8, int))
    assert paths.errors == 0
    assert paths.baseline.all()
    assert paths.cells[0] == 1
    # Disagreements are the errors made.
    assert (paths.discrepancy <= np.arange(N_SAMPLES + 1)).all()
    assert paths.discrepancy[-1] == paths.ambiguity[-1] == N_SAMPLES


@settings(max_examples=15, deadline=None)
@given(seeds, st.permutations(range(8)))
def test_three_points_on_a_line_are_refused_wherever_they_stand(seed, order):
    points, (first, second, middle) = gaussian(seed), order[:3]
    points[middle] = (points[first] + points[second]) / 2
    with pytest.raises(ValueError, match=r"points must be in general position, but rows .* lie on one hyperplane"):
        dichotomies(points)
    points[middle] = points[first]
    with pytest.raises(ValueError, match="points must be in general position"):
        enumerate_paths(points, *counts(seed), np.zeros(8, int))


def test_the_points_on_a_line_are_named():
    points = gaussian(5)
    points[6] = (points[3] + points[4]) / 2
    with pytest.raises(ValueError, match=r"but rows \[(3, 4|3, 6|4, 6)\] and some other row"):
        dichotomies(points)


@pytest.mark.parametrize(
    ("points", "positives", "negatives", "sentence"),
    [
        (np.ones((10**6, 3)), [1] * 10**6, [1] * 10**6, "at most 10000000000 dichotomies in one half, got 1000000 poi"),
        (gaussian(0), [0] * 8, [0] * 8, "positives and negatives must sum to 1..10000000, got 0"),
        (gaussian(0), [10**7] + [0] * 7, [1] + [0] * 7, "must sum to 1..10000000, got 10000001"),
    ],
)
def test_too_many_and_no_samples_are_refused(points, positives, negatives, sentence):
    with pytest.raises(ValueError, match=sentence):
        enumerate_paths(points, np.array(positives), np.array(negatives))


def test_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(TypeError, match="the enumeration of dichotomies needs float64"):
        dichotomies(gaussian(0))
