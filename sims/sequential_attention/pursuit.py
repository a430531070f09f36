"""Random regression problems, and features chosen one by one, each subset refitted, for many
problems at once.
"""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.sequential_attention.domains import Chosen, Correlation, Count, Features
from theory_on_trial.contract import Interval, guarded, require, require_room

_SPREAD = 0.7


@guarded
def problems(
    generator: np.random.Generator,
    count: Count,
    n: Count,
    p: Count,
    correlation: Correlation = 0.0,
    *,
    scaled: bool = False,
) -> tuple[Float[np.ndarray, "count n p"], Float[np.ndarray, "count n"]]:
    """X_ij = sqrt(ρ) g_i + sqrt(1 - ρ) G_ij and y = X β + noise, all numbers standard normal.
    The columns of X are then of length sqrt(n), or, if `scaled`, each is multiplied by its own
    e^(0.7 N).
    """
    require_room("count, n and p", count * n * p)
    common = generator.normal(size=(count, n, 1))
    noise = generator.normal(size=(count, n, p))
    X = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * noise
    if scaled:
        X = X * np.exp(_SPREAD * generator.normal(size=(count, 1, p)))
    else:
        X = X / np.sqrt(np.mean(X**2, axis=1, keepdims=True))
    y = np.einsum("bnp,bp->bn", X, generator.normal(size=(count, p))) + generator.normal(
        size=(count, n)
    )
    return X, y


@guarded
def sparse_problem(
    generator: np.random.Generator, n: Count, p: Count
) -> tuple[Float[np.ndarray, "n p"], Float[np.ndarray, " n"]]:
    """Columns of many scales, correlated by one half; y is made of up to three of them, normal
    weights, noise 0.5.
    """
    ((X,), _) = problems(generator, 1, n, p, 0.5, scaled=True)
    n_terms = min(3, p)
    y = X[:, :n_terms] @ generator.normal(size=n_terms) + 0.5 * generator.normal(size=n)
    return X, y


class Course(NamedTuple):
    """What was picked, and the largest |gradient| of half the squared error that a weight outside
    had by then.
    """

    picks: Int[np.ndarray, "count rounds"]
    levels: Float[np.ndarray, "count rounds"]


@guarded
def refitted(
    X: Annotated[Float[np.ndarray, "count n p"], Interval(-1e50, 1e50)],
    y: Annotated[Float[np.ndarray, "count n"], Interval(-1e50, 1e50)],
    rounds: Count,
    rule: Literal["largest gradient", "best fit"],
) -> Course:
    """Choose `rounds` features: that of the largest gradient after a refit, or that whose refit
    leaves the least error. Raises ValueError for more rounds than rows or columns, and where a
    subset is linearly dependent.
    """
    require(
        rounds <= min(X.shape[1:]),
        f"rounds must be at most the smaller side of X {X.shape[1:]}, got {rounds}",
    )
    gram = np.swapaxes(X, 1, 2) @ X
    c = np.einsum("bnp,bn->bp", X, y)
    index = np.arange(len(X))
    p = X.shape[2]
    picks = np.zeros((len(X), 0), int)
    levels = []
    for _ in range(rounds):
        slopes = np.abs(
            c
            - np.einsum(
                "bps,bs->bp", gram[index[:, None], :, picks].swapaxes(1, 2), _fit(gram, c, picks)
            )
        )
        mask = np.zeros((len(X), p), bool)
        mask[index[:, None], picks] = True
        levels.append(np.where(mask, -1.0, slopes).max(axis=1))
        scores = slopes
        if rule == "best fit":
            free = np.broadcast_to(np.arange(p), (len(X), p))[~mask].reshape(len(X), -1)
            scores = np.zeros((len(X), p))
            for j in free.T:
                subset = np.column_stack([picks, j])
                scores[index, j] = np.einsum(
                    "bs,bs->b", _fit(gram, c, subset), c[index[:, None], subset]
                )
        picks = np.column_stack([picks, np.argmax(np.where(mask, -1.0, scores), axis=1)])
    return Course(picks, np.stack(levels, axis=1))


def _fit(
    gram: Float[np.ndarray, "b p p"], c: Float[np.ndarray, "b p"], subset: Int[np.ndarray, "b s"]
) -> np.ndarray:
    """Least squares weights of each problem's subset."""
    rows = np.arange(len(c))[:, None]
    inner = gram[rows[:, :, None], subset[:, :, None], subset[:, None, :]]
    return np.asarray(np.linalg.solve(inner, c[rows, subset][:, :, None])[:, :, 0])


@guarded
def outside_ratio(X: Features, support: Chosen, weights: Float[np.ndarray, " size"]) -> float:
    """Max |x_j . y| of other columns over that of the support, y = X_support weights, columns
    brought to length one. Raises ValueError for a `support` of all columns, other than one weight
    for each, and y = 0.
    """
    fits = (
        len(support) == len(weights)
        and len(set(support)) < X.shape[1]
        and max(support, default=0) < X.shape[1]
    )
    require(
        fits and len(support) > 0,
        f"support must name some of the columns, with a weight each, got {support}",
    )
    lengths = np.linalg.norm(X, axis=0)
    require((lengths > 0).all(), "X must have no column of zeros")
    unit = X / lengths
    sizes = np.abs(unit.T @ (unit[:, support] @ weights))
    inside = float(sizes[list(support)].max())
    require(inside > 0, "weights must not give a y of zero")
    return float(np.delete(sizes, support).max() / inside)


@guarded
def equicorrelated(
    size: Count, mu: Annotated[float, Interval(0, 1, "[)")]
) -> Float[np.ndarray, "rows rows"]:
    """Columns of length one: `size` of mutual cosine -μ, and a last one of cosine μ with each.
    Raises ValueError where there are none, from (size - 1) μ = 1 on or before.
    """
    gram = np.eye(size + 1) - mu * (1 - np.eye(size + 1))
    gram[-1, :-1] = gram[:-1, -1] = mu
    return np.asarray(np.linalg.cholesky(gram).T)
