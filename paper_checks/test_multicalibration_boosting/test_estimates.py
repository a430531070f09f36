"""Estimates of the calibration error from samples: binning and its bias."""

from typing import Annotated

import numpy as np

from sims import multicalibration_boosting as observed
from theory import multicalibration_boosting as predicted
from theory_on_trial import claim, derived, known
from theory_on_trial.contract import Count, Interval, Natural
from theory_on_trial.laws import Asymptotic

SeveralLevels = Annotated[int, Interval(2, 400, why="all counts of a level are enumerated")]
Members = Annotated[float, Interval(0.01, 1, why="a share of all; the low end is a cap")]
"""P(h = 1), apart from y."""
Shift = Annotated[float, Interval(0, 1)]
"""Of E[y|v] from v, up and down by turns."""
LEVELS = [(50, 40, 0.0), (50, 40, 0.02), (6, 3, 0.05), (2, 3, 0.75)]


@claim(
    known("Kumar, Liang & Ma 2019, Verified Uncertainty Calibration: bins hide calibration errors"),
    kind="bound",
    cases=[(4, 2), (20, 5), (7, 3)],
)
def test_binning_hides(trial, levels: SeveralLevels, merged: SeveralLevels, draws: Count = 230):
    """Merging levels into bins can lower the error $K2$ of the residual $y - f$ with $h = 1$, and
    cannot raise it: a binned audit gives a lower bound.
    """
    generator = trial.generator("levels")
    bins = np.arange(levels) // merged
    weights = [*generator.dirichlet(np.ones(levels), draws), *[np.full(levels, 1 / levels)] * 2]
    weights.append((np.arange(levels) > 0) / (levels - 1))
    signs = np.where(np.arange(levels) % 2, -0.1, 0.1)
    biases = [*generator.uniform(-1, 1, (draws, levels)), signs, np.zeros(levels), np.cos(bins)]
    values = (np.arange(levels) + 0.5) / levels
    pairs = list(zip(weights, biases, strict=True))
    twice = np.full(levels, 2.0)
    # h = 2
    fine = [predicted.calibration_error(weight, values, bias / 2, twice) for weight, bias in pairs]
    centres = (
        values[bins * merged] + values[np.minimum((bins + 1) * merged, levels) - 1]
    ) / 2 + 0.05
    rivals = {
        "$r$ from the bin's centre": [
            observed.binned_error(w, b + values - centres, bins) for w, b in pairs
        ]
    }
    coarse = [observed.binned_error(weight, bias, bins) for weight, bias in pairs]
    trial.bound(
        coarse,
        np.array(fine),
        instances="draws",
        independent=draws,
        ops=4 * levels,
        scale=1.0,
        control_processes=rivals,
    )


