"""Mixup's theory where no claim asks: quadrature at the ends of its range, radii in mpmath,
certificates.
"""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import entr, expit
from theory_instances import CONDITION, ROUNDING, general, reference_pair

from theory import mixup as predicted
from theory.mixup.expected_losses import gaussian_expectation

SUMMED = (
    4096 * ROUNDING
)  # a positive quadrature of at most a few thousand nodes, relative to itself


@pytest.mark.parametrize("scale", [0.0, 0.05, 0.3, 1.0, 3.0, 50.0, 1000.0])
@pytest.mark.parametrize("centre", [-7.0, 0.0, 2.5])
def test_the_quadrature_is_exact_for_logistic_functions(centre, scale):
    for function, exact in (
        (expit, lambda z: 1 / (1 + mpmath.exp(-z))),
        (lambda z: np.logaddexp(0, z), lambda z: mpmath.log1p(mpmath.exp(z)) if z < 700 else z),
        (lambda z: expit(z) * expit(-z), lambda z: 1 / (4 * mpmath.cosh(z / 2) ** 2)),
    ):
        breaks = sorted({-12.0, -centre / scale, 12.0}) if scale > 1.5 else [-12.0, 0.0, 12.0]
        if scale > 1.5:
            breaks = sorted(
                {*breaks, *(-centre / scale + step / scale for step in (-40, -8, 8, 40))}
            )
            breaks = [point for point in breaks if -12 <= point <= 12]
        expected = mpmath.quad(
            lambda t, exact=exact: exact(centre + scale * t) * mpmath.npdf(t), breaks
        )
        scale_of_terms = 1 + abs(centre) + scale
        found = gaussian_expectation(function, centre, scale)
        assert float(abs(found - expected)) <= SUMMED * scale_of_terms


@pytest.mark.parametrize("separability", [0.05, 0.4, 4.0])
def test_what_is_not_the_minimiser_has_a_long_newton_step(separability):
    pair = reference_pair(separability)
    loss = predicted.erm_expected_loss(pair)
    bayes = pair.bayes_direction
    rounding = (
        SUMMED * pair.dim * CONDITION * (1 + pair.effective_separability)
    )  # through the inverse Hessian
    assert predicted.relative_newton_step(loss, predicted.erm_minimiser(pair)) <= rounding
    for wrong in (separability * bayes, 2 * separability * pair.mean, 2 * bayes):
        assert predicted.relative_newton_step(loss, wrong) > 0.1


@pytest.mark.parametrize("log_n", [np.log(2), 1.0, 7.3, 40.0, 240.0, 5000.0])
def test_the_finite_radius_leaves_one_point_beyond(log_n):
    pair = reference_pair(20.0)
    radius = predicted.finite_sample_radius(pair, log_n=log_n)
    with mpmath.workdps(40):
        tail = mpmath.log(mpmath.ncdf(-mpmath.mpf(radius) * mpmath.sqrt(20)))
    # d log Q / d r is at most about the exponent twice over, relative to the radius.
    assert float(tail) == pytest.approx(-log_n, rel=128 * ROUNDING, abs=128 * ROUNDING)
    if log_n < 300:
        assert predicted.finite_sample_radius(pair, np.exp(log_n)) == pytest.approx(
            radius, rel=1e-12, abs=1e-12
        )
    direction = predicted.phase_direction(pair, radius**2 / 2)
    assert np.array_equal(predicted.erm_direction_at(pair, log_n=log_n), direction)


LAW = predicted.MixingLaw.atoms(np.array([0.2, 0.6, 0.9]), np.array([0.3, 0.5, 0.2]), np.sqrt)


def test_the_sampled_coefficient_is_the_variance_of_the_pull_on_a_point():
    """G_i adds up g r_ij + (1 - g) r_ji over partners: half of its own class, half of the other, no
    diagonal.
    """
    score = predicted.limit_scale(LAW)
    variance = 0.0
    for sign in (1, -1):
        for role in (LAW.input_weights, 1 - LAW.input_weights):
            first, second = (1, sign) if role is LAW.input_weights else (sign, 1)
            mixed = score * (LAW.input_weights * first + (1 - LAW.input_weights) * second)
            label = LAW.nodes * (first > 0) + (1 - LAW.nodes) * (second > 0)
            pull = role * (expit(mixed) - label)
            variance += 0.5 * (LAW.weights @ pull**2 - (LAW.weights @ pull) ** 2)
    pair = reference_pair(1.0)
    ratio = predicted.sampled_lambda_coefficient(pair, LAW) / predicted.imbalance_coefficient(
        pair, LAW
    )
    assert ratio == pytest.approx(variance / expit(-score) ** 2, rel=SUMMED * 64, abs=0)
    fixed = predicted.MixingLaw.atoms(np.array([0.3]), np.ones(1))
    rounding = (8 * ROUNDING) ** 2 * 1e6 * predicted.imbalance_coefficient(pair, fixed)
    assert predicted.sampled_lambda_coefficient(pair, fixed) <= rounding


