"""The weights of their redundancy terms up to which self-supervised losses keep one direction only.

Two columns of unit variance stand on white views with canonical correlations ρ_1 > ρ_2, and both
views have the same encoder. All of it is derived here.
"""

from typing import Annotated

from theory_on_trial.contract import Interval, Positive, guarded

Correlation = Annotated[float, Interval(1e-9, 1)]
"""ρ_1 or ρ_2."""


@guarded
def barlow_threshold(first: Correlation, second: Correlation) -> float:
    """Return the weight λ up to which both columns of Barlow twins, sum (1 - C_kk)^2 + λ sum
    C_jk^2, lie on the first direction: (1 - ρ_1)(ρ_1 - ρ_2) / (ρ_1 (ρ_1 + ρ_2)). It is negative if
    ρ_2 > ρ_1.

    >>> round(barlow_threshold(0.9, 0.6), 4)
    0.0222
    """
    return float((1 - first) * (first - second) / (first * (first + second)))


@guarded
def vicreg_threshold(first: Correlation, second: Correlation, invariance: Positive) -> float:
    """Return the weight c of VICReg's covariance term up to which both columns lie on the first
    direction: s (ρ_1 - ρ_2) / 4, where s = `invariance` is the weight of its invariance term. Both
    terms are means over the columns.

    >>> vicreg_threshold(0.9, 0.5, 25.0)
    2.5
    """
    return float(invariance * (first - second) / 4)
