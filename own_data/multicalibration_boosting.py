"""Is a score right on average in every group at every predicted value? An audit with intervals that
hold together.

For each level v of the predictions and each group h: the mean of h r, r = y - f. Their squares,
weighted by the levels, are K2. Where a group is a set of rows, the bias is the mean of r among its
rows. Intervals hold at finite n for independent rows that the predictor has not seen.
"""

from collections import Counter
from dataclasses import dataclass
from math import gcd
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from sims import multicalibration_boosting as observed
from theory import multicalibration_boosting as predicted
from theory_on_trial.contract import RISING, USABLE_SCALE, Fraction, Interval, guarded, require
from theory_on_trial.laws import exact_ends
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.neighbours import beside
from theory_on_trial.own_data.table import Handed, class_numbers, column, indicators

Vector = Float[np.ndarray, " rows"]
Columns = Float[np.ndarray, "rows groups"]
Table = Float[np.ndarray, "levels groups"]

_TOO_GOOD = 1e-4  # chance that residuals of other rows are as close to zero
_FEWEST_LEVELS = 4  # from which on sums of labels are not zero by the chance of a lattice
_COPIES = 0.01
_MANY = 30  # rows whose mean is roughly normal
_FEWEST_KINDS = 12  # of the rows; of different rows, from which on none is a chance
_SAME = 1e-12  # of the range of labels: values that are nearer differ by rounding


class Cell(NamedTuple):
    """The rows of one group h at one level v of the predictions, and how far off these are.

    Attributes:
        level: the index of the level in `MulticalibrationAudit.values`, from 0; -1 for all levels
            together.
        group: the index of the group in `MulticalibrationAudit.names`, from 0.
        rows: the number of rows at this level in which h is not 0.
        residual: the mean E[h r | v] of the group's column times the residual r, with an interval.
        bias: the mean E[r | v, h not 0] of the residuals of the group's rows, with an interval;
            None if h is no set of rows, but has weights.
    """

    level: int
    group: int
    rows: int
    residual: Estimate
    bias: Estimate | None

    @property
    def shown(self) -> Estimate:
        """The bias of the group if the group is a set of rows, and the mean of h r if not."""
        return self.bias or self.residual


class GroupError(NamedTuple):
    """The error K2 of the predictions along one group h, in squared units of h r.

    Attributes:
        unbiased: an unbiased estimate of K2, which may be negative.
        least: a lower bound for K2, with the shares that the levels have among these rows.
        plug_in: the estimate from the squared means as they are, which is too large by `bias` on
            average.
        bias: the predicted bias of the plug-in estimate, the sum over levels of Var(h r | v) / n.
    """

    unbiased: float
    least: float
    plug_in: float
    bias: float


