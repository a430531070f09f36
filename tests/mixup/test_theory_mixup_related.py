"""Identities from neighbouring papers, over all pairs by brute force, and the entropy dual."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc, entr, expit
from theory_instances import ROUNDING, general

from theory.mixup import (
    MixingLaw,
    carratino_covariance,
    carratino_moments,
    carratino_points,
    entropy_certificate,
    intrusion_gap,
    label_entropy_floor,
    soft_label_cross_entropy,
    squared_loss_mixing_gap,
    zhang_expansion_terms,
    zhang_mixing_law,
)

SUMMED = 4096 * ROUNDING
seeds = st.integers(0, 2**32 - 1)
shapes = st.floats(0.2, 8)


@general
@given(seeds, st.floats(0, 1), st.integers(2, 5))
def test_the_loss_at_a_mixed_label_is_the_mixture_of_losses(seed, weight, classes):
    rng = np.random.default_rng(seed)
    logits, (first, second) = rng.normal(0, 5, (7, classes)), rng.dirichlet(np.ones(classes), (2, 7))
    mixed = soft_label_cross_entropy(logits, weight * first + (1 - weight) * second)
    mixture = weight * soft_label_cross_entropy(logits, first) + (1 - weight) * soft_label_cross_entropy(logits, second)
    assert mixed == pytest.approx(mixture, abs=64 * classes * ROUNDING * (1 + np.abs(logits).max()))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert mixture == pytest.approx(
        -np.sum((weight * first + (1 - weight) * second) * np.log(shares), axis=1),
        abs=64 * classes * ROUNDING * (1 + np.abs(logits).max()),
    )
    own, other, prediction = rng.normal(size=3)
    lack = weight * (own - prediction) ** 2 + (1 - weight) * (other - prediction) ** 2
    lack -= (weight * own + (1 - weight) * other - prediction) ** 2
    assert squared_loss_mixing_gap(weight, own, other) == pytest.approx(lack, abs=256 * ROUNDING)


def test_a_label_may_be_off_by_rounding_alone():
    assert soft_label_cross_entropy(np.zeros(4), np.array([0.0, 1.0, 0.0, 0.0])) == pytest.approx(np.log(4))
    assert soft_label_cross_entropy(np.zeros(2), np.array([0.5, 0.5 + 5e-10])) == pytest.approx(np.log(2))


@general
@given(shapes, shapes, seeds)
def test_the_hard_label_law_reproduces_mixup_for_any_function(alpha, beta, seed):
    rng = np.random.default_rng(seed)
    points, labels = rng.normal(size=(5, 2)), rng.integers(0, 2, 5).astype(float)
    function = lambda x: x[..., 0] * x[..., 1] ** 2 - 0.7 * x[..., 1] + 0.2  # noqa: E731

    def over_pairs(law, keeps_its_label):
        total = 0.0
        for node, weight in zip(law.nodes, law.weights, strict=True):
            value = function(node * points[:, None] + (1 - node) * points)
            mixed = labels[:, None] if keeps_its_label else node * labels[:, None] + (1 - node) * labels
            total += weight * np.mean(
                value**2 - mixed * value
            )  # any convex h will do: a polynomial is integrated exactly
        return total

    law = zhang_mixing_law(alpha, beta)
    assert law.nodes.size == 64
    scale = 1 + np.abs(points).max() ** 6
    soft = over_pairs(MixingLaw.beta(alpha, beta=beta), False)
    assert over_pairs(law, True) == pytest.approx(soft, abs=32 * SUMMED * scale)
    mean = (alpha * (alpha + 1) + beta * (beta + 1)) / (alpha + beta) / (alpha + beta + 1)
    assert law.mean(law.nodes) == pytest.approx(mean, rel=16 * SUMMED, abs=0)
    twice = zhang_mixing_law(alpha, alpha, 8)
    assert twice.nodes.size == 16
    assert twice.mean(1 - twice.nodes) == pytest.approx(alpha / (2 * alpha + 1), rel=16 * SUMMED, abs=0)
    assert twice.mean((1 - twice.nodes) ** 2) == pytest.approx(alpha / (4 * alpha + 2), rel=16 * SUMMED, abs=0)


@general
@given(seeds, st.floats(0.3, 4))
def test_the_expansion_leaves_third_order_and_no_less_without_its_second_term(seed, alpha):
    rng = np.random.default_rng(seed)
    base, spread, weights = rng.normal(size=2), rng.normal(size=(6, 2)), np.array([1.0, -0.5])
    labels = rng.integers(0, 2, 6).astype(float)
    law = MixingLaw.beta(alpha, 16)
    sizes = 2.0 ** -np.arange(1, 7)
    remainders, without = [], []
    for size in sizes:
        features = base + size * spread
        mixed_loss = 0.0
        for node, weight in zip(law.nodes, law.weights, strict=True):
            scores = (node * features[:, None] + (1 - node) * features) @ weights
            mixed = node * labels[:, None] + (1 - node) * labels
            mixed_loss += weight * np.mean(np.logaddexp(0, scores) - mixed * scores)
        terms = zhang_expansion_terms(weights, features, labels, alpha)
        remainders.append(mixed_loss - sum(terms))
        without.append(mixed_loss - terms.standard - terms.first)
    # A bound of the fourth order: the third derivative of the softplus is below 1/10, its fourth below 1/8.
    scores = spread @ weights
    assert np.all(np.abs(remainders) <= sizes**3 * (np.abs(scores[:, None] - scores).max() ** 3) / 60 + SUMMED)
    second = terms.second / sizes[-1] ** 2
    assert without[-1] / sizes[-1] ** 2 == pytest.approx(second, abs=np.ptp(scores) ** 3 / 60 * sizes[-1] + 1e-9)
    assert terms.second > 0
    logits = np.stack([np.zeros(6), features @ weights], axis=1)
    plain = np.mean(soft_label_cross_entropy(logits, np.stack([1 - labels, labels], axis=1)))
    assert terms.standard == pytest.approx(plain, rel=SUMMED, abs=0)


@general
@given(st.floats(0.05, 20))
def test_the_folded_moments_are_those_of_the_larger_share(alpha):
    moments = carratino_moments(alpha)
    # E max(lambda, 1 - lambda) = 2 E[lambda; lambda > 1/2] = P(Beta(alpha + 1, alpha) > 1/2).
    assert moments.mean == pytest.approx(1 - betainc(alpha + 1, alpha, 0.5), rel=SUMMED, abs=0)
    # theta^2 + (1 - theta)^2 = lambda^2 + (1 - lambda)^2, so both second moments follow from the mean.
    second = moments.mean - alpha / (2 * alpha + 1) / 2
    assert moments.variance == pytest.approx(second - moments.mean**2, abs=16 * ROUNDING)
    assert moments.partner == pytest.approx(1 - 2 * moments.mean + second, abs=16 * ROUNDING)
    assert 0.5 < moments.mean < 1


def test_the_folded_moments_at_one_value_and_without_mixing():
    moments = carratino_moments(0.6)
    assert moments.mean == pytest.approx(0.800354, abs=6e-7)
    assert moments.variance == pytest.approx(0.0234237, abs=6e-8)
    assert carratino_moments(1.0) == pytest.approx((3 / 4, 1 / 48, 1 / 12), rel=32 * ROUNDING, abs=0)
    assert carratino_moments(1e-9) == pytest.approx((1, 0, 0), abs=1e-8)


@general
@given(seeds, st.sampled_from([1, 2, 3]))
def test_mixup_perturbs_shrunk_points_with_mean_zero_and_its_covariance(seed, alpha):
    """theta has a polynomial density on [1/2, 1], which a Gauss-Legendre rule integrates exactly."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(6, 3)) + 1
    abscissas, weights = np.polynomial.legendre.leggauss(8)
    thetas = (3 + abscissas) / 4
    weights = weights * (thetas * (1 - thetas)) ** (alpha - 1)
    weights = weights / weights.sum()
    mixed = thetas[:, None, None, None] * points[:, None] + (1 - thetas[:, None, None, None]) * points
    perturbation = mixed - carratino_points(points, alpha)[:, None]
    size = 1 + np.abs(points).max() ** 2
    assert np.tensordot(weights, perturbation, 1).mean(axis=1) == pytest.approx(0, abs=SUMMED * size)
    squares = np.einsum("t,tijk,tijl->ikl", weights, perturbation, perturbation) / 6
    assert carratino_covariance(points, alpha) == pytest.approx(squares, abs=SUMMED * size)


