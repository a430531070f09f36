"""Penalised problems solved by descent, features chosen by refitting, attention trained by gradient
descent.
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
