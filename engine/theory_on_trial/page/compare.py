"""Compares two ledgers: what one contains and the other does not."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theory_on_trial.formula.marks import plain
from theory_on_trial.ledger import brief, brief_interval
from theory_on_trial.ledger.files import read_json
from theory_on_trial.ledger.verdict import weakness

# Relative difference that platforms may make in a value that nothing random enters
_HALF_OF_FLOAT64 = 2.0**-26

Change = tuple[str, str, str]
"""The id of a claim (or the name of a fact), and what either ledger says."""


@dataclass(frozen=True)
class Comparison:
    """The differences between ledger a and ledger b; every list has one entry per claim (or fact).

    Attributes:
        verdicts: claims with another verdict.
        predicted: claims with another predicted value, beyond rounding; compared only where the
            seeds are equal, as another seed may draw another instance of the same statement.
        apart: claims that predict the same, with disjoint intervals: both cannot hold the truth.
            Where the seeds differ, sampled claims only, for the same reason.
        weaker: claims that rest on less in b: an error twice as large goes unnoticed, the guarantee
            is weaker, or a control is gone; compared only where the seeds are equal, as another
            seed may stop at another look.
        added, gone: claims in b only, in a only, but for those that -k or -m left out of the other,
            and those that the other, interrupted, did not reach.
        circumstances: seed, tier, versions, devices, and whether the run was interrupted, where
            they differ; they do not count as a difference of the ledgers.
        claims: how many claims are in both.
    """

    verdicts: list[Change]
    predicted: list[Change]
    apart: list[Change]
    weaker: list[Change]
    added: list[str]
    gone: list[str]
    circumstances: list[Change]
    claims: int

    @property
    def agree(self) -> bool:
        """Whether the claims that are in both have the same verdicts, predictions and compatible
        measurements.
        """
        return not (self.verdicts or self.predicted or self.apart or self.weaker)

    @property
    def identical(self) -> bool:
        """Whether both ledgers try the same claims, and these agree."""
        return self.agree and not (self.added or self.gone)

    def __str__(self) -> str:
        """Return the differences, one per line under the heading of its sort."""
        sorts: dict[str, Sequence[tuple[str, ...]]] = {
            "changed, another verdict": self.verdicts,
            "changed, another prediction": self.predicted,
            "moved, the intervals lie apart": self.apart,
            "weaker": self.weaker,
            "circumstances (not counted as differences)": self.circumstances,
        }
        verdict = "no difference" if self.agree else "they differ"
        lines = [f"{self.claims} claim{'s' * (self.claims != 1)} in both ledgers: {verdict}"]
        for heading, entries in sorts.items():
            if entries:
                lines.append(f"{heading}:")
                lines += [
                    f"  {entry[0]}" + (f": {' → '.join(entry[1:])}" if entry[1:] else "")
                    for entry in entries
                ]
        for which, names in (("first", self.gone), ("second", self.added)):
            if names:
                lines.append(f"in the {which} ledger only: {', '.join(names)}")
        return "\n".join(lines)


def compare(a: Path | str, b: Path | str) -> Comparison:
    """Compare two ledgers written by `pytest --ledger`; ValueError for a file that cannot be read
    or is no ledger.
    """
    first = read_json(a, unfinished=True)
    second = read_json(b, unfinished=True)
    rows, other_rows = ({row["id"]: row for row in ledger["claims"]} for ledger in (first, second))
    pairs = [(rows[name], other_rows[name]) for name in rows if name in other_rows]
    comparable = [(row, other) for row, other in pairs if _coordinate(row) == _coordinate(other)]
    same = {row["id"]: _same_prediction(row, other) for row, other in comparable}
    same_seed = first["seed"] == second["seed"]
    return Comparison(
        verdicts=[
            (r["id"], r["verdict"], o["verdict"]) for r, o in pairs if r["verdict"] != o["verdict"]
        ],
        predicted=[
            (row["id"], brief(row["predicted"], 8), brief(other["predicted"], 8))
            for row, other in comparable
            if same_seed and not same[row["id"]]
        ],
        apart=[
            (row["id"], _shown(row), _shown(other))
            for row, other in comparable
            if same[row["id"]] and (same_seed or row["error_probability"]) and _disjoint(row, other)
        ],
        weaker=[
            (row["id"], *change)
            for row, other in pairs
            if same_seed
            for change in _weaker(row, other)
        ],
        added=[name for name in other_rows if name not in rows and not _left_out(name, first)],
        gone=[name for name in rows if name not in other_rows and not _left_out(name, second)],
        circumstances=[
            (name, value, new_value)
            for (name, value), (_, new_value) in zip(
                _circumstances(first), _circumstances(second), strict=True
            )
            if value != new_value
        ],
        claims=len(pairs),
    )


def _left_out(name: str, ledger: dict[str, Any]) -> bool:
    return bool(ledger.get("interrupted")) or name in ledger.get("deselected", [])


def _circumstances(ledger: dict[str, Any]) -> list[tuple[str, str]]:
    """Return seed, tier and the facts of the platform as text, in one order for all ledgers."""
    libraries = ("python", "jax", "jaxlib", "numpy", "scipy")
    names = (*libraries, "processor", "backend", "device", "devices", "x64")
    platform = [(name, str(ledger["platform"].get(name))) for name in names]
    run = [(name, str(ledger.get(name))) for name in ("seed", "tier", "engine")]
    run.append(("interrupted", str(bool(ledger.get("interrupted")))))
    return [*run, *platform]


def _coordinate(row: dict[str, Any]) -> tuple[str, ...]:
    """Return which entry of a long vector the row shows: rows that show different ones cannot be
    compared.
    """
    return tuple(part for part in row["note"].split("; ") if part.startswith("coordinate ["))


def _same_prediction(row: dict[str, Any], other: dict[str, Any]) -> bool:
    pairs = list(_entries(row["predicted"], other["predicted"]))
    # The margin of an identity is the rounding error of its two routes.
    margins = [margin for margin in _flat(row["margin"]) if isinstance(margin, float)]
    rounding = max(margins, default=0.0) if row["kind"] == "identity" else 0.0
    return all(
        abs(x - y) <= max(_HALF_OF_FLOAT64 * max(abs(x), abs(y)), rounding)
        if isinstance(x, float) and isinstance(y, float)
        else x == y
        for x, y in pairs
    )


def _weaker(row: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is weaker in the second ledger for each claim; fields that a condensed ledger
    leaves out are not compared.
    """
    if (
        "resolution" in row.keys() & other.keys()
        and row["verdict"] == other["verdict"] == "VERIFIED"
    ):
        size, other_size = (
            math.inf if r["resolution"] is None else r["resolution"] for r in (row, other)
        )
        if other_size > 2 * size:
            yield f"detects {row['detects']}", f"detects {other['detects']}"
    if (
        row.get("guarantee")
        and other.get("guarantee")
        and weakness(other["guarantee"]) > weakness(row["guarantee"])
    ):
        yield row["guarantee"], other["guarantee"]
    if "controls" in row.keys() & other.keys():
        names = [{plain(control["name"]) for control in r["controls"]} for r in (row, other)]
        if lost := ", ".join(sorted(names[0] - names[1])):
            yield f"control {lost}", "none"


