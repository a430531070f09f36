"""Unconstrained stochastic CCA: Chapman, Wells & Lawry Aguila 2024, arXiv 2310.01012 (ICLR).

The loss is L(W) = -2 tr(W^T A W) + tr((W^T B W)^2) with A v = λ B v; CCA of two views is A = S12
off the diagonal and B = diag(S11, S22), with eigenvalues ρ_i, 0 and -ρ_i ("off-diagonal"), or the
authors' library's A + B, with eigenvalues 1 larger ("library"). b is the size of a batch and m = b
- 1.
"""

from typing import Annotated

import numpy as np

from theory_on_trial.contract import Interval

NOTHING = "correlations must not be empty: views have a dimension"
Size = Annotated[int, Interval(1, 128, why="problems of this size are solved many times")]
Columns = Annotated[int, Interval(1, 128, why="as many as there are directions, or a few more")]
FewColumns = Annotated[
    int, Interval(1, 12, why="descents take Newton steps in all entries: more take minutes")
]
Correlations = tuple[Annotated[float, Interval(0, 1, "[)", why="at 1 the pencil is singular")], ...]
