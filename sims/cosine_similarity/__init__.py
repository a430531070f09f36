"""The cosines of embeddings: factorisations fitted by descent, gradient flows followed to rest, and
gauges that are drawn or searched. A gauge R turns the factors A, B into A R, B R^-T, and leaves A
B^T as it is.
"""

from sims.cosine_similarity.fits import Fit, fit, loss
from sims.cosine_similarity.flow import Rest, flow
from sims.cosine_similarity.gauges import (
    cosines,
    draw_gauges,
    gauged_cosines,
    regauge,
    search_diagonal,
)
