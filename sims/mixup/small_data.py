"""Augmentation on small real images: a linear classifier of two handwritten digits, beyond the Gaussian theory."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.mixup.affine_fit import fit_masks
from sims.mixup.domain import require_probabilities, require_sample, require_unit_interval
from sims.mixup.mixup_fit import fit_mixup
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_count, require_in_range
from theory_on_trial.mapping import map_cells
from theory_on_trial.precision import require_float64


class Digits(NamedTuple):
    """Images as rows of pixels in [-1, 1] with mean zero, and labels: 1 for the second digit."""

    features: Float[np.ndarray, "images pixels"]
    labels: Float[np.ndarray, "images"]


class Accuracies(NamedTuple):
    """Fractions of held-out points classified correctly, NaN where the fit did not converge; one per key."""

    erm: Float[Array, "keys"]
    mixup: Float[Array, "keys"]
    masks: Float[Array, "keys"]


@validated
def digit_pair(first: int = 3, second: int = 8) -> Digits:
    """Two digits of scikit-learn's 8 x 8 handwritten digits, pixels divided by 16 and centred.

    Raises ValueError unless the digits are two different ones of 0..9.
    """
    from sklearn.datasets import load_digits

    if first == second or not {first, second} <= set(range(10)):
        raise ValueError(f"first and second must be two different digits of 0..9, got {first} and {second}")
    pixels, digits = load_digits(return_X_y=True)
    chosen = (digits == first) | (digits == second)
    features = pixels[chosen] / 16
    return Digits(features - features.mean(axis=0), (digits[chosen] == second).astype(float))


@validated(unbounded=("return",))
def augmentation_accuracies(
    keys: Key[Array, "keys"],
    features: Float[AnyArray, "points dim"],
    labels: Float[AnyArray, "points"],
    n: int,
    ridge: ScalarLike,
    nodes: Float[AnyArray, "nodes"],
    weights: Float[AnyArray, "nodes"],
    masks: Float[AnyArray, "masks dim"],
    probabilities: Float[AnyArray, "masks"],
    mask_labels: Float[AnyArray, "masks"],
) -> Accuracies:
    """Train on n of the points, half of either class, and classify all others: without and with augmentation.

    Three ridge-regularised logistic regressions without bias on the same points: plain, Mixup with g(λ) = λ and the
    law (`nodes`, `weights`), and masks as in `fit_masks` (boxes for CutMix). One program per n.

    Raises ValueError for an odd n or n < 2, fewer than n/2 + 1 points of a class, ridge not above 0 (with n < dim the
    plain fit is separable and has no minimiser otherwise), labels that are not 0 or 1, and laws as `fit_mixup`.
    Source: derived here, in place of the image experiments of Oh & Yun 2023 (arXiv 2306.00267).
    """
    require_float64("a comparison of augmentations")
    require_sample(features, labels)
    require_count("n", n, 2, "one point for each class")
    if n % 2:
        raise ValueError(f"n must be even, half for each class, got {n}")
    require_in_range("ridge", ridge, np.finfo(float).tiny, np.inf, includes_high=False)
    require_unit_interval("nodes", nodes)
    require_probabilities("weights", weights)
    require_probabilities("probabilities", probabilities)
    require_unit_interval("mask_labels", mask_labels)
    if not is_traced(labels):
        ones = np.asarray(labels)
        if not np.isin(ones, (0, 1)).all():
            raise ValueError("labels must be 0 or 1 only")
        fewest = int(min(ones.sum(), (1 - ones).sum()))
        require_count("the number of points of the rarer class", fewest, n // 2 + 1, "n / 2 train, the rest test")
    return _accuracies(keys, features, labels, n, ridge, nodes, weights, masks, probabilities, mask_labels)


@partial(jax.jit, static_argnums=3)
def _accuracies(keys, features, labels, n, ridge, nodes, weights, masks, probabilities, mask_labels):
    features, labels = jnp.asarray(features, float), jnp.asarray(labels, float)

    def cell(key):
        # Random order within the classes: the n/2 first of either class train.
        order = jax.random.uniform(key, labels.shape)
        train = jnp.concatenate([jnp.argsort(jnp.where(labels == side, order, 2))[: n // 2] for side in (0, 1)])
        held_out = jnp.ones_like(labels).at[train].set(0)
        sample = features[train], labels[train]
        one = jnp.ones(1)
        fits = (
            fit_mixup(*sample, one, one, one, ridge=ridge),
            fit_mixup(*sample, nodes, weights, nodes, ridge=ridge),
            fit_masks(*sample, masks, probabilities, mask_labels, ridge=ridge),
        )

        def accuracy(fit):
            right = (features @ fit.weights > 0) == (labels == 1)
            return jnp.where(fit.converged, (right * held_out).sum() / held_out.sum(), jnp.nan)

        return Accuracies(*(accuracy(fit) for fit in fits))

    return map_cells(cell, keys)
