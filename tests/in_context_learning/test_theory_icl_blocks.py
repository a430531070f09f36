"""GeLU and LayerNorm passes, LayerNorm division and hard attention to fifty digits, and the sizes of the stacks."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import UNIT_ROUNDOFF, general, rounding

from theory import in_context_learning as predicted

# Nothing so small that fifty digits are too few.
entries = st.lists(st.integers(-1280, 1280).map(lambda step: step / 256), min_size=1, max_size=12)
pads_exponent = st.floats(1, 8).map(lambda exponent: 10.0**exponent)


def layer_norm(rows):
    """LayerNorm without epsilon or gain, in mpmath's current precision."""
    mean = mpmath.fsum(rows) / len(rows)
    deviation = mpmath.sqrt(mpmath.fsum((row - mean) ** 2 for row in rows) / len(rows))
    return [(row - mean) / deviation for row in rows]


@general
@given(st.floats(-4, 4), st.floats(0, 40), st.sampled_from(["erf", "tanh"]))
def test_gelu_bypass(x, shift, form):
    found = predicted.gelu_bypass_error(np.array([x]), shift, form)[0]
    with mpmath.workdps(400):
        u = mpmath.mpf(shift + x)  # the sum as rounded: it is the argument of both
        if form == "erf":
            gate = mpmath.erf(u / mpmath.sqrt(2))
        else:
            gate = mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (u + mpmath.mpf("0.044715") * u**3))
        exact = float(u - u / 2 * (1 + gate))
        leaked = float(-u / 2 * (1 - gate))  # GeLU(-u)
    # The exponent of the tail carries a rounding of its own size: u^2 / 2, or 2 sqrt(2/pi) (u + .0447 u^3).
    exponent = 1 + u**2 + 0.1 * abs(u) ** 3
    assert found == pytest.approx(exact, rel=rounding(4, float(exponent)), abs=1e-300)
    assert found == pytest.approx(-leaked, rel=rounding(4, float(exponent)), abs=1e-300)


@pytest.mark.parametrize("pads", ["balanced", "paper"])
@given(values=entries, pad=pads_exponent)
@general
def test_layer_norm_bypass(pads, values, pad):
    x = np.array(values)
    row_sum, squared_norm = float(np.sum(x)), float(np.sum(x**2))
    factor = predicted.layer_norm_factor(pad, row_sum, squared_norm, pads)
    with mpmath.workdps(50):
        rows = [mpmath.mpf(value) for value in values]
        total, n = mpmath.fsum(rows), mpmath.mpf(pad)
        first, second = (n, -n - total) if pads == "paper" else (n - total / 2, -n - total / 2)
        normalised = layer_norm([first, second, *rows])
        gain = mpmath.sqrt(mpmath.mpf(2) / (len(rows) + 2)) * n
        largest = int(np.argmax(np.abs(x)))
        exact = float(gain * normalised[2 + largest] - rows[largest] * mpmath.mpf(factor))
    # f is a square root of sums of three terms; S and |x|^2 were rounded as they were added up.
    size = 1 + np.sum(np.abs(x)) / pad + np.sum(np.abs(x)) ** 2 / pad**2
    assert exact == pytest.approx(0, abs=rounding(4 * (1 + x.size), size * factor**3 * np.abs(x).max()))


@pytest.mark.parametrize("pads", ["balanced", "paper"])
@given(row_sum=st.floats(-5, 5), squared_norm=st.floats(0, 30))
@general
def test_leading_error_of_the_bypass(pads, row_sum, squared_norm):
    for pad in (1e3, 1e4):
        leading = predicted.layer_norm_leading_error(pad, row_sum, squared_norm, pads)
        left_out = predicted.layer_norm_factor(pad, row_sum, squared_norm, pads) - 1 - leading
        # (1 + e)^(-1/2) = 1 - e / 2 + O(3 e^2 / 8), and e holds terms of the next order with the paper's pads.
        if pads == "balanced":
            bound = (2 * leading) ** 2
        else:
            bound = (abs(row_sum) / pad) ** 2 + (row_sum**2 + squared_norm) / pad**2
        assert abs(left_out) <= bound + 4 * UNIT_ROUNDOFF


@given(values=entries, pad=pads_exponent, divisor=st.floats(0.1, 5), negative=st.booleans())
@general
def test_layer_norm_division(values, pad, divisor, negative):
    divisor = -divisor if negative else divisor
    x = np.array(values)
    factor = predicted.layer_norm_division_factor(pad, divisor, float(np.sum(x)), float(np.sum(x**2)))
    with mpmath.workdps(50):
        rows = [mpmath.mpf(value) for value in values]
        total, n, c = mpmath.fsum(rows), mpmath.mpf(pad), mpmath.mpf(divisor)
        normalised = layer_norm([n * c - total / 2, -n * c - total / 2, *rows])
        largest = int(np.argmax(np.abs(x)))
        gain = mpmath.sqrt(mpmath.mpf(2) / (len(rows) + 2)) * n
        exact = float(gain * normalised[2 + largest] - rows[largest] / abs(c) * mpmath.mpf(factor))
    size = 1 + np.sum(np.abs(x)) ** 2 / (pad * divisor) ** 2
    assert exact == pytest.approx(0, abs=rounding(4 * (1 + x.size), size * np.abs(x).max() / abs(divisor)))


