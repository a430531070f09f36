"""Scoring systems: the optimum against a plain loop, the penalties' promises against it, the bounds by hand."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from theory_pm_instances import ROUNDING, general

from theory.predictive_multiplicity import (
    accuracy_preserving_penalty,
    box_count,
    brute_force_optimum,
    coprime_count,
    occam_bound,
    pareto_penalty,
    rounded_coefficients,
    scoring_big_m,
    scoring_errors,
    sufficient_resolution,
    tie_breaking_penalty,
)

THREE = np.full(3, 3)


@st.composite
def samples(draw, n_coefficients=3, n=8):
    """Whole features and labels, so that scores of zero occur."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(-2, 3, (n, n_coefficients)), rng.choice([-1, 1], n)


def triples_by_hand(features, labels, lower, upper):
    """(errors, l0, l1, lambda) of every lambda in the box."""
    found = []
    for chosen in itertools.product(*(range(low, high + 1) for low, high in zip(lower, upper, strict=True))):
        wrong = sum(
            y * sum(c * x for c, x in zip(chosen, row, strict=True)) <= 0
            for row, y in zip(features.tolist(), labels.tolist(), strict=True)
        )
        found.append((wrong, sum(c != 0 for c in chosen), sum(abs(c) for c in chosen), chosen))
    return found


@settings(general, max_examples=10)
@given(samples(), st.fractions(0, 1, max_denominator=20), st.fractions(0, 1, max_denominator=200), st.booleans())
def test_the_optimum_is_that_of_a_plain_loop(sample, sparsity, size, intercept):
    features, labels = sample
    lower, upper = np.array([-1, 0, -2]), np.array([2, 3, 1])
    objectives = {}
    for wrong, _, _, chosen in triples_by_hand(features, labels, lower, upper):
        penalised = chosen[1:] if intercept else chosen
        nonzero, total = sum(c != 0 for c in penalised), sum(abs(c) for c in penalised)
        objectives[chosen] = (wrong + 8 * sparsity * nonzero + 8 * size * total, wrong)
    least = min(value for value, _ in objectives.values())
    optimum = brute_force_optimum(features, labels, lower, upper, sparsity, size, intercept=intercept)
    assert optimum.objective == least
    best = sorted(chosen for chosen, (value, _) in objectives.items() if value == least)
    assert optimum.coefficients.tolist() == [list(chosen) for chosen in best]
    assert optimum.errors.tolist() == [objectives[chosen][1] for chosen in best]


@general
@given(samples())
def test_errors_count_a_score_of_zero(sample):
    features, labels = sample
    vectors = np.array([[0, 0, 0], [1, -1, 2], [-3, 1, 0]])
    expected = [
        sum(int(y * np.dot(vector, row) <= 0) for row, y in zip(features, labels, strict=True)) for vector in vectors
    ]
    assert scoring_errors(vectors, features, labels).tolist() == expected
    assert expected[0] == 8


@settings(general, max_examples=15)
@given(samples())
def test_a_small_sparsity_penalty_keeps_the_accuracy(sample):
    features, labels = sample
    penalty = accuracy_preserving_penalty(8, 3)
    assert penalty == Fraction(1, 24)
    triples = triples_by_hand(features, labels, -THREE, THREE)
    pairs = [(wrong, nonzero) for wrong, nonzero, _, _ in triples]
    optimum = brute_force_optimum(features, labels, -THREE, THREE, penalty * Fraction(99, 100), 0)
    found = {(e, int(np.count_nonzero(c))) for e, c in zip(optimum.errors.tolist(), optimum.coefficients, strict=True)}
    assert found == {min(pairs)}


def test_a_larger_sparsity_penalty_gives_up_accuracy():
    # Three coefficients repair three errors at 1 / N each only if all are non-zero: any dearer penalty saves one.
    features, labels = np.eye(3, dtype=int), np.ones(3, dtype=int)
    box = (np.zeros(3, dtype=int), np.ones(3, dtype=int))
    assert brute_force_optimum(features, labels, *box, Fraction(9, 30), 0).errors.tolist() == [0]
    assert brute_force_optimum(features, labels, *box, Fraction(13, 30), 0).errors.tolist() == [3]


