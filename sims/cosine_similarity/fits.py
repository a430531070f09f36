"""Two regularised factorisations, minimised from any start by L-BFGS, then by Newton's method."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sims.cosine_similarity.domains import Factor, Penalised, Ratings
from theory_on_trial.contract import Positive, guarded, require

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
        return _flat(gradient(gram, *_pair(flat, a.shape), penalty, penalised))

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


def gradient(
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
