"""Instructions of a program for the transformer: the paper's RAW operator, and division, as data.

A state is a matrix with a row per register and a column per position. An instruction rewrites some rows of every
column. `reference` is its exact effect; the compiler turns it into a decoder layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

State = Float[np.ndarray, "*batch registers positions"]


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

    Raises ValueError for sizes that do not fit, a repeated row, K(i) empty or in the future.
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
            _require_distinct(name, getattr(self, name))
        for position, sources in self.reads.items():
            if not sources or min(sources) < 0 or max(sources) > position:
                raise ValueError(f"reads must map position {position} to positions in 0..{position}, got {sources}")


@dataclass(frozen=True, eq=False)
class Division:
    """h_i[w] <- h_i[numerator] / |h_i[divisor]| in every column i; the rows w must be zero before.

    Args:
        numerator_rows: as many as rows are written.
        divisor_row: one row.
        write_rows: w, without repetition.
        least_divisor: |h[divisor]| is known never to fall below it, in any column; 0 where nothing is known.
        bound: as in `Raw`.

    Raises ValueError for unequal numbers of rows, or a row that is written twice.
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
        _require_distinct("write_rows", self.write_rows)


Instruction = Raw | Division


def reference(instruction: Instruction, state: State) -> State:
    """The exact effect of an instruction on a state, or on a batch of states. A zero divisor gives ±inf, 0/0 NaN."""
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


def _require_distinct(name: str, rows: tuple[int, ...]) -> None:
    if len(set(rows)) != len(rows):
        raise ValueError(f"{name} must not repeat a row, got {rows}")
