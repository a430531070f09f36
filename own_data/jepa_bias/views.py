"""From two paired data matrices to what is learned when, and to what the sample decides of it."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from own_data.jepa_bias.features import turned
from own_data.jepa_bias.flow import crossings
from own_data.jepa_bias.order import COARSE, integrated, learning_order
from own_data.jepa_bias.result import LearningOrder
from theory import jepa_bias as predicted
from theory.jepa_bias.domains import Clock, Objective
from theory_on_trial.contract import (
    ANY_NUMBER,
    MAY_BE_EMPTY,
    Count,
    Fraction,
    Positive,
    guarded,
    require,
)
from theory_on_trial.own_data.answer import Answer, Doubt
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.jackknife import (
    GROUPS,
    at_least,
    covariances,
    jackknife,
    stratified_groups,
)
from theory_on_trial.own_data.neighbours import beside
from theory_on_trial.own_data.table import Features, features

View = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""A matrix or a data frame, a row per thing; the sentences about it name the first bad place."""
Matrix = Float[np.ndarray, "samples dim"]
Moments = Float[np.ndarray, "fits dim dim"]

_MOST_SPREAD = 1e4  # of the standard deviations of columns
_FEWEST = 10  # rows per feature for the jackknife of covariances
_SIGNIFICANT = 4.5  # standard errors, of correlations and kurtoses


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ViewsLearningOrder(Answer):
    """What `learning_order_of_views` found. Features are numbered as in `order`.

    Attributes:
        n_samples: pairs of views.
        distinct: how many of them differ.
        constant: columns of X without variance.
        order: the prediction for a network trained on just these pairs, exact but for its doubts.
        covariance: λ of each feature in the population, in squared units of the data.
        regression: ρ.
        times: when each is first learned with infinite data; up to infinity where it may never be.
        undecided: how many neighbours in the order of times have intervals that overlap.
        squared_commutator: of the population, relative as in `order`, squared; its interval reaches
            zero where the population may commute.
        squared_asymmetry: in the same way.
    """

    asked: ClassVar[str] = LearningOrder.asked
    rests_on: ClassVar[str] = f"{LearningOrder.rests_on}; independent pairs"
    unseen: ClassVar[str] = (
        f"{LearningOrder.unseen}; that pairs which stand apart are of one subject"
    )

    n_samples: int
    distinct: int
    constant: tuple[str, ...]
    order: LearningOrder
    covariance: tuple[Estimate, ...]
    regression: tuple[Estimate, ...]
    times: tuple[Estimate, ...]
    undecided: int
    squared_commutator: Estimate
    squared_asymmetry: Estimate
    confidence: float

    def lines(self) -> list[str]:
        """Return the prediction for these pairs, and when the first features are learned in the
        population.
        """
        constant = f", without variance: {', '.join(self.constant)}" if self.constant else ""
        entries = [f"{i} at {time}" for i, time in enumerate(self.times)]
        return [
            self.order.headline(),
            f"{self.n_samples} pairs, {self.distinct} distinct{constant}; of infinite data:",
            *[f"  {', '.join(some)}" for some in (entries[:3], entries[3:6]) if some],
            *([f"  and {len(entries) - 6} more"] if len(entries) > 6 else []),
            f"these pairs: {self.order.course()}",
            f"the data do not decide {self.undecided} of {len(entries) - 1} neighbours in the "
            "order of times",
        ]

    def plot(self, axes: Any = None) -> Any:
        """Draw the intervals of the times over the plot of `order`; return the axes."""
        axes = self.order.plot(axes)
        for feature, time in enumerate(self.times):
            if np.isfinite(time.high):
                axes.plot([time.low, time.high], [feature - 0.3] * 2, color="black", marker="|")
        return axes


