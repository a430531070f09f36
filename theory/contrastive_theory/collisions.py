"""Negatives of the positive's own class: the loss that they cost every encoder, and the weight that
they leave to the other negatives.
"""

import numpy as np
from jaxtyping import Float

from theory.contrastive_theory.domains import Base, Classes, Negatives, Views
from theory_on_trial.contract import guarded, require


@guarded
def collision_floor(
    weights: Classes, negatives: Negatives, base: Base = 2.0, views: Views = 1
) -> float:
    """The infimum of the logistic loss over all encoders: E log(1 + m B), with c ~ ρ, B ~ Bin(k /
    m, ρ_c) and m views.

    By Jensen's inequality a colliding negative, whose v has mean 0, costs at least what v = 0
    costs; collapsed classes that are far apart come as near as one likes. In bits for base 2, in
    nats for base e. Raises ValueError unless the views divide the negatives. Source: derived here;
    views = 2 is what two augmentations per picture give.

    >>> round(collision_floor([0.5, 0.3, 0.2], 4), 4)
    1.1866
    """
    counts, chances = _collisions(weights, negatives, views)
    return float(weights @ chances @ np.log1p(counts) / np.log(base))


@guarded
def supervised_weight(weights: Classes, negatives: Negatives, views: Views) -> float:
    """The weight w with which k negatives certify (1 - τ) L_sup: min_c E min(1, (k - N) / (1 + N))
    / (1 - ρ_c), with N = m B.

    Over the classes that occur, B as in `collision_floor`. Given N collisions, the n = k - N other
    negatives, of terms t_i, add log(1 + sum of t_i / (1 + N)), which by concavity is at least the
    mean of log(1 + n t_i / (1 + N)), and so of min(1, n / (1 + N)) log(1 + t_i). Raises as
    `collision_floor`. Source: derived here.
    """
    counts, chances = _collisions(weights, negatives, views)
    share = chances @ np.minimum(1, (negatives - counts) / (1 + counts))
    return float((share / (1 - weights))[weights > 0].min())


def _collisions(
    weights: Classes, negatives: int, views: int
) -> tuple[Float[np.ndarray, " counts"], Float[np.ndarray, "classes counts"]]:
    """How many negatives may collide, and with what chance they do in each class."""
    from scipy.special import betaln, xlog1py, xlogy

    require(negatives % views == 0, f"views must divide negatives, got {views} and {negatives}")
    objects = negatives // views
    colliding = np.linspace(0, objects, objects + 1)
    log_ways = -betaln(1 + colliding, 1 + objects - colliding) - np.log(1 + objects)
    rho = weights[:, None]
    chances = np.exp(log_ways + xlogy(colliding, rho) + xlog1py(objects - colliding, -rho))
    return views * colliding, chances
