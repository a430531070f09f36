"""The ledger on a terminal: a line for each claim as soon as it is decided, a summary at the end,
and the whole table on request.

A line begins with "+" if the verdict is the expected one, and with "!" if it is not.
"""

import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from theory_on_trial.formula.marks import plain
from theory_on_trial.ledger import Row, brief, brief_interval
from theory_on_trial.ledger.verdict import RAISED
from theory_on_trial.ledger.words import chance, whose

WIDTH = 120
"""The longest line in columns; longer lines are hard to read. A width of None stands for a pipe or
a file: lines are made as for this one, and nothing is cut."""
_NARROW = 110  # narrower lines leave out the least important columns
_MANY = 12  # papers, or unexpected verdicts; of more than so many papers not all are shown
_NAMED = 5  # of the claims that something ended
_SHORT = {"INCONCLUSIVE": "INCONCL."}  # for a column that is too narrow for the word


@dataclass(frozen=True)
class _Column:
    """A column: its head, its widths, and the text that it shows of a row with so many digits."""

    head: str
    width: int
    narrow: int  # its width on a narrow terminal; 0 where it is left out there
    text: Callable[[Row, int], str]  # with how many digits
    digits: int = 5


_COLUMNS = (
    _Column("predicted", 9, 9, lambda row, digits: brief(row.predicted, digits)),
    _Column("measured", 9, 8, lambda row, digits: brief(row.measured, digits)),
    _Column("interval", 21, 0, lambda row, digits: brief_interval(row.interval, digits)),
    # The size alone; the row and the report name the quantity.
    _Column(
        "detects",
        9,
        7,
        lambda row, _: re.split(",| tight| of its| in prob| error", row.detects)[0],
    ),
    _Column(
        "P(error)",
        10,
        10,
        lambda row, digits: chance(row.error_probability, row.guarantee, digits),
        2,
    ),
    _Column("n", 7, 0, lambda row, digits: brief(row.samples, digits), 2),
    _Column("s", 5, 5, lambda row, _: f"{row.seconds:.1f}"),
)


def _columns(width: int | None) -> list[tuple[_Column, int]]:
    """The columns that fit into a line of this width, each with its own width."""
    widths = [
        (column, column.narrow if width is not None and width < _NARROW else column.width)
        for column in _COLUMNS
    ]
    return [(column, own) for column, own in widths if own]


def heading(width: int | None = WIDTH) -> str:
    """Return the heads of the columns of `line`."""
    return _joined(
        " ", "claim", "verdict", [column.head[:room] for column, room in _columns(width)], width
    )


def line(row: Row, width: int | None = WIDTH, name: str | None = None) -> str:
    """Return a row of the ledger as one line of at most `width` columns (80 at least; None cuts
    nothing), under its id or another name.
    """
    cells = [_fitted(column, row, room) for column, room in _columns(width)]
    return _joined(
        "+" if row.as_expected else "!", row.id if name is None else name, row.verdict, cells, width
    )


def _joined(mark: str, name: str, verdict: str, cells: Sequence[str], width: int | None) -> str:
    widths = [own for _, own in _columns(width)]
    whole = width or WIDTH
    for_verdict = 12 if whole >= _NARROW else 8
    room = whole - sum(widths) - len(widths) - for_verdict - 3
    # The end of a long id says more than its beginning.
    name = name if width is None or len(name) <= room else f"…{name[len(name) - room + 1 :]}"
    verdict = verdict if len(verdict) <= for_verdict else _SHORT[verdict]
    text = " ".join(cell.rjust(space) for cell, space in zip(cells, widths, strict=True))
    return f"{mark} {name.ljust(room)} {verdict.ljust(for_verdict)} {text}".rstrip()


def _fitted(column: _Column, row: Row, room: int) -> str:
    """The text of a cell with as many digits as fit; digits are dropped, an exponent never is."""
    texts = [column.text(row, digits) for digits in range(column.digits, 0, -1)]
    return next((text for text in texts if len(text) <= room), texts[-1][:room])


def table(rows: Sequence[Row], width: int | None = WIDTH) -> list[str]:
    """Return the ledger as lines of at most `width` columns, grouped by paper, and the totals."""
    lines = [heading(width)]
    for paper in dict.fromkeys(row.paper for row in rows):
        own = [row for row in rows if row.paper == paper]
        lines += [paper, *(line(row, width, row.id.removeprefix(f"{paper}.")) for row in own)]
    return [*lines, *totals(rows, width)]


