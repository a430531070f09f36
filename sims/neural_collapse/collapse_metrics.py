"""How far features and weights are from collapse, as distances to target frames that do not depend
on scale.

Metrics of a head whose weights or class means are zero are NaN, because their norms are divisors.
"""

from typing import Annotated, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.neural_collapse.domains import ClassSizes
from sims.neural_collapse.model import Head, Problem, product, require_fit
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import LONGEST, USABLE_SCALE, Interval, guarded, require


class Targets(NamedTuple):
    """The frames to which distances are taken, each K x K up to a positive factor.

    `weight_grams` are those of V Vᵀ with V = W_M..W_m, one for each m = 1..M. `feature_gram` is
    that of H̄ᵀH̄, and `logits` that of W_M..W_1 H̄. `alignment` is the A for which W_M..W_1 ∝ A
    H̄ᵀ.
    """

    weight_grams: Float[AnyArray, "layers classes classes"]
    feature_gram: Float[AnyArray, "classes classes"]
    logits: Float[AnyArray, "classes classes"]
    alignment: Float[AnyArray, "classes classes"]


class Collapse(NamedTuple):
    """The metrics of collapse: NC1 (within-class variability), NC2 of W_M..W_m for m = 1..M, NC2 of
    H̄, NC3 of W_M..W_1 H̄, and NC3 of W_M..W_1 with H̄ᵀ.
    """

    within_class: Float[Array, ""]
    weights: Float[Array, "layers"]
    features: Float[Array, ""]
    logits: Float[Array, ""]
    alignment: Float[Array, ""]


@guarded(double=False)
def balanced_targets(
    n_classes: Annotated[int, Interval(1, LONGEST)],
    depth: Annotated[int, Interval(1, LONGEST)],
    *,
    bias: bool,
) -> Targets:
    """The frames of equal classes: the orthogonal frame I, or the simplex ETF I - 1 1ᵀ / K with a
    bias. Source: Dang et al. 2023 (balanced case).
    """
    frame = np.eye(n_classes) - (1 / n_classes if bias else 0.0)
    return Targets(
        np.broadcast_to(frame, (depth, n_classes, n_classes)), frame, frame, np.eye(n_classes)
    )


@guarded(double=False)
def class_means(
    features: Float[AnyArray, "dim samples"], class_sizes: ClassSizes
) -> Float[Array, "dim classes"]:
    """Return H̄, the mean column of each class, for samples that are ordered by class.

    Raises ValueError if the class sizes do not add up to the columns.
    """
    _require_sizes(features, class_sizes)
    return jnp.asarray(features) @ _averaging(class_sizes)


@guarded(double=False)
def within_class_collapse(
    features: Annotated[Float[AnyArray, "dim samples"], USABLE_SCALE],
    class_sizes: ClassSizes,
    *,
    cutoff: Annotated[float, Interval(0, 1, "[)")] | None = None,
) -> Float[Array, ""]:
    """Return NC1 = tr(Σ_W Σ_B⁺) / K, the within-class covariance relative to the covariance of the
    class means.

    Σ_W is the average over samples, and Σ_B that over classes, about the mean of all samples. The
    pseudo-inverse leaves out eigenvalues of Σ_B up to `cutoff` times the largest, because collapsed
    classes would make the ratio infinite. The default is 1e-10, and 1e-6 K in float32. A symmetric
    K x K eigenproblem gives the result. NaN where all class means coincide. Raises ValueError for
    sizes as `class_means`. Source: the released code of Dang et al. 2023; the K x K form: derived
    here.
    """
    _require_sizes(features, class_sizes)
    features = jnp.asarray(features)
    if cutoff is None:
        cutoff = 1e-10 if features.dtype == np.float64 else 1e-6 * len(class_sizes)
    means = class_means(features, class_sizes)
    between = means - jnp.mean(features, axis=1, keepdims=True)
    deviations = features - jnp.repeat(
        means, np.array(class_sizes), axis=1, total_repeat_length=features.shape[1]
    )
    squares, directions = jnp.linalg.eigh(between.T @ between)
    support = squares > cutoff * squares[-1]
    projections = jnp.sum((deviations.T @ (between @ directions)) ** 2, axis=0)
    ratio = (
        jnp.sum(jnp.where(support, projections / jnp.where(support, squares, 1) ** 2, 0))
        / features.shape[1]
    )
    return jnp.where(squares[-1] > 0, ratio, jnp.nan)


@guarded(double=False)
def gram_distance(
    gram: Annotated[Float[AnyArray, "rows columns"], USABLE_SCALE],
    target: Annotated[Float[AnyArray, "rows columns"], USABLE_SCALE],
) -> Float[Array, ""]:
    """Return the distance of two matrices of unit norm, ‖G/‖G‖ - T/‖T‖‖_F, from 0 to 2.

    It is NaN for a matrix of zeros. Source: NC2 and NC3 of the code of Dang et al. 2023.
    """
    gram = jnp.asarray(gram)
    target = jnp.asarray(target)
    return jnp.linalg.norm(gram / jnp.linalg.norm(gram) - target / jnp.linalg.norm(target))


@guarded(double=False)
def collapse(head: Head, problem: Problem, targets: Targets) -> Collapse:
    """Return all metrics of `head` in the full form or in the class-mean reduction, where NC1 is 0
    by construction.

    With a bias that is not decayed the class means are taken about the mean of all samples. Raises
    ValueError where the targets do not fit K and M, or the head does not fit the problem. NaN where
    products of layers are so large that their squares overflow. Source: the released code of Dang
    et al. 2023.
    """
    shape = (problem.depth, problem.n_classes, problem.n_classes)
    shapes = [getattr(part, "shape", None) for part in targets]
    fit = shapes == [shape, *[shape[1:]] * 3]
    require(
        fit, f"targets must be of shapes (M, K, K) = {shape} and (K, K) three times, got {shapes}"
    )
    require_fit("head", head, problem)
    classes, sample_weights = problem.columns(head.features.shape[1])
    features = head.features / jnp.sqrt(sample_weights)
    sizes = tuple(np.bincount(classes).tolist())
    means = class_means(features, sizes)
    if problem.bias:
        mean = (means @ np.array(problem.class_sizes, float) / problem.n_samples)[:, None]
        means = means - jnp.where(problem.bias_decay == 0, mean, 0)
    tails = [product(head.weights[layer:]) for layer in range(problem.depth)]
    return Collapse(
        within_class=within_class_collapse(features, sizes),
        weights=jnp.stack(
            [
                gram_distance(tail @ tail.T, gram)
                for tail, gram in zip(tails, targets.weight_grams, strict=True)
            ]
        ),
        features=gram_distance(means.T @ means, targets.feature_gram),
        logits=gram_distance(tails[0] @ means, targets.logits),
        alignment=gram_distance(tails[0], jnp.asarray(targets.alignment) @ means.T),
    )


def _require_sizes(features, class_sizes):
    n_columns = features.shape[1]
    require(
        sum(class_sizes) == n_columns,
        f"class_sizes must add up to the {n_columns} columns, got {class_sizes}",
    )


def _averaging(class_sizes):
    """Return the samples x classes matrix whose column k averages over class k."""
    return np.repeat(np.diag(1 / np.array(class_sizes, dtype=float)), class_sizes, axis=0)
