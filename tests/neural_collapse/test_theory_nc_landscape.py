"""Local minima and Hessians against exact second derivatives of the objective, rates against the iterations."""

import numpy as np
import pytest
from heads_by_hand import UNIT_ROUNDOFF, descend, general, loss_and_gradient
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from theory import neural_collapse as predicted


def hessian(weights, means, sizes, decays, feature_decay):
    """Second derivatives in the coordinates (W_1, ..., W_M, sqrt(n_k) h_k): complex steps along the exact gradient."""
    shapes = [w.shape for w in weights] + [means.shape]
    edges = np.cumsum([np.prod(shape) for shape in shapes])
    roots = np.sqrt(np.asarray(sizes, dtype=float))
    point = np.concatenate([w.ravel() for w in weights] + [(means * roots).ravel()])

    def gradient(flat):
        parts = [part.reshape(shape) for part, shape in zip(np.split(flat, edges[:-1]), shapes, strict=True)]
        _, derivatives = loss_and_gradient(
            [*parts[:-1], parts[-1] / roots, None], np.asarray(sizes), decays, feature_decay
        )
        derivatives[-1] = derivatives[-1] / roots
        return np.concatenate([part.ravel() for part in derivatives])

    step = 1e-30
    columns = [gradient(point + 1j * step * unit).imag / step for unit in np.eye(point.size)]
    return np.stack(columns, axis=1)


def partial_collapse(sizes, decays, feature_decay, widths, alive):
    """Explicit critical point with the largest roots on the classes `alive` and zero elsewhere."""
    total, depth = sum(sizes), len(decays)
    scale = depth * total * (total * feature_decay * np.prod(decays)) ** (1 / depth)
    n = np.array(sizes, dtype=float)
    kept = np.zeros(len(sizes))
    for k in alive:
        kept[k] = predicted.shrinkage(predicted.largest_root(scale / n[k], depth), depth)
    weights, scaled = predicted.balanced_factorisation(np.diag(kept * np.sqrt(n)), decays, feature_decay, widths)
    return weights, scaled / np.sqrt(n)


@pytest.mark.parametrize(
    ("sizes", "decays", "feature_decay"),
    [((6, 4, 2, 1), (0.05, 0.03), 0.04), ((6, 4, 3, 2), (0.02, 0.03, 0.02), 0.03), ((6, 4, 2, 1), (0.01,), 0.012)],
)
def test_only_keeping_the_largest_classes_is_a_local_minimum(sizes, decays, feature_decay):
    depth, widths = len(decays), [4] * len(decays)
    values = predicted.local_minimum_values(sizes, decays, feature_decay)
    possible = [
        k
        for k, b in enumerate(predicted.mse_optimum(sizes, decays, feature_decay).betas)
        if b < predicted.existence_threshold(depth)
    ]
    found = {}
    for subset in range(2 ** len(possible)):
        alive = [k for bit, k in enumerate(possible) if subset >> bit & 1]
        weights, means = partial_collapse(sizes, decays, feature_decay, widths, alive)
        value, gradient = loss_and_gradient([*weights, means, None], np.array(sizes), decays, feature_decay)
        assert max(np.abs(part).max() for part in gradient) < 1e-13
        smallest = np.linalg.eigvalsh(hessian(weights, means, sizes, decays, feature_decay))[0]
        is_top_set = alive == list(range(len(alive)))
        # Rounding of a symmetric eigenproblem of size 80 and norm one; saddles are far below.
        if (is_top_set and depth > 1) or len(alive) == len(possible):
            assert smallest > -1e-13
            found[len(alive)] = value
        else:
            assert smallest < -1e-3
    assert values == pytest.approx([found[r] for r in sorted(found)], abs=256 * UNIT_ROUNDOFF)
    if depth > 1:
        weights, means = partial_collapse(sizes, decays, feature_decay, widths, [])
        zero = np.linalg.eigvalsh(hessian(weights, means, sizes, decays, feature_decay))
        expected = np.sort(np.repeat([*decays, feature_decay], 16))
        np.testing.assert_allclose(zero, expected, atol=1e-14)


