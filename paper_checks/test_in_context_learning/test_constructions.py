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
from theory_on_trial import claim, derived, paper, published, tried
from theory_on_trial.contract import Interval

STEP = 0.02
"""α of every descent here."""
REGULARISER = 0.3
"""λ of every loss here, unless another is named."""
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
    """The transformer of a program, with balanced pads or the paper's, and with the default scales
    unless others are named.
    """
    sizes = {"registers": program.register_rows, "positions": program.positions}
    return compiler.compile_program(
        program.instructions, **sizes, scales=network.Scales(**scales), balanced=balanced
    )


def answers(program, prompts, layer_norm="ideal", **scales):
    """What the compiled program answers to each prompt (count,), and whether something was clipped
    on the way (count,). `prompts` are inputs, labels and queries, as of `draw_prompts`.
    """
    prediction = network.predict(compiled(program, **scales), *prompts, layer_norm=layer_norm)
    return np.asarray(prediction.value), np.asarray(prediction.overflow)


def on_each(rule, prompts):
    """The answers (count,) to all prompts of `rule(X, Y)`, a function that returns weights."""
    return np.array(
        [rule(inputs, labels) @ query for inputs, labels, query in zip(*prompts, strict=True)]
    )


def rounding_of(prompts):
    """Rounding of the closed forms (count,): a few sums of d products, k deep, of numbers no larger
    than these prompts make.
    """
    inputs, labels, query = prompts
    size = (
        np.abs(inputs).sum(axis=(1, 2))
        * (1 + np.abs(labels).max(axis=1))
        * np.abs(query).sum(axis=1)
    )
    return 64 * UNIT * size * (1 + 1 / REGULARISER)


def size_of(prompts):
    """One and the sum of squares of all numbers of a prompt (count,): the errors of GeLU's products
    grow as a power of it. Margins are this power times some 1e-10, which is what their scale of
    1e-6 leaves.
    """
    return 1 + sum((numbers**2).reshape(len(numbers), -1).sum(axis=1) for numbers in prompts)


def sgd_answers(prompts, start=None, step=STEP):
    """The answers after steps of SGD, in closed form."""
    return on_each(lambda X, Y: regression.sgd_weights(X, Y, step, REGULARISER, start), prompts)


def ridge_answers(prompts, regulariser=REGULARISER):
    """The answers of ridge regression, in closed form."""
    return on_each(lambda X, Y: regression.ridge_weights(X, Y, regulariser), prompts)


def _start_and_prompts(trial, dimension, count, examples=1):
    """The weights that a step starts from (dimension,), and prompts as of `draw_prompts`."""
    start = trial.generator("weights").standard_normal(dimension)
    return start, draw_prompts(trial.generator("prompts"), count, examples, dimension)


@claim(
    paper("Theorem 1, equation 11 and the chain of Appendix A"),
    kind="identity",
    cases=[1, 2, 4, 8],
    as_published=published(
        place=paper("Appendix A, the sixth line of the chain of operators"),
        quoted="aff(; $(3+d, 3+2d)$, $(3+2d, 3+3d)$, $(3+3d, 3+4d)$, $W_1 = I$, $W_2 = -λ$) "
        "$(x(w⊤x - y) - λw)$",
        within="the step that it writes out is equation 11, which adds $λw$",
        reach="slip",
        effect="nothing: with $W_2 = λ$ the chain takes the step, and Theorem 1 stands",
        ran="its lines, rewritten",
    ),
)
def test_thm1__gd__step(trial, dimension: Dimension, count: Prompted = 64):
    """Nine decoder layers take one SGD step on the ridge loss of the example $(x_1, y_1)$: they
    answer $x_2 · w'$ at the query $x_2$, with $w' = w - 2 α (x_1 (w.x_1 - y_1) + λ w)$.

    Equation 11, section 4.3 and the sentence of Appendix A on several steps add λ w. One line of
    the chain there takes it off, and so does its repetition line by line, as 2 λ w.
    """
    start, prompts = _start_and_prompts(trial, dimension, count)
    _, _, queries = prompts
    program = programs.gradient_step_program(dimension, STEP, REGULARISER, start)
    printed = programs.gradient_step_program(dimension, STEP, REGULARISER, start, printed_sign=True)
    law = sgd_answers(prompts, start)
    trial.value(
        answers(program, prompts)[0],
        law,
        error=rounding_of(prompts),
        margin=4e-10 * (size_of(prompts) + start @ start),
        controls={"$α$ for $2 α$": sgd_answers(prompts, start, STEP / 2)},
        control_processes={"the chain with $-λ$": answers(printed, prompts)[0]},
        as_published=law + 4 * STEP * REGULARISER * queries @ start,
        generic="the layers and the step are analytic in the prompts",
    )


