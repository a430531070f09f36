"""The ledger on a terminal: a line for each claim as it is decided, a summary at the end, the whole
table if asked for.

Every line begins with "+" where a verdict is the expected one and with "!" where it is not.
"""

import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from theory_on_trial.ledger import Row, brief, brief_interval
from theory_on_trial.ledger.verdict import RAISED
from theory_on_trial.ledger.words import attributed

WIDTH = 120
"""The widest a line gets: longer ones are hard to read."""
_NARROW = 110  # below it the columns that a reader misses least are left out
_SHORT = {"INCONCLUSIVE": "INCONCL."}  # where a column is too narrow for the word


@dataclass(frozen=True)
class _Column:
    """What a column shows of a row, as text that fits into its width wherever fewer digits do."""

    head: str
    width: int
    narrow: int  # its width on a narrow terminal; 0 where it is left out there
    text: Callable[[Row, int], str]  # with how many digits
    digits: int = 5


_COLUMNS = (
    _Column("predicted", 9, 9, lambda row, digits: brief(row.predicted, digits)),
    _Column("measured", 9, 8, lambda row, digits: brief(row.measured, digits)),
    _Column("interval", 21, 0, lambda row, digits: brief_interval(row.interval, digits)),
    # The size alone; the row and the report say of what.
    _Column(
        "detects",
        9,
        7,
        lambda row, _: re.split(",| tighter| of its| in prob| error", row.detects)[0],
    ),
    _Column("P(error)", 8, 8, lambda row, digits: brief(row.error_probability, digits), 2),
    _Column("n", 7, 0, lambda row, digits: brief(row.samples, digits), 2),
    _Column("s", 5, 5, lambda row, _: f"{row.seconds:.1f}"),
)


def _columns(width: int) -> list[tuple[_Column, int]]:
    """The columns that a width has room for, each with its own."""
    rooms = [(column, column.narrow if width < _NARROW else column.width) for column in _COLUMNS]
    return [(column, room) for column, room in rooms if room]


def heading(width: int = WIDTH) -> str:
    """Return the heads of the columns of `line`."""
    return _joined(
        " ", "claim", "verdict", [column.head[:room] for column, room in _columns(width)], width
    )


def line(row: Row, width: int = WIDTH, name: str | None = None) -> str:
    """Return a row of the ledger as one line of at most `width` columns (80 at least), under its id
    or another name.
    """
    cells = [_fitted(column, row, room) for column, room in _columns(width)]
    return _joined(
        "+" if row.as_expected else "!", row.id if name is None else name, row.verdict, cells, width
    )


def _joined(mark: str, name: str, verdict: str, cells: Sequence[str], width: int) -> str:
    rooms = [room for _, room in _columns(width)]
    for_verdict = 12 if width >= _NARROW else 8
    room = width - sum(rooms) - len(rooms) - for_verdict - 3
    # Of an id that is too long the end says more than the beginning.
    name = name if len(name) <= room else f"…{name[len(name) - room + 1 :]}"
    verdict = verdict if len(verdict) <= for_verdict else _SHORT[verdict]
    text = " ".join(cell.rjust(space) for cell, space in zip(cells, rooms, strict=True))
    return f"{mark} {name.ljust(room)} {verdict.ljust(for_verdict)} {text}".rstrip()


def _fitted(column: _Column, row: Row, room: int) -> str:
    """The text of a cell with as many digits as fit; digits are dropped, an exponent never is."""
    texts = [column.text(row, digits) for digits in range(column.digits, 0, -1)]
    return next((text for text in texts if len(text) <= room), texts[-1][:room])


def table(rows: Sequence[Row], width: int = WIDTH) -> list[str]:
    """Return the ledger as lines of at most `width` columns, grouped by paper, then the sums of the
    error bounds.
    """
    lines = [heading(width)]
    for paper in dict.fromkeys(row.paper for row in rows):
        own = [row for row in rows if row.paper == paper]
        lines += [paper, *(line(row, width, row.id.removeprefix(f"{paper}.")) for row in own)]
    return [*lines, *totals(rows, width)]