class Combination(NamedTuple):
    """The linear combination of groups along which the predictions are worst.

    One half of the rows selects the combination, and the other half estimates its error.

    Attributes:
        weights: the coefficient of each group; the combination has the mean square 1.
        unbiased: an unbiased estimate of K2 along the combination, which may be negative.
        least: a lower bound for K2.
    """

    weights: Float[np.ndarray, " groups"]
    unbiased: float
    least: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MulticalibrationAudit(Answer):
    """The answer of `multicalibration_audit`.

    Attributes:
        n: the number of rows.
        names: the names of the groups.
        values: the mean prediction at each level that has rows.
        counts: the number of rows at each level.
        binned: whether the levels are bins; the K2 of the predictions may then be larger.
        bound: B, the largest h^2 among the rows, which the intervals take as the bound of h^2.
        wholes: one for each group that has rows, over all levels together, given the predictions
            of its rows.
        cells: the cells with at least `min_count` rows. The intervals of cells and of whole groups
            hold simultaneously, with the given confidence.
        unjudged: the number of cells with fewer rows.
        groups: the error K2 along each group.
        combination: the combination of groups with the largest error; None if there are too few
            rows to split them into halves.
        round_gain: the amount by which one round of boosting would lower the squared error; one
            half of the rows fits the round, and the other half measures it. None if there are too
            few rows.
    """

    asked: ClassVar[str] = "is the score right on average in every group at every predicted value?"
    rests_on: ClassVar[str] = "independent rows that the predictor has not seen"
    unseen: ClassVar[str] = "dependence between rows, and groups that were not handed in"

    n: int
    names: tuple[str, ...]
    values: Float[np.ndarray, " levels"]
    counts: Int[np.ndarray, " levels"]
    binned: bool
    bound: float
    wholes: tuple[Cell, ...]
    cells: tuple[Cell, ...]
    unjudged: int
    groups: tuple[GroupError, ...]
    combination: Combination | None
    round_gain: Estimate | None

    def lines(self) -> list[str]:
        """Return the lines on the verdict, whole groups first, the worst group, the worst
        combination, the gain of one round of boosting, and the worst groups and cells, three in
        all.
        """
        off = [part for part in self.wholes if not part.shown.low <= 0 <= part.shown.high]
        faults = [cell for cell in self.cells if not cell.shown.low <= 0 <= cell.shown.high]
        about = f"{self.n} rows, {len(self.values)} levels, {len(self.groups)} groups"
        worst = max(range(len(self.groups)), key=lambda g: self.groups[g].unbiased)
        k2 = self.groups[worst]
        lines = [
            f"{about}: {_how_many(off, self.wholes, 'groups', ' as a whole')}; "
            f"{_how_many(faults, self.cells, 'cells')}"
            f"{f', {self.unjudged} have too few rows' if self.unjudged else ''}",
            f"worst group {self.names[worst]}: K2 {k2.unbiased:.3g}, at least {k2.least:.3g} "
            f"(plug-in {k2.plug_in:.3g}, of which {k2.bias:.3g} is bias)",
        ]
        if self.combination is not None and self.round_gain is not None:
            lines.append(
                f"worst combination: K2 {self.combination.unbiased:.3g}, at least "
                f"{self.combination.least:.3g}"
            )
            lines.append(
                f"one round of boosting would lower the squared error by {self.round_gain}"
            )
        off.sort(key=lambda one: -abs(one.shown.value))
        faults.sort(key=lambda one: -abs(one.shown.value))
        return lines + [
            f"group {self.names[cell.group]} "
            f"{'as a whole' if cell.level < 0 else f'at {self.values[cell.level]:.3g}'}: "
            f"{'mean of h r' if cell.bias is None else 'labels less predictions'} {cell.shown}, "
            f"{cell.rows} rows"
            for cell in (*off[: 2 if faults else 3], *faults)[:3]
        ]

    def to_frame(self) -> Any:
        """Return a data frame with a row for each whole group, whose prediction is NaN, and for
        each cell: its level, its group, its number of rows, and the group's bias with its interval.
        """
        import pandas

        return pandas.DataFrame(
            [
                {
                    "prediction": self.values[cell.level] if cell.level >= 0 else np.nan,
                    "group": self.names[cell.group],
                    "rows": cell.rows,
                    **cell.shown._asdict(),
                }
                for cell in (*self.wholes, *self.cells)
            ]
        )

    def plot(self, axes: Any = None) -> Any:
        """Draw the biases of the four worst groups with their intervals against the levels, and
        return the axes.
        """
        axes = axes_for(axes)
        order = np.argsort([-entry.unbiased for entry in self.groups])[:4].tolist()
        width = np.ptp(self.values) / 120 if len(self.values) > 1 else 0.01
        colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
        for place, (group, colour) in enumerate(zip(order, colours, strict=False)):
            own = [cell for cell in self.cells if cell.group == group]
            ends = np.array([cell.shown for cell in own]).reshape(-1, 3)
            xs = self.values[[cell.level for cell in own]] + width * place
            lengths = np.abs(ends[:, 1:] - ends[:, :1]).T
            axes.errorbar(xs, ends[:, 0], lengths, fmt="o", color=colour, label=self.names[group])
        axes.axhline(0, color="0.5", linewidth=0.8)
        axes.set(xlabel="prediction v", ylabel="labels less predictions")
        axes.legend(frameon=False)
        return axes


