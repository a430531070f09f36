"""Computes the Gram matrix of the steps between recorded points, on which the test and the
estimators rest: from a stored trajectory, or from a training run whose weights are not stored. It
also says how the points were recorded: their precision, and columns that are no weights.
"""

import functools
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Holds, Size, guarded, require
from theory_on_trial.own_data.table import table

Trajectory = Annotated[Float[AnyArray, "points _"], ANY_NUMBER]
"""T recorded points in d coordinates, T x d, in any precision. A point that is not finite is
refused when it is read, and the message names the first one.
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
"""The inner products of the T - 1 steps, T - 1 x T - 1."""
FEWEST_POINTS = 10
"""The least number of recorded points. With fewer, the effective dimension is an average of fewer
than 28 inner products, and off by more than a quarter.
"""

# coordinates differenced at a time: the float64 copy of the steps is never larger than T x 4096
_BLOCK = 4096


@guarded(double=False)
def step_gram(*trajectory: Trajectory) -> Float[np.ndarray, "steps steps"]:
    """Return the inner products <ξ_s, ξ_t> of the T - 1 steps between T recorded points, in
    float64.

    Each block holds some coordinates of all points, T x (any width), in any floating dtype: pass
    the whole T x d trajectory as one block, or the layers of a network as several
    (`step_gram(*(np.load(f, mmap_mode="r") for f in files))` reads what memory could not hold).
    The result is exact up to rounding and takes 8 T^2 bytes; T may exceed d.

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
    """Return the effective dimension (tr Σ)^2 / tr(Σ^2) of the noise in the steps, for its
    covariance Σ; it is positive.

    The estimate is the square of the mean squared length of a step, over the variance of the inner
    products of different steps. That variance is taken within each lag s - t, because a drift,
    momentum or reversion shifts whole lags and would otherwise pass for a low dimension. For a walk
    the estimate of tr(Σ^2) is unbiased, and the relative error is about 2 / T; for other processes
    there is a bias of that order. This function does not check that a Gram matrix is given; the
    test does. Raises ValueError for fewer than three steps, or if no inner product varies (no
    noise, or all at right angles). Source: derived here; without lags it is the moment estimator
    for a walk.
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
    """Return the Gram matrix of the steps from whichever argument is given.

    Raises ValueError if both or none are given, if a matrix is no Gram matrix, or if there are too
    few points.
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
    """Yield the coordinates of all points, some columns at a time.

    Raises ValueError for a point that is not finite.
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


_PRECISIONS = {8: "bfloat16", 11: "float16", 24: "float32"}  # bits of a significand
_DOUBLE = 8  # bytes
_ODD = 0.25  # share of last bits that are set, of numbers that were rounded: it is a half


class Recorded(NamedTuple):
    """What the numbers of a trajectory show of how it was recorded.

    Attributes:
        precision: the floating type whose few digits all numbers have; "" if they have more.
        rounding: the mean share of the squared steps that rounding to this type adds, if steps are
            longer than its spacing.
        column: the name of the column that moves most.
        share: the share of this column in the squared steps.
        columns: the number of columns.
    """

    precision: str
    rounding: float
    column: str
    share: float
    columns: int


def points_of(trajectory: Any) -> tuple[AnyArray, tuple[str, ...] | None]:
    """Return the points, and the names of their columns if they have names.

    A floating array, which may be larger than memory, is returned as it is; anything else is read
    as a table.
    """
    if isinstance(trajectory, AnyArray) and not np.ma.isMaskedArray(trajectory):
        floating = trajectory.dtype.kind in ("f", "V") and trajectory.dtype.itemsize <= _DOUBLE
        if floating and trajectory.ndim == 2:
            return trajectory, None
    read = table("trajectory", trajectory, scaled=False)
    return read.values, read.columns


def recorded(points: AnyArray, names: tuple[str, ...] | None) -> Recorded:
    """Return what the points show of how they were recorded, reading some columns at a time."""
    fits = dict.fromkeys(_PRECISIONS, True)
    odd = dict.fromkeys(_PRECISIONS, 0)
    count = 0
    grids = 0.0  # sum over points of 4^exponent
    squares = []
    for columns in columns_of(points):
        significands, exponents = np.frexp(columns)
        moves = columns.any(axis=0)
        for bits in _PRECISIONS:
            whole = np.ldexp(significands[:, moves], bits)
            fits[bits] = fits[bits] and bool(np.all(whole == np.round(whole)))
            odd[bits] += int(np.sum(np.round(whole) % 2)) if fits[bits] else 0
        count += int(moves.sum()) * len(columns)
        grids += float(np.sum(np.where(columns != 0, np.ldexp(1.0, 2 * exponents), 0.0)))
        squares.append(np.sum(np.diff(columns, axis=0) ** 2, axis=0))
    lengths = np.concatenate(squares)
    total = float(lengths.sum())
    at = int(lengths.argmax())
    bits = next((b for b in _PRECISIONS if fits[b] and odd[b] > _ODD * count), 0)
    # Rounding to a grid of step u is off by u^2 / 12 in the mean, at both ends of a step.
    added = grids * (len(points) - 1) / len(points) * 4.0**-bits / 6 if bits else 0.0
    return Recorded(
        precision=_PRECISIONS.get(bits, ""),
        rounding=min(1.0, added / total),
        column=f"x{at + 1}" if names is None else names[at],
        share=float(lengths[at]) / total,
        columns=len(lengths),
    )


class StepGramRecorder:
    """A recorder that accumulates the inner products of the steps of a training run while it runs,
    from a sketch of each step.

        recorder = StepGramRecorder(max_steps=500)
        for batch in batches:
            parameters = update(parameters, batch)
            recorder.record(parameters)
        print(random_walk_test(step_gram=recorder.step_gram))

    An exact inner product of two steps needs both of them, so that the exact matrix needs all
    steps. The recorder keeps a random linear sketch of each step instead: every coordinate is
    added, with a random sign, to one of `sketch_size` cells (a count sketch), the same sign and
    cell at every step. For fixed steps x and y the sketched inner product has mean <x, y> and, over
    the seeds, variance (|x|^2 |y|^2 + <x, y>^2 - 2 sum_i x_i^2 y_i^2) / sketch_size. It acts on the
    laws of the walk like noise of lower dimension: to first order 1 / effective dimension + 1 /
    sketch_size in place of 1 / effective dimension, and the effective dimension estimated from
    `step_gram` has both parts in it. Drift, momentum, decay and reversion pass through, because the
    sketch is linear. Where all weights can be kept, on disk or in memory,
    `own_data.random_walk_pca.step_gram` computes the exact matrix.

    Memory: max_steps times sketch_size numbers, one copy of the last parameters (a step is a
    difference, and taking it first keeps its digits), and while recording one random number per
    coordinate of the largest array. Time: linear in the number of coordinates.

    Args:
        max_steps: the number of steps that can be recorded, one fewer than that of the points.
        sketch_size: m, the number of cells of the sketch.
        seed: the seed of the random signs and cells.

    Source: Charikar, Chen & Farach-Colton 2002 for the sketch; Antognini & Sohl-Dickstein 2018 use
    random projections, too; the effective dimension of the sketch was derived here.
    """

    @guarded
    def __init__(self, max_steps: Size, *, sketch_size: Size = 1000, seed: int = 0) -> None:
        self._sketches = np.zeros((max_steps, sketch_size), jax.dtypes.canonicalize_dtype(float))
        self._key = jax.random.key(seed)
        self._recorded_steps = -1
        self._structure: Any = None
        self._latest: list[np.ndarray | Array] = []

    @guarded(double=False)
    def record(self, parameters: Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]) -> None:
        """Record the parameters after a step: an array, or any pytree of arrays (NumPy or JAX,
        floating point).

        The first call records the starting point. Raises ValueError for more than `max_steps`
        steps, parameters of another structure or shape than before, or a step that is not finite
        (it is named); TypeError for other than floats.
        """
        leaves, structure = jax.tree.flatten(parameters)
        description = (structure, tuple(np.shape(leaf) for leaf in leaves))
        if self._structure is None:
            _check_leaves(leaves)
            self._structure = description
        same = description == self._structure
        require(
            same, f"parameters must keep structure and shapes {self._structure}, got {description}"
        )
        step = self._recorded_steps + 1
        most = len(self._sketches)
        require(step <= most, f"parameters have been recorded for max_steps = {most} steps already")
        if step > 0:
            row = sum(
                np.asarray(
                    _sketch(
                        jax.random.fold_in(self._key, index), leaf - before, self._sketches.shape[1]
                    )
                )
                for index, (leaf, before) in enumerate(zip(leaves, self._latest, strict=True))
            )
            require(
                np.all(np.isfinite(row)),
                f"parameters must be finite, the first step that is not is step {step}",
            )
            self._sketches[step - 1] = row
        # A copy, because optimisers write into NumPy arrays and donate the buffers of JAX ones.
        self._latest = [leaf.copy() for leaf in leaves]
        self._recorded_steps = step

    @property
    def step_gram(self) -> Float[np.ndarray, "steps steps"]:
        """The sketched inner products of the steps recorded so far, in float64."""
        rows = self._sketches[: max(0, self._recorded_steps)].astype(float)
        return rows @ rows.T


@functools.partial(jax.jit, static_argnums=2)
def _sketch(
    key: Key[Array, ""], step: Float[Array | np.ndarray, "..."], size: int
) -> Float[Array, "{size}"]:
    draw = jax.random.randint(key, (step.size,), 0, 2 * size)
    values = step.ravel().astype(jnp.promote_types(step.dtype, jnp.float32))
    return (
        jnp.zeros(size, values.dtype).at[draw // 2].add(jnp.where(draw % 2 == 0, values, -values))
    )


def _check_leaves(leaves: list[Any]) -> None:
    require(len(leaves) > 0, "parameters must hold at least one array, got none")
    for leaf in leaves:
        if not (hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)):
            raise TypeError(
                "parameters must be floating-point arrays, got "
                f"{getattr(leaf, 'dtype', type(leaf))}"
            )
