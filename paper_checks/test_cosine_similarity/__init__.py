"""Steck, Ekanadham & Kallus 2024, "Is Cosine-Similarity of Embeddings Really About Similarity?",
arXiv 2403.05440.

WWW 2024 Companion. A copy of its text was read, in which displayed equations are blank: on trial
are its optima, as its sentences describe them, and what was derived here about gauges.

Abstract:

- Sentence 1: what the cosine similarity is. No statement.
- Sentence 2: it is applied to embeddings to quantify similarity. No statement.
- Sentence 3: in practice it works sometimes better and sometimes worse than the dot product. Not on
  trial. No data with known similarities are judged.
- Sentence 4: embeddings of regularised linear models are studied in closed form. No statement.
- Sentence 5: cosine similarities can be arbitrary, and so meaningless. Holds: cosines_not_unique,
  identity_gauge. That they are arbitrary; what they mean is not tried.
- Sentence 6: for some linear models they are not even unique, for others the regularisation
  controls them. Holds: cosines_not_unique-gauge, objective2_optimum-cosines.
- Sentence 7: deep models combine several regularisers, with effects that are not intended. Not on
  trial. Only linear models are tried.
- Sentence 8: caution is advised, and alternatives are outlined. No statement.
"""

import numpy as np

from theory import cosine_similarity as predicted


def extreme_gauges(u, v, condition):
    """Gauges R with (R R^T)^-1 = G, for the lower end and the upper one."""
    metrics = [predicted.extreme_gauge(u, v, condition, end) for end in ("low", "high")]
    return np.array([np.linalg.inv(np.linalg.cholesky(metric)).T for metric in metrics])
