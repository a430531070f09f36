"""Which cosines of learned embeddings the data determine, and how far the others differ between
equivalent solutions.

Steck, Ekanadham & Kallus 2024, "Is Cosine-Similarity of Embeddings Really About Similarity?", WWW
2024 Companion, arXiv 2403.05440. A copy of its text was read, without its displayed equations: the
optima are as its sentences describe them, the ranges of cosines over all gauges were derived for
this collection.

Users are X A, items the rows of B, scores X A B^T; X has shape (users, items), A and B have (items,
k). A gauge R takes (A, B) to (A R, B R^-T), leaves every score alone, and shows in the items'
cosines through G = (R R^T)^-1.
"""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    DEFINITE,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Holds,
    Interval,
    Positive,
    Size,
    guarded,
    require,
)

NO_ZERO_ROW = Holds(
    "rows",
    "have no row of zeros, whose cosine is undefined",
    lambda rows: all(row.any() for row in rows),
)

Ratings = Annotated[Float[np.ndarray, "users items"], USABLE_SCALE]
"""X, a row per user; centred or not, as it was when the model was fitted."""
Rank = Size
"""k, how many numbers embed a user or an item."""
Share = Annotated[float, UNIT_INTERVAL]
"""How much of the shrinkage B carries: 0 for B = V, 1/2 for the symmetric gauge, 1 for A = V."""
Embeddings = Annotated[Float[np.ndarray, "items dim"], USABLE_SCALE, NO_ZERO_ROW]
"""B, a row per item."""
Factor = Annotated[Float[np.ndarray, "rows dim"], USABLE_SCALE]
"""A, or the users' embeddings: a row per item, or per user."""
OtherFactor = Annotated[Float[np.ndarray, "items dim"], USABLE_SCALE]
Pairs = Annotated[Float[np.ndarray, "pairs dim"], USABLE_SCALE, NO_ZERO_ROW]
"""One vector of each pair."""
Vector = Annotated[
    Float[np.ndarray, " dim"],
    USABLE_SCALE,
    Holds("nonzero", "not be zero throughout", lambda one: bool(one.any())),
]
Gauge = Annotated[Float[np.ndarray, "dim dim"], DEFINITE]
"""G = (R R^T)^-1."""
Condition = Annotated[float, Interval(1, 1e15, why="a condition number that float64 resolves")]
"""K, of G: the square of the condition number of R."""


_LEAST = (
    1e-7  # relative singular value of a factor, of which the product of two is still above rounding
)


@guarded
def gauge_cosines(items: Embeddings, gauge: Gauge) -> Float[np.ndarray, "items items"]:
    """The cosines b_i^T G b_j / sqrt(b_i^T G b_i b_j^T G b_j), by definition. With G = (X A)^T (X
    A) they are the cosines of the scores.
    """
    images = items @ np.linalg.cholesky(gauge)
    unit = images / np.linalg.norm(images, axis=1, keepdims=True)
    return unit @ unit.T


@guarded
def balancing_gauge(a: Factor, b: OtherFactor) -> Float[np.ndarray, "dim dim"]:
    """The P = R R^T of the gauges with (A R)^T (A R) = (B R^-T)^T (B R^-T). It solves P M P = N
    with M = A^T A and N = B^T B.

    The geometric mean of M^-1 and N: P = H H^T with H = T^-1 W s^1/2, where T and U are the
    triangles of A and B and T U^T = W s Z^T, so that no square is formed. Raises ValueError unless
    a and b have full column rank, to half the digits. Source: derived here.
    """
    for name, factor in (("a", a), ("b", b)):
        values = np.linalg.svd(factor, compute_uv=False)
        require(
            len(values) == factor.shape[1] and values[-1] > _LEAST * values[0],
            f"{name} must have full column rank (to half the digits), got shape {factor.shape}",
        )
    first, second = (np.asarray(np.linalg.qr(matrix, mode="r")) for matrix in (a, b))
    vectors, sizes, _ = np.linalg.svd(first @ second.T)
    half = np.linalg.solve(first, vectors * np.sqrt(sizes))
    return np.asarray(half @ half.T)


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


Squares = Float[np.ndarray, " pairs"]
Numbers = Float[np.ndarray, "..."]

_STEPS = 64  # of ln t at the start
_VALLEY = 17  # points of each grid
_AT_ONCE = 2**17  # numbers that are held at a time
_ROUNDING = 1e-14  # of a cosine, however small it is: it is a sum of terms that may cancel


class Range(NamedTuple):
    """The least and the largest cosine that gauges reach, for each pair."""

    low: Float[np.ndarray, " pairs"]
    high: Float[np.ndarray, " pairs"]


@guarded
def any_gauge_range(first: Pairs, second: Pairs, condition: Condition) -> Range:
    """The range over all G of condition number at most K: from cos 2 atan(sqrt(K) t) to cos 2
    atan(t / sqrt(K)), with t = tan(θ / 2).

    Θ is the present angle, exact near 0 and π too; every value between is reached. Source:
    Wielandt's inequality.

    >>> [round(float(end[0]), 4) for end in any_gauge_range([[1.0, 0.0]], [[0.0, 1.0]], 4.0)]
    [-0.6, 0.6]
    """
    u = _unit(first)
    v = _unit(second)
    return chord_range(np.sum((u - v) ** 2, axis=1), np.sum((u + v) ** 2, axis=1), condition)


def chord_range(apart: Squares, together: Squares, condition: float) -> Range:
    """The range of `any_gauge_range` for unit vectors with |u - v|^2 = `apart` and |u + v|^2 =
    `together`, whose sum is 4.
    """

    def cosine(factor: float) -> Float[np.ndarray, " pairs"]:
        return (together - factor * apart) / (together + factor * apart)

    return Range(cosine(condition), cosine(1 / condition))


