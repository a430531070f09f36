"""Compiled programs: the layer against plain loops, RAW against its definition, errors against
their bounds.
"""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from sims.in_context_learning import compiler, error_bound, network, programs
from sims.in_context_learning.error_bound import (
    GELU_ULPS,
    REMAINDER,
    STEEPEST,
    layer_error,
    no_leftover,
    pull_back,
)

ULP = 2.0**-53
REGISTERS = 6
POSITIONS = 3
general = settings(deadline=None, derandomize=True, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)


def layer_by_hand(weights, hidden, layer_norm):
    """Equations (1)-(6) of the paper with loops over heads and positions; `weights` are those of
    one layer.
    """
    update = np.zeros_like(hidden)
    for head in range(len(weights.keys)):
        for position in range(hidden.shape[1]):
            prefix = hidden[:, : position + 1]
            scores = (weights.keys[head] @ prefix).T @ (weights.queries[head] @ hidden[:, position])
            shares = np.exp(scores - scores.max())
            read = (weights.values[head] @ prefix) @ (shares / shares.sum())
            update[:, position] += weights.mix[:, head] @ read
    stream = hidden + update
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
        after[:, position] += weights.outer @ (x * ndtr(x)) + weights.outer_bias
        gate = weights.gate[:, position]
        headroom = min(headroom, (gate * x)[gate != 0].min(initial=np.inf))
    return after, headroom


def run_by_hand(built, state, layer_norm="ideal"):
    """All layers in turn; the registers at the end, the rows of the scratch, and the least
    headroom.
    """
    weights = jax.tree.map(np.asarray, built.weights)
    layout = built.layout
    headroom = np.inf
    codes = [np.eye(layout.positions), np.ones((1, layout.positions))]
    hidden = np.concatenate([state, np.zeros((layout.scratch + 2, layout.positions)), *codes])
    for layer in zip(*weights, strict=True):
        hidden, room = layer_by_hand(network.LayerWeights(*layer), hidden, layer_norm)
        headroom = min(headroom, room)
    return hidden[: layout.registers], hidden[list(layout.scratch_rows)], headroom


def bounds(program, state, scales, **options):
    places = np.ndindex(state.shape)
    return np.reshape(
        [error_bound.prompt_error(program, state, place, scales, **options) for place in places],
        state.shape,
    )


@jax.jit
def execute(built, state):
    return network.run(built, network.embed(built, state))


