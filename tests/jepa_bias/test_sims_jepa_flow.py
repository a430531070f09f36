"""The whole network in motion against NumPy loops and SciPy, the displacement it shows, and what is refused."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import sims.jepa_bias as observed

ULP = 2.0**-53
DIM, DEPTH = 3, 2
RNG = np.random.default_rng(7)
LAYERS = RNG.standard_normal((DEPTH, DIM, DIM)) / 2
PREDICTOR = RNG.standard_normal((DIM, DIM)) / 2
ROOT, REGRESSION = RNG.standard_normal((2, DIM, DIM)) / 2
SIGMA_XX = ROOT @ ROOT.T + np.eye(DIM)
SIGMA_YX = REGRESSION @ SIGMA_XX
SIGMA_YY = SIGMA_YX @ REGRESSION.T + np.eye(DIM)
START = observed.Parameters(jnp.asarray(LAYERS), jnp.asarray(PREDICTOR))


def in_numpy(run):
    """Comparisons on JAX arrays would be compiled one by one."""
    return jax.tree.map(np.asarray, run)


def slopes(layers, predictor, objective, target=None, stop_gradient=True):
    """The gradient for two layers, written out."""
    first, second = layers
    product = second @ first
    goal = SIGMA_YX if objective == "mae" else (product if target is None else target) @ SIGMA_YX
    error = predictor @ product @ SIGMA_XX - goal
    pull = predictor.T @ error
    if not stop_gradient:
        pull = pull + product @ SIGMA_YY - predictor @ product @ SIGMA_YX.T
    return np.array([second.T @ pull, pull @ first.T]), error @ product.T


@pytest.mark.parametrize(
    ("objective", "options"),
    [("jepa", {}), ("mae", {}), ("jepa", {"ema_rate": 0.7}), ("jepa", {"stop_gradient": False, "Sigma_yy": SIGMA_YY})],
)
def test_gradient_descent_is_the_loop(objective, options):
    step, steps, every = 0.02, 30, 10
    run = in_numpy(observed.gradient_descent(START, SIGMA_XX, SIGMA_YX, step, steps, every, objective, **options))
    layers, predictor = LAYERS, PREDICTOR
    averaged = layers[1] @ layers[0] if "ema_rate" in options else None
    # A few dozen roundings a step, of numbers below ten, that a stable descent does not enlarge.
    bound = 50 * steps * ULP * 10
    for count in range(steps + 1):
        if count % every == 0:
            record = count // every
            assert abs(run.times[record] - count * step) <= 4 * ULP
            assert np.all(np.abs(run.strengths[record] - np.linalg.norm(layers[1] @ layers[0], axis=0)) <= bound)
            assert np.all(np.abs(run.predictor[record] - predictor) <= bound)
            residuals = np.array(
                [layers[1].T @ layers[1] - layers[0] @ layers[0].T, predictor.T @ predictor - layers[1] @ layers[1].T]
            )
            assert np.all(np.abs(run.balance[record] - residuals) <= bound)
        if count == steps:
            break
        layer_slopes, predictor_slope = slopes(
            layers, predictor, objective, averaged, options.get("stop_gradient", True)
        )
        product = layers[1] @ layers[0]
        layers, predictor = layers - step * layer_slopes, predictor - step * predictor_slope
        if averaged is not None:
            averaged = averaged + step * 0.7 * (product - averaged)
    assert np.all(np.abs(run.parameters.layers - layers) <= bound)
    assert np.all(np.abs(run.target_encoder - (layers[1] @ layers[0] if averaged is None else averaged)) <= bound)


def test_gradient_flow_is_the_flow_and_conserves_the_balance():
    """Runge-Kutta against an adaptive solver of order 8: both errors fall by 2^4 when the step is halved."""

    def velocity(_, flat):
        layer_slopes, predictor_slope = slopes(flat[:18].reshape(2, 3, 3), flat[18:].reshape(3, 3), "jepa")
        return -np.concatenate([layer_slopes.ravel(), predictor_slope.ravel()])

    start = np.concatenate([LAYERS.ravel(), PREDICTOR.ravel()])
    exact = solve_ivp(velocity, (0, 4), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    errors, drifts = [], []
    for count in (40, 80, 160):
        run = in_numpy(observed.gradient_flow(START, SIGMA_XX, SIGMA_YX, 4 / count, count, count, "jepa"))
        flat = np.concatenate([np.ravel(part) for part in run.parameters])
        errors.append(np.max(np.abs(flat - exact)))
        drifts.append(np.max(np.abs(run.balance[-1] - run.balance[0])))
    # A method of order 4 with corrections of relative size of the step: the last ratio is nearer to 16 than 8 or 32.
    for values in (errors, drifts):
        assert 11 < values[1] / values[2] < 23
        assert values[2] < 1e-5
    broken = in_numpy(observed.gradient_descent(START, SIGMA_XX, SIGMA_YX, 4 / 160, 159, 53, "jepa"))
    assert np.max(np.abs(broken.balance[-1] - broken.balance[0])) > 1e-3


class TestTwoFeatures:
    """λ = (1.6, 0.8), ρ = (0.5, 1), L = 2, ε = 0.005: the first is learned first, and the second displaces it."""

    LAMBDA, RHO = np.array([1.6, 0.8]), np.array([0.5, 1.0])
    COVARIANCES = (np.diag(LAMBDA / RHO), np.diag(LAMBDA))

    def cross(self, start, covariances=None, basis=None, **options):
        run = observed.gradient_flow(
            start, *(covariances or self.COVARIANCES), 0.05, 28_400, 4, "jepa", basis=basis, **options
        )
        levels = 0.8 * self.RHO.astype(run.strengths.dtype) ** 2
        return in_numpy(run), in_numpy(observed.up_crossings(run.times, run.strengths, levels))

    def start(self, delta, **options):
        return observed.misaligned_init(
            jax.random.key(0), 2, 2, 0.005, "jepa", delta, kind="predictor_rotation", rotate_latents=False, **options
        )

    def test_aligned_runs_follow_the_scalar_equation(self):
        run, crossings = self.cross(self.start(0.0))
        for feature in range(2):
            curve = observed.trajectory_by_quadrature(
                2, 0.005, self.LAMBDA[feature], self.RHO[feature], run.times[1:], objective="jepa", clock="flow"
            )
            # A step's error is (ηr)^5 / 120 at a rate r <= 0.8 of the strength. The rise lasts for a few 1/r and its
            # exponent of 2.5 carries on what was lost: ten times a sum of 1/(ηr) such errors.
            assert np.all(np.abs(run.strengths[1:, feature] / np.asarray(curve) - 1) <= 10 * (0.05 * 0.8) ** 4 / 120)
        assert np.all(crossings.first == crossings.last)
        assert crossings.ends_above.all()
        # Interpolation over 0.2 time units: the curvature of ln w̄ is below 0.1² there.
        for feature, time in enumerate((758.268168, 1324.318627)):
            assert abs(crossings.first[feature] - time) <= 0.2**2 * 0.1**2 * 8 / 0.05

    @pytest.mark.parametrize(
        ("delta", "second", "relearned", "least"),
        [(1e-10, 1221.77, 1292.51, 0.0336), (1e-3, 920.39, 1168.23, 0.01181), (0.1, 834.34, 1133.96, 0.01017)],
    )
    def test_misaligned_runs_unlearn_the_first_feature(self, delta, second, relearned, least):
        """References: 34-digit Runge-Kutta, and an adaptive solver on autodiff gradients."""
        run, crossings = self.cross(self.start(delta))
        assert abs(crossings.last[1] / second - 1) <= 1e-3
        assert abs(crossings.last[0] / relearned - 1) <= 1e-3
        assert crossings.first[0] < 761 < crossings.last[1] < crossings.last[0]
        between = (run.times > crossings.first[0]) & (run.times < crossings.last[0])
        assert abs(np.min(run.strengths[between, 0]) / least - 1) <= 0.01

    def test_rounding_to_single_precision_does_the_same(self):
        basis = np.asarray(observed.random_rotation(jax.random.key(5), 2))
        covariances = [basis @ matrix @ basis.T for matrix in self.COVARIANCES]
        start = observed.aligned_init(jax.random.key(1), 2, 2, 0.005, "jepa", basis=basis)
        _, double = self.cross(start, covariances, basis)
        assert abs(double.last[1] - 1324.32) < 0.5
        short = jax.tree.map(lambda values: values.astype(np.float32), start)
        with pytest.raises(TypeError, match="parameters must be float64, got float32"):
            self.cross(short, covariances, basis)
        run, single = self.cross(short, covariances, basis, allow_float32=True)
        assert {leaf.dtype for leaf in jax.tree.leaves((run.strengths, run.parameters))} == {np.dtype("f4")}
        assert single.last[1] < 1150
        assert np.min(run.strengths[run.times > single.first[0], 0]) < 0.1 * self.RHO[0] ** 2


def test_a_fast_moving_average_is_the_encoder_itself():
    """The average lags by 1/τ of the motion, so that a run of bounded speed changes by order 1/τ."""
    follow = partial(observed.gradient_descent, START, SIGMA_XX, SIGMA_YX, 0.002, 1500, 500, "jepa")
    plain = in_numpy(follow())
    slow, fast = (np.max(np.abs(in_numpy(follow(ema_rate=rate)).strengths - plain.strengths)) for rate in (50.0, 100.0))
    assert 0 < fast < slow < 0.1
    # Corrections are of relative order 1/τ.
    assert 1.9 < slow / fast < 2.1


@pytest.mark.parametrize("objective", ["jepa", "mae"])
def test_largest_stable_step_is_that_of_the_linear_flow(objective):
    """Eigenvalues of the flow's Jacobian at the full fixed point, in a rotated basis with equal variances in it."""
    basis = np.linalg.qr(RNG.standard_normal((2, 2)))[0]
    for cross, rho in (([1.2, 0.4], [1.5, 0.5]), ([0.8, 0.7], [0.5, 1.3])):
        cross, rho = np.array(cross), np.array(rho)
        covariances = basis * (cross / rho) @ basis.T, basis * cross @ basis.T
        fixed = observed.saddle_state(jax.random.key(0), (0, 1), rho, 2, objective, basis=basis)
        fastest = -observed.flow_eigenvalues(fixed, *covariances, objective).real[-1]
        for method, reach in (("runge_kutta", 2.785293563405282), ("euler", 2.0)):
            step = observed.largest_stable_step(*covariances, 2, objective, method=method)
            assert abs(step * fastest / reach - 1) <= 1e3 * ULP * 100
        with pytest.raises(ValueError, match="step must be at most"):
            observed.gradient_descent(fixed, *covariances, 1.001 * step, 10, 10, objective)
    # 1 + z + z²/2 + z³/6 + z⁴/24 leaves [-1, 1] at z = -2.785..., 1 + z at -2.
    z = -2.785293563405282
    assert abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24 - 1) <= 64 * ULP


