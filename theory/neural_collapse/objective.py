"""The regularised square loss of a deep linear head on free features, and how far above its global minimum it is.

The objective is that of Dang et al. 2023 (arXiv 2301.00437); the gap is derived here.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from theory.neural_collapse._validation import check_chain, check_labels, checked_decays
from theory.neural_collapse.mse_optimum import mse_optimum
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_non_negative


@validated
def mse_objective(
    weights: Sequence[Float[np.ndarray, "_ _"]],
    features: Float[np.ndarray, "_ samples"],
    labels: Int[np.ndarray, " samples"],
    weight_decays: Sequence[float | int] | Float[np.ndarray, " depth"],
    feature_decay: float | int,
    bias: Float[np.ndarray, " classes"] | None = None,
    bias_decay: float | int = 0,
) -> float:
    """|W_M ... W_1 H + b 1^T - Y|^2 / (2 N) + (1/2)(sum_m lambda_Wm |W_m|^2 + lambda_H |H|^2 + lambda_b |b|^2).

    `weights` are W_1, ..., W_M, the last with one row per class; `features` H has one column per sample, `labels` its
    class in 0, ..., K - 1. `ValueError` if shapes do not fit, a decay is not positive or a label is out of range.
    """
    check_chain(weights, features)
    decays = checked_decays(weight_decays, feature_decay)
    check_non_negative("bias_decay", bias_decay)
    n_classes = weights[-1].shape[0]
    check_labels(labels, n_classes)
    if decays.size != len(weights):
        raise ValueError(f"weight_decays must hold one decay for each of {len(weights)} layers, got {decays.size}")
    if bias is not None and (bias.shape != (n_classes,) or not np.all(np.isfinite(bias))):
        raise ValueError(f"bias must hold {n_classes} finite numbers, one per class, got {bias}")
    outputs = features
    for weight in weights:
        outputs = weight @ outputs
    if bias is not None:
        outputs = outputs + bias[:, None]
    residual = outputs - np.eye(n_classes)[:, labels]
    norms = [decay * np.sum(weight**2) for decay, weight in zip(decays, weights, strict=True)]
    bias_norm = 0 if bias is None else bias_decay * np.sum(bias**2)
    regularisation = np.sum(norms) + feature_decay * np.sum(features**2) + bias_norm
    return float(np.sum(residual**2) / (2 * labels.size) + regularisation / 2)


@validated
def optimality_gap(
    weights: Sequence[Float[np.ndarray, "_ _"]],
    features: Float[np.ndarray, "_ samples"],
    labels: Int[np.ndarray, " samples"],
    weight_decays: Sequence[float | int] | Float[np.ndarray, " depth"],
    feature_decay: float | int,
    bias: Float[np.ndarray, " classes"] | None = None,
    bias_decay: float | int = 0,
) -> float:
    """F - f* of a head of these widths, non-negative up to rounding (some 1e-16): no run of any optimiser is below.

    f* is the bias-free minimum if `bias` is None. Arguments as for `mse_objective`; `ValueError` also if a class has no
    sample, or the bias is decayed and the classes are unequal.
    """
    value = mse_objective(weights, features, labels, weight_decays, feature_decay, bias, bias_decay)
    class_sizes = np.bincount(labels, minlength=weights[-1].shape[0])
    if not np.all(class_sizes):
        raise ValueError(f"labels must leave no class empty: class_sizes must all be at least 1, got {class_sizes}")
    optimum = mse_optimum(
        class_sizes,
        weight_decays,
        feature_decay,
        widths=[weight.shape[1] for weight in weights],
        bias=bias is not None,
        bias_decay=bias_decay,
    )
    return value - optimum.value