def compiled(instructions, state, scales=None, **options):
    registers, positions = state.shape
    scales = network.Scales() if scales is None else scales
    return compiler.compile_program(
        instructions, registers=registers, positions=positions, scales=scales, **options
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
    return programs.Raw(
        star, *rows, *(rng.normal(size=shape) for shape in shapes), reads, 1 if gated else None
    )


def exact(instructions, state):
    for instruction in instructions:
        state = programs.reference(instruction, state)
    return state


def test_the_even_part_of_gelu_stays_within_its_remainder():
    with mpmath.workdps(50):
        for z in (mpmath.mpf(10) ** (mpmath.mpf(power) / 8) for power in range(-40, 17)):
            missing = z**2 / 2 - mpmath.sqrt(mpmath.pi / 2) * z / 2 * mpmath.erf(z / mpmath.sqrt(2))
            # The coefficient is a float.
            assert abs(missing) <= REMAINDER * z**4 * (1 + 4 * ULP)
        # The bound is attained as z -> 0: the constant is not larger than it must be.
        z = mpmath.mpf("1e-4")
        missing = z**2 / 2 - mpmath.sqrt(mpmath.pi / 2) * z / 2 * mpmath.erf(z / mpmath.sqrt(2))
        assert float(missing / (REMAINDER * z**4)) == pytest.approx(1, rel=1e-7, abs=0)


def per_unit(monkeypatch, *arguments):
    """How fast the bounds of a layer and of its scratch grow with the unit of rounding, in which
    they are linear.
    """
    errors = []
    for unit in (2.0**-24, ULP):
        monkeypatch.setattr(error_bound, "UNIT", unit)
        error, leftover = layer_error(*arguments)
        errors.append(np.array([error.item(), leftover.scratch.item()]))
    return (errors[0] - errors[1]) / (2.0**-24 - ULP)


def test_the_bound_of_a_product_counts_the_rounding_of_every_gelu(monkeypatch):
    factors = np.array([[10.0], [10.0], [0.0]])
    scale = 2.0**-10
    product = programs.mul(1, 1, 1, (0, 1), (1, 2), (2, 3))
    scales = network.Scales(product=scale, bypass=20.0)
    units = per_unit(monkeypatch, product, factors, no_leftover(factors), scales)[0]
    # x y is √(π/2) / s² of GeLU(s (x + y)) - GeLU(s x) - GeLU(s y), at most as large as at positive
    # x and y.
    terms = (
        (np.pi / 2) ** 0.5
        / scale**2
        * float(network.gelu(scale * np.array([20.0, 10.0, 10.0])).sum())
    )
    # A GeLU and its argument are rounded GELU_ULPS + 6 times, a sum once a term; bypass and old
    # value are two more. Six percent for these two, which are small beside the terms, and for 1/2 +
    # 0.8 |z| in place of the slope.
    assert 1 <= units / ((3 + 2 + GELU_ULPS + 6) * terms) <= 1.06


@pytest.mark.parametrize("size", [0.125, 1.0, 8.0])
def test_the_bound_of_a_coarse_product_is_nearly_attained(size):
    """At equal factors x = y: 14 of the 16 parts of (x + y)⁴ - x⁴ - y⁴."""
    state = np.full((3, 1), size / 2) * [[1], [1], [0]]
    product = programs.mul(1, 1, 1, (0, 1), (1, 2), (2, 3))
    scales = network.Scales(product=2.0**-4 / size, bypass=10.0 + size)
    error = abs(run_by_hand(compiled([product], state, scales), state)[0][2, 0] - size**2 / 4)
    assert 0.85 < error / error_bound.prompt_error([product], state, (2, 0), scales) <= 1


EVERY_KIND = [
    # The terms of the sum that passes one GeLU, and the weights with which entries of the
    # normalised column enter it: own registers, what attention read (of weight 1 there), the old
    # value and the constant.
    (programs.div((0, 1), 1, (2, 3)), 1, 1),
    (programs.aff((0, 1), (1, 2), (2, 3), 3 * np.eye(1), np.zeros((1, 1))), 4, 1 + 1),
    (
        programs.Raw(
            "+", (0,), (1,), (2,), np.eye(1), 4 * np.eye(1), 3 * np.eye(1), np.array([-7.0])
        ),
        5,
        3 * (1 + 4) + 7 + 1,
    ),
    (
        programs.Raw("*", (0,), (3,), (2,), np.eye(1), np.eye(1), np.eye(1), np.array([-7.0])),
        2,
        7 + 1,
    ),
]


@pytest.mark.parametrize(("instruction", "terms", "weights"), EVERY_KIND)
def test_the_bound_counts_every_term_that_passes_and_the_noise_of_the_norm(
    instruction, terms, weights, monkeypatch
):
    """Exactly, where N or the pads exceed all else; 60 registers, so that one more row is one
    percent of all.
    """
    state = np.zeros((60, 1))
    state[1] = 1.0
    scales = network.Scales(product=2.0**-8, bypass=1e9)
    nothing = no_leftover(state)
    units = per_unit(monkeypatch, instruction, state, nothing, scales)
    # Bypass, argument, GeLU and output are rounded GELU_ULPS + 6 times, here and where the scratch
    # is cleared.
    numbers = np.array([terms, 1]) + GELU_ULPS + 6
    if getattr(instruction, "star", "") == "*":
        # Three GeLUs are summed with the bypass and the old value
        numbers[0] += 3 + 2 + GELU_ULPS + 6
    # Two pads and their sums over all rows make noise of 4 N (1 + 4 / rows) units in every entry,
    # hardly more.
    error, left = layer_error(
        instruction, state, nothing, scales._replace(bypass=30.0, pad=1e13), "realised"
    )
    noise = np.array([error.item(), left.scratch.item()]) / (
        STEEPEST * np.array([weights, 1]) * 1e13 * ULP
    )
    if isinstance(instruction, programs.Division):  # uses no scratch
        numbers[1] = 0
        noise[1] = 4.1
    assert units == pytest.approx(1e9 * numbers, rel=1e-3, abs=0)
    assert np.all((noise > 4) & (noise < 4 * (1 + 4 / 60)))


@pytest.mark.parametrize("pad", [100.0, 1e4])
def test_large_numbers_that_are_only_read_count_in_the_norm(pad):
    state = np.array([[1.0], [0.0]])
    tenfold = programs.Raw(
        "+", (0,), (), (1,), 10 * np.eye(1), np.zeros((1, 0)), np.eye(1) / 10, np.zeros(1)
    )
    scales = network.Scales(pad=pad, bypass=30.0)
    error = abs(run_by_hand(compiled([tenfold], state, scales), state, "realised")[0][1, 0] - 1)
    bound = error_bound.prompt_error([tenfold], state, (1, 0), scales, layer_norm="realised")
    assert bound / 100 <= error <= bound


@pytest.mark.parametrize("layer_norm", ["ideal", "realised"])
def test_the_layer_is_the_one_with_loops_and_causal(layer_norm):
    rng = np.random.default_rng(3)
    rows = 7
    heads = 2
    units = 5
    positions = 4
    shapes = [(heads, 3, rows)] * 2 + [
        (heads, 2, rows),
        (rows, heads, 2),
        (units, rows),
        units,
        (rows, units),
        rows,
    ]
    weights = network.LayerWeights(
        *(rng.normal(size=shape) for shape in shapes),
        gain=np.array(1.7),
        divisor=np.eye(rows)[2],
        gate=rng.integers(-1, 2, (units, positions)),
    )
    hidden = rng.normal(size=(rows, positions))
    step = jax.jit(network.decoder_layer, static_argnums=2)
    arrays = jax.tree.map(jnp.asarray, weights)
    state = step(arrays, jnp.asarray(hidden), layer_norm)
    expected, headroom = layer_by_hand(weights, hidden, layer_norm)
    # Sums of at most 30 products, three deep, of numbers below 50 (the ideal norm divides by a
    # normal number).
    largest = np.abs(expected).max() * (
        1 if layer_norm == "realised" else 1 / np.abs(hidden[2]).min()
    )
    assert np.all(np.abs(state.hidden - expected) <= 1000 * ULP * largest)
    assert abs(state.headroom - headroom) <= 1000 * ULP * largest
    later = jnp.asarray(hidden).at[:, -1].set(9.0)
    assert np.array_equal(step(arrays, later, layer_norm).hidden[:, :-1], state.hidden[:, :-1])


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
        left = raw.read_matrix @ mean
        right = raw.own_matrix @ state[list(raw.own_rows), i]
        combined = left + right if star == "+" else left * right
        expected[list(raw.write_rows), i] = raw.out_matrix @ combined + raw.bias
    outcome = programs.reference(raw, state)
    # Products of at most four sums of three numbers below ten.
    assert np.all(np.abs(outcome - expected) <= 64 * ULP * 1e4)
    outside = [row for row in range(REGISTERS) if row not in raw.write_rows]
    assert np.array_equal(outcome[outside], state[outside])
    assert np.array_equal(programs.reference(raw, np.stack([state, -state]))[0], outcome)


def scales_for(program, state, **others):
    """Scales that leave room for all that a program of matrices of normal numbers makes of a
    state.
    """
    states = [state := programs.reference(instruction, state) for instruction in program] + [state]
    largest = max(np.abs(found).max() for found in states) + 2
    product = max(2.0**-16 / largest, 2.0**-25)
    return network.Scales(product=product, bypass=80 * largest, pad=1e6 * largest, **others)


@general
@given(
    SEEDS,
    st.sampled_from(["+", "*", "gated"]),
    st.sampled_from(["ideal", "realised"]),
    st.sampled_from([8.0, 64.0]),
)
def test_compiled_instructions_do_what_they_say_within_their_bound(
    seed, kind, layer_norm, sharpness
):
    """Three random instructions of one kind, one after the other: scratch and pads must not leak
    into the next.
    """
    rng = np.random.default_rng(seed)
    state = rng.uniform(-2, 2, (REGISTERS, POSITIONS))
    program = [random_raw(rng, kind[0].replace("g", "+"), kind == "gated") for _ in range(3)]
    scales = scales_for(program, state, sharpness=sharpness)
    outcome, scratch, headroom = run_by_hand(compiled(program, state, scales), state, layer_norm)
    bound = bounds(program, state, scales, layer_norm=layer_norm)
    assert np.all((np.abs(outcome - exact(program, state)) <= bound) & np.isfinite(bound))
    assert headroom >= 9
    never_written = sorted(
        set(range(REGISTERS)) - {row for raw in program for row in raw.write_rows}
    )
    assert np.array_equal(outcome[never_written], state[never_written])
    if layer_norm == "ideal":
        # One bypass of numbers below N: a few roundings of N.
        assert np.all(np.abs(scratch) <= 30 * ULP * scales.bypass)


@general
@given(SEEDS, st.sampled_from([1.0, -1.0, 0.4, -2.5]), st.sampled_from(["ideal", "realised"]))
def test_division_loses_the_sign_of_its_divisor(seed, divisor, layer_norm):
    rng = np.random.default_rng(seed)
    state = rng.uniform(-2, 2, (REGISTERS, POSITIONS))
    state[2] = divisor
    state[4:6] = 0
    program = [programs.div((0, 2), 2, (4, 6))]
    scales = network.Scales(bypass=30.0, pad=1e6)
    outcome = run_by_hand(compiled(program, state, scales), state, layer_norm)[0]
    bound = bounds(program, state, scales, layer_norm=layer_norm)
    assert np.all(np.abs(outcome[4:6] - state[:2] / abs(divisor)) <= bound[4:6])
    # By ±1 the quotient is the number itself; a bound that is no better than the numbers would say
    # nothing.
    assert bound.max() < 1e-4
    assert np.array_equal(outcome[:4], state[:4])


def test_a_division_by_zero_is_infinite_and_reported():
    state = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    instruction = programs.div((0, 1), 1, (2, 3))
    assert np.array_equal(programs.reference(instruction, state)[2], [np.inf, 0])
    built = compiled([instruction], state)
    result = execute(built, state)
    assert result.overflow
    assert not np.isfinite(result.hidden[2, 0])


def test_a_small_bypass_clips_and_says_so():
    state = np.array([[-40.0]])
    double = programs.aff((0, 1), (0, 0), (0, 1), 2 * np.eye(1), np.zeros((1, 0)))
    result = execute(compiled([double], state, network.Scales(bypass=30.0)), state)
    # N + x = 30 - 40 passes nothing, so that the change of -40 is cut off at -30.
    assert result.overflow
    assert abs(result.hidden[0, 0] - (-70)) <= 16 * ULP * 100
    assert (
        error_bound.prompt_error(
            [programs.mov(0, 0, (0, 1))], -state, (0, 0), network.Scales(bypass=30.0)
        )
        >= 10
    )


@pytest.mark.parametrize("room", [-3.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0])
def test_what_a_bypass_with_little_room_loses_is_within_the_bound(room):
    state = np.array([[-40.0]])
    double = programs.aff((0, 1), (0, 0), (0, 1), 2 * np.eye(1), np.zeros((1, 0)))
    # The change of -40 passes N + x = room.
    scales = network.Scales(bypass=40 + room)
    error = abs(run_by_hand(compiled([double], state, scales), state)[0].item() + 80)
    assert error <= error_bound.prompt_error([programs.mov(0, 0, (0, 1))], state, (0, 0), scales)
    assert error == pytest.approx(
        abs(room) * ndtr(-room) if room > 0 else abs(room) * ndtr(abs(room)), abs=1e-12
    )


@general
@given(SEEDS, st.sampled_from(["+", "*", "gated", "/"]))
def test_pull_back_is_the_transposed_derivative(seed, kind):
    """Central differences are exact for sums and products, which are at most quadratic."""
    rng = np.random.default_rng(seed)
    state, direction, weight = (rng.normal(size=(REGISTERS, POSITIONS)) for _ in range(3))
    if kind == "/":
        instruction = programs.div((0, 2), 2, (4, 6))
        state[2] = rng.choice([-1, 1], POSITIONS) * rng.uniform(0.5, 2, POSITIONS)
        state[4:6] = direction[4:6] = 0
        step = 1e-4
        # y / (c ± h) has a third derivative below 6 * 4 / 0.4⁴; entries stay below 6.
        truncation = step**2 * 6 * 625 * REGISTERS * POSITIONS * 6**5
        size = 1e4
    else:
        instruction = random_raw(rng, kind[0].replace("g", "+"), kind == "gated")
        step = 1.0
        truncation = 0.0
        size = 1e4
    ahead, behind = (
        programs.reference(instruction, state + sign * step * direction) for sign in (1, -1)
    )
    along = (weight * (ahead - behind)).sum() / (2 * step)
    pulled = pull_back(instruction, state, weight)
    assert abs((pulled * direction).sum() - along) <= truncation + 200 * ULP * size / step
