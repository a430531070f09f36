"""The paper's two theorems as programs, and what follows from repeating them: SGD and ridge over
all examples.

A prompt of n examples has 2n + 1 positions: x_1, y_1, x_2, ..., y_n and the query. Register 0 holds
y, registers 1 to d hold x, all others start at zero.
"""

import itertools
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

from sims.in_context_learning.domains import ProgramSize, Regulariser
from sims.in_context_learning.layer import LayerNormMode
from sims.in_context_learning.network import Network, embed, run
from sims.in_context_learning.primitives import Rows, aff, div, mov, mul
from sims.in_context_learning.raw import Instruction
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import guarded, require


class Program(NamedTuple):
    """Instructions, the registers and positions they need, the answer's (row, column), the inputs'
    `dimension`.
    """

    instructions: tuple[Instruction, ...]
    dimension: int
    register_rows: int
    positions: int
    answer: tuple[int, int]

    @property
    def layers(self) -> int:
        """Decoder layers of the compiled program: one per instruction."""
        return len(self.instructions)


@guarded(double=False)
def gradient_step_program(
    dimension: ProgramSize,
    step: float,
    regulariser: float,
    start_weights: Float[AnyArray, "dim"],
    *,
    printed_sign: bool = False,
) -> Program:
    """Theorem 1: one SGD step on the ridge loss of one example, applied to the query, in 9 layers
    and 4d + 3 registers.

    The answer is w' · x_2 with w' = w - 2α (x_1 x_1ᵀ w - x_1 y_1 + λ w): α = `step`, λ =
    `regulariser`, w = `start_weights`. `printed_sign` subtracts the λ w in the brackets, as the
    paper's appendix does. Raises ValueError for start weights of another number than `dimension`.
    Source: Akyürek et al. 2023 (arXiv 2211.15661), Theorem 1, equation (11) and Appendix A.
    """
    start = np.asarray(start_weights, float)
    require(
        start.shape == (dimension,),
        f"start_weights must hold {dimension} numbers, got shape {start.shape}",
    )
    r = _GradientRegisters(dimension)
    decay = -regulariser if printed_sign else regulariser
    identity = np.eye(dimension)
    nothing = (0, 0)
    instructions = (
        mov(0, 1, r.x),
        aff(r.x, nothing, r.dot, start[None], np.zeros((1, 0))),
        r.subtract_label(),
        r.multiply_by_input(),
        aff(nothing, nothing, r.weights, np.zeros((dimension, 0)), np.zeros((dimension, 0)), start),
        aff(r.product, r.weights, r.gradient, identity, decay * identity),
        aff(r.weights, r.gradient, r.weights, identity, -2 * step * identity),
        mov(1, 2, r.weights),
        r.apply(r.gradient[0]),
    )
    return Program(instructions, dimension, r.number, 3, (r.gradient[0], 2))


@guarded(double=False)
def sgd_program(
    dimension: ProgramSize, examples: ProgramSize, step: float, regulariser: float
) -> Program:
    """One pass of SGD from w = 0 over n examples, batches of one, applied to the query: 8n layers,
    4d + 3 registers. Each example does w <- w - 2α (x xᵀ w - x y + λ w), with α = `step`, λ =
    `regulariser`. Source: the stack that Akyürek et al. 2023 indicate after Theorem 1; its layers:
    derived here.
    """
    r = _GradientRegisters(dimension)
    identity = np.eye(dimension)
    instructions: list[Instruction] = []
    for example in range(examples):
        input_column = 2 * example
        label_column = 2 * example + 1
        instructions.append(mov(input_column, label_column, r.x))
        if example > 0:
            instructions.append(mov(input_column, label_column, r.weights))
        instructions += [
            r.apply(r.dot[0]),
            r.subtract_label(),
            r.multiply_by_input(),
            aff(r.product, r.weights, r.gradient, identity, regulariser * identity),
            aff(r.weights, r.gradient, r.weights, identity, -2 * step * identity),
            mov(label_column, label_column + 1, r.weights),
        ]
    instructions.append(r.apply(r.gradient[0]))
    return Program(
        tuple(instructions), dimension, r.number, 2 * examples + 1, (r.gradient[0], 2 * examples)
    )


