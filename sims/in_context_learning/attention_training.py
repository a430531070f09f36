"""Trains a layer of linear self-attention: by gradient flow on its exact expected loss, and by Adam
on all its entries.
"""

from functools import partial
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from jaxtyping import Float, Key

from sims.in_context_learning.attention_layers import attention_prediction
from sims.in_context_learning.domains import (
    Context,
    Covariance,
    Deviation,
    Rate,
    Size,
    require_shapes,
)
from sims.in_context_learning.prompts import (
    PromptLaw,
    covariance_root,
    draw_prompts,
    require_dimension,
)
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import RISING, Interval, guarded, require

RELATIVE_TOLERANCE = 1e-12
_MOST_DIMENSIONS = 3  # the quadrature below has 27^d nodes
_MOST_STEPS = 1_000_000

NormalPositive = Annotated[float, Interval(float(np.finfo(float).tiny))]
"""s > 0 with all its digits."""
Times = Annotated[Float[AnyArray, "times"], Interval(0, closed="()"), RISING]


class FullWeights(NamedTuple):
    """All entries of the layer, W_PV and W_KQ."""

    value_projection: Float[AnyArray, "*times width width"]
    key_query: Float[AnyArray, "*times width width"]

    def product(self) -> Float[Array, "features"]:
        """The product on which the loss depends: the last row of W_PV times W_KQ without its last
        column.
        """
        return jnp.einsum("a,bc->abc", self.value_projection[-1], self.key_query[:, :-1]).ravel()


class ExpectedLoss(NamedTuple):
    """½ E(ŷ - wᵀx)² as the exact quadratic form θᵀMθ/2 - mᵀθ + c of the product θ of a layer's
    weights.
    """

    quadratic: Float[AnyArray, "features features"]
    linear: Float[AnyArray, "features"]
    constant: Float[AnyArray, ""]

    def __call__(self, weights: FullWeights) -> Float[Array, ""]:
        """The expected loss at `weights`."""
        product = weights.product()
        return product @ self.quadratic @ product / 2 - self.linear @ product + self.constant


@guarded(double=False)
def full_loss(input_covariance: Covariance, context: Context) -> ExpectedLoss:
    """The expected loss of `attention_prediction` as a function of `FullWeights`.

    x_i, x ~ N(0, Λ), w ~ N(0, I), y_i = wᵀx_i, N = `context` examples. The moments that it takes
    are polynomials, and exact by Gauss-Hermite quadrature: the N examples are exchangeable, so that
    pairs of them are enough. Raises TypeError in float32, ValueError for a Λ of more than 3
    dimensions. Source: the loss of Zhang, Frei & Bartlett 2024; its computation: derived here.
    """
    dimension = input_covariance.shape[0]
    require_float64("the expected loss")
    require(
        dimension <= _MOST_DIMENSIONS,
        f"input_covariance must have at most 3 dimensions, got {dimension}",
    )
    eigenvalues, vectors = np.linalg.eigh(np.asarray(input_covariance, float))
    root = vectors * np.sqrt(np.maximum(eigenvalues, 0))

    nodes, probabilities = _gauss_hermite(3, 3 * dimension)
    first, second, weights = np.split(nodes, 3, axis=1)
    # A feature is an entry of Σ e eᵀ over the tokens e = (x_i, y_i) and (x, 0), times an entry of
    # the query x.
    of_first, of_second = (_token_products(inputs @ root.T, weights) for inputs in (first, second))
    mean = probabilities @ of_first
    same = (of_first.T * probabilities) @ of_first
    between = (of_first.T * probabilities) @ of_second
    with_weights = (of_first.T * probabilities) @ weights

    nodes, probabilities = _gauss_hermite(4, dimension)
    query = nodes @ root.T
    of_query = _token_products(query, np.zeros_like(query))
    query_features = (of_query[:, :, None] * query[:, None, :]).reshape(len(query), -1)
    cross = np.einsum("n,nc,nf->cf", probabilities, query, query_features)
    examples_query = np.einsum("p,cf->pcf", context * mean, cross).reshape(
        query_features.shape[1], -1
    )
    covariance = (query.T * probabilities) @ query

    quadratic = np.kron(context * same + context * (context - 1) * between, covariance)
    quadratic += (
        examples_query + examples_query.T + (query_features.T * probabilities) @ query_features
    )
    linear = context * (with_weights @ covariance).ravel()
    return ExpectedLoss(
        quadratic / context**2, linear / context, np.asarray(np.trace(covariance) / 2)
    )


