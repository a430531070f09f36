"""Angles to a target direction, and learning curves of them: one compiled program per sample size and learner."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.mixup.affine_fit import fit_masks
from sims.mixup.data import LabelLaw, pair_sample, signed_points
from sims.mixup.domain import require_pair, require_positive, require_rows, require_unit_interval
from sims.mixup.erm_fit import fit_erm
from sims.mixup.mixup_fit import fit_mixup, fit_mixup_sampled
from sims.mixup.newton import TOLERANCE
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import LARGEST, SMALLEST, AnyArray, is_traced, require_scale
from theory_on_trial.mapping import map_cells

Learner = Callable[..., Float[Array, "dim"]]


@validated(unbounded=("w", "b", "return"))
def angle_deficit(w: Float[AnyArray, "... dim"], b: Float[AnyArray, "... dim"]) -> Float[Array, "..."]:
    """1 - cos(w, b) as half the squared distance of the unit vectors: in [0, 2], accurate however small.

    The leading axes broadcast. NaN for a vector that holds NaN, as learners return where they did not converge.
    Raises ValueError for a vector of zeros, and for one whose largest entry is beyond 1e-50 or 1e50.
    """
    _require_directions("w", w)
    _require_directions("b", b)
    try:
        np.broadcast_shapes(w.shape, b.shape)
    except ValueError:
        raise ValueError(f"the leading axes of w and b must broadcast, got shapes {w.shape} and {b.shape}") from None
    w, b = jnp.asarray(w), jnp.asarray(b)
    units = (vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in (w, b))
    return jnp.sum((next(units) - next(units)) ** 2, axis=-1) / 2


def _require_directions(name, vectors):
    if is_traced(vectors):
        return
    largest = np.abs(np.asarray(vectors)).max(axis=-1, initial=0)
    if (largest == 0).any():
        raise ValueError(f"{name} must not be a vector of zeros: it has no direction")
    lost = (largest < SMALLEST) | (largest > LARGEST)
    if lost.any():
        raise ValueError(
            f"{name} must have a largest entry from {SMALLEST:g} to {LARGEST:g} (squares of other numbers get lost), "
            f"got {largest[lost][0]:g}"
        )


@validated(unbounded=("return",))
def erm_weights(
    key: Key[Array, ""], features: Float[AnyArray, "n dim"], labels: Float[AnyArray, "n"]
) -> Float[Array, "dim"]:
    """The learner without augmentation: `fit_erm`, NaN where it did not converge.

    Raises ValueError for labels outside [0, 1] and as `fit_erm`.
    """
    require_rows("features", features)
    require_unit_interval("labels", labels)
    fit = fit_erm(signed_points(features, labels))
    return jnp.where(fit.residual <= TOLERANCE, fit.weights, jnp.nan)


@validated(unbounded=("return",))
def mixup_weights(
    key: Key[Array, ""],
    features: Float[AnyArray, "n dim"],
    labels: Float[AnyArray, "n"],
    nodes: Float[AnyArray, "nodes"],
    weights: Float[AnyArray, "nodes"],
    input_weights: Float[AnyArray, "nodes"],
) -> Float[Array, "dim"]:
    """The learner `fit_mixup` (averaged mixing weight), NaN where it did not converge."""
    return _converged(fit_mixup(features, labels, nodes, weights, input_weights))


@validated(unbounded=("return",))
def sampled_mixup_weights(
    key: Key[Array, ""], features: Float[AnyArray, "n dim"], labels: Float[AnyArray, "n"], alpha: ScalarLike
) -> Float[Array, "dim"]:
    """The learner `fit_mixup_sampled` with λ ~ Beta(alpha, alpha) and g(λ) = λ, NaN where it did not converge.

    Raises ValueError for alpha not above 0, or beyond 1e-50 or 1e50, and as `fit_mixup`.
    """
    require_positive("alpha", alpha, "Beta(alpha, alpha) is no law otherwise")
    return _converged(
        fit_mixup_sampled(key, features, labels, lambda key, shape: jax.random.beta(key, alpha, alpha, shape))
    )


@validated(unbounded=("return",))
def mask_weights(
    key: Key[Array, ""],
    features: Float[AnyArray, "n dim"],
    labels: Float[AnyArray, "n"],
    masks: Float[AnyArray, "masks dim"],
    probabilities: Float[AnyArray, "masks"],
    mask_labels: Float[AnyArray, "masks"],
) -> Float[Array, "dim"]:
    """The learner `fit_masks`, NaN where it did not converge."""
    return _converged(fit_masks(features, labels, masks, probabilities, mask_labels))


def _converged(fit):
    return jnp.where(fit.converged, fit.weights, jnp.nan)


@validated(unbounded=("return",))
def fitted_weights(
    keys: Key[Array, "cells"],
    separabilities: Float[AnyArray, "cells"],
    mean: Float[AnyArray, "dim"],
    factor: Float[AnyArray, "dim dim"],
    *learner_arguments: Float[AnyArray, "..."] | ScalarLike,
    n: int,
    learner: Learner,
    labels: LabelLaw = "balanced",
) -> Float[Array, "cells dim"]:
    """Fit `learner` to one `pair_sample` of size n per cell, a cell being a key and a κ.

    `learner(key, features, labels, *learner_arguments)` returns weights: `erm_weights`, `mixup_weights`,
    `sampled_mixup_weights`, `mask_weights` or a function of the user's. n, learner and labels are static: one program
    is compiled for each of them, whatever the cells.

    Raises ValueError as `pair_sample`. What a learner refuses by value it cannot see here; it then gives NaN.
    """
    require_pair(mean, factor)
    if not is_traced(separabilities) and not (np.asarray(separabilities) > 0).all():
        raise ValueError(f"separabilities must be above 0, got a least of {np.min(separabilities)}")
    if not is_traced(separabilities) and np.size(separabilities):
        require_scale("separabilities", np.min(separabilities))
        require_scale("separabilities", np.max(separabilities))
    return _fitted_weights(keys, separabilities, mean, factor, learner_arguments, n, learner, labels)


@partial(jax.jit, static_argnums=(5, 6, 7))
def _fitted_weights(keys, separabilities, mean, factor, learner_arguments, n, learner, labels):
    def cell(key, separability):
        data_key, learner_key = jax.random.split(key)
        sample = pair_sample(data_key, n, mean, factor, separability, labels=labels)
        return learner(learner_key, sample.features, sample.labels, *learner_arguments)

    return map_cells(cell, keys, jnp.asarray(separabilities))


@validated(unbounded=("return",))
def angle_curve(
    keys: Key[Array, "cells"],
    separabilities: Float[AnyArray, "cells"],
    mean: Float[AnyArray, "dim"],
    factor: Float[AnyArray, "dim dim"],
    target: Float[AnyArray, "dim"] | Float[AnyArray, "cells dim"],
    *learner_arguments: Float[AnyArray, "..."] | ScalarLike,
    n: int,
    learner: Learner,
    labels: LabelLaw = "balanced",
) -> Float[Array, "cells"]:
    """1 - cos between the weights of `fitted_weights` and `target` (one for all cells or one per cell), per cell.

    Cells are mapped, n is static: a curve over n is one call per n, each with all κ and seeds.
    Raises ValueError as `fitted_weights` and `angle_deficit`.
    """
    _require_directions("target", target)
    weights = fitted_weights(
        keys, separabilities, mean, factor, *learner_arguments, n=n, learner=learner, labels=labels
    )
    return angle_deficit(weights, target)
