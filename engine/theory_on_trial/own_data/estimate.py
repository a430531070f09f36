"""A number from a user's data: its value and its interval."""

from typing import NamedTuple


class Estimate(NamedTuple):
    """A parameter's value and its interval [low, high]."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"
