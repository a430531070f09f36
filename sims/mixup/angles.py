"""Angles to a target direction, and learning curves of them: one compiled program per sample size
and learner.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.mixup.affine_fit import fit_masks
from sims.mixup.data import LabelLaw, Size, pair_sample, require_halves, signed_points
from sims.mixup.domains import (
    DIRECTED,
    Factor,
    InputWeights,
    Labels,
    Masks,
    Masses,
    Mean,
    Nodes,
    Points,
    Separabilities,
    Shape,
)
from sims.mixup.erm_fit import fit_erm
from sims.mixup.mixup_fit import fit_mixup, fit_mixup_sampled
from sims.mixup.newton import TOLERANCE
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.contract import ANY_NUMBER, guarded

Learner = Callable[..., Float[Array, "dim"]]
Vectors = Annotated[Float[AnyArray, "*#cells dim"], DIRECTED, ANY_NUMBER]
Target = Annotated[Float[AnyArray, "dim"] | Float[AnyArray, "cells dim"], DIRECTED]


@guarded(double=False)
def angle_deficit(w: Vectors, b: Vectors) -> Float[Array, "..."]:
    """1 - cos(w, b) in [0, 2], accurate however small; leading axes broadcast. NaN for a vector
    that holds NaN.
    """
    return _deficit(w, b)


def _deficit(w, b):
    w = jnp.asarray(w)
    b = jnp.asarray(b)
    units = (vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in (w, b))
    return jnp.sum((next(units) - next(units)) ** 2, axis=-1) / 2


@guarded(double=False)
def erm_weights(key: Key[Array, ""], features: Points, labels: Labels) -> Float[Array, "dim"]:
    """The learner without augmentation: `fit_erm`, NaN where it did not converge; the key is not
    used.
    """
    fit = fit_erm(signed_points(features, labels))
    return jnp.where(fit.residual <= TOLERANCE, fit.weights, jnp.nan)


@guarded(double=False)
def mixup_weights(
    key: Key[Array, ""],
    features: Points,
    labels: Labels,
    nodes: Nodes,
    weights: Masses,
    input_weights: InputWeights,
) -> Float[Array, "dim"]:
    """The learner `fit_mixup` (averaged mixing weight), NaN where it did not converge; the key is
    not used.
    """
    return _converged(fit_mixup(features, labels, nodes, weights, input_weights))


@guarded(double=False)
def sampled_mixup_weights(
    key: Key[Array, ""], features: Points, labels: Labels, alpha: Shape
) -> Float[Array, "dim"]:
    """The learner `fit_mixup_sampled` with λ ~ Beta(α, α) and g(λ) = λ, NaN where it did not
    converge.
    """
    return _converged(
        fit_mixup_sampled(
            key, features, labels, lambda key, shape: jax.random.beta(key, alpha, alpha, shape)
        )
    )


@guarded(double=False)
def mask_weights(
    key: Key[Array, ""],
    features: Points,
    labels: Labels,
    masks: Masks,
    probabilities: Masses,
    mask_labels: Nodes,
) -> Float[Array, "dim"]:
    """The learner `fit_masks`, NaN where it did not converge; the key is not used."""
    return _converged(fit_masks(features, labels, masks, probabilities, mask_labels))


def _converged(fit):
    return jnp.where(fit.converged, fit.weights, jnp.nan)


@guarded(double=False)
def angle_curve(
    keys: Key[Array, "cells"],
    separabilities: Separabilities,
    mean: Mean,
    factor: Factor,
    target: Target,
    *learner_arguments: Float[AnyArray, "..."] | ScalarLike,
    n: Size,
    learner: Learner,
    labels: LabelLaw = "balanced",
) -> Float[Array, "cells"]:
    """1 - cos between `target` (one for all cells or one per cell) and what `learner` finds on one
    `pair_sample`.

    A cell is a key and a κ, Σ = F Fᵀ with F = `factor`. n, learner and labels are static: a curve
    over n is one call and one program per n. What a learner refuses by value gives NaN here. The
    learner maps (key, features, labels, *learner_arguments) to weights: `erm_weights`,
    `mixup_weights`, `sampled_mixup_weights`, `mask_weights` or a function of the user's. Raises
    ValueError for an odd n with balanced labels.
    """
    require_halves(n, labels)
    weights = fitted_weights(
        keys, separabilities, mean, factor, learner_arguments, n, learner, labels
    )
    return _deficit(weights, target)


@partial(jax.jit, static_argnums=(5, 6, 7))
def fitted_weights(
    keys, separabilities, mean, factor, learner_arguments, n, learner, labels="balanced"
):
    """The weights that the learner finds in each cell of `angle_curve`."""

    def cell(key, separability):
        data_key, learner_key = jax.random.split(key)
        sample = pair_sample(data_key, n, mean, factor, separability, labels=labels)
        return learner(learner_key, sample.features, sample.labels, *learner_arguments)

    return map_cells(cell, keys, jnp.asarray(separabilities))
