"""The ledger as numbers to analyse: one line for each coordinate of each decision."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from theory_on_trial.formula.marks import plain
from theory_on_trial.ledger.rows import Row

_NUMBERS = ("predicted", "measured", "low", "high", "margin", "slack")
_OF_THE_ROW = (
    "kind",
    "tier",
    "provenance",
    "expected",
    "verdict",
    "error_probability",
    "samples",
)


def lines(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return one dictionary for each coordinate of each decision.

    Each has the claim's `id` and `paper`; the number of the `decision`, from 1 on, and its `case`;
    the `coordinate` as its index in brackets, "" of a number; `predicted`, `measured`, `low`,
    `high`, `margin` and `slack` in the units of the statement; `guarantee`, `resolution` and
    `tightness` of the decision; and what the row says of the claim as a whole, its `verdict`
    included. A number that is not known is None.
    """
    return [line for row in rows for line in _of_row(row)]


def _of_row(row: Row) -> Iterator[dict[str, Any]]:
    alone = {
        "case": ", ".join(f"{name}={value}" for name, value in row.settings[0].items())
        if len(row.settings) == 1
        else "",
        **{name: getattr(row, name) for name in ("predicted", "measured", "interval")},
        **{name: getattr(row, name) for name in ("margin", "slack", "note")},
        **{name: getattr(row, name) for name in ("guarantee", "resolution", "tightness")},
    }
    for number, part in enumerate(row.parts or [alone], 1):
        for place, numbers in _coordinates(part):
            yield {
                "id": row.id,
                "paper": row.paper,
                "decision": number,
                "case": part.get("case", ""),
                "coordinate": place,
                **numbers,
                **{name: part.get(name) for name in ("guarantee", "resolution", "tightness")},
                **{name: getattr(row, name) for name in _OF_THE_ROW},
                "source": plain(row.source),
                "statement": plain(row.statement),
            }


def _coordinates(part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the index of each coordinate with its numbers; margin and slack are broadcast."""
    low, high = part["interval"] or (None, None)
    columns = (part["predicted"], part["measured"], low, high, part["margin"], part["slack"])
    arrays = np.broadcast_arrays(*(np.asarray(column, object) for column in columns))
    shown = re.search(r"coordinate (\[[\d, ]+\]) of ", part["note"] or "")
    for index in np.ndindex(arrays[0].shape):
        place = f"[{', '.join(map(str, index))}]" if index else shown[1] if shown else ""
        yield place, {name: array[index] for name, array in zip(_NUMBERS, arrays, strict=True)}
