"""The elements of a formula: a sign with its index and its power, and a run of them in TeX."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from theory_on_trial.formula.signs import COMMANDS, INFINITE, SORTS


@dataclass
class Element:
    """A sign with its index and its power.

    Attributes:
        sort: "atom" (what makes a formula), "number", "function", "relation", "operator", "open",
            "close", "bar", "dots", "comma", "space", "code" or "text".
        plain: how it is written among words.
        base: its TeX without index and power; "" for words.
    """

    sort: str
    plain: str
    base: str = ""
    index: str = ""
    power: str = ""

    @property
    def tex(self) -> str:
        """The whole in TeX."""
        index = f"_{{{self.index}}}" * bool(self.index)
        return f"{self.base}{index}{f'^{{{self.power}}}' * bool(self.power)}"

    def bear(self, mark: str, content: str, plain: str, more: bool = False) -> None:
        """Take an index ("_") or a power ("^"); a second one is set beside the first, unless it is
        `more` of the same.
        """
        field = "index" if mark == "_" else "power"
        primes = field == "power" and self.power.replace(r"\prime", "").strip() == ""
        if getattr(self, field) and not primes and not more:
            self.base = f"{{{self.tex}}}"
            self.index = ""
            self.power = ""
        setattr(self, field, " ".join(filter(None, [getattr(self, field), content or "{}"])))
        self.plain += plain
        # Brackets stay brackets, which belong to their partners.
        self.sort = self.sort if self.sort in ("open", "close", "bar") else "atom"

    def fact(self) -> None:
        """Take the sign of a factorial."""
        self.base = f"{self.tex}!"
        self.index = ""
        self.power = ""
        self.plain += "!"


def letters(name: str, accent: str = "") -> Element:
    """Return a variable, whose letters are Greek or one of the alphabet."""
    if name in INFINITE:
        return Element("atom", "∞", r"\infty")
    base = " ".join(COMMANDS.get(one, one) for one in name)
    return Element("atom", name, f"{accent}{{{base}}}" if accent else base)


def sign(one: str) -> Element:
    """Return a sign, or a character that is none, as an element."""
    plain = _PLAIN.get(one, one)
    if one.isspace():
        return Element("space", one)
    if one == ",":
        return Element("comma", one, ",")
    for sort, table in SORTS.items():
        if one in table:
            return Element(sort, plain, table[one])
    return Element("text", plain)


_PLAIN = {"<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "+-": "±", ">>": "≫", "<<": "≪"}


def joined(run: Sequence[Element]) -> str:
    """Return a run of elements as TeX; thin spaces keep a word from the letters beside it."""
    text = ""
    before = Element("open", "")
    for one in run:
        if one.sort == "space":
            continue
        tex = one.tex
        if before.base == r"\surd" and one.sort in ("atom", "number"):
            text = text.removesuffix(r"\surd")
            root = rf"\sqrt{{{one.base}{f'_{{{one.index}}}' * bool(one.index)}}}"
            tex = f"{root}{f'^{{{one.power}}}' * bool(one.power)}"
        tight = before.sort == "open" or one.sort in ("close", "comma") or tex[:1] in "_^"
        if tight and re.search(r"\\[A-Za-z]+$", text) and tex[:1].isalpha():
            tight = False  # a command ends where no letter follows
        after_name = before.base.startswith(r"\mathrm") and one.sort in _AFTER_NAMES
        before_name = one.base.startswith(r"\mathrm") and before.sort in ("atom", "number", "close")
        named = after_name or before_name
        text += ("" if tight else r"\, " if named else " ") + tex
        before = one
    return text.strip()


_AFTER_NAMES = ("atom", "number", "word", "function")


def power_of_ten(number: str) -> Element:
    """Return 2e-6 as a number and a power of ten."""
    factor, exponent = number.split("e")
    times = "" if factor == "1" else rf"{factor} \times "
    return Element("atom", number, f"{times}10", power=str(int(exponent)))


def fraction(one: str) -> Element:
    """Return a character such as ½ as a fraction."""
    above, _, below = unicodedata.normalize("NFKD", one).partition("\N{FRACTION SLASH}")
    return Element("number", one, rf"\frac{{{above}}}{{{below}}}")


def takes_accent(one: Element) -> bool:
    """Whether an accent after an element belongs to it: to a letter without index and power."""
    return one.sort == "atom" and len(one.plain) == 1 and not (one.index or one.power)
