"""What a tool says of a user's data: its numbers, its doubts with their size, and whether it can judge at all."""

import html
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np


class Doubt(NamedTuple):
    """A reason why an answer may be off, and by how much.

    Attributes:
        reason: one sentence without its full stop.
        size: by how much the answer may be off, in the answer's own units; infinite where nothing bounds it.
        unit: of the size: "samples", "of the error rate", "of each time".
    """

    reason: str
    size: float
    unit: str

    def __str__(self) -> str:
        """Return the reason with its size."""
        size = f"up to {self.size:.2g} {self.unit}" if np.isfinite(self.size) else "by an unknown size"
        return f"{self.reason}; off {size}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Answer(ABC):
    """The common part of what the tools return; each adds its numbers, its `lines` and its `plot`.

    Attributes:
        doubts: what in the answer is not to be trusted, and by how much.
        missing: one sentence on what would be needed to judge; empty where the tool can.
    """

    doubts: tuple[Doubt, ...] = ()
    missing: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the tool can judge; where it cannot, no headline number is given."""
        return not self.missing

    @abstractmethod
    def lines(self) -> list[str]:
        """Return the headline and the numbers to read first, at most seven lines."""

    @abstractmethod
    def plot(self, axes: Any = None) -> Any:
        """Draw the answer, on these axes of matplotlib or on new ones, and return them."""

    def summary(self) -> str:
        """Return what to read: headline, first numbers and the largest doubts, in at most ten lines."""
        found = self.lines() if self.answerable else [f"cannot judge: {self.missing}"]
        ordered = sorted(self.doubts, key=lambda doubt: -doubt.size)
        room = 10 - len(found)
        shown = [f"doubt: {doubt}" for doubt in ordered[: room if len(ordered) <= room else room - 1]]
        rest = len(ordered) - len(shown)
        return "\n".join([*found, *shown, *([f"doubts: {rest} more in .doubts"] if rest else [])])

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in plain Python types, for JSON: arrays as lists, what is infinite or undefined as None."""
        return {"answerable": self.answerable, **_plain(self)}

    def __repr__(self) -> str:
        """Return the summary."""
        return self.summary()

    def _repr_html_(self) -> str:
        """Return the summary for a notebook."""
        return f"<pre>{html.escape(self.summary())}</pre>"


def axes_for(axes: Any) -> Any:
    """Return the axes that a plot was given, or new ones."""
    if axes is not None:
        return axes
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(entry) for key, entry in value.items()}
    if hasattr(value, "to_dict"):  # pandas
        return _plain(value.to_dict())
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, complex):
        return [_plain(value.real), _plain(value.imag)]
    return value if value is None or isinstance(value, bool | int | str) else str(value)
