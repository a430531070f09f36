"""When boosting on level sets stops, and what it then guarantees for all h in H with h^2 <= B.

Labels and predictions lie in [0, 1]. A round fits y on H within each level and rounds the fit to
multiples of 1 / m; it is rejected, and the model before it returned, once it lowers the error by no
more than the tolerance.
"""

import math
from fractions import Fraction
from typing import Annotated

from theory.multicalibration_boosting.domains import Scale
from theory_on_trial.contract import MOST, Interval, guarded, require


@guarded
def grid(alpha: Scale, bound: Scale) -> int:
    """Steps M = ceil(2 B / α): rounding moves predictions by half the tolerance at most. ValueError
    for α > B.
    """
    require(
        alpha <= bound,
        f"alpha must be at most bound, which K2 never exceeds, got {alpha} and {bound}",
    )
    return math.ceil(2 * Fraction(float(bound)) / Fraction(float(alpha)))


@guarded
def tolerance(alpha: Scale, bound: Scale) -> float:
    """Alpha / (2 B): a round that saves no more is the last. Source: recalled."""
    return alpha / (2 * bound)


@guarded
def most_rounds(alpha: Scale, bound: Scale) -> float:
    """ceil(B / (2 α)) rounds, the rejected one among them, below 2 B / α as recalled. Source:
    derived here.

    The constant 1/2 errs at most 1/4 above the best, and each accepted round takes more than α / (2
    B) of that.
    """
    return float(math.ceil(Fraction(float(bound)) / (2 * Fraction(float(alpha)))))


@guarded
def guaranteed_error(
    bound: Scale,
    tolerance: Annotated[float, Interval(0, 1)],
    grid: Annotated[int, Interval(1, MOST)],
) -> float:
    """B (tolerance + 1 / (2 m) + 1 / (4 m^2)), which K2 of the returned model does not exceed.
    Source: derived here.

    Rounding moves a fit g by 1 / (2 m) at most, and its squared error by E|g - y| / m + 1 / (4
    m^2), where constants in H keep E|g - y| to 1/2. So the swap regret before rounding is at most
    the tolerance and that, and E[h^2 | v] <= B.
    """
    return bound * (tolerance + 1 / (2 * grid) + 1 / (4 * grid**2))
