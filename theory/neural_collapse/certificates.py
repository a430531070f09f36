"""Proofs of global optimality at depth one: dual bounds and the operator norm of the loss gradient.

At depth one and width of at least min(K, N) the decays are sqrt(λ_W λ_H) times the nuclear norm of
the logits Z, a convex problem; every matrix of operator norm up to that root bounds the objective
from below. Losses are means over the N samples: "mse" |Z + b 1^T - Y|^2 / (2 N), "ce" the
cross-entropy.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

from theory.neural_collapse.domains import Decay, Labels
from theory_on_trial.contract import NonNegative, guarded, require

_ROUNDING = (
    64 * np.finfo(float).eps
)  # relative error left to operator norms and sums, times the number of samples


@guarded
def rescaled_dual(
    residual: Float[np.ndarray, "classes samples"],
    weight_decay: Decay,
    feature_decay: Decay,
    *,
    bias: bool = False,
) -> Float[np.ndarray, "classes samples"]:
    """Dual-feasible matrix from the residual Y - Z - b 1^T (square loss) or Y - softmax(Z + b 1^T)
    (cross-entropy).

    residual / N, centred over the samples with a `bias`, shrunk to operator norm sqrt(λ_W λ_H) if
    above.
    """
    limit = _operator_limit(weight_decay, feature_decay)
    deviation = residual - residual.mean(axis=1, keepdims=True) if bias else residual
    dual = deviation / residual.shape[1]
    norm = np.linalg.norm(dual, ord=2)
    return dual * (limit / norm) if norm > limit else dual


@guarded
def dual_bound(
    dual: Float[np.ndarray, "classes samples"],
    labels: Labels,
    weight_decay: Decay,
    feature_decay: Decay,
    *,
    loss: Literal["mse", "ce"] = "mse",
    bias: bool = False,
) -> float:
    """Lower bound on the objective at depth one from a feasible `dual` A, for any width.

    "mse": <A, Y> - (N/2) |A|^2. "ce": the mean entropy of the columns of Y - N A, and minus
    infinity if one of them is no distribution. `ValueError` if A is infeasible beyond rounding: its
    operator norm exceeds sqrt(λ_W λ_H), or, with a `bias`, a row does not sum to zero; also for a
    label that has no row.
    """
    limit = _operator_limit(weight_decay, feature_decay)
    n_classes, n_samples = dual.shape
    require(
        labels.max() < n_classes,
        f"labels must be below the {n_classes} rows of dual, got {labels.max()}",
    )
    norm = float(np.linalg.norm(dual, ord=2))
    slack = limit * n_samples * _ROUNDING
    require(
        norm <= limit + slack,
        f"dual must have operator norm at most sqrt(lambda_W lambda_H) = {limit}, got {norm}",
    )
    sums = np.abs(dual.sum(axis=1))
    require(
        not bias or sums.max() <= slack,
        f"dual must have rows that sum to zero with a bias, got {sums.max()}",
    )
    one_hot = np.eye(n_classes)[:, labels]
    if loss == "mse":
        return float(np.sum(dual * one_hot) - n_samples / 2 * np.sum(dual**2))
    return _mean_entropy(one_hot - n_samples * dual, n_samples * n_classes * _ROUNDING)


@guarded
def is_global_shallow(
    loss_gradient: Float[np.ndarray, "classes samples"],
    weight_decay: Decay,
    feature_decay: Decay,
    tolerance: NonNegative = 1e-6,
) -> bool:
    """Whether a critical point at depth one is a global minimum: |gradient|_op <= sqrt(λ_W λ_H).

    `loss_gradient` is that of the mean loss in the logits, K x N. Exact for critical points of
    every convex differentiable loss, at width of at least min(K, N): all others are strict saddles.
    Singular values of directions that are alive equal the root, so the comparison leaves a relative
    `tolerance` for how well the point has converged.
    """
    limit = _operator_limit(weight_decay, feature_decay)
    return bool(np.linalg.norm(loss_gradient, ord=2) <= limit * (1 + tolerance))


def _mean_entropy(columns: Float[np.ndarray, "classes samples"], rounding: float) -> float:
    from scipy.special import entr

    if columns.min() < -rounding or np.abs(columns.sum(axis=0) - 1).max() > rounding:
        return float("-inf")
    return float(np.sum(entr(np.maximum(columns, 0))) / columns.shape[1])


def _operator_limit(weight_decay: float, feature_decay: float) -> float:
    return float(np.sqrt(weight_decay) * np.sqrt(feature_decay))
