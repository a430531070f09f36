"""The neighbouring papers: deep linear networks, stepwise learning, pretext tasks, contrastive bound, VICReg."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jepa_flow_by_hand import UNIT_ROUNDOFF, few, general

from theory import jepa_bias as predicted

seeds = st.integers(0, 2**32 - 1)
sizes = st.floats(0.3, 3)


# ---- deep linear networks


@few
@given(st.integers(2, 6), sizes, sizes, st.floats(0.01, 0.9), st.floats(0.05, 5))
def test_mae_is_a_deep_linear_network_of_one_more_layer(n_layers, covariance, variance, share, time):
    depth = n_layers - 1
    start = share * covariance / variance
    value = predicted.saxe_singular_value(time, start, n_layers, covariance, variance)
    settings = dict(objective="mae", clock="flow")
    encoder = value ** (depth / n_layers)
    # a = w^(L+1) turns one equation of motion into the other.
    chain = (
        n_layers
        / depth
        * value
        / encoder
        * predicted.velocity(encoder, depth, covariance, covariance / variance, **settings)
    )
    rate = n_layers * value ** (2 - 2 / n_layers) * (covariance - value * variance)
    scale = n_layers * value ** (2 - 2 / n_layers) * covariance
    assert abs(chain - rate) <= 200 * UNIT_ROUNDOFF * scale
    again = predicted.time_to_reach(
        encoder, start ** (depth / n_layers), depth, covariance, covariance / variance, **settings
    )
    # An error of the curve is one of time over its speed.
    assert abs(again - time) <= 300 * UNIT_ROUNDOFF * (time + 1 / covariance) * (
        1 + value * n_layers * covariance / rate
    )
    if n_layers == 2:
        logistic = predicted.saxe_two_layers(time, start, covariance, variance)
        assert value == pytest.approx(float(logistic), rel=200 * UNIT_ROUNDOFF * (1 + 2 * covariance * time))


def test_two_layers_by_hand():
    # lambda = sigma^2 = 1, a(0) = 1/2: a logistic curve of rate two through its middle.
    assert predicted.saxe_two_layers(np.log(3) / 2, 0.5, 1.0, 1.0) == pytest.approx(0.75, rel=1e-15)


# ---- stepwise learning


@general
@given(st.floats(1e-6, 0.5), st.floats(-1.5, 2), st.floats(0, 20))
def test_stepwise_curve_solves_its_flow(init, eigenvalue, time):
    value = float(predicted.stepwise_singular_value(time, init, eigenvalue))
    # s' = -4 (gamma s^2 - 1) gamma s is linear in s^(-2): s^(-2) - gamma decays at rate 8 gamma.
    decayed = (init**-2 - eigenvalue) * np.exp(-8 * eigenvalue * time)
    scale = init**-2 * (1 + np.exp(-8 * eigenvalue * time))
    assert abs(value**-2 - eigenvalue - decayed) <= 100 * UNIT_ROUNDOFF * (1 + 8 * abs(eigenvalue) * time) * scale


@general
@given(st.floats(1e-6, 0.5), st.floats(0.1, 2))
def test_stepwise_critical_time_is_near_the_middle(init, eigenvalue):
    tau = float(predicted.stepwise_critical_time(init, eigenvalue))
    value = predicted.stepwise_singular_value(tau, init, eigenvalue)
    start = init**2 * eigenvalue
    assert eigenvalue * value**2 == pytest.approx(1 / (2 - start), rel=100 * UNIT_ROUNDOFF * (1 - np.log(start)))
    late = float(predicted.stepwise_singular_value(1e6, init, eigenvalue))
    assert late == pytest.approx(eigenvalue**-0.5, rel=8 * UNIT_ROUNDOFF)
    assert tau == pytest.approx(-np.log(start) / 8 / eigenvalue, rel=8 * UNIT_ROUNDOFF)


def test_stepwise_loss_is_a_staircase():
    init, gamma = np.full(3, 1e-6), np.array([2.0, 1.0, 0.4])
    tau = predicted.stepwise_critical_time(init, gamma)
    assert predicted.stepwise_loss(0.0, init, gamma) == pytest.approx(3, rel=1e-11)
    for learned, between in enumerate(np.sqrt(tau[:-1] * tau[1:]), start=1):
        assert predicted.stepwise_loss(float(between), init, gamma) == pytest.approx(3 - learned, abs=0.05)
    assert predicted.stepwise_loss(1e3, init, gamma) <= 1e-25
    at_tau = predicted.stepwise_loss(float(tau[0]), init, gamma)
    assert at_tau == pytest.approx(2 + 0.25, abs=1e-3)
    assert predicted.stepwise_singular_value(3.0, 0.1, 0.0) == pytest.approx(0.1, rel=4 * UNIT_ROUNDOFF)
    assert predicted.stepwise_singular_value(1e3, 0.1, -1.0) == 0


def test_overlap_exponent():
    np.testing.assert_allclose(
        predicted.subspace_overlap_exponent(0.9, np.array([0.3, 0.6, 0.8, 0.9, -0.9])),
        [4 / 3, 2 / 3, 2 / 9, 0, 4],
        atol=1e-15,
    )


@few
@given(seeds)
def test_random_starts_miss_the_top_subspace_by_the_power(seed):
    # The flow from a tiny W is W e^(4 Gamma t) until the last wanted mode, gamma_d, is of order one.
    rng = np.random.default_rng(seed)
    gamma = np.array([1.4, 0.9, 0.6, 0.1])
    start = rng.normal(size=(2, 4))
    misses = []
    for scale in (1e-9, 1e-12):
        grown = start * np.exp(np.log(1 / scale) * gamma / gamma[1]) * scale
        rows = np.linalg.qr(grown.T)[0]
        misses.append(1 - np.sum(rows[:2] ** 2, axis=1).min())
    slope = np.log(misses[0] / misses[1]) / np.log(1000)
    assert slope == pytest.approx(float(predicted.subspace_overlap_exponent(0.9, 0.6)), abs=0.02)


# ---- predicting what you already know


def jointly_gaussian(rng, dependent):
    """Covariances of (X_1, X_2, Y) from X_1 = A Y + n_1, X_2 = B Y + C X_1 + n_2."""
    labels, inputs, targets = 2, 6, 5
    root = rng.normal(size=(labels, labels)) + 2 * np.eye(labels)
    A, B = rng.normal(size=(inputs, labels)), rng.normal(size=(targets, labels))
    C = rng.normal(size=(targets, inputs)) if dependent else np.zeros((targets, inputs))
    Sigma_YY = root @ root.T
    Sigma_11 = A @ Sigma_YY @ A.T + np.eye(inputs)
    Sigma_Y1 = Sigma_YY @ A.T
    Sigma_2Y = B @ Sigma_YY + C @ Sigma_Y1.T
    Sigma_21 = B @ Sigma_Y1 + C @ Sigma_11
    return Sigma_11, Sigma_21, Sigma_2Y, Sigma_YY, Sigma_Y1


@general
@given(seeds, st.booleans())
def test_label_is_linear_in_the_pretext_prediction(seed, dependent):
    Sigma_11, Sigma_21, Sigma_2Y, Sigma_YY, Sigma_Y1 = jointly_gaussian(np.random.default_rng(seed), dependent)
    pretext, label = Sigma_21 @ np.linalg.inv(Sigma_11), Sigma_Y1 @ np.linalg.inv(Sigma_11)
    error = predicted.pretext_to_label(Sigma_YY, Sigma_2Y) @ pretext - label
    computed = predicted.pretext_label_error(Sigma_11, Sigma_21, Sigma_2Y, Sigma_YY, Sigma_Y1)
    conditions = np.prod([np.linalg.cond(matrix) for matrix in (Sigma_11, Sigma_2Y, Sigma_YY)])
    scale = (1 + np.linalg.norm(pretext)) * np.linalg.norm(Sigma_YY) * (1 + np.linalg.norm(np.linalg.pinv(Sigma_2Y)))
    tolerance = 100 * UNIT_ROUNDOFF * conditions * scale * (1 + np.linalg.norm(Sigma_21))
    assert np.abs(error - computed).max() <= tolerance
    left_over = predicted.conditional_covariance(Sigma_21, Sigma_2Y, Sigma_YY, Sigma_Y1)
    if dependent:
        assert np.abs(left_over).max() > 0.1
        assert np.abs(computed).max() > 1e-4
    else:
        assert np.abs(left_over).max() <= tolerance
        assert np.abs(error).max() <= tolerance


# ---- contrastive bound


@st.composite
def finite_classes(draw):
    rng = np.random.default_rng(draw(seeds))
    classes, points, dim = 3, 5, 2
    return rng.normal(size=(points, dim)), rng.dirichlet(np.ones(points), classes), rng.dirichlet(np.full(classes, 3.0))


@general
@given(finite_classes(), st.sampled_from(["hinge", "logistic"]))
def test_contrastive_bound_by_brute_force(case, loss):
    features, conditionals, priors = case
    n_classes, n_points = conditionals.shape
    unsupervised, supervised, differing = 0.0, 0.0, 1 - np.sum(priors**2)
    means = conditionals @ features
    for c in range(n_classes):
        for d in range(n_classes):
            for x in range(n_points):
                if c != d:
                    margin = features[x] @ (means[c] - means[d])
                    value = max(0, 1 - margin) if loss == "hinge" else np.log2(1 + np.exp(-margin))
                    supervised += priors[c] * priors[d] / differing * conditionals[c, x] * value
                for y in range(n_points):
                    for z in range(n_points):
                        margin = features[x] @ (features[y] - features[z])
                        value = max(0, 1 - margin) if loss == "hinge" else np.log2(1 + np.exp(-margin))
                        weight = conditionals[c, x] * conditionals[c, y] * conditionals[d, z]
                        unsupervised += priors[c] * priors[d] * weight * value
    terms = 1000 * UNIT_ROUNDOFF * (1 + np.abs(features).max() ** 2 * 4)
    computed = predicted.contrastive_unsupervised_loss(features, conditionals, priors, loss)
    assert computed == pytest.approx(unsupervised, rel=terms)
    classified = predicted.mean_classifier_loss(features, conditionals, priors, loss)
    assert classified == pytest.approx(supervised, rel=terms)
    assert classified <= predicted.supervised_bound(computed, priors) + terms * (1 + abs(unsupervised))
    assert predicted.collision_probability(priors) == pytest.approx(1 - differing, rel=1e-12)
    # Features that know the class only: equality.
    disjoint = np.kron(np.eye(n_classes), np.full(2, 0.5))
    constant = np.repeat(features[:n_classes], 2, axis=0)
    bound = predicted.supervised_bound(
        predicted.contrastive_unsupervised_loss(constant, disjoint, priors, loss), priors
    )
    assert predicted.mean_classifier_loss(constant, disjoint, priors, loss) == pytest.approx(bound, rel=terms * 10)


def test_losses_are_one_at_zero():
    margins = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(predicted.contrastive_loss(margins, "hinge"), [2, 1, 0])
    np.testing.assert_allclose(
        predicted.contrastive_loss(margins, "logistic"), np.log2(1 + np.exp(-margins)), rtol=8 * UNIT_ROUNDOFF
    )


# ---- VICReg


def test_collapse_costs_what_is_published():
    assert predicted.vicreg_collapse_value() == pytest.approx(49.5, rel=4 * UNIT_ROUNDOFF)
    assert predicted.vicreg_collapse_value(halve_variance=True) == pytest.approx(24.75, rel=4 * UNIT_ROUNDOFF)
    assert predicted.vicreg_collapse_value(variance=2, target=0.5, epsilon=1) == 0
    constant = np.full((256, 8), 0.7)
    for halve in (False, True):
        value = predicted.vicreg_loss(constant, constant, halve_variance=halve)
        expected = predicted.vicreg_collapse_value(halve_variance=halve)
        assert value == pytest.approx(expected, rel=1e-12)
    weighted = predicted.vicreg_loss(constant, constant, variance=3, target=2, epsilon=0.25)
    assert (
        weighted == pytest.approx(predicted.vicreg_collapse_value(variance=3, target=2, epsilon=0.25), rel=1e-12) == 9
    )


@general
@given(seeds, st.integers(2, 6), st.integers(1, 4), st.booleans())
def test_vicreg_loss_by_loops(seed, n_samples, dim, halve):
    first, second = np.random.default_rng(seed).normal(size=(2, n_samples, dim))
    weights = dict(invariance=3.0, variance=2.0, covariance=0.5, target=1.2, epsilon=0.01)
    distance = sum(sum((first[n] - second[n]) ** 2) for n in range(n_samples)) / n_samples
    hinge, squares = 0.0, 0.0
    for batch in (first, second):
        centred = batch - batch.mean(axis=0)
        for i in range(dim):
            hinge += max(0, 1.2 - np.sqrt(centred[:, i] @ centred[:, i] / (n_samples - 1) + 0.01)) / dim
            for j in range(dim):
                if i != j:
                    squares += (centred[:, i] @ centred[:, j] / (n_samples - 1)) ** 2 / dim
    expected = 3 * distance + 2 * hinge / (2 if halve else 1) + 0.5 * squares
    computed = predicted.vicreg_loss(first, second, **weights, halve_variance=halve)
    assert computed == pytest.approx(expected, rel=1000 * UNIT_ROUNDOFF)
