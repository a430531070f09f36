"""The figures of in-context learning with linear models (Akyürek et al. 2023, arXiv 2211.15661),
and new ones.

Numbers up to 8 but 5 are the paper's. F1 the textbook rules against least squares and a model, F2
noise and regulariser, F3 phases of depth, F4 probes, F5 the ladder to the Bayes error, F6 linearity
of the answers, F7 squares from nonlinearities, F8 smallest sizes, F9 precision of the
constructions, F10 exact risks of the rules. Importing the package registers them.
"""

from figures.in_context_learning import constructions, rules, trained

__all__ = ["constructions", "rules", "trained"]