def _how_many(off: list[Cell], judged: tuple[Cell, ...], what: str, as_what: str = "") -> str:
    if not judged:
        return f"no {what} are judged"
    if off:
        return f"{len(off)} of {len(judged)} {what} are off{as_what}"
    widest = max((cell.shown.high - cell.shown.low) / 2 for cell in judged)
    return (
        f"none of {len(judged)} {what} is off{as_what} beyond chance, but a mean of up to "
        f"{widest:.2g} would not show"
    )


@guarded
def multicalibration_audit(
    predictions: Handed,
    y: Handed,
    groups: Handed,
    *,
    held_out: bool,
    n_levels: Annotated[int, Interval(1, 2**16)] = 10,
    bounds: Annotated[Float[np.ndarray, " 2"], USABLE_SCALE, RISING] | tuple[float, float] = (
        0.0,
        1.0,
    ),
    confidence: Fraction = 0.95,
    min_count: Annotated[int, Interval(2, 2**53)] = 50,
) -> MulticalibrationAudit:
    """Estimate how far predictions are off in each group at each level, and how much one round of
    boosting would improve them.

    Args:
        predictions: the prediction f of each row. Up to `n_levels` different values are the levels;
            more values are put into bins of equal width.
        y: the label of each row: a boolean, a number within `bounds`, one of -1 and 1 where the
            bounds are 0 and 1, or one of two strings, of which the second in order is the upper
            bound ("yes" after "no").
        groups: a column of labels, or a table with one column for each group: booleans, labels or
            weights.
        held_out: True if the predictor was not fitted to these rows. If it was (False), there is no
            answer.
        n_levels: the largest number of levels.
        bounds: the least and the largest value that labels and predictions can have.
        confidence: the probability with which all intervals hold simultaneously, and with which
            each lower bound holds.
        min_count: the least number of rows with which a cell is judged; whole groups always are.

    The intervals are those of Clopper and Pearson (1934) if labels have two values and groups are
    sets of rows, and otherwise Hoeffding's or empirical Bernstein ones (Maurer & Pontil 2009).
    Raises TypeError or ValueError, with a sentence that names the argument.

    >>> generator = np.random.default_rng(0)
    >>> f = generator.choice([0.2, 0.5, 0.8], 6000)
    >>> member = generator.random(6000) < 0.4
    >>> y = generator.random(6000) < np.where(member & (f == 0.5), 0.65, f)
    >>> audit = multicalibration_audit(f, y, member, held_out=True)
    >>> [(c.level, round(c.bias.value, 3)) for c in audit.cells if c.bias.low > 0]
    [(1, 0.144)]
    """
    low = float(bounds[0])
    high = float(bounds[1])
    require(low < high, f"bounds must be (low, high) with low below high, got ({low}, {high})")
    y = _outcomes(y, low, high)
    n = len(y)
    predictions = column("predictions", predictions, rows=n)
    groups, names, _ = indicators("groups", groups, rows=n)
    require(n >= 2, f"y must have at least two rows, got {n}")
    require(groups.shape[1] > 0, "groups must have at least one column, got none")
    for name, numbers in (("predictions", predictions), ("y", y)):
        require(
            (numbers >= low) & (numbers <= high), f"{name} must lie within bounds, {low} to {high}"
        )
    levels = _Levels(predictions, low, high, n_levels)
    following = beside((y - predictions)[:, None])
    # From here on rows are in the order of their levels.
    predictions = predictions[levels.order]
    y = y[levels.order]
    h = groups[levels.order]
    sums = _Sums(levels, h * (y - predictions)[:, None])
    inside = (h != 0).astype(float)
    bound = float(max(h.max(), -h.min())) ** 2
    members = levels.total(inside)
    enough = members >= min_count
    require(
        (members.sum(axis=0) >= min_count).any(),
        f"groups must have a group with at least min_count = {min_count} rows",
    )
    miss = (1 - confidence) / (enough.size + h.shape[1])
    half = sums.half_widths(levels.ranges(h), miss)
    ends = sums.means - half, sums.means + half
    sets, biases = _of_sets(ends, levels, predictions, y, h, inside, members, miss)
    cells = tuple(
        Cell(
            level,
            group,
            int(members[level, group]),
            Estimate(*(float(t[level, group]) for t in (sums.means, *ends))),
            Estimate(*(float(t[level, group]) for t in biases)) if sets[group] else None,
        )
        for level, group in zip(*(axis.tolist() for axis in np.nonzero(enough)), strict=True)
    )
    # Exact intervals of two values are as narrow as they can be.
    hidden = [] if np.isin(y, (low, high)).all() else _hidden(cells, sums, levels.counts, miss)
    combination, round_gain = _halves(levels, predictions, y, h, confidence)
    return MulticalibrationAudit(
        n=n,
        names=names,
        values=levels.total(predictions[:, None])[:, 0] / levels.counts,
        counts=levels.counts,
        binned=levels.binned,
        bound=bound,
        wholes=_wholes(levels, predictions, y, h, sets, miss),
        cells=cells,
        unjudged=int(enough.size - enough.sum()),
        groups=tuple(
            sums.error(group, np.where(enough, _from_zero(*ends), 0.0))
            for group in range(h.shape[1])
        ),
        combination=combination,
        round_gain=round_gain,
        doubts=(*hidden, *_doubts(levels, predictions, y, h, bound, following)),
        level=confidence,
        missing=""
        if held_out
        else "the predictor was fitted to these rows and may know their labels, so audit rows that "
        "were held out",
    )


