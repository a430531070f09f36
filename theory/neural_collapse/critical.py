"""Which classes survive weight decay: critical class sizes, critical decays and conversions between
losses.

Derived here, for the objective of Dang et al. 2023 (arXiv 2301.00437).
"""

import numpy as np

from theory.neural_collapse.domains import (
    Classes,
    ClassSizes,
    Decay,
    Depth,
    Normalisation,
    WeightDecays,
)
from theory.neural_collapse.mse_optimum import direction_betas
from theory.neural_collapse.thresholds import global_threshold
from theory_on_trial.contract import Count, Positive, guarded

_LOSSES = {  # each loss in units of |.|^2 / (2 N), as a function of the number of classes
    "half_mean_over_samples": lambda n_classes: 1.0,
    "mean_over_samples": lambda n_classes: 2.0,
    "half_mean_over_entries": lambda n_classes: 1 / n_classes,
    "mean_over_entries": lambda n_classes: 2 / n_classes,
}


@guarded
def critical_class_size(
    n_samples: Count, weight_decays: WeightDecays, feature_decay: Decay
) -> float:
    """n_crit = M N (N Λ)^(1/M) / β_gl: a class below it is mapped to zero at the bias-free global
    minimum.

    N = `n_samples` is that of all classes; infinite where decays are too large for floating-point
    numbers.
    """
    decays = np.asarray(weight_decays)
    return float(
        direction_betas(np.ones(1), n_samples, decays, feature_decay)[0]
        / global_threshold(decays.size)
    )


@guarded
def largest_common_decay(class_sizes: ClassSizes, depth: Depth) -> float:
    """Decay λ, the same for all, below which the bias-free minimum keeps every class: λ^(M+1) =
    (n_min β_gl / (M N))^M / N.
    """
    sizes = np.asarray(class_sizes)
    n_samples = int(sizes.sum())
    log_ratio = (
        np.log(sizes.min()) + np.log(global_threshold(depth)) - np.log(depth) - np.log(n_samples)
    )
    return float(np.exp((depth * log_ratio - np.log(n_samples)) / (depth + 1)))


@guarded
def decay_in_half_mean_square(
    decay: Decay, n_classes: Classes, normalisation: Normalisation | Positive
) -> float:
    """Decay λ / α with the same minimisers under |.|^2 / (2 N) as `decay` has under α times that
    loss.

    `normalisation` names the loss, or is α itself: "half_mean_over_samples" (α = 1),
    "mean_over_samples" (2), "half_mean_over_entries" (1 / K) or "mean_over_entries" (2 / K, what
    deep-learning libraries call the mean squared error). Objective values are α times those of this
    theory.

    >>> decay_in_half_mean_square(5e-4, 10, "mean_over_entries")
    0.0025
    """
    alpha = _LOSSES[normalisation](n_classes) if isinstance(normalisation, str) else normalisation
    return float(decay / alpha)
