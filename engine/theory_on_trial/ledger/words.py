"""Numbers and intervals in a few digits, as the ledger prints them."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

WHOSE: dict[str, str] = {
    "paper": "of the paper",
    "recalled": "recalled",
    "known": "known from elsewhere",
    "tried": "tried here",
    "code": "of released code",
    "derived": "derived here",
    "": "without a source",
}
"""How sums name the rows of each provenance, in the order in which they are printed; "" are rows of
plain tests.
"""


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


def chance(error: float | None, guarantee: str | None, digits: int = 5) -> str:
    """Return a bound on the chance that a verdict is wrong, or "asymptotic" where no number of
    samples makes it one.
    """
    return "asymptotic" if "asymptotic" in (guarantee or "") else brief(error, digits)


def whose(rows: Iterable[Any]) -> str:
    """Return how many rows of a ledger hold, split by whose statements they are, and how many are
    refuted as published; rows with an unexpected verdict do not count.
    """
    expected = [row for row in rows if row.as_expected]
    holding = [row for row in expected if row.verdict == "VERIFIED"]
    return (
        f"VERIFIED: {split(holding) or 'none'}; "
        f"REFUTED as published: {len(expected) - len(holding)}"
    )


def split(rows: Iterable[Any]) -> str:
    """Return how many rows have each provenance, such as "3 of the paper, 2 derived here"."""
    counts = Counter(row.provenance for row in rows)
    return ", ".join(f"{counts[name]} {words}" for name, words in WHOSE.items() if counts[name])


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