def _outcomes(y: Handed, low: float, high: float) -> Vector:
    """Read labels; -1 and 1, where the bounds exclude -1, and two strings are the bounds."""
    try:
        numbers = column("y", y)
    except TypeError:
        try:
            numbers, classes = class_numbers("y", y)
        except TypeError:
            classes = ()
        if len(classes) != 2:
            raise
        return low + (high - low) * numbers.astype(float)
    if -1 < low < high <= 1 and set(np.unique(numbers)) == {-1.0, 1.0}:
        return np.where(numbers > 0, high, low)
    return numbers


class _Levels:
    """The levels of the predictions: the order of the rows by level, the level of each row in that
    order, and the ends and the number of rows of each level.
    """

    def __init__(self, predictions: Vector, low: float, high: float, most: int):
        values, index = np.unique(predictions, return_inverse=True)
        self.repeats = len(predictions) - len(values)
        first = np.append(True, np.diff(values) > _SAME * (high - low))
        values = values[first]
        index = np.cumsum(first)[index] - 1
        self.low = low
        self.high = high
        self.width = (high - low) / most
        self.binned = len(values) > most
        self.spacing = float(np.diff(values).min(initial=np.inf))
        if self.binned:
            index = np.minimum((predictions - low) / (high - low) * most, most - 1).astype(int)
            number, index = np.unique(index, return_inverse=True)
            self.ends = low + self.width * number, np.minimum(low + self.width * (number + 1), high)
        else:
            self.ends = values, values
        self.order = np.argsort(index, kind="stable")
        self.index = index[self.order]
        self.counts = np.bincount(index)

    def total(
        self, columns: Float[np.ndarray, "rows columns"]
    ) -> Float[np.ndarray, "levels columns"]:
        """Return the sum of each column over the rows of each level."""
        sums = np.zeros((len(self.counts), columns.shape[1]))
        present, starts = np.unique(self.index, return_index=True)
        sums[present] = np.add.reduceat(columns, starts, axis=0)
        return sums

    def ranges(self, h: Columns) -> Table:
        """Return how far apart two values of h r can be at each level, for h between the extremes
        of its column and 0.
        """
        least = np.minimum(h.min(axis=0), 0)
        most = np.maximum(h.max(axis=0), 0)
        above = (self.high - self.ends[0])[:, None]
        below = (self.ends[1] - self.low)[:, None]
        return np.maximum(most * above, -least * below) + np.maximum(most * below, -least * above)


