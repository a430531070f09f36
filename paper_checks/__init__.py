"""The claims of the papers, put on trial: theory against what actually happens."""

MOST_PROGRAMS = 40
"""How many programs the fast tier of a paper may ask XLA for in one process, unless its package or
its page says.
"""
