"""What the contrastive loss L_un, which needs no labels, says about the loss L_sup of classifiers,
which need them.

Classes c ~ ρ, points x given c ~ P_c, features f(x). A pair is two independent points of one class,
a negative is a point of an independent class, and v = f(x) . (f(x+) - f(x-)). L_sup tells two
different classes apart by their means.
"""

import numpy as np

from theory.contrastive_theory.collisions import collision_floor, supervised_weight
from theory.contrastive_theory.domains import (
    Base,
    Classes,
    Conditionals,
    Features,
    Loss,
    Negatives,
    Several,
    Views,
)
from theory_on_trial.contract import NonNegative, guarded


@guarded
def collision_probability(weights: Classes) -> float:
    """The probability τ = P(c- = c) that a negative has the class of the positive: the sum of
    ρ_c^2. Source: definition.
    """
    return float(weights @ weights)


@guarded
def supervised_loss(
    weights: Classes, conditionals: Conditionals, features: Features, loss: Loss
) -> float:
    """L_sup = E[l(f(x) . (μ_c - μ_c-)) given c- != c], c and c- ~ ρ; logistic in bits. Source:
    Arora et al. 2019.
    """
    scores = features @ (conditionals @ features).T
    margins = scores[:, :, None] - scores[:, None, :]
    losses = (
        np.maximum(0, 1 - margins) if loss == "hinge" else np.logaddexp(0, -margins) / np.log(2)
    )
    pairs = weights[:, None] * weights * (1 - np.eye(len(weights)))
    return float(np.einsum("cx,cd,xcd->", conditionals, pairs, losses) / pairs.sum())


@guarded
def certificate(
    weights: Classes,
    supervised: NonNegative,
    negatives: Negatives = 1,
    base: Base = 2.0,
    views: Views = 1,
) -> float:
    """The least L_un that is compatible with an L_sup: floor + (1 - τ) w L_sup, with w of
    `supervised_weight`.

    With one negative it is τ + (1 - τ) L_sup, for the hinge and for the logistic loss in bits;
    L_sup has the unit of the base. Source: Jensen; Arora et al. 2019 for one negative, derived here
    for more. Raises as `collision_floor`.

    >>> round(certificate([0.5, 0.3, 0.2], 0.5), 4)
    0.69
    """
    share = (1 - collision_probability(weights)) * supervised_weight(weights, negatives, views)
    return collision_floor(weights, negatives, base, views) + share * float(supervised)


@guarded
def independent_block_limit(
    weights: Classes, conditionals: Conditionals, features: Features
) -> float:
    """The logistic loss E log2(1 + e^-v) with v = f(x) . (μ_c - mean of all μ), to which the loss
    on means of many independent negatives tends.

    It may fall below the certificate, which averages over negatives of one class obey. Source: law
    of large numbers.
    """
    means = conditionals @ features
    margins = features @ (means - weights @ means).T
    losses = np.logaddexp(0, -margins) / np.log(2)
    return float(np.einsum("c,cx,xc->", weights, conditionals, losses))


@guarded
def spread(weights: Classes, conditionals: Conditionals, features: Features) -> float:
    """The spread s(f) = sum_c ρ_c^2 / τ sqrt(|Cov(f | c)|_2) E[|f| | c] of features within the
    classes that collide; the shape is recalled of Arora et al. 2019.
    """
    lengths = np.linalg.norm(features, axis=1)
    of_class = []
    for chances in conditionals:
        deviations = np.sqrt(chances)[:, None] * (features - chances @ features)
        of_class.append(np.linalg.norm(deviations, 2) * (chances @ lengths))
    return float(weights**2 @ np.array(of_class) / collision_probability(weights))


@guarded
def collision_constant(loss: Loss) -> float:
    """The smallest constant c' in L_same - 1 <= c' s(f): 1 / sqrt(3) for the hinge loss, and 1 /
    (sqrt(3) ln 2) for the logistic loss.

    L_same - 1 <= E|v| / 2, and E|Z - Z'| <= 2 sd / sqrt(3), attained by uniform numbers. Source:
    derived here.
    """
    return float(1 / np.sqrt(3) / (1 if loss == "hinge" else np.log(2)))


@guarded
def grid_sharpness(points: Several) -> float:
    """The ratio (L_same - 1) / (c' s) = sqrt(1 - 1 / points^2) for one class whose values are
    evenly spaced and equally likely (Gini).
    """
    return float(np.sqrt(1 - 1 / points**2))


@guarded
def spread_loss(variance: NonNegative) -> float:
    """The L_un of f = (y, +-sqrt(s^2)) with the hinge loss, where y = +-1 is the class and the sign
    is independent of it: (1/2 + s^2) / 2 from s^2 = 1/2 on.

    Below it is 1/2. L_sup is 0, yet beyond s^2 = 3/2 the constant encoder has the smaller L_un, 1.
    Source: enumeration.
    """
    return float(max(0.5, (0.5 + variance) / 2))
