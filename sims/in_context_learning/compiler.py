"""From instructions to the weights of a transformer, one decoder layer each (Lemma 1 of the paper, made explicit).

Every layer does the same four things. The read head brings W_a mean h_j[r] into the scratch rows; the self head sets
the pads so that the layer norm is the identity (pads ±N - S/2, S the sum of all other rows) or divides (±N c - S/2);
the MLP multiplies by GeLU where the instruction does, and writes result minus old value; it clears the scratch.
Source: Akyürek et al. 2023 (arXiv 2211.15661), Lemmas 4-8; balanced pads, gated copies and explicit sizes: derived
here.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from sims.in_context_learning.activations import product_terms, require_product_scale
from sims.in_context_learning.domains import Size
from sims.in_context_learning.layer import LayerWeights
from sims.in_context_learning.magnitudes import automatic_scales
from sims.in_context_learning.network import Layout, Network, Scales
from sims.in_context_learning.raw import Division, Instruction, Raw, require_instructions
from theory_on_trial.base.arrays import AnyArray, FloatType
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import ANY_NUMBER, NON_NEGATIVE, guarded, require

InputBound = Annotated[float, NON_NEGATIVE] | Annotated[Float[AnyArray, "*registers_positions"], NON_NEGATIVE]
"""On the absolute values of the registers at the start: one, one for each, or one for each and position."""
Instructions = Annotated[Sequence[Instruction], ANY_NUMBER]
"""A program; its bounds may be infinite."""
GATE = 10.0
"""A unit that is to stay shut gets -GATE times the bypass shift: it stays shut for entries up to 8 shifts."""


@guarded(double=False)
def compile_program(
    instructions: Instructions, *, registers: Size, positions: Size,
    scales: Scales | Literal["automatic"] = "automatic", input_bound: InputBound | None = None, balanced: bool = True,
    richardson: bool = False, dtype: FloatType | None = None,
) -> Network:  # fmt: skip
    """The transformer that runs the program: as many decoder layers as instructions.

    Args:
        instructions: from `mov`, `mul`, `div`, `aff`, or `Raw` in general.
        registers: rows of the state that the instructions act on.
        positions: T, tokens of a prompt.
        scales: given, or "automatic": `automatic_scales` from `input_bound`.
        input_bound: on the absolute values of the registers at the start: one number, one per register, or one per
            register and position.
        balanced: pads ±N - S/2, whose error is of second order in 1/N, or the paper's N and -N - S (first order).
        richardson: products from six GeLUs instead of three.
        dtype: of the weights. Float64 if not given; less must be asked for, since little of the accuracy is left.

    Raises:
        ValueError: no instruction, a row or position that does not exist, scales out of range, automatic scales
            without a bound on the input, or for which some magnitude has no bound.
        TypeError: float64 that is not enabled.
    """
    require_instructions(instructions, registers, positions)
    weight_dtype = np.dtype(np.float64 if dtype is None else dtype)
    if weight_dtype == np.float64:
        require_float64("the compiled program")
    if scales == "automatic":
        require(input_bound is not None, "input_bound must be given with automatic scales, got None")
        bounds = register_bounds(input_bound, registers, positions)
        chosen = automatic_scales(instructions, bounds, dtype=weight_dtype, richardson=richardson, balanced=balanced)
    else:
        chosen = scales
    raws = [instruction for instruction in instructions if isinstance(instruction, Raw)]
    layout = Layout(
        registers=registers,
        scratch=max((len(raw.read_matrix) for raw in raws), default=0),
        positions=positions,
        output_rows=instructions[-1].write_rows,
    )
    per_layer = scales_per_layer(chosen, len(instructions), weight_dtype)
    layers = [
        _layer(instruction, layout, at_layer, balanced, richardson)
        for instruction, at_layer in zip(instructions, per_layer, strict=True)
    ]
    units = max(len(layer.inner) for layer in layers)
    stacked = jax.tree.map(lambda *arrays: np.stack(arrays), *(_with_idle_units(layer, units) for layer in layers))
    weights = jax.tree.map(
        lambda array: jnp.asarray(array, weight_dtype if array.dtype == np.float64 else array.dtype), stacked
    )
    product, bypass = (np.array([getattr(layer, name) for layer in per_layer]) for name in ("product", "bypass"))
    return Network(weights, per_layer[0]._replace(product=product, bypass=bypass), layout)


def register_bounds(
    input_bound: InputBound | None, registers: int, positions: int
) -> Float[np.ndarray, "registers positions"]:
    """The bound on every register at every position at the start, from the forms that `compile_program` takes."""
    bound = np.asarray(input_bound, float)
    if bound.ndim == 1:
        bound = bound[:, None]
    fits = bound.shape in ((), (registers, 1), (registers, positions))
    require(fits, f"input_bound must hold one bound, {registers} or {registers} x {positions}, got shape {bound.shape}")
    return np.broadcast_to(bound, (registers, positions)).copy()


def _layer(instruction: Instruction, layout: Layout, scales: Scales, balanced: bool, richardson: bool) -> LayerWeights:
    """The weights of one layer, with as many units in the MLP as it needs."""
    divisor_row = instruction.divisor_row if isinstance(instruction, Division) else layout.constant_row
    keys, queries, values, mix = _heads(instruction, layout, scales, balanced, divisor_row)
    product, shift = float(scales.product), float(scales.bypass)
    if isinstance(instruction, Division):
        rows = np.eye(layout.rows)
        numerators, targets = rows[list(instruction.numerator_rows)], rows[list(instruction.write_rows)]
        units = [_passing(numerators, targets.T, shift, layout)]
    else:
        units = _arithmetic_units(instruction, layout, shift, product_terms(product, richardson))
    return LayerWeights(
        keys=keys,
        queries=queries,
        values=values,
        mix=mix,
        inner=np.concatenate([block.inner for block in units]),
        inner_bias=np.concatenate([block.bias for block in units]),
        outer=np.concatenate([block.outer for block in units], axis=1),
        outer_bias=-sum(block.outer @ block.bias for block in units),
        gain=np.array(scales.pad * np.sqrt(2 / layout.rows)),
        divisor=np.eye(layout.rows)[divisor_row],
        gate=np.concatenate([block.gate for block in units]),
    )


def _heads(instruction, layout, scales, balanced, divisor_row):
    """The read head, which looks at K(i), and the self head, which looks at i and sets the pads."""
    rows, scratch, width = np.eye(layout.rows), layout.scratch, max(layout.scratch, 2)
    looks_at = np.eye(layout.positions)
    values = np.zeros((2, width, layout.rows))
    if isinstance(instruction, Raw):
        for position, sources in instruction.reads.items():
            looks_at[:, position] = np.isin(np.arange(layout.positions), sources)
        values[0, : len(instruction.read_matrix), instruction.read_rows] = instruction.read_matrix.T
    upper, lower = layout.pad_rows
    others = 1 - rows[upper] - rows[lower]
    upper_share, lower_share = (0.5, 0.5) if balanced else (0.0, 1.0)
    values[1, 0] = scales.pad * rows[divisor_row] - upper_share * others - rows[upper]
    values[1, 1] = -scales.pad * rows[divisor_row] - lower_share * others - rows[lower]
    mix = np.zeros((layout.rows, 2, width))
    mix[list(layout.scratch_rows), 0, np.arange(scratch)] = 1
    mix[upper, 0, :scratch], mix[lower, 0, :scratch] = -upper_share, -lower_share
    mix[upper, 1, 0] = mix[lower, 1, 1] = 1
    position_units = rows[list(layout.position_rows)]
    keys = np.stack([position_units, position_units])
    queries = scales.sharpness * np.stack([looks_at @ position_units, position_units])
    return keys, queries, values, mix


class _Units(NamedTuple):
    """Some hidden units of an MLP: rows of W_2, entries of b_2, columns of W_1, and what they are built for."""

    inner: Float[np.ndarray, "units rows"]
    bias: Float[np.ndarray, " units"]
    outer: Float[np.ndarray, "rows units"]
    gate: Int[np.ndarray, "units positions"]


def _passing(inner, outer, shift, layout):
    """Units that add `outer @ inner @ h` as GeLU(N + x) - N; the layer's b_1 takes the N off again."""
    return _Units(inner, np.full(len(inner), shift), outer, np.ones((len(inner), layout.positions), np.int8))


