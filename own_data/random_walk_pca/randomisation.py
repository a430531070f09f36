"""Compares the steps of a trajectory with their signed permutations, because signs and order of the
steps of a random walk carry no information.

Independent steps of one law that is symmetric about zero have the same joint law after any
permutation and any change of signs, in any dimension and with any covariance. A statistic of the
recorded steps therefore has, among its values on B signed permutations of them, a uniform rank: its
level is exact for every T, d and noise. Source: Fisher's randomisation test (1935); the statistics:
derived here.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import lapack
from scipy.stats import rankdata

from theory.random_walk_pca import plain_walk

OF_VARIANCE = ("variance", "clustering", "covariance")
"""The statistics that depend on the order of the steps' variances, and not on their directions."""

_SLOW = 3  # half-cosines in time, of changes of the covariance
_NEAR = 5  # steps, over which variance is remembered
_TOGETHER = 64  # signed permutations whose quadratic forms are one product of matrices
_BESIDE = 1000  # random steps that all others are compared with in direction


class Departure(NamedTuple):
    """One statistic of the steps, compared with its values on B signed permutations of them.

    Attributes:
        deviations: by how many standard deviations of these values the statistic is above their
            mean.
        p_value: the probability that the statistic of a random walk is as far off, two-sided except
            for "variance"; it is at least 2 / (B + 1).
    """

    deviations: float
    p_value: float


def departures(
    gram: Float[np.ndarray, "steps steps"],
    n_components: int,
    draws: int,
    seed: int,
    *,
    ordered: bool = False,
) -> tuple[dict[str, Departure], float]:
    """Return each statistic by the name of what it shows, and the p-value of all of them together.

    - "PC k" is the variance along the half-cosine of k half-periods, on which component k of a walk
      lies.
    - "drift" is the squared displacement.
    - "momentum" is the sum of products of neighbouring steps, which is negative if steps are taken
      back.
    - "noise" is the trend of the squared step lengths.
    - "variance" is the largest peak in the spectrum of the ranks of these lengths, which periods
      and changes of the variance raise.
    - "clustering" is the sum of products of these ranks up to five steps apart.
    - "covariance" measures slow changes of the squared cosines of each step with a thousand random
      ones of the steps.

    If `ordered` is true, the permutations only change the signs of the steps, so that the level
    stays exact for steps whose variance changes; the last four statistics then say nothing. The
    joint p-value ranks the smallest of the ranks of all statistics, and among equal ones the larger
    deviation. It needs no Bonferroni correction, and its level is exact for any dependence between
    the statistics.
    """
    values = _statistics(gram, n_components, draws, np.random.default_rng(seed), ordered)
    names = [
        *(f"PC {k}" for k in range(1, n_components + 1)),
        "drift",
        "momentum",
        "noise",
        *OF_VARIANCE,
    ]
    ranks = np.stack(
        [_ranks(v, 1 + (of != "variance")) for of, v in zip(names, values.T, strict=True)], axis=1
    )
    spread = values.std(axis=0)
    away = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    farthest = np.abs(away).max(axis=1)
    # Ranks differ by 1 / (B + 1)
    joint = ranks.min(axis=1) - farthest / (1 + farthest) / len(values)
    measures = {
        name: Departure(float(d), float(p))
        for name, d, p in zip(names, away[0], ranks[0], strict=True)
    }
    return measures, float(np.mean(joint <= joint[0]))


