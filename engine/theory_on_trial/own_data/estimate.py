"""A number from a user's data: its value and its interval."""

from typing import NamedTuple


class Estimate(NamedTuple):
    """A parameter's value and its interval [low, high]."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def intervals(**estimates: Estimate | None) -> dict[str, float]:
    """Columns of a frame: each estimate as its value, and its ends as "... low" and "... high"."""
    columns: dict[str, float] = {}
    for name, estimate in estimates.items():
        value, low, high = estimate or (float("nan"),) * 3
        columns |= {name: value, f"{name} low": low, f"{name} high": high}
    return columns
