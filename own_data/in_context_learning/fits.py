"""Finds the parameters with which a family of algorithms comes nearest to a learner, and intervals
of means over prompts.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from own_data.in_context_learning.candidates import Examples, Family
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.jackknife import GROUPS, jackknife

_POINTS = {1: (17,), 2: (7, 7)}
_POINTS_OF_EACH = {1: (33,), 2: (17, 7)}  # of the grid; for each whole number
_STARTS = 2  # of the descent for each whole number
_STEPS = (5, 20)
_KEPT = 8
_LAST_STEPS = 20  # from the best point, to its minimum
_ARRIVED = 1e-12  # decades: the search is over
_AROUND = 6  # whole numbers on either side
_DAMPING = 1e-2
_HUGE = 1e100
_SEARCHED = 40_000  # numbers in the Gram matrices
_FEWEST = 20  # prompts
_POLISH = 80  # evaluations
_AT_END = 1e-3  # decades
_DIFFERENCE = 1e-4  # decades, of a derivative
_SINGULAR = 1e-12  # of the largest curvature
_LEAST_CURVATURE = 1e-24  # of the labels' mean square: below, the parameter does not matter

ROUNDING = 1e-12
"""The smallest meaningful distance, as a share of the labels' mean square."""

Groups = Int[np.ndarray, " prompts"]
Numbers = Int[np.ndarray, " prompts"]
"""A number for each prompt, equal for copies."""
Answers = Float[np.ndarray, "prompts prefixes"]


class Fit(NamedTuple):
    """The member of a family of algorithms that comes nearest to a learner.

    Attributes:
        family: the family.
        parameters: the parameters of the member by symbol, with their intervals.
        choice: its whole number, such as a number of steps; None if the family has none.
    """

    family: Family
    parameters: dict[str, Estimate]
    choice: int | None

    def answers(self, shown: Examples) -> Answers:
        """Return the answers of this member to prompts."""
        return _answers(
            self.family,
            shown,
            [estimate.value for estimate in self.parameters.values()],
            self.choice,
        )


def _answers(
    family: Family, shown: Examples, parameters: Sequence[float], choice: int | None
) -> Answers:
    if choice is None:
        return family.answers(shown, *parameters)
    return family.answers(shown, *parameters, (choice,))[0]


def fit(
    family: Family,
    shown: Examples,
    answers: Answers,
    prompts: Numbers,
    confidence: float,
    start: Fit | None = None,
) -> Fit:
    """Return the member of `family` whose answers to `shown` have the least mean squared difference
    from those of a learner.

    A search over a grid of decades is followed by one from its best point. Intervals come from the
    scores of the prompts, of which those with the same number in `prompts` count as one. One set of
    parameters serves all prefixes. If there is a `start`, it fixes the whole number, and the search
    is for the minimum nearest to it.
    """
    if not family.symbols:
        return Fit(family, {}, None)
    units = _units(shown)
    scale = np.array([units[unit] for unit in family.units])
    parameters, choice = _nearest(family, shown, answers, scale, start)
    return Fit(
        family,
        _parameters(family, shown, answers, prompts, confidence, scale, parameters, choice),
        choice,
    )


