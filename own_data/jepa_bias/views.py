"""From two paired data matrices to what is learned when, and to what the sample decides of it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float

from own_data.jepa_bias.order import learning_order
from own_data.jepa_bias.result import SHOWN, LearningOrder
from theory import jepa_bias as predicted
from theory.jepa_bias._domains import Clock, Objective
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Count, Fraction, Positive, guarded, require
from theory_on_trial.own_data.arrays import numbers
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.jackknife import GROUPS, at_least, jackknife, stratified_groups

View = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""A matrix or a data frame, a row per thing; the sentences about it name the first bad place."""
Moments = tuple[Float[np.ndarray, "dim dim"], Float[np.ndarray, "dim dim"]]


@dataclass(frozen=True, eq=False, repr=False)
class ViewsLearningOrder:
    """What `learning_order_of_views` found. Features are numbered as in `order`.

    Attributes:
        n_samples: n, pairs of views.
        order: the prediction for a network trained on just these pairs.
        covariance: lambda of each feature in the population.
        regression: rho.
        times: critical times in the population; up to infinity where lambda may be zero.
        squared_commutator: of the population, relative as in `order`, squared; its interval reaches zero where the
            population may commute.
        squared_asymmetry: likewise.
        doubts: sentences on what in this result is not to be trusted, and why; those of `order` come first.
    """

    n_samples: int
    order: LearningOrder
    covariance: tuple[Estimate, ...]
    regression: tuple[Estimate, ...]
    times: tuple[Estimate, ...]
    squared_commutator: Estimate
    squared_asymmetry: Estimate
    doubts: tuple[str, ...]

    def __repr__(self) -> str:
        """Return the prediction for these pairs, the intervals of the first times in the population, and the doubts."""
        lines = [line for line in str(self.order).splitlines() if not line.startswith("  doubt")]
        lines += [f"{self.n_samples} pairs: in the population"]
        lines += [f"  feature {i} is learned at {time}" for i, time in enumerate(self.times[:SHOWN])]
        lines += [f"  squared commutator {self.squared_commutator}, asymmetry {self.squared_asymmetry}"]
        return "\n".join(lines + [f"  doubt: {doubt}" for doubt in self.doubts])


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
    """`learning_order` of a network trained on the pairs (X, Y), with intervals for the population behind them.

    Covariances are taken about the means of the two views: subtract them before training. The sample itself puts a
    network out of line, so that `order` shows displacements that infinite data would not have.

    Intervals are those of the grouped jackknife (20 random groups, fixed seed) with Student's quantile, each at
    `confidence` on its own, of the features found on all pairs: asymptotic in n for fixed dimension.

    Args:
        X: n >= 40 rows, the context view of each thing; a matrix or a data frame.
        Y: n rows of as many numbers, the target view.
        depth: L, layers of the encoder.
        epsilon: strength of every feature at the start.
        objective: jepa or mae.
        fraction: p, of its final strength at which a feature counts as learned.
        clock: flow or paper.
        confidence: of each interval.

    Raises TypeError for views without numbers, ValueError for views that are not finite (the first place is named), of
    different shapes, of fewer than 40 rows, without variance, and as `learning_order`. Source: derived here.

    >>> signal = np.random.default_rng(0).normal(size=(3, 1000, 2)) * [[[1.0, 1.2]], [[0.2, 1.0]], [[0.2, 1.0]]]
    >>> found = learning_order_of_views(signal[0] + signal[1], signal[0] + signal[2], 2, 0.01, "jepa")
    >>> [f"{time.value:.0f}" for time in found.times], found.order.permanent_order.tolist()
    (['320', '385'], [1, 0])
    """
    context, target = _checked_view("X", X), _checked_view("Y", Y)
    shape = target.shape
    require(context.shape == shape, f"Y must have the shape of X, which is {context.shape}, got {shape}")
    n_samples = len(context)
    require(n_samples >= 2 * GROUPS, f"X must have at least {2 * GROUPS} rows, got {n_samples}")
    require(np.ptp(context, axis=0).any(), "X must vary, got the same row throughout")
    groups = stratified_groups(np.zeros(n_samples, int))
    kept = [groups >= 0, *(groups != group for group in range(GROUPS))]
    moments = [_moments(context[rows], target[rows]) for rows in kept]
    try:
        order = learning_order(*moments[0], depth, epsilon, objective, fraction=fraction, clock=clock)
    except ValueError as error:
        if not str(error).startswith("Sigma"):
            raise
        raise ValueError(f"{error} (Sigma_xx is the covariance of X, Sigma_yx that of Y with X)") from error
    variances, covariances = (
        np.array([np.sum(order.basis * (pair[which] @ order.basis), axis=0) for pair in moments]) for which in (0, 1)
    )
    squares = np.array([_squared_norms(*pair) for pair in moments])
    commutator, asymmetry = (at_least(jackknife(column, confidence), 0.0) for column in squares.T)
    times = tuple(
        _time(strength, variance, order, confidence)
        for strength, variance in zip(covariances.T, variances.T, strict=True)
    )
    undecided = sum(not np.isfinite(time.high) for time in times)
    overlaps = sum(first.high > second.low for first, second in pairwise(times))
    doubts = (
        (
            commutator.low == 0 and asymmetry.low == 0,
            f"with infinite data the covariances may commute: displacements may be due to these {n_samples} pairs only",
        ),
        (undecided > 0, f"of {undecided} of {len(times)} features the data do not say that they are ever learned"),
        (overlaps > 0, f"the data do not decide {overlaps} of {len(times) - 1} neighbours in the order of times"),
    )
    return ViewsLearningOrder(
        n_samples=n_samples,
        order=order,
        covariance=tuple(jackknife(column, confidence) for column in covariances.T),
        regression=tuple(jackknife(column, confidence) for column in (covariances / variances).T),
        times=times,
        squared_commutator=commutator,
        squared_asymmetry=asymmetry,
        doubts=order.doubts + tuple(sentence for doubtful, sentence in doubts if doubtful),
    )