class _Sums:
    """The means and variances of some columns at each level, their intervals, and their K2."""

    def __init__(self, levels: _Levels, products: Columns):
        self.counts = np.bincount(levels.index, minlength=len(levels.counts))
        self.sums = levels.total(products)
        self.squares = levels.total(products**2)
        counts = np.maximum(self.counts, 1)[:, None]
        self.means = self.sums / counts
        scatter = levels.total((products - self.means[levels.index]) ** 2)
        self.variances = scatter / np.maximum(counts - 1, 1)

    def half_widths(self, ranges: Table, miss: float) -> Table:
        """Return the half widths of two-sided intervals, each of which misses the mean with at most
        this chance.
        """
        return _half_widths(self.variances, np.maximum(self.counts, 1)[:, None], ranges, miss)

    def error(self, group: int, least_means: Table) -> GroupError:
        """Return K2 along one column, with the lower bound from the intervals of the means."""
        mask = self.counts > 0
        counts = self.counts[mask]
        sums = self.sums[mask, group]
        squares = self.squares[mask, group]
        several = float(observed.unbiased(counts, sums, squares)) if counts.max() > 1 else 0.0
        least = predicted.sampled_error(counts, least_means[mask, group])
        bias = predicted.plug_in_bias(counts, self.variances[mask, group])
        return GroupError(several, least, float(observed.plug_in(counts, sums)), bias)


def _around(mean: float, half: float) -> Estimate:
    return Estimate(float(mean), float(mean - half), float(mean + half))


def _from_zero(low: Table, high: Table) -> Table:
    """Return the distance of each interval from zero, which is 0 for one that contains zero."""
    return np.maximum(np.maximum(low, -high), 0.0)


def _of_sets(
    ends: tuple[Table, Table],
    levels: _Levels,
    predictions: Vector,
    y: Vector,
    h: Columns,
    inside: Columns,
    members: Table,
    miss: float,
) -> tuple[Bool[np.ndarray, " groups"], tuple[Table, Table, Table]]:
    """Return which groups are sets of rows, where h is c or 0, and the bias of their members with
    both ends of its interval.

    The function also writes the intervals of E[h r | v] of these groups into `ends`; they follow
    from the bias and from the share of members. If labels have two values, the interval is that of
    Clopper and Pearson for the positive members, minus the mean prediction with Hoeffding's
    interval. Derived here from the cited intervals.
    """
    counts = np.broadcast_to(levels.counts[:, None], members.shape)
    values = np.where(h.max(axis=0) > 0, h.max(axis=0), h.min(axis=0))
    sets = (values != 0) & np.all(h == values * inside, axis=0)
    some = np.maximum(members, 1)
    residuals = (y - predictions)[:, None]
    means = levels.total(inside * residuals) / some
    span = levels.high - levels.low
    apart = (levels.ends[1] - levels.ends[0])[:, None]
    if np.isin(y, (levels.low, levels.high)).all():
        positive = ((y - levels.low) / span)[:, None]
        low, high = exact_ends(levels.total(inside * positive), members, 0.9 * miss)
        mean = levels.total(inside * predictions[:, None]) / some
        width = apart * np.sqrt(np.log(40 / miss) / (2 * some))
        bounds = levels.low + span * low - mean - width, levels.low + span * high - mean + width
    else:
        # The law of a member's residual, given that it is one.
        squares = levels.total(inside * (residuals - means[levels.index]) ** 2)
        variances = squares / np.maximum(some - 1, 1)
        width = _half_widths(variances, some, span + apart, 0.95 * miss)
        bounds = means - width, means + width
    shares = np.where(inside.all(axis=0), 1.0, exact_ends(members, counts, miss / 20))
    products = [values * part * ratio for part in bounds for ratio in shares]
    known = (members > 0) & sets
    ends[0][known] = np.min(products, axis=0)[known]
    ends[1][known] = np.max(products, axis=0)[known]
    return sets, (means, *bounds)


