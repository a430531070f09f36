"""Contrastive losses of finite worlds, by enumeration and by sampling, and InfoNCE of finite joint
laws and of normal pairs.
"""

from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import PROBABILITIES, USABLE_SCALE, Holds, Interval, guarded, require

Loss = Literal["hinge", "logistic"]
"""max(0, 1 - v), or log2(1 + e^-v)."""
Weights = Annotated[Float[np.ndarray, " classes"], PROBABILITIES]
Conditionals = Annotated[Float[np.ndarray, "classes points"], PROBABILITIES]
"""The law of a point in each class, a row per class."""
Features = Annotated[Float[np.ndarray, "points dim"], USABLE_SCALE]
"""A row per point."""
Joint = Annotated[
    Float[np.ndarray, "rows columns"],
    Holds(
        "joint",
        "be positive and sum to one",
        lambda p: bool((p > 0).all() and abs(p.sum() - 1) <= 1e-9),
    ),
]
Critic = Annotated[Float[np.ndarray, "rows columns"], USABLE_SCALE]
"""f(x, y), a row per x."""
Negatives = Annotated[int, Interval(1, 2**20)]
Block = Annotated[int, Interval(1, 2**20)]
Candidates = Annotated[int, Interval(2, 2**20, why="the positive and at least one other")]

MOST = 10**7


def counted(
    names: str, draws: int, chances: Float[np.ndarray, "*laws outcomes"], times: int
) -> tuple[Float[np.ndarray, "counts outcomes"], Float[np.ndarray, "*laws counts"]]:
    """Return all counts that independent draws may give, and the probability of each under every
    law.

    `times` terms belong to each count. Raises ValueError, which names the arguments `names`, for
    more than 10^7 terms in all.
    """
    from scipy.special import xlogy

    outcomes = chances.shape[-1]
    require(
        times * comb(draws + outcomes - 1, draws) <= MOST,
        f"{names} must ask for sums of at most 10^7 terms",
    )
    counts, log_ways = _counts(draws, outcomes)
    return counts, np.exp(log_ways + xlogy(counts, chances[..., None, :]).sum(axis=-1))


@lru_cache(maxsize=8)
def _counts(
    draws: int, outcomes: int
) -> tuple[Float[np.ndarray, "counts outcomes"], Float[np.ndarray, " counts"]]:
    """Return all counts, and the logarithm of the number of sequences with each of them."""
    from scipy.special import gammaln

    # Between the bars of each combination lie the stars that count one outcome.
    bars = np.array(list(combinations(range(draws + outcomes - 1), outcomes - 1)), int)
    ends = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, draws + outcomes - 1)))
    counts = np.diff(ends, axis=1) - 1.0
    return counts, gammaln(draws + 1.0) - gammaln(counts + 1).sum(axis=1)


AnyWeights = Annotated[Float[AnyArray, " classes"], PROBABILITIES]
AnyConditionals = Annotated[Float[AnyArray, "classes points"], PROBABILITIES]
AnyFeatures = Annotated[Float[AnyArray, "points dim"], USABLE_SCALE]
Some = Annotated[int, Interval(1, 2**20)]


@guarded(double=False)
def sample_block_loss(
    key: Key[Array, ""],
    weights: AnyWeights,
    conditionals: AnyConditionals,
    features: AnyFeatures,
    loss: Loss,
    block: Some,
) -> Float[Array, ""]:
    """Return one draw of the loss of an anchor that compares the mean of `block` points of its
    class with the mean of `block` points of one class that is drawn independently.
    """
    at_class, at_positive, at_negative = jax.random.split(key, 3)
    anchor_class, negative_class = jax.random.choice(
        at_class, len(weights), (2,), p=jnp.asarray(weights)
    )
    scores = _of_class(at_positive, conditionals, features, anchor_class, 1 + block)
    anchor = scores[0]
    positives = scores[1:]
    negatives = _of_class(at_negative, conditionals, features, negative_class, block)
    margin = anchor @ (positives.mean(axis=0) - negatives.mean(axis=0))
    return jnp.maximum(0, 1 - margin) if loss == "hinge" else jnp.logaddexp(0, -margin) / jnp.log(2)


