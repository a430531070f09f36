"""Hostile input for the statistics that several papers share."""

import numpy as np
from promises import Case, promises

from sims import wishart
from sims.naive_bayes_vs_logistic import sizes


def errors_at(size):
    return np.array([1.0, 1.5]) / size


(
    test_every_function_is_guarded,
    test_anything_else_gets_one_sentence,
    test_what_is_admissible_is_answered,
    test_what_is_extreme_is_answered_or_refused,
) = promises(
    [sizes, wishart],
    {
        "bisect_sizes": Case({"errors_at": errors_at, "sizes": np.array([2, 4, 8, 16]), "target": 0.2}),
        "bartlett_factor": Case({"dtype": "float64"}),
    },
    examples=5,
)