def _without_one(program):
    """Theorem 2's program with an eighth layer that does not add the 1 to the denominator."""
    instructions = list(program.instructions)
    instructions[7] = replace(instructions[7], bias=np.zeros(1))
    return program._replace(instructions=tuple(instructions))


@claim(
    paper("Theorem 2, equations 13-14 and the chain of Appendix B"),
    kind="identity",
    cases=[1, 2, 4, 8],
)
def test_thm2__sherman__morrison(trial, dimension: Inverse, count: Prompted = 64):
    """Fourteen decoder layers do one Sherman-Morrison update: for the example $(x_1, y_1)$ the
    answer at $x_2$ is $(x_1·x_2) y_1 / (λ + |x_1|^2)$.
    """
    _, prompts = _start_and_prompts(trial, dimension, count)
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
            # The updated inverse then takes x_1 to zero.
            "$A_1^-1$ without the $1 +$ in the denominator": np.zeros_like(law),
            "$2 λ$ for $λ$": closed(2 * REGULARISER),
        },
        control_processes={"layer 8 adds nothing": answers(_without_one(program), prompts)[0]},
        generic="the layers and the update are analytic in the prompts",
    )


def _forgetful(program):
    """A stack of steps that never moves its weights on."""
    # The weights lie above the gradient, where the answer comes to lie.
    first_weight = program.answer[0] - program.dimension
    instructions = tuple(
        # Without its map of positions a `mov` copies each column to itself.
        replace(instruction, reads={}) if first_weight in instruction.write_rows else instruction
        for instruction in program.instructions
    )
    return program._replace(instructions=instructions)


@claim(
    tried(
        "Appendix A, several steps: a total of $O(n)$ layers for a single pass",
        "$8 n$ layers, run from $w = 0$",
    ),
    kind="identity",
    cases=[(4, 2), (4, 4), (4, 8)],
)
def test_sgd__stack(trial, dimension: Dimension, examples: SeveralExamples, count: Prompted = 16):
    """If the layers of Theorem 1 are stacked, $8n$ layers make one pass of SGD over $n$ examples:
    they answer $w.x$ at the query $x$, where $w$ starts at zero and each example takes a step of
    Theorem 1.
    """
    _, prompts = _start_and_prompts(trial, dimension, count, examples)
    program = programs.sgd_program(dimension, examples, STEP, REGULARISER)
    inputs, labels, queries = prompts
    of_last_step = sgd_answers((inputs[:, -1:], labels[:, -1:], queries))
    trial.value(
        answers(program, prompts)[0],
        sgd_answers(prompts),
        error=rounding_of(prompts),
        margin=4e-10 * size_of(prompts),
        controls={"each step starts at zero": of_last_step},
        control_processes={"$w'$ is not moved on": answers(_forgetful(program), prompts)[0]},
        generic="the layers and the steps are analytic in the prompts",
    )


@claim(
    tried(
        "Appendix B: $O(n)$ layers, as the process is repeated for the next example",
        "that $A^-1$ and the sum of $x y$ are carried along, and $11 n + 3$ layers",
    ),
    kind="identity",
    cases=[(4, 2), (4, 8)],
)
def test_ridge__stack(trial, dimension: Inverse, examples: SeveralExamples, count: Prompted = 16):
    """If the updates of Theorem 2 carry along $A^-1$ and $∑_i x_i y_i$, where
    $A = λ I + ∑_i x_i x_i^T$, $11n + 3$ layers compute ridge regression on $n$ examples.
    """
    _, prompts = _start_and_prompts(trial, dimension, count, examples)
    program = programs.recursive_ridge_program(dimension, examples, REGULARISER)
    from_last_example = on_each(
        lambda X, Y: np.linalg.solve(X.T @ X + REGULARISER * np.eye(dimension), X[-1] * Y[-1]),
        prompts,
    )
    trial.value(
        answers(program, prompts)[0],
        ridge_answers(prompts),
        error=rounding_of(prompts),
        margin=6e-10 * size_of(prompts) ** 1.5,
        controls={
            "$2 λ$ for $λ$": ridge_answers(prompts, 2 * REGULARISER),
            "the labels not summed: $A_n^-1 x_n y_n$": from_last_example,
        },
        generic="the layers and ridge regression are analytic in the prompts",
    )


