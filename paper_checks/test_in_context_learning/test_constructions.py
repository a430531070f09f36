"""Theorems 1 and 2 as explicit transformers, what repeating them gives, and how large and how exact
they are.
"""

import warnings
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np

from paper_checks.test_in_context_learning import UNIT, PromptCount, draw_prompts
from sims.in_context_learning import baselines, compiler, error_bound, network, programs
from sims.in_context_learning.prompts import Prompts
from theory.in_context_learning import constructions, regression
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

STEP = 0.02
REGULARISER = 0.3
_DENSE = "the weights of all layers are dense"
Dimension = Annotated[int, Interval(1, 16, why=_DENSE)]
"""d, where a layer has some d registers."""
Inverse = Annotated[int, Interval(1, 8, why=_DENSE)]
"""d, where a layer has some d^2 registers."""
SeveralExamples = Annotated[int, Interval(2, 12, why=_DENSE)]
Prompted = Annotated[
    int, Interval(16, 1000, why="fewer prompts may miss an error, and each is run")
]


def compiled(program, balanced=True, **scales):
    """The transformer of a program, with balanced pads and the default scales unless others are
    named.
    """
    sizes = {"registers": program.register_rows, "positions": program.positions}
    return compiler.compile_program(
        program.instructions, **sizes, scales=network.Scales(**scales), balanced=balanced
    )


def answers(program, prompts, layer_norm="ideal", **scales):
    """What the compiled program answers to each prompt, and whether something was clipped on the
    way.
    """
    prediction = network.predict(compiled(program, **scales), *prompts, layer_norm=layer_norm)
    return np.asarray(prediction.value), np.asarray(prediction.overflow)


def on_each(rule, prompts):
    """The answers of `rule(X, Y)`, a function that returns weights, to all prompts."""
    return np.array(
        [rule(inputs, labels) @ query for inputs, labels, query in zip(*prompts, strict=True)]
    )


def rounding_of(prompts):
    """Rounding of the closed forms: a few sums of d products, k deep, of numbers no larger than
    these prompts make.
    """
    inputs, labels, query = prompts
    size = (
        np.abs(inputs).sum(axis=(1, 2))
        * (1 + np.abs(labels).max(axis=1))
        * np.abs(query).sum(axis=1)
    )
    return 64 * UNIT * size * (1 + 1 / REGULARISER)


def size_of(prompts):
    """One and the sum of squares of all numbers of a prompt: the errors of GeLU's products grow as
    a power of it.
    """
    return 1 + sum((numbers**2).reshape(len(numbers), -1).sum(axis=1) for numbers in prompts)


def sgd_answers(prompts, start=None, step=STEP):
    """The answers after steps of SGD, in closed form."""
    return on_each(lambda X, Y: regression.sgd_weights(X, Y, step, REGULARISER, start), prompts)


def ridge_answers(prompts, regulariser=REGULARISER):
    """The answers of ridge regression, in closed form."""
    return on_each(lambda X, Y: regression.ridge_weights(X, Y, regulariser), prompts)


def _begun(trial, dimension, count, examples=1):
    """The weights that a step starts from, and prompts."""
    start = trial.generator("weights").standard_normal(dimension)
    return start, draw_prompts(trial.generator("prompts"), count, examples, dimension)


@claim(
    paper("Theorem 1 and equation 11"),
    kind="identity",
    cases=[1, 2, 4, 8],
    as_published=paper(
        "Appendix A, the chain of Theorem 1",
        says="w' = w - 2 α (x_1 (w.x_1 - y_1) - λ w) is the step of equation 11",
    ),
)
def test_thm1__gd__step(trial, dimension: Dimension, count: Prompted = 64):
    """Nine decoder layers take one SGD step on the ridge loss of the example (x_1, y_1): w' = w - 2
    α (x_1 (w.x_1 - y_1) + λ w).
    """
    start, prompts = _begun(trial, dimension, count)
    program = programs.gradient_step_program(dimension, STEP, REGULARISER, start)
    chain = programs.gradient_step_program(dimension, STEP, REGULARISER, start, printed_sign=True)
    law = sgd_answers(prompts, start)
    trial.value(
        answers(program, prompts)[0],
        law,
        error=rounding_of(prompts),
        margin=4e-10 * (size_of(prompts) + start @ start),
        controls={"α for 2 α": sgd_answers(prompts, start, STEP / 2)},
        control_processes={"the chain with -λ": answers(chain, prompts)[0]},
        as_published=law + 4 * STEP * REGULARISER * prompts[2] @ start,
    )


def _without_one(program):
    """Theorem 2's program with an eighth layer that adds nothing to the denominator."""
    eighth = replace(program.instructions[7], bias=np.zeros(1))
    return program._replace(
        instructions=(*program.instructions[:7], eighth, *program.instructions[8:])
    )


def _forgetful(program):
    """A stack of steps that never moves its weights on."""
    row = program.answer[0] - program.dimension
    left = tuple(replace(i, reads={}) if row in i.write_rows else i for i in program.instructions)
    return program._replace(instructions=left)