@pytest.mark.parametrize(("widths", "n_values", "n_seen"), [((6, 6), 4, 2), ((2, 6), 3, 1), ((1, 6), 2, 1)])
def test_descent_ends_at_a_local_minimum(widths, n_values, n_seen):
    sizes, decays, feature_decay = (1, 6, 2, 4), (0.05, 0.03), 0.04
    values = predicted.local_minimum_values(sizes, decays, feature_decay, widths)
    assert values.size == n_values
    assert values[0] == 0.5
    assert values[-1] == pytest.approx(
        predicted.mse_optimum(sizes, decays, feature_decay, widths=widths).value, abs=1e-15
    )
    rng = np.random.default_rng(5)
    ends = [descend(rng, sizes, decays, feature_decay, widths, std=std) for std in (0.3, 0.6, 1.0) for _ in range(10)]
    converged = np.array([value for value, slope, _ in ends if slope < 1e-6])
    assert converged.size >= 20
    # A gradient g leaves f - f* of order g^2 / (2 lambda_min) < 1e-10.
    distances = np.abs(converged[:, None] - values)
    assert distances.min(axis=1).max() < 1e-9
    assert np.unique(distances.argmin(axis=1)).size == n_seen


def test_metastable_values_may_lie_above_the_trivial_one():
    # beta = .55 at M = 2 lies between the thresholds 1/2 and .6495
    strength = (0.55 / (2 * 3)) ** 2 / 3
    values = predicted.local_minimum_values([1, 1, 1], [strength ** (1 / 3)] * 2, strength ** (1 / 3))
    root = float(predicted.largest_root(0.55, 2))
    assert root == pytest.approx(0.8988, abs=5e-5)
    each = 1 / (1 + root**2) + 0.55 * root
    assert values == pytest.approx([0.5 + r * (each - 1) / 6 for r in range(4)], abs=1e3 * UNIT_ROUNDOFF)
    assert values[3] == pytest.approx(0.52374, abs=5e-6)


def test_shallow_landscape_is_benign():
    for n_alive, weight_decay in ((4, 0.01), (2, 0.1), (0, 1.0)):
        values = predicted.local_minimum_values([6, 4, 2, 1], [weight_decay], 0.12)
        optimum = predicted.mse_optimum([6, 4, 2, 1], [weight_decay], 0.12)
        assert optimum.alive.sum() >= n_alive
        assert values == pytest.approx([optimum.value], abs=16 * UNIT_ROUNDOFF)


@general
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.floats(-3, -1.2))
def test_whole_shallow_spectrum(sizes, exponent):
    strength = 10.0**exponent
    optimum = predicted.mse_optimum(sizes, [strength], strength)
    assume(np.all(optimum.roots > 1e-3))
    weights, means, _ = predicted.optimal_parameters(optimum)
    computed = np.linalg.eigvalsh(hessian(weights, means, sizes, [strength], strength))
    claimed = predicted.shallow_spectrum(optimum.roots, strength)
    np.testing.assert_allclose(computed, claimed, atol=1e3 * UNIT_ROUNDOFF * (strength + computed[-1]))


@general
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True), st.floats(0.05, 0.95), st.integers(1, 4))
def test_radial_eigenvalues(sizes, fraction, depth):
    sizes = sorted(sizes, reverse=True)  # the explicit parameters then hold class k in entry (k, k) of every factor
    # The decay at which the smallest class is at `fraction` of the existence threshold
    total = sum(sizes)
    beta = fraction * predicted.existence_threshold(depth)
    strength = ((beta * min(sizes) / (depth * total)) ** depth / total) ** (1 / (depth + 1))
    everyone = range(len(sizes))
    weights, means = partial_collapse(sizes, [strength] * depth, strength, [len(sizes)] * depth, everyone)
    curvature = hessian(weights, means, sizes, [strength] * depth, strength)
    roots = predicted.largest_root(beta * min(sizes) / np.array(sizes), depth)
    claimed = predicted.radial_eigenvalues(roots, strength, depth)
    rounding = 1e4 * UNIT_ROUNDOFF * (1 + np.abs(curvature).max()) / (1 - fraction)
    assert np.all(np.linalg.eigvalsh(curvature)[:, None].min() < claimed + rounding)
    for k in everyone:
        stretch = np.outer(np.eye(len(sizes))[k], np.eye(len(sizes))[k])
        direction = np.concatenate([(stretch * np.sign(factor)).ravel() for factor in (*weights, means)])
        assert np.count_nonzero(direction) == depth + 1
        np.testing.assert_allclose(curvature @ direction, claimed[k] * direction, atol=rounding)


def test_radial_eigenvalue_vanishes_where_the_root_does():
    for depth in (1, 2, 5):
        peak = ((depth - 1) / (depth + 1)) ** (1 / depth)
        if depth > 1:
            assert predicted.radial_eigenvalues(np.array([peak]), 0.3, depth)[0] == pytest.approx(
                0, abs=32 * UNIT_ROUNDOFF
            )
        assert predicted.radial_eigenvalues(np.ones(2), 0.3, depth) == pytest.approx([0.6, 0.6], rel=4 * UNIT_ROUNDOFF)


