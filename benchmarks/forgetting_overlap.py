"""How much does each of many labellings of a second task undo? Refitting, as one would, against the overlap."""

from collections.abc import Callable
from functools import cache

import numpy as np

from audits.side_by_side import answers, command, contest, worst

WORKLOADS = [(1000, 400, 3)]  # residuals, features; half as many inputs of each task; rounds
QUICK = [(20, 60, 2)]
RIDGE = 0.5


@cache
def world(residuals: int, dim: int, seed: int):
    """Features of both tasks, and residuals of the second."""
    generator = np.random.default_rng(seed)
    shapes = (dim // 2, dim), (dim // 2, dim), (residuals, dim // 2)
    return tuple(generator.standard_normal(shape) for shape in shapes)


def refitting(residuals: int, dim: int) -> Callable[[int], object]:
    def estimate(seed: int) -> object:
        first, second, labels = world(residuals, dim, seed)
        drifts = []
        for y in labels:
            hessian = second.T @ second + RIDGE * np.eye(dim)
            drifts.append(np.sum((first @ np.linalg.solve(hessian, second.T @ y)) ** 2))
        return np.array(drifts)

    return estimate


def overlap(residuals: int, dim: int) -> Callable[[int], object]:
    from theory.forgetting_overlap import forgetting

    return lambda seed: forgetting(*world(residuals, dim, seed), RIDGE)


CONTENDERS = {"NumPy, refitting": refitting, "ours, by overlap": overlap}


def apart(seed: int, deltas: object, residuals: int, dim: int) -> dict[str, float]:
    """How far what is undone is from one solution for all residuals, relatively."""
    first, second, labels = world(residuals, dim, seed)
    hessian = second.T @ second + RIDGE * np.eye(dim)
    exactly = np.sum((first @ np.linalg.solve(hessian, second.T @ labels.T)) ** 2, axis=0)
    return {"error": float(np.max(np.abs(np.asarray(deltas) / exactly - 1)))}


answer_seed = answers(CONTENDERS, apart)
run = contest(
    "benchmarks.forgetting_overlap", "{0} residuals, {1} features of half as many inputs of each task", CONTENDERS,
    WORKLOADS, QUICK, ours=["ours, by overlap"], figure="worst relative error", figure_of=worst(),
)  # fmt: skip


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
