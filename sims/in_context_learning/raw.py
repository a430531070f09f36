"""Instructions of a program for the transformer: the paper's RAW operator, and division, as data.

A state is a matrix with a row per register and a column per position. An instruction rewrites some
rows of every column. `reference` is its exact effect; the compiler turns it into a decoder layer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Natural, guarded, require

State = Float[np.ndarray, "*batch registers positions"]
Star = Literal["+", "*"]
"""⋆, entry by entry."""


@guarded(double=False)
@dataclass(frozen=True, eq=False)
class Raw:
    """Read, arithmetic, write: h_i[w] <- W_o ((W_a mean_{j in K(i)} h_j[r]) ⋆ (W h_i[s])) + b in
    every column i.

    `star` is ⋆, "+" or "*" (entry by entry). `read_rows` are r, `own_rows` s, `write_rows` w, none
    of which repeats a row; W_a, W, W_o are `read_matrix`, `own_matrix`, `out_matrix`. `reads` is
    the timestep map K from a position i to positions K(i) <= i; those not listed read {i}.
    `only_at` is the one position that writes, for "+"; with None all write. Raises ValueError for
    sizes that do not fit, a repeated row, K(i) empty or in the future; TypeError for positions in K
    that are no integers. Source: Akyürek et al. 2023 (arXiv 2211.15661), Definition C.2, with j <=
    i in place of the printed j < i (its own uses need K(i) = {i}), the bias of `aff`, and
    `only_at`, without which a copy between different rows changes every column: derived here.
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
    """h_i[w] <- h_i[numerator] / |h_i[divisor]| in every column i; the rows w must be zero before.
    Raises ValueError for unequal numbers of numerators and rows w, or a row that is written twice.
    Source: Akyürek et al. 2023, `div` and Lemma 8.
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
    """`reference` for loops over instructions: without its checks, and for states that may be
    infinite.
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
    """Raise `TypeError` for what is no instruction, `ValueError` for none, or one that is too large
    for the state.
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
