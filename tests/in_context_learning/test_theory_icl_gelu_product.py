"""Products by GeLU: error series and curves to fifty digits, rounding against every operation, the best scale."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import UNIT_ROUNDOFF, general, rounding
from scipy.special import erf

from theory import in_context_learning as predicted

FORMS = ("erf", "tanh")
factors = st.integers(-512, 512).map(lambda step: step / 256)  # nothing so small that fifty digits are too few


def gelu(z, form):
    """GeLU in mpmath's current precision."""
    z = mpmath.mpf(z)
    if form == "erf":
        return z / 2 * (1 + mpmath.erf(z / mpmath.sqrt(2)))
    return z / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3)))


def product(x, y, scale, form):
    s = mpmath.mpf(scale)
    combined = gelu(s * (mpmath.mpf(x) + mpmath.mpf(y)), form) - gelu(s * x, form) - gelu(s * y, form)
    return mpmath.sqrt(mpmath.pi / 2) / s**2 * combined


def arrays(*values):
    return tuple(np.array([value], dtype=float) for value in values)


@pytest.mark.parametrize("form", FORMS)
def test_series_coefficients(form):
    with mpmath.workdps(50):
        series = mpmath.taylor(lambda z: mpmath.sqrt(mpmath.pi / 2) * gelu(z, form), 0, 8)
        assert predicted.FOURTH_ORDER[form] == pytest.approx(float(series[4]), rel=rounding(1, 1))
        assert predicted.SIXTH_ORDER[form] == pytest.approx(float(series[6]), rel=rounding(8, 1))
        assert abs(series[2] - 0.5) < mpmath.mpf(10) ** -20
        # Nothing of third order: the remainder of Lemma 4 is of fourth.
        assert max(abs(series[3]), abs(series[5]), abs(series[7])) < mpmath.mpf(10) ** -10


@general
@given(factors, factors, st.sampled_from(FORMS))
def test_leading_and_next_term(x, y, form):
    # The third term has 8th powers, at most |x y| 4^7 s^6, times -1/672 (erf) or -1/642 (tanh); the fourth is positive.
    with mpmath.workdps(60):
        for scale in (1e-2, 1e-3):
            exact = product(x, y, scale, form) - mpmath.mpf(x) * mpmath.mpf(y)
            leading = predicted.gelu_product_error(*arrays(x, y), scale, form)[0]
            next_term = predicted.gelu_product_next_term(*arrays(x, y), scale, form)[0]
            left_out = float(exact - mpmath.mpf(leading) - mpmath.mpf(next_term))
            size = rounding(8, abs(x * y) * (x**2 + y**2) * scale**2)
            assert abs(left_out) <= scale**6 * abs(x * y) * 4**7 / 640 + size
            if form == "erf" and scale * (abs(x) + abs(y)) <= 1:
                assert abs(float(exact - mpmath.mpf(leading))) <= abs(next_term) + size


@general
@given(factors, factors, st.sampled_from(FORMS))
def test_richardson(x, y, form):
    with mpmath.workdps(60):
        scale = 1e-2
        better = (4 * product(x, y, scale, form) - product(x, y, 2 * scale, form)) / 3
        exact = float(better - mpmath.mpf(x) * mpmath.mpf(y))
        leading = predicted.richardson_product_error(*arrays(x, y), scale, form)[0]
        # The next order is twenty times that of the plain product, (4 - 64) / 3.
        size = 20 * scale**6 * abs(x * y) * 4**7 / 640 + rounding(8, abs(x * y) * 4**4 * scale**4)
        assert abs(exact - leading) <= size


def test_power_sums_without_cancellation():
    x, y = np.array([1.0, 1.0, -2.0]), np.array([1.0, 1e-12, 2.0])
    for scale, form in ((0.5, "erf"), (2.0, "tanh")):
        fourth = predicted.FOURTH_ORDER[form] * scale**2 * np.array([14, 4e-12, -32])
        sixth = predicted.SIXTH_ORDER[form] * scale**4 * np.array([62, 6e-12, -128])
        close = {"rel": 1e-11, "abs": 0}  # the values for y = 1e-12 are those to first order in y
        assert predicted.gelu_product_error(x, y, scale, form) == pytest.approx(fourth, **close)
        assert predicted.gelu_product_next_term(x, y, scale, form) == pytest.approx(sixth, **close)
        assert predicted.richardson_product_error(x, y, scale, form) == pytest.approx(-4 * sixth, **close)


@general
@given(factors, st.floats(-4, 1).map(lambda exponent: 10.0**exponent), st.sampled_from(FORMS))
def test_the_exact_curve(x, scale, form):
    found = predicted.product_of_gelus(np.array([x]), scale, form)[0]
    with mpmath.workdps(50):
        # A difference of two gates, the larger at most one and about twice the smaller.
        exact = float(product(x, x, scale, form))
    gates = 2 * min(1, abs(scale * x)) * np.sqrt(np.pi / 2) * abs(x) / scale
    assert found == pytest.approx(exact, abs=rounding(8, gates) + 1e-300)


def test_the_curve_of_figure_seven():
    x = np.linspace(-0.1, 0.1, 9)
    for form in FORMS:
        terms = predicted.gelu_product_error(x, x, 1.0, form) + predicted.gelu_product_next_term(x, x, 1.0, form)
        left_out = np.abs(predicted.product_of_gelus(x, form=form) - x**2 - terms)
        # 254 x^8 times a coefficient of at most 1 / 640.
        assert np.all(left_out <= 254 / 640 * x**8 + rounding(8, 0.01))


