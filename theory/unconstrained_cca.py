"""Unconstrained stochastic CCA: the Eckart-Young loss, its landscape, its gradient flow, and the
effect of mini-batches on it.

Chapman, Wells & Lawry Aguila 2024, "Unconstrained Stochastic CCA: Unifying Multiview and
Self-Supervised Learning", arXiv 2310.01012. Each import below is one concept in one file.
"""

from bisect import bisect_left
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    COVARIANCE,
    DEFINITE,
    LONGEST,
    MOST,
    SYMMETRIC,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Count,
    Interval,
    Natural,
    NonNegative,
    Positive,
    guarded,
    require,
)

Numerator = Annotated[Float[np.ndarray, "dim dim"], SYMMETRIC, USABLE_SCALE]
"""A, symmetric: what is to be large along the chosen directions."""
Denominator = Annotated[Float[np.ndarray, "dim dim"], DEFINITE, USABLE_SCALE]
"""B, positive definite: the metric in which directions are unit vectors."""
Weights = Annotated[Float[np.ndarray, "dim columns"], USABLE_SCALE]
"""W, one column per direction."""
Eigenvalues = Annotated[Float[np.ndarray, " eigenvalues"], USABLE_SCALE]
"""Generalised eigenvalues of the pair (A, B), in any order."""
Columns = Annotated[int, Interval(1, LONGEST)]
"""K, columns of W."""
Correlations = Annotated[Float[np.ndarray, " directions"], UNIT_INTERVAL]
"""ρ, canonical correlations of two views."""
Batch = Annotated[int, Interval(2, LONGEST, why="one pair has no covariance")]
"""b, pairs in a batch; covariances are centred and divided by m = b - 1."""
Embeddings = Annotated[Float[np.ndarray, "both both"], COVARIANCE, USABLE_SCALE]
"""Covariance of the embeddings of both views, the K of the first before the K of the second."""
Form = Literal["off-diagonal", "library"]
"""Which eigenvalue problem stands for CCA: that with eigenvalues ρ, 0 and -ρ, or the library's, 1
larger.
"""


Loadings = Annotated[Float[np.ndarray, "both sources"], USABLE_SCALE]
"""The embeddings of both views as combinations of independent sources of variance one."""
Kurtosis = Annotated[Float[np.ndarray, " sources"], Interval(-2)]
"""Excess kurtosis of each source: 0 normal, 6 exponential, -2 a sign."""
Views = Annotated[Float[np.ndarray, "2 pairs dim"], USABLE_SCALE]
"""A batch of both views, one row per pair."""
Heads = Annotated[Float[np.ndarray, "2 dim columns"], USABLE_SCALE]
"""W of both views."""


@guarded
def two_batch_penalty(covariance: Embeddings) -> float:
    """Return the mean E tr(V V') of the penalty from two independent batches, which is tr V^2 of
    the true V for every batch size and every law.
    """
    first, second, _ = _blocks(covariance)
    return float(np.sum((first + second) ** 2))


@guarded
def single_batch_bias(covariance: Embeddings, batch: Batch) -> float:
    """Return the bias of the penalty from one batch of normal pairs, E tr V^2 less tr V^2 of the
    true V: the sum over pairs of views of tr(C C) + (tr C)^2, divided by m.

    C is the covariance between the embeddings of the views a and c. All four pairs (a, c) count.
    """
    first, second, cross = _blocks(covariance)
    pairs = (first, second, cross, cross.T)
    return float(
        sum(np.sum(block * block.T) + np.trace(block) ** 2 for block in pairs) / (batch - 1)
    )


@guarded
def cumulant_bias(loadings: Loadings, kurtosis: Kurtosis, batch: Batch) -> float:
    """Return what a law that is not normal adds to `single_batch_bias`: (1/b) times the sum of all
    fourth cumulants of (z_ai, z_aj, z_ci, z_cj), where a and c are views, and i and j columns.

    With independent sources that is (1/b) times the sum over sources of the excess kurtosis times
    (sum of squared loadings)^2.
    """
    return float(np.sum(kurtosis * np.sum(loadings**2, axis=0) ** 2) / batch)


