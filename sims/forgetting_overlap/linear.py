"""Models that are linear in their weights, fitted from the weights that the previous task has left,
in NumPy and float64.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    LONGEST,
    USABLE_SCALE,
    Count,
    Interval,
    NonNegative,
    guarded,
    require,
)

Features = Annotated[Float[np.ndarray, "rows dim"], USABLE_SCALE]
"""φ, a row per input."""
Targets = Annotated[Float[np.ndarray, "*batch rows"], USABLE_SCALE]
"""y, one set of labels or many."""
Start = Annotated[Float[np.ndarray, "*batch dim"], USABLE_SCALE]
"""The weights that training starts from, and that a ridge draws towards."""
Kept = Annotated[Float[np.ndarray, "kept dim"], USABLE_SCALE]
"""Orthonormal rows to which an update must be orthogonal."""
Length = Annotated[int, Interval(1, LONGEST)]
Rank = Annotated[int, Interval(1, 2**12)]
Angle = Annotated[float, Interval(0, np.pi / 2)]

_PASSES = 4
_DOUBLINGS = 64


@guarded
def refit(
    features: Features, targets: Targets, start: Start, ridge: NonNegative
) -> Float[np.ndarray, "*batch dim"]:
    """The minimiser of |φ w - y|^2 + ridge |w - start|^2. For ridge 0 it is the minimiser of |φ w -
    y|^2 that is nearest to the start.
    """
    rows, dim = features.shape
    design = np.vstack([features, np.sqrt(ridge) * np.eye(dim)]) if ridge > 0 else features
    inverse = np.linalg.pinv(design, rcond=max(design.shape) * 2.0**-52)[:, :rows]
    weights: Float[np.ndarray, "*batch dim"] = start + (targets - start @ features.T) @ inverse.T
    return weights


@guarded
def descend(
    features: Features,
    targets: Annotated[Float[np.ndarray, " rows"], USABLE_SCALE],
    start: Annotated[Float[np.ndarray, " dim"], USABLE_SCALE],
    ridge: NonNegative,
    kept: Kept | None = None,
) -> Float[np.ndarray, " dim"]:
    """The limit of gradient descent on |φ w - y|^2 + ridge |w - start|^2 from the start.

    With `kept` every gradient is projected off these rows. 2^k steps are taken at once, by k
    squarings of the affine map of one step. Raises ValueError where 2^64 steps do not reach the
    limit.
    """
    projector = np.eye(len(start)) - (0 if kept is None else kept.T @ kept)
    curvature = features.T @ features + ridge * np.eye(len(start))
    rate = float(np.linalg.norm(curvature, 2))
    update = np.zeros(len(start))
    residual = targets - features @ start
    step = projector - projector @ curvature @ projector / (rate or 1.0)
    for _ in range(_PASSES):
        gradient = projector @ (features.T @ (residual - features @ update) - ridge * update)
        update = update + _geometric_sum(step, gradient / (rate or 1.0))
    return start + update


def _geometric_sum(
    step: Float[np.ndarray, "dim dim"], first: Float[np.ndarray, " dim"]
) -> Float[np.ndarray, " dim"]:
    """Return the sum first + step first + step^2 first + ..., stopped when a doubling of the number
    of terms adds 1e-10 of it.
    """
    total = first
    power = step
    for _ in range(_DOUBLINGS):
        more = power @ total
        total = total + more
        if np.linalg.norm(more) <= 1e-10 * np.linalg.norm(total):
            return total
        power = power @ power
    raise ValueError(
        "features must be better conditioned: 2^64 steps of gradient descent do not reach its limit"
    )


@guarded
def march(
    features: Features,
    targets: Annotated[Float[np.ndarray, " rows"], USABLE_SCALE],
    start: Annotated[Float[np.ndarray, " dim"], USABLE_SCALE],
    rate: Annotated[float, Interval(0, closed="()")],
    steps: Annotated[int, Interval(0, 10**6, why="each is taken")],
) -> Float[np.ndarray, " dim"]:
    """The weights after `steps` steps of gradient descent on |φ w - y|^2 / 2 from the start."""
    weights = start
    for _ in range(steps):
        weights = weights + rate * (features.T @ (targets - features @ weights))
    return weights


@guarded
def drift(features: Features, before: Start, after: Start) -> float | Float[np.ndarray, "*batch"]:
    """Return |φ (after - before)|^2, the squared change of the outputs on the inputs with features
    φ.
    """
    movement: float | Float[np.ndarray, "*batch"] = np.sum(
        ((after - before) @ features.T) ** 2, axis=-1
    )
    return movement


@guarded
def principal_directions(features: Features, count: Count, *, centred: bool = False) -> Kept:
    """The `count` leading right singular vectors of the features, as rows, after centring if
    `centred`. Raises ValueError for more than there are.
    """
    require(
        count <= min(features.shape), f"count must be at most {min(features.shape)}, got {count}"
    )
    rows = features - features.mean(axis=0) if centred else features
    return np.linalg.svd(rows, full_matrices=False)[2][:count]


@guarded
def tilted_subspaces(
    generator: np.random.Generator, rank: Rank, dim: Rank, angle: Angle
) -> tuple[Float[np.ndarray, "rank dim"], Float[np.ndarray, "rank dim"]]:
    """Return two random orthonormal sets of rows with the given principal angles between them, A
    and cos(angles) A + sin(angles) A_perp.

    Raises ValueError for 2 rank > dim.
    """
    require(2 * rank <= dim, f"dim must be at least twice the rank, got {dim} and {rank}")
    basis = np.linalg.qr(generator.standard_normal((dim, 2 * rank)))[0].T
    first = basis[:rank]
    second = basis[rank:]
    return first, np.cos(angle) * first + np.sin(angle) * second
