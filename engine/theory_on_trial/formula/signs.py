"""The signs of formulas, and what sets each of them in TeX."""

_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma "
    "tau phi chi psi omega"
)
GREEK_NAMES = dict(zip("αβγδεζηθικλμνξπρστφχψω", _NAMES.split(), strict=True))
"""The names of the small Greek letters."""
_CAPITAL_NAMES = "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
_CAPITALS = dict(zip("ΓΔΘΛΞΠΣΦΨΩ", _CAPITAL_NAMES.split(), strict=True))
GREEK = {one: f"\\{name}" for one, name in (GREEK_NAMES | _CAPITALS).items()} | {
    "ε": r"\varepsilon",
    "φ": r"\varphi",
    "ο": "o",
    "υ": r"\upsilon",
    "ς": r"\varsigma",
    "ϵ": r"\epsilon",
    "ϕ": r"\phi",
    "ϑ": r"\vartheta",
}
"""The Greek letters, and what sets each of them."""
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
    "∗": r"\ast",
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
COMMANDS = GREEK | _RELATIONS | _OPERATORS | _BARS | _ATOMS | _OPENING | _CLOSING
"""What sets each sign in a formula of TeX."""
ACCENTS = {
    "\N{COMBINING CIRCUMFLEX ACCENT}": r"\hat",
    "\N{COMBINING MACRON}": r"\bar",
    "\N{COMBINING OVERLINE}": r"\bar",
    "\N{COMBINING TILDE}": r"\tilde",
    "\N{COMBINING DOT ABOVE}": r"\dot",
}
"""What sets each accent over a letter."""
FUNCTIONS = frozenset(
    ("cov", "det", "diag", "erf", "erfc", "exp", "inf", "ln", "log", "max", "min", "rank", "sup")
) | {"tr", *(a + f + h for a in ("", "a") for f in ("sin", "cos", "tan") for h in ("", "h"))}
"""Names of functions, which stand upright."""
INFINITE = ("inf", "infinity")
"""What is written for an infinity."""
SORTS = {
    "relation": _RELATIONS,
    "operator": _OPERATORS,
    "open": _OPENING,
    "close": _CLOSING,
    "bar": _BARS,
    "atom": _ATOMS,
}
"""The sort of each sign, and what sets it."""
SMALL = "²³¹⁰⁴⁵⁶⁷⁸⁹ᵀ⁺⁻ⁿ₀₁₂₃₄₅₆₇₈₉₊₋½¼¾⅓⅔"
"""Small figures as they are typed: they end a word or an index."""
