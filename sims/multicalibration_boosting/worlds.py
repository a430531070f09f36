"""Finite worlds: cells x with probabilities, features and chances of the label 1."""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from sims.multicalibration_boosting._domains import Cells, Dim, Seed
from theory_on_trial.contract import USABLE_SCALE, Interval, guarded


class World(NamedTuple):
    """A finite world with labels y in {0, 1}."""

    probabilities: Float[np.ndarray, " cells"]
    features: Float[np.ndarray, "cells dim"]
    means: Float[np.ndarray, " cells"]
    """E[y | x]."""


@guarded
def random_world(seed: Seed, cells: Cells = 60, dim: Dim = 3) -> World:
    """Uniform features in [-1, 1], Dirichlet probabilities, uniform means."""
    generator = np.random.default_rng(seed)
    features = generator.uniform(-1, 1, (cells, dim))
    return World(generator.dirichlet(np.ones(cells)), features, generator.uniform(0, 1, cells))


@guarded
def random_predictor(
    seed: Seed, cells: Cells = 60, dim: Dim = 3
) -> tuple[Float[np.ndarray, " cells"], Float[np.ndarray, " functions"]]:
    """Values .2, .4, .6 or .8 for each cell, and normal coefficients of an affine function; apart from that world."""
    generator = np.random.default_rng(100 + seed)
    return generator.choice([0.2, 0.4, 0.6, 0.8], cells), generator.standard_normal(dim + 1)


@guarded
def two_cells(shift: Annotated[float, Interval(-0.5, 0.5)]) -> World:
    """Two equally likely cells x = -1 and 1 with means 1/2 - shift and 1/2 + shift."""
    return World(np.full(2, 0.5), np.array([[-1.0], [1.0]]), np.array([0.5 - shift, 0.5 + shift]))


@guarded
def parity_world(dim: Annotated[int, Interval(1, 12, why="there are 2^dim cells")]) -> World:
    """All x in {-1, 1}^dim, equally likely; y = 1 where their product is 1."""
    features = 2.0 * (np.arange(2**dim)[:, None] >> np.arange(dim) & 1) - 1
    return World(np.full(2**dim, 2.0**-dim), features, (1 + features.prod(axis=1)) / 2)


@guarded
def affine(features: Annotated[Float[np.ndarray, "cells dim"], USABLE_SCALE]) -> Float[np.ndarray, "cells functions"]:
    """A column of ones, and the features."""
    return np.column_stack([np.ones(len(features)), features])
