"""Two neighbouring papers' gradient flows, each of its own loss by autodiff: stepwise
self-supervision, deep nets.

Arora's two losses on finite classes, by enumeration of every pair, triple and task: no sampling
error.

Lee's pretext task on Gaussian variables: predict X_2 from X_1, then read the target Y off that
prediction.

The VICReg loss of two batches of embeddings: invariance, variance and covariance.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import (
    CrossMoment,
    Definite,
    Dimension,
    Number,
    RandomKey,
    SecondMoment,
    Times,
)
from sims.jepa_bias.scalar_flow import TOLERANCE, states_at
from sims.on_cpu import on_cpu
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import (
    COVARIANCE,
    POSITIVE,
    PROBABILITIES,
    USABLE_SCALE,
    Holds,
    Is,
    guarded,
    is_traced,
    require,
    require_room,
)

AWAY_FROM_ZERO = Holds(
    "nonzero",
    "have a non-zero entry (0 is a saddle, where nothing moves)",
    lambda start: bool(start.any()),
)


@guarded(double=False)
@jax.jit
def views_moment(
    X: Float[AnyArray, "samples dim"], Y: Float[AnyArray, "samples dim"]
) -> Float[Array, "dim dim"]:
    """Γ = Σ (x yᵀ + y xᵀ) / 2n over n pairs of views, one pair per row; symmetric, and not always
    positive. Source: Simon et al. 2023.
    """
    cross = jnp.asarray(X).T @ jnp.asarray(Y) / X.shape[0]
    return (cross + cross.T) / 2


@guarded(double=False)
@jax.jit
def stepwise_loss(W: Float[AnyArray, "outputs dim"], moment: SecondMoment) -> Float[Array, ""]:
    """‖W Γ Wᵀ - I‖_F². Source: the linear Barlow Twins loss of Simon et al. 2023."""
    W = jnp.asarray(W)
    return jnp.sum((W @ moment @ W.T - jnp.eye(W.shape[0])) ** 2)


@guarded(double=False)
def random_embedding(
    key: RandomKey, outputs: Dimension, dimension: Dimension, scale: Annotated[Number, POSITIVE]
) -> Float[Array, "outputs d"]:
    """A start W(0) with independent entries N(0, scale²), for `stepwise_flow`."""
    require_room("outputs and dimension", outputs * dimension)
    return jnp.asarray(scale) * jax.random.normal(key, (outputs, dimension))


@guarded(double=False)
@on_cpu
@jax.jit
def stepwise_flow(
    start: Annotated[Float[AnyArray, "outputs dim"], AWAY_FROM_ZERO],
    moment: SecondMoment,
    times: Times,
) -> Float[Array, "times outputs dim"]:
    """W at the given times under dW/dt = -∇ `stepwise_loss`, from W(0) = `start`; Γ = `moment`.
    Runge-Kutta of order 8 with adaptive steps. NaN where it did not finish. TypeError without
    float64. Source: Simon et al. 2023.
    """
    require_float64("a flow away from a small start")
    return _descend(
        lambda W: stepwise_loss(W, moment), jnp.asarray(start, float), jnp.asarray(times, float)
    )


@guarded(double=False)
@on_cpu
@jax.jit
def deep_linear_flow(
    layers: Annotated[Float[AnyArray, "depth dim dim"], AWAY_FROM_ZERO],
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    times: Times,
) -> Float[Array, "times dim dim"]:
    """W_D ... W_1 at the given times under gradient flow of ½ E|W_D ... W_1 x - y|², from the given
    layers. Runge-Kutta of order 8 with adaptive steps on all D layers. NaN where it did not finish.
    TypeError without float64. Source: Saxe et al. 2013.
    """
    require_float64("a flow away from a small start")

    def product(layers):
        return jnp.linalg.multi_dot(list(layers[::-1])) if len(layers) > 1 else layers[0]

    def loss(layers):
        # Up to the constant ½ E|y|².
        return jnp.sum(product(layers) * (product(layers) @ Sigma_xx / 2 - Sigma_yx))

    return jax.vmap(product)(_descend(loss, jnp.asarray(layers, float), jnp.asarray(times, float)))


def _descend(loss: Callable[[Array], Array], start: Array, times: Array) -> Array:
    # Small starts grow by many e-folds: what counts as small is relative to them.
    absolute = TOLERANCE * jnp.max(jnp.abs(start))
    return states_at(
        lambda state: -jax.grad(loss)(state), start, times, method="explicit", absolute=absolute
    )


Loss = Literal["hinge", "logistic"]
PointFeatures = Annotated[Float[AnyArray, "points dim"], USABLE_SCALE]
SEVERAL = Holds("several", "be those of at least two classes", lambda priors: priors.size > 1)
ClassProbabilities = Annotated[Float[AnyArray, "classes"], PROBABILITIES, SEVERAL]
Likelihoods = Annotated[Float[AnyArray, "classes points"], PROBABILITIES]


@guarded(double=False)
@partial(jax.jit, static_argnames="loss")
def unsupervised_loss(
    features: PointFeatures,
    class_probabilities: ClassProbabilities,
    likelihoods: Likelihoods,
    loss: Loss,
) -> Float[Array, ""]:
    """E ℓ(f(x)·(f(x⁺) - f(x⁻))): x and x⁺ are drawn from one class c⁺, x⁻ from an independent class
    c⁻. ℓ(v) is max(0, 1 - v) (hinge) or log₂(1 + exp(-v)) (logistic). Source: one negative sample
    in Arora et al. 2019.
    """
    similarities = features @ features.T
    margins = similarities[:, :, None] - similarities[:, None, :]
    marginal = class_probabilities @ likelihoods
    pairs = jnp.einsum("c,cx,cp->xp", class_probabilities, likelihoods, likelihoods)
    return jnp.einsum("xp,n,xpn->", pairs, marginal, _surrogate(margins, loss))


@guarded(double=False)
@partial(jax.jit, static_argnames="loss")
def mean_classifier_loss(
    features: PointFeatures,
    class_probabilities: ClassProbabilities,
    likelihoods: Likelihoods,
    loss: Loss,
) -> Float[Array, ""]:
    """E ℓ(f(x)·(μ_{c⁺} - μ_{c⁻})) over tasks c⁺ ≠ c⁻ and x from c⁺, μ_c = E[f(x) | c]; `loss` as in
    `unsupervised_loss`. Source: the supervised loss of the mean classifier in Arora et al. 2019.
    """
    scores = features @ (likelihoods @ features).T
    margins = scores[:, :, None] - scores[:, None, :]
    tasks = (
        class_probabilities[:, None]
        * class_probabilities
        * (1 - jnp.eye(class_probabilities.shape[0]))
    )
    return jnp.einsum("cn,cx,xcn->", tasks / tasks.sum(), likelihoods, _surrogate(margins, loss))


def _surrogate(margins, loss):
    if loss == "hinge":
        return jnp.maximum(0, 1 - margins)
    return jnp.logaddexp(0.0, -margins) / np.log(2)


class Triplet(NamedTuple):
    """Covariances of jointly Gaussian, centred Y, X_1 and X_2; `first_second` is E[X_1 X_2ᵀ], and
    so on.
    """

    target_target: Float[Array, "k k"]
    target_first: Float[Array, "k m"]
    target_second: Float[Array, "k n"]
    first_first: Float[Array, "m m"]
    first_second: Float[Array, "m n"]


class Pretext(NamedTuple):
    """Maps from X_1: the pretext predictor of X_2, the target read off it, the target's best
    prediction; and the excess mean squared error of the second over the third, never negative.
    """

    pretext: Float[Array, "n m"]
    downstream: Float[Array, "k m"]
    direct: Float[Array, "k m"]
    excess: Float[Array, ""]


def _blocks_fit(triplet: Triplet) -> bool:
    """Whether its matrices can be blocks of one covariance."""
    if any(getattr(block, "ndim", 0) != 2 for block in triplet):
        return False
    k, m = triplet.target_first.shape
    n = triplet.target_second.shape[1]
    return min(k, m, n) > 0 and [block.shape for block in triplet] == [
        (k, k),
        (k, m),
        (k, n),
        (m, m),
        (m, n),
    ]


@guarded(double=False)
@partial(jax.jit, static_argnames=("target_dim", "first_dim", "second_dim"))
def random_triplet(
    key: RandomKey,
    target_dim: Dimension,
    first_dim: Dimension,
    second_dim: Dimension,
    *,
    direct: Number = 0.0,
) -> Triplet:
    """X_1 = A Y + noise and X_2 = B Y + direct · C X_1 + noise, with random A, B, C and covariances
    of the noises.

    With `direct` = 0 the two are independent given Y; any other number adds the path that breaks
    this. Their covariances are those of the construction, not of samples. Source: the setting of
    Lee et al. 2021; this instance: derived here.
    """
    require_room(
        "target_dim, first_dim and second_dim", 2 * (target_dim + first_dim + second_dim) ** 2
    )
    total = target_dim + first_dim + second_dim
    paths, noise = jax.random.normal(key, (2, total, total))
    y = slice(target_dim)
    first = slice(target_dim, target_dim + first_dim)
    second = slice(target_dim + first_dim, None)

    def own(block):
        return noise[block, block] @ noise[block, block].T + jnp.eye(noise[block].shape[0])

    to_first = paths[first, y]
    to_second = paths[second, y]
    between = direct * paths[second, first]
    target_target = own(y)
    target_first = target_target @ to_first.T
    first_first = to_first @ target_first + own(first)
    target_second = target_target @ to_second.T + target_first @ between.T
    first_second = target_first.T @ to_second.T + first_first @ between.T
    return Triplet(target_target, target_first, target_second, first_first, first_second)


@guarded(double=False)
def learn_pretext(
    triplet: Annotated[
        Triplet, Is("hold k x k, k x m, k x n, m x m and m x n matrices", _blocks_fit)
    ],
) -> Pretext:
    """Regress X_2 on X_1, then Y on that prediction, and compare with the regression of Y on X_1.
    Least squares of smallest norm throughout, on the population. `ValueError` for covariances that
    no Y and X_1 have. Source: the two stages of Lee et al. 2021.
    """
    if not any(is_traced(block) for block in triplet):
        joint = np.block(
            [
                [triplet.target_target, triplet.target_first],
                [triplet.target_first.T, triplet.first_first],
            ]
        )
        require(
            COVARIANCE.check(joint),
            f"triplet must {COVARIANCE.must} in its blocks of Y and X_1, got others",
        )
    return _learn_pretext(triplet)


@jax.jit
def _learn_pretext(triplet):
    direct = _regression(triplet.target_first, triplet.first_first)
    pretext = _regression(triplet.first_second.T, triplet.first_first)
    readout = _regression(
        triplet.target_first @ pretext.T, pretext @ triplet.first_first @ pretext.T
    )
    downstream = readout @ pretext
    error = downstream - direct
    return Pretext(pretext, downstream, direct, jnp.sum(error * (error @ triplet.first_first)))


def _regression(cross, moment):
    return cross @ jnp.linalg.pinv(moment, rtol=1e-10, hermitian=True)


SAMPLES = Holds("samples", "hold at least two samples", lambda view: len(view) > 1)
Embeddings = Annotated[Float[AnyArray, "samples dim"], SAMPLES]


@guarded(double=False)
@partial(jax.jit, static_argnames="mean_of_branches")
def vicreg_loss(
    Z: Embeddings, Z_prime: Embeddings, *, mean_of_branches: bool = False
) -> Float[Array, ""]:
    """25 s(Z, Z') + 25 (v(Z) + v(Z')) + c(Z) + c(Z').

    s is the mean over samples of |z - z'|², v(Z) = mean_j max(0, 1 - √(Var z_j + 1e-4)) and c(Z) =
    Σ_{i≠j} C_ij² / d, with the unbiased covariance C of the batch. With `mean_of_branches` v is
    averaged over the two branches rather than summed, as public implementations do. Source: Bardes
    et al. 2022.
    """
    samples, dimension = Z.shape
    branches = [branch - jnp.mean(branch, axis=0) for branch in (Z, Z_prime)]
    moments = [branch.T @ branch / (samples - 1) for branch in branches]
    spreads = [
        jnp.mean(jnp.maximum(0, 1 - jnp.sqrt(jnp.diagonal(moment) + 1e-4))) for moment in moments
    ]
    overlaps = [
        (jnp.sum(moment**2) - jnp.sum(jnp.diagonal(moment) ** 2)) / dimension for moment in moments
    ]
    distance = jnp.mean(jnp.sum((Z - Z_prime) ** 2, axis=1))
    return 25.0 * distance + (12.5 if mean_of_branches else 25.0) * sum(spreads) + sum(overlaps)
