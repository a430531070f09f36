"""The optima of two regularised factorisations of ratings X = U Σ V^T, σ_1 >= σ_2 >= ....

Objective 1 is |X - X A B^T|^2 + λ |A B^T|^2, objective 2 |X - X A B^T|^2 + λ (|X A|^2 + |B|^2),
Frobenius norms. Sources: recalled from Steck et al. 2024; both follow from Eckart and Young's
theorem.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from theory.cosine_similarity.domains import Rank, Ratings, Share
from theory_on_trial.contract import Positive, guarded, require

_TIE = 1e-9  # relative: nearer singular values leave their vectors to rounding


class Factors(NamedTuple):
    """The factors A and B of one factorisation; others have the same scores."""

    a: Float[np.ndarray, "items k"]
    b: Float[np.ndarray, "items k"]


@guarded
def objective1_minimum(x: Ratings, rank: Rank, penalty: Positive) -> float:
    """The minimum of objective 1: the sum of λ σ_i^2 / (σ_i^2 + λ) for i <= k, and of σ_i^2 beyond,
    in squared units of x. Raises ValueError if k > min(x.shape).
    """
    values, _ = _spectrum(x, rank)
    squares = values**2
    return float(
        np.sum(squares[:rank] * (penalty / (squares[:rank] + penalty))) + squares[rank:].sum()
    )


@guarded
def objective1_product(
    x: Ratings, rank: Rank, penalty: Positive
) -> Float[np.ndarray, "items items"]:
    """The product A B^T of every optimum of objective 1: V_k diag(s) V_k^T with s_i = 1 / (1 + λ /
    σ_i^2).

    Raises ValueError for k above the rank of x, and for σ_k = σ_k+1, which leave it undecided.
    """
    values, vectors = _decided(x, rank, 0.0)
    return (vectors * _kept(values, penalty)) @ vectors.T


@guarded
def objective1_factors(x: Ratings, rank: Rank, penalty: Positive, share: Share = 0.5) -> Factors:
    """One optimum of objective 1: A = V_k diag(s)^(1 - share) and B = V_k diag(s)^share. Every
    other one is (A R, B R^-T).

    With share 0 and k = items no two items are similar, whatever the data. Raises as
    `objective1_product`.
    """
    values, vectors = _decided(x, rank, 0.0)
    scales = _kept(values, penalty)
    return Factors(vectors * scales ** (1 - share), vectors * scales**share)


@guarded
def objective2_minimum(x: Ratings, rank: Rank, penalty: Positive) -> float:
    """The minimum |X|^2 - sum over i <= k of (σ_i - λ)_+^2 of objective 2, in squared units of x; λ
    has the units of x. Raises as `objective1_minimum`.
    """
    values, _ = _spectrum(x, rank)
    excess = np.maximum(values[:rank] - penalty, 0.0)
    return float(np.sum(values**2) - np.sum(excess**2))


@guarded
def objective2_factors(x: Ratings, rank: Rank, penalty: Positive) -> Factors:
    """The optimum of objective 2, which is unique up to a rotation: A = V_k sqrt((1 - λ / σ_i)_+ /
    σ_i) and B = A σ.

    A rotation moves no cosine: here the data and λ decide them. A column vanishes where σ_i <= λ.
    Raises ValueError for k above the rank of x, where A is undecided, and for σ_k = σ_k+1 above λ.
    """
    values, vectors = _decided(x, rank, float(penalty))
    scales = np.sqrt(np.maximum(values - penalty, 0.0))
    return Factors(vectors * (scales / values), vectors * scales)


def _kept(values: Float[np.ndarray, " k"], penalty: float) -> Float[np.ndarray, " k"]:
    return values**2 / (values**2 + penalty)


def _spectrum(
    x: Ratings, rank: int
) -> tuple[Float[np.ndarray, " least"], Float[np.ndarray, "items least"]]:
    """The singular values of x, the largest first, and its right singular vectors as columns."""
    require(
        rank <= min(x.shape),
        f"rank must be at most {min(x.shape)}, the smaller side of x, got {rank}",
    )
    _, values, vectors = np.linalg.svd(x, full_matrices=False)
    return values, vectors.T


def _decided(
    x: Ratings, rank: int, least: float
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "items k"]]:
    """The first k of them, where σ_k is apart from what follows, or not above `least`."""
    values, vectors = _spectrum(x, rank)
    full = int(np.linalg.matrix_rank(x))
    require(rank <= full, f"rank must be at most the rank of x, {full}, got {rank}")
    leading = values[:rank]
    trailing = values[rank:]
    require(
        leading[-1] <= least or np.all(trailing < (1 - _TIE) * leading[-1]),
        f"x must have singular values {rank} and {rank + 1} apart: the subspace is undecided",
    )
    return leading, vectors[:, :rank]
