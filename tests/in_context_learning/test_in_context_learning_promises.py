"""Every public function of in-context learning keeps its promises; what does not go together is
refused.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from promises import Case, Later, promises, refused

import own_data.in_context_learning as tool
from sims.in_context_learning import (
    baselines,
    compiler,
    error_bound,
    network,
    probes,
    programs,
    prompts,
    training,
)
from sims.in_context_learning.prompts import Prompts, tokens
from theory.in_context_learning import constructions, regression, risk_laws

NO_MEAN_SQUARE = "where least squares has no mean square"
NEVER_NEGATIVE = """
bayes_prediction_risk bayes_risk best_product_scale best_step best_step_risk gradient_step_risk
linear_rule_risk linear_rule_spd mean_bayes_error ols_risk product_of_gelus ridge_expected_risk
ridge_risk rounding_of_product sgd_risk spd_gradient_step_to_ols spd_ridge_to_bayes spd_ridge_to_ols
spd_sgd_to_ols spectral_density
"""
MAY_BE_INFINITE = """
ols_risk ridge_expected_risk spd_ridge_to_ols spd_ridge_to_bayes
"""
LAWS = {
    **{name: Case(within=(0, np.inf)) for name in NEVER_NEGATIVE.split()},
    **{name: Case(infinite=NO_MEAN_SQUARE, within=(0, np.inf)) for name in MAY_BE_INFINITE.split()},
    "nearest_neighbour_weights": Case(within=(0, 1)),
    "sgd_stability_limit": Case(within=(0, 1)),
    "recursive_ridge_weights": Case(warns="of a small regulariser"),
    "expected_spectral_sum": Case(
        {"function": np.reciprocal}, raises=(FloatingPointError,), extreme=False
    ),
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
) = promises([constructions, regression, risk_laws, tool], LAWS | TOOL, RECORDED)


KEY = jax.random.key(0)
DIVERGES = "weights and losses of a descent that diverges"
CLIPPED = "a value that is not finite counts as clipped"

INPUTS = np.array(
    [[[1.0, 0.5], [0.25, -1.0], [2.0, 0.75]], [[0.5, 0.5], [1.5, -0.25], [-1.0, 1.0]]]
)
LABELS = np.array([[1.0, -0.5, 0.25], [0.5, 0.75, -1.0]])
PROMPTS = Prompts(INPUTS, LABELS, np.array([[0.5, 1.0], [-0.5, 0.25]]))
RULES = [baselines.ridge(0.5), baselines.nearest_neighbours(2)]
WEIGHTS = PROMPTS.weights
MATRIX = np.array([[0.5, 0.25, 0.0], [0.0, 1.0, 0.5], [0.25, 0.0, 0.75]])
SCALES = network.Scales()
PROGRAM = programs.gradient_step_program(1, 0.25, 0.5, np.array([0.5]))
INSTRUCTIONS = [programs.mov(0, 1, (0, 1)), programs.mul(1, 1, 1, (0, 1), (0, 1), (1, 2))]
QUOTIENT = programs.div((0, 1), 1, (2, 3))
STATE = np.array([[1.0, 0.5], [0.25, 2.0], [0.0, 0.0]])
NETWORK = compiler.compile_program(INSTRUCTIONS, registers=3, positions=2, scales=SCALES)
HIDDEN = network.embed(NETWORK, STATE)
LAYER = jax.tree.map(lambda weights: np.asarray(weights)[0], NETWORK.weights)
COMPILED = compiler.compile_program(
    PROGRAM.instructions,
    registers=PROGRAM.register_rows,
    positions=PROGRAM.positions,
    scales=SCALES,
)
SIZES = {"dimension": 2, "examples": 3, "layers": 1, "width": 4, "heads": 2}
MODEL = eqx.filter_jit(training.Transformer)(KEY, **SIZES, dtype=jnp.float64)
TOKENS = np.asarray(tokens(PROMPTS))
STATES = Later(lambda: np.asarray(probes.hidden_states(MODEL, PROMPTS))[-1])
SETTINGS = training.TrainingSettings(**SIZES, steps=1, learning_rate=0.125, batch=2)
PROBING = {"probe_width": 2, "steps": 1, "batch": 2, "learning_rate": 0.125}
PROBE = Later(lambda: probes.train_probe(KEY, STATES.made(), WEIGHTS, kind="mlp", **PROBING).probe)
ASKED = {"predict": lambda prompts: np.zeros(prompts.labels.shape), "prompts": PROMPTS, "prefix": 1}


# Every shape is a compilation, and records are not drawn: what is named here is given, the rest is
# drawn.
def held(of=None, *, infinite="", within=(-np.inf, np.inf), **given):
    return Case(given, of, infinite=infinite, within=within, extreme=False)


SIMULATORS = {
    # textbook learners
    **dict.fromkeys(["gradient_step", "sgd", "ridge", "nearest_neighbours"], held()),
    "predict_all": held(prompts=PROMPTS, rules=RULES, infinite="of a rule that diverges"),
    "weights_all": held(prompts=PROMPTS, rules=RULES[:1], infinite="of a rule that diverges"),
    "label_weights": held(inputs=INPUTS, rules=RULES),
    "implicit_fit": held(test_inputs=MATRIX[:, :2], **ASKED),
    # compiled programs
    "gelu": held(),
    "gelu_product": held(scale=0.0078125),
    "least_product_scale": held(dtype=np.float64),
    "layer_norm": held(infinite="a constant column"),
    "Raw": held(
        star="+",
        read_rows=(0, 1),
        own_rows=(2,),
        write_rows=(1,),
        read_matrix=np.array([[1.0, 0.5]]),
        own_matrix=np.array([[0.5]]),
        out_matrix=np.array([[2.0]]),
        bias=np.array([0.5]),
        reads={1: (0, 1)},
    ),
    "Division": held(numerator_rows=(0, 1), write_rows=(3, 4)),
    "reference": held(instruction=QUOTIENT, state=STATE, infinite="a zero divisor"),
    "mov": held(source=0, rows=(0, 2), target_rows=(1, 3)),
    "mul": held(a=1, b=2, c=1, first=(0, 2), second=(2, 4), target=(4, 5)),
    "div": held(rows=(0, 2), target=(3, 5)),
    "aff": held(
        first=(0, 2),
        second=(2, 3),
        target=(1, 2),
        first_matrix=np.array([[1.0, 0.5]]),
        second_matrix=np.array([[0.25]]),
        bias=np.array([0.5]),
    ),
    "gradient_step_program": held(dimension=1, start_weights=np.array([0.5])),
    "sgd_program": held(),
    **dict.fromkeys(
        ["ridge_update_program", "recursive_ridge_program"], held(dimension=2, regulariser=0.5)
    ),
    "prompt_state": held(),
    "compile_program": held(instructions=INSTRUCTIONS, registers=3, positions=2, scales=SCALES),
    "prompt_error": held(
        instructions=INSTRUCTIONS,
        state=STATE,
        answer=(1, 1),
        scales=SCALES,
        within=(0, np.inf),
        infinite="a number that is too large",
    ),
    "decoder_layer": held(weights=LAYER, hidden=HIDDEN, infinite=CLIPPED),
    "embed": held(network=NETWORK, register_state=STATE),
    "run": held(network=NETWORK, hidden=HIDDEN, infinite=CLIPPED),
    "predict": held(
        network=COMPILED,
        inputs=INPUTS[:, :1, :1],
        labels=LABELS[:, :1],
        query=WEIGHTS[:, :1],
        infinite=CLIPPED,
    ),
    # transformers that learn
    "sample_prompts": held(
        key=KEY,
        count=2,
        examples=3,
        dimension=2,
    ),
    "tokens": held(prompts=PROMPTS),
    "Transformer": held(key=KEY, **SIZES),
    "Transformer.hidden_states": held(MODEL, tokens=TOKENS[0]),
    "Transformer.predictions": held(MODEL, tokens=TOKENS[0]),
    "TrainingSettings": held(),
    "TrainingSettings.start": held(SETTINGS, key=KEY),
    "TrainingSettings.prompts": held(SETTINGS, key=KEY, count=2),
    "train": held(key=KEY, settings=SETTINGS, progress=False, infinite=DIVERGES),
    "train_together": held(
        keys=jax.random.split(KEY, 2), settings=[SETTINGS, SETTINGS], infinite=DIVERGES
    ),
    "in_context_predictions": held(model=MODEL, prompts=PROMPTS),
    "evaluate": held(model=MODEL, prompts=PROMPTS, rules=RULES),
    "hidden_states": held(model=MODEL, prompts=PROMPTS),
    **dict.fromkeys(["moment_targets", "ols_targets"], held(prompts=PROMPTS, prefix=2)),
    "train_probe": held(
        key=KEY, hidden=STATES, targets=WEIGHTS, kind="mlp", **PROBING, infinite=DIVERGES
    ),
    "probe_errors": held(probe=PROBE, hidden=STATES, targets=WEIGHTS, within=(0, np.inf)),
}
RESULTS = """
Evaluation LayerOutput Layout LinearFit Network Prediction Probe Program
Run TrainedLearner TrainedProbe
"""
RECORDS = """
LayerWeights Leftover PromptLaw Prompts Scales
"""
INTERNAL = """
Layer activated attention draw_prompts layer_error matmul no_leftover normalise
operands product_terms pull_back require_instructions require_product_scale
require_readable require_scales state_after token_rows written
"""
EXCLUDED = {
    **dict.fromkeys(RESULTS.split(), "a record of results"),
    **dict.fromkeys(RECORDS.split(), "a plain record, which JAX rebuilds with tracers"),
    **dict.fromkeys(INTERNAL.split(), "shared by guarded functions"),
    "Rule": "made by ols, ridge, gradient_step, sgd and nearest_neighbours; judged by the "
    "functions that take it",
    "ols": "takes no argument",
}

(
    test_simulators_are_guarded,
    test_simulators_refuse_in_one_sentence,
    test_simulators_answer_what_is_admissible,
    _,
) = promises(
    [
        baselines,
        compiler,
        error_bound,
        network,
        probes,
        programs,
        prompts,
        training,
    ],
    SIMULATORS,
    EXCLUDED,
    examples=2,
)


EYE = np.eye(2)
EMPTY = np.zeros((1, 0))
EYE1 = np.eye(1)
COPY = programs.mov(0, 1, (0, 1))
DIVIDED = programs.div((0, 1), 1, (2, 3))
SHOWN = np.random.default_rng(1).normal(size=(60, 4, 2))
SAID = SHOWN.sum(axis=2)


def compared(rules=RULES, **changes):
    return baselines.predict_all(PROMPTS._replace(**changes), rules)


def layer_of(**changes):
    return network.decoder_layer(LAYER._replace(**changes), HIDDEN)


def scaled(**changes):
    return error_bound.prompt_error(INSTRUCTIONS, STATE, (1, 1), SCALES._replace(**changes))


def compiled(instruction, **options):
    return compiler.compile_program([instruction], **{"registers": 3, "positions": 2} | options)


def raw(star="+", read_rows=(0,), write_rows=(0,), out_matrix=EYE1, **options):
    return programs.Raw(
        star,
        read_rows,
        (),
        write_rows,
        EYE1,
        EMPTY,
        out_matrix,
        np.zeros(len(out_matrix)),
        **options,
    )


def asked(predict=lambda X, Y, queries: np.zeros(len(X)), inputs=SHOWN, labels=SAID, **options):
    return tool.which_algorithm(predict, inputs, labels, **options)


def single(call):
    with jax.enable_x64(False):
        call()


REFUSED = [
    (
        lambda: regression.ridge_risk(1.0, np.ones(3), 2),
        "eigenvalues must have at most dimension = 2 above 0, got 3",
    ),
    (lambda: risk_laws.best_step(2, 2, 0.0, 0.0), "weight_std and noise_std must not both be 0"),
    (
        lambda: risk_laws.expected_spectral_sum(np.ones_like, 300, 300),
        "at most 1000 for the density, got d = 300",
    ),
    (
        lambda: risk_laws.expected_spectral_sum(lambda s: s * np.nan, 2, 3),
        "function must be finite",
    ),
    (lambda: risk_laws.spectral_density(np.array([1.0]), 1, 938), "must be at most 1000"),  # 1000.3
    (
        lambda: compared(labels=LABELS[:, :2]),
        r"prompts must have inputs \[count, examples, dimension\]",
    ),
    (lambda: compared(weights=WEIGHTS[:1]), r"prompts\.weights must have shape \(2, 2\)"),
    (
        lambda: compared(inputs=INPUTS * 1e200),
        r"prompts\.inputs must be zero or of sizes from 1e-100 to 1e\+100",
    ),
    (
        lambda: compared(inputs=INPUTS * 1e-200),
        r"prompts\.inputs must be zero or of sizes from 1e-100 to 1e\+100",
    ),
    (lambda: compared([]), "rules must hold at least one rule"),
    (lambda: compared([baselines.Rule("ridge", -0.5)]), "rules must"),
    (lambda: compared([baselines.Rule("sgd", np.nan)]), "rules must"),
    (lambda: compared([baselines.Rule("sgd", "x")]), "rules must"),
    (lambda: compared([baselines.Rule("nearest_neighbours", 0)]), "rules must"),
    (lambda: compared([baselines.Rule("kernel", 1.0)]), "rules must"),
    (lambda: compared([1.0]), "rules must"),
    (
        lambda: baselines.weights_all(PROMPTS, RULES),
        "rules must be linear in the query to have weights, got Rule",
    ),
    (lambda: single(compared), "textbook learners needs float64"),
    (
        lambda: baselines.implicit_fit(ASKED["predict"], PROMPTS, 1, EYE[:1]),
        "at least as many as the 2 dimensions, got 1",
    ),
    (
        lambda: baselines.implicit_fit(ASKED["predict"], PROMPTS, 4, EYE),
        "prefix must be at most the 3 examples, got 4",
    ),
    (lambda: layer_of(keys=LAYER.keys[:, :, :-1]), r"weights\.keys must have shape"),
    (lambda: layer_of(gate=LAYER.gate[:-1]), r"weights\.gate must have shape"),
    (
        lambda: layer_of(inner=LAYER.inner.tolist()),
        r"weights\.inner must be an array of real numbers",
    ),
    (lambda: scaled(product="x"), r"scales\.product must be a real number"),
    (lambda: scaled(sharpness=-1.0), "sharpness must be positive and finite"),
    (
        lambda: network.gelu_product(np.ones(1), np.ones(1), 1e-9),
        "must be finite and at least 1.5e-08",
    ),
    (
        lambda: network.gelu_product(np.ones(1, "f4"), np.ones(1, "f4"), 1e-4),
        "at least 3.5e-04 in float32",
    ),
    (lambda: programs.mov(0, 1, (0, 2), (3, 4)), "target_rows must hold 2 rows, got 1"),
    (lambda: programs.mul(2, 2, 1, (0, 4), (4, 5), (5, 7)), "second must hold 2 rows, got 1"),
    (lambda: programs.mul(2, 2, 1, (0, 3), (4, 6), (6, 8)), "first must hold 4 rows, got 3"),
    (lambda: programs.mul(2, 2, 1, (0, 4), (4, 6), (6, 7)), "target must hold 2 rows, got 1"),
    (lambda: raw(write_rows=(0, 0), out_matrix=np.ones((2, 1))), "write_rows must not repeat"),
    (lambda: raw("*", only_at=0), "only_at must be None"),
    (lambda: raw(reads={1: ()}), "reads must map position 1"),
    (lambda: raw(read_rows=(0, 1)), "read_matrix must have 2 columns as read_rows, got 1"),
    (
        lambda: compiled(COPY, scales=SCALES, positions=1),
        "every position of an instruction must be in 0..0, got 1",
    ),
    (
        lambda: compiled(DIVIDED, scales=SCALES, registers=2),
        "every row of an instruction must be in 0..1, got 2",
    ),
    (
        lambda: compiled(COPY, scales=SCALES._replace(product=1e-9)),
        "product scale must be finite and at least",
    ),
    (
        lambda: compiled(COPY, scales=SCALES._replace(bypass=0.0)),
        "scales.bypass must be positive and finite",
    ),
    (
        lambda: compiled(COPY, scales=SCALES._replace(bypass=np.ones(2))),
        "scales.bypass must be a real number",
    ),
    (lambda: single(lambda: compiled(COPY, scales=SCALES)), "the compiled program needs float64"),
    (
        lambda: network.embed(NETWORK, np.zeros((4, 2))),
        r"at most 3 rows and 2 columns, got shape \(4, 2\)",
    ),
    (
        lambda: network.run(NETWORK, HIDDEN.astype(np.float32)),
        "hidden must be float64 like the weights, got float32",
    ),
    (
        lambda: programs.gradient_step_program(2, 0.1, 0.1, np.zeros(3)),
        "start_weights must hold 2 numbers",
    ),
    (
        lambda: network.predict(COMPILED, INPUTS[:, :2, :1], LABELS[:, :2], WEIGHTS[:, :1]),
        "at most .* got shape",
    ),
    (
        lambda: training.train(KEY, dataclasses.replace(SETTINGS, heads=3), progress=False),
        "width must be a multiple of the 3 heads, got 4",
    ),
    (lambda: probes.moment_targets(PROMPTS, 4), "prefix must be at most the 3 examples, got 4"),
    (lambda: probes.ols_targets(PROMPTS, 4), "prefix must be at most the 3 examples, got 4"),
    (lambda: asked(inputs=SHOWN[0]), r"inputs must have the shape \[prompts, n, d\], got \(4, 2\)"),
    (lambda: asked(labels=SAID[0]), r"labels must have the shape \[prompts, n\], got \(4,\)"),
    (lambda: asked(labels=[*SAID.tolist()[:1], ["a"] * 4]), "labels must hold numbers only"),
    (lambda: asked(inputs=[[[1.0], [1.0, 2.0]]]), "inputs must be an array"),
    (
        lambda: asked(labels=SAID[:, :3]),
        r"labels must have the shape \(60, 4\) of the inputs, got \(60, 3\)",
    ),
    (
        lambda: asked(labels=np.where(SAID[3, 2] == SAID, np.nan, SAID)),
        r"labels must be finite, got nan at \(3, 2\)",
    ),
    (lambda: asked(inputs=SHOWN[:39], labels=SAID[:39]), "at least 40 prompts, got 39"),
    (lambda: asked(inputs=SHOWN[:, :1], labels=SAID[:, :1]), "at least 2 examples"),
    (lambda: asked(inputs=0 * SHOWN), "inputs must not all be zero"),
    (lambda: asked(labels=0 * SAID), "labels must not all be zero"),
    (lambda: asked(prefixes=[0, 1]), "different numbers from 1 to 3"),
    (lambda: asked(prefixes=[4]), "different numbers from 1 to 3"),
    (lambda: asked(prefixes=[2, 2]), "different numbers from 1 to 3"),
    (lambda: asked(prefixes=[]), "different numbers from 1 to 3"),
    (lambda: asked(prefixes=[1.5]), "prefixes must be whole numbers, got"),
    (lambda: asked(scale=1), "scale must not be 1, got 1"),
    (lambda: asked(lambda *_: np.zeros((60, 2))), r"got the shape \(60, 2\) after 1 example"),
    (lambda: asked(lambda *_: np.full(60, 1j)), "must return real numbers, got complex numbers"),
    (lambda: asked(lambda *_: ["a"] * 60), "must return real numbers, got strings after 1 example"),
    (lambda: asked(lambda *_: np.full(60, 1e200)), "below 1e[+]150, got 1e[+]200 .* diverges"),
    (
        lambda: asked(lambda *_: np.full(60, np.inf)),
        "finite numbers below 1e[+]150, got inf after 1 ex",
    ),
]


test_what_does_not_go_together_gets_one_sentence = refused(REFUSED)
