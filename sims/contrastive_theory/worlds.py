"""Contrastive losses of a finite world, by enumeration. A class c has the chances `weights`, and a
point given c has the chances in row c of `conditionals`.
"""

from typing import Literal

import numpy as np

from sims.contrastive_theory.domains import (
    Block,
    Conditionals,
    Features,
    Loss,
    Negatives,
    Weights,
    counted,
)
from theory_on_trial.contract import guarded, require


@guarded
def contrastive_loss(
    weights: Weights,
    conditionals: Conditionals,
    features: Features,
    loss: Loss,
    negatives: Negatives = 1,
    views: Negatives = 1,
) -> float:
    """The expected loss of an anchor and a positive of one class with negatives of independent
    classes. Each negative point is seen `views` times.

    Raises ValueError for the hinge with more than one negative, for views that do not divide the
    negatives, and for sums of more than 10^7 terms.
    """
    require(
        loss == "logistic" or negatives == 1, f"negatives must be 1 for the hinge, got {negatives}"
    )
    require(negatives % views == 0, f"views must divide negatives, got {views} and {negatives}")
    size = len(features) ** 2
    counts, chances = counted(
        "negatives and features", negatives // views, weights @ conditionals, size
    )
    pairs = np.einsum("c,cx,cy->xy", weights, conditionals, conditionals)
    scores = features @ features.T
    if loss == "hinge":
        losses = np.maximum(0, 1 - scores[:, :, None] + (scores @ counts.T)[:, None, :])
    else:
        # Negatives that are all too far away to count leave log 0, and no loss.
        highest = scores.max(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            against = highest + np.log(views * np.exp(scores - highest) @ counts.T)
        losses = np.logaddexp(0, against[:, None, :] - scores[:, :, None]) / np.log(2)
    return float(np.einsum("xy,n,xyn->", pairs, chances, losses))


@guarded
def pair_loss(
    weights: Weights,
    conditionals: Conditionals,
    features: Features,
    loss: Loss,
    negative: Literal["same class", "another class"],
) -> float:
    """The expected loss with one negative, which is of the anchor's class or of another class.
    Raises ValueError for another class where there is only one.
    """
    same = np.eye(len(weights))
    pairs = np.outer(weights, weights) * (same if negative == "same class" else 1 - same)
    require(
        pairs.sum() > 0,
        "weights must be positive for two classes where negative is of another class",
    )
    scores = features @ features.T
    margins = scores[:, :, None] - scores[:, None, :]
    losses = (
        np.maximum(0, 1 - margins) if loss == "hinge" else np.logaddexp(0, -margins) / np.log(2)
    )
    total = np.einsum(
        "cd,cx,cy,dz,xyz->", pairs, conditionals, conditionals, conditionals, losses, optimize=True
    )
    return float(total / pairs.sum())


@guarded
def block_loss(
    weights: Weights,
    conditionals: Conditionals,
    features: Features,
    loss: Loss,
    block: Block,
    *,
    independent: bool = False,
) -> float:
    """The expected loss that compares the mean of `block` positives with the mean of `block`
    negatives. The negatives have one class, or independent ones. Raises ValueError for sums of more
    than 10^7 terms.
    """
    size = len(features)
    laws = np.vstack([conditionals, weights @ conditionals])
    counts, chances = counted("block and features", block, laws, size * size * (block + 1))
    positive = chances[:-1]
    negative = chances[-1] if independent else weights @ chances[:-1]
    means = features @ (counts @ features / block).T
    total = 0.0
    for at_x, law in zip(means, (weights[:, None] * conditionals).T, strict=True):
        margins = at_x[:, None] - at_x
        losses = (
            np.maximum(0, 1 - margins) if loss == "hinge" else np.logaddexp(0, -margins) / np.log(2)
        )
        total += float((law @ positive) @ losses @ negative)
    return total
