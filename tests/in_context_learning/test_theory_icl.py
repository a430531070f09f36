"""The theory of in-context learning by other routes than the claims': mpmath, quadrature, other formulas."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import (
    UNIT_ROUNDOFF,
    covariance,
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
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

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


def spectrum(X):
    return np.linalg.svd(X, compute_uv=False) ** 2


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


@general
@given(factors, st.floats(-4, 1).map(lambda exponent: 10.0**exponent), st.sampled_from(FORMS))
def test_the_exact_curve(x, scale, form):
    found = predicted.product_of_gelus(np.array([x]), scale, form)[0]
    with mpmath.workdps(50):
        # A difference of two gates, the larger at most one and about twice the smaller.
        exact = float(product(x, x, scale, form))
    gates = 2 * min(1, abs(scale * x)) * np.sqrt(np.pi / 2) * abs(x) / scale
    assert found == pytest.approx(exact, abs=rounding(8, gates) + 1e-300)


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


lengths = st.integers(1, 30)


def linearised_flow(inputs, length):
    """Hessian, at the limit, of half the loss by (u, U): the loss depends on their product alone."""
    d = inputs.shape[0]
    value, key_query = predicted.zhang_limit(inputs, length)
    of_product = np.hstack([key_query.reshape(-1, 1), value * np.eye(d * d)])
    return of_product.T @ predicted.loss_hessian(inputs, np.eye(d), 0.0, length) @ of_product / 2


@general
@given(seeds, dimensions, lengths)
def test_the_limit_is_balanced_and_optimal(seed, d, length):
    inputs = covariance(np.random.default_rng(seed), d)
    gamma = predicted.zhang_gamma(inputs, length)
    value, key_query = predicted.zhang_limit(inputs, length)
    # The condition of Gamma is at most that of Lambda, 30; the same twice for the optimum and its inverse.
    tolerance = rounding(16 * d, 900)
    assert value * key_query @ gamma == pytest.approx(np.eye(d), abs=tolerance)
    assert value**2 == pytest.approx(np.sum(key_query**2), rel=tolerance)
    best = predicted.optimal_map(inputs, np.eye(d), 0.0, length)
    assert value * key_query == pytest.approx(best, abs=tolerance * np.abs(best).max())


@general
@given(seeds, dimensions, lengths)
def test_the_rate_is_the_least_eigenvalue_of_the_linearised_flow(seed, d, length):
    inputs = covariance(np.random.default_rng(seed), d)
    rates = np.linalg.eigvalsh(linearised_flow(inputs, length))
    tolerance = rounding(16 * d**2, rates[-1] * 30)
    # The conserved balance moves at no rate; it belongs to the one-parameter family of equal products.
    assert rates[0] == pytest.approx(0, abs=tolerance)
    rate = predicted.zhang_rate(inputs, length)
    assert rate == pytest.approx(rates[1], abs=tolerance)
    values, gamma = np.linalg.eigvalsh(inputs), np.linalg.eigvalsh(predicted.zhang_gamma(inputs, length))
    bound = np.sqrt(np.sum(gamma**-2.0)) * np.min(values**2 * gamma)
    assert rate >= bound - tolerance
    if d == 1:
        assert rate == pytest.approx(2 * bound, abs=tolerance)


LABELS = {
    "linear": lambda x: x[..., 0] - 0.5 * x[..., 1],
    "cubic": lambda x: x[..., 0] ** 3,
    "mixed": lambda x: x[..., 0] ** 2 * x[..., 1] + x[..., 0],
}


@pytest.mark.parametrize("kind", list(LABELS))
@pytest.mark.parametrize("training_length", [1, 6])
def test_generalisation_by_quadrature(kind, training_length):
    inputs, label = np.array([[1.0, 0.3], [0.3, 0.5]]), LABELS[kind]
    root = np.linalg.cholesky(inputs)
    # One input: Cov(xy) has degree eight in every normal. Two examples and a query, as deep each: 5^6 nodes.
    nodes, weights = normal_nodes(2, 5)
    x = nodes @ root.T
    products = x * label(x)[:, None]
    mean = weights @ products
    product_covariance = (products * weights[:, None]).T @ products - np.outer(mean, mean)
    slope = np.linalg.solve(inputs, mean)
    linear_error = weights @ (label(x) - x @ slope) ** 2
    found = predicted.zhang_risk(slope, product_covariance, inputs, training_length, 2, max(linear_error, 0.0))
    nodes, weights = normal_nodes(6, 5)
    x = nodes.reshape(-1, 3, 2) @ root.T
    y = label(x)
    value, key_query = predicted.zhang_limit(inputs, training_length)
    prediction = np.sum(value * x[:, 2] @ key_query * (y[:, 0, None] * x[:, 0] + y[:, 1, None] * x[:, 1]) / 2, axis=1)
    direct = weights @ (prediction - y[:, 2]) ** 2
    assert found == pytest.approx(direct, rel=rounding(64, 4))


@given(st.floats(-3, 3), seeds)
@general
def test_covariate_shift(scale, seed):
    rng = np.random.default_rng(seed)
    x, query, w, A = rng.standard_normal((6, 3)), *rng.standard_normal((2, 3)), rng.standard_normal((3, 3))

    def prediction(c):
        return c * query @ A @ ((c * x).T @ (c * x @ w)) / 6

    ratio = predicted.covariate_shift_ratio(scale)
    size = rounding(64, np.linalg.norm(A) * np.sum(x**2) * np.linalg.norm(w) * np.linalg.norm(query) * abs(scale) ** 3)
    assert prediction(scale) == pytest.approx(ratio * scale * prediction(1.0), abs=size)


def law(seed, d, definite_prior=True):
    rng = np.random.default_rng(seed)
    prior = covariance(rng, d) if definite_prior else np.outer(*[rng.standard_normal(d)] * 2)
    return covariance(rng, d), prior, rng.standard_normal((d, d))


def magnitude(A, inputs, prior, noise):
    """Size of the terms that cancel in a loss: all norms, no signs; E b b^T is at most 3 tr(Lambda) label variances."""
    label = np.trace(inputs @ prior) + noise
    return np.trace(inputs) * (1 + np.linalg.norm(A)) ** 2 * (1 + np.trace(inputs)) * 3 * label


def moments_by_quadrature(inputs, prior, noise):
    """E w b^T and E b b^T for two examples of dimension two: degree four in every one of eight normals."""
    nodes, weights = normal_nodes(8, 3)
    x = nodes[:, :4].reshape(-1, 2, 2) @ np.linalg.cholesky(inputs).T
    w = nodes[:, 4:6] @ np.linalg.cholesky(prior).T
    y = np.einsum("nij,nj->ni", x, w) + np.sqrt(noise) * nodes[:, 6:]
    b = np.einsum("ni,nij->nj", y, x) / 2
    return (w * weights[:, None]).T @ b, (b * weights[:, None]).T @ b, w, b, weights


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_optimum_and_loss_by_quadrature(seed):
    inputs, prior, A = law(seed, 2)
    noise = 0.3
    cross, second, w, b, weights = moments_by_quadrature(inputs, prior, noise)
    size = rounding(64, np.linalg.cond(second))
    best = predicted.optimal_map(inputs, prior, noise, 2)
    assert best == pytest.approx(cross @ np.linalg.inv(second), abs=size * np.abs(best).max())
    for tried in (A, best):  # the best one last
        gap = b @ tried.T - w
        direct = weights @ np.einsum("ni,ij,nj->n", gap, inputs, gap)
        found = predicted.linear_attention_loss(tried, inputs, prior, noise, 2)
        assert found == pytest.approx(direct, abs=rounding(64, magnitude(tried, inputs, prior, noise)))
    assert predicted.optimal_loss(inputs, prior, noise, 2) == pytest.approx(direct, abs=rounding(64, direct * 30))


ALGORITHMS = {
    "least squares": predicted.ols_weights,
    "ridge": lambda X, Y: predicted.ridge_weights(X, Y, 0.3),
    "Bayes": lambda X, Y: predicted.bayes_weights(X, Y, noise_std=0.5, weight_std=2.0),
    "gradient step": lambda X, Y: predicted.gradient_step_weights(X, Y, 0.02),
    "SGD": lambda X, Y: predicted.sgd_weights(X, Y, 0.02),
    "recursive ridge": lambda X, Y: predicted.recursive_ridge_weights(X, Y, 0.3),
}


def weight_rounding(X, Y, regulariser=0.0):
    """Backward stable solvers lose the condition number of X^T X + lambda I, on weights of size |Y| / s_min."""
    spectrum = np.linalg.svd(X, compute_uv=False)
    least = np.sqrt(spectrum.min(initial=np.inf) ** 2 + regulariser)
    condition = (1 + (spectrum.max(initial=1) ** 2 + regulariser) / least**2) if X.size else 1.0
    return rounding(16 * (1 + X.size), condition * (1 + np.linalg.norm(Y)) * (1 + 1 / least if X.size else 1.0))


@general
@given(seeds, dimensions, example_counts, regularisers)
def test_ridge_is_primal_and_dual(seed, d, k, regulariser):
    X, Y, _ = prompt(seed, d, k)
    found = predicted.ridge_weights(X, Y, regulariser)
    tolerance = weight_rounding(X, Y, regulariser)
    primal = np.linalg.solve(X.T @ X + regulariser * np.eye(d), X.T @ Y)
    dual = X.T @ np.linalg.solve(X @ X.T + regulariser * np.eye(k), Y)
    assert found == pytest.approx(primal, abs=tolerance)
    assert found == pytest.approx(dual, abs=tolerance)
    assert predicted.ridge_rule(X, regulariser) @ Y == pytest.approx(found, abs=tolerance)
    assert predicted.recursive_ridge_weights(X, Y, regulariser) == pytest.approx(found, abs=tolerance)
    # It minimises what it is said to minimise.
    gradient = X.T @ (X @ found - Y) + regulariser * found
    assert gradient == pytest.approx(np.zeros(d), abs=tolerance * (1 + np.sum(X**2)))


@general
@given(seeds, dimensions, st.integers(1, 8))
def test_ridge_leaves_least_squares_in_proportion_to_the_regulariser(seed, d, k):
    X, Y, _ = prompt(seed, d, k)
    spectrum = np.linalg.svd(X, compute_uv=False)
    least = spectrum.min() ** 2
    away = [
        np.linalg.norm(predicted.ridge_rule(X, scale * least) @ Y - predicted.ols_weights(X, Y))
        for scale in (1e-3, 1e-4)
    ]
    # lambda / (s + lambda) is lambda / s within one part in 1000.
    slack = weight_rounding(X, Y) * 2e4 / (away[0] + weight_rounding(X, Y))
    assert away[0] / (10 * away[1]) == pytest.approx(1, abs=2e-3 + slack)


@general
@given(seeds, dimensions, example_counts, st.floats(0, 0.2), st.floats(0, 2))
def test_gradient_steps(seed, d, k, step, regulariser):
    X, Y, start = prompt(seed, d, k)
    loop = start.copy()
    for x, y in zip(X, Y, strict=True):
        loop = loop - 2 * step * (np.outer(x, x) @ loop - x * y + regulariser * loop)
    growth = np.prod([1 + 2 * step * (x @ x + regulariser) for x in X])
    size = rounding(8 * (1 + k) * d, growth * (1 + np.linalg.norm(start)) * (1 + np.abs(Y).sum()) * (1 + np.sum(X**2)))
    assert predicted.sgd_weights(X, Y, step, regulariser, start) == pytest.approx(loop, abs=size)

    # A batch step is minus the step times the gradient of the ridge objective, a quadratic: central differences
    # with a step of one are exact.
    def objective(w):
        return np.sum((X @ w - Y) ** 2) + regulariser * w @ w

    gradient = [(objective(start + unit) - objective(start - unit)) / 2 for unit in np.eye(d)]
    found = predicted.gradient_step_weights(X, Y, step, regulariser, start)
    size = rounding(16 * (1 + k) * d, objective(np.abs(start) + 1) + np.sum(X**2) * (start @ start + d))
    assert found == pytest.approx(start - step * np.array(gradient), abs=size)
    assert predicted.gradient_step_weights(X, Y, step) == pytest.approx(2 * step * X.T @ Y, abs=size)
    if k == 1:
        one = predicted.sgd_weights(X, Y, step, regulariser, start)
        assert np.array_equal(one, found)


@general
@given(seeds, dimensions, regularisers)
def test_one_example(seed, d, regulariser):
    X, Y, _ = prompt(seed, d, 1)
    closed = predicted.one_sample_ridge(X[0], float(Y[0]), regulariser)
    assert closed == pytest.approx(X[0] * Y[0] / (regulariser + np.sum(X**2)), rel=rounding(d, 1))
    tolerance = weight_rounding(X, Y, regulariser)
    assert closed == pytest.approx(predicted.ridge_weights(X, Y, regulariser), abs=tolerance)
    assert closed == pytest.approx(predicted.recursive_ridge_weights(X, Y, regulariser), abs=tolerance)


@pytest.mark.parametrize("k", [0, 1, 3])
def test_bayes_is_the_posterior_mean(k):
    X, Y, _ = prompt(7, 2, k)
    weight_std, noise_std = 1.5, 0.8
    # The trapezoidal rule is exact to rounding on a Gaussian whose grid spacing is a sixth of its least deviation.
    reach, spacing = 9 * weight_std, 0.05
    axis = np.arange(-reach, reach, spacing)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    exponent = np.sum(grid**2, axis=1) / weight_std**2 + np.sum((grid @ X.T - Y) ** 2, axis=1) / noise_std**2
    mass = np.exp(-exponent / 2)
    mean = mass @ grid / mass.sum()
    found = predicted.bayes_weights(X, Y, noise_std=noise_std, weight_std=weight_std)
    assert found == pytest.approx(mean, abs=rounding(64, reach))


@general
@given(seeds, dimensions, st.integers(1, 8), st.integers(1, 5), st.booleans())
def test_neighbours(seed, d, k, neighbours, weighted):
    X, _, query = prompt(seed, d, k)
    found = predicted.nearest_neighbour_weights(X, query, neighbours, weighted)
    distances = np.linalg.norm(X - query, axis=1)
    chosen = found > 0
    assert chosen.sum() == min(neighbours, k)
    assert found.sum() == pytest.approx(1, abs=rounding(k, 1))
    assert distances[chosen].max() <= distances[~chosen].min(initial=np.inf)
    products = found[chosen] * (distances[chosen] ** 2 if weighted else 1)
    assert products == pytest.approx(np.full(chosen.sum(), products[0]), rel=rounding(4 * d, 1))


def test_zero_inputs_and_no_examples_predict_zero():
    for algorithm in ALGORITHMS.values():
        assert not algorithm(np.zeros((0, 3)), np.zeros(0)).any()
        assert not algorithm(np.zeros((2, 3)), np.ones(2)).any()


PRECISION = 16 * 48 * UNIT_ROUNDOFF  # of `expected_spectral_sum` at up to 40 examples, relative to magnitudes


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


dimensions_laws = st.integers(1, 20)
example_counts_laws = st.integers(0, 45)
# d = k = 2: inputs, weights and noise are eight normals; squared risks have degree four in each input.
NODES, WEIGHTS = normal_nodes(8, 3)
X, W, NOISE = NODES[:, :4].reshape(-1, 2, 2), NODES[:, 4:6], NODES[:, 6:]


def labels(weight_std, noise_std):
    return np.einsum("nij,nj->ni", X, weight_std * W) + noise_std * NOISE


def mean_squared_norm(vectors):
    return np.sum(WEIGHTS * np.sum(vectors**2, axis=1))


@general
@given(dimensions_laws, st.integers(1, 45), stds, stds)
def test_the_best_step(d, k, weight_std, noise_std):
    best = predicted.best_step(d, k, weight_std, noise_std)
    least = predicted.best_step_risk(d, k, weight_std, noise_std)
    searched = minimize_scalar(
        lambda step: predicted.gradient_step_risk(d, k, float(step), weight_std, noise_std),
        bounds=(0, 2 * best),
        method="bounded",
        options={"xatol": 1e-9 * best},
    )
    size = d * (k + 1) * (weight_std**2 + noise_std**2)
    assert predicted.gradient_step_risk(d, k, best, weight_std, noise_std) == pytest.approx(
        least, abs=rounding(8, size)
    )
    # A quadratic found to within rounding of its value is found to the root of that in its argument.
    assert searched.x == pytest.approx(best, rel=np.sqrt(rounding(8, size) / (weight_std**2 * d - least)) + 1e-8)
    attention = predicted.optimal_map(np.eye(d), weight_std**2 * np.eye(d), noise_std**2, k)
    assert attention == pytest.approx(2 * k * best * np.eye(d), abs=rounding(8 * d, 1))
    loss = predicted.optimal_loss(np.eye(d), weight_std**2 * np.eye(d), noise_std**2, k)
    assert loss == pytest.approx(least, abs=rounding(8 * d, weight_std**2 * d))


@general
@given(dimensions_laws, example_counts_laws, stds, stds)
def test_least_squares(d, k, weight_std, noise_std):
    unseen = weight_std**2 * max(d - k, 0)
    risk = predicted.ols_risk(d, k, weight_std, noise_std)
    assert predicted.ols_risk(d, k, weight_std) == unseen
    assert predicted.spd_labels(d, k, weight_std) == unseen
    assert predicted.spd_labels(d, k, weight_std, noise_std) == risk + noise_std**2
    if k == 0:
        assert risk == unseen
    elif abs(d - k) <= 1:
        assert risk == predicted.expected_inverse_trace(d, k) == np.inf
    else:
        trace = predicted.expected_spectral_sum(lambda s: 1 / s, d, k)
        assert risk == pytest.approx(unseen + noise_std**2 * trace, rel=rounding(2 * (8 + max(d, k)), 1))


@pytest.mark.parametrize("step", [0.0, 0.04, 0.2])
def test_differences_to_least_squares_by_quadrature(step):
    # With k = d = 2 noiseless examples least squares knows the weights.
    estimate = 2 * step * np.einsum("nij,ni->nj", X, labels(1.5, 0.0))
    direct = mean_squared_norm(estimate - 1.5 * W)
    assert predicted.spd_gradient_step_to_ols(2, 2, step, 1.5) == pytest.approx(direct, abs=rounding(16, 4.5))


@pytest.mark.parametrize("k", [1, 2, 3, 8, 39])
@pytest.mark.parametrize("regulariser", [1e-6, 0.0625, 1.0])
def test_one_dimension_is_the_chi_square_law(k, regulariser):
    def integrand(root):
        return 2 * root * chi2.pdf(root**2, k) / (root**2 + regulariser)

    points = [np.sqrt(regulariser), np.sqrt(k)]
    direct, error = quad(integrand, 0, np.sqrt(k) + 10, points=points, epsabs=0, epsrel=1e-12, limit=200)
    found = predicted.expected_spectral_sum(lambda s: 1 / (s + regulariser), 1, k)
    assert abs(found - direct) <= error + 100 * UNIT_ROUNDOFF * direct
    at = np.array([0.01, 0.7, 3.0, 11.0])
    density = predicted.spectral_density(at, 1, k)
    assert density == pytest.approx(chi2.pdf(at, k), rel=rounding(16 + k, 1))
