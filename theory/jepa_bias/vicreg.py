"""The loss of VICReg (Bardes et al. 2022) and its value when all embeddings coincide.

An invariance term (mean squared distance of the two views), a variance term (a hinge on the
standard deviations) and a covariance term (squared off-diagonals), the last two summed over both
views; public implementations average the variance term instead, which `halve_variance` does. The
weights are the published ones, recalled and not re-read.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import Holds, guarded

SAMPLES = Holds("samples", "hold at least two samples", lambda view: len(view) > 1)
_TARGET = 1.0
_EPSILON = 1e-4
Embeddings = Annotated[Float[np.ndarray, "samples dim"], SAMPLES]


@guarded
def vicreg_loss(first: Embeddings, second: Embeddings, *, halve_variance: bool = False) -> float:
    """25 invariance, 25 variance and 1 covariance term: max(0, 1 - sqrt(Var + 1e-4)) averaged over
    dimensions; squared off-diagonal covariances divided by the dimension; moments are unbiased.
    """
    hinge = 0.0
    correlation = 0.0
    for view in (first, second):
        moments = np.atleast_2d(np.cov(view, rowvar=False))
        variances = np.diag(moments)
        hinge += float(np.mean(np.maximum(0, _TARGET - np.sqrt(variances + _EPSILON))))
        correlation += float(np.sum((moments - np.diag(variances)) ** 2)) / view.shape[1]
    distance = float(np.mean(np.sum((first - second) ** 2, axis=1)))
    return float(25 * distance + 25 * hinge / (2 if halve_variance else 1) + correlation)


@guarded
def vicreg_collapse_value(*, halve_variance: bool = False) -> float:
    """50 (1 - sqrt(1e-4)), or half of it: the loss when all embeddings of both views are one
    point.
    """
    return float((1 if halve_variance else 2) * 25 * (_TARGET - np.sqrt(_EPSILON)))
