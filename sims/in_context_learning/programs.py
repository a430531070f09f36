"""Programs for the transformer as data: the paper's RAW operator and division, its four primitives
made of these, and its two theorems made of the primitives.

A state is a matrix with a row per register and a column per position. An instruction rewrites some
rows of every column; `reference` is its exact effect, and the compiler turns it into a decoder
layer. The primitives copy between positions, multiply, divide and map affinely. Rows are half-open
ranges (i, j) as in the paper, whose section on the primitives and Lemma 1 define all four (Akyürek
et al. 2023, arXiv 2211.15661). A prompt of n examples has 2n + 1 positions: x_1, y_1, x_2, ..., y_n
and the query. Register 0 holds y, registers 1 to d hold x, all others start at zero.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.in_context_learning.domains import ProgramSize, Regulariser
from sims.in_context_learning.prompts import token_rows
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Interval, Natural, guarded, require

State = Float[np.ndarray, "*batch registers positions"]
Star = Literal["+", "*"]
"""⋆, entry by entry."""


@guarded(double=False)
@dataclass(frozen=True, eq=False)
class Raw:
    """An instruction that reads, does arithmetic and writes in every column i.

    It sets h_i[w] <- W_o ((W_a mean_{j in K(i)} h_j[r]) ⋆ (W h_i[s])) + b. `star` is ⋆, "+" or "*"
    (entry by entry). `read_rows` are r, `own_rows` s, `write_rows` w, none of which repeats a row;
    W_a, W, W_o are `read_matrix`, `own_matrix`, `out_matrix`. `reads` is the timestep map K from a
    position i to positions K(i) <= i; those not listed read {i}. `only_at` is the one position that
    writes, for "+"; with None all write. Raises ValueError for sizes that do not fit, a repeated
    row, K(i) empty or in the future; TypeError for positions in K that are no integers. Source:
    Akyürek et al. 2023 (arXiv 2211.15661), Definition C.2, with j <= i in place of the printed j <
    i (its own uses need K(i) = {i}), the bias of `aff`, and `only_at`, without which a copy between
    different rows changes every column: derived here.
    """

    star: Star
    read_rows: tuple[Natural, ...]
    own_rows: tuple[Natural, ...]
    write_rows: tuple[Natural, ...]
    read_matrix: Annotated[Float[np.ndarray, "inner read"], MAY_BE_EMPTY]
    own_matrix: Annotated[Float[np.ndarray, "inner own"], MAY_BE_EMPTY]
    out_matrix: Annotated[Float[np.ndarray, "write inner"], MAY_BE_EMPTY]
    bias: Annotated[Float[np.ndarray, " write"], MAY_BE_EMPTY]
    reads: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    only_at: Natural | None = None

    def __post_init__(self) -> None:
        gated_product = self.star == "*" and self.only_at is not None
        require(
            not gated_product,
            f'only_at must be None with star "*" (a gate would drown it), got {self.only_at}',
        )
        for name, columns in (("read", self.read_rows), ("own", self.own_rows)):
            count = getattr(self, f"{name}_matrix").shape[1]
            require(
                count == len(columns),
                f"{name}_matrix must have {len(columns)} columns as {name}_rows, got {count}",
            )
        require(
            len(self.bias) == len(self.write_rows),
            f"bias must have {len(self.write_rows)} rows, got {len(self.bias)}",
        )
        for name in ("read_rows", "own_rows", "write_rows"):
            _require_distinct(name, getattr(self, name))
        for position, sources in self.reads.items():
            if not isinstance(sources, list | tuple) or not all(
                isinstance(at, Integral) for at in (position, *sources)
            ):
                raise TypeError(
                    f"reads must map positions to tuples of positions, got {sources!r} for "
                    f"{position!r}"
                )
            if not sources or min(sources) < 0 or max(sources) > position:
                raise ValueError(
                    f"reads must map position {position} to positions in 0..{position}, got "
                    f"{sources}"
                )


@guarded(double=False)
@dataclass(frozen=True, eq=False)
class Division:
    """An instruction that divides in every column i.

    It sets h_i[w] <- h_i[numerator] / |h_i[divisor]|; the rows w must be zero before. Raises
    ValueError for unequal numbers of numerators and rows w, or a row that is written twice. Source:
    Akyürek et al. 2023, `div` and Lemma 8.
    """

    numerator_rows: tuple[Natural, ...]
    divisor_row: Natural
    write_rows: tuple[Natural, ...]

    def __post_init__(self) -> None:
        numerators = len(self.numerator_rows)
        count = len(self.write_rows)
        require(
            count == numerators,
            f"write_rows must be as many as the {numerators} numerators, got {count}",
        )
        _require_distinct("write_rows", self.write_rows)


Instruction = Raw | Division


@guarded(double=False)
def reference(instruction: Instruction, state: Annotated[State, ANY_NUMBER]) -> State:
    """The exact effect of an instruction on a state, or on a batch of states. A zero divisor gives
    ±inf, 0/0 NaN. Raises ValueError for a state without the rows and positions of the instruction.
    """
    require_instructions([instruction], *state.shape[-2:])
    return state_after(instruction, state)


def state_after(instruction: Instruction, state: State) -> State:
    """Return the state after an instruction as `reference` does, but without its checks and for
    states that may be infinite.
    """
    if isinstance(instruction, Division):
        divisor = np.abs(state[..., [instruction.divisor_row], :])
        with np.errstate(divide="ignore", invalid="ignore"):
            return written(instruction, state, state[..., instruction.numerator_rows, :] / divisor)
    read, own = operands(instruction, state)
    result = read + own if instruction.star == "+" else read * own
    return written(instruction, state, instruction.out_matrix @ result + instruction.bias[:, None])


def operands(
    instruction: Raw, state: State
) -> tuple[
    Float[np.ndarray, "*batch inner positions"], Float[np.ndarray, "*batch inner positions"]
]:
    """The two sides of ⋆ in every column: W_a mean_{j in K(i)} h_j[r], and W h_i[s]."""
    read = state[..., instruction.read_rows, :]
    means = read.copy()
    for position, sources in instruction.reads.items():
        means[..., position] = read[..., sources].mean(axis=-1)
    return instruction.read_matrix @ means, instruction.own_matrix @ state[
        ..., instruction.own_rows, :
    ]


def written(
    instruction: Instruction, state: State, result: Float[np.ndarray, "*batch write positions"]
) -> State:
    """The state with the results in the rows, and at the positions, that the instruction writes."""
    after = state.copy()
    only_at = instruction.only_at if isinstance(instruction, Raw) else None
    at = slice(None) if only_at is None else slice(only_at, only_at + 1)
    after[..., instruction.write_rows, at] = result[..., at]
    return after


def require_instructions(
    instructions: Sequence[Instruction], registers: int, positions: int
) -> None:
    """Raise `TypeError` for an entry that is not an instruction. Raise `ValueError` for an empty
    program, and for an instruction that does not fit the state.
    """
    require(len(instructions) > 0, "instructions must hold at least one, got none")
    for instruction in instructions:
        if isinstance(instruction, Division):
            rows = {*instruction.numerator_rows, instruction.divisor_row, *instruction.write_rows}
            columns: set[int] = set()
        elif isinstance(instruction, Raw):
            rows = {*instruction.read_rows, *instruction.own_rows, *instruction.write_rows}
            columns = set(instruction.reads) | (
                set() if instruction.only_at is None else {instruction.only_at}
            )
        else:
            raise TypeError(
                "instructions must be made by mov, mul, div, aff, Raw or Division, got "
                f"{instruction!r}"
            )
        for name, indices, size in (("row", rows, registers), ("position", columns, positions)):
            outside = [index for index in indices if not 0 <= index < size]
            if outside:
                raise ValueError(
                    f"instructions must fit the state: every {name} of an instruction must be in "
                    f"0..{size - 1}, "
                    f"got {outside[0]}"
                )


def _require_distinct(name: str, rows: tuple[int, ...]) -> None:
    require(len(set(rows)) == len(rows), f"{name} must not repeat a row, got {rows}")


Row = Annotated[int, Interval(0, 10**6, why="no state has so many rows")]
Rows = tuple[Row, Row]
Entries = Annotated[int, Interval(1, 10**4)]
"""Rows or columns of a matrix in the registers."""


@guarded(double=False)
def mov(source: Natural, target: Natural, rows: Rows, target_rows: Rows | None = None) -> Raw:
    """Copy `rows` of column `source` into `target_rows` (the same if not given) of column `target`
    >= `source`. Between different rows only the target column writes. Raises ValueError for rows of
    unequal number or a source after its target.
    """
    read = _indices("rows", rows)
    write = read if target_rows is None else _indices("target_rows", target_rows)
    _require_equal_number("target_rows", write, len(read))
    require(source <= target, f"source must not come after its target {target}, got {source}")
    identity = np.eye(len(read))
    return Raw(
        star="+",
        read_rows=read,
        own_rows=(),
        write_rows=write,
        read_matrix=identity,
        own_matrix=np.zeros((len(read), 0)),
        out_matrix=identity,
        bias=np.zeros(len(read)),
        reads={target: (source,)},
        only_at=None if read == write else target,
    )


@guarded(double=False)
def mul(a: Entries, b: Entries, c: Entries, first: Rows, second: Rows, target: Rows) -> Raw:
    """Return the instruction that multiplies, in every column, the matrix in `first` by that in
    `second`, both stored row by row.

    Raises ValueError if the sizes do not fit.
    """
    left = _indices("first", first)
    right = _indices("second", second)
    write = _indices("target", target)
    for name, rows, number in (
        ("first", left, a * b),
        ("second", right, b * c),
        ("target", write, a * c),
    ):
        _require_equal_number(name, rows, number)
    row, inner, column = np.indices((a, b, c)).reshape(3, -1)
    return Raw(
        star="*",
        read_rows=left,
        own_rows=right,
        write_rows=write,
        read_matrix=np.eye(a * b)[row * b + inner],
        own_matrix=np.eye(b * c)[inner * c + column],
        out_matrix=np.eye(a * c)[:, row * c + column],
        bias=np.zeros(a * c),
    )


@guarded(double=False)
def div(rows: Rows, divisor: Natural, target: Rows) -> Division:
    """Return the instruction that divides, in every column, `rows` by the absolute value of row
    `divisor`, and writes into rows that are zero before.

    Raises ValueError for unequal lengths.
    """
    numerators = _indices("rows", rows)
    write = _indices("target", target)
    _require_equal_number("target", write, len(numerators))
    return Division(numerators, divisor, write)


@guarded(double=False)
def aff(
    first: Rows,
    second: Rows,
    target: Rows,
    first_matrix: Annotated[Float[np.ndarray, "target first"], MAY_BE_EMPTY],
    second_matrix: Annotated[Float[np.ndarray, "target second"], MAY_BE_EMPTY],
    bias: Annotated[Float[np.ndarray, " target"], MAY_BE_EMPTY] | None = None,
) -> Raw:
    """Return the instruction that writes W_1 h[first] + W_2 h[second] + b in every column.

    b is 0 if it is not given, and an empty range (0, 0) reads nothing. Raises ValueError for
    matrices that do not fit the ranges.
    """
    read = _indices("first", first)
    own = _indices("second", second)
    write = _indices("target", target)
    for name, matrix, columns in (
        ("first_matrix", first_matrix, read),
        ("second_matrix", second_matrix, own),
    ):
        shape = len(write), len(columns)
        require(matrix.shape == shape, f"{name} must have shape {shape}, got {matrix.shape}")
    return Raw(
        star="+",
        read_rows=read,
        own_rows=own,
        write_rows=write,
        read_matrix=first_matrix,
        own_matrix=second_matrix,
        out_matrix=np.eye(len(write)),
        bias=np.zeros(len(write)) if bias is None else bias,
    )


def _indices(name: str, rows: Rows) -> tuple[int, ...]:
    start, end = rows
    require(start <= end, f"{name} must be a range of rows (i, j) with i <= j, got {rows}")
    return tuple(range(start, end))


def _require_equal_number(name: str, rows: tuple[int, ...], number: int) -> None:
    require(len(rows) == number, f"{name} must hold {number} rows, got {len(rows)}")


class Program(NamedTuple):
    """A program for a transformer: its instructions, the `dimension` of the inputs, the numbers of
    registers and positions that it needs, and the (row, column) of the answer.
    """

    instructions: tuple[Instruction, ...]
    dimension: int
    register_rows: int
    positions: int
    answer: tuple[int, int]

    @property
    def layers(self) -> int:
        """The number of decoder layers of the compiled program, one for each instruction."""
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
    """Return the program of Theorem 1: one SGD step on the ridge loss of one example, applied to
    the query, in 9 layers and 4d + 3 registers.

    The answer is w' · x_2 with w' = w - 2α (x_1 x_1ᵀ w - x_1 y_1 + λ w): α = `step`, λ =
    `regulariser`, w = `start_weights`. `printed_sign` subtracts the λ w in the brackets, as one
    line of the chain in Appendix A does. Raises ValueError for start weights of another number than
    `dimension`. Source: Akyürek et al. 2023 (arXiv 2211.15661), Theorem 1, equation (11) and
    Appendix A.
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
    """Return the program of one pass of SGD from w = 0 over n examples, one by one, applied to the
    query, in 8n layers and 4d + 3 registers.

    Each example does w <- w - 2α (x xᵀ w - x y + λ w), with α = `step` and λ = `regulariser`.
    Source: the stack that Akyürek et al. 2023 indicate after Theorem 1; its layers were derived
    here.
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
    """The registers in which a gradient step keeps its numbers, and the instructions that all its
    forms share.
    """

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
    """Return the program of Theorem 2: ridge regression on one example by one Sherman-Morrison
    update, in 14 layers and 3d² + 5d + 3 registers.

    The answer is w' · x_2 with w' = (λ I + x_1 x_1ᵀ)⁻¹ x_1 y_1 and λ = `regulariser`. Layer 2
    computes x_1 y_1, which is never used: it is in the paper's chain. Source: Akyürek et al. 2023,
    Theorem 2, equations (13) and (14) and Appendix B.
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
    """Return the program of ridge regression on n examples, with one Sherman-Morrison update for
    each, in 11n + 3 layers and 3d² + 5d + 3 registers.

    The answer is x · (XᵀX + λ I)⁻¹ XᵀY at the query x, with λ = `regulariser`. Source: Akyürek et
    al. 2023 state one update (Theorem 2); the recursion, which must carry on A⁻¹ and Σ x y, was
    derived here.
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
    """Return ranges of rows of these sizes, one after the other."""
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
    return jnp.swapaxes(token_rows(questions, answers)[..., :-1, :], -1, -2)
