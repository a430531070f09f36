"""From instructions to the weights of a transformer, with one decoder layer for each instruction:
the explicit form of the paper's Lemma 1.

Every layer does the same four things. The read head brings W_a mean h_j[r] into the scratch rows.
The self head sets the pads so that the layer norm is the identity (pads ±N - S/2, S the sum of all
other rows) or divides (±N c - S/2). The MLP multiplies by GeLU where the instruction does, and
writes the result minus the old value. It then clears the scratch. Source: Akyürek et al. 2023
(arXiv 2211.15661), Lemmas 4-8; balanced pads, gated copies and explicit sizes: derived here.
"""

from collections.abc import Sequence
from numbers import Real
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from sims.in_context_learning.domains import Size
from sims.in_context_learning.network import (
    LayerWeights,
    Layout,
    Network,
    Scales,
    product_terms,
    require_product_scale,
)
from sims.in_context_learning.programs import Division, Instruction, Raw, require_instructions
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import guarded, require

GATE = 10.0
"""A unit that is to stay shut gets -GATE times the bypass shift: it stays shut for entries up to 8
shifts.
"""


@guarded(double=False)
def compile_program(
    instructions: Sequence[Instruction],
    *,
    registers: Size,
    positions: Size,
    scales: Scales,
    balanced: bool = True,
) -> Network:
    """The transformer that runs the program: one decoder layer per instruction, with weights in
    float64.

    Instructions act on the rows (`registers`) of a state with a column for each of T `positions`.
    Pads are ±N - S/2 if `balanced`, whose error is of second order in 1/N, else the paper's N and
    -N - S (first order). Raises ValueError for no instruction, for a row or position that does not
    exist, and for scales out of range; TypeError in float32.
    """
    require_instructions(instructions, registers, positions)
    require_float64("the compiled program")
    require_scales(scales)
    raws = [instruction for instruction in instructions if isinstance(instruction, Raw)]
    layout = Layout(
        registers=registers,
        scratch=max((len(raw.read_matrix) for raw in raws), default=0),
        positions=positions,
        output_rows=instructions[-1].write_rows,
    )
    layers = [_layer(instruction, layout, scales, balanced) for instruction in instructions]
    units = max(len(layer.inner) for layer in layers)
    equal_layers = [_with_idle_units(layer, units) for layer in layers]
    weights = jax.tree.map(lambda *arrays: np.stack(arrays), *equal_layers)
    # With the type named JAX takes the numbers as they are, without a program for each shape.
    return Network(
        jax.tree.map(lambda array: jnp.asarray(array, array.dtype), weights), scales, layout
    )


def _layer(
    instruction: Instruction, layout: Layout, scales: Scales, balanced: bool
) -> LayerWeights:
    """The weights of one layer, with as many units in the MLP as it needs."""
    divisor_row = (
        instruction.divisor_row if isinstance(instruction, Division) else layout.constant_row
    )
    keys, queries, values, mix = _heads(instruction, layout, scales, balanced, divisor_row)
    if isinstance(instruction, Division):
        rows = np.eye(layout.rows)
        numerators = rows[list(instruction.numerator_rows)]
        targets = rows[list(instruction.write_rows)]
        units = [_passing(numerators, targets.T, scales.bypass, layout)]
    else:
        units = _arithmetic_units(instruction, layout, scales)
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
    rows = np.eye(layout.rows)
    scratch = layout.scratch
    width = max(layout.scratch, 2)
    looks_at = np.eye(layout.positions)
    values = np.zeros((2, width, layout.rows))
    if isinstance(instruction, Raw):
        for position, sources in instruction.reads.items():
            looks_at[:, position] = np.isin(np.arange(layout.positions), sources)
        values[0, : len(instruction.read_matrix), instruction.read_rows] = instruction.read_matrix.T
    upper, lower = layout.pad_rows
    mask = 1 - rows[upper] - rows[lower]
    upper_share, lower_share = (0.5, 0.5) if balanced else (0.0, 1.0)
    values[1, 0] = scales.pad * rows[divisor_row] - upper_share * mask - rows[upper]
    values[1, 1] = -scales.pad * rows[divisor_row] - lower_share * mask - rows[lower]
    mix = np.zeros((layout.rows, 2, width))
    mix[list(layout.scratch_rows), 0, np.arange(scratch)] = 1
    mix[upper, 0, :scratch] = -upper_share
    mix[lower, 0, :scratch] = -lower_share
    mix[upper, 1, 0] = mix[lower, 1, 1] = 1
    position_units = rows[list(layout.position_rows)]
    keys = np.stack([position_units, position_units])
    queries = scales.sharpness * np.stack([looks_at @ position_units, position_units])
    return keys, queries, values, mix


class _Units(NamedTuple):
    """Some hidden units of an MLP: rows of W_2, entries of b_2, columns of W_1, and what they are
    built for.
    """

    inner: Float[np.ndarray, "units rows"]
    bias: Float[np.ndarray, " units"]
    outer: Float[np.ndarray, "rows units"]
    gate: Int[np.ndarray, "units positions"]


def _passing(inner, outer, shift, layout):
    """Return the units that add `outer @ inner @ h` as GeLU(N + x) - N; the b_1 of the layer
    subtracts N again.
    """
    return _Units(
        inner, np.full(len(inner), shift), outer, np.ones((len(inner), layout.positions), np.int8)
    )


def _arithmetic_units(raw, layout, scales):
    """Return the units that write W_o (scratch ⋆ W h[s]) + b, subtract what was there before, and
    clear the scratch.
    """
    rows = np.eye(layout.rows)
    shift = scales.bypass
    scratch = rows[list(layout.scratch_rows)[: len(raw.read_matrix)]]
    operand = raw.own_matrix @ rows[list(raw.own_rows)]
    targets = rows[list(raw.write_rows)]
    constant = rows[layout.constant_row]
    change = np.outer(raw.bias, constant) - targets
    writing = []
    if raw.star == "*":
        outer = targets.T @ raw.out_matrix
        scale, coefficient = np.array(product_terms(scales.product, False)[0])
        inner = scale * np.concatenate([scratch + operand, scratch, operand])
        idle = np.zeros((len(inner), layout.positions), np.int8)
        signed = coefficient * np.concatenate([outer, -outer, -outer], axis=1)
        writing.append(_Units(inner, np.zeros(len(inner)), signed, idle))
    else:
        change = change + raw.out_matrix @ (scratch + operand)
    writing.append(_passing(change, targets.T, shift, layout))
    if raw.only_at is not None:
        here = rows[layout.position_rows[raw.only_at]]
        writing = [
            _shut_elsewhere(units, raw.only_at, GATE * shift * (here - constant))
            for units in writing
        ]
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
    n_idle = units - len(layer.inner)
    return layer._replace(
        inner=np.pad(layer.inner, ((0, n_idle), (0, 0))),
        inner_bias=np.pad(layer.inner_bias, (0, n_idle)),
        outer=np.pad(layer.outer, ((0, 0), (0, n_idle))),
        gate=np.pad(layer.gate, ((0, n_idle), (0, 0))),
    )


def require_scales(scales: Scales) -> None:
    """Raise `TypeError` unless all scales are numbers, `ValueError` unless they are in their
    range.
    """
    for name, value in scales._asdict().items():
        if not isinstance(value, Real):
            raise TypeError(f"scales.{name} must be a real number, got {value!r}")
        require(
            0 < float(value) < np.inf, f"scales.{name} must be positive and finite, got {value}"
        )
    require_product_scale(scales.product, np.dtype(float))