@guarded
def learning_order_of_views(
    X: View,
    Y: View,
    depth: Count,
    epsilon: Positive,
    objective: Objective,
    *,
    fraction: Fraction = 0.5,
    clock: Clock = "flow",
    confidence: Fraction = 0.95,
) -> ViewsLearningOrder:
    """`learning_order` of a network trained on the pairs (X, Y), with intervals for the population
    behind them.

    Covariances are taken about the means of the two views: subtract them before training. `order`
    is that of a network trained on just these pairs. The sample itself puts it out of line, so that
    it may show displacements that infinite data would not have: where the population may commute,
    intervals reach to the times without them.

    Intervals are those of the grouped jackknife (20 groups) with Student's quantile, each at
    `confidence` on its own, of the features found on all pairs: asymptotic in n for fixed
    dimension. Those of λ and ρ see each group by the features of the others. Equal pairs stay in
    one group, and where neighbouring rows are alike groups are blocks of rows: rows of one subject
    must follow each other, or intervals are too short. Not answerable with fewer than ten distinct
    pairs per feature; heavy tails are doubted.

    Args:
        X: n >= 40 rows, the context view of each thing; a matrix or a data frame.
        Y: n rows of as many numbers, the target view.
        depth: L, layers of the encoder.
        epsilon: as for `learning_order`, like the next three.
        objective: jepa or mae.
        fraction: p.
        clock: flow or paper.
        confidence: of each interval.

    Raises TypeError for views without numbers, ValueError for views that are not finite (the column
    is named), of different shapes, of fewer than 40 rows, without variance, with columns whose
    standard deviations are further apart
    than ten thousand times, and as `learning_order`. Source: derived here.

    >>> scales = [[[1.0, 1.2]], [[0.2, 1.0]], [[0.2, 1.0]]]
    >>> shared, first, second = np.random.default_rng(0).normal(size=(3, 1000, 2)) * scales
    >>> found = learning_order_of_views(shared + first, shared + second, 2, 0.01, "jepa")
    >>> found.order.times.round(-1), found.order.lasting_order
    (array([320., 350.]), [1, 0])
    """
    context = features("X", X)
    target = features("Y", Y)
    shape = context.values.shape
    n_samples = len(context.values)
    require(
        target.values.shape == shape,
        f"Y must have the shape of X, which is {shape}, got {target.values.shape}",
    )
    require(n_samples >= 2 * GROUPS, f"X must have at least {2 * GROUPS} rows, got {n_samples}")
    constant = _constant_columns(context)
    x, y = (view.values - view.values.mean(axis=0) for view in (context, target))
    pair = x.T @ x / n_samples, y.T @ x / n_samples
    try:
        order = learning_order(*pair, depth, epsilon, objective, fraction=fraction, clock=clock)
    except ValueError as error:
        if not str(error).startswith("Sigma"):
            raise
        raise ValueError(
            f"{error} (Sigma_xx is the covariance of X, Sigma_yx that of Y with X)"
        ) from error
    groups, distinct = _groups(x, y, order.basis)
    both = covariances(groups, x, y)
    dim = shape[1]
    moments = both[:, :dim, :dim], both[:, dim:, :dim]
    variances, lambdas = _held_out(moments, groups, order.basis)
    squares = np.array([_squared_norms(*pair) for pair in zip(*moments, strict=True)])
    commutator, asymmetry = (at_least(jackknife(column, confidence), 0.0) for column in squares.T)
    may_commute = commutator.low == 0 and asymmetry.low == 0
    times = _times(moments, order, lambdas, variances, confidence, may_commute)
    beyond = partial(_beyond, confidence=confidence)
    missing = order.missing
    if distinct < _FEWEST * len(order.basis):
        missing = (
            f"at least {_FEWEST * len(order.basis)} distinct pairs for {len(order.basis)} "
            f"columns, got {distinct}; "
            ".order is what a network trained on just these pairs does"
        )
    return ViewsLearningOrder(
        n_samples=n_samples,
        distinct=distinct,
        constant=constant,
        order=order,
        covariance=tuple(map(beyond, lambdas.T, order.covariance)),
        regression=tuple(map(beyond, (lambdas / variances).T, order.regression)),
        times=times,
        undecided=sum(first.high > second.low for first, second in pairwise(times)),
        squared_commutator=commutator,
        squared_asymmetry=asymmetry,
        confidence=float(confidence),
        level=float(confidence),
        doubts=order.doubts + _doubts(x, order, may_commute),
        missing=missing,
    )


def _constant_columns(view: Features) -> tuple[str, ...]:
    """Names of the columns without variance; `ValueError` where the others are on scales too far
    apart.
    """
    varies = np.ptp(view.values, axis=0) > 0
    require(varies.any(), "X must vary, got the same row throughout")
    spreads = np.where(varies, view.values.std(axis=0), np.nan)
    widest, narrowest = (view.columns[find(spreads)] for find in (np.nanargmax, np.nanargmin))
    ratio = np.nanmax(spreads) / np.nanmin(spreads)
    require(
        ratio <= _MOST_SPREAD,
        f"X must have columns on comparable scales, got a standard deviation of {widest!r} "
        f"{ratio:.1g} times that of "
        f"{narrowest!r}: standardise the columns, or leave one out",
    )
    return tuple(column for column, moves in zip(view.columns, varies, strict=True) if not moves)


def _groups(
    x: Matrix, y: Matrix, basis: Float[np.ndarray, "dim features"]
) -> tuple[Int[np.ndarray, " samples"], int]:
    """Twenty groups of rows: at random, equal rows together, or blocks where neighbouring rows are
    alike.
    """
    _, index = np.unique(np.hstack([x, y]), axis=0, return_inverse=True)
    index = index.ravel()
    distinct = int(index.max()) + 1
    if beside(x @ basis if basis.size else x, chance=_SIGNIFICANT):
        return np.arange(len(x)) * GROUPS // len(x), distinct
    return stratified_groups(np.zeros(distinct, int))[index], distinct


