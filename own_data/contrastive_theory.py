"""What a contrastive loss certifies, and what an InfoNCE estimate lacks, for numbers of one's own.

`contrastive_report` judges a loss, `infonce_bias` a matrix of scores. Statements about losses hold for positives that
are independent members of their class; two augmentations of one picture are more alike than that.
"""

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from theory import contrastive_theory as predicted
from theory.contrastive_theory.domains import Classes, Negatives, Views
from theory_on_trial.contract import USABLE_SCALE, Interval, NonNegative, guarded, require
from theory_on_trial.own_data.copies import copied_rows
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.jackknife import GROUPS, jackknife, stratified_groups

_HEAVY = 0.2  # share of a sum that one term may have
_NEAR_CEILING = 0.8
_ENOUGH = 0.05  # of the estimate
_MOST = 2**20  # candidates
_VANISHING = 1e-130  # so that squares of quotients are numbers
_FIRST_ORDER = 0.1  # nats; beyond, the next orders in 1 / K are no longer small

Unit = Literal["nats", "bits", "hinge"]
Candidates = Annotated[int, Interval(2, _MOST, why="the positive and at least one other")]
Scores = Annotated[Float[np.ndarray, "n n"], USABLE_SCALE]


class ContrastiveReport(NamedTuple):
    """What a contrastive loss says about classifiers."""

    floor: float
    """What no encoder gets below, in the unit of the loss."""
    supervised_bound: float | None
    """L_sup is at most this, in the unit of the loss; None where the loss is below the floor."""
    vacuous: bool | None
    """Whether features that are all zero would satisfy that bound too."""
    floor_share: float
    """Of the loss: how much of it is the floor."""
    doubts: tuple[str, ...]

    def __str__(self) -> str:
        """Return the numbers in words, and the doubts."""
        lines = [f"the loss is {1 / self.floor_share:.4g} times the floor of {self.floor:.4f}"]
        if self.supervised_bound is not None:
            said = "vacuous: features that are all zero do as well" if self.vacuous else "below that of zero features"
            lines.append(f"the loss of mean classifiers on two classes is at most {self.supervised_bound:.4f} ({said})")
        return "\n".join(lines + [f"doubt: {doubt}" for doubt in self.doubts])


class InfoNCEBias(NamedTuple):
    """What an InfoNCE estimate lacks, in nats, with 95 % intervals."""

    estimate: Estimate
    """I_K of these scores: the mutual information is at least its expectation."""
    ceiling: float
    """log K, which it cannot exceed."""
    chi2: Estimate
    """Mean of e^score over its mean for other pairs, less one; chi^2 where the scores are log r."""
    predicted_gap: Estimate
    """What the limit of this critic for many candidates is above the estimate, to first order in 1 / K."""
    candidates_needed: int | None
    """From which K on this gap is at most 5 % of the estimate; None where its interval holds 0, and beyond 2^20."""
    doubts: tuple[str, ...]

    def __str__(self) -> str:
        """Return the numbers in words, and the doubts."""
        lines = [
            f"InfoNCE {self.estimate} nats of at most {self.ceiling:.4g}; its limit is higher by {self.predicted_gap}",
            f"candidates for a gap of 5 %: {self.candidates_needed or 'none'}; chi^2 {self.chi2}",
        ]
        return "\n".join(lines + [f"doubt: {doubt}" for doubt in self.doubts])


@guarded
def contrastive_report(
    loss: NonNegative, weights: Classes, negatives: Negatives = 1, *, unit: Unit = "nats", views: Views = 1
) -> ContrastiveReport:
    """Judge a contrastive loss by the weights of the latent classes.

    Args:
        loss: mean of the logistic loss log(1 + sum of e^-v_i), in nats or bits, or of the hinge; of a whole epoch.
        weights: of the latent classes, at least two.
        negatives: k per positive, drawn independently of it.
        unit: of the loss, "hinge" for max(0, 1 - v).
        views: how many negatives come from one picture; 2 where a batch holds two augmentations of each.

    Below the floor there is no verdict but a doubt with its possible reasons. Raises ValueError for a loss of zero, the
    hinge with more than one negative, and views that do not divide the negatives.
    Source: `theory.contrastive_theory.certificate`.

    >>> print(contrastive_report(0.55, [0.5, 0.3, 0.2], unit="bits"))
    the loss is 1.447 times the floor of 0.3800
    the loss of mean classifiers on two classes is at most 0.2742 (below that of zero features)
    """
    require(loss > 1e-300, f"loss must be positive: no encoder has a loss of zero, got {loss}")
    require(unit != "hinge" or negatives == 1, f"negatives must be 1 for the hinge, got {negatives}")
    base = math.e if unit == "nats" else 2.0
    floor = predicted.collision_floor(weights, negatives, base, views)
    if loss < floor * (1 - 1e-12):
        reasons = (
            "the loss is below the floor, so that one of these does not match: the weights, base or temperature of the "
            "loss; positives that are independent members of their class (augmentations are more alike); "
            "negatives that come one per picture (views=2 where a batch holds two of each)"
        )
        return ContrastiveReport(floor, None, None, float(floor / loss), (reasons,))
    per_unit = predicted.certificate(weights, 1.0, negatives, base, views) - floor
    bound = max(0.0, float((loss - floor) / per_unit))
    of_zero = math.log(2) if unit == "nats" else 1.0
    return ContrastiveReport(floor, bound, bool(bound >= of_zero), float(floor / loss), ())