@claim(
    derived("by adding up the errors of all layers"),
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
    """If no unit is clipped, the transformers of Theorem 1 and of ridge regression in float64 err
    by at most a sum over the layers: what each can add by its scales and by rounding, times the
    derivative of the answer in what it writes. This holds for an ideal layer norm (infinite pads),
    and for a realised one if the pads are balanced.
    """
    trial.require(program == "ridge" or examples == 1, "examples must be 1 for a gradient step")
    start, prompts = _start_and_prompts(trial, dimension, count, examples)
    if program == "ridge":
        built = programs.recursive_ridge_program(dimension, examples, REGULARISER)
        law = ridge_answers(prompts)
    else:
        built = programs.gradient_step_program(dimension, STEP, REGULARISER, start)
        law = sgd_answers(prompts, start)
    value, overflow = answers(built, prompts, layer_norm)
    trial.require(not np.any(overflow), "prompts must leave everything below the bypass of 1000")
    # All registers at the start: those below the tokens are zero.
    state = np.zeros((count, built.register_rows, built.positions))
    tokens = np.asarray(programs.prompt_state(*prompts))
    state[:, : tokens.shape[1]] = tokens
    with np.errstate(over="ignore", invalid="ignore"):
        limit = error_bound.prompt_error(
            built.instructions, state, built.answer, network.Scales(), layer_norm=layer_norm
        )
    other_pads = {}
    if layer_norm == "realised":
        with_paper_pads = network.predict(
            compiled(built, balanced=False), *prompts, layer_norm="realised"
        )
        other_pads["the paper's pads at the same $N$"] = np.abs(
            np.asarray(with_paper_pads.value) - law
        )
    trial.bound(
        np.abs(value - law),
        limit + rounding_of(prompts),
        instances="search",
        ops=1,
        controls={"no error": np.zeros(count)},
        control_processes=other_pads,
    )


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
"""Functions of d and n: one builds a program, the other gives its numbers of layers, of registers
and of all rows by theory.
"""


@claim(
    tried(
        "Theorems 1 and 2: constant layers, and $O(d)$ and $O(d²)$ hidden space",
        "the numbers, counted in each chain",
    ),
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
    """In $d$ dimensions one SGD step takes 9 layers, one Sherman-Morrison update 14, a pass of SGD
    over $n$ examples $8n$, and ridge regression on $n$ examples $11n + 3$. Steps and passes of SGD
    need $4d + 3$ registers, updates and ridge regression $3d² + 5d + 3$. Besides them the state has
    a scratch as large as the widest value that a layer reads, a row for each token, two pads and a
    row of ones.
    """
    trial.require(
        program in ("SGD", "ridge") or examples == 1,
        "examples must be 1 for a single step or update",
    )
    build, formula = _PROGRAMS[program]
    built = build(dimension, examples)

    def law(d):
        """The numbers of layers, of registers and of all rows."""
        return np.array(formula(d, examples))

    controls = {"a layer and a register to read the answer": law(dimension) + 1}
    if dimension > 1:
        more_layers = np.array([dimension - 1, 0, 0])
        controls["a layer more for each dimension"] = law(dimension) + more_layers
    if dimension > 2 and program in ("update", "ridge"):
        controls["$O(d)$ registers"] = law(1) + (dimension - 1) * (law(2) - law(1))
    sizes = np.array([built.layers, built.register_rows, compiled(built).layout.rows])
    trial.identity(sizes, law(dimension), ops=0, controls=controls)


@claim(
    tried(
        "section 3.3: an iterative algorithm for the closed-form ridge-regression solution",
        "the bound on its rounding",
    ),
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
    """Start from $A^-1 = I / λ$, and let each example $x$ take $u u^T / (1 + x.u)$ from $A^-1$,
    where $u = A^-1 x$. Then $A^-1 X^T Y$ are the weights of ridge regression on all examples, up to
    a relative rounding of some $ε |X|² / λ$, where $ε$ is the unit of rounding.
    """
    inputs, labels, queries = draw_prompts(
        trial.generator("prompts"), count, examples + 1, dimension
    )
    # Weights after each number of examples, by rotations. The last example is only asked for, and
    # the third entry is not looked at.
    estimates = np.asarray(
        baselines.weights_all(Prompts(inputs, labels, queries), [baselines.ridge(regulariser)])
    )[0]
    pairs = list(zip(inputs[:, :-1], labels[:, :-1], strict=True))

    def with_minus(X, Y):
        inverse = np.eye(dimension) / regulariser
        for x in X:
            u = inverse @ x
            inverse = inverse - np.outer(u, u) / (1 - x @ u)
        return inverse @ (X.T @ Y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that lambda is small
        law = np.array([regression.recursive_ridge_weights(X, Y, regulariser) for X, Y in pairs])
    squared_norms = np.sum(inputs[:, :-1] ** 2, axis=(1, 2))[:, None]
    trial.identity(
        estimates[:, examples],
        law,
        ops=4 * dimension,
        scale=squared_norms / regulariser * np.abs(law).max(),
        controls={"$1 - x.u$ for $1 + x.u$": np.array([with_minus(X, Y) for X, Y in pairs])},
        control_processes={"one example less": estimates[:, examples - 1]},
        generic="both recursions are rational in the prompts",
    )
