"""Numbers as this program prints them, with the marks that set them as in a book: `3e-5` as
`$3e-5$`, `inf` as `$inf$`, a law of growth as a formula.
"""

import re

from theory_on_trial.formula.marks import is_marked

_LAW = (
    r"(?:log log n|(?:sqrt n|n(?:\^(?:[\d.]+|a|\(\d+/\d+\)))?)(?: ?(?:/ )?log(?:\^[\d.]+)? n)?"
    r"|(?:/ )?log(?:\^[\d.]+)? n|\(log n\)\^(?:a|-?[\d.]+))"
)
_NUMERAL = re.compile(
    r"(?<![\w.])(?:"
    r"(?:± )?-?\d+(?:\.\d+)?e[-+]?\d+"
    r"|-?inf"
    r"|(?:-?[\d.]+ <= )?a(?: <= -?[\d.]+)?(?= in )"
    rf"|{_LAW}"
    r")(?!\w)"
)


def numerals(text: str) -> str:
    """Return numbers that `brief`, `brief_interval` or a row's `detects` wrote, with marks around
    powers of ten, infinities, exponents and laws of growth; a text that has marks stays as it is.
    """
    return text if is_marked(text) else _NUMERAL.sub(r"$\g<0>$", text)


def is_law(name: str) -> bool:
    """Whether a text is the name of a law of growth, and nothing else."""
    return re.fullmatch(_LAW, name) is not None
