"""The regularised square loss of a deep linear head on free features, that of Dang et al. 2023
(arXiv 2301.00437).
"""

import numpy as np
from jaxtyping import Float

from theory.neural_collapse.domains import Decay, Labels, Layers, WeightDecays, require_chain
from theory_on_trial.contract import NonNegative, guarded, require


@guarded
def mse_objective(
    weights: Layers,
    features: Float[np.ndarray, "_ samples"],
    labels: Labels,
    weight_decays: WeightDecays,
    feature_decay: Decay,
    bias: Float[np.ndarray, " classes"] | None = None,
    bias_decay: NonNegative = 0.0,
) -> float:
    """|W_M ... W_1 H + b 1^T - Y|^2 / (2 N) + (1/2)(sum_m λ_Wm |W_m|^2 + λ_H |H|^2 + λ_b |b|^2).

    `weights` are W_1, ..., W_M, the last with one row per class; `features` H has one column per
    sample, `labels` its class in 0, ..., K - 1. `ValueError` if shapes do not fit or a label is out
    of range.
    """
    require_chain(weights, features)
    n_classes = weights[-1].shape[0]
    depth = len(weights)
    require(
        labels.max() < n_classes,
        f"labels must be below the {n_classes} rows of the last layer of weights",
    )
    require(
        len(weight_decays) == depth,
        f"weight_decays must be {depth}, one per layer, got {len(weight_decays)}",
    )
    require(
        bias is None or len(bias) == n_classes, f"bias must hold {n_classes} numbers, one per class"
    )
    outputs = features
    for weight in weights:
        outputs = weight @ outputs
    if bias is not None:
        outputs = outputs + bias[:, None]
    residual = outputs - np.eye(n_classes)[:, labels]
    norms = [
        decay * np.sum(weight**2) for decay, weight in zip(weight_decays, weights, strict=True)
    ]
    bias_norm = 0 if bias is None else bias_decay * np.sum(bias**2)
    regularisation = np.sum(norms) + feature_decay * np.sum(features**2) + bias_norm
    return float(np.sum(residual**2) / (2 * labels.size) + regularisation / 2)
