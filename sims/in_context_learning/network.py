"""The transformer of the constructions: its nonlinearities, its decoder layer, and a compiled
program that runs.

GeLU multiplies and layer norm divides. A layer has causal softmax heads, a residual that is never
normalised, and layer norm in the MLP only. Source: Akyürek et al. 2023 (arXiv 2211.15661).
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Int, ScalarLike

from sims.in_context_learning.domains import GeluForm, Hidden, require_shapes
from sims.in_context_learning.programs import prompt_state
from theory_on_trial.base.arrays import AnyArray, FloatType
from theory_on_trial.contract import ANY_NUMBER, guarded, is_traced, require

Columns = Annotated[Float[AnyArray, "rows *positions"], ANY_NUMBER]
"""Numbers at every position, a column each, finite or not."""


@guarded(double=False)
def gelu(x: Float[AnyArray, "*shape"], form: GeluForm = "erf") -> Float[Array, "*shape"]:
    """Return GeLU(x) = x Φ(x), or (x/2)(1 + tanh(√(2/π)(x + 0.044715 x³))) for the form "tanh".

    Source: Akyürek et al. 2023 (arXiv 2211.15661), whose proof uses the tanh form.
    """
    return activated(x, form)


def activated(x: Float[AnyArray, "*shape"], form: GeluForm) -> Float[Array, "*shape"]:
    """Return what `gelu` returns, for the numbers of a layer, which need not be finite."""
    return jax.nn.gelu(x, approximate=form == "tanh")


@guarded(double=False)
def gelu_product(
    x: Float[AnyArray, "*shape"],
    y: Float[AnyArray, "*shape"],
    scale: ScalarLike,
    form: GeluForm = "erf",
    richardson: bool = False,
) -> Float[Array, "*shape"]:
    """The product x y from three GeLUs, m_s = √(π/2) s⁻² [GeLU(s(x+y)) - GeLU(sx) - GeLU(sy)], or
    from six.

    The error of m_s falls as s² until rounding, which grows as 1/s, takes over. With `richardson`
    the result is (4 m_s - m_2s) / 3, whose error falls as s⁴.
    Raises ValueError for a scale below `least_product_scale`.
    Source: Akyürek et al. 2023, Lemma 4 and Figure 7; Richardson's combination: derived here.
    """
    require_product_scale(scale, jnp.result_type(x, y))
    terms = product_terms(scale, richardson)
    return jnp.asarray(
        sum(c * (gelu(a * (x + y), form) - gelu(a * x, form) - gelu(a * y, form)) for a, c in terms)
    )


def product_terms(scale: ScalarLike, richardson: bool) -> list[tuple[ScalarLike, ScalarLike]]:
    """The pairs (a, c) with x y ≈ Σ c [GeLU(a(x+y)) - GeLU(ax) - GeLU(ay)]: one pair, or two with
    `richardson`.
    """
    coefficient = (jnp.pi / 2) ** 0.5 / scale**2
    if richardson:
        return [(scale, 4 / 3 * coefficient), (2 * scale, -coefficient / 12)]
    return [(scale, coefficient)]


@guarded(double=False)
def least_product_scale(dtype: FloatType) -> float:
    """The scale below which rounding leaves less than half of the digits of a product: 1.5e-8 in
    float64.
    """
    return float(jnp.finfo(dtype).eps) ** 0.5


def require_product_scale(scale: Any, dtype: np.dtype) -> None:
    """Raise `ValueError` unless `scale` is finite and at least `least_product_scale`; traced values
    pass.
    """
    if not is_traced(scale) and not least_product_scale(dtype) <= float(scale) < float("inf"):
        raise ValueError(
            f"the product scale must be finite and at least {least_product_scale(dtype):.1e} in "
            f"{np.dtype(dtype)} "
            f"(rounding dominates the GeLU product below), got {float(scale):g}"
        )


@guarded(double=False)
def layer_norm(rows: Columns) -> Float[Array, "rows *positions"]:
    """Return (v - E v) / √Var v for every column v, with the population variance and without ε and
    gain.

    It is NaN for a constant or infinite column. Source: Akyürek et al. 2023, the λ of the layer's
    equations (1)-(6).
    """
    return (jnp.asarray(rows) - rows.mean(axis=0)) / rows.std(axis=0)


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
    """Return the hidden state after one decoder layer; use `vmap` for several prompts.

    The layer computes a = W^F [b_1; ...; b_m] and then h' = W_1 GeLU(W_2 λ(a + h) + b_2) + b_1 +
    a + h, where b_j = W^V_j H softmax((W^K_j H)ᵀ W^Q_j h_i) with the softmax over positions up to
    i. A `layer_norm`
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
    """Return the sum W^F [b_1; ...; b_m] of the causal softmax heads b_j."""
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
    """The input of the MLP: the layer norm of the residual stream times the gain, or its ideal
    limit.
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


HEADROOM = 9.0
"""GeLU(z) = z to 1e-18 from z = 9 on: the room that a passing unit must keep, and a shut one below
zero.
"""


@dataclass(frozen=True)
class Layout:
    """The rows of the hidden state, in this order: registers, scratch (zero between layers), two
    pads, the units of the position, and a row of ones. `output_rows` are the registers that the
    last instruction writes.
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
    """The hidden states after the last layer, the headroom of every layer, and whether any headroom
    was below 9, so that something was clipped.

    A clipped value is wrong but looks like any other, so check `overflow` before the values. A
    value that is not finite counts as clipped.
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


class Prediction(NamedTuple):
    """The network's answer to every prompt, and whether something was clipped on the way (see
    `Run`).
    """

    value: Float[Array, "prompts"]
    overflow: Bool[Array, "prompts"]


@guarded(double=False)
@partial(jax.jit, static_argnames="layer_norm")
def predict(
    network: Network,
    inputs: Float[AnyArray, "prompts examples dim"],
    labels: Float[AnyArray, "prompts examples"],
    query: Float[AnyArray, "prompts dim"],
    *,
    layer_norm: LayerNormMode = "ideal",
) -> Prediction:
    """The answers of a compiled program: what its last instruction has written at the query.

    They are infinite or NaN only where something was clipped. Raises ValueError for prompts of
    another length than that for which the program was compiled, and as `run`.
    """
    layout = network.layout
    shape = (query.shape[1] + 1, 2 * inputs.shape[1] + 1)
    require(
        shape[0] <= layout.registers and shape[1] == layout.positions,
        f"inputs and query must make tokens of at most {layout.registers} rows and "
        f"{layout.positions} columns, "
        f"got shape {shape}",
    )
    answer_row = network.layout.output_rows[0]

    def answer(tokens):
        end = run(network, embed(network, tokens), layer_norm=layer_norm)
        return end.hidden[answer_row, -1], end.overflow

    return Prediction(*jax.vmap(answer)(prompt_state(inputs, labels, query)))
