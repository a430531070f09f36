"""How a trajectory was recorded: the precision of its numbers, and columns that are no weights."""

from typing import Any, NamedTuple

import numpy as np

from own_data.random_walk_pca.steps import columns_of
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.own_data.table import table

_PRECISIONS = {8: "bfloat16", 11: "float16", 24: "float32"}  # bits of a significand
_DOUBLE = 8  # bytes
_ODD = 0.25  # share of last bits that are set, of numbers that were rounded: it is a half


class Recorded(NamedTuple):
    """What the points say of their recording.

    Attributes:
        precision: the type whose digits all numbers have; "" for more digits.
        rounding: share of the squared steps that rounding to it adds in the mean, for steps longer
            than the grid.
        column: the one that moves most.
        share: its share of the squared steps.
        columns: how many there are.
    """

    precision: str
    rounding: float
    column: str
    share: float
    columns: int


def points_of(trajectory: Any) -> tuple[AnyArray, tuple[str, ...] | None]:
    """Floating arrays as they are, which may be larger than memory; else as a table with the names
    of its columns.
    """
    if isinstance(trajectory, AnyArray) and not np.ma.isMaskedArray(trajectory):
        floating = trajectory.dtype.kind in ("f", "V") and trajectory.dtype.itemsize <= _DOUBLE
        if floating and trajectory.ndim == 2:
            return trajectory, None
    read = table("trajectory", trajectory, scaled=False)
    return read.values, read.columns


def recorded(points: AnyArray, names: tuple[str, ...] | None) -> Recorded:
    """Read the points once, some columns at a time."""
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