@guarded
def extreme_gauge(
    first: Vector, second: Vector, condition: Condition, end: Literal["low", "high"]
) -> Float[np.ndarray, "dim dim"]:
    """A gauge I + (K - 1) m m^T that reaches an end of the range: m lies along u - v (low end) or u
    + v (high end), and the gauge is I for m = 0. Derived here.
    """
    (u,) = _unit(first[None])
    (v,) = _unit(second[None])
    direction = u - v if end == "low" else u + v
    gauge: Float[np.ndarray, "dim dim"] = np.eye(len(u))
    if direction.any():
        gauge += (condition - 1) * np.outer(direction, direction) / (direction @ direction)
    return gauge


@guarded
def diagonal_gauge_range(first: Pairs, second: Pairs, condition: Condition) -> Range:
    """The exact range over G = diag(g) with 1 <= g <= K. It depends on the basis of the embeddings.

    With N, A, B the sums of g u v, g u^2, g v^2 over the coordinates, cos = N / sqrt(A B), and
    sqrt(A B) is the least of (t A + B / t) / 2 over t > 0. So the upper end is max_t h where that
    is positive, min_t h else, with h(t) = max_g 2 N / (t A + B / t): the first of the coordinates,
    sorted by 2 u v / (t u^2 + v^2 / t), have g = K there. The maximum is sought on ever finer steps
    d of ln t, leaving out only what cosh(d / 2) h does not lift to the best known. The lower end is
    minus the upper one of (u, -v). Source: derived here.
    """
    u = _unit(first)
    v = _unit(second)
    return Range(-_upper(u, -v, condition), _upper(u, v, condition))


def _unit(rows: Pairs) -> Pairs:
    even = rows / np.abs(rows).max(axis=1, keepdims=True)  # or squares of a short row are lost
    return even / np.linalg.norm(even, axis=1, keepdims=True)


def _upper(u: Pairs, v: Pairs, condition: float) -> Squares:
    """The upper end of each pair, some pairs at a time."""
    parts = -(-len(u) * u.shape[1] * _STEPS // _AT_ONCE) or 1
    return np.concatenate(
        [
            _upper_of_some(*pairs, condition)
            for pairs in zip(np.array_split(u, parts), np.array_split(v, parts), strict=True)
        ]
    )


def _upper_of_some(u: Pairs, v: Pairs, condition: float) -> Squares:
    half = np.log(condition) / 2
    # ln t of unit vectors is within the half; each pair has its own multiples of the step.
    step = 2 * half / (_STEPS - 1)
    ends = _STEPS - 1  # in steps
    pair = np.repeat(np.arange(len(u)), _STEPS)
    place = np.tile(np.arange(_STEPS), len(u))
    best = np.zeros(len(u))
    while len(pair):
        t = np.exp(step * place - half)
        ratios, cosines = _best_prefix(u[pair], v[pair], condition, t)
        np.maximum.at(best, pair, cosines)
        lift = np.cosh(step / 2)
        is_open = (best > 0) & (best * (lift - 1) >= _ROUNDING / 10)
        survives = is_open[pair] & (ratios * lift >= best[pair] - _ROUNDING)
        step /= 3
        ends *= 3
        finer = 3 * place[survives] + np.array([[-1], [0], [1]])
        keys = np.unique(pair[survives] * (ends + 1) + finer.clip(0, ends))
        pair, place = np.divmod(keys, ends + 1)
    below = best <= 0
    if below.any():
        best[below] = _valley(u[below], v[below], condition, half)
    return best


def _valley(u: Pairs, v: Pairs, condition: float, half: float) -> Squares:
    """The least h of t, which has one valley where no cosine is positive, on ever finer grids
    around it.
    """
    low = np.full(len(u), -half)
    high = -low
    grid = np.linspace(0, 1, _VALLEY)
    pair = np.repeat(np.arange(len(u)), _VALLEY)
    for _ in range(17):  # each leaves an eighth
        logs = low[:, None] + (high - low)[:, None] * grid
        heights = _best_prefix(u[pair], v[pair], condition, np.exp(logs.ravel()))[0]
        at = heights.reshape(logs.shape).argmin(axis=1)[:, None]
        low, high = (
            np.take_along_axis(logs, (at + side).clip(0, _VALLEY - 1), axis=1)[:, 0]
            for side in (-1, 1)
        )
    return heights.reshape(logs.shape).min(axis=1)


def _best_prefix(
    u: Float[np.ndarray, "rows dim"],
    v: Float[np.ndarray, "rows dim"],
    condition: float,
    t: Float[np.ndarray, " rows"],
) -> tuple[Numbers, Numbers]:
    """Return each row's largest 2 N / (t A + B / t) over g, and the cosine that this g gives."""
    products = 2 * u * v
    scale = t[:, None] * u**2 + v**2 / t[:, None]
    with np.errstate(
        invalid="ignore"
    ):  # 0 / 0 of a coordinate that is zero in both, wherever that comes
        order = np.argsort(-products / scale, axis=1)
    terms = np.stack([products, scale, u**2, v**2])
    sorted_terms = np.take_along_axis(terms, order[None], axis=2)
    prefix_sums = np.concatenate(
        [np.zeros((4, len(t), 1)), np.cumsum(sorted_terms, axis=2)], axis=2
    )
    n, denominator, a, b = sorted_terms.sum(axis=2, keepdims=True) + (condition - 1) * prefix_sums
    ratios = n / denominator
    best = ratios.argmax(axis=1)[:, None]
    n, a, b, ratios = (np.take_along_axis(x, best, axis=1)[:, 0] for x in (n, a, b, ratios))
    return ratios, n / (2 * np.sqrt(a * b))
