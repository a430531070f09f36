"""Minimisers of empirical losses whose points are mixed by matrices: masks (CutMix style) and any
affine pairing.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from sims.mixup.data import warn_of_one_class
from sims.mixup.domains import Labels, Masks, Masses, Nodes, Points, Ridge
from sims.mixup.newton import Fit, minimise
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import USABLE_SCALE, guarded

Operators = Annotated[Float[AnyArray, "atoms dim dim"], USABLE_SCALE]


@guarded(double=False)
def fit_masks(
    features: Points,
    labels: Labels,
    masks: Masks,
    probabilities: Masses,
    mask_labels: Nodes,
    *,
    ridge: Ridge = 0.0,
) -> Fit:
    """Minimise the expected empirical mask loss: z = w·(M x_i + (1-M) x_j), ỹ = λ_M y_i + (1-λ_M)
    y_j.

    Masks M have `probabilities` and label weights λ_M = `mask_labels` (usually the mean of M). The
    loss is (1/n²) Σ_ij Σ_M p_M [log(1 + e^z) - ỹ z] + ½ ridge |w|²; the fit and what it says is
    that of `fit_mixup`. Source: the masking variants that Oh & Yun 2023 (arXiv 2306.00267) treat;
    its factorised derivatives: derived here.
    """
    require_float64("a fit of mixtures")
    warn_of_one_class(labels)
    return _fit(features, labels, (masks, 1 - masks), probabilities, mask_labels, ridge)


@guarded(double=False)
def fit_affine(
    features: Points,
    labels: Labels,
    first: Operators,
    second: Operators,
    probabilities: Masses,
    mixing: Nodes,
) -> Fit:
    """Minimise the expected empirical loss of mixtures A x_i + B x_j, labels λ y_i + (1-λ) y_j,
    otherwise as `fit_masks`. The atoms of the law of (A, B, λ) are `first`, `second` and `mixing`.
    Source: derived here; Mixup is A = g I, B = (1-g) I.
    """
    require_float64("a fit of mixtures")
    warn_of_one_class(labels)
    return _fit(features, labels, (first, second), probabilities, mixing, 0.0)


@jax.jit
def _fit(features, labels, operators, probabilities, mixing, ridge):
    """`operators` are pairs of matrices, or of the diagonals of diagonal ones, along a leading axis
    of atoms.
    """
    features = jnp.asarray(features, float)
    labels = jnp.asarray(labels, float)
    n, dim = features.shape

    def transformed(operator: Array) -> Array:
        return features * operator if operator.ndim == 1 else features @ operator.T

    def derivatives(parameters):
        def add_atom(sums, atom):
            gradient, hessian = sums
            (first, second), weight, lam = atom
            left = transformed(first)
            right = transformed(second)
            odds = jnp.exp(-(left @ parameters))[:, None] * jnp.exp(-(right @ parameters))
            chances = 1 / (1 + odds)
            # σ(z) - ỹ without the cancellation that would turn a loss still falling into one at its
            # minimum.
            mixed = lam * labels[:, None] + (1 - lam) * labels
            mixed_opposite = lam * (1 - labels[:, None]) + (1 - lam) * (1 - labels)
            residuals = weight * chances * (mixed_opposite - odds * mixed)
            curvature = weight * (odds * chances) * chances
            products = left.T @ curvature @ right
            within = (left.T * curvature.sum(axis=1)) @ left + (
                right.T * curvature.sum(axis=0)
            ) @ right
            gradient += left.T @ residuals.sum(axis=1) + right.T @ residuals.sum(axis=0)
            return (gradient, hessian + within + products + products.T), None

        start = (ridge * parameters, ridge * jnp.eye(dim))
        return lax.scan(add_atom, start, (operators, probabilities / n**2, mixing))[0]

    return minimise(derivatives, features)
