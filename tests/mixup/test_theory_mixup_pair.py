"""The pair of Gaussian classes, its Bayes rule, and the law of the mixing weight."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from theory_instances import (
    CONDITION,
    ROUNDING,
    UNIFORM,
    gaussian_pairs,
    general,
    hard_law,
    random_covariance,
    reference_pair,
)

from theory.mixup import GaussianPair, MixingLaw, one_minus_cosine


@general
@given(gaussian_pairs(1, 8))
def test_the_bayes_direction_solves_its_system_and_gives_signal_and_precision_across(pair):
    bound = 16 * pair.dim**2 * ROUNDING
    residual = pair.covariance @ pair.bayes_direction - pair.mean
    scale = np.linalg.norm(pair.covariance) * np.linalg.norm(pair.bayes_direction)
    assert np.linalg.norm(residual) <= bound * scale
    whitened = np.linalg.solve(np.linalg.cholesky(pair.covariance), pair.mean)
    assert pair.signal == pytest.approx(whitened @ whitened, rel=bound * CONDITION, abs=0)
    assert pair.effective_separability == pair.separability * pair.signal
    variances, axes = np.linalg.eigh(pair.covariance)
    unit = axes.T @ pair.bayes_direction / np.linalg.norm(pair.bayes_direction)
    expected = np.sum((1 - unit**2) / variances)
    assert pair.projected_precision_trace == pytest.approx(expected, abs=bound * CONDITION * np.sum(1 / variances))


def test_the_reference_pair_has_its_fractions():
    pair = reference_pair(2.0)
    precision = (Fraction(5), Fraction(5, 9))
    squared_length = sum(p**2 for p in precision)
    across = sum(precision) - sum(p**3 for p in precision) / squared_length
    assert across == Fraction(25, 41)
    assert pair.bayes_direction == pytest.approx([5, 5 / 9], rel=8 * ROUNDING, abs=0)
    assert pair.signal == pytest.approx(50 / 9, rel=8 * ROUNDING, abs=0)
    assert pair.projected_precision_trace == pytest.approx(25 / 41, rel=64 * ROUNDING, abs=0)
    cosine = float(sum(precision)) / np.sqrt(2 * float(squared_length))
    assert 1 - pair.misalignment(pair.mean) == pytest.approx(cosine, rel=16 * ROUNDING, abs=0)
    assert pair.bayes_error == pytest.approx(
        float(mpmath.ncdf(-mpmath.sqrt(mpmath.mpf(100) / 9))), rel=64 * ROUNDING, abs=0
    )


@general
@given(gaussian_pairs(), st.integers(0, 2**32 - 1))
def test_no_direction_errs_less_than_the_bayes_direction(pair, seed):
    rng = np.random.default_rng(seed)
    relative = 64 * pair.dim * ROUNDING * (1 + pair.effective_separability) * CONDITION
    assert pair.error(pair.bayes_direction) == pytest.approx(pair.bayes_error, rel=relative, abs=0)
    for nearness in (1.0, 0.1, 0.01):
        weights = pair.bayes_direction + nearness * np.linalg.norm(pair.bayes_direction) * rng.normal(size=pair.dim)
        assert pair.error(weights) >= pair.bayes_error * (1 - relative)
        assert pair.error(weights) + pair.error(-weights) == pytest.approx(1, abs=4 * ROUNDING)
        assert pair.error(7 * weights) == pytest.approx(pair.error(weights), rel=relative, abs=0)


def test_the_error_is_the_tail_of_the_score():
    pair = reference_pair(0.7)
    weights = np.array([1.0, -0.25])
    margin = 0.75 / np.sqrt((0.2 + 1.8 / 16) / 0.7)
    assert pair.error(weights) == pytest.approx(float(mpmath.ncdf(-margin)), rel=32 * ROUNDING, abs=0)


@general
@given(gaussian_pairs(), st.floats(0.1, 10))
def test_only_the_effective_separability_survives_a_change_of_units(pair, unit):
    relative = 64 * CONDITION * ROUNDING
    scaled = GaussianPair(unit * pair.mean, unit**2 * pair.covariance, pair.separability)
    assert scaled.effective_separability == pytest.approx(pair.effective_separability, rel=relative, abs=0)
    traded = GaussianPair(pair.mean, unit * pair.covariance, unit * pair.separability)
    assert traded.effective_separability == pytest.approx(pair.effective_separability, rel=relative, abs=0)


def test_the_chord_has_no_cancellation():
    angle = 1e-9
    first, second = np.array([1.0, 0.0]), np.array([np.cos(angle), np.sin(angle)])
    # The coordinates are rounded relative to one, the angle is that small.
    assert one_minus_cosine(3 * first, second) == pytest.approx(angle**2 / 2, rel=16 * ROUNDING / angle, abs=0)
    assert one_minus_cosine(first, np.array([0.0, 2.0])) == pytest.approx(1, rel=4 * ROUNDING, abs=0)
    assert one_minus_cosine(first, -first) == 2


@pytest.mark.parametrize(
    "covariance", [np.ones((2, 2)), np.diag([1.0, 0.0]), np.diag([1.0, -1.0]), np.array([[1.0, 0.1], [0.2, 1.0]])]
)
def test_a_pair_without_a_bayes_direction_is_refused(covariance):
    with pytest.raises(ValueError, match="covariance must be symmetric and positive definite"):
        GaussianPair(np.ones(2), covariance, 1.0)


def test_a_covariance_singular_to_rounding_is_refused_and_a_badly_scaled_one_is_not():
    rows = np.random.default_rng(0).normal(size=(3, 5))
    with pytest.raises(ValueError, match="positive definite"):
        GaussianPair(np.ones(5), rows.T @ rows, 1.0)
    assert GaussianPair(np.array([1.0, 1e-9]), np.diag([1.0, 1e-18]), 1.0).signal == pytest.approx(
        2, rel=8 * ROUNDING, abs=0
    )
    nearly_symmetric = random_covariance(np.random.default_rng(1), 3)
    nearly_symmetric[0, 1] += 1e-15
    assert GaussianPair(np.ones(3), nearly_symmetric, 1.0).dim == 3


def test_weights_of_another_dimension_are_refused():
    for function in (reference_pair(1.0).error, reference_pair(1.0).misalignment):
        with pytest.raises(ValueError, match="weights must have 2 coordinates, got 3"):
            function(np.ones(3))


@general
@given(st.floats(0.05, 20), st.floats(0.05, 20), st.integers(1, 12))
def test_the_rule_of_a_beta_law_is_exact_to_twice_its_nodes(alpha, beta, n_nodes):
    law = MixingLaw.beta(alpha, n_nodes, beta=beta)
    moment = 1.0
    for power in range(2 * n_nodes):
        assert law.mean(law.nodes**power) == pytest.approx(moment, rel=1024 * n_nodes * ROUNDING, abs=0)
        moment *= (alpha + power) / (alpha + beta + power)
    assert abs(law.mean(law.nodes ** (2 * n_nodes)) / moment - 1) > 1024 * n_nodes * ROUNDING or n_nodes > 3


def test_the_default_law_is_symmetric_with_thirty_two_nodes_and_the_identity():
    law = MixingLaw.beta(0.4)
    assert law.nodes.size == 32
    assert np.array_equal(law.input_weights, law.nodes)
    assert law.mean(law.nodes) == pytest.approx(0.5, rel=1024 * ROUNDING, abs=0)
    assert law.second_moment == pytest.approx(1 - 0.4 / 1.8, rel=1024 * ROUNDING, abs=0)
    assert UNIFORM.second_moment == pytest.approx(2 / 3, rel=1024 * ROUNDING, abs=0)


def test_the_input_weight_is_applied_to_the_lambdas():
    law = MixingLaw.atoms(np.array([0.2, 1.0]), np.array([0.25, 0.75]), lambda node: node**2 / 2)
    assert law.input_weights == pytest.approx([0.02, 0.5], rel=4 * ROUNDING, abs=0)
    assert law.contrasts == pytest.approx([-0.96, 0.0], rel=4 * ROUNDING, abs=0)
    assert law.noise_factors == pytest.approx([0.02**2 + 0.98**2, 0.5], rel=4 * ROUNDING, abs=0)
    assert law.second_moment == pytest.approx(0.25 * (0.02**2 + 0.98**2) + 0.375, rel=8 * ROUNDING, abs=0)
    assert np.array_equal(law.soft, [1.0, 0.0])
    never = MixingLaw.atoms(np.array([0.5, 1.0, 0.3]), np.array([0.0, 0.5, 0.5]))
    assert np.array_equal(never.soft, [0.0, 0.0, 1.0])


@pytest.mark.parametrize("values", [[1.0], [0.0], [0.0, 1.0]])
def test_hard_labels_are_announced(values):
    with pytest.warns(UserWarning, match="plain Mixup is empirical risk minimisation"):
        MixingLaw.atoms(np.array(values), np.full(len(values), 1 / len(values)))
    assert hard_law(*values).nodes.tolist() == values


@pytest.mark.parametrize("distance", [1.2e-16, 3e-16, 1e-12, 1e-8, 1e-5, -1e-16, -1e-12])
def test_the_law_beside_one_half_has_its_moments(distance):
    """E lambda^k = prod_i (alpha + i) / (2 alpha + i), where SciPy's own symmetric rule is off by up to a third."""
    alpha = float(np.nextafter(0.5, 1) if distance == 1.2e-16 else 0.5 + distance)
    law = MixingLaw.beta(alpha, 24)
    for power in (1, 2, 5, 20):
        steps = np.arange(power)
        assert law.mean(law.nodes**power) == pytest.approx(np.prod((alpha + steps) / (2 * alpha + steps)), rel=1e-11)


def test_a_beta_law_that_scipy_has_no_rule_for_is_refused():
    with pytest.raises(ValueError, match="alpha and beta must be small enough for a Gauss-Jacobi rule"):
        MixingLaw.beta(1.0, beta=1e20)
    assert MixingLaw.beta(1.0, 1).nodes.tolist() == [0.5]


def test_probabilities_may_be_off_by_rounding_alone():
    assert MixingLaw.atoms(np.array([0.5]), np.array([1 + 5e-10])).nodes.size == 1
    with pytest.raises(ValueError, match="sum to one"):
        MixingLaw.atoms(np.array([0.5]), np.array([1 + 2e-9]))
