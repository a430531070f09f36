"""The cosines of embeddings: factorisations fitted by descent, gradient flows followed to rest, and
gauges that are drawn or searched. A gauge R turns the factors A, B into A R, B R^-T, and leaves A
B^T as it is.
"""

from collections.abc import Callable
from itertools import product
from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import USABLE_SCALE, Holds, Interval, Positive, guarded, require

Penalised = Literal["product", "factors"]
"""λ |A B^T|^2, or λ (|X A|^2 + |B|^2)."""
Ratings = Annotated[Float[np.ndarray, "users items"], USABLE_SCALE]
"""X, a row per user."""
Factor = Annotated[Float[np.ndarray, "items k"], USABLE_SCALE]
Invertible = Annotated[Float[np.ndarray, "k k"], USABLE_SCALE]
"""R, of a condition number that lets it be solved with."""
Rows = Annotated[
    Float[np.ndarray, "rows dim"],
    USABLE_SCALE,
    Holds(
        "rows",
        "have no row of zeros, whose cosine is undefined",
        lambda rows: bool(rows.any(axis=-1).all()),
    ),
]
Vector = Annotated[Float[np.ndarray, " dim"], USABLE_SCALE]
Condition = Annotated[float, Interval(1, 1e15)]
"""K, of G."""


Flat = Float[np.ndarray, " numbers"]
Many = Float[np.ndarray, "*many numbers"]
Pair = tuple[Float[np.ndarray, "*many items k"], Float[np.ndarray, "*many items k"]]

_MOST_NUMBERS = 2000  # the Hessian has their square
_DESCENTS = 2
_NEWTON_STEPS = 4
_FLAT = 1e-7  # curvature along a gauge is zero up to the rounding of differences


class Fit(NamedTuple):
    """Where a descent came to rest."""

    a: Float[np.ndarray, "items k"]
    b: Float[np.ndarray, "items k"]
    value: float
    """The value of the objective."""
    step: float
    """Length of the next step of Newton's method, across the gauges: an estimate of the distance
    from the optimum.
    """
    moved: float
    """By how much that step would move A B^T, which no gauge changes."""
    decrement: float
    """By how much that step would lower the objective."""


@guarded
def loss(x: Ratings, a: Factor, b: Factor, penalty: Positive, penalised: Penalised) -> float:
    """The loss of a factorisation: |X - X A B^T|^2 + λ |A B^T|^2 where the product is penalised,
    and
    X - X A B^T|^2 + λ (|X A|^2 + |B|^2) where the factors are.
    """
    users = x @ a
    product = a @ b.T
    size = np.sum(product**2) if penalised == "product" else np.sum(users**2) + np.sum(b**2)
    return float(np.sum((x - users @ b.T) ** 2) + penalty * size)


@guarded
def fit(x: Ratings, a: Factor, b: Factor, penalty: Positive, penalised: Penalised) -> Fit:
    """Return where a descent on `loss` from the start (a, b) comes to rest.

    Raises ValueError for more than 2000 numbers in both factors, and where a fit diverges.
    """
    from scipy.optimize import minimize

    require(
        a.size <= _MOST_NUMBERS // 2,
        f"a must hold at most {_MOST_NUMBERS // 2} numbers, got {a.size}",
    )
    gram = x.T @ x

    def value(flat: Flat) -> float:
        return loss(x, *_pair(flat, a.shape), penalty, penalised)

    def slopes(flat: Many) -> Many:
        return _flat(_gradient(gram, *_pair(flat, a.shape), penalty, penalised))

    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-13, "gtol": 0.0, "maxcor": 30}
    factors = (a, b)
    gauge = np.eye(a.shape[1])
    for _ in range(_DESCENTS):
        end = minimize(value, _flat(factors), jac=slopes, method="L-BFGS-B", options=options).x
        factors = _pair(end, a.shape)
        if penalised == "product":
            # No gauge moves objective 1. Where one factor is tiny a descent stalls, and curvatures
            # are near rounding; where A is orthonormal it goes on.
            triangle = np.linalg.qr(factors[0])[1]
            factors = (factors[0] @ np.linalg.inv(triangle), factors[1] @ triangle.T)
            gauge = triangle @ gauge
    flat = _flat(factors)
    for last in range(_NEWTON_STEPS + 1):
        slope = slopes(flat)
        curvatures, vectors = np.linalg.eigh(_hessian(slopes, flat))
        support = curvatures > _FLAT * curvatures[-1]
        step = vectors[:, support] @ ((slope @ vectors[:, support]) / curvatures[support])
        if last < _NEWTON_STEPS:
            flat = flat - step
    factors, remainder = (
        (pair[0] @ gauge, np.linalg.solve(gauge, pair[1].T).T)
        for pair in (_pair(flat, a.shape), _pair(step, a.shape))
    )
    shift = float(np.linalg.norm(remainder[0] @ factors[1].T + factors[0] @ remainder[1].T))
    decrease = abs(float(slope @ step)) / 2
    return Fit(
        *factors, value(_flat(factors)), float(np.linalg.norm(_flat(remainder))), shift, decrease
    )


