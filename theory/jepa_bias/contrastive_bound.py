"""The contrastive bound of Arora et al. 2019 with one negative sample, computed exactly on finite
supports.

`features` f(x) of every point; `conditionals` D_c(x), the law of the points given each class;
`priors` ρ_c of the classes. A positive pair shares its class, the negative is of an independent
one.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import POSITIVE, PROBABILITIES, Holds, guarded

ContrastiveLoss = Literal["hinge", "logistic"]
Features = Float[np.ndarray, "points dim"]
Conditionals = Annotated[Float[np.ndarray, "classes points"], PROBABILITIES]
SEVERAL = Holds("several", "be those of at least two classes", lambda priors: priors.size > 1)
Priors = Annotated[Float[np.ndarray, " classes"], POSITIVE, PROBABILITIES, SEVERAL]


@guarded
def contrastive_loss(
    margin: Float[np.ndarray, "..."], loss: ContrastiveLoss
) -> Float[np.ndarray, "..."]:
    """max(0, 1 - v) ("hinge") or log2(1 + e^(-v)) ("logistic") of the margin v; one at v = 0, as
    the bound needs.
    """
    if loss == "hinge":
        return np.asarray(np.maximum(0, 1 - margin))
    return np.asarray(np.logaddexp(0, -margin) / np.log(2))


@guarded
def collision_probability(priors: Priors) -> float:
    """The chance τ = sum_c ρ_c^2 that a negative sample is of the class of the positive pair."""
    return float(np.sum(priors**2))


@guarded
def contrastive_unsupervised_loss(
    features: Features, conditionals: Conditionals, priors: Priors, loss: ContrastiveLoss
) -> float:
    """L_un = E l(f(x) . (f(x+) - f(x-))): x, x+ of one class, x- of an independent one."""
    similarity = features @ features.T
    losses = contrastive_loss(similarity[:, :, None] - similarity[:, None, :], loss)
    marginal = priors @ conditionals
    pairs = np.einsum("c,cx,cy->xy", priors, conditionals, conditionals)
    return float(np.einsum("xy,z,xyz->", pairs, marginal, losses))


@guarded
def mean_classifier_loss(
    features: Features, conditionals: Conditionals, priors: Priors, loss: ContrastiveLoss
) -> float:
    """L_sup^μ = E l(f(x) . (μ_c - μ_c')) over x of class c, with c and c' independent given that
    they differ.
    """
    scores = features @ (conditionals @ features).T
    losses = contrastive_loss(
        scores[:, :, None] - scores[:, None, :], loss
    )  # point, own class, other class
    differing = np.outer(priors, priors) * ~np.eye(priors.size, dtype=bool)
    return float(np.einsum("cd,cx,xcd->", differing / differing.sum(), conditionals, losses))


@guarded
def supervised_bound(unsupervised_loss: float, priors: Priors) -> float:
    """(L_un - τ) / (1 - τ) >= L_sup^μ, for every f and both losses; equality if f knows only the
    class.
    """
    collision = collision_probability(priors)
    return float((unsupervised_loss - collision) / (1 - collision))
