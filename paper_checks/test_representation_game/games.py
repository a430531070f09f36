"""Games of drawn covariances, and representations near the best ones."""

from typing import Annotated, Literal, NamedTuple

import numpy as np

from sims import representation_game as observed
from theory import representation_game as predicted
from theory_on_trial.contract import Interval

Seed = Annotated[int, Interval(0, 2**53, why="wholes that floats hold")]
Dim = Annotated[
    int, Interval(2, 256, why="hundreds of decompositions of that size take minutes beyond")
]
Shape = Literal["drawn", "steep"]
Worlds = Annotated[int, Interval(100, 10**5, why="fewer need not come near the best")]
STEEP = (3.2, 3.0, 2.2, 2.0, 1.0, 0.1)
REVIEWS = "as public reviews state it"


class Game(NamedTuple):
    """A world, its eigenvalues, and the tasks f_i that go with them."""

    covariance: np.ndarray
    prior: np.ndarray
    spectrum: np.ndarray
    tasks: np.ndarray
    ops: int
    """Roundings of a decomposition, for conditions of Σ and S below 50."""


def game(trial, seed, dim, kept, shape="drawn"):
    """A world of this shape."""
    trial.require(
        kept < dim, f"kept must be below dim = {dim}: nothing is compressed otherwise, got {kept}"
    )
    world = observed.drawn_world(seed, dim)
    if shape == "steep":
        spectrum = np.interp(np.linspace(0, 5, dim), np.arange(6), STEEP)
        world = observed.shaped_world(world.covariance, spectrum, seed)
    solution = predicted.task_spectrum(*world), predicted.task_directions(*world)
    return Game(*world, *solution, 50 * dim)


def around(generator, best, count):
    """Matrices near a given one and far from it."""
    far = 10.0 ** generator.uniform(-4, 2, (count, 1, 1))
    return best / np.linalg.norm(best) + far * generator.standard_normal((count, *best.shape))


def sets_of(game, members):
    """The representation of each set of directions."""
    return np.array([game.tasks[:, chosen] for chosen in members])