class _GradientRegisters:
    """Where a gradient step keeps its numbers, and the instructions that all its forms share."""

    def __init__(self, dimension: int):
        self.dimension = dimension
        self.y, self.x, self.dot, self.residual, self.product, self.weights, self.gradient = (
            _consecutive(1, dimension, 1, 1, dimension, dimension, dimension)
        )
        self.number = self.gradient[1]

    def subtract_label(self) -> Instruction:
        return aff(self.dot, self.y, self.residual, np.eye(1), -np.eye(1))

    def multiply_by_input(self) -> Instruction:
        return mul(self.dimension, 1, 1, self.x, self.residual, self.product)

    def apply(self, row: int) -> Instruction:
        return mul(1, self.dimension, 1, self.weights, self.x, (row, row + 1))


@guarded(double=False)
def ridge_update_program(dimension: ProgramSize, regulariser: Regulariser) -> Program:
    """Theorem 2: ridge regression on one example by one Sherman-Morrison update: 14 layers, 3d² +
    5d + 3 registers.

    The answer is w' · x_2 with w' = (λ I + x_1 x_1ᵀ)⁻¹ x_1 y_1, λ = `regulariser`. Layer 2 computes
    x_1 y_1, which is never used: it is in the paper's chain.
    Source: Akyürek et al. 2023, Theorem 2, equations (13) and (14) and Appendix B.
    """
    d = dimension
    square = dimension**2
    y, x, xy, inverse, left, right, outer, denominator, quotient, weights, answer = _consecutive(
        1, d, d, square, d, d, square, 1, square, d, 1
    )
    nothing = (0, 0)
    instructions = (
        mov(0, 1, x),
        mul(d, 1, 1, x, y, xy),
        _constant(inverse, np.eye(d).ravel() / regulariser),
        mul(d, d, 1, inverse, x, left),
        mul(1, d, d, x, inverse, right),
        mul(d, 1, d, left, right, outer),
        mul(1, d, 1, x, left, denominator),
        aff(denominator, nothing, denominator, np.eye(1), np.zeros((1, 0)), np.ones(1)),
        div(outer, denominator[0], quotient),
        aff(inverse, quotient, inverse, np.eye(square), -np.eye(square)),
        mul(d, d, 1, inverse, x, weights),
        mul(d, 1, 1, weights, y, weights),
        mov(1, 2, weights),
        mul(1, d, 1, weights, x, answer),
    )
    return Program(instructions, dimension, answer[1], 3, (answer[0], 2))


@guarded(double=False)
def recursive_ridge_program(
    dimension: ProgramSize, examples: ProgramSize, regulariser: Regulariser
) -> Program:
    """Ridge regression on n examples, one Sherman-Morrison update each: 11n + 3 layers, 3d² + 5d +
    3 registers. The answer is x · (XᵀX + λ I)⁻¹ XᵀY at the query x, λ = `regulariser`. Source:
    Akyürek et al. 2023 state one update (Theorem 2); the recursion, which must carry A⁻¹ and Σ x y
    on: derived here.
    """
    d = dimension
    square = dimension**2
    y, x, inverse, moment, direction, outer, denominator, quotient, xy, weights, answer = (
        _consecutive(1, d, square, d, d, square, 1, square, d, d, 1)
    )
    nothing = (0, 0)
    instructions: list[Instruction] = [_constant(inverse, np.eye(d).ravel() / regulariser)]
    for example in range(examples):
        input_column = 2 * example
        label_column = 2 * example + 1
        instructions += [
            mov(input_column, label_column, x if example == 0 else (x[0], moment[1])),
            mul(d, d, 1, inverse, x, direction),
            mul(d, 1, d, direction, direction, outer),
            mul(1, d, 1, x, direction, denominator),
            aff(denominator, nothing, denominator, np.eye(1), np.zeros((1, 0)), np.ones(1)),
            _constant(quotient, np.zeros(square)),
            div(outer, denominator[0], quotient),
            aff(inverse, quotient, inverse, np.eye(square), -np.eye(square)),
            mul(d, 1, 1, x, y, xy),
            aff(moment, xy, moment, np.eye(d), np.eye(d)),
            mov(label_column, label_column + 1, (inverse[0], moment[1])),
        ]
    instructions += [mul(d, d, 1, inverse, moment, weights), mul(1, d, 1, weights, x, answer)]
    return Program(
        tuple(instructions), dimension, answer[1], 2 * examples + 1, (answer[0], 2 * examples)
    )


