"""Measured tables of a repository, in its folder `records`: written by the audits, read by the ledger and the report.

A table is a JSON object with `title`, `columns`, `rows` and perhaps `command`, `note`, `commit`; a file may hold a
list of such, or something else for another purpose.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any


def tables(folder: Path) -> list[dict[str, Any]]:
    """Return the tables in a folder's JSON files, in the order of their names; none where there is no such folder."""
    held = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    entries = [entry for content in held for entry in (content if isinstance(content, list) else [content])]
    return [entry for entry in entries if isinstance(entry, dict) and {"title", "columns", "rows"} <= set(entry)]


def read(path: Path) -> dict[str, Any]:
    """Return the table in a file, an empty one where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, table: Any) -> None:
    """Write a table, whole or not at all; raises SystemExit, with a sentence, where it cannot be written."""
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
def tightest(claim: str, folder: Path) -> tuple[float, str] | None:
    """Return the largest lhs / rhs that a search has found for a claim, and its instance; None if there is none."""
    rows = read(folder / "falsifier.json").get("rows", [])
    found = [(row[2], row[4]) for row in rows if row[0] == claim and row[2] is not None]
    return max(found, default=None)
