"""The landscape of the loss L(W) = -2 tr(W^T A W) + tr((W^T B W)^2) over matrices W of K columns,
where eigenvalues λ solve A v = λ B v.

The form of the loss as a distance is taken from its name, after Eckart and Young, and the top
subspace from the paper's abstract. Values, critical points and curvatures are derived here.
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
    """Return the eigenvalues λ of A v = λ B v, the largest first."""
    return _solved(A, B)[0]


@guarded
def eigenvalues_of_views(
    correlations: Correlations, form: Form = "off-diagonal", unmatched: Natural = 0
) -> Float[np.ndarray, " eigenvalues"]:
    """Return the eigenvalues of the problem that stands for CCA of two views, the largest first: ρ,
    zeros and -ρ, or these plus one in the form "library".

    `correlations` has one ρ for each dimension of the smaller view; the larger view has `unmatched`
    dimensions more.

    >>> eigenvalues_of_views([0.9, 0.6], "library").tolist()
    [1.9, 1.6, 0.4, 0.09999999999999998]
    """
    values = np.concatenate([correlations, -correlations, np.zeros(unmatched)])
    return np.sort(values + (form == "library"))[::-1]


@guarded
def eigenvalues_of_many_views(
    correlations: Signed, views: Annotated[int, Interval(2, 1000)], form: Form = "off-diagonal"
) -> Float[np.ndarray, " eigenvalues"]:
    """Return the eigenvalues of the problem that stands for CCA of V = `views` views, the largest
    first, where every two views have these correlations ρ, direction by direction.

    In each direction they are (V - 1) ρ once and -ρ V - 1 times, or these plus one in the form
    "library". Raises ValueError for correlations below -1 / (V - 1), which no V variables have.
    Source: the spectrum of a matrix of ones, derived here.

    >>> eigenvalues_of_many_views([0.5, -0.25], 3).tolist()
    [1.0, 0.25, 0.25, -0.5, -0.5, -0.5]
    """
    require(
        np.all((views - 1) * correlations >= -1),
        f"correlations must be at least -1 / {views - 1}, got {correlations.min()}",
    )
    values = np.concatenate([(views - 1) * correlations, np.repeat(-correlations, views - 1)])
    return np.sort(values + (form == "library"))[::-1]


@guarded
def loss_by_distance(A: Numerator, B: Denominator, W: Weights) -> float:
    """Return the loss L(W) as a distance: |A' - P|^2 - |A'|^2, with A' = B^(-1/2) A B^(-1/2) and P
    = B^(1/2) W W^T B^(1/2).
    """
    values, vectors = np.linalg.eigh(B)
    half, inverse_half = (vectors * values**power @ vectors.T for power in (0.5, -0.5))
    target = inverse_half @ A @ inverse_half
    return float(np.sum((target - half @ W @ W.T @ half) ** 2) - np.sum(target**2))


@guarded
def least_loss(eigenvalues: Eigenvalues, n_columns: Columns) -> float:
    """Return the minimum of L: minus the sum of the squares of the K largest eigenvalues, where
    negative ones count as zero.
    """
    return -float(np.sum(np.sort(np.maximum(eigenvalues, 0))[::-1][:n_columns] ** 2))


@guarded
def columns_used(eigenvalues: Eigenvalues, n_columns: Columns) -> int:
    """Return the rank of a minimiser of L: the number of positive eigenvalues, or K if there are
    more. A minimiser fills no direction whose eigenvalue is not positive.
    """
    return min(n_columns, int(np.sum(eigenvalues > 0)))


@guarded
def minimising_gram(
    A: Numerator, B: Denominator, n_columns: Columns
) -> Float[np.ndarray, "dim dim"]:
    """Return the matrix W W^T = U_K max(Λ_K, 0) U_K^T of a minimiser, where Λ_K are the K largest
    eigenvalues and U_K their B-orthonormal eigenvectors.

    It is not unique where eigenvalue K equals eigenvalue K + 1 and is positive.
    """
    values, vectors = _solved(A, B)
    top = vectors[:, :n_columns]
    return top * np.maximum(values[:n_columns], 0) @ top.T


@guarded
def critical_point(
    A: Numerator, B: Denominator, chosen: Chosen, n_columns: Columns
) -> Float[np.ndarray, "dim columns"]:
    """Return a critical point of L, W = U_S Λ_S^(1/2), with zeros in the columns that are left; S =
    `chosen` are the eigenvalues that it holds.

    Raises ValueError unless S holds at most K eigenvalues, all positive.
    """
    values, vectors = _solved(A, B)
    levels = _held(values, chosen, n_columns)
    columns = list(chosen)
    return np.pad(vectors[:, columns] * np.sqrt(levels), ((0, 0), (0, n_columns - len(levels))))


@guarded
def critical_loss(eigenvalues: Eigenvalues, chosen: Chosen) -> float:
    """Return L at a critical point that holds the eigenvalues S = `chosen`: minus the sum of their
    squares. Raises ValueError as `critical_point`.
    """
    return -float(np.sum(_held(np.sort(eigenvalues)[::-1], chosen, len(chosen)) ** 2))


@guarded
def least_curvature(eigenvalues: Eigenvalues, chosen: Chosen, n_columns: Columns) -> float:
    """Return the smallest eigenvalue of the Hessian of L at a critical point that holds the
    eigenvalues S = `chosen`, in the metric of B. It is negative at all critical points but the
    minimum.

    If S has fewer than K members, it is -4 times the largest eigenvalue outside S. If S has K, it
    is the smaller of 4 (smallest in S - largest outside) and 8 (smallest in S). For K > 1 and W not
    0 it is at most 0, which is the curvature of rotations. At K = 1 the minimum has min(8 λ_1, 4
    (λ_1 - λ_2)).
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
    """Return the eigenvalues, the largest first, and B-orthonormal eigenvectors."""
    from scipy.linalg import eigh

    values, vectors = eigh((A + A.T) / 2, B)
    return values[::-1], vectors[:, ::-1]


def _held(
    ordered: Float[np.ndarray, " eigenvalues"], chosen: Chosen, n_columns: Columns
) -> Float[np.ndarray, " set"]:
    """Return the chosen eigenvalues."""
    different = len(set(chosen)) == len(chosen) <= n_columns
    require(
        different and all(index < len(ordered) for index in chosen),
        f"chosen must hold at most {n_columns} different indices of the {len(ordered)} "
        f"eigenvalues, got {chosen}",
    )
    levels = ordered[list(chosen)]
    require(levels > 0, f"chosen must name positive eigenvalues only, got {levels.tolist()}")
    return levels