@pytest.mark.parametrize("pads", ["balanced", "paper"])
def test_the_best_pad_minimises_the_total(pads):
    length, magnitude, row_sum, squared_norm, eps = 32, 2.5, 5.5, 30.0, 2.0**-52

    def total(pad):
        leading = abs(predicted.layer_norm_leading_error(pad, row_sum, squared_norm, pads)) * magnitude
        return leading + eps * pad / length

    best = predicted.best_pad(length, magnitude, row_sum, squared_norm, eps, pads)
    # At the minimum the slope in log N is zero; central differences lose h^2.
    slope = (total(best * np.exp(1e-4)) - total(best * np.exp(-1e-4))) / 2e-4 / total(best)
    assert slope == pytest.approx(0, abs=10 * 1e-8)
    assert total(best) < min(total(2 * best), total(best / 2))


@pytest.mark.parametrize("pads", ["balanced", "paper"])
def test_in_floating_point_the_best_pad_is_better_than_others(pads):
    rng = np.random.default_rng(0)
    medians = {factor: [] for factor in (0.01, 1, 100)}
    for _ in range(40):
        x = rng.uniform(0, 2, 30)  # of one sign, so that the sum is not small by accident
        row_sum, squared_norm = float(x.sum()), float(np.sum(x**2))
        best = predicted.best_pad(32, float(x.max()), row_sum, squared_norm, 2.0**-52, pads)
        for factor, errors in medians.items():
            n = factor * best
            ends = (n, -n - row_sum) if pads == "paper" else (n - row_sum / 2, -n - row_sum / 2)
            rows = np.append(ends, x)
            normalised = (rows - rows.mean()) / rows.std()
            errors.append(np.abs(np.sqrt(2 / 32) * n * normalised[2:] - x).max())
    assert np.median(medians[1]) < min(np.median(medians[0.01]), np.median(medians[100]))


@given(st.integers(1, 50), st.floats(0, 45))
@general
def test_hard_attention(position, sharpness):
    scores = np.zeros(position)
    scores[-1] = sharpness
    with mpmath.workdps(40):
        weights = [mpmath.exp(score) for score in scores]
        missed = float(mpmath.fsum(weights[:-1]) / mpmath.fsum(weights))
    found = predicted.hard_attention_error(position, sharpness)
    # The sharpness is rounded in the exponent.
    assert found == pytest.approx(missed, rel=rounding(4, 1 + sharpness), abs=0)
    assert found <= (position - 1) * np.exp(-sharpness) * (1 + rounding(4, 1 + sharpness))


@pytest.mark.parametrize("d", [1, 2, 4, 8])
def test_sizes_of_the_constructions(d):
    one, two = predicted.theorem_one_counts(d), predicted.theorem_two_counts(d)
    # y and x; then what each written chain of the proofs adds, row by row.
    rows_one = sum([1, d, 1, 1, d, d, d])
    rows_two = sum([1, d, d, d**2, d, d, d**2, 1, d**2, d, 1])
    assert one[:2] == (9, rows_one)
    assert two[:2] == (14, rows_two)
    assert one.hidden_width == rows_one + d + 2 + 3 + 1
    assert two.hidden_width == rows_two + d**2 + 2 + 3 + 1
    for n in (1, 2, 5):
        sgd, ridge = predicted.sgd_stack_counts(d, n), predicted.ridge_stack_counts(d, n)
        # Per example: mov x, (mov w), w^T x, residual, product, + lambda w, step, mov w; and the last dot product.
        assert sgd.layers == sum(7 if example == 0 else 8 for example in range(n)) + 1
        # I / lambda; per example mov, u, outer, x^T u, + 1, clear, div, subtract, x y, add, mov; A^-1 b and the answer.
        assert ridge.layers == 1 + 11 * n + 2
        assert sgd.register_rows == rows_one
        assert ridge.register_rows == rows_two
        assert sgd.hidden_width == rows_one + d + 2 + (2 * n + 1) + 1
        moved = d**2 + d + (d if n > 1 else 0)
        assert ridge.hidden_width == rows_two + moved + 2 + (2 * n + 1) + 1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.gelu_bypass_error(np.array([np.nan]), 5.0), "x must be finite"),
        (lambda: predicted.gelu_bypass_error(np.ones(1), 5.0, "relu"), "form must be one of"),
        (lambda: predicted.layer_norm_factor(1.0, np.nan, 1.0), "row_sum must be finite"),
        (lambda: predicted.layer_norm_factor(1.0, 1.0, 1.0, "bare"), "pads must be one of .* got 'bare'"),
        (lambda: predicted.layer_norm_leading_error(1.0, 1.0, 1.0, "bare"), "pads must be one of"),
        (lambda: predicted.best_pad(8, 1.0, 0.0, 1.0, 1e-16, "paper"), "must give a leading error, got 0"),
        (lambda: predicted.hard_attention_error(0, 5.0), "position must be at least 1, got 0"),
        (lambda: predicted.theorem_one_counts(0), "d must be at least 1, got 0"),
        (lambda: predicted.theorem_two_counts(0), "d must be at least 1, got 0"),
        (lambda: predicted.sgd_stack_counts(1, 0), "n must be at least 1, got 0"),
        (lambda: predicted.ridge_stack_counts(0, 1), "d must be at least 1, got 0"),
        (lambda: predicted.ridge_stack_counts(1, 0), "n must be at least 1, got 0"),
    ],
)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
