"""Training a transformer on fresh prompts, and comparing it with the textbook learners."""

import dataclasses
import hashlib
import os
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
from sims.in_context_learning.domains import Rate, Size
from sims.in_context_learning.learner import Transformer, require_readable
from sims.in_context_learning.prompts import PromptLaw, Prompts, draw_prompts, tokens
from theory_on_trial.base.progress import ProgressSetting, progress_bar
from theory_on_trial.contract import Interval, NonNegative, guarded, require
from theory_on_trial.sweep.chunk import current_settings
from theory_on_trial.sweep.store import ChunkStore

# Read as it is loaded, and no more of the package than the weights depend on: hours of training
# depend on it.
_FILES = [Path(__file__).with_name(f"{name}.py") for name in ("prompts", "learner", "training")]
_SOURCE = hashlib.sha256(b"".join(file.read_bytes() for file in _FILES)).hexdigest()
_STEPS_PER_CALL = 500
WarmUp = Annotated[float, Interval(0, 1, "[)")]
"""Share of the steps."""
_PROMPTS_PER_CALL = 1024


@guarded(double=False)
@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """What a transformer is, and what it is trained on; floats may change without a compilation.

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


class TrainedLearner(NamedTuple):
    """A trained transformer and the mean squared error of each step's batch before that step."""

    model: Transformer
    losses: Float[np.ndarray, "steps"]


class Evaluation(NamedTuple):
    """Squared numbers, prompt by prompt and prefix by prefix: a learner's `errors`, their `excess`
    over the rules' errors, and its `differences` from the rules' predictions, whose mean is the
    SPD.
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
    """Train a transformer from a random start, in float32; `key` is of the start and of all
    prompts.

    In the folder `checkpoint` what is reached after every 500 steps is kept, and a run with the
    same key, settings, versions of the libraries, kind of device and source goes on from it, to the
    same end bit for bit; any number of runs may share a folder. `progress` is a bar on a terminal
    if "auto", always or never if True or False; or a function to be called with the steps done, all
    steps and the seconds since the start, every 500 steps. Weights and losses are infinite or NaN
    where the descent diverges. Raises ValueError for sizes out of range, and for a `progress` or a
    `checkpoint` that is none of these. Source: objective (8) of Akyürek et al. 2023; Adam's β =
    (0.9, 0.98) and ε = 1e-9 as there.
    """
    start_key, data_key = jax.random.split(key)
    sizes = {
        name: getattr(settings, name)
        for name in ("dimension", "examples", "layers", "width", "heads")
    }
    model = eqx.filter_jit(Transformer)(start_key, **sizes)
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
    numbers = (settings.noise_std, settings.weight_std, settings.weight_mean)
    law = PromptLaw(*(jnp.float32(number) for number in numbers))
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
    of_law = ("noise_std", "weight_std", "weight_mean")
    shared = {name: getattr(first, name) for name in of_law}
    require(
        all(dataclasses.replace(other, **shared) == first for other in settings),
        f"settings must agree in all but {', '.join(of_law)}",
    )
    start_keys, data_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    sizes = {
        name: getattr(first, name) for name in ("dimension", "examples", "layers", "width", "heads")
    }
    models = eqx.filter_jit(eqx.filter_vmap(lambda key: Transformer(key, **sizes)))(start_keys)
    arrays, static = eqx.partition(models, eqx.is_array)
    state = models, jax.vmap(_ADAM.init)(arrays)
    laws = PromptLaw(
        *(jnp.array([getattr(one, name) for one in settings], jnp.float32) for name in of_law)
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
    """What a transformer predicts for every example of each prompt from those before it. Raises
    ValueError for prompts without one leading axis, too long, or of another dimension.
    """
    require_readable(model, prompts)
    inputs = tokens(prompts).astype(model.positions.dtype)
    return _predictions(model, inputs).astype(float)


@guarded(double=False)
def evaluate(model: Transformer, prompts: Prompts, rules: list[Rule]) -> Evaluation:
    """Compare a trained transformer, in its own dtype, with rules in float64 on prompts that it has
    not seen. Raises TypeError in float32, ValueError for prompts that `predict_all` refuses.
    """
    of_rules = predict_all(prompts, rules)
    predictions = in_context_predictions(model, prompts)
    errors = (predictions - prompts.labels) ** 2
    return Evaluation(
        errors, errors - (of_rules - prompts.labels) ** 2, (predictions - of_rules) ** 2
    )


_ADAM = optax.scale_by_adam(b1=0.9, b2=0.98, eps=1e-9)
_ONLY_CHUNK = {
    "run": np.zeros(1, np.int64)
}  # a run's later state takes the place of the earlier one


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
