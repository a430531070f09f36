"""How far a cosine can move under gauges of bounded condition number: all of them, or the diagonal
ones.

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
_ROUNDING = 1e-14  # of a cosine, however small it is: it is a sum of terms that may cancel


class Range(NamedTuple):
    """The least and the largest cosine that can be reached, for each pair."""

    low: Float[np.ndarray, " pairs"]
    high: Float[np.ndarray, " pairs"]


@guarded
def any_gauge_range(first: Pairs, second: Pairs, condition: Condition) -> Range:
    """Over all G of condition number at most K: cos 2 atan(sqrt(K) t) and cos 2 atan(t / sqrt(K)),
    t = tan(θ / 2).

    Θ is the present angle, exact near 0 and π too; every value between is reached. Source:
    Wielandt's inequality.

    >>> [round(float(end[0]), 4) for end in any_gauge_range([[1.0, 0.0]], [[0.0, 1.0]], 4.0)]
    [-0.6, 0.6]
    """
    u = _unit(first)
    v = _unit(second)
    return chord_range(np.sum((u - v) ** 2, axis=1), np.sum((u + v) ** 2, axis=1), condition)


def chord_range(apart: Squares, together: Squares, condition: float) -> Range:
    """`any_gauge_range` of unit vectors with |u - v|^2 = `apart` and |u + v|^2 = `together`, whose
    sum is 4.
    """

    def cosine(factor: float) -> Float[np.ndarray, " pairs"]:
        return (together - factor * apart) / (together + factor * apart)

    return Range(cosine(condition), cosine(1 / condition))


@guarded
def extreme_gauge(
    first: Vector, second: Vector, condition: Condition, end: Literal["low", "high"]
) -> Float[np.ndarray, "dim dim"]:
    """Gauge I + (K - 1) m m^T that reaches an end, m along u - v (low) or u + v (high); I where m =
    0. Derived here.
    """
    (u,), (v,) = _unit(first[None]), _unit(second[None])
    direction = u - v if end == "low" else u + v
    gauge: Float[np.ndarray, "dim dim"] = np.eye(len(u))
    if direction.any():
        gauge += (condition - 1) * np.outer(direction, direction) / (direction @ direction)
    return gauge


@guarded
def diagonal_gauge_range(first: Pairs, second: Pairs, condition: Condition) -> Range:
    """Over G = diag(g), 1 <= g <= K: the exact range, which depends on the basis that the
    embeddings come in.

    With N, A, B the sums of g u v, g u^2, g v^2 over the coordinates, cos = N / sqrt(A B), and
    sqrt(A B) is the least of (t A + B / t) / 2 over t > 0. So the upper end is max_t h where that
    is positive, min_t h else, with h(t) = max_g 2 N / (t A + B / t): the first of the coordinates,
    sorted by 2 u v / (t u^2 + v^2 / t), have g = K there. The maximum is sought on ever finer steps
    d of ln t, leaving out only what cosh(d / 2) h does not lift to the best known. The lower end is
    minus the upper one of (u, -v). Source: derived here.
    """
    u = _unit(first)
    v = _unit(second)
    high = [_upper(*pair, condition) for pair in zip(u, v, strict=True)]
    low = [-_upper(p, -q, condition) for p, q in zip(u, v, strict=True)]
    return Range(np.array(low), np.array(high))


def _unit(rows: Pairs) -> Pairs:
    even = rows / np.abs(rows).max(axis=1, keepdims=True)  # or squares of a short row are lost
    return even / np.linalg.norm(even, axis=1, keepdims=True)


def _upper(u: Float[np.ndarray, " dim"], v: Float[np.ndarray, " dim"], condition: float) -> float:
    half = np.log(condition) / 2
    best = 0.0  # ln t of unit vectors is within the half
    logs, step = np.linspace(-half, half, _STEPS, retstep=True)
    while True:
        ratios, cosines = _best_prefix(u, v, condition, np.exp(logs))
        best = max(best, float(cosines.max()))
        if best <= 0:
            return _valley(u, v, condition, half)
        lift = np.cosh(step / 2)
        if best * (lift - 1) < _ROUNDING / 10:
            return best
        survivors = logs[ratios * lift >= best - _ROUNDING]
        step = step / 3
        logs = np.unique(np.concatenate([survivors - step, survivors, survivors + step]))


def _valley(
    u: Float[np.ndarray, " dim"], v: Float[np.ndarray, " dim"], condition: float, half: float
) -> float:
    """The least h of t, which has one valley where no cosine is positive, on ever finer grids
    around it.
    """
    low = -half
    high = half
    for _ in range(17):  # each leaves an eighth
        logs = np.linspace(low, high, 17)
        heights = _best_prefix(u, v, condition, np.exp(logs))[0]
        at = int(heights.argmin())
        low, high = np.interp([at - 1, at + 1], np.arange(len(logs)), logs)
    return float(heights[at])


def _best_prefix(u: Numbers, v: Numbers, condition: float, t: Numbers) -> tuple[Numbers, Numbers]:
    """For each t the largest 2 N / (t A + B / t) over g, and the cosine that this g gives."""
    products = 2 * u * v
    scale = t[:, None] * u**2 + v**2 / t[:, None]
    with np.errstate(
        invalid="ignore"
    ):  # 0 / 0 of a coordinate that is zero in both, wherever that comes
        order = np.argsort(-products / scale, axis=1)
    terms = np.stack(np.broadcast_arrays(products, scale, u**2, v**2))
    sorted_terms = np.take_along_axis(terms, order[None], axis=2)
    prefix_sums = np.concatenate(
        [np.zeros((4, len(t), 1)), np.cumsum(sorted_terms, axis=2)], axis=2
    )
    n, denominator, a, b = sorted_terms.sum(axis=2, keepdims=True) + (condition - 1) * prefix_sums
    ratios = n / denominator
    cosine = n / (2 * np.sqrt(a * b))
    best = ratios.argmax(axis=1)[:, None]
    return np.take_along_axis(ratios, best, axis=1)[:, 0], np.take_along_axis(cosine, best, axis=1)[
        :, 0
    ]