def summary(rows: Sequence[Row], width: int = WIDTH) -> list[str]:
    """Return, in lines of `width`, how each paper did, what is false as published, and in full what
    was not expected.
    """
    papers = list(dict.fromkeys(row.paper for row in rows))
    room = min(max(len("paper"), *map(len, papers)), width - 52) if papers else 0
    lines = [
        f"  {'paper'.ljust(room)} {'hold':>5} {'false as published':>17} {'not as expected':>16}  "
        "slowest"
    ]
    for paper in papers:
        own = [row for row in rows if row.paper == paper]
        hold, false, failures = (len(_of(sort, own)) for sort in ("hold", "errata", "wrong"))
        slowest = max(own, key=lambda row: row.seconds)
        name = f"{slowest.seconds:.1f} s {slowest.id.removeprefix(f'{paper}.')}"
        start = (
            f"{'!' if failures else '+'} {paper[:room].ljust(room)} {hold:5} {false:17} "
            f"{failures:16}  "
        )
        lines.append(start + name[: max(width - len(start), 0)])
    errata = _of("errata", rows)
    wrong_rows = _of("wrong", rows)
    lines += ["false as published:"] * bool(errata)
    for row in errata:
        numbers = (
            f"printed {brief(row.predicted)}, measured {brief(row.measured)} in "
            f"{brief_interval(row.interval)}"
        )
        lines += _wrapped(
            f"{row.id.removesuffix('-as-published')}: {row.statement} ({row.source}) {numbers}",
            width,
        )
    lines += ["not as expected:"] * bool(wrong_rows)
    for row in wrong_rows:  # pytest says each in full
        said = f" is {row.verdict}, expected {row.expected}. {row.note}"
        if row.note.startswith(RAISED):  # which is no verdict
            said = f": {row.note}"
        lines += _wrapped(f"! {row.id}{said}", width)
    return [*lines, *totals(rows, width)]


def _of(sort: str, rows: Sequence[Row]) -> list[Row]:
    """The rows that hold ("hold"), are false as published ("errata") or are not as expected
    ("wrong").
    """
    verdict = {"hold": "VERIFIED", "errata": "REFUTED"}.get(sort)
    return [
        row for row in rows if (row.expected == verdict if row.as_expected else sort == "wrong")
    ]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text.strip(), width, initial_indent="  ", subsequent_indent="      ")


def totals(rows: Sequence[Row], width: int = WIDTH) -> list[str]:
    """Return the last lines: verdicts and controls as expected, what they notice, and the sums of
    the error bounds.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_certainty(row), []).append(row)
    parts = []
    for name, members in sorted(groups.items()):
        # A published form shares its claim's measurement, and so its chance of error.
        total = sum(
            row.error_probability or 0 for row in members if not row.id.endswith("-as-published")
        )
        bound = (
            ""
            if not total
            else f" (sum of error {'levels' if name == 'exact' else 'bounds'} {total:.1e})"
        )
        parts.append(f"{name}: {len(members)}{bound}")
    controls = [control for row in rows if row.expected == "VERIFIED" for control in row.controls]
    refutations = sum(control["verdict"] == "REFUTED" for control in controls)
    matches = sum(row.as_expected for row in rows)
    sentences = (
        f"{matches} of {len(rows)} verdicts as expected; {refutations} of {len(controls)} "
        "controls REFUTED",
        _noticing(rows),
        " · ".join(parts),
    )
    return [text for sentence in sentences for text in textwrap.wrap(sentence, width)]


def _certainty(row: Row) -> str:
    """The sort of a row's guarantee, as the sums of the error bounds tell them apart."""
    guarantee = row.guarantee or "none"
    if guarantee.startswith("exact") and not row.error_probability:
        return "exact"
    return (
        "Monte-Carlo"
        if guarantee.startswith("finite-n")
        else guarantee.split(",")[0].split(" (")[0]
    )


def _noticing(rows: Sequence[Row]) -> str:
    """How finely the statements that hold were tried, and whose they are."""
    holding = _of("hold", rows)
    sizes = [math.inf if row.resolution is None else row.resolution for row in holding]
    derived = sum(row.provenance == "derived" for row in holding)
    fine, medium = (sum(size <= most for size in sizes) for most in (0.01, 0.1))
    whose = f"{attributed(len(holding) - derived, derived)} derived here"
    return f"of {len(holding)} that hold {fine} detect an error of 1 %, {medium} of 10 %; {whose}"


def not_run_sentence(not_run: Sequence[dict[str, str]], tier: str) -> str:
    """Return how many claims were not run, and why."""
    words = {
        "tier": f"above tier {tier} (see --trial-tier)",
        "skipped": "skipped",
        "outside": "outside their domain",
        "the": "whose process died",
        "running": "running when the run ended",
    }
    reasons = Counter(
        words.get(re.split(r"\W", entry["reason"])[0], "that did not begin") for entry in not_run
    )
    return f"not run: {', '.join(f'{count} {reason}' for reason, count in reasons.items())}"
