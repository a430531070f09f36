"""Means over all pairs of n points, which concentrate although pairs share points."""

from itertools import combinations_with_replacement
from math import lgamma
from typing import Annotated

import numpy as np

from theory.mixup import rates
from theory_on_trial import claim, known, tried
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


def classifiers_in_a_disc():
    """320 classifiers w of length at most 3: (320, 2)."""
    lengths = np.linspace(0.25, 3, 8)
    angles = 2 * np.pi * np.arange(40) / 40
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    return (lengths[:, None, None] * directions).reshape(-1, 2)


def losses_of_classifiers(classifiers):
    """Return the Mixup loss [first, second, w] of each pair of three points in the plane, mixed by
    halves, at each classifier.
    """
    points = np.array([[1.0, 0.5], [-0.3, 0.8], [-0.6, -1.0]])
    scores = points @ classifiers.T
    labels = np.array([1.0, 1.0, 0.0])
    score = (scores[:, None] + scores) / 2
    label = (labels[:, None] + labels)[..., None] / 2
    return np.logaddexp(0, score) - label * score


def mean_largest_deviation(n, chances, loss):
    """E max_w |U_n(w) - E U_n(w)|, all samples of n points being listed."""
    counts, weights = all_samples(n, chances)
    likely = weights > 1e-13
    counts, weights = counts[likely], weights[likely]
    of_pairs = (counts[:, :, None] * counts[:, None, :]).reshape(len(counts), 9)
    over_all_pairs = of_pairs @ loss.reshape(9, -1)
    of_a_point_with_itself = counts @ np.einsum("iiw->iw", loss)
    means = (over_all_pairs - of_a_point_with_itself) / (n * (n - 1))
    exact = np.einsum("i,ijw,j->w", chances, loss, chances)
    return weights @ np.max(np.abs(means - exact), axis=1)


@claim(
    tried(
        "abstract, sentence 6: concentration results applicable to $n²$ pair-wise augmented data "
        "points constructed from $n$ independent data",
        "the limit of the mean largest deviation, over classifiers of bounded length",
    ),
    kind="distribution",
    cases=[(128, 0.6), (256, 0.7), (512, 0.8)],
)
def test_pairs_uniform(
    trial,
    n: Annotated[
        int, Interval(128, 512, why="fewer are far from the limit; all samples are listed")
    ],
    share: Annotated[
        float, Interval(0.6, 0.8, why="of one value; with less the limit comes later")
    ],
):
    """Let $U_n(w)$ be the mean Mixup loss, with $λ = 1/2$, of a classifier $w$ over the distinct
    pairs of $n$ points of the values $(1, .5)$ and $(-.3, .8)$, of label 1, and $(-.6, -1)$, of
    label 0, and $g_w(k)$ the mean loss of a pair with one point at the value $k$, less the mean of
    all. Over 320 classifiers with $|w| <= 3$, $√n E max_w |U_n(w) - E U_n(w)|$ is within 1 % of
    $E max_w |2 sum_k g_w(k) ξ_k|$ for $n$ from 128 to 512 and the chances $p$, $(1 - p) / 3$ and
    $2 (1 - p) / 3$ with $p$ from .6 to .8; the $ξ_k$ are normal, of the covariance of one draw's
    counts.
    """
    chances = np.array([share, (1 - share) / 3, 2 * (1 - share) / 3])
    loss = losses_of_classifiers(classifiers_in_a_disc())
    law = rates.mean_largest_pair_deviation(chances, loss)
    given_one = [moments(chances, table)[1] for table in np.moveaxis(loss, 2, 0)]
    trial.value(
        np.sqrt(n) * mean_largest_deviation(n, chances, loss),
        law,
        error=1e-9,
        margin=0.01 * law,
        controls={
            "one classifier at a time": 2 * np.sqrt(max(given_one)) * np.sqrt(2 / np.pi),
            "a point weighs as in a mean over points": law / 2,
        },
    )