LINE, LINE_LABELS, HALVES = np.array([[0.0], [1.0], [0.5]]), np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.5, 1.0])


def test_three_points_on_a_line_intrude():
    """Counted by hand over 27 triples: 1/2 is met 9 times with label sum 7, 1/4 and 3/4 4 times with label 1/2."""
    tally = {0.0: [], 0.25: [], 0.5: [], 0.75: [], 1.0: []}
    for share in HALVES:
        for first, first_label in zip(LINE[:, 0], LINE_LABELS, strict=True):
            for second, second_label in zip(LINE[:, 0], LINE_LABELS, strict=True):
                tally[share * first + (1 - share) * second].append(share * first_label + (1 - share) * second_label)
    binary = lambda p: entr(p) + entr(1 - p)  # noqa: E731
    least = sum(len(labels) * binary(np.mean(labels)) for labels in tally.values()) / 27
    floor = sum(binary(label) for labels in tally.values() for label in labels) / 27
    assert least == pytest.approx(0.279257, abs=6e-7)
    assert floor == pytest.approx(0.102688, abs=6e-7)
    assert label_entropy_floor(LINE_LABELS, HALVES) == pytest.approx(floor, rel=SUMMED, abs=0)
    assert intrusion_gap(LINE, LINE_LABELS, HALVES) == pytest.approx(least - floor, rel=SUMMED, abs=0)
    assert intrusion_gap(LINE, LINE_LABELS, np.array([0.0, 1.0])) == 0
    apart = np.array([[0.0, 0.1], [1.0, 0.3], [0.5, 0.9]])
    assert intrusion_gap(apart, LINE_LABELS, np.array([0.25, 0.5, 0.8])) == 0
    # 0.1 + 0.2 is not 0.3 in floats, and exact arithmetic does not mistake one for the other.
    assert intrusion_gap(np.array([[0.0], [0.6], [0.3]]), LINE_LABELS, np.array([0.5])) > 0
    assert intrusion_gap(np.array([[0.0], [0.6], [0.1 + 0.2]]), LINE_LABELS, np.array([0.5])) == 0


