"""Linear self-attention on joined tokens (x_j, y_j), in the three notations of the papers that
study it, and the steps that several layers learn.

Descent with learned steps is GD, or GD++ that also contracts the inputs, fitted on some tasks and
tested on others.
"""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Key, ScalarLike

from sims.in_context_learning.domains import Context, Size, require_shapes
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import NON_NEGATIVE, Interval, guarded, require, require_room

Layers = Annotated[int, Interval(1, 100_000)]
"""Stacked layers, each a step."""


class AttentionLayer(NamedTuple):
    """The matrices of e ← e + P W_V C Cᵀ W_Kᵀ W_Q e, C the context tokens as columns; several
    layers have a leading axis. Source: von Oswald et al. 2023.
    """

    keys: Float[AnyArray, "*layers width width"]
    queries: Float[AnyArray, "*layers width width"]
    values: Float[AnyArray, "*layers width width"]
    projection: Float[AnyArray, "*layers width width"]


@guarded(double=False)
@jax.jit
def joined_tokens(
    inputs: Float[AnyArray, "examples dimension"],
    labels: Float[AnyArray, "examples"],
    queries: Float[AnyArray, "queries dimension"],
    query_labels: Float[AnyArray, "queries"],
) -> Float[Array, "positions width"]:
    """Tokens (x_j, y_j), the context first and then the queries with what stands in their label's
    place.
    """
    rows = jnp.concatenate([jnp.asarray(inputs), jnp.asarray(queries)])
    return jnp.column_stack(
        [rows, jnp.concatenate([jnp.asarray(labels), jnp.asarray(query_labels)])]
    )


@guarded(double=False)
@partial(jax.jit, static_argnames="context")
def attend(
    layers: AttentionLayer, tokens: Float[AnyArray, "positions width"], context: Context
) -> Float[Array, "positions width"]:
    """Pass the tokens (rows) through stacked layers; the first `context` of them give the keys and
    the values. Raises ValueError for a context of more tokens than there are, and for layers that
    do not fit the tokens.
    """
    require(
        context <= len(tokens), f"context must be at most the {len(tokens)} tokens, got {context}"
    )
    (width,) = tokens.shape[1:]
    stack = np.shape(layers.keys)[:1]
    arrays = {name: (matrix, (*stack, width, width)) for name, matrix in layers._asdict().items()}
    require_shapes("layers", arrays, "stacked layers for the width of tokens")

    def pass_through(tokens, layer):
        examples = tokens[:context]
        scores = (tokens @ layer.queries.T) @ (examples @ layer.keys.T).T
        return tokens + scores @ (examples @ layer.values.T) @ layer.projection.T, None

    return lax.scan(pass_through, jnp.asarray(tokens), layers)[0]


@guarded(double=False)
@partial(jax.jit, static_argnames=("layers", "context"))
def descent_layers(
    start_weights: Float[AnyArray, "dimension"], step: ScalarLike, layers: Layers, context: Context
) -> AttentionLayer:
    """The layers that take one step each of gradient descent on (1/2N) Σ (wᵀx_i - y_i)², N =
    `context`. Context tokens become (x_j, y_j - Δwᵀx_j). A query (x, -w_0ᵀx) ends as (x, -wᵀx).
    Source: proposition 1 of von Oswald et al. 2023.
    """
    start_weights = jnp.asarray(start_weights)
    dimension = len(start_weights)
    inputs_only = jnp.diag(jnp.append(jnp.ones(dimension), 0))
    values = jnp.zeros((dimension + 1, dimension + 1)).at[-1].set(jnp.append(start_weights, -1))
    projection = step / context * jnp.eye(dimension + 1)
    return AttentionLayer(
        *(jnp.stack([matrix] * layers) for matrix in (inputs_only, inputs_only, values, projection))
    )


