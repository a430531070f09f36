"""The synthetic problem that the released code of the paper simulates."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import Interval, Size, guarded

_LEVELS = np.append(-1.0, 2.0 ** np.arange(6))


@guarded
def official_design(
    n_features: Size,
    n_classes: Annotated[int, Interval(2, len(_LEVELS), why="as in the released code")],
) -> tuple[Float[np.ndarray, "classes features"], Float[np.ndarray, " features"]]:
    """Class means c_k (1, ..., 1), c = -1, 1, 2, 4, ..., 32, and the variances that all classes
    share.

    n for the first floor(n / 2) features, one for the others. Source: the code released with arXiv
    2302.02334.
    """
    means = np.repeat(_LEVELS[:n_classes, None], n_features, axis=1)
    variances = np.where(np.arange(n_features) < n_features // 2, float(n_features), 1.0)
    return means, variances
