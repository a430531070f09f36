"""Angles between what learners find and a target direction, and their learning curves, with one
compiled program per sample size and learner. The last functions train the same learners on small
real images.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.mixup.fits import (
    BINARY,
    DIRECTED,
    TOLERANCE,
    Factor,
    InputWeights,
    LabelLaw,
    Labels,
    Masks,
    Masses,
    Mean,
    Nodes,
    Points,
    Shape,
    Size,
    fit_masks,
    fit_mixup,
    fit_mixup_sampled,
    pair_sample,
    require_halves,
    signed_points,
)
from sims.mixup.margins import fit_erm
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import (
    ANY_NUMBER,
    LARGEST,
    LONGEST,
    POSITIVE,
    PROBABILITIES,
    SMALLEST,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
    guarded,
    is_traced,
    require,
)

Learner = Callable[..., Float[Array, "dim"]]
Vectors = Annotated[Float[AnyArray, "*#cells dim"], DIRECTED, ANY_NUMBER]
Target = Annotated[Float[AnyArray, "dim"] | Float[AnyArray, "cells dim"], DIRECTED]
Digit = Annotated[int, Interval(0, 9)]


@guarded(double=False)
def angle_deficit(w: Vectors, b: Vectors) -> Float[Array, "..."]:
    """Return 1 - cos(w, b), from 0 to 2, accurate even where it is tiny.

    Leading axes broadcast. The result is NaN for a vector that holds NaN.
    """
    return _deficit(w, b)


def _deficit(w, b):
    w = jnp.asarray(w)
    b = jnp.asarray(b)
    units = (vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in (w, b))
    return jnp.sum((next(units) - next(units)) ** 2, axis=-1) / 2


@guarded(double=False)
def erm_weights(key: Key[Array, ""], features: Points, labels: Labels) -> Float[Array, "dim"]:
    """The learner without augmentation, `fit_erm`. NaN where it did not converge. The key is not
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
@partial(jax.jit, static_argnames=("n", "learner", "labels"))
def angle_curve(
    keys: Key[Array, "cells"],
    separabilities: Annotated[Float[AnyArray, "cells"], Interval(SMALLEST, LARGEST)],
    mean: Mean,
    factor: Factor,
    target: Target,
    *learner_arguments: Float[AnyArray, "..."] | ScalarLike,
    n: Size,
    learner: Learner,
    labels: LabelLaw = "balanced",
) -> Float[Array, "cells"]:
    """Return 1 - cos of the angle between `target` and the weights that `learner` finds on one
    `pair_sample`, for each cell.

    A cell is a key and a κ, with Σ = F Fᵀ and F = `factor`. `target` is one vector, or one per
    cell. n, learner and labels are static, so that a curve over n takes one call and one program
    per n. The learner maps (key, features, labels, *learner_arguments) to weights: `erm_weights`,
    `mixup_weights`, `sampled_mixup_weights`, `mask_weights` or a function of the user's. NaN where
    a learner would refuse the values. Raises ValueError for an odd n with balanced labels.
    """
    require_halves(n, labels)

    def cell(key, separability):
        data_key, learner_key = jax.random.split(key)
        sample = pair_sample(data_key, n, mean, factor, separability, labels=labels)
        return learner(learner_key, sample.features, sample.labels, *learner_arguments)

    return _deficit(map_cells(cell, keys, jnp.asarray(separabilities)), target)


class Digits(NamedTuple):
    """Images as rows of pixels in [-1, 1] with mean zero, and labels: 1 for the second digit."""

    features: Float[np.ndarray, "images pixels"]
    labels: Float[np.ndarray, "images"]


class Accuracies(NamedTuple):
    """The shares of held-out points that are classified correctly, one for each key; NaN where the
    fit did not converge.
    """

    erm: Float[Array, "keys"]
    mixup: Float[Array, "keys"]
    masks: Float[Array, "keys"]


@guarded(double=False)
def digit_pair(first: Digit = 3, second: Digit = 8) -> Digits:
    """The images of two digits from scikit-learn's 8 x 8 handwritten digits, with pixels divided by
    16 and centred. Raises ValueError for two equal digits.
    """
    from sklearn.datasets import load_digits

    require(first != second, f"first and second must be two different digits, got {first} twice")
    pixels, digits = load_digits(return_X_y=True)
    mask = (digits == first) | (digits == second)
    features = pixels[mask] / 16
    return Digits(features - features.mean(axis=0), (digits[mask] == second).astype(float))


@guarded(double=False)
def augmentation_accuracies(
    keys: Key[Array, "keys"],
    features: Annotated[Float[AnyArray, "points dim"], USABLE_SCALE],
    labels: Annotated[Float[AnyArray, "points"], BINARY],
    n: Annotated[int, Interval(2, LONGEST)],
    ridge: Annotated[ScalarLike, POSITIVE],
    nodes: Nodes,
    weights: Masses,
    masks: Annotated[Float[AnyArray, "masks dim"], BINARY],
    probabilities: Annotated[Float[AnyArray, "masks"], PROBABILITIES],
    mask_labels: Annotated[Float[AnyArray, "masks"], UNIT_INTERVAL],
) -> Accuracies:
    """Train on n of the points, half of them from each class, and classify all others, with and
    without augmentation.

    Three ridge-regularised logistic regressions without bias see the same points: one without
    augmentation, one with Mixup with g(λ) = λ, and one with masks as in `fit_masks` (boxes for
    CutMix). Each key makes one choice of points. `ridge` is the coefficient of |w|²/2. `nodes` and
    `weights` are Mixup's λ and their probabilities. `masks` are M, 1 where the first image is kept;
    `probabilities` are theirs, and `mask_labels` are the weights of the first label. Raises
    ValueError for an odd n, and for fewer than n/2 + 1 points of a class. Source: derived here, in
    place of the image experiments of Oh & Yun 2023 (arXiv 2306.00267).
    """
    require_float64("a comparison of augmentations")
    require_halves(n, "balanced")
    if not is_traced(labels):
        ones = int(np.asarray(labels).sum())
        fewest = min(ones, labels.shape[0] - ones)
        require(
            fewest > n // 2,
            f"labels must hold more than n / 2 = {n // 2} points of each class, got {fewest}",
        )
    return _accuracies(
        keys, features, labels, n, ridge, nodes, weights, masks, probabilities, mask_labels
    )


@partial(jax.jit, static_argnums=3)
def _accuracies(
    keys, features, labels, n, ridge, nodes, weights, masks, probabilities, mask_labels
):
    features = jnp.asarray(features, float)
    labels = jnp.asarray(labels, float)

    def cell(key):
        # Random order within the classes: the n/2 first of either class train.
        order = jax.random.uniform(key, labels.shape)
        train = jnp.concatenate(
            [jnp.argsort(jnp.where(labels == side, order, 2))[: n // 2] for side in (0, 1)]
        )
        held_out = jnp.ones_like(labels).at[train].set(0)
        sample = features[train], labels[train]
        atom = jnp.ones(1)
        fits = (
            fit_mixup(*sample, atom, atom, atom, ridge=ridge),
            fit_mixup(*sample, nodes, weights, nodes, ridge=ridge),
            fit_masks(*sample, masks, probabilities, mask_labels, ridge=ridge),
        )

        def accuracy(fit):
            right = (features @ fit.weights > 0) == (labels == 1)
            return jnp.where(fit.converged, (right * held_out).sum() / held_out.sum(), jnp.nan)

        return Accuracies(*(accuracy(fit) for fit in fits))

    return map_cells(cell, keys)
