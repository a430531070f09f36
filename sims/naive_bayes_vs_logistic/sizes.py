"""Where a learning curve falls to a target: errors on a geometric grid of sample sizes, found by
bisection.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract import RISING, Count, Interval, guarded, require

Ratio = Annotated[float, Interval(1, closed="(]", why="the grid would not rise otherwise")]


@guarded
def geometric_sizes(
    low: Count, high: Count, ratio: Ratio = 1.1, multiple_of: Count = 1
) -> Int[np.ndarray, "sizes"]:
    """Sample sizes from `low` to at least `high`, each at most `ratio` times the one before, or the
    next possible one. All are multiples of `multiple_of` (`low` and `high` are rounded up to one)
    and rise strictly. Raises ValueError for high < low, for over a million sizes, or one beyond
    2^62. Source: derived here.
    """
    require(high >= low, f"high must be at least low = {low}, got {high}")
    sizes = [-(-low // multiple_of)]
    while sizes[-1] * multiple_of < high:
        sizes.append(max(int(sizes[-1] * ratio), sizes[-1] + 1))
        if len(sizes) > 10**6 or sizes[-1] * multiple_of > 2**62:
            raise ValueError(
                f"ratio must lead from low to high in a million sizes up to 2**62, got {ratio}"
            )
    return np.array(sizes) * multiple_of


@guarded
def bisect_sizes(
    errors_at: Callable[[int], Float[np.ndarray, "seeds"]],
    sizes: Annotated[Int[np.ndarray, "sizes"], RISING],
    target: float,
) -> tuple[Int[np.ndarray, "evaluated"], Float[np.ndarray, "seeds evaluated"]]:
    """Evaluate a learning curve where it falls to `target`: the sizes evaluated, rising, and their
    errors.

    `errors_at(m)` are the errors of R seeds at m samples. Bisection on the grid `sizes` finds
    neighbours between which the mean error falls from above `target` to it or below, about log2 of
    the grid's length evaluations, and then evaluates one further neighbour on each side (where the
    grid has one), so that an interpolation has support. Raises ValueError for fewer than two sizes,
    an error that is NaN, and a curve that does not cross the target on the grid (below it at the
    first size, or above it at the last). Source: derived here.
    """
    require(len(sizes) >= 2, f"sizes must hold at least two sizes to bisect, got {sizes.tolist()}")
    errors: dict[int, np.ndarray] = {}

    def evaluate(index: int) -> float:
        if index not in errors:
            errors[index] = np.asarray(errors_at(int(sizes[index])))
            if np.isnan(errors[index]).any():
                raise ValueError(
                    f"errors at {sizes[index]} samples must be numbers, got NaN for at least one "
                    "seed"
                )
        return float(errors[index].mean())

    above = -1
    below = len(sizes)
    while below - above > 1:
        middle = (above + below) // 2
        if evaluate(middle) > target:
            above = middle
        else:
            below = middle
    if above < 0:
        mean = evaluate(0)
        raise ValueError(
            f"sizes must begin above the target {target:g}, got a mean error of {mean:g} at "
            f"{sizes[0]}"
        )
    if below == len(sizes):
        mean = evaluate(above)
        raise ValueError(
            f"sizes must end below the target {target:g}, got a mean error of {mean:g} at "
            f"{sizes[-1]}"
        )
    for neighbour in (above - 1, below + 1):
        if 0 <= neighbour < len(sizes):
            evaluate(neighbour)
    order = sorted(errors)
    return sizes[order], np.stack([errors[index] for index in order], axis=1)
