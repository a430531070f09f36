"""Yang & Hu 2021, "Feature Learning in Infinite-Width Neural Networks" (Tensor Programs IV), ICML, arXiv 2011.14522.

The abstract and the released code were read, and no theorem: exponents and conditions are recalled, formulas for a
finite width derived here. Layer l is n^(-a_l) w^l, w^l ~ N(0, n^(-2 b_l)), the rate eta n^(-c).
"""

MOST_PROGRAMS = 0
"""Ceiling of the programs that the fast tier may ask XLA for in one process."""
MOST_SECONDS = 6.0
"""Ceiling of the seconds that the fast tier may take once its programs are in the cache."""
