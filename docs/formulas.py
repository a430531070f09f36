"""Formulas in Markdown, `$…$` and blocks of `$$…$$`, as MathML."""

import re
from typing import Any

from l2m4m import LaTeX2MathMLExtension
from markdown import Markdown
from markdown.inlinepatterns import InlineProcessor

from theory_on_trial.page.typeset import mathml


class Formulas(LaTeX2MathMLExtension):
    """The converter of l2m4m for blocks; formulas in a line may break, as those of statements."""

    _PRIORITY = 185  # before Markdown takes backslashes away (180), and after code (190)

    def extendMarkdown(self, md: Markdown) -> None:
        """Register both."""
        super().extendMarkdown(md)
        md.inlinePatterns.register(InLine(InLine.MARKS, md), "latex-inline", self._PRIORITY)
        md.ESCAPED_CHARS = [*md.ESCAPED_CHARS, "$"]


class InLine(InlineProcessor):
    """Formulas in a line."""

    MARKS = r"(?<!\\)\$([^$]+)\$"

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Any, int, int]:
        """Return a formula as HTML that Markdown leaves as it is, and where it stands."""
        return self.md.htmlStash.store(mathml(m[1])), m.start(), m.end()
