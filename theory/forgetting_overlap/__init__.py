"""What training on a second task does to the first one, from the overlap of their feature spaces.

Doan, Abbana Bennani, Mazoure, Rabusseau & Alquier 2021, "A Theoretical Analysis of Catastrophic
Forgetting through the NTK Overlap Matrix", AISTATS 2021, arXiv 2010.04003. Read were the abstract,
the released code, and a third-party note that quotes the overlap matrix, the formula of forgetting,
the bound by the principal angle and the residual of PCA-OGD; the body was not. What is not quoted
was derived for this collection.
"""

from theory.forgetting_overlap.bounds import angle_bound, kept_bound, memory_bound
from theory.forgetting_overlap.overlap import (
    by_direction,
    chained_drifts,
    cosines,
    forgetting,
    loss_increase,
    stopped_forgetting,
)
from theory.forgetting_overlap.random_labels import (
    independent_forgetting,
    random_forgetting,
    teacher_forgetting,
)
