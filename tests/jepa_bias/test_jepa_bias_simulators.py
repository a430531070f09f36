"""JEPA's simulators by hand: views, losses, gradients, the scalar and the matrix flow."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_checks.test_jepa_bias import QUADRATURE_ERROR, exact_time, rise_times
from sims.jepa_bias import factor_flow, matrix_flow, networks, sampled_views, scalar_flow
from sims.on_cpu import on_cpu
from theory.jepa_bias import learning_times

ULP = 2.0**-53
SAMPLES = 40_000
DIM = 3
RNG = np.random.default_rng(3)
ROOT, REGRESSION = RNG.standard_normal((2, DIM, DIM))
S = ROOT @ ROOT.T / DIM + np.eye(DIM)
KEY = jax.random.key(11)


def assert_moments(views, *expected):
    """Averages of x xᵀ, y xᵀ and y yᵀ: false alarms in 27 entries have a probability below 1e-7."""
    X = np.asarray(views.X)
    Y = np.asarray(views.Y)
    averages = sampled_views.empirical_covariances(X, Y)
    for (left, right), average, value in zip(
        ((X, X), (Y, X), (Y, Y)), averages, expected, strict=True
    ):
        errors = (left[:, :, None] * right[:, None, :]).std(axis=0) / np.sqrt(SAMPLES)
        assert np.all(np.abs(average - value) <= 6 * errors + 64 * ULP)
        product = left.T @ right / SAMPLES
        assert np.all(
            np.abs(average - product) <= SAMPLES * ULP * (np.abs(left).T @ np.abs(right) / SAMPLES)
        )


def test_gaussian_views():
    Sigma_yx = REGRESSION @ S
    for residual in (np.eye(DIM), np.zeros((DIM, DIM))):
        Sigma_yy = Sigma_yx @ REGRESSION.T + residual
        views = sampled_views.gaussian_views(KEY, SAMPLES, S, Sigma_yx, Sigma_yy)
        assert_moments(views, S, Sigma_yx, Sigma_yy)
        misfit = np.asarray(views.Y) - np.asarray(views.X) @ REGRESSION.T
        # Without a residual variance y is a function of x, up to the square root of the rounding of
        # that variance.
        assert (np.abs(misfit).max() < 1e-5) == (not residual.any())


seeds = st.integers(0, 2**32 - 1)
DEPTH = 3


def random_problem(seed, depth=DEPTH):
    """Layers, predictor and covariances of order one, none of them diagonal or commuting; y has its
    own noise.
    """
    rng = np.random.default_rng(seed)
    layers = rng.standard_normal((depth, DIM, DIM)) / np.sqrt(DIM)
    predictor = rng.standard_normal((DIM, DIM)) / np.sqrt(DIM)
    root, regression = rng.standard_normal((2, DIM, DIM)) / np.sqrt(DIM)
    Sigma_xx = root @ root.T + np.eye(DIM)
    Sigma_yx = regression @ Sigma_xx
    return networks.Parameters(tuple(layers), predictor), (
        Sigma_xx,
        Sigma_yx,
        Sigma_yx @ regression.T + np.eye(DIM),
    )


def rounding(parameters, covariances):
    """Of a product of all factors twice with a covariance: operations times the product of their
    norms.
    """
    norms = [np.linalg.norm(layer) for layer in parameters.layers] + [
        np.linalg.norm(parameters.predictor)
    ]
    size = np.prod([1 + norm for norm in norms]) ** 2 * sum(
        np.linalg.norm(matrix) for matrix in covariances
    )
    return 8 * DIM * len(norms) * ULP * size


def error_of(pair):
    left = jax.tree.leaves(pair[0])
    right = jax.tree.leaves(pair[1])
    return max(
        np.max(np.abs(np.asarray(a) - np.asarray(b))) for a, b in zip(left, right, strict=True)
    )


variants = st.sampled_from([("jepa", True), ("jepa", False), ("mae", True)])


@partial(jax.jit, static_argnums=(3, 4))
def value_and_slope(parameters, X, Y, objective, stop):
    return jax.value_and_grad(lambda at: sampled_loss(at, X, Y, objective, stop))(parameters)


def sampled_loss(parameters, X, Y, objective, stop):
    """Half the mean squared error over pairs of views: what a training loop computes."""
    latents = X @ networks.encoder(parameters).T
    targets = Y
    if objective == "jepa":
        targets = Y @ networks.encoder(parameters).T
        targets = jax.lax.stop_gradient(targets) if stop else targets
    return jnp.mean(jnp.sum((latents @ parameters.predictor.T - targets) ** 2, axis=1)) / 2


@settings(max_examples=6, deadline=None)
@given(seeds, variants)
def test_losses_of_samples_are_losses_of_their_covariances(seed, variant):
    objective, stop = variant
    parameters, _ = random_problem(seed)
    X, Y = np.random.default_rng(seed).standard_normal((2, 7, DIM))
    Sigma_xx, Sigma_yx, Sigma_yy = covariances = [X.T @ X / 7, Y.T @ X / 7, Y.T @ Y / 7]
    bound = rounding(parameters, covariances)
    value, slope = value_and_slope(parameters, X, Y, objective, stop)
    target = networks.encoder(parameters) if objective == "jepa" else np.eye(DIM)
    assert abs(value - networks.loss(parameters, target, *covariances)) <= bound
    slope_of_covariances = networks.gradients(
        parameters, Sigma_xx, Sigma_yx, objective, Sigma_yy=None if stop else Sigma_yy
    )
    assert error_of((slope, slope_of_covariances)) <= bound


def test_a_misaligned_predictor_is_turned_in_the_plane_by_its_angle():
    plane = networks.misaligned_init(KEY, 2, 2, 0.01, "jepa", 0.3, rotate_latents=False)
    turned = 0.1 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    assert np.all(np.abs(plane.predictor - turned) <= 8 * ULP)
    assert np.all(np.abs(np.array(plane.layers) - 0.1 * np.eye(2)) <= 8 * ULP)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 8),
    st.floats(0.1, 5),
    st.floats(0.3, 3),
    st.floats(0.3, 3),
    st.sampled_from(["jepa", "mae"]),
)
def test_quadrature_reaches_every_strength_when_it_should(depth, gap, lambda_, rho, objective):
    top = float(learning_times.asymptote(depth, rho, objective=objective))
    init = top * 10.0**-gap
    way = np.array([0.02, 0.3, 0.6, 0.9])
    levels = np.array([*(init ** (1 - way) * (0.99 * top) ** way), 0.99 * top, (1 - 1e-6) * top])
    times = np.array(
        [
            float(exact_time(level / top, init, depth, lambda_, rho, objective, digits=20))
            for level in levels
        ]
    )
    curve = np.asarray(
        scalar_flow.trajectory_by_quadrature(depth, init, lambda_, rho, times, objective=objective)
    )
    # Five decades of w̄ are up to ten of time, in which a rise is still resolved. As documented:
    # 1e-11, and 64 roundings of the time, each of which moves ln w̄ by t ds/dt times that. The
    # logarithm of the start and b (s - ln asymptote) carry a rounding per unit of their size, and
    # enter the time by its powers.
    speed = learning_times.velocity(levels, depth, lambda_, rho, objective=objective) / levels
    roundings = 64 + 8 * depth * (abs(math.log(init)) + abs(math.log(top)))
    errors = np.abs(np.log(curve / levels))
    assert np.all(errors <= 1e-11 + roundings * ULP * (1 + times * speed))


def test_quadrature_is_as_good_as_the_claims_say():
    """The relative error that the claims budget for it, against 25 digits on the edges of their
    domains and inside.
    """
    rng = np.random.default_rng(0)
    for objective in ("jepa", "mae"):
        for fraction in (0.01, 0.5, 0.99):
            for share in (0.99, 1e-3, 1e-9):
                depth = int(rng.integers(1, 9))
                rho = float(10 ** rng.uniform(-1, 1))
                init = (
                    share
                    * fraction
                    * rho ** (depth if objective == "jepa" else depth / (depth + 1))
                )
                if init > 1e-13:
                    measured = rise_times(fraction, init, depth, 1.3, rho, objective)
                    exact = float(exact_time(fraction, init, depth, 1.3, rho, objective, digits=25))
                    assert abs(measured / exact - 1) <= QUADRATURE_ERROR


@pytest.mark.parametrize("objective", ["jepa", "mae"])
def test_largest_stable_step_is_that_of_the_linear_flow(objective):
    """Eigenvalues of the flow's Jacobian at the full fixed point, in a rotated basis with equal
    variances in it.
    """
    basis = np.linalg.qr(np.random.default_rng(7).standard_normal((2, 2)))[0]
    for cross, rho in (([1.2, 0.4], [1.5, 0.5]), ([0.8, 0.7], [0.5, 1.3])):
        cross = np.array(cross)
        rho = np.array(rho)
        covariances = basis * (cross / rho) @ basis.T, basis * cross @ basis.T
        fixed = networks.saddle_state(jax.random.key(0), (0, 1), rho, 2, objective, basis=basis)
        fastest = -matrix_flow.flow_eigenvalues(fixed, *covariances, objective).real[-1]
        for method, reach in (("flow", 2.785293563405282), ("descent", 2.0)):
            step = matrix_flow.largest_stable_step(*covariances, 2, objective, method=method)
            assert abs(step * fastest / reach - 1) <= 1e3 * ULP * 100


def test_first_and_last_crossings_of_exponential_pieces():
    """Between records the strengths are exponentials, so that interpolation in the logarithm is
    exact.
    """
    times = np.array([0.0, 1.0, 3.0, 4.0, 6.0])
    logs = np.array(
        [[0.0, 2.0, 0.0], [2.0, 2.0, 0.5], [-1.0, 3.0, 0.2], [1.0, 3.0, 0.1], [3.0, 0.5, 0.3]]
    )
    crossings = matrix_flow.up_crossings(times, np.exp(logs), np.exp([1.0, 1.0, 1.0]))
    np.testing.assert_allclose(crossings.first, [0.5, np.inf, np.inf], rtol=16 * ULP)
    # At t = 4 the first is at the level again: the crossing ends there, and it stays above.
    np.testing.assert_allclose(crossings.last, [4.0, np.inf, np.inf], rtol=16 * ULP)
    assert crossings.ends_above.tolist() == [True, False, False]


def test_beside_an_accelerator_chains_of_small_steps_stay_on_the_cpu(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert on_cpu(lambda: jax.config.jax_default_device)().platform == "cpu"


def test_a_predictor_that_starts_negative_loses_the_feature():
    # w² - v² is kept: from v = -.5 and w = .3 the flow stops at w = 0 and v = -.4, though
    # ρ² + w_0² - v_0² is positive.
    flow = factor_flow.simulate_factors(2, 0.3, -0.5, 1.0, 0.8, [1e2, 1e4, 1e6])
    assert float(flow.layer[-1]) < 1e-2
    assert float(flow.predictor[-1]) == pytest.approx(-0.4, abs=1e-4)
