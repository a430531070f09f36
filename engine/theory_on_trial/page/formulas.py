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
from functools import lru_cache
from typing import Literal

from theory_on_trial.formula import marks
from theory_on_trial.formula.elements import (
    Element,
    fraction,
    joined,
    letters,
    power_of_ten,
    sign,
    takes_accent,
)
from theory_on_trial.formula.signs import ACCENTS, FUNCTIONS, GREEK, INFINITE, SMALL

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
    | (?P<script>(?<=\S)(?:[_^](?=[({{])|_(?:[^\W_{SMALL}]+|[*+])
        |\^(?:[-+−]?(?:\d+(?:\.\d+)?|[^\W\d_]+)|[+*½])))
    | (?P<root>(?:sqrt|√)(?=\())
    | (?P<radical>sqrt[ ](?=[^\W\d_]\b))
    | (?P<possessive>['’](?:(?:s|t|re|ll|ve|d|m)\b|[A-Z][a-z]{{2,}}))
    | (?P<word>[^\W\d_{SMALL}]+)
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


@lru_cache(maxsize=4096)
def parts(text: str) -> tuple[tuple[marks.Kind, str], ...]:
    """Return a statement in its parts: words, the contents of backquotes, and formulas in TeX.

    A formula is a run of signs that holds a letter, an index or a root; a number, a sign or a
    bracket beside words stays among the words, with real signs for `<=`, `->` and hyphens. Whatever
    the text holds, the TeX is balanced, and no character of it acts as a command.

    A text that marks a formula holds those formulas, and no other.
    """
    if marks.is_marked(text):
        return marks.parts(text)
    found: list[tuple[marks.Kind, str]] = []
    text = text.replace(r"\$", "$")
    for is_formula, run in _runs(_elements(_ACCENTED.sub(_taken_apart, text))):
        if is_formula:
            found.append(("formula", joined(run)))
            continue
        for one in run:
            kind: marks.Kind = "code" if one.sort == "code" else "text"
            if kind == "text" and found and found[-1][0] == "text":
                found[-1] = ("text", found[-1][1] + one.plain)
            else:
                found.append((kind, one.plain))
    return tuple(found)


def _taken_apart(letter: re.Match[str]) -> str:
    """Return a letter with an accent of variables as the letter and its accent."""
    apart = unicodedata.normalize("NFD", letter[0])
    return apart if apart[1:] in ACCENTS else letter[0]


def _elements(text: str) -> list[Element]:
    found: list[Element] = []
    position = 0
    angles = 0  # brackets of <x, y> that are open
    while token := _TOKEN.match(text, position):
        kind = str(token.lastgroup)
        word = token.group()
        start = position
        position = token.end()
        match kind:
            case "code":
                found.append(Element("code", word[1:-1]))
            case "snake" | "path":
                found.append(Element("code", word))
            case "hash" | "name" | "plural":  # the number of a commit; S4D; dimension(s)
                found.append(Element("text", word))
            case "power":
                found.append(power_of_ten(word))
            case "bar":
                found.append(letters(re.sub("[-_]?bar$", "", word), r"\bar"))
            case "script":
                content = word[1:]
                if len(word) == 1:
                    content, position = _group(text, position)
                _bearer(found).bear(word[0], _whole(content), text[start:position])
            case "root":
                inside, position = _group(text, position)
                found.append(Element("atom", text[start:position], rf"\sqrt{{{_whole(inside)}}}"))
            case "radical":
                found.append(Element("atom", "√", r"\surd"))
            case "word" if word == "sum" and text[position : position + 1] == "_":
                found.append(Element("atom", "∑", r"\sum"))
            case "word":
                found.append(_word(word, text, start))
            case "number":
                found.append(Element("number", word, word.replace(",", "{,}")))
            case "ellipsis":
                found.append(Element("dots", "…", r"\ldots"))
            case "angle":
                found.append(Element("open", "<", r"\langle"))
                angles += 1
            case "rest" if word == ">" and angles:
                found.append(Element("close", ">", r"\rangle"))
                angles -= 1
            case "sign":
                found.append(sign(word))
            case "possessive":
                found.append(Element("text", "’" + word[1:]))
            case "percent":
                found.append(Element("text", "\N{NARROW NO-BREAK SPACE}%"))
            case "times":
                found.append(Element("operator", " × ", r"\times"))
            case "dot":
                found.append(Element("operator", " · " if len(word) > 1 else "·", r"\cdot"))
            case "prime" if found and _can_bear(found[-1]):
                found[-1].bear("^", r"\prime", "′")
            case "prime":
                found.append(Element("text", "’"))
            case "rest" | "minus" if word in "*!+-" and _is_raised(found, text, start):
                found[-1].bear("^", word, word) if word != "!" else found[-1].fact()
            case "minus":
                found.append(_hyphen(text, start))
            case _:
                _add(found, word)
    return found


def _add(found: list[Element], one: str) -> None:
    """Add a single character: an accent or a raised figure to what stands before it."""
    kind, _, _ = unicodedata.decomposition(one).partition(" ")
    mark = {"<super>": "^", "<sub>": "_"}.get(kind)
    if one in ACCENTS and found and takes_accent(found[-1]):
        found[-1].base = f"{ACCENTS[one]}{{{found[-1].base}}}"
        found[-1].plain += one
        found[-1].sort = "atom"
    elif mark and (content := _whole(unicodedata.normalize("NFKD", one))):
        bearer = _bearer(found)
        after_another = unicodedata.decomposition(bearer.plain[-1:] or " ").startswith(kind)
        bearer.bear(mark, content, one, more=after_another)
    elif kind == "<fraction>":
        found.append(fraction(one))
    else:
        found.append(sign(one))


def _word(word: str, text: str, start: int) -> Element:
    after = text[start + len(word) : start + len(word) + 1]
    if word in FUNCTIONS and (word not in INFINITE or after in ("_", "(")):
        return Element("function", word, rf"\mathrm{{{word}}}")
    if word in "EPO" and len(word) == 1 and after in ("[", "("):
        return Element("atom", word, rf"\mathrm{{{word}}}")
    if not _is_plain(word, text, start):
        return letters(word)
    if after == "(" and word.isascii():
        return Element("function", word, rf"\mathrm{{{word}}}")
    return Element("text", word)


def _hyphen(text: str, at: int) -> Element:
    """Return a hyphen as what it is: a dash (0-1, pages 3-5), a minus sign, or a hyphen."""
    between = text[max(at - 1, 0) : at] + text[at + 1 : at + 2]
    if len(between) == 2 and between.isdigit():
        applied = re.search(r"[\w)^]\(\d+$", text[:at]) or re.match(r"\d+ ?/", text[at + 1 :])
        return Element("operator", "−", "-") if applied else Element("text", "–")
    return Element("operator", "−", "-") if _is_minus(text, at) else Element("text", "-")


def _can_bear(one: Element) -> bool:
    return one.sort in ("atom", "number", "function", "close", "bar")


def _is_raised(found: Sequence[Element], text: str, start: int) -> bool:
    """Whether a sign belongs to the one before it, as in n*, n! and f(x+)."""
    beside = bool(found) and found[-1].sort in ("atom", "number", "close")
    after = text[start + 1 : start + 2]
    if text[start] in "+-":
        return beside and after in (")", "_") and text[start - 1].isalpha()
    return beside and (after in SMALL or not re.match(r"[\w(\[{.]", after))


def _bearer(found: list[Element]) -> Element:
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
    found.append(Element("atom", "", "{}"))
    return found[-1]


def _whole(text: str) -> str:
    """Return all of an index, a power or a root as one formula: words stand upright in it."""
    elements = []
    for one in _elements(text):
        words = "" if one.base else " ".join(re.findall("[A-Za-z]+", one.plain))
        elements.append(Element("word", words, rf"\mathrm{{{words}}}") if words else one)
    return joined([one for one in elements if one.base])


def _runs(elements: Sequence[Element]) -> Iterator[tuple[bool, Sequence[Element]]]:
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


def _partners(elements: Sequence[Element]) -> dict[int, int]:
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
    elements: Sequence[Element], first: int, last: int, partners: dict[int, int]
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


def _is_written_onto(beside: Element, outermost: Element, end: Literal[0, -1]) -> bool:
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


def _words(elements: Sequence[Element], first: int, last: int) -> int:
    return sum(bool(_WORD.fullmatch(one.plain)) for one in elements[first:last] if not one.base)


def _may_be_set(one: Element) -> bool:
    """Whether an element can stand in a formula, a word upright."""
    known = one.plain in _PUNCTUATION or _WORD.fullmatch(one.plain)
    return bool(one.base or one.sort == "space" or known)


def _upright(one: Element) -> Element:
    """Return an element as it stands in a formula: a word upright, a dash as a minus sign."""
    if one.base or one.sort == "space":
        return one
    if one.plain in _PUNCTUATION:
        return Element("comma", one.plain, _PUNCTUATION[one.plain])
    if len(one.plain) == 2 and one.plain not in _SHORT:
        return letters(one.plain)  # a product, such as mn
    return Element("word", one.plain, rf"\mathrm{{{one.plain}}}")


def _mathematical(elements: Sequence[Element], partners: dict[int, int]) -> list[bool]:
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
    if word in INFINITE or word == "ℓ" or all(letter in GREEK for letter in word):
        return False
    if len(word) <= 4 and any(letter in GREEK for letter in word):
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
        and re.match(rf"\d|[^\W\d_](?![^\W\d_{SMALL}])|\(", right)
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