def _wholes(
    levels: _Levels,
    predictions: Vector,
    y: Vector,
    h: Columns,
    sets: Bool[np.ndarray, " groups"],
    miss: float,
) -> tuple[Cell, ...]:
    """Return each group that has rows, over all levels together.

    Given the predictions and memberships of the rows, labels are independent, and the interval is
    that of the mean of E[r] over the members. The number of positive labels of two is then a sum of
    unequal Bernoulli variables, whose tails are lighter than the binomial ones of the same mean
    (Hoeffding 1956): Clopper and Pearson's interval holds. For other labels it is Hoeffding's or
    the empirical Bernstein interval, which both hold for variables that are not alike.
    """
    span = levels.high - levels.low
    residuals = y - predictions
    two = bool(np.isin(y, (levels.low, levels.high)).all())
    positive = (y - levels.low) / span
    cells = []
    for group, column_of_group in enumerate(h.T):
        inside = column_of_group != 0
        count = int(inside.sum())
        if not count:
            continue
        products = column_of_group * residuals
        largest = float(np.abs(column_of_group).max())
        if sets[group]:
            weight = float(column_of_group[inside][0])
            own = residuals[inside]
            mean = float(own.mean())
            if two:
                chances = exact_ends(positive[inside].sum(), count, miss)
                low, high = (
                    levels.low + span * float(end) - float(predictions[inside].mean())
                    for end in chances
                )
            else:
                half = _whole_half(own, span, miss)
                low, high = mean - half, mean + half
            bias = Estimate(mean, low, high)
            ends = sorted(weight * count / len(y) * end for end in (low, high))
            residual = Estimate(float(products.mean()), *ends)
        else:
            bias = None
            half = _whole_half(products, span * largest, miss)
            residual = _around(float(products.mean()), half)
        cells.append(Cell(-1, group, count, residual, bias))
    return tuple(cells)


def _whole_half(values: Vector, span: float, miss: float) -> float:
    """Return half the length of the interval of a mean of values, each of which spans so much, all
    together twice as much.
    """
    count = len(values)
    hoeffding = span * np.sqrt(np.log(4 / miss) / (2 * count))
    if count < 2:
        return float(hoeffding)
    deviation = np.log(8 / miss)
    bernstein = np.sqrt(2 * values.var(ddof=1) * deviation / count) + 14 * span * deviation / (
        3 * (count - 1)
    )
    return float(min(hoeffding, bernstein))


def _half_widths(variances: Table, n: Any, ranges: Any, miss: float) -> Table:
    """Return half the length of Hoeffding's or of the empirical Bernstein interval of a mean,
    whichever is shorter; each misses the mean with a probability of at most `miss` / 2.
    """
    deviation = np.log(8 / miss)
    hoeffding = ranges * np.sqrt(np.log(4 / miss) / (2 * n))
    bernstein = np.sqrt(2 * variances * deviation / n) + 7 * ranges * deviation / (
        3 * np.maximum(n - 1, 1)
    )
    return np.where(n > 1, np.minimum(hoeffding, bernstein), hoeffding)


def _hidden(
    cells: tuple[Cell, ...], sums: "_Sums", counts: Int[np.ndarray, " levels"], miss: float
) -> list[Doubt]:
    """Return a doubt if some cells are not called off, but would be if their residuals were normal.

    The intervals then cannot show the error, because the bounds are too wide.
    """
    from scipy.special import ndtri

    errors = np.sqrt(sums.variances / counts[:, None])
    found = [
        cell
        for cell in cells
        if cell.residual.low <= 0 <= cell.residual.high
        and abs(cell.residual.value) > -ndtri(miss / 2) * errors[cell.level, cell.group]
        and counts[cell.level] >= _MANY
    ]
    if not found:
        return []
    worst = max(found, key=lambda cell: abs(cell.shown.value))
    reason = (
        f"{len(found)} cells that are not called off are off if their residuals are roughly "
        f"normal, the worst by {worst.shown.value:.3g}: the bounds are far wider than the "
        "residuals, and narrower bounds would show the error"
    )
    return [Doubt(reason, abs(worst.shown.value), "of a mean")]