@general
@given(factors, st.floats(0.01, 2))
def test_the_square_by_tanh(x, shift):
    with mpmath.workdps(50):
        z, delta = mpmath.mpf(x), mpmath.mpf(shift)

        def f(u):
            return mpmath.tanh(u + delta) - mpmath.tanh(u - delta)

        curvature = -4 * mpmath.tanh(delta) / mpmath.cosh(delta) ** 2
        exact = float((f(2 * z) - 2 * f(z) + f(0)) / curvature)
        assert abs(mpmath.diff(f, 0, 2) - curvature) < mpmath.mpf(10) ** -12
    found = predicted.square_by_tanh(np.array([x]), shift)[0]
    # Both deficits are at most one, and 1 - tanh^2 loses a unit.
    curvature_scale = np.cosh(shift) ** 2
    assert found == pytest.approx(exact, abs=rounding(8, curvature_scale**2 * min(1, x**2)) + 1e-300)


def test_small_squares_by_tanh_are_squares():
    x = np.array([1e-4, 1e-3])
    for shift in (0.05, 0.6, 1.5):
        # The coefficient of u^4 in f(0) - f(u) over that of u^2 is bounded by one; (16 - 2) / 2 of it is left.
        assert np.all(np.abs(predicted.square_by_tanh(x, shift) - x**2) <= 7 * x**4 + rounding(8, x**2))


def test_the_square_by_relu_is_right_at_its_knots_only():
    x = np.array([-0.1, 0.0, 0.05, 0.1, 0.2])
    assert predicted.square_by_relu(x, 0.1) == pytest.approx([0.01, 0, 0.005, 0.01, 0.02], rel=4 * UNIT_ROUNDOFF)


def rounded_product(x, y, scale):
    half = x.dtype.type(0.5)

    def activation(z):
        return half * z * (1 + erf(z * x.dtype.type(np.sqrt(0.5))))

    first, second = scale * x, scale * y
    coefficient = x.dtype.type(np.sqrt(np.pi / 2)) / scale**2
    terms = [coefficient * activation(z) for z in (first + second, first, second)]
    return terms[0] - terms[1] - terms[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bits", [8, 12, 17])
def test_rounding_stays_within_its_bound_and_comes_near(dtype, bits):
    rng = np.random.default_rng(bits)
    magnitude, scale = 2.0, dtype(2.0**-bits)  # a power of two: the scaling itself is exact
    x, y = rng.uniform(-magnitude, magnitude, (2, 20000)).astype(dtype)
    eps = float(np.finfo(dtype).eps)
    exact = x.astype(np.float64) * y
    wide = (x.astype(np.float64), y.astype(np.float64), float(scale))
    series = exact + predicted.gelu_product_error(*wide) + predicted.gelu_product_next_term(*wide)
    observed = np.abs(rounded_product(x, y, scale).astype(np.float64) - series).max()
    bound = predicted.rounding_of_product(float(scale), magnitude, eps)
    # erf is off by s |x| relative to the one it is added to: higher order. Float64 rounds `series` as well.
    assert observed <= bound * (1 + 4 * magnitude * float(scale)) + 254 / 672 * (scale * magnitude) ** 6 * 4 + 4 * eps
    assert observed >= bound / 8


def test_the_bound_counts_every_operation():
    # (unit roundings, size over s B): the sum of arguments through a slope of 1/2, the gate's sum and product on
    # activations of B, B/2, B/2, their coefficients, and the first difference.
    operations = [(0.5, 2), (2, 1 + 0.5 + 0.5), (1, 1 + 0.5 + 0.5), (1, 1)]
    units = sum(count * size for count, size in operations)
    found = predicted.rounding_of_product(1e-3, 3.0, 2**-52)
    assert found == pytest.approx(units * UNIT_ROUNDOFF * np.sqrt(np.pi / 2) * 3.0 / 1e-3, rel=rounding(4, 1))


@pytest.mark.parametrize("eps", [2.0**-52, 2.0**-23])
@pytest.mark.parametrize("magnitude", [0.5, 2, 30.0])
def test_the_best_scale_minimises_the_total(eps, magnitude):
    corner = np.array([float(magnitude)])

    def plain(scale):
        leading = abs(predicted.gelu_product_error(corner, corner, scale)[0])
        return leading + predicted.rounding_of_product(scale, magnitude, eps)

    def extrapolated(scale):
        noise = (4 * predicted.rounding_of_product(scale, magnitude, eps)) / 3
        noise += predicted.rounding_of_product(2 * scale, magnitude, eps) / 3
        return abs(predicted.richardson_product_error(corner, corner, scale)[0]) + noise

    for total, richardson in ((plain, False), (extrapolated, True)):
        best = predicted.best_product_scale(magnitude, eps, richardson)
        # At the minimum of a s^p + b / s the slope in log s is zero: p a s^p = b / s; central differences lose h^2.
        slope = (total(best * np.exp(1e-4)) - total(best * np.exp(-1e-4))) / 2e-4 / total(best)
        assert slope == pytest.approx(0, abs=50 * 1e-8)
        assert total(best) < min(total(1.5 * best), total(best / 1.5))


X = np.ones(2)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.gelu_product_error(X * np.nan, X, 0.1), "x must be finite"),
        (lambda: predicted.gelu_product_error(X, X * np.inf, 0.1), "y must be finite"),
        (lambda: predicted.gelu_product_next_term(X, X, 0.1, "relu"), "form must be one of"),
        (lambda: predicted.product_of_gelus(X, 1.0, "relu"), "form must be one of .* got 'relu'"),
        (lambda: predicted.square_by_tanh(X * np.nan, 1.0), "x must be finite"),
        (lambda: predicted.square_by_relu(X * np.inf, 1.0), "x must be finite"),
    ],
)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
