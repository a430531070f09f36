"""The λ and α that come nearest to a learner, and the intervals of what is a mean over prompts."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from own_data.in_context_learning.asking import Asked
from sims import in_context_learning as observed
from sims.in_context_learning import Rule
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.jackknife import GROUPS, jackknife

FITTED: dict[str, Callable[[float], Rule]] = {
    "ridge": observed.ridge,
    "one gradient step": observed.gradient_step,
    "one pass of SGD": observed.sgd,
}
_LEAST, _MOST, _POINTS, _ZOOMS = -5.0, 3.0, 17, 3
"""Decades of λ / mean |x|² and of 2 α mean |x|²; the points of a grid, and how often it closes in by a factor of 8."""

ROUNDING = 1e-12
"""Of the labels' mean square: a smaller distance shows nothing."""

Groups = Int[np.ndarray, " prompts"]


def nearest_parameters(asked: Asked, groups: Groups, confidence: float) -> dict[str, Estimate]:
    """The λ or α of each family that comes nearest on these prompts, one for all prefixes.

    The last grid has a 500th of a decade between three points; the vertex of the parabola through them is the
    statistic of all prompts, and of those without each group.
    """
    size = float(np.mean(np.sum(np.asarray(asked.prompts.inputs) ** 2, axis=2)))
    units = {name: size if name == "ridge" else 0.5 / size for name in FITTED}
    grids = np.tile(np.linspace(_LEAST, _MOST, _POINTS), (len(FITTED), 1))
    for zoom in range(_ZOOMS + 1):
        rules = [
            make(float(units[name] * 10**exponent))
            for (name, make), grid in zip(FITTED.items(), grids, strict=True)
            for exponent in grid
        ]
        distances = asked.distances(asked.answers_of(rules)).reshape(len(FITTED), _POINTS, -1)
        best = np.clip(distances.mean(axis=2).argmin(axis=1), 1, _POINTS - 2)
        if zoom < _ZOOMS:
            grids = np.array([np.linspace(g[i - 1], g[i + 1], _POINTS) for g, i in zip(grids, best, strict=True)])
    found = {}
    for name, grid, at, i in zip(FITTED, grids, distances, best, strict=True):
        exponents = _vertices(grid[i - 1 : i + 2], without_groups(at[i - 1 : i + 2], groups))
        found[name] = _parameter(units[name], float(grid[i]), exponents, confidence)
    return found


def _vertices(three: Float[np.ndarray, "3"], heights: Float[np.ndarray, "3 fits"]) -> Float[np.ndarray, " fits"]:
    """Where the parabola through three points has its minimum, within the range searched; NaN where it has none."""
    low, middle, high = heights
    with np.errstate(divide="ignore", invalid="ignore"):
        curvature = low - 2 * middle + high
        vertices = three[1] + (three[1] - three[0]) * (low - high) / (2 * curvature)
    return np.where(curvature > 0, np.clip(vertices, _LEAST, _MOST), np.nan)


def _parameter(unit: float, least: float, exponents: Float[np.ndarray, " fits"], confidence: float) -> Estimate:
    """The parameter with its interval, open towards the ends of the range; `least` is the best point of the grid."""
    if np.isnan(exponents).any():
        return Estimate(unit * 10**least, 0.0, np.inf)
    found = jackknife(unit * 10**exponents, confidence, "log")
    low = 0.0 if exponents[0] == _LEAST else found.low
    high = np.inf if exponents[0] == _MOST else found.high
    return Estimate(found.value, low, high)


def without_groups(values: Float[np.ndarray, "*rows prompts"], groups: Groups) -> Float[np.ndarray, "*rows fits"]:
    """Means over all prompts, and over those without group 0, 1, ..., 19."""
    kept = np.array([np.ones(len(groups), bool), *(groups != group for group in range(GROUPS))])
    return np.stack([values[..., rows].mean(axis=-1) for rows in kept], axis=-1)


def interval(values: Float[np.ndarray, " fits"], confidence: float) -> Estimate:
    """The jackknife's estimate; the first value thrice where one of them is not finite."""
    if np.isfinite(values).all():
        return jackknife(values, confidence)
    return Estimate(*[float(values[0]) if np.isinf(values[0]) else np.nan] * 3)


def degree(
    answers: Float[np.ndarray, "prompts prefixes"],
    answers_scaled: Float[np.ndarray, "prompts prefixes"],
    scale: float | int,
    groups: Groups,
    confidence: float,
) -> Estimate:
    """The logarithm of Σ f(c) f(1) / Σ f(1)² over that of c; NaN unless the first sum is positive."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        along, own = without_groups(
            np.stack([np.sum(answers_scaled * answers, axis=1), np.sum(answers**2, axis=1)]), groups
        )
        return interval(np.log(along / own) / np.log(scale), confidence)


def not_told_apart(
    names: Sequence[str], distances: Float[np.ndarray, "rules prompts"], groups: Groups, confidence: float
) -> tuple[str, ...]:
    """The nearest, and those whose distances may be as small; the error is shared out among all comparisons.

    Logarithms are compared, so that a few prompts with large differences do not hide that all of them differ.
    """
    means = without_groups(distances, groups) + ROUNDING
    order = np.argsort(means[:, 0])
    shared = 1 - (1 - confidence) / (len(names) - 1)
    near = [
        i
        for i in order[1:]
        if np.isfinite(means[i]).all() and jackknife(np.log(means[i] / means[order[0]]), shared).low <= 0
    ]
    return tuple(names[i] for i in [order[0], *near])
