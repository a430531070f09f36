"""What the falsifier found last, as a table: written by `theory-on-trial audit falsify`, read by the ledger."""

import inspect
from pathlib import Path
from typing import Any

from theory_on_trial.audits.falsifier.search import ATTAINED, NOT_SEARCHED, Found, Inequality
from theory_on_trial.repository import records

COLUMNS = ["claim", "inequality lhs <= rhs", "tightest lhs / rhs", "attained", "where", "instances"]
_NOTE = (
    "Every admissible domain is searched at random, corners included, then uphill from the tightest instances. "
    f"Attained: the ratio comes within {ATTAINED:g} of one (a supremum and a maximum look alike). A number "
    "below that is the largest ratio found, so that the true one is no smaller. Only printed forms may be VIOLATED."
)

Line = tuple[list[Any], dict[str, Any] | None]
"""A row of the table, and the source on which it was found (None: nothing was)."""


def row_of(found: Found) -> list[Any]:
    """Return what a search found as a row of the table."""
    attained = "VIOLATED" if found.violated else "yes" if found.attained else "no"
    return [found.inequality.claim, found.inequality.statement, found.ratio, attained, found.where, found.instances]


def not_searched(claim: str) -> list[Any]:
    """Return the row of a claim that is not searched; its last column but one says why."""
    return [claim, "", None, "", f"not searched: {NOT_SEARCHED[claim]}", 0]


def source_of(inequality: Inequality, folder: Path) -> dict[str, Any]:
    """Return what a search of an inequality in the repository `folder` rests on: the file that states it."""
    return records.source(folder, Path(inspect.getfile(inspect.unwrap(inequality.sides))))


def is_unexpected(row: list[Any]) -> bool:
    """Tell whether a printed form holds, or anything else is violated."""
    return bool((row[3] == "VIOLATED") != row[0].endswith("-as-printed"))


def read(folder: Path) -> dict[tuple[str, str], Line]:
    """Return the lines on record in a folder by claim and statement, none where there is no record."""
    table = records.read(folder / "falsifier.json") or {"rows": [], "sources": []}
    lines = zip(table["rows"], table["sources"], strict=True)
    return {(row[0], row[1]): (row, source) for row, source in lines}


def write(lines: list[Line], folder: Path) -> None:
    """Write the table, whole or not at all; raises SystemExit, with a sentence, where it cannot be written."""
    table = {
        "title": "How tight the bounds are",
        "command": "theory-on-trial audit falsify",
        "columns": COLUMNS,
        "rows": [row for row, _ in lines],
        "sources": [source for _, source in lines],
        "note": _NOTE,
    }
    records.write(folder / "falsifier.json", table)
