"""The layer against plain loops, RAW against its definition, compiled instructions against both, and every refusal."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from sims import in_context_learning as icl
from sims.in_context_learning.error_bound import pull_back
from sims.in_context_learning.layer import normalise
from sims.in_context_learning.layer_error import GELU_ULPS, REMAINDERS, STEEPEST, Construction, layer_error, no_leftover
from sims.in_context_learning.magnitudes import automatic_scales, layer_bounds, program_bounds

ULP = 2.0**-53
REGISTERS, POSITIONS = 6, 3
general = settings(deadline=None, derandomize=True, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)


def layer_by_hand(weights, hidden, layer_norm, form):
    """Equations (1)-(6) of the paper with loops over heads and positions; `weights` are those of one layer."""
    attended = np.zeros_like(hidden)
    for head in range(len(weights.keys)):
        for position in range(hidden.shape[1]):
            seen = hidden[:, : position + 1]
            scores = (weights.keys[head] @ seen).T @ (weights.queries[head] @ hidden[:, position])
            shares = np.exp(scores - scores.max())
            read = (weights.values[head] @ seen) @ (shares / shares.sum())
            attended[:, position] += weights.mix[:, head] @ read
    stream = hidden + attended
    headroom = np.inf
    after = stream.copy()
    for position in range(hidden.shape[1]):
        column = stream[:, position]
        if layer_norm == "ideal":
            normal = column / abs(weights.divisor @ column)
        else:
            centred = column - column.mean()
            normal = weights.gain * centred / np.sqrt((centred**2).mean())
        x = weights.inner @ normal + weights.inner_bias
        if form == "erf":
            activated = x * ndtr(x)
        else:
            activated = x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
        after[:, position] += weights.outer @ activated + weights.outer_bias
        gate = weights.gate[:, position]
        headroom = min(headroom, (gate * x)[gate != 0].min(initial=np.inf))
    return after, headroom


def run_by_hand(network, state, layer_norm="ideal", form="erf"):
    """All layers in turn; the registers at the end, the rows of the scratch, and the least headroom."""
    weights = jax.tree.map(np.asarray, network.weights)
    layout, headroom = network.layout, np.inf
    codes = [np.eye(layout.positions), np.ones((1, layout.positions))]
    hidden = np.concatenate([state, np.zeros((layout.scratch + 2, layout.positions)), *codes])
    for layer in zip(*weights, strict=True):
        hidden, room = layer_by_hand(icl.LayerWeights(*layer), hidden, layer_norm, form)
        headroom = min(headroom, room)
    return hidden[: layout.registers], hidden[list(layout.scratch_rows)], headroom


@jax.jit
def execute(network, state):
    return icl.run(network, icl.embed(network, state))


def compiled(instructions, state, **options):
    """The network of the instructions, its scales made for this very state."""
    return icl.compile_program(
        instructions,
        registers=state.shape[0],
        positions=state.shape[1],
        scales="automatic",
        input_bound=np.abs(state),
        **options,
    )


def random_raw(rng, star, gated=False):
    inner, read, own, write = rng.integers(1, 4, 4)
    reads = {
        position: tuple(rng.permutation(position + 1)[: rng.integers(1, position + 2)].tolist())
        for position in range(POSITIONS)
        if rng.random() < 0.7
    }
    rows = [tuple(rng.permutation(REGISTERS)[:number].tolist()) for number in (read, own, write)]
    shapes = ((inner, read), (inner, own), (write, inner), (write,))
    return icl.Raw(star, *rows, *(rng.normal(size=shape) for shape in shapes), reads, 1 if gated else None)


def exact(instructions, state):
    for instruction in instructions:
        state = icl.reference(instruction, state)
    return state


@pytest.mark.parametrize("form", ["erf", "tanh"])
def test_gelu_is_accurate_where_the_constructions_use_it(form):
    """Small numbers of both signs (products) and positive ones (bypass): within GELU_ULPS units of rounding."""
    small = np.geomspace(1e-12, 0.1, 40)
    points = np.concatenate([small, -small, np.geomspace(0.1, 1e6, 40)])
    found = np.asarray(icl.gelu(points, form))
    with mpmath.workdps(40):
        for x, value in zip(points.tolist(), found.tolist(), strict=True):
            z = mpmath.mpf(x)
            if form == "erf":
                truth = z * mpmath.ncdf(z)
            else:
                slope = mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3)
                truth = z / 2 * (1 + mpmath.tanh(slope))
            assert abs(value - truth) <= GELU_ULPS * ULP * abs(truth)


@pytest.mark.parametrize("form", ["erf", "tanh"])
def test_the_even_part_of_gelu_stays_within_its_remainders(form):
    fourth, sixth = REMAINDERS[form]
    with mpmath.workdps(50):
        for z in (mpmath.mpf(10) ** (mpmath.mpf(power) / 8) for power in range(-40, 17)):
            argument = mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3)
            bend = mpmath.erf(z / mpmath.sqrt(2)) if form == "erf" else mpmath.tanh(argument)
            even = mpmath.sqrt(mpmath.pi / 2) * z / 2 * bend
            # The coefficients are floats, each rounded once or twice.
            assert abs(even - z**2 / 2) <= fourth * z**4 * (1 + 4 * ULP)
            assert abs(even - z**2 / 2 + fourth * z**4) <= sixth * z**6 + 4 * ULP * fourth * z**4
        # The bounds are attained as z -> 0: the constants are not larger than they must be.
        z = mpmath.mpf("1e-4")
        bend = mpmath.erf(z / mpmath.sqrt(2))
        if form == "tanh":
            bend = mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3))
        missing = z**2 / 2 - mpmath.sqrt(mpmath.pi / 2) * z / 2 * bend
        assert float(missing / (fourth * z**4)) == pytest.approx(1, rel=1e-7)
        # κ is a float: its rounding is 1e-16 / 1e-8 of the next term.
        assert float((fourth * z**4 - missing) / (sixth * z**6)) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("form", ["erf", "tanh"])
def test_gelu_is_nowhere_steeper_than_assumed(form):
    points = np.linspace(-6, 6, 4001)
    values = np.asarray(icl.gelu(points, form))
    slopes = np.diff(values) / np.diff(points)
    # A mean slope over 0.003 misses the steepest point by at most 0.003² |GeLU'''| / 8 < 1e-5.
    assert STEEPEST - 0.002 < slopes.max() + 1e-5 < STEEPEST


@general
@given(st.floats(-2, 2), st.floats(-2, 2), st.sampled_from([1e-2, 1e-3, 1e-4]), st.sampled_from(["erf", "tanh"]))
def test_three_gelus_multiply_with_a_fourth_order_error(x, y, scale, form):
    fourth, sixth = REMAINDERS[form]
    found = float(icl.gelu_product(jnp.float64(x), jnp.float64(y), scale, form))
    leading = -fourth * scale**2 * ((x + y) ** 4 - x**4 - y**4)
    size = abs(x) + abs(y)
    remainder = sixth * scale**4 * size**6
    # Three GeLUs of arguments below s |x| + s |y|, each with its rounding, the argument's, and that of two sums.
    rounding = (GELU_ULPS + 6) * ULP * (np.pi / 2) ** 0.5 / scale * 2 * size + 8 * ULP * size**2
    assert abs(found - x * y - leading) <= remainder + rounding


@general
@given(st.floats(-2, 2), st.floats(-2, 2), st.sampled_from([1e-1, 3e-2, 1e-3]))
def test_six_gelus_multiply_with_a_sixth_order_error(x, y, scale):
    found = float(icl.gelu_product(jnp.float64(x), jnp.float64(y), scale, "erf", richardson=True))
    leading = -4 / 80 * scale**4 * ((x + y) ** 6 - x**6 - y**6)
    size = abs(x) + abs(y)
    # The z⁸ coefficient of the erf form is 1/672, and (4 - 64)/3 = -20 of it is left.
    remainder = 20 / 672 * scale**6 * size**8
    rounding = 1.5 * (GELU_ULPS + 8) * ULP * (np.pi / 2) ** 0.5 / scale * 2 * size + 8 * ULP * size**2
    assert abs(found - x * y - leading) <= remainder + rounding


@pytest.mark.parametrize(("richardson", "gelus"), [(False, 3), (True, 6)])
def test_the_bound_of_a_product_counts_the_rounding_of_every_gelu(richardson, gelus):
    """Exactly: it is linear in the unit of rounding, and two precisions tell its slope."""
    factors, scale = np.array([[10.0], [10.0], [0.0]]), 2.0**-10
    product = icl.mul(1, 1, 1, (0, 1), (1, 2), (2, 3))
    bounds, units = [], []
    for dtype in (np.float32, np.float64):
        made = Construction(icl.Scales(product=scale, bypass=20.0), dtype, richardson=richardson)
        bounds.append(layer_error(product, layer_bounds(product, factors), no_leftover(factors), made)[0].item())
        units.append(made.unit)
    found = (bounds[0] - bounds[1]) / (units[0] - units[1])
    weights = {scale: 4 / 3, 2 * scale: 1 / 3} if richardson else {scale: 1.0}
    # x y is √(π/2) / s² of GeLU(s (x + y)) - GeLU(s x) - GeLU(s y), at most as large as at positive x and y.
    terms = sum(
        share * (np.pi / 2) ** 0.5 / at**2 * float(icl.gelu(at * np.array([20.0, 10.0, 10.0])).sum())
        for at, share in weights.items()
    )
    # A GeLU and its argument are rounded GELU_ULPS + 6 times, a sum once a term; bypass and old value are two more.
    # Six percent for these two, which are small beside the terms, and for 1/2 + 0.8 |z| in place of the slope.
    assert 1 <= found / ((gelus + 2 + GELU_ULPS + 6) * terms) <= 1.06


@pytest.mark.parametrize(
    ("form", "richardson", "least"), [("erf", False, 0.85), ("tanh", False, 0.85), ("erf", True, 0.55)]
)
@pytest.mark.parametrize("size", [0.125, 1.0, 8.0])
def test_the_bound_of_a_coarse_product_is_nearly_attained(form, richardson, least, size):
    """At equal factors x = y: 14 of the 16 parts of (x + y)⁴ - x⁴ - y⁴, and 62 of 64, times 4 of the 20/3."""
    state, product = np.full((3, 1), size / 2) * [[1], [1], [0]], icl.mul(1, 1, 1, (0, 1), (1, 2), (2, 3))
    scales = icl.Scales(product=2.0**-4 / size, bypass=10.0 + size)
    network = icl.compile_program([product], registers=3, positions=1, scales=scales, richardson=richardson)
    error = abs(run_by_hand(network, state, form=form)[0][2, 0] - size**2 / 4)
    bound = icl.a_priori_error([product], state, scales, form=form, richardson=richardson)[2, 0]
    assert least < error / bound <= 1


EVERY_KIND = [
    # The terms of the sum that passes one GeLU, and the weights with which entries of the normalised column enter it:
    # own registers, what attention read (of weight 1 there), the old value and the constant.
    (icl.div((0, 1), 1, (2, 3), least_divisor=1.0), 1, 1),
    (icl.aff((0, 1), (1, 2), (2, 3), 3 * np.eye(1), np.zeros((1, 1))), 4, 1 + 1),
    (icl.Raw("+", (0,), (1,), (2,), np.eye(1), 4 * np.eye(1), 3 * np.eye(1), np.array([-7.0])), 5, 3 * (1 + 4) + 7 + 1),
    (icl.Raw("*", (0,), (3,), (2,), np.eye(1), np.eye(1), np.eye(1), np.array([-7.0])), 2, 7 + 1),
]


@pytest.mark.parametrize(("instruction", "terms", "weights"), EVERY_KIND)
def test_the_bound_counts_every_term_that_passes_and_the_noise_of_the_norm(instruction, terms, weights):
    """Exactly, where N or the pads exceed all else; 60 registers, so that one more row is one percent of all."""
    state = np.zeros((60, 1))
    state[1] = 1.0
    sizes = layer_bounds(instruction, state)

    def added(dtype=np.float64, layer_norm="ideal", **scales):
        made = Construction(icl.Scales(product=2.0**-8, **scales), dtype, layer_norm)
        error, leftover = layer_error(instruction, sizes, no_leftover(state), made)
        return np.array([error.item(), leftover.scratch.item()]), made.unit

    (single, its_unit), (double, unit) = added(np.float32, bypass=1e9), added(bypass=1e9)
    # Bypass, argument, GeLU and output are rounded GELU_ULPS + 6 times, here and where the scratch is cleared.
    counted = np.array([terms, 1]) + GELU_ULPS + 6
    if getattr(instruction, "star", "") == "*":
        counted[0] += 3 + 2 + GELU_ULPS + 6  # three GeLUs are summed with the bypass and the old value
    # Two pads and their sums over all rows make noise of 4 N (1 + 4 / rows) units in every entry, hardly more.
    noise = added(bypass=30.0, layer_norm="realised", pad=1e13)[0] / (STEEPEST * np.array([weights, 1]) * 1e13 * unit)
    if isinstance(instruction, icl.Division):  # uses no scratch
        counted[1], noise[1] = 0, 4.1
    assert (single - double) / (its_unit - unit) == pytest.approx(1e9 * counted, rel=1e-3)
    assert np.all((noise > 4) & (noise < 4 * (1 + 4 / 60)))


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("pad", [100.0, 1e4])
def test_large_numbers_that_are_only_read_count_in_the_norm(pad, balanced):
    state = np.array([[1.0], [0.0]])
    tenfold = icl.Raw("+", (0,), (), (1,), 10 * np.eye(1), np.zeros((1, 0)), np.eye(1) / 10, np.zeros(1))
    scales = icl.Scales(pad=pad, bypass=30.0)
    network = icl.compile_program([tenfold], registers=2, positions=1, scales=scales, balanced=balanced)
    error = abs(run_by_hand(network, state, "realised")[0][1, 0] - 1)
    bound = icl.a_priori_error([tenfold], state, scales, layer_norm="realised", balanced=balanced)[1, 0]
    assert bound / 100 <= error <= bound


@general
@given(SEEDS, st.floats(-3, 3), st.floats(0.1, 10))
def test_layer_norm_has_mean_zero_variance_one_and_forgets_shift_and_scale(seed, shift, scale):
    rows = np.random.default_rng(seed).normal(size=(8, 3))
    normal = np.asarray(icl.layer_norm(rows))
    # Sums of eight numbers below 10, divided by a standard deviation.
    slack = 32 * ULP * 10 / rows.std(axis=0).min()
    assert np.all(np.abs(normal.mean(axis=0)) <= slack)
    assert np.all(np.abs((normal**2).mean(axis=0) - 1) <= slack)
    moved = np.asarray(icl.layer_norm(scale * rows + shift))
    assert np.all(np.abs(moved - normal) <= 100 * slack * (1 + abs(shift) / scale))


def test_a_column_without_variance_has_no_layer_norm():
    assert np.isnan(np.asarray(icl.layer_norm(np.ones((4, 1))))).all()


@pytest.mark.parametrize("layer_norm", ["ideal", "realised"])
@pytest.mark.parametrize("form", ["erf", "tanh"])
def test_the_layer_is_the_one_with_loops_and_causal(layer_norm, form):
    rng = np.random.default_rng(3)
    rows, heads, units, positions = 7, 2, 5, 4
    shapes = [(heads, 3, rows)] * 2 + [(heads, 2, rows), (rows, heads, 2), (units, rows), units, (rows, units), rows]
    weights = icl.LayerWeights(
        *(rng.normal(size=shape) for shape in shapes),
        gain=np.array(1.7),
        divisor=np.eye(rows)[2],
        gate=rng.integers(-1, 2, (units, positions)),
    )
    hidden = rng.normal(size=(rows, positions))
    step = jax.jit(icl.decoder_layer, static_argnums=(2, 3))
    arrays = jax.tree.map(jnp.asarray, weights)
    found = step(arrays, jnp.asarray(hidden), layer_norm, form)
    expected, headroom = layer_by_hand(weights, hidden, layer_norm, form)
    # Sums of at most 30 products, three deep, of numbers below 50 (the ideal norm divides by a normal number).
    largest = np.abs(expected).max() * (1 if layer_norm == "realised" else 1 / np.abs(hidden[2]).min())
    assert np.all(np.abs(found.hidden - expected) <= 1000 * ULP * largest)
    assert abs(found.headroom - headroom) <= 1000 * ULP * largest
    later = jnp.asarray(hidden).at[:, -1].set(9.0)
    assert np.array_equal(step(arrays, later, layer_norm, form).hidden[:, :-1], found.hidden[:, :-1])


def test_a_scan_over_layers_is_one_layer_after_the_other():
    rng = np.random.default_rng(5)
    state = rng.normal(size=(REGISTERS, POSITIONS))
    program = [random_raw(rng, star) for star in ("+", "*", "+")]
    network = compiled(program, state)
    found = execute(network, state)
    expected, _, headroom = run_by_hand(network, state)
    bound = icl.a_priori_error(program, np.abs(state), network.scales)
    assert np.all(np.abs(found.hidden[:REGISTERS] - expected) <= 2 * bound)
    # The pre-activation N + x of the tightest unit: x adds up less than 100 in weights times errors of the registers.
    assert abs(found.headroom.min() - headroom) <= 100 * bound.max() + 1e3 * ULP * np.max(network.scales.bypass)
    assert not found.overflow
    assert np.array_equal(icl.read(network, found.hidden, (1, 4), 2), found.hidden[1:4, 2])


@general
@given(SEEDS, st.sampled_from("+*"), st.booleans())
def test_reference_is_definition_c2(seed, star, gated):
    rng = np.random.default_rng(seed)
    raw = random_raw(rng, star, gated and star == "+")
    state = rng.normal(size=(REGISTERS, POSITIONS))
    expected = state.copy()
    for i in range(POSITIONS):
        if raw.only_at not in (None, i):
            continue
        positions = raw.reads.get(i, (i,))
        mean = sum(state[list(raw.read_rows), j] for j in positions) / len(positions)
        left, right = raw.read_matrix @ mean, raw.own_matrix @ state[list(raw.own_rows), i]
        combined = left + right if star == "+" else left * right
        expected[list(raw.write_rows), i] = raw.out_matrix @ combined + raw.bias
    found = icl.reference(raw, state)
    # Products of at most four sums of three numbers below ten.
    assert np.all(np.abs(found - expected) <= 64 * ULP * 1e4)
    outside = [row for row in range(REGISTERS) if row not in raw.write_rows]
    assert np.array_equal(found[outside], state[outside])
    batch = icl.reference(raw, np.stack([state, -state]))
    assert np.array_equal(batch[0], found)


@general
@given(
    SEEDS,
    st.sampled_from(["+", "*", "gated"]),
    st.sampled_from(["ideal", "realised"]),
    st.sampled_from(["erf", "tanh"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([8.0, 64.0]),
)
def test_compiled_instructions_do_what_they_say_within_their_bound(
    seed, kind, layer_norm, form, balanced, richardson, sharpness
):
    """Three random instructions of one kind, one after the other: scratch and pads must not leak into the next."""
    rng = np.random.default_rng(seed)
    state = rng.uniform(-2, 2, (REGISTERS, POSITIONS))
    program = [random_raw(rng, kind[0].replace("g", "+"), kind == "gated") for _ in range(3)]
    options = {"balanced": balanced, "richardson": richardson}
    scales = automatic_scales(program, np.abs(state), dtype=np.dtype(float), **options)._replace(sharpness=sharpness)
    network = icl.compile_program(program, registers=REGISTERS, positions=POSITIONS, scales=scales, **options)
    found, scratch, headroom = run_by_hand(network, state, layer_norm, form)
    bound = icl.a_priori_error(program, np.abs(state), scales, layer_norm=layer_norm, form=form, **options)
    assert np.all(np.abs(found - exact(program, state)) <= bound)
    assert headroom >= 9
    never_written = sorted(set(range(REGISTERS)) - {row for raw in program for row in raw.write_rows})
    assert np.array_equal(found[never_written], state[never_written])
    if layer_norm == "ideal":
        # One bypass of numbers below N: a few roundings of N.
        assert np.all(np.abs(scratch) <= 30 * ULP * np.max(scales.bypass))


@general
@given(SEEDS, st.sampled_from([1.0, -1.0, 0.4, -2.5]), st.sampled_from(["ideal", "realised"]), st.booleans())
def test_division_loses_the_sign_of_its_divisor(seed, divisor, layer_norm, balanced):
    rng = np.random.default_rng(seed)
    state = rng.uniform(-2, 2, (REGISTERS, POSITIONS))
    state[2] = divisor
    state[4:6] = 0
    program = [icl.div((0, 2), 2, (4, 6), least_divisor=abs(divisor))]
    network = compiled(program, state, balanced=balanced)
    found = run_by_hand(network, state, layer_norm)[0]
    bound = icl.a_priori_error(program, np.abs(state), network.scales, layer_norm=layer_norm, balanced=balanced)
    assert np.all(np.abs(found[4:6] - state[:2] / abs(divisor)) <= bound[4:6])
    # By ±1 the quotient is the number itself; an a-priori bound that is no better than the numbers would say nothing.
    assert bound.max() < (1e-4 if balanced else 1e-2)
    assert np.array_equal(found[:4], state[:4])


@general
@given(SEEDS)
def test_copying_twice_is_copying_once(seed):
    state = np.random.default_rng(seed).uniform(-2, 2, (REGISTERS, POSITIONS))
    once, twice = ([icl.mov(0, 2, (1, 4))] * number for number in (1, 2))
    assert np.array_equal(exact(twice, state), exact(once, state))
    network = compiled(twice, state)
    bound = icl.a_priori_error(twice, np.abs(state), network.scales)
    found = run_by_hand(network, state)[0]
    assert np.all(np.abs(found - exact(once, state)) <= bound)
    assert np.all(np.abs(found[1:4, 2] - state[1:4, 0]) <= bound[1:4, 2])
    assert bound.max() < 1e-12


@general
@given(SEEDS)
def test_copies_between_different_rows_need_the_gate(seed):
    state = np.random.default_rng(seed).uniform(-2, 2, (REGISTERS, POSITIONS))
    gated = icl.mov(0, 1, (0, 2), (3, 5))
    network = compiled([gated], state)
    found = run_by_hand(network, state)[0]
    bound = icl.a_priori_error([gated], np.abs(state), network.scales)
    expected = state.copy()
    expected[3:5, 1] = state[0:2, 0]
    assert np.all(np.abs(found - expected) <= bound)
    assert bound.max() < 1e-11
    ungated = icl.Raw("+", gated.read_rows, (), gated.write_rows, np.eye(2), np.zeros((2, 0)), np.eye(2), np.zeros(2))
    assert np.array_equal(icl.reference(ungated, state)[3:5], state[0:2])


@general
@given(SEEDS)
def test_the_identity_matrix_multiplies_as_a_copy_and_equal_rows_differ_by_nothing(seed):
    rng = np.random.default_rng(seed)
    state = rng.uniform(-2, 2, (10, 2))
    state[:4] = np.eye(2).reshape(4, 1)
    product = icl.mul(2, 2, 1, (0, 4), (4, 6), (6, 8))
    difference = icl.aff((4, 6), (6, 8), (8, 10), np.eye(2), -np.eye(2))
    program = [product, difference]
    after = exact(program, state)
    assert np.array_equal(after[6:8], state[4:6])
    assert np.array_equal(after[8:10], np.zeros((2, 2)))
    network = compiled(program, state, richardson=True)
    found = run_by_hand(network, state)[0]
    assert np.all(np.abs(found - after) <= icl.a_priori_error(program, np.abs(state), network.scales, richardson=True))


@pytest.mark.parametrize(("a", "b", "c"), [(1, 3, 1), (3, 1, 2), (2, 3, 1), (2, 2, 2)])
def test_mul_is_the_matrix_product(a, b, c):
    rng = np.random.default_rng(a + 4 * b + 16 * c)
    ends = np.cumsum([a * b, b * c, a * c]).tolist()
    state = rng.normal(size=(ends[2], 2))
    product = icl.mul(a, b, c, (0, ends[0]), (ends[0], ends[1]), (ends[1], ends[2]))
    found = run_by_hand(compiled([product], state), state)[0]
    for column in range(2):
        first, second = state[: ends[0], column].reshape(a, b), state[ends[0] : ends[1], column].reshape(b, c)
        exact_product = (first @ second).ravel()
        assert np.all(np.abs(icl.reference(product, state)[ends[1] :, column] - exact_product) <= 8 * b * ULP * 50)
        assert np.all(np.abs(found[ends[1] :, column] - exact_product) <= 1e-8)


def test_a_product_with_its_own_factors_overwrites_them():
    state = np.array([[1.5, -2.0], [0.5, 3.0]])
    network = compiled([icl.mul(1, 1, 1, (0, 1), (1, 2), (0, 1))], state)
    assert np.all(np.abs(run_by_hand(network, state)[0][0] - state[0] * state[1]) <= 1e-9)


def test_a_division_by_zero_is_infinite_and_reported():
    state = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    instruction = icl.div((0, 1), 1, (2, 3))
    assert np.array_equal(icl.reference(instruction, state)[2], [np.inf, 0])
    network = icl.compile_program([instruction], registers=3, positions=2, scales=icl.Scales())
    result = execute(network, state)
    assert result.overflow
    assert not np.isfinite(result.hidden[2, 0])


def test_a_small_bypass_clips_and_says_so():
    state = np.array([[-40.0]])
    network = icl.compile_program(
        [icl.aff((0, 1), (0, 0), (0, 1), 2 * np.eye(1), np.zeros((1, 0)))],
        registers=1,
        positions=1,
        scales=icl.Scales(bypass=30.0),
    )
    result = execute(network, state)
    # N + x = 30 - 40 passes nothing, so that the change of -40 is cut off at -30.
    assert result.overflow
    assert abs(result.hidden[0, 0] - (-70)) <= 16 * ULP * 100
    assert icl.a_priori_error([icl.mov(0, 0, (0, 1))], np.array([[40.0]]), icl.Scales(bypass=30.0))[0, 0] >= 10


@pytest.mark.parametrize("room", [-3.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0])
def test_what_a_bypass_with_little_room_loses_is_within_the_bound(room):
    state = np.array([[-40.0]])
    double = icl.aff((0, 1), (0, 0), (0, 1), 2 * np.eye(1), np.zeros((1, 0)))
    # The change of -40 passes N + x = room.
    scales = icl.Scales(bypass=40 + room)
    network = icl.compile_program([double], registers=1, positions=1, scales=scales)
    error = abs(run_by_hand(network, state)[0].item() + 80)
    assert error <= icl.a_priori_error([icl.mov(0, 0, (0, 1))], np.abs(state), scales).item()
    assert error == pytest.approx(abs(room) * ndtr(-room) if room > 0 else abs(room) * ndtr(abs(room)), abs=1e-12)


@general
@given(SEEDS, st.sampled_from(["+", "*", "gated", "/"]))
def test_pull_back_is_the_transposed_derivative(seed, kind):
    """Central differences are exact for sums and products, which are at most quadratic."""
    rng = np.random.default_rng(seed)
    state, direction, weight = (rng.normal(size=(REGISTERS, POSITIONS)) for _ in range(3))
    if kind == "/":
        instruction = icl.div((0, 2), 2, (4, 6))
        state[2] = rng.choice([-1, 1], POSITIONS) * rng.uniform(0.5, 2, POSITIONS)
        state[4:6] = direction[4:6] = 0
        step = 1e-4
        # y / (c ± h) has a third derivative below 6 * 4 / 0.4⁴; entries stay below 6.
        truncation, size = step**2 * 6 * 625 * REGISTERS * POSITIONS * 6**5, 1e4
    else:
        instruction = random_raw(rng, kind[0].replace("g", "+"), kind == "gated")
        step, truncation, size = 1.0, 0.0, 1e4
    ahead, behind = (icl.reference(instruction, state + sign * step * direction) for sign in (1, -1))
    along = (weight * (ahead - behind)).sum() / (2 * step)
    pulled = pull_back(instruction, state, weight)
    assert abs((pulled * direction).sum() - along) <= truncation + 200 * ULP * size / step


def test_magnitudes_bound_what_random_states_do():
    rng = np.random.default_rng(11)
    program = [random_raw(rng, star) for star in ("+", "*", "+", "*")]
    bounds = program_bounds(program, np.full((REGISTERS, POSITIONS), 1.5))[-1].after
    states = rng.uniform(-1.5, 1.5, (2000, REGISTERS, POSITIONS))
    largest = np.abs(exact(program, states)).max(axis=0)
    assert np.all(largest <= bounds * (1 + 100 * ULP))
    assert np.all(program_bounds(program, np.full((REGISTERS, POSITIONS), 1.0))[-1].after <= bounds)


def test_automatic_scales_follow_the_magnitudes():
    program = [icl.mul(1, 1, 1, (0, 1), (1, 2), (2, 3)), icl.mov(0, 1, (0, 1))]
    for richardson in (False, True):
        small, large = (
            automatic_scales(program, np.full((3, 2), size), dtype=np.dtype(float), richardson=richardson)
            for size in (1.0, 64.0)
        )
        assert small.product[0] == 64 * large.product[0]
        assert np.log2(small.product[0]) % 1 == 0
    # 64² is written over at most 64, and every sum keeps 16 to spare.
    assert large.bypass.tolist() == [64 + 16, 128 + 16]
    huge = automatic_scales(program, np.full((3, 2), 1e9), dtype=np.dtype(float))
    assert huge.product[0] == 2.0**-26


EMPTY = np.zeros((1, 0))
ONE = np.eye(1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: icl.gelu(np.ones(1), "relu"), "form must be one of 'erf', 'tanh'"),
        (lambda: icl.gelu_product(np.ones(1), np.ones(1), 1e-9), "product scale must be finite and at least 1.5e-08"),
        (lambda: icl.gelu_product(np.ones(1, "f4"), np.ones(1, "f4"), 1e-4), "at least 3.5e-04 in float32"),
        (lambda: icl.mov(0, 1, (0, 2), (3, 4)), "target_rows must hold 2 rows, got 1"),
        (lambda: icl.mul(2, 2, 1, (0, 4), (4, 5), (5, 7)), "second must hold 2 rows, got 1"),
        (lambda: icl.mul(2, 2, 1, (0, 3), (4, 6), (6, 8)), "first must hold 4 rows, got 3"),
        (lambda: icl.mul(2, 2, 1, (0, 4), (4, 6), (6, 7)), "target must hold 2 rows, got 1"),
        (
            lambda: icl.Raw("+", (0,), (), (0, 0), ONE, EMPTY, np.ones((2, 1)), np.zeros(2)),
            "write_rows must not repeat",
        ),
        (lambda: icl.Raw("*", (0,), (), (0,), ONE, EMPTY, ONE, np.zeros(1), only_at=0), "only_at must be None"),
        (lambda: icl.Raw("+", (0,), (), (0,), ONE, EMPTY, ONE, np.zeros(1), {1: ()}), "reads must map position 1"),
        (lambda: icl.Raw("+", (0,), (), (0,), np.nan * ONE, EMPTY, ONE, np.zeros(1)), "read_matrix must be finite"),
        (
            lambda: icl.Raw("+", (0, 1), (), (0,), ONE, EMPTY, ONE, np.zeros(1)),
            "read_matrix must have 2 columns as read_rows, got 1",
        ),
    ],
)
def test_instructions_that_make_no_sense_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


COPY = icl.mov(0, 1, (0, 1))
QUOTIENT = icl.div((0, 1), 1, (2, 3), least_divisor=1.0)


@pytest.mark.parametrize(
    ("instructions", "options", "message"),
    [
        ([COPY], {"scales": icl.Scales(), "positions": 1}, "every position of an instruction must be in 0..0, got 1"),
        ([QUOTIENT], {"scales": icl.Scales(), "registers": 2}, "every row of an instruction must be in 0..1, got 2"),
        ([COPY], {}, "input_bound must be given with automatic scales"),
        ([COPY], {"input_bound": np.ones(2)}, "input_bound must hold one bound, 3 or 3 x 2"),
        ([QUOTIENT], {"input_bound": 1.0}, "write_rows of the division in layer 0 must hold zero"),
        ([icl.div((0, 1), 1, (2, 3))], {"input_bound": 1.0}, "least_divisor of the division in layer 0"),
        ([icl.mul(1, 1, 1, (0, 1), (0, 1), (0, 1))] * 12, {"input_bound": 1e9}, "registers must stay bounded"),
        ([COPY], {"scales": icl.Scales(product=1e-9)}, "product scale must be finite and at least"),
        ([COPY], {"scales": icl.Scales(product=1e-4), "dtype": np.float32}, "at least 3.5e-04 in float32"),
        ([COPY], {"scales": icl.Scales(bypass=0.0)}, "bypass shift must be positive and finite"),
        (
            [COPY],
            {"scales": icl.Scales(bypass=np.ones(2))},
            "bypass shift must be one number or one for each of 1 layers",
        ),
        ([COPY], {"scales": icl.Scales(sharpness=-1.0)}, "sharpness must be positive and finite"),
    ],
)
def test_programs_that_cannot_be_compiled_are_refused(instructions, options, message):
    with pytest.raises(ValueError, match=message):
        icl.compile_program(instructions, **({"registers": 3, "positions": 2} | options))


def test_states_that_do_not_fit_the_network_are_refused():
    network = icl.compile_program([COPY], registers=3, positions=2, scales=icl.Scales())
    with pytest.raises(ValueError, match=r"at most 3 rows and 2 columns, got shape \(4, 2\)"):
        icl.embed(network, np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"got shape \(3, 1\)"):
        icl.embed(network, np.zeros((3, 1)))
    hidden = icl.embed(network, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="rows must be a range that ends at 3 at most"):
        icl.read(network, hidden, (0, 4), 0)
    with pytest.raises(ValueError, match="hidden must be float64 like the weights, got float32"):
        icl.run(network, hidden.astype(np.float32))
    with pytest.raises(ValueError, match='layer_norm must be "ideal" or "realised"'):
        normalise(network.weights, hidden, "none")


def test_less_than_float64_must_be_asked_for():
    with jax.enable_x64(False):
        with pytest.raises(TypeError, match="the compiled program needs float64"):
            icl.compile_program([COPY], registers=3, positions=2, scales=icl.Scales())
        network = icl.compile_program(
            [COPY], registers=3, positions=2, scales=icl.Scales(product=1e-3), dtype=np.float32
        )
    assert network.weights.inner.dtype == np.float32