@pytest.mark.parametrize("counts", [(4, 8), (7, 7)])
@pytest.mark.parametrize("noise", [0.01, 0.6])
def test_the_reduced_problem_is_solved(counts, noise):
    """Central differences of its objective: its third derivative times 1e-8 and its rounding over
    1e-4 are left.
    """
    rng = np.random.default_rng(11)
    labels = np.repeat([-1.0, 1.0], counts)
    features = labels[:, None] * rng.uniform(0.5, 1.5, 3) + noise * rng.normal(
        size=(len(labels), 3)
    )
    classes = [features[labels == label] for label in (-1, 1)]
    p = counts[1] / sum(counts)
    share = LAW.input_weights
    means, covariances = (
        np.stack([of(part) for part in classes])
        for of in (lambda x: x.mean(0), lambda x: np.cov(x.T))
    )
    half = lambda z: expit(z) * expit(-z) / 2  # noqa: E731

    def objective(w):
        (low, high), (a, b) = means @ w, covariances @ w @ w
        mixed = share * high + (1 - share) * low
        spread = share**2 * b + (1 - share) ** 2 * a
        both = LAW.weights @ (np.logaddexp(0, mixed) - LAW.nodes * mixed + half(mixed) * spread)
        first = np.logaddexp(0, low) + half(low) * LAW.second_moment * a
        second = np.logaddexp(0, -high) + half(high) * LAW.second_moment * b
        return p**2 * second + (1 - p) ** 2 * first + 2 * p * (1 - p) * both

    def slopes(at):
        return (
            np.array([objective(at + step) - objective(at - step) for step in 1e-4 * np.eye(3)])
            / 2e-4
        )

    weights = predicted.reduced_problem(means, covariances, p, LAW)
    assert (
        np.abs(slopes(weights)).max() <= 1e-8 * np.abs(means).max() ** 3 * 8 + 8 * ROUNDING / 1e-4
    )
    assert np.abs(slopes(1.1 * weights)).max() > 1e-4


seeds = st.integers(0, 2**32 - 1)


def soft_problem(seed, rows=20, dim=3):
    rng = np.random.default_rng(seed)
    return (
        2 * rng.normal(size=(rows, dim)),
        rng.uniform(0.05, 0.95, rows),
        rng.dirichlet(np.ones(rows)),
    )


@general
@given(seeds)
def test_duality_holds_everywhere(seed):
    rows, labels, masses = soft_problem(seed)
    rng = np.random.default_rng(seed + 1)
    weights, other = rng.normal(size=(2, 3))
    certificate = predicted.entropy_certificate(rows, labels, masses, weights)
    primal = lambda w: masses @ (np.logaddexp(0, rows @ w) - labels * (rows @ w))  # noqa: E731
    size = 1 + np.abs(rows).max() * 8
    assert certificate.primal == pytest.approx(primal(weights), abs=SUMMED * size)
    gradient = (masses * (expit(rows @ weights) - labels)) @ rows
    assert certificate.infeasibility == pytest.approx(np.linalg.norm(gradient), abs=SUMMED * size)
    assert certificate.gap == pytest.approx(gradient @ weights, abs=SUMMED * size)
    assert certificate.dual == pytest.approx(certificate.primal - certificate.gap, abs=4 * ROUNDING)
    assert (
        primal(other)
        >= certificate.dual - np.linalg.norm(other) * certificate.infeasibility - SUMMED * size
    )
    assert primal(other) >= masses @ (entr(labels) + entr(1 - labels)) - SUMMED * size
    doubled = predicted.entropy_certificate(rows, labels, 2 * masses, weights)
    assert doubled.primal == pytest.approx(2 * certificate.primal, rel=8 * ROUNDING, abs=0)
