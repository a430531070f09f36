r"""The marks of a text: `the mean of $x_i$ is $μ$` holds two formulas.

A formula stands between two dollars. What stands between backquotes is code, in which a dollar is a
dollar; `\$` is one in prose.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from theory_on_trial.formula.plain_tex import Unreadable
from theory_on_trial.formula.reader import tex

Kind = Literal["text", "code", "formula"]
_PIECE = re.compile(
    r"(?P<code>`[^`]*`)|(?P<dollar>\\\$)|\$(?P<formula>(?:[^$\\`]|\\[^$`])*)\$"
    r"|(?P<open>\$)|(?P<text>[^$`\\]+|.)",
    re.DOTALL,
)
_TYPED = (
    (re.compile(r"(?<![\w.,)])'(?=\w)"), "‘"),
    (re.compile("'"), "’"),
    (re.compile(r"(?<=\d) %"), "\N{NARROW NO-BREAK SPACE}%"),
    (re.compile(r"(?<=\d)-(?=\d)"), "–"),
    (re.compile(r"(?<=\d) x (?=\d)"), " × "),
    (re.compile(r"(?<![\w)\]–-])-(?=\.?\d)"), "−"),
    (re.compile(r"->"), "→"),
    (re.compile(r"\.\.\."), "…"),
)
"""What prose has on a typewriter, and in print."""


def is_marked(text: str) -> bool:
    """Whether a text marks a formula."""
    return "$" in text and any(kind == "formula" for kind, _ in _pieces(text))


@lru_cache(maxsize=4096)
def parts(text: str) -> tuple[tuple[Kind, str], ...]:
    """Return a text in its parts: prose, the contents of backquotes, and formulas in TeX.

    What is not marked is prose. A formula that cannot be read is shown as it is typed.
    """
    found: list[tuple[Kind, str]] = []
    for sort, content in _pieces(text):
        kind, made = _made(sort, content)
        if found and found[-1][0] == kind != "code":
            between = " " * (kind == "formula")
            found[-1] = (kind, f"{found[-1][1]}{between}{made}")
        else:
            found.append((kind, made))
    return tuple((kind, _printed(made) if kind == "text" else made) for kind, made in found)


def plain(text: str) -> str:
    """Return a text without its marks, for a terminal or a table."""
    if "$" not in text:
        return text
    return "".join(f"`{part}`" if sort == "code" else part for sort, part in _pieces(text))


def fault(text: str) -> str:
    """Return a sentence on the first mark that does not close or formula that cannot be read; "" if
    there is none.
    """
    if "$" not in text:
        return ""
    for found in _PIECE.finditer(text):
        if found.lastgroup == "open":
            near = text[found.start() : found.start() + 25]
            return f"the mark of a formula in “{near}” does not close; a dollar is written \\$"
        if found.lastgroup == "formula":
            try:
                tex(found["formula"])
            except Unreadable as error:
                return f"the formula {found[0]} {error}"
    return ""


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a text, "formula", "code" or "text", each as it is typed between its
    marks.
    """
    for found in _PIECE.finditer(text):
        sort = str(found.lastgroup)
        if sort == "code":
            yield sort, found[0][1:-1]
        elif sort == "formula":
            yield sort, found["formula"]
        else:
            yield "text", "$" if sort == "dollar" else found[0]


def _made(sort: str, content: str) -> tuple[Kind, str]:
    if sort == "formula":
        try:
            return "formula", tex(content)
        except Unreadable:
            return "text", f"${content}$"
    return ("code" if sort == "code" else "text"), content


def _printed(prose: str) -> str:
    for typed, printed in _TYPED:
        prose = typed.sub(printed, prose)
    return prose