@guarded
def infonce_bias(scores: Scores, candidates: Candidates) -> InfoNCEBias:
    """Estimate InfoNCE with K candidates from scores of all pairs, and what it lacks of its limit for many candidates.

    Args:
        scores: f(x_i, y_j) in nats, temperature included, of n independent pairs (x_i, y_i); n is at least 40, and 20
            groups of pairs are left out in turn, after which K pairs must remain.
        candidates: K.

    Intervals are those of the grouped jackknife, over pairs. A doubt says where a few scores make up the sums, where
    the estimate may be 0 or is so near log K that the information may be anything above, and where pairs are copies.
    Raises ValueError for fewer pairs, and for scores whose exponentials vanish next to others in their row.
    Source: `theory.contrastive_theory.gap_coefficient`.
    """
    n = len(scores)
    kept = n - -(-n // GROUPS)
    enough = n >= 2 * GROUPS and kept >= candidates
    require(enough, f"scores must have at least 40 rows, and {candidates} less a twentieth of them left out, got {n}")
    order = np.random.default_rng(0).permutation(n)  # rows that lie together may be alike
    shuffled = scores[np.ix_(order, order)]
    tilts = np.exp(shuffled - shuffled.max(axis=1, keepdims=True))
    least = np.minimum(np.diag(tilts), np.median(tilts, axis=1))
    require(
        least > _VANISHING,
        "scores must lie within 300 of the highest in each row, at least half of them and the pair's: their "
        "exponentials vanish",
    )
    groups = stratified_groups(np.zeros(n, int))
    remaining = [np.flatnonzero(groups != group) for group in range(-1, GROUPS)]
    found = np.array([_statistics(tilts[np.ix_(rows, rows)], candidates) for rows in remaining])
    estimate, chi2, coefficient = (jackknife(values, 0.95) for values in found.T)
    gap = Estimate(*(value / candidates for value in coefficient))
    needed = abs(coefficient.value) / (_ENOUGH * estimate.value) if estimate.low > 0 else math.inf
    ceiling = math.log(candidates)
    paired, others = _ratios(tilts)
    shares = [float(terms.max() / terms.sum()) for terms in (paired, others**2)]
    rounded = np.round(scores, 9)  # products of matrices may differ in the last digit
    copied = copied_rows(rounded, rounded.T)
    judged = (
        (estimate.low <= 0, "the estimate is not clearly above 0: nothing is found, and no K is named"),
        (copied > 0, f"{copied} pairs are duplicated: copies tell nothing new, and meet as others of each other"),
        (max(shares) > _HEAVY, f"heavy tails: one pair makes up {max(shares):.0%} of a sum, and no interval holds"),
        (abs(gap.value) > _FIRST_ORDER, "the gap is too large for its first order in 1 / K: take more candidates"),
        (estimate.value > _NEAR_CEILING * ceiling, "the estimate is near log K: it says only that I is at least that"),
    )
    doubts = tuple(sentence for doubtful, sentence in judged if doubtful)
    return InfoNCEBias(estimate, ceiling, chi2, gap, max(2, math.ceil(needed)) if needed <= _MOST else None, doubts)


def _ratios(
    tilts: Float[np.ndarray, "n n"],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n others"]]:
    """e^score of each pair and of each other y, over the mean of the others."""
    n = len(tilts)
    others = tilts[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    means = others.mean(axis=1)
    return np.diag(tilts) / means, others / means[:, None]


def _statistics(tilts: Float[np.ndarray, "n n"], candidates: int) -> tuple[float, float, float]:
    """InfoNCE, E t - 1, and the first coefficient of the gap in 1 / K."""
    n = len(tilts)
    paired, others = _ratios(tilts)
    # Others from the diagonal on, in disjoint sets of K - 1.
    row = np.arange(n)[:, None]
    cyclic = tilts[row, (row + np.arange(1, n)) % n]
    sets = (n - 1) // (candidates - 1)
    against = cyclic[:, : sets * (candidates - 1)].reshape(n, sets, candidates - 1).sum(axis=2)
    own = np.diag(tilts)[:, None]
    infonce = float(np.mean(np.log(own / ((own + against) / candidates))))
    excess = float(paired.mean() - 1)
    return infonce, excess, excess - float((others**2).mean() - 1) / 2
