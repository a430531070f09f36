"""Compare the closed form for the range of a cosine with refits and random gauges.

`python -m benchmarks.cosine_similarity [--quick]` prints the table. Its figure is the mean width of
the range of one pair's cosine that each contender finds. Refits are not limited to a condition
number.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import answers, command, contest
from theory.cosine_similarity import any_gauge_range, objective1_factors

WORKLOADS = [(40, 8, 5)]  # items, k, rounds
QUICK = [(10, 3, 2)]
PENALTY = 30.0
CONDITION = 10.0


def world(seed: int, items: int, rank: int):
    """Return ratings whose singular values fall evenly from 19, the item factors of one optimum,
    and the generator.
    """
    generator = np.random.default_rng(seed)
    left, right = (np.linalg.qr(generator.normal(size=(n, items)))[0] for n in (4 * items, items))
    x = (left * np.linspace(19, 1, items)) @ right.T
    return x, objective1_factors(x, rank, PENALTY).b, generator


def refits(items: int, rank: int) -> Callable[[int], tuple[float, float]]:
    """Return a function of a seed that gives the range of the pair's cosine over five starts of
    L-BFGS, with gradients written by hand.
    """
    from scipy.optimize import minimize

    def estimate(seed: int) -> tuple[float, float]:
        x, _, generator = world(seed, items, rank)
        gram = x.T @ x
        cosines = []

        def value(flat):  # type: ignore[no-untyped-def]
            a, b = flat.reshape(2, items, rank)
            product = a @ b.T
            slope = 2 * (gram @ product - gram + PENALTY * product)
            residual = (
                np.trace(gram) - 2 * np.sum(gram * product) + np.sum((gram @ product) * product)
            )
            total = residual + PENALTY * np.sum(product**2)
            return total, np.concatenate([(slope @ b).ravel(), (slope.T @ a).ravel()])

        for _ in range(5):
            start = generator.normal(size=2 * items * rank)
            flat = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": 5000}).x
            u, v = flat.reshape(2, items, rank)[1, :2]
            cosines.append(float(u @ v / np.sqrt(u @ u * (v @ v))))
        return min(cosines), max(cosines)

    return estimate


def random_gauges(items: int, rank: int) -> Callable[[int], tuple[float, float]]:
    """Return a function of a seed that gives the range of the pair's cosine over 20 000 random
    gauges of the condition number.
    """
    from sims.cosine_similarity import draw_gauges, gauged_cosines

    def estimate(seed: int) -> tuple[float, float]:
        _, rows, generator = world(seed, items, rank)
        cosines = gauged_cosines(rows[0], rows[1], draw_gauges(generator, rank, CONDITION, 20_000))
        return float(cosines.min()), float(cosines.max())

    return estimate


def closed_form(items: int, rank: int) -> Callable[[int], tuple[float, float]]:
    def estimate(seed: int) -> tuple[float, float]:
        _, rows, _ = world(seed, items, rank)
        ends = any_gauge_range(rows[:1], rows[1:2], CONDITION)
        return float(ends.low[0]), float(ends.high[0])

    return estimate


CONTENDERS = {"five refits": refits, "20 000 random gauges": random_gauges, "ours": closed_form}

answer_seed = answers(CONTENDERS, lambda seed, ends, *_: {"width": ends[1] - ends[0]})
run = contest(
    "benchmarks.cosine_similarity",
    "{} items, k = {}",
    CONTENDERS,
    WORKLOADS,
    QUICK,
    ours=["ours"],
    figure="width found",
    figure_of=lambda name, answers: f"{sum(one['width'] for one in answers) / len(answers):.3g}",
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