def _gradient(
    gram: Float[np.ndarray, "items items"],
    a: Float[np.ndarray, "*many items k"],
    b: Float[np.ndarray, "*many items k"],
    penalty: float,
    penalised: Penalised,
) -> Pair:
    """The gradients of `loss` with respect to A and B, for one pair or for many; `gram` is
    X^T X.
    """
    product = a @ np.swapaxes(b, -1, -2)
    by_product = 2 * (gram @ product - gram)
    if penalised == "product":
        by_product += 2 * penalty * product
        return by_product @ b, np.swapaxes(by_product, -1, -2) @ a
    return by_product @ b + 2 * penalty * gram @ a, np.swapaxes(
        by_product, -1, -2
    ) @ a + 2 * penalty * b


def _hessian(slopes: Callable[[Many], Many], flat: Flat) -> Float[np.ndarray, "numbers numbers"]:
    steps = 1e-5 * float(np.abs(flat).max() or 1.0) * np.eye(len(flat))
    matrix = (slopes(flat + steps) - slopes(flat - steps)) / (2 * steps[0, 0])
    return (matrix + matrix.T) / 2


def _flat(pair: Pair) -> Many:
    return np.concatenate([factor.reshape(*factor.shape[:-2], -1) for factor in pair], axis=-1)


def _pair(flat: Many, shape: tuple[int, ...]) -> Pair:
    factors = flat.reshape(*flat.shape[:-1], 2, *shape)
    return factors[..., 0, :, :], factors[..., 1, :, :]


Accuracy = Annotated[float, Interval(1e-13, 1e-2)]

_MOST_CALLS = 200_000
_REST = 0.1  # times the accuracy, of the gradient at the start


class Rest(NamedTuple):
    """Where a flow came to rest."""

    a: Float[np.ndarray, "items k"]
    b: Float[np.ndarray, "items k"]


@guarded
def flow(x: Ratings, a: Factor, b: Factor, penalty: Positive, accuracy: Accuracy = 1e-11) -> Rest:
    """Follow the gradient flow A' = -dL/dA, B' = -dL/dB until it rests, by LSODA at this relative
    accuracy.

    The flow counts as at rest where the gradient is at most a tenth of the accuracy times the
    gradient at the start. Raises ValueError where 200 000 gradients do not reach that.
    """
    from scipy.integrate import LSODA

    shape = a.shape
    gram = x.T @ x
    calls = 0

    def velocity(_: float, state: Float[np.ndarray, " numbers"]) -> Float[np.ndarray, " numbers"]:
        nonlocal calls
        calls += 1
        require(
            calls <= _MOST_CALLS,
            f"a and b must come to rest within {_MOST_CALLS} gradients at penalty {penalty}",
        )
        first, second = state.reshape(2, *shape)
        by_a, by_b = _gradient(gram, first, second, penalty, "product")
        return -np.concatenate([by_a.ravel(), by_b.ravel()])

    start = np.concatenate([a.ravel(), b.ravel()])
    least = _REST * accuracy * float(np.linalg.norm(velocity(0, start)))

    unit = 1 / float(np.trace(gram) + penalty)
    path = LSODA(
        velocity, 0, start, 1e6 * unit, rtol=accuracy, atol=accuracy * float(np.abs(start).max())
    )
    while path.status == "running" and np.linalg.norm(velocity(path.t, path.y)) > least:
        path.step()
    at_rest = np.linalg.norm(velocity(path.t, path.y)) <= least
    require(at_rest, f"a and b must come to rest in the time given, at penalty {penalty}")
    first, second = path.y.reshape(2, *shape)
    return Rest(first, second)


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
