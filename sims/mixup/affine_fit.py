"""Minimisers of empirical losses whose points are mixed by matrices: masks (CutMix style) and any affine pairing."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, ScalarLike

from sims.mixup.domain import require_iterations, require_probabilities, require_sample, require_unit_interval
from sims.mixup.newton import EVALUATIONS, TOLERANCE, Fit, minimise, within_floating_point
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_finite, require_in_range, require_scale
from theory_on_trial.precision import require_float64


@validated(unbounded=("return",))
def fit_masks(
    features: Float[AnyArray, "n dim"],
    labels: Float[AnyArray, "n"],
    masks: Float[AnyArray, "masks dim"],
    probabilities: Float[AnyArray, "masks"],
    mask_labels: Float[AnyArray, "masks"],
    *,
    iterations: int = EVALUATIONS,
    tolerance: ScalarLike = TOLERANCE,
    ridge: ScalarLike = 0.0,
) -> Fit:
    """Minimise the expected empirical mask loss: z = w·(M x_i + (1-M) x_j), ỹ = λ_M y_i + (1-λ_M) y_j.

    Masks M have entries 0 and 1, `probabilities` and label weights λ_M = `mask_labels` (usually the mean of M). The
    loss is (1/n²) Σ_ij Σ_M p_M [log(1 + e^z) - ỹ z] + ½ ridge |w|²; the fit and its refusals are those of `fit_mixup`,
    and a mask with other entries is refused.
    Source: the masking variants that Oh & Yun 2023 (arXiv 2306.00267) treat; its factorised derivatives: derived here.
    """
    _require_problem(features, labels, probabilities, iterations, tolerance, ridge)
    require_unit_interval("in mask_labels the label weights", mask_labels)
    if not is_traced(masks) and not ((masks == 0) | (masks == 1)).all():
        raise ValueError("masks must have entries 0 and 1 only")
    problem = (features, labels, (masks, 1 - masks), probabilities, mask_labels)
    return within_floating_point(_fit(*problem, tolerance, ridge, iterations))


@validated(unbounded=("return",))
def fit_affine(
    features: Float[AnyArray, "n dim"],
    labels: Float[AnyArray, "n"],
    first: Float[AnyArray, "atoms dim dim"],
    second: Float[AnyArray, "atoms dim dim"],
    probabilities: Float[AnyArray, "atoms"],
    mixing: Float[AnyArray, "atoms"],
    *,
    iterations: int = EVALUATIONS,
    tolerance: ScalarLike = TOLERANCE,
    ridge: ScalarLike = 0.0,
) -> Fit:
    """Minimise the expected empirical loss of mixtures A x_i + B x_j, labels λ y_i + (1-λ) y_j.

    The atoms of the law of (A, B, λ) are `first`, `second` and `mixing`; the rest is as in `fit_masks`.
    Source: derived here; Mixup is A = g I, B = (1-g) I.
    """
    _require_problem(features, labels, probabilities, iterations, tolerance, ridge)
    require_unit_interval("in mixing the label weights", mixing)
    for name, operators in (("first", first), ("second", second)):
        require_finite(name, operators)
        require_scale(name, operators)
    problem = (features, labels, (first, second), probabilities, mixing)
    return within_floating_point(_fit(*problem, tolerance, ridge, iterations))


def _require_problem(features, labels, probabilities, iterations, tolerance, ridge):
    require_float64("a fit of mixtures")
    require_sample(features, labels)
    require_probabilities("probabilities", probabilities)
    require_iterations(iterations, tolerance)
    require_in_range("ridge", ridge, 0, jnp.inf, includes_high=False)


@partial(jax.jit, static_argnums=7)
def _fit(features, labels, operators, probabilities, mixing, tolerance, ridge, iterations):
    """`operators` are pairs of matrices, or of the diagonals of diagonal ones, along a leading axis of atoms."""
    features, labels = jnp.asarray(features, float), jnp.asarray(labels, float)
    n, dim = features.shape

    def transformed(operator: Array) -> Array:
        return features * operator if operator.ndim == 1 else features @ operator.T

    def derivatives(parameters):
        def add_atom(sums, atom):
            gradient, hessian = sums
            (first, second), weight, lam = atom
            left, right = transformed(first), transformed(second)
            odds = jnp.exp(-(left @ parameters))[:, None] * jnp.exp(-(right @ parameters))
            chances = 1 / (1 + odds)
            # σ(z) - ỹ without the cancellation that would turn a loss still falling into one at its minimum.
            mixed = lam * labels[:, None] + (1 - lam) * labels
            mixed_opposite = lam * (1 - labels[:, None]) + (1 - lam) * (1 - labels)
            residuals = weight * chances * (mixed_opposite - odds * mixed)
            curvature = weight * (odds * chances) * chances
            products = left.T @ curvature @ right
            own = (left.T * curvature.sum(axis=1)) @ left + (right.T * curvature.sum(axis=0)) @ right
            gradient += left.T @ residuals.sum(axis=1) + right.T @ residuals.sum(axis=0)
            return (gradient, hessian + own + products + products.T), None

        start = (ridge * parameters, ridge * jnp.eye(dim))
        return lax.scan(add_atom, start, (operators, probabilities / n**2, mixing))[0]

    return minimise(derivatives, features, iterations, tolerance)
