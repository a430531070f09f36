"""Lee, Lei, Saunshi & Zhuo 2021, "Predicting what you already know helps" (arXiv 2008.01064).

Every statement is derived here: of the paper only the abstract was read, and of its theorems two
reading notes.
"""

MOST_PROGRAMS = 15
"""Ceiling of the programs that the fast tier may ask XLA for in one process."""
