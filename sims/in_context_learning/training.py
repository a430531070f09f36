"""The transformer that learns in context, a small decoder with an un-normalised residual stream:
its training on fresh prompts, and its comparison with the textbook learners.
"""

import dataclasses
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from jaxtyping import Float, Key

from sims.in_context_learning.baselines import Rule, predict_all
from sims.in_context_learning.domains import ProgramSize, Rate, Size, require_prompts
from sims.in_context_learning.prompts import (
    PromptLaw,
    Prompts,
    draw_prompts,
    sample_prompts,
    tokens,
)
from theory_on_trial.base.arrays import FloatType
from theory_on_trial.base.progress import ProgressSetting, progress_bar
from theory_on_trial.contract import Interval, NonNegative, guarded, require
from theory_on_trial.sweep.chunk import current_settings
from theory_on_trial.sweep.store import ChunkStore

# Read as it is loaded, and no more of the package than the weights depend on: hours of training
# depend on it.
_FILES = [Path(__file__).with_name(f"{name}.py") for name in ("prompts", "training")]
_SOURCE = hashlib.sha256(b"".join(file.read_bytes() for file in _FILES)).hexdigest()
_STEPS_PER_CALL = 500
WarmUp = Annotated[float, Interval(0, 1, "[)")]
"""Share of the steps."""
_PROMPTS_PER_CALL = 1024
_OF_LAW = ("noise_std", "weight_std", "weight_mean")


class Layer(eqx.Module):
    """A decoder layer, with an MLP of width 4H and GeLU (erf).

    It does h ← h + Attention(LN(h)) and then h ← h + MLP(LN(h)).
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
    """A transformer with a linear embedding, learned positions, layers with a layer norm before the
    attention, and a linear read-out.
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
    """Yield linear maps of the given sizes from one draw for all, because a draw of Equinox for
    each takes long to compile.
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


@guarded(double=False)
@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """The sizes of a transformer, its prompts and its training; floats may change without a new
    compilation.

    Its sizes: `dimension` d and `examples` n of a prompt, `layers` L, `width` H (a multiple of
    `heads` M). The prompts: labels with noise σ = `noise_std` that are input and target both,
    weights N(`weight_mean`, τ² = `weight_std`²). The descent: `steps` of Adam on `batch` fresh
    prompts each, with a learning rate that rises linearly to `learning_rate` during the share
    `warm_up` of the steps and falls to 0 along a cosine. Source: the training of Akyürek et al.
    2023 (its warm-up: 0.2), at sizes chosen here.
    """

    dimension: Size
    examples: Size
    layers: Size
    width: Size
    heads: Size
    steps: Size
    learning_rate: Rate
    batch: Size = 64
    noise_std: NonNegative = 0.0
    weight_std: NonNegative = 1.0
    weight_mean: float = 0.0
    warm_up: WarmUp = 0.1

    @guarded(double=False)
    def start(self, key: Key[Array, ""]) -> Transformer:
        """The transformer of these sizes at a random start, in float32."""
        sizes = ("dimension", "examples", "layers", "width", "heads")
        return Transformer(key, **{name: getattr(self, name) for name in sizes})

    @guarded(double=False)
    def prompts(self, key: Key[Array, ""], count: Size) -> Prompts:
        """Return new prompts of the kind that the transformer is trained on, in JAX's precision."""
        law = {name: getattr(self, name) for name in _OF_LAW}
        return sample_prompts(key, count, self.examples, self.dimension, **law)


class TrainedLearner(NamedTuple):
    """A trained transformer and the mean squared error of each step's batch before that step."""

    model: Transformer
    losses: Float[np.ndarray, "steps"]


class Evaluation(NamedTuple):
    """Squared errors and differences of a learner, for each prompt and each prefix.

    They are the squared `errors` of the learner, their `excess` over those of the rules, and the
    squared `differences` from the predictions of the rules, whose mean is the SPD.
    """

    errors: Float[Array, "count prefixes"]
    excess: Float[Array, "rules count prefixes"]
    differences: Float[Array, "rules count prefixes"]


