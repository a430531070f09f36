"""The rounds after which boosting on level sets stops, and what it then guarantees for all h in H
with h^2 <= B.

Labels and predictions lie in [0, 1]. A round fits y on H within each level and rounds the fit to
multiples of 1 / m. If a round lowers the error by no more than the tolerance, it is rejected, and
the model before it is returned.
"""

import math
from fractions import Fraction
from typing import Annotated

from theory.multicalibration_boosting.domains import Scale
from theory_on_trial.contract import MOST, Interval, guarded, require


@guarded
def grid(alpha: Scale, bound: Scale) -> int:
    """Return the number m = ceil(2 B / α) of steps of the grid on [0, 1] to which predictions are
    rounded.

    Rounding moves a prediction by at most half the `tolerance`. B is `bound` and α is `alpha`.
    Raises ValueError if α exceeds B.
    """
    require(
        alpha <= bound,
        f"alpha must be at most bound, which K2 never exceeds, got {alpha} and {bound}",
    )
    return math.ceil(2 * Fraction(float(bound)) / Fraction(float(alpha)))


@guarded
def tolerance(alpha: Scale, bound: Scale) -> float:
    """Return the tolerance α / (2 B): a round that saves no more than this is the last one.

    B is `bound`. Source: recalled.
    """
    return alpha / (2 * bound)


@guarded
def most_rounds(alpha: Scale, bound: Scale) -> float:
    """Return an upper bound ceil(B / (2 α)) on the number of rounds, the rejected one among them.

    It lies below the 2 B / α of the paper, as recalled. The constant 1/2 has an error at most 1/4
    above the best one, and each accepted round saves more than α / (2 B) of it. B is `bound` and α
    is `alpha`. Source: derived here.
    """
    return float(math.ceil(Fraction(float(bound)) / (2 * Fraction(float(alpha)))))


@guarded
def guaranteed_error(
    bound: Scale,
    tolerance: Annotated[float, Interval(0, 1)],
    grid: Annotated[int, Interval(1, MOST)],
) -> float:
    """Return a bound on the calibration error K2 of the model that boosting returns: B (tolerance +
    1 / (2 m) + 1 / (4 m^2)).

    m is `grid` and B is `bound`. Rounding moves a fit g by at most 1 / (2 m) and its squared error
    by at most E|g - y| / m + 1 / (4 m^2). Constants in H keep E|g - y| at or below 1/2. So the swap
    regret before rounding is at most the tolerance plus that, and E[h^2 | v] <= B. Source: derived
    here.
    """
    return bound * (tolerance + 1 / (2 * grid) + 1 / (4 * grid**2))
