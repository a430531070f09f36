"""What the falsifier's record adds to a row of the ledger: the largest ratio that its search has found.

The ledger itself holds what its own trial found, and reads no record.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

from theory_on_trial.ledger import Row, brief
from theory_on_trial.repository.records import read, stale


def beside_search(row: Row, folder: Path) -> Row:
    """Return the row of a bound with the largest lhs / rhs of its trial or of the search in a folder of records."""
    if row.kind != "bound" or row.id.endswith("-as-printed"):
        return row
    best = tightest(row.id, folder)
    if best is None or (row.tightness is not None and row.tightness >= best[0]):
        return row
    note = f"lhs / rhs up to {brief(best[0], 4)} by search, at {best[1]}"
    return replace(row, tightness=best[0], note="; ".join(filter(None, [row.note, note])))


def tightest(claim: str, folder: Path) -> tuple[float, str] | None:
    """Return the largest lhs / rhs that a search of the present source found for a claim, and its instance; or None."""
    return _searched(folder).get(claim)


@cache
def _searched(folder: Path) -> dict[str, tuple[float, str]]:
    table = read(folder / "falsifier.json") or {"columns": [], "rows": []}
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    fresh = [row for row, old in zip(rows, stale(table, folder.parent), strict=True) if not old]
    return {row["claim"]: (ratio, row["where"]) for row in fresh if (ratio := row["tightest lhs / rhs"]) is not None}