@guarded(double=False)
def train(
    key: Key[Array, ""],
    settings: TrainingSettings,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: ProgressSetting = "auto",
) -> TrainedLearner:
    """Train a transformer from a random start, in float32. `key` draws the start and all prompts.

    The folder `checkpoint` keeps the state after every 500 steps. A run with the same key,
    settings, versions of the libraries, kind of device and source continues from it and ends in the
    same bits; any number of runs may share a folder. `progress` shows a bar on a terminal if
    "auto", always if True and never if False. It may also be a function, which is called every 500
    steps with the steps done, all steps and the seconds since the start. Weights and losses are
    infinite or NaN where the descent diverges. Raises ValueError for sizes out of range, and for a
    `progress` or a `checkpoint` of another kind. Source: objective (8) of Akyürek et al. 2023, with
    its Adam's β = (0.9, 0.98) and ε = 1e-9.
    """
    start_key, data_key = jax.random.split(key)
    model = eqx.filter_jit(settings.start)(start_key)
    state = model, _ADAM.init(eqx.filter(model, eqx.is_array))
    losses = np.full(settings.steps, np.nan, np.float32)
    start = 0
    store = (
        None if checkpoint is None else ChunkStore(checkpoint, "training", _identity(key, settings))
    )
    if store is not None:
        for _, arrays in store.chunks():
            state, losses, start = _unpacked(arrays, state)
    rates = _learning_rates(settings)
    law = PromptLaw(*(jnp.float32(getattr(settings, name)) for name in _OF_LAW))
    with progress_bar(progress, "training", "step", settings.steps, start) as advance:
        while start < settings.steps:
            steps = min(_STEPS_PER_CALL, settings.steps - start)
            chunk_rates = np.zeros(_STEPS_PER_CALL, np.float32)
            chunk_rates[:steps] = rates[start : start + steps]
            shape = settings.batch, settings.examples, settings.dimension
            state, new_losses = _advance(
                state, data_key, jnp.int32(start), jnp.int32(steps), chunk_rates, law, shape
            )
            losses[start : start + steps] = new_losses[:steps]
            start += steps
            if store is not None:
                store.save(_ONLY_CHUNK, _packed(state, losses, start))
            advance(steps)
    return TrainedLearner(state[0], losses)


@guarded(double=False)
def train_together(
    keys: Key[Array, "runs"],
    settings: list[TrainingSettings],
) -> list[Transformer]:
    """Train a transformer for each key and its settings, all in one compiled program, in float32.

    The settings must be as many as keys and may differ in the law of the prompts alone
    (`noise_std`, `weight_std`, `weight_mean`). Nothing is kept on disk. Weights are infinite or NaN
    where a descent diverges. Raises ValueError for another number of settings, and for settings
    that differ in more. Source: as `train`.
    """
    require(
        len(settings) == len(keys) > 0,
        f"settings must be as many as the {len(keys)} keys, one at least, got {len(settings)}",
    )
    first = settings[0]
    shared = {name: getattr(first, name) for name in _OF_LAW}
    require(
        all(dataclasses.replace(other, **shared) == first for other in settings),
        f"settings must agree in all but {', '.join(_OF_LAW)}",
    )
    start_keys, data_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    models = eqx.filter_jit(eqx.filter_vmap(first.start))(start_keys)
    arrays, static = eqx.partition(models, eqx.is_array)
    state = models, jax.vmap(_ADAM.init)(arrays)
    laws = PromptLaw(
        *(jnp.array([getattr(one, name) for one in settings], jnp.float32) for name in _OF_LAW)
    )
    rates = _learning_rates(first).astype(np.float32)
    shape = first.batch, first.examples, first.dimension
    for start in range(0, first.steps, _STEPS_PER_CALL):
        steps = min(_STEPS_PER_CALL, first.steps - start)
        of_call = np.zeros(_STEPS_PER_CALL, np.float32)
        of_call[:steps] = rates[start : start + steps]
        state, _ = _advance_all(
            state, data_keys, jnp.int32(start), jnp.int32(steps), of_call, laws, shape
        )
    arrays = eqx.filter(state[0], eqx.is_array)
    return [
        eqx.combine(jax.tree.map(lambda leaf, run=run: leaf[run], arrays), static)
        for run in range(len(keys))
    ]


