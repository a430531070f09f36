"""How many predictions of a linear classifier on a user's own samples depend on an arbitrary
choice?

`multiplicity` finds, for every error tolerance, the competing classifiers that change most of the
predictions, whose predictions some competitor changes, and a proof for each number.
"""

from own_data.predictive_multiplicity.exact import multiplicity
from own_data.predictive_multiplicity.result import Multiplicity
