"""Cosines by direct products, random gauges, and a search over diagonal gauges."""

from itertools import product
from typing import Annotated

import numpy as np
from jaxtyping import Float

from sims.cosine_similarity.domains import Condition, Factor, Invertible, Rows, Vector
from theory_on_trial.contract import Interval, guarded

Numbers = Float[np.ndarray, "..."]

_CORNERS = 256
_SWEEPS = 60
_POLISHED = 3


@guarded
def cosines(rows: Rows) -> Float[np.ndarray, "rows rows"]:
    """The cosines of all pairs of rows."""
    ratios = rows / np.abs(rows).max(axis=1, keepdims=True)
    unit = ratios / np.linalg.norm(ratios, axis=1, keepdims=True)
    return unit @ unit.T


@guarded
def regauge(a: Factor, b: Factor, gauge: Invertible) -> tuple[Factor, Factor]:
    """The factors (A R, B R^-T) of the gauge R. Raises ValueError for a singular R."""
    return a @ gauge, np.linalg.solve(gauge, b.T).T


@guarded
def draw_gauges(
    generator: np.random.Generator,
    dim: Annotated[int, Interval(1, 2**10)],
    condition: Condition,
    count: Annotated[int, Interval(1, 2**20)],
) -> Float[np.ndarray, "count dim dim"]:
    """Return gauges R in random bases, with eigenvalues of (R R^T)^-1 from 1 / K to 1, where K is
    `condition`.

    Every other gauge has log-uniform eigenvalues; the rest have only the eigenvalues 1 / K and 1.
    """
    bases = np.linalg.qr(generator.normal(size=(count, dim, dim)))[0]
    shares = generator.random((count, dim))
    shares[::2] = shares[::2].round()
    return bases * (condition ** (shares / 2))[:, None, :]


@guarded
def gauged_cosines(
    first: Vector, second: Vector, gauges: Float[np.ndarray, "count dim dim"]
) -> Float[np.ndarray, " count"]:
    """The cosine of b_i R^-T and b_j R^-T for each gauge R. Raises ValueError for a singular R."""
    images = np.linalg.solve(gauges, np.stack([first, second], axis=1))
    images = images / np.linalg.norm(images, axis=1, keepdims=True)
    return np.sum(images[..., 0] * images[..., 1], axis=1)


@guarded
def search_diagonal(
    generator: np.random.Generator,
    first: Vector,
    second: Vector,
    condition: Condition,
    starts: Annotated[int, Interval(1, 2**16)] = 24,
) -> tuple[float, float]:
    """The least and the largest cosine found over G = diag(g) with 1 <= g <= K.

    The search improves one coordinate after another. Along a coordinate it compares both ends and
    the one point of zero derivative. It starts from random g, from log-uniform ones and from
    corners (from all of them if there are at most 256). L-BFGS polishes the best g after 60 rounds.
    """
    high = _ascend(generator, first, second, condition, starts)
    return -_ascend(generator, first, -second, condition, starts), high


def _ascend(
    generator: np.random.Generator, u: Numbers, v: Numbers, condition: float, starts: int
) -> float:
    shares = generator.random((starts, len(u)))
    shares[::2] = shares[::2].round()
    if 2 ** len(u) <= _CORNERS:
        shares = np.concatenate([shares, list(product((0.0, 1.0), repeat=len(u)))])
    g = condition**shares
    terms = np.stack([u * v, u * u, v * v])
    before = np.full(len(g), -np.inf)
    for _ in range(_SWEEPS):
        for k in range(len(u)):
            rest = g @ terms.T - np.outer(g[:, k], terms[:, k])
            g[:, k] = _best_of_coordinate(rest, terms[:, k], condition)
        sums = g @ terms.T
        now = sums[:, 0] / np.sqrt(sums[:, 1] * sums[:, 2])
        if np.all(now - before <= 1e-15):
            break
        before = now
    best = [_polished(np.log(g[k]), terms, condition) for k in np.argsort(now)[-_POLISHED:]]
    return max(float(now.max()), *best)


def _polished(logs: Numbers, each: Numbers, condition: float) -> float:
    from scipy.optimize import minimize

    def negative(logs: Numbers) -> tuple[float, Numbers]:
        g = np.exp(logs)
        n, a, b = each @ g
        cosine = n / np.sqrt(a * b)
        return -float(cosine), -g * (
            each[0] / np.sqrt(a * b) - cosine * (each[1] / a + each[2] / b) / 2
        )

    options = {"ftol": 1e-16, "gtol": 1e-14, "maxiter": 2000}
    end = minimize(
        negative,
        logs,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, np.log(condition))] * len(logs),
        options=options,
    )
    return -float(end.fun)


def _best_of_coordinate(rest: Numbers, slope: Numbers, condition: float) -> Numbers:
    """The entry of g in [1, K] that makes the cosine largest, for sums `rest` without it and what
    it adds per unit.
    """
    n, a, b = rest.T
    dn, da, db = slope
    constant = dn * a * b - n * (da * b + db * a) / 2
    linear = dn * (a * db + b * da) - n * da * db - dn * (da * b + db * a) / 2
    flat = linear == 0
    still = np.where(flat, 1.0, -constant / np.where(flat, 1.0, linear))
    candidates = np.stack(
        [np.ones_like(n), np.full_like(n, condition), np.clip(still, 1.0, condition)]
    )
    values = (n + candidates * dn) / np.sqrt((a + candidates * da) * (b + candidates * db))
    return np.take_along_axis(candidates, values.argmax(axis=0)[None], axis=0)[0]