@guarded(double=False)
@partial(jax.jit, static_argnames=("dimension", "context"))
def contracting_layers(
    steps: Float[AnyArray, "layers"],
    contractions: Float[AnyArray, "layers"],
    dimension: Size,
    context: Context,
) -> AttentionLayer:
    """The layers of GD++: a gradient step of size η_l from w = 0, and x_j ← (I - γ_l Σ x_i x_iᵀ)
    x_j for every token. Queries start as (x, 0) and end with minus the prediction. γ = 0 is plain
    gradient descent. Source: GD++ of von Oswald et al. 2023.
    """
    steps = jnp.asarray(steps)
    contractions = jnp.asarray(contractions)
    on_inputs = jnp.append(jnp.ones(dimension), 0)
    per_row = -(contractions[:, None] * on_inputs + steps[:, None] / context * (1 - on_inputs))
    inputs_only = jnp.broadcast_to(jnp.diag(on_inputs), (len(steps), dimension + 1, dimension + 1))
    identity = jnp.broadcast_to(jnp.eye(dimension + 1), inputs_only.shape)
    return AttentionLayer(inputs_only, inputs_only, per_row[:, :, None] * identity, identity)


@guarded(double=False)
@jax.jit
def preconditioned_prediction(
    projections: Float[AnyArray, "layers width width"],
    forms: Float[AnyArray, "layers width width"],
    inputs: Float[AnyArray, "examples dimension"],
    labels: Float[AnyArray, "examples"],
    query: Float[AnyArray, "dimension"],
) -> Float[Array, ""]:
    """What L layers Z ← Z + (1/n) P Z M Zᵀ Q Z predict: minus the last entry of the last column of
    Z.

    The columns of Z are (x_i, y_i) and (x, 0); M leaves the query out of keys and values. With P =
    e e ᵀ of the last row and Q = -diag(A, 0) a layer is a step of descent preconditioned by Aᵀ. P
    are the `projections`, Q the `forms`. Raises ValueError for matrices that do not fit the tokens.
    Source: lemma 1 of Ahn et al. 2023; the transpose: derived here.
    """
    examples = len(labels)
    _require_width("projections and forms", projections.shape[-1], inputs)
    tokens = joined_tokens(inputs, labels, query[None], jnp.zeros(1)).T
    mask = jnp.append(jnp.ones(examples), 0)

    def pass_through(tokens, layer):
        projection, form = layer
        return tokens + projection @ (tokens * mask) @ (tokens.T @ form @ tokens) / examples, None

    layers = jnp.asarray(projections), jnp.asarray(forms)
    return -lax.scan(pass_through, tokens, layers)[0][-1, -1]


@guarded(double=False)
@jax.jit
def attention_prediction(
    value_projection: Float[AnyArray, "width width"],
    key_query: Float[AnyArray, "width width"],
    inputs: Float[AnyArray, "examples dimension"],
    labels: Float[AnyArray, "examples"],
    query: Float[AnyArray, "dimension"],
) -> Float[Array, ""]:
    """What the layer E + W_PV E (Eᵀ W_KQ E) / N predicts: the last entry of its last column.
    The columns of E are the N examples (x_i, y_i) and the query (x, 0), which is among keys and
    values here. Raises ValueError for matrices that do not fit the tokens. Source: Zhang, Frei &
    Bartlett 2024.
    """
    _require_width("value_projection and key_query", value_projection.shape[-1], inputs)
    embedding = joined_tokens(inputs, labels, query[None], jnp.zeros(1, labels.dtype)).T
    scores = embedding.T @ (key_query @ embedding[:, -1])
    return value_projection[-1] @ (embedding @ scores) / len(labels)


def _require_width(name, width, inputs):
    of_token = inputs.shape[1] + 1
    require(
        width == of_token, f"{name} must have the width {of_token} of a joined token, got {width}"
    )


Spectra = Annotated[Float[AnyArray, "tasks dimension"], NON_NEGATIVE]
"""Eigenvalues of Σ x_i x_iᵀ, a row for each task."""
FittedLayers = Annotated[int, Interval(1, 100)]
"""L, the number of layers; each number is a fit of its own."""
_GROWTH = (
    8  # of the steps from layer to layer where a fit starts: contracted inputs need longer ones
)


class LearnedDescent(NamedTuple):
    """Steps η_l and contractions γ_l (all 0 for GD), and the mean loss on the tasks they were
    fitted on.
    """

    steps: Float[np.ndarray, "layers"]
    contractions: Float[np.ndarray, "layers"]
    fitted_loss: float