@guarded(double=False)
def sample_contrastive_loss(
    key: Key[Array, ""],
    weights: AnyWeights,
    conditionals: AnyConditionals,
    features: AnyFeatures,
    negatives: Some,
) -> Float[Array, ""]:
    """Return one draw of the logistic loss log2(1 + sum of e^-v) over negatives of independent
    classes.

    v is the similarity of the anchor to a positive of its class minus its similarity to the
    negative.
    """
    at_class, at_points, at_negatives = jax.random.split(key, 3)
    classes = jax.random.choice(at_class, len(weights), (1 + negatives,), p=jnp.asarray(weights))
    anchor, positive = _of_class(at_points, conditionals, features, classes[0], 2)
    laws = jnp.log(jnp.asarray(conditionals))[classes[1:]]
    negative_points = jnp.asarray(features)[jax.random.categorical(at_negatives, laws)]
    margins = (positive - negative_points) @ anchor
    return jnp.logaddexp(0, jax.nn.logsumexp(-margins)) / jnp.log(2)


@guarded(double=False)
def gaussian_log_ratios(
    key: Key[Array, ""], correlation: Annotated[ScalarLike, Interval(-1, 1, "()")], candidates: Some
) -> Float[Array, "candidates"]:
    """The logarithm of r(x, y_j), the density ratio of a joint and a product law, for a normal x
    and its candidates y_j. The first candidate is the partner of x; for each other one, r has mean
    1.
    """
    normals = jax.random.normal(key, (1 + candidates,))
    anchor = normals[0]
    noise = normals[1:]
    y = noise.at[0].set(correlation * anchor + jnp.sqrt(1 - correlation**2) * noise[0])
    product = anchor * y
    squares = anchor**2 + y**2
    log_r = (2 * correlation * product - correlation**2 * squares) / (2 * (1 - correlation**2))
    return jnp.asarray(log_r - jnp.log1p(-(correlation**2)) / 2)


def _of_class(
    key: Key[Array, ""],
    conditionals: AnyConditionals,
    features: AnyFeatures,
    which: Array,
    count: int,
) -> Float[Array, "count dim"]:
    """Return the features of independent points of a class."""
    law = jnp.asarray(conditionals)[which]
    return jnp.asarray(features)[jax.random.choice(key, len(features), (count,), p=law)]


class Best(NamedTuple):
    """The critic that an optimiser has found, with its value and the gradient there."""

    critic: Float[np.ndarray, "rows columns"]
    value: float
    gradient: Float[np.ndarray, "rows columns"]
    """The gradient of the value; by concavity no critic f is better by more than gradient . (f -
    critic).
    """


@guarded
def infonce(
    joint: Joint, critic: Critic, candidates: Candidates, *, leave_out_positive: bool = False
) -> float:
    """Return InfoNCE, the mean of log[e^f(x, y_1) / (mean of e^f(x, y_j) over all candidates)], in
    nats.

    y_1 is the partner of x, and the other candidates are independent of x. With
    `leave_out_positive` the mean is over the other candidates only, as some authors write it.
    Raises ValueError for sums of more than 10^7 terms.
    """
    value, _ = _value_and_gradient(joint, critic, candidates, leave_out_positive)
    return value


@guarded
def best_critic(joint: Joint, candidates: Candidates) -> Best:
    """The maximiser of InfoNCE over all critics, by BFGS from zero. Raises as `infonce`."""
    from scipy.optimize import minimize

    def negative(flat: Float[np.ndarray, " cells"]) -> tuple[float, Float[np.ndarray, " cells"]]:
        value, gradient = _value_and_gradient(joint, flat.reshape(joint.shape), candidates, False)
        return -value, -gradient.ravel()

    end = minimize(
        negative,
        np.zeros(joint.size),
        jac=True,
        method="BFGS",
        options={"gtol": 1e-10, "maxiter": 10**4},
    )
    return Best(end.x.reshape(joint.shape), -float(end.fun), -end.jac.reshape(joint.shape))


