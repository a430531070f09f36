"""Yang & Hu 2021, "Feature Learning in Infinite-Width Neural Networks" (Tensor Programs IV), ICML,
arXiv 2011.14522.

The abstract and the released code were read, and of the theorems notes that quote them; formulas
for a finite width are derived here. Layer l is n^(-a_l) w^l, w^l ~ N(0, n^(-2 b_l)), the rate
η n^(-c).

Abstract:

- Sentence 1: in a suitable parametrisation a wide network behaves as its tangent kernel. Holds at a
  smaller scale: dichotomy. In linear networks with one hidden layer.
- Sentence 2: the standard and the tangent-kernel parametrisation learn no features in the limit.
  Holds at a smaller scale: named_scalings, named_scalings-moved, width_exponent. In a step of
  networks with one hidden layer.
- Sentence 3: simple modifications allow features to be learned in the limit. Holds at a smaller
  scale: named_scalings-moved, tanh_limit. In networks with one hidden layer.
- Sentence 4: such limits have explicit formulas. Holds at a smaller scale: limit_recursion,
  tanh_limit, embeddings. In networks with one hidden layer and for eight words.
- Sentence 5: the limits are computed for Word2Vec and for few-shot learning of Omniglot. In part:
  embeddings. For eight words; Omniglot is not bundled.
- Sentence 6: they beat tangent kernels and finite networks, which approach them. In part:
  embeddings. In the training loss of eight words, beside the kernel; analogies and Omniglot are not
  on trial.
- Sentence 7: a space of parametrisations is classified. No statement.
- Sentence 8, first half: a limit has feature learning or is descent in a kernel, not both. Holds at
  a smaller scale: conditions, dichotomy. In linear networks with one hidden layer, and by exponents
  on a grid; the paper has any architecture.
- Sentence 8, second half: the technique computes any such limit. Not on trial. Only two limits are
  computed.
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