@guarded(double=False)
def in_context_predictions(model: Transformer, prompts: Prompts) -> Float[Array, "count prefixes"]:
    """A transformer's prediction for every example of each prompt from the examples before it.
    Raises ValueError for prompts without one leading axis, too long, or of another dimension.
    """
    require_readable(model, prompts)
    inputs = tokens(prompts).astype(model.positions.dtype)
    return _predictions(model, inputs).astype(float)


@guarded(double=False)
def evaluate(model: Transformer, prompts: Prompts, rules: list[Rule]) -> Evaluation:
    """Compare a trained transformer, in its own dtype, with rules in float64, on prompts that it
    has not seen. Raises TypeError in float32, and ValueError for prompts that `predict_all`
    refuses.
    """
    of_rules = predict_all(prompts, rules)
    predictions = in_context_predictions(model, prompts)
    errors = (predictions - prompts.labels) ** 2
    return Evaluation(
        errors, errors - (of_rules - prompts.labels) ** 2, (predictions - of_rules) ** 2
    )


_ADAM = optax.scale_by_adam(b1=0.9, b2=0.98, eps=1e-9)
# A run's later state takes the place of the earlier one
_ONLY_CHUNK = {"run": np.zeros(1, np.int64)}


@eqx.filter_jit
def _advance(state, data_key, first, steps, rates, law, shape):
    static = eqx.filter(state[0], eqx.is_array, inverse=True)

    def loss(arrays, prompts):
        predictions = jax.vmap(eqx.combine(arrays, static).predictions)(tokens(prompts))
        return jnp.mean((predictions - prompts.labels) ** 2)

    def descend(index, running):
        arrays, moments, losses = running
        key = jax.random.fold_in(data_key, first + index)
        prompts = draw_prompts(key, shape, law, jnp.float32)
        value, gradient = jax.value_and_grad(loss)(arrays, prompts)
        updates, moments = _ADAM.update(gradient, moments)
        arrays = jax.tree.map(lambda entry, update: entry - rates[index] * update, arrays, updates)
        return arrays, moments, losses.at[index].set(value)

    start = eqx.filter(state[0], eqx.is_array), state[1], jnp.zeros_like(rates)
    arrays, moments, losses = lax.fori_loop(0, steps, descend, start)
    return (eqx.combine(arrays, static), moments), losses


_advance_all = eqx.filter_jit(
    eqx.filter_vmap(_advance, in_axes=(eqx.if_array(0), 0, None, None, None, eqx.if_array(0), None))
)


@eqx.filter_jit
def _predictions(model, read):
    return lax.map(model.predictions, read, batch_size=_PROMPTS_PER_CALL)


def _learning_rates(settings: TrainingSettings) -> Float[np.ndarray, "steps"]:
    index = np.arange(settings.steps)
    warm_up_steps = int(settings.warm_up * settings.steps)
    rising = index / max(warm_up_steps, 1)
    falling = (1 + np.cos(np.pi * (index - warm_up_steps) / (settings.steps - warm_up_steps))) / 2
    return settings.learning_rate * np.where(index < warm_up_steps, rising, falling)


def _identity(key: Any, settings: TrainingSettings) -> dict[str, Any]:
    return {
        "key": [str(jax.random.key_impl(key)), np.asarray(jax.random.key_data(key)).tolist()],
        "settings": dataclasses.asdict(settings),
        "source": _SOURCE,
        "device": jax.local_devices()[0].device_kind,
        "libraries": [jax.__version__, eqx.__version__, optax.__version__],
        "configuration": {name: str(value) for name, value in current_settings().items()},
    }


def _packed(state: Any, losses: np.ndarray, done: int) -> dict[str, np.ndarray]:
    leaves = jax.tree.leaves(eqx.filter(state, eqx.is_array))
    arrays = {f"leaf{index}": np.asarray(leaf)[None] for index, leaf in enumerate(leaves)}
    return arrays | {"losses": losses[None], "done": np.array([done])}


def _unpacked(kept: dict[str, np.ndarray], state: Any) -> tuple[Any, np.ndarray, int]:
    arrays, static = eqx.partition(state, eqx.is_array)
    leaves = [jnp.asarray(kept[f"leaf{index}"][0]) for index in range(len(jax.tree.leaves(arrays)))]
    restored = jax.tree.unflatten(jax.tree.structure(arrays), leaves)
    return eqx.combine(restored, static), kept["losses"][0], int(kept["done"][0])
