"""Predicting one part of the input from another, and what a linear head on the prediction then
needs in labels.

Lee, Lei, Saunshi & Zhuo 2021, "Predicting what you already know helps: provable self-supervised
learning", arXiv 2008.01064. What the abstract says in words is derived here in closed form: exactly
how far the head can get (`means`), in jointly normal variables (`gaussian`), and after so many
labels and unlabelled pairs (`labels`).
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    COVARIANCE,
    LONGEST,
    PROBABILITIES,
    USABLE_SCALE,
    Interval,
    Natural,
    NonNegative,
    Positive,
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


Loadings = Interval(-1e6, 1e6, why="beyond, inverses lose every digit")


class SharedCause(NamedTuple):
    """The quantities that follow from X1 = A1 Y + e1 and X2 = A2 Y + L e1 + e2, where Y, e1 and e2
    are standard normal.

    `target` and `pretext` act on white coordinates of x1, the columns of the Cholesky factor of its
    covariance.
    """

    target: Float[np.ndarray, "causes dim"]
    """E[Y | X1]."""
    pretext: Float[np.ndarray, "second dim"]
    """E[X2 | X1]."""
    target_moment: Float[np.ndarray, "causes causes"]
    """E of E[Y | X1] times its transpose."""
    residual: Float[np.ndarray, "second second"]
    """Covariance of X2 given X1."""
    noise: float
    """σ^2, the total variance of Y given X1."""
    noise_of_both: float
    """The total variance of Y given X1 and X2."""

    @property
    def rank(self) -> int:
        """The rank r of the solution of the pretext task."""
        return int(
            np.linalg.matrix_rank(self.pretext, tol=CUTOFF * np.linalg.norm(self.pretext, 2))
        )

    @property
    def approximation_error(self) -> float:
        """The approximation error a = min_B E|E[Y | X1] - B E[X2 | X1]|^2 of a linear head B."""
        return unexplained(self.target, self.pretext)


@guarded
def shared_cause(
    first: Annotated[Float[np.ndarray, "dim causes"], Loadings],
    second: Annotated[Float[np.ndarray, "second causes"], Loadings],
    leak: Annotated[Float[np.ndarray, "second dim"], Loadings],
) -> SharedCause:
    """Closed forms for two linear views of one normal cause; X1 and X2 are independent given Y if
    `leak` = 0.

    With P = (1 + A1'A1)^(-1) and B = A2 - L A1: E[Y | X1] = P A1' x1, E[X2 | X1] = (B P A1' + L)
    x1, the covariances of Y given X1 and of X2 given X1 are P and 1 + B P B', and that of Y given
    both views is (P^(-1) + B'B)^(-1). Derived here. All numbers in the units of Y and of the noise.

    >>> found = shared_cause([[1.0]], [[2.0]], [[0.0]])
    >>> found.noise, found.noise_of_both, found.rank, found.approximation_error
    (0.5, 0.16666666666666666, 1, 0.0)
    """
    dim, n_causes = first.shape
    precision = np.eye(n_causes) + first.T @ first
    covariance = np.linalg.inv(precision)
    direct = second - leak @ first
    target = covariance @ first.T
    white = np.linalg.cholesky(np.eye(dim) + first @ first.T)
    return SharedCause(
        target=target @ white,
        pretext=(direct @ target + leak) @ white,
        target_moment=covariance @ (precision - np.eye(n_causes)),
        residual=np.eye(len(second)) + direct @ covariance @ direct.T,
        noise=float(np.trace(covariance)),
        noise_of_both=float(np.trace(np.linalg.inv(precision + direct.T @ direct))),
    )


Labels = Annotated[int, Interval(2, LONGEST)]
"""n, labelled samples."""
Width = Annotated[int, Interval(1, LONGEST)]
"""Features that a head reads: r of the pretext, d1 of the raw input."""


@guarded
def excess_risk(
    n_labels: Labels,
    rank: Width,
    noise: NonNegative,
    error: NonNegative = 0.0,
    *,
    intercept: bool = False,
) -> float:
    """The mean of E|f - f*|^2, where least squares fits f to n labels with `rank` normal features:
    a + (σ^2 + a) r / (n-r-1).

    `noise` is σ^2, the variance of the label given X1, and `error` is a, what no head on these
    features can reach; without an intercept all variables are centred, and with one it is (σ^2 +
    a)(1 + 1/n)(n-2)/(n-r-2) - σ^2. Exact for jointly normal (X1, Y), in squared units of the label;
    for several labels noise and error are sums. Infinite up to n = r + 1 (r + 2 with an intercept).
    Derived here; a rate is in the abstract of Lee et al. 2021.

    >>> excess_risk(23, 2, 1.0), excess_risk(3, 2, 1.0)
    (0.1, inf)
    """
    freedom = n_labels - rank - 1 - intercept
    if freedom <= 0:
        return float("inf")
    if intercept:
        return float((noise + error) * (1 + 1 / n_labels) * (n_labels - 2) / freedom - noise)
    return float(error + (noise + error) * rank / freedom)


@guarded
def break_even(
    dim: Width, rank: Width, noise: Positive, error: NonNegative, *, intercept: bool = False
) -> float:
    """The number of labels n* = d1 + 1 + σ^2 (d1 - r) / a beyond which raw features have the
    smaller `excess_risk`; derived here.

    One more with an intercept; infinite where a = 0 and r < d1. Raises ValueError for r > d1.
    """
    require(rank <= dim, f"rank must be at most dim, got {rank} and {dim}")
    saving = noise * (dim - rank)
    return float(dim + 1 + intercept + (saving / error if error else np.inf if saving else 0.0))


@guarded
def pretext_noise(
    target: Annotated[Float[np.ndarray, "outputs dim"], USABLE_SCALE],
    pretext: Annotated[Float[np.ndarray, "second dim"], USABLE_SCALE],
    residual: Annotated[Float[np.ndarray, "second second"], COVARIANCE, USABLE_SCALE],
) -> float:
    """The noise τ = tr H S H' that the pretext task adds to the label for the best head H = F G^+.
    Derived here.

    S = `residual` is the covariance of X2 given X1; `target` F and `pretext` G act on white
    coordinates of x1.
    """
    head = target @ np.linalg.pinv(pretext, rcond=CUTOFF)
    return max(float(np.trace(head @ residual @ head.T)), 0.0)


@guarded
def learned_pretext_error(n_pairs: Labels, dim: Width, kept: Natural, noise: NonNegative) -> float:
    """The approximation error a = (d1 - kept) τ / (n1 - d1 - 1) of a pretext solution that least
    squares learned from n1 pairs.

    To first order in 1 / n1, a pretext of true a = 0 cut to `kept` directions, the rank for
    `excess_risk`; `noise` is `pretext_noise`. Derived here. Raises ValueError for kept > d1 and for
    n1 <= d1 + 1.
    """
    require(kept <= dim, f"kept must be at most dim, got {kept} and {dim}")
    require(
        n_pairs > dim + 1,
        f"n_pairs must exceed dim + 1, or the mean is infinite, got {n_pairs} and {dim}",
    )
    return float((dim - kept) * noise / (n_pairs - dim - 1))


@guarded
def class_cost(
    posterior: Annotated[Float[np.ndarray, "first classes"], Interval(0, 1)],
    weights: Annotated[Float[np.ndarray, " first"], PROBABILITIES],
    features: Annotated[Float[np.ndarray, "first width"], USABLE_SCALE],
) -> float:
    """The limit tr G^-1 E[(1 - |p|^2) φ φ'] of n E|f - p|^2, where least squares fits f to class
    indicators of n labels.

    p = P(Y | x1) must be linear in the features φ, of full rank, with G = E φ φ'; rows are values
    of X1. Source: the delta method, derived here; an indicator's variances p_y (1 - p_y) sum up to
    1 - |p|^2.
    """
    gram = (features.T * weights) @ features
    scatter = (features.T * (weights * (1 - np.sum(posterior**2, axis=1)))) @ features
    return float(np.trace(np.linalg.pinv(gram, rcond=CUTOFF) @ scatter))