@claim(paper("Theorem 2 and equations 13-14"), kind="identity", cases=[1, 2, 4, 8])
def test_thm2__sherman__morrison(trial, dimension: Inverse, count: Prompted = 64):
    """Fourteen decoder layers do one Sherman-Morrison update: for the example (x_1, y_1) the answer
    at x_2 is x_1.x_2 y_1 / (λ + |x_1|^2).
    """
    _, prompts = _begun(trial, dimension, count)
    program = programs.ridge_update_program(dimension, REGULARISER)

    def closed(regulariser):
        return on_each(
            lambda X, Y: regression.one_sample_ridge(X[0], float(Y[0]), regulariser), prompts
        )

    law = closed(REGULARISER)
    trial.value(
        answers(program, prompts)[0],
        law,
        error=rounding_of(prompts),
        margin=6e-10 * size_of(prompts) ** 1.5,
        controls={
            "A_1^-1 without the 1 + in the denominator": np.zeros_like(law),
            "2 λ": closed(2 * REGULARISER),
        },
        control_processes={"layer 8 adds nothing": answers(_without_one(program), prompts)[0]},
    )


@claim(
    derived("by induction over Theorem 1's chain"), kind="identity", cases=[(4, 2), (4, 4), (4, 8)]
)
def test_sgd__stack(trial, dimension: Dimension, examples: SeveralExamples, count: Prompted = 16):
    """If the layers of Theorem 1 are stacked, 8n layers make one pass of SGD over n examples, in
    the registers of a single step.
    """
    _, prompts = _begun(trial, dimension, count, examples)
    program = programs.sgd_program(dimension, examples, STEP, REGULARISER)
    restart = sgd_answers((prompts[0][:, -1:], prompts[1][:, -1:], prompts[2]))
    trial.value(
        answers(program, prompts)[0],
        sgd_answers(prompts),
        error=rounding_of(prompts),
        margin=4e-10 * size_of(prompts),
        controls={"each step starts at zero": restart},
        control_processes={"w' is not moved on": answers(_forgetful(program), prompts)[0]},
    )


@claim(
    derived("by the Sherman-Morrison formula, one example at a time"),
    kind="identity",
    cases=[(4, 2), (4, 8)],
    as_published=paper(
        "after Theorem 2",
        says="Theorem 2's chain, which ends in A_n^-1 x_n y_n, repeated for every example, is "
        "ridge regression",
    ),
)
def test_ridge__stack(trial, dimension: Inverse, examples: SeveralExamples, count: Prompted = 16):
    """If the updates of Theorem 2 carry A^-1 and sum x_i y_i along, 11n + 3 layers compute ridge
    regression on n examples.
    """
    _, prompts = _begun(trial, dimension, count, examples)
    program = programs.recursive_ridge_program(dimension, examples, REGULARISER)
    last = on_each(
        lambda X, Y: np.linalg.solve(X.T @ X + REGULARISER * np.eye(dimension), X[-1] * Y[-1]),
        prompts,
    )
    trial.value(
        answers(program, prompts)[0],
        ridge_answers(prompts),
        error=rounding_of(prompts),
        margin=6e-10 * size_of(prompts) ** 1.5,
        controls={"twice λ": ridge_answers(prompts, 2 * REGULARISER)},
        as_published=last,
    )


@claim(
    derived("by adding up the errors of all layers (on paper, Lemma 1 is as precise as desired)"),
    kind="bound",
    cases=[
        ("gradient step", 4, 1, "ideal"),
        ("gradient step", 4, 1, "realised"),
        ("ridge", 3, 3, "ideal"),
        ("ridge", 3, 3, "realised"),
    ],
    not_tight="worst case over the roundings of every operation: best known ratio .04",
    route="`sims.in_context_learning.network.predict` below "
    "`sims.in_context_learning.error_bound.prompt_error`, a bound",
)
def test_finite__precision(
    trial,
    program: Literal["gradient step", "ridge"],
    dimension: Annotated[int, Interval(1, 6, why=_DENSE)],
    examples: Annotated[int, Interval(1, 8, why=_DENSE)],
    layer_norm: Literal["ideal", "realised"],
    count: Prompted = 16,
):
    """If no unit is clipped, the compiled transformers in float64 err by at most the bound that
    follows from their scales, also with a realised layer norm if the pads are balanced.
    """
    trial.require(program == "ridge" or examples == 1, "examples must be 1 for a gradient step")
    start, prompts = _begun(trial, dimension, count, examples)
    if program == "ridge":
        built = programs.recursive_ridge_program(dimension, examples, REGULARISER)
        law = ridge_answers(prompts)
    else:
        built = programs.gradient_step_program(dimension, STEP, REGULARISER, start)
        law = sgd_answers(prompts, start)
    value, overflow = answers(built, prompts, layer_norm)
    trial.require(not np.any(overflow), "prompts must leave everything below the bypass of 1000")
    state = np.zeros((count, built.register_rows, built.positions))
    tokens = np.asarray(programs.prompt_state(*prompts))
    state[:, : tokens.shape[1]] = tokens
    with np.errstate(over="ignore", invalid="ignore"):
        limit = error_bound.prompt_error(
            built.instructions, state, built.answer, network.Scales(), layer_norm=layer_norm
        )
    controls = {"controls": {"no error": np.zeros(count)}}
    if layer_norm == "realised":
        paper_values = network.predict(
            compiled(built, balanced=False), *prompts, layer_norm="realised"
        ).value
        controls["control_processes"] = {
            "the paper's pads at the same N": np.abs(np.asarray(paper_values) - law)
        }
    options = {"instances": "draws", "independent": count, "ops": 1}
    trial.bound(np.abs(value - law), limit + rounding_of(prompts), **options, **controls)


