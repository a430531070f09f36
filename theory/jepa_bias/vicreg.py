"""The loss of VICReg (Bardes et al. 2022) and its value when all embeddings coincide.

An invariance term (mean squared distance of the two views), a variance term (a hinge on the standard deviations) and a
covariance term (squared off-diagonals), the last two summed over both views; public implementations average the
variance term instead, which `halve_variance` does. Defaults are the published weights, recalled and not re-read.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import Holds, NonNegative, guarded

SAMPLES = Holds("samples", "hold at least two samples", lambda view: len(view) > 1)
Embeddings = Annotated[Float[np.ndarray, "samples dim"], SAMPLES]


@guarded
def vicreg_loss(
    first: Embeddings, second: Embeddings, *, invariance: NonNegative = 25.0, variance: NonNegative = 25.0,
    covariance: NonNegative = 1.0, target: NonNegative = 1.0, epsilon: NonNegative = 1e-4, halve_variance: bool = False,
) -> float:  # fmt: skip
    """Loss of pairs of embeddings, with weights lambda, mu, nu and the `target` gamma of the deviations.

    The hinge is max(0, gamma - sqrt(Var + epsilon)), averaged over dimensions; the squared off-diagonal covariances are
    divided by the dimension; moments are unbiased.
    """
    hinge, correlation = 0.0, 0.0
    for view in (first, second):
        moments = np.atleast_2d(np.cov(view, rowvar=False))
        variances = np.diag(moments)
        hinge += float(np.mean(np.maximum(0, target - np.sqrt(variances + epsilon))))
        correlation += float(np.sum((moments - np.diag(variances)) ** 2)) / view.shape[1]
    distance = float(np.mean(np.sum((first - second) ** 2, axis=1)))
    return float(invariance * distance + variance * hinge / (2 if halve_variance else 1) + covariance * correlation)


@guarded
def vicreg_collapse_value(
    *,
    variance: NonNegative = 25.0,
    target: NonNegative = 1.0,
    epsilon: NonNegative = 1e-4,
    halve_variance: bool = False,
) -> float:
    """2 mu max(0, gamma - sqrt(epsilon)), or half of it: the loss when all embeddings of both views are one point."""
    return float((1 if halve_variance else 2) * variance * max(0.0, target - np.sqrt(epsilon)))