@guarded
def two_batch_gradient(
    views: Views,
    second: Views,
    weights: Heads,
    paired_with: Literal["the other", "its own"] = "the other",
    centred: bool = True,
) -> Float[np.ndarray, "2 dim columns"]:
    """Return the gradient of -2 tr C + tr(V V') in the form of the library, whose covariances are
    means over views and whose C includes each view with itself, on centred batches.

    It multiplies the factor of each batch by the covariance of *the other* batch. `its own` is what
    the derivative in cca-zoo 2.6.0 does: it is the gradient of (tr V^2 + tr V'^2) / 2, whose bias
    is that of a single batch. That code does not centre what it multiplies, either, although its
    loss does; this is `centred` False. Raises ValueError for a batch of one pair.
    """
    (X, m), (X2, m2) = (
        (x - centred * x.mean(axis=1, keepdims=True), x.shape[1] - 1) for x in (views, second)
    )
    require(
        m > 0 and m2 > 0,
        "views and second must have at least two pairs each, since one pair has no covariance",
    )
    Z = X @ weights
    Z2 = X2 @ weights
    V, V2 = (np.mean([np.atleast_2d(np.cov(x.T)) for x in pair], axis=0) for pair in (Z, Z2))
    if paired_with == "its own":
        V, V2 = V2, V
    reward = np.swapaxes(X, 1, 2) @ Z.sum(axis=0) / m
    penalty = np.swapaxes(X, 1, 2) @ Z @ V2 / m + np.swapaxes(X2, 1, 2) @ Z2 @ V / m2
    return penalty - 2 * reward


def _blocks(covariance: Embeddings) -> tuple[Float[np.ndarray, "K K"], ...]:
    """Return Cov(Z1), Cov(Z2) and Cov(Z1, Z2)."""
    columns, odd = divmod(len(covariance), 2)
    require(
        not odd, f"covariance must be of even size, as that of two views is, got {len(covariance)}"
    )
    return (
        covariance[:columns, :columns],
        covariance[columns:, columns:],
        covariance[:columns, columns:],
    )


_STEP = 8.0  # of 8 |A| t


@guarded
def flow_gram(A: Numerator, start: Weights, time: NonNegative) -> Float[np.ndarray, "dim dim"]:
    """Return W W^T at a `time` t of the flow from W0 = `start`: Y (I + W0^T M W0)^(-1) Y^T with Y =
    exp(4 A t) W0 and M = A^(-1) (exp(8 A t) - I).

    It is taken in steps that are so short that exp(8 A t) and I can be added. Raises ValueError
    where 8 |A| t exceeds 1e4.
    """
    values, vectors = np.linalg.eigh(A)
    length = 8 * np.abs(values).max() * time
    require(
        length <= 1e4, f"time must be so short that 8 |A| time is at most 1e4, got {length:.3g}"
    )
    steps = 1 + int(length / _STEP)
    growth = np.exp(4 * values * time / steps)[:, None]
    increment = _grown_over(values, time / steps)[:, None]
    W = vectors.T @ start
    for _ in range(steps):
        root = np.linalg.cholesky(np.eye(W.shape[1]) + W.T @ (increment * W))
        W = np.linalg.solve(root, (growth * W).T).T
    return vectors @ W @ W.T @ vectors.T


@guarded
def aligned_strength(eigenvalue: float, start: Positive, time: NonNegative) -> float:
    """Return the strength x(t) = |w|^2 of a column that starts along an eigenvector of eigenvalue λ
    with the strength x0 = `start`: λ / (1 + (λ / x0 - 1) exp(-8 λ t)).
    """
    decay = np.exp(-8 * abs(eigenvalue) * time)
    limit = _grown_over(np.array([-abs(eigenvalue)]), time)[0]
    return float(1 / (decay / start + limit) if eigenvalue > 0 else decay / (1 / start + limit))


def _grown_over(values: Float[np.ndarray, " dim"], time: float) -> Float[np.ndarray, " dim"]:
    """Return (exp(8 λ t) - 1) / λ, which is 8 t at λ = 0."""
    exponent = 8 * values * time
    small = np.abs(exponent) < 1e-300  # zero, or so small that the quotient is lost
    return np.where(small, 8 * time, np.expm1(exponent) / np.where(small, 1, values))


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