def _checked_view(name: str, view: Any) -> Float[np.ndarray, "samples dim"]:
    matrix = numbers(name, view)
    if matrix.ndim != 2 or matrix.shape[1] < 1:
        raise ValueError(f"{name} must be a matrix, a row per pair, got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(f"{name} must be finite, got {matrix[row, column]} in row {row}, column {column}")
    return matrix


def _moments(context: Float[np.ndarray, "samples dim"], target: Float[np.ndarray, "samples dim"]) -> Moments:
    context, target = context - context.mean(axis=0), target - target.mean(axis=0)
    return context.T @ context / len(context), target.T @ context / len(context)


def _squared_norms(
    Sigma_xx: Float[np.ndarray, "dim dim"], Sigma_yx: Float[np.ndarray, "dim dim"]
) -> tuple[float, float]:
    """Squares of the relative commutator and asymmetry."""
    scale_xx, scale_yx = np.sum(Sigma_xx**2), np.sum(Sigma_yx**2)
    commutator = predicted.commutator_norm(Sigma_xx, Sigma_yx) ** 2 / (scale_xx * scale_yx)
    return float(commutator), float(np.sum((Sigma_yx - Sigma_yx.T) ** 2) / scale_yx)


def _time(
    covariance: Float[np.ndarray, " fits"],
    variance: Float[np.ndarray, " fits"],
    order: LearningOrder,
    confidence: Fraction,
) -> Estimate:
    """The critical time of one feature; from zero to infinity where not all fits have one."""
    found = predicted.critical_time(
        order.fraction,
        order.epsilon,
        order.depth,
        np.abs(covariance),
        np.abs(covariance) / variance,
        objective=order.objective,
        clock=order.clock,
    )
    if covariance.min() <= 0 or found.min() == 0 or not np.isfinite(found).all():
        return Estimate(float(found[0]), 0.0, np.inf)
    time = jackknife(found, confidence, "log")
    return time if jackknife(covariance, confidence).low > 0 else Estimate(time.value, time.low, np.inf)
