"""What the falsifier found last, as a table: written by `python -m theory_on_trial.audits.falsify`, read by the ledger."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from theory_on_trial.audits.falsifier.search import ATTAINED, NOT_SEARCHED, Found

PATH = Path(__file__).parents[2] / "docs" / "trust" / "falsifier.json"
"""Beside the package in a checkout; an installed package comes without it."""
COLUMNS = ["claim", "inequality lhs <= rhs", "tightest lhs / rhs", "attained", "where", "instances"]
_NOTE = (
    "Every admissible domain is searched at random, corners included, then uphill from the tightest instances. "
    f"Attained: the ratio comes within {ATTAINED:g} of one (a supremum and a maximum look alike). A number "
    "below that is the largest ratio found, so that the true one is no smaller. Only printed forms may be VIOLATED."
)


def row_of(found: Found) -> list[Any]:
    """Return what a search found as a row of the table."""
    attained = "VIOLATED" if found.violated else "yes" if found.attained else "no"
    return [found.inequality.claim, found.inequality.statement, found.ratio, attained, found.where, found.instances]


def not_searched(claim: str) -> list[Any]:
    """Return the row of a claim that is not searched; its last column but one says why."""
    return [claim, "", None, "", f"not searched: {NOT_SEARCHED[claim]}", 0]


def read(path: Path = PATH) -> list[list[Any]]:
    """Return the rows of the table, none where there is no table."""
    return json.loads(path.read_text())["rows"] if path.exists() else []


def write(rows: list[list[Any]], path: Path = PATH) -> None:
    """Write the table, whole or not at all; raises SystemExit, with a sentence, where it cannot be written."""
    table = {
        "title": "How tight the bounds are",
        "command": "python -m theory_on_trial.audits.falsify",
        "columns": COLUMNS,
        "rows": rows,
        "note": _NOTE,
    }
    text = json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")  # of this process alone
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise SystemExit(
            f"what was found cannot be kept in {path} ({error.strerror}): what it holds already counts"
        ) from None


@cache
def tightest(claim: str) -> tuple[float, str] | None:
    """Return the largest recorded ratio of a claim and its instance, None if there is none."""
    found = [(row[2], row[4]) for row in read() if row[0] == claim and row[2] is not None]
    return max(found, default=None)