def _value_and_gradient(
    joint: Joint, critic: Critic, candidates: Candidates, leave_out_positive: bool
) -> tuple[float, Float[np.ndarray, "rows columns"]]:
    counts, chances = counted("joint and candidates", candidates - 1, joint.sum(axis=0), joint.size)
    # Axes: x, y_1, counts.
    shifted = critic - critic.max(axis=1, keepdims=True)
    tilts = np.exp(shifted)
    totals = np.broadcast_to((tilts @ counts.T)[:, None, :], (*joint.shape, len(counts)))
    sums = (
        totals / (candidates - 1)
        if leave_out_positive
        else (totals + tilts[:, :, None]) / candidates
    )
    law = joint[:, :, None] * chances
    value = float(np.sum(law * (shifted[:, :, None] - np.log(sums))))
    shares = law / (totals + tilts[:, :, None])
    pull = tilts * (shares.sum(axis=2) + np.einsum("xyn,nz->xz", shares, counts))
    return value, joint - pull


@guarded
def contrastive_loss(
    weights: Weights,
    conditionals: Conditionals,
    features: Features,
    loss: Loss,
    negatives: Negatives = 1,
    views: Negatives = 1,
) -> float:
    """The expected loss of an anchor and a positive of one class with negatives of independent
    classes. Each negative point is seen `views` times.

    Raises ValueError for the hinge with more than one negative, for views that do not divide the
    negatives, and for sums of more than 10^7 terms.
    """
    require(
        loss == "logistic" or negatives == 1, f"negatives must be 1 for the hinge, got {negatives}"
    )
    require(negatives % views == 0, f"views must divide negatives, got {views} and {negatives}")
    size = len(features) ** 2
    counts, chances = counted(
        "negatives and features", negatives // views, weights @ conditionals, size
    )
    pairs = np.einsum("c,cx,cy->xy", weights, conditionals, conditionals)
    scores = features @ features.T
    if loss == "hinge":
        losses = np.maximum(0, 1 - scores[:, :, None] + (scores @ counts.T)[:, None, :])
    else:
        # Negatives that are all too far away to count leave log 0, and no loss.
        highest = scores.max(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            against = highest + np.log(views * np.exp(scores - highest) @ counts.T)
        losses = np.logaddexp(0, against[:, None, :] - scores[:, :, None]) / np.log(2)
    return float(np.einsum("xy,n,xyn->", pairs, chances, losses))


@guarded
def pair_loss(
    weights: Weights,
    conditionals: Conditionals,
    features: Features,
    loss: Loss,
    negative: Literal["same class", "another class"],
) -> float:
    """The expected loss with one negative, which is of the anchor's class or of another class.
    Raises ValueError for another class where there is only one.
    """
    same = np.eye(len(weights))
    pairs = np.outer(weights, weights) * (same if negative == "same class" else 1 - same)
    require(
        pairs.sum() > 0,
        "weights must be positive for two classes where negative is of another class",
    )
    scores = features @ features.T
    margins = scores[:, :, None] - scores[:, None, :]
    losses = (
        np.maximum(0, 1 - margins) if loss == "hinge" else np.logaddexp(0, -margins) / np.log(2)
    )
    total = np.einsum(
        "cd,cx,cy,dz,xyz->", pairs, conditionals, conditionals, conditionals, losses, optimize=True
    )
    return float(total / pairs.sum())


@guarded
def block_loss(
    weights: Weights,
    conditionals: Conditionals,
    features: Features,
    loss: Loss,
    block: Block,
    *,
    independent: bool = False,
) -> float:
    """The expected loss that compares the mean of `block` positives with the mean of `block`
    negatives. The negatives have one class, or independent ones. Raises ValueError for sums of more
    than 10^7 terms.
    """
    size = len(features)
    laws = np.vstack([conditionals, weights @ conditionals])
    counts, chances = counted("block and features", block, laws, size * size * (block + 1))
    positive = chances[:-1]
    negative = chances[-1] if independent else weights @ chances[:-1]
    means = features @ (counts @ features / block).T
    total = 0.0
    for at_x, law in zip(means, (weights[:, None] * conditionals).T, strict=True):
        margins = at_x[:, None] - at_x
        losses = (
            np.maximum(0, 1 - margins) if loss == "hinge" else np.logaddexp(0, -margins) / np.log(2)
        )
        total += float((law @ positive) @ losses @ negative)
    return total
