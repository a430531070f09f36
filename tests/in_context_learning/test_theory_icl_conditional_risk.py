"""Risks given the inputs: exact quadrature over weights and noise, Pythagoras, and the optimum for every single X."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import (
    UNIT_ROUNDOFF,
    dimensions,
    example_counts,
    general,
    normal_nodes,
    prompt,
    regularisers,
    rounding,
    seeds,
    stds,
)

from theory import in_context_learning as predicted


def spectrum(X):
    return np.linalg.svd(X, compute_uv=False) ** 2


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("k", [0, 1, 2, 4])
def test_risks_by_quadrature(d, k):
    # Quadratic in weights and noise: two nodes each are exact.
    X, other, query = prompt(11, d, k)
    weight_std, noise_std = 1.5, 0.7
    rule, second = predicted.ridge_rule(X, 0.4), 0.1 * X.T
    nodes, mass = normal_nodes(d + k, 2)
    w, noise = weight_std * nodes[:, :d], noise_std * nodes[:, d:]
    Y = w @ X.T + noise
    tolerance = {"rel": rounding(16 * (1 + k) * d, 1 + np.sum(X**2))}
    stated = (weight_std, noise_std)
    direct = mass @ np.sum((Y @ rule.T - w) ** 2, axis=1)
    assert predicted.linear_rule_risk(rule, X, *stated) == pytest.approx(direct, **tolerance)
    direct = mass @ np.sum((Y @ (rule - second).T) ** 2, axis=1)
    assert predicted.linear_rule_spd(rule, second, X, *stated) == pytest.approx(direct, **tolerance)
    direct = mass @ (Y @ other - w @ query) ** 2
    assert predicted.prediction_risk(other, X, query, *stated) == pytest.approx(direct, **tolerance)
    direct = mass @ (Y @ (other - rule.T @ query)) ** 2
    assert predicted.prediction_spd(other, rule.T @ query, X, *stated) == pytest.approx(direct, **tolerance)


@general
@given(seeds, dimensions, example_counts, stds, stds)
def test_pythagoras(seed, d, k, weight_std, noise_std):
    X, other, query = prompt(seed, d, k)
    stated = (weight_std, noise_std)
    best = predicted.bayes_rule(X, noise_std=noise_std, weight_std=weight_std)
    # Ratios sigma^2 / tau^2 are at least 1 / 900, the condition of what the best rule inverts.
    condition = 1 + 900 * np.sum(X**2)
    least_risk = predicted.bayes_prediction_risk(X, query, *stated)
    rules = {
        "zero": np.zeros(k),
        "random": other,
        "ridge": predicted.ridge_rule(X, 0.5).T @ query,
        "gradient step": 0.04 * X @ query,
        "neighbours": predicted.nearest_neighbour_weights(X, query, weighted=True),
        "least squares": predicted.ridge_rule(X, 0).T @ query,
    }
    for label_weights in rules.values():
        risk = predicted.prediction_risk(label_weights, X, query, *stated)
        excess = predicted.prediction_spd(label_weights, best.T @ query, X, *stated)
        size = rounding(16 * (1 + k) * d, (risk + weight_std**2 * query @ query) * condition)
        assert risk - least_risk == pytest.approx(excess, abs=size)
        assert excess >= 0
    matrix = np.outer(query, other) / (1 + d)
    risk = predicted.linear_rule_risk(matrix, X, *stated)
    excess = predicted.linear_rule_spd(matrix, best, X, *stated)
    size = rounding(16 * (1 + k) * d, (risk + d * weight_std**2) * condition)
    assert risk - predicted.bayes_risk_given_inputs(X, *stated) == pytest.approx(excess, abs=size)


@general
@given(seeds, dimensions, example_counts, stds, stds, st.floats(0, 3))
def test_ridge_by_its_spectrum(seed, d, k, weight_std, noise_std, regulariser):
    X, _, _ = prompt(seed, d, k)
    stated = (weight_std, noise_std)
    seen = spectrum(X)
    ratio = noise_std**2 / weight_std**2
    # The spectrum is known to u |X|^2, that is to u condition relative to the least eigenvalue.
    condition = (1 + np.sum(X**2) / (seen.min() + regulariser)) ** 2 if k else 1.0
    tolerance = rounding(16 * (1 + k) * d, condition)
    risk = predicted.ridge_risk(regulariser, seen, d, *stated)
    rule = predicted.ridge_rule(X, regulariser)
    assert risk == pytest.approx(predicted.linear_rule_risk(rule, X, *stated), rel=tolerance)
    least = predicted.bayes_risk_given_inputs(X, *stated)
    assert predicted.ridge_risk(ratio, seen, d, *stated) == pytest.approx(least, rel=rounding(16 * d, 1))
    excess = predicted.spd_to_bayes(regulariser, seen, *stated)
    assert risk - least == pytest.approx(excess, abs=tolerance * risk)
    best = predicted.bayes_rule(X, noise_std=noise_std, weight_std=weight_std)
    assert excess == pytest.approx(predicted.linear_rule_spd(rule, best, X, *stated), abs=tolerance * risk)
    # The eigenvalues may be listed with the zeros or without them.
    padded = np.append(seen, np.zeros(d - seen.size))
    assert predicted.ridge_risk(regulariser, padded, d, *stated) == risk
    assert predicted.spd_to_bayes(regulariser, padded, *stated) == excess
    assert predicted.bayes_risk_given_inputs(X, *stated) == pytest.approx(
        noise_std**2 * np.sum(1 / (padded + ratio)), rel=rounding(16 * d, 1)
    )


@general
@given(seeds, dimensions, st.integers(1, 8), stds, stds, regularisers)
def test_the_slope_changes_sign_at_the_ratio_only(seed, d, k, weight_std, noise_std, regulariser):
    X, _, _ = prompt(seed, d, k)
    seen, stated = spectrum(X), (weight_std, noise_std)
    ratio = noise_std**2 / weight_std**2
    slope = predicted.ridge_risk_slope(regulariser, seen, *stated)
    assert np.sign(slope) == np.sign(regulariser - ratio)
    below, above = (predicted.ridge_risk_slope(factor * ratio, seen, *stated) for factor in (0.5, 2))
    assert below < 0 < above
    # Fundamental theorem: the slope, a smooth function, integrates to the difference of the risk.
    nodes, weights = np.polynomial.legendre.leggauss(40)
    log_scale = np.log(3) * nodes
    at = regulariser * np.exp(log_scale)
    integral = np.log(3) * sum(
        weight * lam * predicted.ridge_risk_slope(float(lam), seen, *stated)
        for weight, lam in zip(weights, at, strict=True)
    )
    ends = [predicted.ridge_risk(factor * regulariser, seen, d, *stated) for factor in (1 / 3, 3)]
    # In log lambda the nearest pole is pi away from an interval of half length log 3: 40 nodes leave (5.9)^-80.
    size = rounding(64 * (1 + k) * d, max(ends) + noise_std**2 / regulariser * d)
    assert ends[1] - ends[0] == pytest.approx(integral, abs=size)


@given(seeds, dimensions, example_counts, stds)
@general
def test_without_noise_only_the_unseen_is_unknown(seed, d, k, weight_std):
    X, _, query = prompt(seed, d, k)
    unseen = weight_std**2 * max(d - k, 0)
    assert predicted.bayes_risk_given_inputs(X, weight_std) == pytest.approx(unseen, abs=rounding(d, weight_std**2))
    rule = predicted.ridge_rule(X, 0)
    inside = rule @ X @ query
    condition = np.linalg.cond(X) ** 2 if X.size else 1.0
    size = rounding(16 * (1 + k) * d, weight_std**2 * query @ query * condition)
    outside = weight_std**2 * np.sum((query - inside) ** 2)
    assert predicted.bayes_prediction_risk(X, query, weight_std) == pytest.approx(outside, abs=size)
    assert predicted.linear_rule_risk(rule, X, weight_std) == pytest.approx(unseen, abs=size * d)
    assert predicted.spd_to_bayes(0, spectrum(X), weight_std) == 0
    # Every rule that stays in the row space of X differs from least squares by its risk less the unseen.
    step = 0.1 * X.T
    excess = predicted.linear_rule_risk(step, X, weight_std) - unseen
    size = rounding(16 * (1 + k) * d, weight_std**2 * d * (1 + np.sum(X**2)) ** 2 * condition)
    assert predicted.linear_rule_spd(step, rule, X, weight_std) == pytest.approx(excess, abs=size)


def test_degenerate_risks():
    X, label_weights, query = prompt(2, 3, 5)
    seen = spectrum(X)
    assert predicted.bayes_risk_given_inputs(X, 0.0, 1.0) == predicted.bayes_prediction_risk(X, query, 0.0, 1.0) == 0
    assert predicted.bayes_risk_given_inputs(X, 0.0, 0.0) == predicted.spd_to_bayes(0.3, seen, 0.0, 0.0) == 0
    # All data known to be noise: the Bayes predictor is zero.
    noise_only = predicted.ridge_risk(0.3, seen, 3, 0.0, 2.0)
    assert predicted.spd_to_bayes(0.3, seen, 0.0, 2.0) == pytest.approx(noise_only, rel=rounding(16, 1))
    # Minimum norm leaves a direction that was never seen at its prior variance.
    assert predicted.ridge_risk(0.0, np.array([4.0]), 3, 2.0, 1.0) == 8.25
    assert predicted.ridge_risk(0.0, np.array([4.0, 0.0]), 3, 2.0, 1.0) == 8.25
    # Repeated examples are one direction.
    repeated = np.ones((4, 2))
    assert predicted.bayes_risk_given_inputs(repeated, 1.0) == pytest.approx(1, abs=8 * UNIT_ROUNDOFF)
    assert predicted.linear_rule_spd(predicted.ridge_rule(X, 1), predicted.ridge_rule(X, 1), X, 1.0, 1.0) == 0
    assert predicted.prediction_spd(label_weights, label_weights, X, 1.0, 1.0) == 0


def test_the_paper_s_setting_is_the_default():
    X, label_weights, query = prompt(4, 3, 5)
    rule, seen = 0.1 * X.T, spectrum(X)
    calls = [
        (predicted.linear_rule_risk, rule, X),
        (predicted.linear_rule_spd, rule, 2 * rule, X),
        (predicted.prediction_risk, label_weights, X, query),
        (predicted.prediction_spd, label_weights, 0 * label_weights, X),
        (predicted.bayes_prediction_risk, X[:2], query),
        (predicted.bayes_risk_given_inputs, X[:2]),
        (predicted.ridge_risk, 0.3, seen, 3),
        (predicted.ridge_risk_slope, 0.3, seen),
        (predicted.spd_to_bayes, 0.3, seen),
    ]
    for risk, *arguments in calls:
        assert risk(*arguments) == risk(*arguments, 1.0, 0.0) > 0


X2, ONE = np.ones((1, 2)), np.ones(1)
RULE = np.ones((2, 1))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.linear_rule_risk(RULE * np.nan, X2), "rule_matrix must be finite"),
        (lambda: predicted.linear_rule_risk(RULE, X2 * np.inf), "X must be finite"),
        (lambda: predicted.linear_rule_spd(RULE, RULE * np.inf, X2), "second must be finite"),
        (lambda: predicted.linear_rule_spd(RULE * np.inf, RULE, X2), "first must be finite"),
        (lambda: predicted.prediction_risk(ONE, X2, X2[0] * np.nan), "query must be finite"),
        (lambda: predicted.prediction_spd(ONE * np.nan, ONE, X2), "first must be finite"),
        (lambda: predicted.prediction_spd(ONE, ONE * np.nan, X2), "second must be finite"),
        (lambda: predicted.bayes_prediction_risk(X2, X2[0], 1.0, -1.0), "noise_std must be"),
        (lambda: predicted.bayes_risk_given_inputs(X2 * np.nan), "X must be finite"),
        (lambda: predicted.bayes_risk_given_inputs(X2, np.inf), "weight_std must be"),
        (lambda: predicted.ridge_risk(0.1, -ONE, 2), "eigenvalues must be non-negative"),
        (lambda: predicted.ridge_risk(0.1, ONE * np.nan, 2), "eigenvalues must be finite"),
        (lambda: predicted.ridge_risk(0.1, np.ones(0), 0), "dimension must be at least 1, got 0"),
        (lambda: predicted.ridge_risk_slope(0.1, -ONE), "eigenvalues must be non-negative"),
        (lambda: predicted.ridge_risk_slope(np.nan, ONE), "regulariser must be"),
        (lambda: predicted.spd_to_bayes(0.1, ONE, -1.0), "weight_std must be"),
    ],
)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
