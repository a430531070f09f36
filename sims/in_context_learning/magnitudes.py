"""How large every register can become as a program runs, and the scales that suit such sizes best."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jax import numpy as jnp
from jaxtyping import Float

from sims.in_context_learning.activations import least_product_scale
from sims.in_context_learning.network import HEADROOM, Scales
from sims.in_context_learning.raw import Division, Instruction, Raw, operands, written

Bounds = Float[np.ndarray, "*batch registers positions"]


class LayerBounds(NamedTuple):
    """Bounds on absolute values in one layer, for every position: the sizes that its weights have to cope with.

    `before` and `after` are the registers, `read` and `own` the two sides of ⋆ (none in a division), `result` what is
    written as far as arithmetic can tell (`after` also obeys the instruction's own bound), `passed` the sums that pass
    a GeLU, `divisor` and `least_divisor` what the layer norm divides by (1 unless the instruction is a division).
    """

    before: Bounds
    read: Float[np.ndarray, "*batch inner positions"]
    own: Float[np.ndarray, "*batch inner positions"]
    result: Float[np.ndarray, "*batch write positions"]
    passed: Float[np.ndarray, "*batch write positions"]
    divisor: Float[np.ndarray, "*batch positions"]
    least_divisor: Float[np.ndarray, "*batch positions"]
    after: Bounds


def layer_bounds(
    instruction: Instruction, before: Bounds, least_divisor: Float[np.ndarray, "*batch positions"] | None = None
) -> LayerBounds:
    """What bounds on the registers before an instruction imply for what it reads and writes (absolute values).

    `least_divisor`, by default the instruction's own, bounds the divisors from below.
    Derived here: arithmetic with the absolute values of all matrices.
    """
    rows, ones = list(instruction.write_rows), np.ones_like(before[..., 0, :])
    if isinstance(instruction, Division):
        read = own = before[..., :0, :]
        divisor = before[..., instruction.divisor_row, :]
        least = instruction.least_divisor * ones if least_divisor is None else least_divisor
        with np.errstate(divide="ignore", invalid="ignore"):
            result = passed = before[..., list(instruction.numerator_rows), :] / least[..., None, :]
    else:
        divisor = least = ones
        weights = magnitudes_of(instruction)
        read, own = operands(weights, before)
        added = weights.out_matrix @ (read + own if instruction.star == "+" else read * own)
        result = added + weights.bias[:, None]
        passed = before[..., rows, :] + (result if instruction.star == "+" else weights.bias[:, None])
    after = written(instruction, before, np.minimum(result, instruction.bound))
    return LayerBounds(before, read, own, result, passed, divisor, least, after)


def magnitudes_of(raw: Raw) -> Raw:
    """The instruction with the absolute values of its matrices."""
    return replace(
        raw,
        read_matrix=np.abs(raw.read_matrix),
        own_matrix=np.abs(raw.own_matrix),
        out_matrix=np.abs(raw.out_matrix),
        bias=np.abs(raw.bias),
    )


def program_bounds(
    instructions: Sequence[Instruction], input_bound: Float[np.ndarray, "registers positions"]
) -> list[LayerBounds]:
    """Bounds on the absolute values in every layer, from bounds on the registers at the start.

    Raises ValueError for a division whose destination may not be zero or whose divisor has no positive lower bound,
    and for magnitudes that overflow.
    """
    layers = []
    bounds = input_bound
    for number, instruction in enumerate(instructions):
        if isinstance(instruction, Division):
            if not instruction.least_divisor > 0:
                raise ValueError(
                    f"least_divisor of the division in layer {number} must be positive (its result has no bound "
                    f"otherwise), got {instruction.least_divisor}"
                )
            if bounds[list(instruction.write_rows)].any():
                raise ValueError(
                    f"write_rows of the division in layer {number} must hold zero before it (clear them with aff, or "
                    f"bound the input by 0 there), got bounds up to {bounds[list(instruction.write_rows)].max():g}"
                )
        with np.errstate(over="ignore", invalid="ignore"):
            layers.append(layer_bounds(instruction, bounds))
        bounds = layers[-1].after
        if not np.isfinite(bounds).all():
            raise ValueError(
                f"registers must stay bounded: from input_bound no finite bound is left after layer {number}"
            )
    return layers


def automatic_scales(
    instructions: Sequence[Instruction], input_bound: Float[np.ndarray, "registers positions"], *, dtype: np.dtype,
    richardson: bool = False, balanced: bool = True,
) -> Scales:  # fmt: skip
    """Scales at the bottom of their U-shaped error curves, for magnitudes up to those of `program_bounds`.

    With u = 2^-53 (float64) and factors a, b with |a| + |b| <= A: the product scale of a layer balances the remainder
    of the GeLU product, s² A⁴ / 12 (s⁴ A⁶ / 12 with `richardson`), with its rounding, about 5 u A / s. It is a power of
    two, so that scaling rounds nothing, and never below `least_product_scale`. The bypass shift exceeds all that passes
    by 16. The pad N balances the factor of the layer norm, 1 + O(S² / N²) or 1 + O(S / N), with rounding, about 8 u N.

    Raises ValueError as `program_bounds`.
    Source: derived here.
    """
    layers = program_bounds(instructions, input_bound)
    unit = float(jnp.finfo(dtype).eps) / 2
    product, bypass = [], []
    for layer in layers:
        size = max(float((layer.read + layer.own).max(initial=0)), 1e-3)
        relative = (15 * unit) ** 0.2 if richardson else (30 * unit) ** (1 / 3)
        product.append(2.0 ** max(round(np.log2(relative / size)), np.ceil(np.log2(least_product_scale(dtype)))))
        bypass.append(max(layer.passed.max(), layer.read.max(initial=0)) + HEADROOM + 7)
    # The pads work on sums over all registers, which are never all at their bounds: a quarter, of random signs.
    entries = [0.25 * np.concatenate([layer.after, layer.read, np.ones((2, layer.after.shape[1]))]) for layer in layers]
    largest = max(entry.max() for entry in entries)
    squares = max((entry**2).sum(axis=0).max() for entry in entries)
    if balanced:
        pad = (0.75 * squares * largest / (8 * unit)) ** (1 / 3)
    else:
        pad = (squares**0.5 * largest / (16 * unit)) ** 0.5
    return Scales(np.array(product), np.array(bypass), pad)
