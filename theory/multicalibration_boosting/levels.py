"""Level by level: how far a predictor is from calibrated along functions h of x, and what
correcting it would save.

E[. | v] is the mean given f(x) = v. Errors are mean squared ones, in squared units of the labels y
in [0, 1].
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory.multicalibration_boosting.domains import (
    Basis,
    Biases,
    Function,
    Predictions,
    Probabilities,
    Residuals,
)
from theory_on_trial.contract import NON_NEGATIVE, PROBABILITIES, Interval, guarded

Weights = Annotated[Float[np.ndarray, " levels"], PROBABILITIES]
Bins = Annotated[Int[np.ndarray, " levels"], NON_NEGATIVE]


@guarded
def best_step(probabilities: Probabilities, residuals: Residuals, h: Function) -> float:
    """Eta = E[h r] / E[h^2] within a level, the least-squares step along h; 0 where h vanishes."""
    square = float(probabilities @ h**2)
    return float(probabilities @ (h * residuals)) / square if square else 0.0


@guarded
def step_gain(probabilities: Probabilities, residuals: Residuals, h: Function) -> float:
    """(E[h r])^2 / E[h^2], by how much that step lowers the error within the level. Source: derived
    here.
    """
    return best_step(probabilities, residuals, h) * float(probabilities @ (h * residuals))


@guarded
def calibration_error(
    probabilities: Probabilities, predictions: Predictions, residuals: Residuals, h: Function
) -> float:
    """K2(f, h) = sum over v of P(v) (E[h r | v])^2, in units of h^2. Source: definition, as
    recalled.

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
    """Sum over v of P(v) max over h in H of (E[h r | v])^2 / E[h^2 | v], what the best h of each
    level saves in all.

    The squared length of the residuals' projection onto H; functions as short as rounding count as
    none. Source: derived here; the abstract calls the condition swap regret like.
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
    """A / 2, which E[(h - v)(y - v) | v] of an h that lowers the error of level v by a is at least.

    Negative where h raises the error. Source: recalled; (v - y)^2 - (h - y)^2 = 2 (h - v)(y - v) -
    (h - v)^2.
    """
    return gain / 2


@guarded
def converse_ratio(fraction: Annotated[float, Interval(0, 1)]) -> float:
    """E[(h - v)(y - v) | v] / a = 1 / (2 - ε) for h = v + ε times the least-squares fit of y - v;
    derived here.
    """
    return 1 / (2 - fraction)


@guarded
def relative_gain(
    gain: Annotated[float, Interval(0, 1)],
    cosine: Annotated[float, Interval(1e-6, 1, why="at 0 H may see nothing")],
) -> float:
    """The most that functions of C save within a level where H saves `gain`: gain / cosine^2.
    Source: derived here.

    `cosine` is that of the largest principal angle from C to H in L2 of the level; the labels' mean
    less v lies in C.
    """
    return gain / cosine**2


@guarded
def hidden_by_bins(weights: Weights, biases: Biases, bins: Bins) -> float:
    """Sum over bins of P(b) Var(θ_v | b), by which K2 falls when levels are merged. Source: law of
    total variance.
    """
    mass = np.bincount(bins, weights)
    mean = np.bincount(bins, weights * biases) / np.where(mass > 0, mass, 1)
    return float(weights @ (biases - mean[bins]) ** 2)
