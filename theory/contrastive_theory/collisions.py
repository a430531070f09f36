"""Negatives of the positive's own class: the loss that they cost every encoder, and what they leave to the others."""

import numpy as np
from jaxtyping import Float

from theory.contrastive_theory._domains import Base, Classes, Negatives, Views
from theory_on_trial.contract import guarded, require


@guarded
def collision_floor(weights: Classes, negatives: Negatives = 1, base: Base = 2.0, views: Views = 1) -> float:
    """The infimum over all encoders of the logistic loss: E log(1 + m B), B ~ Bin(k / m, rho_c), c ~ rho, m views.

    By Jensen's inequality a colliding negative, whose v has mean 0, costs at least what v = 0 costs; collapsed classes
    that are far apart come as near as one likes. In bits for base 2, in nats for base e. Raises ValueError unless the
    views divide the negatives. Source: derived here; views = 2 is what two augmentations per picture give.

    >>> round(collision_floor([0.5, 0.3, 0.2], 4), 4)
    1.1866
    """
    counts, chances = _collisions(weights, negatives, views)
    return float(weights @ chances @ np.log1p(views * counts) / np.log(base))


@guarded
def supervised_weight(weights: Classes, negatives: Negatives = 1, views: Views = 1) -> float:
    """With what weight (1 - tau) L_sup is certified by k negatives: min_c E 1 / (1 + m B), B ~ Bin(k / m - 1, rho_c).

    In (0, 1], and 1 for one negative. Of the negatives that do not collide one is kept, beside those of its positive's
    class, and log(1 + t / (1 + n)) >= log(1 + t) / (1 + n). Raises as `collision_floor`. Source: derived here.
    """
    require(negatives % views == 0, f"views must divide negatives, got {views} and {negatives}")
    if negatives == views:
        return 1.0
    counts, chances = _collisions(weights, negatives - views, views)
    return float((chances @ (1 / (1 + views * counts)))[weights > 0].min())


def _collisions(
    weights: Classes, negatives: int, views: int
) -> tuple[Float[np.ndarray, " counts"], Float[np.ndarray, "classes counts"]]:
    """How many objects may collide, and with what chance they do in each class."""
    from scipy.special import betaln, xlog1py, xlogy

    require(negatives % views == 0, f"views must divide negatives, got {views} and {negatives}")
    objects = negatives // views
    counts = np.arange(objects + 1.0)
    log_ways = -betaln(1 + counts, 1 + objects - counts) - np.log(1 + objects)
    each = weights[:, None]
    return counts, np.exp(log_ways + xlogy(counts, each) + xlog1py(objects - counts, -each))
