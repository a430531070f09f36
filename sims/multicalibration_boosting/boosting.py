"""Boosting on level sets: least squares within each level, rounded, until the error hardly
falls.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from sims.multicalibration_boosting.domains import Basis, Function, Grid, Probabilities, Values
from theory_on_trial.contract import Interval, UnitInterval, guarded

Predictions = Annotated[Float[np.ndarray, " cells"], Interval(-1e50, 1e50)]
"""f of each cell, not rounded or clipped."""


class Boosted(NamedTuple):
    """The course of boosting, the constant that it began with first."""

    models: list[Float[np.ndarray, " cells"]]
    """Predictions after each round, the rejected one among them."""
    errors: list[float]
    """E (f - y)^2 after each round."""

    @property
    def rounds(self) -> int:
        """How many rounds there were, the rejected one counted."""
        return len(self.models) - 1

    @property
    def returned(self) -> Float[np.ndarray, " cells"]:
        """The model before the last round."""
        return self.models[-2]


@guarded
def squared_error(probabilities: Probabilities, predictions: Predictions, means: Values) -> float:
    """E (f - y)^2, summed over cells and both labels."""
    return float(probabilities @ (means * (1 - predictions) ** 2 + (1 - means) * predictions**2))


@guarded
def round_to_grid(values: Predictions, grid: Grid) -> Float[np.ndarray, " cells"]:
    """The nearest multiple of 1 / grid after clipping to [0, 1], upwards from the middle."""
    return np.minimum(np.floor(grid * np.clip(values, 0, 1) + 0.5), grid) / grid


@guarded
def level_fit(
    probabilities: Probabilities, predictions: Values, means: Values, basis: Basis
) -> Function:
    """The least-squares fit of y within each level, of least norm where it is not unique; a number
    per cell.
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
    """Begin with 1/2, refit each level, round, and stop at the first round that saves no more than
    the tolerance.

    Args:
        probabilities: of the cells; of a sample 1 / n.
        means: of the labels; of a sample the labels.
        basis: functions of the cells, or of the rows of a sample.
        grid: m, the steps of the rounding grid.
        tolerance: in the unit of the error.
        relative: stops as well where a round saves no more than this share of the error.
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
    """The released class on a sample with labels from 0 to 1, with its defaults except its limit of
    100 rounds.

    A global fit, rounded to bins + 1 values; then rounds within levels, levels of one row left as
    they are. From the third on it asks whether the last one lowered the error by more than γ /
    bins; if not, it adds a round that is not rounded, and predicts with that. The errors are its
    training errors, those of the global fit before rounding. Here `models` ends with that round, so
    that `models[-3]` is the last but one of the rounded models.
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
    """The number that the released code prints as the calibration error of a sample: it leaves out
    the level of the largest value.
    """
    values = np.unique(predictions)
    residuals = [labels[predictions == value] - value for value in values[:-1]]
    return float(sum(len(group) * group.mean() ** 2 for group in residuals)) / len(labels)
