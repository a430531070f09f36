"""Yang & Hu 2021, "Feature Learning in Infinite-Width Neural Networks" (Tensor Programs IV), ICML,
arXiv 2011.14522.

The abstract and the released code were read, and of the theorems notes that quote them; formulas
for a finite width are derived here. Layer l is n^(-a_l) w^l, w^l ~ N(0, n^(-2 b_l)), the rate
η n^(-c).

Abstract:

- Part 1: the standard and the tangent-kernel parametrisation learn no features in the limit. Holds:
  named_scalings, width_exponent.
- Part 2: the maximal update parametrisation does, and its limit has explicit formulas. Holds at a
  smaller scale: limit_recursion, tanh_limit. Networks with one hidden layer.
- Part 3: on Word2Vec and few-shot learning of Omniglot the limits beat tangent kernels and finite
  networks. In part: embeddings. In the training loss of eight words; analogies and Omniglot are not
  on trial, whose data are not bundled.
- Part 4: a limit has feature learning or is descent in a kernel, not both. Holds: conditions,
  dichotomy. In linear networks of any depth; the paper has any architecture.
"""

from typing import Annotated

import numpy as np

from theory_on_trial.contract import Interval

X = np.array([1, -1, 0.5, 1, -0.5, 1, -1, 0.5])
SERIES = X[:, None, None], 1.5 * X[:, None, None]
"""One sample per step, y = 1.5 x."""
Wide = Annotated[int, Interval(1024, 2**16, why="below, powers of n mix, above, rounding is seen")]
Small = Annotated[
    float, Interval(0.02, 0.16, why="below, the bias is lost in rounding, above, steps overshoot")
]


def pieces(count, weights):
    """How many networks at a time stay in the caches."""
    size = max(1, 2**16 // weights)
    return [min(size, count - start) for start in range(0, count, size)]