@claim(
    derived("law of total variance"), kind="identity", cases=[(4, 2, 0), (20, 5, 0), (300, 10, 1)]
)
def test_binning_hides__exactly(
    trial, levels: SeveralLevels, merged: SeveralLevels, instance: Natural
):
    """Merging levels $v$ into bins $b$ lowers $K2$ with $h = 1$ by the sum over bins of
    $P(b) Var(E[r|v] | b)$, with the residual $r = y - v$.
    """
    generator = np.random.default_rng(instance)
    bins = 2 * (np.arange(levels) // merged)
    weights = generator.dirichlet(np.ones(levels))
    biases = generator.uniform(-1, 1, levels)
    if levels > merged + 1:  # the first bin is empty
        weights = weights * (bins > 0) / weights[bins > 0].sum()
    hidden = predicted.hidden_by_bins(weights, biases, bins)
    lost = observed.binned_error(weights, biases, np.arange(levels)) - observed.binned_error(
        weights, biases, bins
    )
    mean = weights @ biases
    controls = {"binning is conservative": -hidden}
    if levels > 2 * merged:
        controls["variance over all levels"] = float(weights @ (biases - mean) ** 2)
    trial.identity(lost, hidden, ops=4 * levels, scale=1.0, controls=controls)


def sampled_levels(trial, levels, per_level, shift, share):
    """Values v, shifts of E[y|v] up and down by turns, n_v, and what theory says of K2, its bias
    and the variances.
    """
    values = (np.arange(levels) + 0.5) / levels
    shifts = np.where(np.arange(levels) % 2, -shift, shift)
    chances = values + shifts
    counts = np.full(levels, per_level) + np.arange(levels) % 2
    trial.require(
        (chances >= 0) & (chances <= 1), "shift must leave v + shift in [0, 1] for all levels"
    )
    biases, variances = predicted.bernoulli_moments(values, shifts, share)
    k2 = predicted.sampled_error(counts, biases)
    bias = predicted.plug_in_bias(counts, variances)
    trial.require(bias > 0, "shift must leave labels that vary")
    return counts, values, chances, k2, bias


def enumerated(counts, values, chances, share):
    """Means of plug-in and unbiased K2, from all counts in each level."""
    means = np.zeros(2)
    for count, value, chance in zip(
        counts.tolist(), values.tolist(), chances.tolist(), strict=True
    ):
        likely, sums, squares = observed.enumerate_levels(count, value, chance, share)
        alone = np.array([count])
        sums = sums[:, None]
        squares = squares[:, None]
        several = observed.unbiased(alone, sums, squares) if count > 1 else np.zeros(len(likely))
        means += count * np.array([likely @ observed.plug_in(alone, sums), likely @ several])
    return means / counts.sum()


@claim(derived("the variance of a level's mean"), kind="distribution", cases=LEVELS)
def test_plug_in_bias(trial, levels: Count, per_level: Count, shift: Shift, share: Members = 0.4):
    """Given the numbers $n_v$ of rows at the levels, the plug-in estimate of $K2$ has the mean
    $∑_v ((n_v/n) θ_v^2 + Var(h r|v) / n)$ over all levels $v$, where $θ_v = E[h r|v]$.
    """
    trial.require(
        levels * per_level**2 <= 10**6, "levels must be few: all counts of each are enumerated"
    )
    counts, values, chances, k2, bias = sampled_levels(trial, levels, per_level, shift, share)
    mean = enumerated(counts, values, chances, share)[0]
    controls = {"no bias": k2, "2 Var": k2 + 2 * bias}
    if levels > 1:
        controls["Var of one level"] = k2 + bias / levels
    trial.value(
        mean, k2 + bias, error=1e-11 * (k2 + bias), margin=1e-9 * (k2 + bias), controls=controls
    )


@claim(derived("products of different samples alone"), kind="distribution", cases=LEVELS)
def test_unbiased_k2(
    trial, levels: Count, per_level: SeveralLevels, shift: Shift, share: Members = 0.4
):
    """Let $S1$ and $S2$ be the sums of $h r$ and of its square at a level with $n_v >= 2$ of the
    $n$ rows. The sum of $(n_v/n) (S1^2 - S2) / (n_v (n_v - 1))$ over the levels has the mean $K2$.
    """
    trial.require(
        levels * per_level**2 <= 10**6, "levels must be few: all counts of each are enumerated"
    )
    counts, values, chances, k2, bias = sampled_levels(trial, levels, per_level, shift, share)
    exact_mean = enumerated(counts, values, chances, share)[1]
    rounding = 1e-11 * (k2 + bias)
    trial.value(
        exact_mean,
        k2,
        error=rounding,
        margin=100 * rounding,
        scale=bias,
        controls={
            "plug-in estimator": k2 + bias,
            "divisor $n_v$ for $n_v - 1$": k2 + bias / per_level,
        },
    )


@claim(derived("as enumerated"), kind="distribution", cases=[(50, 40, 0.0), (6, 40, 0.25)])
def test_plug_in_bias__sampled(
    trial, levels: Count, per_level: SeveralLevels, shift: Shift, share: Members = 0.4
):
    """On samples the plug-in estimate of $K2$ exceeds its target by $∑_v Var(h r|v) / n$ on
    average, and the unbiased one does not.
    """
    trial.require(
        levels <= 200 and levels * per_level * share >= 90,
        "levels must be at most 200, with 90 members in all",
    )
    counts, values, chances, k2, bias = sampled_levels(trial, levels, per_level, shift, share)
    near = (
        "shift must be 0, or make K2 as large as its bias and at most 50 times it: one hides "
        "the other else"
    )
    trial.require(k2 == 0 or bias <= k2 <= 50 * bias, near)

    def sampler(generator, n):
        sums, squares = observed.sample_levels(generator, n, counts, values, chances, share)
        return np.stack(
            [observed.plug_in(counts, sums), observed.unbiased(counts, sums, squares)], axis=1
        )

    controls = {"no bias": np.full(2, k2), "plug-in for both": np.full(2, k2 + bias)}
    margin = 0.008 * np.array([k2 + bias, k2 or bias])
    if bias / per_level > 2 * margin[1]:
        controls["bias with divisor $n_v$"] = np.array([k2 + bias, k2 + bias / per_level])
    looks = {"first": 8192, "most": 2_000_000}
    predict = np.array([k2 + bias, k2])
    trial.mean(
        predict=predict,
        sampler=sampler,
        law=Asymptotic(),
        margin=margin,
        controls=controls,
        **looks,
    )
