"""Heavy-ball descent against a loop in NumPy, gradient flow against an adaptive integrator, ramps against descent."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import sims.neural_collapse as observed
from sims.neural_collapse.descent import at_rest, heavy_ball
from sims.neural_collapse.gradients import flatten, value_and_gradient

ULP = 2.0**-53
KEY = jax.random.key(7)
SIZES = (3, 2, 1)
START = {"weight_std": 0.4, "feature_std": 0.4}
RUN = START | {"learning_rate": 0.1, "momentum": 0.9, "steps": 60, "every": 20}


@pytest.mark.parametrize(
    ("widths", "reduced", "terms"),
    [
        ((4,), False, {}),
        ((4, 5, 3), True, {"bias": True, "bias_decay": 0.1}),
        ((4, 5), False, {"loss": "ce", "bias": True}),
    ],
)
def test_training_follows_the_loop(widths, reduced, terms):
    """Decays are traced, and two seeds mapped: the loop follows the second."""
    weight_decays = 0.01 * np.arange(1, 1 + len(widths))

    def train(key, decays):
        problem = observed.Problem(SIZES, tuple(decays), 2 * decays[0], **terms)
        return observed.train(key, problem, widths, reduced=reduced, **RUN)

    runs = jax.jit(jax.vmap(train))(jax.random.split(KEY), np.stack([3 * weight_decays, weight_decays]))
    run = jax.tree.map(lambda values: values[1], runs)
    problem = observed.Problem(SIZES, tuple(weight_decays.tolist()), 0.02, **terms)
    n_columns = 3 if reduced else 6
    flat = flatten(observed.initial_head(jax.random.split(KEY)[1], widths, 3, n_columns, **START), problem)
    slope = value_and_gradient(problem, widths, n_columns)
    velocity = np.zeros_like(flat)
    for step in range(1, 61):
        velocity = 0.9 * velocity + slope(flat)[1]
        flat = flat - 0.1 * velocity
        if step % 20 == 0:
            record = step // 20 - 1
            value, gradient = slope(flat)
            # Sums of a hundred terms below ten in each step; a step of a stable descent passes on at most
            # 1 / (1 - momentum) = 10 times the rounding that it adds.
            bound = 10 * step * 100 * ULP * 10
            assert run.steps[record] == step
            assert abs(run.objective[record] - value) <= bound
            assert abs(run.gradient_norm[record] - np.linalg.norm(gradient)) <= bound
    assert np.all(np.abs(flatten(run.head, problem) - flat) <= bound)
    if not problem.bias:
        assert np.all(run.head.bias == 0)


def test_heavy_ball_is_a_recursion_of_second_order_and_can_be_interrupted():
    problem = observed.Problem(SIZES, (0.01, 0.01), 0.02)
    head = observed.initial_head(KEY, (4, 5), 3, 6, **START)
    rate, momentum = 0.1, 0.8

    @jax.jit
    def advance(state):
        return heavy_ball(state, problem, steps=1, learning_rate=rate, momentum=momentum)

    first = advance(at_rest(head))
    second = advance(first)
    slope = value_and_gradient(problem, (4, 5), 6)
    before, middle, after = (flatten(state, problem) for state in (head, first[0], second[0]))
    # θ_{t+1} - θ_t = μ (θ_t - θ_{t-1}) - η ∇f(θ_t), whatever came before.
    step = momentum * (middle - before) - rate * slope(middle)[1]
    assert np.all(np.abs(after - middle - step) <= 100 * ULP * 10)
    both = jax.jit(lambda state: heavy_ball(state, problem, steps=2, learning_rate=rate, momentum=momentum))
    assert np.all(np.abs(flatten(both(at_rest(head))[0], problem) - after) <= 100 * ULP * 10)


def test_class_mean_descent_is_full_descent_of_collapsed_features():
    problem = observed.Problem(SIZES, (0.02, 0.03), 0.04, loss="ce")
    reduced = observed.initial_head(KEY, (4, 5), 3, 3, **START)
    columns = np.repeat(np.asarray(reduced.features) / np.sqrt(SIZES), SIZES, axis=1)
    full = reduced._replace(features=jnp.asarray(columns))
    steps, rate, momentum = 40, 0.2, 0.5
    descend = jax.jit(
        lambda head: heavy_ball(at_rest(head), problem, steps=steps, learning_rate=rate, momentum=momentum)[0]
    )
    # A column of the full form has the slope of its class over √n_k, and the same decay: one descent, seen twice.
    left, right = descend(full), descend(reduced)
    for layer, other in zip(left.weights, right.weights, strict=True):
        assert np.all(np.abs(layer - other) <= steps * 200 * ULP * 10)
    repeated = np.repeat(np.asarray(right.features) / np.sqrt(SIZES), SIZES, axis=1)
    assert np.all(np.abs(left.features - repeated) <= steps * 200 * ULP * 10)


def test_descent_runs_in_single_precision():
    problem = observed.Problem(SIZES, (1e-3,), 1e-3, True)
    with jax.enable_x64(False):
        run = jax.jit(lambda key: observed.train(key, problem, (4,), reduced=False, **RUN))(KEY)
        assert {leaf.dtype for leaf in jax.tree.leaves((run.objective, run.collapse, run.head))} == {np.dtype("f4")}
    assert np.all(np.diff(run.objective) < 0)


def test_trained_classes_collapse_to_the_frame_of_their_problem():
    run = jax.jit(
        lambda key: observed.train(
            key,
            observed.Problem((3, 3, 3), (0.02,), 0.02, True),
            (6,),
            **(RUN | {"steps": 3000, "every": 20, "reduced": False}),
        )
    )(KEY)
    assert run.gradient_norm[-1] < 1e-9
    assert run.collapse.within_class[-1] < 1e-12 < 1e-3 < run.collapse.within_class[0]
    for found in (run.collapse.weights[-1, 0], run.collapse.features[-1], run.collapse.logits[-1]):
        assert found < 1e-7
    assert np.all(np.abs(run.head.bias - 1 / 3) < 1e-9)


@pytest.mark.parametrize("terms", [{"loss": "ce", "bias": True}, {}])
def test_layer_imbalances_decay_at_twice_the_weight_decay(terms):
    decay, time_step = 0.05, 0.02
    problem = observed.Problem(SIZES, (decay, decay), decay, **terms)
    start = observed.initial_head(KEY, (4, 5), 3, 6, weight_std=0.5, feature_std=0.5)
    flow = jax.jit(lambda head: observed.gradient_flow(head, problem, time_step=time_step, steps=500, every=100))(start)
    assert np.allclose(flow.times, time_step * np.arange(0, 501, 100), rtol=4 * ULP, atol=0)
    assert [imbalance.shape for imbalance in flow.imbalances] == [(6, 4, 4), (6, 5, 5)]
    w_1, w_2 = start.weights
    assert np.all(np.abs(flow.imbalances[0][0] - (w_1.T @ w_1 - start.features @ start.features.T)) <= 100 * ULP)
    assert np.all(np.abs(flow.imbalances[1][0] - (w_2.T @ w_2 - w_1 @ w_1.T)) <= 100 * ULP)
    # Runge-Kutta's local error is (h L)^5 / 120 of the parameters, L the largest curvature: largest at the start, and
    # carried on by a flow that contracts. The adaptive integrator's own tolerances are far below.
    slope = value_and_gradient(problem, (4, 5), 6)
    reference = solve_ivp(
        lambda _, flat: -slope(flat)[1], (0, 10), flatten(start, problem), method="DOP853", rtol=1e-12, atol=1e-13
    )
    length = np.linalg.norm(reference.y[:, 0])
    curvature = observed.hessian_spectrum(problem, start)[-1]
    error = 500 * (time_step * curvature) ** 5 / 120 * length
    assert np.all(np.abs(flatten(flow.head, problem) - reference.y[:, -1]) <= error)
    for imbalance in flow.imbalances:
        remaining = np.exp(-2 * decay * np.asarray(flow.times))[:, None, None] * imbalance[0]
        assert np.max(np.abs(imbalance - remaining)) <= 4 * length * error
        once = np.exp(-decay * np.asarray(flow.times))[:, None, None] * imbalance[0]
        assert np.max(np.abs(imbalance - once)) > 0.1
    assert 4 * length * error < 1e-3


def test_ramp_descends_level_by_level():
    problem = observed.Problem(SIZES, (0.1, 0.1), 0.1)
    start = observed.initial_head(KEY, (4, 5), 3, 3, weight_std=1.0, feature_std=1.0)
    settings = {"steps": 30, "learning_rate": 0.1, "momentum": 0.5}
    found = jax.jit(lambda head: observed.ramp(KEY, head, problem, np.array([1.0, 3.0]), noise=0.0, **settings))(start)

    @jax.jit
    def descend(head, decay):
        at_level = observed.Problem(SIZES, (decay, decay), decay)
        return heavy_ball(at_rest(head), at_level, **settings)[0]

    head = start
    for level, factor in enumerate([1.0, 3.0]):
        scaled = observed.Problem(SIZES, (0.1 * factor, 0.1 * factor), 0.1 * factor)
        head = descend(head, 0.1 * factor)
        value, _ = value_and_gradient(scaled, (4, 5), 3)(flatten(head, scaled))
        singular_values = np.linalg.svd(head.weights[1] @ head.weights[0] @ head.features, compute_uv=False)
        assert abs(found.objective[level] - value) <= 10 * 60 * 100 * ULP * 10
        assert np.all(np.abs(found.singular_values[level] - singular_values) <= 10 * 60 * 100 * ULP * 10)


def test_deep_heads_do_not_come_back_and_shallow_ones_do():
    """Two levels suffice: where zero is the only minimum, and back where it is not."""
    survivors = {}
    for depth in (1, 2):
        problem = observed.Problem((3, 3), (1.0,) * depth, 1.0)
        alive = observed.best_of(observed.Problem((3, 3), (0.02,) * depth, 0.02), KEY, 8, widths=(4,) * depth).head
        ramp = jax.jit(
            lambda head, problem=problem: observed.ramp(
                KEY, head, problem, np.array([0.02, 1.0, 0.02]), steps=800, learning_rate=0.1, momentum=0.9, noise=1e-4
            )
        )(alive)
        assert np.all(ramp.singular_values[0] > 0.5)
        assert np.all(ramp.singular_values[1] < 1e-6)
        survivors[depth] = ramp.singular_values[2] - ramp.singular_values[0]
    assert np.all(np.abs(survivors[1]) < 1e-6)
    assert np.all(survivors[2] < -0.5)
