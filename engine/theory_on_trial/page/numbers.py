r"""Compares numbers that a document prints with the rows of a ledger.

A marker ties a number to a row. In Markdown it is a comment, which no reader sees:

    on average <!-- trial: uniform.maximum measured -->0.667<!-- /trial -->

In TeX it is a macro, defined once by `\newcommand{\trial}[3]{#3}`:

    on average \trial{uniform.maximum}{measured}{0.667}

Nothing here writes to the document.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

_MARKDOWN = re.compile(
    r"<!--\s*trial:\s*(?P<claim>\S+)\s+(?P<field>\S+)\s*-->(?P<text>.*?)<!--\s*/trial\s*-->", re.S
)
_TEX = re.compile(
    r"\\trial\s*\{(?P<claim>[^{}]*)\}\s*\{(?P<field>[^{}]*)\}"
    r"\s*\{(?P<text>(?:[^{}]|\{[^{}]*\})*)\}"
)
_BEGUN = {False: re.compile(r"<!--\s*trial:"), True: re.compile(r"\\trial\s*\{(?=[^{}])")}
_NUMBER = re.compile(
    r"(?P<digits>[+-]?\d*\.?\d+)(?:e(?P<exponent>[+-]?\d+))?(?P<percent>%)?", re.ASCII
)
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)


@dataclass(frozen=True)
class Marked:
    """A number that a document prints, and where.

    Attributes:
        file: the document.
        line: the line of the marker, from 1.
        claim: the id of the row.
        field: a field of the row, such as `measured`, or an entry of it, such as `interval[0]`.
        text: what the document prints.
    """

    file: Path
    line: int
    claim: str
    field: str
    text: str

    def difference(self, rows: Mapping[str, Mapping[str, Any]]) -> str | None:
        """Return a sentence if the text differs from the row, and None otherwise.

        A number agrees if it is the value of the row, rounded to the digits that are printed. A
        word, such as a verdict, must be equal.

        Args:
            rows: the rows of a ledger by their ids.
        """
        place = f'{self.file}:{self.line}: "{self.text}"'
        if self.claim not in rows:
            return f"{place} is tied to {self.claim}, and the ledger has no such row"
        try:
            value = _entry(rows[self.claim], self.field)
        except (KeyError, IndexError, TypeError):
            known = ", ".join(rows[self.claim])
            return f"{place}: {self.claim} has no {self.field}; its fields are {known}"
        if not _agrees(self.text, value):
            return f"{place}, but {self.field} of {self.claim} is {value} in the ledger"
        return None


def marked(file: Path) -> list[Marked]:
    """Return the marked numbers of a document, in order.

    A file that ends in `.tex` is read as TeX, and any other as Markdown. Comments of TeX and
    fenced code of Markdown are left out.

    Raises:
        ValueError: the file cannot be read, has no marker, or has a marker that is not complete.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} must be a text file that can be read ({error})") from None
    is_tex = file.suffix == ".tex"
    hidden = re.compile(r"(?<!\\)%.*") if is_tex else _FENCED
    text = hidden.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    found = list((_TEX if is_tex else _MARKDOWN).finditer(text))
    starts = {match.start() for match in found}
    for begun in _BEGUN[is_tex].finditer(text):
        if begun.start() not in starts:
            form = r"\trial{CLAIM}{FIELD}{NUMBER}"
            if not is_tex:
                form = "<!-- trial: CLAIM FIELD -->NUMBER<!-- /trial -->"
            line = _line(text, begun.start())
            raise ValueError(f"{file}:{line}: a marker must be complete, {form}")
    if not found:
        raise ValueError(f"{file} has no marked number, so there is nothing to compare")
    return [
        Marked(
            file,
            _line(text, match.start()),
            match["claim"].strip().replace(r"\_", "_"),
            match["field"].strip().replace(r"\_", "_"),
            " ".join(match["text"].split()),
        )
        for match in found
    ]


def differences(numbers: Sequence[Marked], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each marked number that differs from the rows of a ledger."""
    by_id = {row["id"]: row for row in rows}
    for number in numbers:
        sentence = number.difference(by_id)
        if sentence is not None:
            yield sentence


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _entry(row: Mapping[str, Any], field: str) -> Any:
    """Return a field of a row, or with `[i]` an entry of it; raise KeyError, IndexError or
    TypeError if there is none.
    """
    name, *indices = re.split(r"[][]+", field.removesuffix("]"))
    value = row[name]
    for index in indices:
        if not index.isdigit():
            raise KeyError(field)
        value = value[int(index)]
    return value


def _agrees(text: str, value: Any) -> bool:
    number = _NUMBER.fullmatch(_plain(text))
    if isinstance(value, bool) or not isinstance(value, int | float) or number is None:
        return text == str(value)
    printed = Decimal(number["digits"]).scaleb(int(number["exponent"] or 0))
    if number["percent"]:
        printed = printed.scaleb(-2)
    _, _, exponent = printed.as_tuple()
    if not isinstance(exponent, int):
        return False
    # The value was rounded to a double before: a tie may have gone either way.
    half = Decimal(5).scaleb(exponent - 1) * (1 + Decimal("1e-12"))
    return abs(Decimal(value) - printed) <= half


def _plain(text: str) -> str:
    """Return a printed number as Python writes it: without signs of TeX and commas of
    thousands.
    """
    text = re.sub(r"[\s$]|\\[,;!]|~|\{,\}", "", text).replace("−", "-").replace(r"\%", "%")
    text = re.sub(r"(?:\\cdot|\\times|·|×)10\^\{?([+-]?\d+)\}?", r"e\1", text)
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
