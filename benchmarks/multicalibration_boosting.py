"""Compare our audit with a loop over cells: mean residuals of 20 levels x 50 groups with intervals.

`python -m benchmarks.multicalibration_boosting [--quick]` prints the table. The loop gives means
and Hoeffding's intervals. The audit also gives K2 without bias, the worst combination of groups,
and the loss that a round of boosting saves.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import Response, command, contest, timed

WORKLOADS = [(100_000, 3)]  # rows, rounds
QUICK = [(5_000, 1)]
LEVELS = 20
GROUPS = 50


def data(n: int, seed: int):
    """Return calibrated predictions with 20 values, labels, and 50 groups that are independent of
    them.
    """
    generator = np.random.default_rng(seed)
    f = (generator.integers(0, LEVELS, n) + 0.5) / LEVELS
    return f, (generator.random(n) < f).astype(float), generator.random((n, GROUPS)) < 0.4


def loop(f, y, groups):
    table = {}
    for level, value in enumerate(np.unique(f)):
        at = f == value
        for group in range(groups.shape[1]):
            products = groups[at, group] * (y[at] - value)
            half = np.sqrt(np.log(2 * LEVELS * GROUPS / 0.05) / (2 * len(products)))
            table[level, group] = products.mean(), half
    return table


def audit(f, y, groups):
    from own_data.multicalibration_boosting import multicalibration_audit

    cells = multicalibration_audit(f, y, groups, n_levels=LEVELS, min_count=2, held_out=True).cells
    return {
        (cell.level, cell.group): (cell.residual.value, cell.residual.high - cell.residual.value)
        for cell in cells
    }


CONTENDERS = {"NumPy, loop over cells": loop, "ours, audit": audit}


def answer_seed(name: str, n: int) -> Callable[[int], Response]:
    def answer(seed: int) -> Response:
        seconds, table = timed(CONTENDERS[name], *data(n, seed))
        means = loop(*data(n, seed))
        error = max(abs(table[cell][0] - means[cell][0]) for cell in means)
        return {
            "seconds": seconds,
            "error": error,
            "half": float(np.mean([half for _, half in table.values()])),
        }

    return answer


run = contest(
    "benchmarks.multicalibration_boosting",
    f"{{}} rows, {LEVELS} levels, {GROUPS} groups",
    CONTENDERS,
    WORKLOADS,
    QUICK,
    ours=["ours, audit"],
    figure="off the loop's means by; mean half-width",
    figure_of=lambda name, answers: (
        f"{max(answer['error'] for answer in answers):.1g}; {answers[-1]['half']:.3g}"
    ),
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
