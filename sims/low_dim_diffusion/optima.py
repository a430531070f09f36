"""Minimisers of training losses, which optimisers find, and of clustering losses, which an
enumeration or Lloyd's steps find.
"""

from itertools import product
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from sims.low_dim_diffusion.denoising import cubature, denoising_loss, gauss_hermite
from sims.low_dim_diffusion.domains import Dim, Level, Order, Points, PointWeights
from theory_on_trial.contract import PROBABILITIES, USABLE_SCALE, Interval, guarded, require

Plane = Annotated[Float[np.ndarray, "points 2"], USABLE_SCALE]
Levels = Annotated[Float[np.ndarray, " levels"], Interval(1e-9, 1e9)]
LevelWeights = Annotated[Float[np.ndarray, " levels"], PROBABILITIES]
Groups = Annotated[int, Interval(1, 8, why="all partitions are tried")]
Starts = Annotated[int, Interval(1, 10**4)]


@guarded
def best_angles(
    points: Plane,
    start: tuple[float, float],
    noise: Level,
    order: Order = 40,
    point_weights: PointWeights | None = None,
) -> tuple[Float[np.ndarray, "2"], float]:
    """Fit two lines through zero of the plane to the points, by descent from the angles `start`.

    Returns their angles and the loss, which is that of the soft denoiser with s = 1. All angles are
    in degrees. The minimum is a local one.
    """
    from scipy.optimize import minimize

    nodes = gauss_hermite(2, order)
    equal = np.array([0.5, 0.5])

    def loss(angles: Float[np.ndarray, "2"]) -> float:
        lines = [np.array([[np.cos(angle)], [np.sin(angle)]]) for angle in angles]
        return denoising_loss(points, lines, equal, 1.0, noise, *nodes, "soft", point_weights)

    minimum = minimize(loss, np.radians(start), method="BFGS", options={"gtol": 1e-7})
    return np.degrees(minimum.x), float(minimum.fun)


@guarded
def best_subspace(
    generator: np.random.Generator,
    points: Points,
    dim: Dim,
    signal: Level,
    noises: Levels,
    level_weights: LevelWeights,
) -> tuple[Float[np.ndarray, "n dim"], float]:
    """The basis of one subspace that minimises the training loss averaged over noise levels, and
    that loss. BFGS finds it from a random start. Raises ValueError for dim > n.
    """
    from scipy.optimize import minimize

    ambient = points.shape[1]
    require(dim <= ambient, f"dim must be at most the {ambient} columns of points, got {dim}")
    nodes = cubature(ambient)

    def basis_of(flat: Float[np.ndarray, " entries"]) -> Float[np.ndarray, "n dim"]:
        return np.linalg.qr(flat.reshape(ambient, dim))[0]

    def loss(flat: Float[np.ndarray, " entries"]) -> float:
        basis = [basis_of(flat)]
        losses = [
            denoising_loss(points, basis, np.ones(1), signal, noise, *nodes) for noise in noises
        ]
        return float(np.dot(level_weights, losses))

    minimum = minimize(
        loss, generator.standard_normal(ambient * dim), method="BFGS", options={"gtol": 1e-7}
    )
    return basis_of(minimum.x), float(minimum.fun)


@guarded
def fitting_partitions(points: Points, dim: Dim, groups: Groups) -> tuple[int, int]:
    """Count partitions of the points into at most `groups` groups: those that fit subspaces, and
    all.

    A partition fits where each group lies on a subspace through zero of dimension `dim`: its
    singular values beyond the first `dim` are at most 1e-9 of the first. Raises ValueError for more
    than 10^5 labellings.
    """
    n = len(points)
    require(
        groups**n <= 10**5,
        f"points and groups must ask for at most 10^5 labellings, got {groups}^{n}",
    )
    fits = np.array(
        [_fits(points[[i for i in range(n) if subset >> i & 1]], dim) for subset in range(2**n)]
    )
    bits = 2 ** np.arange(n)
    fitting = 0
    partitions = 0
    for tail in product(range(groups), repeat=n - 1):
        labels = np.array((0, *tail))
        if any(
            np.diff(np.maximum.accumulate(labels)) > 1
        ):  # another name for a partition that was met before
            continue
        partitions += 1
        fitting += all(fits[bits @ (labels == k)] for k in range(groups))
    return fitting, partitions


@guarded
def k_subspaces(
    generator: np.random.Generator, points: Points, dim: Dim, groups: Groups, starts: Starts = 10
) -> tuple[Int[np.ndarray, " points"], float]:
    """Cluster points around subspaces through zero by Lloyd's steps, and keep the best of all
    `starts`.

    Returns the label of each point and the sum of squared residuals. Raises ValueError for dim > n.
    """
    ambient = points.shape[1]
    require(dim <= ambient, f"dim must be at most the {ambient} columns of points, got {dim}")
    best: tuple[Int[np.ndarray, " points"], float] = np.zeros(len(points), int), np.inf
    total = float(np.sum(points**2))
    for _ in range(starts):
        bases = [np.linalg.qr(generator.standard_normal((ambient, dim)))[0] for _ in range(groups)]
        previous = np.inf
        while True:
            squares = np.array([np.sum((points @ basis) ** 2, axis=1) for basis in bases])
            residual = total - float(squares.max(axis=0).sum())
            if not residual < previous:  # labels may still change for ever, by rounding among ties
                break
            labels = squares.argmax(axis=0)
            previous = residual
            # Left out are groups that have no point: they keep their subspace.
            for k in set(labels.tolist()):
                right = np.linalg.svd(points[labels == k])[2]
                bases[k] = right[:dim].T
        if previous < best[1]:
            best = labels, previous
    return best


def _fits(points: Points, dim: int) -> bool:
    if len(points) <= dim or points.shape[1] <= dim:
        return True
    singular = np.linalg.svd(points, compute_uv=False)
    return bool(singular[dim] <= 1e-9 * singular[0])
