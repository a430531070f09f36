"""Statements as HTML, their formulas as MathML: `$λ_1 <= σ^2$ of $n$ points`.

latex2mathml sets what stands between marks. A formula may break after a relation, a plus
or a minus, as in TeX: each piece is an element of its own, because browsers break none.
"""

import re
from functools import lru_cache
from html import escape

from latex2mathml.converter import convert
from markupsafe import Markup

from theory_on_trial.formula.marks import parts

_DEEPER = re.compile(r"\{|\\left\b|\\begin\b")
_HIGHER = re.compile(r"\}|\\right\b|\\end\b")
_TEX_TOKEN = re.compile(r"\\(?:[a-zA-Z]+|.)|\s+|.", re.DOTALL)
_AFTER = {"=", "<", ">", "+", "-"} | {
    f"\\{name}" for name in ("leq", "geq", "le", "ge", "approx", "sim", "to", "propto", "pm", "in")
}
"""After these a formula may break, where something stands before them."""
_SHORTEST = 12
"""How many signs of TeX a piece has at least: each piece costs time where a page is printed."""


def typeset(text: str) -> Markup:
    """Return `text` as safe HTML, its formulas as MathML."""
    pieces = []
    for kind, content in parts(text):
        if kind == "formula":
            pieces.append(mathml(content))
        else:
            pieces.append(Markup("<code>{}</code>" if kind == "code" else "{}").format(content))
    return Markup("").join(pieces)


@lru_cache(maxsize=4096)
def mathml(tex: str) -> Markup:
    """Return a formula of TeX in a line as MathML, with `<wbr>` where it may break."""
    return Markup("<wbr>".join(map(_element, _pieces(tex))))


def _pieces(tex: str) -> list[str]:
    """Return a formula cut after its relations, pluses and minuses that no group holds, unless the
    pieces were short.
    """
    pieces = [""]
    depth = 0
    signs = 0
    before = ""
    for token in _TEX_TOKEN.findall(tex):
        depth += bool(_DEEPER.fullmatch(token)) - bool(_HIGHER.fullmatch(token))
        pieces[-1] += token
        if token.isspace():
            continue
        signs += 1
        breaks = depth == 0 and token in _AFTER and before not in {"", "(", "[", *_AFTER}
        if breaks and signs >= _SHORTEST:
            pieces.append("")
            signs = 0
        before = token
    if len(pieces) > 1 and not pieces[-1].strip():
        pieces[-2:] = ["".join(pieces[-2:])]
    return pieces


def _element(tex: str) -> str:
    html = convert(tex.strip()).replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")
    html = html.replace(' display="inline"', "")
    html = re.sub(r"&#x0*([0-9A-F]+);", _character, html)
    html = re.sub(
        r'(?:<mi mathvariant="normal">\w</mi>){2,}',
        lambda word: f"<mi>{re.sub('<[^>]*>', '', word[0])}</mi>",
        html,
    )
    html = html.replace("<mo>^</mo></mover>", "<mo>ˆ</mo></mover>")  # the accent, not the key
    # A row of one element is that element.
    return re.sub(r"<mrow>(<(m[ion])(?: [^>]*)?>[^<]*</\2>)</mrow>", r"\1", html)


def _character(found: re.Match[str]) -> str:
    return escape(chr(int(found[1], 16)))
