"""How much of what a linear classifier predicts about a user's own samples is a matter of choice?

`multiplicity` finds, for every error tolerance, the competing classifiers that change most of the
predictions, whose predictions some competitor changes, and a proof for each number.
"""

from own_data.predictive_multiplicity.exact import multiplicity
from own_data.predictive_multiplicity.result import Multiplicity