@pytest.mark.parametrize(
    ("sizes", "widths"),
    [
        ((5, 3, 2), (3,)),
        ((5, 3, 2), (5,)),
        ((5, 3, 2), (3, 3)),
        ((5, 3, 2), (4, 4, 4)),
        ((3, 3), (2, 4)),
        ((2,), (3, 1, 2)),
    ],
)
def test_kernel_is_the_orbit_and_the_next_eigenvalue_twice_the_decay(sizes, widths):
    strength, depth = 0.01, len(widths)
    optimum = predicted.mse_optimum(sizes, [strength] * depth, strength, widths=widths)
    weights, means, _ = predicted.optimal_parameters(optimum)
    eigenvalues = np.linalg.eigvalsh(hessian(weights, means, sizes, [strength] * depth, strength))
    n_zeros = predicted.hessian_kernel_dimension(widths, len(sizes))
    rounding = 1e3 * UNIT_ROUNDOFF * eigenvalues[-1]
    assert np.abs(eigenvalues[:n_zeros]).max(initial=0) <= rounding
    assert eigenvalues[n_zeros] > strength / 2
    # Unused rows and columns of the inner factors only feel their own decay; all else is at least twice it.
    used = eigenvalues[n_zeros:][np.abs(eigenvalues[n_zeros:] - strength) > rounding]
    assert used[0] == pytest.approx(2 * strength, abs=rounding)


@pytest.mark.parametrize(
    ("widths", "rank", "dimension"), [((6, 6), 5, 30), ((6, 6), 3, 24), ((3,), 3, 3), ((5, 2), 1, 5)]
)
def test_kernel_dimension_counts_rotations(widths, rank, dimension):
    assert predicted.hessian_kernel_dimension(widths, rank) == dimension


@general
@given(st.floats(1e-6, 4), st.floats(1e-3, 1), st.floats(0, 0.999))
def test_heavy_ball_rate_is_that_of_the_recursion(curvature, step, momentum):
    matrix = np.array([[1 + momentum - step * curvature, -momentum], [1.0, 0.0]])
    radius = np.abs(np.linalg.eigvals(matrix)).max()
    # The eigenvalues of a nearly defective matrix are known to the root of rounding.
    gap = np.sqrt(abs((1 + momentum - step * curvature) ** 2 - 4 * momentum))
    error = 64 * UNIT_ROUNDOFF / (gap + np.sqrt(UNIT_ROUNDOFF)) + 16 * UNIT_ROUNDOFF
    assert predicted.heavy_ball_rate(curvature, step, momentum) == pytest.approx(-np.log(radius), abs=error)


def test_heavy_ball_rate_of_a_run():
    position, velocity, positions = 1.0, 0.0, []
    for _ in range(400):
        velocity = 0.5 * velocity + 0.02 * position
        position -= 0.1 * velocity
        positions.append(position)
    # The other root, near 1/2, is gone after a hundred steps.
    rate = -np.diff(np.log(positions[-100:])).mean()
    assert predicted.heavy_ball_rate(0.02, 0.1, 0.5) == pytest.approx(rate, rel=1e-10)
    assert predicted.heavy_ball_rate(1e-18, 0.1, 0.9) == pytest.approx(1e-18, rel=1e-14)
    assert predicted.heavy_ball_rate(40, 0.1, 0.5) == pytest.approx(-np.log((5 + np.sqrt(17)) / 4), rel=1e-14)
    assert predicted.heavy_ball_rate(0.5, 1.0) == pytest.approx(np.log(2), rel=4 * UNIT_ROUNDOFF)


def test_rates_of_the_published_setting():
    # Halves of the last digits printed by an independent program.
    assert predicted.nc2_rate(5e-4, 0.1, 0.9) == pytest.approx(1.0096847e-3, abs=5.1e-11)
    assert predicted.heavy_ball_rate(5e-4, 0.1, 0.9) == pytest.approx(5.023978e-4, abs=5.1e-11)
    assert predicted.nc1_rate(5e-4, 0.1, 0.9) == pytest.approx(3.024165e-3, abs=1.1e-9)


