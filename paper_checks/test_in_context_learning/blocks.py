"""Domains and blocks that several claims use."""

from functools import partial
from typing import Annotated, Literal

import mpmath

from theory_on_trial.contract import Interval

Form = Literal["erf", "tanh"]
"""Of GeLU."""
Points = Annotated[
    int, Interval(10, 100_000, why="fewer points may miss the worst, and each is evaluated")
]
Factor = Annotated[float, Interval(0.1, 10.0)]


def least(total, start):
    """Where log-derivatives of a sum of a falling and a rising power vanish, in the digits that
    mpmath is set to.
    """
    slope = partial(mpmath.diff, lambda log: total(mpmath.exp(log)))
    return mpmath.exp(
        mpmath.findroot(slope, (mpmath.log(start) - 2, mpmath.log(start) + 2), solver="anderson")
    )


Eps = Annotated[float, Interval(1e-16, 1e-6, why="float64 and float32 are within")]
"""Spacing of the floating-point numbers at one."""
