"""The approximation error of a linear head on E[X2 | X1], from the means of X2 in the classes.

Throughout p(x1) = P(Y = . | X1 = x1), M = E[p p^T], and the columns of A are E[X2 | Y]. If X1 and
X2 are independent given Y, the solution of the pretext task is ψ(x1) = E[X2 | X1 = x1] = A p(x1).
The same holds of jointly normal variables with E[Y | X1] for p and the regression of X2 on Y for A.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    COVARIANCE,
    PROBABILITIES,
    USABLE_SCALE,
    Natural,
    guarded,
    require,
)

CUTOFF = 1e-10
"""Singular values below this share of the largest count as zero."""

Means = Annotated[Float[np.ndarray, "dim classes"], USABLE_SCALE]
"""A, the mean of X2 in each class as a column."""
Moment = Annotated[Float[np.ndarray, "classes classes"], COVARIANCE, USABLE_SCALE]
"""M = E[p p^T]."""


@guarded
def posterior(
    class_means: Means, pretext: Annotated[Float[np.ndarray, "points dim"], USABLE_SCALE]
) -> Float[np.ndarray, "points classes"]:
    """Return the posterior p = A^+ ψ of the classes if X1 and X2 are independent given Y; derived
    here. Raises ValueError unless A has full column rank.
    """
    _singular_values(class_means)
    return pretext @ np.linalg.pinv(class_means, rcond=CUTOFF).T


@guarded
def approximation_error(
    posterior_moment: Moment,
    class_means: Means,
    merged: Annotated[Float[np.ndarray, "merged classes"], USABLE_SCALE] | None = None,
) -> float:
    """The approximation error a = min_B E|T p - B A p|^2 = tr T M T' - tr T M A' (A M A')^+ A M T',
    in squared units of the label.

    T = `merged` (1 without) adds up classes that the label does not distinguish, as of a latent
    variable. Derived here.
    """
    root = _root(posterior_moment)
    target = root if merged is None else merged @ root
    return unexplained(target, class_means @ root)


@guarded
def canonical_functions_error(
    first_moment: Moment,
    second_moment: Moment,
    priors: Annotated[Float[np.ndarray, " classes"], PROBABILITIES],
    kept: Natural,
) -> float:
    """The approximation error a of a linear head on the `kept` leading canonical functions of x1;
    the constant is one of them.

    `first_moment` is M, `second_moment` that of P(Y | X2). With N = M_2 / (p_y p_z), entry by
    entry, and u_i the eigenvectors of M^(1/2) N M^(1/2) in falling order, a is the sum of |M^(1/2)
    u_i|^2 over i > kept. Derived here. Raises ValueError for priors or moments so small that the
    quotients overflow.
    """
    require(priors > CUTOFF, f"priors must be above {CUTOFF}, got {priors.tolist()}")
    root = _root(first_moment)
    _, directions = np.linalg.eigh(root @ (second_moment / np.outer(priors, priors)) @ root)
    return float(np.sum((root @ directions[:, ::-1][:, kept:]) ** 2))


@guarded
def violation_bounds(
    class_means: Annotated[Float[np.ndarray, "*worlds dim classes"], USABLE_SCALE],
    residual_moment: Annotated[Float[np.ndarray, "*worlds dim dim"], COVARIANCE, USABLE_SCALE],
) -> tuple[Float[np.ndarray, "*worlds"], Float[np.ndarray, "*worlds"]]:
    """Two bounds on the approximation error without independence given Y: a <= E|A^+ δ|^2 <= E|δ|^2
    / σ_min(A)^2, with δ = ψ - A p and D = E[δ δ'].

    By B = A^+. Raises ValueError unless A has full column rank. The shape is recalled, the rest
    derived here.

    >>> inner, outer = violation_bounds([[1.0, 0.0], [0.0, 0.5]], [[0.04, 0.0], [0.0, 0.01]])
    >>> round(float(inner), 12), round(float(outer), 12)
    (0.08, 0.2)
    """
    singular = _singular_values(class_means)
    inverse = np.linalg.pinv(class_means, rcond=CUTOFF)
    inner = np.einsum("...id,...de,...ie->...", inverse, residual_moment, inverse)
    outer = np.trace(residual_moment, axis1=-2, axis2=-1) / singular[..., -1] ** 2
    return np.maximum(inner, 0), outer  # rounding of a moment may leave a negative trace


def unexplained(
    target: Float[np.ndarray, "outputs dim"], features: Float[np.ndarray, "features dim"]
) -> float:
    """The squared length |T - T F^+ F|^2 of what one matrix of white coordinates leaves of another;
    0 where it is no larger than the rounding of T.
    """
    left = np.linalg.norm(target - target @ np.linalg.pinv(features, rcond=CUTOFF) @ features)
    return float(left**2) if left > max(features.shape) * 2.0**-48 * np.linalg.norm(target) else 0.0


def _singular_values(
    class_means: Float[np.ndarray, "*worlds dim classes"],
) -> Float[np.ndarray, "*worlds classes"]:
    """Return the singular values of A, the largest first; `ValueError` unless its columns are
    linearly independent.
    """
    singular = np.linalg.svd(class_means, compute_uv=False)
    require(
        singular.shape[-1] == class_means.shape[-1]
        and np.all(singular[..., -1] > CUTOFF * singular[..., 0]),
        "class_means must have linearly independent columns",
    )
    return singular


def _root(moment: Float[np.ndarray, "classes classes"]) -> Float[np.ndarray, "classes classes"]:
    values, vectors = np.linalg.eigh(moment)
    return np.sqrt(np.maximum(values, 0)) * vectors @ vectors.T