def test_hostile_runs_are_refused():
    run = {
        "parameters": START,
        "Sigma_xx": SIGMA_XX,
        "Sigma_yx": SIGMA_YX,
        "step": 0.01,
        "steps": 10,
        "every": 5,
        "objective": "jepa",
    }
    broken = observed.Parameters(START.layers, START.predictor.at[0, 0].set(jnp.nan))
    for bad, sentence in (
        (dict(step=10.0), "step must be at most"),
        (dict(steps=7), "steps must be a multiple of every = 5, got 7"),
        (dict(Sigma_xx=np.eye(2), Sigma_yx=np.eye(2)), "Sigma_xx must be 3 x 3"),
        (dict(Sigma_yx=np.zeros((DIM, DIM))), "nothing to learn"),
        (dict(parameters=broken), "parameters must be finite, got nan among the entries"),
        (dict(ema_rate=1.0, objective="mae"), "ema_rate must be None"),
        (dict(ema_rate=1.0, stop_gradient=False, Sigma_yy=SIGMA_YY), "ema_rate must be None"),
        (dict(stop_gradient=False), "Sigma_yy must be given"),
    ):
        for method in (observed.gradient_flow, observed.gradient_descent):
            with pytest.raises(ValueError, match=sentence):
                method(**run | bad)


