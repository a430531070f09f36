"""Bounds on the error of a compiled program: the error that each layer can add, propagated to the
answer.

A layer adds remainders of GeLU, tails of the softmax, the error of the layer norm, and the rounding
of all sums. Rounding is that of float64 in the standard model, with sums in any order and a GeLU
accurate to GELU_ULPS units. GeLU is the erf form, and pads are balanced. All bounds: derived here.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from sims.in_context_learning.compiler import GATE, require_scales
from sims.in_context_learning.network import LayerNormMode, Scales
from sims.in_context_learning.programs import (
    Division,
    Instruction,
    Raw,
    State,
    operands,
    require_instructions,
    state_after,
)
from theory_on_trial.contract import ANY_NUMBER, Natural, guarded, require

UNIT = 2.0**-53
"""The unit of rounding."""
GELU_ULPS = 4
"""Relative error, in units of rounding, within which a GeLU is evaluated."""
STEEPEST = 1.13
"""No slope of GeLU exceeds it."""
REMAINDER = 1 / 12
"""κ of √(π/2) (GeLU(z) - z/2) = z²/2 - κ z⁴ + ...: cut after z², the series is off by at most κ z⁴,
at every z.
"""


class Leftover(NamedTuple):
    """The numbers that a layer leaves outside the registers: rounding errors in the scratch, and
    pads that the next layer subtracts.
    """

    scratch: Float[np.ndarray, "*batch positions"]
    pads: Float[np.ndarray, "*batch positions"]


def no_leftover(state: State) -> Leftover:
    """Return the scratch and the pads of a prompt that no layer has seen."""
    return Leftover(np.zeros_like(state[..., 0, :]), np.zeros_like(state[..., 0, :]))


def layer_error(
    instruction: Instruction,
    state: State,
    before: Leftover,
    scales: Scales,
    layer_norm: LayerNormMode = "ideal",
) -> tuple[Float[np.ndarray, "*batch write positions"], Leftover]:
    """A bound on the error that a layer adds to the rows that it writes, for registers that hold
    `state`, and what it leaves to the next layer.
    """
    sizes = _sizes(instruction, np.abs(state))
    norm, pads = _norm(sizes, before, scales, layer_norm)
    if isinstance(instruction, Division):
        error = _passing(sizes.passed, 1, 1, norm, scales) + 3 * UNIT * sizes.result
        return error, Leftover(before.scratch, pads)
    read_error = _read_error(instruction, sizes, before, scales)
    of_star = _sum_error if instruction.star == "+" else _product_error
    error = of_star(instruction, sizes, read_error, norm, scales)
    if instruction.only_at is not None:
        # Elsewhere the units are shut, and N is put back by a unit that passes N itself.
        shut = scales.bypass * (8 * UNIT + norm.relative + 2 * norm.absolute)
        error = np.where(np.arange(error.shape[-1]) == instruction.only_at, error, shut)
    scratch = _passing(sizes.read, 1, 1, norm, scales).max(axis=-2, initial=0)
    return error, Leftover(scratch, pads)


class _Sizes(NamedTuple):
    """Bounds on absolute values in a layer; `divisor` is what the layer norm divides by, 1 unless
    it is a division.
    """

    before: Float[np.ndarray, "*batch registers positions"]
    read: Float[np.ndarray, "*batch inner positions"]
    own: Float[np.ndarray, "*batch inner positions"]
    result: Float[np.ndarray, "*batch write positions"]
    passed: Float[np.ndarray, "*batch write positions"]
    divisor: Float[np.ndarray, "*batch positions"]


def _sizes(instruction: Instruction, before: State) -> _Sizes:
    """Return bounds on the absolute values in a layer, by arithmetic with the absolute values of
    all registers and matrices.
    """
    if isinstance(instruction, Division):
        nothing = before[..., :0, :]
        divisor = before[..., instruction.divisor_row, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            result = before[..., list(instruction.numerator_rows), :] / divisor[..., None, :]
        return _Sizes(before, nothing, nothing, result, result, divisor)
    weights = _magnitudes(instruction)
    read, own = operands(weights, before)
    constant = weights.bias[:, None]
    result = weights.out_matrix @ (read + own if instruction.star == "+" else read * own) + constant
    stream = before[..., list(instruction.write_rows), :] + (
        result if instruction.star == "+" else constant
    )
    return _Sizes(before, read, own, result, stream, np.ones_like(before[..., 0, :]))


def _magnitudes(raw: Raw) -> Raw:
    """The instruction with the absolute values of its matrices."""
    return replace(
        raw,
        **{
            name: np.abs(getattr(raw, name))
            for name in ("read_matrix", "own_matrix", "out_matrix", "bias")
        },
    )


class _Noise(NamedTuple):
    """The layer norm returns v (1 + δ) + η for every row v: bounds on |δ| and |η|, with an axis for
    the rows.
    """

    relative: Float[np.ndarray, "*batch 1 positions"]
    absolute: Float[np.ndarray, "*batch 1 positions"]


def _norm(sizes, before, scales, layer_norm):
    """The noise of the layer norm, and the size of the pads that make it."""
    zeros = np.zeros_like(before.pads)[..., None, :]
    if layer_norm == "ideal":
        return _Noise(zeros, zeros), before.pads
    # The position unit and the one are rows too; the number of rows cancels but for the leading
    # terms.
    total = sizes.before.sum(axis=-2) + sizes.read.sum(axis=-2) + 2
    squares = (sizes.before**2).sum(axis=-2) + (sizes.read**2).sum(axis=-2) + 2
    rows = sizes.before.shape[-2] + sizes.read.shape[-2] + sizes.before.shape[-1] + 3
    pad = scales.pad * sizes.divisor
    pads = pad + total / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = (total**2 / 4 + squares / 2) / pad**2 / 2
        # The self head sees a little of the pads elsewhere too.
        elsewhere = _elsewhere(scales, before.pads.shape[-1]) * (pads + before.pads).max(
            axis=-1, keepdims=True
        )
        # Two pads, each a sum over all rows, and the mean of all rows: how far their errors shift
        # the mean.
        pad_error = UNIT * (rows + 3) * (pads + before.pads) + elsewhere
        absolute = (2 * pad_error + UNIT * (rows + 2) * (2 * pads + total)) / rows / sizes.divisor
        relative = factor + 2 * (rows + 8) * UNIT + 2 * elsewhere / pad
    return _Noise(relative[..., None, :], absolute[..., None, :]), pads


def _passing(size, weight_sums, terms, norm, scales, gate=0.0):
    """Return a bound on the error of GeLU(N + x) - N, for a sum x of so many terms with |x| <= size
    and with absolute weights of the given sums.
    """
    room = scales.bypass - size
    # z (1 - Φ(z)) <= φ(z) for z > 0; below zero all of z is lost.
    tail = np.where(
        room > 0, np.exp(-(np.maximum(room, 0) ** 2) / 2) / np.sqrt(2 * np.pi), 0.4 - room
    )
    rounding = UNIT * (terms + GELU_ULPS + 6) * (scales.bypass + gate + size)
    return tail + rounding + STEEPEST * (norm.relative * size + norm.absolute * weight_sums)


def _elsewhere(scales, positions):
    """Return how far the weights that the softmax leaves on other positions can move a mean over
    K(i), per size of an entry.
    """
    return 2 * positions * np.exp(-scales.sharpness)


def _read_error(raw, sizes, before, scales):
    """Return a bound on the error of W_a mean h_j[r], which comes from what the softmax leaves on
    other positions, from rounding, and from what was left in the scratch.
    """
    positions = sizes.before.shape[-1]
    elsewhere = _elsewhere(scales, positions) * sizes.before.max(axis=(-2, -1))[..., None, None]
    weight_sums = np.abs(raw.read_matrix).sum(axis=1, keepdims=True)
    rounding = UNIT * (_terms(raw.read_matrix) + positions + 3) * sizes.read
    return elsewhere * weight_sums + rounding + before.scratch[..., None, :]


def _sum_error(raw, sizes, read_error, norm, scales):
    """Return a bound on the error of W_o (p + q) + b - old, which passes in one piece."""
    weights = _magnitudes(raw)
    own_sums = weights.own_matrix.sum(axis=1, keepdims=True)
    weight_sums = weights.out_matrix @ (1 + own_sums) + weights.bias[:, None] + 1
    terms = _terms(raw.out_matrix) * (2 + _terms(raw.own_matrix)) + 2
    gate = 0.0 if raw.only_at is None else 2 * GATE * scales.bypass
    return weights.out_matrix @ read_error + _passing(
        sizes.passed, weight_sums, terms, norm, scales, gate
    )


def _product_error(raw, sizes, read_error, norm, scales):
    """Return a bound on the error of W_o (p * q), which takes three GeLUs for each entry, and of
    b - old, which passes.
    """
    weights = _magnitudes(raw)
    own_sums = weights.own_matrix.sum(axis=1, keepdims=True)
    read_error = read_error + norm.relative * sizes.read + norm.absolute
    own_error = (
        UNIT * _terms(raw.own_matrix) * sizes.own
        + norm.relative * sizes.own
        + norm.absolute * own_sums
    )
    inherited = sizes.read * own_error + (sizes.own + own_error) * read_error
    size = sizes.read + sizes.own + read_error + own_error
    remainder = REMAINDER * scales.product**2 * size**4
    # |GeLU(z)| and |z GeLU'(z)| are at most |z| (1/2 + 0.8 |z|).
    slope = np.minimum(0.5 + 0.8 * scales.product * size, STEEPEST)
    magnitude = np.sqrt(np.pi / 2) / scales.product * 2 * size * slope
    summed = weights.out_matrix @ magnitude + scales.bypass + sizes.passed
    terms = 3 * _terms(raw.out_matrix) + 2
    rounding = UNIT * ((terms + GELU_ULPS + 6) * summed + sizes.result)
    old = _passing(sizes.passed, 1 + weights.bias[:, None], 2, norm, scales)
    return weights.out_matrix @ (inherited + remainder) + rounding + old


def _terms(matrix: Float[np.ndarray, "rows columns"]) -> int:
    """The most terms that a row of the matrix adds up."""
    return int(np.count_nonzero(matrix, axis=1).max(initial=0))


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

    `state` holds all registers at the start, of one prompt or of a batch; `answer` is (row,
    column). The error that a layer can add is multiplied by the derivative of the answer with
    respect to that register. The bound holds for balanced pads, and only for prompts on which
    nothing is clipped (the run's `overflow` is False). It is infinite where a divisor is zero or a
    number is too large. Raises ValueError for scales out of range, and where instructions or answer
    do not fit the state. Source: derived here.
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
    """The gradient with respect to the state before an instruction, from the gradient after it. A
    division counts as adding to its rows.
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
    """Return one for each position that the instruction writes, and zero for those that it leaves
    alone.
    """
    only_at = instruction.only_at if isinstance(instruction, Raw) else None
    positions = np.arange(state.shape[-1])
    return np.ones(len(positions)) if only_at is None else (positions == only_at).astype(float)
