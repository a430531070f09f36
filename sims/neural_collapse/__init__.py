"""Neural collapse in deep linear networks: what descent on the unconstrained features model actually finds.

A `Problem` (class sizes, decays, bias, loss) gives a `Head` (weights, free features, bias) an `objective`, with one
column of features per sample or in the exact class-mean reduction. `train` is the heavy-ball descent of the paper with
the collapse metrics on the way; `gradient_flow` and `ramp` are its continuous and its slowly driven relatives;
`minimise`, `optima`, `best_of` and `best_configuration` look for minima; `nuclear_norm_optimum` and `dual_value`
certify them at depth 1. Two neighbours: supervised contrastive features, and unit vectors at maximal angles.
What names no source is derived here.
"""

from sims.neural_collapse.angles import Spread, spread_vectors
from sims.neural_collapse.certificates import ConvexOptimum, dual_value, nuclear_norm_optimum
from sims.neural_collapse.contrastive import ContrastiveRun, minimise_contrastive, supervised_contrastive_loss
from sims.neural_collapse.descent import TrainingRun, train
from sims.neural_collapse.flow import Flow, Ramp, gradient_flow, ramp
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
