"""Multicalibration by boosting on level sets: calibration errors, the saving of a round, the rule
that stops, and the bias of estimates.

Globus-Harris, Harrison, Kearns, Roth & Sorrell 2023, "Multicalibration as Boosting for Regression",
ICML 2023, arXiv 2301.13767. The abstract and the released code were read, but none of the theorems.
The constants are derived here.
"""

import math
from fractions import Fraction
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract import (
    MOST,
    NON_NEGATIVE,
    PROBABILITIES,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
    UnitInterval,
    guarded,
    require,
)

Probabilities = Annotated[Float[np.ndarray, " cells"], PROBABILITIES]
"""The probability P of each cell x; within a level, the probability given the level."""
Predictions = Annotated[Float[np.ndarray, " cells"], UNIT_INTERVAL]
"""The prediction f of each cell. The cells with one value v are the level v."""
Residuals = Annotated[
    Float[np.ndarray, " cells"], Interval(-1, 1, why="labels and predictions lie in [0, 1]")
]
"""The residual r = E[y | x] - f(x) of each cell."""
Function = Annotated[Float[np.ndarray, " cells"], USABLE_SCALE]
"""The value of h on each cell."""
Basis = Annotated[Float[np.ndarray, "cells functions"], USABLE_SCALE]
"""The functions that span H, one in each column."""
Scale = Annotated[float, Interval(1e-100, 1e100, why="what is squared and divided stays a number")]
"""The target α, or the bound B on h^2, in units of h^2."""
Counts = Annotated[Int[np.ndarray, " levels"], Interval(1, MOST)]
"""The number n_v of samples in each level."""
Biases = Annotated[Float[np.ndarray, " levels"], Interval(-1e50, 1e50, why="it is squared")]
"""The mean θ_v = E[h r | v] in each level, in units of h."""
Variances = Annotated[
    Float[np.ndarray, " levels"], Interval(0, 1e100, why="as biases, which are squared")
]
"""The variance Var(h r | v) in each level, in units of h^2."""


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


Weights = Annotated[Float[np.ndarray, " levels"], PROBABILITIES]
Bins = Annotated[Int[np.ndarray, " levels"], NON_NEGATIVE]


@guarded
def best_step(probabilities: Probabilities, residuals: Residuals, h: Function) -> float:
    """Return the least-squares step η = E[h r] / E[h^2] along h within a level.

    r are the `residuals`. The step is 0 if h vanishes on the level.
    """
    square = float(probabilities @ h**2)
    return float(probabilities @ (h * residuals)) / square if square else 0.0


@guarded
def step_gain(probabilities: Probabilities, residuals: Residuals, h: Function) -> float:
    """Return the amount (E[h r])^2 / E[h^2] by which the `best_step` along h lowers the error
    within a level.

    r are the `residuals`. Source: derived here.
    """
    return best_step(probabilities, residuals, h) * float(probabilities @ (h * residuals))


@guarded
def calibration_error(
    probabilities: Probabilities, predictions: Predictions, residuals: Residuals, h: Function
) -> float:
    """Return the calibration error of the predictions f along a function h: K2(f, h) = sum over
    levels v of P(v) (E[h r | v])^2, in units of h^2.

    r are the `residuals`. Source: definition, as recalled.

    >>> calibration_error([0.5, 0.5], [0.2, 0.9], [0.0, -0.3], [1.0, 1.0])
    0.045
    """
    of_level = np.unique(predictions, return_inverse=True)[1]
    mass, sums = (
        np.bincount(of_level, weights) for weights in (probabilities, probabilities * h * residuals)
    )
    return float(np.sum(sums[mass > 0] ** 2 / mass[mass > 0]))


@guarded
def swap_regret(
    probabilities: Probabilities, predictions: Predictions, residuals: Residuals, basis: Basis
) -> float:
    """Return the error that the best h in H of each level saves in total.

    It is the sum over levels v of P(v) max over h in H of (E[h r | v])^2 / E[h^2 | v], which is the
    squared length of the projection of the residuals r on H. Functions as short as rounding count
    as none. Source: derived here; the abstract calls the condition swap regret like.
    """
    total = 0.0
    roots = np.sqrt(probabilities)
    for value in np.unique(predictions):
        at = predictions == value
        columns = roots[at, None] * basis[at]
        right = roots[at] * residuals[at]
        total += float(right @ columns @ (np.linalg.pinv(columns) @ right))
    return total


@guarded
def least_correlation(gain: Annotated[float, Interval(-1e100, 1)]) -> float:
    """Return the lower bound a / 2 on E[(h - v)(y - v) | v] for a function h that lowers the error
    of level v by a.

    a is `gain`, which is negative if h raises the error. It follows from (v - y)^2 - (h - y)^2 = 2
    (h - v)(y - v) - (h - v)^2. Source: recalled.
    """
    return gain / 2


@guarded
def converse_ratio(fraction: Annotated[float, Interval(0, 1)]) -> float:
    """Return the ratio 1 / (2 - ε) of E[(h - v)(y - v) | v] to the error a that h saves, for h = v
    + ε times the least-squares fit of y - v.

    ε is `fraction`. Source: derived here.
    """
    return 1 / (2 - fraction)


@guarded
def relative_gain(
    gain: Annotated[float, Interval(0, 1)],
    cosine: Annotated[float, Interval(1e-6, 1, why="at 0 H may see nothing")],
) -> float:
    """Return the most that the functions of a class C can save within a level where those of H save
    `gain`: gain / cosine^2.

    `cosine` is that of the largest principal angle from C to H in the L2 space of the level. The
    mean of the labels minus v lies in C. Source: derived here.
    """
    return gain / cosine**2


@guarded
def hidden_by_bins(weights: Weights, biases: Biases, bins: Bins) -> float:
    """Return the amount by which K2 falls when levels are merged into bins: the sum over bins b of
    P(b) Var(θ_v | b).

    θ_v are the `biases`, and `weights` are the probabilities of the levels. Source: law of total
    variance.
    """
    mass = np.bincount(bins, weights)
    mean = np.bincount(bins, weights * biases) / np.where(mass > 0, mass, 1)
    return float(weights @ (biases - mean[bins]) ** 2)


Values = Annotated[Float[np.ndarray, " levels"], UNIT_INTERVAL]
Shifts = Annotated[Float[np.ndarray, " levels"], Interval(-1, 1)]


@guarded
def sampled_error(counts: Counts, biases: Biases) -> float:
    """Return K2 with the level weights of the sample: the sum over levels of (n_v / n) θ_v^2, where
    n is the sum of the n_v.

    Source: definition.
    """
    return float(counts / counts.sum() @ biases**2)


@guarded
def plug_in_bias(counts: Counts, variances: Variances) -> float:
    """Return the amount by which K2 of sample means exceeds K2 on average: the sum over levels of
    Var(h r | v) / n.

    n is the sum of the counts n_v. Source: derived here.
    """
    return float(variances.sum() / counts.sum())


@guarded
def bernoulli_moments(
    values: Values, shifts: Shifts, share: UnitInterval
) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
    """Return θ_v and Var(h r | v) in each level where y ~ Bernoulli(q) with q = v + shift, and h ~
    Bernoulli(share) is independent of y.

    The variance uses the mean q (1 - q) + shift^2 of r^2. Raises ValueError if a v + shift is not a
    probability. Source: derived here.
    """
    chances = values + shifts
    require((chances >= 0) & (chances <= 1), "values and shifts must add up to probabilities")
    biases = share * shifts
    return biases, share * (chances * (1 - chances) + shifts**2) - biases**2
