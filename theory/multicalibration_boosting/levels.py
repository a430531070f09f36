"""The distance of a predictor from calibration along functions h of x, level by level, and the
saving of a correction.

E[. | v] is the mean given f(x) = v. All errors are mean squared ones, in squared units of the
labels y in [0, 1].
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
