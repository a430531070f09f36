"""The paper's decoder layer: causal softmax heads, a residual that is never normalised, layer norm
in the MLP only.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from sims.in_context_learning._records import require_shapes
from sims.in_context_learning.activations import activated, layer_norm
from sims.in_context_learning.domains import Hidden
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import guarded

LayerNormMode = Literal["ideal", "realised"]


class LayerWeights(NamedTuple):
    """The weights of one decoder layer, or of a stack of equally large ones (a leading axis of
    layers).

    `keys`, `queries`, `values` are W^K, W^Q, W^V of every head, `mix` is W^F, `inner` and
    `inner_bias` W_2 and b_2, `outer` and `outer_bias` W_1 and b_1. `gain` is a factor N √(2/L) of
    W_2, kept apart from it because only a layer norm that is realised needs it; an ideal one
    divides by the row on which `divisor` is 1. `gate` says what the unit of the MLP is built for at
    each position: to pass its input on unclipped (1), to stay shut (-1), or neither (0).
    """

    keys: Float[AnyArray, "*layers heads keys rows"]
    queries: Float[AnyArray, "*layers heads keys rows"]
    values: Float[AnyArray, "*layers heads values rows"]
    mix: Float[AnyArray, "*layers rows heads values"]
    inner: Float[AnyArray, "*layers units rows"]
    inner_bias: Float[AnyArray, "*layers units"]
    outer: Float[AnyArray, "*layers rows units"]
    outer_bias: Float[AnyArray, "*layers rows"]
    gain: Float[AnyArray, "*layers"]
    divisor: Float[AnyArray, "*layers rows"]
    gate: Int[AnyArray, "*layers units positions"]


class LayerOutput(NamedTuple):
    """The hidden states after a layer, and the least pre-activation (signed by `gate`) of its gated
    units. A unit that passes x on as GeLU(N + x) - N clips x where its pre-activation N + x is not
    well above zero.
    """

    hidden: Float[Array, "rows positions"]
    headroom: Float[Array, ""]


@guarded(double=False)
def decoder_layer(
    weights: LayerWeights, hidden: Hidden, layer_norm: LayerNormMode = "ideal"
) -> LayerOutput:
    """One layer: a = W^F [b_1; ...; b_m], then h' = W_1 GeLU(W_2 λ(a + h) + b_2) + b_1 + a + h;
    `vmap` over prompts.

    b_j = W^V_j H softmax((W^K_j H)ᵀ W^Q_j h_i), the softmax over positions up to i. A `layer_norm`
    that is "realised" is the λ of the paper; an "ideal" one is its limit for infinite pads: the
    identity, or a division by the absolute value of one row, with infinite or NaN states and a
    headroom of -inf where that is zero (+inf where no unit has a gate). Raises ValueError for
    weights that do not fit each other or the hidden state. Source: Akyürek et al. 2023 (arXiv
    2211.15661), equations (1)-(6).
    """
    _require_fit(weights, hidden)
    stream = hidden + attention(weights, hidden)
    inputs = normalise(weights, stream, layer_norm)
    entering = matmul(weights.inner, inputs) + weights.inner_bias[:, None]
    change = matmul(weights.outer, activated(entering, "erf")) + weights.outer_bias[:, None]
    # An infinity (a division by zero) is as good as clipped: it is NaN in the next sum.
    signal = jnp.where(jnp.isfinite(entering), weights.gate * entering, -jnp.inf)
    return LayerOutput(stream + change, jnp.min(signal, initial=jnp.inf, where=weights.gate != 0))


def _require_fit(weights, hidden):
    """Raise `ValueError` for weights that do not fit each other or the hidden state, `TypeError`
    for no arrays.
    """
    rows, positions = hidden.shape
    units = len(weights.inner_bias) if np.ndim(weights.inner_bias) else 0
    heads, width, _ = np.shape(weights.values) if np.ndim(weights.values) == 3 else (0, 0, 0)
    keys = np.shape(weights.keys)[1] if np.ndim(weights.keys) == 3 else 0
    shapes = {
        "keys": (heads, keys, rows),
        "queries": (heads, keys, rows),
        "values": (heads, width, rows),
        "mix": (rows, heads, width),
        "inner": (units, rows),
        "inner_bias": (units,),
        "outer": (rows, units),
        "outer_bias": (rows,),
        "gain": (),
        "divisor": (rows,),
        "gate": (units, positions),
    }
    if not min(rows, positions, heads, keys, width, units):
        raise ValueError(
            "weights and hidden must have an entry along every axis, got hidden of shape "
            f"{hidden.shape}"
        )
    expected = {name: (getattr(weights, name), shape) for name, shape in shapes.items()}
    require_shapes("weights", expected, "one layer, for the rows and positions of hidden")


def attention(
    weights: LayerWeights, hidden: Float[Array, "rows positions"]
) -> Float[Array, "rows positions"]:
    """W^F [b_1; ...; b_m] of the causal softmax heads."""
    keys, queries, values = (
        jnp.einsum("hvr,rp->hvp", projection, hidden, precision="highest")
        for projection in (weights.keys, weights.queries, weights.values)
    )
    scores = jnp.einsum("hkj,hki->hij", keys, queries, precision="highest")
    causal = jnp.tril(jnp.ones(scores.shape[1:], bool))
    weighting = jax.nn.softmax(scores, axis=-1, where=causal)
    outputs = jnp.einsum("hvj,hij->hvi", values, weighting, precision="highest")
    return jnp.einsum("rhv,hvi->ri", weights.mix, outputs, precision="highest")


def normalise(
    weights: LayerWeights, stream: Float[Array, "rows positions"], mode: str
) -> Float[Array, "rows positions"]:
    """What the MLP reads: the layer norm of the residual stream times the gain, or the ideal of
    it.
    """
    if mode not in ("ideal", "realised"):
        raise ValueError(f'layer_norm must be "ideal" or "realised", got {mode!r}')
    if mode == "ideal":
        return stream / jnp.abs(matmul(weights.divisor, stream))
    return jnp.asarray(weights.gain) * layer_norm(stream)


def matmul(
    left: Float[AnyArray, "*rows inner"], right: Float[Array, "inner columns"]
) -> Float[Array, "*rows columns"]:
    """The product in full precision on every device."""
    return jnp.matmul(left, right, precision="highest")
