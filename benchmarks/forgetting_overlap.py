"""Compare two ways to compute forgetting: the overlap of two tasks, and refits.

The second task has many labellings, and each contender gives how much of the first task every one
makes a model forget.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from benchmarks.side_by_side import answers, command, contest, worst

RIDGE = 0.5


@cache
def world(residuals: int, dim: int, seed: int):
    """Return the features of both tasks, and residuals of the second."""
    generator = np.random.default_rng(seed)
    shapes = (dim // 2, dim), (dim // 2, dim), (residuals, dim // 2)
    return tuple(generator.standard_normal(shape) for shape in shapes)


def refit(first, second, labels):
    """Return the forgetting that each column of labels causes."""
    hessian = second.T @ second + RIDGE * np.eye(second.shape[1])
    return np.sum((first @ np.linalg.solve(hessian, second.T @ labels)) ** 2, axis=0)


def refitting(residuals: int, dim: int) -> Callable[[int], object]:
    return lambda seed: np.array(
        [refit(*world(residuals, dim, seed)[:2], y) for y in world(residuals, dim, seed)[2]]
    )


def overlap(residuals: int, dim: int) -> Callable[[int], object]:
    from theory.forgetting_overlap import forgetting

    return lambda seed: forgetting(*world(residuals, dim, seed), RIDGE)


CONTENDERS = {"NumPy, refitting": refitting, "ours, by overlap": overlap}


def apart(seed: int, deltas: object, residuals: int, dim: int) -> dict[str, float]:
    """Return the largest relative error of the forgetting, compared with one solution for all
    residuals.
    """
    first, second, labels = world(residuals, dim, seed)
    return {"error": float(np.max(np.abs(np.asarray(deltas) / refit(first, second, labels.T) - 1)))}


answer_seed = answers(CONTENDERS, apart)
run = contest(
    "benchmarks.forgetting_overlap",
    "{0} residuals, {1} features of half as many inputs of each task",
    CONTENDERS,
    [(1000, 400, 3)],
    [(20, 60, 2)],
    ours=["ours, by overlap"],
    figure="worst relative error",
    figure_of=worst(),
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