def _nearest(
    family: Family, shown: Examples, answers: Answers, scale: Any, start: Fit | None
) -> tuple[Float[np.ndarray, " parameters"], int | None]:
    """Return the parameters that come nearest, as decades of `scale`, and the whole number if there
    is one.

    If there are many prompts, the search uses some that are drawn at random.
    """
    most = max(_FEWEST, _SEARCHED // shown.gram[0].size)
    if len(answers) > most:
        some = np.random.default_rng(0).permutation(len(answers))[:most]
        shown = Examples(shown.inputs[some], shown.labels[some], shown.prefixes)
        answers = answers[some]

    def missing(exponents: Any, *among: Any) -> Float[np.ndarray, "..."]:
        with np.errstate(over="ignore", invalid="ignore"):
            return (
                family.answers(shown, *(scale * (10.0 ** np.asarray(exponents)).T).T, *among)
                - answers
            )

    def losses(exponents: Any, *among: Any) -> Float[np.ndarray, "..."]:
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.mean(missing(exponents, *among) ** 2, axis=(-1, -2))
        return np.where(np.isfinite(squares), squares, np.inf)

    def residuals(starts: Any, among: Any) -> Float[np.ndarray, "starts answers"]:
        differences = (
            missing(starts.T, among)
            if family.choices
            else np.stack([missing(row) for row in starts])
        )
        return np.clip(
            np.nan_to_num(differences.reshape(len(starts), -1), nan=_HUGE), -_HUGE, _HUGE
        )

    if start is not None:
        best = np.log10([p.value for p in start.parameters.values()] / scale).clip(
            *np.transpose(family.ranges)
        )
        among = None if start.choice is None else np.array([start.choice])
        return _descended(residuals, among, best[None], family, _LAST_STEPS)[0], start.choice
    counts = (_POINTS_OF_EACH if family.choices else _POINTS)[len(family.ranges)]
    axes = [
        np.linspace(*limits, count) for limits, count in zip(family.ranges, counts, strict=True)
    ]
    points = [np.array(point) for point in itertools.product(*axes)]
    choices = family.choices
    if not choices:
        grid = [losses(point) for point in points]
        best = _polished(
            lambda point: float(losses(point)), points[int(np.argmin(grid))], axes, family
        )
        return _descended(residuals, None, best[None], family, _LAST_STEPS)[0], None
    # Each whole number has minima of its own: a few steps from the best points of the grid for
    # each, then the best.
    order = np.argsort([losses(point, choices) for point in points], axis=0, kind="stable")
    minima = np.array(points)[order[:_STARTS].ravel()]
    among = np.tile(choices, _STARTS)
    for steps in _STEPS:
        minima = _descended(residuals, among, minima, family, steps)
        best = np.argsort(losses(minima.T, among), kind="stable")[:_KEPT]
        minima = minima[best]
        among = among[best]
    # Neighbouring numbers do nearly as well with nearly the same parameters: down the valley, as
    # long as one is better.
    best = minima[0]
    choice = int(among[0])
    least_loss = np.inf
    while True:
        around = np.array([other for other in choices if abs(other - choice) <= _AROUND])
        minima = _descended(residuals, around, np.tile(best, (len(around), 1)), family, _LAST_STEPS)
        left = losses(minima.T, around)
        least = int(np.argmin(left))
        better = left[least] < least_loss
        before = choice
        if better:
            best = minima[least]
            choice = int(around[least])
            least_loss = float(left[least])
        if not better or choice == before:
            return best, choice


def _descended(
    residuals: Any, among: Any, starts: Any, family: Family, steps: int
) -> Float[np.ndarray, "starts parameters"]:
    """Return where damped Gauss-Newton steps (Levenberg and Marquardt) from all starts at once end,
    within the ranges.
    """
    low, high = np.array(family.ranges).T
    points = starts
    damping = np.full(len(starts), _DAMPING)
    with np.errstate(over="ignore", invalid="ignore"):
        left = residuals(points, among)
        for _ in range(steps):
            moves = np.where(points + _DIFFERENCE < high, _DIFFERENCE, -_DIFFERENCE)
            ahead = [
                (residuals(points + moves * axis, among) - left) / (moves @ axis)[:, None]
                for axis in np.eye(len(low))
            ]
            slopes = np.stack(ahead, axis=2)
            curvature = np.einsum("cna,cnb->cab", slopes, slopes)
            own = np.einsum("caa->ca", curvature)
            own += damping[:, None] * own + np.finfo(float).tiny
            step = np.linalg.solve(curvature, np.einsum("cna,cn->ca", slopes, left)[..., None])[
                ..., 0
            ]
            next_points = np.clip(points - step, low, high)
            trial = residuals(next_points, among)
            better = np.sum(trial**2, axis=1) < np.sum(left**2, axis=1)
            points = np.where(better[:, None], next_points, points)
            left = np.where(better[:, None], trial, left)
            damping = np.where(better, damping / 5, damping * 5)
            if np.abs(step).max() <= _ARRIVED:
                break
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
        result = minimize_scalar(
            lambda x: logarithm([x]), bounds=limits[0], method="bounded", options=options
        )
        candidates = [
            start,
            np.array([result.x]),
            np.array([limits[0][0]]),
            np.array([limits[0][1]]),
        ]
    else:
        options = {"xatol": 1e-9, "fatol": 1e-9, "maxfev": _POLISH}
        result = minimize(
            logarithm, start, method="Nelder-Mead", bounds=family.ranges, options=options
        )
        candidates = [start, result.x]
    return min(candidates, key=loss)


def _parameters(
    family: Family,
    shown: Examples,
    answers: Answers,
    prompts: Numbers,
    confidence: float,
    scale: Any,
    best: Any,
    choice: int | None,
) -> dict[str, Estimate]:
    """Return the parameters with their intervals.

    An interval is open where it reaches an end of the range or where the parameter does not matter,
    and it is never narrower than `ROUNDING` in distance.
    """

    def at(exponents: Any) -> Answers:
        return _answers(family, shown, (scale * 10.0**exponents).tolist(), choice)

    prompts = np.unique(prompts, return_inverse=True)[1]
    centre = at(best)
    steps = _DIFFERENCE * np.eye(len(best))
    slopes = np.stack([(at(best + step) - at(best - step)) / (2 * _DIFFERENCE) for step in steps])
    curvature = (
        np.nan_to_num(np.einsum("apk,bpk->ab", slopes, slopes), posinf=0.0, neginf=0.0)
        / centre.size
    )
    values = (scale * 10.0**best).tolist()
    power = float(np.mean(shown.labels**2))
    spectrum = np.linalg.eigvalsh(curvature)
    if spectrum[0] <= max(_LEAST_CURVATURE * power, _SINGULAR * spectrum[-1]):
        return {
            symbol: Estimate(value, 0.0, np.inf)
            for symbol, value in zip(family.symbols, values, strict=True)
        }
    inverse = np.linalg.inv(curvature)
    open_ends = np.sqrt(ROUNDING * power * np.diagonal(inverse))  # decades
    estimates = {}
    for i, (symbol, value) in enumerate(zip(family.symbols, values, strict=True)):
        # Along its own direction the others follow, as they would be fitted again.
        own = np.tensordot(inverse[i] / inverse[i, i], slopes, 1)
        low, high = _of_scores(
            np.bincount(prompts, np.sum(own * (centre - answers), axis=1)),
            np.bincount(prompts, np.sum(own**2, axis=1)),
            confidence,
        )
        start, stop = family.ranges[i]
        ends = best[i] + np.array([low - open_ends[i], high + open_ends[i]])
        # What was not searched is open: there is no end within the range.
        below, above = (float(scale[i] * 10.0**end) for end in np.clip(ends, start, stop))
        estimates[symbol] = Estimate(
            value,
            0.0 if min(best[i] - _AT_END, ends[0]) <= start else min(below, value),
            np.inf if max(best[i] + _AT_END, ends[1]) >= stop else max(above, value),
        )
    return estimates


def ratio(
    above: Float[np.ndarray, " prompts"],
    below: Float[np.ndarray, " prompts"],
    prompts: Numbers,
    confidence: float,
) -> Estimate:
    """Return Σ above / Σ below of numbers that are not negative, with the interval of those r for
    which above - r below may have the mean zero.

    If the sums are exact up to rounding, a few large prompts may exclude no r; then the largest
    ratio of a prompt is a bound, too.
    """
    sums = [np.bincount(prompts, of) for of in (above, below)]
    if not above.any():
        return Estimate(0.0, 0.0, 0.0)
    if not (np.isfinite(above).all() and below.any()):
        return Estimate(np.inf, np.inf, np.inf)
    low, high = _of_scores(-sums[0], sums[1], confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        most = float(np.nanmax(sums[0] / sums[1]))
    return Estimate(float(above.sum() / below.sum()), max(low, 0.0), min(high, most))


def _of_scores(
    scores: Float[np.ndarray, " prompts"],
    curvatures: Float[np.ndarray, " prompts"],
    confidence: float,
) -> tuple[float, float]:
    """Return the interval of the values δ that the prompts allow, which are those for which
    Student's t of the scores g_p + c_p δ is not too large.

    It holds for few prompts if each score is symmetric about zero at the truth (Efron 1969), and
    otherwise in the limit of many prompts. It is unbounded if so few prompts decide that no δ is
    excluded.
    """
    from scipy.special import stdtrit

    size = max(np.abs(scores).max(), curvatures.max())  # so that no square overflows
    scores = scores / size
    curvatures = curvatures / size
    count = len(scores)
    square = stdtrit(count - 1, (1 + confidence) / 2) ** 2
    square *= count / (count - 1 + square)  # of the sum, over that of the squares
    middle = scores.sum() * curvatures.sum() - square * (scores @ curvatures)
    first = curvatures.sum() ** 2 - square * (curvatures @ curvatures)
    last = scores.sum() ** 2 - square * (scores @ scores)
    if first <= 0:
        return -np.inf, np.inf
    root = np.sqrt(max(middle**2 - first * last, 0.0))
    return (-middle - root) / first, (-middle + root) / first


def _units(shown: Examples) -> dict[str, float]:
    """Return the units of the parameters by name: |x|², its inverse, |x|, |x||y|, and 1."""
    size = float(np.mean(np.sum(shown.inputs**2, axis=2)))
    label = float(np.sqrt(np.mean(shown.labels**2)))
    return {
        "size": size,
        "step": 0.5 / size,
        "length": size**0.5,
        "label": size**0.5 * label,
        "one": 1.0,
    }


def without_groups(
    values: Float[np.ndarray, "*rows prompts"], groups: Groups
) -> Float[np.ndarray, "*rows fits"]:
    """Return the means over all prompts, and over those without group 0, 1, ..., 19."""
    masks = np.array([np.ones(len(groups), bool), *(groups != group for group in range(GROUPS))])
    return np.stack([values[..., rows].mean(axis=-1) for rows in masks], axis=-1)


def interval(values: Float[np.ndarray, " fits"], confidence: float) -> Estimate:
    """Return the jackknife's estimate with its interval; if a value is not finite, all three
    numbers are the first value, or NaN unless that is infinite.
    """
    if np.isfinite(values).all():
        with np.errstate(over="ignore", invalid="ignore"):  # a rule that diverges has no interval
            return jackknife(values, confidence)
    return Estimate(*[float(values[0]) if np.isinf(values[0]) else np.nan] * 3)


def degree(
    answers: Answers, answers_scaled: Answers, scale: float, groups: Groups, confidence: float
) -> Estimate:
    """Return the power p of c with which the answers f grow: log(Σ f(c) f(1) / Σ f(1)²) / log c.

    It is NaN unless the first sum is positive.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        along, own = without_groups(
            np.stack([np.sum(answers_scaled * answers, axis=1), np.sum(answers**2, axis=1)]), groups
        )
        return interval(np.log(along / own) / np.log(scale), confidence)


def not_told_apart(
    names: Sequence[str],
    distances: Float[np.ndarray, "rules prompts"],
    groups: Groups,
    confidence: float,
) -> tuple[str, ...]:
    """Return the names of the nearest algorithm and of those whose distances may be as small.

    The logarithms of the distances are compared, and all comparisons share the error probability.
    """
    means = without_groups(distances, groups) + ROUNDING
    order = np.argsort(means[:, 0], kind="stable")
    level = 1 - (1 - confidence) / (len(names) - 1)
    near = [
        i
        for i in order[1:]
        if np.isfinite(means[i]).all()
        and jackknife(np.log(means[i] / means[order[0]]), level).low <= 0
    ]
    return tuple(names[i] for i in [order[0], *near])
