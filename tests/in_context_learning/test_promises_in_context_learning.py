"""Every public function of in-context learning keeps its promises; records that do not fit each other are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import own_data.in_context_learning as tool
import theory.in_context_learning as predicted
from sims import in_context_learning as observed
from theory_on_trial.audits.promises import Case, promises

NO_MEAN_SQUARE = "where least squares has no mean square"
NEVER_NEGATIVE = (
    "bayes_prediction_risk",
    "bayes_risk",
    "bayes_risk_given_inputs",
    "best_pad",
    "best_product_scale",
    "best_step",
    "best_step_risk",
    "covariate_shift_ratio",
    "expected_inverse_trace",
    "fourth_moment_factor",
    "gdpp_loss",
    "gradient_step_risk",
    "layer_norm_division_factor",
    "linear_attention_loss",
    "linear_rule_risk",
    "linear_rule_spd",
    "mean_bayes_error",
    "ols_risk",
    "optimal_loss",
    "prediction_risk",
    "prediction_spd",
    "product_of_gelus",
    "ridge_expected_risk",
    "ridge_risk",
    "rounding_of_product",
    "sgd_contraction",
    "sgd_next_risk",
    "sgd_risk",
    "spd_gradient_step_to_ols",
    "spd_labels",
    "spd_ridge_to_bayes",
    "spd_ridge_to_ols",
    "spd_sgd_to_ols",
    "spd_to_bayes",
    "spectral_density",
    "square_by_relu",
    "zero_predictor_risk",
    "zhang_rate",
    "zhang_risk",
)
LAWS = {
    **{name: Case(within=(0, np.inf)) for name in NEVER_NEGATIVE},
    "hard_attention_error": Case(within=(0, 1)),
    "nearest_neighbour_weights": Case(within=(0, 1)),
    "sgd_stability_limit": Case(within=(0, 1)),
    "recursive_ridge_weights": Case(warns="of a small regulariser"),
    "expected_spectral_sum": Case({"function": np.reciprocal}, raises=(FloatingPointError,), extreme=False),
    **{
        name: Case(infinite=NO_MEAN_SQUARE, within=(0, np.inf))
        for name in (
            *("expected_inverse_trace", "ols_risk", "spd_labels"),
            *("ridge_expected_risk", "spd_ridge_to_ols", "spd_ridge_to_bayes"),
        )
    },
}
PROMPTED = np.random.default_rng(0).normal(size=(40, 2, 2))
TOOL = {
    "which_algorithm": Case(
        {
            "predict": lambda inputs, labels, queries: 0.5 * np.sum(queries, axis=1),
            "inputs": PROMPTED,
            "labels": PROMPTED.sum(axis=2),
            "prefixes": [1],
        },
        infinite="an interval may have no end, and a learner that answers zero has no degree",
        extreme=False,
    )
}
RECORDED = dict.fromkeys(("Match", "Resemblance", "ConstructionSize"), "a record of results")
RECORDED["Resemblance.plot"] = "takes matplotlib's axes, and nothing else"

(
    test_theory_is_guarded,
    test_theory_refuses_in_one_sentence,
    test_theory_answers_what_is_admissible,
    test_theory_answers_or_refuses_what_is_extreme,
) = promises([predicted, tool], LAWS | TOOL, RECORDED)

# ----------------------------------------------------------------------------------------------------------- simulators

KEY = jax.random.key(0)
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
HIDDEN = observed.embed(NETWORK, STATE)
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


# Those of simulators that compile for every shape, or take records, are called with the arguments of one case.
def held(of=None, *, infinite="", within=(-np.inf, np.inf), **given):
    return Case(given, of, infinite=infinite, within=within, extreme=False)


SIMULATORS = {
    # activations
    "gelu": held(x=LABELS, form="erf"),
    "gelu_product": held(x=LABELS, y=PREDICTIONS, scale=0.0078125, form="erf", richardson=False),
    "least_product_scale": held(dtype=np.float64),
    "layer_norm": held(rows=MATRIX, infinite="a constant column"),
    # linear attention and its training
    "full_loss": held(input_covariance=SYMMETRIC, context=2),
    "reduced_loss": held(input_covariance=SYMMETRIC, context=2),
    "balanced_start": held(scale=0.5, factor=np.array([[1.0]])),
    "gradient_flow": held(loss=LOSS, start=START, times=np.array([0.5, 1.0])),
    "train_linear_attention": held(
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
        infinite=DIVERGES,
    ),
    "effective_map": held(value_projection=STACK, key_query=STACK),
    "joined_tokens": held(inputs=INPUTS[0], labels=LABELS[0], queries=INPUTS[1, :2], query_labels=LABELS[1, :2]),
    "attend": held(layers=ATTENTION, tokens=MATRIX, context=2),
    "descent_layers": held(start_weights=np.array([0.5, 1.0]), step=0.125, layers=2, context=3),
    "contracting_layers": held(steps=np.array([0.5, 1.0]), contractions=np.array([0.25, 0.5]), dimension=2, context=3),
    "preconditioned_prediction": held(
        projections=STACK, forms=STACK, inputs=INPUTS[0], labels=LABELS[0], query=INPUTS[1, 0]
    ),
    "attention_prediction": held(
        value_projection=MATRIX, key_query=MATRIX, inputs=INPUTS[0], labels=LABELS[0], query=INPUTS[1, 0]
    ),
    # textbook learners and metrics
    "ridge": held(regulariser=0.5),
    "gradient_step": held(step=0.125),
    "sgd": held(step=0.125),
    "nearest_neighbours": held(neighbours=3, weighted=False),
    "predict_all": held(prompts=PROMPTS, rules=RULES, infinite="of a rule that diverges"),
    "weights_all": held(prompts=PROMPTS, rules=RULES[:1], infinite="of a rule that diverges"),
    "label_weights": held(inputs=INPUTS, rules=RULES),
    "estimate": held(samples=LABELS),
    "squared_prediction_difference": held(first=PREDICTIONS, second=LABELS, within=(0, np.inf)),
    "excess_error": held(first=PREDICTIONS, second=LABELS, labels=LABELS**2),
    "ilwd": held(first=WEIGHTS, second=2 * WEIGHTS, within=(0, np.inf)),
    "implicit_fit": held(predict=zeros, prompts=PROMPTS, prefix=1, test_inputs=MATRIX[:, :2]),
    "answer_queries": held(predict=zeros, prompts=PROMPTS, prefix=1, test_inputs=MATRIX[:, :2]),
    "gram_eigenvalues": held(inputs=INPUTS, within=(0, np.inf)),
    "task_spectra": held(key=KEY, tasks=2, dimension=2, context=3, within=(0, np.inf)),
    "descent_losses": held(
        spectra=np.array([[1.0, 0.5], [2.0, 0.25]]),
        steps=np.array([0.5, 1.0]),
        contractions=np.array([0.125, 0.25]),
        context=3,
        within=(0, np.inf),
    ),
    "learn_descent": held(spectra=np.array([[1.0, 0.5], [2.0, 0.25]]), layers=1, context=3, contract=True),
    # compiled programs
    "Raw": held(
        star="+",
        read_rows=(0, 1),
        own_rows=(2,),
        write_rows=(1,),
        **MATRICES,
        bias=np.array([0.5]),
        reads={1: (0, 1)},
        only_at=1,
        bound=2.0,
        infinite=BOUND,
    ),
    "Division": held(
        numerator_rows=(0, 1), divisor_row=2, write_rows=(3, 4), least_divisor=0.5, bound=2.0, infinite=BOUND
    ),
    "reference": held(instruction=QUOTIENT, state=STATE, infinite="a zero divisor"),
    "mov": held(source=0, target=1, rows=(0, 2), target_rows=(1, 3), bound=2.0, infinite=BOUND),
    "mul": held(a=1, b=2, c=1, first=(0, 2), second=(2, 4), target=(4, 5), bound=2.0, infinite=BOUND),
    "div": held(rows=(0, 2), divisor=2, target=(3, 5), least_divisor=0.5, bound=2.0, infinite=BOUND),
    "aff": held(
        first=(0, 2),
        second=(2, 3),
        target=(1, 2),
        first_matrix=np.array([[1.0, 0.5]]),
        second_matrix=np.array([[0.25]]),
        bias=np.array([0.5]),
        bound=2.0,
        infinite=BOUND,
    ),
    "gradient_step_program": held(
        dimension=1, step=0.25, regulariser=0.5, start_weights=np.array([0.5]), printed_sign=False, infinite=BOUND
    ),
    "sgd_program": held(dimension=2, examples=2, step=0.25, regulariser=0.5, weight_bound=2.0, infinite=BOUND),
    "ridge_update_program": held(dimension=2, regulariser=0.5, infinite=BOUND),
    "recursive_ridge_program": held(dimension=2, examples=2, regulariser=0.5, weight_bound=2.0, infinite=BOUND),
    "prompt_state": held(inputs=INPUTS, labels=LABELS, query=WEIGHTS),
    "compile_program": held(
        instructions=INSTRUCTIONS,
        registers=3,
        positions=2,
        scales="automatic",
        input_bound=np.abs(STATE),
        balanced=True,
        richardson=False,
        dtype=np.float64,
    ),
    "a_priori_error": held(
        instructions=INSTRUCTIONS,
        input_bound=np.abs(STATE),
        scales=SCALES,
        dtype=np.float64,
        within=(0, np.inf),
        infinite="errors that multiply up, to infinity if need be",
    ),
    "prompt_error": held(
        instructions=INSTRUCTIONS,
        state=STATE,
        answer=(1, 1),
        scales=SCALES,
        dtype=np.float64,
        within=(0, np.inf),
        infinite="a number that is too large",
    ),
    "Construction.per_layer": held(observed.Construction(SCALES), layers=2),
    "decoder_layer": held(weights=LAYER, hidden=HIDDEN, layer_norm="ideal", form="erf", infinite=CLIPPED),
    "embed": held(network=NETWORK, register_state=STATE),
    "run": held(network=NETWORK, hidden=HIDDEN, layer_norm="ideal", form="erf", infinite=CLIPPED),
    "read": held(network=NETWORK, hidden=HIDDEN, rows=(0, 2), column=1, infinite=CLIPPED),
    "predict": held(
        network=COMPILED,
        inputs=INPUTS[:, :1, :1],
        labels=LABELS[:, :1],
        query=WEIGHTS[:, :1],
        layer_norm="ideal",
        form="erf",
        infinite=CLIPPED,
    ),
    # transformers that learn
    "sample_prompts": held(
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
    ),
    "tokens": held(prompts=PROMPTS),
    "Transformer": held(key=KEY, **SIZES, dtype=np.float64),
    "Transformer.hidden_states": held(MODEL, tokens=TOKENS[0]),
    "Transformer.predictions": held(MODEL, tokens=TOKENS[0]),
    "parameter_count": held(model=MODEL),
    "prompt_bound": held(program=PROGRAM, inputs=1.0, labels=2.0, within=(0, np.inf)),
    "TrainingSettings": held(
        **SIZES, steps=2, learning_rate=0.125, batch=2, noise_std=0.5, weight_std=1.0, weight_mean=0.5, warm_up=0.25
    ),
    "train": held(key=KEY, settings=SETTINGS, progress=False, infinite=DIVERGES),
    "in_context_predictions": held(model=MODEL, prompts=PROMPTS),
    "evaluate": held(model=MODEL, prompts=PROMPTS, rules=RULES),
    "hidden_states": held(model=MODEL, prompts=PROMPTS),
    "moment_targets": held(prompts=PROMPTS, prefix=2),
    "ols_targets": held(prompts=PROMPTS, prefix=2),
    "train_probe": held(key=KEY, hidden=STATES, targets=WEIGHTS, kind="mlp", **PROBING, infinite=DIVERGES),
    "probe_errors": held(probe=PROBE, hidden=STATES, targets=WEIGHTS, within=(0, np.inf)),
}
RESULTS = (
    *("Estimate", "Evaluation", "LayerOutput", "LearnedDescent", "LinearFit", "Prediction", "Probe", "Run"),
    *("ExpectedLoss", "Layout", "Network", "Program", "TrainedAttention", "TrainedLearner", "TrainedProbe"),
)
RECORDS = ("AttentionLayer", "Construction", "FullWeights", "LayerWeights", "Prompts", "ReducedWeights", "Scales")
EXCLUDED = {
    **dict.fromkeys(RESULTS, "a record of results"),
    **dict.fromkeys(RECORDS, "a plain record, which JAX rebuilds with tracers"),
    "Rule": "made by ols, ridge, gradient_step, sgd and nearest_neighbours; judged by the functions that take it",
    "ols": "takes no argument",
}

(test_simulators_are_guarded, test_simulators_refuse_in_one_sentence, test_simulators_answer_what_is_admissible, _) = (
    promises([observed], SIMULATORS, EXCLUDED, examples=2)
)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"inputs": INPUTS * np.nan}, "prompts must be finite, got nan"),
        ({"labels": LABELS[:, :2]}, "prompts must have inputs"),
        ({"weights": WEIGHTS[:1]}, r"prompts\.weights must have shape \(2, 2\)"),
        ({"inputs": INPUTS[:, :0], "labels": LABELS[:, :0]}, "prompts must not be empty"),
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
        (SCALES._replace(pad=np.nan), "scales must be finite"),
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
