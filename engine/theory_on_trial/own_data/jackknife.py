"""Intervals without a model: the grouped jackknife, and Wilson's interval of a share."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.own_data.estimate import Estimate

GROUPS = 20

Scale = Literal["linear", "log", "probit"]


def stratified_groups(labels: Int[np.ndarray, " samples"]) -> Int[np.ndarray, " samples"]:
    """Group 0..19 of every sample, random with a fixed seed; sizes differ by one at most, in all
    and in each class.
    """
    order = np.random.default_rng(0).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    groups = np.empty(len(labels), int)
    groups[by_class] = np.arange(len(labels)) % GROUPS
    return groups


def jackknife(
    values: Float[np.ndarray, " fits"], confidence: float, scale: Scale = "linear"
) -> Estimate:
    """Value with its first-order bias removed, and Student's interval, from all samples and all but
    each group.

    `values` are the statistic of all samples, then those without group 0, ..., 19; bias and scatter
    are taken on `scale`. Asymptotic in the number of samples, for statistics that are smooth in
    their means. Source: Quenouille 1956 and Tukey 1958, with groups.
    """
    from scipy.special import ndtr, ndtri, stdtrit

    forward, back = {
        "linear": (np.positive, np.positive),
        "log": (np.log, np.exp),
        "probit": (ndtri, ndtr),
    }[scale]
    estimates = forward(np.clip(values, 1e-300, 1 - 1e-16) if scale == "probit" else values)
    replicates = estimates[1:]
    value = GROUPS * estimates[0] - (GROUPS - 1) * replicates.mean()
    half = stdtrit(GROUPS - 1, (1 + confidence) / 2) * np.sqrt((GROUPS - 1) * replicates.var())
    return Estimate(*(float(back(end)) for end in (value, value - half, value + half)))


def covariances(
    groups: Int[np.ndarray, " rows"], *views: Float[np.ndarray, "rows _"]
) -> Float[np.ndarray, "fits columns columns"]:
    """Return covariances of the columns of all views, over all rows and over all but each group:
    from one pass, so that columns should have means near 0 and like scales.

    Divisors are one less than the numbers of rows.
    """
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=GROUPS)
    columns = sum(view.shape[1] for view in views)
    scatters = np.empty((GROUPS, columns, columns))
    sums = np.empty((GROUPS, columns))
    for group, members in enumerate(np.split(order, np.cumsum(sizes)[:-1])):
        chunk = np.hstack([view[members] for view in views])
        scatters[group] = chunk.T @ chunk
        sums[group] = chunk.sum(axis=0)
    without = scatters.sum(axis=0) - np.concatenate([0 * scatters[:1], scatters])
    remaining = sums.sum(axis=0) - np.vstack([0 * sums[:1], sums])
    left = len(groups) - np.array([0, *sizes])[:, None, None]
    covariances: np.ndarray = (without - remaining[:, :, None] * remaining[:, None, :] / left) / (
        left - 1
    )
    return covariances


def at_least(estimate: Estimate, least: float) -> Estimate:
    """The estimate cut to what is at least `least`."""
    return Estimate(*(max(end, least) for end in estimate))


def share(successes: int, trials: int, confidence: float) -> Estimate:
    """A share with Wilson's interval (1927)."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high))
