"""How far a cosine can move under gauges of bounded condition number: under all of them, or under
the diagonal ones.

Both ranges are exact for each pair on its own; one gauge serves all pairs, so that not all ends are
reached together.
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from theory.cosine_similarity.domains import Condition, Pairs, Vector
from theory_on_trial.contract import guarded

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
