"""The transformer that learns in context: a small decoder with an un-normalised residual stream."""

from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from sims.in_context_learning._records import require_prompts
from sims.in_context_learning.domains import ProgramSize
from sims.in_context_learning.prompts import Prompts
from theory_on_trial.base.arrays import FloatType
from theory_on_trial.contract import guarded, require


class Layer(eqx.Module):
    """One decoder layer, h ← h + Attention(LN(h)), h ← h + MLP(LN(h)), with an MLP of width 4H and
    GeLU (erf).
    """

    attention_norm: eqx.nn.LayerNorm
    queries_keys_values: eqx.nn.Linear
    heads_out: eqx.nn.Linear
    mlp_norm: eqx.nn.LayerNorm
    widen: eqx.nn.Linear
    narrow: eqx.nn.Linear
    heads: int = eqx.field(static=True)

    def __init__(self, maps: Iterator[eqx.nn.Linear], width: int, heads: int, dtype: FloatType):
        self.attention_norm = eqx.nn.LayerNorm(width, dtype=dtype)
        self.queries_keys_values = next(maps)
        self.heads_out = next(maps)
        self.mlp_norm = eqx.nn.LayerNorm(width, dtype=dtype)
        self.widen = next(maps)
        self.narrow = next(maps)
        self.heads = heads

    def __call__(self, hidden: Float[Array, "positions width"]) -> Float[Array, "positions width"]:
        """Pass one prompt's hidden states through the layer; a position sees itself and those
        before it.
        """
        positions, width = hidden.shape
        projections = jax.vmap(self.queries_keys_values)(jax.vmap(self.attention_norm)(hidden))
        queries, keys, values = jnp.moveaxis(
            projections.reshape(positions, 3, self.heads, -1), 1, 0
        )
        # Two thirds of the time of jax.nn.dot_product_attention at these sizes.
        scores = jnp.einsum("qhe,khe->hqk", queries, keys) / (width / self.heads) ** 0.5
        scores = jnp.where(jnp.tril(jnp.ones((positions, positions), bool)), scores, -jnp.inf)
        mixture = jnp.einsum("hqk,khe->qhe", jax.nn.softmax(scores), values)
        hidden = hidden + jax.vmap(self.heads_out)(mixture.reshape(positions, width))
        inner = jax.nn.gelu(
            jax.vmap(self.widen)(jax.vmap(self.mlp_norm)(hidden)), approximate=False
        )
        return hidden + jax.vmap(self.narrow)(inner)


class Transformer(eqx.Module):
    """Linear embedding, learned positions, layers with a layer norm before the attention, and a
    linear read-out.
    """

    embedding: eqx.nn.Linear
    positions: Float[Array, "positions width"]
    layers: tuple[Layer, ...]
    readout: eqx.nn.Linear

    @guarded(double=False)
    def __init__(
        self,
        key: Key[Array, ""],
        *,
        dimension: ProgramSize,
        examples: ProgramSize,
        layers: ProgramSize,
        width: ProgramSize,
        heads: ProgramSize,
        dtype: FloatType = jnp.float32,
    ):
        """Draw maps U(±1/√fan-in) and positions N(0, 0.02²). ValueError for a width that `heads`
        does not divide.
        """
        require(width % heads == 0, f"width must be a multiple of the {heads} heads, got {width}")
        of_layer = [(width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)]
        map_key, position_key = jax.random.split(key)
        maps = _linear_maps(
            map_key, [(dimension + 1, width), *of_layer * layers, (width, 1)], dtype
        )
        self.embedding = next(maps)
        self.positions = 0.02 * jax.random.normal(position_key, (2 * examples, width), dtype)
        self.layers = tuple(Layer(maps, width, heads, dtype) for _ in range(layers))
        self.readout = next(maps)

    @guarded(double=False)
    def hidden_states(
        self, tokens: Float[Array, "positions token"]
    ) -> Float[Array, "states positions width"]:
        """The embedded tokens of one prompt and then the stream after each layer. Raises ValueError
        for a prompt that is empty or longer than the model was made for, or has tokens of another
        width.
        """
        self._require_tokens(*tokens.shape)
        states = [jax.vmap(self.embedding)(tokens) + self.positions[: len(tokens)]]
        for layer in self.layers:
            states.append(layer(states[-1]))
        return jnp.stack(states)

    @guarded(double=False)
    def predictions(self, tokens: Float[Array, "positions token"]) -> Float[Array, "prefixes"]:
        """The predicted label at every x position of one prompt's tokens. Raises ValueError as
        `hidden_states`.
        """
        return jax.vmap(self.readout)(self.hidden_states(tokens)[-1, ::2])[:, 0]

    def _require_tokens(self, positions, width):
        if not 1 <= positions <= len(self.positions) or width != self.embedding.in_features:
            raise ValueError(
                f"tokens must be 1 to {len(self.positions)} of width {self.embedding.in_features}, "
                f"got {positions} of width {width}"
            )


def _linear_maps(key, sizes, dtype) -> Iterator[eqx.nn.Linear]:
    """Maps from so many numbers to so many, from one draw for all: Equinox's draw for each takes
    long to compile.
    """
    numbers = jax.random.uniform(
        key, (sum((inputs + 1) * outputs for inputs, outputs in sizes),), dtype, -1, 1
    )
    offset = 0
    for inputs, outputs in sizes:
        part = (
            numbers[offset : offset + (inputs + 1) * outputs].reshape(outputs, inputs + 1)
            / inputs**0.5
        )
        offset += part.size
        shape_only = eqx.filter_eval_shape(eqx.nn.Linear, inputs, outputs, dtype=dtype, key=key)
        yield eqx.tree_at(
            lambda map: (map.weight, map.bias), shape_only, (part[:, :-1], part[:, -1])
        )


def require_readable(model: Transformer, prompts: Prompts) -> None:
    """Raise ValueError unless the model can read the prompts: one leading axis, its dimension, not
    too long.
    """
    require_prompts(prompts)
    limit = len(model.positions) // 2
    width = model.embedding.in_features
    _, examples, dimension = prompts.inputs.shape
    if examples > limit or dimension + 1 != width:
        raise ValueError(
            f"prompts must have at most {limit} examples that make tokens of width {width} like "
            "the model, "
            f"got {examples} of width {dimension + 1}"
        )
