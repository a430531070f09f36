"""Probes: can a quantity be read off a model's hidden states, and at which positions?"""

from functools import partial
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax import Array, lax
from jaxtyping import Float, Key

from sims.in_context_learning.baselines import ols, weights_all
from sims.in_context_learning.domains import Rate, Size, require_prompts
from sims.in_context_learning.prompts import Prompts, tokens
from sims.in_context_learning.training import Transformer, require_readable
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Count, guarded, require

ProbeKind = Literal["linear", "mlp"]


class Probe(eqx.Module):
    """A probe that reads a vector off the hidden states h_t of all positions.

    It is v̂ = FF(Σ_t α_t W h_t), where α is the softmax of one learned score per position, and FF
    is a linear map or a two-layer MLP.
    """

    scores: Float[Array, "positions"]
    mixer: eqx.nn.Linear
    head: eqx.nn.MLP

    def attention(self) -> Float[Array, "positions"]:
        """The weights α of the positions; they sum to 1."""
        return jax.nn.softmax(self.scores)

    def __call__(self, hidden: Float[Array, "positions width"]) -> Float[Array, "outputs"]:
        """The decoded quantity of one prompt."""
        return self.head(self.mixer(self.attention() @ hidden))


class TrainedProbe(NamedTuple):
    """A probe, and the mean squared error on the batch of each step before that step."""

    probe: Probe
    losses: Float[Array, "steps"]


@guarded(double=False)
@eqx.filter_jit
def hidden_states(
    model: Transformer, prompts: Prompts
) -> Float[Array, "states count positions width"]:
    """The residual stream of a model for each prompt: L + 1 states, the embedded tokens first.
    Raises ValueError for prompts without one leading axis, too long, or of another dimension.
    """
    require_readable(model, prompts)
    inputs = tokens(prompts).astype(model.positions.dtype)
    return jax.vmap(model.hidden_states, out_axes=1)(inputs)


@guarded(double=False)
def moment_targets(prompts: Prompts, prefix: Count) -> Float[Array, "count dimension"]:
    """Return XᵀY of the first `prefix` examples, which determines a gradient step from 0.

    Raises ValueError for a prefix beyond n.
    """
    _require_prefix(prompts, prefix)
    return jnp.sum(prompts.inputs[:, :prefix] * prompts.labels[:, :prefix, None], axis=1)


@guarded(double=False)
def ols_targets(prompts: Prompts, prefix: Count) -> Float[Array, "count dimension"]:
    """The least-squares weights, of least norm, of the first `prefix` examples. Raises TypeError in
    float32, and ValueError for a prefix beyond n.
    """
    _require_prefix(prompts, prefix)
    # ŵ after n examples is that before the next one
    inputs = jnp.pad(prompts.inputs, ((0, 0), (0, 1), (0, 0)))
    labels = jnp.pad(prompts.labels, ((0, 0), (0, 1)))
    return weights_all(Prompts(inputs, labels, prompts.weights), [ols()])[0, :, prefix]


@guarded(double=False)
def train_probe(
    key: Key[Array, ""],
    hidden: Float[AnyArray, "count positions width"],
    targets: Float[AnyArray, "count outputs"],
    *,
    kind: ProbeKind,
    probe_width: Size = 64,
    steps: Size = 2000,
    batch: Size = 64,
    learning_rate: Rate = 1e-3,
) -> TrainedProbe:
    """Train a probe by Adam on the squared error, in the precision of `hidden`.

    Batches are drawn with replacement. Weights and losses are infinite or NaN where the descent
    diverges. Source: the probes of figure 4 of Akyürek et al. 2023 (width 512 there).
    """
    hidden = jnp.asarray(hidden)
    return _train(
        key,
        hidden,
        jnp.asarray(targets, hidden.dtype),
        kind,
        probe_width,
        steps,
        batch,
        jnp.asarray(learning_rate),
    )


@guarded(double=False)
@eqx.filter_jit
def probe_errors(
    probe: Probe,
    hidden: Float[AnyArray, "count positions width"],
    targets: Float[AnyArray, "count outputs"],
) -> Float[Array, "count"]:
    """The squared error of a probe for each prompt, averaged over outputs. Raises ValueError for
    shapes that do not fit each other.
    """
    layout = len(probe.scores), probe.mixer.in_features
    shape = hidden.shape[1:]
    outputs = probe.head.out_size
    require(
        shape == layout, f"hidden must have the {layout} positions and width of probe, got {shape}"
    )
    require(
        targets.shape[1] == outputs,
        f"targets must have the {outputs} outputs of probe, got {targets.shape[1]}",
    )
    return jnp.mean((jax.vmap(probe)(jnp.asarray(hidden)) - targets) ** 2, axis=1)


def _require_prefix(prompts, prefix):
    require_prompts(prompts)
    examples = prompts.inputs.shape[1]
    require(prefix <= examples, f"prefix must be at most the {examples} examples, got {prefix}")


@eqx.filter_jit
def _train(key, hidden, targets, kind, probe_width, steps, batch, learning_rate):
    mixer_key, head_key, data_key = jax.random.split(key, 3)
    _, positions, width = hidden.shape
    outputs = targets.shape[1]
    dtype = hidden.dtype
    probe = Probe(
        jnp.zeros(positions, dtype),
        eqx.nn.Linear(width, probe_width, use_bias=False, dtype=dtype, key=mixer_key),
        eqx.nn.MLP(
            probe_width,
            outputs,
            probe_width,
            depth=0 if kind == "linear" else 1,
            activation=partial(jax.nn.gelu, approximate=False),
            dtype=dtype,
            key=head_key,
        ),
    )
    start, static = eqx.partition(probe, eqx.is_array)
    adam = optax.scale_by_adam()

    def loss(arrays, chosen):
        return jnp.mean(probe_errors(eqx.combine(arrays, static), hidden[chosen], targets[chosen]))

    def descend(state, index):
        arrays, moments = state
        indices = jax.random.randint(jax.random.fold_in(data_key, index), (batch,), 0, len(hidden))
        value, gradient = jax.value_and_grad(loss)(arrays, indices)
        updates, moments = adam.update(gradient, moments)
        arrays = jax.tree.map(
            lambda entry, update: entry - (learning_rate * update).astype(dtype), arrays, updates
        )
        return (arrays, moments), value

    (arrays, _), losses = lax.scan(descend, (start, adam.init(start)), jnp.arange(steps))
    return TrainedProbe(eqx.combine(arrays, static), losses)
