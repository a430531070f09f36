"""The exact theory of neural collapse in deep linear networks. A law that names no source is
derived here.

Dang, Tran Huu, Osher, Tran-The, Ho & Nguyen 2023, "Neural Collapse in Deep Linear Networks: From
Balanced to Imbalanced Data", arXiv 2301.00437. `mean_square` has the optimum under the square loss
and its frames. `landscape` has the other points at which descent may end, rates of training, and
proofs that an optimum is global. `cross_entropy` has the optima under the cross-entropy.
"""