@guarded(double=False)
def balanced_start(
    scale: NormalPositive, factor: Float[AnyArray, "dimension dimension"]
) -> FullWeights:
    """The start W_PV = s e eᵀ of the last row, W_KQ = s diag(ΘΘᵀ, 0) with `factor` Θ, for which
    |ΘΘᵀ|_F = 1. Raises ValueError for Θ of another norm. Source: theorem 4.1 of Zhang et al. 2024.
    """
    block = np.asarray(factor) @ np.asarray(factor).T
    norm = np.linalg.norm(block)
    require(
        abs(norm - 1) <= 1e-9, f"factor must have a norm of 1 for its product ΘΘᵀ, got {norm:g}"
    )
    last = np.zeros((len(block) + 1, len(block) + 1))
    last[-1, -1] = scale
    return FullWeights(jnp.asarray(last), jnp.asarray(np.pad(scale * block, (0, 1))))


@guarded(double=False)
def gradient_flow(loss: ExpectedLoss, start: FullWeights, times: Times) -> FullWeights:
    """The solution of dθ/dt = -∇loss(θ), θ(0) = `start`, at increasing `times` > 0.

    The result has a leading axis of times. By an explicit Runge-Kutta method of order 8 with
    relative and absolute tolerance 1e-12 per step. Times that a million steps do not reach are
    infinite. Raises TypeError in float32, and ValueError for a start that `loss` is not of, or
    whose loss overflows.
    """
    require_float64("gradient flow")
    width = np.shape(start.key_query)[-1] if np.ndim(start.key_query) else 0
    shape: tuple[int, ...] = (width, width)
    matrices = {name: (matrix, shape) for name, matrix in start._asdict().items()}
    require_shapes("start", matrices, "square matrices of one layer")
    features = width * width * (width - 1)
    arrays = {"quadratic": (loss.quadratic, (features,) * 2), "linear": (loss.linear, (features,))}
    require_shapes("loss", arrays, "a number for each feature of start")
    weights = FullWeights(*(jnp.asarray(matrix, float) for matrix in start))
    sizes = jax.tree.leaves(jax.value_and_grad(loss.__call__)(weights))
    if not all(np.isfinite(size).all() for size in sizes):
        raise ValueError(
            "start must have a finite loss with a finite gradient, got one that overflows"
        )
    return _solve(loss, weights, jnp.asarray(times, float))


@jax.jit
def _solve(loss, start, times):
    import diffrax  # takes as long to import as all the rest

    def slope(time, weights, loss):
        return jax.tree.map(jnp.negative, jax.grad(loss)(weights))

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(slope),
        diffrax.Dopri8(),
        t0=0.0,
        t1=times[-1],
        dt0=None,
        y0=start,
        args=loss,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=RELATIVE_TOLERANCE, atol=RELATIVE_TOLERANCE),
        max_steps=_MOST_STEPS,
        adjoint=diffrax.ForwardMode(),
        # times that are not reached are infinite: one sentence, where JAX's error has many lines
        throw=False,
    )
    return solution.ys