class _Half(_Levels):
    """The same levels, with only some of the rows."""

    def __init__(self, levels: _Levels, rows: Bool[np.ndarray, " rows"]):
        self.__dict__ |= vars(levels)
        self.index = levels.index[rows]


def _halves(
    levels: _Levels, predictions: Vector, y: Vector, h: Columns, confidence: float
) -> tuple[Combination | None, Estimate | None]:
    n, size = h.shape
    if n < 4 * (size + 2) or not h.any():
        return None, None
    first = (np.random.default_rng(0).permutation(n) < n // 2)[levels.order]
    residuals = y - predictions
    fit_sums = _Sums(_Half(levels, first), h[first] * residuals[first, None])
    weights = _worst(fit_sums.means, fit_sums.counts, h[first])
    direction = (h @ weights)[:, None]
    test_sums = _Sums(_Half(levels, ~first), direction[~first] * residuals[~first, None])
    half = test_sums.half_widths(levels.ranges(direction), (1 - confidence) / len(levels.counts))
    error = test_sums.error(0, _from_zero(test_sums.means - half, test_sums.means + half))
    corrections, most = _corrections(levels, residuals, h, first)
    outputs = predictions + corrections
    estimates = np.clip(outputs[~first], levels.low, levels.high)
    gains = residuals[~first] ** 2 - (y[~first] - estimates) ** 2
    one_level = _Half(levels, ~first)
    one_level.index = np.zeros(len(gains), int)
    one_level.counts = np.array([len(gains)])
    of_gains = _Sums(one_level, gains[:, None])
    # A correction d of a residual r gains d (2 r - d), whatever the row, and none is longer than
    # `most`.
    span = levels.high - levels.low
    largest = most * (2 * span - most) + min(span**2, most * (2 * span + most))
    width = of_gains.half_widths(np.full((1, 1), largest), 1 - confidence)
    return Combination(weights, error.unbiased, error.least), _around(
        of_gains.means[0, 0], width[0, 0]
    )


def _worst(
    means: Table, counts: Int[np.ndarray, " levels"], h: Columns
) -> Float[np.ndarray, " groups"]:
    """Return the coefficients of the combination of groups of mean square 1 with the largest K2,
    which is the leading generalised eigenvector.
    """
    squares, vectors = np.linalg.eigh(h.T @ h / len(h))
    mask = squares > 1e-10 * squares[-1]
    if not mask.any():
        return np.zeros(h.shape[1])
    whitening = vectors[:, mask] / np.sqrt(squares[mask])
    scores = means @ whitening
    top = np.linalg.eigh(scores.T @ (counts[:, None] / counts.sum() * scores))[1][:, -1]
    return whitening @ top


def _corrections(
    levels: _Levels, residuals: Vector, h: Columns, first: Bool[np.ndarray, " rows"]
) -> tuple[Vector, float]:
    """Return the corrections that least squares on the first half of the rows adds to all
    predictions, and a bound of their size for any row.
    """
    basis = np.column_stack([np.ones(len(h)), h / max(float(np.abs(h).max()), 1e-50)])
    corrections = np.zeros(len(h))
    most = 0.0
    largest = np.abs(basis).max(axis=0)
    for level in range(len(levels.counts)):
        start, end = np.searchsorted(levels.index, [level, level + 1])
        own = start + np.flatnonzero(first[start:end])
        if len(own) >= 2 * basis.shape[1]:
            fit = np.linalg.lstsq(basis[own], residuals[own], rcond=None)[0]
            corrections[start:end] = basis[start:end] @ fit
            most = max(most, float(np.abs(fit) @ largest))
    return corrections, min(most, levels.high - levels.low)


def _doubts(
    levels: _Levels, predictions: Vector, y: Vector, h: Columns, bound: float, following: float
) -> list[Doubt]:
    """Return the reasons why the answer may be off."""
    n = len(y)
    doubts = []
    if following:
        reason = (
            f"residuals of neighbouring rows are alike (correlation {following:.2f}): unless "
            "they were sorted so"
        )
        doubts.append(
            Doubt(
                f"{reason}, there are fewer independent rows", np.inf, "of each interval's length"
            )
        )
    copies = _copied(levels, predictions, y, h)
    if copies > _COPIES * n:
        reason = f"{copies} rows are copies of others, and the intervals count them as new rows"
        doubts.append(Doubt(reason, np.inf, "of each interval's length"))
    if levels.binned:
        reason = (
            f"predictions are put into bins of width {levels.width:.3g}, which can hide "
            "miscalibration"
        )
        doubts.append(Doubt(f"{reason}: all K2 are lower bounds", np.inf, "of K2"))
        if levels.width < 2 * levels.spacing:
            reason = (
                f"bins of width {levels.width:.3g} are narrower than twice the spacing of the "
                "predictions"
            )
            doubts.append(
                Doubt(f"{reason}: which share a level depends on rounding", np.inf, "of K2")
            )
    if _too_good(levels, y - predictions, h):
        reason = (
            "residuals are closer to zero than labels of other rows allow: an audit on "
            "training data says nothing"
        )
        doubts.append(Doubt(reason, np.inf, "of K2"))
    different = _different(h[:1000])
    if different < h.shape[1]:
        different = _different(h)
    if different < h.shape[1]:
        size = np.sqrt(np.log(h.shape[1]) / np.log(max(different, 2))) - 1 if different > 1 else 1.0
        reason = f"{h.shape[1] - different} groups are equal to others, and lengthen all intervals"
        doubts.append(Doubt(reason, max(0.0, float(size)), "of each interval's length"))
    single = float(levels.counts[levels.counts == 1].sum() / n)
    if single:
        reason = f"levels of one row, {single:.2g} of all, are left out of the unbiased K2"
        doubts.append(Doubt(reason, single * bound * (levels.high - levels.low) ** 2, "of K2"))
    return doubts


def _copied(levels: _Levels, predictions: Vector, y: Vector, h: Columns) -> int:
    """Return how many rows are equal to others; 0 where few are, or where rows of discrete columns
    are equal by chance.
    """

    def kinds(*columns: Vector | Columns) -> Counter[bytes]:
        return Counter(row.tobytes() for row in np.column_stack(columns))

    if levels.repeats <= _COPIES * len(y):
        return 0
    rows = kinds(predictions, h, y)
    copies = len(y) - len(rows)
    if copies <= _COPIES * len(y):
        return 0
    shuffle = y[np.lexsort((np.random.default_rng(0).random(len(y))[levels.order], levels.index))]
    alone = len(kinds(predictions, h))
    count = len(kinds(predictions, h, shuffle))
    alike = count - alone > _FEWEST_KINDS * (1 + len(rows) - alone)
    return copies if alike or (len(rows) > _FEWEST_KINDS and gcd(*rows.values()) > 1) else 0


def _different(columns: Columns) -> int:
    """Return how many different columns there are."""
    return len({column.tobytes() for column in np.ascontiguousarray(columns.T)})


def _too_good(levels: _Levels, residuals: Vector, h: Columns) -> bool:
    """Tell whether sums of residuals are so near zero that the predictor must have been fitted to
    these rows.
    """
    from scipy.stats import chi2

    if not residuals.any():
        return True
    sums = _Sums(levels, residuals[:, None])
    mask = (levels.counts > 1) & (sums.variances[:, 0] > 0)
    squares = levels.counts[mask] * sums.means[mask, 0] ** 2 / sums.variances[mask, 0]
    if len(squares) >= _FEWEST_LEVELS and chi2.cdf(squares.sum(), len(squares)) < _TOO_GOOD:
        return True
    if not levels.binned:
        return False
    columns = np.column_stack([np.ones(len(h)), h])
    small = _TOO_GOOD / columns.shape[1] * np.sqrt(residuals**2 @ columns**2)
    # Sums over predictions on a grid lie on one too, and are often 0.
    coarse = levels.spacing * np.abs(columns).max(axis=0) >= small
    return bool(np.any((np.abs(residuals @ columns) < small) & ~coarse))
