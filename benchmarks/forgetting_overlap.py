"""How much does each of many labellings of a second task undo? Refitting, as one would, against the overlap."""

from collections.abc import Callable
from functools import cache

from audits.side_by_side import Response, command, compare, timed, worst

WORKLOADS = [(1000, 400, 3)]  # residuals, features; half as many inputs of each task; rounds
QUICK = [(20, 60, 2)]
RIDGE = 0.5


@cache
def world(residuals: int, dim: int, seed: int):
    """Features of both tasks, and residuals of the second."""
    import numpy as np

    generator = np.random.default_rng(seed)
    shapes = (dim // 2, dim), (dim // 2, dim), (residuals, dim // 2)
    return tuple(generator.standard_normal(shape) for shape in shapes)


def refitting(residuals: int, dim: int) -> Callable[[int], object]:
    import numpy as np

    def estimate(seed: int) -> object:
        first, second, labels = world(residuals, dim, seed)
        found = []
        for each in labels:
            hessian = second.T @ second + RIDGE * np.eye(dim)
            found.append(np.sum((first @ np.linalg.solve(hessian, second.T @ each)) ** 2))
        return np.array(found)

    return estimate


def overlap(residuals: int, dim: int) -> Callable[[int], object]:
    from theory.forgetting_overlap import forgetting

    return lambda seed: forgetting(*world(residuals, dim, seed), RIDGE)


CONTENDERS = {"NumPy, refitting": refitting, "ours, by overlap": overlap}


def answer_seed(name: str, residuals: int, dim: int) -> Callable[[int], Response]:
    draw = CONTENDERS[name](residuals, dim)

    def answer(seed: int) -> Response:
        import numpy as np

        first, second, labels = world(residuals, dim, seed)
        seconds, deltas = timed(draw, seed)
        hessian = second.T @ second + RIDGE * np.eye(dim)
        exactly = np.sum((first @ np.linalg.solve(hessian, second.T @ labels.T)) ** 2, axis=0)
        return {"seconds": seconds, "error": float(np.max(np.abs(np.asarray(deltas) / exactly - 1)))}

    return answer


def run(quick: bool) -> None:
    for residuals, dim, rounds in QUICK if quick else WORKLOADS:
        compare(
            "benchmarks.forgetting_overlap",
            f"{residuals} residuals of {dim // 2} + {dim // 2} inputs with {dim} features",
            {name: (name, residuals, dim) for name in CONTENDERS},
            rounds,
            ours=["ours, by overlap"],
            figure="worst relative error",
            figure_of=worst(),
        )


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
