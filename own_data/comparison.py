"""Is predictor A better than predictor B on these rows, and how many rows would tell?

The difference of the mean losses of two predictors on the same rows, with an interval that holds at
finite n for every law of independent rows, or of independent groups of rows. McNemar's test of two
error rates is the exact sign test of the rows on which one alone errs.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from theory_on_trial.contract import Fraction, guarded, require
from theory_on_trial.laws import exact_ends
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.neighbours import beside
from theory_on_trial.own_data.table import Handed, class_numbers, column

Loss = Literal["error", "squared error", "log loss", "1 - AUC"]
Vector = Float[np.ndarray, " rows"]

_FEWEST = 10  # units
_LEAST = 0.001  # probability that a log loss can be bounded for
_MOST = 2.0**53
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")  # ties count half


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Comparison(Answer):
    """The answer of `better`.

    Attributes:
        loss: "error", "squared error", "log loss" or "1 - AUC".
        rows: the number of rows.
        units: the number of independent units.
        unit: what they are: "rows", "groups", or "rows of the rarer class" for 1 - AUC.
        a: the mean loss of predictor A.
        b: the mean loss of predictor B.
        difference: the mean loss of A minus that of B; negative if A is better.
        a_alone: the rows on which A alone errs; None for other losses.
        b_alone: the rows on which B alone errs; None for other losses.
        p_value: the chance of a difference as large, of either sign, if both predictors are equally
            good: that of the exact sign test; None for other losses and for groups.
        units_needed: the number of units, these among them, at which an interval as long as this
            method makes it would exclude 0, if the difference and the scatter were as seen;
            infinite if no difference is seen.
    """

    asked: ClassVar[str] = "which of two predictors is better on new rows of this kind?"
    rests_on: ClassVar[str] = "independent rows, or groups, that neither predictor has seen"
    unseen: ClassVar[str] = (
        "how both would do if they were trained again, and a choice of A or B by these rows"
    )
    loss: Loss
    rows: int
    units: int
    unit: str
    a: float
    b: float
    difference: Estimate
    a_alone: int | None
    b_alone: int | None
    p_value: float | None
    units_needed: float

    def lines(self) -> list[str]:
        """Return the lines on who is better, on what was seen, and on how many rows would tell."""
        low, high = self.difference.low, self.difference.high
        verdict = "A is better" if high < 0 else "B is better" if low > 0 else "undecided"
        lines = [
            f"{verdict}: {self.loss} of A less that of B {self.difference}",
            f"on {self.rows} rows A has {self.a:.4g} and B {self.b:.4g}",
        ]
        if self.a_alone is not None:
            chance = "" if self.p_value is None else f"; sign test p = {self.p_value:.2g}"
            lines.append(f"A alone errs on {self.a_alone} rows, B alone on {self.b_alone}{chance}")
        if verdict == "undecided":
            lines.append(
                f"no number of {self.unit} would tell, as no difference is seen"
                if np.isinf(self.units_needed)
                else f"a difference as seen would take some {self.units_needed:.2g} {self.unit}, "
                f"these {self.units} among them"
            )
        return lines

    def to_do(self) -> str:
        """Return which predictor to take, or how many more rows to collect."""
        if self.difference.high < 0:
            return "take A"
        if self.difference.low > 0:
            return "take B"
        if np.isinf(self.units_needed):
            return "take the simpler one"
        return f"collect some {self.units_needed - self.units:.2g} more {self.unit}, or take either"

    def plot(self, axes: Any = None) -> Any:
        """Draw the difference with its interval, and return the axes."""
        axes = axes_for(axes)
        value, low, high = self.difference
        axes.errorbar([value], [0], xerr=[[value - low], [high - value]], fmt="o")
        axes.axvline(0, color="0.5", linewidth=0.8)
        axes.set(xlabel=f"{self.loss} of A less that of B", yticks=[])
        return axes


@guarded
def better(
    y: Handed,
    a: Handed,
    b: Handed,
    *,
    groups: Handed = None,
    loss: Loss = "error",
    confidence: Fraction = 0.95,
) -> Comparison:
    """Compare two predictors on the same rows, which neither has seen.

    Args:
        y: the label of each row; for "squared error" a number from 0 to 1, or a boolean; for "log
            loss" and "1 - AUC" one of two labels, of which the second in order is the positive one.
        a: what A predicts for each row: a label; a number from 0 to 1 for "squared error"; the
            probability of the positive label for "log loss"; any score for "1 - AUC".
        b: what B predicts for each row.
        groups: the group to which each row belongs, such as a person, if rows of one group are
            alike. The difference is then that of the mean over all rows, and groups count.
        loss: "error", the share of wrong labels; "squared error"; "log loss", in nats, of
            probabilities cut to lie from .001 to .999, for which alone the interval holds; or
            "1 - AUC", the share of pairs of a positive and a negative row that are ranked wrongly,
            of which ties are half.
        confidence: the confidence of the interval.

    Errors of single rows: on the rows on which one predictor alone errs, the other one is right.
    Their number and the share of A's have exact intervals (Clopper & Pearson 1934), which make that
    of the difference; it excludes 0 if the sign test's p is below .9 (1 - confidence). Other losses
    and groups: the interval is the empirical Bernstein or Hoeffding's, whichever is shorter
    (Maurer & Pontil 2009), for units that are independent, not alike. That of 1 - AUC is made of
    pairs without a common row, whose mean has heavier tails than that of all pairs (Hoeffding
    1963); groups are refused there. Raises TypeError or
    ValueError, with a sentence that names the argument, also for fewer than ten rows or groups.

    >>> rng = np.random.default_rng(0)
    >>> y = rng.random(400) < 0.5
    >>> answer = better(y, y ^ (rng.random(400) < 0.1), y ^ (rng.random(400) < 0.3))
    >>> answer.to_do()
    'take A'
    """
    doubts: tuple[Doubt, ...] = ()
    pairs = None
    reach = 1.0
    if loss == "1 - AUC":
        require(groups is None, "groups must be left out for 1 - AUC, whose pairs mix them")
        of_a, of_b, pairs = _rankings(y, a, b)
    elif loss == "log loss":
        of_a, of_b, doubts = _log_losses(y, a, b)
        reach = float(np.log(1 / _LEAST - 1))
    else:
        of_a, of_b = _losses(y, a, b, loss)
    rows = len(of_a)
    differences = of_a - of_b
    units = _units(groups, rows) if pairs is None else np.arange(len(pairs.differences))
    count = int(units.max(initial=-1)) + 1
    unit = "rows" if groups is None else "groups"
    fewest = f"{'y' if groups is None else 'groups'} must have at least {_FEWEST}"
    if pairs is not None:
        unit = "rows of the rarer class"
    which = {"groups": "different ones"}.get(unit, unit)
    require(count >= _FEWEST, f"{fewest} {which}, got {count}")
    alone = None
    chance = None
    if loss == "error":
        alone = int(np.sum(differences > 0)), int(np.sum(differences < 0))
    if alone is not None and groups is None:
        interval, needed = _of_signs(*alone, rows, 1 - confidence)
        chance = _sign_test(*alone)
    elif pairs is not None:
        interval, needed = _of_means(pairs.value, pairs.differences, units, 1 - confidence)
    else:
        scaled = differences / reach
        inner, needed = _of_means(float(scaled.mean()), scaled, units, 1 - confidence)
        interval = Estimate(*(reach * end for end in inner))
    return Comparison(
        loss=loss,
        rows=rows,
        units=count,
        unit=unit,
        a=float(of_a.mean()) if pairs is None else pairs.a,
        b=float(of_b.mean()) if pairs is None else pairs.b,
        difference=interval,
        a_alone=alone and alone[0],
        b_alone=alone and alone[1],
        p_value=chance,
        units_needed=needed,
        level=confidence,
        doubts=doubts + _doubts(differences, groups is None),
    )


class _Pairs(NamedTuple):
    """The share of wrongly ranked pairs of both predictors and its difference, and the differences
    in pairs without a common row.
    """

    a: float
    b: float
    value: float
    differences: Float[np.ndarray, " pairs"]


def _positive(y: Handed) -> Bool[np.ndarray, " rows"]:
    numbers, classes = class_numbers("y", y)
    require(len(classes) == 2, f"y must hold two labels, got {len(classes)}")
    return np.asarray(numbers == 1)


def _log_losses(y: Handed, a: Handed, b: Handed) -> tuple[Vector, Vector, tuple[Doubt, ...]]:
    """Return the log loss of both predictors at each row, and a doubt if probabilities were cut."""
    positive = _positive(y)
    found = []
    doubts = []
    for name, handed in (("a", a), ("b", b)):
        chances = column(name, handed, rows=len(positive))
        require(
            (chances >= 0) & (chances <= 1),
            f"{name} must hold probabilities of the positive label, from 0 to 1",
        )
        cut = np.clip(chances, _LEAST, 1 - _LEAST)
        share = float(np.mean(cut != chances))
        if share:
            reason = (
                f"{share:.2g} of the probabilities in {name} were cut to lie from {_LEAST} to "
                f"{1 - _LEAST}: the log loss of the others has no bound, and no interval"
            )
            doubts.append(Doubt(reason, np.inf, "nats"))
        found.append(-np.log(np.where(positive, cut, 1 - cut)))
    return found[0], found[1], tuple(doubts)


def _rankings(y: Handed, a: Handed, b: Handed) -> tuple[Vector, Vector, _Pairs]:
    """Return, for each row and predictor, the share of rows of the other class that are ranked
    wrongly with it, and what pairs of rows say.
    """
    positive = _positive(y)
    order = np.random.default_rng(0).permutation(len(positive))
    ups = order[positive[order]]
    downs = order[~positive[order]]
    count = min(len(ups), len(downs))
    shares = []
    matched = []
    for name, handed in (("a", a), ("b", b)):
        scores = column(name, handed, rows=len(positive))
        high = np.sort(scores[positive])
        low = np.sort(scores[~positive])
        above = len(low) - sum(np.searchsorted(low, scores, side) for side in _SIDES) / 2
        below = sum(np.searchsorted(high, scores, side) for side in _SIDES) / 2
        shares.append(np.where(positive, above / len(low), below / len(high)))
        up = scores[ups[:count]]
        down = scores[downs[:count]]
        matched.append((up < down) + 0.5 * (up == down))
    first, second = (float(share[positive].mean()) for share in shares)
    pairs = _Pairs(first, second, first - second, matched[0] - matched[1])
    return shares[0], shares[1], pairs


def _losses(y: Handed, a: Handed, b: Handed, loss: Loss) -> tuple[Vector, Vector]:
    """Return the loss of both predictors at each row."""
    if loss == "error":
        labels, classes = class_numbers("y", y)
        names = np.array(classes, dtype=object)
        found = []
        for name, handed in (("a", a), ("b", b)):
            numbers, own = class_numbers(name, handed, rows=len(labels))
            require(
                {isinstance(one, str) for one in own} == {isinstance(one, str) for one in classes},
                f"{name} must hold labels of the kind of y, such as {classes[0]!r}, got {own[0]!r}",
            )
            predicted = np.array(own, dtype=object)[numbers]
            found.append(np.asarray(predicted != names[labels], dtype=float))
        return found[0], found[1]
    truth = column("y", y)
    found = []
    for name, numbers in (
        ("y", truth),
        ("a", column("a", a, rows=len(truth))),
        ("b", column("b", b, rows=len(truth))),
    ):
        require(
            (numbers >= 0) & (numbers <= 1),
            f"{name} must hold numbers from 0 to 1 for squared errors: divide by the range that "
            "they can have",
        )
        found.append((numbers - truth) ** 2)
    return found[1], found[2]


def _units(groups: Handed, rows: int) -> Int[np.ndarray, " rows"]:
    return np.arange(rows) if groups is None else class_numbers("groups", groups, rows=rows)[0]


def _sign_test(first: int, second: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(first, first + second).pvalue) if first + second else 1.0


def _of_signs(first: int, second: int, rows: int, miss: float) -> tuple[Estimate, float]:
    """Return the difference of two error rates from the rows on which one alone errs, and how many
    rows would tell.

    D of n rows are such, a share s of them A's errors: the difference is the mean of D / n times
    2 s - 1. Given D, the errors of A are binomial, and their interval has nine tenths of the miss;
    the interval of the mean of D / n has the rest.
    """
    both = first + second
    low, high = (2 * float(end) - 1 for end in exact_ends(first, both, 0.9 * miss))
    least, most = (float(end) for end in exact_ends(both, rows, 0.1 * miss))
    value = (first - second) / rows
    ends = [part * share for part in (low, high) for share in (least, most)]
    interval = Estimate(value, min(value, *ends), max(value, *ends))
    if first == second:
        return interval, np.inf
    times = 1.0
    while times < _MOST / rows:
        part = float(exact_ends(times * max(first, second), times * both, 0.9 * miss)[0])
        if part > 0.5:
            break
        times *= 1.1
    return interval, times * rows


def _of_means(
    value: float, differences: Vector, units: Int[np.ndarray, " rows"], miss: float
) -> tuple[Estimate, float]:
    """Return the value with the interval of a mean difference of losses, each from -1 to 1, from
    sums over units, and how many units would tell.

    A unit counts by its share of the rows; its sum, in units of the mean number of rows, lies
    within its own bounds.
    """
    sizes = np.bincount(units).astype(float)
    count = len(sizes)
    mean_size = sizes.mean()
    sums = np.bincount(units, differences) / mean_size
    largest = float(sizes.max() / mean_size)
    spread = float(sums.var(ddof=1))

    def half(units_there: float) -> float:
        hoeffding = 2 * np.sqrt(np.mean((sizes / mean_size) ** 2) * np.log(4 / miss) / 2)
        hoeffding /= np.sqrt(units_there)
        deviation = np.log(8 / miss)
        bernstein = np.sqrt(2 * spread * deviation / units_there)
        bernstein += 14 * largest * deviation / (3 * (units_there - 1))
        return float(min(hoeffding, bernstein))

    own = half(count)
    needed = float(count)
    while value and half(needed) >= abs(value) and needed < _MOST:
        needed *= 1.1
    return Estimate(value, value - own, value + own), needed if value else np.inf


def _doubts(differences: Vector, alone: bool) -> tuple[Doubt, ...]:
    following = beside(differences[:, None]) if alone else 0.0
    if not following:
        return ()
    reason = (
        f"differences of neighbouring rows are alike (correlation {following:.2f}): unless they "
        "were sorted so, pass groups="
    )
    return (Doubt(reason, np.inf, "of the interval's length"),)
