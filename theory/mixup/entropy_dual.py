"""A solver-free certificate of optimality for weighted logistic regression with soft labels.

For rows x_r, soft labels y_r and weights p_r the primal is sum_r p_r (sp(w . x_r) - y_r w . x_r), and its dual the
largest sum_r p_r H(s_r) over s in [0, 1] with sum_r p_r (s_r - y_r) x_r = 0, H the binary entropy. Convex duality,
derived here. All values are in nats.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from theory.mixup._validation import check_dimension, check_in_unit_interval, check_same_length
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_finite


class EntropyCertificate(NamedTuple):
    """Primal and dual values at s = s(w . x): w is optimal to `gap` if `infeasibility` is zero."""

    primal: float
    """The loss of the weights."""
    dual: float
    """The mean entropy of the predictions: a lower bound of the loss of every w' up to |w'| times `infeasibility`."""
    gap: float
    """`primal` - `dual`."""
    infeasibility: float
    """Euclidean norm of sum_r p_r (s_r - y_r) x_r, the gradient of the primal."""


@validated
def entropy_certificate(
    rows: Float[np.ndarray, "rows dim"],
    soft_labels: Float[np.ndarray, " labels"],
    row_weights: Float[np.ndarray, " row_weights"],
    weights: Float[np.ndarray, " weights"],
) -> EntropyCertificate:
    """The certificate at `weights`; row weights are non-negative and need not sum to one.

    `ValueError` if shapes disagree, labels are outside [0, 1], a row weight is negative or something is not finite.
    """
    from scipy.special import entr, expit

    _check_rows(rows, soft_labels, row_weights)
    check_finite("weights", weights)
    check_dimension("weights", weights.size, rows.shape[1])
    scores = rows @ weights
    upper, lower = expit(scores), expit(-scores)
    primal = row_weights @ (soft_labels * np.logaddexp(0, -scores) + (1 - soft_labels) * np.logaddexp(0, scores))
    dual = row_weights @ (entr(upper) + entr(lower))
    residual = (row_weights * ((1 - soft_labels) * upper - soft_labels * lower)) @ rows
    return EntropyCertificate(float(primal), float(dual), float(primal - dual), float(np.linalg.norm(residual)))


@validated
def entropy_lower_bound(
    soft_labels: Float[np.ndarray, " labels"], row_weights: Float[np.ndarray, " row_weights"]
) -> float:
    """sum_r p_r H(y_r), below the loss of every function of the rows; `ValueError` as in `entropy_certificate`."""
    from scipy.special import entr

    check_in_unit_interval("soft_labels", soft_labels)
    _check_rows(soft_labels[:, None], soft_labels, row_weights)
    return float(row_weights @ (entr(soft_labels) + entr(1 - soft_labels)))


def _check_rows(
    rows: Float[np.ndarray, "rows dim"], soft_labels: Float[np.ndarray, "..."], row_weights: Float[np.ndarray, "..."]
) -> None:
    check_finite("rows", rows)
    check_in_unit_interval("soft_labels", soft_labels)
    check_same_length("soft_labels", soft_labels, "rows", rows)
    check_same_length("row_weights", row_weights, "rows", rows)
    check_finite("row_weights", row_weights)
    if np.any(row_weights < 0):
        raise ValueError(f"row_weights must be non-negative, got {row_weights}")