@general
@given(seeds)
def test_the_gap_is_never_negative_and_the_floor_is_that_of_the_labels(seed):
    rng = np.random.default_rng(seed)
    points, labels = rng.integers(-2, 3, (4, 2)).astype(float), rng.integers(0, 2, 4).astype(float)
    lambdas = rng.integers(0, 5, 3) / 4
    assert intrusion_gap(points, labels, lambdas) >= 0
    floor = label_entropy_floor(labels, lambdas)
    assert 0 <= floor <= np.log(2)
    share = np.mean(labels)
    expected = 2 * share * (1 - share) * np.mean(entr(lambdas) + entr(1 - lambdas))
    assert floor == pytest.approx(expected, abs=SUMMED)


def soft_problem(seed, rows=20, dim=3):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(rows, dim)), rng.uniform(0.05, 0.95, rows), rng.dirichlet(np.ones(rows))


@general
@given(seeds)
def test_duality_holds_everywhere_and_is_tight_at_the_minimiser(seed):
    rows, labels, masses = soft_problem(seed)
    rng = np.random.default_rng(seed + 1)
    weights, other = rng.normal(size=(2, 3))
    found = entropy_certificate(rows, labels, masses, weights)
    primal = lambda w: masses @ (np.logaddexp(0, rows @ w) - labels * (rows @ w))  # noqa: E731
    size = 1 + np.abs(rows).max() * 8
    assert found.primal == pytest.approx(primal(weights), abs=SUMMED * size)
    gradient = (masses * (expit(rows @ weights) - labels)) @ rows
    assert found.infeasibility == pytest.approx(np.linalg.norm(gradient), abs=SUMMED * size)
    assert found.gap == pytest.approx(gradient @ weights, abs=SUMMED * size)
    assert found.dual == pytest.approx(found.primal - found.gap, abs=4 * ROUNDING)
    assert primal(other) >= found.dual - np.linalg.norm(other) * found.infeasibility - SUMMED * size
    assert primal(other) >= masses @ (entr(labels) + entr(1 - labels)) - SUMMED * size
    for _ in range(60):
        predicted = expit(rows @ weights)
        curvature = (rows.T * (masses * predicted * (1 - predicted))) @ rows
        step = np.linalg.solve(curvature, (masses * (predicted - labels)) @ rows)
        weights = weights - step / (1 + np.linalg.norm(rows @ step, np.inf))
    at_minimum = entropy_certificate(rows, labels, masses, weights)
    assert abs(at_minimum.gap) <= SUMMED * size
    assert at_minimum.infeasibility <= SUMMED * size
    doubled = entropy_certificate(rows, labels, 2 * masses, weights)
    assert doubled.primal == pytest.approx(2 * at_minimum.primal, rel=8 * ROUNDING, abs=0)


def test_the_floor_is_attained_when_scores_are_free():
    _, labels, masses = soft_problem(3)
    rows = np.eye(20)
    weights = np.log(labels / (1 - labels))
    found = entropy_certificate(rows, labels, masses, weights)
    assert found.primal == pytest.approx(masses @ (entr(labels) + entr(1 - labels)), rel=SUMMED, abs=0)
    hard = entropy_certificate(np.array([[1.0]]), np.array([1.0]), np.array([1.0]), np.array([800.0]))
    assert hard == (0, 0, 0, 0)