def _statistics(
    gram: Float[np.ndarray, "steps steps"],
    n_components: int,
    draws: int,
    rng: np.random.Generator,
    ordered: bool,
) -> Float[np.ndarray, "_ _"]:
    """Return the statistics of the steps in the first row, and those of signed permutations of them
    in the other rows.
    """
    steps = len(gram)
    time = np.arange(1, steps + 1)
    # The overlap of the centred points with the k-th half-cosine is, up to a factor, that of the
    # steps with these.
    sines = np.sin(np.pi * np.outer(time, np.arange(1, n_components + 1)) / (steps + 1))
    sines *= np.sqrt(plain_walk.eigenvalues(steps + 1)[:n_components])
    weights = np.column_stack([sines, np.ones(steps)])
    cosines = np.cos(np.pi * np.outer(time - 0.5, np.arange(1, _SLOW + 1)) / steps)
    lengths = np.diagonal(gram)
    coordinates = factor(gram)
    ranks = rankdata(lengths) - (steps + 1) / 2
    some = rng.spawn(1)[0].permutation(steps)[:_BESIDE]
    squares = gram[:, some] ** 2 / np.maximum(
        np.outer(lengths, lengths[some]), np.finfo(float).tiny
    )
    squares[some, np.arange(len(some))] = 0.0
    squares -= squares.mean()
    rows = []
    for start in range(0, draws + 1, _TOGETHER):
        count = min(_TOGETHER, draws + 1 - start)
        order = rng.permuted(np.tile(np.arange(steps), (count, 1)), axis=1)
        signs = rng.choice([-1.0, 1.0], size=(count, steps))
        if start == 0:
            order[0] = np.arange(steps)
            signs[0] = 1.0
        if ordered:
            order[:] = np.arange(steps)
        forms = _forms(coordinates, order, signs[:, :, None] * weights)
        forms **= 0.25  # of which both tails have about one length, of one square or of many
        flips = _forms(squares, order, np.broadcast_to(cosines, (count, *cosines.shape))).sum(
            axis=1
        )
        ranking = ranks[order]
        # At half frequencies, too
        peak = np.abs(np.fft.rfft(ranking, 2 * steps, axis=1)).max(axis=1)
        clusters = sum(
            np.sum(ranking[:, :-lag] * ranking[:, lag:], axis=1) for lag in range(1, _NEAR + 1)
        )
        neighbours = np.sum(
            signs[:, :-1] * signs[:, 1:] * gram[order[:, :-1], order[:, 1:]], axis=1
        )
        trend = lengths[order] @ (time - time.mean())
        rows.append(np.column_stack([forms, neighbours, trend, peak, clusters, flips]))
    return np.concatenate(rows)


def factor(gram: Float[np.ndarray, "steps steps"]) -> Float[np.ndarray, "steps rank"]:
    """Return coordinates of the steps with these inner products, as many as the steps have
    directions, by a pivoted Cholesky factorisation.
    """
    upper, pivots, rank, _ = lapack.dpstrf(gram)
    coordinates = np.empty((len(gram), rank))
    coordinates[pivots - 1] = np.triu(upper[:rank]).T
    return coordinates


def _forms(
    rows: Float[np.ndarray, "steps columns"],
    order: Int[np.ndarray, "draws steps"],
    weights: Float[np.ndarray, "..."],
) -> Float[np.ndarray, "draws _"]:
    """Return the squared length of the weighted sum of the rows in each order, for each column of
    weights, which have the shape draws x steps x columns.
    """
    grid = np.zeros(weights.shape)
    np.put_along_axis(grid, order[:, :, None], weights, axis=1)
    sums = rows.T @ grid.transpose(1, 0, 2).reshape(len(rows), -1)
    forms: Float[np.ndarray, "draws _"] = np.sum(sums**2, axis=0).reshape(len(order), -1)
    return forms


def _ranks(values: Float[np.ndarray, " draws"], sides: int) -> Float[np.ndarray, " draws"]:
    """Return, for each value, the share of values that are at least as large; for two sides twice
    the share on the nearer side, at most 1.
    """
    order = np.sort(values)
    above = 1 - np.searchsorted(order, values, side="left") / values.size
    below = np.searchsorted(order, values, side="right") / values.size if sides == 2 else above
    return np.clip(sides * np.minimum(below, above), 2 / values.size, 1.0)
