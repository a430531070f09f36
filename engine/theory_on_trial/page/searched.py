"""What the falsifier's record adds to a row of the ledger: the largest ratio that its search has
found.

The ledger itself holds what its own trial found, and reads no record.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

from theory_on_trial.ledger import Row, brief
from theory_on_trial.repository.records import read, stale


def beside_search(row: Row, folder: Path) -> Row:
    """Return the row of a bound with the largest lhs / rhs of its trial or of the search in a
    folder of records.
    """
    if row.kind != "bound" or row.id.endswith("-as-published"):
        return row
    best = tightest(row.id, folder)
    if best is None or (row.tightness is not None and row.tightness >= best[0]):
        return row
    note = f"lhs / rhs up to {brief(best[0], 4)} by search, at {best[1]}"
    return replace(row, tightness=best[0], note="; ".join(filter(None, [row.note, note])))


@cache
def tightest(claim: str, folder: Path) -> tuple[float, str] | None:
    """Return the largest lhs / rhs that a search of the present source found for a claim, and its
    instance; or None.
    """
    table = read(folder / "falsifier.json") or {"columns": [], "rows": []}
    for values, source in zip(
        table["rows"], table.get("sources", [None] * len(table["rows"])), strict=True
    ):
        row = dict(zip(table["columns"], values, strict=True))
        # Of this claim alone: to read the source of all takes seconds.
        if row["claim"] == claim and not any(
            stale({"rows": [values], "sources": [source]}, folder.parent)
        ):
            ratio = row["tightest lhs / rhs"]
            return None if ratio is None else (ratio, row["where"])
    return None
