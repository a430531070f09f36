"""Exact expected risks of ridge regression and of the Bayes predictor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import UNIT_ROUNDOFF, general, regularisers, spectral_mean, stds

from theory import in_context_learning as predicted

dimensions = st.integers(1, 16)
example_counts = st.integers(0, 40)
PRECISION = 16 * 48 * UNIT_ROUNDOFF  # of `expected_spectral_sum` at up to 40 examples, relative to magnitudes


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (3, 4), (2, 5), (5, 3)])
def test_laws_against_the_joint_density(size):
    d, k = size
    weight_std, noise_std, regulariser = 1.5, 1.2, 0.9
    ratio = noise_std**2 / weight_std**2
    unseen = weight_std**2 * max(d - k, 0)

    def mean(function):
        return spectral_mean(function, d, k)

    close = {"rel": 1e3 * UNIT_ROUNDOFF}
    risk = mean(lambda s: ((weight_std * regulariser) ** 2 + noise_std**2 * s) / (s + regulariser) ** 2)
    assert predicted.ridge_expected_risk(regulariser, *size, weight_std, noise_std) == pytest.approx(
        unseen + risk, **close
    )
    best = mean(lambda s: 1 / (1 / weight_std**2 + s / noise_std**2))
    assert predicted.bayes_risk(*size, weight_std, noise_std) == pytest.approx(unseen + best, **close)
    shrunk = mean(lambda s: s * (weight_std**2 * s + noise_std**2) * (1 / (s + regulariser) - 1 / (s + ratio)) ** 2)
    assert predicted.spd_ridge_to_bayes(regulariser, *size, weight_std, noise_std) == pytest.approx(shrunk, **close)
    if abs(d - k) > 1:
        rest = mean(lambda s: s * (weight_std**2 * s + noise_std**2) * (1 / (s + regulariser) - 1 / s) ** 2)
        assert predicted.spd_ridge_to_ols(regulariser, *size, weight_std, noise_std) == pytest.approx(rest, **close)


@general
@given(dimensions, example_counts, regularisers, stds, stds)
def test_pythagoras_and_the_optimum(d, k, regulariser, weight_std, noise_std):
    risk = predicted.ridge_expected_risk(regulariser, d, k, weight_std, noise_std)
    best = predicted.bayes_risk(d, k, weight_std, noise_std)
    excess = predicted.spd_ridge_to_bayes(regulariser, d, k, weight_std, noise_std)
    assert risk - best == pytest.approx(excess, abs=PRECISION * risk)
    assert excess >= 0
    at_best = predicted.ridge_expected_risk(noise_std**2 / weight_std**2, d, k, weight_std, noise_std)
    assert at_best == pytest.approx(best, rel=PRECISION)


@general
@given(dimensions, example_counts, regularisers, stds)
def test_without_noise_all_is_relative_to_what_was_not_seen(d, k, regulariser, weight_std):
    unseen = weight_std**2 * max(d - k, 0)
    risk = predicted.ridge_expected_risk(regulariser, d, k, weight_std)
    to_ols = predicted.spd_ridge_to_ols(regulariser, d, k, weight_std)
    assert predicted.bayes_risk(d, k, weight_std) == pytest.approx(unseen, rel=4 * UNIT_ROUNDOFF)
    assert to_ols == pytest.approx(risk - unseen, abs=PRECISION * risk)
    assert predicted.spd_ridge_to_bayes(regulariser, d, k, weight_std) == pytest.approx(to_ols, rel=PRECISION)


@general
@given(dimensions, st.integers(1, 40), stds, stds)
def test_least_squares_is_the_end_of_the_ridge(d, k, weight_std, noise_std):
    risk = predicted.ridge_expected_risk(0.0, d, k, weight_std, noise_std)
    excess = predicted.spd_ridge_to_bayes(0.0, d, k, weight_std, noise_std)
    assert risk == predicted.ols_risk(d, k, weight_std, noise_std)
    assert predicted.spd_ridge_to_ols(0.0, d, k, weight_std, noise_std) == 0
    if abs(d - k) <= 1:
        assert risk == excess == predicted.spd_ridge_to_ols(0.3, d, k, weight_std, noise_std) == np.inf
        assert np.isfinite(predicted.ridge_expected_risk(1e-9, d, k, weight_std, noise_std))
    else:
        best = predicted.bayes_risk(d, k, weight_std, noise_std)
        assert risk - best == pytest.approx(excess, abs=PRECISION * risk)


@pytest.mark.parametrize("size", [(1, 8), (3, 10), (9, 2)])
@pytest.mark.parametrize("regulariser", [1e-2, 1e-4])
def test_least_squares_is_the_limit_of_the_ridge(size, regulariser):
    # (t^2 l^2 + v s) / (s + l)^2 = v/s - 2 l v / s^2 + r with 0 <= r <= l^2 (t^2 / s^2 + 3 v / s^3).
    weight_std, noise_std = 1.3, 0.7
    second, third = (predicted.expected_spectral_sum(lambda s, p=p: s**-p, *size) for p in (2.0, 3.0))
    least_squares = predicted.ols_risk(*size, weight_std, noise_std)
    straight = least_squares - 2 * regulariser * noise_std**2 * second
    remainder = predicted.ridge_expected_risk(regulariser, *size, weight_std, noise_std) - straight
    bound = regulariser**2 * (weight_std**2 * second + 3 * noise_std**2 * third)
    assert -PRECISION * least_squares <= remainder <= bound + PRECISION * least_squares


@general
@given(dimensions, st.integers(1, 39), stds, stds, st.floats(0.2, 5))
def test_more_examples_help_and_units_do_not_matter(d, k, weight_std, noise_std, unit):
    here = predicted.bayes_risk(d, k, weight_std, noise_std)
    assert predicted.bayes_risk(d, k + 1, weight_std, noise_std) < here < predicted.bayes_risk(d, 0, weight_std)
    in_units = predicted.bayes_risk(d, k, unit * weight_std, unit * noise_std)
    assert in_units == pytest.approx(unit**2 * here, rel=PRECISION)


def test_degenerate_laws():
    assert predicted.bayes_risk(3, 5, 0.0, 1.0) == 0
    assert predicted.bayes_risk(3, 0, 2.0, 1.0) == predicted.ridge_expected_risk(1.0, 3, 0, 2.0, 1.0) == 12
    assert predicted.spd_ridge_to_bayes(1.0, 3, 0, 2.0, 1.0) == predicted.spd_ridge_to_ols(1.0, 3, 0, 2.0, 1.0) == 0
    assert predicted.spd_ridge_to_bayes(0.25, 3, 5, 2.0, 1.0) == 0
    assert predicted.spd_ridge_to_bayes(0.0, 3, 3, 2.0, 0.0) == 0
    assert predicted.spd_ridge_to_bayes(1.0, 2, 3, 0.0, 0.0) == 0
    # Weights known to be zero: the Bayes predictor is zero, and ridge regression fits noise.
    noise_only = predicted.ridge_expected_risk(0.5, 3, 5, 0.0, 2.0)
    assert predicted.spd_ridge_to_bayes(0.5, 3, 5, 0.0, 2.0) == pytest.approx(noise_only, rel=PRECISION)


def test_the_paper_s_setting_is_the_default():
    assert predicted.bayes_risk(3, 2) == predicted.bayes_risk(3, 2, 1.0, 0.0) == 1
    assert predicted.mean_bayes_error(3, 3) == predicted.mean_bayes_error(3, 3, 1.0, 0.0) == 1.5
    for law in (predicted.ridge_expected_risk, predicted.spd_ridge_to_ols, predicted.spd_ridge_to_bayes):
        assert law(0.3, 3, 2) == law(0.3, 3, 2, 1.0, 0.0)


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ((1, 6, 1.0, 0.5), 0.445294),
        ((1, 6, 1.0, 1.0), 1.389858),
        ((1, 4, 1.0, 0.5), 0.519528),
        ((2, 6, 1.0, 0.5), 0.802275),
        ((2, 6, 1.0, 1.0), 1.895538),
    ],
)
def test_mean_error_of_a_perfectly_trained_model(setting, error):
    # Six decimals; those of d = 2 from the joint density at twenty digits.
    assert predicted.mean_bayes_error(*setting) == pytest.approx(error, abs=5e-7)
    d, n, weight_std, noise_std = setting
    risks = [predicted.bayes_risk(d, k, weight_std, noise_std) + noise_std**2 for k in range(1, n)]
    assert predicted.mean_bayes_error(*setting) == pytest.approx(np.mean(risks), rel=PRECISION)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.bayes_risk(2, 3, 1.0, np.inf), "noise_std must be finite and non-negative, got inf"),
        (lambda: predicted.bayes_risk(0, 3), "d must be at least 1, got 0"),
        (lambda: predicted.ridge_expected_risk(0.1, 2, 3, np.nan), "weight_std must be finite"),
        (lambda: predicted.spd_ridge_to_bayes(1.0, 0, 3), "d must be at least 1"),
    ],
)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
