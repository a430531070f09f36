"""How far features and weights are from collapse: scale-free distances to target frames.

Metrics of a head that has died out (zero weights or zero class means) are NaN: nothing is divided by a zero norm.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.neural_collapse.objectives import Problem, product, require_fit
from sims.neural_collapse.parameters import Head
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import LARGEST, AnyArray, require_count, require_in_range, require_scale


class Targets(NamedTuple):
    """The frames to which distances are taken, each K x K up to a positive factor.

    `weight_grams` are those of V Vᵀ with V = W_M..W_m, one for each m = 1..M; `feature_gram` of H̄ᵀH̄; `logits` of
    W_M..W_1 H̄; `alignment` is the A for which W_M..W_1 ∝ A H̄ᵀ.
    """

    weight_grams: Float[AnyArray, "layers classes classes"]
    feature_gram: Float[AnyArray, "classes classes"]
    logits: Float[AnyArray, "classes classes"]
    alignment: Float[AnyArray, "classes classes"]


class Collapse(NamedTuple):
    """NC1 (within-class variability), NC2 of W_M..W_m for m = 1..M, NC2 of H̄, NC3 of W_M..W_1 H̄ and of W with H̄ᵀ."""

    within_class: Float[Array, ""]
    weights: Float[Array, "layers"]
    features: Float[Array, ""]
    logits: Float[Array, ""]
    alignment: Float[Array, ""]


@validated
def balanced_targets(n_classes: int, depth: int, *, bias: bool) -> Targets:
    """The frames of equal classes: the orthogonal frame I, or with a bias the simplex ETF I - 1 1ᵀ / K.

    Raises ValueError for no class or no layer.
    Source: Dang et al. 2023 (balanced case).
    """
    require_count("n_classes", n_classes, 1, "nothing to tell apart otherwise")
    require_count("depth", depth, 1, "at least one layer")
    frame = np.eye(n_classes) - (1 / n_classes if bias else 0.0)
    return Targets(np.broadcast_to(frame, (depth, n_classes, n_classes)), frame, frame, np.eye(n_classes))


@validated
def class_means(features: Float[AnyArray, "dim samples"], class_sizes: tuple[int, ...]) -> Float[Array, "dim classes"]:
    """H̄: the mean column of each class; samples are ordered by class.

    Raises ValueError for an empty class, or sizes that do not add up to the number of columns.
    """
    _require_sizes(features, class_sizes)
    return jnp.asarray(features) @ _averaging(class_sizes)


@validated(unbounded=("return",))
def within_class_collapse(
    features: Float[AnyArray, "dim samples"], class_sizes: tuple[int, ...], *, cutoff: float | None = None
) -> Float[Array, ""]:
    """NC1 = tr(Σ_W Σ_B⁺) / K, within-class covariance measured by the between-class covariance of the class means.

    Σ_W is the average over samples, Σ_B over classes, about the mean of all samples. The pseudo-inverse leaves out
    eigenvalues of Σ_B up to `cutoff` times the largest: collapsed classes would blow up the ratio. By default it is
    1e-10, and 1e-6 K in float32. Computed from a symmetric K x K eigenproblem. NaN where all class means coincide.
    Raises ValueError for sizes as `class_means`, features whose largest entry is beyond 1e-50 or 1e50, and a cutoff
    outside [0, 1). Source: the released code of Dang et al. 2023; the K x K form: derived here.
    """
    _require_sizes(features, class_sizes)
    require_scale("features", features)
    if cutoff is not None:
        require_in_range("cutoff", cutoff, 0, 1, includes_high=False)
    return _within_class_collapse(features, class_sizes, cutoff)


def _within_class_collapse(features, class_sizes, cutoff=None):
    features = jnp.asarray(features)
    if cutoff is None:
        cutoff = 1e-10 if features.dtype == np.float64 else 1e-6 * len(class_sizes)
    means = class_means(features, class_sizes)
    centred = means - jnp.mean(features, axis=1, keepdims=True)
    deviations = features - jnp.repeat(means, np.array(class_sizes), axis=1, total_repeat_length=features.shape[1])
    squares, directions = jnp.linalg.eigh(centred.T @ centred)
    kept = squares > cutoff * squares[-1]
    projections = jnp.sum((deviations.T @ (centred @ directions)) ** 2, axis=0)
    ratio = jnp.sum(jnp.where(kept, projections / jnp.where(kept, squares, 1) ** 2, 0)) / features.shape[1]
    return jnp.where(squares[-1] > 0, ratio, jnp.nan)


@validated(unbounded=("return",))
def gram_distance(gram: Float[AnyArray, "rows columns"], target: Float[AnyArray, "rows columns"]) -> Float[Array, ""]:
    """‖G/‖G‖ - T/‖T‖‖ in Frobenius norm, in [0, 2]; NaN where either matrix is zero.

    Raises ValueError for a matrix whose largest entry is beyond 1e-50 or 1e50.
    Source: the metrics NC2 and NC3 of the released code of Dang et al. 2023.
    """
    require_scale("gram", gram)
    require_scale("target", target)
    return _gram_distance(gram, target)


def _gram_distance(gram, target):
    gram, target = jnp.asarray(gram), jnp.asarray(target)
    return jnp.linalg.norm(gram / jnp.linalg.norm(gram) - target / jnp.linalg.norm(target))


@validated(unbounded=("return",))
def collapse(head: Head, problem: Problem, targets: Targets) -> Collapse:
    """All metrics of `head` in the full form or the class-mean reduction (there NC1 is 0 by construction).

    With a bias the class means are taken about the mean of all samples. Raises ValueError as `Problem.columns`, and
    where the targets do not fit K and M, or class means or products of layers exceed 1e50. Source: the released code
    of Dang et al. 2023.
    """
    shape = (problem.depth, problem.n_classes, problem.n_classes)
    if not all(hasattr(part, "__array_namespace__") for part in targets):
        raise ValueError("targets must hold arrays")
    if targets.weight_grams.shape != shape:
        raise ValueError(f"targets.weight_grams must be of shape (M, K, K) = {shape}, got {targets.weight_grams.shape}")
    if any(part.shape != shape[1:] for part in targets[1:]):
        raise ValueError(f"targets must hold matrices of shape (K, K) = {shape[1:]} after the weight_grams")
    require_fit("head", head, problem)
    classes, sample_weights = problem.columns(head.features.shape[1])
    features = head.features / jnp.sqrt(sample_weights)
    sizes = tuple(np.bincount(classes).tolist())
    means = class_means(features, sizes)
    if problem.bias:
        means = means - (means @ np.array(problem.class_sizes, float) / problem.n_samples)[:, None]
    tails = [product(head.weights[layer:]) for layer in range(problem.depth)]
    for part in (*tails, features):
        require_scale("the features of head and the products of its layers", part, 0.0, LARGEST)
    return Collapse(
        within_class=_within_class_collapse(features, sizes),
        weights=jnp.stack(
            [_gram_distance(tail @ tail.T, gram) for tail, gram in zip(tails, targets.weight_grams, strict=True)]
        ),
        features=_gram_distance(means.T @ means, targets.feature_gram),
        logits=_gram_distance(tails[0] @ means, targets.logits),
        alignment=_gram_distance(tails[0], jnp.asarray(targets.alignment) @ means.T),
    )


def _require_sizes(features, class_sizes):
    for size in class_sizes:
        require_count("in class_sizes a class size", size, 1, "leave an empty class out")
    if not class_sizes or sum(class_sizes) != features.shape[1]:
        raise ValueError(f"class_sizes must add up to the {features.shape[1]} columns of features, got {class_sizes}")


def _averaging(class_sizes):
    """The samples x classes matrix whose column k averages over class k."""
    return np.repeat(np.diag(1 / np.array(class_sizes, dtype=float)), class_sizes, axis=0)
