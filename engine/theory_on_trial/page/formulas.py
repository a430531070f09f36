r"""Finds the formulas in a statement, as TeX: `λ_1 <= σ^2 of n points` holds `\lambda_{1} \leq
\sigma^{2}`.

Statements are written once, as plain text, in the convention of the claims' docstrings and the
figures' captions: Greek letters by their signs, `_` and `^` before a word, a number or a group in
(…) or {…}, `<=`, `->`, `sqrt(…)`, `w-bar`, `1e-6`, settings in backquotes. Formulas are set by
libraries: in HTML by latex2mathml (`typeset`), in LaTeX by LaTeX itself (`tex`), in Markdown by
whatever reads `$…$`.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma "
    "tau phi chi psi omega"
)
GREEK_NAMES = dict(zip("αβγδεζηθικλμνξπρστφχψω", _NAMES.split(), strict=True))
"""The names of the small Greek letters."""
_CAPITAL_NAMES = "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
_CAPITALS = dict(zip("ΓΔΘΛΞΠΣΦΨΩ", _CAPITAL_NAMES.split(), strict=True))
_GREEK = {one: f"\\{name}" for one, name in (GREEK_NAMES | _CAPITALS).items()} | {
    "ε": r"\varepsilon",
    "φ": r"\varphi",
    "ο": "o",
    "υ": r"\upsilon",
    "ς": r"\varsigma",
    "ϵ": r"\epsilon",
    "ϕ": r"\phi",
    "ϑ": r"\vartheta",
}
_RELATIONS = {
    "=": "=",
    "<": "<",
    ">": ">",
    "<=": r"\leq",
    ">=": r"\geq",
    "!=": r"\neq",
    "≤": r"\leq",
    "≥": r"\geq",
    "≠": r"\neq",
    "≈": r"\approx",
    "≡": r"\equiv",
    "~": r"\sim",
    "∼": r"\sim",
    ">>": r"\gg",
    "<<": r"\ll",
    "≫": r"\gg",
    "≪": r"\ll",
    "->": r"\to",
    "→": r"\to",
    "←": r"\leftarrow",
    "∝": r"\propto",
    "∈": r"\in",
    "⊂": r"\subset",
    "⊆": r"\subseteq",
    "⊥": r"\perp",
}
_OPERATORS = {
    "+": "+",
    "−": "-",
    "/": "/",
    "*": "*",
    "+-": r"\pm",
    "±": r"\pm",
    "×": r"\times",
    "·": r"\cdot",
    "∘": r"\circ",
    "⊗": r"\otimes",
    "⊙": r"\odot",
    "∩": r"\cap",
    "∪": r"\cup",
    "∧": r"\wedge",
    "∨": r"\vee",
}
_OPENING = {"(": "(", "[": "[", "{": r"\{", "⟨": r"\langle", "⌊": r"\lfloor", "⌈": r"\lceil"}
_CLOSING = {")": ")", "]": "]", "}": r"\}", "⟩": r"\rangle", "⌋": r"\rfloor", "⌉": r"\rceil"}
_BARS = {"|": r"\vert", "‖": r"\Vert"}
_ATOMS = {
    "∞": r"\infty",
    "∂": r"\partial",
    "∇": r"\nabla",
    "⊤": r"\top",
    "∫": r"\int",
    "∑": r"\sum",
    "∏": r"\prod",
    "√": r"\surd",
    "ℓ": r"\ell",
    "∀": r"\forall",
    "∃": r"\exists",
    "ℕ": r"\mathbf{N}",
    "ℤ": r"\mathbf{Z}",
    "ℝ": r"\mathbf{R}",
    "ℂ": r"\mathbf{C}",
    "ℙ": r"\mathbf{P}",
}
COMMANDS = _GREEK | _RELATIONS | _OPERATORS | _BARS | _ATOMS | _OPENING | _CLOSING
"""What sets each sign in a formula of TeX."""
ACCENTS = {
    "\N{COMBINING CIRCUMFLEX ACCENT}": r"\hat",
    "\N{COMBINING MACRON}": r"\bar",
    "\N{COMBINING OVERLINE}": r"\bar",
    "\N{COMBINING TILDE}": r"\tilde",
    "\N{COMBINING DOT ABOVE}": r"\dot",
}
"""What sets each accent over a letter."""
_FUNCTIONS = frozenset(
    ("cov", "det", "diag", "erf", "erfc", "exp", "inf", "ln", "log", "max", "min", "rank", "sup")
) | {"tr", *(a + f + h for a in ("", "a") for f in ("sin", "cos", "tan") for h in ("", "h"))}
_INFINITE = ("inf", "infinity")
_SMALL = "²³¹⁰⁴⁵⁶⁷⁸⁹ᵀ⁺⁻ⁿ₀₁₂₃₄₅₆₇₈₉₊₋½¼¾⅓⅔"  # as they are typed: they end a word or an index
_BEARING = "sum|max|min|sup|mean"  # words that bear an index

_TOKEN = re.compile(
    rf"""
      (?P<code>`[^`]*`)
    | (?P<path>(?<![\w/])(?:[\w.-]+/)*[\w-]+\.(?:py|ipynb|md|json|csv|np[yz])(?!\w))
    | (?P<name>(?<!\w)[A-Z]\d[A-Z](?!\w))
    | (?P<plural>(?<=[a-z]{{4}})\(e?s\)(?!\w))
    | (?P<hash>(?<!\w)(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{{7,40}}(?!\w))
    | (?P<power>(?:\d+(?:\.\d+)?|\.\d+)e[-+]?\d+\b)
    | (?P<bar>[^\W\d_][-_]?bar\b)
    | (?P<snake>(?!(?:{_BEARING})_)[A-Za-z]{{2,}}(?:_\w+)+|[a-z]_[a-z]{{4,}})
    | (?P<script>(?<=\S)(?:[_^](?=[({{])|_(?:[^\W_{_SMALL}]+|[*+])
        |\^(?:[-+−]?(?:\d+(?:\.\d+)?|[^\W\d_]+)|[+*½])))
    | (?P<root>(?:sqrt|√)(?=\())
    | (?P<radical>sqrt[ ](?=[^\W\d_]\b))
    | (?P<possessive>['’](?:(?:s|t|re|ll|ve|d|m)\b|[A-Z][a-z]{{2,}}))
    | (?P<word>[^\W\d_{_SMALL}]+)
    | (?P<number>\d+(?:,\d\d\d)*(?:\.\d+)?|(?<![\w.])\.\d+)
    | (?P<ellipsis>\.\.\.|…)
    | (?P<angle><(?=[^\s<>=,][^<>=,]*,[^<>=,]+>))
    | (?P<sign><=|>=|!=|->|\+-|>>|<<)
    | (?P<percent>(?<=\d)[ ]%)
    | (?P<times>(?<=\d)[ ]x[ ](?=\d))
    | (?P<dot>[ ][*.][ ](?=[\w(])|(?<=\w)\.(?=[^\W\d_](?:_|\b)(?!\.)))
    | (?P<prime>['′])
    | (?P<minus>-)
    | (?P<rest>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ACCENTED = re.compile(r"(?<![^\W_])[^\W\d_](?![^\W_])")
"""A letter that stands alone: with an accent it is a variable."""
Kind = Literal["text", "code", "formula"]


@lru_cache(maxsize=4096)
def parts(text: str) -> tuple[tuple[Kind, str], ...]:
    """Return a statement in its parts: words, the contents of backquotes, and formulas in TeX.

    A formula is a run of signs that holds a letter, an index or a root; a number, a sign or a
    bracket beside words stays among the words, with real signs for `<=`, `->` and hyphens. Whatever
    the text holds, the TeX is balanced, and no character of it acts as a command.
    """
    found: list[tuple[Kind, str]] = []
    for is_formula, run in _runs(_elements(_ACCENTED.sub(_taken_apart, text))):
        if is_formula:
            found.append(("formula", _joined(run)))
            continue
        for one in run:
            kind: Kind = "code" if one.sort == "code" else "text"
            if kind == "text" and found and found[-1][0] == "text":
                found[-1] = ("text", found[-1][1] + one.plain)
            else:
                found.append((kind, one.plain))
    return tuple(found)


def _taken_apart(letter: re.Match[str]) -> str:
    """Return a letter with an accent of variables as the letter and its accent."""
    apart = unicodedata.normalize("NFD", letter[0])
    return apart if apart[1:] in ACCENTS else letter[0]


@dataclass
class _Element:
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


def _elements(text: str) -> list[_Element]:
    found: list[_Element] = []
    position = 0
    angles = 0  # brackets of <x, y> that are open
    while token := _TOKEN.match(text, position):
        kind = str(token.lastgroup)
        word = token.group()
        start = position
        position = token.end()
        match kind:
            case "code":
                found.append(_Element("code", word[1:-1]))
            case "snake" | "path":
                found.append(_Element("code", word))
            case "hash" | "name" | "plural":  # the number of a commit; S4D; dimension(s)
                found.append(_Element("text", word))
            case "power":
                factor, exponent = word.split("e")
                times = "" if factor == "1" else rf"{factor} \times "
                found.append(_Element("atom", word, f"{times}10", power=str(int(exponent))))
            case "bar":
                found.append(_letters(re.sub("[-_]?bar$", "", word), r"\bar"))
            case "script":
                content = word[1:]
                if len(word) == 1:
                    content, position = _group(text, position)
                _bearer(found).bear(word[0], _whole(content), text[start:position])
            case "root":
                inside, position = _group(text, position)
                found.append(_Element("atom", text[start:position], rf"\sqrt{{{_whole(inside)}}}"))
            case "radical":
                found.append(_Element("atom", "√", r"\surd"))
            case "word" if word == "sum" and text[position : position + 1] == "_":
                found.append(_Element("atom", "∑", r"\sum"))
            case "word":
                found.append(_word(word, text, start))
            case "number":
                found.append(_Element("number", word, word.replace(",", "{,}")))
            case "ellipsis":
                found.append(_Element("dots", "…", r"\ldots"))
            case "angle":
                found.append(_Element("open", "<", r"\langle"))
                angles += 1
            case "rest" if word == ">" and angles:
                found.append(_Element("close", ">", r"\rangle"))
                angles -= 1
            case "sign":
                found.append(_sign(word))
            case "possessive":
                found.append(_Element("text", "’" + word[1:]))
            case "percent":
                found.append(_Element("text", "\N{NARROW NO-BREAK SPACE}%"))
            case "times":
                found.append(_Element("operator", " × ", r"\times"))
            case "dot":
                found.append(_Element("operator", " · " if len(word) > 1 else "·", r"\cdot"))
            case "prime" if found and _can_bear(found[-1]):
                found[-1].bear("^", r"\prime", "′")
            case "prime":
                found.append(_Element("text", "’"))
            case "rest" | "minus" if word in "*!+-" and _is_raised(found, text, start):
                found[-1].bear("^", word, word) if word != "!" else found[-1].fact()
            case "minus":
                found.append(_hyphen(text, start))
            case _:
                _add(found, word)
    return found


def _add(found: list[_Element], one: str) -> None:
    """Add a single character: an accent or a raised figure to what stands before it."""
    kind, _, _ = unicodedata.decomposition(one).partition(" ")
    mark = {"<super>": "^", "<sub>": "_"}.get(kind)
    if one in ACCENTS and found and _takes_accent(found[-1]):
        found[-1].base = f"{ACCENTS[one]}{{{found[-1].base}}}"
        found[-1].plain += one
        found[-1].sort = "atom"
    elif mark and (content := _whole(unicodedata.normalize("NFKD", one))):
        bearer = _bearer(found)
        after_another = unicodedata.decomposition(bearer.plain[-1:] or " ").startswith(kind)
        bearer.bear(mark, content, one, more=after_another)
    elif kind == "<fraction>":
        above, _, below = unicodedata.normalize("NFKD", one).partition("\N{FRACTION SLASH}")
        found.append(_Element("number", one, rf"\frac{{{above}}}{{{below}}}"))
    else:
        found.append(_sign(one))


def _sign(one: str) -> _Element:
    """Return a sign, or a character that is none, as an element."""
    plain = _PLAIN.get(one, one)
    if one.isspace():
        return _Element("space", one)
    if one == ",":
        return _Element("comma", one, ",")
    for sort, table in _SORTS.items():
        if one in table:
            return _Element(sort, plain, table[one])
    return _Element("text", plain)


_PLAIN = {"<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "+-": "±", ">>": "≫", "<<": "≪"}
_SORTS = {
    "relation": _RELATIONS,
    "operator": _OPERATORS,
    "open": _OPENING,
    "close": _CLOSING,
    "bar": _BARS,
    "atom": _ATOMS,
}


def _word(word: str, text: str, start: int) -> _Element:
    after = text[start + len(word) : start + len(word) + 1]
    if word in _FUNCTIONS and (word not in _INFINITE or after in ("_", "(")):
        return _Element("function", word, rf"\mathrm{{{word}}}")
    if word in "EPO" and len(word) == 1 and after in ("[", "("):
        return _Element("atom", word, rf"\mathrm{{{word}}}")
    if not _is_plain(word, text, start):
        return _letters(word)
    if after == "(" and word.isascii():
        return _Element("function", word, rf"\mathrm{{{word}}}")
    return _Element("text", word)


def _letters(name: str, accent: str = "") -> _Element:
    """Return a variable, whose letters are Greek or one of the alphabet."""
    if name in _INFINITE:
        return _Element("atom", "∞", r"\infty")
    base = " ".join(COMMANDS.get(one, one) for one in name)
    return _Element("atom", name, f"{accent}{{{base}}}" if accent else base)


def _hyphen(text: str, at: int) -> _Element:
    """Return a hyphen as what it is: a dash (0-1, pages 3-5), a minus sign, or a hyphen."""
    between = text[max(at - 1, 0) : at] + text[at + 1 : at + 2]
    if len(between) == 2 and between.isdigit():
        applied = re.search(r"[\w)^]\(\d+$", text[:at]) or re.match(r"\d+ ?/", text[at + 1 :])
        return _Element("operator", "−", "-") if applied else _Element("text", "–")
    return _Element("operator", "−", "-") if _is_minus(text, at) else _Element("text", "-")


def _can_bear(one: _Element) -> bool:
    return one.sort in ("atom", "number", "function", "close", "bar")


def _is_raised(found: Sequence[_Element], text: str, start: int) -> bool:
    """Whether a sign belongs to the one before it, as in n*, n! and f(x+)."""
    beside = bool(found) and found[-1].sort in ("atom", "number", "close")
    after = text[start + 1 : start + 2]
    if text[start] in "+-":
        return beside and after in (")", "_") and text[start - 1].isalpha()
    return beside and (after in _SMALL or not re.match(r"[\w(\[{.]", after))


def _takes_accent(one: _Element) -> bool:
    return one.sort == "atom" and len(one.plain) == 1 and not (one.index or one.power)


def _bearer(found: list[_Element]) -> _Element:
    """Return what an index or a power belongs to: the element before it, or nothing."""
    if found and _can_bear(found[-1]):
        return found[-1]
    if (
        found
        and found[-1].sort == "text"
        and found[-1].plain.isascii()
        and found[-1].plain.isalpha()
    ):
        found[-1].base = rf"\mathrm{{{found[-1].plain}}}"
        return found[-1]
    found.append(_Element("atom", "", "{}"))
    return found[-1]


def _whole(text: str) -> str:
    """Return all of an index, a power or a root as one formula: words stand upright in it."""
    elements = []
    for one in _elements(text):
        words = "" if one.base else " ".join(re.findall("[A-Za-z]+", one.plain))
        elements.append(_Element("word", words, rf"\mathrm{{{words}}}") if words else one)
    return _joined([one for one in elements if one.base])


def _joined(run: Sequence[_Element]) -> str:
    """Return a run of elements as TeX; thin spaces keep a word from the letters beside it."""
    text = ""
    before = _Element("open", "")
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


def _runs(elements: Sequence[_Element]) -> Iterator[tuple[bool, Sequence[_Element]]]:
    """Yield the runs of formulas and of words, each with whether it is a formula."""
    partners = _partners(elements)
    mathematical = _mathematical(elements, partners)
    set_as_formula = [False] * len(elements)
    for start, end in _stretches(mathematical):
        run = elements[start:end]
        if not mathematical[start]:
            continue
        if not any(one.sort == "atom" or one.index or one.power for one in run):
            continue
        first = start + next(n for n, one in enumerate(run) if one.sort != "space")
        last = end - next(n for n, one in enumerate(run[::-1]) if one.sort != "space")
        grown = _grown(elements, first, last, partners)
        if all(map(_may_be_set, elements[slice(*grown)])) and _words(elements, *grown) <= _MOST:
            first, last = grown
        set_as_formula[first:last] = [True] * (last - first)
    for start, end in _stretches(set_as_formula):  # only spaces stand between two formulas
        if (
            start > 0
            and end < len(elements)
            and all(one.sort == "space" for one in elements[start:end])
        ):
            set_as_formula[start:end] = [True] * (end - start)
    for start, end in _stretches(set_as_formula):
        run = elements[start:end]
        yield set_as_formula[start], [*map(_upright, run)] if set_as_formula[start] else run


def _stretches(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield start and end of all runs of one flag."""
    start = 0
    for _, same in itertools.groupby(flags):
        end = start + len(list(same))
        yield start, end
        start = end


def _partners(elements: Sequence[_Element]) -> dict[int, int]:
    """Return, for each bracket that has a partner, the place of its partner."""
    partners = {}
    opened: list[int] = []
    for at, one in enumerate(elements):
        if one.sort == "open":
            opened.append(at)
        elif one.sort == "close" and opened:
            partners[at] = opened.pop()
            partners[partners[at]] = at
    return partners


def _directly_inside(start: int, end: int, partners: dict[int, int]) -> Iterator[int]:
    """Yield the places between two brackets, without those inside of further brackets."""
    at = start + 1
    while at < end:
        yield at
        at = partners.get(at, at) + 1


def _grown(
    elements: Sequence[_Element], first: int, last: int, partners: dict[int, int]
) -> tuple[int, int]:
    """Return the ends of a formula with all that is written onto it without a space, brackets as a
    whole: `|gradient|^2` is one formula, and so is `I(parent; child)`.
    """
    while True:
        start = min([first, *(partners.get(at, at) for at in range(first, last))])
        end = max([last, *(partners.get(at, at) + 1 for at in range(first, last))])
        if start > 0 and _is_written_onto(elements[start - 1], elements[start], -1):
            start -= 1
        if end < len(elements) and _is_written_onto(elements[end], elements[end - 1], 0):
            end += 1
        if (start, end) == (first, last):
            return first, last
        first, last = start, end


def _is_written_onto(beside: _Element, outermost: _Element, end: Literal[0, -1]) -> bool:
    """Whether what stands beside the outermost sign of a formula belongs to it: a word, or a
    bracket of one; but not over a relation.
    """
    if outermost.sort == "relation":
        return False
    if beside.sort == "text":
        return beside.plain[end].isalnum()
    return beside.sort in ("atom", "number", "function", "bar", "close" if end else "open")


_MOST = 8
"""The words that a formula may hold; a bracket with more of them is prose."""
_PUNCTUATION = {";": ";", ":": ":", ".": ".", "–": "-", "’": r"{}^{\prime}"}
_WORD = re.compile("[A-Za-z]+")
_SHORT = frozenset(("an", "as", "at", "by", "if", "in", "is", "of", "on", "or", "sd", "to"))


def _words(elements: Sequence[_Element], first: int, last: int) -> int:
    return sum(bool(_WORD.fullmatch(one.plain)) for one in elements[first:last] if not one.base)


def _may_be_set(one: _Element) -> bool:
    """Whether an element can stand in a formula, a word upright."""
    known = one.plain in _PUNCTUATION or _WORD.fullmatch(one.plain)
    return bool(one.base or one.sort == "space" or known)


def _upright(one: _Element) -> _Element:
    """Return an element as it stands in a formula: a word upright, a dash as a minus sign."""
    if one.base or one.sort == "space":
        return one
    if one.plain in _PUNCTUATION:
        return _Element("comma", one.plain, _PUNCTUATION[one.plain])
    if len(one.plain) == 2 and one.plain not in _SHORT:
        return _letters(one.plain)  # a product, such as mn
    return _Element("word", one.plain, rf"\mathrm{{{one.plain}}}")


def _mathematical(elements: Sequence[_Element], partners: dict[int, int]) -> list[bool]:
    """Return for each element whether it may stand in a formula.

    Brackets may where all between them may; a comma between such brackets; a function before its
    argument; a space not between two numbers.
    """
    may = [one.sort not in ("text", "code", "comma") for one in elements]
    for at in reversed(range(len(elements))):
        if elements[at].sort == "function":
            beside = next(
                (n for n in range(at + 1, len(elements)) if elements[n].sort != "space"), at
            )
            may[at] = beside > at and elements[beside].sort in _ARGUMENTS and may[beside]
    for end, one in enumerate(elements):
        if one.sort == "open" and end not in partners:
            may[end] = False
        elif one.sort == "close":
            start = partners.get(end, end)
            inside = _directly_inside(start, end, partners)
            commas = [at for at in inside if elements[at].sort == "comma"]
            joined = start < end and all(
                may[at] for at in range(start + 1, end) if at not in commas
            )
            may[start] = joined
            # A power of a bracket around words is a formula by itself.
            may[end] = joined or bool(one.power or one.index)
            for comma in commas:
                may[comma] = joined
    for at, one in enumerate(elements[1:-1], 1):
        if one.sort == "space" and elements[at - 1].sort == elements[at + 1].sort == "number":
            may[at] = False
    return may


_ARGUMENTS = ("atom", "number", "function", "open", "bar")


def _is_plain(word: str, text: str, start: int) -> bool:
    """Whether a word is prose: the article, a letter that TeX has not in formulas, and anything
    longer than a letter, but for Greek ones.
    """
    if word in _INFINITE or word == "ℓ" or all(letter in _GREEK for letter in word):
        return False
    if len(word) <= 4 and any(letter in _GREEK for letter in word):
        return False  # a product, such as πt
    after = text[start + len(word) :]
    if len(word) == 1 and after.startswith(")") and text[max(start - 2, 0) : start] in ("(", " ("):
        return True  # a panel of a figure
    if word == "a":
        return bool(re.match(r" [^\W\d_](?:[^\W\d_]|-[^\W\d_]{2})", after))
    if word == "A":
        named = (
            text[:start].endswith("Appendix ")
            or start == 0
            or text[:start].rstrip(" (")[-1:] in ".:;"
        )
        return named and bool(re.match(r"[\s.,;:)]|$", after))
    return len(word) > 1 or not word.isascii()


def _is_minus(text: str, at: int) -> bool:
    """Whether a hyphen is a minus sign: between spaces, before a term, or between single letters
    and numbers.
    """
    left = text[:at]
    right = text[at + 1 :]
    if not left or left[-1] in " ([{,=<>±^|/":
        return bool(re.match(r"[\s\w.(|‖√∞∂]", right))
    return bool(
        re.search(r"(?:(?<![^\W\d_])\w|\d|[)}\]])$", left)
        and re.match(rf"\d|[^\W\d_](?![^\W\d_{_SMALL}])|\(", right)
    )


def _group(text: str, start: int) -> tuple[str, int]:
    """Return what stands between the bracket at `start` and its partner (or the end), and where to
    go on.
    """
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "({[") - (text[at] in ")}]")
        if depth == 0:
            return text[start + 1 : at], at + 1
    return text[start + 1 :], len(text)
