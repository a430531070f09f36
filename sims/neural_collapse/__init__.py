"""Neural collapse in deep linear networks: what descent on the unconstrained features model
actually finds.

A `Problem` (class sizes, decays, bias, loss) gives a `Head` (weights, free features, bias) an
`objective`, with one column of features per sample or in the exact class-mean reduction. What names
no source is derived here.
"""

from sims.neural_collapse.angles import Spread, spread_vectors
from sims.neural_collapse.certificates import ConvexOptimum, dual_value, nuclear_norm_optimum
from sims.neural_collapse.contrastive import (
    ContrastiveRun,
    minimise_contrastive,
    supervised_contrastive_loss,
)
from sims.neural_collapse.descent import TrainingRun, train
from sims.neural_collapse.flow import Ramp, gradient_flow, ramp
from sims.neural_collapse.metrics import (
    Collapse,
    Targets,
    balanced_targets,
    class_means,
    collapse,
    gram_distance,
    within_class_collapse,
)
from sims.neural_collapse.objectives import Problem, objective, product
from sims.neural_collapse.optimise import Optimum, best_of, hessian_spectrum, minimise, optima
from sims.neural_collapse.parameters import Head, initial_head
from sims.neural_collapse.search import Configuration, best_configuration
