"""From recorded points to the Gram matrix of their steps, which is all that the test and the estimators look at."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from theory_on_trial.arguments.theory import validated

AnyArray = jax.Array | np.ndarray

FEWEST_POINTS = 10
"""Below this the effective dimension is an average of fewer than 28 inner products, off by more than a quarter."""

_BLOCK = 4096  # coordinates differenced at a time: the float64 copy of the steps is never larger than T x 4096


def step_gram(*blocks: AnyArray) -> Float[np.ndarray, "steps steps"]:
    """Inner products <xi_s, xi_t> of the T - 1 steps between T recorded points, in float64.

    Each block holds some coordinates of all points, T x (any width), in any floating dtype: pass the whole T x d
    trajectory as one block, or the layers of a network as several (`step_gram(*(np.load(f, mmap_mode="r") for f in
    files))` reads what memory could not hold). Exact up to rounding; T may exceed d; takes 8 T^2 bytes.

    Raises ValueError for no block, fewer than two points, blocks of different length, a point that is not finite (the
    first is named), or points that never move; TypeError for a block that is not floating point.
    """
    if not blocks:
        raise ValueError("step_gram needs at least one block of coordinates, got none")
    gram = np.zeros((0, 0))
    for position, block in enumerate(blocks):
        if not isinstance(block, AnyArray):
            raise TypeError(f"trajectory must be an array or several as blocks, got {type(block).__name__}")
        _check_block(block, len(blocks[0]))
        if position == 0:
            gram = np.zeros((len(block) - 1, len(block) - 1))
        for columns in _columns(block):
            with np.errstate(over="ignore", invalid="ignore"):
                steps = np.diff(columns, axis=0)
                gram += steps @ steps.T
    if not np.all(np.isfinite(gram)):
        raise ValueError("trajectory must have steps whose inner products float64 can hold, got an overflow")
    if not np.trace(gram) > 0:
        raise ValueError("trajectory must move, got zero total variance: explained variance ratios are undefined")
    return gram


@validated
def effective_dimension(step_gram: Float[np.ndarray, "steps steps"]) -> float:
    """Effective dimension (tr Sigma)^2 / tr(Sigma^2) of the noise in the steps, above zero.

    The mean squared length of a step, squared, over the variance of the inner products of different steps. That
    variance is taken within each lag s - t: a drift, momentum or reversion shifts whole lags and would pass for a low
    dimension otherwise. Unbiased tr(Sigma^2) for a walk; relative error about 2 / T, and bias of that order for others.

    Raises ValueError for fewer than three steps, or if no inner product varies (steps without noise, or all at right
    angles to each other). Source: derived here; without the lags it is the moment estimator of the walk.
    """
    steps = len(step_gram)
    if steps < 3:
        raise ValueError(f"step_gram must be of at least three steps, got {steps}")
    scatter = 0.0
    for lag in range(1, steps - 1):
        products = np.diagonal(step_gram, lag)
        scatter += float(np.sum((products - products.mean()) ** 2))
    variance = scatter / ((steps - 1) * (steps - 2) / 2)
    mean_square = float(np.trace(step_gram)) / steps
    if not variance > (steps * np.finfo(float).eps * mean_square) ** 2:
        raise ValueError("step_gram must have inner products that vary within each lag, got steps without noise")
    return mean_square**2 / variance


def checked_step_gram(trajectory: AnyArray | None, given: AnyArray | None) -> Float[np.ndarray, "steps steps"]:
    """Return the step Gram matrix of whichever argument is given, after everything that can be wrong with it."""
    if (trajectory is None) == (given is None):
        raise ValueError("give either a trajectory or a step_gram, and not both")
    gram = _checked_gram(given) if trajectory is None else step_gram(trajectory)
    if len(gram) + 1 < FEWEST_POINTS:
        raise ValueError(
            f"the trajectory must have at least {FEWEST_POINTS} recorded points to judge it, got {len(gram) + 1}"
        )
    return gram


def _checked_gram(given: AnyArray | None) -> Float[np.ndarray, "steps steps"]:
    try:
        gram = np.asarray(given)
        if gram.dtype.kind == "c":
            raise TypeError
        gram = gram.astype(float, copy=False)
    except (TypeError, ValueError):
        raise TypeError("step_gram must hold real numbers only, got entries that are none") from None
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
        raise ValueError(f"step_gram must be a square matrix, one row per step, got shape {gram.shape}")
    _check_finite("step_gram", gram)
    diagonal = np.diagonal(gram)
    # Inner products computed in float32 differ between the two halves by a few of its roundings.
    if np.abs(gram - gram.T).max(initial=0) > 16 * np.finfo(np.float32).eps * np.abs(diagonal).max(initial=0):
        raise ValueError("step_gram must be symmetric, as inner products are")
    if np.any(diagonal < 0) or not diagonal.any():
        raise ValueError("step_gram must have a diagonal of squared step lengths, none negative and not all zero")
    return (gram + gram.T) / 2


def _check_block(block: AnyArray, points: int) -> None:
    if block.ndim != 2:
        raise ValueError(f"trajectory must be a matrix, one row per recorded point, got shape {block.shape}")
    if not jnp.issubdtype(block.dtype, jnp.floating):
        raise TypeError(f"trajectory must be floating point, got {block.dtype}")
    if len(block) < 2:
        raise ValueError(f"trajectory must have at least two recorded points, got {len(block)}")
    if len(block) != points:
        raise ValueError(
            f"all blocks of the trajectory must have the same recorded points, got {points} and {len(block)}"
        )


def _columns(block: AnyArray) -> Iterable[Float[np.ndarray, "points columns"]]:
    for start in range(0, block.shape[1], _BLOCK):
        columns = np.asarray(block[:, start : start + _BLOCK]).astype(float)
        _check_finite("trajectory", columns)
        yield columns


def _check_finite(name: str, rows: Float[np.ndarray, "rows columns"]) -> None:
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise ValueError(f"{name} must be finite, its first non-finite row is row {int(np.argmin(finite)) + 1}")
