"""Unconstrained stochastic CCA: Chapman, Wells & Lawry Aguila 2024, arXiv 2310.01012 (ICLR).

The loss is L(W) = -2 tr(W^T A W) + tr((W^T B W)^2) with A v = λ B v; CCA of two views is A = S12
off the diagonal and B = diag(S11, S22), with eigenvalues ρ_i, 0 and -ρ_i ("off-diagonal"), or the
authors' library's A + B, with eigenvalues 1 larger ("library"). b is the size of a batch and m = b
- 1.

Abstract:

- Sentence 1: CCA is a foundation of multiview learning. No statement.
- Sentence 2: regularised linear CCA generalises PLS, in one framework of generalised eigenvalue
  problems. In part: minimum_of_views. CCA without a penalty is such a problem; PLS and penalties
  between them are not on trial.
- Sentence 3: classical algorithms are infeasible at scale. Not on trial. No algorithm is timed.
- Sentence 4: training procedures of deep CCA are slow and complicated. No statement.
- Sentence 5: an objective without constraints has the top subspace of a generalised eigenvalue
  problem as its minimum. Holds: minimum, minimum-value, critical_points, floor.
- Sentence 6: stochastic descent on it gives algorithms for PLS, CCA and deep CCA. In part:
  two_batch_unbiased, two_batch_gradient, descent_shrinks. For linear CCA; PLS and deep CCA are not
  on trial.
- Sentence 7: they are faster and find higher correlations than the state of the art. Not on trial.
  The benchmarks are not bundled.
- Sentence 8: they allow a PLS analysis of data from the UK Biobank. Not on trial. The data are not
  free.
- Sentence 9, first half: they match self-supervised methods on CIFAR-10 and CIFAR-100. Not on
  trial. No network is trained.
- Sentence 9, second half: theory links self-supervised methods to CCA. In part: self_supervised. At
  the usual weights linear Barlow twins and VICReg keep one direction of two; networks are not on
  trial.
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
