"""Steck, Ekanadham & Kallus 2024, "Is Cosine-Similarity of Embeddings Really About Similarity?",
arXiv 2403.05440.

WWW 2024 Companion. A copy of its text was read, in which displayed equations are blank: on trial
are its optima, as its sentences describe them, and what was derived here about gauges.

Abstract:

- Part 1: the cosines of embeddings from matrix factorisation can be arbitrary, and so meaningless.
  Holds: cosines_not_unique.
- Part 2: for other models they are unique but depend on the regularisation. Holds:
  objective2_optimum-cosines.
- Part 3: deep models combine several regularisers, with effects that are not intended. Not on
  trial. Only linear models are tried.
"""

import numpy as np

from theory import cosine_similarity as predicted


def extreme_gauges(u, v, condition):
    """Gauges R with (R R^T)^-1 = G, for the lower end and the upper one."""
    metrics = [predicted.extreme_gauge(u, v, condition, end) for end in ("low", "high")]
    return np.array([np.linalg.inv(np.linalg.cholesky(metric)).T for metric in metrics])