def summary(rows: Sequence[Row], width: int | None = WIDTH) -> list[str]:
    """Return lines of at most `width` columns: the counts of each paper, split by whose statements
    they are ("of paper": seen or recalled); the statements that are refuted as published; every
    unexpected verdict in full; the totals.

    Of many papers, only those with an unexpected verdict, and of many such verdicts the first: all
    of it fits a screen.
    """
    every = list(dict.fromkeys(row.paper for row in rows))
    wrong = {row.paper for row in rows if not row.as_expected}
    are_many = len(every) > _MANY
    papers = [paper for paper in every if paper in wrong][:_MANY] if are_many else every
    room = max(len("paper"), *map(len, papers)) if papers else 0
    room = room if width is None else min(room, width - 58)
    lines = [f"{len(every) - len(wrong)} of {len(every)} papers as expected"] * are_many
    lines += [
        f"  {'paper'.ljust(room)} {'of paper':>8} {'tried':>5} {'derived':>7} {'other':>5} "
        f"{'refuted':>7} {'unexpected':>10}  slowest"
    ] * bool(papers)
    for paper in papers:
        own = [row for row in rows if row.paper == paper]
        holding, refuted, unexpected = (_of(sort, own) for sort in ("holding", "refuted", "wrong"))
        counts = Counter(row.provenance for row in holding)
        of_paper = counts["paper"] + counts["recalled"]
        other = counts["known"] + counts["code"] + counts[""]
        slowest = max(own, key=lambda row: row.seconds)
        name = f"{slowest.seconds:.1f} s {slowest.id.removeprefix(f'{paper}.')}"
        start = (
            f"{'!' if unexpected else '+'} {paper[:room].ljust(room)} {of_paper:8} "
            f"{counts['tried']:5} {counts['derived']:7} {other:5} {len(refuted):7} "
            f"{len(unexpected):10}  "
        )
        lines.append(start + (name if width is None else name[: max(width - len(start), 0)]))
    refuted = _of("refuted", rows)
    unexpected = _of("wrong", rows)
    shown = [] if are_many else refuted
    lines += ["refuted as published:"] * bool(shown)
    for row in shown:
        numbers = (
            f"published {brief(row.predicted)}, measured {brief(row.measured)} in "
            f"{brief_interval(row.interval)}"
        )
        reach = f"; reach: {row.reach}" * bool(row.reach)
        name = row.id.removesuffix("-as-published")
        about = plain(f"{row.statement} ({row.source}{reach})")
        lines += _wrapped(f"{name}: {about} {numbers}", width)
    lines += ["unexpected verdicts:"] * bool(unexpected)
    first = unexpected[:_MANY] if are_many else unexpected  # pytest prints each in full
    for row in first:
        said = f" is {row.verdict}, expected {row.expected}. {row.note}"
        if row.note.startswith(RAISED):  # which is no verdict
            said = f": {row.note}"
        lines += _wrapped(f"! {row.id}{said}", width)
    if len(unexpected) > len(first):
        lines.append(f"  and {len(unexpected) - len(first)} more")
    return [*lines, *totals(rows, width)]


def _of(sort: str, rows: Sequence[Row]) -> list[Row]:
    """The rows that are VERIFIED as expected ("holding"), REFUTED as expected ("refuted"), or
    unexpected ("wrong").
    """
    verdict = {"holding": "VERIFIED", "refuted": "REFUTED"}.get(sort)
    return [
        row for row in rows if (row.expected == verdict if row.as_expected else sort == "wrong")
    ]


def _wrapped(text: str, width: int | None) -> list[str]:
    return textwrap.wrap(
        text.strip(),
        width or WIDTH,
        initial_indent="  ",
        subsequent_indent="      ",
        break_on_hyphens=False,  # an id can be searched for and copied
        break_long_words=width is not None,
    )


def totals(rows: Sequence[Row], width: int | None = WIDTH) -> list[str]:
    """Return the `sentences` on a ledger in lines of at most `width` columns."""
    return [
        text for sentence in sentences(rows) for text in textwrap.wrap(sentence, width or WIDTH)
    ]


def sentences(rows: Sequence[Row]) -> list[str]:
    """Return the totals of a ledger, a sentence each: expected verdicts and refuted controls; whose
    the statements are; the minimum detectable errors; the sums of the error probabilities.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_certainty(row), []).append(row)
    parts = []
    for name, members in sorted(groups.items()):
        # A published form shares the measurement of its claim, and so its error probability.
        bounded = name != "asymptotic"
        total = sum(
            row.error_probability or 0
            for row in members
            if bounded and not row.id.endswith("-as-published")
        )
        parts.append(f"{len(members)} {name}{f' (sum of P(error) {total:.1e})' if total else ''}")
    controls = [control for row in rows if row.expected == "VERIFIED" for control in row.controls]
    refutations = sum(control["verdict"] == "REFUTED" for control in controls)
    matches = sum(row.as_expected for row in rows)
    return [
        f"{matches} of {len(rows)} verdicts as expected; {refutations} of {len(controls)} "
        "controls REFUTED",
        whose(rows),
        _detecting(rows),
        f"guarantees: {', '.join(parts)}",
    ]


def _certainty(row: Row) -> str:
    """The kind of a row's guarantee, by which the error probabilities are added up."""
    guarantee = row.guarantee or "none"
    if guarantee.startswith("exact") and not row.error_probability:
        return "exact"
    return (
        "finite-sample"
        if guarantee.startswith("finite-n")
        else guarantee.split(",")[0].split(" (")[0]
    )


def _detecting(rows: Sequence[Row]) -> str:
    """How many statements that hold would have been refuted by an error of 1 %, and of 10 %."""
    holding = _of("holding", rows)
    sizes = [math.inf if row.resolution is None else row.resolution for row in holding]
    fine, medium = (sum(size <= most for size in sizes) for most in (0.01, 0.1))
    return f"of {len(holding)} VERIFIED, {fine} detect an error of 1 %, {medium} of 10 %"


def not_run_sentence(not_run: Sequence[dict[str, str]], tier: str) -> str:
    """Return how many claims were not run, and why; those that something ended are named."""
    words = {
        "tier": f"above tier {tier} (see --trial-tier)",
        "skipped": "skipped",
        "outside": "outside their domain",
        "the": "whose process died",
        "running": "running when the run ended",
    }
    reasons: dict[str, list[str]] = {}
    for entry in not_run:
        word = re.split(r"\W", entry["reason"])[0]
        reasons.setdefault(word, []).append(entry["id"])
    parts = []
    for word, names in reasons.items():
        shown = ", ".join(names[:_NAMED]) + f" and {len(names) - _NAMED} more" * (
            len(names) > _NAMED
        )
        is_named = word in ("the", "running")
        parts.append(f"{len(names)} {words.get(word, 'not started')}{f' ({shown})' * is_named}")
    return f"not run: {', '.join(parts)}"
