"""From recorded points to the Gram matrix of their steps, which is all that the test and the
estimators look at.
"""

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import ANY_NUMBER, Holds, guarded, require

Trajectory = Annotated[Float[AnyArray, "points _"], ANY_NUMBER]
"""T recorded points, T x d, in any precision; the first point that is not finite is named as it is
read.
"""


def _of_steps(gram: np.ndarray) -> bool:
    # Inner products computed in float32 differ between the two halves by a few of its roundings.
    diagonal = gram.diagonal()
    asymmetry = np.abs(gram - gram.T).max()
    return bool(
        asymmetry <= 16 * np.finfo(np.float32).eps * np.abs(diagonal).max()
        and diagonal.min() >= 0 < diagonal.max()
    )


# The tests draw it as a covariance, which a Gram matrix is up to larger rounding.
StepGram = Annotated[
    Float[AnyArray, "steps steps"],
    Holds(
        "covariance",
        "be symmetric with squared step lengths on its diagonal, not all zero",
        _of_steps,
    ),
]
"""Inner products of the T - 1 steps."""
FEWEST_POINTS = 10
"""Below this the effective dimension is an average of fewer than 28 inner products, off by more
than a quarter.
"""

# coordinates differenced at a time: the float64 copy of the steps is never larger than T x 4096
_BLOCK = 4096


@guarded(double=False)
def step_gram(*trajectory: Trajectory) -> Float[np.ndarray, "steps steps"]:
    """Inner products <ξ_s, ξ_t> of the T - 1 steps between T recorded points, in float64.

    Each block holds some coordinates of all points, T x (any width), in any floating dtype: pass
    the whole T x d trajectory as one block, or the layers of a network as several
    (`step_gram(*(np.load(f, mmap_mode="r") for f in files))` reads what memory could not hold).
    Exact up to rounding; T may exceed d; takes 8 T^2 bytes.

    Raises ValueError for no block, fewer than two points, a point that is not finite (the first is
    named), or points that never move.

    >>> step_gram(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]]))
    array([[1., 0.],
           [0., 4.]])
    """
    require(len(trajectory) > 0, "trajectory must be at least one block of coordinates, got none")
    points = len(trajectory[0])
    require(points >= 2, f"trajectory must have at least two recorded points, got {points}")
    gram = np.zeros((points - 1, points - 1))
    longest = 0.0
    for block in trajectory:
        for columns in columns_of(block):
            steps = np.diff(columns, axis=0)
            longest = max(longest, float(np.abs(steps).max(initial=0)))
            require(
                longest < 1e150, "trajectory must have steps whose inner products float64 can hold"
            )
            gram += steps @ steps.T
    require(
        longest == 0 or longest > 1e-150,
        "trajectory must have steps whose inner products float64 can hold",
    )
    require(
        np.trace(gram) > 0,
        "trajectory must move, got zero total variance: variance ratios are undefined",
    )
    return gram


@guarded
def effective_dimension(step_gram: Float[np.ndarray, "steps steps"]) -> float:
    """Effective dimension (tr Σ)^2 / tr(Σ^2) of the noise in the steps, above zero.

    The mean squared length of a step, squared, over the variance of the inner products of different
    steps. That variance is taken within each lag s - t: a drift, momentum or reversion shifts whole
    lags and would pass for a low dimension otherwise. Unbiased tr(Σ^2) for a walk; relative error
    about 2 / T, and bias of that order for others. This function does not check that a Gram matrix
    is given; the test does. Raises ValueError for fewer than three steps, or if no inner product
    varies (no noise, or all at right angles). Source: derived here; without lags the walk's moment
    estimator.
    """
    steps = len(step_gram)
    require(steps >= 3, f"step_gram must be of at least three steps, got {steps}")
    mean_square = float(np.trace(step_gram)) / steps
    scatter = 0.0
    for lag in range(1, steps - 1):
        products = np.diagonal(step_gram, lag) / (mean_square or 1.0)
        scatter += float(np.sum((products - products.mean()) ** 2))
    variance = scatter / ((steps - 1) * (steps - 2) / 2)
    noisy = variance > (steps * np.finfo(float).eps) ** 2
    require(
        noisy,
        "step_gram (or that of the trajectory) must vary within each lag, got steps without noise",
    )
    return 1 / variance


def checked_step_gram(
    trajectory: AnyArray | None, given: AnyArray | None
) -> Float[np.ndarray, "steps steps"]:
    """The step Gram matrix of whichever argument is given; ValueError for both, none, no Gram or
    too few points.
    """
    require(
        (trajectory is None) != (given is None),
        "give either a trajectory or a step_gram, and not both",
    )
    gram = np.asarray(given, float) if trajectory is None else step_gram(trajectory)
    gram = (gram + gram.T) / 2
    points = len(gram) + 1
    if (
        trajectory is None
    ):  # step by step, as inner products are rounded; one may be 1e-17 of the longest
        lengths = np.sqrt(np.maximum((squares := gram / gram.diagonal().max()).diagonal(), 1e-34))
        least = float(np.linalg.eigvalsh(np.clip(squares / lengths / lengths[:, None], -2, 2))[0])
        message = (
            "step_gram must be inner products of steps: scaled to a unit diagonal its "
            "smallest eigenvalue is"
        )
        require(
            least >= -16 * np.finfo(np.float32).eps * points, f"{message} {least:.3g}, below zero"
        )
    few = f"trajectory must have at least {FEWEST_POINTS} recorded points to judge it, got {points}"
    require(points >= FEWEST_POINTS, few)
    return gram


def columns_of(block: AnyArray) -> Iterable[Float[np.ndarray, "points columns"]]:
    """The numbers of all points, some columns at a time; ValueError for a point that is not
    finite.
    """
    for start in range(0, block.shape[1], _BLOCK):
        columns = np.asarray(block[:, start : start + _BLOCK]).astype(float)
        finite = np.isfinite(columns).all(axis=1)
        require(
            finite.all(),
            "trajectory must be finite, its first non-finite row is row "
            f"{int(np.argmin(finite)) + 1}",
        )
        yield columns