def _gauss_hermite(nodes_per_variable, variables):
    """Nodes [nodes, variables] and probabilities of the tensor rule for independent standard normal
    variables.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(nodes_per_variable)
    grids = np.meshgrid(*[nodes] * variables, indexing="ij")
    products = np.meshgrid(*[weights / weights.sum()] * variables, indexing="ij")
    return np.stack(grids, axis=-1).reshape(-1, variables), np.prod(products, axis=0).ravel()


def _token_products(inputs, weights):
    """Entries of e eᵀ for tokens e = (x, wᵀx), one row per node."""
    tokens = np.column_stack([inputs, np.sum(inputs * weights, axis=1)])
    return (tokens[:, :, None] * tokens[:, None, :]).reshape(len(tokens), -1)


Start = Literal["positive", "random"]


class TrainedAttention(NamedTuple):
    """W_PV and W_KQ from each start, and the mean squared error of each step's batch before that
    step.
    """

    value_projection: Float[Array, "starts width width"]
    key_query: Float[Array, "starts width width"]
    losses: Float[Array, "starts steps"]


@guarded(double=False)
def train_linear_attention(
    key: Key[Array, ""],
    starts: Size,
    *,
    dimension: Size,
    context: Size,
    noise_std: Deviation = 0.0,
    input_covariance: Covariance | None = None,
    weight_covariance: Covariance | None = None,
    start: Start = "positive",
    steps: Size = 3000,
    batch: Size = 512,
    learning_rate: Rate = 1e-2,
) -> TrainedAttention:
    """Train the layer of `attention_prediction` for wᵀx from several starts, each on fresh prompts
    of its own.

    Adam in float32, from `learning_rate` to 0 along a cosine. A "positive" start has ½ as last
    entry of W_PV and ½ I / √d as input block of W_KQ, plus N(0, 0.02²) everywhere: near theorem 4.1
    of Zhang, Frei & Bartlett 2024. A "random" one is N(0, 0.3²). Entries that do not reach the
    prediction stay as they start. Each run sees `batch` prompts of `context` N labelled examples
    per step; σ = `noise_std` is of the examples' labels, the target has no noise. Covariances
    default to the identity. Infinite or NaN where the descent diverges. Raises ValueError for a
    covariance that is not d x d.
    """
    require_dimension("input_covariance", input_covariance, dimension)
    require_dimension("weight_covariance", weight_covariance, dimension)
    roots = covariance_root(input_covariance), covariance_root(weight_covariance)
    law = PromptLaw(noise_std, input_root=roots[0], weight_root=roots[1])
    return _train(
        jax.random.split(key, starts), dimension, context, start, steps, batch, learning_rate, law
    )


@guarded(double=False)
def effective_map(
    value_projection: Float[AnyArray, "*starts width width"],
    key_query: Float[AnyArray, "*starts width width"],
) -> Float[Array, "*starts dimension dimension"]:
    """The A with which a layer predicts xᵀA (1/N) Σ y_i x_i once all else is 0: the last entry of
    W_PV times the input block of W_KQ, transposed. Source: derived here.
    """
    return jnp.asarray(value_projection)[..., -1:, -1:] * jnp.swapaxes(
        key_query[..., :-1, :-1], -1, -2
    )


@partial(jax.jit, static_argnums=(1, 2, 3, 4, 5))
def _train(keys, dimension, context, start, steps, batch, learning_rate, law):
    sizes = batch, context + 1, dimension
    adam = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def loss(matrices, prompts):
        def prediction(inputs, labels):
            return attention_prediction(
                matrices[0], matrices[1], inputs[:-1], labels[:-1], inputs[-1]
            )

        targets = jnp.sum(prompts.weights * prompts.inputs[:, -1], axis=-1)
        return jnp.mean((jax.vmap(prediction)(prompts.inputs, prompts.labels) - targets) ** 2)

    def from_one_start(key):
        start_key, data_key = jax.random.split(key)

        def descend(state, index):
            matrices, moments = state
            prompts = draw_prompts(jax.random.fold_in(data_key, index), sizes, law, jnp.float32)
            value, gradient = jax.value_and_grad(loss)(matrices, prompts)
            updates, moments = adam.update(gradient, moments)
            return (optax.apply_updates(matrices, updates), moments), value

        matrices = _start(start_key, dimension, start)
        (matrices, _), losses = lax.scan(
            descend, (matrices, adam.init(matrices)), jnp.arange(steps)
        )
        return TrainedAttention(matrices[0], matrices[1], losses)

    return jax.vmap(from_one_start)(keys)


def _start(key, dimension, start):
    normals = jax.random.normal(key, (2, dimension + 1, dimension + 1), jnp.float32)
    if start == "random":
        return tuple(0.3 * normals)
    value_projection = jnp.zeros_like(normals[0]).at[-1, -1].set(0.5)
    key_query = jnp.diag(jnp.append(jnp.full(dimension, 0.5 / dimension**0.5, jnp.float32), 0))
    return value_projection + 0.02 * normals[0], key_query + 0.02 * normals[1]
