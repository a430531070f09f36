"""Where a learning curve falls to a target: errors on a geometric grid of sample sizes, found by bisection."""

from collections.abc import Callable
from numbers import Real

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, require_above, require_count, require_finite


@validated
def geometric_sizes(low: int, high: int, ratio: float | int = 1.1, multiple_of: int = 1) -> Int[np.ndarray, "sizes"]:
    """Sample sizes from `low` to at least `high`, each at most `ratio` times the one before, or the next possible one.

    All are multiples of `multiple_of` (`low` and `high` are rounded up to one) and rise strictly.
    Raises ValueError for low < 1, high < low, ratio ≤ 1, multiple_of < 1, over a million sizes, or one beyond 2^62.
    Source: derived here.
    """
    require_count("low", low, 1, "a sample size")
    require_count("high", high, low, "the grid rises from low")
    require_count("multiple_of", multiple_of, 1, "sizes are multiples of it")
    require_above("ratio", ratio, 1, "the grid would not rise otherwise")
    sizes = [-(-low // multiple_of)]
    while sizes[-1] * multiple_of < high:
        sizes.append(max(int(sizes[-1] * ratio), sizes[-1] + 1))
        if len(sizes) > 10**6 or sizes[-1] * multiple_of > 2**62:
            raise ValueError(f"ratio must lead from low to high in a million sizes up to 2**62, got {ratio}")
    return np.array(sizes) * multiple_of


def bisect_sizes(
    errors_at: Callable[[int], Float[AnyArray, "seeds"]],
    sizes: Int[np.ndarray, "sizes"],
    target: float | int,
) -> tuple[Int[np.ndarray, "evaluated"], Float[np.ndarray, "seeds evaluated"]]:
    """Evaluate a learning curve where it falls to `target`: the sizes evaluated, rising, and their errors.

    `errors_at(m)` are the errors of R seeds at m samples. Bisection on the grid `sizes` finds neighbours between which
    the mean error falls from above `target` to it or below, about log2 of the grid's length evaluations, and then
    evaluates one further neighbour on each side (where the grid has one), so that an interpolation has support.

    Raises TypeError for what is no function, for sizes that are no integers and a target that is no number, and
    ValueError for a grid that does not rise or has fewer than two sizes, an error that is NaN, and a curve
    that does not cross the target on the grid (below it at the first size, or above it at the last).
    Source: derived here.
    """
    if not callable(errors_at):
        raise TypeError(
            f"errors_at must be a function of a sample size, got a value of type {type(errors_at).__name__}"
        )
    if not isinstance(target, Real) or isinstance(target, bool):
        raise TypeError(f"target must be a real number, got {target!r}")
    try:
        require_finite("target", float(target))
    except OverflowError:
        raise ValueError("target must fit into float64, got a larger integer") from None
    sizes = _whole_numbers(sizes)
    require_count("the number of sizes", len(sizes), 2, "there is nothing to bisect otherwise")
    if not (np.diff(sizes) > 0).all():
        raise ValueError(f"sizes must rise strictly, got {sizes.tolist()}")
    errors: dict[int, np.ndarray] = {}

    def evaluate(index: int) -> float:
        if index not in errors:
            errors[index] = np.asarray(errors_at(int(sizes[index])))
            if np.isnan(errors[index]).any():
                raise ValueError(f"errors at {sizes[index]} samples must be numbers, got NaN for at least one seed")
        return float(errors[index].mean())

    above, below = -1, len(sizes)
    while below - above > 1:
        middle = (above + below) // 2
        if evaluate(middle) > target:
            above = middle
        else:
            below = middle
    if above < 0:
        mean = evaluate(0)
        raise ValueError(f"sizes must begin above the target {target:g}, got a mean error of {mean:g} at {sizes[0]}")
    if below == len(sizes):
        mean = evaluate(above)
        raise ValueError(f"sizes must end below the target {target:g}, got a mean error of {mean:g} at {sizes[-1]}")
    for neighbour in (above - 1, below + 1):
        if 0 <= neighbour < len(sizes):
            evaluate(neighbour)
    order = sorted(errors)
    return sizes[order], np.stack([errors[index] for index in order], axis=1)


def _whole_numbers(sizes: object) -> np.ndarray:
    try:
        found = np.asarray(sizes)
    except ValueError:  # rows of different lengths
        found = np.array(0.0)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise TypeError(f"sizes must be integers along one axis, got {found.dtype} of shape {found.shape}")
    return found
