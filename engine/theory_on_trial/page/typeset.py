"""Statements as they stand in the source, typeset as HTML: `λ_1 <= σ^2` with real indices and
raised figures.

The convention is that of the claims' docstrings and the figures' captions: Greek letters by their
signs, `_` and `^` before a word, a number or a group in (…) or {…}, `<=`, `->`, `sqrt(…)`, `w-bar`,
`1e-6`, settings in backquotes.
"""

import re

from markupsafe import Markup

_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma "
    "tau phi chi psi omega"
)
GREEK_NAMES = dict(zip("αβγδεζηθικλμνξπρστφχψω", _NAMES.split(), strict=True))
"""The names of the small Greek letters."""
_INFINITE = ("inf", "infinity")
_SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "+-": "±", ">>": "≫", "<<": "≪", "...": "…"}
_RAISED = "²³¹⁰⁴⁵⁶⁷⁸⁹ᵀ"  # as they are typed: they end an index
_OPERATORS = "sum|max|min|sup|mean"  # words that bear an index

_TOKEN = re.compile(
    rf"""
      (?P<code>`[^`]*`)
    | (?P<power>(?:\d+(?:\.\d+)?|\.\d+)e[-+]?\d+\b)
    | (?P<bar>[^\W\d_][-_]?bar\b)
    | (?P<snake>(?!(?:{_OPERATORS})_)[A-Za-z]{{2,}}(?:_\w+)+|[a-z]_[a-z]{{4,}})
    | (?P<script>(?<=\S)(?:[_^](?=[({{])|_(?:[^\W_{_RAISED}]+|[*+])
        |\^(?:[-+−]?(?:\d+(?:\.\d+)?|[^\W\d_]+)|[+*½])))
    | (?P<root>sqrt(?=\())
    | (?P<radical>sqrt[ ](?=[^\W\d_]\b))
    | (?P<possessive>['’][^\W\d_]+)
    | (?P<word>[^\W\d_{_RAISED}]+)
    | (?P<sign>{"|".join(map(re.escape, _SIGNS))})
    | (?P<percent>(?<=\d)[ ]%)
    | (?P<times>(?<=\d)[ ]x[ ](?=\d))
    | (?P<dot>[ ][*.][ ](?=[\w(])|(?<=\w)\.(?=[^\W\d_](?:_|\b)(?!\.)))
    | (?P<prime>')
    | (?P<minus>-)
    | (?P<rest>\d+|.)
    """,
    re.VERBOSE | re.DOTALL,
)


def typeset(text: str) -> Markup:
    """Return `text` as safe HTML: variables in italics, Greek letters, real sub- and superscripts,
    minus signs.
    """
    pieces: list[Markup | str] = []
    position = 0
    before = ""
    while token_match := _TOKEN.match(text, position):
        kind = str(token_match.lastgroup)
        token = token_match.group()
        position = token_match.end()
        match kind:
            case "code":
                pieces.append(Markup("<code>{}</code>").format(token[1:-1]))
            case "snake":
                pieces.append(Markup("<code>{}</code>").format(token))
            case "power":
                factor, exponent = token.split("e")
                times = (
                    ""
                    if factor == "1"
                    else f"{factor}\N{NARROW NO-BREAK SPACE}×\N{NARROW NO-BREAK SPACE}"
                )
                pieces.append(
                    Markup("{}10<sup>{}</sup>").format(times, str(int(exponent)).replace("-", "−"))
                )
            case "bar":
                pieces.append(_letter(re.sub("[-_]?bar$", "", token), "\N{COMBINING OVERLINE}"))
            case "script":
                if len(token) == 1:
                    token, position = _group(text, position)
                element = Markup(
                    "<sub>{}</sub>" if token_match.group()[0] == "_" else "<sup>{}</sup>"
                )
                pieces.append(element.format(typeset(token.removeprefix("_").removeprefix("^"))))
            case "root":
                inside, position = _group(text, position)
                pieces.append(Markup('√<span class="root">{}</span>').format(typeset(inside)))
            case "radical":
                pieces.append("√")
            case "word" if token == "sum" and text[position : position + 1] == "_":
                pieces.append("∑")
            case "possessive":
                pieces.append("’" + token[1:])
            case "word":
                pieces.append(
                    token if _is_plain(token, text, token_match.start()) else _letter(token)
                )
            case "sign":
                pieces.append(_SIGNS[token])
            case "percent":
                pieces.append("\N{NARROW NO-BREAK SPACE}%")
            case "times":
                pieces.append(" × ")
            case "dot":
                pieces.append(" · " if token.isspace() or len(token) > 1 else "·")
            case "prime":
                pieces.append(
                    "’" if before == "word" and text[: token_match.start()][-2:].isalpha() else "′"
                )
            case "minus":
                between = (
                    text[token_match.start() - 1 : token_match.start()]
                    + text[position : position + 1]
                )
                ranging = len(between) == 2 and between.isdigit()  # 0-1, pages 3-5
                pieces.append(
                    "–" if ranging else "−" if _is_minus(text, token_match.start()) else "-"
                )
            case _:
                pieces.append(token)
        before = kind
    return Markup("").join(pieces)


def _letter(name: str, accent: str = "") -> Markup | str:
    """Return a variable in italics, a capital Greek letter upright."""
    letter = "∞" if name in _INFINITE else name
    upright = letter in "ΓΔΘΛΞΠΣΦΨΩ∞"
    return letter + accent if upright else Markup("<i>{}</i>").format(letter + accent)


def _is_plain(word: str, text: str, start: int) -> bool:
    """Whether a word is prose: anything longer than a letter that is not Greek, the article, an
    operator.
    """
    if word in _INFINITE or all("α" <= letter <= "ω" for letter in word):
        return False
    after = text[start + len(word) :]
    if len(word) == 1 and after.startswith(")") and text[max(start - 2, 0) : start] in ("(", " ("):
        return True  # a panel of a figure
    if word == "a":
        return bool(re.match(r" [^\W\d_]{2}", after))
    if word == "A":
        named = (
            text[:start].endswith("Appendix ")
            or start == 0
            or text[:start].rstrip(" (")[-1:] in ".:;"
        )
        return named and not after.startswith("_")
    return len(word) > 1 or (word in "EPO" and after[:1] in tuple("[("))


def _is_minus(text: str, at: int) -> bool:
    """Whether a hyphen is a minus sign: between spaces, before a term, or between single letters
    and numbers.
    """
    left = text[:at]
    right = text[at + 1 :]
    if not left or left[-1] in " ([{,=<>±^|/":
        return bool(re.match(r"[\s\w.(|‖]", right))
    return bool(
        re.search(r"(?:(?<![^\W\d_])\w|\d|\))$", left)
        and re.match(r"\d|[^\W\d_](?![^\W\d_])|\(", right)
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
