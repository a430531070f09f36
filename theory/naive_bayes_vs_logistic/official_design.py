"""The synthetic problem that the released code of the paper simulates."""

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic._validation import check_classes, check_features
from theory_on_trial.arguments.theory import validated

_LEVELS = np.array([-1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0])


@validated
def official_design(
    n_features: int, n_classes: int
) -> tuple[Float[np.ndarray, "classes features"], Float[np.ndarray, " features"]]:
    """Class means c_k (1, ..., 1), c = -1, 1, 2, 4, ..., 32, and the variances that all classes share.

    The first floor(n / 2) of the n features have variance n, the others variance one; features are independent and
    Gaussian, classes balanced. Source: the code released with arXiv 2302.02334. `ValueError` if `n_features` < 1 or
    `n_classes` is not in 2..7.
    """
    check_features(n_features)
    check_classes(n_classes)
    if n_classes > len(_LEVELS):
        raise ValueError(f"n_classes must be at most {len(_LEVELS)} in the official design, got {n_classes}")
    means = np.repeat(_LEVELS[:n_classes, None], n_features, axis=1)
    variances = np.where(np.arange(n_features) < n_features // 2, float(n_features), 1.0)
    return means, variances