def _arithmetic_units(raw, layout, shift, terms):
    """Write W_o (scratch ⋆ W h[s]) + b minus what was there, and clear the scratch."""
    rows = np.eye(layout.rows)
    scratch = rows[list(layout.scratch_rows)[: len(raw.read_matrix)]]
    own = raw.own_matrix @ rows[list(raw.own_rows)]
    targets = rows[list(raw.write_rows)]
    constant = rows[layout.constant_row]
    change = np.outer(raw.bias, constant) - targets
    writing = []
    if raw.star == "*":
        outer = targets.T @ raw.out_matrix
        for scale, coefficient in terms:
            inner = scale * np.concatenate([scratch + own, scratch, own])
            idle = np.zeros((len(inner), layout.positions), np.int8)
            signed = coefficient * np.concatenate([outer, -outer, -outer], axis=1)
            writing.append(_Units(inner, np.zeros(len(inner)), signed, idle))
    else:
        change = change + raw.out_matrix @ (scratch + own)
    writing.append(_passing(change, targets.T, shift, layout))
    if raw.only_at is not None:
        here = rows[layout.position_rows[raw.only_at]]
        writing = [_shut_elsewhere(units, raw.only_at, GATE * shift * (here - constant)) for units in writing]
        # Where the gate is shut, this unit puts back the N that b_1 takes off.
        restore = (shift * (constant - here))[None]
        idle = np.zeros((1, layout.positions), np.int8)
        writing.append(_Units(restore, np.zeros(1), targets.sum(axis=0)[:, None], idle))
    return [*writing, _passing(scratch, -scratch.T, shift, layout)]


