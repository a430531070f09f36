"""Instructions of a program for the transformer: the paper's RAW operator, and division, as data.

A state is a matrix with a row per register and a column per position. An instruction rewrites some rows of every
column. `reference` is its exact effect; the compiler turns it into a decoder layer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
from jaxtyping import Float

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import require_count

State = Float[np.ndarray, "*batch registers positions"]


@validated(unbounded=("bound", "reads"))
@dataclass(frozen=True, eq=False)
class Raw:
    """Read, arithmetic, write: h_i[w] <- W_o ((W_a mean_{j in K(i)} h_j[r]) ⋆ (W h_i[s])) + b in every column i.

    Args:
        star: ⋆, "+" or "*" (entry by entry).
        read_rows: r, read at the positions K(i).
        own_rows: s, read at the position i itself.
        write_rows: w. None of the three repeats a row.
        read_matrix: W_a.
        own_matrix: W.
        out_matrix: W_o.
        bias: b.
        reads: the timestep map K: a position i and the positions K(i) <= i that it reads; those not listed read {i}.
        only_at: the one position that writes, for "+"; None writes at all.
        bound: a magnitude that the results are known never to exceed, where arithmetic on magnitudes cannot see it.
            Where it is false, automatic scales and error bounds are wrong (clipping is reported all the same).

    Raises ValueError for sizes that do not fit, a repeated row, a negative row, position or bound, K(i) empty or in the
    future; TypeError for positions that are no integers.
    Source: Akyürek et al. 2023 (arXiv 2211.15661), Definition C.2, with j <= i in place of the printed j < i (its own
    uses need K(i) = {i}), the bias of `aff`, and `only_at`, without which a copy between different rows changes every
    column: derived here.
    """

    star: str
    read_rows: tuple[int, ...]
    own_rows: tuple[int, ...]
    write_rows: tuple[int, ...]
    read_matrix: Float[np.ndarray, "inner read"]
    own_matrix: Float[np.ndarray, "inner own"]
    out_matrix: Float[np.ndarray, "write inner"]
    bias: Float[np.ndarray, " write"]
    reads: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    only_at: int | None = None
    bound: float | int = np.inf

    def __post_init__(self) -> None:
        if self.star not in ("+", "*"):
            raise ValueError(f'star must be "+" or "*", got {self.star!r}')
        if self.star == "*" and self.only_at is not None:
            raise ValueError(f'only_at must be None with star "*" (a gate would drown a product), got {self.only_at}')
        inner = self.read_matrix.shape[0]
        sizes = {
            "read_matrix": (inner, len(self.read_rows)),
            "own_matrix": (inner, len(self.own_rows)),
            "out_matrix": (len(self.write_rows), inner),
            "bias": (len(self.write_rows),),
        }
        for name, shape in sizes.items():
            matrix = getattr(self, name)
            if matrix.shape != shape or not np.isfinite(matrix).all():
                raise ValueError(f"{name} must be finite and of shape {shape}, got {matrix}")
        for name in ("read_rows", "own_rows", "write_rows"):
            _require_rows(name, getattr(self, name), distinct=True)
        if self.only_at is not None and self.only_at < 0:
            raise ValueError(f"only_at must be a position from 0 on, got {self.only_at}")
        require_bound("bound", self.bound)
        for position, sources in self.reads.items():
            if not isinstance(sources, list | tuple) or not all(
                isinstance(at, Integral) for at in (position, *sources)
            ):
                raise TypeError(f"reads must map positions to tuples of positions, got {sources!r} for {position!r}")
            if not sources or min(sources) < 0 or max(sources) > position:
                raise ValueError(f"reads must map position {position} to positions in 0..{position}, got {sources}")


@validated(unbounded=("bound",))
@dataclass(frozen=True, eq=False)
class Division:
    """h_i[w] <- h_i[numerator] / |h_i[divisor]| in every column i; the rows w must be zero before.

    Args:
        numerator_rows: as many as rows are written.
        divisor_row: one row.
        write_rows: w, without repetition.
        least_divisor: |h[divisor]| is known never to fall below it, in any column; 0 where nothing is known.
        bound: as in `Raw`.

    Raises ValueError for unequal numbers of rows, a row that is written twice, a negative row or bound.
    Source: Akyürek et al. 2023, `div` and Lemma 8.
    """

    numerator_rows: tuple[int, ...]
    divisor_row: int
    write_rows: tuple[int, ...]
    least_divisor: float | int = 0.0
    bound: float | int = np.inf

    def __post_init__(self) -> None:
        if len(self.numerator_rows) != len(self.write_rows):
            raise ValueError(
                f"write_rows must be as many as the {len(self.numerator_rows)} numerators, got {len(self.write_rows)}"
            )
        _require_rows("numerator_rows", self.numerator_rows)
        _require_rows("divisor_row", (self.divisor_row,))
        _require_rows("write_rows", self.write_rows, distinct=True)
        require_bound("least_divisor", self.least_divisor)
        require_bound("bound", self.bound)


Instruction = Raw | Division


@validated(unbounded=("instruction", "return"))
def reference(instruction: Instruction, state: State) -> State:
    """The exact effect of an instruction on a state, or on a batch of states. A zero divisor gives ±inf, 0/0 NaN.

    Raises ValueError for a state without the rows and positions of the instruction.
    """
    if state.ndim < 2:
        raise ValueError(f"state must have axes for registers and positions, got shape {state.shape}")
    require_instructions([instruction], *state.shape[-2:])
    return applied(instruction, state)


def applied(instruction: Instruction, state: State) -> State:
    """`reference` for loops over instructions: without its checks, and for states that may be infinite."""
    if isinstance(instruction, Division):
        divisor = np.abs(state[..., [instruction.divisor_row], :])
        with np.errstate(divide="ignore", invalid="ignore"):
            return written(instruction, state, state[..., instruction.numerator_rows, :] / divisor)
    read, own = operands(instruction, state)
    combined = read + own if instruction.star == "+" else read * own
    return written(instruction, state, instruction.out_matrix @ combined + instruction.bias[:, None])


def operands(
    instruction: Raw, state: State
) -> tuple[Float[np.ndarray, "*batch inner positions"], Float[np.ndarray, "*batch inner positions"]]:
    """The two sides of ⋆ in every column: W_a mean_{j in K(i)} h_j[r], and W h_i[s]."""
    read = state[..., instruction.read_rows, :]
    gathered = read.copy()
    for position, sources in instruction.reads.items():
        gathered[..., position] = read[..., sources].mean(axis=-1)
    return instruction.read_matrix @ gathered, instruction.own_matrix @ state[..., instruction.own_rows, :]


def written(instruction: Instruction, state: State, result: Float[np.ndarray, "*batch write positions"]) -> State:
    """The state with the results in the rows, and at the positions, that the instruction writes."""
    after = state.copy()
    only_at = instruction.only_at if isinstance(instruction, Raw) else None
    at = slice(None) if only_at is None else slice(only_at, only_at + 1)
    after[..., instruction.write_rows, at] = result[..., at]
    return after


def require_instructions(instructions: Sequence[Instruction], registers: int, positions: int) -> None:
    """Raise `TypeError` for what is no instruction, `ValueError` for none, or one that is too large for the state."""
    require_count("the number of instructions", len(instructions), 1, "there is no program otherwise")
    for instruction in instructions:
        if isinstance(instruction, Division):
            rows = {*instruction.numerator_rows, instruction.divisor_row, *instruction.write_rows}
            used: set[int] = set()
        elif isinstance(instruction, Raw):
            rows = {*instruction.read_rows, *instruction.own_rows, *instruction.write_rows}
            used = set(instruction.reads) | (set() if instruction.only_at is None else {instruction.only_at})
        else:
            raise TypeError(f"instructions must be made by mov, mul, div, aff, Raw or Division, got {instruction!r}")
        for name, indices, size in (("row", rows, registers), ("position", used, positions)):
            outside = [index for index in indices if not 0 <= index < size]
            if outside:
                raise ValueError(
                    f"instructions must fit the state: every {name} of an instruction must be in 0..{size - 1}, "
                    f"got {outside[0]}"
                )


def require_bound(name: str, bound: float | int) -> None:
    """Raise `ValueError` unless `bound` is at least 0, infinity included."""
    if not bound >= 0:
        raise ValueError(f"{name} must be at least 0, got {bound}")


def _require_rows(name: str, rows: tuple[int, ...], *, distinct: bool = False) -> None:
    if distinct and len(set(rows)) != len(rows):
        raise ValueError(f"{name} must not repeat a row, got {rows}")
    if min(rows, default=0) < 0:
        raise ValueError(f"{name} must be counted from 0 on, got {rows}")
