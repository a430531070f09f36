"""Neural collapse in deep linear networks: the exact theory. A law that names no source is derived
here.

Dang, Tran Huu, Osher, Tran-The, Ho & Nguyen 2023, "Neural Collapse in Deep Linear Networks: From
Balanced to Imbalanced Data", arXiv 2301.00437. `mean_square` has the optimum
under the square loss, `landscape` what else descent may end at and what proves an optimum,
`cross_entropy` its optima, `collapse_geometry` frames and the metrics of collapse, and `dynamics`
rates of training.
"""
