"""Means over all pairs of n points, which concentrate although pairs share points."""

from itertools import combinations_with_replacement
from math import lgamma
from typing import Annotated

import numpy as np

from theory.mixup import rates
from theory_on_trial import claim, known
from theory_on_trial.contract import Interval

LAWS = 344  # of a point, by which the tails differ


def three_point_law(rng):
    """Return the chances of three values of a point, and the Mixup loss [first, second] of each
    pair of them at one classifier. A value is a score with its label; pairs are mixed by halves.
    """
    chances = rng.dirichlet([3.0, 3.0, 3.0])
    scores = rng.normal(0, 2, 3)
    labels = np.array([1.0, 1.0, 0.0])
    score = (scores[:, None] + scores) / 2
    label = (labels[:, None] + labels) / 2
    return chances, np.logaddexp(0, score) - label * score


def all_samples(n, chances):
    """Return the possible counts of the three values in n points, one sample in each row, and the
    chance of each sample.
    """
    cuts = np.array(list(combinations_with_replacement(range(n + 1), 2)))
    counts = np.column_stack([cuts[:, 0], cuts[:, 1] - cuts[:, 0], n - cuts[:, 1]])
    factorials = np.array([lgamma(k + 1) for k in range(n + 1)])
    log_chances = factorials[n] - factorials[counts].sum(axis=1) + counts @ np.log(chances)
    return counts, np.exp(log_chances)


def mean_over_distinct_pairs(counts, loss):
    """The mean of the loss over distinct pairs of points, for each sample."""
    n = counts[0].sum()
    over_all_pairs = np.einsum("si,ij,sj->s", counts, loss, counts)
    of_a_point_with_itself = counts @ np.diag(loss)
    return (over_all_pairs - of_a_point_with_itself) / (n * (n - 1))


def moments(chances, loss):
    """Return the mean of the loss, ζ_1 and ζ_2, as the next claim defines them."""
    mean = chances @ loss @ chances
    variance_given_one = chances @ (loss @ chances - mean) ** 2
    variance = chances @ (loss - mean) ** 2 @ chances
    return mean, variance_given_one, variance


@claim(known("Hoeffding 1948, on $U$-statistics"), kind="identity", cases=[8, 16, 32])
def test_pairs_variance(
    trial, n: Annotated[int, Interval(4, 40, why="all samples of three values are enumerated")]
):
    """Let $h$ be a symmetric function of two points, $ζ_1$ the variance of its mean given one of
    two independent points, and $ζ_2$ its variance. The mean of $h$ over the distinct pairs of $n$
    independent points has the variance $(2 / (n (n - 1))) (2 (n - 2) ζ_1 + ζ_2)$.

    This is about 4 ζ_1 / n: it falls with the number of points, not with that of pairs.
    """
    chances, loss = three_point_law(trial.generator("law"))
    mean, projected, total = moments(chances, loss)
    counts, weights = all_samples(n, chances)
    variance = weights @ (mean_over_distinct_pairs(counts, loss) - mean) ** 2
    law = rates.pair_mean_variance(n, projected, total)
    trial.identity(
        variance,
        law,
        ops=100 * n,
        scale=total,
        controls={
            "$n (n - 1) / 2$ independent pairs": 2 * total / (n * (n - 1)),
            "$n²$ independent pairs": total / n**2,
        },
        generic="both sides are polynomials in the chances and losses",
    )


@claim(
    known("Hoeffding 1963, section 5, on $U$-statistics"),
    kind="bound",
    cases=[16, 32],
    not_tight="a bound for every law: at small deviations half of it is reached",
)
def test_pairs_tail(trial, n: Annotated[int, Interval(16, 40, why="with fewer the control holds")]):
    """Let $U$ be the mean of a loss in $[a, b]$ over the distinct pairs of $n$ independent points.
    For $t >= 0$, $P(U - E[U] >= t) <= exp(-2 ⌊n/2⌋ t² / (b - a)²)$.

    The exponent counts the n / 2 disjoint pairs, and not all n (n - 1) / 2.
    """
    rng = trial.generator("law")
    shares = np.linspace(0.02, 0.4, 20)

    def tails_of(chances, loss):
        """P(U - E[U] >= t) for t = these shares of b - a, and the bound of the theory."""
        mean, _, _ = moments(chances, loss)
        counts, weights = all_samples(n, chances)
        excess = mean_over_distinct_pairs(counts, loss) - mean
        deviations = shares * np.ptp(loss)
        tails = [weights[excess >= deviation].sum() for deviation in deviations]
        return tails, rates.pair_mean_tail(n, deviations, np.ptp(loss))

    tails, bounds = np.swapaxes([tails_of(*three_point_law(rng)) for _ in range(LAWS)], 0, 1)
    independent = np.broadcast_to(np.exp(-n * (n - 1) * shares**2), tails.shape)
    trial.require(np.any(tails > independent + 1e-6), "n must be larger: else the control holds")
    trial.bound(
        tails,
        bounds,
        instances="draws",
        independent=LAWS,
        ops=100 * n,
        controls={"$n (n - 1) / 2$ independent pairs": independent},
    )
