"""The contrastive bound of Arora et al. 2019 with one negative sample, computed exactly on finite supports.

`features` f(x) of every point; `conditionals` D_c(x), the law of the points given each class; `priors` rho_c of the
classes. A positive pair shares its class, the negative is of an independent one. `ValueError` for values out of range.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

from theory.jepa_bias._validation import checked_finite
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_choice, check_finite

ContrastiveLoss = Literal["hinge", "logistic"]


@validated
def contrastive_loss(margin: Float[np.ndarray, "..."], loss: ContrastiveLoss) -> Float[np.ndarray, "..."]:
    """max(0, 1 - v) ("hinge") or log2(1 + e^(-v)) ("logistic") of the margin v; one at v = 0, as the bound needs."""
    check_choice("loss", loss, ("hinge", "logistic"))
    checked_finite("margin", margin)
    if loss == "hinge":
        return np.maximum(0, 1 - margin)
    return np.logaddexp(0, -margin) / np.log(2)


@validated
def collision_probability(priors: Float[np.ndarray, " classes"]) -> float:
    """The chance tau = sum_c rho_c^2 that a negative sample is of the class of the positive pair."""
    return float(np.sum(_checked_priors(priors) ** 2))


@validated
def contrastive_unsupervised_loss(
    features: Float[np.ndarray, "points dim"],
    conditionals: Float[np.ndarray, "classes points"],
    priors: Float[np.ndarray, " classes"],
    loss: ContrastiveLoss,
) -> float:
    """L_un = E l(f(x) . (f(x+) - f(x-))): x, x+ of one class, x- of an independent one."""
    classes = _checked_classes(features, conditionals, priors)
    similarity = features @ features.T
    losses = contrastive_loss(similarity[:, :, None] - similarity[:, None, :], loss)
    marginal = classes @ conditionals
    pairs = np.einsum("c,cx,cy->xy", classes, conditionals, conditionals)
    return float(np.einsum("xy,z,xyz->", pairs, marginal, losses))


@validated
def mean_classifier_loss(
    features: Float[np.ndarray, "points dim"],
    conditionals: Float[np.ndarray, "classes points"],
    priors: Float[np.ndarray, " classes"],
    loss: ContrastiveLoss,
) -> float:
    """L_sup^mu: two-class loss of the classifier by class means, averaged over pairs of different classes and points.

    E l(f(x) . (mu_c - mu_c')) over x of class c, with c and c' independent given that they differ.
    """
    classes = _checked_classes(features, conditionals, priors)
    scores = features @ (conditionals @ features).T
    losses = contrastive_loss(scores[:, :, None] - scores[:, None, :], loss)  # point, own class, other class
    differing = np.outer(classes, classes) * ~np.eye(classes.size, dtype=bool)
    return float(np.einsum("cd,cx,xcd->", differing / differing.sum(), conditionals, losses))


@validated
def supervised_bound(unsupervised_loss: float, priors: Float[np.ndarray, " classes"]) -> float:
    """(L_un - tau) / (1 - tau) >= L_sup^mu, for every f and both losses; equality if f knows only the class."""
    if not np.isfinite(unsupervised_loss):
        raise ValueError(f"unsupervised_loss must be finite, got {unsupervised_loss}")
    collision = collision_probability(priors)
    return (unsupervised_loss - collision) / (1 - collision)


def _checked_priors(priors: Float[np.ndarray, " classes"]) -> Float[np.ndarray, " classes"]:
    if priors.size < 2 or not np.all(priors > 0) or abs(priors.sum() - 1) > 1e-9:
        raise ValueError(f"priors must be positive probabilities of at least two classes, got {priors.tolist()}")
    return priors


def _checked_classes(
    features: Float[np.ndarray, "points dim"],
    conditionals: Float[np.ndarray, "classes points"],
    priors: Float[np.ndarray, " classes"],
) -> Float[np.ndarray, " classes"]:
    if not np.all(conditionals >= 0) or np.any(np.abs(conditionals.sum(axis=1) - 1) > 1e-9):
        raise ValueError("conditionals must hold one probability vector per class, got rows that are none")
    check_finite("features", features)
    return _checked_priors(priors)
