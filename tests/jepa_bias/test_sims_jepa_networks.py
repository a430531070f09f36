"""Starts, losses and gradients: what alignment means, three routes to one gradient, and what they conserve."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.jepa_bias as observed

ULP = 2.0**-53
DIM = 3
seeds = st.integers(0, 2**32 - 1)
DEPTH = 3
objectives = st.sampled_from(["jepa", "mae"])


# Jitted: run operation by operation, each would be compiled on its own.
by_hand = jax.jit(observed.gradients, static_argnames=("objective", "stop_gradient"))
automatic = jax.jit(observed.autodiff_gradients, static_argnames=("objective", "stop_gradient"))
aligned_init = jax.jit(observed.aligned_init, static_argnames=("dimension", "depth", "objective"))
misaligned_init = jax.jit(
    observed.misaligned_init, static_argnames=("dimension", "depth", "objective", "kind", "rotate_latents")
)


def random_problem(seed, depth=DEPTH):
    """Layers, predictor and covariances of order one, none of them diagonal or commuting; y has its own noise."""
    rng = np.random.default_rng(seed)
    layers = rng.standard_normal((depth, DIM, DIM)) / np.sqrt(DIM)
    predictor = rng.standard_normal((DIM, DIM)) / np.sqrt(DIM)
    root, regression = rng.standard_normal((2, DIM, DIM)) / np.sqrt(DIM)
    Sigma_xx = root @ root.T + np.eye(DIM)
    Sigma_yx = regression @ Sigma_xx
    return observed.Parameters(jnp.asarray(layers), jnp.asarray(predictor)), (
        Sigma_xx,
        Sigma_yx,
        Sigma_yx @ regression.T + np.eye(DIM),
    )


def rounding(parameters, covariances):
    """Of a product of all factors twice with a covariance: operations times the product of their norms."""
    norms = [np.linalg.norm(layer) for layer in parameters.layers] + [np.linalg.norm(parameters.predictor)]
    size = np.prod([1 + norm for norm in norms]) ** 2 * sum(np.linalg.norm(matrix) for matrix in covariances)
    return 8 * DIM * len(norms) * ULP * size


def error_of(pair):
    left, right = jax.tree.leaves(pair[0]), jax.tree.leaves(pair[1])
    return max(np.max(np.abs(np.asarray(a) - np.asarray(b))) for a, b in zip(left, right, strict=True))


@settings(max_examples=12, deadline=None)
@given(seeds, st.sampled_from([1, DEPTH]), objectives)
def test_gradient_by_hand_is_autodiff_through_the_stop_gradient(seed, depth, objective):
    parameters, covariances = random_problem(seed, depth)
    slopes = by_hand(parameters, *covariances[:2], objective), automatic(parameters, *covariances, objective)
    assert error_of(slopes) <= rounding(parameters, covariances)


@settings(max_examples=6, deadline=None)
@given(seeds)
def test_gradients_of_the_other_targets(seed):
    """No stop-gradient; a target encoder of its own, which no gradient enters, stopped or not."""
    parameters, covariances = random_problem(seed)
    Sigma_xx, Sigma_yx, Sigma_yy = covariances
    bound = rounding(parameters, covariances)
    stopped = by_hand(parameters, Sigma_xx, Sigma_yx, "jepa")
    free = by_hand(parameters, Sigma_xx, Sigma_yx, "jepa", stop_gradient=False, Sigma_yy=Sigma_yy)
    assert error_of((free, automatic(parameters, *covariances, "jepa", stop_gradient=False))) <= bound
    assert error_of((free, stopped)) > 1e-3
    target = np.random.default_rng(seed).standard_normal((DIM, DIM))
    bound *= 1 + np.linalg.norm(target)
    chasing = by_hand(parameters, Sigma_xx, Sigma_yx, "jepa", target_encoder=target)
    assert error_of((chasing, automatic(parameters, *covariances, "jepa", target_encoder=target))) <= bound
    free = by_hand(
        parameters, Sigma_xx, Sigma_yx, "jepa", target_encoder=target, stop_gradient=False, Sigma_yy=Sigma_yy
    )
    assert error_of((chasing, free)) <= bound
    free = automatic(parameters, *covariances, "jepa", target_encoder=target, stop_gradient=False)
    assert error_of((chasing, free)) <= bound
    # MAE has no target that a gradient could enter.
    mae = [by_hand(parameters, Sigma_xx, Sigma_yx, "mae", stop_gradient=stop) for stop in (True, False)]
    assert error_of(mae) <= bound


@partial(jax.jit, static_argnums=(3, 4))
def value_and_slope(parameters, X, Y, objective, stop):
    return jax.value_and_grad(lambda at: sampled_loss(at, X, Y, objective, stop))(parameters)


def sampled_loss(parameters, X, Y, objective, stop):
    """Half the mean squared error over pairs of views: what a training loop computes."""
    latents, targets = X @ observed.encoder(parameters).T, Y
    if objective == "jepa":
        targets = Y @ observed.encoder(parameters).T
        targets = jax.lax.stop_gradient(targets) if stop else targets
    return jnp.mean(jnp.sum((latents @ parameters.predictor.T - targets) ** 2, axis=1)) / 2


def loss(parameters, covariances, objective, **options):
    return (observed.mae_loss if objective == "mae" else observed.jepa_loss)(parameters, *covariances, **options)


@settings(max_examples=6, deadline=None)
@given(seeds, st.sampled_from([("jepa", True), ("jepa", False), ("mae", True)]))
def test_losses_of_samples_are_losses_of_their_covariances(seed, variant):
    objective, stop = variant
    parameters, _ = random_problem(seed)
    X, Y = np.random.default_rng(seed).standard_normal((2, 7, DIM))
    covariances = [X.T @ X / 7, Y.T @ X / 7, Y.T @ Y / 7]
    bound = rounding(parameters, covariances)
    value, slope = value_and_slope(parameters, X, Y, objective, stop)
    assert abs(value - loss(parameters, covariances, objective)) <= bound
    slope_by_hand = by_hand(parameters, *covariances[:2], objective, stop_gradient=stop, Sigma_yy=covariances[2])
    assert error_of((slope, slope_by_hand)) <= bound
    # Half the mean squared error, sample by sample.
    product = np.linalg.multi_dot(list(np.asarray(parameters.layers[::-1])))
    goal = Y if objective == "mae" else Y @ product.T
    errors = X @ (np.asarray(parameters.predictor) @ product).T - goal
    assert abs(value - np.mean(np.sum(errors**2, axis=1)) / 2) <= bound
    if objective == "jepa":
        target = np.random.default_rng(seed + 1).standard_normal((DIM, DIM))
        errors += goal - Y @ target.T
        bound *= (1 + np.linalg.norm(target)) ** 2
        chased = loss(parameters, covariances, "jepa", target_encoder=target)
        assert abs(chased - np.mean(np.sum(errors**2, axis=1)) / 2) <= bound


@jax.jit
def motion(parameters, slopes):
    return jax.jvp(observed.balance, (parameters,), (slopes,))[1]


@settings(max_examples=12, deadline=None)
@given(seeds, objectives)
def test_gradients_conserve_the_balance(seed, objective):
    """The balance moves by G_{a+1}ᵀW_{a+1} + ... - G_a W_aᵀ - ..., and G_{a+1}ᵀ W_{a+1} is W_a G_aᵀ."""
    parameters, covariances = random_problem(seed)
    bound = rounding(parameters, covariances)

    assert np.all(np.abs(motion(parameters, by_hand(parameters, *covariances[:2], objective))) <= bound)
    if objective == "jepa":
        free = by_hand(parameters, *covariances[:2], "jepa", stop_gradient=False, Sigma_yy=covariances[2])
        moved = np.abs(motion(parameters, free)).max(axis=(1, 2))
        assert np.all(moved[:-1] <= bound)
        assert moved[-1] > 1e-3


@settings(max_examples=8, deadline=None)
@given(seeds, objectives, st.floats(1e-4, 0.9))
def test_aligned_starts_are_balanced_and_move_along_the_features(seed, objective, init):
    depth = DEPTH
    key = jax.random.key(seed)
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((DIM, DIM)))[0]
    start = jax.tree.map(np.asarray, aligned_init(key, DIM, depth, init, objective, basis=basis))
    factor = init ** (1 / depth)
    bound = 64 * DIM * depth * ULP
    assert np.all(np.abs(observed.balance(start)) <= bound * factor**2)
    product = np.linalg.multi_dot(list(start.layers[::-1]))
    assert np.all(np.abs(product @ product.T - init**2 * np.eye(DIM)) <= bound * init**2)
    # Predictor and encoder undo each other's rotations: the latent space (or the input) sees a multiple of I.
    if objective == "jepa":
        assert np.all(np.abs(start.predictor - factor * np.eye(DIM)) <= bound * factor)
    else:
        assert np.all(np.abs(start.predictor @ product - factor * init * np.eye(DIM)) <= bound * factor * init)
    variances, cross = np.array([3.0, 1.0, 2.0]), np.array([0.5, 0.8, 0.3])
    slopes = by_hand(start, basis * variances @ basis.T, basis * cross @ basis.T, objective)
    first = np.asarray(start.layers[0].T @ slopes.layers[0] / factor)  # dW_1 in the features' basis
    pull = factor**depth * factor**depth if objective == "jepa" else init
    residual = factor * variances - cross if objective == "jepa" else factor * init * variances - cross
    expected = basis * (pull * residual) @ basis.T
    assert np.all(np.abs(first - expected) <= bound * 8 * pull)


def test_misaligned_starts():
    key = jax.random.key(3)
    aligned = jax.tree.map(np.asarray, aligned_init(None, DIM, DEPTH, 0.01, "mae"))
    changes = {}
    for kind in ("predictor_rotation", "predictor_noise", "predictor_symmetric"):
        zero, near, far, wide = (
            jax.tree.map(
                np.asarray, misaligned_init(key, DIM, DEPTH, 0.01, "mae", delta, kind=kind, rotate_latents=False)
            )
            for delta in (0.0, 1e-6, 2e-6, 1.0)
        )
        assert error_of((zero, aligned)) <= 8 * DIM * ULP
        assert error_of((near.layers, aligned.layers)) <= 8 * DIM * ULP
        step, double = near.predictor - aligned.predictor, far.predictor - aligned.predictor
        # Linear in delta up to its square, and of its size.
        assert np.all(np.abs(double - 2 * step) <= 100 * 1e-12 + 64 * ULP)
        assert 1e-8 < np.linalg.norm(step) < 1e-5
        turn = near.predictor @ np.linalg.inv(aligned.predictor)
        exact = np.abs(turn @ turn.T - np.eye(DIM)).max() <= 64 * DIM * ULP
        assert exact == (kind == "predictor_rotation")
        changes[kind] = np.linalg.solve(aligned.predictor, wide.predictor)
    # V (I + δ (G + Gᵀ) / 2): the symmetric part of the other's I + δ G, from the same G.
    noise = changes["predictor_noise"]
    assert np.all(np.abs((noise + noise.T) / 2 - changes["predictor_symmetric"]) <= 1e3 * DIM * ULP)
    plane = misaligned_init(key, 2, 2, 0.01, "jepa", 0.3, kind="predictor_rotation", rotate_latents=False)
    turned = 0.1 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    assert np.all(np.abs(plane.predictor - turned) <= 8 * ULP)
    assert np.all(np.abs(plane.layers - 0.1 * np.eye(2)) <= 8 * ULP)


def test_small_rotation_is_the_exponential():
    from scipy.linalg import expm

    key = jax.random.key(0)
    normal = np.asarray(jax.random.normal(key, (DIM, DIM)))
    for angle in (1e-3, 0.7):
        expected = expm(angle * (normal - normal.T))
        assert np.all(np.abs(observed.small_rotation(key, DIM, angle) - expected) <= 1e3 * ULP)


def test_rotations_are_uniform():
    """Every entry of a uniform rotation has mean 0 and mean square 1/d; its fourth power has mean 3/(d(d+2))."""
    draws = 20_000
    keys = jax.random.split(jax.random.key(1), draws)
    rotations = np.asarray(jax.vmap(lambda key: observed.random_rotation(key, DIM))(keys))
    gram = rotations @ rotations.transpose(0, 2, 1)
    assert np.abs(gram - np.eye(DIM)).max() <= 64 * DIM * ULP
    # Six standard errors of nine entries each.
    assert np.all(np.abs(rotations.mean(axis=0)) <= 6 * np.sqrt(1 / DIM / draws))
    spread = 3 / (DIM * (DIM + 2)) - 1 / DIM**2
    assert np.all(np.abs((rotations**2).mean(axis=0) - 1 / DIM) <= 6 * np.sqrt(spread / draws))
    # The sign correction makes the trace mean 0, variance 1.
    assert np.abs(np.trace(rotations, axis1=1, axis2=2).mean()) <= 6 / np.sqrt(draws)


def test_unbalanced_and_unaligned_starts():
    key = jax.random.key(5)
    start = observed.unbalanced_init(key, DIM, DEPTH, 0.2, 0.05, "jepa")
    residual = np.asarray(observed.balance(start))
    assert np.all(np.abs(residual[:-1]) <= 64 * ULP)
    assert np.all(np.abs(residual[-1] - (0.05**2 - 0.2**2) * np.eye(DIM)) <= 64 * ULP)
    wild = observed.random_predictor_init(key, DIM, DEPTH, 0.001, "jepa")
    assert np.all(np.abs(observed.balance(wild)) <= 64 * ULP)
    assert np.linalg.norm(wild.predictor - 0.1 * np.eye(DIM)) > 0.05


def test_what_does_not_fit_is_refused():
    for start in (
        lambda: observed.aligned_init(None, DIM, 2, 0.1, "jepa", basis=np.eye(2)),
        lambda: observed.misaligned_init(
            jax.random.key(0), DIM, 2, 0.1, "mae", 0.1, kind="predictor_noise", basis=np.eye(2)
        ),
    ):
        with pytest.raises(ValueError, match="basis must be 3 x 3"):
            start()
    parameters, covariances = random_problem(0, 1)
    with pytest.raises(ValueError, match="Sigma_yy must be given"):
        observed.gradients(parameters, *covariances[:2], "jepa", stop_gradient=False)
    with pytest.raises(ValueError, match=r"Sigma_xx must be 3 x 3 as the layers are, got \(2, 2\)"):
        observed.mae_loss(parameters, np.eye(2), np.eye(2), np.eye(2))
    for broken in (parameters._replace(layers=None), parameters._replace(predictor=np.eye(2))):
        with pytest.raises(TypeError, match=r"parameters must hold arrays of shapes \(depth, d, d\) and \(d, d\)"):
            observed.encoder(broken)
