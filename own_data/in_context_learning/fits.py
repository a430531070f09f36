"""The parameters with which a family of algorithms comes nearest to a learner, and intervals of means over prompts."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from own_data.in_context_learning.candidates import Examples, Family
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.jackknife import GROUPS, jackknife

_POINTS, _POINTS_OF_EACH = {1: (17,), 2: (7, 7)}, {1: (33,), 2: (17, 7)}  # of the grid; for each whole number
_STARTS, _STARTS_ALONE = 2, 16  # of the descent for a whole number, among others and alone
_STEPS, _KEPT = (5, 20), 8
_DAMPING, _HUGE = 1e-2, 1e100
_POLISH = 80  # evaluations
_AT_END = 1e-3  # decades
_DIFFERENCE = 1e-4  # decades, of a derivative
_SINGULAR = 1e-12  # of the largest curvature
_LEAST_CURVATURE = 1e-24  # of the labels' mean square: below, the parameter does not matter

ROUNDING = 1e-12
"""Of the labels' mean square: a smaller distance shows nothing."""

Groups = Int[np.ndarray, " prompts"]
Answers = Float[np.ndarray, "prompts prefixes"]


class Fit(NamedTuple):
    """The member of a family that comes nearest: its parameters with their intervals, and its whole number if any."""

    family: Family
    parameters: dict[str, Estimate]
    choice: int | None

    def answers(self, shown: Examples) -> Answers:
        """What it answers."""
        return _answers(self.family, shown, [one.value for one in self.parameters.values()], self.choice)


def _answers(family: Family, shown: Examples, parameters: Sequence[float], choice: int | None) -> Answers:
    if choice is None:
        return family.answers(shown, *parameters)
    return family.answers(shown, *parameters, (choice,))[0]


def fit(
    family: Family,
    shown: Examples,
    answers: Answers,
    groups: Groups,
    confidence: float,
    choice: int | None = None,
) -> Fit:
    """The member of `family` whose answers to `shown` have the least mean squared difference from a learner's.

    A grid of decades, then a search from its best point; intervals by the jackknife, with one Gauss-Newton step for
    each group that is left out. One set of parameters serves all prefixes; a `choice` fixes the whole number.
    """
    if not family.symbols:
        return Fit(family, {}, None)
    units = _units(shown)
    scale = np.array([units[unit] for unit in family.units])
    parameters, whole = _nearest(family, shown, answers, scale, family.choices if choice is None else (choice,))
    return Fit(family, _parameters(family, shown, answers, groups, confidence, scale, parameters, whole), whole)


def _nearest(
    family: Family, shown: Examples, answers: Answers, scale: Any, choices: tuple[int, ...]
) -> tuple[Float[np.ndarray, " parameters"], int | None]:
    """The parameters, as decades of `scale`, and the whole number if there is one."""
    counts = (_POINTS_OF_EACH if family.choices else _POINTS)[len(family.ranges)]
    axes = [np.linspace(*limits, count) for limits, count in zip(family.ranges, counts, strict=True)]
    points = [np.array(point) for point in itertools.product(*axes)]

    def missing(exponents: Any, *among: Any) -> Float[np.ndarray, "..."]:
        with np.errstate(over="ignore", invalid="ignore"):
            return family.answers(shown, *(scale * (10.0 ** np.asarray(exponents)).T).T, *among) - answers

    def losses(exponents: Any, *among: Any) -> Float[np.ndarray, "..."]:
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.mean(missing(exponents, *among) ** 2, axis=(-1, -2))
        return np.where(np.isfinite(squares), squares, np.inf)

    if not family.choices:
        grid = [losses(point) for point in points]
        return _polished(lambda point: float(losses(point)), points[int(np.argmin(grid))], axes, family), None
    # Each whole number has minima of its own: a few steps from the best points of the grid for each, then the best.
    order = np.argsort([losses(point, choices) for point in points], axis=0, kind="stable")
    several = _STARTS_ALONE if len(choices) == 1 else _STARTS
    found, among = np.array(points)[order[:several].ravel()], np.tile(choices, several)
    for steps in _STEPS:
        found = _descended(missing, among, found, family, steps)
        best = np.argsort(losses(found.T, among), kind="stable")[:_KEPT]
        found, among = found[best], among[best]
    return found[0], int(among[0])


def _descended(
    missing: Any, among: Any, starts: Any, family: Family, steps: int
) -> Float[np.ndarray, "starts parameters"]:
    """Damped Gauss-Newton steps (Levenberg and Marquardt), from all starts at once, within the ranges."""
    low, high = np.array(family.ranges).T
    points, damping = starts, np.full(len(starts), _DAMPING)
    with np.errstate(over="ignore", invalid="ignore"):

        def at(where: Any) -> Any:
            found = missing(where.T, among).reshape(len(where), -1)
            return np.clip(np.nan_to_num(found, nan=_HUGE), -_HUGE, _HUGE)

        left = at(points)
        for _ in range(steps):
            moves = np.where(points + _DIFFERENCE < high, _DIFFERENCE, -_DIFFERENCE)
            ahead = [(at(points + moves * axis) - left) / (moves @ axis)[:, None] for axis in np.eye(len(low))]
            slopes = np.stack(ahead, axis=2)
            curvature = np.einsum("cna,cnb->cab", slopes, slopes)
            own = np.einsum("caa->ca", curvature)
            own += damping[:, None] * own + np.finfo(float).tiny
            step = np.linalg.solve(curvature, np.einsum("cna,cn->ca", slopes, left)[..., None])[..., 0]
            next_points = np.clip(points - step, low, high)
            there = at(next_points)
            better = np.sum(there**2, axis=1) < np.sum(left**2, axis=1)
            points, left = np.where(better[:, None], next_points, points), np.where(better[:, None], there, left)
            damping = np.where(better, damping / 5, damping * 5)
    return points