Correlation = Annotated[float, Interval(1e-9, 1)]
"""ρ_1 or ρ_2."""


@guarded
def barlow_threshold(first: Correlation, second: Correlation) -> float:
    """Return the weight λ up to which both columns of Barlow twins, sum (1 - C_kk)^2 + λ sum
    C_jk^2, lie on the first direction: (1 - ρ_1)(ρ_1 - ρ_2) / (ρ_1 (ρ_1 + ρ_2)). It is negative if
    ρ_2 > ρ_1.

    >>> round(barlow_threshold(0.9, 0.6), 4)
    0.0222
    """
    return float((1 - first) * (first - second) / (first * (first + second)))


@guarded
def vicreg_threshold(first: Correlation, second: Correlation, invariance: Positive) -> float:
    """Return the weight c of VICReg's covariance term up to which both columns lie on the first
    direction: s (ρ_1 - ρ_2) / 4, where s = `invariance` is the weight of its invariance term. Both
    terms are means over the columns.

    >>> vicreg_threshold(0.9, 0.5, 25.0)
    2.5
    """
    return float(invariance * (first - second) / 4)


@guarded
def shrunk_strengths(
    correlations: Correlations, batch: Batch, form: Form = "off-diagonal"
) -> Float[np.ndarray, " directions"]:
    """Return the variances x_i of the canonical components at the minimiser: the x >= 0 that
    minimises x^T Q x - 2 r^T x.

    Q = I + [diag(1 + ρ^2) + 1 1^T + ρ ρ^T] / (2 m), with m = b - 1. In the off-diagonal form r = ρ,
    and x_i is the sum of the variances in both views, which is ρ_i for infinite batches. In the
    library form r = 1 + ρ, and x_i is their mean. With K columns, `correlations` are the K largest.
    In the library form a descent may end elsewhere: for one direction the difference x - y of the
    views is a local minimum where ρ (m + 1 + ρ^2) < (1 - ρ) (1 - ρ^2).

    >>> shrunk_strengths([0.9, 0.8, 0.7, 0.15], 8).round(4)
    array([0.6178, 0.5434, 0.4668, 0.0171])
    """
    from scipy.optimize import nnls

    reward = correlations + (form == "library")
    root = np.linalg.cholesky(_penalty(correlations, batch)).T
    return nnls(root, np.linalg.solve(root.T, reward))[0]


@guarded
def batch_that_keeps(correlations: Correlations) -> int:
    """Return the smallest batch b at which every direction survives in the off-diagonal form: at
    which ρ_i > X / (2 m - Y) for all i, with m = b - 1, X = sum of x_i and Y = sum of ρ_i x_i.

    Raises ValueError for a direction that no batch below 2^29 keeps, such as ρ = 0.
    """

    def keeps(batch: int) -> bool:
        return bool(np.linalg.solve(_penalty(correlations, batch), correlations).min() > 0)

    require(
        keeps(LONGEST),
        f"correlations must be so large that some batch keeps them, got {correlations.min()}",
    )
    batches = range(2, LONGEST + 1)
    return batches[bisect_left(batches, True, key=keeps)]


def _penalty(rho: Correlations, batch: int) -> Float[np.ndarray, "directions directions"]:
    """Return the matrix Q of `shrunk_strengths`."""
    variances = np.diag(1 + rho**2) + 1 + np.outer(rho, rho)
    return np.eye(len(rho)) + variances / (2 * (batch - 1))


@guarded
def null_level(
    n_rows: Annotated[int, Interval(3, MOST)], dim_first: Count, dim_second: Count
) -> float:
    """Return the mean sum of squared canonical correlations of two independent views, d1 d2 / (n -
    1), by Pillai's trace.

    The rows are independent and of one law, whatever it is; covariances are centred and of full
    rank. Raises ValueError unless n > d1 + d2.
    """
    require(
        n_rows > dim_first + dim_second,
        f"n_rows must exceed dim_first + dim_second = {dim_first + dim_second}, got {n_rows}",
    )
    return dim_first * dim_second / (n_rows - 1)
