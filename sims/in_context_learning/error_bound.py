"""How far a compiled program can be from what it means: the errors of all layers, propagated to the
answer.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float

from sims.in_context_learning.compiler import require_scales
from sims.in_context_learning.layer import LayerNormMode
from sims.in_context_learning.layer_error import layer_error, no_leftover
from sims.in_context_learning.network import Scales
from sims.in_context_learning.raw import (
    Division,
    Instruction,
    Raw,
    State,
    operands,
    require_instructions,
    state_after,
)
from theory_on_trial.contract import ANY_NUMBER, Natural, guarded, require


@guarded(double=False)
def prompt_error(
    instructions: Sequence[Instruction],
    state: Annotated[State, ANY_NUMBER],
    answer: tuple[Natural, Natural],
    scales: Scales,
    layer_norm: LayerNormMode = "ideal",
) -> Float[np.ndarray, "*batch"]:
    """A bound on the error of the answer to given prompts, to first order in the errors of the
    layers.

    `state` holds all registers at the start, of one prompt or a batch; `answer` is (row, column).
    What a layer can add counts with the derivative of the answer in that register. It holds for
    balanced pads, and only for prompts on which nothing is clipped (the run's `overflow` is False);
    it is infinite where a divisor is zero, or a number too large. Raises ValueError for scales out
    of range, and where instructions or answer do not fit the state. Source: derived here.
    """
    require_instructions(instructions, *state.shape[-2:])
    require_scales(scales)
    shape = state.shape[-2:]
    fits = answer[0] < shape[0] and answer[1] < shape[1]
    require(fits, f"answer must be a row and a column of a state of shape {shape}, got {answer}")
    befores = []
    parts = []
    leftover = no_leftover(state)
    sensitivity = np.zeros_like(state)
    total = np.zeros(state.shape[:-2])
    sensitivity[..., answer[0], answer[1]] = 1
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        for instruction in instructions:
            errors, leftover = layer_error(instruction, state, leftover, scales, layer_norm)
            befores.append(state)
            parts.append(errors)
            state = state_after(instruction, state)
        for instruction, before, errors in zip(
            reversed(instructions), reversed(befores), reversed(parts), strict=True
        ):
            total += (np.abs(sensitivity[..., list(instruction.write_rows), :]) * errors).sum(
                axis=(-2, -1)
            )
            sensitivity = pull_back(instruction, before, sensitivity)
    return np.where(np.isnan(total), np.inf, total)


def pull_back(instruction: Instruction, before: State, sensitivity: State) -> State:
    """The gradient in the state before an instruction, from that after it; a division counts as
    adding to its rows.
    """
    after = sensitivity[..., list(instruction.write_rows), :] * _writes(instruction, before)
    gradient = sensitivity.copy()
    if isinstance(instruction, Division):
        divisor = before[..., [instruction.divisor_row], :]
        numerators = list(instruction.numerator_rows)
        slopes = after * before[..., numerators, :]
        gradient[..., numerators, :] += after / np.abs(divisor)
        gradient[..., instruction.divisor_row, :] -= (slopes / (divisor * np.abs(divisor))).sum(
            axis=-2
        )
        return gradient
    gradient[..., list(instruction.write_rows), :] -= after
    read, own = operands(instruction, before)
    pull = instruction.out_matrix.T @ after
    to_read, to_own = (pull, pull) if instruction.star == "+" else (pull * own, pull * read)
    gradient[..., list(instruction.own_rows), :] += instruction.own_matrix.T @ to_own
    read_pull = instruction.read_matrix.T @ to_read
    sources = np.eye(before.shape[-1])
    for position, read_positions in instruction.reads.items():
        sources[position] = np.isin(np.arange(before.shape[-1]), read_positions) / len(
            read_positions
        )
    gradient[..., list(instruction.read_rows), :] += read_pull @ sources
    return gradient


def _writes(instruction: Instruction, state: State) -> Float[np.ndarray, " positions"]:
    """One where the instruction writes and zero at the positions that it leaves alone."""
    only_at = instruction.only_at if isinstance(instruction, Raw) else None
    positions = np.arange(state.shape[-1])
    return np.ones(len(positions)) if only_at is None else (positions == only_at).astype(float)
