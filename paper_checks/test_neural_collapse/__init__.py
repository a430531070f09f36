"""Dang et al. 2023, "Neural Collapse in Deep Linear Networks: From Balanced to Imbalanced Data",
arXiv 2301.00437.

Only its abstract and its released code could be read, so no claim bears a theorem number of it.
Closed forms meet descents from random starts, certificates and brute-force searches. M is the depth
of the linear head, K the number of classes, n_k their sizes, N their sum, d_m the input width of
layer m.

Abstract:

- Sentence 2: large networks of canonical architectures share the structure of their last features
  and classifiers. Holds at a smaller scale: relu_trunk. Three ReLU layers on 150 digits with decay
  on the last features, in place of large networks with decay on all weights, with which the
  geometry does not come.
- Sentence 3: features collapse to class means, and these are the vertices of a simplex frame.
  Holds: bal_bias_NC, cert_M1, cert_cvx. In the model with free features.
- Sentence 5: collapse occurs at the global minimisers of the model with free features. Holds:
  two_sided-shallow, cert_M1, ce_M1.
- Sentence 6, first half: it occurs in deep linear networks under the square loss. Holds:
  bal_nobias_value, bal_nobias_NC, bal_bias_NC, two_sided-deep, cert_deep_mse, sv_formula,
  layer_balance, mse_reduction.
- Sentence 6, second half: it occurs at the global solutions under cross entropy, across the linear
  layers. Fails as published: ce_deep_global, ce_M1, ce_three_classes. It holds with one linear
  layer; with more, other solutions have a smaller loss at some decays, with three classes too.
- Sentence 7: the geometry of imbalanced data is known for the square loss without bias. Holds:
  imb_M1, imb_deep, imb_bottleneck, feature_lengths.
- Sentence 8: features and classifiers converge to orthogonal vectors whose lengths depend on the
  sizes of the classes. In part: imb_deep, feature_lengths, gd_reaches_NC, gd_basin,
  collapse_time, relu_trunk. Minimisers are so; descent arrives there from most starts, not from
  all.
- Sentence 9: experiments on synthetic and practical architectures agree. In part: gd_reaches_NC,
  rescale_loss, relu_trunk. On synthetic ones and on a small ReLU network; no practical architecture
  is trained.
"""

from typing import Annotated

from theory_on_trial import abstract, code, derived
from theory_on_trial.contract import Interval

DEEP = abstract(
    "we take a step further and prove the NC occurrences in deep linear networks for the popular "
    "mean squared error (MSE) and cross entropy (CE) losses, showing that global solutions exhibit "
    "NC properties across the linear layers"
)
UNEQUAL = abstract(
    "convergence of the last-layer features and classifiers to a geometry consisting of "
    "orthogonal vectors, whose lengths depend on the amount of data in their corresponding classes"
)
SPLIT = derived(
    "by von Neumann's trace inequality the problem splits into a scalar one for each direction of "
    "the labels"
)
HESSIAN = derived(
    "from the second derivative of the objective in the singular directions of the labels"
)


def released(path, says=""):
    """Name a file of the paper's released code."""
    return code("Fsoft-AIC/Neural-Collapse-in-Deep-Linear-Networks", path, "1869cb1", says=says)


DENSE = "a dense Hessian of all parameters is taken"
NClasses = Annotated[int, Interval(2, 12, why=DENSE)]
PerClass = Annotated[int, Interval(1, 50, why=DENSE)]
Sizes = tuple[
    Annotated[int, Interval(1, 1000, why="each point is a column of a dense matrix")], ...
]
Classes = Annotated[int, Interval(2, 16)]
"""K where no Hessian is taken, under the cross-entropy."""
Samples = Annotated[int, Interval(1, 1000, why="each point is a column of a dense matrix")]
"""n where no Hessian is taken."""
Depth = Annotated[int, Interval(1, 4, why=DENSE)]
Strength = Annotated[
    float, Interval(0.005, 0.97, why="of the threshold, where the largest class ties with zero")
]
"""The β that the largest class feels, relative to its global threshold."""
Ratio = Annotated[float, Interval(0.2, 5.0, why="farther apart, descents of deep nets end at zero")]
"""By what factor decays grow from the features to the last layer, layer by layer."""
Width = Annotated[int, Interval(1, 20, why=DENSE)]
"""d_M, the input of the last layer, which may be a bottleneck."""
Starts = Annotated[int, Interval(1, 100)]

MARGIN = 1e-5
"""How closely the geometry of an optimum is claimed: entries of Gram matrices are of order one."""
