"""Numbers and intervals in a few digits, as the ledger prints them."""

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


def attributed(authors: int, derived: int) -> str:
    """Return whose statements are, up to the last verb: "1 is the authors', 3"."""
    return f"{authors} {'is' if authors == 1 else 'are'} the authors', {derived}"


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