def _held_out(
    moments: tuple[Moments, Moments],
    groups: Int[np.ndarray, " samples"],
    basis: Float[np.ndarray, "dim features"],
) -> list[Float[np.ndarray, "fits features"]]:
    """σ^2 and λ of the features, of all groups and of all but each, every group seen by the
    features of the others.

    Rows show λ of the features that were found on them further apart than they are in the
    population.
    """
    start = np.linalg.svd(basis, full_matrices=True)[0]
    start[:, : basis.shape[1]] = basis
    bases = turned(moments[0][1:], moments[1][1:], start)[:, :, : basis.shape[1]]
    rows = len(groups) - np.array([0, *np.bincount(groups, minlength=GROUPS)])
    found = []
    for matrices in moments:
        scatters = (rows - 1)[:, None, None] * matrices
        seen = np.einsum("bif,bij,bjf->bf", bases, scatters[0] - scatters[1:], bases)
        found.append((seen.sum(axis=0) - np.vstack([0 * seen[:1], seen])) / rows[:, None])
    return found


def _beyond(values: Float[np.ndarray, " fits"], seen: float, confidence: float) -> Estimate:
    """The jackknife's interval, and beyond it as far as what is held out differs from what all rows
    show.
    """
    value, low, high = jackknife(values, confidence, "log" if (values > 0).all() else "linear")
    return Estimate(value, low + min(0.0, values[0] - seen), high + max(0.0, values[0] - seen))


def _squared_norms(
    Sigma_xx: Float[np.ndarray, "dim dim"], Sigma_yx: Float[np.ndarray, "dim dim"]
) -> tuple[float, float]:
    """Squares of the relative commutator and asymmetry."""
    scale_xx = np.sum(Sigma_xx**2)
    scale_yx = np.sum(Sigma_yx**2)
    commutator = predicted.commutator_norm(Sigma_xx, Sigma_yx) ** 2 / (scale_xx * scale_yx)
    return float(commutator), float(np.sum((Sigma_yx - Sigma_yx.T) ** 2) / scale_yx)


def _times(
    moments: tuple[Moments, Moments],
    order: LearningOrder,
    lambdas: Float[np.ndarray, "fits features"],
    variances: Float[np.ndarray, "fits features"],
    confidence: Fraction,
    may_commute: bool,
) -> tuple[Estimate, ...]:
    """First times in the population: of all flows, stepped together, and of the scalar equations if
    they may hold.
    """
    if not order.answerable:
        return ()
    factor = order.depth if order.clock == "paper" else 1
    horizon = (order.horizon if np.isfinite(order.horizon) else 4 * order.times.max()) / factor
    track, ends = integrated(
        *moments,
        order.basis,
        order.depth,
        order.epsilon,
        order.objective,
        order.fraction,
        horizon,
        COARSE,
    )
    onsets = np.full(lambdas.shape, np.inf)
    for fit, lengths in enumerate(ends):
        for event in crossings(track, fit, order.fraction * lengths):
            onsets[fit, event.feature] = min(onsets[fit, event.feature], factor * event.time)
    onsets *= order.times / np.where(
        np.isfinite(onsets[0]), onsets[0], order.times
    )  # the error of coarse steps
    rates = np.abs(lambdas), np.abs(lambdas) / variances
    scalar_times = predicted.critical_time(
        order.fraction,
        order.epsilon,
        order.depth,
        *rates,
        objective=order.objective,
        clock=order.clock,
    )
    scalar_times = np.where((lambdas > 0) & (scalar_times > 0), scalar_times, np.inf)
    times = []
    for feature in range(len(order.times)):
        value = float(
            order.times[feature]
        )  # an unlearning is no smooth statistic, whose bias could be removed
        ranges = [_interval(onsets[:, feature], confidence)]
        ranges += [_interval(scalar_times[:, feature], confidence)] if may_commute else []
        low = min(estimate.low for estimate in ranges)
        high = max(estimate.high for estimate in ranges)
        time = Estimate(value, min(value, low), max(value, high))
        times.append(time)
    return tuple(times)


def _interval(times: Float[np.ndarray, " fits"], confidence: Fraction) -> Estimate:
    """From zero to infinity where not all fits have a time."""
    return (
        jackknife(times, confidence, "log")
        if np.isfinite(times).all()
        else Estimate(float(times[0]), 0.0, np.inf)
    )


def _doubts(x: Matrix, order: LearningOrder, may_commute: bool) -> tuple[Doubt, ...]:
    scores = x @ order.basis
    kurtosis = float(
        np.max(np.mean(scores**4, axis=0) / np.mean(scores**2, axis=0) ** 2, initial=0)
    )
    heavy = bool(kurtosis > max(3 + _SIGNIFICANT * np.sqrt(24 / len(x)), 0.01 * len(x)))
    shift = float(np.nanmax(np.abs(order.times / order.aligned_times - 1), initial=0))
    tails = Doubt(
        f"tails are heavy (kurtosis {kurtosis:.2g}): intervals may be too short",
        np.inf,
        "of each time",
    )
    aligned = Doubt(
        "with infinite data the covariances may commute, and nothing be displaced",
        shift,
        "of each time",
    )
    return (tails,) * heavy + (aligned,) * (may_commute and shift > 0.01)