@settings(general, max_examples=15)
@given(samples(), st.sampled_from([Fraction(95, 800), Fraction(1, 8), Fraction(3, 16), Fraction(1, 30)]))
def test_a_small_size_penalty_keeps_its_promises(sample, sparsity):
    features, labels = sample
    triples = triples_by_hand(features, labels, -THREE, THREE)
    pareto = brute_force_optimum(
        features, labels, -THREE, THREE, sparsity, pareto_penalty(8, sparsity, THREE) * Fraction(99, 100)
    )
    safe = brute_force_optimum(
        features, labels, -THREE, THREE, sparsity, tie_breaking_penalty(8, sparsity, THREE) * Fraction(99, 100)
    )
    for optimum in (pareto, safe):
        assert np.all(np.gcd.reduce(optimum.coefficients, axis=1) <= 1)
        for wrong, chosen in zip(optimum.errors.tolist(), optimum.coefficients, strict=True):
            nonzero = int(np.count_nonzero(chosen))
            assert not any(e <= wrong and k <= nonzero and (e, k) != (wrong, nonzero) for e, k, _, _ in triples)
    least = min(e + 8 * sparsity * k for e, k, _, _ in triples)
    smallest = min(size for e, k, size, _ in triples if e + 8 * sparsity * k == least)
    for wrong, chosen in zip(safe.errors.tolist(), safe.coefficients, strict=True):
        assert wrong + 8 * sparsity * int(np.count_nonzero(chosen)) == least
        assert np.abs(chosen).sum() == smallest


def test_the_pareto_penalty_does_not_only_break_ties():
    # lambda = (3, 1): 0 errors, l0 = 2, l1 = 4; (1, 0): one error; N C_0 = 0.95 makes the pairs 0.05 apart.
    features, labels = np.array([[1, -2], [0, 1], *[[1, 0]] * 8]), np.ones(10, dtype=int)
    sparsity, bounds = Fraction(95, 1000), np.full(2, 3)
    dear = pareto_penalty(10, sparsity, bounds) * Fraction(99, 100)
    assert brute_force_optimum(features, labels, -bounds, bounds, sparsity, dear).coefficients.tolist() == [[1, 0]]
    cheap = tie_breaking_penalty(10, sparsity, bounds) * Fraction(99, 100)
    assert brute_force_optimum(features, labels, -bounds, bounds, sparsity, cheap).coefficients.tolist() == [[3, 1]]
    assert dear / cheap == 19


def test_penalties_by_hand():
    assert accuracy_preserving_penalty(10, 4) == Fraction(1, 40)
    assert pareto_penalty(10, Fraction(1, 5), THREE) == Fraction(1, 90)
    assert pareto_penalty(10, Fraction(1, 20), THREE) == Fraction(1, 180)
    # N C_0 = 0.95: one feature more against one error less is the closest, 0.05 apart.
    assert tie_breaking_penalty(10, Fraction(95, 1000), THREE) == Fraction(5, 100) / 90
    assert tie_breaking_penalty(10, Fraction(1, 10), THREE) == Fraction(1, 90)
    assert tie_breaking_penalty(10, 0, THREE) == Fraction(1, 90)
    assert tie_breaking_penalty(1, Fraction(26, 10), np.array([1, 0])) == Fraction(1)
    assert tie_breaking_penalty(1, Fraction(9, 20), np.array([1, 0])) == Fraction(1, 10)
    assert tie_breaking_penalty(1, Fraction(7, 20), np.array([1, 0])) == Fraction(3, 10)
    assert tie_breaking_penalty(2, Fraction(7, 6), np.array([1, 4])) == Fraction(1, 30)


