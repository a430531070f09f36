"""Which cosines of learned embeddings the data determine, and how far the others differ between
equivalent solutions.

Steck, Ekanadham & Kallus 2024, "Is Cosine-Similarity of Embeddings Really About Similarity?", WWW
2024 Companion, arXiv 2403.05440. A copy of its text was read, without its displayed equations: the
optima are as its sentences describe them, the ranges of cosines over all gauges were derived for
this collection.

Users are X A, items the rows of B, scores X A B^T; X has shape (users, items), A and B have (items,
k). A gauge R takes (A, B) to (A R, B R^-T), leaves every score alone, and shows in the items'
cosines through G = (R R^T)^-1.
"""

from theory.cosine_similarity.gauges import balancing_gauge, gauge_cosines
from theory.cosine_similarity.optima import (
    Factors,
    objective1_factors,
    objective1_minimum,
    objective1_product,
    objective2_factors,
    objective2_minimum,
)
from theory.cosine_similarity.ranges import (
    Range,
    any_gauge_range,
    diagonal_gauge_range,
    extreme_gauge,
)