_PROGRAMS = {
    "gradient step": (
        lambda d, n: programs.gradient_step_program(d, STEP, REGULARISER, np.ones(d)),
        lambda d, n: constructions.theorem_one_counts(d),
    ),
    "update": (
        lambda d, n: programs.ridge_update_program(d, REGULARISER),
        lambda d, n: constructions.theorem_two_counts(d),
    ),
    "SGD": (
        lambda d, n: programs.sgd_program(d, n, STEP, REGULARISER),
        constructions.sgd_stack_counts,
    ),
    "ridge": (
        lambda d, n: programs.recursive_ridge_program(d, n, REGULARISER),
        constructions.ridge_stack_counts,
    ),
}
"""What builds each program, and what counts its layers, registers and rows."""


@claim(
    paper("Theorems 1 and 2, whose sizes are counted here in each chain"),
    kind="identity",
    cases=[(kind, d, 1) for kind in ("gradient step", "update") for d in (1, 2, 4, 8)]
    + [("SGD", 4, 8), ("ridge", 2, 1), ("ridge", 2, 8)],
)
def test_counts(
    trial,
    program: Literal["gradient step", "update", "SGD", "ridge"],
    dimension: Inverse,
    examples: Annotated[int, Interval(1, 12, why=_DENSE)],
):
    """The number of layers does not grow with the dimension d. One SGD step needs 4d + 3 registers,
    one Sherman-Morrison update 3d^2 + 5d + 3.
    """
    trial.require(
        program in ("SGD", "ridge") or examples == 1,
        "examples must be 1 for a single step or update",
    )
    build, formula = _PROGRAMS[program]
    built = build(dimension, examples)

    def law(d):
        return np.array(formula(d, examples))

    counts = law(dimension)
    controls = {"a layer and a register to read the answer": law(dimension) + 1}
    if dimension > 1:
        controls["a layer more for each dimension"] = counts + np.array([dimension - 1, 0, 0])
    if dimension > 2 and program in ("update", "ridge"):
        controls["O(d) registers"] = law(1) + (dimension - 1) * (law(2) - law(1))
    sizes = np.array([built.layers, built.register_rows, compiled(built).layout.rows])
    trial.identity(sizes, counts, ops=0, controls=controls)


@claim(
    derived("by equation 13, once for each example"),
    kind="identity",
    cases=[1.0, 0.1, 1e-2, 1e-3, 1e-5],
)
def test_sm__recursion(
    trial,
    regulariser: Annotated[float, Interval(1e-5, 10.0, why="rounding grows as its reciprocal")],
    examples: Annotated[int, Interval(2, 100, why="the control has one less, each costs")] = 30,
    dimension: Annotated[int, Interval(1, 20)] = 8,
    count: PromptCount = 4,
):
    """One rank-one update of the inverse for each example gives ridge regression on all of them; in
    floating point it loses about ε |X|^2 / λ, ε being the unit of rounding.
    """
    X, Y, _ = draw_prompts(trial.generator("prompts"), count, examples + 1, dimension)
    estimates = np.asarray(
        baselines.weights_all(Prompts(X, Y, X[:, 0]), [baselines.ridge(regulariser)])
    )[0]
    pairs = list(zip(X[:, :-1], Y[:, :-1], strict=True))

    def without_plus(inputs, labels):
        inverse = np.eye(dimension) / regulariser
        for x in inputs:
            u = inverse @ x
            inverse = inverse - np.outer(u, u) / (1 - x @ u)
        return inverse @ (inputs.T @ labels)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that lambda is small
        law = np.array([regression.recursive_ridge_weights(*pair, regulariser) for pair in pairs])
    scale = np.sum(X[:, :-1] ** 2, axis=(1, 2))[:, None] / regulariser * np.abs(law).max()
    controls = {
        "controls": {"1 - v.A^-1 u": np.array([without_plus(*pair) for pair in pairs])},
        "control_processes": {"one example less": estimates[:, examples - 1]},
    }
    trial.identity(estimates[:, examples], law, ops=4 * dimension, scale=scale, **controls)