class TestCrossings:
    def test_first_and_last_of_exponential_pieces(self):
        """Between records the strengths are exponentials, so that interpolation in the logarithm is exact."""
        times = np.array([0.0, 1.0, 3.0, 4.0, 6.0])
        logs = np.array([[0.0, 2.0, 0.0], [2.0, 2.0, 0.5], [-1.0, 3.0, 0.2], [1.0, 3.0, 0.1], [3.0, 0.5, 0.3]])
        found = observed.up_crossings(times, np.exp(logs), np.exp([1.0, 1.0, 1.0]))
        np.testing.assert_allclose(found.first, [0.5, np.inf, np.inf], rtol=16 * ULP)
        # At t = 4 the first is at the level again: the crossing ends there, and it stays above.
        np.testing.assert_allclose(found.last, [4.0, np.inf, np.inf], rtol=16 * ULP)
        assert found.ends_above.tolist() == [True, False, False]

    def test_one_record_is_refused(self):
        with pytest.raises(ValueError, match="times must be at least two: a crossing lies between two of them"):
            observed.up_crossings(np.zeros(1), np.ones((1, 1)), np.ones(1))


class TestLinearisation:
    LAMBDA = np.array([1.6, 0.8])

    @pytest.mark.parametrize(
        ("objective", "rho", "learned", "others"),
        [
            # Characteristic polynomials over the rationals: z^9 (5z+1)² (20z-1), z^9 (5z+4)² (5z+8), and for MAE
            # z^9 (5z+12) (100z²+85z-12), z^9 (5z+12) (25z²+340z+192).
            ("jepa", (0.5, 1.0), (0,), [0.05, -0.2, -0.2]),
            ("jepa", (0.5, 1.0), (1,), [-0.8, -0.8, -1.6]),
            ("mae", (0.125, 1.0), (0,), [*np.roots([100, 85, -12]), -2.4]),
            ("mae", (0.125, 1.0), (1,), [*np.roots([25, 340, 192]), -2.4]),
        ],
    )
    def test_growth_rates_at_a_saddle(self, objective, rho, learned, others):
        rho = np.array(rho)
        basis = np.linalg.qr(np.random.default_rng(1).standard_normal((2, 2)))[0]
        covariances = basis * (self.LAMBDA / rho) @ basis.T, basis * self.LAMBDA @ basis.T
        saddle = observed.saddle_state(jax.random.key(2), learned, rho, 2, objective, basis=basis)
        slope = observed.gradients(saddle, *covariances, objective)
        assert max(np.abs(part).max() for part in slope) <= 64 * ULP
        found = observed.flow_eigenvalues(saddle, *covariances, objective)
        size = 12 * np.abs(found).max()
        assert np.all(np.diff(found.real) <= 0)
        for rate in sorted(others):
            # A double rate has two eigenvectors here or comes out with the square root of the rounding.
            nearest = np.argmin(np.abs(found - rate))
            assert abs(found[nearest] - rate) <= 64 * size * (ULP if others.count(rate) == 1 else ULP**0.5)
            found = np.delete(found, nearest)
        # The rest are zeros in Jordan blocks of up to L + 1 = 3: the cube root of the rounding.
        assert np.all(np.abs(found) <= (64 * size * ULP) ** (1 / 3))

    def test_jacobian_moves_the_target(self):
        """Against complex steps through the written-out gradient; a stop-gradient inside would give another matrix."""
        jacobian = np.asarray(observed.flow_jacobian(START, SIGMA_XX, SIGMA_YX, "jepa"))
        flat = np.concatenate([LAYERS.ravel(), PREDICTOR.ravel()])
        columns = []
        for index in range(len(flat)):
            moved = flat.astype(complex)
            moved[index] += 1e-30j
            layer_slopes, predictor_slope = slopes(moved[:18].reshape(2, 3, 3), moved[18:].reshape(3, 3), "jepa")
            columns.append(-np.concatenate([layer_slopes.ravel(), predictor_slope.ravel()]).imag / 1e-30)
        assert np.all(np.abs(jacobian - np.array(columns).T) <= 1e3 * ULP * np.abs(jacobian).max())
        target = LAYERS[1] @ LAYERS[0]
        frozen = jax.jacfwd(
            lambda first: (
                observed.gradients(
                    START._replace(layers=START.layers.at[0].set(first)),
                    SIGMA_XX,
                    SIGMA_YX,
                    "jepa",
                    target_encoder=target,
                ).predictor
            )
        )(START.layers[0])
        assert np.abs(-frozen.reshape(9, 9) - jacobian[18:, :9]).max() > 0.1

    def test_an_index_that_is_none_is_refused(self):
        with pytest.raises(ValueError, match=r"indices in 0\.\.2, got \[3\]"):
            observed.saddle_state(None, (3,), np.ones(3), 2, "jepa")