def _shut_elsewhere(units, position, gate_row):
    gate = np.where(np.arange(units.gate.shape[1]) == position, units.gate, -1)
    return units._replace(inner=units.inner + gate_row, gate=gate)


def _with_idle_units(layer, units):
    """The layer with units that do nothing, so that layers of one size can be stacked."""
    missing = units - len(layer.inner)
    return layer._replace(
        inner=np.pad(layer.inner, ((0, missing), (0, 0))),
        inner_bias=np.pad(layer.inner_bias, (0, missing)),
        outer=np.pad(layer.outer, ((0, 0), (0, missing))),
        gate=np.pad(layer.gate, ((0, missing), (0, 0))),
    )


def scales_per_layer(scales: Scales, layers: int, dtype: FloatType) -> list[Scales]:
    """The scales of each layer as floats; ValueError where one of them is out of range, TypeError for no number."""
    shifts = {"scales: the product scale": scales.product, "scales: the bypass shift": scales.bypass}
    for name, value in (shifts | {"scales: the pad": scales.pad, "scales: the sharpness": scales.sharpness}).items():
        _require_real(name, value)
        if np.size(value) not in (1, layers):
            raise ValueError(f"{name} must be one number or one for each of {layers} layers, got {np.size(value)}")
        require(np.min(value) > 0 and np.isfinite(value).all(), f"{name} must be positive and finite, got {value}")
    require_product_scale(np.min(scales.product), np.dtype(dtype))
    product, bypass = (np.broadcast_to(np.asarray(value, float), layers) for value in shifts.values())
    return [
        Scales(one_product, one_bypass, float(scales.pad), float(scales.sharpness))
        for one_product, one_bypass in zip(product.tolist(), bypass.tolist(), strict=True)
    ]


def _require_real(name: str, value: Any) -> None:
    """Raise `TypeError` unless `value` is a real number or an array of them."""
    try:
        kind = np.asarray(value).dtype.kind
    except ValueError:  # rows of different lengths
        kind = "O"
    if kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got {value!r}")
