"""Searches for the best step, the best function and the worst calibration error, each by an
optimiser or by a sum.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from sims.multicalibration_boosting.domains import Basis, Function, Probabilities, Seed, Values
from theory_on_trial.contract import PROBABILITIES, USABLE_SCALE, Interval, guarded

Step = Annotated[float, Interval(-1e25, 1e25)]
Weights = Annotated[Float[np.ndarray, " levels"], PROBABILITIES]
Biases = Annotated[Float[np.ndarray, " levels"], USABLE_SCALE]
Bins = Annotated[Int[np.ndarray, " levels"], Interval(0, 2**20)]


@guarded
def gain(
    probabilities: Probabilities, predictions: Values, means: Values, h: Function, step: Step
) -> float:
    """Return how much a step lowers the squared error, E[(f - y)^2 - (f + step h - y)^2].

    Each cell's difference of squares is written as a product, so that no digits cancel.
    """
    change = step * h
    return float(probabilities @ (change * (2 * (means - predictions) - change)))


@guarded
def best_gain(
    probabilities: Probabilities, predictions: Values, means: Values, h: Function
) -> float:
    """The largest `gain` of any step, by Brent's method."""
    from scipy.optimize import minimize_scalar

    largest = max(float(np.abs(h).max()), 1e-50)  # steps in its units
    minimum = minimize_scalar(
        lambda step: -gain(probabilities, predictions, means, h / largest, float(step))
    )
    return -float(minimum.fun)


@guarded
def best_ratio(
    probabilities: Probabilities, predictions: Values, means: Values, basis: Basis, seed: Seed = 0
) -> float:
    """The sum over levels v of P(v) times the largest (E[h r | v])^2 / E[h^2 | v] over the span of
    the basis.

    BFGS finds each maximum from three random starts. Its coordinates belong to functions that are
    orthonormal within the level. Where a level has no more cells than the basis has functions,
    these span all functions of its cells.
    """
    from scipy.optimize import minimize

    generator = np.random.default_rng(seed)
    total = 0.0
    for value in np.unique(predictions):
        at = (predictions == value) & (probabilities > 0)
        if not at.any():
            continue
        chances = probabilities[at]
        residuals = means[at] - value
        roots = np.sqrt(probabilities[at])[:, None]
        columns = np.linalg.qr(roots * basis[at])[0] / roots

        def negative(
            coefficients: Float[np.ndarray, " functions"],
            chances: Float[np.ndarray, " at"] = chances,
            residuals: Float[np.ndarray, " at"] = residuals,
            columns: Float[np.ndarray, "at functions"] = columns,
        ) -> tuple[float, Float[np.ndarray, " functions"]]:
            h = columns @ coefficients
            ratio = (chances @ (h * residuals)) / (chances @ h**2)
            value = ratio * (chances @ (h * residuals))
            return -value, -2 * ratio * (columns.T @ (chances * (residuals - ratio * h)))

        starts = generator.standard_normal((3, columns.shape[1]))
        options = {"gtol": 1e-8, "maxiter": 1000}  # errors of the maximum are of its square
        total += max(
            -float(minimize(negative, x0, jac=True, method="BFGS", options=options).fun)
            for x0 in starts
        )
    return total


@guarded
def worst_error(
    probabilities: Probabilities, predictions: Values, means: Values, basis: Basis
) -> float:
    """The largest K2 over functions in the span of the basis with |h| <= 1, where each level may
    have a function of its own.

    A linear program solves each level. One function for all levels has at most this K2. Under the
    condition h^2 <= B in place of |h| <= 1 the largest K2 is B times as large.
    """
    from scipy.optimize import linprog

    total = 0.0
    for value in np.unique(predictions):
        at = (predictions == value) & (probabilities > 0)
        if not at.any():
            continue
        columns = basis[at]
        mass = float(probabilities[at].sum())
        sums = columns.T @ (probabilities[at] / mass * (means[at] - value))
        largest = float(np.abs(sums).max())
        if largest == 0:
            continue
        if np.linalg.matrix_rank(columns) == len(
            columns
        ):  # then h may have any values, +-1 among them
            total += float(probabilities[at] @ np.abs(means[at] - value)) ** 2 / mass
            continue
        rows = np.vstack([columns, -columns])
        ends = np.ones(2 * len(columns))
        program = linprog(
            -sums / largest, A_ub=rows, b_ub=ends, bounds=(None, None), method="highs"
        )
        total += mass * (largest * float(program.fun)) ** 2
    return total


@guarded
def binned_error(weights: Weights, biases: Biases, bins: Bins) -> float:
    """Return K2 after levels are merged into bins, the sum over bins of P(bin) times the squared
    mean of h r.

    `weights` are P(v), `biases` are E[h r | v], and `bins` names the bin of each level.
    """
    total = 0.0
    for bin_ in np.unique(bins):
        inside = weights[bins == bin_]
        if inside.sum() > 0:
            total += float((inside @ biases[bins == bin_]) ** 2 / inside.sum())
    return total
