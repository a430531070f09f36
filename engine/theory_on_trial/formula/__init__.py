"""Formulas in texts: the marks around them, the shorthand in which they are written, and TeX."""
