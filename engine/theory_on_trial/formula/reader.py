r"""Reads a formula that an author wrote, as TeX: `λ_1 <= sqrt(2 / d)` is `\lambda_{1} \leq
\sqrt{2 / d}`.

The shorthand: Greek letters and other signs as they are; `_` and `^` before a letter, a word, a
number or a group in (…) or {…}; `<=`, `->`, `sqrt(…)`, `w-bar`, `1e-6`. A number right behind a
letter is its index: `x0`. Neighbouring letters are a product where a Greek letter is among them,
and a differential where the first is d (`dx`); otherwise they are a word, which stands upright, so
that a product is written `m n`. Sums and products are `sum_i`, `prod_k`, or the signs ∑ and ∏; the
letters Σ and Π stay letters.

A formula that holds a backslash is TeX (`plain_tex`).
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from theory_on_trial.formula.elements import (
    Element,
    fraction,
    joined,
    letters,
    power_of_ten,
    sign,
    takes_accent,
)
from theory_on_trial.formula.plain_tex import DEEPEST, Unreadable, checked
from theory_on_trial.formula.signs import ACCENTS, COMMANDS, FUNCTIONS, INFINITE, SMALL

_BIG = {"sum": r"\sum", "prod": r"\prod"}
_BEARING = ("atom", "number", "function", "word", "close", "bar")
_PUNCTUATION = {";": ";", ":": ":", ".": ".", "–": "-", "%": r"\%"}
_TOKEN = re.compile(
    rf"""
      (?P<power>(?:\d+(?:\.\d+)?|\.\d+)e[-+]?\d+\b)
    | (?P<bar>[^\W\d_][-_]?bar\b)
    | (?P<script>[_^](?=[({{])|_(?:[^\W_{SMALL}]+|[*+±∞⊤⊥−-])
        |\^(?:[-+−]?(?:\d+(?:\.\d+)?|[^\W\d_{SMALL}]+|[½¼¾⅓⅔])|[+*±∞⊤⊥]))
    | (?P<root>(?:sqrt|√)(?=\())
    | (?P<radical>sqrt[ ](?=[^\W\d_]\b|\d))
    | (?P<numbered>[^\W\d_{SMALL}]+[0-9]+)
    | (?P<word>[^\W\d_{SMALL}]+)
    | (?P<number>\d+(?:,\d\d\d)*(?:\.\d+)?|(?<![\w.])\.\d+)
    | (?P<ellipsis>\.\.\.|…)
    | (?P<angle><(?=[^\s<>=,][^<>=,]*,[^<>=,]+>))
    | (?P<sign><=|>=|!=|->|\+-|>>|<<)
    | (?P<percent>(?<=\d)[ ]%)
    | (?P<times>(?<=\d)[ ]x[ ](?=\d))
    | (?P<dot>[ ][*.][ ](?=[\w(])|(?<=\w)\.(?=[^\W\d_](?:_|\b)(?!\.)))
    | (?P<prime>['′’])
    | (?P<minus>-)
    | (?P<rest>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=4096)
def tex(formula: str) -> str:
    """Return a formula as TeX, in which no character of it acts as a command that it did not name.

    Raises:
        Unreadable: no page can set it; the message says what it holds, as the end of a sentence.
    """
    if not formula.strip():
        raise Unreadable("is empty")
    _refuse_depth(formula, "([{")
    read = checked(formula) if "\\" in formula else joined(_elements(_apart(formula)))
    _refuse_depth(read, "{")
    return read


def _refuse_depth(text: str, opening: str) -> None:
    """Refuse brackets that are nested more deeply than any program that sets formulas allows."""
    closing = {"(": ")", "[": "]", "{": "}"}
    deepest = depth = 0
    for one in text:
        depth += (one in opening) - any(one == closing[sort] for sort in opening)
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise Unreadable(f"has more than {DEEPEST} brackets in each other")


def _apart(formula: str) -> str:
    """Return a formula with each accented letter as the letter and its accent."""
    pairs = ((one, unicodedata.normalize("NFD", one)) for one in formula)
    return "".join(apart if apart[1:] in ACCENTS else one for one, apart in pairs)


def _elements(text: str) -> list[Element]:
    found: list[Element] = []
    position = 0
    angles = 0  # brackets of <x, y> that are open
    while token := _TOKEN.match(text, position):
        word = token.group()
        start = position
        position = token.end()
        match str(token.lastgroup):
            case "power":
                found.append(power_of_ten(word))
            case "bar":
                found.append(_known(re.sub("[-_]?bar$", "", word), r"\bar"))
            case "script":
                content = word[1:]
                if len(word) == 1:
                    content, position = _group(text, position)
                _bearer(found, word[0]).bear(word[0], _whole(content), word)
            case "root":
                inside, position = _group(text, position)
                found.append(Element("atom", "√", rf"\sqrt{{{_whole(inside)}}}"))
            case "radical":
                found.append(Element("atom", "√", r"\surd"))
            case "numbered":
                found.append(_numbered(word))
            case "word":
                found.append(_word(word, text[position : position + 1]))
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
            case "percent":
                found.append(Element("comma", "%", r"\,\%"))
            case "times":
                found.append(Element("operator", "×", r"\times"))
            case "dot":
                found.append(Element("operator", "·", r"\cdot"))
            case "prime":
                _bearer(found, "′").bear("^", r"\prime", "′")
            case "rest" | "minus" if word in "*!+-" and _is_raised(found, text, start):
                found[-1].bear("^", word, word) if word != "!" else found[-1].fact()
            case "minus":
                found.append(Element("operator", "−", "-"))
            case _:
                _add(found, word)
    return found


def _word(word: str, after: str) -> Element:
    """Return a run of letters: a function, a variable, a product or a word."""
    if word in _BIG:
        return Element("atom", word, _BIG[word])
    if word in INFINITE and not (word == "inf" and after in ("_", "(")):
        return letters(word)
    if word in FUNCTIONS:
        return Element("function", word, rf"\mathrm{{{word}}}")
    if word in ("E", "P", "O") and after in ("[", "("):
        return Element("atom", word, rf"\mathrm{{{word}}}")
    if len(word) > 1 and word.isascii() and not re.fullmatch("d[A-Za-z]", word):
        return Element("word", word, rf"\mathrm{{{word}}}")
    return _known(word)


def _numbered(word: str) -> Element:
    """Return letters before a number: x0 is a letter with an index, atan2 a word."""
    name = word.rstrip("0123456789")
    if len(name) > 1 and name != "log":
        return Element("word", word, rf"\mathrm{{{word}}}")
    number = word[len(name) :]
    letter = _word(name, "")
    letter.bear("_", number, number)
    return letter


def _known(name: str, accent: str = "") -> Element:
    """Return letters as a product, if all of them can be set."""
    for one in name:
        if not one.isascii() and one not in COMMANDS:
            raise _strange(one)
    return letters(name, accent)


def _strange(one: str) -> Unreadable:
    return Unreadable(f"has the sign {one!r}, which no formula can hold")


def _add(found: list[Element], one: str) -> None:
    """Add a single character: an accent or a raised figure to what stands before it."""
    kind, _, _ = unicodedata.decomposition(one).partition(" ")
    mark = {"<super>": "^", "<sub>": "_"}.get(kind)
    if one in ACCENTS and found and takes_accent(found[-1]):
        found[-1].base = f"{ACCENTS[one]}{{{found[-1].base}}}"
        found[-1].plain += one
    elif mark:
        if not found or found[-1].sort not in _BEARING:
            found.append(Element("atom", "", "{}"))  # as in ₂F₁
        bearer = found[-1]
        after_another = unicodedata.decomposition(bearer.plain[-1:] or " ").startswith(kind)
        bearer.bear(mark, _whole(unicodedata.normalize("NFKD", one)), one, more=after_another)
    elif kind == "<fraction>":
        found.append(fraction(one))
    elif one in _PUNCTUATION:
        found.append(Element("comma", one, _PUNCTUATION[one]))
    else:
        known = sign(one)
        if one in "_^":
            raise Unreadable(f"has {one!r} before nothing that could be an index or a power")
        if known.sort == "text":
            raise _strange(one)
        found.append(known)


def _bearer(found: Sequence[Element], mark: str) -> Element:
    """Return what an index, a power or a prime belongs to: the element before it."""
    if found and found[-1].sort in _BEARING:
        return found[-1]
    raise Unreadable(f"has {mark!r} after nothing that could bear it")


def _is_raised(found: Sequence[Element], text: str, start: int) -> bool:
    """Whether a sign belongs to the one before it, as in n*, n! and f(x+)."""
    beside = bool(found) and found[-1].sort in ("atom", "number", "close")
    after = text[start + 1 : start + 2]
    if text[start] == "!":
        return beside
    if text[start] in "+-":
        return beside and after in (")", "_") and text[start - 1].isalpha()
    return beside and (after in SMALL or not re.match(r"[^\W_]|[(\[{.]", after))


def _whole(text: str) -> str:
    """Return all of an index, a power or a root as one formula."""
    if not text.strip():
        raise Unreadable("has empty brackets")
    return joined(_elements(text))


def _group(text: str, start: int) -> tuple[str, int]:
    """Return what stands between the bracket at `start` and its partner, and where to go on."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "({[") - (text[at] in ")}]")
        if depth == 0:
            return text[start + 1 : at], at + 1
    raise Unreadable(f"has a bracket {text[start]!r} that does not close")
