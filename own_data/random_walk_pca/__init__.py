"""Random-walk PCA for a user's own trajectory: is it a random walk, and if not, what drives it?

`random_walk_test` asks the question; `estimate_drift_ratio`, `estimate_noise_decay`,
`estimate_momentum` and `estimate_reversion` say how strong one cause would have to be;
`StepGramRecorder` watches a training run without keeping its weights, and `step_gram` reads a
trajectory that is kept on disk one block of coordinates at a time.
"""

from own_data.random_walk_pca.estimators import (
    estimate_drift_ratio,
    estimate_momentum,
    estimate_noise_decay,
    estimate_reversion,
)
from own_data.random_walk_pca.recording import StepGramRecorder, effective_dimension, step_gram
from own_data.random_walk_pca.walk_test import WalkTest, random_walk_test
from theory_on_trial.own_data.estimate import Estimate
