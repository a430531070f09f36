"""The cosines of embeddings: factorisations fitted by descent, flows followed to rest, gauges drawn
and searched.
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
