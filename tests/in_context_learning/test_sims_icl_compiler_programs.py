"""The theorems as transformers, against the sentences they prove: gradient step, Sherman-Morrison, SGD, ridge."""

from functools import cache

import jax
import numpy as np
import pytest

from sims import in_context_learning as icl
from sims.in_context_learning.magnitudes import program_bounds

PROMPTS = 64


def prompts(seed, examples, dimension, n_prompts=PROMPTS):
    """Inputs, labels and query of random linear tasks."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n_prompts, examples, dimension))
    query, task = rng.normal(size=(2, n_prompts, dimension))
    return inputs, np.einsum("pnd,pd->pn", inputs, task), query


def sizes(inputs, labels, query):
    return {"inputs": float(max(np.abs(inputs).max(), np.abs(query).max())), "labels": float(np.abs(labels).max())}


def start_state(program, prompt):
    """Every register of every prompt before the first layer."""
    inputs, labels, query = prompt
    state = np.zeros((len(query), program.register_rows, program.positions))
    state[:, 1 : 1 + program.dimension, :-1:2] = np.swapaxes(inputs, 1, 2)
    state[:, 1 : 1 + program.dimension, -1] = query
    state[:, 0, 1::2] = labels
    return state


def first_order_bound(program, prompt, network, **options):
    return icl.prompt_error(
        program.instructions, start_state(program, prompt), program.answer, network.scales, **options
    )


def build(program, prompt, **options):
    if "scales" not in options:
        options["input_bound"] = icl.prompt_bound(program, **sizes(*prompt))
    return icl.compile_program(
        program.instructions, registers=program.register_rows, positions=program.positions, **options
    )


def meaning(program, prompt):
    """What the instructions compute when they are followed exactly."""
    state = start_state(program, prompt)
    for instruction in program.instructions:
        state = icl.reference(instruction, state)
    return state[:, program.answer[0], program.answer[1]]


def gradient_steps(prompt, step, regulariser, weights):
    inputs, labels, query = prompt
    answers = []
    for prompt_inputs, prompt_labels, asked in zip(inputs, labels, query, strict=True):
        w = weights
        for x, y in zip(prompt_inputs, prompt_labels, strict=True):
            w = w - 2 * step * (x * (x @ w - y) + regulariser * w)
        answers.append(asked @ w)
    return np.array(answers)


def ridge(prompt, regulariser):
    inputs, labels, query = prompt
    answers = []
    for x, y, asked in zip(inputs, labels, query, strict=True):
        answers.append(asked @ np.linalg.solve(x.T @ x + regulariser * np.eye(x.shape[1]), x.T @ y))
    return np.array(answers)


STEP, REGULARISER = 0.02, 0.3


@cache
def theorems(dimension):
    """Both theorems at one dimension: the program, its prompts, and what the theorem says the answer is."""
    prompt = prompts(dimension, 1, dimension)
    start = np.random.default_rng(dimension + 100).normal(size=dimension)
    return {
        "step": (
            icl.gradient_step_program(dimension, STEP, REGULARISER, start),
            prompt,
            gradient_steps(prompt, STEP, REGULARISER, start),
        ),
        "ridge": (icl.ridge_update_program(dimension, REGULARISER), prompt, ridge(prompt, REGULARISER)),
    }


@pytest.mark.parametrize("dimension", [1, 2, 4, 8])
@pytest.mark.parametrize(("theorem", "tolerance"), [("step", 5e-9), ("ridge", 1e-7)])
def test_the_theorems_run_as_transformers(theorem, tolerance, dimension):
    program, prompt, truth = theorems(dimension)[theorem]
    network = build(program, prompt)
    found = icl.predict(network, *prompt)
    assert not found.overflow.any()
    error = np.abs(found.value - truth)
    assert error.max() <= tolerance
    assert np.all(error <= first_order_bound(program, prompt, network))
    bound = icl.prompt_bound(program, **sizes(*prompt))
    assert error.max() <= icl.a_priori_error(program.instructions, bound, network.scales)[program.answer]


@pytest.mark.parametrize("dimension", [1, 2, 4, 8])
def test_layers_and_registers_are_those_of_the_theorems(dimension):
    programs = theorems(dimension)
    for theorem, layers, registers in (
        ("step", 9, 4 * dimension + 3),
        ("ridge", 14, 3 * dimension**2 + 5 * dimension + 3),
    ):
        program = programs[theorem][0]
        assert (program.layers, program.register_rows, program.positions) == (layers, registers, 3)
    for examples in (1, 2, 5):
        sgd = icl.sgd_program(dimension, examples, STEP, 0.0)
        recursion = icl.recursive_ridge_program(dimension, examples, REGULARISER)
        assert (sgd.layers, sgd.register_rows) == (8 * examples, 4 * dimension + 3)
        assert (recursion.layers, recursion.register_rows) == (11 * examples + 3, 3 * dimension**2 + 5 * dimension + 3)
        assert sgd.positions == recursion.positions == 2 * examples + 1
    # Scratch, pads, positions and the one come on top: 49 and 305 rows at d = 8.
    step, update = (build(*programs[theorem][:2]).layout for theorem in ("step", "ridge"))
    assert step.rows == step.registers + dimension + 2 + 3 + 1
    assert update.rows == update.registers + dimension**2 + 2 + 3 + 1


@pytest.mark.parametrize("seed", range(3))
def test_programs_mean_what_their_theorems_say(seed):
    """The instructions alone, without a network: only rounding is left, amplified by 1/λ at most a few times."""
    for dimension, examples in ((1, 1), (2, 3), (3, 6)):
        prompt = prompts(seed, examples, dimension, n_prompts=8)
        first = tuple(array[:, :1] if array.ndim > 2 or array.shape[1] == examples else array for array in prompt[:2])
        first = (*first, prompt[2])
        start = np.random.default_rng(seed).normal(size=dimension)
        cases = [
            (icl.gradient_step_program(dimension, 0.1, 0.2, start), first, gradient_steps(first, 0.1, 0.2, start)),
            (icl.ridge_update_program(dimension, 0.5), first, ridge(first, 0.5)),
            (icl.sgd_program(dimension, examples, 0.05, 0.1), prompt, gradient_steps(prompt, 0.05, 0.1, 0 * start)),
            (icl.recursive_ridge_program(dimension, examples, 0.5), prompt, ridge(prompt, 0.5)),
        ]
        for program, given, truth in cases:
            # A hundred operations an example on numbers below (|x|²/λ)² < 10^4.
            assert np.all(np.abs(meaning(program, given) - truth) <= 100 * examples * 2.0**-53 * 1e4)


def test_the_printed_sign_is_the_step_for_the_opposite_regulariser():
    prompt = prompts(0, 1, 3)
    start = np.array([0.5, -1.0, 2.0])
    printed, corrected, opposite = (
        meaning(icl.gradient_step_program(3, STEP, regulariser, start, printed_sign=sign), prompt)
        for regulariser, sign in ((0.3, True), (0.3, False), (-0.3, False))
    )
    assert np.array_equal(printed, opposite)
    # They differ by 4 α λ w · x.
    assert np.all(np.abs(printed - corrected - 4 * STEP * 0.3 * prompt[2] @ start) <= 1e3 * 2.0**-53)
    assert np.abs(printed - corrected).max() > 0.01


def test_a_pass_of_sgd_runs_as_a_stack():
    prompt = prompts(5, 3, 2)
    program = icl.sgd_program(2, 3, STEP, 0.1)
    network = build(program, prompt)
    found = icl.predict(network, *prompt)
    error = np.abs(found.value - gradient_steps(prompt, STEP, 0.1, np.zeros(2)))
    assert not found.overflow.any()
    assert error.max() <= 5e-9
    assert np.all(error <= first_order_bound(program, prompt, network))


def test_a_known_bound_on_the_weights_makes_the_scales_larger():
    prompt = prompts(5, 8, 4, n_prompts=4)
    loose, tight = (
        build(icl.sgd_program(4, 8, STEP, 0.0, weight_bound=bound), prompt).scales for bound in (np.inf, 8.0)
    )
    free, known = (
        build(icl.recursive_ridge_program(4, 8, 0.3, weight_bound=bound), prompt).scales for bound in (np.inf, 8.0)
    )
    for tighter, looser in ((tight, loose), (known, free)):
        assert np.all(tighter.product >= looser.product)
        assert tighter.product[-1] > looser.product[-1]
        assert np.all(tighter.bypass <= looser.bypass)


@pytest.mark.parametrize("regulariser", [1 / 64, 1.0, 64.0])
def test_what_a_ridge_program_says_of_its_sizes_holds(regulariser):
    """On the longest and on the shortest inputs, and where |x|² = λ; the quotient is 1/λ but for |x|²/λ."""
    inputs = np.concatenate([np.geomspace(1e-3, 10, 13), [regulariser**0.5]])[:, None, None]
    prompt = inputs, np.ones(inputs.shape[:2]), np.ones((len(inputs), 1))
    program = icl.ridge_update_program(1, regulariser)
    state = start_state(program, prompt)
    layers = program_bounds(program.instructions, np.abs(state).max(axis=0))
    for instruction, sizes_there in zip(program.instructions, layers, strict=True):
        state = icl.reference(instruction, state)
        assert np.all(np.abs(state) <= sizes_there.after * (1 + 8 * 2.0**-53))
    # What is attained: w = x y / (λ + x²) is 1 / (2 √λ) at x = √λ.
    assert np.abs(np.abs(state[:, :, 2]).max(axis=0) - 0.5 * regulariser**-0.5).min() <= 1e-12


@cache
def ridge_stack():
    prompt = prompts(6, 5, 3)
    return icl.recursive_ridge_program(3, 5, REGULARISER), prompt, ridge(prompt, REGULARISER)


def test_ridge_on_five_examples_runs_as_a_stack_within_its_bound():
    program, prompt, truth = ridge_stack()
    network = build(program, prompt)
    found = icl.predict(network, *prompt)
    error = np.abs(found.value - truth)
    bound = first_order_bound(program, prompt, network)
    assert not found.overflow.any()
    assert np.all(error <= bound)
    # A bound of the size of the answers would say nothing.
    assert bound.max() <= 1e-4
    # No bound at all from worst cases alone, and it says so.
    assert np.isinf(
        icl.a_priori_error(program.instructions, icl.prompt_bound(program, **sizes(*prompt)), network.scales)
    ).any()


def test_a_bypass_that_is_too_small_is_reported_and_wrong():
    program, prompt, truth = ridge_stack()
    clipped = icl.predict(build(program, prompt, scales=icl.Scales(bypass=30.0)), *prompt)
    safe = icl.predict(build(program, prompt, scales=icl.Scales(bypass=1e3)), *prompt)
    assert not safe.overflow.any()
    assert np.abs(safe.value - truth).max() <= 1e-6
    errors = np.abs(clipped.value - truth)
    assert clipped.overflow.any()
    # Silence means correctness: what is not reported is as good as with the large bypass.
    assert np.all(errors[~clipped.overflow] <= 1e-6)
    assert errors.max() > 1


@pytest.mark.parametrize("theorem", ["step", "ridge"])
def test_a_realised_layer_norm_stays_within_its_bound(theorem):
    program, prompt, truth = theorems(2)[theorem]
    worst = {}
    for balanced in (True, False):
        for pad in (1e5, 1e6):
            network = build(program, prompt, scales=icl.Scales(pad=pad), balanced=balanced, richardson=True)
            found = icl.predict(network, *prompt, layer_norm="realised")
            options = {"layer_norm": "realised", "balanced": balanced, "richardson": True}
            bound = first_order_bound(program, prompt, network, **options)
            assert not found.overflow.any()
            assert np.all(np.abs(found.value - truth) <= bound)
            worst[balanced, pad] = np.abs(found.value - truth).max()
    # The paper's pads are off by S / (2N), balanced ones by S² / N²: ten times the pads, ten or a hundred times better
    # (to leading order, with a factor of two for the rest).
    assert 5 < worst[False, 1e5] / worst[False, 1e6] < 20
    assert worst[True, 1e5] < worst[False, 1e5] / 100


def test_the_tanh_form_and_richardson_run_the_same_program():
    program, prompt, truth = theorems(2)["step"]
    for form, richardson, tolerance in (("tanh", False, 5e-9), ("erf", True, 1e-10)):
        network = build(program, prompt, richardson=richardson)
        error = np.abs(icl.predict(network, *prompt, form=form).value - truth)
        bound = first_order_bound(program, prompt, network, form=form, richardson=richardson)
        assert error.max() <= tolerance
        assert np.all(error <= bound)


def test_single_precision_loses_most_digits_and_knows_it():
    start = np.array([0.5, -1.25])
    program = icl.gradient_step_program(2, STEP, REGULARISER, start)
    prompt = tuple(array.astype(np.float32) for array in prompts(2, 1, 2))
    truth = gradient_steps([array.astype(float) for array in prompt], STEP, REGULARISER, start)
    network = build(program, prompt, dtype=np.float32)
    found = icl.predict(network, *prompt)
    assert found.value.dtype == np.float32
    error = np.abs(found.value.astype(float) - truth)
    assert np.all(error <= first_order_bound(program, prompt, network, dtype=np.float32))
    # Products keep about eps^(2/3): 2e-5 in float32.
    assert 1e-6 < error.max() < 1e-2


def test_prompts_become_interleaved_tokens():
    inputs, labels, query = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0]), np.array([7.0, 8.0])
    tokens = icl.prompt_state(inputs, labels, query)
    assert np.array_equal(tokens, [[0, 5, 0, 6, 0], [1, 0, 3, 0, 7], [2, 0, 4, 0, 8]])
    batch = icl.prompt_state(*(np.stack([array, 2 * array]) for array in (inputs, labels, query)))
    assert np.array_equal(batch[1], 2 * tokens)
    bounds = icl.prompt_bound(icl.sgd_program(2, 2, 0.1, 0.0), 8.0, 6.0)
    assert np.all(np.abs(tokens) <= bounds[:3])
    assert np.array_equal(bounds[:3] > 0, np.asarray(tokens) > 0)
    assert not bounds[3:].any()


def test_prompts_are_independent_of_each_other():
    program, prompt, _ = theorems(2)["ridge"]
    network = build(program, prompt)
    whole = icl.predict(network, *prompt)
    order = np.random.default_rng(0).permutation(PROMPTS)
    shuffled = icl.predict(network, *(array[order] for array in prompt))
    assert np.array_equal(shuffled.value, whole.value[order])
    assert isinstance(whole.value, jax.Array)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: icl.gradient_step_program(2, 0.1, 0.1, np.zeros(3)), "start_weights must hold 2 numbers"),
        (lambda: icl.gradient_step_program(1, np.nan, 0.1, np.zeros(1)), "step must be finite"),
        (lambda: icl.gradient_step_program(1, 0.1, np.inf, np.zeros(1)), "regulariser must be finite"),
        (lambda: icl.gradient_step_program(1, 0.1, 0.1, np.array([np.nan])), "start_weights must be finite"),
        (lambda: icl.ridge_update_program(2, np.inf), "regulariser must be finite"),
        (lambda: icl.sgd_program(2, 1, np.inf, 0.1), "step must be finite"),
        (lambda: icl.prompt_bound(icl.sgd_program(1, 1, 0.1, 0.1), 1.0, np.inf), "labels must be finite"),
    ],
)
def test_programs_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_prompts_of_another_length_are_refused():
    program, prompt, _ = theorems(2)["step"]
    network = build(program, prompt)
    with pytest.raises(ValueError, match="at most 11 rows and 3 columns, got shape"):
        icl.predict(network, *prompts(0, 2, 2))