def test_without_a_size_penalty_every_multiple_is_optimal():
    features, labels = np.array([[1], [-1], [2]]), np.array([1, -1, 1])
    bound = np.array([4])
    penalty = Fraction(1, 100)
    assert brute_force_optimum(features, labels, -bound, bound, penalty, 0).coefficients.tolist() == [
        [1],
        [2],
        [3],
        [4],
    ]
    smallest = brute_force_optimum(features, labels, -bound, bound, penalty, Fraction(1, 1000))
    assert (smallest.coefficients.tolist(), smallest.objective) == ([[1]], Fraction(33, 1000))


@general
@given(samples(), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_big_m_is_the_largest_shortfall_in_the_box(sample, seed, margin):
    features, labels = sample
    rng = np.random.default_rng(seed)
    lower = rng.integers(-2, 2, 3)
    upper = lower + rng.integers(0, 3, 3)
    vectors = np.array([chosen for *_, chosen in triples_by_hand(features, labels, lower, upper)])
    shortfall = margin - (vectors @ features.T * labels).min(axis=0)
    assert scoring_big_m(features, labels, lower, upper, margin).tolist() == shortfall.tolist()


def test_big_m_by_hand():
    ones = np.ones((2, 1))
    found = scoring_big_m(ones, np.array([1.0, -1.0]), np.array([0]), np.array([5]), 0.5)
    assert found.tolist() == [0.5, 5.5]


@general
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_a_sufficient_resolution_keeps_every_prediction(n_coefficients, seed):
    rng = np.random.default_rng(seed)
    features, coefficients = rng.normal(size=(12, n_coefficients)), rng.normal(size=n_coefficients)
    resolution = math.floor(sufficient_resolution(features, coefficients)) + 1
    rounded = rounded_coefficients(coefficients, resolution)
    assert np.abs(rounded).max() <= resolution
    assert np.array_equal(np.sign(features @ rounded), np.sign(features @ coefficients))


def test_the_resolution_by_hand():
    features = np.array([[3.0, 4.0], [1.0, 0.0]])
    assert sufficient_resolution(features, np.array([1.0, 1.0])) == pytest.approx(5, abs=16 * ROUNDING * 5)
    assert sufficient_resolution(features, np.array([0.0, 7.0])) == math.inf
    assert rounded_coefficients(np.array([3.0, -4.0]), 10).tolist() == [6, -8]
    assert rounded_coefficients(np.array([3.0, -4.0]), 1).tolist() == [1, -1]


@pytest.mark.parametrize(("bound", "n_coefficients"), [(1, 1), (1, 3), (2, 2), (4, 2), (6, 3), (7, 1)])
def test_coprime_vectors_are_counted(bound, n_coefficients):
    vectors = list(itertools.product(range(-bound, bound + 1), repeat=n_coefficients))
    assert box_count(bound, n_coefficients) == len(vectors)
    assert coprime_count(bound, n_coefficients) == sum(math.gcd(*vector) == 1 for vector in vectors)


def test_the_occam_bound_by_hand():
    assert occam_bound(1, 50, math.exp(-4)) == pytest.approx(0.2, abs=8 * ROUNDING)
    assert occam_bound(7**4, 1000, 0.05) == pytest.approx(math.sqrt(math.log(7**4 / 0.05) / 2000), abs=8 * ROUNDING)
    assert occam_bound(box_count(10**9, 100), 10, 0.5) > 1


def test_boxes_that_are_empty_or_too_large_to_list_are_refused():
    features, labels = np.ones((2, 1)), np.ones(2)
    low, high = np.array([0]), np.array([1])
    for call in (
        lambda: brute_force_optimum(features, labels, high, low, 0, 0),
        lambda: scoring_big_m(features, labels, high, low, 0),
    ):
        with pytest.raises(ValueError, match=r"lower must not exceed upper, got \[1\] and \[0\]"):
            call()
    with pytest.raises(ValueError, match="lower and upper must leave a box that can be listed, got 1099511627777 vec"):
        brute_force_optimum(features, labels, low, np.array([2**40]), 0, 0)


def test_counts_of_too_many_digits_are_refused():
    with pytest.raises(ValueError, match="bound and n_coefficients must give a count of up to 1000000 bits, got"):
        box_count(10**9, 10**6)
