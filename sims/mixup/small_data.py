"""Augmentation on small real images: a linear classifier of two handwritten digits, beyond the
Gaussian theory.
"""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.mixup.affine_fit import fit_masks
from sims.mixup.data import require_halves
from sims.mixup.domains import BINARY, Masses, Nodes
from sims.mixup.mixup_fit import fit_mixup
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import (
    LONGEST,
    POSITIVE,
    PROBABILITIES,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
    guarded,
    is_traced,
    require,
)

Digit = Annotated[int, Interval(0, 9)]


class Digits(NamedTuple):
    """Images as rows of pixels in [-1, 1] with mean zero, and labels: 1 for the second digit."""

    features: Float[np.ndarray, "images pixels"]
    labels: Float[np.ndarray, "images"]


class Accuracies(NamedTuple):
    """Fractions of held-out points classified correctly, NaN where the fit did not converge; one
    per key.
    """

    erm: Float[Array, "keys"]
    mixup: Float[Array, "keys"]
    masks: Float[Array, "keys"]


@guarded(double=False)
def digit_pair(first: Digit = 3, second: Digit = 8) -> Digits:
    """Two digits of scikit-learn's 8 x 8 handwritten ones, pixels over 16 and centred; ValueError
    for equal digits.
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
    """Train on n of the points, half of either class, and classify all others: without and with
    augmentation.

    Three ridge-regularised logistic regressions without bias on the same points: plain, Mixup with
    g(λ) = λ, and masks as in `fit_masks` (boxes for CutMix), with a key for each choice of points.
    `ridge` is the coefficient of |w|²/2, `nodes` and `weights` are Mixup's λ and their
    probabilities, `masks` M (1 where the first image is kept) come with theirs, and `mask_labels`
    are the weights of the first label. Raises ValueError for an odd n, and fewer than n/2 + 1
    points of a class. Source: derived here, in place of the image experiments of Oh & Yun 2023
    (arXiv 2306.00267).
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
