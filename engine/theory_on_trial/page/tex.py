"""Text and statements as LaTeX that compiles whatever they hold, without further packages."""

import re
import unicodedata
from html.parser import HTMLParser
from itertools import pairwise

from theory_on_trial.page.typeset import GREEK_NAMES, typeset

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
    "⊠": r"{\fboxsep1pt\fbox{$\times$}}",
}
_SIGNS = {
    "−": "-",
    "≤": r"\leq",
    "≥": r"\geq",
    "≠": r"\neq",
    "≈": r"\approx",
    "≡": r"\equiv",
    "∼": r"\sim",
    "≫": r"\gg",
    "≪": r"\ll",
    "→": r"\to",
    "←": r"\leftarrow",
    "±": r"\pm",
    "×": r"\times",
    "·": r"\cdot",
    "∘": r"\circ",
    "⊗": r"\otimes",
    "⊙": r"\odot",
    "⊥": r"\perp",
    "∞": r"\infty",
    "∝": r"\propto",
    "∂": r"\partial",
    "∇": r"\nabla",
    "∫": r"\int",
    "∑": r"\sum",
    "∏": r"\prod",
    "∈": r"\in",
    "∩": r"\cap",
    "∪": r"\cup",
    "√": r"\surd",
    "‖": r"\|",
    "ℓ": r"\ell",
    "′": "'",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "∧": r"\wedge",
    "∨": r"\vee",
    "⊂": r"\subset",
    "⊆": r"\subseteq",
    "∀": r"\forall",
    "∃": r"\exists",
    "°": r"^\circ",
    "⌊": r"\lfloor",
    "⌋": r"\rfloor",
    "⌈": r"\lceil",
    "⌉": r"\rceil",
    "ℕ": r"\mathbf{N}",
    "ℤ": r"\mathbf{Z}",
    "ℝ": r"\mathbf{R}",
    "ℂ": r"\mathbf{C}",
    "ℙ": r"\mathbf{P}",
}
_CAPITAL_NAMES = ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega")
_CAPITALS = dict(zip("ΓΔΘΛΞΠΣΦΨΩ", _CAPITAL_NAMES, strict=True))
_GREEK = {one: f"\\{name}" for one, name in (GREEK_NAMES | _CAPITALS).items()} | {"ο": "o"}
_ACCENTS = {
    "\N{COMBINING CIRCUMFLEX ACCENT}": r"\hat",
    "\N{COMBINING MACRON}": r"\bar",
    "\N{COMBINING OVERLINE}": r"\bar",
    "\N{COMBINING TILDE}": r"\tilde",
    "\N{COMBINING DOT ABOVE}": r"\dot",
}
_OPENING = {
    "i": r"\textit{",
    "sub": r"\textsubscript{",
    "sup": r"\textsuperscript{",
    "code": r"\texttt{",
    "span": r"$\sqrt{\mbox{",
}


def latex(text: str) -> str:
    """Return text as LaTeX that prints it unchanged, in one line; a character that no usual font
    has is printed as its number.
    """
    plain = unicodedata.normalize("NFC", re.sub(r"[ \t\r\n\f\v]+", " ", text))
    return "".join(
        _accented(one, accent) if accent in _ACCENTS else _set(one) if one not in _ACCENTS else ""
        for one, accent in pairwise(f"{plain} ")
    )


def statement(text: str) -> str:
    """Return a statement as LaTeX, with indices, powers and roots by the rules of `typeset`."""
    html = str(typeset(" ".join(text.split())))
    reader = _Statement()
    reader.feed(re.sub(f"</i>([{''.join(_ACCENTS)}])", r"\1</i>", html))  # an accent of the letter
    reader.close()
    return "".join(reader.pieces)


class _Statement(HTMLParser):
    """What `typeset` makes, as LaTeX: its elements and nothing else have a meaning."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element; a root has its own sign."""
        if tag == "span" and self.pieces and self.pieces[-1].endswith(_set("√")):
            self.pieces[-1] = self.pieces[-1].removesuffix(_set("√"))
        self.pieces.append(_OPENING[tag])

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        self.pieces.append("}}$" if tag == "span" else "}")

    def handle_data(self, data: str) -> None:
        """Set the text."""
        self.pieces.append(latex(data))


def _accented(one: str, accent: str) -> str:
    base = _GREEK.get(one, one)
    known = one in _GREEK or (one.isascii() and one.isalpha())
    return f"${_ACCENTS[accent]}{{{base}}}$" if known else _set(one)


def _set(one: str) -> str:
    if one in _SPECIAL:
        return _SPECIAL[one]
    if one in _SIGNS or one in _GREEK:
        return f"${(_SIGNS | _GREEK)[one]}$"
    if one.isascii():
        return one if one.isprintable() else " "
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