def _constant(rows: Rows, values: Float[np.ndarray, " rows"]) -> Instruction:
    nothing = np.zeros((len(values), 0))
    return aff((0, 0), (0, 0), rows, nothing, nothing, values)


def _consecutive(*sizes: int) -> list[Rows]:
    """Ranges of rows of these sizes, one after the other."""
    ends = [0, *np.cumsum(sizes).tolist()]
    return list(itertools.pairwise(ends))


@guarded(double=False)
@jax.jit
def prompt_state(
    inputs: Float[AnyArray, "*prompts examples dim"],
    labels: Float[AnyArray, "*prompts examples"],
    query: Float[AnyArray, "*prompts dim"],
) -> Float[Array, "*prompts rows positions"]:
    """The tokens of a prompt as columns, [0, x_1], [y_1, 0], ..., [0, query]. Source: section 3 of
    Akyürek et al.
    """
    questions = jnp.concatenate([jnp.asarray(inputs), jnp.asarray(query)[..., None, :]], axis=-2)
    answers = jnp.pad(jnp.asarray(labels), [(0, 0)] * (labels.ndim - 1) + [(0, 1)])
    in_tokens = jnp.pad(questions, [(0, 0)] * (questions.ndim - 1) + [(1, 0)])
    out_tokens = jnp.pad(answers[..., None], [(0, 0)] * answers.ndim + [(0, questions.shape[-1])])
    pairs = jnp.stack([in_tokens, out_tokens], axis=-2)
    columns = pairs.reshape(*questions.shape[:-2], -1, questions.shape[-1] + 1)
    return jnp.swapaxes(columns[..., :-1, :], -1, -2)


class Prediction(NamedTuple):
    """What the network answers to every prompt, and whether something was clipped on the way (see
    `Run`).
    """

    value: Float[Array, "prompts"]
    overflow: Bool[Array, "prompts"]


@guarded(double=False)
@partial(jax.jit, static_argnames="layer_norm")
def predict(
    network: Network,
    inputs: Float[AnyArray, "prompts examples dim"],
    labels: Float[AnyArray, "prompts examples"],
    query: Float[AnyArray, "prompts dim"],
    *,
    layer_norm: LayerNormMode = "ideal",
) -> Prediction:
    """The answers of a compiled program: what its last instruction has written at the query.
    Infinite or NaN only where something was clipped. Raises ValueError for prompts of another
    length than compiled for, and as `run`.
    """
    layout = network.layout
    shape = (query.shape[1] + 1, 2 * inputs.shape[1] + 1)
    require(
        shape[0] <= layout.registers and shape[1] == layout.positions,
        f"inputs and query must make tokens of at most {layout.registers} rows and "
        f"{layout.positions} columns, "
        f"got shape {shape}",
    )
    answer_row = network.layout.output_rows[0]

    def answer(tokens):
        end = run(network, embed(network, tokens), layer_norm=layer_norm)
        return end.hidden[answer_row, -1], end.overflow

    return Prediction(*jax.vmap(answer)(prompt_state(inputs, labels, query)))
