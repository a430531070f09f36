"""Bisection for many bracketed roots at once."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

# the bracket shrinks below half an ulp of any root that is not 2^-12 times smaller than its bracket
_HALVINGS = 64


def bisect(
    function: Callable[[Float[np.ndarray, " roots"]], Float[np.ndarray, " roots"]],
    lower: Float[np.ndarray, " roots"],
    upper: Float[np.ndarray, " roots"],
    sign_at_lower: Float[np.ndarray, " roots"],
) -> Float[np.ndarray, " roots"]:
    """Return the root of `function` in each bracket (lower_i, upper_i), given the sign that the
    function has just above lower_i.

    The sign is given because brackets may end at poles or trivial zeros. Each bracket must hold
    exactly one sign change.
    """
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        root_is_above = function(middle) * sign_at_lower > 0
        lower = np.where(root_is_above, middle, lower)
        upper = np.where(root_is_above, upper, middle)
    return (lower + upper) / 2
