"""Formulas in Markdown, `$…$` and blocks of `$$…$$`, as MathML."""

from l2m4m import LaTeX2MathMLExtension, LatexPattern
from markdown import Markdown


class Formulas(LaTeX2MathMLExtension):
    """The converter of l2m4m, read before Markdown takes backslashes away, and after code."""

    _RE_LATEX = r"(?<!\\)\$([^$]+)\$"
    _PRIORITY = 185  # backquotes have 190, escapes 180

    def extendMarkdown(self, md: Markdown) -> None:
        """Register formulas; those in a line a second time, with the other priority."""
        super().extendMarkdown(md)
        md.inlinePatterns.register(LatexPattern(self._RE_LATEX), "latex-inline", self._PRIORITY)
        md.ESCAPED_CHARS = [*md.ESCAPED_CHARS, "$"]
