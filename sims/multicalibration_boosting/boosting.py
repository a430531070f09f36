"""Boosting on level sets: each round fits the labels by least squares within each level and rounds
the fit; it ends when the squared error hardly falls.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from sims.multicalibration_boosting.domains import Basis, Function, Grid, Probabilities, Values
from theory_on_trial.contract import Interval, UnitInterval, guarded

Predictions = Annotated[Float[np.ndarray, " cells"], Interval(-1e50, 1e50)]
"""f of each cell, not rounded or clipped."""


class Boosted(NamedTuple):
    """The models of all rounds of boosting, and their errors. The first model is the constant 1/2,
    or the global fit in `released_lsboost`.
    """

    models: list[Float[np.ndarray, " cells"]]
    """Predictions after each round, the rejected one among them."""
    errors: list[float]
    """E (f - y)^2 after each round."""

    @property
    def rounds(self) -> int:
        """The number of rounds taken, including the last one, which was rejected."""
        return len(self.models) - 1

    @property
    def returned(self) -> Float[np.ndarray, " cells"]:
        """The model before the last round."""
        return self.models[-2]


@guarded
def squared_error(probabilities: Probabilities, predictions: Predictions, means: Values) -> float:
    """Return the squared error E (f - y)^2, an expectation over the cells and over both labels."""
    return float(probabilities @ (means * (1 - predictions) ** 2 + (1 - means) * predictions**2))


@guarded
def round_to_grid(values: Predictions, grid: Grid) -> Float[np.ndarray, " cells"]:
    """Clip to [0, 1] and round to the nearest multiple of 1 / grid; a tie goes upwards."""
    return np.minimum(np.floor(grid * np.clip(values, 0, 1) + 0.5), grid) / grid


@guarded
def level_fit(
    probabilities: Probabilities, predictions: Values, means: Values, basis: Basis
) -> Function:
    """The least-squares fit of the labels within each level set of the predictions, one number per
    cell.

    What is fitted is y - v on the level v. Where the fit is not unique, its coefficients are those
    of least norm.
    """
    fit = np.array(predictions)
    roots = np.sqrt(probabilities)
    for value in np.unique(predictions):
        at = predictions == value
        # What is fitted is y - v: the constant v may not lie in the span.
        right = roots[at] * (means[at] - value)
        fit[at] += basis[at] @ np.linalg.lstsq(roots[at, None] * basis[at], right, rcond=None)[0]
    return fit


@guarded
def lsboost(
    probabilities: Probabilities,
    means: Values,
    basis: Basis,
    grid: Grid,
    tolerance: Annotated[float, Interval(1e-14, 1, why="the error is known to rounding")],
    relative: UnitInterval = 0.0,
) -> Boosted:
    """Boost from the constant 1/2: in each round refit every level and round the fit to the grid.

    Boosting stops at the first round that lowers the squared error by no more than the tolerance.

    Args:
        probabilities: of the cells; 1 / n each for a sample of n rows.
        means: mean labels of the cells; the labels themselves for a sample.
        basis: functions of the cells, or of the rows of a sample, one per column.
        grid: m; predictions are multiples of 1 / m.
        tolerance: the least decrease of the squared error that counts.
        relative: boosting also stops where a round saves no more than this share of the error.
    """
    models = [np.full(len(means), 0.5)]
    errors = [squared_error(probabilities, models[0], means)]
    while True:
        models.append(round_to_grid(level_fit(probabilities, models[-1], means, basis), grid))
        errors.append(squared_error(probabilities, models[-1], means))
        if errors[-2] - errors[-1] <= max(tolerance, relative * errors[-2]):
            return Boosted(models, errors)


@guarded
def released_lsboost(
    labels: Values,
    basis: Basis,
    bins: Annotated[int, Interval(1, 2**20)] = 10,
    gamma: UnitInterval = 0.1,
) -> Boosted:
    """What the class in the paper's released code does to a sample with labels in [0, 1].

    All options have their defaults, except that the number of rounds is not limited to 100. The
    first model is a global fit, rounded to bins + 1 values. Each round then refits within levels; a
    level of one row is left as it is. From the third model on the code asks whether the last round
    lowered the error by more than γ / bins. If it did not, the code adds one round that is not
    rounded, predicts with it and stops.

    `models` ends with that round. `errors` are training errors; the first is that of the global fit
    before rounding.
    """
    n = len(labels)
    uniform = np.full(n, 1 / n)
    start = np.full(n, 0.5)
    fit = level_fit(uniform, start, labels, basis)
    models = [round_to_grid(fit, bins)]
    errors = [squared_error(uniform, fit, labels)]
    while True:
        values, count = np.unique(models[-1], return_counts=True)
        single = np.isin(models[-1], values[count == 1])
        fit = np.where(single, models[-1], level_fit(uniform, models[-1], labels, basis))
        last = len(models) > 2 and errors[-2] - errors[-1] <= gamma / bins
        models.append(fit if last else round_to_grid(fit, bins))
        errors.append(squared_error(uniform, models[-1], labels))
        if last:
            return Boosted(models, errors)


@guarded
def released_error(predictions: Values, labels: Values) -> float:
    """The number that the released code prints as the calibration error of a sample. The code
    leaves out the level of the largest prediction.
    """
    values = np.unique(predictions)
    residuals = [labels[predictions == value] - value for value in values[:-1]]
    return float(sum(len(group) * group.mean() ** 2 for group in residuals)) / len(labels)
