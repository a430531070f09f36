"""Hostile input for the simulators of in-context learning."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sims import in_context_learning as observed
from theory_on_trial.audits.hostile import case, judge, promises

MODULES = [observed]
KEY = jax.random.key(0)
COMPILES = "compiles for every shape"
DIVERGES = "weights and losses of a descent that diverges"
BOUND = "a bound that is not known is infinite"
CLIPPED = "a value that is not finite counts as clipped"

INPUTS = np.array([[[1.0, 0.5], [0.25, -1.0], [2.0, 0.75]], [[0.5, 0.5], [1.5, -0.25], [-1.0, 1.0]]])
LABELS = np.array([[1.0, -0.5, 0.25], [0.5, 0.75, -1.0]])
PROMPTS = observed.Prompts(INPUTS, LABELS, np.array([[0.5, 1.0], [-0.5, 0.25]]))
RULES = [observed.ridge(0.5), observed.nearest_neighbours(2)]
PREDICTIONS, WEIGHTS = LABELS + 0.5, PROMPTS.weights
SYMMETRIC = np.array([[1.0, 0.25], [0.25, 0.5]])
MATRIX = np.array([[0.5, 0.25, 0.0], [0.0, 1.0, 0.5], [0.25, 0.0, 0.75]])
STACK = np.array([MATRIX, MATRIX.T])
ATTENTION = jax.tree.map(np.asarray, observed.descent_layers(np.array([0.5, 1.0]), 0.125, 2, 3))
LOSS = jax.tree.map(np.asarray, observed.reduced_loss(np.array([[0.5]]), 2))
START = observed.ReducedWeights(np.array(0.5), np.array([[0.5]]))
SCALES = observed.Scales()
PROGRAM = observed.gradient_step_program(1, 0.25, 0.5, np.array([0.5]))
INSTRUCTIONS = [observed.mov(0, 1, (0, 1)), observed.mul(1, 1, 1, (0, 1), (0, 1), (1, 2))]
QUOTIENT = observed.div((0, 1), 1, (2, 3), least_divisor=0.5)
STATE = np.array([[1.0, 0.5], [0.25, 2.0], [0.0, 0.0]])
NETWORK = observed.compile_program(INSTRUCTIONS, registers=3, positions=2, scales=SCALES)
HIDDEN = np.asarray(observed.embed(NETWORK, STATE))
LAYER = jax.tree.map(lambda weights: np.asarray(weights[0]), NETWORK.weights)
COMPILED = observed.compile_program(
    PROGRAM.instructions,
    registers=PROGRAM.register_rows,
    positions=PROGRAM.positions,
    input_bound=observed.prompt_bound(PROGRAM, 1.0, 1.0),
)
SIZES = {"dimension": 2, "examples": 3, "layers": 1, "width": 4, "heads": 2}
MODEL = observed.Transformer(KEY, **SIZES, dtype=jnp.float64)
TOKENS = np.asarray(observed.tokens(PROMPTS))
STATES = np.asarray(observed.hidden_states(MODEL, PROMPTS))[-1]
SETTINGS = observed.TrainingSettings(**SIZES, steps=1, learning_rate=0.125, batch=2)
PROBING = {"probe_width": 2, "steps": 1, "batch": 2, "learning_rate": 0.125}
PROBE = observed.train_probe(KEY, STATES, WEIGHTS, kind="mlp", **PROBING).probe
MATRICES = {"read_matrix": np.array([[1.0, 0.5]]), "own_matrix": np.array([[0.5]]), "out_matrix": np.array([[2.0]])}


def zeros(prompts):
    """A learner that answers 0."""
    return np.zeros(prompts.labels.shape)


CASES = {
    # activations
    "gelu": case(x=LABELS, form="erf"),
    "gelu_product": case(x=LABELS, y=PREDICTIONS, scale=0.0078125, form="erf", richardson=False),
    "least_product_scale": case(dtype=np.float64),
    "layer_norm": case(rows=MATRIX, _infinite="a constant column"),
    # linear attention and its training
    "full_loss": case(input_covariance=SYMMETRIC, context=2, _costly=COMPILES),
    "reduced_loss": case(input_covariance=SYMMETRIC, context=2, _costly=COMPILES),
    "balanced_start": case(scale=0.5, factor=np.array([[1.0]])),
    "gradient_flow": case(loss=LOSS, start=START, times=np.array([0.5, 1.0]), _costly=COMPILES),
    "train_linear_attention": case(
        key=KEY,
        starts=1,
        dimension=2,
        context=3,
        noise_std=0.5,
        input_covariance=SYMMETRIC,
        weight_covariance=SYMMETRIC,
        start="positive",
        steps=2,
        batch=2,
        learning_rate=0.125,
        _costly=COMPILES,
        _infinite=DIVERGES,
    ),
    "effective_map": case(value_projection=STACK, key_query=STACK, _costly=COMPILES),
    "joined_tokens": case(
        inputs=INPUTS[0], labels=LABELS[0], queries=INPUTS[1, :2], query_labels=LABELS[1, :2], _costly=COMPILES
    ),
    "attend": case(layers=ATTENTION, tokens=MATRIX, context=2, _costly=COMPILES),
    "descent_layers": case(start_weights=np.array([0.5, 1.0]), step=0.125, layers=2, context=3, _costly=COMPILES),
    "contracting_layers": case(
        steps=np.array([0.5, 1.0]), contractions=np.array([0.25, 0.5]), dimension=2, context=3, _costly=COMPILES
    ),
    "preconditioned_prediction": case(
        projections=STACK, forms=STACK, inputs=INPUTS[0], labels=LABELS[0], query=INPUTS[1, 0], _costly=COMPILES
    ),
    "attention_prediction": case(
        value_projection=MATRIX,
        key_query=MATRIX,
        inputs=INPUTS[0],
        labels=LABELS[0],
        query=INPUTS[1, 0],
        _costly=COMPILES,
    ),
    # textbook learners and metrics
    "ridge": case(regulariser=0.5),
    "gradient_step": case(step=0.125),
    "sgd": case(step=0.125),
    "nearest_neighbours": case(neighbours=3, weighted=False),
    "predict_all": case(prompts=PROMPTS, rules=RULES, _infinite="of a rule that diverges", _costly=COMPILES),
    "weights_all": case(prompts=PROMPTS, rules=RULES[:1], _infinite="of a rule that diverges", _costly=COMPILES),
    "label_weights": case(inputs=INPUTS, rules=RULES, _costly=COMPILES),
    "estimate": case(samples=LABELS),
    "squared_prediction_difference": case(first=PREDICTIONS, second=LABELS, _within=(0, np.inf)),
    "excess_error": case(first=PREDICTIONS, second=LABELS, labels=LABELS**2, _costly=COMPILES),
    "ilwd": case(first=WEIGHTS, second=2 * WEIGHTS, _within=(0, np.inf)),
    "implicit_fit": case(predict=zeros, prompts=PROMPTS, prefix=1, test_inputs=MATRIX[:, :2], _costly=COMPILES),
    "answer_queries": case(predict=zeros, prompts=PROMPTS, prefix=1, test_inputs=MATRIX[:, :2], _costly=COMPILES),
    "gram_eigenvalues": case(inputs=INPUTS, _within=(0, np.inf), _costly=COMPILES),
    "task_spectra": case(key=KEY, tasks=2, dimension=2, context=3, _within=(0, np.inf), _costly=COMPILES),
    "descent_losses": case(
        spectra=np.array([[1.0, 0.5], [2.0, 0.25]]),
        steps=np.array([0.5, 1.0]),
        contractions=np.array([0.125, 0.25]),
        context=3,
        _within=(0, np.inf),
        _costly=COMPILES,
    ),
    "learn_descent": case(
        spectra=np.array([[1.0, 0.5], [2.0, 0.25]]), layers=1, context=3, contract=True, _costly="fits"
    ),
    # compiled programs
    "Raw": case(
        star="+",
        read_rows=(0, 1),
        own_rows=(2,),
        write_rows=(1,),
        **MATRICES,
        bias=np.array([0.5]),
        reads={1: (0, 1)},
        only_at=1,
        bound=2.0,
        _infinite=BOUND,
    ),
    "Division": case(
        numerator_rows=(0, 1), divisor_row=2, write_rows=(3, 4), least_divisor=0.5, bound=2.0, _infinite=BOUND
    ),
    "reference": case(instruction=QUOTIENT, state=STATE, _infinite="a zero divisor"),
    "mov": case(source=0, target=1, rows=(0, 2), target_rows=(1, 3), bound=2.0, _infinite=BOUND),
    "mul": case(a=1, b=2, c=1, first=(0, 2), second=(2, 4), target=(4, 5), bound=2.0, _infinite=BOUND),
    "div": case(rows=(0, 2), divisor=2, target=(3, 5), least_divisor=0.5, bound=2.0, _infinite=BOUND),
    "aff": case(
        first=(0, 2),
        second=(2, 3),
        target=(1, 2),
        first_matrix=np.array([[1.0, 0.5]]),
        second_matrix=np.array([[0.25]]),
        bias=np.array([0.5]),
        bound=2.0,
        _infinite=BOUND,
    ),
    "gradient_step_program": case(
        dimension=1, step=0.25, regulariser=0.5, start_weights=np.array([0.5]), printed_sign=False, _infinite=BOUND
    ),
    "sgd_program": case(dimension=2, examples=2, step=0.25, regulariser=0.5, weight_bound=2.0, _infinite=BOUND),
    "ridge_update_program": case(dimension=2, regulariser=0.5, _infinite=BOUND),
    "recursive_ridge_program": case(dimension=2, examples=2, regulariser=0.5, weight_bound=2.0, _infinite=BOUND),
    "prompt_state": case(inputs=INPUTS, labels=LABELS, query=WEIGHTS, _costly=COMPILES),
    "compile_program": case(
        instructions=INSTRUCTIONS,
        registers=3,
        positions=2,
        scales="automatic",
        input_bound=np.abs(STATE),
        balanced=True,
        richardson=False,
        dtype=np.float64,
        _costly=COMPILES,
    ),
    "a_priori_error": case(
        instructions=INSTRUCTIONS,
        input_bound=np.abs(STATE),
        scales=SCALES,
        dtype=np.float64,
        _within=(0, np.inf),
        _infinite="errors that multiply up, to infinity if need be",
    ),
    "prompt_error": case(
        instructions=INSTRUCTIONS,
        state=STATE,
        answer=(1, 1),
        scales=SCALES,
        dtype=np.float64,
        _within=(0, np.inf),
        _infinite="a number that is too large",
    ),
    "Construction.per_layer": case(observed.Construction(SCALES), layers=2),
    "decoder_layer": case(weights=LAYER, hidden=HIDDEN, layer_norm="ideal", form="erf", _infinite=CLIPPED),
    "embed": case(network=NETWORK, register_state=STATE, _costly=COMPILES),
    "run": case(network=NETWORK, hidden=HIDDEN, layer_norm="ideal", form="erf", _infinite=CLIPPED, _costly=COMPILES),
    "read": case(network=NETWORK, hidden=HIDDEN, rows=(0, 2), column=1, _infinite=CLIPPED),
    "predict": case(
        network=COMPILED,
        inputs=INPUTS[:, :1, :1],
        labels=LABELS[:, :1],
        query=WEIGHTS[:, :1],
        layer_norm="ideal",
        form="erf",
        _infinite=CLIPPED,
        _costly=COMPILES,
    ),
    # transformers that learn
    "sample_prompts": case(
        key=KEY,
        count=2,
        examples=3,
        dimension=2,
        noise_std=0.5,
        weight_std=1.0,
        weight_mean=0.5,
        input_scale=2.0,
        input_covariance=SYMMETRIC,
        weight_covariance=SYMMETRIC,
        dtype=np.float64,
        _costly=COMPILES,
    ),
    "tokens": case(prompts=PROMPTS),
    "Transformer": case(key=KEY, **SIZES, dtype=np.float64, _costly=COMPILES),
    "Transformer.hidden_states": case(MODEL, tokens=TOKENS[0], _costly=COMPILES),
    "Transformer.predictions": case(MODEL, tokens=TOKENS[0], _costly=COMPILES),
    "parameter_count": case(model=MODEL),
    "TrainingSettings": case(
        **SIZES,
        steps=2,
        learning_rate=0.125,
        batch=2,
        noise_std=0.5,
        weight_std=1.0,
        weight_mean=0.5,
        warm_up=0.25,
    ),
    "train": case(key=KEY, settings=SETTINGS, progress=False, _infinite=DIVERGES, _costly=COMPILES),
    "in_context_predictions": case(model=MODEL, prompts=PROMPTS, _costly=COMPILES),
    "evaluate": case(model=MODEL, prompts=PROMPTS, rules=RULES, _costly=COMPILES),
    "hidden_states": case(model=MODEL, prompts=PROMPTS, _costly=COMPILES),
    "moment_targets": case(prompts=PROMPTS, prefix=2, _costly=COMPILES),
    "ols_targets": case(prompts=PROMPTS, prefix=2, _costly=COMPILES),
    "train_probe": case(
        key=KEY, hidden=STATES, targets=WEIGHTS, kind="mlp", **PROBING, _infinite=DIVERGES, _costly=COMPILES
    ),
    "probe_errors": case(probe=PROBE, hidden=STATES, targets=WEIGHTS, _within=(0, np.inf), _costly=COMPILES),
}
RESULTS = (
    *("Estimate", "Evaluation", "LayerOutput", "LearnedDescent", "LinearFit", "Prediction", "Probe", "Run"),
    *("ExpectedLoss", "Layout", "Network", "Program", "TrainedAttention", "TrainedLearner", "TrainedProbe"),
)
RECORDS = ("AttentionLayer", "Construction", "FullWeights", "LayerWeights", "Prompts", "ReducedWeights", "Scales")
EXCLUDED = {
    **dict.fromkeys(RESULTS, "a record of results"),
    **dict.fromkeys(RECORDS, "a plain record, which JAX rebuilds with tracers: judged by the functions that take it"),
    "Rule": "made by ols, ridge, gradient_step, sgd and nearest_neighbours; judged by the functions that take it",
    "ols": "takes no argument",
    "prompt_bound": "the contract takes a program for a tuple of numbers: judged below",
}

test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED, examples=5
)


def test_bounds_of_prompts():
    for_program = partial(observed.prompt_bound, PROGRAM)
    assert judge(for_program, case(inputs=1.0, labels=2.0, _within=(0, np.inf))) == []
    for other in (None, "x", PROGRAM.instructions, 1.0):
        with pytest.raises(TypeError, match="program must be of type Program"):
            observed.prompt_bound(other, 1.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"inputs": INPUTS * np.nan}, r"prompts\.inputs must be finite, got nan"),
        ({"labels": LABELS.tolist()}, r"prompts\.labels must be an array of real numbers, got a value of list"),
        ({"labels": LABELS[:, :2]}, "prompts must have inputs"),
        ({"weights": WEIGHTS[:1]}, r"prompts\.weights must have shape \(2, 2\)"),
        ({"inputs": INPUTS[:, :0], "labels": LABELS[:, :0]}, "the number of examples in prompts must be at least 1"),
        ({"inputs": INPUTS * 1e200}, r"prompts\.inputs must be zero or of sizes from 1e-100 to 1e\+100"),
        ({"inputs": INPUTS * 1e-200}, r"prompts\.inputs must be zero or of sizes from 1e-100 to 1e\+100"),
    ],
)
def test_prompts_that_textbook_learners_cannot_compare_are_refused(changes, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        observed.predict_all(PROMPTS._replace(**changes), RULES)


@pytest.mark.parametrize(
    "rule",
    [
        observed.Rule("ridge", -0.5),
        observed.Rule("sgd", np.nan),
        observed.Rule("sgd", "x"),
        observed.Rule("nearest_neighbours", 0),
        observed.Rule("kernel", 1.0),
        1.0,
    ],
)
def test_rules_that_no_function_makes_are_refused(rule):
    with pytest.raises((TypeError, ValueError), match="rules must"):
        observed.predict_all(PROMPTS, [rule])


def test_more_neighbours_than_there_are_examples_are_all_of_them():
    rules = [observed.nearest_neighbours(count) for count in (3, 2**40)]
    three, all_of_them = np.asarray(observed.predict_all(PROMPTS, rules))
    np.testing.assert_array_equal(all_of_them, three)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"keys": LAYER.keys[:, :, :-1]}, r"weights\.keys must have shape"),
        ({"gate": LAYER.gate[:-1]}, r"weights\.gate must have shape"),
        ({"inner": LAYER.inner.tolist()}, r"weights\.inner must be an array of real numbers"),
        ({"gain": LAYER.gain * jnp.inf}, "weights must be finite"),
    ],
)
def test_weights_that_do_not_fit_each_other_are_refused(changes, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        observed.decoder_layer(LAYER._replace(**changes), HIDDEN)


@pytest.mark.parametrize(
    ("scales", "sentence"),
    [
        (SCALES._replace(product="x"), "the product scale must hold real numbers"),
        (SCALES._replace(pad=np.nan), "the pad must be above 0"),
        (SCALES._replace(bypass=[[1.0], [1.0, 2.0]]), "the bypass shift must hold real numbers"),
    ],
)
def test_scales_that_are_no_numbers_are_refused(scales, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        observed.compile_program(INSTRUCTIONS, registers=3, positions=2, scales=scales)
    with pytest.raises((TypeError, ValueError), match=sentence):
        observed.prompt_error(INSTRUCTIONS, STATE, (1, 1), scales)


@pytest.mark.parametrize(
    ("loss", "start", "sentence"),
    [
        (LOSS._replace(linear=np.ones(2)), START, r"loss\.quadratic must have shape \(2, 2\)"),
        (LOSS, START._replace(key_query=np.ones((2, 2))), "start must have the 1 features of loss, got 4"),
        (LOSS, START._replace(value=np.ones(1)), r"start\.value must have shape \(\)"),
        (LOSS, START._replace(value=np.array(1e200)), "start must have a finite loss"),
    ],
)
def test_flows_that_cannot_start_are_refused(loss, start, sentence):
    with pytest.raises(ValueError, match=sentence):
        observed.gradient_flow(loss, start, np.ones(1))
