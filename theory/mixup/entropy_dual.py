"""A solver-free certificate of optimality for weighted logistic regression with soft labels.

For rows x_r, soft labels y_r and weights p_r the primal is sum_r p_r (sp(w . x_r) - y_r w . x_r),
and its dual the largest sum_r p_r H(s_r) over s in [0, 1] with sum_r p_r (s_r - y_r) x_r = 0, H the
binary entropy. Convex duality, derived here. All values are in nats.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import NON_NEGATIVE, UNIT_INTERVAL, guarded

SoftLabels = Annotated[Float[np.ndarray, " rows"], UNIT_INTERVAL]
RowWeights = Annotated[Float[np.ndarray, " rows"], NON_NEGATIVE]


class EntropyCertificate(NamedTuple):
    """Primal and dual values at s = s(w . x): w is optimal to `gap` if `infeasibility` is zero."""

    primal: float
    """The loss of the weights."""
    dual: float
    """The mean entropy of the predictions: a lower bound of the loss of every w' up to |w'| times
    `infeasibility`.
    """
    gap: float
    """`primal` - `dual`."""
    infeasibility: float
    """Euclidean norm of sum_r p_r (s_r - y_r) x_r, the gradient of the primal."""


@guarded
def entropy_certificate(
    rows: Float[np.ndarray, "rows dim"],
    soft_labels: SoftLabels,
    row_weights: RowWeights,
    weights: Float[np.ndarray, " dim"],
) -> EntropyCertificate:
    """The certificate at `weights`; row weights need not sum to one. Convex duality, derived
    here.
    """
    from scipy.special import entr, expit

    scores = rows @ weights
    upper = expit(scores)
    lower = expit(-scores)
    primal = row_weights @ (
        soft_labels * np.logaddexp(0, -scores) + (1 - soft_labels) * np.logaddexp(0, scores)
    )
    dual = row_weights @ (entr(upper) + entr(lower))
    residual = (row_weights * ((1 - soft_labels) * upper - soft_labels * lower)) @ rows
    return EntropyCertificate(
        float(primal), float(dual), float(primal - dual), float(np.linalg.norm(residual))
    )
