"""A compiled program: weights of all layers, where its registers lie, and how to run it."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float

from sims.in_context_learning.domains import Hidden
from sims.in_context_learning.layer import LayerNormMode, LayerWeights, decoder_layer
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import guarded, require

HEADROOM = 9.0
"""GeLU(z) = z to 1e-18 from z = 9 on: the room that a passing unit must keep, and a shut one below
zero.
"""


@dataclass(frozen=True)
class Layout:
    """Rows of the hidden state: registers, scratch (zero between layers), two pads, position units,
    a one; `output_rows` are the registers that the last instruction writes.
    """

    registers: int
    scratch: int
    positions: int
    output_rows: tuple[int, ...]

    @property
    def scratch_rows(self) -> range:
        """The rows that hold what the read head has read, within a layer."""
        return range(self.registers, self.registers + self.scratch)

    @property
    def pad_rows(self) -> range:
        """The two rows that steer the layer norm."""
        return range(self.registers + self.scratch, self.registers + self.scratch + 2)

    @property
    def position_rows(self) -> range:
        """The one-hot code of the position."""
        return range(self.pad_rows.stop, self.pad_rows.stop + self.positions)

    @property
    def constant_row(self) -> int:
        """The row that is one everywhere."""
        return self.position_rows.stop

    @property
    def rows(self) -> int:
        """L, the width of the hidden state."""
        return self.constant_row + 1


class Scales(NamedTuple):
    """The scales of a construction, of all its layers.
    `product` is s of the GeLU product, `bypass` N of the GeLU bypass, which must exceed every
    |entry| that is passed on by 9, `pad` N of the layer-norm pads, `sharpness` N_a of the attention
    scores.
    """

    product: float = 1e-6
    bypass: float = 1e3
    pad: float = 1e7
    sharpness: float = 64.0


@partial(
    jax.tree_util.register_dataclass, data_fields=["weights", "scales"], meta_fields=["layout"]
)
@dataclass(frozen=True)
class Network:
    """Stacked weights of all layers, the scales that they were built with, and the layout of the
    hidden state.
    """

    weights: LayerWeights
    scales: Scales
    layout: Layout


class Run(NamedTuple):
    """Hidden states after the last layer, headroom of every layer, and whether any was below 9:
    something was clipped. A clipped value is wrong without looking wrong, so look at `overflow`
    before the values. A value that is not finite counts as clipped.
    """

    hidden: Float[Array, "rows positions"]
    headroom: Float[Array, "layers"]
    overflow: Bool[Array, ""]


@guarded(double=False)
def embed(
    network: Network, register_state: Float[AnyArray, "given positions"]
) -> Float[Array, "rows positions"]:
    """The hidden state with the given registers (the first ones; the rest start at 0), positions
    and the one. Raises ValueError for more rows than registers, or another number of positions than
    the network was compiled for.
    """
    layout = network.layout
    n_rows, positions = register_state.shape
    require(
        n_rows <= layout.registers and positions == layout.positions,
        f"register_state must have at most {layout.registers} rows and {layout.positions} columns, "
        f"got shape {register_state.shape}",
    )
    dtype = network.weights.inner.dtype
    at_rest = jnp.zeros((layout.position_rows.start - n_rows, positions), dtype)
    codes = [jnp.eye(positions, dtype=dtype), jnp.ones((1, positions), dtype)]
    return jnp.concatenate([jnp.asarray(register_state, dtype), at_rest, *codes])


@guarded(double=False)
@partial(jax.jit, static_argnames="layer_norm")
def run(network: Network, hidden: Hidden, *, layer_norm: LayerNormMode = "ideal") -> Run:
    """The hidden state of one prompt after all layers. Raises ValueError for a state of another
    precision or shape.
    """
    _require_hidden(network, hidden)
    if hidden.dtype != network.weights.inner.dtype:
        raise ValueError(
            f"hidden must be {network.weights.inner.dtype} like the weights, got {hidden.dtype}"
        )

    # Layers are stacked and scanned, so that compilation does not grow with their number.
    def pass_through(state: Array, weights: LayerWeights) -> tuple[Array, Array]:
        output = decoder_layer(weights, state, layer_norm)
        return output.hidden, output.headroom  # JAX from 0.12 on wants a plain pair

    hidden, headroom = lax.scan(pass_through, hidden, network.weights)
    return Run(hidden, headroom, ~jnp.all(headroom >= HEADROOM))


def _require_hidden(network, hidden):
    expected = network.layout.rows, network.layout.positions
    found = hidden.shape
    require(
        found == expected,
        f"hidden must have the shape {expected} that network was compiled for, got {found}",
    )