@guarded(double=False)
def task_spectra(
    key: Key[Array, ""], tasks: Size, dimension: Size, context: Size
) -> Float[Array, "tasks dimension"]:
    """The d eigenvalues of Σ x_i x_iᵀ per task, x_i uniform on (-1, 1)ᵈ. Source: tasks of von
    Oswald et al. 2023.
    """
    require_room("context and dimension", max(context, tasks, dimension) * dimension)

    def of_task(key):
        inputs = jax.random.uniform(key, (context, dimension), minval=-1, maxval=1)
        return jnp.maximum(jnp.linalg.eigvalsh(inputs.T @ inputs), 0)

    return lax.map(of_task, jax.random.split(key, tasks))


@guarded(double=False)
@partial(jax.jit, static_argnames="context")
def descent_losses(
    spectra: Spectra,
    steps: Float[AnyArray, "layers"],
    contractions: Float[AnyArray, "layers"],
    context: Context,
) -> Float[Array, "tasks"]:
    """E (prediction - wᵀx)² of each task over w ~ N(0, I) and x uniform on (-1, 1)ᵈ, after all
    layers. Each eigendirection of Σ x_i x_iᵀ is one run of GD++ in one dimension, with input and
    label √μ and the query 1. Source: derived here.
    """
    roots = jnp.sqrt(jnp.asarray(spectra))

    def pass_through(tokens, layer):
        inputs, labels, query, answer = tokens
        step, contraction = layer
        context_state = (
            inputs - contraction * inputs**3,
            labels - step / context * labels * inputs**2,
        )
        query_state = (
            query - contraction * inputs**2 * query,
            answer - step / context * labels * inputs * query,
        )
        return (*context_state, *query_state), None

    start = roots, roots, jnp.ones_like(roots), jnp.zeros_like(roots)
    (*_, answer), _ = lax.scan(pass_through, start, (jnp.asarray(steps), jnp.asarray(contractions)))
    variance_of_uniform = 1 / 3
    return variance_of_uniform * jnp.sum((1 + answer) ** 2, axis=1)


@guarded(double=False)
def learn_descent(
    spectra: Spectra, layers: FittedLayers, context: Context, *, contract: bool
) -> LearnedDescent:
    """Fit the steps, and with `contract` the contractions, to minimise the mean loss on the given
    tasks.

    L-BFGS in the logarithms, from the optimum for one layer less with a layer like its last
    appended: local minima, so upper bounds. The last contraction has no effect and is 0. With few
    tasks GD++ learns its sample: quote losses on other tasks only. Raises TypeError in float32,
    ValueError for eigenvalues that are all zero. Source: the fitted baselines of von Oswald et al.
    2023.
    """
    require_float64("the fit of the steps")
    spectra = np.asarray(spectra, float)
    require(
        (spectra > 0).any(),
        "spectra must have an eigenvalue above 0: no step changes anything otherwise",
    )
    typical = float(np.mean(spectra**2) / np.mean(spectra))
    steps = np.log([context / typical])
    contractions = np.zeros(0)
    for depth in range(1, layers + 1):
        if depth > 1:
            # Equal steps would be a saddle.
            steps = np.append(steps, steps[-1] + np.log(_GROWTH))
        if depth > 1 and contract:
            following = (
                contractions[-1] + np.log(_GROWTH) if contractions.size else -np.log(typical)
            )
            contractions = np.append(contractions, following)
        logarithms, loss = _fit(spectra, np.append(steps, contractions), depth, context)
        steps = logarithms[:depth]
        contractions = logarithms[depth:]
    contractions = np.pad(np.exp(contractions), (0, layers - len(contractions)))
    return LearnedDescent(np.exp(steps), contractions, loss)


def _fit(spectra, logarithms, depth, context):
    from scipy.optimize import minimize

    def value_and_slope(logarithms):
        value, slope = _mean_loss(logarithms, spectra, context, depth)
        return float(value), np.asarray(slope)

    end = minimize(
        value_and_slope, logarithms, jac=True, method="L-BFGS-B", options={"maxiter": 300}
    )
    return end.x, float(end.fun)


def _split(logarithms, depth):
    """Steps, and contractions of all layers but the last (none of them for plain descent), from
    their logarithms.
    """
    steps = jnp.exp(logarithms[:depth])
    contractions = jnp.exp(logarithms[depth:])
    return steps, jnp.pad(contractions, (0, depth - len(contractions)))


@partial(jax.jit, static_argnums=(2, 3))
def _mean_loss(logarithms, spectra, context, depth):
    return jax.value_and_grad(
        lambda logarithms: jnp.mean(descent_losses(spectra, *_split(logarithms, depth), context))
    )(logarithms)
