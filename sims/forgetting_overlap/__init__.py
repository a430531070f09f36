"""Two tasks trained one after the other: ridge refits, gradient descent with and without a memory,
and wide nets.
"""

from sims.forgetting_overlap.linear import (
    descend,
    drift,
    march,
    principal_directions,
    refit,
    tilted_subspaces,
)
from sims.forgetting_overlap.network import lazy_features, lazy_forgetting
