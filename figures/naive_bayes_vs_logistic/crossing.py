"""The sample size at which a mean learning curve falls to a target, and how well the runs determine
it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.naive_bayes_vs_logistic.sizes import bisect_sizes
from theory_on_trial.figures.panels import student_interval


class Crossing(NamedTuple):
    """Where the curve crosses, and the ends of a 99 % interval around it (to first order in the
    noise).
    """

    size: float
    low: float
    high: float


def samples_needed(
    errors_at: Callable[[int], Float[np.ndarray, " runs"]],
    sizes: Int[np.ndarray, " sizes"],
    target: float,
) -> Crossing:
    """Return m* at which the mean of `errors_at(m)` falls to `target`, among neighbours found by
    bisection of `sizes`.

    The logarithm of the mean error is interpolated in the logarithm of m. The interval is Student's
    for the error at m* (every run interpolated there), carried over to m by the slope of the curve.
    Raises ValueError where `bisect_sizes` does: a curve that does not cross the target within the
    sizes, or NaN.
    """
    grid, errors = bisect_sizes(errors_at, sizes, target)
    means = errors.mean(axis=0)
    after = int(np.argmax(means <= target))
    pair = slice(after - 1, after + 1)
    width = float(np.diff(np.log(grid[pair]))[0])
    fall = float(-np.diff(np.log(means[pair]))[0])
    share = (np.log(means[after - 1]) - np.log(target)) / fall
    at_crossing = (1 - share) * errors[:, after - 1] + share * errors[:, after]
    _, half_width = student_interval(at_crossing)
    log_size = float(np.log(grid[after - 1]) + share * width)
    log_half = float(half_width) / target * width / fall
    return Crossing(*(float(np.exp(log_size + part * log_half)) for part in (0, -1, 1)))
