"""A mixed-integer linear program as arrays, what a solver says about it, and when it may stop."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

Watch = Callable[
    [float, float], None
]  # is told the best objective so far and the proved bound, both to be minimised


class Program(NamedTuple):
    """Minimise `cost @ x`, `lower <= x <= upper`, x whole where `integral`,
    `row_lower <= rows @ x <= row_upper`.
    """

    cost: Float[np.ndarray, "variables"]
    lower: Float[np.ndarray, "variables"]
    upper: Float[np.ndarray, "variables"]
    integral: Bool[np.ndarray, "variables"]
    rows: Any
    row_lower: Float[np.ndarray, "constraints"]
    row_upper: Float[np.ndarray, "constraints"]


class Outcome(NamedTuple):
    """What a solver found: `values` x (None: nothing), `bound` <= every feasible objective, and why
    it stopped.

    status : "optimal", "infeasible" or "time limit".
    """

    values: Float[np.ndarray, "variables"] | None
    bound: float
    status: str


class Limits(NamedTuple):
    """When a solver may stop and how exactly it must meet the rows.

    seconds : None for no limit. gap : the search ends when objective - bound <= gap. feasibility :
    each row and each whole number is met to this tolerance.
    """

    seconds: float | int | None = None
    gap: float | int = 0.0
    feasibility: float | int = 1e-7


class Deadline:
    """Seconds left of a time limit that runs from now; None for ever."""

    def __init__(self, seconds: float | int | None):
        self._end = None if seconds is None else time.perf_counter() + seconds

    def left(self) -> float | None:
        """Seconds left, not negative."""
        return None if self._end is None else max(self._end - time.perf_counter(), 0.0)

    def passed(self) -> bool:
        """Whether no time is left."""
        return self.left() == 0.0


def split_signs(weights: Float[np.ndarray, "dims"]) -> Float[np.ndarray, "2*dims"]:
    """w₊, then w₋, with w = w₊ - w₋ and one of the two zero."""
    return np.concatenate([np.maximum(weights, 0), np.maximum(-weights, 0)])
