"""The simulators of unconstrained stochastic CCA (canonical correlation analysis): losses
evaluated, minimised, descended on, and estimated from mini-batches.

Each import below is one concept in one file.
"""

from sims.unconstrained_cca.batches import (
    batch_penalties,
    enumerated_penalties,
    two_batch_gradient,
    two_batch_loss,
)
from sims.unconstrained_cca.descent import strengths_after_descent
from sims.unconstrained_cca.expected_loss import minimise_expected
from sims.unconstrained_cca.pencil import (
    Minima,
    curvatures,
    ey_gradient,
    ey_loss,
    flow_path,
    minimise,
    pencil_of_views,
)
from sims.unconstrained_cca.views import (
    embeddings,
    every_pairing,
    squared_correlations,
    standardised,
)
