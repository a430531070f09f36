"""The landscape of the loss L(W) = -2 tr(W^T A W) + tr((W^T B W)^2), with A v = λ B v.

Source of what is below: the name of the loss for the distance; the paper's abstract for the top
subspace; values, critical points and curvatures are derived here.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.unconstrained_cca.domains import (
    Columns,
    Correlations,
    Denominator,
    Eigenvalues,
    Form,
    Numerator,
    Weights,
)
from theory_on_trial.contract import Interval, Natural, guarded, require

Signed = Annotated[Float[np.ndarray, " directions"], Interval(-1, 1, why="correlations")]
Chosen = tuple[Natural, ...]
"""Which eigenvalues a critical point holds, counted from the largest; 0 is the largest."""


@guarded
def generalised_eigenvalues(A: Numerator, B: Denominator) -> Float[np.ndarray, " dim"]:
    """Eigenvalues λ of A v = λ B v, the largest first."""
    return _solved(A, B)[0]


@guarded
def eigenvalues_of_views(
    correlations: Correlations, form: Form = "off-diagonal", unmatched: Natural = 0
) -> Float[np.ndarray, " eigenvalues"]:
    """Eigenvalues of CCA as such a problem, the largest first: ρ, zeros and -ρ, or these plus one
    ("library").

    One of `correlations` for each dimension of the smaller view; the larger has `unmatched` more.

    >>> eigenvalues_of_views([0.9, 0.6], "library").tolist()
    [1.9, 1.6, 0.4, 0.09999999999999998]
    """
    values = np.concatenate([correlations, -correlations, np.zeros(unmatched)])
    return np.sort(values + (form == "library"))[::-1]


@guarded
def eigenvalues_of_many_views(
    correlations: Signed, views: Annotated[int, Interval(2, 1000)], form: Form = "off-diagonal"
) -> Float[np.ndarray, " eigenvalues"]:
    """Eigenvalues of V views of which each two have these correlations, direction by direction, the
    largest first.

    (V - 1) ρ once and -ρ V - 1 times, or these plus one ("library"). Raises ValueError for
    correlations below -1 / (V - 1), which no V variables have. Source: the spectrum of a matrix of
    ones, derived here.

    >>> eigenvalues_of_many_views([0.5, -0.25], 3).tolist()
    [1.0, 0.25, 0.25, -0.5, -0.5, -0.5]
    """
    require(
        np.all((views - 1) * correlations >= -1), f"correlations must be at least -1 / {views - 1}"
    )
    values = np.concatenate([(views - 1) * correlations, np.repeat(-correlations, views - 1)])
    return np.sort(values + (form == "library"))[::-1]


@guarded
def loss_by_distance(A: Numerator, B: Denominator, W: Weights) -> float:
    """L(W) = |A' - P|^2 - |A'|^2, the distance of A' = B^(-1/2) A B^(-1/2) to P = B^(1/2) W W^T
    B^(1/2).
    """
    values, vectors = np.linalg.eigh(B)
    half, inverse_half = (vectors * values**power @ vectors.T for power in (0.5, -0.5))
    target = inverse_half @ A @ inverse_half
    return float(np.sum((target - half @ W @ W.T @ half) ** 2) - np.sum(target**2))


@guarded
def least_loss(eigenvalues: Eigenvalues, n_columns: Columns) -> float:
    """The minimum of L: minus the squares of the K largest eigenvalues, negative ones counted as
    zero.
    """
    return -float(np.sum(np.sort(np.maximum(eigenvalues, 0))[::-1][:n_columns] ** 2))


@guarded
def columns_used(eigenvalues: Eigenvalues, n_columns: Columns) -> int:
    """Rank of a minimiser, at most K: no direction whose eigenvalue is not positive is ever
    filled.
    """
    return min(n_columns, int(np.sum(eigenvalues > 0)))


@guarded
def minimising_gram(
    A: Numerator, B: Denominator, n_columns: Columns
) -> Float[np.ndarray, "dim dim"]:
    """U_K max(Λ_K, 0) U_K^T = W W^T of a minimiser; not unique where eigenvalue K = eigenvalue K +
    1 > 0.
    """
    values, vectors = _solved(A, B)
    top = vectors[:, :n_columns]
    return top * np.maximum(values[:n_columns], 0) @ top.T


@guarded
def critical_point(
    A: Numerator, B: Denominator, chosen: Chosen, n_columns: Columns
) -> Float[np.ndarray, "dim columns"]:
    """W = U_S Λ_S^(1/2), and zeros in the columns left; `ValueError` unless S holds at most K
    positive ones.
    """
    values, vectors = _solved(A, B)
    levels = _held(values, chosen, n_columns)
    columns = list(chosen)
    return np.pad(vectors[:, columns] * np.sqrt(levels), ((0, 0), (0, n_columns - len(levels))))


@guarded
def critical_loss(eigenvalues: Eigenvalues, chosen: Chosen) -> float:
    """L at a critical point with the eigenvalues S: minus the sum of their squares."""
    return -float(np.sum(_held(np.sort(eigenvalues)[::-1], chosen, len(chosen)) ** 2))


@guarded
def least_curvature(eigenvalues: Eigenvalues, chosen: Chosen, n_columns: Columns) -> float:
    """The smallest eigenvalue of the Hessian at a critical point, in the metric of B: negative at
    all but the minimum.

    -4 (largest eigenvalue missing) where S has fewer than K members, and at most 4 (smallest in S -
    largest missing) where it has K; 0 for rotations wherever W is not 0 and K > 1. At K = 1 the
    minimum has min(8 λ_1, 4 (λ_1 - λ_2)).
    """
    spectrum = np.sort(eigenvalues)[::-1]
    levels = _held(spectrum, chosen, n_columns)
    largest_left = np.delete(spectrum, list(chosen)).max(initial=-np.inf)
    full = len(levels) == n_columns
    least = 4 * float(levels.min() - max(largest_left, -levels.min()) if full else -largest_left)
    return min(0.0, least) if len(levels) and n_columns > 1 else least


def _solved(
    A: Numerator, B: Denominator
) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, "dim dim"]]:
    """Eigenvalues, the largest first, and B-orthonormal eigenvectors."""
    from scipy.linalg import eigh

    values, vectors = eigh((A + A.T) / 2, B)
    return values[::-1], vectors[:, ::-1]


def _held(
    ordered: Float[np.ndarray, " eigenvalues"], chosen: Chosen, n_columns: Columns
) -> Float[np.ndarray, " set"]:
    """The chosen eigenvalues."""
    different = len(set(chosen)) == len(chosen) <= n_columns
    require(
        different and all(index < len(ordered) for index in chosen),
        f"chosen must be at most {n_columns} different ones of {len(ordered)} eigenvalues, got "
        f"{chosen}",
    )
    levels = ordered[list(chosen)]
    require(levels > 0, f"chosen must be positive eigenvalues, got {levels.tolist()}")
    return levels
