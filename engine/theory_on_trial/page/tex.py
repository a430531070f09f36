"""Text and statements as LaTeX that compiles whatever they hold, without further packages."""

import re
import unicodedata
from itertools import pairwise

from theory_on_trial.formula.marks import parts
from theory_on_trial.formula.signs import ACCENTS, COMMANDS

_SPECIAL = {one: f"\\{one}" for one in "{}$&#%_"} | {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "|": r"\textbar{}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
    "′": "$'$",
    "°": r"$^\circ$",
    "⊠": r"{\fboxsep1pt\fbox{$\times$}}",
}


def latex(text: str) -> str:
    """Return text as LaTeX that prints it unchanged, in one line; a character that no usual font
    has is printed as its number.
    """
    plain = unicodedata.normalize("NFC", re.sub(r"[ \t\r\n\f\v]+", " ", text))
    return "".join(
        _accented(one, accent) if accent in ACCENTS else _set(one) if one not in ACCENTS else ""
        for one, accent in pairwise(f"{plain} ")
    )


def statement(text: str) -> str:
    """Return a statement as LaTeX, its formulas in mathematics mode."""
    set_as = {"formula": "${}$", "code": r"\texttt{{{}}}", "text": "{}"}
    return "".join(
        set_as[kind].format(content if kind == "formula" else latex(content))
        for kind, content in parts(" ".join(text.split()))
    )


def _accented(one: str, accent: str) -> str:
    known = one in COMMANDS or (one.isascii() and one.isalpha())
    return f"${ACCENTS[accent]}{{{COMMANDS.get(one, one)}}}$" if known else _set(one)


def _set(one: str) -> str:
    if one in _SPECIAL:
        return _SPECIAL[one]
    if one.isascii():
        return one if one.isprintable() else " "
    if one in COMMANDS:
        return f"${COMMANDS[one]}$"
    kind, _, _ = unicodedata.decomposition(one).partition(" ")
    base = unicodedata.normalize("NFKD", one)
    if kind in ("<super>", "<sub>"):
        return f"\\text{kind[1:-1]}script{{{latex(base)}}}"
    if kind == "<fraction>":
        above, _, below = base.partition("\N{FRACTION SLASH}")
        return f"$\\frac{{{latex(above)}}}{{{latex(below)}}}$"
    if base[0].isascii() and base[0].isalpha() and ord(one) < 0x180:
        return one  # an accented letter, which inputenc knows
    return f"[U+{ord(one):04X}]"
