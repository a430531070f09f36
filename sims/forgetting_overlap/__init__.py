"""Two tasks that are trained one after the other, by ridge refits, by gradient descent with or
without a memory of the first task, and in wide networks.
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
