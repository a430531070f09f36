"""Numbers and intervals in a few digits, as the ledger prints them."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any


def brief(value: Any, digits: int = 5) -> str:
    """Return a number with a few digits, the first entries of a list, or the string itself."""
    if value is None or value == []:
        return "–"
    if isinstance(value, list):
        first = brief(value[0], digits)
        return f"{first.removesuffix('…')}…" if len(value) > 1 else first
    if isinstance(value, str):
        return value
    if isinstance(value, int) and abs(value) < 100_000:
        return str(value)
    return f"{value:.{digits}g}".replace("e-0", "e-").replace("e+0", "e+")


def whose(rows: Iterable[Any]) -> str:
    """Return how many rows of a ledger hold and how many are refuted as published, split by whose
    statements they are; rows with an unexpected verdict do not count.
    """
    expected = [row for row in rows if row.as_expected]
    counts = Counter(row.provenance for row in expected if row.verdict == "VERIFIED")
    authors = sum(counts[name] for name in ("paper", "abstract", "code"))
    unsourced = f", {counts['']} without a source" * bool(counts[""])
    return (
        f"VERIFIED: {authors} of the authors, {counts['derived']} derived here{unsourced}; "
        f"REFUTED as published: {len(expected) - counts.total()}"
    )


def proved_for(note: str) -> str:
    """Return "proved for all …", the domain of a proof that a note tells, or "" of another note."""
    found = re.search(r"\bproved for all [^:;]*", note)
    return found[0] if found else ""


def brief_interval(interval: Any, digits: int = 5) -> str:
    """Return `[low, high]`, or `± half` where the ends agree in four digits; of a vector the first
    coordinate.
    """
    if interval is None:
        return "–"
    low, high = interval
    while isinstance(low, list):  # of a matrix too
        low = low[0]
        high = high[0]
    if isinstance(low, str) or isinstance(high, str):
        return f"[{brief(low, digits)}, {brief(high, digits)}]"
    if high - low < 1e-4 * max(abs(low), abs(high)):
        return f"± {brief((high - low) / 2, 2)}"
    return f"[{brief(low, digits)}, {brief(high, digits)}]"
