"""Which classes survive weight decay: critical class sizes, critical decays and conversions between losses.

Derived here, for the objective of Dang et al. 2023 (arXiv 2301.00437).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from theory.neural_collapse._validation import checked_class_sizes, checked_decays
from theory.neural_collapse.mse_optimum import direction_betas
from theory.neural_collapse.thresholds import global_threshold
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least, check_positive

_LOSSES = {  # each loss in units of |.|^2 / (2 N), as a function of the number of classes
    "half_mean_over_samples": lambda n_classes: 1.0,
    "mean_over_samples": lambda n_classes: 2.0,
    "half_mean_over_entries": lambda n_classes: 1 / n_classes,
    "mean_over_entries": lambda n_classes: 2 / n_classes,
}


@validated
def critical_class_size(
    n_samples: int, weight_decays: Sequence[float | int] | Float[np.ndarray, " depth"], feature_decay: float | int
) -> float:
    """n_crit = M N (N Lambda)^(1/M) / beta_gl: a class below it is mapped to zero at the bias-free global minimum.

    It depends on the other classes through the number N of all samples alone. `ValueError` unless N >= 1 and all decays
    are positive.
    """
    check_at_least("n_samples", n_samples, 1)
    decays = checked_decays(weight_decays, feature_decay)
    return float(direction_betas(np.ones(1), n_samples, decays, feature_decay)[0] / global_threshold(decays.size))


@validated
def largest_common_decay(class_sizes: Sequence[int] | Int[np.ndarray, " classes"], depth: int) -> float:
    """Decay lambda, the same for all weights and features, below which the bias-free minimum keeps every class alive.

    lambda^(M+1) = (n_min beta_gl / (M N))^M / N. `ValueError` unless sizes and depth are positive.
    """
    sizes = checked_class_sizes(class_sizes)
    check_at_least("depth", depth, 1)
    n_samples = int(sizes.sum())
    log_ratio = np.log(sizes.min()) + np.log(global_threshold(depth)) - np.log(depth) - np.log(n_samples)
    return float(np.exp((depth * log_ratio - np.log(n_samples)) / (depth + 1)))


@validated
def decay_in_half_mean_square(decay: float | int, n_classes: int, normalisation: str | float | int) -> float:
    """Decay lambda / alpha with the same minimisers under |.|^2 / (2 N) as `decay` has under alpha times that loss.

    `normalisation` names the loss, or is alpha itself: "half_mean_over_samples" (alpha = 1), "mean_over_samples" (2),
    "half_mean_over_entries" (1 / K) or "mean_over_entries" (2 / K, what deep-learning libraries call the mean squared
    error). Objective values are alpha times those of this theory. `ValueError` if an argument is not positive or the
    name is unknown.
    """
    check_positive("decay", decay)
    check_at_least("n_classes", n_classes, 1)
    if isinstance(normalisation, str):
        if normalisation not in _LOSSES:
            raise ValueError(f"normalisation must be a number or one of {sorted(_LOSSES)}, got {normalisation!r}")
        return float(decay / _LOSSES[normalisation](n_classes))
    check_positive("normalisation", normalisation)
    return float(decay / normalisation)
