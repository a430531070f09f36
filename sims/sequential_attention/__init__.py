"""The simulators of sequential attention: problems with a penalty solved by descent, features
chosen by refitting, and attention trained by gradient descent.

Notation, here and in the modules: X is n x p with one feature per column, y has n responses, S is
the set of chosen features, and w o β is the vector of the products w_j β_j.
"""

from sims.sequential_attention.attention import (
    coded_picks,
    coded_schedule,
    softmax_agreement,
    softmax_descent,
)
from sims.sequential_attention.hadamard import Hadamard, hadamard_minimum
from sims.sequential_attention.lasso import Bracket, active_counts, entry, weights
from sims.sequential_attention.pursuit import (
    Course,
    equicorrelated,
    outside_ratio,
    problems,
    refitted,
    sparse_problem,
)
