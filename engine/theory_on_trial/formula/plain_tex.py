r"""TeX that an author wrote between marks: what may stand in it, and that it is complete.

Only commands of mathematics are allowed, so that a statement reads no file, defines nothing and
compiles without further packages.
"""

import re

from theory_on_trial.formula.signs import COMMANDS

DEEPEST = 12
"""How many brackets may be in each other."""
_ARGUMENTS = {"frac": 2} | dict.fromkeys(
    (
        *("sqrt", "hat", "bar", "tilde", "dot", "ddot", "vec", "overline", "underline"),
        *("mathrm", "mathbf", "mathcal", "mathit", "mathsf"),
    ),
    1,
)
"""The commands that take arguments, and how many."""
_WORDS = frozenset(
    (
        *("arccos", "arcsin", "arctan", "cos", "cosh", "det", "dim", "exp", "gcd", "inf", "ker"),
        *("lim", "liminf", "limsup", "ln", "log", "max", "min", "sin", "sinh", "sup", "tan"),
        *("tanh", "le", "ge", "ne", "cdots", "ldots", "dots", "quad", "qquad", "prime", "circ"),
        *("setminus", "emptyset", "notin", "mapsto", "subset", "supset", "mid", "parallel"),
        *("Rightarrow", "Leftrightarrow", "simeq", "cong", "ast", "star", "dagger", "oplus"),
        *("langle", "rangle", "epsilon", "phi", "sigma", "ominus", "nabla", "Pr", "colon"),
    )
) | {command[1:] for command in COMMANDS.values() if re.fullmatch(r"\\[A-Za-z]+", command)}
_SIGNS = frozenset(",;:! {}%_|")
"""What may stand after a backslash that begins no word."""
_DELIMITERS = frozenset(("(", ")", "[", "]", "|", "/", ".", r"\{", r"\}", r"\|")) | {
    f"\\{name}"
    for name in ("langle", "rangle", "lfloor", "rfloor", "lceil", "rceil", "vert", "Vert")
}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|\d+(?:\.\d+)?|.", re.DOTALL)
_PRIME = r"\prime"
_PLAIN = frozenset("+-*/=<>()[]|.,;:!'")


class Unreadable(ValueError):
    """A formula that no page can set; the message is the end of a sentence."""


def checked(tex: str) -> str:
    r"""Return TeX with each sign as its command and each bar as `\vert`.

    Raises:
        Unreadable: it holds what no formula can hold, or something in it is not complete.
    """
    tokens = [token for token in _TOKEN.findall(tex) if not token.isspace()]
    read, rest = _run(tokens, 0, "", 0)
    if rest < len(tokens):
        raise Unreadable(f"has {tokens[rest]!r} without its partner")
    return read


def _run(tokens: list[str], at: int, end: str, depth: int) -> tuple[str, int]:
    """Read until the token `end` (to the end of the formula if it is ""), and return what was read,
    and the place of that token.
    """
    if depth > DEEPEST:
        raise Unreadable(f"has more than {DEEPEST} brackets in each other")
    found = []
    while at < len(tokens) and tokens[at] not in (end, "}", r"\right"):
        nucleus, at = _atom(tokens, at, depth)
        scripts, at = _scripts(tokens, at, depth)
        found.append(nucleus + scripts)
    if end and (at == len(tokens) or tokens[at] != end):
        raise Unreadable(f"lacks {end!r}")
    return _set(found), at


def _set(found: list[str]) -> str:
    """Return signs as one text: letters side by side, so that a word stays one."""
    text = ""
    for one in found:
        apart = text and not (text[-1].isalpha() and one[0].isalpha() and one.isalpha())
        command = re.search(r"\\[A-Za-z]+$", text)
        text += " " * bool(apart or command) + one
    return text


def _scripts(tokens: list[str], at: int, depth: int) -> tuple[str, int]:
    """Read primes, an index and a power, each at most once."""
    primes = 0
    while at < len(tokens) and tokens[at] == "'":
        primes += 1
        at += 1
    seen = {"^"} if primes else set[str]()
    text = f"^{{{' '.join([_PRIME] * primes)}}}" if primes else ""
    while at < len(tokens) and tokens[at] in ("_", "^", "'"):
        mark = "^" if tokens[at] == "'" else tokens[at]
        if mark in seen:
            raise Unreadable(f"has {tokens[at]!r} after another power or index of the same sign")
        seen.add(mark)
        if tokens[at] == "'":
            argument, at = f"{{{_PRIME}}}", at + 1
        else:
            argument, at = _argument(tokens, at + 1, mark, depth)
        text += f"{mark}{argument}"
    return text, at


def _argument(tokens: list[str], at: int, command: str, depth: int) -> tuple[str, int]:
    """Read a group, or the one sign that stands for it, and return it in braces."""
    if at == len(tokens) or tokens[at] in ("}", "_", "^", "'", r"\right"):
        raise Unreadable(f"has {command!r} without what belongs to it")
    if tokens[at] == "{":
        inside, at = _run(tokens, at + 1, "}", depth + 1)
        return f"{{{inside}}}", at + 1
    one, at = _atom(tokens, at, depth)
    return f"{{{one}}}", at


def _atom(tokens: list[str], at: int, depth: int) -> tuple[str, int]:
    """Read a sign, a group or a command with its arguments."""
    token = tokens[at]
    if token == "{":
        inside, at = _run(tokens, at + 1, "}", depth + 1)
        return f"{{{inside}}}", at + 1
    if token == r"\left":
        return _between(tokens, at, depth)
    if token.startswith("\\"):
        return _command(tokens, at, depth)
    if token == "|":
        return r"\vert", at + 1
    if token in ("_", "^"):
        raise Unreadable(f"has {token!r} after nothing that could bear it")
    if token in COMMANDS and not token.isascii():
        return COMMANDS[token], at + 1
    if token.isascii() and (token.isalpha() or token[-1].isdigit() or token in _PLAIN):
        return token, at + 1
    raise Unreadable(f"has the sign {token!r}, which no formula can hold")


def _between(tokens: list[str], at: int, depth: int) -> tuple[str, int]:
    r"""Read what stands between `\left` and `\right`, with their delimiters."""
    opening = _delimiter(tokens, at)
    inside, at = _run(tokens, at + 2, r"\right", depth + 1)
    return rf"\left{opening} {inside} \right{_delimiter(tokens, at)}", at + 2


def _delimiter(tokens: list[str], at: int) -> str:
    if tokens[at + 1 : at + 2] and tokens[at + 1] in _DELIMITERS:
        return tokens[at + 1]
    raise Unreadable(f"has {tokens[at]!r} without a bracket")


def _command(tokens: list[str], at: int, depth: int) -> tuple[str, int]:
    name = tokens[at][1:]
    if name in _ARGUMENTS:
        text = f"\\{name}"
        at += 1
        for _ in range(_ARGUMENTS[name]):
            argument, at = _argument(tokens, at, f"\\{name}", depth + 1)
            text += argument
        return text, at
    if name in _WORDS or name in _SIGNS:
        return tokens[at], at + 1
    raise Unreadable(f"has the command {tokens[at]!r}, which no formula can hold")
