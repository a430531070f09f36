"""The figures of naive Bayes against logistic regression (Zheng et al. 2023, arXiv 2302.02334), and
new ones.

F1 the released simulation, F2 learning curves on real features, F3 the assumptions on the same
features, F4 the phases of naive Bayes, F5 from the logistic loss to the error, F6 two regimes under
correlation. Importing the package registers them.
"""

from figures.naive_bayes_vs_logistic import consistency, features, growth

__all__ = ["consistency", "features", "growth"]