def test_a_small_root_slows_the_approach_and_a_large_one_does_not():
    assert predicted.nc2_rate(0.02, 0.1, 0.5, smallest_root=0.3) == predicted.heavy_ball_rate(0.3 * 0.04, 0.1, 0.5)
    assert predicted.nc2_rate(0.02, 0.1, 0.5, smallest_root=7) == predicted.heavy_ball_rate(0.04, 0.1, 0.5)
    assert predicted.nc2_rate(0.02, 0.1) == pytest.approx(-np.log(1 - 0.004), rel=1e-13)
    spectrum = predicted.shallow_spectrum(np.array([4.0, 0.3]), 0.02)
    assert spectrum[spectrum > 0][0] == pytest.approx(2 * 0.3 * 0.02, rel=4 * UNIT_ROUNDOFF)


def trained(rng, depth, width, sizes, strength, step, momentum, n_steps, record):
    """Heavy-ball run on all samples; NC1 and NC2 of the head every `record` steps."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    one_hot, total = np.eye(len(sizes))[:, labels], labels.size
    shapes = [(width, total), *[(width, width)] * (depth - 1), (len(sizes), width)]
    factors = [0.5 * rng.standard_normal(shape) for shape in shapes]
    velocity = [np.zeros(shape) for shape in shapes]
    target = predicted.optimum_targets(predicted.mse_optimum(sizes, [strength] * depth, strength))
    recorded = []
    for index in range(n_steps):
        inputs = [factors[0]]
        for weight in factors[1:]:
            inputs.append(weight @ inputs[-1])
        back = (inputs[-1] - one_hot) / total
        gradients = []
        for weight, entering in zip(factors[:0:-1], inputs[-2::-1], strict=True):
            gradients.append(back @ entering.T)
            back = weight.T @ back
        gradients = [back, *gradients[::-1]]
        for k in range(depth + 1):
            velocity[k] = momentum * velocity[k] + gradients[k] + strength * factors[k]
            factors[k] = factors[k] - step * velocity[k]
        if index % record == 0:
            metrics = predicted.nc_metrics(factors[1:], factors[0], labels, target)
            recorded.append((metrics.within_class, metrics.suffix_frames[0]))
    return np.array(recorded).T


def test_final_rates_of_a_run():
    strength, step, momentum = 0.01, 0.1, 0.9
    within, head = trained(np.random.default_rng(2), 3, 6, (3, 2), strength, step, momentum, 1001, 10)
    for metric, window, predicted_rate in (
        (within, slice(35, 55), predicted.nc1_rate(strength, step, momentum)),
        (head, slice(60, 100), predicted.nc2_rate(strength, step, momentum)),
    ):
        times = 10 * np.arange(101)[window]
        slope = -np.polyfit(times, np.log(metric[window]), 1)[0]
        # What follows is smaller by a power of the slowest mode, that of lambda, with a coefficient of order one.
        correction = np.exp(-predicted.heavy_ball_rate(strength, step, momentum) * times[0])
        assert correction < 0.02
        assert slope == pytest.approx(predicted_rate, rel=correction)


@pytest.mark.parametrize("depth", [1, 2])
def test_imbalance_between_layers_decays_alone(depth):
    rng, strength, sizes = np.random.default_rng(4), 0.05, np.array([2, 1])
    shapes = [(3, 3)] * (depth - 1) + [(2, 3), (3, 2)]
    edges = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    start = 0.7 * rng.standard_normal(sum(np.prod(shape) for shape in shapes))

    def unpack(flat):
        *weights, scaled = [part.reshape(shape) for part, shape in zip(np.split(flat, edges), shapes, strict=True)]
        return [*weights, scaled / np.sqrt(sizes), None]

    def velocity(_, flat):
        _, gradient = loss_and_gradient(unpack(flat), sizes, [strength] * depth, strength)
        return -np.concatenate([*[part.ravel() for part in gradient[:-1]], (gradient[-1] / np.sqrt(sizes)).ravel()])

    times = np.array([0.0, 1.0, 5.0])
    path = solve_ivp(velocity, (0, 5), start, t_eval=times, rtol=1e-11, atol=1e-13).y.T

    def imbalances(flat):
        *weights, means, _ = unpack(flat)
        chain = [means * np.sqrt(sizes), *weights]
        return np.stack([chain[m + 1].T @ chain[m + 1] - chain[m] @ chain[m].T for m in range(depth)])

    factors = predicted.imbalance_factor(strength, times)
    for flat, factor in zip(path, factors, strict=True):
        # The integrator's relative tolerance accumulates over some hundred steps.
        np.testing.assert_allclose(imbalances(flat), factor * imbalances(start), atol=1e-8)
    assert predicted.imbalance_factor(strength, 5.0) == pytest.approx(np.exp(-0.5), rel=4 * UNIT_ROUNDOFF)