def _disjoint(row: dict[str, Any], other: dict[str, Any]) -> bool:
    if row["interval"] is None or other["interval"] is None:
        return bool(row["interval"] != other["interval"])
    low, high = row["interval"]
    lower, higher = other["interval"]
    ends = [(_number(h), _number(l)) for h, l in [*_entries(high, lower), *_entries(higher, low)]]
    # Rounding is that of the largest entry: beside it a zero may come out as anything of that size.
    values = [*row["interval"], *other["interval"], row["predicted"], other["predicted"]]
    rounding = _HALF_OF_FLOAT64 * max(
        (abs(x) for x in _flat(values) if isinstance(x, int | float)), default=0.0
    )
    return any(h < l - rounding for h, l in ends)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)  # infinities are strings in the ledger


def _entries(value: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of entries of two values; a pair of different things where their shapes
    differ.
    """
    left = _flat(value)
    right = _flat(other)
    yield from (
        zip(left, right, strict=True) if len(left) == len(right) else [(len(left), len(right))]
    )


def _flat(value: Any) -> list[Any]:
    return (
        [entry for part in value for entry in _flat(part)] if isinstance(value, list) else [value]
    )


def _shown(row: dict[str, Any]) -> str:
    return f"{brief(row['measured'], 8)} in {brief_interval(row['interval'], 8)}"
