"""Proofs of global optimality at depth one: dual bounds and the operator norm of the loss gradient. Derived here.

At depth one and width of at least min(K, N) the decays are sqrt(lambda_W lambda_H) times the nuclear norm of the logits
Z, a convex problem; every matrix of operator norm up to that root bounds the objective from below. Losses are means
over the N samples: "mse" |Z + b 1^T - Y|^2 / (2 N), "ce" the cross-entropy.
"""

import numpy as np
from jaxtyping import Float, Int

from theory.neural_collapse._validation import check_labels
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_positive

_ROUNDING = 64 * np.finfo(float).eps  # relative error left to operator norms and sums, times the number of samples


@validated
def rescaled_dual(
    residual: Float[np.ndarray, "classes samples"],
    weight_decay: float | int,
    feature_decay: float | int,
    *,
    bias: bool = False,
) -> Float[np.ndarray, "classes samples"]:
    """Dual-feasible matrix from the residual Y - Z - b 1^T (square loss) or Y - softmax(Z + b 1^T) (cross-entropy).

    It is residual / N, centred over the samples with a `bias`, and shrunk to operator norm sqrt(lambda_W lambda_H) if
    above; at a global minimum it is the optimal one. `ValueError` for entries that are not finite or decays that are
    not positive.
    """
    limit = _operator_limit(weight_decay, feature_decay)
    _check_matrix("residual", residual)
    centred = residual - residual.mean(axis=1, keepdims=True) if bias else residual
    dual = centred / residual.shape[1]
    norm = np.linalg.norm(dual, ord=2)
    return dual * (limit / norm) if norm > limit else dual


@validated
def dual_bound(
    dual: Float[np.ndarray, "classes samples"],
    labels: Int[np.ndarray, " samples"],
    weight_decay: float | int,
    feature_decay: float | int,
    *,
    loss: str = "mse",
    bias: bool = False,
) -> float:
    """Lower bound on the objective at depth one from a feasible `dual` A, for any width.

    "mse": <A, Y> - (N/2) |A|^2. "ce": the mean entropy of the columns of Y - N A, and minus infinity if one of them is
    no distribution. `ValueError` if A is infeasible beyond rounding: its operator norm exceeds sqrt(lambda_W lambda_H),
    or, with a `bias`, a row does not sum to zero; also for a bad label or an unknown loss.
    """
    limit = _operator_limit(weight_decay, feature_decay)
    _check_matrix("dual", dual)
    n_classes, n_samples = dual.shape
    check_labels(labels, n_classes)
    norm = float(np.linalg.norm(dual, ord=2))
    slack = limit * n_samples * _ROUNDING
    if norm > limit + slack:
        raise ValueError(f"dual must have operator norm at most sqrt(lambda_W lambda_H) = {limit}, got {norm}")
    if bias and np.abs(dual.sum(axis=1)).max() > slack:
        raise ValueError(f"dual must have rows that sum to zero with a bias, got sums {dual.sum(axis=1)}")
    one_hot = np.eye(n_classes)[:, labels]
    if loss == "mse":
        return float(np.sum(dual * one_hot) - n_samples / 2 * np.sum(dual**2))
    if loss == "ce":
        return _mean_entropy(one_hot - n_samples * dual, n_samples * n_classes * _ROUNDING)
    raise ValueError(f'loss must be "mse" or "ce", got {loss!r}')


@validated
def is_global_shallow(
    loss_gradient: Float[np.ndarray, "classes samples"],
    weight_decay: float | int,
    feature_decay: float | int,
    tolerance: float | int = 1e-6,
) -> bool:
    """Whether a critical point at depth one is a global minimum: |gradient|_op <= sqrt(lambda_W lambda_H).

    `loss_gradient` is that of the mean loss in the logits, K x N. Exact for critical points of every convex
    differentiable loss, at width of at least min(K, N): all others are strict saddles. Singular values of directions
    that are alive equal the root, so the comparison leaves a relative `tolerance` for how well the point has converged.
    """
    limit = _operator_limit(weight_decay, feature_decay)
    _check_matrix("loss_gradient", loss_gradient)
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be non-negative, got {tolerance}")
    return bool(np.linalg.norm(loss_gradient, ord=2) <= limit * (1 + tolerance))


def _mean_entropy(columns: Float[np.ndarray, "classes samples"], rounding: float) -> float:
    from scipy.special import entr

    if columns.min() < -rounding or np.abs(columns.sum(axis=0) - 1).max() > rounding:
        return float("-inf")
    return float(np.sum(entr(np.maximum(columns, 0))) / columns.shape[1])


def _operator_limit(weight_decay: float | int, feature_decay: float | int) -> float:
    check_positive("weight_decay", weight_decay)
    check_positive("feature_decay", feature_decay)
    return float(np.sqrt(weight_decay) * np.sqrt(feature_decay))


def _check_matrix(name: str, matrix: Float[np.ndarray, "classes samples"]) -> None:
    if matrix.size == 0 or not np.all(np.isfinite(matrix)):
        raise ValueError(f"{name} must hold finite numbers, at least one, got an array of shape {matrix.shape}")
