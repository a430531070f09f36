"""The answer of a tool about a user's data: its numbers, its doubts with their size, and whether it
can judge at all.
"""

import html
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from theory_on_trial.base.frames import imported_pandas
from theory_on_trial.own_data.estimate import Estimate

_LONGEST = 12  # lines of a summary
_NAMED = 8  # in one line


class Doubt(NamedTuple):
    """A reason why an answer may be off, and by how much.

    Attributes:
        reason: one sentence without its full stop.
        size: the error that the answer may have, in the answer's own units; infinite if nothing
            bounds it.
        unit: of the size: "samples", "of the error rate", "of each time".
    """

    reason: str
    size: float
    unit: str

    def __str__(self) -> str:
        size = (
            f"up to {self.size:.2g} {self.unit}" if np.isfinite(self.size) else "by an unknown size"
        )
        return f"{self.reason}; off {size}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Answer(ABC):
    """The common part of what the tools return; each adds its numbers, its `lines` and its `plot`.

    A summary says, in this order in every tool, what was asked, the answer, what it rests on, what
    it cannot see, the doubts that these data raise, and what to do. A limitation that holds for all
    data is a sentence of the class and no doubt.

    Attributes:
        asked: the question, as the user would put it.
        rests_on: what is assumed for all data, and where the intervals come from.
        unseen: what no data of this kind could show the tool.
        level: of the intervals; None where there are none.
        doubts: the parts of the answer that these data put in doubt, and by how much.
        missing: one sentence on what would be needed to judge; empty where the tool can.
    """

    asked: ClassVar[str] = ""
    rests_on: ClassVar[str] = ""
    unseen: ClassVar[str] = ""
    level: float | None = None
    doubts: tuple[Doubt, ...] = ()
    missing: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the tool can judge; if not, the answer has no headline number."""
        return not self.missing

    @abstractmethod
    def lines(self) -> list[str]:
        """Return the headline and the numbers to read first, at most seven lines."""

    def to_do(self) -> str:
        """Return what the user should do after this answer; "" if nothing follows."""
        return ""

    @abstractmethod
    def plot(self, axes: Any = None) -> Any:
        """Draw the answer, on these axes of matplotlib or on new ones, and return them."""

    def summary(self) -> str:
        """Return what to read, in at most twelve lines: of the doubts the largest."""
        return "\n".join(f"{tag}: {text}" if tag else text for tag, text in self._tagged())

    def _tagged(self) -> list[tuple[str, str]]:
        """The lines of the summary, each with its tag; those of the answer have none."""
        before = [("asked", self.asked)]
        if self.answerable:
            guarantee = f"intervals hold at {self.level:.3g}" if self.level is not None else ""
            before += [("", line) for line in self.lines()]
            before += [("rests on", "; ".join(filter(None, (self.rests_on, guarantee))))]
            before += [("cannot see", self.unseen)]
        else:
            before += [("cannot judge", self.missing)]
        before = [(tag, text) for tag, text in before if text]
        after = [("to do", self.to_do())] if self.to_do() else []
        doubts = sorted(self.doubts, key=lambda doubt: -doubt.size)
        shown = doubts[: max(1, _LONGEST - len(before) - len(after))]
        lines = [("doubt", str(doubt)) for doubt in shown]
        if len(doubts) > len(lines):
            more = f" ({len(doubts) - len(lines)} more in .doubts)"
            lines[-1] = ("doubt", lines[-1][1] + more)
        return before + lines + after

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in plain Python types, for JSON: arrays as lists, what is infinite or
        undefined as None.
        """
        texts = {
            name: getattr(self, name)
            for name in ("asked", "rests_on", "unseen")
            if getattr(self, name)
        }
        return {"answerable": self.answerable, **texts, **_plain(self)}

    def to_frame(self) -> Any:
        """Return a data frame of pandas with the answer itself; here a row for each number, with
        its interval where it has one, and no arrays.
        """
        pandas = imported_pandas()
        columns = list(Estimate._fields)
        return pandas.DataFrame.from_dict(
            dict(_numbers("", self)), orient="index", columns=columns, dtype=float
        )

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        said = self.lines()[0] if self.answerable else f"cannot judge: {self.missing}"
        return f"<{type(self).__name__}: {said}>"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _same(self, other)

    def __hash__(self) -> int:
        return hash((type(self), self.summary()))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(tag)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for tag, text in self._tagged()
        )
        frame = self.to_frame().head(_LONGEST).to_html() if self.answerable else ""
        return f"<table>{rows}</table>{frame}"


def axes_for(axes: Any) -> Any:
    """Return the axes that a plot was given, or new ones."""
    if axes is not None:
        return axes
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def listed(names: Iterable[str]) -> str:
    """Return the first eight names, and how many more there are."""
    names = list(names)
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _numbers(name: str, value: Any) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Name, value and ends of every number in an answer, however deep in its records."""
    dot = "." if name else ""
    if isinstance(value, Estimate):
        yield name, value
    elif isinstance(value, float | int | np.number):
        yield name, (float(value), np.nan, np.nan)
    elif is_dataclass(value) or hasattr(value, "_asdict"):
        names = [field.name for field in fields(value)] if is_dataclass(value) else value._fields
        for part in names:
            yield from _numbers(f"{name}{dot}{part}", getattr(value, part))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _numbers(f"{name}[{key}]", part)
    elif isinstance(value, list | tuple):
        for position, part in enumerate(value):
            yield from _numbers(f"{name}[{position}]", part)


def _same(one: Any, other: Any) -> bool:
    """Whether two values hold the same numbers and words; NaN is the same as NaN."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        if one.dtype.kind == "O":
            return one.shape == other.shape and _same(one.tolist(), other.tolist())
        return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if hasattr(one, "equals"):  # pandas
        return bool(one.equals(other))
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return all(_same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, float | np.floating):
        return bool(one == other or (np.isnan(one) and np.isnan(other)))
    try:
        return bool(one == other) or (hasattr(one, "__dict__") and _same(vars(one), vars(other)))
    except (TypeError, ValueError):  # of what cannot be compared, a user's model
        return False


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
