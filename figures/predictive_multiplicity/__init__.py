"""The figures of predictive multiplicity (Marx, Calmon & Ustun 2020, arXiv 1909.06677), and new
ones.

F1 exclusive or, F2 discrepancy and ambiguity of COMPAS beside an ad-hoc pool, F3 coefficients of
competing models, F4 who is affected, F5 Rashomon diagram of all linear classifiers, F6 held-out
people. Importing the package registers them.
"""

from figures.predictive_multiplicity import compas, small_sets

__all__ = ["compas", "small_sets"]
