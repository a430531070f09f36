"""Random regression problems, and features that are chosen one by one with a refit after each
choice, for many problems at once.
"""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.sequential_attention.domains import Chosen, Correlation, Count, Features
from theory_on_trial.contract import Interval, guarded, require, require_room

_COLUMN_SPREAD = 0.7


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
    """Draw `count` problems X_ij = √ρ g_i + √(1 - ρ) G_ij, y = X β + noise with correlation ρ.

    g, G, β and the noise are standard normal. Each column of X is then scaled to length √n; if
    `scaled`, it is multiplied by a random e^(0.7 z) with standard normal z instead.
    """
    require_room("count, n and p", count * n * p)
    common = generator.normal(size=(count, n, 1))
    noise = generator.normal(size=(count, n, p))
    X = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * noise
    if scaled:
        X = X * np.exp(_COLUMN_SPREAD * generator.normal(size=(count, 1, p)))
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
    """A problem whose y depends on the first three features, or on all where there are fewer.

    The columns of X differ in scale and have the correlation 1/2 with each other. The weights are
    standard normal, and the noise has the standard deviation 0.5.
    """
    ((X,), _) = problems(generator, 1, n, p, 0.5, scaled=True)
    n_terms = min(3, p)
    y = X[:, :n_terms] @ generator.normal(size=n_terms) + 0.5 * generator.normal(size=n)
    return X, y


class Course(NamedTuple):
    """The features in the order of their choice, and the largest |gradient| before each choice. The
    gradient is that of half the squared error with respect to the weight of an unchosen feature.
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
    """Choose `rounds` features one by one, with a least-squares refit of the chosen ones in each
    round.

    The rule "largest gradient" takes the feature whose weight has the largest gradient after the
    refit. The rule "best fit" takes the feature that leaves the least error once it is fitted, too.
    Raises ValueError for more rounds than rows or columns, and where chosen features are linearly
    dependent.
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
    """Return the least-squares weights of each problem's subset."""
    rows = np.arange(len(c))[:, None]
    inner = gram[rows[:, :, None], subset[:, :, None], subset[:, None, :]]
    return np.asarray(np.linalg.solve(inner, c[rows, subset][:, :, None])[:, :, 0])


@guarded
def outside_ratio(X: Features, support: Chosen, weights: Float[np.ndarray, " size"]) -> float:
    """The largest |x_j . y| outside the support, divided by the largest one inside, for the
    response y = X_support weights.

    Columns are scaled to length one first. Raises ValueError where `support` names no column, all
    columns or a missing one, where it has another number of weights, for a column of zeros, and for
    y = 0.
    """
    fits = (
        len(support) == len(weights)
        and len(set(support)) < X.shape[1]
        and max(support, default=0) < X.shape[1]
    )
    require(
        fits and len(support) > 0,
        f"support must name some but not all columns, with one weight for each, got {support}",
    )
    lengths = np.linalg.norm(X, axis=0)
    require((lengths > 0).all(), "X must have no column of zeros")
    unit = X / lengths
    sizes = np.abs(unit.T @ (unit[:, support] @ weights))
    inside = float(sizes[list(support)].max())
    require(inside > 0, "weights must give a response other than zero")
    return float(np.delete(sizes, support).max() / inside)


@guarded
def equicorrelated(
    size: Count, mu: Annotated[float, Interval(0, 1, "[)")]
) -> Float[np.ndarray, "rows rows"]:
    """Return a square matrix of columns of length one: the first `size` have the cosine -μ with
    each other, and the last one has the cosine μ with each of them.

    Raises ValueError for size
    μ > 1, where no such columns exist, and may do so for size μ = 1, where they are linearly
    dependent.
    """
    gram = np.eye(size + 1) - mu * (1 - np.eye(size + 1))
    gram[-1, :-1] = gram[:-1, -1] = mu
    return np.asarray(np.linalg.cholesky(gram).T)
