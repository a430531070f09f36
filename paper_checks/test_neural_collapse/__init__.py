"""Dang et al. 2023, "Neural Collapse in Deep Linear Networks: From Balanced to Imbalanced Data",
arXiv 2301.00437.

Only its abstract and its released code could be read, so no claim bears a theorem number of it.
Closed forms meet descents from random starts, certificates and brute-force searches.

The objective of a linear head W_M … W_1 on free features H, a column per sample, is a mean loss
over the N samples, with decays: loss + (1/2)(sum_m λ_m |W_m|^2 + λ_H |H|^2). The square loss is
|W_M … W_1 H + b 1^T - Y|^2 / (2 N) with one-hot labels Y. M is the depth, K the number of classes,
n_k their sizes, n the size if all are equal (balanced classes), d_m the input width of layer m, and
Λ the product of all M + 1 decays λ_1, ..., λ_M and λ_H. The bias b is absent, or free of decay, if
a claim does not say otherwise.

Under the square loss each singular value y of the labels, centred if there is a bias, has a scalar
problem: minimise 1 / (1 + x^M) + β x over x >= 0, where β = M N (N Λ)^(1/M) / y^2. The fit keeps
the share x^M / (1 + x^M) of y. Without a bias each class has one of them, with y^2 = n_k. A class
survives, or is alive, if its x is not zero; else it is dead. Up to the threshold β_ex a stationary
x other than zero exists, and below β_gl it is the minimiser. The theory's least objective f* is the
sum of y^2 / (2 N) times the least values, where x must be zero for all but the R largest y if the
least width R is a bottleneck.

NC1 says that all features of a class are equal, NC2 that the Gram matrices of W_M ... W_m and of
the class means are those of a frame, and NC3 that the logits are too, and that W_M … W_1 is
parallel to the class means. The frame is orthogonal, simplex (I - 1 1^T / K) or general orthogonal
(diagonal, with a length for each class). Antipodal pairs are the class vectors e_1, -e_1, e_2,
-e_2, ..., with one more orthogonal vector if K is odd.

Abstract:

- Sentence 1: deep networks perform well on many tasks. No statement.
- Sentence 2: large networks of canonical architectures share the structure of their last features
  and classifiers. Holds at a smaller scale: relu_trunk. Three ReLU layers on 150 digits with decay
  on the last features, in place of large networks with decay on all weights, with which the
  geometry does not come.
- Sentence 3: features collapse to class means, and these are the vertices of a simplex frame. Holds
  at a smaller scale: bal_bias_NC, ce_M1. With free features in place of networks.
- Sentence 4: this is called neural collapse. No statement.
- Sentence 5: collapse occurs at the global minimisers of the model with free features. Holds:
  bal_nobias_NC, bal_bias_NC, two_sided-shallow, cert_M1, ce_M1.
- Sentence 6, first half: it occurs in deep linear networks under the square loss. Holds:
  bal_nobias_value, bal_nobias_NC, bal_bias_NC, two_sided-deep, cert_deep_mse, sv_formula,
  layer_balance, mse_reduction.
- Sentence 6, second half: it occurs at the global solutions under cross entropy, across the linear
  layers. Fails as published: ce_deep_global, ce_deep_global-search_more, ce_M1, ce_three_classes.
  It holds with one linear layer. As Garrod & Keating 2025 proved, it fails with two for six classes
  or more, and with three or more for four classes or more. Here it also fails at one decay for five
  classes and two layers, and at some decays for three classes.
- Sentence 7: the study is extended to imbalanced data under the square loss without bias. No
  statement.
- Sentence 8: features and classifiers converge to orthogonal vectors whose lengths depend on the
  sizes of the classes. In part: imb_M1, imb_deep, imb_bottleneck, feature_lengths, gd_reaches_NC,
  gd_basin, collapse_time, relu_trunk. Minimisers are so; descent arrives there from most starts,
  not from all.
- Sentence 9: experiments on synthetic and practical architectures agree. In part: gd_reaches_NC,
  rescale_loss, relu_trunk. On synthetic ones and on a small ReLU network; no practical architecture
  is trained.
"""

from typing import Annotated

from theory_on_trial import code, derived, recalled
from theory_on_trial.contract import Interval

DEEP = (
    "abstract, sentence 6: global solutions under the square loss exhibit collapse across the "
    "linear layers"
)
UNEQUAL = (
    "abstract, sentence 8: features and classifiers converge to orthogonal vectors, whose lengths "
    "depend on the amount of data in their classes"
)
THRESHOLDS = recalled("the theorems on the square loss: beyond which decay a class is zero")
SPLIT = derived(
    "by von Neumann's trace inequality the problem splits into a scalar one for each direction of "
    "the labels"
)
HESSIAN = derived(
    "from the second derivative of the objective in the singular directions of the labels"
)


def released(path):
    """Name a file of the paper's released code."""
    return code("Fsoft-AIC/Neural-Collapse-in-Deep-Linear-Networks", path, "1869cb1")


DENSE = "a dense Hessian of all parameters is taken"
NClasses = Annotated[int, Interval(2, 12, why=DENSE)]
"""K where a Hessian is taken."""
PerClass = Annotated[int, Interval(1, 50, why=DENSE)]
"""n, the samples of each class, where a Hessian is taken."""
Sizes = tuple[
    Annotated[int, Interval(1, 1000, why="each point is a column of a dense matrix")], ...
]
"""n_1, ..., n_K, in the order of the classes."""
Classes = Annotated[int, Interval(2, 16)]
"""K where no Hessian is taken, under the cross-entropy."""
Samples = Annotated[int, Interval(1, 1000, why="each point is a column of a dense matrix")]
"""n, the samples of each class, where no Hessian is taken."""
Depth = Annotated[int, Interval(1, 4, why=DENSE)]
"""M where a Hessian is taken."""
Strength = Annotated[
    float, Interval(0.005, 0.97, why="at one the largest class ties with zero, beyond it all die")
]
"""β / β_gl of the largest class, which fixes the size of all decays."""
Ratio = Annotated[float, Interval(0.2, 5.0, why="farther apart, descents of deep nets end at zero")]
"""By what factor decays grow from the features to the last layer, layer by layer: λ_1 / λ_H, λ_2 /
λ_1, ...
"""
Width = Annotated[int, Interval(1, 20, why=DENSE)]
"""d_M, the input of the last layer, which may be a bottleneck."""
Starts = Annotated[int, Interval(1, 100)]
"""Random starts of descents, of which the lowest end is taken."""

MARGIN = 1e-5
"""How closely the geometry of an optimum is claimed: entries of Gram matrices are of order one."""