def _polished(loss: Any, start: Any, axes: Any, family: Family) -> Any:
    from scipy.optimize import minimize, minimize_scalar

    steps = [axis[1] - axis[0] for axis in axes]
    limits = [
        (max(at - step, low), min(at + step, high))
        for at, step, (low, high) in zip(start, steps, family.ranges, strict=True)
    ]

    def logarithm(point: Any) -> float:  # a minimum of zero is a sharp one then
        return float(np.log(min(max(loss(point), 1e-300), 1e300)))

    if len(start) == 1:
        options = {"xatol": 1e-10, "maxiter": _POLISH}
        found = minimize_scalar(lambda x: logarithm([x]), bounds=limits[0], method="bounded", options=options)
        candidates = [start, np.array([found.x]), np.array([limits[0][0]]), np.array([limits[0][1]])]
    else:
        options = {"xatol": 1e-9, "fatol": 1e-9, "maxfev": _POLISH}
        found = minimize(logarithm, start, method="Nelder-Mead", bounds=family.ranges, options=options)
        candidates = [start, found.x]
    return min(candidates, key=loss)


def _parameters(
    family: Family,
    shown: Examples,
    answers: Answers,
    groups: Groups,
    confidence: float,
    scale: Any,
    best: Any,
    choice: int | None,
) -> dict[str, Estimate]:
    """Intervals of the parameters, open towards an end of the range that they reach, or where they do not matter."""

    def at(exponents: Any) -> Answers:
        return _answers(family, shown, (scale * 10.0**exponents).tolist(), choice)

    centre = at(best)
    steps = _DIFFERENCE * np.eye(len(best))
    slopes = np.stack([(at(best + step) - at(best - step)) / (2 * _DIFFERENCE) for step in steps])
    curvature = without_groups(np.einsum("apk,bpk->abp", slopes, slopes), groups)
    gradient = without_groups(np.einsum("apk,pk->ap", slopes, centre - answers), groups)
    values = scale * 10.0**best
    power = float(np.mean(shown.labels**2))
    limits = [
        Estimate(
            float(value),
            0.0 if where < high - _AT_END else float(value),
            np.inf if where > low + _AT_END else float(value),
        )
        for value, where, (low, high) in zip(values, best, family.ranges, strict=True)
    ]
    spectra = np.linalg.eigvalsh(np.moveaxis(np.nan_to_num(curvature, posinf=0.0, neginf=0.0), 2, 0))
    if spectra[:, 0].min() <= max(_LEAST_CURVATURE * power, _SINGULAR * spectra.max()):
        return dict(zip(family.symbols, [Estimate(one.value, 0.0, np.inf) for one in limits], strict=True))
    moves = -np.linalg.solve(np.moveaxis(curvature, 2, 0), gradient.T[..., None])[..., 0]
    found = {}
    for which, (symbol, limit) in enumerate(zip(family.symbols, limits, strict=True)):
        low, high = family.ranges[which]
        spread = jackknife(np.append(best[which], best[which] + moves[1:, which]), confidence)
        ends = [10.0 ** np.clip(end - best[which], -300, 100) * limit.value for end in (spread.low, spread.high)]
        at_low, at_high = best[which] <= low + _AT_END, best[which] >= high - _AT_END
        found[symbol] = Estimate(
            limit.value, 0.0 if at_low else min(ends[0], limit.value), np.inf if at_high else max(ends[1], limit.value)
        )
    return found


def _units(shown: Examples) -> dict[str, float]:
    """What a parameter is measured in: |x|², its inverse, |x|, |x||y|."""
    size = float(np.mean(np.sum(shown.inputs**2, axis=2)))
    label = float(np.sqrt(np.mean(shown.labels**2)))
    return {"size": size, "step": 0.5 / size, "length": size**0.5, "label": size**0.5 * label, "one": 1.0}


def without_groups(values: Float[np.ndarray, "*rows prompts"], groups: Groups) -> Float[np.ndarray, "*rows fits"]:
    """Means over all prompts, and over those without group 0, 1, ..., 19."""
    kept = np.array([np.ones(len(groups), bool), *(groups != group for group in range(GROUPS))])
    return np.stack([values[..., rows].mean(axis=-1) for rows in kept], axis=-1)


def interval(values: Float[np.ndarray, " fits"], confidence: float) -> Estimate:
    """The jackknife's estimate; the first value thrice where one of them is not finite."""
    if np.isfinite(values).all():
        with np.errstate(over="ignore", invalid="ignore"):  # a rule that diverges has no interval
            return jackknife(values, confidence)
    return Estimate(*[float(values[0]) if np.isinf(values[0]) else np.nan] * 3)


def degree(answers: Answers, answers_scaled: Answers, scale: float, groups: Groups, confidence: float) -> Estimate:
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
    order = np.argsort(means[:, 0], kind="stable")
    shared = 1 - (1 - confidence) / (len(names) - 1)
    near = [
        i
        for i in order[1:]
        if np.isfinite(means[i]).all() and jackknife(np.log(means[i] / means[order[0]]), shared).low <= 0
    ]
    return tuple(names[i] for i in [order[0], *near])
